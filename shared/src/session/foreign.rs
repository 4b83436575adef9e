//! What is spoken at a port for clients by somebody who takes it for another one.

use crate::resp::Args;

/// What is spoken instead of what clients speak, if these words tell: lines of an HTTP request, which a browser may be tricked into sending, so that as
/// Redis one hangs up before the body comes; or the words of whoever stands before a proxy and is not believed, behind which a client would take each reply
/// for that of the command before. Looked at for commands that nobody knows.
#[cold]
#[must_use]
pub fn foreign(args: Args<'_>) -> Option<&'static str> {
    let name = args.get(0).unwrap_or_default();
    let is_http = [&b"post"[..], b"host:"]
        .iter()
        .any(|line| name.eq_ignore_ascii_case(line));
    if is_http {
        return Some("it speaks HTTP");
    }
    let family = args.get(1).unwrap_or_default();
    let is_introduction = name == b"PROXY" && [&b"TCP4"[..], b"TCP6", b"UNKNOWN"].contains(&family);
    is_introduction.then_some(
        "it begins with the PROXY protocol, version 1; proxies believe version 2, of addresses in proxy-protocol-from",
    )
}
