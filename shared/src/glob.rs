//! Redis' glob patterns: `*`, `?`, `[a-z]`, `[^…]`, `\` escapes.
//! Pure, on bytes. Never recurses, never allocates; the time is bounded by the product of both lengths, for only the last `*` is ever tried again.

/// Whether all of `text` matches `pattern`, as in KEYS, SCAN and PSUBSCRIBE.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_bytes(pattern, text, |byte| byte)
}

/// The same, with ASCII letters of both cases equal, as in CONFIG GET.
#[must_use]
pub fn matches_any_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_bytes(pattern, text, |byte| byte.to_ascii_lowercase())
}

fn matches_bytes(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    if pattern == b"*" {
        return true;
    }
    // As in Redis: any other pattern needs a byte to begin with, so `**` does not match the empty text.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut from) = (0, 0);
    // Behind the last `*`: the rest of the pattern, and where in the text it was tried.
    let mut retry = None;
    while from < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at = skip_stars(pattern, at);
            if at == pattern.len() {
                return true;
            }
            retry = Some((at, from));
        } else if let Some(next) = match_one(pattern, at, text[from], fold) {
            at = next;
            from += 1;
        } else if let Some((rest, tried)) = retry {
            // An earlier `*` need not take more: what it would give up, this one can take.
            retry = Some((rest, tried + 1));
            at = rest;
            from = tried + 1;
        } else {
            return false;
        }
    }
    // After a retry ran off the end, `at` stands on something that needs a byte.
    skip_stars(pattern, at) == pattern.len()
}

fn skip_stars(pattern: &[u8], at: usize) -> usize {
    let rest = pattern[at..].iter().position(|byte| *byte != b'*');
    rest.map_or(pattern.len(), |stars| at + stars)
}

/// The place behind the element at `at`, if that matches `byte`.
fn match_one(pattern: &[u8], at: usize, byte: u8, fold: impl Fn(u8) -> u8 + Copy) -> Option<usize> {
    let (matched, next) = match *pattern.get(at)? {
        b'?' => (true, at + 1),
        b'[' => match_class(pattern, at + 1, byte, fold),
        // A `\` at the very end stands for itself.
        b'\\' if at + 1 < pattern.len() => (fold(pattern[at + 1]) == fold(byte), at + 2),
        literal => (fold(literal) == fold(byte), at + 1),
    };
    matched.then_some(next)
}

/// `at` is behind the `[`. A class that is not closed ends with the pattern.
fn match_class(pattern: &[u8], mut at: usize, byte: u8, fold: impl Fn(u8) -> u8) -> (bool, usize) {
    let inverted = pattern.get(at) == Some(&b'^');
    at += usize::from(inverted);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => return (found != inverted, at),
            [b'\\', escaped, ..] => {
                // Redis does not fold the case of escaped members.
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => return (found != inverted, at + 1),
            [first, b'-', last, ..] => {
                let (low, high) = (first.min(last), first.max(last));
                found |= (fold(low)..=fold(high)).contains(&fold(byte));
                at += 3;
            }
            [member, ..] => {
                found |= fold(member) == fold(byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let check = |pattern: &[u8], text: &[u8], expected: bool| {
            assert_eq!(
                matches(pattern, text),
                expected,
                "{} against {}",
                pattern.escape_ascii(),
                text.escape_ascii()
            );
        };
        check(b"*", b"", true);
        check(b"**", b"", false);
        check(b"", b"", true);
        check(b"", b"a", false);
        check(b"a*", b"a", true);
        check(b"a**", b"a", true);
        check(b"*a", b"ba", true);
        check(b"*ab", b"aab", true);
        check(b"*abc*d", b"ababcabd", true);
        check(b"h?llo", b"hello", true);
        check(b"h?llo", b"hllo", false);
        check(b"h[ae]llo", b"hallo", true);
        check(b"h[^e]llo", b"hello", false);
        check(b"h[a-b]llo", b"hbllo", true);
        check(b"h[b-a]llo", b"hallo", true);
        check(b"[a-]", b"]", true);
        check(b"[a-", b"-", true);
        check(b"[abc", b"c", true);
        check(b"[", b"[", false);
        check(b"[^", b"x", true);
        check(b"[]", b"]", false);
        check(b"[\\]]", b"]", true);
        check(b"\\*", b"*", true);
        check(b"\\*", b"a", false);
        check(b"\\", b"\\", true);
        check(b"H*", b"hello", false);
        assert!(matches_any_case(b"H[A-C]*", b"haLLO"));
        assert!(!matches_any_case(b"[\\A]", b"a"));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let pattern = [b"a*".repeat(2_000).as_slice(), b"b"].concat();
        assert!(!matches(&pattern, &b"a".repeat(4_000)));
        let classes = b"[".repeat(4_000);
        assert!(!matches(&classes, &b"a".repeat(4_000)));
    }

    /// Tries every length for every `*`.
    fn plainly(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|taken| plainly(rest, &text[taken..])),
            _ => text.split_first().is_some_and(|(byte, text)| {
                match_one(pattern, 0, *byte, |byte| byte)
                    .is_some_and(|next| plainly(&pattern[next..], text))
            }),
        }
    }

    proptest! {
        #[test]
        fn one_retry_place_is_enough(pattern in r"[ab*?\[\]^\\-]{0,8}", text in "[ab-]{1,8}") {
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), plainly(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
