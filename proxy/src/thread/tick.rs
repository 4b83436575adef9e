//! Deadlines that are looked at several times a second, and counters that other threads may see.
//! Never: decides whether a deadline is over; [`crate::request`], [`crate::client::outlet`] and [`crate::pipe::reach`] do.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::throttle::Throttle;

use super::ProxyThread;
use crate::client::Work;
use crate::events::{Kind, News};
use crate::request::has_deadline;
use crate::route;
use crate::slab::Key;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// A thread that has not had a tick for so long has stood still, milliseconds: most load balancers and clients wait longer.
const STALL_MS: u64 = 1_000;

/// Clients are looked at every so many ticks.
const TICKS_PER_CLIENT_ROUND: u32 = 20;

pub(super) async fn run_ticks(thread: Rc<RefCell<ProxyThread>>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        thread.borrow_mut().tick();
    }
}

impl ProxyThread {
    /// Notices when the thread has stood still, before anything that has come meanwhile is carried out or sent on.
    #[inline]
    pub(super) fn look_for_stall(&mut self) {
        let now_ms = self.exchange.now_ms();
        if now_ms.saturating_sub(self.exchange.tick_ms) >= STALL_MS {
            self.exchange.tick_ms = now_ms;
            self.stalled_ms = Some(now_ms);
            tracing::warn!(
                "a thread stood still for a second or more: the process was stopped, or its machine does not keep up"
            );
            self.leave_who_has_left();
        }
    }

    /// Whether the thread stood still just now: a client that it accepts may have waited for that.
    pub(super) fn has_just_stalled(&self) -> bool {
        let now_ms = self.exchange.now_ms();
        self.stalled_ms
            .is_some_and(|stalled_ms| now_ms.saturating_sub(stalled_ms) < STALL_MS)
    }

    fn tick(&mut self) {
        self.look_for_stall();
        self.exchange.tick_ms = self.exchange.now_ms();
        let active = std::mem::take(&mut self.exchange.active_clients);
        self.rest.note_clients(active);
        self.exchange.follow_topology();
        self.exchange.tick_pipes();
        self.tick_relays();
        self.exchange.tick_leases();
        self.exchange.tick_notices();
        self.tick_paused();
        self.tick_memory();
        self.tick_users();
        self.tick_monitors();
        self.exchange.receivers.redirects.look_again();
        self.tick_heat();
        // Every tick would be too often for thousands of clients of which nearly all are idle.
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(TICKS_PER_CLIENT_ROUND) {
            self.tick_clients();
        }
        let requests = self.exchange.receivers.stats.requests;
        let news = requests - self.published_requests;
        self.published_requests = requests;
        let commands = &self.exchange.proxy.counters.commands;
        commands.add(news);
        self.wake_flusher();
    }

    /// Requests wait for the end of a pause, but not longer than their deadline; those that have none stay.
    fn tick_paused(&mut self) {
        let deadline = self.exchange.proxy.config.request_deadline;
        if deadline.is_zero() || self.exchange.paused().is_empty() {
            return;
        }
        let stopwatch = &self.exchange.receivers.stopwatch;
        let is_late = |key: &Key| match self.client(*key).map(|client| &client.work) {
            Some(Work::Waiting(held)) => {
                u128::from(stopwatch.since_ns(held.read)) >= deadline.as_nanos()
                    && held
                        .first()
                        .is_none_or(|args| route::resolve(args).is_ok_and(has_deadline))
            }
            _ => false,
        };
        let paused = self.exchange.paused().iter().copied();
        let late: Vec<Key> = paused.filter(is_late).collect();
        for key in late {
            self.exchange.stop_waiting(key);
        }
    }

    /// When all clients together have more waiting than they may, those of a thread that keeps more than its share are closed, largest first.
    fn tick_memory(&mut self) {
        let proxy = &self.exchange.proxy;
        let before = std::mem::replace(&mut self.published_bytes, self.kept_bytes);
        let all_bytes = proxy.counters.keep_bytes(before, self.kept_bytes);
        let most_bytes = proxy.config.clients_buffer_limit.as_usize();
        if all_bytes > most_bytes {
            let threads = proxy.threads.len().max(1);
            self.close_largest(most_bytes / threads);
        }
    }

    fn tick_clients(&mut self) {
        let now_ms = self.exchange.tick_ms;
        let config = &self.exchange.proxy.config;
        let (idle_ms, stall_ms) = (millis(config.timeout), millis(config.client_output_stall));
        for key in self.clients() {
            let limits = self.exchange.limits.clone();
            let outlet = self.exchange.receivers.outlet(key);
            let bytes = outlet.queue.bytes();
            let is_stalled = outlet.is_stalled(&limits, now_ms, stall_ms);
            let is_quiet = outlet.queue.is_idle();
            let Some(client) = self.client(key) else {
                continue;
            };
            // Who waits is not idle, nor who listens.
            let is_idle = is_quiet
                && !client.state.subscribed.are_any()
                && !client.state.is_monitor
                && idle_ms > 0
                && matches!(client.work, Work::Reading)
                && now_ms.saturating_sub(client.state.active_ms) >= idle_ms;
            if is_stalled {
                static TAKES_NOTHING: Throttle = Throttle::new();
                if let Some(left_out) = TAKES_NOTHING.admit(self.exchange.clock.wall_ms()) {
                    let peer = client.state.peer;
                    let words = format!(
                        "client closed: it has not taken its replies for too long, {bytes} bytes"
                    );
                    let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
                    self.exchange.proxy.events.tell(news.after(left_out));
                }
            }
            // Nobody reads from it, so nobody else would notice.
            let is_broken = matches!(client.work, Work::Waiting(_)) && self.is_broken(key);
            if is_stalled || is_idle || is_broken {
                self.remove_client(key);
            }
        }
    }

    /// Shows others what passes most.
    fn tick_heat(&mut self) {
        let exchange = &mut self.exchange;
        if let Some(seen) = exchange.receivers.heat.tick(exchange.tick_ms)
            && let Some(contact) = exchange.proxy.threads.get(exchange.number)
        {
            contact.seen.store(Arc::new(seen));
        }
    }

    /// Whoever says nothing hears of it all the same when its user is no more, or may not hear any more what it has subscribed to.
    fn tick_users(&mut self) {
        let proxy = Arc::clone(&self.exchange.proxy);
        let version = proxy.access.version();
        if std::mem::replace(&mut self.users_version, version) == version {
            return;
        }
        for key in self.clients() {
            let is_gone = self.client_mut(key).is_some_and(|client| {
                let state = &mut client.state;
                !state.knows_users(&proxy.access) && !state.follow_users(&proxy.access)
            });
            if is_gone || self.hears_too_much(key) {
                self.remove_client(key);
            }
        }
    }

    fn hears_too_much(&self, key: Key) -> bool {
        let state = self.client(key).map(|client| &client.state);
        state.is_some_and(|state| {
            let heard = self.exchange.channels.heard_by(key);
            // Also of what it has not been told yet.
            !state.login.user().may_hear_all(heard)
        })
    }

    /// From now on clients only get the replies that they wait for.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
        for key in self.clients() {
            self.end_client(key);
        }
        self.wake_flusher();
    }
}

/// A part of a millisecond counts as one: less would be none, and none means never.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
