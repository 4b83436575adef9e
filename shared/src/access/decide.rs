//! What a user may do: a command with its keys and channels, by one of its selectors as a whole.
//! Pure. Invariant: a command is allowed when one selector allows all of it; what two allow by halves is not.
//! Bound: a command is held against patterns [`MOST_COMPARISONS`] times at most, some milliseconds.

use super::selector::{Permission, Selector};
use super::user::User;
use crate::command::{CommandFlags, CommandId, CommandSpec, KeyFlags};
use crate::glob::{Glob, MOST_STEPS};
use crate::resp::{AccessError, Args, ErrorReply};

/// Most comparisons of a command's keys and channels with a user's patterns. Ours: Redis goes on for as long as it takes.
const MOST_COMPARISONS: usize = 512 * 1024;

/// What of a command is not allowed. Of several that selectors say, the last in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The command itself.
    Command,
    /// The key in this argument.
    Key(usize),
    /// The channel in this argument.
    Channel(usize),
    /// Nobody knows: there are too many keys or channels to be held against the user's patterns.
    TooMany,
}

impl Denied {
    /// What is said to whoever asked for the command.
    #[must_use]
    pub fn reply(self, spec: &CommandSpec) -> ErrorReply {
        match self {
            Self::Command => ErrorReply::Access(AccessError::Command(spec.name)),
            Self::Key(_) => ErrorReply::Access(AccessError::Keys),
            Self::Channel(_) => ErrorReply::Access(AccessError::Channels),
            Self::TooMany => ErrorReply::TooManyNames,
        }
    }

    /// The same of a command that a script asks for.
    #[must_use]
    pub fn reply_in_script(self) -> ErrorReply {
        let reason = match self {
            Self::Command => "can't run this command or subcommand",
            Self::Key(_) => {
                "can't access at least one of the keys mentioned in the command arguments"
            }
            Self::Channel(_) => "can't publish to the channel mentioned in the command",
            Self::TooMany => "names too many keys or channels at once",
        };
        AccessError::InScript(reason).into()
    }

    /// The same of a command that was queued when it was still allowed.
    #[must_use]
    pub fn reply_at_exec(self) -> ErrorReply {
        let reason = match self {
            Self::Command => "no permission to execute the command or subcommand",
            Self::Key(_) => "no permission to touch the specified keys",
            Self::Channel(_) => {
                "no permission to access one of the channels used as arguments to the command"
            }
            Self::TooMany => "too many names in one request",
        };
        AccessError::ChangedSinceQueued(reason).into()
    }
}

/// Comparisons that a command may still cost.
struct Patience {
    comparisons: usize,
    steps: usize,
}

impl Patience {
    /// Whether the pattern `text`, read as `glob`, matches; `Err` when it is not to be found out.
    fn matches(&mut self, (text, glob): (&[u8], &Glob), name: &[u8]) -> Result<bool, Denied> {
        // Unlike KEYS: `%R~*` does not match the empty name.
        if name.is_empty() {
            return Ok(text.is_empty());
        }
        self.comparisons = self.comparisons.checked_sub(1).ok_or(Denied::TooMany)?;
        glob.matches_within(name, &mut self.steps)
            .map_err(|_| Denied::TooMany)
    }
}

impl User {
    /// Whether it may run this command, whose arity has been checked.
    ///
    /// # Errors
    /// What it may not.
    pub fn check(&self, spec: &CommandSpec, args: Args<'_>) -> Result<(), Denied> {
        if self.is_unlimited() {
            return Ok(());
        }
        let mut patience = Patience {
            comparisons: MOST_COMPARISONS,
            steps: MOST_STEPS,
        };
        let mut denied = Denied::Command;
        for selector in self.all_selectors() {
            match selector.check(spec, args, &mut patience) {
                Ok(()) => return Ok(()),
                Err(reason) => denied = denied.max(reason),
            }
        }
        Err(denied)
    }

    /// Whether it may run this command and read every key there is by the same selector: then SORT may look where BY and GET say.
    #[must_use]
    pub fn may_read_every_key(&self, spec: &CommandSpec, args: Args<'_>) -> bool {
        let mut patience = Patience {
            comparisons: MOST_COMPARISONS,
            steps: MOST_STEPS,
        };
        self.is_unlimited()
            || self.all_selectors().iter().any(|selector| {
                selector.reads_every_key() && selector.check(spec, args, &mut patience).is_ok()
            })
    }

