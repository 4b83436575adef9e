//! ZSCAN.
//! Pure.

use crate::commands::arguments::bytes_of;
use crate::commands::scan_options::{ScanOptions, reply_scan};
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::{ErrorReply, parse_cursor, write_double};

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn zscan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(2)).ok_or(ErrorReply::InvalidCursor)?;
    let (db, key) = (call.db(), call.key(1));
    let exists = SortedSetRef::there(call.store.get(db, key))?.is_some();
    reply_scan(call, |call| {
        if !exists {
            return Ok((0, 0));
        }
        let options = ScanOptions::of_elements(call)?;
        let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
            return Ok((0, 0));
        };
        // Any cursor is accepted.
        let mut next = u32::try_from(cursor & u64::from(u32::MAX)).unwrap_or(0);
        let (mut seen, mut words, mut fault) = (0, 0, None);
        let mut digits = (itoa::Buffer::new(), Vec::new());
        loop {
            next = set.scan(next, |member, score| {
                seen += 1;
                let member = bytes_of(member, &mut digits.0);
                if options.pattern.matches(member, &mut fault) {
                    call.reply.bulk(member);
                    // A string in both protocols.
                    digits.1.clear();
                    write_double(&mut digits.1, score);
                    call.reply.bulk(&digits.1);
                    words += 2;
                }
            });
            if next == 0 || seen >= options.count {
                break;
            }
        }
        fault.map_or(Ok(()), Err)?;
        Ok((u64::from(next), words))
    })?;
    Ok(Action::Continue)
}
