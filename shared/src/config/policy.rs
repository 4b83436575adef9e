//! What holds for some keys: when their writes are acknowledged, and who answers their reads. Plain data, and its text. Pure.
//! Invariant: what is printed reads back to the same policies.

use super::settings::{Conflict, choices};
use super::value::SettingValue;
use crate::glob::Glob;
use crate::topology::Zone;

choices! {
    /// When a write is acknowledged, on shards with followers.
    pub enum Acks {
        /// When the primary has carried it out. What it had not handed on when it is lost, is lost.
        #[default]
        Async = "async",
        /// When every follower that is in sync has it, too: what was acknowledged survives the loss of the primary.
        InSync = "in-sync",
    }
}

choices! {
    /// Who answers commands that only read.
    pub enum ReadFrom {
        /// The shard's primary.
        #[default]
        Primary = "primary",
        /// One of the followers that are in sync; what it says may be a little old.
        Follower = "follower",
        /// A member in the proxy's own zone: the primary if it is there, else a follower that is in sync.
        Nearest = "nearest",
        /// The primary, which first makes sure that it still is: what was acknowledged before the read came is seen.
        Linearizable = "linearizable",
    }
}

/// Most policies of a proxy: each key of a command is held against them, one after the other.
pub const MOST_POLICIES: usize = 64;

/// Longest pattern of a policy, bytes.
pub const LONGEST_PATTERN: usize = 256;

/// What holds for the keys that a pattern matches; what is left out is as for all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A pattern as KEYS takes it, without blanks and semicolons; 1 to [`LONGEST_PATTERN`] bytes.
    pub keys: String,
    /// When writes are acknowledged.
    pub acks: Option<Acks>,
    /// Who answers reads.
    pub read_from: Option<ReadFrom>,
}

impl Policy {
    /// The keys of its table in a file.
    pub const COLUMNS: &'static [&'static str] = &["keys", "acks", "read-from"];

    /// `cart:* acks=in-sync read-from=follower`
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let keys = words.next().unwrap_or_default().to_owned();
        if keys.is_empty() {
            return Err("a policy begins with a pattern of keys".to_owned());
        }
        if keys.len() > LONGEST_PATTERN || Glob::new(keys.as_bytes()).is_err() {
            return Err(format!(
                "the pattern \"{}…\" is too long; {LONGEST_PATTERN} bytes are the most",
                keys.chars().take(32).collect::<String>()
            ));
        }
        let (mut acks, mut read_from) = (None, None);
        for word in words {
            let is_new = match word.split_once('=') {
                Some(("acks", value)) => acks.replace(Acks::parse(value)?).is_none(),
                Some(("read-from", value)) => read_from.replace(ReadFrom::parse(value)?).is_none(),
                _ => {
                    return Err(format!(
                        "\"{word}\" behind the pattern \"{keys}\" is neither acks=WORD nor read-from=WORD"
                    ));
                }
            };
            if !is_new {
                return Err(format!("\"{word}\" is said twice of \"{keys}\""));
            }
        }
        if acks.is_none() && read_from.is_none() {
            return Err(format!(
                "nothing is said of \"{keys}\"; write acks=WORD or read-from=WORD behind it"
            ));
        }
        Ok(Self {
            keys,
            acks,
            read_from,
        })
    }

    fn print(&self) -> String {
        let mut text = self.keys.clone();
        if let Some(acks) = self.acks {
            text += &format!(" acks={acks}");
        }
        if let Some(read_from) = self.read_from {
            text += &format!(" read-from={read_from}");
        }
        text
    }
}

/// Policies in their order: the first whose pattern matches a key holds for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(pub Vec<Policy>);

/// `cart:* acks=in-sync; session:* read-from=follower`
impl SettingValue for Policies {
    const SHAPE: &'static str = "PATTERN acks=WORD read-from=WORD; …";

    const TABLE: Option<(&'static str, &'static [&'static str])> =
        Some(("policy", Policy::COLUMNS));

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(';').map(str::trim);
        let policies: Result<Vec<Policy>, String> = parts
            .filter(|part| !part.is_empty())
            .map(Policy::parse)
            .collect();
        let policies = policies?;
        if policies.len() > MOST_POLICIES {
            return Err(format!(
                "{} policies are too many; {MOST_POLICIES} are the most",
                policies.len()
            ));
        }
        Ok(Self(policies))
    }

    fn print(&self) -> String {
        let texts: Vec<String> = self.0.iter().map(Policy::print).collect();
        texts.join("; ")
    }
}

/// What holds for a key, nothing left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// When writes are acknowledged.
    pub acks: Acks,
    /// Who answers reads.
    pub read_from: ReadFrom,
}

