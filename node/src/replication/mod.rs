//! Following and being followed, as far as the shell has to do with it: whom the node follows is begun and ended, followers are looked after, and whoever waits for them.
//! Never: decides who may continue (`node_state::replication`), or runs a command but what a leader sends.
//!
//! [`orders`] what proxies say. [`handshake`] how a leader is asked for its log. [`copy`] its keys, as they come. [`failover`] the leadership goes to a follower. [`following`] what it
//! sends then, applied and kept; [`frames`] how members of a shard get it. Followers are fed by their connections (`connection::feed`).

mod copy;
mod failover;
mod following;
mod frames;
mod handshake;
pub(crate) mod orders;

pub(crate) use failover::abort as abort_failover;

use crate::client::CopiesWait;
use crate::node_state::{ClientKey, Forgotten, Link, Place};
use crate::shell::{Core, Shell};
use shared::resp::{ErrorReply, WaitError, encode_request};
use shared::topology::Incarnation;
use shared::wait_time::Awaited;
use std::rc::Rc;
use std::time::Duration;
use tracing::{info, warn};

/// How often a follower says how far it is, though nothing has come.
const SPOKEN_EVERY_MS: u64 = 1_000;
/// How often it is looked whether anybody still waits for the followers of what it reads or writes.
const LOOK_EVERY_MS: u64 = 1_000;
/// Whoever waits for followers and has gone itself is noticed so soon.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// 40 hexadecimal digits.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What names a new life of this node.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn random_life() -> Result<Incarnation, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(Incarnation(u64::from_ne_bytes(bytes)))
}

/// What a client is told then.
pub(crate) fn no_numbers(error: getrandom::Error) -> ErrorReply {
    ErrorReply::Text(format!("ERR cannot draw random numbers: {error}").into())
}

/// REPLICAOF: follows whom the node's state says, and nobody else.
pub(crate) async fn follow(shell: &Rc<Shell>) {
    let number = next_order(shell);
    let Some(place) = begin_to_follow(shell) else {
        return;
    };
    shell.release_all_waiting();
    // What a command over very much has begun is still this node's own.
    loop {
        let unheld = shell.unheld.notified();
        let is_done = {
            let core = shell.core.borrow();
            core.node.hold.is_none() && !core.store.effects().is_within_unit()
        };
        if shell.follow_orders.get() != number {
            // Another order has come meanwhile.
            return;
        }
        if is_done {
            break;
        }
        unheld.await;
    }
    {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        core.store.stop_recording();
        let until_ms = core.node.keeps_all_until_ms();
        core.store.keep_all_until(until_ms);
    }
    info!(leader = %place.host, port = place.port, "follows");
    shell
        .following
        .replace(Some(following::start(shell, place)));
}

/// Another order to follow somebody, or nobody, has come.
fn next_order(shell: &Shell) -> u64 {
    let number = shell.follow_orders.get() + 1;
    shell.follow_orders.set(number);
    number
}

fn begin_to_follow(shell: &Shell) -> Option<Place> {
    stop_following(shell);
    let followers = {
        let core = &mut *shell.core.borrow_mut();
        let replication = &mut core.node.replication;
        let place = replication.wanted.take()?;
        replication.follow(place.clone());
        // What they get from now on is another one's log.
        let followers = replication.followers().iter();
        let followers: Vec<u64> = followers.map(|follower| follower.client.id()).collect();
        (place, followers)
    };
    let (place, followers) = followers;
    shell.cut(&followers);
    Some(place)
}

/// What is one, and has been applied in part, is applied as a whole now.
fn finish_unit(shell: &Shell) {
    let is_within = shell.core.borrow().node.replication.is_within_unit;
    if let Some(following) = shell.following.borrow().as_ref().filter(|_| is_within) {
        (following.finish)(shell);
    }
}

