//! What only those know who may read the store: proxies seal with it what they tell each other, so that nobody else is heard.
//! Reaches: the operating system's dice, to draw one. Never: shows it.

use std::fmt;

/// How many random bytes it has.
const BYTES: usize = 32;

/// A key that all proxies of one store share. Nobody configures it: the first proxy that asks for it draws it, and the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct GossipKey([u8; BYTES]);

impl GossipKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// A new one; `None` where the operating system has no dice.
    pub(crate) fn draw() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The key itself, for sealing; never for printing.
    #[must_use]
    pub fn reveal(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// As a line for the store alone.
    pub(crate) fn to_line(&self) -> String {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        digits.chain(["\n".to_owned()]).collect()
    }

    /// Reads what [`Self::to_line`] has written.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let digits = line.trim_end().as_bytes();
        let is_key = digits.len() == 2 * BYTES && digits.iter().all(u8::is_ascii_hexdigit);
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        is_key.then_some(Self(bytes))
    }
}

impl fmt::Debug for GossipKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_line_and_is_never_shown() {
        let key = GossipKey::draw().unwrap();
        assert_ne!(Some(&key), GossipKey::draw().as_ref());
        assert_eq!(GossipKey::of_line(&key.to_line()), Some(key.clone()));
        assert_eq!(format!("{key:?}"), "(hidden)");
        let line = key.to_line();
        for wrong in [
            "",
            "\n",
            &line[..62],
            &line.replace('\n', "0"),
            &"x".repeat(64),
        ] {
            assert_eq!(GossipKey::of_line(wrong), None, "{wrong:?}");
        }
        let signed = format!("+{}", "0".repeat(63));
        assert_eq!(GossipKey::of_line(&signed), None);
    }
}
