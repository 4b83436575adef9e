//! What stands between a known command and its handler, as a list: machine, password, subscriptions, the data on disk, pause, memory, keys at work, and how much there is to do.
//! Pure. Never: runs a handler. Invariant: a command that is refused has changed nothing, but that keys may have been evicted to let it pass.

use super::room::{Room, make_room};
use super::{Origin, Turn, Wait, strides};
use crate::commands::{Asking, context_of, looks_at_keys, note_denied};
use crate::node_state::{Hold, Link, MOST_QUEUED_BYTES, PLAIN, REFUSED, SERVES_NOBODY};
use crate::snapshot::Snapshot;
use crate::store::{Key, Store};
use shared::access::{Context, Refused};
use shared::clock::Stopwatch;
use shared::command::{CommandFlags, CommandId, CommandSpec};
use shared::config::DebugCommand;
use shared::monitor;
use shared::pubsub::is_for_subscribers;
use shared::resp::{Args, ErrorReply};

/// A command with more arguments waits for the end of one that is carried out in strides, whatever its keys.
const MOST_ARGS_BESIDE: usize = 1_024;

/// What clients queue behind MULTI may take this share of `maxmemory`, over all of them: one in so many.
const MOST_QUEUED_SHARE: u64 = 4;

/// Writes wait while more bytes of a snapshot do, for what they change would be more of them.
const MOST_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// May a command run now?
#[derive(Debug)]
pub(super) enum Gate {
    /// Yes.
    Open,
    /// No; this is the reply.
    Refused(ErrorReply),
    /// Not before this.
    Wait(Wait),
}

/// What a gate may look at.
struct Look<'a, 'b> {
    turn: &'a mut Turn<'b>,
    spec: &'static CommandSpec,
    args: Args<'a>,
    watch: &'a Stopwatch,
}

/// One condition.
type Check = fn(&mut Look<'_, '_>) -> Gate;

/// What a client's command has to pass. In Redis' order: a stranger is told first that DEBUG is not for it, and during a pause nobody is told that memory is full.
const OF_CLIENTS: [Check; 10] = [
    debugging,
    permission,
    restricted,
    fence,
    data_on_disk,
    following,
    pause,
    memory,
    keys_at_work,
    others_turns,
];
/// What a command has to pass that a client queues: as if it ran now, but that it waits for nobody's keys.
const OF_QUEUES: [Check; 8] = [
    debugging,
    permission,
    busy,
    fence,
    data_on_disk,
    following,
    pause,
    memory_of_queues,
];
/// What all commands of a queue have to pass before the first of them runs.
const OF_TRANSACTIONS: [Check; 6] = [fence, data_on_disk, following, pause, memory, keys_at_work];
/// What a command of a script has to pass: the script itself has passed the others, and nobody else is at work.
const OF_SCRIPTS: [Check; 3] = [fence, data_on_disk, following];
/// What a leader tells has been admitted there; it waits for whoever reads here what it would change.
const OF_LEADERS: [Check; 2] = [shown_keys, keys_in_use];
/// What a command has to pass that has waited: it was admitted before, by a node that may be something else by now, and comes between two commands of others.
const OF_WAITERS: [Check; 4] = [fence, following, shown_keys, keys_in_use];
/// What the log tells has been admitted once.
const OF_THE_LOG: [Check; 0] = [];

/// The first gate that is not open.
#[inline]
pub(super) fn pass(
    origin: Origin,
    turn: &mut Turn<'_>,
    spec: &'static CommandSpec,
    args: Args<'_>,
    watch: &Stopwatch,
) -> Gate {
    let mut look = Look {
        turn,
        spec,
        args,
        watch,
    };
    match origin {
        Origin::Client => first_closed(OF_CLIENTS, &mut look),
        Origin::Queue => first_closed(OF_QUEUES, &mut look),
        Origin::Transaction => first_closed(OF_TRANSACTIONS, &mut look),
        Origin::Script => first_closed(OF_SCRIPTS, &mut look),
        Origin::Waiter => first_closed(OF_WAITERS, &mut look),
        Origin::Leader => first_closed(OF_LEADERS, &mut look),
        Origin::Log => first_closed(OF_THE_LOG, &mut look),
    }
}

/// A constant list of known length: the compiler makes one straight line of it.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a call per gate and request would be felt"
)]
fn first_closed<const CHECKS: usize>(checks: [Check; CHECKS], look: &mut Look<'_, '_>) -> Gate {
    for check in checks {
        match check(look) {
            Gate::Open => {}
            closed => return closed,
        }
    }
    Gate::Open
}

