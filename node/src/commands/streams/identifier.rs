//! How identifiers are written: `ms-seq`, `ms`, `-`, `+`, and `(` before one that is not meant itself.
//! Pure. Invariant: a text is accepted exactly when Redis accepts it.

use crate::store::StreamId;
use shared::resp::{ErrorReply, StreamError, parse_integer};

/// A longer text is none.
const LONGEST: usize = 127;

/// An identifier whose sequence may be left to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedId {
    /// This one.
    Whole(StreamId),
    /// `ms-*`: the next one of these milliseconds.
    Milliseconds(u64),
}

/// A number as Redis reads it: canonical where it can be, else as the C library does, which takes blanks, a sign and zeros before it.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_integer(text) {
        return u64::try_from(number).ok();
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    let (is_negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for digit in digits {
        let value = Some(digit.wrapping_sub(b'0')).filter(|value| *value <= 9)?;
        number = number.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    Some(if is_negative {
        number.wrapping_neg()
    } else {
        number
    })
}

/// Whether an argument is this one character, as a C string.
pub(super) fn is_sign(argument: &[u8], sign: u8) -> bool {
    argument.first() == Some(&sign) && matches!(argument.get(1), None | Some(0))
}

/// Milliseconds, and the text behind the first `-`.
fn halves(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    match text.iter().position(|byte| *byte == b'-') {
        None => Some((number(text)?, None)),
        Some(at) => Some((number(&text[..at])?, Some(&text[at + 1..]))),
    }
}

fn read(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    let (ms, seq) = halves(text)?;
    let seq = seq.map_or(Some(missing_seq), number)?;
    Some(StreamId { ms, seq })
}

/// `-`, `+`, or an identifier.
fn read_or_end(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    if text.len() > LONGEST {
        None
    } else if is_sign(text, b'-') {
        Some(StreamId::MIN)
    } else if is_sign(text, b'+') {
        Some(StreamId::MAX)
    } else {
        read(text, missing_seq)
    }
}

/// An identifier; its sequence is 0 where it has none.
pub(super) fn identifier(text: &[u8]) -> Result<StreamId, ErrorReply> {
    read(text, 0).ok_or(StreamError::InvalidId.into())
}

/// The same, or an end of all.
pub(super) fn identifier_or_end(text: &[u8]) -> Result<StreamId, ErrorReply> {
    read_or_end(text, 0).ok_or(StreamError::InvalidId.into())
}

/// The identifier of a new entry, but for `*`.
pub(super) fn asked_id(text: &[u8]) -> Result<AskedId, ErrorReply> {
    let asked = match halves(text) {
        Some((ms, Some(b"*"))) => Some(AskedId::Milliseconds(ms)),
        _ => read(text, 0).map(AskedId::Whole),
    };
    asked.ok_or(StreamError::InvalidId.into())
}

/// The first identifier that is meant by a border.
pub(super) fn range_start(text: &[u8]) -> Result<StreamId, ErrorReply> {
    let (id, is_open) = border(text, 0)?;
    let start = if is_open { id.next() } else { Some(id) };
    start.ok_or(StreamError::InvalidStart.into())
}

/// The last identifier that is meant by a border.
pub(super) fn range_end(text: &[u8]) -> Result<StreamId, ErrorReply> {
    let (id, is_open) = border(text, u64::MAX)?;
    let end = if is_open { id.previous() } else { Some(id) };
    end.ok_or(StreamError::InvalidEnd.into())
}

/// An identifier, and whether it is not meant itself.
fn border(text: &[u8], missing_seq: u64) -> Result<(StreamId, bool), ErrorReply> {
    let open = text.strip_prefix(b"(").filter(|rest| !rest.is_empty());
    let id = match open {
        Some(rest) => read(rest, missing_seq),
        None => read_or_end(text, missing_seq),
    };
    let id = id.ok_or(StreamError::InvalidId)?;
    Ok((id, open.is_some()))
}

#[cfg(test)]
mod tests {
    use super::{AskedId, asked_id, number, range_end, range_start, read, read_or_end};
    use crate::store::StreamId;

    fn id(ms: u64, seq: u64) -> Option<StreamId> {
        Some(StreamId { ms, seq })
    }

    #[test]
    fn numbers_are_read_as_redis_reads_them() {
        for (text, expected) in [
            (&b"0"[..], Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"007", Some(7)),
            (b" \t+7", Some(7)),
            (b"-7", None),
            (b"-07", Some(u64::MAX - 6)),
            (b"-", None),
            (b"7 ", None),
            (b"", None),
            (b"0x7", None),
        ] {
            assert_eq!(number(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn identifiers_are_read_as_redis_reads_them() {
        for (text, strict, ends) in [
            (&b"5-3"[..], id(5, 3), id(5, 3)),
            (b"5", id(5, 9), id(5, 9)),
            (b"-", None, id(0, 0)),
            (b"+", None, id(u64::MAX, u64::MAX)),
            (b"5-", None, None),
            (b"5-3-1", None, None),
            (b"5--03", id(5, u64::MAX - 2), id(5, u64::MAX - 2)),
            (b"5-*", None, None),
            (b"5-3\0x", id(5, 3), id(5, 3)),
            (b"", None, None),
        ] {
            assert_eq!(read(text, 9), strict, "{}", text.escape_ascii());
            assert_eq!(read_or_end(text, 9), ends, "{}", text.escape_ascii());
        }
        let longest = [&[b'0'; 126][..], b"7"].concat();
        assert_eq!(read(&longest, 0), id(7, 0));
        assert_eq!(read(&[&b"0"[..], &longest].concat(), 0), None);
    }

    #[test]
    fn borders_may_be_open_and_new_entries_may_leave_their_sequence() {
        assert_eq!(range_start(b"(5-3").ok(), id(5, 4));
        assert_eq!(range_end(b"(5-0").ok(), id(4, u64::MAX));
        assert_eq!(range_start(b"5").ok(), id(5, 0));
        assert_eq!(range_end(b"5").ok(), id(5, u64::MAX));
        for wrong in [&b"("[..], b"(-", b"(+"] {
            assert!(range_start(wrong).is_err());
            assert!(range_end(wrong).is_err());
        }
        assert_eq!(asked_id(b"5-*"), Ok(AskedId::Milliseconds(5)));
        assert!(asked_id(b"*").is_err());
    }
}
