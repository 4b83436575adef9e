//! Requests of one client, executed in windows: the index lines and entries that a window's keys need are asked for ahead.
//! Pure. Invariant: a request that did not run is the next one to run, whatever ended the batch.

use super::lookahead::{Lookahead, PREFETCHED_KEYS};
use super::{Asked, Executor, Origin, Stop, Turn};
use crate::client::Session;
use crate::node_state::Seen;
use crate::store::{DbIndex, KeyHash, Store};
use shared::command::{self, CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply, RequestBatch};

/// Most commands that are planned together: enough for prefetching to hide memory's latency, few enough to stay in the first cache.
pub const BATCH_REQUESTS: usize = 128;
/// With so many arguments a request has one key, or two at most.
const SHORT_REQUEST_ARGS: u32 = 3;

/// A request whose row has been found and whose keys have been hashed.
#[derive(Debug)]
pub(super) struct Planned {
    row: Result<&'static CommandSpec, ErrorReply>,
    first_key: u32,
    keys: u32,
}

/// Commands in a row for which memory has been asked ahead.
#[derive(Debug)]
pub struct Window {
    planned: Vec<Planned>,
    lookahead: Lookahead,
}

impl Window {
    /// What the table says of a command, and the hashes of its keys.
    pub fn of(&self, nth: usize) -> (Result<&'static CommandSpec, ErrorReply>, &[(u32, KeyHash)]) {
        let plan = &self.planned[nth];
        let known = (plan.first_key as usize, plan.keys as usize);
        (plan.row.clone(), self.lookahead.keys(known.0, known.1))
    }
}

/// Requests of one client and how far they have been executed.
#[derive(Debug)]
pub struct Work<'a> {
    /// The bytes that were scanned.
    pub buffer: &'a [u8],
    /// The requests found in them.
    pub batch: &'a RequestBatch,
    /// Number of the first one that was not executed yet.
    pub next: usize,
}

/// Where replies go.
#[derive(Debug)]
pub struct Output<'a> {
    /// They are appended here.
    pub bytes: &'a mut Vec<u8>,
    /// When there are more bytes than this, they should be written before the next command runs.
    pub bound: usize,
}

impl<'a> Work<'a> {
    /// The arguments of the next request.
    fn args(&self) -> Args<'a> {
        self.batch
            .args(self.buffer, &self.batch.requests()[self.next])
    }
}

impl Executor {
    /// Executes the requests of `work` from `work.next` on, and moves that behind the last one executed.
    pub fn run(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        output: &mut Output<'_>,
    ) -> Stop {
        self.timing.start(turn.node);
        let mut end = Stop::Done;
        while end == Stop::Done {
            end = match work.batch.requests().get(work.next..) {
                None | Some([]) => break,
                // Alone, with one key, there is nothing to overlap with: the handler hashes, the processor looks ahead.
                Some([only]) if only.arg_count <= SHORT_REQUEST_ARGS => {
                    let row = command::resolve_served(work.args(), CommandSpec::is_served_by_node);
                    self.run_next(turn, work, row, &[], output)
                }
                Some(rest) => self.run_window(turn, work, rest.len().min(BATCH_REQUESTS), output),
            };
        }
        self.timing.close(turn.node);
        end
    }

    /// Runs `count` requests with their index lines and entries asked for ahead.
    fn run_window(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        count: usize,
        output: &mut Output<'_>,
    ) -> Stop {
        let requests = &work.batch.requests()[work.next..work.next + count];
        let args_of = |nth: usize| work.batch.args(work.buffer, &requests[nth]);
        let mut window = self.ask_ahead(turn.store, turn.session.db, count, args_of);
        let mut end = Stop::Done;
        for plan in window.planned.drain(..) {
            let (first, keys) = (plan.first_key as usize, plan.keys as usize);
            let known = window.lookahead.keys(first, keys);
            end = self.run_next(turn, work, plan.row, known, output);
            if end != Stop::Done {
                break;
            }
        }
        self.give_back(window);
        end
    }

