//! Texts of scripts that have come through this proxy, so that a node that has not seen one can be given it.
//! Touches a lock, which only whoever asks for a script that its pipe has not carried yet waits for. Bounds: [`MOST_BYTES`], [`MOST_SCRIPTS`]; the oldest go first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Bytes of all texts.
const MOST_BYTES: usize = 32 << 20;

/// How many texts.
const MOST_SCRIPTS: usize = 16 * 1024;

/// A longer text is not kept.
const LONGEST_BYTES: usize = 4 << 20;

/// SHA-1 of a text, as EVALSHA names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScriptName([u8; 20]);

impl ScriptName {
    /// Of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut name = [0; 20];
        name.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, text).as_ref());
        Self(name)
    }

    /// From 40 hexadecimal digits.
    pub(crate) fn read(digits: &[u8]) -> Option<Self> {
        let mut name = [0; 20];
        if digits.len() != 2 * name.len() {
            return None;
        }
        for (byte, pair) in name.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let value = 16 * digit(pair[0])? + digit(pair[1])?;
            *byte = u8::try_from(value).ok()?;
        }
        Some(Self(name))
    }
}

/// The texts, of all threads.
#[derive(Debug, Default)]
pub(crate) struct ScriptTexts {
    kept: Mutex<Kept>,
    /// One more each time that all are forgotten.
    flushes: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    texts: HashMap<ScriptName, Arc<[u8]>>,
    order: VecDeque<ScriptName>,
    bytes: usize,
}

impl ScriptTexts {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of this name.
    pub(crate) fn get(&self, name: ScriptName) -> Option<Arc<[u8]>> {
        self.kept().texts.get(&name).cloned()
    }

    /// Keeps a text, as far as there is room for it.
    pub(crate) fn put(&self, text: &[u8]) {
        if text.len() > LONGEST_BYTES {
            return;
        }
        let name = ScriptName::of(text);
        let mut kept = self.kept();
        if kept.texts.contains_key(&name) {
            return;
        }
        kept.texts.insert(name, text.into());
        kept.order.push_back(name);
        kept.bytes += text.len();
        while kept.bytes > MOST_BYTES || kept.texts.len() > MOST_SCRIPTS {
            let Some(oldest) = kept.order.pop_front() else {
                return;
            };
            if let Some(text) = kept.texts.remove(&oldest) {
                kept.bytes -= text.len();
            }
        }
    }

    /// SCRIPT FLUSH.
    pub(crate) fn forget_all(&self) {
        *self.kept() = Kept::default();
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Texts that a thread has handed in already, by a hash of them, so that it need not do so for each EVAL.
#[derive(Debug, Default)]
pub(crate) struct HandedIn {
    hashes: HashSet<u64>,
    hasher: RandomState,
    flushes: u64,
}

impl HandedIn {
    /// Hands a text in, unless that was done.
    pub(crate) fn hand_in(&mut self, texts: &ScriptTexts, text: &[u8]) {
        let flushes = texts.flushes.load(Ordering::Relaxed);
        if self.flushes != flushes || self.hashes.len() >= MOST_SCRIPTS {
            self.flushes = flushes;
            self.hashes.clear();
        }
        if self.hashes.insert(self.hasher.hash_one(text)) {
            texts.put(text);
        }
    }
}

/// Scripts that a connection has carried, so that its node has them as long as nobody flushes them there.
#[derive(Debug, Default)]
pub(crate) struct Carried(HashSet<ScriptName>);

impl Carried {
    /// Whether it is known.
    pub(crate) fn has(&self, name: ScriptName) -> bool {
        self.0.contains(&name)
    }

    /// It is from now on.
    pub(crate) fn note(&mut self, name: ScriptName) {
        if self.0.len() >= MOST_SCRIPTS {
            self.0.clear();
        }
        self.0.insert(name);
    }

    /// Another connection: nothing is known.
    pub(crate) fn forget(&mut self) {
        self.0 = HashSet::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_the_name_that_redis_gives_it() {
        let texts = ScriptTexts::default();
        let mut handed_in = HandedIn::default();
        handed_in.hand_in(&texts, b"return 1");
        let name = ScriptName::read(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB").unwrap();
        assert_eq!(texts.get(name).as_deref(), Some(&b"return 1"[..]));
        assert_eq!(name, ScriptName::of(b"return 1"));
        texts.forget_all();
        assert_eq!(texts.get(name), None);
        handed_in.hand_in(&texts, b"return 1");
        assert!(
            texts.get(name).is_some(),
            "after a flush it is handed in anew"
        );
        for wrong in [&b"e0e1"[..], b"", &[b'x'; 40]] {
            assert_eq!(ScriptName::read(wrong), None);
        }
    }

    #[test]
    fn texts_are_bounded_and_the_oldest_go() {
        let texts = ScriptTexts::default();
        let text = |number: u8| vec![number; LONGEST_BYTES];
        for number in 0..10 {
            texts.put(&text(number));
        }
        assert_eq!(texts.get(ScriptName::of(&text(0))), None);
        assert!(texts.get(ScriptName::of(&text(9))).is_some());
        assert!(texts.kept().bytes <= MOST_BYTES);
        let long = vec![b'x'; LONGEST_BYTES + 1];
        texts.put(&long);
        assert_eq!(texts.get(ScriptName::of(&long)), None);
    }
}
