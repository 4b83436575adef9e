//! How commands read their arguments: numbers, option words, deadlines, values of the right type.
//! Pure. Invariant: a number is accepted exactly when Redis accepts it, and refused with its text.

use super::Call;
use crate::store::{StringRef, Value, WrongType};
use shared::resp::{ErrorReply, ReplyWriter};
pub(super) use shared::resp::{integer, integer_32, is_word, split_sign};

/// The longest string that a client may make (`proto-max-bulk-len`).
pub(super) fn string_limit_bytes(call: &Call<'_>) -> usize {
    usize::try_from(call.node.settings.hot.bulk_bytes).unwrap_or(usize::MAX)
}

/// [`span`], but of two indexes from the end the first must not lie behind the second, even where both lie before the start (GETRANGE, BITCOUNT).
pub(super) fn forward_span(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    let backwards = start < 0 && end < 0 && start > end;
    span(start, end, len).filter(|_| !backwards)
}

/// Indexes of a first and a last place, negative ones counted from the end, cut to `0..len`: `None` when nothing lies between them.
pub(super) fn span(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_front = |index: i64| match index {
        ..0 => (len + index).max(0),
        _ => index,
    };
    let start = from_front(start);
    let end = from_front(end).min(len - 1);
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    (start <= end).then_some((start, end))
}

