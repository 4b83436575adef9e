//! Who may give orders over the admin listener: nobody's web page, and nobody whom the proxy would not serve as a client.
//! Pure. Invariant: what is asked of clients that have just connected, the default user's password or that they are on this machine, is asked of who gives orders.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::access::{DEFAULT_USER, Users};

/// What orders carry, and other requests that a browser makes for a page do not: it would have to ask first.
const ORDER_HEADER: (&str, &str) = ("x-switchyard", "yes");

/// What stands before the password.
const BEARER: &str = "Bearer ";

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error(
        "orders carry the header X-Switchyard: yes, so that no web page can give them through somebody's browser"
    )]
    NoHeader,
    #[error("orders are not taken from web pages of others")]
    Browser,
    #[error(
        "without a password this is for who calls the proxy by its address or as localhost: a web page may have given any other name to it; set requirepass"
    )]
    Name,
    #[error(
        "without a password orders are taken from this machine only; set requirepass, or protected-mode to false"
    )]
    Stranger,
    #[error(
        "this needs the proxy's password, in the header Authorization: Bearer PASSWORD; the commands of switchyard take it as --password, or as SWITCHYARD_ADMIN_PASSWORD"
    )]
    Password,
    #[error("too many wrong passwords came from there; wait a minute")]
    TooManyGuesses,
}

