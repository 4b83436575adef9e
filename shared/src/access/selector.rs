//! A selector: which commands, keys and channels go together. A user has one of its own, and more in parentheses.
//! Pure. Invariants: what a rule that is refused would have changed stays as it was; patterns stand once each, in the order in which they were given.

use std::collections::BTreeMap;

use super::command_set::{Category, CommandSet};
use super::rule::{LONGEST_PATTERN_BYTES, MOST_OF_A_KIND, RuleError, has_blanks, until_nul};
use crate::command::{self, CommandId, CommandSpec};
use crate::glob::Glob;
use crate::resp::is_word;

/// Whether who is given no rule for channels may use all of them (`acl-pubsub-default`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelsByDefault {
    /// None.
    #[default]
    None,
    /// All.
    All,
}

/// What may be done with keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Permission {
    pub(super) reads: bool,
    pub(super) writes: bool,
}

impl Permission {
    const ALL: Self = Self {
        reads: true,
        writes: true,
    };

    /// Whether it covers what is asked for.
    #[inline]
    pub(super) fn covers(self, wanted: Self) -> bool {
        (self.reads || !wanted.reads) && (self.writes || !wanted.writes)
    }
}

/// Keys by a pattern.
#[derive(Clone, Debug)]
pub(super) struct KeyPattern {
    pub(super) text: Box<[u8]>,
    pub(super) glob: Glob,
    pub(super) permission: Permission,
}

/// Channels by a pattern.
#[derive(Clone, Debug)]
pub(super) struct ChannelPattern {
    pub(super) text: Box<[u8]>,
    pub(super) glob: Glob,
}

/// Commands with the keys and channels that they may be used on.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) commands: CommandSet,
    /// All commands, so that none is looked up.
    pub(super) has_all_commands: bool,
    /// It began with all commands, those to come among them, whatever was taken from it since.
    pub(super) has_future_commands: bool,
    /// Commands that it has with these first arguments alone.
    pub(super) first_args: BTreeMap<CommandId, Vec<Box<[u8]>>>,
    pub(super) has_all_keys: bool,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) has_all_channels: bool,
    pub(super) channels: Vec<ChannelPattern>,
    /// Its commands, described; see [`Self::settle`].
    pub(super) description: Vec<u8>,
}

impl Selector {
    /// One that allows nothing, but channels if they are by default.
    pub(super) fn new(channels: ChannelsByDefault) -> Self {
        Self {
            commands: CommandSet::NONE,
            has_all_commands: false,
            has_future_commands: false,
            first_args: BTreeMap::new(),
            has_all_keys: false,
            keys: Vec::new(),
            has_all_channels: channels == ChannelsByDefault::All,
            channels: Vec::new(),
            description: Vec::new(),
        }
    }

    /// Whether it allows everything.
    pub(super) fn is_unlimited(&self) -> bool {
        self.has_all_commands && self.has_all_keys && self.has_all_channels
    }

