//! Byte counts and durations as people write them: `64mb`, `1gb`, `250ms`, `1h`. Pure.
//! Invariant: what is printed parses back to the same value.

use crate::resp::split_line;
use std::fmt;
use std::time::Duration;

/// A number of bytes. Prints as Redis writes memory sizes: in the largest of `gb`, `mb`, `kb` that leaves no remainder, else plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(pub u64);

/// The suffixes of redis.conf: with a `b` powers of 1024, without powers of 1000.
const BYTE_UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1 << 40),
];

/// Nanoseconds per unit.
const TIME_UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl ByteCount {
    /// As a length in memory; what does not fit this machine's address space is more than it can have, so it stays at the most.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads `1024`, `64mb`, `1g` …, upper or lower case.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let factor = factor(&BYTE_UNITS, unit);
        match (number.parse::<u64>(), factor) {
            (Ok(number), Some(factor)) => number
                .checked_mul(factor)
                .map(Self)
                .ok_or_else(|| format!("\"{text}\" is more bytes than 64 bits can count")),
            _ => Err(format!(
                "\"{text}\" is not a number of bytes; write a whole number and, if you like, one of b, k, kb, m, mb, g, gb, t, tb, as in \"64mb\""
            )),
        }
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in ["tb", "gb", "mb", "kb"] {
            if let Some(factor) = factor(&BYTE_UNITS, unit)
                && self.0 != 0
                && self.0.is_multiple_of(factor)
            {
                return write!(out, "{}{unit}", self.0 / factor);
            }
        }
        write!(out, "{}", self.0)
    }
}

/// A size as redis.conf writes it: digits, then nothing or one of `b k kb m mb g gb`, in any letter case. Digits alone may be missing: that is 0.
/// Ends at a NUL byte, as a C string does.
#[must_use]
pub fn parse_size(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number = number.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(number.saturating_mul(factor))
}

/// Reads `250ms`, `5s`, `1h` …; a number alone is seconds, as in redis.conf.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let Ok(number) = number.parse::<u64>() else {
        return Err(format!(
            "\"{text}\" is not a duration; write a whole number of seconds, or one with ns, us, ms, s, m, h or d, as in \"250ms\""
        ));
    };
    let unit = if unit.is_empty() { "s" } else { unit };
    let Some(factor) = factor(&TIME_UNITS, unit) else {
        return Err(format!(
            "\"{text}\" has an unknown unit; it may be ns, us, ms, s, m, h or d"
        ));
    };
    number
        .checked_mul(factor)
        .map(Duration::from_nanos)
        .ok_or_else(|| format!("\"{text}\" is longer than 584 years"))
}

/// The duration in the largest unit that leaves no remainder; what is longer than 584 years prints as that.
#[must_use]
pub fn print_duration(duration: Duration) -> String {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, factor) in TIME_UNITS.iter().rev() {
        if nanoseconds.is_multiple_of(*factor) {
            return format!("{}{unit}", nanoseconds / factor);
        }
    }
    format!("{nanoseconds}ns")
}

/// The digits in front, the unit behind, spaces around both removed.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .map(|&(_, factor)| factor)
}

/// The name of a file, without a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// A name that is known to be one.
    #[must_use]
    pub fn of(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// Reads one.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name = !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']);
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is not the name of a file without a folder"
            ))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// When the keyspace is saved: after so many seconds, if there were so many changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavePoints(pub Vec<(u64, u64)>);

impl SavePoints {
    /// Reads pairs of seconds and changes.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = text
            .split_ascii_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        let numbers = numbers.filter(|numbers| numbers.len() % 2 == 0);
        let pairs = numbers.map(|numbers| numbers.chunks(2).map(|two| (two[0], two[1])).collect());
        let points: Option<Vec<(u64, u64)>> = pairs;
        let points = points.filter(|points| points.iter().all(|(seconds, _)| *seconds > 0));
        points.map(Self).ok_or_else(|| {
            format!("\"{text}\" is not pairs of seconds and changes, as in \"3600 1 60 10000\"")
        })
    }
}

impl fmt::Display for SavePoints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self
            .0
            .iter()
            .map(|(seconds, changes)| format!("{seconds} {changes}"))
            .collect();
        out.write_str(&words.join(" "))
    }
}

/// Names and values as CONFIG SET takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigPairs(pub Vec<(String, String)>);

