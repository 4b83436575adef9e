//! Scripts and functions on their way: what they ask for is carried out, in slices between which others have their turns.
//! Pure. Never: looks into Lua, which is `lua`'s. Invariants: what a script changes is one unit of the effects; nobody else's command that touches a key runs between its beginning and its end; a
//! script that is over before its first slice is costs nothing of this.

mod call;

use super::perform::{watch_slowness, write_error};
use super::room::{Room, make_room};
use super::transaction::{QueueRun, say_too_long};
use super::{Asked, Executor, Stop, Turn, Wait};
use crate::node_state::{Hold, Planned, REFUSED, Shown, UnderWay};
use crate::store::DbIndex;
use call::answer_check;
use lua::{Flag, Kind, Machine, Start, Step};
use shared::clock::Reading;
use shared::command::{CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply, LongReply, Protocol, ScriptError};

/// How long a script goes on before others have their turn, ns.
const SLICE_NS: u64 = 500_000;
/// With a step that took so long a script goes on beside the thread, ns.
const LONG_STEP_NS: u64 = 2_000_000;
/// Words of the request of a script that are kept to be shown, and bytes of each.
const MOST_SHOWN_WORDS: usize = 1_024;
const MOST_SHOWN_BYTES: usize = 4_096;
/// Commands of a script between two looks at the time.
const CALLS_PER_READING: u32 = 16;

/// What a script may do.
#[derive(Clone, Copy, Debug)]
struct Rules {
    only_reads: bool,
    /// Memory is at its limit, and the script has not said that it does not mind.
    is_out_of_memory: bool,
}

/// A script that has begun.
#[derive(Debug)]
pub(super) struct ScriptRun {
    machine: Machine,
    spec: &'static CommandSpec,
    kind: Kind,
    rules: Rules,
    has_written: bool,
    /// Its own, from SELECT on.
    db: DbIndex,
    began: Reading,
    now_ms: u64,
    now_us: u64,
    calls: u32,
    /// What it is to be given next.
    step: Step,
    /// It has been put aside at least once.
    is_aside: bool,
    /// The transaction that it is in.
    queue: Option<Box<QueueRun>>,
}

/// How far a script has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driven {
    Over,
    /// The others' turn.
    NotYet,
}

impl Executor {
    /// Runs what the handler has planned: to its end, or for a slice ([`Wait::OthersTurns`]; then [`Executor::begin`] goes on with it).
    pub(super) fn run_script(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let Some(planned) = turn.node.scripts.planned.take() else {
            return Stop::Done;
        };
        let rules = match self.rules(turn, &planned) {
            Ok(rules) => rules,
            Err(error) => {
                turn.node.stats.command_failed(spec.id);
                self.timing.after(spec.id, true, turn.node);
                write_error(turn, &error, out.len(), out);
                return Stop::Done;
            }
        };
        // Whoever monitors sees it before what it does.
        if !turn.node.monitors.is_empty() {
            show(turn, asked.args);
        }
        let mut run = ScriptRun {
            machine: turn.node.scripts.take_machine(planned.kind),
            spec,
            kind: planned.kind,
            rules,
            has_written: false,
            db: turn.session.db,
            began: self.watch().read(),
            now_ms: turn.now_ms,
            now_us: turn.node.now_us,
            calls: 0,
            step: Step::Pause,
            is_aside: false,
            queue: None,
        };
        turn.store.begin_unit();
        run.step = run.machine.start(&Start {
            function: planned.function,
            name: &planned.name,
            words: asked.args,
            first_key: planned.first_key,
            keys: planned.keys,
            protocol: turn.session.protocol,
            kill_words: match planned.kind {
                Kind::Scripts => b"ERR Script killed by user with SCRIPT KILL.",
                Kind::Libraries => b"ERR Script killed by user with FUNCTION KILL.",
            },
        });
        match self.drive(turn, &mut run) {
            Driven::Over => {
                let is_long = self.end_script(turn, run, asked.args, out);
                if is_long { Stop::Long } else { Stop::Done }
            }
            Driven::NotYet => {
                put_aside(turn, &mut run, planned, asked.args);
                self.script = Some(Box::new(run));
                Stop::NotYet(Wait::OthersTurns)
            }
        }
    }

