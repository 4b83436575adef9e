//! What a client calls itself: CLIENT SETNAME, HELLO SETNAME, CLIENT SETINFO.
//! Pure. Invariant: what is kept can stand in one line between blanks, and is no longer than [`LONGEST_NAME_BYTES`].

use crate::resp::{Args, ErrorReply, is_word};

/// Longest name of a client, of its library or of that library's version. Redis has no bound; names are copied into every line of CLIENT LIST and every entry
/// of the slow log, so without one a few clients could fill the memory. Twice the longest name of a host leaves room for everything that is added to one.
pub const LONGEST_NAME_BYTES: usize = 512;

/// A name without blanks, line ends and other characters that do not print; an empty one takes the name away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientName<'a>(&'a [u8]);

impl<'a> ClientName<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// It has characters that it must not have, or too many.
    pub fn read(name: &'a [u8]) -> Result<Self, ErrorReply> {
        if !is_printable(name) {
            return Err(ErrorReply::ClientName);
        }
        bounded(name)
    }

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

/// What CLIENT SETINFO tells of the client's library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryFact<'a> {
    /// LIB-NAME.
    Name(ClientName<'a>),
    /// LIB-VER.
    Version(ClientName<'a>),
}

impl<'a> LibraryFact<'a> {
    /// Reads CLIENT SETINFO LIB-NAME name | LIB-VER version.
    ///
    /// # Errors
    /// Another attribute, or a value that cannot be a name.
    pub fn read(args: Args<'a>) -> Result<Self, ErrorReply> {
        let (attribute, value) = (args.at(2), args.at(3));
        if is_word(attribute, "lib-name") {
            Ok(Self::Name(library("lib-name", value)?))
        } else if is_word(attribute, "lib-ver") {
            Ok(Self::Version(library("lib-ver", value)?))
        } else {
            Err(ErrorReply::unrecognized_option(attribute))
        }
    }
}

fn library<'a>(word: &str, value: &'a [u8]) -> Result<ClientName<'a>, ErrorReply> {
    if !is_printable(value) {
        return Err(ErrorReply::Text(
            format!("ERR {word} cannot contain spaces, newlines or special characters.").into(),
        ));
    }
    bounded(value)
}

fn is_printable(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_graphic)
}

fn bounded(name: &[u8]) -> Result<ClientName<'_>, ErrorReply> {
    if name.len() > LONGEST_NAME_BYTES {
        return Err(ErrorReply::Text(
            format!(
                "ERR names of clients and libraries have {LONGEST_NAME_BYTES} bytes at most, this one has {}",
                name.len()
            )
            .into(),
        ));
    }
    Ok(ClientName(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;

    #[test]
    fn names_print_and_are_bounded() {
        let check = |name: &[u8], expected: &str| {
            let text =
                ClientName::read(name).map_or_else(|error| error.to_string(), |_| "ok".to_owned());
            assert_eq!(text, expected, "{}", name.escape_ascii());
        };
        let blank = "ERR Client names cannot contain spaces, newlines or special characters.";
        check(b"", "ok");
        check(b"me~!", "ok");
        check(&[b'x'; LONGEST_NAME_BYTES], "ok");
        check(
            &[b'x'; LONGEST_NAME_BYTES + 1],
            "ERR names of clients and libraries have 512 bytes at most, this one has 513",
        );
        for wrong in [&b"a b"[..], b"a\n", b"\0", b"\x7f", b"\xff"] {
            check(wrong, blank);
        }
    }

    #[test]
    fn libraries_are_told_by_two_attributes() {
        let check = |line: &str, expected: &str| {
            let text = with_args(line, |args| match LibraryFact::read(args) {
                Ok(fact) => format!("{fact:?}"),
                Err(error) => error.to_string(),
            });
            assert!(text.starts_with(expected), "{line}: {text}");
        };
        check("CLIENT SETINFO LIB-NAME redis-py", "Name(");
        check("CLIENT SETINFO lib-ver 5.0", "Version(");
        check("CLIENT SETINFO zork 1", "ERR Unrecognized option 'zork'");
        check(
            "CLIENT SETINFO lib-ver a_b",
            "ERR lib-ver cannot contain spaces, newlines or special characters.",
        );
        let long = format!("CLIENT SETINFO lib-name {}", "x".repeat(513));
        check(&long, "ERR names of clients and libraries have 512 bytes");
    }
}
