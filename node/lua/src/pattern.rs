//! Patterns of Lua 5.1 (Lua 5.1 Reference Manual, 5.4.1): whether and how one fits at a place of a text.
//! Pure. Never: Lua's stack, `unsafe`. Ways that are still to be tried lie in a row with a bound, not on the stack; all work is told to whoever asked, as it is done: a pattern may try for ever.
//!
//! As in Lua, a nought ends a pattern, and what is wrong with one is found when that part of it is reached.

/// Captures of a pattern.
pub(crate) const MOST_CAPTURES: usize = 32;
/// Ways still to be tried: one for each repetition and each bracket that has been passed. Lua has no bound here but its stack, which ends after some ten thousand.
pub(crate) const MOST_WAYS: usize = 32_768;
/// Bytes between two words about the work in a row of them.
const ROW: usize = 1_024;

/// Why a pattern cannot be one, in Lua's words.
pub(crate) type Wrong = &'static [u8];

const TOO_COMPLEX: Wrong = b"pattern too complex";
const TOO_MANY: Wrong = b"too many captures";
const NO_END: Wrong = b"malformed pattern (ends with '%')";
const NO_BRACKET: Wrong = b"malformed pattern (missing ']')";
const NO_FRONTIER: Wrong = b"missing '[' after '%f' in pattern";
const UNBALANCED: Wrong = b"unbalanced pattern";
const NOT_OPEN: Wrong = b"invalid pattern capture";
const NO_SUCH: Wrong = b"invalid capture index";
const UNFINISHED: Wrong = b"unfinished capture";

/// How far a capture has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Its bracket is open.
    Open,
    /// `()`: the place is what is captured.
    Place,
    Bytes(usize),
}

#[derive(Clone, Copy, Debug)]
struct Capture {
    start: usize,
    extent: Extent,
}

/// What was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    /// From here to there.
    Text(usize, usize),
    /// Counted from 1.
    Place(usize),
}

/// What a match has captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Captures {
    list: [Capture; MOST_CAPTURES],
    count: usize,
}

impl Captures {
    /// None yet.
    pub(crate) const NONE: Self = Self {
        list: [Capture {
            start: 0,
            extent: Extent::Open,
        }; MOST_CAPTURES],
        count: 0,
    };

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The one of this number, from 0; of a pattern without any the first one is the whole.
    pub(crate) fn get(&self, number: usize, whole: (usize, usize)) -> Result<Captured, Wrong> {
        if number >= self.count {
            return match number {
                0 => Ok(Captured::Text(whole.0, whole.1)),
                _ => Err(NO_SUCH),
            };
        }
        let capture = self.list[number];
        match capture.extent {
            Extent::Open => Err(UNFINISHED),
            Extent::Place => Ok(Captured::Place(capture.start + 1)),
            Extent::Bytes(len) => Ok(Captured::Text(capture.start, capture.start + len)),
        }
    }
}

/// What is tried when what was tried before has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// An item was repeated from `from` on, so many times: once less.
    Fewer {
        from: usize,
        times: usize,
        behind: usize,
    },
    /// An item was repeated up to `at`: once more.
    More { at: usize, item: usize, end: usize },
    /// An item that may be left out was not.
    Without { at: usize, behind: usize },
    /// The last capture was begun: it was not.
    Unbegin,
    /// This capture was ended: it was not.
    Unend(usize),
}

/// A pattern and a text.
#[derive(Debug)]
pub(crate) struct Matcher<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    pub(crate) captures: Captures,
}

/// Where a match goes on.
enum Next {
    At(usize, usize),
    Fits(usize),
    Fails,
}

/// A pattern up to its nought.
pub(crate) fn up_to_nought(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| *byte == 0);
    &pattern[..end.unwrap_or(pattern.len())]
}

impl<'a> Matcher<'a> {
    /// `pattern` has no nought in it, and no anchor at its front.
    pub(crate) fn new(text: &'a [u8], pattern: &'a [u8]) -> Self {
        Self {
            text,
            pattern,
            captures: Captures::NONE,
        }
    }