    /// What a script may do, or that it may not run.
    fn rules(&self, turn: &mut Turn<'_>, planned: &Planned) -> Result<Rules, ErrorReply> {
        let is_full = turn.node.settings.hot.max_memory > 0
            && !turn.node.is_passive()
            && matches!(
                make_room(turn.store, turn.node, self.watch()),
                Room::None | Room::Later
            );
        let Some(flags) = planned.flags else {
            return Ok(Rules {
                only_reads: planned.only_reads,
                is_out_of_memory: is_full,
            });
        };
        let has = |bit| flags & bit != 0;
        if !has(Flag::NO_WRITES) {
            let replication = &turn.node.settings.hot.replication;
            if turn.node.replication.leader().is_some() && replication.is_read_only {
                return Err(ScriptError::WritesAtFollower.into());
            }
            if planned.only_reads {
                return Err(ScriptError::WritesInReadOnly.into());
            }
            if is_full && !has(Flag::ALLOW_OOM) {
                return Err(ScriptError::NoMemoryForScript.into());
            }
        }
        Ok(Rules {
            only_reads: planned.only_reads || has(Flag::NO_WRITES),
            is_out_of_memory: is_full && !has(Flag::ALLOW_OOM),
        })
    }

    /// Goes on with a script until it is over, or its slice is.
    fn drive(&mut self, turn: &mut Turn<'_>, run: &mut ScriptRun) -> Driven {
        let began = self.watch().read();
        let calls = run.calls;
        let callers = Callers::step_aside(turn, run);
        let driven = loop {
            let is_to_end = run.is_aside && is_to_end(turn);
            match run.step {
                Step::Over => break Driven::Over,
                Step::Pause | Step::Beside if self.watch().since_ns(began) > SLICE_NS => {
                    let is_its_own = run.calls == calls;
                    if is_its_own && self.watch().since_ns(began) > LONG_STEP_NS {
                        run.machine.move_beside();
                    }
                    break Driven::NotYet;
                }
                _ if is_to_end => {
                    run.step = run.machine.kill();
                    continue;
                }
                Step::Pause | Step::Beside => {}
                Step::Check => answer_check(turn, run),
                Step::Call => {
                    if !self.carry_out_call(turn, run) {
                        break Driven::NotYet;
                    }
                    run.calls = run.calls.wrapping_add(1);
                    if run.calls.is_multiple_of(CALLS_PER_READING)
                        && self.watch().since_ns(began) > SLICE_NS
                    {
                        run.step = Step::Pause;
                        break Driven::NotYet;
                    }
                }
            }
            run.step = run.machine.go_on();
        };
        callers.come_back(turn, run);
        driven
    }

    /// A script is over: its reply is appended; whether it took long.
    fn end_script(
        &mut self,
        turn: &mut Turn<'_>,
        mut run: ScriptRun,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        turn.store.end_unit();
        if run.is_aside {
            turn.node.hold = None;
            turn.node.scripts.under_way = None;
        }
        let spec = run.spec;
        let start = out.len();
        run.machine.move_reply(out);
        let is_fenced = turn.session.fence_epoch == REFUSED && !run.has_written;
        if !is_fenced {
            disown(out, start);
        }
        let reply = &out[start..];
        if reply.first() == Some(&b'-') {
            turn.node.stats.command_failed(spec.id);
            if !run.machine.was_counted() {
                turn.node.stats.error_replied(reply);
            }
        }
        turn.node.scripts.put_back(run.kind, run.machine);
        turn.session.last_command = Some(spec);
        let took_ns = self.watch().since_ns(run.began);
        self.timing.after_script(spec.id, took_ns, turn.node);
        watch_slowness(turn, spec, args, took_ns);
        took_ns > super::perform::LONG_NS
    }

