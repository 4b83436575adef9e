//! Who waits, for what, and is let go on.
//! Invariant: whoever waits is registered with what he waits for (a pipe's crowd, the list of the paused, his own outlet), is let go on by it or by the clock,
//! once, and costs nothing meanwhile.

use std::sync::atomic::Ordering;

use super::Exchange;
use crate::client::{WaitsFor, Watch};
use crate::pipe::set::PipeNumber;
use crate::slab::Key;

/// Clients that try again at once: a crowd of thousands would find the line full again, and wait again.
const LET_IN_AT_ONCE: usize = 64;

impl Exchange {
    /// The client waits from now on.
    pub(crate) fn wait(&mut self, key: Key, what: WaitsFor) {
        let outlet = self.receivers.outlet(key);
        outlet.wait(what);
        match what {
            WaitsFor::Room(number) => {
                if outlet.crowd != Some(number) {
                    outlet.crowd = Some(number);
                    if let Some(pipe) = self.pipes.get_mut(number) {
                        pipe.crowd.push(key);
                    }
                }
            }
            WaitsFor::Pause => {
                self.paused.push(key);
                let blocked = &self.proxy.counters.blocked_clients;
                blocked.fetch_add(1, Ordering::Relaxed);
            }
            WaitsFor::Subscribed => self.channels.wait(key),
            // It may have come to pass in the same turn.
            WaitsFor::Replies(_) | WaitsFor::Outlet(_) | WaitsFor::Round | WaitsFor::Lease => {
                self.receivers.mark_dirty(key);
            }
        }
    }

    /// The client waits for nothing any more, though it may not have come to pass.
    pub(crate) fn stop_waiting(&mut self, key: Key) {
        if let Some(outlet) = self.receivers.outlets.get_mut(key)
            && let Some(what) = outlet.release()
        {
            if what == WaitsFor::Pause {
                self.paused.retain(|paused| *paused != key);
                let blocked = &self.proxy.counters.blocked_clients;
                blocked.fetch_sub(1, Ordering::Relaxed);
            }
            self.receivers.mark_dirty(key);
        }
    }

    /// Clients that waited for room may try again.
    pub(super) fn let_crowd_in(&mut self, number: PipeNumber) {
        self.let_some_in(number, usize::MAX);
    }

    /// If there is room, those who have waited longest for it may try again; the others with the next replies, or at the next tick.
    pub(super) fn let_more_in(&mut self, number: PipeNumber) {
        if self.pipes.has_room(number) {
            self.let_some_in(number, LET_IN_AT_ONCE);
        }
    }

    fn let_some_in(&mut self, number: PipeNumber, most: usize) {
        let Some(pipe) = self.pipes.get_mut(number) else {
            return;
        };
        let first = pipe.crowd.len().min(most);
        let first: Vec<Key> = pipe.crowd.drain(..first).collect();
        for key in first {
            let Some(outlet) = self.receivers.outlets.get_mut(key) else {
                continue;
            };
            // Who stands in another crowd by now is not meant.
            if outlet.crowd == Some(number) {
                outlet.crowd = None;
                if outlet.waits_for() == Some(WaitsFor::Room(number)) {
                    self.stop_waiting(key);
                }
            }
        }
    }

    /// The pause has changed, or is over: clients look again whether they may go on.
    pub(crate) fn let_paused_go(&mut self) {
        for key in std::mem::take(&mut self.paused) {
            self.stop_waiting(key);
        }
    }

    /// Clients that wait for the end of a pause.
    pub(crate) fn paused(&self) -> &[Key] {
        &self.paused
    }

    /// A client has gone that watched this.
    pub(crate) fn forget(&mut self, key: Key, watch: Option<&Watch>) {
        if let Some(named) = watch.and_then(|watch| watch.named) {
            self.forget_watch(&named);
        }
        self.stop_waiting(key);
        self.channels.leave(key);
        self.stop_monitoring(key);
        self.forget_leases(key);
        self.stop_tracking(key);
        self.receivers.forget(key);
        self.proxy.counters.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
