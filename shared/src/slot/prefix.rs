//! What keys of one kind begin with, by the custom of those who name them: `user:` of `user:1`.
//! Pure.

/// Longest beginning, bytes: of keys without a separator it is the key itself, as far as that.
pub const LONGEST_PREFIX: usize = 64;

/// What stands between the parts of a key.
const SEPARATORS: &[u8] = b":./_-|";

/// What keys like this one begin with: up to and including the first separator that stands behind something else; where there is none, the whole key.
#[must_use]
pub fn prefix_of(key: &[u8]) -> &[u8] {
    let is_separator = |byte: &u8| SEPARATORS.contains(byte);
    let named = key.iter().position(|byte| !is_separator(byte));
    let named = named.unwrap_or(key.len());
    let end = key[named..].iter().position(is_separator);
    let end = end.map_or(key.len(), |at| named + at + 1);
    &key[..end.min(LONGEST_PREFIX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_the_first_separator() {
        let check = |key: &str, expected: &str| {
            let found = prefix_of(key.as_bytes());
            assert_eq!(String::from_utf8_lossy(found), expected, "{key}");
        };
        check("user:1", "user:");
        check("user:1:name", "user:");
        check("bull.mail/x", "bull.");
        check("unacked_mutex", "unacked_");
        check("a|b", "a|");
        check("a-b", "a-");
        check("_kombu.binding.x", "_kombu.");
        check(":1:sessions", ":1:");
        check("celery", "celery");
        check("{user:1}:cart", "{user:");
        check("::", "::");
        check("", "");
        check(&"x".repeat(100), &"x".repeat(64));
        check(&format!("{}:1", "x".repeat(70)), &"x".repeat(64));
    }
}
