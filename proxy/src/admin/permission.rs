//! Who may give orders over the admin listener: nobody's web page, and nobody whom the proxy would not serve as a client.
//! Pure. Invariant: what is asked of clients, the password or that they are on this machine, is asked of who gives orders.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use shared::access::{Access, DEFAULT_USER};
use shared::config::ProxyConfig;

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
    #[error("orders are not taken from web pages")]
    Browser,
    #[error(
        "without a password orders are taken from this machine only; set requirepass, or protected-mode to false"
    )]
    Stranger,
    #[error(
        "orders need the proxy's password, in the header Authorization: Bearer PASSWORD; switchyard topology takes it as --password, or as SWITCHYARD_ADMIN_PASSWORD"
    )]
    Password,
}

impl Denied {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NoHeader | Self::Browser | Self::Stranger => StatusCode::FORBIDDEN,
            Self::Password => StatusCode::UNAUTHORIZED,
        }
    }
}

/// Whether somebody at `peer` may give an order that came with these headers.
pub(super) fn may_order(
    headers: &HeaderMap,
    peer: IpAddr,
    config: &ProxyConfig,
) -> Result<(), Denied> {
    let (name, value) = ORDER_HEADER;
    if headers.get(name).is_none_or(|given| given != value) {
        return Err(Denied::NoHeader);
    }
    // A page that has made its own name point here may send any header; browsers add this one.
    if headers.contains_key(header::ORIGIN) {
        return Err(Denied::Browser);
    }
    let access = Access::new(&config.requirepass);
    if config.protected_mode && !access.is_safe_for(peer) {
        return Err(Denied::Stranger);
    }
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(BEARER.as_bytes()));
    access
        .log_in(DEFAULT_USER, given.unwrap_or_default())
        .map_err(|_| Denied::Password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use shared::config::Secret;

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
        let allowed = may_order(&given, peer.parse().unwrap(), &config);
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
}
