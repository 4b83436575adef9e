//! What stands between a known command and its handler: password, machine, memory, pause, and another command at work on its keys.
//! Pure. Never: runs a handler. Invariant: a command that is refused has changed nothing, but that keys may have been evicted to let it pass.

use super::{Turn, strides};
use crate::log::Effects;
use crate::node_state::Hold;
use crate::store::Store;
use shared::access;
use shared::clock::Stopwatch;
use shared::command::{CommandFlags, CommandId, CommandSpec};
use shared::config::DebugCommand;
use shared::resp::{Args, ErrorReply};

/// Longest time that one command spends on making room, ns: what is then still too much is left to the next command and the tick. (Redis' default tenacity.)
const EVICTION_NS: u64 = 500_000;
/// Keys evicted between two looks at the stopwatch.
const EVICTIONS_PER_READING: usize = 16;

/// A command with more arguments waits for the end of one that is carried out in strides, whatever its keys.
const MOST_ARGS_BESIDE: usize = 1_024;

/// May a command run now?
#[derive(Debug)]
pub(super) enum Gate {
    /// Yes.
    Open,
    /// No; this is the reply.
    Refused(ErrorReply),
    /// Not before the pause ends.
    Wait,
    /// Not before a command over some of its keys is over.
    Held,
    /// Not before more keys have gone.
    Evicting,
}

/// Room that was made for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Memory is within its bound.
    Enough,
    /// It is not, but keys are going, and no more is in use than a while ago.
    Soon,
    /// It is not, and more is in use than a while ago: keys are going, but nothing may be added meanwhile.
    Later,
    /// It is not, and no key may go.
    None,
}

pub(super) fn check(
    turn: &mut Turn<'_>,
    spec: &CommandSpec,
    args: Args<'_>,
    effects: &mut Effects,
    watch: &Stopwatch,
) -> Gate {
    // In Redis' order: a stranger is told that, too.
    if spec.id == CommandId::Debug && !may_debug(turn) {
        return Gate::Refused(ErrorReply::DebugNotAllowed);
    }
    if !access::may_run(turn.client.authenticated, spec) {
        return Gate::Refused(ErrorReply::NoAuth);
    }
    if turn.node.settings.hot.max_memory > 0 && spec.flags.contains(CommandFlags::DENY_OOM) {
        match make_room(turn.store, turn.node, effects, watch) {
            Room::Enough | Room::Soon => {}
            Room::Later => return Gate::Evicting,
            Room::None => return Gate::Refused(ErrorReply::OutOfMemory),
        }
    }
    if turn.node.pause.is_on(turn.now_ms) {
        let writes = spec.flags.contains(CommandFlags::WRITE);
        if turn.node.pause.holds(writes, turn.now_ms) {
            return Gate::Wait;
        }
    }
    if let Some(hold) = &turn.node.hold
        && is_held(hold, turn.store, spec, args)
    {
        return Gate::Held;
    }
    Gate::Open
}

/// Whether a command could see what another has done by half, or could change what that one has still to see.
#[cold]
fn is_held(hold: &Hold, store: &Store, spec: &CommandSpec, args: Args<'_>) -> bool {
    // One at a time.
    if strides::are_for(spec, args) {
        return true;
    }
    let writes = spec.flags.contains(CommandFlags::WRITE);
    if !hold.concerns(writes) || !(writes || spec.flags.contains(CommandFlags::READ)) {
        return false;
    }
    // One key is enough.
    let mut is_held = spec.is_whole_node || args.len() > MOST_ARGS_BESIDE;
    spec.for_each_key(args, |index| {
        is_held = is_held || hold.holds(store.hash(args.at(index)));
    });
    is_held
}

/// Whether these are lines of an HTTP request, which a browser may be tricked into sending here; as Redis, the node hangs up before the body comes.
#[cold]
pub(super) fn is_http(args: Args<'_>) -> bool {
    let name = args.get(0).unwrap_or_default();
    [&b"post"[..], b"host:"]
        .iter()
        .any(|line| name.eq_ignore_ascii_case(line))
}

fn may_debug(turn: &Turn<'_>) -> bool {
    match turn.node.settings.hot.debug_command {
        DebugCommand::Yes => true,
        DebugCommand::Local => turn.client.is_of_this_machine(),
        DebugCommand::No => false,
    }
}

/// Evicts keys until memory is within `maxmemory`, or time is up.
pub(crate) fn make_room(
    store: &mut Store,
    node: &mut crate::node_state::NodeState,
    effects: &mut Effects,
    watch: &Stopwatch,
) -> Room {
    let bound = node.settings.hot.max_memory;
    if bound == 0 || store.used_memory() <= bound {
        node.memory_ceiling.within(bound);
        return Room::Enough;
    }
    let start = watch.read();
    let mut evicted_key = Vec::new();
    let mut room = Room::Soon;
    'slices: while watch.since_ns(start) < EVICTION_NS {
        for _ in 0..EVICTIONS_PER_READING {
            let Some(db) = store.evict_one(&mut evicted_key) else {
                room = Room::None;
                break 'slices;
            };
            effects.deleted(db, &evicted_key);
            if store.used_memory() <= bound {
                room = Room::Enough;
                break 'slices;
            }
        }
    }
    node.stats.over_memory_ns += watch.since_ns(start);
    match room {
        Room::Soon if !node.memory_ceiling.allows(store.used_memory(), bound) => Room::Later,
        room => room,
    }
}