/// The string that was looked up, if there is one and it is a string.
#[inline]
pub(super) fn string(value: Option<Value<'_>>) -> Result<Option<StringRef<'_>>, WrongType> {
    value.map(StringRef::of).transpose()
}

/// Bytes of a string value, an integer printed into `buffer`.
pub(super) fn bytes_of<'a>(value: StringRef<'a>, buffer: &'a mut itoa::Buffer) -> &'a [u8] {
    match value {
        StringRef::Integer(number) => buffer.format(number).as_bytes(),
        StringRef::Bytes(bytes) => bytes,
    }
}

/// A string value as a reply.
#[inline]
pub(super) fn reply_string(reply: &mut ReplyWriter<'_>, value: StringRef<'_>) {
    match value {
        StringRef::Integer(number) => reply.bulk_integer(number),
        StringRef::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// A string value as a reply, or a null.
#[inline]
pub(super) fn reply_optional(reply: &mut ReplyWriter<'_>, value: Option<StringRef<'_>>) {
    match value {
        Some(value) => reply_string(reply, value),
        None => reply.null(),
    }
}

/// A length or a count as a reply.
pub(super) fn reply_count(reply: &mut ReplyWriter<'_>, count: usize) {
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// Refuses to go on with a reply that is longer than any client may have waiting.
#[inline]
pub(super) fn check_reply(call: &Call<'_>) -> Result<(), ErrorReply> {
    if call.reply.position() > call.node.settings.hot.output_limit.most_bytes() {
        return Err(ErrorReply::ReplyTooLong);
    }
    Ok(())
}

/// [`reply_count`] of a collection.
pub(super) fn reply_count_64(reply: &mut ReplyWriter<'_>, count: u64) {
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// The places of a collection from a first to a last index, negative ones counted from the end: the first, and how many there are. Unlike [`span`] a last index before the start means none.
pub(super) fn places(start: i64, end: i64, len: u64) -> Option<(u64, u64)> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_front = |index: i64| match index {
        ..0 => len + index,
        _ => index,
    };
    let (start, end) = (from_front(start).max(0), from_front(end).min(len - 1));
    let count = (start <= end).then(|| end - start + 1)?;
    Some((u64::try_from(start).ok()?, u64::try_from(count).ok()?))
}

/// A number from 0 on.
pub(super) fn positive(argument: &[u8]) -> Result<u64, ErrorReply> {
    at_least(0, argument, ErrorReply::NotPositive)
}

/// A number that is not below `least`; `error` where there is no such.
pub(super) fn at_least(least: u64, argument: &[u8], error: ErrorReply) -> Result<u64, ErrorReply> {
    let number = integer(argument)
        .ok()
        .and_then(|number| u64::try_from(number).ok());
    number.filter(|number| *number >= least).ok_or(error)
}

/// What a number that says when a key ends is counted in, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeadlineForm {
    /// `EX`, EXPIRE: seconds from now.
    SecondsFromNow,
    /// `PX`, PEXPIRE: milliseconds from now.
    MillisecondsFromNow,
    /// `EXAT`, EXPIREAT: Unix time in seconds.
    UnixSeconds,
    /// `PXAT`, PEXPIREAT: Unix time in milliseconds.
    UnixMilliseconds,
}

impl DeadlineForm {
    /// The form that an option of SET and GETEX stands for.
    pub(super) fn of_option(argument: &[u8]) -> Option<Self> {
        [
            ("EX", Self::SecondsFromNow),
            ("PX", Self::MillisecondsFromNow),
            ("EXAT", Self::UnixSeconds),
            ("PXAT", Self::UnixMilliseconds),
        ]
        .into_iter()
        .find(|(word, _)| is_word(argument, word))
        .map(|(_, form)| form)
    }

    /// Whether time is counted from 1970 on, and not from now.
    pub(super) fn is_absolute(self) -> bool {
        matches!(self, Self::UnixSeconds | Self::UnixMilliseconds)
    }

    /// `number` as Unix time in milliseconds; `None` when that is beyond 64 bits.
    pub(super) fn deadline_ms(self, number: i64, now_ms: u64) -> Option<i64> {
        let unit = match self {
            Self::SecondsFromNow | Self::UnixSeconds => 1000,
            Self::MillisecondsFromNow | Self::UnixMilliseconds => 1,
        };
        let start = if self.is_absolute() {
            0
        } else {
            i64::try_from(now_ms).ok()?
        };
        number.checked_mul(unit)?.checked_add(start)
    }

    /// The deadline that SET and GETEX accept: a positive number, and the deadline in range.
    pub(super) fn positive_deadline_ms(
        self,
        argument: &[u8],
        now_ms: u64,
        command: &'static str,
    ) -> Result<u64, ErrorReply> {
        let number = integer(argument)?;
        let deadline = self
            .deadline_ms(number, now_ms)
            .filter(|_| number > 0)
            .and_then(|at| u64::try_from(at).ok());
        deadline.ok_or(ErrorReply::InvalidExpireTime(command))
    }
}

#[cfg(test)]
mod tests {
    use super::{DeadlineForm, forward_span, places, span};

    #[test]
    fn spans_are_cut_to_what_is_there() {
        for (start, end, len, expected) in [
            (0, -1, 5, Some((0, 4))),
            (0, 100, 5, Some((0, 4))),
            (-3, -2, 5, Some((2, 3))),
            (-100, 0, 5, Some((0, 0))),
            (-100, -99, 5, Some((0, 0))),
            (4, 2, 5, None),
            (5, 9, 5, None),
            (0, -1, 0, None),
            (i64::MIN, i64::MAX, 3, Some((0, 2))),
        ] {
            assert_eq!(span(start, end, len), expected, "{start} {end} of {len}");
            assert_eq!(forward_span(start, end, len), expected);
        }
        assert_eq!(span(-99, -100, 5), Some((0, 0)));
        assert_eq!(forward_span(-99, -100, 5), None);
    }

    #[test]
    fn places_of_collections_are_cut_to_what_is_there() {
        for (start, end, len, expected) in [
            (0, -1, 5, Some((0, 5))),
            (-3, -2, 5, Some((2, 2))),
            (-100, 0, 5, Some((0, 1))),
            (-100, -99, 5, None),
            (-100, -5, 5, Some((0, 1))),
            (4, 2, 5, None),
            (5, 9, 5, None),
            (0, -1, 0, None),
            (i64::MIN, i64::MAX, 3, Some((0, 3))),
            (i64::MIN, i64::MIN, 3, None),
        ] {
            assert_eq!(places(start, end, len), expected, "{start} {end} of {len}");
        }
    }

    #[test]
    fn deadlines_beyond_64_bits_are_none() {
        use DeadlineForm::{MillisecondsFromNow, SecondsFromNow, UnixMilliseconds, UnixSeconds};
        for (form, number, expected) in [
            (SecondsFromNow, 5, Some(6000)),
            (SecondsFromNow, -5, Some(-4000)),
            (SecondsFromNow, i64::MAX / 1000, None),
            (UnixSeconds, i64::MAX / 1000, Some(i64::MAX / 1000 * 1000)),
            (UnixSeconds, i64::MAX / 1000 + 1, None),
            (MillisecondsFromNow, i64::MAX - 1000, Some(i64::MAX)),
            (MillisecondsFromNow, i64::MAX - 999, None),
            (UnixMilliseconds, i64::MAX, Some(i64::MAX)),
        ] {
            assert_eq!(
                form.deadline_ms(number, 1000),
                expected,
                "{form:?} {number}"
            );
        }
    }
}