    /// Finds the rows of commands that are performed next, hashes their keys, and asks for what they need. `args_of` gives the arguments of each of `count`; they are asked for as
    /// if all meant this database. What it returns is to be given back.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "requests and arguments are counted in 32 bits where they are scanned"
    )]
    pub fn ask_ahead<'a>(
        &mut self,
        store: &Store,
        db: DbIndex,
        count: usize,
        args_of: impl Fn(usize) -> Args<'a>,
    ) -> Window {
        let mut window = Window {
            planned: std::mem::take(&mut self.planned),
            lookahead: std::mem::take(&mut self.lookahead),
        };
        let Window { planned, lookahead } = &mut window;
        planned.clear();
        lookahead.clear();
        for number in 0..count {
            let args = args_of(number);
            let row = command::resolve_served(args, CommandSpec::is_served_by_node);
            let first_key = lookahead.len();
            // With more, they are asked for stride by stride.
            if let Ok(spec) = row
                && args.len() <= PREFETCHED_KEYS
            {
                spec.for_each_key(args, |index| {
                    if lookahead.len() < PREFETCHED_KEYS {
                        let hash = store.hash(args.at(index));
                        lookahead.push(store, db, index as u32, hash);
                    }
                });
                if lookahead.len() > first_key {
                    lookahead.push_elements(spec, first_key, number, args.len());
                }
            }
            planned.push(Planned {
                row,
                first_key: first_key as u32,
                keys: (lookahead.len() - first_key) as u32,
            });
        }
        lookahead.ask(store, db);
        lookahead.ask_for_elements(store, db, args_of);
        window
    }

    /// Its room is used again.
    pub fn give_back(&mut self, window: Window) {
        self.planned = window.planned;
        self.lookahead = window.lookahead;
    }

    /// Runs the request at `work.next`.
    fn run_next(
        &mut self,
        turn: &mut Turn<'_>,
        work: &mut Work<'_>,
        row: Result<&'static CommandSpec, ErrorReply>,
        hashes: &[(u32, KeyHash)],
        output: &mut Output<'_>,
    ) -> Stop {
        let request = work.batch.requests()[work.next];
        if !turn.session.replies.are_all_heard() {
            let before = work.next.checked_sub(1);
            let before = before.map(|before| work.batch.requests()[before]);
            if before.is_some_and(|before| before.end < request.start) {
                // What stands between them asks for nothing.
                turn.session.replies.pass_over();
            }
        }
        let asked = Asked {
            args: work.batch.args(work.buffer, &request),
            hashes,
            request_bytes: (request.end - request.start) as usize,
        };
        let start = output.bytes.len();
        let spec = row.as_ref().ok().copied();
        let mut stop = self.perform(turn, Origin::Client, row, asked, output.bytes);
        if turn.node.blocked.is_any() {
            self.serve(turn.store, turn.node, turn.now_ms);
        }
        if matches!(stop, Stop::NotYet(_)) {
            return stop;
        }
        work.next += 1;
        match &mut stop {
            Stop::Errand { is_heard, .. } => *is_heard = turn.session.hears_reply(),
            // Whether that is heard has been noted.
            Stop::Blocked => {}
            _ => take_back_unheard(turn.session, start, output.bytes),
        }
        if turn.store.has_news() {
            turn.tell_news();
        }
        if let Some(spec) = spec
            && turn.node.tracking.is_on()
        {
            turn.note_command_over(spec);
        }
        if turn.node.clients.has_own_messages() {
            // Messages before the reply, as Redis does it, whatever CLIENT REPLY says.
            let [messages, lines] = turn.node.clients.take_own_messages();
            output.bytes.splice(start..start, messages);
            output.bytes.extend_from_slice(&lines);
        }
        if turn.session.waits_for_followers {
            note_seen(turn, spec, asked.args, start, &output.bytes[start..]);
        }
        if matches!(stop, Stop::Done | Stop::Long) && output.bytes.len() > output.bound {
            return Stop::OutputFull;
        }
        stop
    }
}

/// What the reply that stands there tells of, for a client that waits for followers.
#[cold]
fn note_seen(
    turn: &mut Turn<'_>,
    spec: Option<&'static CommandSpec>,
    args: Args<'_>,
    start: usize,
    reply: &[u8],
) {
    let is_served = turn.session.fence_epoch == turn.node.member.serving_epoch;
    // Whoever is answered knows that the node has still led, unless a script does not end: waiting for that has no end either.
    let is_strict = turn.session.reads_linearizable || !turn.node.scripts.is_busy();
    if let Some(spec) = spec.filter(|_| is_served && !reply.is_empty())
        && (is_strict || !tells_of_no_key(spec, args, reply))
    {
        let member = &mut turn.node.member;
        Seen::of(spec, args, |seen| member.seen.note(start, seen));
    }
}

/// Whether a reply has nothing that a follower would have to know: those by which a proxy finds its way to a node whose script does not end, and that it does not.
/// What that script has begun no follower has before its end.
fn tells_of_no_key(spec: &CommandSpec, args: Args<'_>, reply: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        let second = args.get(1).unwrap_or_default();
        second.eq_ignore_ascii_case(word)
    };
    // A script may say so itself, and have written.
    let is_told_busy = reply.starts_with(b"-BUSY ") && !spec.runs_script();
    match spec.id {
        CommandId::Ping
        | CommandId::ClientInfo
        | CommandId::ClientKill
        | CommandId::Select
        | CommandId::ScriptKill
        | CommandId::FunctionKill => true,
        CommandId::Node => {
            is_word(b"keys") || is_word(b"pushes") || is_told_busy && is_word(b"exec")
        }
        _ => is_told_busy,
    }
}

/// Takes the reply from `start` on back when the client does not want to hear it.
#[inline]
fn take_back_unheard(session: &mut Session, start: usize, out: &mut Vec<u8>) {
    if !session.replies.are_all_heard() && !session.hears_reply() && !session.has_pushed {
        out.truncate(start);
    }
    session.has_pushed = false;
}
