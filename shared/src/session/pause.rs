//! CLIENT PAUSE and CLIENT UNBLOCK: what one client may do to the waiting of others.
//! Pure: says for how long and for whom; the clock and those who wait are elsewhere.

use crate::resp::{Args, ErrorReply, integer, is_word};
use crate::wait_time;

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseKind {
    /// Those that may change the keyspace.
    Write,
    /// All.
    All,
}

/// What CLIENT PAUSE asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who waits.
    pub kind: PauseKind,
    /// Milliseconds from now.
    pub for_ms: u64,
}

impl Pause {
    /// Reads CLIENT PAUSE milliseconds \[WRITE | ALL\].
    ///
    /// # Errors
    /// Too many arguments, another word, or no time.
    pub fn read(args: Args<'_>) -> Result<Self, ErrorReply> {
        let kind = match last_word(args)? {
            None => PauseKind::All,
            Some(word) if is_word(word, "write") => PauseKind::Write,
            Some(word) if is_word(word, "all") => PauseKind::All,
            Some(_) => return Err(ErrorReply::PauseMode),
        };
        let for_ms = wait_time::milliseconds(args.at(2))?;
        Ok(Self { kind, for_ms })
    }
}

/// What CLIENT UNBLOCK asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unblock {
    /// Whose waiting ends.
    pub id: i64,
    /// With an error, and not as if its time were over.
    pub with_error: bool,
}

impl Unblock {
    /// Reads CLIENT UNBLOCK id \[TIMEOUT | ERROR\].
    ///
    /// # Errors
    /// Too many arguments, another word, or no number.
    pub fn read(args: Args<'_>) -> Result<Self, ErrorReply> {
        let with_error = match last_word(args)? {
            None => false,
            Some(word) if is_word(word, "timeout") => false,
            Some(word) if is_word(word, "error") => true,
            Some(_) => return Err(ErrorReply::UnblockReason),
        };
        Ok(Self {
            id: integer(args.at(2))?,
            with_error,
        })
    }
}

/// The word behind the number, if there is one; nothing stands behind it.
fn last_word(args: Args<'_>) -> Result<Option<&[u8]>, ErrorReply> {
    if args.len() > 4 {
        let word = args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("CLIENT", word));
    }
    Ok(args.get(3))
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;

    #[test]
    fn pauses_have_a_kind_and_a_length() {
        let check = |line: &str, expected: Result<(PauseKind, u64), &str>| {
            let found = with_args(line, Pause::read)
                .map(|pause| (pause.kind, pause.for_ms))
                .map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{line}");
        };
        check("CLIENT PAUSE 5", Ok((PauseKind::All, 5)));
        check("CLIENT PAUSE 0 all", Ok((PauseKind::All, 0)));
        check("CLIENT PAUSE 5 WRITE", Ok((PauseKind::Write, 5)));
        check(
            "CLIENT PAUSE x ZORK",
            Err("ERR CLIENT PAUSE mode must be WRITE or ALL"),
        );
        check(
            "CLIENT PAUSE x",
            Err("ERR timeout is not an integer or out of range"),
        );
        check("CLIENT PAUSE -1", Err("ERR timeout is negative"));
        check(
            "CLIENT PAUSE 1 ALL x",
            Err(
                "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
            ),
        );
    }

    #[test]
    fn unblocking_ends_a_wait_in_one_of_two_ways() {
        let check = |line: &str, expected: Result<(i64, bool), &str>| {
            let found = with_args(line, Unblock::read)
                .map(|unblock| (unblock.id, unblock.with_error))
                .map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{line}");
        };
        check("CLIENT UNBLOCK 7", Ok((7, false)));
        check("CLIENT UNBLOCK 7 timeout", Ok((7, false)));
        check("CLIENT UNBLOCK 7 ERROR", Ok((7, true)));
        check(
            "CLIENT UNBLOCK x z",
            Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        );
        check(
            "CLIENT UNBLOCK x",
            Err("ERR value is not an integer or out of range"),
        );
    }
}
