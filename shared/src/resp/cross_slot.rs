//! What is said of keys that one command names, and that do not lie in one slot.
//! Pure. Invariant: what is quoted is bounded.

use super::user_text::{UserText, named};
use crate::slot::prefix_of;

/// Two keys of one command, transaction or watch that lie in two slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossSlot {
    text: UserText,
    keys: [Box<[u8]>; 2],
}

impl CrossSlot {
    /// Names both, and the rule that would keep such keys together.
    pub(super) fn new(keys: [&[u8]; 2]) -> Self {
        let keys = keys.map(named);
        let mut text = b"CROSSSLOT Keys in request don't hash to the same slot: '".to_vec();
        text.extend_from_slice(keys[0]);
        text.extend_from_slice(b"' and '");
        text.extend_from_slice(keys[1]);
        let prefixes = keys.map(prefix_of);
        text.extend_from_slice(b"'; give them one hash tag");
        // What all keys begin with would keep all of them together, and what is in no text cannot be said in one.
        let may_be_said = |prefix: &&[u8]| {
            !prefix.is_empty() && !prefix.iter().any(|byte| matches!(byte, b'"' | b'\\'))
        };
        if prefixes.iter().all(may_be_said) {
            text.extend_from_slice(b", or the topology a rule [[colocate]] with keys = [\"");
            text.extend_from_slice(prefixes[0]);
            if prefixes[0] != prefixes[1] {
                text.extend_from_slice(b"*\", \"");
                text.extend_from_slice(prefixes[1]);
            }
            text.extend_from_slice(b"*\"]");
        }
        Self {
            text: text.into(),
            keys: keys.map(Into::into),
        }
    }

    /// What is said.
    #[must_use]
    pub fn text(&self) -> &UserText {
        &self.text
    }

    /// The keys, each as far as it is quoted.
    #[must_use]
    pub fn keys(&self) -> [&[u8]; 2] {
        self.keys.each_ref().map(|key| &**key)
    }
}

/// MOVE, COPY or SWAPDB of two databases of which a rule of the topology puts the keys into different slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "CROSSSLOT a rule [[colocate]] of the topology keeps the keys of database {0} apart from those of database {1}; DUMP and RESTORE take a value from the one to the other"
)]
pub struct DatabasesApart(pub u16, pub u16);

impl From<DatabasesApart> for super::ErrorReply {
    fn from(error: DatabasesApart) -> Self {
        Self::Text(error.to_string().into())
    }
}

impl super::ErrorReply {
    /// Keys of one command live in different slots; names two of them.
    #[must_use]
    pub fn cross_slot(first: &[u8], second: &[u8]) -> Self {
        Self::CrossSlot(Box::new(CrossSlot::new([first, second])))
    }
}

#[cfg(test)]
mod tests {
    use crate::resp::ErrorReply;

    fn check(first: &[u8], second: &[u8], expected: &[u8]) {
        let error = ErrorReply::cross_slot(first, second);
        let mut text = Vec::new();
        error.write_text(&mut text);
        let begin = b"CROSSSLOT Keys in request don't hash to the same slot: ";
        let text = text.strip_prefix(begin).expect("the words of Redis first");
        assert_eq!(
            text.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn two_keys_are_named_and_the_rule_that_would_help() {
        check(
            b"order:1",
            b"\xffb",
            b"'order:1' and '\xffb'; give them one hash tag, or the topology a rule [[colocate]] with keys = [\"order:*\", \"\xffb*\"]",
        );
        check(
            b"user:1\r\n",
            b"user:2",
            b"'user:1  ' and 'user:2'; give them one hash tag, or the topology a rule [[colocate]] with keys = [\"user:*\"]",
        );
        let long = vec![b'x'; 1 << 20];
        let error = ErrorReply::cross_slot(&long, b"a");
        let mut text = Vec::new();
        error.write_text(&mut text);
        assert!(text.len() < 500, "{} bytes", text.len());
        let ErrorReply::CrossSlot(apart) = error else {
            panic!("another one");
        };
        assert_eq!(apart.keys().map(<[u8]>::len), [128, 1]);
    }
}