/// DEBUG is for those whom `enable-debug-command` means.
#[inline]
fn debugging(look: &mut Look<'_, '_>) -> Gate {
    if look.spec.id == CommandId::Debug && !may_debug(look.turn) {
        return Gate::Refused(ErrorReply::DebugNotAllowed);
    }
    Gate::Open
}

fn may_debug(turn: &Turn<'_>) -> bool {
    match turn.node.settings.hot.debug_command {
        DebugCommand::Yes => true,
        DebugCommand::Local => turn.identity.is_of_this_machine(),
        DebugCommand::No => false,
    }
}

/// A stranger authenticates first, and users have their limits.
#[inline]
fn permission(look: &mut Look<'_, '_>) -> Gate {
    if !look.turn.session.login.is_free() {
        return limited(look);
    }
    Gate::Open
}

#[cold]
fn limited(look: &mut Look<'_, '_>) -> Gate {
    let context = context_of(look.turn.session);
    match check_permission(look.turn, look.spec, look.args, context) {
        Ok(()) => Gate::Open,
        Err(refused) => Gate::Refused(refused.reply(look.spec)),
    }
}

/// Whether the client's user may run the command now; that it may not is noted.
pub(super) fn check_permission(
    turn: &mut Turn<'_>,
    spec: &'static CommandSpec,
    args: Args<'_>,
    context: Context,
) -> Result<(), Refused> {
    let users = &turn.node.access.users;
    let checked = turn.session.login.check(users, spec, args);
    if let Err(Refused::Denied(denied)) = checked {
        turn.session.last_command = Some(spec);
        let about = Asking {
            identity: turn.identity,
            session: turn.session,
            context,
            now_ms: turn.now_ms,
        };
        note_denied(turn.node, about, denied, spec, args);
    }
    checked
}

/// In RESP2 a subscriber has only to do with its subscriptions; who is shown every command has nothing to do with keys.
#[inline]
fn restricted(look: &mut Look<'_, '_>) -> Gate {
    if look.turn.session.is_restricted() {
        return narrowed(look);
    }
    Gate::Open
}

#[cold]
fn narrowed(look: &Look<'_, '_>) -> Gate {
    let (session, spec) = (&look.turn.session, look.spec);
    if session.is_monitor && !monitor::may_ask(spec) {
        return Gate::Refused(ErrorReply::NoKeysForReplicas);
    }
    if session.is_only_subscriber() && !is_for_subscribers(spec) {
        return Gate::Refused(ErrorReply::OnlySubscriptions(spec.name));
    }
    Gate::Open
}

/// The node's data is being read, or saved, or cannot be saved.
#[inline]
fn data_on_disk(look: &mut Look<'_, '_>) -> Gate {
    if look.turn.node.persistence.guards {
        return guarded(look);
    }
    Gate::Open
}

#[cold]
fn guarded(look: &mut Look<'_, '_>) -> Gate {
    let (turn, spec) = (&mut *look.turn, look.spec);
    let persistence = &turn.node.persistence;
    if persistence.loading.is_some() && !spec.flags.contains(CommandFlags::LOADING) {
        return Gate::Refused(ErrorReply::Loading);
    }
    // What a node is, it says when it knows what it has.
    let is_recovering = persistence.loading.is_some_and(|loading| !loading.is_copy);
    if is_recovering && spec.id == CommandId::Node {
        return Gate::Refused(ErrorReply::Loading);
    }
    // A PING asks whether all is well.
    let is_refused = spec.flags.contains(CommandFlags::WRITE) || spec.id == CommandId::Ping;
    if is_refused && turn.node.saves_fail() {
        return Gate::Refused(ErrorReply::SnapshotsFail);
    }
    if is_refused && let Some(reason) = &persistence.log_failure {
        return Gate::Refused(ErrorReply::log_fails(reason));
    }
    if spec.may_write() && persistence.log_queued_bytes > MOST_QUEUED_BYTES {
        return Gate::Wait(Wait::Memory);
    }
    if !turn.store.is_capturing() || !spec.may_write() || has_many_keys(spec, look.args) {
        return Gate::Open;
    }
    let waiting = Snapshot::of(turn.store).map_or(0, |snapshot| snapshot.waiting_bytes());
    if waiting > MOST_WAITING_BYTES {
        return Gate::Wait(Wait::Memory);
    }
    shown_keys(look)
}

