use super::*;
use proptest::prelude::*;

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let glob = Glob::new(pattern).expect("a short pattern");
    glob.matches(name).expect("a short name")
}

fn matches_any_case(pattern: &[u8], name: &[u8]) -> bool {
    let glob = Glob::any_case(pattern).expect("a short pattern");
    glob.matches(name).expect("a short name")
}

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
    check(b"a*a", b"a", false);
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
    let check = |pattern: &[u8], name: &[u8], expected: Result<bool, GlobError>| {
        let found = Glob::new(pattern).and_then(|glob| glob.matches(name));
        assert_eq!(found, expected, "{} bytes", pattern.len());
    };
    let name = b"a".repeat(60_000);
    // A class as long as the name, in whatever place.
    let class = [b"[".as_slice(), &b"b".repeat(60_000), b"]"].concat();
    check(&[b"*", class.as_slice()].concat(), &name, Ok(false));
    check(&[b"*", class.as_slice(), b"*"].concat(), &name, Ok(false));
    // What must stand at the end is tried there alone.
    let tail = [b"*".as_slice(), &b"a".repeat(30_000), b"b"].concat();
    check(&tail, &name, Ok(false));
    check(&b"a*".repeat(30_000), &name, Ok(true));
    check(&b"[".repeat(4_000), &name, Ok(false));
    // What may stand anywhere would be tried everywhere.
    let middle = [b"*".as_slice(), &b"a".repeat(30_000), b"b*"].concat();
    check(&middle, &name, Err(GlobError::TooAlike));
    check(
        &vec![b'?'; LONGEST_PATTERN_BYTES + 1],
        &name,
        Err(GlobError::TooLong),
    );
}

#[test]
fn names_of_4095_bytes_are_never_too_much() {
    let name = b"a".repeat(4_095);
    for length in [1, 100, 2_046, 2_047, 2_048, 4_000, 4_094] {
        let pattern = [b"*".as_slice(), &b"a".repeat(length), b"b*"].concat();
        assert!(!matches(&pattern, &name), "{length}");
    }
}

/// As Redis does it, word for word: recursion at every `*`, classes read at every byte.
fn plainly(pattern: &[u8], text: &[u8], fold: fn(u8) -> u8) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|taken| plainly(rest, &text[taken..], fold)),
        _ => text.split_first().is_some_and(|(byte, text)| {
            match_one(pattern, *byte, fold)
                .is_some_and(|next| plainly(&pattern[next..], text, fold))
        }),
    }
}

/// The place behind the first element, if that matches `byte`.
fn match_one(pattern: &[u8], byte: u8, fold: fn(u8) -> u8) -> Option<usize> {
    let (matched, next) = match *pattern.first()? {
        b'?' => (true, 1),
        b'[' => match_class(pattern, byte, fold),
        b'\\' if pattern.len() > 1 => (fold(pattern[1]) == fold(byte), 2),
        literal => (fold(literal) == fold(byte), 1),
    };
    matched.then_some(next)
}

fn match_class(pattern: &[u8], byte: u8, fold: fn(u8) -> u8) -> (bool, usize) {
    let inverted = pattern.get(1) == Some(&b'^');
    let mut at = 1 + usize::from(inverted);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => return (found != inverted, at),
            [b'\\', escaped, ..] => {
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

proptest! {
    #[test]
    fn a_pattern_read_once_says_what_redis_says(pattern in r"[abAZ_*?\[\]^\\-]{0,9}", text in r"[abABZ_^\]-]{1,8}") {
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern, text), plainly(pattern, text, |byte| byte));
        prop_assert_eq!(matches_any_case(pattern, text), plainly(pattern, text, |byte| byte.to_ascii_lowercase()));
    }

    #[test]
    fn sets_hold_what_was_put_in(ranges in proptest::collection::vec((0_u8.., 0_u8..), 0..4)) {
        let mut set = ByteSet::default();
        for (low, high) in &ranges {
            set.insert(*low..=*high);
        }
        for byte in 0..=u8::MAX {
            let expected = ranges.iter().any(|(low, high)| (low..=high).contains(&&byte));
            prop_assert_eq!(set.contains(byte), expected);
        }
    }
}
