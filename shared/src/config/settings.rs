//! Settings are written once: `settings!` makes of each line a public field, its default, its range, its text for `--help`, for the
//! commented file and for errors, and the way to set it by name. Pure.

use super::value::SettingValue;
use crate::topology::Address;

/// All that is known of one setting.
#[derive(Debug)]
pub struct Setting {
    /// Name in files and, behind two dashes, as a flag: `maxmemory-policy`.
    pub name: &'static str,
    /// Heading under which `--help` and the file list it.
    pub group: &'static str,
    /// What it does, in one or two sentences.
    pub doc: &'static str,
    /// What stands for a value in `--help`: `BYTES`.
    pub shape: &'static str,
    /// Least and greatest value, written as values are.
    pub range: Option<(&'static str, &'static str)>,
    /// Whether its value is hidden wherever it would be shown.
    pub secret: bool,
    /// Whether a TOML file writes its value in quotes.
    pub quoted: bool,
    /// How a file may write it as tables: their name, and their keys.
    pub table: Option<(&'static str, &'static [&'static str])>,
}

impl Setting {
    /// Its environment variable: `SWITCHYARD_NODE_MAXMEMORY_POLICY`.
    #[must_use]
    pub fn environment(&self, section: &str) -> String {
        let name = self.name.replace('-', "_").to_ascii_uppercase();
        format!("{}{name}", environment_prefix(section))
    }
}

/// How the environment variables of a section begin: `SWITCHYARD_NODE_`.
#[must_use]
pub fn environment_prefix(section: &str) -> String {
    format!("SWITCHYARD_{}_", section.to_ascii_uppercase())
}

/// Two settings that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Their names; the problem is shown where the first of them that was set at all was set.
    pub between: [&'static str; 2],
    /// A sentence that names both.
    pub text: String,
}

impl Conflict {
    /// The conflict there is when both listen at one address; at port 0 each gets one of its own.
    pub(super) fn same_address(
        between: [&'static str; 2],
        left: Option<&Address>,
        right: Option<&Address>,
    ) -> Option<Self> {
        let port = left.map_or(0, Address::port);
        (port != 0 && left == right).then(|| Self {
            between,
            text: format!("{} and {} are the same address", between[0], between[1]),
        })
    }

    /// The conflict there is when the first value is more than the second.
    pub(super) fn more_than<T: SettingValue + PartialOrd>(
        less: (&'static str, &T),
        more: (&'static str, &T),
    ) -> Option<Self> {
        (less.1 > more.1).then(|| Self {
            between: [less.0, more.0],
            text: format!(
                "{} ({}) is more than {} ({})",
                less.0,
                less.1.print(),
                more.0,
                more.1.print()
            ),
        })
    }
}

/// Plain data that can be set by name. Implemented by `settings!` alone.
pub trait Settings: Default + Clone {
    /// The table in a file that holds these settings: `[node]`.
    const SECTION: &'static str;

    /// Every setting, in the order in which they are listed.
    fn table() -> &'static [Setting];

    /// Sets one by its name.
    ///
    /// # Errors
    /// A sentence that says what was expected; the value stays as it was.
    fn set(&mut self, name: &str, text: &str) -> Result<(), String>;

    /// The value as text, a secret hidden; `None` when there is no such setting.
    fn get(&self, name: &str) -> Option<String>;

    /// Settings that contradict each other.
    fn conflicts(&self) -> Vec<Conflict>;

    /// The setting of this name.
    #[must_use]
    fn find(name: &str) -> Option<&'static Setting> {
        Self::table().iter().find(|setting| setting.name == name)
    }
}

/// `max_clients` → `max-clients`, by the compiler.
pub(super) const fn kebab_bytes<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        let byte = name.as_bytes()[index];
        bytes[index] = if byte == b'_' { b'-' } else { byte };
        index += 1;
    }
    bytes
}

/// A field's name as a setting's name.
macro_rules! kebab {
    ($field:ident) => {{
        const RAW: &str = stringify!($field);
        const BYTES: [u8; RAW.len()] = $crate::config::settings::kebab_bytes(RAW);
        const NAME: &str = match std::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => RAW,
        };
        NAME
    }};
}

/// The range of a setting, if one is given.
macro_rules! range {
    () => {
        None
    };
    ($low:literal, $high:literal) => {
        Some(($low, $high))
    };
}

/// Declares a struct of settings; see the module's page and its two users, `node.rs` and `proxy.rs`.
macro_rules! settings {
    (
        $(#[doc = $title:literal])+
        pub struct $name:ident in $section:literal {
            $( group $group:literal {
                $(
                    $(#[doc = $doc:literal])+
                    $field:ident: $type:ty = $default:expr $(, within $low:literal to $high:literal)?;
                )+
            } )+
        }
    ) => {
        $(#[doc = $title])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(
                $(#[doc = $doc])+
                pub $field: $type,
            )+)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($( $field: $default, )+)+ }
            }
        }

        impl $crate::config::Settings for $name {
            const SECTION: &'static str = $section;

            fn table() -> &'static [$crate::config::Setting] {
                static TABLE: &[$crate::config::Setting] = &[$($(
                    $crate::config::Setting {
                        name: kebab!($field),
                        group: $group,
                        doc: concat!($($doc),+).trim_ascii_start(),
                        shape: <$type as $crate::config::SettingValue>::SHAPE,
                        range: range!($($low, $high)?),
                        secret: <$type as $crate::config::SettingValue>::SECRET,
                        quoted: <$type as $crate::config::SettingValue>::QUOTED,
                        table: <$type as $crate::config::SettingValue>::TABLE,
                    },
                )+)+];
                TABLE
            }

            fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
                match name {
                    $($(
                        name if name == kebab!($field) => {
                            self.$field =
                                $crate::config::value::parse_within(text, range!($($low, $high)?))?;
                        }
                    )+)+
                    _ => return Err(format!("there is no setting \"{name}\"")),
                }
                Ok(())
            }

            fn get(&self, name: &str) -> Option<String> {
                match name {
                    $($(
                        name if name == kebab!($field) => {
                            Some($crate::config::SettingValue::print(&self.$field))
                        }
                    )+)+
                    _ => None,
                }
            }

            fn conflicts(&self) -> Vec<$crate::config::Conflict> {
                $name::find_conflicts(self)
            }
        }
    };
}

/// Declares an enum whose values are words.
macro_rules! choices {
    (
        $(#[doc = $title:literal])+
        pub enum $name:ident {
            $( $(#[$attribute:meta])+ $choice:ident = $text:literal, )+
        }
    ) => {
        $(#[doc = $title])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$attribute])+ $choice, )+
        }

        impl $name {
            /// Every value with its word.
            pub const ALL: &'static [(&'static str, Self)] = &[$( ($text, Self::$choice), )+];

            /// The word of this value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$choice => $text, )+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl $crate::config::SettingValue for $name {
            const SHAPE: &'static str = "WORD";

            fn parse(text: &str) -> Result<Self, String> {
                $crate::config::value::parse_choice(text, Self::ALL)
            }

            fn print(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

pub(super) use {choices, kebab, range, settings};
