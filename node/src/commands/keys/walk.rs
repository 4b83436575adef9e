//! Commands that walk over the keys of a database: KEYS, SCAN, RANDOMKEY.
//! Pure. Invariant: a key whose time has come is never shown.

use crate::commands::arguments::is_word;
use crate::commands::scan_options::{Pattern, ScanOptions};
use crate::commands::{Action, Call};
use shared::resp::{ErrorReply, parse_cursor};

/// KEYS pattern
pub(super) fn keys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let db = call.db();
    let pattern = Pattern::new(call.args.at(1))?;
    let mut fault = None;
    let head = call.reply.array_later();
    let mut count = 0;
    let mut cursor = 0;
    loop {
        cursor = call.store.scan(db, cursor, usize::MAX, &mut |key, _| {
            if pattern.matches(key, &mut fault) {
                call.reply.bulk(key);
                count += 1;
            }
        });
        if cursor == 0 {
            break;
        }
    }
    fault.map_or(Ok(()), Err)?;
    call.reply.finish(head, count);
    Ok(Action::Continue)
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
pub(super) fn scan(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let cursor = parse_cursor(call.args.at(1)).ok_or(ErrorReply::InvalidCursor)?;
    let options = ScanOptions::of_keys(call)?;
    let db = call.db();
    let start = call.reply.position();
    let mut found = 0;
    let mut types_looked_up = 0;
    let mut fault = None;
    let next = call
        .store
        .scan(db, cursor, options.count, &mut |key, value| {
            if !options.pattern.matches(key, &mut fault) {
                return;
            }
            if let Some(wanted) = options.type_name {
                types_looked_up += 1;
                if !is_word(wanted, value.kind().name()) {
                    return;
                }
            }
            call.reply.bulk(key);
            found += 1;
        });
    fault.map_or(Ok(()), Err)?;
    // Redis looks each key up again to see its type.
    (0..types_looked_up).for_each(|_| call.store.count_lookup(true));
    // The cursor stands before the keys, but is known only after them.
    let end = call.reply.position();
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    call.reply.array(found);
    call.reply.move_back(end, start);
    Ok(Action::Continue)
}

/// RANDOMKEY
pub(super) fn randomkey(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut key = Vec::new();
    if call.store.random_key(call.session.db, &mut key) {
        call.reply.bulk(&key);
    } else {
        call.reply.null();
    }
    Ok(Action::Continue)
}
