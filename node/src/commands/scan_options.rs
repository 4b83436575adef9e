//! The options of SCAN, and its kin for the elements of one key.
//! Pure.

use super::arguments::{check_reply, integer, is_word};
use super::piecewise::{PIECE_ELEMENTS, Piecewise, Progress, show};
use super::{Action, Call};
use crate::store::MemberScan;
use shared::glob::{Glob, GlobError};
use shared::resp::{ErrorReply, ReplyWriter};
use std::ops::Range;

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

/// A scan of the elements of the first key under way: HSCAN, SSCAN, ZSCAN. Should the key go meanwhile, the command begins anew, and finds nothing.
#[derive(Debug)]
pub(super) struct ElementScan {
    scan: ScanSome,
    pattern: Pattern,
    count: usize,
    next: u32,
    /// The head of the reply, with the cursor, which is known last but stands first: the estimate is that all is shown.
    head: Range<usize>,
    estimate: (u32, usize),
    scanned: Scanned,
    /// Steps that were taken; one may show nothing.
    steps: usize,
}

/// Elements that were met.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) seen: usize,
    /// Words that were written of them.
    pub(super) words: usize,
    pub(super) fault: Option<GlobError>,
    /// Where a step stands that was not over.
    pub(super) within: Option<MemberScan>,
}

/// How far a step of a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// It is over; the next cursor, 0 at the end.
    To(u32),
    /// Not to its end: more is to be looked at.
    Within,
}

/// Writes some elements from a cursor on. `None` when there is no key any more.
pub(super) type ScanSome =
    fn(&mut Call<'_>, u32, &Pattern, &mut Scanned) -> Result<Option<Scan>, ErrorReply>;

/// Scans the elements of the first key, each of which is so many words; `all` is how many there are, if there is such a key.
pub(super) fn scan_elements(
    call: &mut Call<'_>,
    cursor: u64,
    (all, words_each): (Option<u64>, usize),
    scan: ScanSome,
) -> Result<Action, ErrorReply> {
    let Some(all) = all else {
        write_head(&mut call.reply, 0, 0);
        return Ok(Action::Continue);
    };
    let options = ScanOptions::of_elements(call)?;
    show(call, |call| {
        let start = call.reply.position();
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        let is_all = options.count >= all && options.pattern.glob.is_none();
        let shown = if is_all { all } else { 0 };
        let estimate = (0, shown.saturating_mul(words_each));
        write_head(&mut call.reply, estimate.0, estimate.1);
        Ok(ElementScan {
            scan,
            pattern: options.pattern,
            count: options.count,
            // Any cursor is accepted.
            next: u32::try_from(cursor & u64::from(u32::MAX)).unwrap_or(0),
            head: start..call.reply.position(),
            estimate,
            scanned: Scanned::default(),
            steps: 0,
        })
    })
}

/// The next cursor, and how many words follow.
fn write_head(reply: &mut ReplyWriter<'_>, next: u32, words: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(words);
}

impl Piecewise for ElementScan {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let most = self.scanned.seen + PIECE_ELEMENTS;
        let most_steps = self.steps + PIECE_ELEMENTS;
        loop {
            let scanned = (self.scan)(call, self.next, &self.pattern, &mut self.scanned)?;
            let Some(scanned) = scanned else {
                return Ok(Progress::Anew);
            };
            if let Some(fault) = self.scanned.fault.take() {
                return Err(fault.into());
            }
            let Scan::To(next) = scanned else {
                check_reply(call)?;
                return Ok(Progress::Long);
            };
            self.next = next;
            self.steps += 1;
            if next == 0 || self.scanned.seen >= self.count || self.steps >= self.count {
                break;
            }
            if self.scanned.seen >= most {
                check_reply(call)?;
                return Ok(Progress::More);
            }
            if self.steps >= most_steps {
                return Ok(Progress::Long);
            }
        }
        check_reply(call)?;
        let end = (self.next, self.scanned.words);
        if end != self.estimate {
            let mut head = Vec::new();
            let protocol = call.reply.protocol();
            write_head(&mut ReplyWriter::new(&mut head, protocol), end.0, end.1);
            call.reply.replace(self.head.clone(), &head);
        }
        Ok(Progress::Over)
    }
}
