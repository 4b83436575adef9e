//! CLIENT MAINT_NOTIFICATIONS: whether a client wants to be told that its connection is about to go, or that a shard is failing over.
//! Pure: says what is asked for; who is told what, and when, is elsewhere. As the clients of Redis Enterprise ask for it.

use crate::resp::{Args, ErrorReply, Protocol, is_word, on_or_off};

/// What clients are told of what is about to happen to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notices {
    /// Nothing.
    #[default]
    Off,
    /// All, and where to connect instead.
    WithAddress,
    /// All; they connect again where they did before.
    WithoutAddress,
}

/// Why a client that speaks RESP2 is told nothing.
const NEEDS_RESP3: &str =
    "ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: they are pushed. Send HELLO 3 before";

impl Notices {
    /// Reads CLIENT MAINT_NOTIFICATIONS ON | OFF \[moving-endpoint-type internal-ip | internal-fqdn | external-ip | external-fqdn | none\]. Which kind of address makes no
    /// difference: there is one for all.
    ///
    /// # Errors
    /// Another word, or nobody could be told by this version of the protocol.
    pub fn read(args: Args<'_>, protocol: Protocol) -> Result<Self, ErrorReply> {
        let is_on = on_or_off(args.at(2))?;
        let mut notices = Self::WithoutAddress;
        let mut at = 3;
        while let Some(option) = args.get(at) {
            let kind = args.get(at + 1).unwrap_or_default();
            if !is_word(option, "moving-endpoint-type") {
                return Err(ErrorReply::unrecognized_option(option));
            }
            notices = match kind {
                kind if is_word(kind, "none") => Self::WithoutAddress,
                kind if KINDS.iter().any(|known| is_word(kind, known)) => Self::WithAddress,
                _ => return Err(ErrorReply::Syntax),
            };
            at += 2;
        }
        match (is_on, protocol) {
            (false, _) => Ok(Self::Off),
            (true, Protocol::Resp3) => Ok(notices),
            (true, Protocol::Resp2) => Err(ErrorReply::Text(NEEDS_RESP3.into())),
        }
    }
}

/// Kinds of addresses that clients tell apart.
const KINDS: [&str; 4] = [
    "internal-ip",
    "internal-fqdn",
    "external-ip",
    "external-fqdn",
];

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;

    #[test]
    fn who_wants_to_be_told_says_with_which_address() {
        let check = |words: &str, protocol: Protocol, expected: Result<Notices, &str>| {
            let line = format!("CLIENT MAINT_NOTIFICATIONS {words}");
            let found = with_args(&line, |args| Notices::read(args, protocol));
            let found = found.map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{line}");
        };
        let (old, new) = (Protocol::Resp2, Protocol::Resp3);
        check("ON", new, Ok(Notices::WithoutAddress));
        for kind in KINDS {
            let words = format!("ON moving-endpoint-type {kind}");
            check(&words, new, Ok(Notices::WithAddress));
        }
        check(
            "on MOVING-ENDPOINT-TYPE none",
            new,
            Ok(Notices::WithoutAddress),
        );
        check("OFF", new, Ok(Notices::Off));
        check("OFF", old, Ok(Notices::Off));
        check("ON", old, Err(NEEDS_RESP3));
        check("ON zork", new, Err("ERR Unrecognized option 'zork'"));
        for wrong in [
            "zork",
            "ON moving-endpoint-type",
            "ON moving-endpoint-type x",
        ] {
            check(wrong, new, Err("ERR syntax error"));
        }
    }
}