/// Whether there may be too many to look at each.
fn has_many_keys(spec: &CommandSpec, args: Args<'_>) -> bool {
    args.len() > MOST_ARGS_BESIDE && !spec.changes_elements()
}

/// A snapshot shows some of its keys, a part at a time.
fn shown_keys(look: &mut Look<'_, '_>) -> Gate {
    let (turn, spec) = (&mut *look.turn, look.spec);
    if !turn.store.is_capturing() || !spec.may_write() || has_many_keys(spec, look.args) {
        return Gate::Open;
    }
    let (db, args) = (turn.session.db, look.args);
    let (mut is_waited_for, only_elements) = (false, spec.changes_elements());
    spec.for_each_key(args, |index| {
        let bytes = args.at(index);
        let hash = turn.store.hash(bytes);
        is_waited_for |= turn
            .store
            .is_waited_for(db, Key { bytes, hash }, only_elements);
    });
    if is_waited_for {
        return Gate::Wait(Wait::Keys);
    }
    Gate::Open
}

/// The epoch of the client's pipe is that at which the node leads.
#[inline]
fn fence(look: &mut Look<'_, '_>) -> Gate {
    if look.turn.session.fence_epoch != look.turn.node.member.serving_epoch {
        return fenced(look);
    }
    Gate::Open
}

#[cold]
fn fenced(look: &mut Look<'_, '_>) -> Gate {
    let flags = look.spec.flags;
    let (session, member) = (&mut *look.turn.session, &look.turn.node.member);
    let looks = looks_at_keys(look.spec, look.args) || look.spec.runs_script();
    if !(looks || flags.contains(CommandFlags::WRITE)) {
        return Gate::Open;
    }
    // Who is not fenced asks a node that serves for itself, and one that follows for what it has.
    let is_direct = session.fence_epoch == PLAIN;
    let follows = look.turn.node.replication.leader().is_some();
    if is_direct && follows && flags.contains(CommandFlags::WRITE) {
        // Whatever the settings say: two copies of a shard are the same.
        return Gate::Refused(ErrorReply::ReadOnlyFollower);
    }
    if is_direct && (follows || member.serving_epoch != SERVES_NOBODY) {
        return Gate::Open;
    }
    if !is_direct {
        // The proxy sends it again over another pipe: what comes behind it on this one must not be carried out before it, whatever the node is by then.
        session.fence_epoch = REFUSED;
    }
    let seen = member.replica();
    let (epoch, rev) = seen.map_or((0, 0), |replica| {
        (replica.seen_epoch().0, replica.seen_rev().0)
    });
    Gate::Refused(ErrorReply::StaleEpoch(epoch, rev))
}

/// The node follows another one, or is to be followed by more than it is.
#[inline]
fn following(look: &mut Look<'_, '_>) -> Gate {
    let node = &look.turn.node;
    let hot = &node.settings.hot.replication;
    if node.replication.guards || hot.least_followers > 0 && hot.most_lag_ms > 0 {
        return not_alone(look);
    }
    Gate::Open
}

#[cold]
fn not_alone(look: &Look<'_, '_>) -> Gate {
    let (turn, spec) = (&look.turn, look.spec);
    let replication = &turn.node.replication;
    let hot = &turn.node.settings.hot.replication;
    let writes = spec.flags.contains(CommandFlags::WRITE);
    let Some(leader) = replication.leader() else {
        let good = || replication.count_good(turn.now_ms, hot.most_lag_ms);
        return match writes && good() < hot.least_followers {
            true => Gate::Refused(ErrorReply::TooFewFollowers),
            false => Gate::Open,
        };
    };
    if writes && hot.is_read_only {
        return Gate::Refused(ErrorReply::ReadOnlyFollower);
    }
    let is_stale = leader.link != Link::Connected && !hot.serves_stale;
    if is_stale && !spec.flags.contains(CommandFlags::STALE) {
        return Gate::Refused(ErrorReply::LeaderDown);
    }
    let looks = looks_at_keys(spec, look.args) || writes || spec.runs_script();
    if replication.is_within_unit && looks {
        return Gate::Wait(Wait::Keys);
    }
    Gate::Open
}

/// CLIENT PAUSE.
#[inline]
fn pause(look: &mut Look<'_, '_>) -> Gate {
    let (turn, spec) = (&look.turn, look.spec);
    if turn.node.pause.is_on(turn.now_ms) {
        let writes = spec.may_write();
        if turn.node.pause.holds(writes, turn.now_ms) {
            return Gate::Wait(Wait::Pause);
        }
    }
    Gate::Open
}