/// What followed ends, between two units of what it was applying.
pub(crate) fn stop_following(shell: &Shell) {
    if let Some(before) = shell.following.take() {
        before.task.abort();
        (before.finish)(shell);
    }
    let now_ms = shell.clock.wall_ms();
    let core = &mut *shell.core.borrow_mut();
    core.node.replication.is_within_unit = false;
    core.node.replication.held_bytes = 0;
    core.node.replication.set_link(Link::Connect, now_ms);
    copy::give_up(core);
    shell.unheld.notify_waiters();
}

/// REPLICAOF NO ONE: the node goes on with what it has.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn lead(shell: &Shell) -> Result<(), getrandom::Error> {
    let id = random_id()?;
    next_order(shell);
    stop_following(shell);
    let core = &mut *shell.core.borrow_mut();
    core.node.replication.lead(id);
    let until_ms = core.node.keeps_all_until_ms();
    core.store.keep_all_until(until_ms);
    if core.node.replication.backlog().is_some() || core.node.persistence.has_log {
        core.store.start_recording();
        core.store.begin_increment();
    }
    shell.unheld.notify_waiters();
    info!(
        offset = core.node.replication.offset(),
        "follows nobody any more"
    );
    Ok(())
}

/// Where all is that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Have {
    /// On this node's disk.
    pub(crate) is_on_disk: bool,
    /// At so many followers; of WAITAOF, on their disks.
    pub(crate) followers: usize,
}

impl Have {
    /// Of the log up to `offset`.
    fn of(shell: &Shell, core: &Core, awaited: Awaited, offset: u64) -> Self {
        let followers = match awaited.on_disk {
            None => core.node.replication.count_with(offset),
            Some(_) => core.node.replication.count_with_on_disk(offset),
        };
        Self {
            is_on_disk: shell.on_disk().is_some_and(|on_disk| on_disk >= offset),
            followers,
        }
    }

    fn is_enough(self, awaited: Awaited) -> bool {
        let waits_for_own = awaited.on_disk == Some(true);
        self.followers >= awaited.followers && (self.is_on_disk || !waits_for_own)
    }
}

/// WAIT, WAITAOF: where all is that there is now, when that is enough, or the time is over, or another client ends the waiting, or nobody waits any more.
///
/// # Errors
/// The node follows somebody meanwhile, or keeps no log any more; another client wants it to hear one.
pub(crate) async fn wait_for_followers(
    shell: &Shell,
    client: ClientKey,
    awaited: Awaited,
) -> Result<Have, ErrorReply> {
    let have = until_followers_have(shell, client, awaited).await;
    let core = &mut *shell.core.borrow_mut();
    if let Some(client) = core.node.clients.get_mut(client) {
        client.copies_wait = None;
    }
    have
}

