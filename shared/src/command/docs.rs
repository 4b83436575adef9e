//! What COMMAND DOCS tells of a command: purpose, cost, history and syntax.
//! Pure.

use super::CommandId;

/// The page of one command.
#[derive(Clone, Copy, Debug)]
pub struct CommandDocs {
    /// Whose page it is.
    pub id: CommandId,
    /// One sentence.
    pub summary: &'static str,
    /// The version of Redis that brought it.
    pub since: &'static str,
    /// Redis' name for the group.
    pub group: &'static str,
    /// How its work grows, where that is known.
    pub complexity: Option<&'static str>,
    /// For servers to send to each other, or for their makers.
    pub internal: bool,
    /// Since when it should not be used, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Versions and what they changed.
    pub history: &'static [(&'static str, &'static str)],
    /// Its syntax.
    pub arguments: &'static [Argument],
}

/// One argument, or a group of them.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its name in the syntax.
    pub name: &'static str,
    /// What stands there.
    pub kind: ArgumentKind,
    /// Which of the row's key specifications finds it.
    pub key_spec: Option<u8>,
    /// The word that stands before it, or is it.
    pub token: Option<&'static str>,
    /// The version that brought it.
    pub since: Option<&'static str>,
    /// The version that advised against it.
    pub deprecated_since: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// Its word is repeated with it.
    pub multiple_token: bool,
}

/// What stands in the place of an argument.
#[derive(Clone, Copy, Debug)]
pub enum ArgumentKind {
    /// Any bytes.
    String,
    /// A 64-bit integer.
    Integer,
    /// A number.
    Double,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// Seconds or milliseconds since 1970.
    UnixTime,
    /// Its token alone.
    PureToken,
    /// One of these.
    OneOf(&'static [Argument]),
    /// All of these.
    Block(&'static [Argument]),
}

impl ArgumentKind {
    /// Redis' word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf(_) => "oneof",
            Self::Block(_) => "block",
        }
    }

    /// The arguments of a group.
    #[must_use]
    pub fn members(&self) -> &'static [Argument] {
        match self {
            Self::OneOf(members) | Self::Block(members) => members,
            _ => &[],
        }
    }
}

/// Appends the syntax of `arguments` as manuals write it: `key [NX | XX] [EX seconds]`.
pub(super) fn write_syntax(out: &mut String, arguments: &[Argument], between: &str) {
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        write_argument(out, argument);
    }
}

fn write_argument(out: &mut String, argument: &Argument) {
    let start = out.len();
    if let Some(token) = argument.token {
        out.push_str(token);
        if !matches!(argument.kind, ArgumentKind::PureToken) {
            out.push(' ');
        }
    }
    let value = out.len();
    match argument.kind {
        ArgumentKind::PureToken => {}
        // The brackets of an optional choice are enough.
        ArgumentKind::OneOf(members)
            if argument.optional && argument.token.is_none() && !argument.multiple =>
        {
            write_syntax(out, members, " | ");
        }
        ArgumentKind::OneOf(members) => {
            out.push('<');
            write_syntax(out, members, " | ");
            out.push('>');
        }
        ArgumentKind::Block(members) => write_syntax(out, members, " "),
        _ => out.push_str(argument.name),
    }
    if argument.multiple {
        let again = out[if argument.multiple_token {
            start
        } else {
            value
        }..]
            .to_owned();
        out.push_str(" [");
        out.push_str(&again);
        out.push_str(" ...]");
    }
    if argument.optional {
        out.insert(start, '[');
        out.push(']');
    }
}