impl Denied {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NoHeader | Self::Browser | Self::Name | Self::Stranger => StatusCode::FORBIDDEN,
            Self::Password => StatusCode::UNAUTHORIZED,
            Self::TooManyGuesses => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// Whether somebody at `peer` may give an order that came with these headers, where these are the users of now. Where the default user is off nobody may.
pub(super) fn may_order(
    headers: &HeaderMap,
    peer: IpAddr,
    users: &Users,
    protected_mode: bool,
) -> Result<(), Denied> {
    let (name, value) = ORDER_HEADER;
    if headers.get(name).is_none_or(|given| given != value) {
        return Err(Denied::NoHeader);
    }
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    if let Some(origin) = headers.get(header::ORIGIN)
        && host.is_none_or(|host| !is_page_of(origin.as_bytes(), host))
    {
        return Err(Denied::Browser);
    }
    let is_open = !users.needs_password();
    // A page that has made its own name point here is one of ours by then, and may send any header; it knows no password.
    if is_open && host.is_some_and(|host| !is_address(host)) {
        return Err(Denied::Name);
    }
    if is_open && protected_mode && !users.is_safe_for(peer) {
        return Err(Denied::Stranger);
    }
    let given = password(headers).unwrap_or_default();
    let let_in = users.log_in(DEFAULT_USER, given);
    let_in.map(|_| ()).map_err(|_| Denied::Password)
}

/// The password that was said, if any was.
pub(super) fn password(headers: &HeaderMap) -> Option<&[u8]> {
    let given = headers.get(header::AUTHORIZATION)?;
    given.as_bytes().strip_prefix(BEARER.as_bytes())
}

/// Whether a page of this origin came from this listener, as it was called: its own dashboard did.
fn is_page_of(origin: &[u8], host: &[u8]) -> bool {
    let schemes = [&b"http://"[..], b"https://"];
    let mut places = schemes
        .iter()
        .filter_map(|scheme| origin.strip_prefix(*scheme));
    places.any(|place| place.eq_ignore_ascii_case(host))
}

/// Whether somebody is called by address, or as this machine, which no name server has a say in.
fn is_address(host: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => text.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use shared::access::ChannelsByDefault;
    use shared::config::{ProxyConfig, Secret};

    const ORDER: (&str, &str) = ("x-switchyard", "yes");

    fn check(
        headers: &[(&str, &str)],
        peer: &str,
        change: impl FnOnce(&mut ProxyConfig),
        expected: Result<(), Denied>,
    ) {
        let mut config = ProxyConfig::default();
        change(&mut config);
        let given: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let users = Users::new(&config.requirepass);
        let peer_address = peer.parse().unwrap();
        let allowed = may_order(&given, peer_address, &users, config.protected_mode);
        assert_eq!(allowed, expected, "{headers:?} from {peer}");
    }

    #[test]
    fn web_pages_give_no_orders() {
        let here = "127.0.0.1";
        check(&[ORDER], here, |_| {}, Ok(()));
        check(&[], here, |_| {}, Err(Denied::NoHeader));
        let no = ("x-switchyard", "no");
        check(&[no], here, |_| {}, Err(Denied::NoHeader));
        let page = ("origin", "http://rebound.example:9121");
        check(&[ORDER, page], here, |_| {}, Err(Denied::Browser));
        let host = ("host", "127.0.0.1:9121");
        check(&[ORDER, page, host], here, |_| {}, Err(Denied::Browser));
        for null in [
            "null",
            "http://127.0.0.1:9122",
            "http://127.0.0.1",
            "file://",
        ] {
            let page = ("origin", null);
            check(&[ORDER, page, host], here, |_| {}, Err(Denied::Browser));
        }
    }

    #[test]
    fn the_page_of_this_listener_gives_orders_and_one_that_has_borrowed_its_address_does_not() {
        let here = "127.0.0.1";
        for name in [
            "127.0.0.1:9121",
            "[::1]:9121",
            "localhost:9121",
            "LocalHost",
        ] {
            let origin = format!("http://{name}");
            let (host, page) = (("host", name), ("origin", &*origin));
            check(&[ORDER, host, page], here, |_| {}, Ok(()));
            check(&[ORDER, host], here, |_| {}, Ok(()));
        }
        let locked = |config: &mut ProxyConfig| config.requirepass = Secret::new("sesame");
        for name in ["rebound.example:9121", "127.0.0.1.example", "[x]:1", ""] {
            let origin = format!("http://{name}");
            let (host, page) = (("host", name), ("origin", &*origin));
            check(&[ORDER, host, page], here, |_| {}, Err(Denied::Name));
            check(&[ORDER, host], here, |_| {}, Err(Denied::Name));
            let key = ("authorization", "Bearer sesame");
            check(&[ORDER, host, page], here, locked, Err(Denied::Password));
            check(&[ORDER, host, page, key], here, locked, Ok(()));
        }
    }

    #[test]
    fn strangers_need_a_password_unless_protected_mode_is_off() {
        let there = "10.0.0.7";
        check(&[ORDER], there, |_| {}, Err(Denied::Stranger));
        check(&[ORDER], "::ffff:127.0.0.1", |_| {}, Ok(()));
        let off = |config: &mut ProxyConfig| config.protected_mode = false;
        check(&[ORDER], there, off, Ok(()));
        let locked = |config: &mut ProxyConfig| config.requirepass = Secret::new("sesame");
        for peer in [there, "127.0.0.1"] {
            check(&[ORDER], peer, locked, Err(Denied::Password));
            for wrong in ["Bearer sesam", "Bearer ", "sesame", "Basic sesame"] {
                let header = ("authorization", wrong);
                check(&[ORDER, header], peer, locked, Err(Denied::Password));
            }
            let header = ("authorization", "Bearer sesame");
            check(&[ORDER, header], peer, locked, Ok(()));
        }
    }

    #[test]
    fn the_default_user_of_a_file_is_asked_for_its_password() {
        let check = |file: &str, key: Option<&str>, peer: &str, expected: Result<(), Denied>| {
            let set = Secret::new("set");
            let users = Users::of_file("u", file, &set, ChannelsByDefault::None).expect(file);
            let mut headers = HeaderMap::new();
            headers.insert(ORDER.0, HeaderValue::from_static(ORDER.1));
            if let Some(key) = key {
                let value = format!("{BEARER}{key}");
                headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            }
            for protected_mode in [true, false] {
                let allowed = may_order(&headers, peer.parse().unwrap(), &users, protected_mode);
                assert_eq!(allowed, expected, "{file} {key:?} {peer} {protected_mode}");
            }
        };
        let (here, there) = ("127.0.0.1", "10.0.0.7");
        for peer in [here, there] {
            let one = "user default on >file ~* &* +@all";
            check(one, None, peer, Err(Denied::Password));
            check(one, Some("set"), peer, Err(Denied::Password));
            check(one, Some("file"), peer, Ok(()));
            // A file that does not name it leaves it what is set.
            let other = "user shop on >file ~* &* +@all";
            check(other, Some("file"), peer, Err(Denied::Password));
            check(other, Some("set"), peer, Ok(()));
            for off in ["user default off nopass", "user default off >file"] {
                check(off, None, peer, Err(Denied::Password));
                check(off, Some("file"), peer, Err(Denied::Password));
            }
        }
        check("user default on nopass", None, here, Ok(()));
    }
}
