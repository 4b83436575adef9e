//! Registers as runs of equal ones. Three codes: `00nnnnnn` is n + 1 zeros, `01nnnnnn nnnnnnnn` the same with 14 bits, `1vvvvvnn` n + 1 registers of v + 1.
//! Pure. Invariants: which codes stand for the same registers depends on the order in which they were raised, and is Redis' own to the byte; codes of strangers, whatever they are, end in
//! an error at worst.

use super::element::Rise;
use super::{Corrupted, HEADER_BYTES, REGISTERS};

/// The greatest count that a run can have.
pub(super) const MOST_COUNT: u8 = 32;
/// Most registers of a run of others than zeros.
const MOST_COUNTED: usize = 4;
/// Most zeros of a code of one byte.
const MOST_SHORT: usize = 64;

/// Set in the code of a run that is not zeros.
const COUNTED: u8 = 0x80;
/// Set in the first byte of the long code.
const LONG: u8 = 0x40;

/// After a change so many runs are looked at, from the one before it on, for neighbours that can be one.
const LOOKED_AT: usize = 5;

/// A code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// What its registers have.
    pub(super) count: u8,
    /// How many they are.
    pub(super) registers: usize,
    /// How long the code is.
    pub(super) bytes: usize,
}

/// What a rise did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// Nothing.
    Not,
    /// A register is higher.
    Here,
    /// Nothing: the codes cannot say it, or would be too long.
    TooMuch,
}

/// Where to look for a register above the last that was raised: two runs before that one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    at: usize,
    first: usize,
    raised: usize,
}

/// The run of a register.
struct Found {
    at: usize,
    /// Its first register.
    first: usize,
    run: Run,
    /// Where the one before it begins.
    before: Option<usize>,
    mark: Mark,
}

/// The run whose code begins at `at`. What is missing of a long code counts as zero.
pub(super) fn run_at(sketch: &[u8], at: usize) -> Option<Run> {
    let code = *sketch.get(at)?;
    let low = usize::from(code % LONG);
    Some(if code & COUNTED != 0 {
        Run {
            count: (code >> 2 & 0x1f) + 1,
            registers: usize::from(code & 3) + 1,
            bytes: 1,
        }
    } else if code & LONG != 0 {
        let second = sketch.get(at + 1).copied().unwrap_or(0);
        Run {
            count: 0,
            registers: (low << 8 | usize::from(second)) + 1,
            bytes: 2,
        }
    } else {
        Run {
            count: 0,
            registers: low + 1,
            bytes: 1,
        }
    })
}

/// All runs of a sketch.
pub(super) fn runs(sketch: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = HEADER_BYTES;
    std::iter::from_fn(move || {
        let run = run_at(sketch, at)?;
        at += run.bytes;
        Some(run)
    })
}

/// Shows the registers that are not zero, by stretches: the first, how many, and what they have.
pub(super) fn walk(sketch: &[u8], mut show: impl FnMut(usize, usize, u8)) -> Result<(), Corrupted> {
    let mut first = 0;
    for run in runs(sketch) {
        let end = first + run.registers;
        if end > REGISTERS {
            return Err(Corrupted);
        }
        if run.count > 0 {
            show(first, run.registers, run.count);
        }
        first = end;
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(Corrupted)
    }
}

/// Raises a register of a sketch that is to have `most_bytes` at most; `mark` is of the rise before.
pub(super) fn raise(
    sketch: &mut Vec<u8>,
    rise: Rise,
    most_bytes: usize,
    mark: &mut Mark,
) -> Result<Raised, Corrupted> {
    let Rise { register, count } = rise;
    if count > MOST_COUNT {
        return Ok(Raised::TooMuch);
    }
    let found = find(sketch, register, *mark)?;
    *mark = found.mark;
    if found.run.count >= count {
        return Ok(Raised::Not);
    }
    let codes = split(&found, register, count);
    let codes = codes.as_slice();
    if codes.len() > found.run.bytes && sketch.len() + codes.len() - found.run.bytes > most_bytes {
        return Ok(Raised::TooMuch);
    }
    let old = found.at..found.at + found.run.bytes;
    if old.end > sketch.len() {
        return Err(Corrupted);
    }
    sketch.splice(old, codes.iter().copied());
    join_equal(sketch, found.before.unwrap_or(HEADER_BYTES));
    Ok(Raised::Here)
}

fn find(sketch: &[u8], register: usize, mark: Mark) -> Result<Found, Corrupted> {
    let start = Mark {
        at: HEADER_BYTES,
        first: 0,
        raised: register,
    };
    // Behind the last rise nothing has changed, and of what lies before it two runs are enough.
    let mut here = if mark.at >= HEADER_BYTES && register > mark.raised {
        mark
    } else {
        start
    };
    let (mut before, mut second_before) = (None, None);
    while let Some(run) = run_at(sketch, here.at) {
        if register < here.first + run.registers {
            if before.is_none() && here.at != HEADER_BYTES {
                // What was raised last has become one run with the one at the mark: the one before that is not known.
                return find(sketch, register, Mark::default());
            }
            let mark: Option<Mark> = second_before.or(before);
            return Ok(Found {
                at: here.at,
                first: here.first,
                run,
                before: before.map(|mark| mark.at),
                mark: Mark {
                    raised: register,
                    ..mark.unwrap_or(start)
                },
            });
        }
        (second_before, before) = (before, Some(here));
        here.at += run.bytes;
        here.first += run.registers;
    }
    Err(Corrupted)
}

/// A few codes.
#[derive(Default)]
struct Codes {
    bytes: [u8; 5],
    len: usize,
}

impl Codes {
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// So many registers of this count, if there are any.
    fn run(&mut self, count: u8, registers: usize) {
        let Some(more) = registers.checked_sub(1) else {
            return;
        };
        let [low, high, ..] = more.to_le_bytes();
        if count > 0 {
            self.push(counted(count, registers));
        } else if registers > MOST_SHORT {
            self.push(LONG | high);
            self.push(low);
        } else {
            self.push(low);
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The code of up to four registers that are not zero.
fn counted(count: u8, registers: usize) -> u8 {
    let [more, ..] = (registers - 1).to_le_bytes();
    COUNTED | (count - 1) << 2 | more
}

/// A run in which one register has another count than the others.
fn split(found: &Found, register: usize, count: u8) -> Codes {
    let Found { first, run, .. } = found;
    let mut codes = Codes::default();
    codes.run(run.count, register - first);
    codes.run(count, 1);
    codes.run(run.count, first + run.registers - register - 1);
    codes
}

/// Makes one run of neighbours of the same count, where they fit into one.
fn join_equal(sketch: &mut Vec<u8>, from: usize) {
    let mut at = from;
    for _ in 0..LOOKED_AT {
        let Some(run) = run_at(sketch, at) else {
            return;
        };
        let next = run_at(sketch, at + 1).filter(|next| run.count > 0 && next.count == run.count);
        match next.map(|next| run.registers + next.registers) {
            Some(registers @ ..=MOST_COUNTED) => {
                sketch[at] = counted(run.count, registers);
                sketch.remove(at + 1);
            }
            _ => at += run.bytes,
        }
    }
}