    /// Where a match ends that begins at `start`; `None` when there is none. `work` is told how much has been done since it was told last: about a byte looked at each.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub(crate) fn fit(
        &mut self,
        start: usize,
        ways: &mut Vec<Way>,
        mut work: impl FnMut(usize),
    ) -> Result<Option<usize>, Wrong> {
        self.captures.count = 0;
        ways.clear();
        let (mut at, mut item) = (start, 0);
        loop {
            if ways.len() > MOST_WAYS {
                return Err(TOO_COMPLEX);
            }
            let next = match self.step(at, item, ways, &mut work)? {
                Next::Fails => self.turn_back(ways, &mut work),
                next => next,
            };
            match next {
                Next::At(next_at, next_item) => (at, item) = (next_at, next_item),
                Next::Fits(end) => return Ok(Some(end)),
                Next::Fails => return Ok(None),
            }
        }
    }

    /// A byte of the pattern; nought behind its end.
    fn letter(&self, place: usize) -> u8 {
        self.pattern.get(place).copied().unwrap_or(0)
    }

    fn step(
        &mut self,
        at: usize,
        item: usize,
        ways: &mut Vec<Way>,
        work: &mut impl FnMut(usize),
    ) -> Result<Next, Wrong> {
        match (self.letter(item), self.letter(item + 1)) {
            (0, _) => Ok(Next::Fits(at)),
            (b'(', b')') => self.begin(at, item + 2, Extent::Place, ways),
            (b'(', _) => self.begin(at, item + 1, Extent::Open, ways),
            (b')', _) => self.end(at, item + 1, ways),
            (b'$', 0) if at == self.text.len() => Ok(Next::Fits(at)),
            (b'$', 0) => Ok(Next::Fails),
            (b'%', b'b') => self.balance(at, item + 2, work),
            (b'%', b'f') => self.frontier(at, item + 2, work),
            (b'%', digit @ b'0'..=b'9') => self.again(at, digit, item + 2, work),
            _ => self.single(at, item, ways, work),
        }
    }

    fn begin(
        &mut self,
        at: usize,
        behind: usize,
        extent: Extent,
        ways: &mut Vec<Way>,
    ) -> Result<Next, Wrong> {
        let place = self.captures.list.get_mut(self.captures.count);
        *place.ok_or(TOO_MANY)? = Capture { start: at, extent };
        self.captures.count += 1;
        ways.push(Way::Unbegin);
        Ok(Next::At(at, behind))
    }

    /// The last one that is open ends.
    fn end(&mut self, at: usize, behind: usize, ways: &mut Vec<Way>) -> Result<Next, Wrong> {
        let begun = &mut self.captures.list[..self.captures.count];
        let open = begun.iter().rposition(|one| one.extent == Extent::Open);
        let number = open.ok_or(NOT_OPEN)?;
        let capture = &mut begun[number];
        capture.extent = Extent::Bytes(at - capture.start);
        ways.push(Way::Unend(number));
        Ok(Next::At(at, behind))
    }

    /// `%bxy`: from an x to the y that belongs to it.
    fn balance(
        &self,
        at: usize,
        letters: usize,
        work: &mut impl FnMut(usize),
    ) -> Result<Next, Wrong> {
        let (first, last) = (self.letter(letters), self.letter(letters + 1));
        if first == 0 || last == 0 {
            return Err(UNBALANCED);
        }
        if self.text.get(at) != Some(&first) {
            return Ok(Next::Fails);
        }
        let (mut open, mut place) = (1_usize, at + 1);
        for row in self.text[at + 1..].chunks(ROW) {
            work(row.len());
            for byte in row {
                if *byte == last {
                    open -= 1;
                    if open == 0 {
                        return Ok(Next::At(place + 1, letters + 2));
                    }
                } else if *byte == first {
                    open += 1;
                }
                place += 1;
            }
        }
        Ok(Next::Fails)
    }

    /// `%f[set]`: between a byte that is not in the set and one that is. Before the text and behind it there is a nought.
    fn frontier(&self, at: usize, set: usize, work: &mut impl FnMut(usize)) -> Result<Next, Wrong> {
        if self.letter(set) != b'[' {
            return Err(NO_FRONTIER);
        }
        let end = self.item_end(set)?;
        work(3 * (end - set));
        let before = at.checked_sub(1).map_or(0, |place| self.text[place]);
        let here = self.text.get(at).copied().unwrap_or(0);
        let fits = !self.is_in_set(before, set, end - 1) && self.is_in_set(here, set, end - 1);
        Ok(if fits { Next::At(at, end) } else { Next::Fails })
    }

    /// `%1`: what a capture has, once more.
    fn again(
        &self,
        at: usize,
        digit: u8,
        behind: usize,
        work: &mut impl FnMut(usize),
    ) -> Result<Next, Wrong> {
        let number = usize::from(digit).checked_sub(usize::from(b'1'));
        let known = number.filter(|number| *number < self.captures.count);
        let capture = self.captures.list[known.ok_or(NO_SUCH)?];
        let len = match capture.extent {
            Extent::Open => return Err(NO_SUCH),
            // No text is as long as what a place counts for.
            Extent::Place => return Ok(Next::Fails),
            Extent::Bytes(len) => len,
        };
        let Some(here) = self.text.get(at..at + len) else {
            return Ok(Next::Fails);
        };
        let there = &self.text[capture.start..capture.start + len];
        for (one, other) in here.chunks(ROW).zip(there.chunks(ROW)) {
            work(one.len() / 16 + 1);
            if one != other {
                return Ok(Next::Fails);
            }
        }
        Ok(Next::At(at + len, behind))
    }

    /// An item for one byte, and what is said behind it of how often.
    fn single(
        &self,
        at: usize,
        item: usize,
        ways: &mut Vec<Way>,
        work: &mut impl FnMut(usize),
    ) -> Result<Next, Wrong> {
        let end = self.item_end(item)?;
        work(end - item);
        let behind = end + 1;
        let fits = self.fits(at, item, end);
        let next = match self.letter(end) {
            b'?' => {
                if fits {
                    ways.push(Way::Without { at, behind });
                }
                Next::At(at + usize::from(fits), behind)
            }
            b'+' if !fits => Next::Fails,
            b'*' | b'+' => {
                let from = at + usize::from(self.letter(end) == b'+');
                let times = self.repeat(from, item, end, work);
                if times > 0 {
                    ways.push(Way::Fewer {
                        from,
                        times,
                        behind,
                    });
                }
                Next::At(from + times, behind)
            }
            b'-' => {
                ways.push(Way::More { at, item, end });
                Next::At(at, behind)
            }
            _ if fits => Next::At(at + 1, end),
            _ => Next::Fails,
        };
        Ok(next)
    }

    /// How many bytes from there on fit an item.
    fn repeat(&self, from: usize, item: usize, end: usize, work: &mut impl FnMut(usize)) -> usize {
        let (mut times, cost) = (0, end - item);
        let mut untold = 0;
        while self.fits(from + times, item, end) {
            times += 1;
            untold += cost;
            if untold >= ROW {
                work(untold);
                untold = 0;
            }
        }
        work(untold);
        times
    }

    /// The next way that leads on.
    fn turn_back(&mut self, ways: &mut Vec<Way>, work: &mut impl FnMut(usize)) -> Next {
        loop {
            work(1);
            match ways.last_mut() {
                None => return Next::Fails,
                Some(Way::Fewer {
                    from,
                    times,
                    behind,
                }) => {
                    *times -= 1;
                    let next = Next::At(*from + *times, *behind);
                    if *times == 0 {
                        ways.pop();
                    }
                    return next;
                }
                Some(Way::More { at, item, end }) => {
                    work(*end - *item);
                    if self.fits(*at, *item, *end) {
                        *at += 1;
                        return Next::At(*at, *end + 1);
                    }
                }
                Some(Way::Without { at, behind }) => {
                    let next = Next::At(*at, *behind);
                    ways.pop();
                    return next;
                }
                Some(Way::Unbegin) => self.captures.count -= 1,
                Some(Way::Unend(number)) => self.captures.list[*number].extent = Extent::Open,
            }
            ways.pop();
        }
    }

    /// Where the item for one byte ends that begins there.
    fn item_end(&self, item: usize) -> Result<usize, Wrong> {
        match self.letter(item) {
            b'%' if self.letter(item + 1) == 0 => Err(NO_END),
            b'%' => Ok(item + 2),
            b'[' => self.set_end(item),
            _ => Ok(item + 1),
        }
    }

    /// The first letter of a set is in it, also a bracket.
    fn set_end(&self, set: usize) -> Result<usize, Wrong> {
        let mut place = set + 1 + usize::from(self.letter(set + 1) == b'^');
        loop {
            let letter = self.letter(place);
            if letter == 0 {
                return Err(NO_BRACKET);
            }
            place += 1;
            if letter == b'%' && self.letter(place) != 0 {
                place += 1;
            }
            if self.letter(place) == b']' {
                return Ok(place + 1);
            }
        }
    }

    fn fits(&self, at: usize, item: usize, end: usize) -> bool {
        let Some(byte) = self.text.get(at) else {
            return false;
        };
        match self.letter(item) {
            b'.' => true,
            b'%' => is_of_class(*byte, self.letter(item + 1)),
            b'[' => self.is_in_set(*byte, item, end - 1),
            letter => letter == *byte,
        }
    }

    /// Whether a byte is in the set between these two brackets.
    fn is_in_set(&self, byte: u8, open: usize, close: usize) -> bool {
        let is_inverted = self.letter(open + 1) == b'^';
        let mut place = open + 1 + usize::from(is_inverted);
        while place < close {
            let letter = self.letter(place);
            if letter == b'%' {
                if is_of_class(byte, self.letter(place + 1)) {
                    return !is_inverted;
                }
                place += 2;
            } else if self.letter(place + 1) == b'-' && place + 2 < close {
                if (letter..=self.letter(place + 2)).contains(&byte) {
                    return !is_inverted;
                }
                place += 3;
            } else {
                if letter == byte {
                    return !is_inverted;
                }
                place += 1;
            }
        }
        is_inverted
    }
}