    /// Whether it may use all channels.
    pub(super) fn has_all_channels(&self) -> bool {
        let mut selectors = self.all_selectors().iter();
        selectors.any(|selector| selector.has_all_channels)
    }

    /// Whether it may be subscribed to all of these: channels, and patterns where that is said of them. Where there are too many to say, it may not.
    #[must_use]
    pub fn may_hear_all<'a>(&self, names: impl Iterator<Item = (&'a [u8], bool)>) -> bool {
        let mut patience = Patience {
            comparisons: MOST_COMPARISONS,
            steps: MOST_STEPS,
        };
        let mut may_hear = |(name, is_pattern): (&[u8], bool)| {
            self.all_selectors().iter().any(|selector| {
                selector.allows_channel(name, is_pattern, &mut patience) == Ok(true)
            })
        };
        self.has_all_channels() || { names }.all(&mut may_hear)
    }
}

impl Selector {
    fn check(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        patience: &mut Patience,
    ) -> Result<(), Denied> {
        if !self.allows_command(spec, args) {
            return Err(Denied::Command);
        }
        if !self.has_all_keys && spec.has_keys() {
            self.check_keys(spec, args, patience)?;
        }
        if !self.has_all_channels {
            self.check_channels(spec, args, patience)?;
        }
        Ok(())
    }

    fn allows_command(&self, spec: &CommandSpec, args: Args<'_>) -> bool {
        self.has_all_commands
            || self.commands.contains(spec.id)
            || spec.flags.contains(CommandFlags::NO_AUTH)
            || self.allows_first_arg(spec.id, args)
    }

    fn allows_first_arg(&self, id: CommandId, args: Args<'_>) -> bool {
        let (Some(allowed), Some(first)) = (self.first_args.get(&id), args.get(1)) else {
            return false;
        };
        let first = super::rule::until_nul(first);
        allowed.iter().any(|arg| arg.eq_ignore_ascii_case(first))
    }

    fn check_keys(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        patience: &mut Patience,
    ) -> Result<(), Denied> {
        let mut checked = Ok(());
        spec.for_each_key_with_flags(args, |at, flags| {
            if checked.is_ok() {
                checked = match self.allows_key(args.at(at), wanted(flags), patience) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Denied::Key(at)),
                    Err(denied) => Err(denied),
                };
            }
        });
        checked
    }

    fn allows_key(
        &self,
        key: &[u8],
        wanted: Permission,
        patience: &mut Patience,
    ) -> Result<bool, Denied> {
        for pattern in &self.keys {
            if pattern.permission.covers(wanted)
                && patience.matches((&*pattern.text, &pattern.glob), key)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn reads_every_key(&self) -> bool {
        let mut keys = self.keys.iter();
        self.has_all_keys || keys.any(|pattern| pattern.permission.reads && *pattern.text == *b"*")
    }

    fn check_channels(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        patience: &mut Patience,
    ) -> Result<(), Denied> {
        let channels = match spec.id {
            CommandId::Publish | CommandId::Spublish => 1..2,
            CommandId::Subscribe | CommandId::Ssubscribe | CommandId::Psubscribe => 1..args.len(),
            _ => return Ok(()),
        };
        let is_pattern = spec.id == CommandId::Psubscribe;
        for at in channels {
            let name = args.get(at).unwrap_or_default();
            if !self.allows_channel(name, is_pattern, patience)? {
                return Err(Denied::Channel(at));
            }
        }
        Ok(())
    }

    /// A pattern is allowed if it is one of its own, letter for letter.
    fn allows_channel(
        &self,
        name: &[u8],
        is_pattern: bool,
        patience: &mut Patience,
    ) -> Result<bool, Denied> {
        for channel in &self.channels {
            let is_allowed = match is_pattern {
                true => *channel.text == *super::rule::until_nul(name),
                false => patience.matches((&*channel.text, &channel.glob), name)?,
            };
            if is_allowed {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a command does with a key that only who may do it to that key may run it.
fn wanted(flags: KeyFlags) -> Permission {
    let has = |flag: KeyFlags| flags.contains(flag);
    Permission {
        reads: has(KeyFlags::ACCESS),
        writes: has(KeyFlags::INSERT) || has(KeyFlags::DELETE) || has(KeyFlags::UPDATE),
    }
}
