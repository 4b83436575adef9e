//! LCS: the longest common subsequence of two strings, by the classic table.
//! Pure. Bound: Redis refuses a table of 4-byte cells beyond `proto-max-bulk-len`, and so do we; ours then takes a bit per cell, 16 MiB at most.

use crate::commands::arguments::{
    bytes_of, integer, is_word, reply_count, string, string_limit_bytes,
};
use crate::commands::{Action, Call};
use crate::store::StringRef;
use shared::resp::{ErrorReply, ReplyWriter};

/// Bytes per cell of Redis' table; its limit is in these.
const REDIS_CELL_BYTES: usize = 4;

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
    let first = copied(call, 1)?;
    let second = copied(call, 2)?;
    let table = Table::fill(&first, &second, !options.length_only);
    if options.length_only {
        reply_count(&mut call.reply, table.length);
    } else if options.indexes {
        reply_matches(&mut call.reply, &first, &second, &table, options);
    } else {
        let mut common = Vec::with_capacity(table.length);
        table.walk_back(&first, &second, |at, _| common.push(first[at]));
        common.reverse();
        call.reply.bulk(&common);
    }
    Ok(Action::Continue)
}

/// Looks argument `index` up as a read that counts, and tells its length.
fn looked_up_len(call: &mut Call<'_>, index: usize) -> Result<usize, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    let value = string(call.store.get(db, key)).map_err(|_| ErrorReply::LcsNotStrings)?;
    Ok(value.map_or(0, StringRef::len))
}

/// The string at argument `index`; copied, for the store shows one value at a time.
fn copied(call: &mut Call<'_>, index: usize) -> Result<Vec<u8>, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    let value = string(call.store.peek(db, key))?;
    Ok(value.map_or_else(Vec::new, |value| {
        bytes_of(value, &mut itoa::Buffer::new()).to_vec()
    }))
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

/// What is needed of the table of lengths: its last cell, and which way leads back from each cell.
struct Table {
    length: usize,
    /// Rows belong to the second string, since the first one is shorter.
    transposed: bool,
    width: usize,
    /// A bit per cell: the way back shortens the first string. Empty when no way back is asked for.
    shortens_first: Vec<u64>,
}

impl Table {
    fn fill(first: &[u8], second: &[u8], with_way_back: bool) -> Self {
        // Columns belong to the shorter string, since a row of lengths is kept.
        let transposed = first.len() < second.len();
        let (down, across) = if transposed {
            (second, first)
        } else {
            (first, second)
        };
        let width = across.len();
        let bits = if with_way_back { down.len() * width } else { 0 };
        let mut shortens_first = vec![0_u64; bits.div_ceil(64)];
        let mut lengths = vec![0_u32; width];
        for (row, byte) in down.iter().enumerate() {
            let mut left = 0;
            let mut above_left = 0;
            for (column, (cell, other)) in lengths.iter_mut().zip(across).enumerate() {
                let above = *cell;
                let here = if byte == other {
                    above_left + 1
                } else {
                    let greater = if transposed {
                        left > above
                    } else {
                        above > left
                    };
                    if with_way_back && greater {
                        let bit = row * width + column;
                        shortens_first[bit / 64] |= 1 << (bit % 64);
                    }
                    above.max(left)
                };
                *cell = here;
                left = here;
                above_left = above;
            }
        }
        Self {
            length: lengths.last().map_or(0, |length| *length as usize),
            transposed,
            width,
            shortens_first,
        }
    }

    /// Calls `visit` with the indexes of each byte that both strings share, the last ones first.
    fn walk_back(&self, first: &[u8], second: &[u8], mut visit: impl FnMut(usize, usize)) {
        let (mut first_len, mut second_len) = (first.len(), second.len());
        while first_len > 0 && second_len > 0 {
            let (at, other) = (first_len - 1, second_len - 1);
            let bit = if self.transposed {
                other * self.width + at
            } else {
                at * self.width + other
            };
            if first[at] == second[other] {
                visit(at, other);
                first_len -= 1;
                second_len -= 1;
            } else if self.shortens_first[bit / 64] >> (bit % 64) & 1 == 1 {
                first_len -= 1;
            } else {
                second_len -= 1;
            }
        }
    }
}

/// A run of bytes that both strings share.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: usize,
    second: usize,
    len: usize,
}

fn reply_matches(
    reply: &mut ReplyWriter<'_>,
    first: &[u8],
    second: &[u8],
    table: &Table,
    options: Options,
) {
    reply.map(2);
    reply.bulk(b"matches");
    let matches = reply.array_later();
    let mut count = 0;
    let mut run: Option<Run> = None;
    let mut write = |reply: &mut ReplyWriter<'_>, run: Run| {
        if i64::try_from(run.len).is_ok_and(|len| len >= options.shortest_match) {
            reply_run(reply, run, options);
            count += 1;
        }
    };
    table.walk_back(first, second, |at, other| {
        run = Some(match run {
            Some(run) if run.first == at + 1 && run.second == other + 1 => Run {
                first: at,
                second: other,
                len: run.len + 1,
            },
            ended => {
                if let Some(ended) = ended {
                    write(reply, ended);
                }
                Run {
                    first: at,
                    second: other,
                    len: 1,
                }
            }
        });
    });
    if let Some(last) = run {
        write(reply, last);
    }
    reply.finish(matches, count);
    reply.bulk(b"len");
    reply_count(reply, table.length);
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
