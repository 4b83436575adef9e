//! The options of SCAN and of its kin for the elements of one key.
//! Pure.

use super::Call;
use super::arguments::{integer, is_word};
use shared::glob::{Glob, GlobError};
use shared::resp::ErrorReply;

/// How many keys or elements are looked at when not told.
const DEFAULT_COUNT: usize = 10;

/// A glob, or none where it would match everything.
#[derive(Debug)]
pub(super) struct Pattern {
    glob: Option<Glob>,
}

impl Pattern {
    /// The pattern that an argument spells.
    pub(super) fn new(glob: &[u8]) -> Result<Self, ErrorReply> {
        let glob = (glob != b"*").then(|| Glob::new(glob)).transpose()?;
        Ok(Self { glob })
    }

    /// Whether the text is shown. Nothing more is compared once there is a `fault`: the command has failed then.
    pub(super) fn matches(&self, text: &[u8], fault: &mut Option<GlobError>) -> bool {
        let Some(glob) = &self.glob else {
            return true;
        };
        if fault.is_some() {
            return false;
        }
        glob.matches(text).unwrap_or_else(|error| {
            *fault = Some(error);
            false
        })
    }
}

/// What SCAN, HSCAN, SSCAN, ZSCAN are told beside key and cursor.
#[derive(Debug)]
pub(super) struct ScanOptions<'a> {
    /// MATCH
    pub(super) pattern: Pattern,
    /// COUNT
    pub(super) count: usize,
    /// TYPE
    pub(super) type_name: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// SCAN cursor \[MATCH pattern\] \[COUNT count\] \[TYPE type\]
    pub(super) fn of_keys(call: &Call<'a>) -> Result<Self, ErrorReply> {
        let mut options = Self::none();
        let mut arguments = call.args.iter_from(2);
        while let Some(word) = arguments.next() {
            let argument = arguments.next().ok_or(ErrorReply::Syntax)?;
            if is_word(word, "TYPE") {
                options.type_name = Some(argument);
            } else {
                options.read(word, argument)?;
            }
        }
        Ok(options)
    }

    /// SSCAN key cursor \[MATCH pattern\] \[COUNT count\], and the like.
    pub(super) fn of_elements(call: &Call<'a>) -> Result<Self, ErrorReply> {
        let mut options = Self::none();
        let mut arguments = call.args.iter_from(3);
        while let Some(word) = arguments.next() {
            let argument = arguments.next().ok_or(ErrorReply::Syntax)?;
            options.read(word, argument)?;
        }
        Ok(options)
    }

    fn none() -> Self {
        Self {
            pattern: Pattern { glob: None },
            count: DEFAULT_COUNT,
            type_name: None,
        }
    }

    fn read(&mut self, word: &[u8], argument: &[u8]) -> Result<(), ErrorReply> {
        if is_word(word, "COUNT") {
            self.count = usize::try_from(integer(argument)?)
                .ok()
                .filter(|count| *count > 0)
                .ok_or(ErrorReply::Syntax)?;
        } else if is_word(word, "MATCH") {
            self.pattern = Pattern::new(argument)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
        Ok(())
    }
}

/// Writes the reply of a scan of elements: the next cursor, then what `scan` writes of them and counts; it gives the next cursor and the count.
pub(super) fn reply_scan(
    call: &mut Call<'_>,
    scan: impl FnOnce(&mut Call<'_>) -> Result<(u64, usize), ErrorReply>,
) -> Result<(), ErrorReply> {
    let start = call.reply.position();
    let (next, shown) = scan(call)?;
    // The cursor stands before the elements, but is known only after them.
    let end = call.reply.position();
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    call.reply.array(shown);
    call.reply.move_back(end, start);
    Ok(())
}