    /// Goes on with a script that was put aside.
    pub(super) fn go_on_with_script(
        &mut self,
        turn: &mut Turn<'_>,
        mut run: Box<ScriptRun>,
        args: Args<'_>,
    ) -> Result<LongReply, Box<ScriptRun>> {
        // To a script it is always the moment at which it began.
        turn.now_ms = run.now_ms;
        turn.node.now_us = run.now_us;
        turn.store.set_now(run.now_ms);
        let driven = self.drive(turn, &mut run);
        if driven == Driven::NotYet {
            let took_ms = self.watch().since_ns(run.began) / 1_000_000;
            let busy_after_ms = turn.node.settings.hot.busy_after_ms;
            if let Some(under_way) = &mut turn.node.scripts.under_way {
                under_way.took_ms = took_ms;
                under_way.has_written = run.has_written;
                under_way.is_busy = took_ms > busy_after_ms;
            }
            return Err(run);
        }
        let mut reply = LongReply::default();
        let queue = run.queue.take();
        let Some(mut queue) = queue else {
            self.end_script(turn, *run, args, reply.only_piece());
            return Ok(reply);
        };
        let out = reply.only_piece();
        *out = std::mem::take(&mut queue.replies);
        let own = queue.transaction.get(queue.next - 1);
        self.end_script(turn, *run, own.map_or(args, |(_, own)| own), out);
        match self.go_on_with_queue(turn, *queue, 0, out) {
            Ok(ends) if ends.is_too_long => say_too_long(turn, out),
            Ok(_) => {}
            Err(queue) => {
                self.attach(queue);
                return self.take_script().map_or(Ok(reply), Err);
            }
        }
        turn.node.stats.command_took(CommandId::Exec, 0);
        Ok(reply)
    }

    /// The script that was put aside is a part of this transaction.
    pub(super) fn attach(&mut self, queue: Box<QueueRun>) {
        if let Some(run) = &mut self.script {
            run.queue = Some(queue);
        }
    }

    /// Whether the last command has begun a script that was put aside.
    pub(super) fn has_script(&self) -> bool {
        self.script.is_some()
    }

    /// The script that the last command has begun.
    pub(super) fn take_script(&mut self) -> Option<Box<ScriptRun>> {
        self.script.take()
    }
}

impl ScriptRun {
    /// Of which command.
    pub(super) fn spec(&self) -> &'static CommandSpec {
        self.spec
    }
}

/// What the client has chosen, while the script has what it has chosen.
struct Callers {
    db: DbIndex,
    protocol: Protocol,
}

impl Callers {
    fn step_aside(turn: &mut Turn<'_>, run: &ScriptRun) -> Self {
        let callers = Self {
            db: turn.session.db,
            protocol: turn.session.protocol,
        };
        turn.session.db = run.db;
        turn.session.beside_script = Some(callers.protocol);
        callers
    }

    fn come_back(self, turn: &mut Turn<'_>, run: &mut ScriptRun) {
        run.db = turn.session.db;
        turn.session.db = self.db;
        turn.session.protocol = self.protocol;
        turn.session.beside_script = None;
    }
}

/// From now on nobody else touches a key.
#[cold]
fn put_aside(turn: &mut Turn<'_>, run: &mut ScriptRun, planned: Planned, args: Args<'_>) {
    run.is_aside = true;
    turn.node.hold = Some(Hold::new(true, 0).of_all_keys());
    turn.node.scripts.under_way = Some(UnderWay {
        kind: planned.kind,
        name: planned.name,
        words: shown_words(args),
        took_ms: 0,
        has_written: run.has_written,
        is_to_end: false,
        is_busy: false,
    });
}

/// What FUNCTION STATS shows of a request: not more than some words, and of each not more than its beginning.
fn shown_words(args: Args<'_>) -> Vec<Vec<u8>> {
    let shown = args.iter_from(0).take(MOST_SHOWN_WORDS);
    shown
        .map(|word| word[..word.len().min(MOST_SHOWN_BYTES)].to_vec())
        .collect()
}

fn is_to_end(turn: &Turn<'_>) -> bool {
    let under_way = turn.node.scripts.under_way.as_ref();
    under_way.is_some_and(|under_way| under_way.is_to_end)
}

#[cold]
fn show(turn: &mut Turn<'_>, args: Args<'_>) {
    turn.node.show_to_monitors(Shown {
        args,
        identity: turn.identity,
        session: turn.session,
        is_of_script: false,
    });
}

/// First words of errors by which a proxy knows that nothing was done, and asks again.
const ASKED_AGAIN: [&[u8]; 4] = [
    b"-STALEEPOCH ",
    b"-NOSCRIPT ",
    b"-LOADING ",
    b"-MASTERDOWN ",
];

/// An error that a script has made up says nothing of the node: something may have been done.
fn disown(out: &mut Vec<u8>, start: usize) {
    let is_like_ours = |word: &&[u8]| out[start..].starts_with(word);
    if ASKED_AGAIN.iter().any(is_like_ours) {
        out.splice(start + 1..start + 1, *b"ERR ");
    }
}