impl Rule {
    /// Where `policy` says nothing, `self` holds.
    #[must_use]
    pub fn with(self, policy: &Policy) -> Self {
        Self {
            acks: policy.acks.unwrap_or(self.acks),
            read_from: policy.read_from.unwrap_or(self.read_from),
        }
    }

    /// What cannot be kept of it; `whose` is said first.
    fn conflict(self, whose: &str, own: &'static str, zone: Option<&Zone>) -> Option<Conflict> {
        match self.read_from {
            ReadFrom::Linearizable if self.acks == Acks::Async => Some(Conflict {
                between: [own, "acks"],
                text: format!(
                    "{whose}read-from linearizable needs acks in-sync: an acknowledged write could be lost, and a read that has seen it was wrong"
                ),
            }),
            ReadFrom::Nearest if zone.is_none() => Some(Conflict {
                between: [own, "zone"],
                text: format!("{whose}read-from nearest needs zone: where this proxy is"),
            }),
            _ => None,
        }
    }
}

impl Policies {
    /// Rules that cannot be kept, `usual` being that of all other keys.
    pub(super) fn conflicts(&self, usual: Rule, zone: Option<&Zone>) -> Vec<Conflict> {
        let of_usual = usual.conflict("", "read-from", zone);
        let others = self.0.iter().filter_map(|policy| {
            let whose = format!("keys \"{}\": ", policy.keys);
            usual.with(policy).conflict(&whose, "policies", zone)
        });
        of_usual.into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_print_as_they_are_read() {
        for text in [
            "",
            "cart:* acks=in-sync",
            "cart:* acks=in-sync read-from=follower; a?[bc]=* read-from=primary",
            "* acks=async read-from=nearest",
        ] {
            assert_eq!(Policies::parse(text).unwrap().print(), text);
        }
        let loose = Policies::parse(" ; k  read-from=PRIMARY   acks=async ;").unwrap();
        assert_eq!(loose.print(), "k acks=async read-from=primary");
    }

    #[test]
    fn what_is_wrong_with_a_policy_is_said() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Policies::parse(text).unwrap_err(), expected);
        };
        check(
            "cart:*",
            "nothing is said of \"cart:*\"; write acks=WORD or read-from=WORD behind it",
        );
        check(
            "a b acks=async",
            "\"b\" behind the pattern \"a\" is neither acks=WORD nor read-from=WORD",
        );
        check(
            "a acks=asinc",
            "\"asinc\" is not one of async, in-sync; did you mean \"async\"?",
        );
        check(
            "a acks=async acks=async",
            "\"acks=async\" is said twice of \"a\"",
        );
        let longest = "k".repeat(LONGEST_PATTERN);
        assert!(Policies::parse(&format!("{longest} acks=async")).is_ok());
        assert!(Policies::parse(&format!("{longest}k acks=async")).is_err());
        let most = vec!["k acks=async"; MOST_POLICIES];
        assert!(Policies::parse(&most.join(";")).is_ok());
        assert!(Policies::parse(&[&most[..], &most[..1]].concat().join(";")).is_err());
    }

    #[test]
    fn rules_that_cannot_be_kept_are_conflicts() {
        let zone: Zone = "a".parse().unwrap();
        let check = |acks, read_from, policies: &str, zone: Option<&Zone>, expected: usize| {
            let usual = Rule { acks, read_from };
            let policies = Policies::parse(policies).unwrap();
            assert_eq!(policies.conflicts(usual, zone).len(), expected);
        };
        use ReadFrom::{Linearizable, Nearest, Primary};
        check(Acks::Async, Primary, "", None, 0);
        check(Acks::Async, Linearizable, "", None, 1);
        check(Acks::InSync, Linearizable, "", None, 0);
        check(Acks::InSync, Linearizable, "a acks=async", None, 1);
        check(Acks::Async, Primary, "a read-from=linearizable", None, 1);
        check(
            Acks::Async,
            Primary,
            "a acks=in-sync read-from=linearizable",
            None,
            0,
        );
        check(Acks::Async, Nearest, "a read-from=nearest", None, 2);
        check(Acks::Async, Nearest, "a read-from=nearest", Some(&zone), 0);
    }
}