async fn until_followers_have(
    shell: &Shell,
    client: ClientKey,
    awaited: Awaited,
) -> Result<Have, ErrorReply> {
    let (offset, id) = {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        let offset = core.node.replication.offset();
        if Have::of(shell, core, awaited, offset).followers < awaited.followers {
            // Those who do not say at once what they have are asked.
            say(shell, core, &["REPLCONF", "GETACK", "*"]);
        }
        (offset, core.node.replication.id().to_owned())
    };
    let timeout_ms = awaited.timeout_ms;
    let began_ms = shell.clock.monotonic_ms();
    loop {
        let followed = shell.followed.notified();
        let written = shell.log_reached.notified();
        let (have, is_awaited) = {
            let core = &mut *shell.core.borrow_mut();
            let client = core.node.clients.get_mut(client);
            let wait = client.and_then(|client| client.copies_wait);
            if wait == Some(CopiesWait::Forced) {
                return Err(WaitError::ByClient.into());
            }
            let replication = &core.node.replication;
            if replication.leader().is_some() || replication.id() != id {
                // Its offsets are those of another log.
                return Err(ErrorReply::Unblocked);
            }
            if awaited.on_disk == Some(true) && !core.node.settings.hot.append_only {
                return Err(WaitError::WithoutLog.into());
            }
            let have = Have::of(shell, core, awaited, offset);
            (have, wait == Some(CopiesWait::Lasts))
        };
        let waited_ms = shell.clock.monotonic_ms() - began_ms;
        let is_late = timeout_ms > 0 && waited_ms >= timeout_ms;
        if have.is_enough(awaited) || is_late || !is_awaited || shell.is_stopping() {
            return Ok(have);
        }
        let left = match timeout_ms {
            0 => LOOK_AGAIN,
            _ => LOOK_AGAIN.min(Duration::from_millis(timeout_ms - waited_ms)),
        };
        // Whether it was late shows when it is looked at again.
        tokio::select! {
            () = followed => {}
            () = written, if awaited.on_disk.is_some() => {}
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// What is said to followers and changes no key. It is a part of the log, for they count its bytes.
fn say(shell: &Shell, core: &mut Core, words: &[&str]) {
    if core.node.replication.backlog().is_none() || core.node.replication.leader().is_some() {
        return;
    }
    let mut bytes = Vec::new();
    encode_request(&mut bytes, words.iter().map(|word| word.as_bytes()));
    let is_in_unit = core.store.effects().is_within_unit();
    shell.append(core, bytes.into(), is_in_unit);
}

/// What the tick remembers.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    said_ms: u64,
    looked_ms: u64,
}

/// Looks after those who follow, as often as the tick comes.
pub(crate) fn look_after(shell: &Rc<Shell>, watch: &mut Watch) {
    failover::look_after(shell);
    let now_ms = shell.clock.wall_ms();
    let condemned = {
        let core = &mut *shell.core.borrow_mut();
        shell.record(core);
        if core.node.replication.backlog().is_none() {
            return;
        }
        if now_ms.saturating_sub(watch.looked_ms) >= LOOK_EVERY_MS {
            watch.looked_ms = now_ms;
            shell.look_after_slot_writes(core);
        }
        let hot = core.node.settings.hot.replication.clone();
        let replication = &mut core.node.replication;
        let Forgotten { slow, released } =
            replication.forget_old(hot.backlog_bytes, hot.most_waiting_bytes);
        for buffer in released {
            core.store.reclaim(buffer);
        }
        for client in &slow {
            warn!(
                client = client.id(),
                "cut: a follower takes less than comes"
            );
        }
        let silent = replication.followers().iter().filter(|follower| {
            let silent_ms = now_ms.saturating_sub(follower.heard_ms);
            // They speak once a second.
            silent_ms > hot.timeout_ms + SPOKEN_EVERY_MS && hot.timeout_ms > 0
        });
        let silent: Vec<u64> = silent.map(|follower| follower.client.id()).collect();
        for client in &silent {
            warn!(client, "cut: nothing is heard of a follower");
        }
        let is_due = now_ms.saturating_sub(watch.said_ms) >= hot.ping_every_ms;
        // While the leadership is handed over, the log stands still.
        let is_due = is_due && replication.failover.is_none();
        if is_due && !replication.followers().is_empty() && !core.store.effects().is_within_unit() {
            watch.said_ms = now_ms;
            say(shell, core, &["PING"]);
        }
        // A member of a shard is followed again by those who know its epochs.
        if hot.backlog_kept_ms > 0 && core.node.member.shard().is_none() {
            drop_backlog(core, now_ms, hot.backlog_kept_ms);
        }
        let slow = slow.iter().map(|client| client.id());
        slow.chain(silent).collect::<Vec<u64>>()
    };
    shell.cut(&condemned);
}

/// Nobody has followed for so long that nobody will continue: the log is no more, where it is not on disk.
fn drop_backlog(core: &mut Core, now_ms: u64, after_ms: u64) {
    if !core.node.replication.is_deserted(now_ms, after_ms) {
        return;
    }
    let Ok(id) = random_id() else {
        return;
    };
    core.node.replication.drop_backlog(id);
    if !core.node.persistence.has_log {
        core.store.stop_recording();
    }
    info!("nobody has followed for repl-backlog-ttl: the log is not kept for followers any more");
}
