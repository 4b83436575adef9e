//! One client as a line of CLIENT LIST.
//! Pure.

use crate::client::{Client, Session};
use shared::resp::Protocol;
use std::fmt::Write;

/// Appends the line of `client`, line end included.
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn describe(text: &mut String, client: &Client, session: &Session, now_ms: u64) {
    let (identity, traffic) = (&client.identity, &client.traffic);
    let waiting_bytes = client.outbox.len();
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1_000;
    let protocol = match session.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let events = if waiting_bytes > 0 { "rw" } else { "r" };
    let _ = write!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi=-1 ",
        identity.id,
        identity.address,
        identity.local_address,
        identity.socket_number,
        String::from_utf8_lossy(&session.name),
        seconds_since(identity.connected_ms),
        seconds_since(traffic.last_active_ms),
        flags(client, session),
        session.db.0,
    );
    let _ = write!(
        text,
        "qbuf={} qbuf-free={} argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={} events={events} ",
        traffic.input_bytes,
        traffic.input_spare_bytes,
        usize::from(waiting_bytes > 0),
        waiting_bytes,
        client.memory_bytes(session),
    );
    let _ = writeln!(
        text,
        "cmd={} user=default redir=-1 resp={protocol} lib-name={} lib-ver={}",
        session.last_command.map_or("NULL", |spec| spec.name),
        String::from_utf8_lossy(&session.library_name),
        String::from_utf8_lossy(&session.library_version),
    );
}

fn flags(client: &Client, session: &Session) -> String {
    let mut flags = String::new();
    for (is_set, letter) in [
        (client.traffic.is_blocked(), 'b'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ] {
        if is_set {
            flags.push(letter);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    flags
}
