//! Where the last write to each slot ends in the log, and which slots the replies of a turn tell of: a reply to somebody who waits for followers waits until they
//! have what it tells of, and not for what others have written meanwhile (PROTOCOL 1.7).
//! Pure. Kept only while a node leads a shard and somebody waits for its followers. Invariant: what is said of a slot is never less than where its last write ends,
//! nor than where the log ended when the node began to keep this, so that all from before is waited for as a whole.

use shared::command::{AclCategories, BeginSearch, CommandSpec, KeyFlags, KeySpec};
use shared::resp::Args;
use shared::slot::{SLOT_COUNT, SlotId};

/// A command with more keys than this tells of everything: looking at each would take longer than is won.
const MOST_KEYS: usize = 64;

/// What a reply tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Keys of this slot.
    Slot(SlotId),
    /// Any key.
    All,
}

impl Seen {
    /// Tells `note` what the reply to a command tells of.
    pub fn of(spec: &CommandSpec, args: Args<'_>, mut note: impl FnMut(Self)) {
        let mut keys = 0;
        if args.len() <= MOST_KEYS && names_all_keys(spec) {
            spec.for_each_key(args, |index| {
                keys += 1;
                note(Self::Slot(SlotId::of_key(args.at(index))));
            });
        }
        if keys == 0 {
            note(Self::All);
        }
    }
}

/// Whether all keys that a command touches are among its arguments, as rules tell: not so with scripts, or patterns of keys (SORT).
fn names_all_keys(spec: &CommandSpec) -> bool {
    let is_found = |key: &KeySpec| {
        key.begin != BeginSearch::Unknown && !key.flags.contains(KeyFlags::INCOMPLETE)
    };
    spec.keys.iter().all(is_found) && !spec.acl.contains(AclCategories::SCRIPTING)
}

/// Where the last write to each slot ends.
#[derive(Debug)]
pub struct SlotWrites {
    /// By the slot's number; 0 where nothing was written since `floor`.
    ends: Box<[u64]>,
    /// Where the log ended when this began, or when all slots were written at once.
    floor: u64,
}

impl SlotWrites {
    /// The log ends at `end`, and what was written where before nobody knows.
    #[must_use]
    pub fn new(end: u64) -> Self {
        Self {
            ends: vec![0; usize::from(SLOT_COUNT)].into_boxed_slice(),
            floor: end,
        }
    }

    /// Something was written to this slot, and the log ends at `end` since.
    pub fn wrote(&mut self, what: Seen, end: u64) {
        match what {
            Seen::Slot(slot) => self.ends[usize::from(slot.number())] = end,
            Seen::All => self.floor = end,
        }
    }

    /// Up to where followers must have the log before somebody is told of this; `end` is where it ends.
    #[must_use]
    pub fn needed(&self, seen: Seen, end: u64) -> u64 {
        match seen {
            Seen::Slot(slot) => self.ends[usize::from(slot.number())].max(self.floor),
            Seen::All => end,
        }
    }
}

/// What the replies of one turn tell of.
#[derive(Debug, Default)]
pub struct SeenInTurn {
    /// From which byte of the replies on, in their order.
    replies: Vec<(usize, Seen)>,
}

impl SeenInTurn {
    /// The reply from byte `at` on tells of this.
    pub fn note(&mut self, at: usize, seen: Seen) {
        // One after the other of the same slot, or a row of replies that tell of everything.
        if self.replies.last().is_none_or(|(_, last)| *last != seen) {
            self.replies.push((at, seen));
        }
    }

    /// Whether no reply tells of anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// The same, in the order of the replies; nothing is left.
    pub fn take(&mut self) -> std::vec::Drain<'_, (usize, Seen)> {
        self.replies.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_KEYS, Seen, SeenInTurn, SlotWrites};
    use shared::command;
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};
    use shared::slot::SlotId;

    fn slot(key: &str) -> Seen {
        Seen::Slot(SlotId::of_key(key.as_bytes()))
    }

    fn seen(words: &[&str]) -> Vec<Seen> {
        let mut bytes = Vec::new();
        encode_request(&mut bytes, words.iter().map(|word| word.as_bytes()));
        let mut batch = RequestBatch::default();
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        scanner.scan(&mut bytes, &mut batch, 1).expect("a request");
        let args = batch.args(&bytes, &batch.requests()[0]);
        let mut all = Vec::new();
        let spec = command::resolve(args).expect("a command");
        Seen::of(spec, args, |seen| all.push(seen));
        all
    }

    #[test]
    fn a_reply_tells_of_the_slots_of_its_keys_or_of_everything() {
        assert_eq!(seen(&["GET", "a"]), [slot("a")]);
        assert_eq!(seen(&["GET", "{a}b"]), [slot("a")]);
        assert_eq!(seen(&["MGET", "a", "b"]), [slot("a"), slot("b")]);
        assert_eq!(seen(&["DBSIZE"]), [Seen::All]);
        assert_eq!(seen(&["PING"]), [Seen::All]);
        for words in [
            &["SORT", "a", "STORE", "b"][..],
            &["SORT", "a", "BY", "w_*"],
            &["SORT_RO", "a", "GET", "w_*"],
            &["EVAL", "return 1", "1", "a"],
        ] {
            assert_eq!(seen(words), [Seen::All], "{words:?}");
        }
        let stored = seen(&["GEORADIUS", "a", "0", "0", "1", "m", "STORE", "b"]);
        assert_eq!(stored, [slot("a"), slot("b")]);
        let mut many = vec!["MGET"];
        many.resize(MOST_KEYS, "a");
        assert_eq!(seen(&many).len(), MOST_KEYS - 1);
        many.push("a");
        assert_eq!(seen(&many), [Seen::All]);
    }

    #[test]
    fn a_slot_is_as_new_as_its_last_write_and_never_older_than_the_beginning() {
        let mut writes = SlotWrites::new(100);
        let check =
            |writes: &SlotWrites, what, needed| assert_eq!(writes.needed(what, 500), needed);
        check(&writes, slot("a"), 100);
        check(&writes, Seen::All, 500);
        writes.wrote(slot("a"), 150);
        check(&writes, slot("a"), 150);
        check(&writes, slot("b"), 100);
        writes.wrote(Seen::All, 200);
        check(&writes, slot("a"), 200);
        check(&writes, slot("b"), 200);
        writes.wrote(slot("b"), 201);
        check(&writes, slot("a"), 200);
        check(&writes, slot("b"), 201);
    }

    #[test]
    fn replies_of_a_turn_are_noted_where_they_tell_of_something_else_than_the_one_before() {
        let mut turn = SeenInTurn::default();
        for (at, seen) in [
            (3, slot("a")),
            (5, slot("a")),
            (9, slot("b")),
            (9, slot("a")),
        ] {
            turn.note(at, seen);
        }
        let expected = [(3, slot("a")), (9, slot("b")), (9, slot("a"))];
        assert!(turn.take().eq(expected));
        assert_eq!(turn.take().count(), 0);
    }
}
