//! What clients asked and what they were told, with the times of both: the material of every check here.
//! Pure. Values are numbers that nobody writes twice, so that what is read says who wrote it.

use std::fmt;

/// Digits of a token in a log, so that a log is cut into its tokens by length alone.
pub(super) const TOKEN_DIGITS: usize = 12;

/// What is done with a key; each key knows one kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// SET, GET, DEL: the last value stands.
    Register,
    /// INCR, GET: what is applied twice, or lost, shows in the number.
    Counter,
    /// APPEND, GET: every write that took effect stands there, in the order in which it did.
    Log,
}

/// A key of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The shard that owns it.
    pub(super) shard: usize,
    pub(super) kind: Kind,
    pub(super) number: usize,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Set(u64),
    Get,
    Delete,
    Increment,
    Append(u64),
}

impl Action {
    /// Whether it may change the key.
    pub(super) fn is_write(self) -> bool {
        self != Self::Get
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To SET.
    Done,
    /// To GET: there is no such key.
    Nothing,
    /// To GET of a register or a counter, to DEL how many there were, to INCR the new count, to APPEND the new length in tokens.
    Number(u64),
    /// To GET of a log.
    Tokens(Vec<u64>),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered(Answer),
    /// An error that says that nothing was changed.
    Refused,
    /// Nobody knows: it may have been done, may be done later, or never.
    Unknown,
    /// An answer that this command never gets, as it was read.
    Strange(String),
}

/// One command of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) client: usize,
    pub(super) key: Key,
    pub(super) action: Action,
    /// Nanoseconds from the beginning of the run until just before it was sent.
    pub(super) sent: u64,
    /// Until just after its answer was read, or until the client gave up.
    pub(super) answered: u64,
    pub(super) outcome: Outcome,
}

impl Operation {
    /// The answer, if it got one.
    pub(super) fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Whether it is a write that the client was told is done.
    pub(super) fn is_acknowledged_write(&self) -> bool {
        self.action.is_write() && self.answer().is_some()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Register => "register",
            Kind::Counter => "counter",
            Kind::Log => "log",
        };
        write!(f, "{kind} {} of shard {}", self.number, self.shard)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: u64| format!("{}.{:03}", time / 1_000_000, time / 1_000 % 1_000);
        let (sent, answered) = (ms(self.sent), ms(self.answered));
        let (client, action) = (self.client, self.action);
        write!(
            f,
            "{sent:>12} … {answered:>12} ms  client {client:<3} {action:?}"
        )?;
        match &self.outcome {
            Outcome::Answered(Answer::Tokens(tokens)) => {
                write!(f, ": {} tokens", tokens.len())?;
                tokens.last().map_or(Ok(()), |last| write!(f, " to {last}"))
            }
            Outcome::Answered(answer) => write!(f, ": {answer:?}"),
            Outcome::Refused => write!(f, ": refused"),
            Outcome::Unknown => write!(f, ": unknown"),
            Outcome::Strange(text) => write!(f, ": {text}"),
        }
    }
}
