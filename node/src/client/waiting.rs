//! A command that waits until one of its keys has something for it (BLPOP and the like): what it said, which of its words are keys, and for how long it waits.
//! Pure. Never: decides when it is served. Invariant: for each of its keys there is a request that asks for that key alone, and is answered as the whole command would be.

use crate::store::{Key, KeyHash};
use shared::command::{CommandId, CommandSpec};
use shared::resp::{ArgRange, Args};
use std::ops::Range;

/// What a key takes beside its name, bytes: its hash, and its place in the list of those who wait for it.
const KEY_BYTES: usize = 96;

/// What a key must have before the command can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitKind {
    /// A list.
    List,
    /// A sorted set.
    SortedSet,
    /// A stream with newer entries.
    Stream,
    /// A stream with entries that the group whose name has this hash was not given; or else it is told that there will never be any.
    Group(u64),
}

impl WaitKind {
    /// The one before all others in their order.
    pub const FIRST: Self = Self::List;

    /// Whether one who is served takes away what others wait for: what one does not find is not there for those who came later.
    #[must_use]
    pub fn is_taken(self) -> bool {
        self != Self::Stream
    }
}

/// WAIT or WAITAOF of a client whose followers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopiesWait {
    /// Until there are enough, or its time is over.
    Lasts,
    /// Another client says that its time is over.
    IsOver,
    /// Another client wants it to hear an error.
    Forced,
}

/// What a handler says of a command that has to wait.
#[derive(Debug)]
pub struct Block {
    /// What it waits for.
    pub kind: WaitKind,
    /// Milliseconds after which it is over in any case; 0 for never.
    pub timeout_ms: u64,
    /// Which of its arguments are keys.
    pub keys: Range<usize>,
    /// Arguments that mean this moment, by index, and what they have to say later.
    pub replaced: Vec<(usize, Vec<u8>)>,
}

/// A command that waits.
#[derive(Debug)]
pub struct Waiting {
    /// Its row.
    pub spec: &'static CommandSpec,
    /// What it waits for.
    pub kind: WaitKind,
    /// Milliseconds after which it is over in any case; 0 for never.
    pub timeout_ms: u64,
    /// Whether its client wants the reply.
    pub is_heard: bool,
    /// Its turn among those that wait: who came first is served first.
    pub turn: u64,
    bytes: Vec<u8>,
    ranges: Vec<ArgRange>,
    keys: Range<usize>,
    hashes: Vec<KeyHash>,
}

impl Waiting {
    /// A command that begins to wait, with the hashes of its keys in their order; its turn is for others to say.
    ///
    /// # Panics
    /// Beyond 4 GiB: a request is shorter.
    #[must_use]
    pub fn new(
        spec: &'static CommandSpec,
        args: Args<'_>,
        block: &Block,
        hashes: Vec<KeyHash>,
    ) -> Self {
        let mut bytes = Vec::new();
        let mut ranges = Vec::with_capacity(args.len());
        let mut replaced = block.replaced.iter().peekable();
        for (index, argument) in args.iter_from(0).enumerate() {
            let argument = match replaced.next_if(|(at, _)| *at == index) {
                Some((_, instead)) => instead,
                None => argument,
            };
            ranges.push(ArgRange::new(bytes.len(), argument.len()));
            bytes.extend_from_slice(argument);
        }
        bytes.shrink_to_fit();
        Self {
            spec,
            kind: block.kind,
            timeout_ms: block.timeout_ms,
            is_heard: true,
            turn: 0,
            bytes,
            ranges,
            keys: block.keys.clone(),
            hashes,
        }
    }

    fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.ranges)
    }

    /// How many keys it waits for, each counted as often as it is named.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.hashes.len()
    }

    /// Its keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        (0..self.hashes.len()).map(|nth| self.key(nth))
    }

    /// Its key number `nth`, from 0 on.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn key(&self, nth: usize) -> Key<'_> {
        Key {
            bytes: self.args().at(self.keys.start + nth),
            hash: self.hashes[nth],
        }
    }

    /// The group that an XREADGROUP reads for.
    #[must_use]
    pub fn group(&self) -> Option<&[u8]> {
        let args = self.args();
        let mut before = 1..self.keys.start;
        let at = before.find(|at| shared::resp::is_word(args.at(*at), "GROUP"))?;
        args.get(at + 1)
    }

    /// The request for key number `nth` alone.
    #[must_use]
    pub fn narrowed(&self, nth: usize) -> Narrowed {
        let args = self.args();
        let (first, end) = (self.keys.start, self.keys.end);
        let mut narrowed = Narrowed::default();
        match self.spec.id {
            // The second key is where it goes.
            CommandId::Blmove | CommandId::Brpoplpush => narrowed.extend(args.iter_from(0)),
            CommandId::Blmpop | CommandId::Bzmpop => {
                narrowed.extend(args.iter_from(0).take(first - 1));
                narrowed.extend([&b"1"[..], args.at(first + nth)]);
                narrowed.extend(args.iter_from(end));
            }
            CommandId::Xread | CommandId::Xreadgroup => {
                narrowed.extend(args.iter_from(0).take(first));
                narrowed.extend([args.at(first + nth), args.at(end + nth)]);
            }
            _ => {
                narrowed.extend(args.iter_from(0).take(first));
                narrowed.push(args.at(first + nth));
                narrowed.extend(args.iter_from(end));
            }
        }
        narrowed
    }

    /// Bytes taken.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.bytes.capacity()
            + self.ranges.capacity() * size_of::<ArgRange>()
            + self.hashes.len() * KEY_BYTES
    }
}

/// A request that owns its bytes.
#[derive(Debug, Default)]
pub struct Narrowed {
    bytes: Vec<u8>,
    ranges: Vec<ArgRange>,
}

impl Narrowed {
    fn push(&mut self, argument: &[u8]) {
        self.ranges
            .push(ArgRange::new(self.bytes.len(), argument.len()));
        self.bytes.extend_from_slice(argument);
    }

    fn extend<'a>(&mut self, arguments: impl IntoIterator<Item = &'a [u8]>) {
        arguments
            .into_iter()
            .for_each(|argument| self.push(argument));
    }

    /// Its arguments.
    #[must_use]
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, WaitKind, Waiting};
    use crate::store::KeyHash;
    use shared::command;
    use shared::resp::{ArgRange, Args};
    use std::ops::Range;

    #[track_caller]
    fn check(line: &str, keys: Range<usize>, expected: &[&str]) {
        let mut at = 0;
        let ranges: Vec<ArgRange> = line
            .split(' ')
            .map(|word| {
                let range = ArgRange::new(at, word.len());
                at += word.len() + 1;
                range
            })
            .collect();
        let args = Args::new(line.as_bytes(), &ranges);
        let ids = (keys.end..args.len()).filter(|at| args.at(*at) == b"$");
        let block = Block {
            kind: WaitKind::List,
            timeout_ms: 0,
            replaced: ids.map(|at| (at, b"7-1".to_vec())).collect(),
            keys: keys.clone(),
        };
        let spec = command::lookup(args.at(0)).unwrap();
        let hashes = keys.map(|at| KeyHash(at as u64)).collect();
        let waiting = Waiting::new(spec, args, &block, hashes);
        for (nth, expected) in expected.iter().enumerate() {
            let narrowed = waiting.narrowed(nth);
            let words: Vec<_> = narrowed.args().iter_from(0).collect();
            assert_eq!(words.join(&b' '), expected.as_bytes(), "{line}");
        }
        assert_eq!(waiting.key_count(), expected.len());
        assert!(waiting.memory_bytes() > line.len() / 2);
    }

    #[test]
    fn a_command_is_narrowed_to_each_of_its_keys() {
        check("BLPOP a b 0", 1..3, &["BLPOP a 0", "BLPOP b 0"]);
        check("BZPOPMAX a 1.5", 1..2, &["BZPOPMAX a 1.5"]);
        check(
            "BLMOVE a b LEFT RIGHT 0",
            1..2,
            &["BLMOVE a b LEFT RIGHT 0"],
        );
        check("BRPOPLPUSH a b 0", 1..2, &["BRPOPLPUSH a b 0"]);
        check(
            "BLMPOP 0 2 a b LEFT COUNT 5",
            3..5,
            &["BLMPOP 0 1 a LEFT COUNT 5", "BLMPOP 0 1 b LEFT COUNT 5"],
        );
        check(
            "XREAD BLOCK 0 STREAMS a b $ 5",
            4..6,
            &["XREAD BLOCK 0 STREAMS a 7-1", "XREAD BLOCK 0 STREAMS b 5"],
        );
        check(
            "XREADGROUP GROUP g c BLOCK 0 NOACK STREAMS a b > >",
            8..10,
            &[
                "XREADGROUP GROUP g c BLOCK 0 NOACK STREAMS a >",
                "XREADGROUP GROUP g c BLOCK 0 NOACK STREAMS b >",
            ],
        );
    }
}
