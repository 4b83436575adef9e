//! One client as a line of CLIENT LIST.
//! Pure.

use crate::client_state::ClientState;
use shared::resp::Protocol;
use std::fmt::Write;

/// Bytes that a connected client costs beside its buffers: state, task, registry.
const CLIENT_BYTES: usize = 1_536;

/// What a client costs, buffers included.
pub(in crate::commands) fn memory_bytes(client: &ClientState) -> usize {
    CLIENT_BYTES + client.input_bytes + client.output_bytes
}

/// Appends the line of `client`, line end included.
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
pub(super) fn describe(text: &mut String, client: &ClientState, now_ms: u64) {
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1_000;
    let protocol = match client.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let events = if client.output_bytes > 0 { "rw" } else { "r" };
    let _ = write!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi=-1 ",
        client.id,
        client.address,
        client.local_address,
        client.socket_number,
        String::from_utf8_lossy(&client.name),
        seconds_since(client.connected_ms),
        seconds_since(client.last_active_ms),
        flags(client),
        client.db.0,
    );
    let _ = write!(
        text,
        "qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={} events={events} ",
        client.input_bytes,
        usize::from(client.output_bytes > 0),
        client.output_bytes,
        memory_bytes(client),
    );
    let _ = writeln!(
        text,
        "cmd={} user=default redir=-1 resp={protocol} lib-name={} lib-ver={}",
        client.last_command.map_or("NULL", |spec| spec.name),
        String::from_utf8_lossy(&client.library_name),
        String::from_utf8_lossy(&client.library_version),
    );
}

fn flags(client: &ClientState) -> String {
    let mut flags = String::new();
    for (is_set, letter) in [
        (client.closing, 'c'),
        (client.no_evict, 'e'),
        (client.no_touch, 'T'),
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
