//! HSCAN.
//! Pure.

use super::hash;
use crate::commands::arguments::{bytes_of, reply_string};
use crate::commands::scan_options::{Scan, scan_elements};
use crate::commands::{Action, Call};
use crate::store::HashRef;
use shared::resp::{ErrorReply, parse_cursor};

/// HSCAN key cursor \[MATCH pattern\] \[COUNT count\]
pub(super) fn hscan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(2)).ok_or(ErrorReply::InvalidCursor)?;
    let (db, key) = (call.db(), call.key(1));
    let fields = hash(call.store.get(db, key))?.map(HashRef::fields);
    scan_elements(call, cursor, (fields, 2), |call, from, pattern, scanned| {
        let (db, key) = (call.db(), call.key(1));
        let Some(hash) = hash(call.store.look(db, key))? else {
            return Ok(None);
        };
        let next = hash.scan(from, |field, value| {
            scanned.seen += 1;
            let mut digits = itoa::Buffer::new();
            if pattern.matches(bytes_of(field, &mut digits), &mut scanned.fault) {
                reply_string(&mut call.reply, field);
                reply_string(&mut call.reply, value);
                scanned.words += 2;
            }
        });
        Ok(Some(Scan::To(next)))
    })
}
