//! The inline form: words as a person types them, with quotes, unquoted in place.
//! Pure. Invariant: a word never becomes longer than it was typed, so it is written over itself.

use super::ArgRange;

/// Splits `buffer[start..end]` (one line without its line end, and without NUL bytes) into words and appends their ranges.
/// `None`: a quote is never closed, or something stands right behind a closing quote; the line is spoilt then.
///
/// The rules are those of Redis' `sdssplitargs`: inside double quotes `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a` and a backslash before any other byte;
/// inside single quotes only `\'`.
pub(super) fn split_words(
    buffer: &mut [u8],
    start: usize,
    end: usize,
    words: &mut Vec<ArgRange>,
) -> Option<()> {
    let line = buffer.get_mut(start..end)?;
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        if at == line.len() {
            return Some(());
        }
        let word_start = at;
        let (next, length) = unquote_word(line, at)?;
        at = next;
        words.push(ArgRange::new(start + word_start, length));
    }
}

/// The words of a line, unquoted; `None` as there. The line ends at a NUL byte.
#[must_use]
pub fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut buffer = line.split(|byte| *byte == 0).next()?.to_vec();
    let (end, mut words) = (buffer.len(), Vec::new());
    split_words(&mut buffer, 0, end, &mut words)?;
    let word = |range: &ArgRange| {
        let start = range.start as usize;
        buffer[start..start + range.len as usize].to_vec()
    };
    Some(words.iter().map(word).collect())
}

/// What C's `isspace` calls a blank; a superset of what ends an unquoted word.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Unquotes the word that begins at `start` over itself: where reading goes on, and the word's length now.
fn unquote_word(line: &mut [u8], start: usize) -> Option<(usize, usize)> {
    let mut read = start;
    let mut write = start;
    while let Some(&byte) = line.get(read) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            // A closing quote ends the word as well.
            b'"' => {
                let (next, end) = unquote_double(line, read + 1, write)?;
                return Some((next, end - start));
            }
            b'\'' => {
                let (next, end) = unquote_single(line, read + 1, write)?;
                return Some((next, end - start));
            }
            _ => {
                line[write] = byte;
                write += 1;
                read += 1;
            }
        }
    }
    Some((read, write - start))
}

/// From behind an opening `"`: the positions behind the closing one, and behind what was written.
fn unquote_double(line: &mut [u8], mut read: usize, mut write: usize) -> Option<(usize, usize)> {
    loop {
        let (byte, length) = match line.get(read..)? {
            [b'"', rest @ ..] => return closes(rest).then_some((read + 1, write)),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), 4)
            }
            [b'\\', escaped, ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                };
                (byte, 2)
            }
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        line[write] = byte;
        write += 1;
        read += length;
    }
}

/// From behind an opening `'`, as [`unquote_double`].
fn unquote_single(line: &mut [u8], mut read: usize, mut write: usize) -> Option<(usize, usize)> {
    loop {
        let (byte, length) = match line.get(read..)? {
            [b'\'', rest @ ..] => return closes(rest).then_some((read + 1, write)),
            [b'\\', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        line[write] = byte;
        write += 1;
        read += length;
    }
}

/// Behind a closing quote there must be a blank or nothing.
fn closes(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| is_blank(*byte))
}

/// The value of a hexadecimal digit.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}
