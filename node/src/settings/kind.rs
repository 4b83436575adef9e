//! What the value of a parameter may be, how it is read, and how it is shown again.
//! Pure. The texts are those of Redis 7.0, word for word.

use super::special;
use shared::config::parse_size;
use shared::resp::is_word;
use std::borrow::Cow;

/// What is wrong with a value; the text that follows ` - ` in the error of CONFIG SET.
pub type Complaint = Cow<'static, str>;

/// What the value of a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Set at the start, never later.
    Fixed,
    /// Never set by a client (`enable-protected-configs no`).
    Protected,
    /// `yes` or `no`.
    Switch,
    /// `yes` or `no`, of which `yes` is refused with this complaint: the node does not have what it would switch on.
    AlwaysOff(&'static str),
    /// An integer.
    Number {
        /// Smallest.
        least: i64,
        /// Largest.
        most: i64,
    },
    /// A size with or without unit.
    Memory {
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// A size, or so many percent of `maxmemory`.
    MemoryOrPercent,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Any text, which no log shows.
    Secret,
    /// Letters, digits, hyphens, dots.
    HostName,
    /// `class hard soft seconds` for some of the classes of clients.
    OutputLimits,
    /// Percentages between 0 and 100.
    Percentiles,
    /// Three integers between -2000 and 2000.
    OomScores,
    /// Pairs of seconds and changes.
    SavePoints,
    /// Letters of `notify-keyspace-events`.
    KeyspaceEvents,
}

impl Kind {
    /// Whether CONFIG SET refuses it whatever the value.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Fixed | Self::Protected)
    }

    /// `value` as CONFIG GET will show it, given that it shows `current` now.
    ///
    /// # Errors
    /// Redis' complaint.
    pub fn parse(self, current: &[u8], value: &[u8]) -> Result<Vec<u8>, Complaint> {
        match self {
            Self::Fixed => Err("can't set immutable config".into()),
            Self::Protected => Err("can't set protected config".into()),
            Self::Switch => switch(value),
            Self::AlwaysOff(refusal) => match switch(value)?.as_slice() {
                b"yes" => Err(refusal.into()),
                _ => Ok(b"no".to_vec()),
            },
            Self::Number { least, most } => number(value, least, most),
            Self::Memory { least, most } => size(value, least, most),
            Self::MemoryOrPercent => size_or_percent(value),
            Self::Choice(words) => choice(value, words),
            // Secrets are compared and written to files as text.
            Self::Secret if std::str::from_utf8(value).is_err() => {
                Err("argument must be UTF-8 text".into())
            }
            Self::Text | Self::Secret => Ok(value.to_vec()),
            Self::HostName => special::host_name(value),
            Self::OutputLimits => special::output_limits(current, value),
            Self::Percentiles => special::percentiles(value),
            Self::OomScores => special::oom_scores(value),
            Self::SavePoints => special::save_points(value),
            Self::KeyspaceEvents => special::keyspace_events(value),
        }
    }
}

fn switch(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    for word in ["yes", "no"] {
        if is_word(value, word) {
            return Ok(word.into());
        }
    }
    Err("argument must be 'yes' or 'no'".into())
}

fn choice(value: &[u8], words: &[&str]) -> Result<Vec<u8>, Complaint> {
    words
        .iter()
        .find(|word| is_word(value, word))
        .map(|word| Vec::from(*word))
        .ok_or_else(|| {
            format!(
                "argument(s) must be one of the following: {}",
                words.join(", ")
            )
            .into()
        })
}

fn number(value: &[u8], least: i64, most: i64) -> Result<Vec<u8>, Complaint> {
    let number =
        shared::resp::parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    if !(least..=most).contains(&number) {
        return Err(format!("argument must be between {least} and {most} inclusive").into());
    }
    Ok(number.to_string().into_bytes())
}

fn size(value: &[u8], least: u64, most: u64) -> Result<Vec<u8>, Complaint> {
    let bytes = parse_size(value).ok_or("argument must be a memory value")?;
    if !(least..=most).contains(&bytes) {
        return Err(format!("argument must be between {least} and {most} inclusive").into());
    }
    Ok(bytes.to_string().into_bytes())
}

fn size_or_percent(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let wrong = || Complaint::from("argument must be a memory or percent value");
    if let Some(digits) = value.strip_suffix(b"%") {
        let percent = shared::resp::parse_integer(digits)
            .filter(|percent| *percent >= 0)
            .ok_or_else(wrong)?;
        if percent > 100 {
            return Err("percentage argument must be less or equal to 100".into());
        }
        return Ok(value.to_vec());
    }
    let bytes = parse_size(value).ok_or_else(wrong)?;
    Ok(bytes.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use shared::config::parse_size;

    #[test]
    fn values_are_read_and_shown_as_redis_does() {
        let check = |kind: Kind, value: &str, expected: Result<&str, &str>| {
            let found = kind.parse(b"", value.as_bytes());
            let found = found.map(|bytes| String::from_utf8(bytes).expect("text"));
            assert_eq!(
                found.as_deref().map_err(|complaint| &**complaint),
                expected,
                "{value}"
            );
        };
        check(Kind::Switch, "YES", Ok("yes"));
        check(Kind::Switch, "No\0thing", Ok("no"));
        check(
            Kind::AlwaysOff("no such thing"),
            "Yes",
            Err("no such thing"),
        );
        check(Kind::AlwaysOff("no such thing"), "No", Ok("no"));
        check(Kind::Switch, "1", Err("argument must be 'yes' or 'no'"));
        let small = Kind::Number { least: 1, most: 9 };
        check(small, "7", Ok("7"));
        check(
            small,
            "10",
            Err("argument must be between 1 and 9 inclusive"),
        );
        let no_number = Err("argument couldn't be parsed into an integer");
        check(small, "+7", no_number);
        check(small, "07", no_number);
        let large = Kind::Memory {
            least: 1_000,
            most: u64::MAX,
        };
        check(large, "1k", Ok("1000"));
        check(large, "1KB", Ok("1024"));
        check(large, "1.5gb", Err("argument must be a memory value"));
        check(Kind::MemoryOrPercent, "5%", Ok("5%"));
        check(
            Kind::MemoryOrPercent,
            "101%",
            Err("percentage argument must be less or equal to 100"),
        );
        let words = Kind::Choice(&["everysec", "no"]);
        check(words, "NO", Ok("no"));
        check(
            words,
            "zz",
            Err("argument(s) must be one of the following: everysec, no"),
        );
    }

    #[test]
    fn sizes_never_overflow() {
        assert_eq!(parse_size(b""), Some(0));
        assert_eq!(parse_size(b"99999999999999999999gb"), Some(u64::MAX));
        assert_eq!(parse_size(b"1kb\0gb"), Some(1024));
        assert_eq!(parse_size(b"1 gb"), None);
        assert_eq!(parse_size(b"-1"), None);
    }
}
