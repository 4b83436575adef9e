//! The name by which clients of Redis Sentinel ask for a primary.
//! Pure.

use super::value::SettingValue;

/// Longest, bytes.
const LONGEST_NAME: usize = 256;

/// A name as clients are configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentinelName(String);

impl SentinelName {
    /// It.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SentinelName {
    /// As in Redis' own example.
    fn default() -> Self {
        Self("mymaster".to_owned())
    }
}

impl SettingValue for SentinelName {
    const SHAPE: &'static str = "NAME";

    fn parse(text: &str) -> Result<Self, String> {
        let is_name = (1..=LONGEST_NAME).contains(&text.len())
            && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace());
        if !is_name {
            return Err(format!(
                "a primary's name has 1 to {LONGEST_NAME} bytes, and no blanks"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn print(&self) -> String {
        self.0.clone()
    }
}
