//! Commands that walk over the keys of a database: KEYS, SCAN, RANDOMKEY.
//! Pure. Invariant: a key whose time has come is never shown.

use crate::commands::arguments::{integer, is_word};
use crate::commands::{Action, Call};
use shared::glob::{Glob, GlobError};
use shared::resp::{ErrorReply, parse_cursor};

/// How many keys SCAN looks at when not told.
const SCAN_COUNT_DEFAULT: usize = 10;

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
    let options = parse_options(call)?;
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

/// A glob, or none where it would match everything.
#[derive(Debug)]
struct Pattern {
    glob: Option<Glob>,
}

impl Pattern {
    fn new(glob: &[u8]) -> Result<Self, ErrorReply> {
        let glob = (glob != b"*").then(|| Glob::new(glob)).transpose()?;
        Ok(Self { glob })
    }

    /// Whether the key is shown. Nothing more is compared once there is a `fault`: the command has failed then.
    fn matches(&self, key: &[u8], fault: &mut Option<GlobError>) -> bool {
        let Some(glob) = &self.glob else {
            return true;
        };
        if fault.is_some() {
            return false;
        }
        glob.matches(key).unwrap_or_else(|error| {
            *fault = Some(error);
            false
        })
    }
}

#[derive(Debug)]
struct ScanOptions<'a> {
    pattern: Pattern,
    count: usize,
    type_name: Option<&'a [u8]>,
}

fn parse_options<'a>(call: &Call<'a>) -> Result<ScanOptions<'a>, ErrorReply> {
    let mut options = ScanOptions {
        pattern: Pattern { glob: None },
        count: SCAN_COUNT_DEFAULT,
        type_name: None,
    };
    let mut arguments = call.args.iter_from(2);
    while let Some(word) = arguments.next() {
        let argument = arguments.next().ok_or(ErrorReply::Syntax)?;
        if is_word(word, "COUNT") {
            options.count = usize::try_from(integer(argument)?)
                .ok()
                .filter(|count| *count > 0)
                .ok_or(ErrorReply::Syntax)?;
        } else if is_word(word, "MATCH") {
            options.pattern = Pattern::new(argument)?;
        } else if is_word(word, "TYPE") {
            options.type_name = Some(argument);
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    Ok(options)
}
