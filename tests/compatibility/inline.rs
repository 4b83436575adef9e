//! Requests as a person would type them: words on one line, each plain or in quotes of either kind.
//! Pure: everything comes from the seed.

use super::draw::{Draw, Request};

/// Longest request that is typed; Redis takes lines of 64 kB.
const LONGEST_BYTES: usize = 4_000;

/// The request as one line; `None` when it is too long, or would be taken for the other form.
pub(super) fn typed(draw: &mut Draw, request: &Request) -> Option<Vec<u8>> {
    let bytes: usize = request.iter().map(Vec::len).sum();
    if bytes > LONGEST_BYTES {
        return None;
    }
    let blanks: [&[u8]; 4] = [b" ", b"  ", b"\t", b" \x0b "];
    let mut line = Vec::new();
    for word in request {
        if !line.is_empty() || draw.dice.percent(5) {
            line.extend_from_slice(draw.dice.pick::<&[u8]>(&blanks));
        }
        quote(draw, word, &mut line);
    }
    let ends: [&[u8]; 3] = [b"\n", b"\r\n", b" \r\n"];
    line.extend_from_slice(draw.dice.pick::<&[u8]>(&ends));
    (line[0] != b'*').then_some(line)
}

/// Appends a word in one of the ways in which it can be typed.
fn quote(draw: &mut Draw, word: &[u8], line: &mut Vec<u8>) {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'\\' | 0x80..);
    let way = draw.dice.below(4);
    if way == 0 && !word.is_empty() && word.iter().all(is_plain) {
        line.extend_from_slice(word);
    } else if way == 1 && !word.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\\')) {
        line.push(b'\'');
        for byte in word {
            if *byte == b'\'' {
                line.push(b'\\');
            }
            line.push(*byte);
        }
        line.push(b'\'');
    } else {
        // What is typed in front of a quote belongs to the word.
        let plain = word.iter().take_while(|byte| is_plain(byte)).count();
        let (head, rest) = word.split_at(draw.dice.below(plain + 1));
        line.extend_from_slice(head);
        line.push(b'"');
        rest.iter().for_each(|byte| escape(draw, *byte, line));
        line.push(b'"');
    }
}

/// Appends a byte as it may stand between double quotes.
fn escape(draw: &mut Draw, byte: u8, line: &mut Vec<u8>) {
    let hexadecimal = match draw.dice.percent(50) {
        true => format!("\\x{byte:02x}"),
        false => format!("\\x{byte:02X}"),
    };
    match byte {
        b'\n' if draw.dice.percent(50) => line.extend_from_slice(b"\\n"),
        b'\r' if draw.dice.percent(50) => line.extend_from_slice(b"\\r"),
        b'\t' if draw.dice.percent(50) => line.extend_from_slice(b"\\t"),
        0x08 => line.extend_from_slice(b"\\b"),
        0x07 => line.extend_from_slice(b"\\a"),
        b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
        0 | b'\n' => line.extend_from_slice(hexadecimal.as_bytes()),
        _ if draw.dice.percent(5) => line.extend_from_slice(hexadecimal.as_bytes()),
        // A backslash in front of anything else is dropped.
        b'!'..=b'/' if draw.dice.percent(5) => line.extend_from_slice(&[b'\\', byte]),
        _ => line.push(byte),
    }
}
