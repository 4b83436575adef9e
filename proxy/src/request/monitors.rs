//! MONITOR: clients that are shown what the clients of all threads ask for.
//! Reaches: outlets, atomics, the queue of lines for other threads. Never: sends an order ([`crate::thread`] does).
//! Invariants: a command is shown once, when it has begun, and not at all when it was refused; secrets are not shown.
//! Bound: a line copies the beginning of a long command ([`shared::monitor::MOST_SHOWN_BYTES`]), and counts as a reply of whoever gets it.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use shared::command::{self, AclCategories, CommandId, CommandSpec};
use shared::monitor::{self, Shown};
use shared::resp::{Args, LeaseError};
use shared::session;

use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::client::{ReplyBytes, Transaction};
use crate::monitors::MOST_MONITORS;
use crate::slab::Key;

/// Lines from here on are shared by all who get them, and not copied.
const SHARED_BYTES: usize = 4 * 1024;

impl Exchange {
    /// Whether any client of the proxy watches.
    #[inline]
    pub(super) fn is_monitored(&self) -> bool {
        let monitors = &self.proxy.counters.monitors;
        monitors.load(Ordering::Acquire) > 0
    }

    fn begin_monitoring(&mut self, client: Key) -> bool {
        let has_begun = self.monitors.begin(client);
        if has_begun {
            let monitors = &self.proxy.counters.monitors;
            monitors.fetch_add(1, Ordering::Release);
            self.note_monitors();
        }
        has_begun
    }

    /// A client watches no more, if it did.
    pub(crate) fn stop_monitoring(&mut self, client: Key) {
        if self.monitors.end(client) {
            let monitors = &self.proxy.counters.monitors;
            monitors.fetch_sub(1, Ordering::Release);
            self.note_monitors();
        }
    }

    fn note_monitors(&self) {
        if let Some(contact) = self.proxy.threads.get(self.number) {
            contact.monitors.note(self.monitors.clients().len());
        }
    }

    /// Lines have come, of this thread or of another one.
    pub(crate) fn show_here(&mut self, text: &Bytes) {
        for client in self.monitors.clients() {
            let Some(outlet) = self.receivers.outlets.get_mut(*client) else {
                continue;
            };
            let lines = match text.len() < SHARED_BYTES {
                true => ReplyBytes::Lent(text),
                false => ReplyBytes::Own(text.clone()),
            };
            outlet.queue.message(lines, &mut self.receivers.buffers);
            self.receivers.mark_dirty(*client);
        }
    }

    /// Clients that did not get what they should have got, for their thread took too little, or sent too much at once.
    pub(crate) fn monitors_behind(&self) -> Vec<Key> {
        let contact = self.proxy.threads.get(self.number);
        match contact.is_some_and(|contact| contact.monitors.take_behind()) {
            true => self.monitors.clients().to_vec(),
            false => Vec::new(),
        }
    }
}

impl Turn<'_> {
    /// MONITOR; asked for again it is not even answered, as at Redis.
    pub(super) fn monitor(&mut self) -> Step {
        if self.client.state.is_monitor {
            return Step::Next;
        }
        if !self.exchange.begin_monitoring(self.key) {
            let most = MOST_MONITORS;
            return self.answer_error(&LeaseError::TooManyMonitors { most }.into());
        }
        self.client.state.is_monitor = true;
        self.look_at_client();
        self.ok()
    }

    /// RESET and QUIT end it.
    pub(super) fn stop_monitoring(&mut self) {
        if std::mem::take(&mut self.client.state.is_monitor) {
            self.exchange.stop_monitoring(self.key);
        }
    }

    /// A request while somebody watches.
    #[cold]
    pub(super) fn seen_request(&mut self, asked: Asked<'_>) -> Step {
        let was_amid = self.client.is_amid_command();
        let is_queued = self.client.state.transaction.is_some() && !is_obeyed_at_once(asked.spec);
        self.is_refused = false;
        let step = self.rare_request(asked);
        let is_over = !matches!(step, Step::Wait(_) | Step::Again);
        let has_begun = match asked.spec.id {
            // What it runs is shown before it.
            CommandId::Exec => is_over,
            _ => !was_amid && (is_over || self.client.is_amid_command()),
        };
        let is_of_transaction = asked.spec.acl.contains(AclCategories::TRANSACTION);
        if has_begun && !is_queued && (!self.is_refused || is_of_transaction) {
            self.show(asked.spec, asked.args);
        }
        step
    }

    /// What EXEC has sent.
    pub(super) fn show_queue(&mut self, queue: &Transaction) {
        if !self.exchange.is_monitored() || self.is_refused {
            return;
        }
        let shown = queue.each(|args| {
            if let Ok(spec) = command::resolve(args) {
                self.show(spec, args);
            }
            Ok::<(), ()>(())
        });
        debug_assert!(shown.is_ok(), "nothing is refused");
    }

    fn show(&mut self, spec: &CommandSpec, args: Args<'_>) {
        if !monitor::is_shown(spec) && !spec.runs_script() {
            return;
        }
        let secrets = session::secret_args(spec.id, args);
        let exchange = &mut *self.exchange;
        let shown = Shown {
            now_us: exchange.clock.wall_us(),
            database: self.client.state.database,
            source: &self.client.state.peer,
            args,
            hides: &|index| secrets >> index.min(63) & 1 == 1,
        };
        let threads = &exchange.proxy.threads;
        exchange.monitors.show(&shown, |thread| {
            threads.get(thread).map(|contact| &contact.monitors)
        });
    }
}

/// Whether a command is not queued behind MULTI.
fn is_obeyed_at_once(spec: &CommandSpec) -> bool {
    matches!(
        spec.id,
        CommandId::Multi
            | CommandId::Exec
            | CommandId::Discard
            | CommandId::Watch
            | CommandId::Quit
            | CommandId::Reset
    )
}
