//! Asks memory ahead of time for what the keys of a window need: the directory's cells of all, then all index lines, then all entries; then for the elements
//! that commands look for in large collections, step by step.
//! May read: the store. Never: changes it. Invariant: hints only; whatever is asked for too late or in vain, commands find the same.
//!
//! Each stage asks in a row, without work between: what a question costs is the walk through the page tables, and the processor
//! makes several walks at once only for questions that stand close together (spread over the other work they cost a tenth more).

use crate::commands::double;
use crate::store::{
    Ahead, DbIndex, ELEMENT_STEPS, ExpectedEntries, ExpectedObject, Key, KeyHash, Purpose, Store,
};
use shared::command::{CommandFlags, CommandSpec};
use shared::resp::Args;

/// Most keys prefetched at once, however many commands they belong to: their lines and entries, three cache lines each, are at home in the second cache.
pub(super) const PREFETCHED_KEYS: usize = 1024;

/// Most elements prefetched at once: some five lines each.
const PREFETCHED_ELEMENTS: usize = 256;

/// An argument that is an element.
#[derive(Clone, Copy, Debug)]
struct ElementAt {
    /// Of the window.
    request: usize,
    at: usize,
    /// Which of the keys it belongs to.
    key: usize,
    purpose: Purpose,
    /// Before it stands the score that it is to have.
    scored: bool,
}

/// What the elements are looked for that a command names.
fn purpose_of(spec: &CommandSpec) -> Purpose {
    if !spec.flags.contains(CommandFlags::WRITE) {
        Purpose::Read
    } else if spec.flags.contains(CommandFlags::DENY_OOM) {
        Purpose::Put
    } else {
        Purpose::Remove
    }
}

/// The keys of a window, in order. Its vectors are reused.
#[derive(Debug, Default)]
pub(super) struct Lookahead {
    /// Which argument of its command each key is, and its hash.
    keys: Vec<(u32, KeyHash)>,
    /// Those that may lie elsewhere than in their home lines.
    strays: Vec<KeyHash>,
    expected: ExpectedEntries,
    elements: Vec<ElementAt>,
    /// Large collections of several elements in a row, and how many.
    collections: Vec<(ExpectedObject, usize)>,
}

impl Lookahead {
    /// Room for so many keys.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            keys: Vec::with_capacity(keys),
            strays: Vec::with_capacity(keys),
            expected: ExpectedEntries::default(),
            elements: Vec::with_capacity(PREFETCHED_ELEMENTS),
            collections: Vec::with_capacity(PREFETCHED_ELEMENTS),
        }
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.elements.clear();
    }

    /// How many keys there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Those from `first` on, `count` of them.
    #[inline]
    pub(super) fn keys(&self, first: usize, count: usize) -> &[(u32, KeyHash)] {
        &self.keys[first..][..count]
    }

    /// One more key: argument `at` of its command.
    #[inline]
    pub(super) fn push(&mut self, store: &Store, db: DbIndex, at: u32, hash: KeyHash) {
        store.prefetch_path(db, hash);
        self.keys.push((at, hash));
    }

    /// Asks for the lines and the entries of all keys.
    pub(super) fn ask(&mut self, store: &Store, db: DbIndex) {
        for (_, hash) in &self.keys {
            store.prefetch_line(db, *hash);
        }
        for (_, hash) in &self.keys {
            if !store.expect_entry(db, *hash, &mut self.expected) {
                self.strays.push(*hash);
            }
        }
        store.prefetch_expected(db, &mut self.expected);
        for hash in self.strays.drain(..) {
            store.expect_stray(db, hash, &mut self.expected);
        }
        store.prefetch_expected(db, &mut self.expected);
    }

    /// The elements that a command looks for in what its first key holds, which is the key of this number. `request` is the command's number in the window, `args` how many arguments it has.
    #[inline]
    pub(super) fn push_elements(
        &mut self,
        spec: &CommandSpec,
        key: usize,
        request: usize,
        args: usize,
    ) {
        let Some(elements) = spec.elements else {
            return;
        };
        let purpose = purpose_of(spec);
        let room = PREFETCHED_ELEMENTS - self.elements.len();
        let places = (usize::from(elements.first)..args).step_by(usize::from(elements.step));
        self.elements.extend(places.take(room).map(|at| ElementAt {
            request,
            at,
            key,
            purpose,
            scored: elements.scored,
        }));
    }

    /// Asks for the elements of those keys that hold a large collection; `args_of` gives the arguments of a request of the window.
    pub(super) fn ask_for_elements<'a>(
        &mut self,
        store: &Store,
        db: DbIndex,
        args_of: impl Fn(usize) -> Args<'a>,
    ) {
        // Alone there is nothing to overlap with.
        if self.elements.len() < 2 {
            return;
        }
        // Their texts are the window's, so this one is not reused; it is as long as the window.
        let mut sought = Vec::with_capacity(self.elements.len());
        // Many commands in a row are about one key.
        let mut last = None;
        for place in &self.elements {
            let (at, hash) = self.keys[place.key];
            let args = args_of(place.request);
            let object = match last {
                Some((known, object)) if known == hash => object,
                _ => {
                    let bytes = args.at(at as usize);
                    store.expect_object(db, Key { bytes, hash })
                }
            };
            last = Some((hash, object));
            let Some(object) = object else {
                continue;
            };
            let text = args.at(place.at);
            let hash = store.element_hash(db, text);
            let score = place.scored.then(|| double(args.at(place.at - 1)));
            let element = Ahead::new(text, hash, place.purpose);
            sought.push(element.with_score(score.flatten()));
            match self.collections.last_mut() {
                Some((same, count)) if *same == object => *count += 1,
                _ => self.collections.push((object, 1)),
            }
        }
        for step in 0..ELEMENT_STEPS {
            let mut rest = &mut sought[..];
            for (object, count) in &self.collections {
                let (some, others) = rest.split_at_mut(*count);
                store.prefetch_elements(db, *object, some, step);
                rest = others;
            }
        }
        self.collections.clear();
    }
}
