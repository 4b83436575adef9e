//! One client as a line of CLIENT LIST.
//! Pure.

use crate::client_state::ClientState;
use shared::session::{ClientLine, client_bytes};

/// What a client costs, buffers included.
pub(in crate::commands) fn memory_bytes(client: &ClientState) -> usize {
    client_bytes(client.input_bytes, client.output_bytes)
}

/// Appends the line of `client`, line end included.
pub(super) fn describe(text: &mut String, client: &ClientState, now_ms: u64) {
    let line = ClientLine {
        id: client.id,
        address: client.address.as_str(),
        local_address: client.local_address.as_str(),
        socket_number: client.socket_number,
        name: &client.name,
        library_name: &client.library_name,
        library_version: &client.library_version,
        age_ms: now_ms.saturating_sub(client.connected_ms),
        idle_ms: now_ms.saturating_sub(client.last_active_ms),
        flags: &flags(client),
        database: client.db.0.into(),
        input_bytes: client.input_bytes,
        output_bytes: client.output_bytes,
        last_command: client.last_command.map(|spec| spec.name),
        protocol: client.protocol,
    };
    line.write(text);
}

fn flags(client: &ClientState) -> String {
    let flags = [
        (client.closing, 'c'),
        (client.no_evict, 'e'),
        (client.no_touch, 'T'),
    ];
    let set = flags.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, letter)| letter).collect()
}
