//! CLIENT REPLY: which replies a client hears.
//! Pure. Invariant: whether a reply is heard is asked exactly once per command ([`Replies::hear`]), when its place among the replies is taken.

use crate::resp::{Args, ErrorReply, is_word};

/// Which of its replies a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Replies {
    /// All.
    #[default]
    On,
    /// None until further notice.
    Off,
    /// None to the next command (the present one is CLIENT REPLY SKIP).
    SkipNext,
    /// None to the present command.
    Skip,
}

/// What CLIENT REPLY asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWish {
    /// Every reply from this one on.
    On,
    /// None from this one on.
    Off,
    /// Not the next one.
    Skip,
}

impl ReplyWish {
    /// Reads CLIENT REPLY ON | OFF | SKIP. Only ON is answered, with `OK`.
    ///
    /// # Errors
    /// Another word.
    pub fn read(args: Args<'_>) -> Result<Self, ErrorReply> {
        let words = [("on", Self::On), ("off", Self::Off), ("skip", Self::Skip)];
        let word = args.at(2);
        let found = words.into_iter().find(|(name, _)| is_word(word, name));
        found.map(|(_, wish)| wish).ok_or(ErrorReply::Syntax)
    }
}

impl Replies {
    /// As the client wishes from now on. Who hears nothing has nothing to skip.
    pub fn choose(&mut self, wish: ReplyWish) {
        *self = match (wish, *self) {
            (ReplyWish::On, _) => Self::On,
            (ReplyWish::Off, _) | (ReplyWish::Skip, Self::Off) => Self::Off,
            (ReplyWish::Skip, _) => Self::SkipNext,
        };
    }

    /// RESET: every reply is heard from this one on, but where the present one was to be skipped.
    pub fn reset(&mut self) {
        if *self != Self::Skip {
            *self = Self::On;
        }
    }

    /// A request that asks for nothing has come, an empty line or `*0`: where one is to be skipped, that was it, as in Redis.
    pub fn pass_over(&mut self) {
        if *self == Self::Skip {
            *self = Self::On;
        }
    }

    /// Whether every reply is heard, and so nobody need ask.
    #[inline]
    #[must_use]
    pub fn are_all_heard(self) -> bool {
        self == Self::On
    }

    /// Whether the reply to the present command is heard; what is asked next is of the next command.
    #[inline]
    pub fn hear(&mut self) -> bool {
        if self.are_all_heard() {
            return true;
        }
        *self = match *self {
            Self::On | Self::Skip => Self::On,
            Self::Off => Self::Off,
            Self::SkipNext => Self::Skip,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;

    /// Which of the commands of a line are heard: `on`, `off`, `skip`, `bad` (CLIENT REPLY), `reset` or `get`; `empty` is none.
    fn check(commands: &str, expected: &str) {
        let mut replies = Replies::default();
        let heard: String = commands
            .split(' ')
            .map(|word| {
                if word == "empty" {
                    replies.pass_over();
                    return ' ';
                }
                if word == "reset" {
                    replies.reset();
                } else if word != "get" {
                    let wish = with_args(&format!("CLIENT REPLY {word}"), ReplyWish::read);
                    if let Ok(wish) = wish {
                        replies.choose(wish);
                    }
                }
                if replies.hear() { 'h' } else { '.' }
            })
            .collect();
        assert_eq!(heard, expected, "{commands}");
    }

    #[test]
    fn each_command_is_heard_or_not_as_in_redis() {
        check("get get", "hh");
        check("skip empty get get", ". hh");
        check("skip get empty get", ".. h");
        check("off empty get", ". .");
        check("empty get", " h");
        check("skip get get", "..h");
        check("skip skip get get", "...h");
        check("skip bad get", "..h");
        check("off get skip get on get", "....hh");
        check("skip on get", ".hh");
        check("skip off get", "...");
        check("off on skip get get", ".h..h");
        check("off reset get", ".hh");
        check("skip reset get", "..h");
    }

    #[test]
    fn other_words_are_a_syntax_error() {
        let read = |word: &str| with_args(&format!("CLIENT REPLY {word}"), ReplyWish::read);
        assert_eq!(read("On"), Ok(ReplyWish::On));
        assert_eq!(read("zork"), Err(ErrorReply::Syntax));
    }
}
