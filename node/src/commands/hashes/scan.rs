//! HSCAN.
//! Pure.

use super::hash;
use crate::commands::arguments::{bytes_of, reply_string};
use crate::commands::scan_options::{ScanOptions, reply_scan};
use crate::commands::{Action, Call};
use shared::resp::{ErrorReply, parse_cursor};

/// HSCAN key cursor \[MATCH pattern\] \[COUNT count\]
pub(super) fn hscan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(2)).ok_or(ErrorReply::InvalidCursor)?;
    let (db, key) = (call.db(), call.key(1));
    let exists = hash(call.store.get(db, key))?.is_some();
    reply_scan(call, |call| {
        if !exists {
            return Ok((0, 0));
        }
        let options = ScanOptions::of_elements(call)?;
        let Some(hash) = hash(call.store.look(db, key))? else {
            return Ok((0, 0));
        };
        // Any cursor is accepted.
        let mut next = u32::try_from(cursor & u64::from(u32::MAX)).unwrap_or(0);
        let (mut steps, mut seen, mut words, mut fault) = (0, 0, 0, None);
        loop {
            // A step may show none: fields that are over.
            steps += 1;
            next = hash.scan(next, |field, value| {
                seen += 1;
                let mut digits = itoa::Buffer::new();
                if options
                    .pattern
                    .matches(bytes_of(field, &mut digits), &mut fault)
                {
                    reply_string(&mut call.reply, field);
                    reply_string(&mut call.reply, value);
                    words += 2;
                }
            });
            if next == 0 || seen >= options.count || steps >= options.count {
                break;
            }
        }
        fault.map_or(Ok(()), Err)?;
        Ok((u64::from(next), words))
    })?;
    Ok(Action::Continue)
}
