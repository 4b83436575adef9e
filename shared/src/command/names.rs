//! Name → row number, in any letter case, without allocation, in a few nanoseconds.
//! Pure. A name of up to 24 bytes is three words, which are lowered, hashed and compared as numbers; the table is open-addressed
//! and built at compile time, so that a new row needs no other change (a perfect hash would have to be searched again).

use super::CommandId;

/// Longest name that can be looked up; anything longer is nobody's name and is not even read.
const LONGEST_NAME: usize = 24;

/// Slots of the hash table: a power of two, more than twice the names, so that a probe seldom meets another name.
const SLOTS: usize = 1024;
const SLOT_BITS: u32 = SLOTS.trailing_zeros();
const EMPTY: u16 = u16::MAX;

/// The container of a command that is not a subcommand.
const NO_CONTAINER: u16 = u16::MAX;

/// A name as numbers; when lowered, equal exactly when the names are and belong to the same container.
#[derive(Clone, Copy)]
struct NameWords {
    /// The first bytes.
    head: u64,
    /// Bytes 8 to 16 of names that are longer than 16.
    middle: u64,
    /// The last bytes of names that are longer than 7.
    tail: u64,
    /// The container's number, and below it the length.
    owner: u32,
}

impl NameWords {
    // Inlined by force: through memory the words cost more than all the rest.
    #[inline(always)]
    const fn of(name: &[u8], container: u16) -> Option<Self> {
        let (mut middle, mut tail) = (0, 0);
        let head = match name.len() {
            0 => return None,
            1..4 => {
                let last = name.len() - 1;
                name[0] as u64 | (name[name.len() / 2] as u64) << 8 | (name[last] as u64) << 16
            }
            4..8 => four_at(name, 0) | four_at(name, name.len() - 4) << 32,
            8..=LONGEST_NAME => {
                tail = eight_at(name, name.len() - 8);
                if name.len() > 16 {
                    middle = eight_at(name, 8);
                }
                eight_at(name, 0)
            }
            _ => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "at most LONGEST_NAME")]
        let owner = (container as u32) << 16 | name.len() as u32;
        Some(Self {
            head,
            middle,
            tail,
            owner,
        })
    }

    const fn lowered(&self) -> Self {
        Self {
            head: lower(self.head),
            middle: lower(self.middle),
            tail: lower(self.tail),
            owner: self.owner,
        }
    }

    /// The same in any letter case. (Drops the bit in which letters differ; which other bytes it confuses does not matter here,
    /// and the place is known before the words are lowered.)
    const fn slot(&self) -> usize {
        const CASE: u64 = 0x2020_2020_2020_2020;
        let mixed = self.head ^ self.tail.rotate_left(24) ^ self.middle.rotate_left(48);
        let salted = (mixed & !CASE) ^ self.owner as u64;
        (salted.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - SLOT_BITS)) as usize
    }

    /// Both are lowered.
    const fn same(&self, other: &Self) -> bool {
        let differing = (self.head ^ other.head)
            | (self.tail ^ other.tail)
            | (self.middle ^ other.middle)
            | (self.owner ^ other.owner) as u64;
        differing == 0
    }
}

const fn eight_at(name: &[u8], at: usize) -> u64 {
    match name.split_at(at).1.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => 0,
    }
}

const fn four_at(name: &[u8], at: usize) -> u64 {
    match name.split_at(at).1.first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes) as u64,
        None => 0,
    }
}

/// Lowers the ASCII letters among eight bytes at once and leaves every other byte as it is.
const fn lower(word: u64) -> u64 {
    const EVERY: u64 = 0x0101_0101_0101_0101;
    let low_bits = word & (0x7f * EVERY);
    // The top bit of a byte is set when it is >= 'A', and when it is > 'Z'.
    let from_a = low_bits + (0x80 - b'A' as u64) * EVERY;
    let beyond_z = low_bits + (0x7f - b'Z' as u64) * EVERY;
    let is_upper = (from_a ^ beyond_z) & !word & (0x80 * EVERY);
    word | is_upper >> 2
}

static WORDS: [NameWords; CommandId::COUNT] = words();
static INDEX: [u16; SLOTS] = index();

/// Splits `container|sub`; the container is the nearest command before it, as `id.rs` is ordered.
const fn words() -> [NameWords; CommandId::COUNT] {
    let nothing = NameWords {
        head: 0,
        middle: 0,
        tail: 0,
        owner: 0,
    };
    let mut all = [nothing; CommandId::COUNT];
    let mut command = 0;
    let mut at = 0;
    while at < CommandId::COUNT {
        let name = CommandId::ALL[at].name().as_bytes();
        let bar = bar_in(name);
        let parts = if bar == name.len() {
            command = at;
            NameWords::of(name, NO_CONTAINER)
        } else {
            assert!(
                bar == CommandId::ALL[command].name().len(),
                "subcommands stand behind their container"
            );
            NameWords::of(name.split_at(bar + 1).1, container_number(command))
        };
        match parts {
            Some(parts) => all[at] = parts.lowered(),
            None => panic!("a name is empty or longer than LONGEST_NAME"),
        }
        at += 1;
    }
    all
}

#[expect(clippy::cast_possible_truncation, reason = "CommandId is a u16")]
const fn container_number(at: usize) -> u16 {
    at as u16
}

const fn bar_in(name: &[u8]) -> usize {
    let mut at = 0;
    while at < name.len() && name[at] != b'|' {
        at += 1;
    }
    at
}

const fn index() -> [u16; SLOTS] {
    let words = words();
    let mut index = [EMPTY; SLOTS];
    let mut at = 0;
    while at < words.len() {
        let mut slot = words[at].slot();
        while index[slot] != EMPTY {
            assert!(
                !words[index[slot] as usize].same(&words[at]),
                "a name stands twice in id.rs"
            );
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = container_number(at);
        at += 1;
    }
    index
}

/// The row number of the command called `name`; never of a subcommand.
#[inline]
pub(super) fn find_command(name: &[u8]) -> Option<usize> {
    find(&NameWords::of(name, NO_CONTAINER)?)
}

/// The row number of the subcommand called `name` of `container`.
pub(super) fn find_subcommand(container: CommandId, name: &[u8]) -> Option<usize> {
    find(&NameWords::of(name, container as u16)?)
}

#[inline]
fn find(given: &NameWords) -> Option<usize> {
    let mut slot = given.slot();
    let wanted = given.lowered();
    // Ends: more than half of the slots are empty.
    loop {
        let row = usize::from(INDEX[slot]);
        if WORDS.get(row)?.same(&wanted) {
            return Some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}
