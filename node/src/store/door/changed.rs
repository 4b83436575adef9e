//! Keys that have changed, by name, for clients that keep what they have read (CLIENT TRACKING).
//! Pure. Bound: whoever runs commands takes what is noted after each of them, and after each slice of those that come in parts.

/// Keys that have changed and have not been taken, in order.
#[derive(Debug, Default)]
pub(in crate::store) struct ChangedKeys {
    is_on: bool,
    noted: TakenKeys,
}

/// Keys on their way to those who are told.
#[derive(Debug, Default)]
pub struct TakenKeys {
    names: Vec<u8>,
    ends: Vec<usize>,
    /// Whole databases have changed.
    pub all: bool,
}

impl ChangedKeys {
    /// From now on keys are noted, or are not.
    pub(super) fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
        if !is_on {
            self.noted = TakenKeys::default();
        }
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// A key has changed.
    pub(super) fn note(&mut self, key: &[u8]) {
        if self.is_on {
            self.noted.names.extend_from_slice(key);
            self.noted.ends.push(self.noted.names.len());
        }
    }

    /// All keys of a database have.
    pub(super) fn note_all(&mut self) {
        self.noted.all |= self.is_on;
    }

    #[inline]
    pub(super) fn are_noted(&self) -> bool {
        self.noted.all || !self.noted.ends.is_empty()
    }

    /// All of them; none is here any more.
    pub(in crate::store) fn take(&mut self) -> TakenKeys {
        std::mem::take(&mut self.noted)
    }
}

impl TakenKeys {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = starts.zip(self.ends.iter().copied());
        places.map(|(start, end)| &self.names[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::ChangedKeys;

    #[test]
    fn keys_are_noted_while_somebody_wants_to_know() {
        let mut changed = ChangedKeys::default();
        changed.note(b"a");
        changed.note_all();
        assert!(!changed.are_noted());
        changed.set_on(true);
        for key in [&b"a"[..], b"", b"bc"] {
            changed.note(key);
        }
        assert!(changed.are_noted());
        let taken = changed.take();
        assert_eq!(taken.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert!(!taken.all && !changed.are_noted());
        changed.note_all();
        assert!(changed.take().all);
        changed.note(b"a");
        changed.set_on(false);
        assert!(!changed.are_noted());
    }
}
