//! How each type of setting is read from text and printed as text. Pure.
//! Invariant: what is printed parses back to the same value, but for a secret, which never prints.

use super::problem::did_you_mean;
use super::secret::{HIDDEN, Secret};
use super::units::{ByteCount, ConfigPairs, FileName, SavePoints, parse_duration, print_duration};
use crate::topology::{Address, NameError, NodeId, Zone};
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// What stands for a value in `--help`: `BYTES`.
    const SHAPE: &'static str;

    /// Whether the value is hidden wherever it would be shown.
    const SECRET: bool = false;

    /// Whether a TOML file writes the value in quotes.
    const QUOTED: bool = true;

    /// A list that a file may also write as tables, one per element: their name, and their keys, of which the first must be there. An element's text is the
    /// first key's value and behind it `key=value` of the others; between elements stand semicolons.
    const TABLE: Option<(&'static str, &'static [&'static str])> = None;

    /// Reads a value.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as text.
    fn print(&self) -> String;

    /// What a range is checked against; `None` for types, or values, that have no size.
    fn magnitude(&self) -> Option<u64> {
        None
    }
}

/// Reads a value and checks that it lies between `low` and `high`, which are written as values are.
pub(super) fn parse_within<T: SettingValue>(
    text: &str,
    range: Option<(&str, &str)>,
) -> Result<T, String> {
    let value = T::parse(text)?;
    if let (Some((low, high)), Some(magnitude)) = (range, value.magnitude()) {
        let bound = |text: &str| T::parse(text).ok().and_then(|bound| bound.magnitude());
        let above = bound(low).is_none_or(|low| magnitude >= low);
        let below = bound(high).is_none_or(|high| magnitude <= high);
        if !above || !below {
            return Err(format!("{text} is out of range; it may be {low} to {high}"));
        }
    }
    Ok(value)
}

/// Unset is written "off".
impl<T: SettingValue> SettingValue for Option<T> {
    const SHAPE: &'static str = T::SHAPE;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.eq_ignore_ascii_case("off") {
            return Ok(None);
        }
        T::parse(text)
            .map(Some)
            .map_err(|error| format!("{error}, or \"off\""))
    }

    fn print(&self) -> String {
        self.as_ref().map_or_else(|| "off".to_owned(), T::print)
    }

    fn magnitude(&self) -> Option<u64> {
        self.as_ref().and_then(T::magnitude)
    }
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl SettingValue for $number {
            const SHAPE: &'static str = "NUMBER";
            const QUOTED: bool = false;

            fn parse(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|_| {
                    format!("\"{text}\" is not a whole number up to {}", <$number>::MAX)
                })
            }

            fn print(&self) -> String {
                self.to_string()
            }

            fn magnitude(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }
    )+};
}

whole_numbers!(u8, u16, u32, u64, usize);

impl SettingValue for bool {
    const SHAPE: &'static str = "true|false";
    const QUOTED: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(format!("\"{text}\" is neither true nor false")),
        }
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for Duration {
    const SHAPE: &'static str = "DURATION";

    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }

    fn print(&self) -> String {
        print_duration(*self)
    }

    fn magnitude(&self) -> Option<u64> {
        u64::try_from(self.as_nanos()).ok()
    }
}

impl SettingValue for ByteCount {
    const SHAPE: &'static str = "BYTES";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn magnitude(&self) -> Option<u64> {
        Some(self.0)
    }
}

impl SettingValue for Address {
    const SHAPE: &'static str = "HOST:PORT";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: crate::topology::AddressError| error.to_string())
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

macro_rules! names {
    ($($name:ty),+) => {$(
        impl SettingValue for $name {
            const SHAPE: &'static str = "NAME";

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: NameError| error.to_string())
            }

            fn print(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

names!(NodeId, Zone);

impl SettingValue for PathBuf {
    const SHAPE: &'static str = "FILE";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the path is empty".to_owned());
        }
        Ok(Self::from(text))
    }

    fn print(&self) -> String {
        self.display().to_string()
    }
}

impl SettingValue for FileName {
    const SHAPE: &'static str = "NAME";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for SavePoints {
    const SHAPE: &'static str = "POINTS";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for ConfigPairs {
    const SHAPE: &'static str = "PAIRS";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for Secret {
    const SHAPE: &'static str = "PASSWORD";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn print(&self) -> String {
        if self.is_empty() { "" } else { HIDDEN }.to_owned()
    }
}

/// Reads one of `choices`, in any case.
pub(crate) fn parse_choice<T: Copy>(
    text: &str,
    choices: &[(&'static str, T)],
) -> Result<T, String> {
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some(&(_, value)) = found {
        return Ok(value);
    }
    let names: Vec<&str> = choices.iter().map(|&(name, _)| name).collect();
    let hint = did_you_mean(text, names.iter().copied());
    Err(format!(
        "\"{text}\" is not one of {}{hint}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: SettingValue>(text: &str, printed: Result<&str, &str>) {
        let value = T::parse(text).map(|value| value.print());
        assert_eq!(value.as_deref().map_err(String::as_str), printed);
    }

    #[test]
    fn values_print_as_they_are_read() {
        check::<u16>("16", Ok("16"));
        check::<bool>("yes", Ok("true"));
        check::<bool>("OFF", Ok("false"));
        check::<Duration>("250ms", Ok("250ms"));
        check::<ByteCount>("64mb", Ok("64mb"));
        check::<Option<Duration>>("off", Ok("off"));
        check::<Option<Duration>>("1s", Ok("1s"));
        check::<Address>("[::1]:6379", Ok("[::1]:6379"));
        check::<NodeId>("n-1", Ok("n-1"));
        check::<Option<Zone>>("off", Ok("off"));
        check::<Secret>("open sesame", Ok("(hidden)"));
        check::<Secret>("", Ok(""));
        check::<FileName>("dump.rdb", Ok("dump.rdb"));
        check::<SavePoints>("3600 1  60 10000", Ok("3600 1 60 10000"));
        check::<SavePoints>("", Ok(""));
        check::<ConfigPairs>("", Ok(""));
        check::<ConfigPairs>(" hz  20 'a b' '' x y", Ok("hz 20 \"a b\" \"\" x y"));
        check::<ConfigPairs>("a \"b\\\\\\\"\\n\"", Ok("a \"b\\\\\\\"\\n\""));
    }

    #[test]
    fn errors_say_what_was_expected() {
        check::<u16>("-1", Err("\"-1\" is not a whole number up to 65535"));
        check::<bool>("maybe", Err("\"maybe\" is neither true nor false"));
        check::<PathBuf>("", Err("the path is empty"));
        let no_name = "\"a/b\" is not the name of a file without a folder";
        check::<FileName>("a/b", Err(no_name));
        let no_points = "\"60\" is not pairs of seconds and changes, as in \"3600 1 60 10000\"";
        check::<SavePoints>("60", Err(no_points));
        assert!(ConfigPairs::parse("hz").is_err() && ConfigPairs::parse("hz '20").is_err());
    }

    #[test]
    fn ranges_include_their_ends() {
        let within = |text| parse_within::<u32>(text, Some(("1", "500"))).is_ok();
        assert!(within("1") && within("500"));
        assert!(!within("0") && !within("501"));
        let off = parse_within::<Option<Duration>>("off", Some(("1ms", "1h")));
        assert_eq!(off, Ok(None));
        assert_eq!(
            parse_within::<Duration>("2h", Some(("1ms", "1h"))),
            Err("2h is out of range; it may be 1ms to 1h".to_owned())
        );
    }
}