/// `maxmemory`.
#[inline]
fn memory(look: &mut Look<'_, '_>) -> Gate {
    let turn = &mut *look.turn;
    // How much memory a follower takes its leader says.
    if turn.node.settings.hot.max_memory == 0
        || turn.node.is_passive()
        || !look.spec.flags.contains(CommandFlags::DENY_OOM)
    {
        return Gate::Open;
    }
    match make_room(turn.store, turn.node, look.watch) {
        Room::Enough | Room::Soon => Gate::Open,
        Room::Later => Gate::Wait(Wait::Memory),
        Room::None => Gate::Refused(ErrorReply::OutOfMemory),
    }
}

/// `maxmemory`: what is queued takes memory, whatever it will do.
fn memory_of_queues(look: &mut Look<'_, '_>) -> Gate {
    let turn = &mut *look.turn;
    if turn.node.settings.hot.max_memory == 0 || turn.node.is_passive() {
        return Gate::Open;
    }
    // No key that goes makes room for what all clients have queued already.
    let most_bytes = turn.node.settings.hot.max_memory / MOST_QUEUED_SHARE;
    if turn.node.queued_bytes as u64 > most_bytes {
        return Gate::Refused(ErrorReply::OutOfMemory);
    }
    match make_room(turn.store, turn.node, look.watch) {
        Room::Enough | Room::Soon => Gate::Open,
        Room::Later => Gate::Wait(Wait::Memory),
        Room::None => Gate::Refused(ErrorReply::OutOfMemory),
    }
}

/// What a proxy says over a new connection, besides what Redis allows while a script runs: SCRIPT KILL can come over none that is not open.
const OPENING: [CommandId; 3] = [
    CommandId::ClientInfo,
    CommandId::ClientKill,
    CommandId::Select,
];

/// A script that has been running for long.
#[inline]
fn busy(look: &mut Look<'_, '_>) -> Gate {
    let node = &look.turn.node;
    if node.hold.is_some()
        && let Some(under_way) = &node.scripts.under_way
        && under_way.is_busy
        && !look.spec.flags.contains(CommandFlags::ALLOW_BUSY)
        && !OPENING.contains(&look.spec.id)
    {
        return Gate::Refused(under_way.busy().into());
    }
    Gate::Open
}

/// Another command over some of its keys.
#[inline]
fn keys_at_work(look: &mut Look<'_, '_>) -> Gate {
    if look.turn.node.hold.is_some()
        && let closed @ Gate::Refused(_) = busy(look)
    {
        return closed;
    }
    keys_in_use(look)
}

/// The same for what was admitted before, and waits however long that takes: what a leader tells would be lost, and who has waited is served when a script ends.
#[inline]
fn keys_in_use(look: &mut Look<'_, '_>) -> Gate {
    // One at a time.
    if look.turn.node.hold.is_some() && strides::are_for(look.turn, look.spec, look.args) {
        return Gate::Wait(Wait::Keys);
    }
    if let Some(hold) = &look.turn.node.hold
        && is_held(hold, look.turn.store, look.spec, look.args)
    {
        return Gate::Wait(Wait::Keys);
    }
    Gate::Open
}

/// Whether a command could see what another has done by half, or could change what that one has still to see.
#[cold]
fn is_held(hold: &Hold, store: &Store, spec: &CommandSpec, args: Args<'_>) -> bool {
    let writes = spec.may_write();
    // Who pauses the others wants the keyspace to stand still from then on.
    let looks = looks_at_keys(spec, args) || spec.id == CommandId::ClientPause;
    // What a script touches nobody knows, and there is one machine for them.
    if spec.is_scripting() {
        return true;
    }
    if !hold.concerns(writes) || !(writes || looks) {
        return false;
    }
    // One is enough, and one without keys means all of them.
    let mut is_held = !spec.has_keys() || args.len() > MOST_ARGS_BESIDE;
    spec.for_each_key(args, |index| {
        is_held = is_held || hold.holds(store.hash(args.at(index)));
    });
    is_held
}

/// So much to do that others should have their turns meanwhile.
#[inline]
fn others_turns(look: &mut Look<'_, '_>) -> Gate {
    if strides::are_for(look.turn, look.spec, look.args) {
        return Gate::Wait(Wait::OthersTurns);
    }
    Gate::Open
}
