//! MONITOR: clients that are shown every command that is carried out, as one line of text each, in the form of Redis.
//! Pure. Bounds: of very long commands a line shows the beginning ([`monitor::MOST_SHOWN_BYTES`]); a client that does not read its lines is cut as others are that do
//! not read their replies.

use super::NodeState;
use super::clients::{ClientKey, Delivery};
use super::letter::Letter;
use crate::client::{Identity, Session};
use shared::monitor;
use shared::resp::Args;

/// A command that was carried out.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// With its name.
    pub args: Args<'a>,
    /// Who asked for it.
    pub identity: &'a Identity,
    /// What that client had chosen when it was over; says which arguments nobody may see.
    pub session: &'a Session,
    /// A script of its asked.
    pub is_of_script: bool,
}

impl NodeState {
    /// Shows a command to all who want to see it.
    #[cold]
    pub fn show_to_monitors(&mut self, shown: Shown<'_>) {
        let mut text = Vec::new();
        let source: &dyn std::fmt::Display = match shown.is_of_script {
            true => &"lua",
            false => &shown.identity.address,
        };
        monitor::Shown {
            now_us: self.now_us,
            database: shown.session.db.0.into(),
            source,
            args: shown.args,
            hides: &|index| shown.session.hides(index),
        }
        .write(&mut text);
        let mut letter = Letter::line(&text);
        let most_bytes = self.settings.hot.output_limit.most_bytes();
        for client in self.monitors.clone() {
            let protocol = shown.session.spoken_to();
            match self
                .clients
                .deliver(client, &mut letter, protocol, most_bytes)
            {
                Delivery::Done(bytes) => self.stats.output_bytes += bytes as u64,
                Delivery::Cut => self.stats.output_limit_disconnections += 1,
                Delivery::Gone => {}
            }
        }
    }

    /// A client wants to see commands no more, or has gone.
    pub fn stop_monitoring(&mut self, client: ClientKey) {
        self.monitors.retain(|other| *other != client);
    }
}
