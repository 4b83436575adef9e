//! One client as a line of CLIENT LIST.
//! Pure.

use crate::client::{Client, Session, Transaction};
use shared::session::ClientLine;
use shared::tracking::{Mode, Tracking};

/// Appends the line of `client`, line end included.
pub(in crate::commands) fn describe(
    text: &mut String,
    client: &Client,
    session: &Session,
    tracking: &Tracking<u64>,
    now_ms: u64,
) {
    let (identity, traffic) = (&client.identity, &client.traffic);
    let mode = tracking.mode(identity.id);
    let line = ClientLine {
        id: identity.id,
        address: identity.address.as_str(),
        local_address: identity.local_address.as_str(),
        socket_number: identity.socket_number,
        name: &session.name,
        library_name: &session.library_name,
        library_version: &session.library_version,
        age_ms: now_ms.saturating_sub(identity.connected_ms),
        idle_ms: now_ms.saturating_sub(traffic.last_active_ms),
        flags: &flags(client, session, mode),
        redirect: mode.map(Mode::redirect),
        database: session.db.0.into(),
        queued: session.transaction.as_deref().map(Transaction::len),
        queued_bytes: session.queued_bytes(),
        subscriptions: [
            session.subscribed.channels,
            session.subscribed.patterns,
            session.subscribed.shard_channels,
        ],
        subscription_bytes: session.subscribed.bytes,
        argument_bytes: client.waiting_bytes(),
        input_bytes: traffic.input_bytes,
        input_spare_bytes: traffic.input_spare_bytes,
        output_bytes: client.outbox.len(),
        last_command: session.last_command.map(|spec| spec.name),
        user: session.login.user().name(),
        protocol: session.protocol,
    };
    line.write(text);
}

fn flags(client: &Client, session: &Session, mode: Option<&Mode>) -> String {
    let flags = [
        (client.traffic.is_follower(), "S"),
        (session.is_monitor, "O"),
        (session.subscribed.are_any(), "P"),
        (session.transaction.is_some(), "x"),
        (client.traffic.is_blocked(), "b"),
        (mode.is_some(), mode.map_or("", Mode::letters)),
        (session.no_evict, "e"),
        (session.no_touch, "T"),
    ];
    let set = flags.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, letter)| letter).collect()
}
