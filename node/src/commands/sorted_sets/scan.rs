//! ZSCAN.
//! Pure.

use crate::commands::arguments::bytes_of;
use crate::commands::scan_options::{Scan, scan_elements};
use crate::commands::{Action, Call};
use crate::store::SortedSetRef;
use shared::resp::{ErrorReply, parse_cursor, write_double};

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn zscan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(2)).ok_or(ErrorReply::InvalidCursor)?;
    let (db, key) = (call.db(), call.key(1));
    let members = SortedSetRef::there(call.store.get(db, key))?.map(SortedSetRef::len);
    scan_elements(
        call,
        cursor,
        (members, 2),
        |call, from, pattern, scanned| {
            let (db, key) = (call.db(), call.key(1));
            let Some(set) = SortedSetRef::there(call.store.look(db, key))? else {
                return Ok(None);
            };
            let mut digits = (itoa::Buffer::new(), Vec::new());
            let mut within = scanned.within.take();
            let next = set.scan_some(from, &mut within, |member, score| {
                scanned.seen += 1;
                let member = bytes_of(member, &mut digits.0);
                if pattern.matches(member, &mut scanned.fault) {
                    call.reply.bulk(member);
                    // A string in both protocols.
                    digits.1.clear();
                    write_double(&mut digits.1, score);
                    call.reply.bulk(&digits.1);
                    scanned.words += 2;
                }
            });
            scanned.within = within;
            Ok(Some(next.map_or(Scan::Within, Scan::To)))
        },
    )
}
