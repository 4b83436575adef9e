//! The words in which pages are written.
//! Pure; evaluated at compile time.

pub(super) use super::super::super::CommandId as Id;
pub(super) use super::super::super::docs::CommandDocs;
use super::super::super::docs::{Argument, ArgumentKind};

/// A page with nothing but its headline; the group follows from the file.
pub(super) const fn page(id: Id, since: &'static str, summary: &'static str) -> CommandDocs {
    CommandDocs {
        id,
        summary,
        since,
        group: "",
        complexity: None,
        internal: false,
        deprecated: None,
        history: &[],
        arguments: &[],
    }
}

impl CommandDocs {
    pub(super) const fn cost(mut self, complexity: &'static str) -> Self {
        self.complexity = Some(complexity);
        self
    }

    pub(super) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    pub(super) const fn deprecated(mut self, since: &'static str, instead: &'static str) -> Self {
        self.deprecated = Some((since, instead));
        self
    }

    pub(super) const fn history(
        mut self,
        changes: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.history = changes;
        self
    }

    pub(super) const fn arguments(mut self, arguments: &'static [Argument]) -> Self {
        self.arguments = arguments;
        self
    }
}

const fn argument(name: &'static str, kind: ArgumentKind) -> Argument {
    Argument {
        name,
        kind,
        key_spec: None,
        token: None,
        since: None,
        deprecated_since: None,
        optional: false,
        multiple: false,
        multiple_token: false,
    }
}

/// Found by the row's first key specification, unless [`Argument::spec`] says another.
pub(super) const fn key(name: &'static str) -> Argument {
    argument(name, ArgumentKind::Key).spec(0)
}

pub(super) const fn string(name: &'static str) -> Argument {
    argument(name, ArgumentKind::String)
}

pub(super) const fn integer(name: &'static str) -> Argument {
    argument(name, ArgumentKind::Integer)
}

pub(super) const fn double(name: &'static str) -> Argument {
    argument(name, ArgumentKind::Double)
}

pub(super) const fn pattern(name: &'static str) -> Argument {
    argument(name, ArgumentKind::Pattern)
}

pub(super) const fn unix_time(name: &'static str) -> Argument {
    argument(name, ArgumentKind::UnixTime)
}

/// A word that stands for itself.
pub(super) const fn word(name: &'static str, token: &'static str) -> Argument {
    argument(name, ArgumentKind::PureToken).token(token)
}

pub(super) const fn one_of(name: &'static str, members: &'static [Argument]) -> Argument {
    argument(name, ArgumentKind::OneOf(members))
}

pub(super) const fn block(name: &'static str, members: &'static [Argument]) -> Argument {
    argument(name, ArgumentKind::Block(members))
}

impl Argument {
    pub(super) const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) const fn spec(mut self, key_spec: u8) -> Self {
        self.key_spec = Some(key_spec);
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    pub(super) const fn deprecated(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }

    pub(super) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(super) const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    pub(super) const fn multiple_token(mut self) -> Self {
        self.multiple_token = true;
        self
    }
}
