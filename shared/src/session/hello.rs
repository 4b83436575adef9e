//! HELLO, AUTH and SELECT: how a client speaks, who it is, which database it means.
//! Pure. Texts and order of checks as in Redis 7.0; but HELLO is taken whole or not at all, where Redis keeps what stood before the fault.

use std::sync::Arc;

use super::ClientName;
use crate::access::{self, DEFAULT_USER, User, Users};
use crate::command::CommandId;
use crate::resp::{Args, ErrorReply, Protocol, integer_32, is_word, parse_integer};

/// What HELLO asks for.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// Another protocol.
    pub protocol: Option<Protocol>,
    /// The client has shown that it may come in as this user.
    pub user: Option<Arc<User>>,
    /// A name.
    pub name: Option<ClientName<'a>>,
}

/// Why HELLO or AUTH is not obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRefused<'a> {
    /// What is said of it.
    pub error: ErrorReply,
    /// As whom the client may not come in, if that is the reason.
    pub user: Option<&'a [u8]>,
}

impl From<ErrorReply> for LoginRefused<'_> {
    fn from(error: ErrorReply) -> Self {
        Self { error, user: None }
    }
}

impl<'a> Hello<'a> {
    /// Reads HELLO \[version \[AUTH user password\] \[SETNAME name\]\].
    ///
    /// # Errors
    /// What Redis says of the first thing that is wrong: version, password, name, option; or that the client has not logged in and does not either.
    pub fn read(
        args: Args<'a>,
        users: &Users,
        is_logged_in: bool,
    ) -> Result<Self, LoginRefused<'a>> {
        let mut hello = Self {
            protocol: args.get(1).map(protocol).transpose()?,
            user: None,
            name: None,
        };
        let mut index = 2;
        while let Some(option) = args.get(index) {
            match (option_of(option), args.len() - index - 1) {
                (Some(HelloOption::Auth), 2..) => {
                    let user = log_in(users, args.at(index + 1), args.at(index + 2))?;
                    hello.user = Some(user);
                    index += 3;
                }
                (Some(HelloOption::Setname), 1..) => {
                    hello.name = Some(ClientName::read(args.at(index + 1))?);
                    index += 2;
                }
                _ => return Err(ErrorReply::hello_option(option).into()),
            }
        }
        if is_logged_in || hello.user.is_some() {
            Ok(hello)
        } else {
            Err(ErrorReply::HelloNoAuth.into())
        }
    }
}

fn log_in<'a>(
    users: &Users,
    user: &'a [u8],
    password: &[u8],
) -> Result<Arc<User>, LoginRefused<'a>> {
    let refused = |error| LoginRefused {
        error,
        user: Some(user),
    };
    users.log_in(user, password).map_err(refused)
}

enum HelloOption {
    Auth,
    Setname,
}

fn option_of(word: &[u8]) -> Option<HelloOption> {
    if is_word(word, "auth") {
        Some(HelloOption::Auth)
    } else if is_word(word, "setname") {
        Some(HelloOption::Setname)
    } else {
        None
    }
}

fn protocol(version: &[u8]) -> Result<Protocol, ErrorReply> {
    match parse_integer(version) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(ErrorReply::NoProtocol),
        None => Err(ErrorReply::ProtocolNotInteger),
    }
}

/// Reads AUTH \[user\] password: as whom the client comes in.
///
/// # Errors
/// No password is set and no user was named, too many arguments, or one of them is wrong.
pub fn read_auth<'a>(args: Args<'a>, users: &Users) -> Result<Arc<User>, LoginRefused<'a>> {
    match args.len() {
        2 if users.default_user().needs_no_password() => Err(ErrorReply::NoPasswordSet.into()),
        2 => log_in(users, DEFAULT_USER, args.at(1)),
        3 => log_in(users, args.at(1), args.at(2)),
        _ => Err(ErrorReply::Syntax.into()),
    }
}

/// Reads SELECT index, where there are `databases`.
///
/// # Errors
/// It is no integer of 32 bits, or there is no such database.
pub fn read_database(args: Args<'_>, databases: u8) -> Result<u8, ErrorReply> {
    u8::try_from(integer_32(args.at(1))?)
        .ok()
        .filter(|number| *number < databases)
        .ok_or(ErrorReply::DbIndexOutOfRange)
}

