//! Where something listens: host and port. Pure; names are resolved by whoever connects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Longest host name that DNS can carry.
const LONGEST_HOST: usize = 253;

/// `host:port`; the host is an IPv4 address, a name, or an IPv6 address, which is written in brackets: `[::1]:6379`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// `port` on this machine's loopback interface.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Name or IP address, an IPv6 one without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port; 0 lets the operating system choose where one listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `ToSocketAddrs` and tokio's `ToSocketAddrs` take: `TcpListener::bind(address.pair())`.
    #[must_use]
    pub fn pair(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The same host with another port, as when the operating system has chosen one.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self {
            host: self.host.clone(),
            port,
        }
    }

    /// Whether it stands for all addresses of this machine, where one listens: nobody can connect to it.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        let ip = self.host.parse::<IpAddr>();
        ip.is_ok_and(|ip| ip.is_unspecified())
    }

    /// Whether only this machine can reach it, as far as the host's spelling tells.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No colon, or nothing on one side of it.
    #[error("\"{0}\" is not an address; write host:port, as in \"127.0.0.1:6379\"")]
    Shape(String),
    /// Not a number up to 65535.
    #[error("\"{0}\" is not a port; it is a number up to 65535")]
    Port(String),
    /// Letters that no host has.
    #[error(
        "\"{0}\" is not a host; it is an IP address (IPv6 in brackets) or a name of letters, digits, dots and dashes"
    )]
    Host(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let shape = || AddressError::Shape(text.chars().take(LONGEST_HOST).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(shape)?;
        if host.is_empty() || port.is_empty() || text.len() > LONGEST_HOST + 8 {
            return Err(shape());
        }
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port.parse() {
            Ok(number) if digits => number,
            _ => return Err(AddressError::Port(port.to_owned())),
        };
        let host = host_name(host).ok_or_else(|| AddressError::Host(host.to_owned()))?;
        Ok(Self { host, port })
    }
}

/// The host without brackets, an IPv6 address in its shortest spelling so that equal ones compare equal.
fn host_name(host: &str) -> Option<String> {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return inner
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| address.to_string());
    }
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let fits = host.len() <= LONGEST_HOST && host.bytes().all(letters);
    fits.then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let address = text.parse::<Address>().ok();
            assert_eq!(
                address.as_ref().map(Address::pair),
                expected,
                "reading {text:?}"
            );
        };
        check("127.0.0.1:6379", Some(("127.0.0.1", 6379)));
        check("Node-1.example.org:0", Some(("node-1.example.org", 0)));
        check("[::1]:6379", Some(("::1", 6379)));
        check("[0:0:0:0:0:0:0:1]:6379", Some(("::1", 6379)));
        check("::1:6379", None);
        check("6379", None);
        check(":6379", None);
        check("localhost:", None);
        check("localhost:65536", None);
        check("localhost:+1", None);
        check("local host:1", None);
        check("", None);
        check(&format!("{}:1", "x".repeat(10_000)), None);
    }

    #[test]
    fn addresses_print_as_they_are_read() {
        for text in ["127.0.0.1:6379", "node1:1", "[::1]:6379"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn all_addresses_are_known_by_their_spelling() {
        let check = |text: &str, expected: bool| {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.is_wildcard(), expected, "{text}");
        };
        check("0.0.0.0:1", true);
        check("[::]:1", true);
        check("127.0.0.1:0", false);
        check("localhost:1", false);
    }

    #[test]
    fn loopback_is_known_by_its_spelling() {
        let check = |text: &str, expected: bool| {
            assert_eq!(
                text.parse::<Address>().unwrap().is_loopback(),
                expected,
                "{text}"
            );
        };
        check("127.0.0.1:1", true);
        check("127.8.8.8:1", true);
        check("[::1]:1", true);
        check("localhost:1", true);
        check("0.0.0.0:1", false);
        check("10.0.0.1:1", false);
        check("cache.example.org:1", false);
    }
}