/// Whether a byte is of the class of this letter, a capital for what is not; any other letter stands for itself. As C has it without a locale.
fn is_of_class(byte: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is == class.is_ascii_lowercase()
}

/// Where a word begins in a text, from a place on.
pub(crate) fn find_word(
    text: &[u8],
    word: &[u8],
    from: usize,
    mut work: impl FnMut(usize),
) -> Option<usize> {
    let Some((first, rest)) = word.split_first() else {
        return Some(from);
    };
    let last = text.len().checked_sub(word.len())?;
    let mut at = from;
    while at <= last {
        let row = &text[at..=last.min(at + ROW)];
        work(row.len() / 16 + 1);
        match row.iter().position(|byte| byte == first) {
            None => at += row.len(),
            Some(skipped) => {
                at += skipped;
                let mut parts = rest.chunks(ROW).zip(text[at + 1..].chunks(ROW));
                let fits = parts.all(|(one, other)| {
                    work(one.len() / 16 + 1);
                    other.starts_with(one)
                });
                if fits {
                    return Some(at);
                }
                at += 1;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(text: &str, pattern: &str) -> Result<Option<usize>, String> {
        let mut matcher = Matcher::new(text.as_bytes(), pattern.as_bytes());
        let fit = matcher.fit(0, &mut Vec::new(), |_| {});
        fit.map_err(|wrong| String::from_utf8_lossy(wrong).into_owned())
    }

    #[test]
    fn a_match_is_as_long_as_its_items_want() {
        for (text, pattern, end) in [
            ("aaab", "a*", Some(3)),
            ("aaab", "a-b", Some(4)),
            ("aaab", "a-", Some(0)),
            ("aaab", "a+ab", Some(4)),
            ("b", "a?b", Some(1)),
            ("ab", "a?ab", Some(2)),
            ("x=1", "(%w+)=(%d)$", Some(3)),
            ("(a(b)c)d", "%b()", Some(7)),
            ("abab", "(ab)%1", Some(4)),
            ("]", "[]]", Some(1)),
            ("-", "[a-]", Some(1)),
            ("b", "[^a]", Some(1)),
            ("THE", "%f[%a]%a+", Some(3)),
            ("a", "()", Some(0)),
            ("a", "b", None),
            ("", "$", Some(0)),
            ("\u{b}", "%s", Some(1)),
        ] {
            assert_eq!(fit(text, pattern), Ok(end), "{text} {pattern}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said_as_lua_says_it() {
        for (pattern, words) in [
            ("%", NO_END),
            ("[a", NO_BRACKET),
            ("[%]", NO_BRACKET),
            ("%f", NO_FRONTIER),
            ("%b", UNBALANCED),
            (")", NOT_OPEN),
            ("%1", NO_SUCH),
            ("(%1)", NO_SUCH),
            ("%0", NO_SUCH),
        ] {
            let words = String::from_utf8_lossy(words).into_owned();
            assert_eq!(fit("aaa", pattern), Err(words), "{pattern}");
        }
        assert!(fit("", &"()".repeat(33)).is_err());
        let complex = "a?".repeat(MOST_WAYS + 1);
        assert!(fit(&"a".repeat(MOST_WAYS + 2), &complex).is_err());
    }

    #[test]
    fn all_work_is_told() {
        let text = "a".repeat(28);
        let mut matcher = Matcher::new(text.as_bytes(), b"a*a*a*a*b");
        let mut done = 0;
        let fit = matcher.fit(0, &mut Vec::new(), |work| done += work);
        assert_eq!(fit, Ok(None));
        assert!(done > 28 * 28 * 28, "{done}");
    }

    #[test]
    fn a_word_is_found_where_it_is() {
        let long = [vec![b'a'; 3_000], b"ab".repeat(1_500), vec![b'c'; 10]].concat();
        for (text, word, from) in [
            (&b"hello"[..], &b"l"[..], 0),
            (b"hello", b"l", 3),
            (b"hello", b"", 5),
            (b"hello", b"hello!", 0),
            (&long, &long[2_999..], 0),
            (&long, b"cc", 17),
            (&long, b"abc", 0),
            (&long, &long, 1),
        ] {
            let expected = match word.len() {
                0 => Some(from),
                len => text[from..]
                    .windows(len)
                    .position(|here| here == word)
                    .map(|at| at + from),
            };
            assert_eq!(find_word(text, word, from, |_| {}), expected);
        }
    }
}
