//! LCS: the longest common subsequence of two strings, by the classic table.
//! Pure. Bound: Redis refuses a table of 4-byte cells beyond `proto-max-bulk-len`, and so do we; ours then takes a bit per cell, 16 MiB at most, and is filled a
//! piece at a time.

mod table;

use table::{Cell, Table};

use crate::commands::arguments::{
    bytes_of, integer, is_word, reply_count, string, string_limit_bytes,
};
use crate::commands::piecewise::{Piecewise, Progress, work_through};
use crate::commands::{Action, Call};
use crate::store::StringRef;
use shared::resp::{ErrorReply, ReplyWriter};

/// Bytes per cell of Redis' table; its limit is in these.
const REDIS_CELL_BYTES: usize = 4;

/// Cells filled in one piece: a quarter of a millisecond.
const PIECE_CELLS: usize = 128 * 1024;

/// Bytes of the longer string in a piece of the way back.
const PIECE_STEPS: usize = 16 * 1024;

/// What the client wants to know.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    length_only: bool,
    indexes: bool,
    shortest_match: i64,
    match_lengths: bool,
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
pub(super) fn lcs(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let lens = [looked_up_len(call, 1)?, looked_up_len(call, 2)?];
    let options = parse_options(call)?;
    let cells = (lens[0] + 1) * (lens[1] + 1);
    if cells * REDIS_CELL_BYTES > string_limit_bytes(call) {
        return Err(ErrorReply::LcsTooLong);
    }
    let comparison = Comparison::new(call, lens, options)?;
    work_through(call, comparison)
}

/// Looks argument `index` up as a read that counts, and tells its length.
fn looked_up_len(call: &mut Call<'_>, index: usize) -> Result<usize, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    let value = string(call.store.get(db, key)).map_err(|_| ErrorReply::LcsNotStrings)?;
    Ok(value.map_or(0, StringRef::len))
}

/// Lends the string at argument `index`, which was looked up already; an empty one when there is none.
fn with_string<R>(
    call: &Call<'_>,
    index: usize,
    see: impl FnOnce(&[u8]) -> R,
) -> Result<R, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    let mut buffer = itoa::Buffer::new();
    let value = string(call.store.look(db, key)).map_err(|_| ErrorReply::LcsNotStrings)?;
    Ok(see(value.map_or(&[], |value| bytes_of(value, &mut buffer))))
}

fn parse_options(call: &Call<'_>) -> Result<Options, ErrorReply> {
    let mut options = Options::default();
    let mut arguments = call.args.iter_from(3);
    while let Some(argument) = arguments.next() {
        if is_word(argument, "IDX") {
            options.indexes = true;
        } else if is_word(argument, "LEN") {
            options.length_only = true;
        } else if is_word(argument, "WITHMATCHLEN") {
            options.match_lengths = true;
        } else if is_word(argument, "MINMATCHLEN") {
            let number = arguments.next().ok_or(ErrorReply::Syntax)?;
            options.shortest_match = integer(number)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
    }
    if options.indexes && options.length_only {
        return Err(ErrorReply::LcsLenAndIdx);
    }
    Ok(options)
}

/// Two strings being compared.
#[derive(Debug)]
struct Comparison {
    options: Options,
    /// The argument of the longer string, and its length.
    down: usize,
    down_len: usize,
    table: Table,
    /// How far the way back has come, once the table is full.
    way_back: Option<Cell>,
    /// What both share, the last ones first: bytes, or runs of them.
    common: Vec<u8>,
    runs: Vec<Run>,
}

impl Comparison {
    fn new(call: &Call<'_>, lens: [usize; 2], options: Options) -> Result<Self, ErrorReply> {
        let first_is_down = lens[0] >= lens[1];
        let (down, across) = if first_is_down { (1, 2) } else { (2, 1) };
        let down_len = lens[down - 1];
        // The shorter one is short: the table is bounded.
        let across = with_string(call, across, <[u8]>::to_vec)?;
        let way_back_of = (!options.length_only).then_some(down_len);
        Ok(Self {
            options,
            down,
            down_len,
            table: Table::new(first_is_down, across, way_back_of),
            way_back: None,
            common: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Fills some rows; whether those were the last.
    fn fill(&mut self, down: &[u8]) -> bool {
        // With nothing to compare there is nothing to fill.
        let width = self.table.width();
        if width == 0 {
            return true;
        }
        let from = self.table.rows();
        let to = down.len().min(from + (PIECE_CELLS / width).max(1));
        self.table.fill(&down[from..to]);
        to == down.len()
    }

    /// Goes a piece of the way back; whether it is over.
    fn walk_back(&mut self, down: &[u8]) -> bool {
        let whole = Cell {
            down: self.down_len,
            across: self.table.width(),
        };
        let from = self.way_back.unwrap_or(whole);
        let piece = &down[from.down.saturating_sub(PIECE_STEPS)..from.down];
        let (table, indexes) = (&self.table, self.options.indexes);
        let (common, runs) = (&mut self.common, &mut self.runs);
        let to = table.walk_back(from, piece, |cell, byte| {
            if indexes {
                let (first, second) = table.in_order(cell);
                lengthen(runs, first, second);
            } else {
                common.push(byte);
            }
        });
        self.way_back = Some(to);
        to.down == 0 || to.across == 0
    }

    fn reply(&mut self, reply: &mut ReplyWriter<'_>) {
        if self.options.length_only {
            reply_count(reply, self.table.length());
        } else if self.options.indexes {
            reply_matches(reply, &self.runs, self.table.length(), self.options);
        } else {
            self.common.reverse();
            reply.bulk(&self.common);
        }
    }
}

impl Piecewise for Comparison {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let (index, down_len) = (self.down, self.down_len);
        let is_over = with_string(call, index, |down| {
            if down.len() != down_len {
                return None;
            }
            let is_full = self.way_back.is_some() || self.fill(down);
            Some(is_full && (self.options.length_only || self.walk_back(down)))
        })?;
        match is_over {
            None => return Ok(Progress::Anew),
            Some(false) => return Ok(Progress::More),
            Some(true) => self.reply(&mut call.reply),
        }
        Ok(Progress::Over)
    }
}

/// A run of bytes that both strings share.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: usize,
    second: usize,
    len: usize,
}

/// Takes a byte that both strings share to the run behind it, if it is its neighbour.
fn lengthen(runs: &mut Vec<Run>, first: usize, second: usize) {
    match runs.last_mut() {
        Some(run) if run.first == first + 1 && run.second == second + 1 => {
            *run = Run {
                first,
                second,
                len: run.len + 1,
            };
        }
        _ => runs.push(Run {
            first,
            second,
            len: 1,
        }),
    }
}

fn reply_matches(reply: &mut ReplyWriter<'_>, runs: &[Run], length: usize, options: Options) {
    let is_shown =
        |run: &&Run| i64::try_from(run.len).is_ok_and(|len| len >= options.shortest_match);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(runs.iter().filter(is_shown).count());
    for run in runs.iter().filter(is_shown) {
        reply_run(reply, *run, options);
    }
    reply.bulk(b"len");
    reply_count(reply, length);
}

fn reply_run(reply: &mut ReplyWriter<'_>, run: Run, options: Options) {
    reply.array(if options.match_lengths { 3 } else { 2 });
    for start in [run.first, run.second] {
        reply.array(2);
        reply_count(reply, start);
        reply_count(reply, start + run.len - 1);
    }
    if options.match_lengths {
        reply_count(reply, run.len);
    }
}
