//! What a node says to a proxy to be known, and what the answer means.
//! Pure.

use super::JoinError;
use shared::resp::encode_request;
use shared::topology::{Address, NodeId, Zone};
use std::net::SocketAddr;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcing {
    /// Its name.
    pub(super) name: NodeId,
    /// Where proxies reach it.
    pub(super) address: Address,
    /// What it fails together with.
    pub(super) zone: Option<Zone>,
    /// What it asks clients for: that it knows it shows that it belongs here. Empty where there is none.
    pub(super) password: Vec<u8>,
}

/// What the proxy says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The topology has it.
    Listed,
    /// It has not.
    Spare,
}

impl Announcing {
    /// The command.
    pub(super) fn words(&self) -> Vec<u8> {
        let port = self.address.port().to_string();
        let zone = self.zone.as_ref().map_or("-", Zone::as_str);
        let words = [
            "NODE",
            "ANNOUNCE",
            self.name.as_str(),
            self.address.host(),
            &port,
            zone,
        ];
        let words = words.into_iter().map(str::as_bytes);
        let password = Some(self.password.as_slice()).filter(|password| !password.is_empty());
        let words: Vec<&[u8]> = words.chain(password).collect();
        let mut command = Vec::new();
        encode_request(&mut command, words);
        command
    }
}

/// AUTH with the password of the proxy.
pub(super) fn authenticate(password: &str) -> Vec<u8> {
    let mut command = Vec::new();
    encode_request(&mut command, ["AUTH", password]);
    command
}

/// Whether the proxy says yes to AUTH.
pub(super) fn accepted(line: &str) -> Result<(), JoinError> {
    understand_status(line).map(|_| ())
}

/// What a line means that answers an announcement.
pub(super) fn understand(line: &str) -> Result<Answer, JoinError> {
    match understand_status(line)? {
        "OK listed" => Ok(Answer::Listed),
        "OK spare" => Ok(Answer::Spare),
        _ => Err(JoinError::Strange),
    }
}

fn understand_status(line: &str) -> Result<&str, JoinError> {
    match line.split_at_checked(1) {
        Some(("+", status)) => Ok(status),
        Some(("-", error)) => Err(JoinError::Refused(error.to_owned())),
        _ => Err(JoinError::Strange),
    }
}

/// Where proxies are to reach a node that listens at `listen`, was told to say `announce`, and speaks to a proxy from `local`.
pub(super) fn address(listen: &Address, announce: Option<&Address>, local: SocketAddr) -> Address {
    let port = listen.port();
    match announce {
        Some(announce) if announce.port() == 0 => announce.with_port(port),
        Some(announce) => announce.clone(),
        None if listen.is_wildcard() => {
            Address::from(SocketAddr::new(local.ip().to_canonical(), port))
        }
        None => listen.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_where_it_is() {
        let check = |listen: &str, announce: Option<&str>, expected: &str| {
            let listen = listen.parse().expect("an address");
            let announce = announce.map(|announce| announce.parse().expect("an address"));
            let local = "[::ffff:10.0.0.7]:50000".parse().expect("an address");
            let address = address(&listen, announce.as_ref(), local);
            assert_eq!(address.to_string(), expected, "{listen} {announce:?}");
        };
        check("127.0.0.1:6380", None, "127.0.0.1:6380");
        check("0.0.0.0:6380", None, "10.0.0.7:6380");
        check("[::]:6380", None, "10.0.0.7:6380");
        check("0.0.0.0:6380", Some("cache-7:0"), "cache-7:6380");
        check("127.0.0.1:6380", Some("cache-7:16380"), "cache-7:16380");
    }

    #[test]
    fn a_node_says_who_it_is() {
        let mut announcing = Announcing {
            name: "n7".parse().expect("a name"),
            address: Address::loopback(6380),
            zone: None,
            password: Vec::new(),
        };
        let words = |announcing: &Announcing| {
            let command = String::from_utf8(announcing.words()).expect("text");
            let lines: Vec<&str> = command.split("\r\n").skip(2).step_by(2).collect();
            lines.join(" ")
        };
        assert_eq!(words(&announcing), "NODE ANNOUNCE n7 127.0.0.1 6380 -");
        announcing.zone = Some("z1".parse().expect("a name"));
        announcing.password = b"open sesame".to_vec();
        assert_eq!(
            words(&announcing),
            "NODE ANNOUNCE n7 127.0.0.1 6380 z1 open sesame"
        );
    }

    #[test]
    fn answers_are_understood_or_told() {
        assert!(matches!(understand("+OK listed"), Ok(Answer::Listed)));
        assert!(matches!(understand("+OK spare"), Ok(Answer::Spare)));
        let refused = understand("-WRONGPASS no").expect_err("an error");
        assert_eq!(refused.to_string(), "refuses: WRONGPASS no");
        for strange in ["", "+", "+OK", "$5", "\u{e9}", ":1"] {
            let error = understand(strange).expect_err("an error");
            assert!(matches!(error, JoinError::Strange), "{strange}");
        }
        assert!(accepted("+OK").is_ok());
        assert!(accepted("-NOAUTH").is_err());
    }
}