impl ConfigPairs {
    /// Reads them as a client types them: words, in quotes where they hold blanks or nothing.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = split_line(text.as_bytes()).filter(|words| words.len() % 2 == 0);
        let words = words.and_then(|words| {
            let texts = words.into_iter().map(String::from_utf8);
            texts.collect::<Result<Vec<_>, _>>().ok()
        });
        let Some(words) = words else {
            return Err(format!(
                "\"{text}\" is not names and values as CONFIG SET takes them, as in \"notify-keyspace-events KEA hash-max-listpack-entries 256\""
            ));
        };
        let pairs = words.chunks(2);
        Ok(Self(
            pairs.map(|two| (two[0].clone(), two[1].clone())).collect(),
        ))
    }
}

impl fmt::Display for ConfigPairs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (name, value)) in self.0.iter().enumerate() {
            let blank = if nth == 0 { "" } else { " " };
            write!(out, "{blank}{} {}", typed(name), typed(value))?;
        }
        Ok(())
    }
}

/// A word as it is typed.
fn typed(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    let mut typed = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => typed.extend(['\\', character]),
            '\n' => typed.push_str("\\n"),
            '\r' => typed.push_str("\\r"),
            '\0' => typed.push_str("\\x00"),
            _ => typed.push(character),
        }
    }
    typed.push('"');
    typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn byte_counts_are_read_as_redis_reads_them() {
        let check = |text: &str, bytes: Option<u64>| {
            assert_eq!(
                ByteCount::parse(text).ok(),
                bytes.map(ByteCount),
                "reading {text:?}"
            );
        };
        check("0", Some(0));
        check("100", Some(100));
        check("1k", Some(1_000));
        check("1kb", Some(1_024));
        check("2M", Some(2_000_000));
        check("2MB", Some(2 << 20));
        check("3g", Some(3_000_000_000));
        check("3Gb", Some(3 << 30));
        check("7b", Some(7));
        check(" 7 mb ", Some(7 << 20));
        check("", None);
        check("mb", None);
        check("-1", None);
        check("1.5gb", None);
        check("1xb", None);
        check("99999999999999999999", None);
        check("18446744073709551615kb", None);
    }

    #[test]
    fn sizes_of_redis_conf_know_no_blanks_no_terabytes_and_end_at_a_nul() {
        for (text, bytes) in [
            ("8Gb", Some(8 << 30)),
            ("8gB\0x", Some(8 << 30)),
            ("010k", Some(10_000)),
            ("", Some(0)),
            ("8t", None),
            ("8 gb", None),
            (" 8gb", None),
            ("+8", None),
        ] {
            assert_eq!(parse_size(text.as_bytes()), bytes, "reading {text:?}");
        }
    }

    #[test]
    fn durations_without_a_unit_are_seconds() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(
                parse_duration(text).ok(),
                ms.map(Duration::from_millis),
                "reading {text:?}"
            );
        };
        check("0", Some(0));
        check("250ms", Some(250));
        check("5S", Some(5_000));
        check("2m", Some(120_000));
        check("1h", Some(3_600_000));
        check("1d", Some(86_400_000));
        check("300", Some(300_000));
        check(" 7 ", Some(7_000));
        check("1.5s", None);
        check("1y", None);
        check("-1s", None);
        check("999999999999d", None);
        check("99999999999999", None);
    }

    #[test]
    fn printing_chooses_the_largest_unit_without_remainder() {
        assert_eq!(ByteCount(64 << 20).to_string(), "64mb");
        assert_eq!(ByteCount(1_000).to_string(), "1000");
        assert_eq!(ByteCount(0).to_string(), "0");
        assert_eq!(print_duration(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(print_duration(Duration::from_secs(120)), "2m");
        assert_eq!(print_duration(Duration::ZERO), "0s");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(number in any::<u64>(), shift in 0_u32..64) {
            let number = number >> shift;
            prop_assert_eq!(ByteCount::parse(&ByteCount(number).to_string()), Ok(ByteCount(number)));
            let duration = Duration::from_nanos(number);
            prop_assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            prop_assert!(ByteCount::parse(&text).is_ok() || ByteCount::parse(&text).is_err());
            prop_assert!(parse_duration(&text).is_ok() || parse_duration(&text).is_err());
        }
    }
}