/// Which arguments of AUTH, HELLO and ACL no log may show: bit by index, those from 63 on by the last bit.
#[must_use]
pub fn secret_args(command: CommandId, args: Args<'_>) -> u64 {
    match command {
        CommandId::Auth => 0b110,
        CommandId::Hello => {
            let words = args.iter_from(0).enumerate().skip(2);
            words
                .filter(|(_, word)| is_word(word, "auth"))
                .fold(0, |bits, (at, _)| bits | 0b11 << (at + 1).min(62))
        }
        other => access::secret_args(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;
    use crate::config::Secret;

    fn read(line: &str, password: &str, is_logged_in: bool) -> Result<String, String> {
        let secret = Secret::new(password);
        with_args(line, |args| {
            Hello::read(args, &Users::new(&secret), is_logged_in)
                .map(|hello| {
                    format!(
                        "{:?} {} {:?}",
                        hello.protocol,
                        hello.user.is_some(),
                        hello
                            .name
                            .map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned())
                    )
                })
                .map_err(|refused| refused.error.to_string())
        })
    }

    #[test]
    fn hello_is_taken_whole_or_not_at_all() {
        let check = |line: &str, expected: &str| {
            let found = match read(line, "pw", false) {
                Ok(text) | Err(text) => text,
            };
            assert!(found.starts_with(expected), "{line}: {found}");
        };
        let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
        check("HELLO", "NOAUTH HELLO must be called");
        check("HELLO 3", "NOAUTH HELLO must be called");
        check("HELLO 4", "NOPROTO unsupported protocol version");
        check("HELLO x", "ERR Protocol version is not an integer");
        check("HELLO 3 AUTH default pw", "Some(Resp3) true None");
        check(
            "HELLO 2 SETNAME me auth default pw",
            "Some(Resp2) true Some(\"me\")",
        );
        check(
            "HELLO 3 AUTH default pw BAD",
            "ERR Syntax error in HELLO option 'BAD'",
        );
        check("HELLO 3 AUTH default bad BAD", wrong);
        check("HELLO 3 AUTH default bad SETNAME", wrong);
        check(
            "HELLO 3 AUTH default",
            "ERR Syntax error in HELLO option 'AUTH'",
        );
        check(
            "HELLO 3 AUTH default pw SETNAME a_b",
            "ERR Client names cannot contain spaces",
        );
        assert_eq!(read("HELLO", "pw", true), Ok("None false None".to_owned()));
    }

    #[test]
    fn auth_says_what_is_wrong_with_it() {
        let check = |line: &str, password: &str, expected: &str| {
            let secret = Secret::new(password);
            let text = with_args(line, |args| {
                let found = read_auth(args, &Users::new(&secret));
                found.map_or_else(|refused| refused.error.to_string(), |_| "let in".to_owned())
            });
            assert!(text.starts_with(expected), "{line}: {text}");
        };
        check("AUTH pw", "pw", "let in");
        check("AUTH default pw", "pw", "let in");
        check("AUTH default any", "", "let in");
        check("AUTH any", "", "ERR AUTH <password> called without");
        check("AUTH zork", "pw", "WRONGPASS ");
        check("AUTH somebody pw", "pw", "WRONGPASS ");
        check("AUTH a b c", "pw", "ERR syntax error");
    }

    #[test]
    fn databases_are_those_that_there_are() {
        let check = |line: &str, expected: Result<u8, ErrorReply>| {
            assert_eq!(with_args(line, |args| read_database(args, 16)), expected);
        };
        check("SELECT 15", Ok(15));
        check("SELECT 16", Err(ErrorReply::DbIndexOutOfRange));
        check("SELECT -1", Err(ErrorReply::DbIndexOutOfRange));
        check("SELECT 01", Err(ErrorReply::NotInteger));
        check("SELECT 99999999999", Err(ErrorReply::NotInteger32));
    }

    #[test]
    fn passwords_are_named_secret_wherever_they_stand() {
        let check = |command, line: &str, expected: u64| {
            let found = with_args(line, |args| secret_args(command, args));
            assert_eq!(found, expected, "{line}");
        };
        check(CommandId::Auth, "AUTH pw", 0b110);
        check(CommandId::Hello, "HELLO 3 AUTH a pw", 0b11000);
        check(CommandId::Hello, "HELLO 3 SETNAME me AUTH a pw", 0b110_0000);
        let long = format!("HELLO 3{} AUTH a pw", " SETNAME a".repeat(40));
        check(CommandId::Hello, &long, 0b11 << 62);
        check(CommandId::Select, "SELECT 1", 0);
    }
}