    /// Applies one rule.
    pub(super) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let is = |word: &str| is_word(rule, word);
        if is("allkeys") || is("~*") {
            self.set_keys(true);
        } else if is("resetkeys") {
            self.set_keys(false);
        } else if is("allchannels") || is("&*") {
            self.set_channels(true);
        } else if is("resetchannels") {
            self.set_channels(false);
        } else if is("allcommands") || is("+@all") {
            self.set_commands(true);
        } else if is("nocommands") || is("-@all") {
            self.set_commands(false);
        } else {
            return match rule {
                [b'~', pattern @ ..] => self.allow_keys(pattern, Ok(Permission::ALL)),
                [b'%', rest @ ..] => {
                    let (permission, pattern) = split_permission(rest);
                    self.allow_keys(pattern, permission)
                }
                [b'&', pattern @ ..] => self.allow_channels(pattern),
                [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                    self.change_category(until_nul(category), *sign == b'+')
                }
                [b'+', name @ ..] => self.allow_command(until_nul(name)),
                [b'-', name @ ..] => {
                    let row = command::lookup_full_name(until_nul(name));
                    self.change(row.ok_or(RuleError::UnknownCommand)?, false);
                    Ok(())
                }
                _ => Err(RuleError::Syntax),
            };
        }
        Ok(())
    }

    fn set_keys(&mut self, are_all: bool) {
        self.has_all_keys = are_all;
        self.keys.clear();
    }

    fn set_channels(&mut self, are_all: bool) {
        self.has_all_channels = are_all;
        self.channels.clear();
    }

    fn set_commands(&mut self, are_all: bool) {
        self.has_all_commands = are_all;
        self.has_future_commands = are_all;
        self.commands = match are_all {
            true => CommandSet::all(),
            false => CommandSet::NONE,
        };
        self.first_args.clear();
    }

    fn allow_keys(
        &mut self,
        pattern: &[u8],
        permission: Result<Permission, RuleError>,
    ) -> Result<(), RuleError> {
        if self.has_all_keys {
            return Err(RuleError::BehindAllKeys);
        }
        let permission = permission?;
        let glob = read_pattern(pattern)?;
        if let Some(known) = self.keys.iter_mut().find(|known| *known.text == *pattern) {
            known.permission.reads |= permission.reads;
            known.permission.writes |= permission.writes;
            return Ok(());
        }
        check_room(self.keys.len())?;
        self.keys.push(KeyPattern {
            text: pattern.into(),
            glob,
            permission,
        });
        Ok(())
    }

    fn allow_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.has_all_channels {
            return Err(RuleError::BehindAllChannels);
        }
        let glob = read_pattern(pattern)?;
        if self.channels.iter().any(|known| *known.text == *pattern) {
            return Ok(());
        }
        check_room(self.channels.len())?;
        self.channels.push(ChannelPattern {
            text: pattern.into(),
            glob,
        });
        Ok(())
    }

    fn change_category(&mut self, word: &[u8], is_allowed: bool) -> Result<(), RuleError> {
        let category = Category::find(word).ok_or(RuleError::UnknownCommand)?;
        self.change_set(&category.changes, is_allowed);
        let rows = &category.rows;
        self.first_args.retain(|id, _| !rows.contains(*id));
        Ok(())
    }

    /// A command, a subcommand, or a command with a first argument.
    fn allow_command(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let Some(bar) = memchr::memrchr(b'|', name) else {
            let row = command::lookup(name).ok_or(RuleError::UnknownCommand)?;
            self.change(row, true);
            return Ok(());
        };
        let (first, behind) = (&name[..bar], &name[bar + 1..]);
        let row = command::lookup_full_name(first).ok_or(RuleError::UnknownCommand)?;
        if row.container().is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        if behind.is_empty() {
            return Err(RuleError::Syntax);
        }
        if row.is_container() {
            let row = row.subcommand(behind).ok_or(RuleError::UnknownCommand)?;
            self.change(row, true);
            return Ok(());
        }
        let allowed = self.first_args.entry(row.id).or_default();
        if !allowed.iter().any(|arg| arg.eq_ignore_ascii_case(behind)) {
            check_room(allowed.len())?;
            allowed.push(behind.into());
        }
        Ok(())
    }

    /// A command, and of a container all that it contains.
    fn change(&mut self, row: &CommandSpec, is_allowed: bool) {
        self.change_set(&CommandSet::of(row), is_allowed);
        self.first_args.remove(&row.id);
    }

    fn change_set(&mut self, set: &CommandSet, is_allowed: bool) {
        match is_allowed {
            true => self.commands.add(set),
            false => {
                self.commands.remove(set);
                self.has_all_commands = false;
            }
        }
    }
}

fn check_room(taken: usize) -> Result<(), RuleError> {
    match taken < MOST_OF_A_KIND {
        true => Ok(()),
        false => Err(RuleError::TooMany),
    }
}

fn read_pattern(pattern: &[u8]) -> Result<Glob, RuleError> {
    if has_blanks(pattern) {
        return Err(RuleError::Syntax);
    }
    if pattern.len() > LONGEST_PATTERN_BYTES {
        return Err(RuleError::TooLong);
    }
    Glob::new(pattern).map_err(|_| RuleError::TooLong)
}

/// What stands behind `%`: the letters R and W, each once at most, and behind `~` the pattern. Where there is no `~`, there is no pattern, as in Redis.
fn split_permission(text: &[u8]) -> (Result<Permission, RuleError>, &[u8]) {
    let mut permission = Permission::default();
    let mut rest = text;
    while let [letter, behind @ ..] = rest {
        rest = behind;
        match letter.to_ascii_uppercase() {
            b'R' if !permission.reads => permission.reads = true,
            b'W' if !permission.writes => permission.writes = true,
            b'~' => break,
            _ => return (Err(RuleError::Syntax), rest),
        }
    }
    if permission == Permission::default() {
        return (Err(RuleError::Syntax), rest);
    }
    (Ok(permission), rest)
}
