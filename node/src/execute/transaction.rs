//! A client between MULTI and EXEC: its commands are queued, and then run in one go, with nobody else's between them.
//! Pure. Invariants: nothing of a queue has run before all of it may; a queue is run once or thrown away; what it changes is one unit of the effects.

use super::gates::{self, Gate};
use super::perform::{Refusal, refuse, show_to_monitors};
use super::strides::LongEnd;
use super::{Asked, Executor, Origin, Stop, Turn, Wait};
use crate::client::Transaction;
use crate::commands::{
    Errand, forget_proxied, forget_transaction, forget_watched, is_proxied_watch_broken,
    is_watch_broken,
};
use crate::node_state::ProxiedWatch;
use crate::store::DbIndex;
use shared::access::{Context, Refused};
use shared::command::{self, AclCategories, CommandFlags, CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply, ReplyWriter, TransactionError};
use shared::session;
use shared::throttle::Throttle;
use tracing::warn;

/// What a command is to a client's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It waits there for EXEC.
    Queued,
    /// It is EXEC.
    Runs,
    /// It concerns the queue, or the connection, and runs at once.
    Beside,
    /// It can be no part of one.
    Nowhere,
}

impl Place {
    fn of(spec: &CommandSpec) -> Self {
        match spec.id {
            CommandId::Exec => Self::Runs,
            CommandId::Multi
            | CommandId::Discard
            | CommandId::Watch
            | CommandId::Quit
            | CommandId::Reset => Self::Beside,
            // Their replies come later, when others have had their turns.
            CommandId::ConfigRewrite
            | CommandId::Bgsave
            | CommandId::Bgrewriteaof
            | CommandId::Replicaof
            | CommandId::Slaveof
            | CommandId::Failover
            | CommandId::AclLoad
            | CommandId::AclSave
            | CommandId::Debug => Self::Nowhere,
            _ if spec.flags.contains(CommandFlags::NO_MULTI) => Self::Nowhere,
            _ => Self::Queued,
        }
    }
}

/// What the queue's commands are together when they have run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    has_new_limits: bool,
    closes: bool,
    /// Their replies were more than the client may have waiting; none is there.
    pub(super) is_too_long: bool,
}

impl Ends {
    /// What comes after EXEC.
    fn stop(self, turn: &mut Turn<'_>) -> Stop {
        if self.is_too_long {
            tell_too_long(turn);
        }
        match self {
            Self {
                is_too_long: true, ..
            }
            | Self { closes: true, .. } => Stop::Close,
            Self {
                has_new_limits: true,
                ..
            } => Stop::NewLimits,
            _ => Stop::Long,
        }
    }
}

/// A queue of which a script lets others have their turns.
#[derive(Debug)]
pub(super) struct QueueRun {
    pub(super) transaction: Box<Transaction>,
    /// The command behind the script.
    pub(super) next: usize,
    is_unit: bool,
    ends: Ends,
    /// What has been replied so far.
    pub(super) replies: Vec<u8>,
}

impl Executor {
    /// One command of a client that is in a transaction.
    #[inline(never)]
    pub(super) fn perform_in_transaction(
        &mut self,
        turn: &mut Turn<'_>,
        row: Result<&'static CommandSpec, ErrorReply>,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let place = row.as_ref().ok().map(|spec| Place::of(spec));
        let origin = match place {
            Some(Place::Queued) => Origin::Queue,
            _ => Origin::Client,
        };
        let admitted = match place {
            Some(Place::Nowhere) => Err(Refusal::Reply(
                ErrorReply::Transaction(TransactionError::NotInTransaction),
                row.ok(),
            )),
            _ => self.admit(turn, origin, row, asked.args),
        };
        let (spec, handler) = match admitted {
            Ok(admitted) => admitted,
            Err(Refusal::Later(wait)) => return Stop::NotYet(wait),
            Err(Refusal::Reply(error, spec)) => {
                let (error, spec) = self.spoil(turn, error, spec, asked.args);
                return refuse(turn, &error, spec, asked.args, out);
            }
        };
        match place {
            Some(Place::Runs) => self.execute(turn, spec, asked, out),
            Some(Place::Queued) => queue(turn, spec, asked, out),
            _ => self.run_admitted(turn, spec, handler, asked, out),
        }
    }

    /// A command could not be queued. What is said of it, which is another thing of an EXEC: with that the transaction is over.
    fn spoil(
        &mut self,
        turn: &mut Turn<'_>,
        error: ErrorReply,
        spec: Option<&'static CommandSpec>,
        args: Args<'_>,
    ) -> (ErrorReply, Option<&'static CommandSpec>) {
        let name = args.get(0).unwrap_or_default();
        if name.eq_ignore_ascii_case(CommandId::Exec.name().as_bytes()) {
            end(turn);
            // Redis gives its own words without the code, those of others with it.
            let text = error.to_string();
            let words = text.strip_prefix("ERR ").unwrap_or(&text);
            return (ErrorReply::exec_refused(words), spec);
        }
        if let Some(transaction) = &mut turn.session.transaction {
            transaction.spoil();
        }
        (error, spec)
    }

    /// EXEC
    fn execute(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let Some(transaction) = turn.session.transaction.take() else {
            return refuse(
                turn,
                &ErrorReply::Transaction(TransactionError::ExecWithoutMulti),
                Some(spec),
                asked.args,
                out,
            );
        };
        turn.node.queued_bytes -= transaction.memory_bytes();
        if transaction.is_spoiled() {
            end(turn);
            show(turn, spec, asked.args);
            return refuse(
                turn,
                &ErrorReply::Transaction(TransactionError::ExecAborted),
                Some(spec),
                asked.args,
                out,
            );
        }
        if is_watch_broken(turn.store, turn.node, turn.session, turn.identity.id) {
            end(turn);
            self.timing.before_alone(turn.node);
            ReplyWriter::new(out, turn.session.protocol).null_array();
            show(turn, spec, asked.args);
            self.timing.after(spec.id, true, turn.node);
            return Stop::Done;
        }
        match self.pass_all(turn, &transaction) {
            Gate::Open => {}
            Gate::Wait(wait) => {
                turn.node.queued_bytes += transaction.memory_bytes();
                turn.session.transaction = Some(transaction);
                return Stop::NotYet(wait);
            }
            Gate::Refused(error) => {
                end(turn);
                let error = ErrorReply::exec_refused(&error.to_string());
                return refuse(turn, &error, Some(spec), asked.args, out);
            }
        }
        end(turn);
        let ends = match self.run_queue(turn, transaction, out) {
            Ok(ends) => ends,
            Err(stop) => return stop,
        };
        show(turn, spec, asked.args);
        turn.session.last_command = Some(spec);
        self.timing.after(spec.id, true, turn.node);
        ends.stop(turn)
    }

    /// NODE EXEC: commands that a proxy has queued for its client, of which nothing has been done; and what that one watches.
    #[cold]
    pub(super) fn transact(
        &mut self,
        turn: &mut Turn<'_>,
        transaction: Box<Transaction>,
        watch: Option<ProxiedWatch>,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let spec = command::spec(CommandId::Exec);
        let is_broken = is_watch_broken(turn.store, turn.node, turn.session, turn.identity.id)
            || watch.is_some_and(|watch| is_proxied_watch_broken(turn.store, turn.node, watch));
        let has_strangers = || transaction.iter().any(|(spec, _)| is_stranger(spec));
        let gate = match is_broken {
            true => Gate::Open,
            false if has_strangers() => {
                Gate::Refused(ErrorReply::Transaction(TransactionError::NotInTransaction))
            }
            false => self.pass_all(turn, &transaction),
        };
        match gate {
            Gate::Open => {}
            Gate::Wait(wait) => return Stop::NotYet(wait),
            Gate::Refused(error) => {
                end_with(turn, watch);
                // The proxy sends it elsewhere; its client hears of all others as of an EXEC.
                let error = match error {
                    ErrorReply::StaleEpoch(..) => error,
                    other => ErrorReply::exec_refused(&other.to_string()),
                };
                return refuse(turn, &error, Some(spec), asked.args, out);
            }
        }
        end_with(turn, watch);
        if is_broken {
            ReplyWriter::new(out, turn.session.protocol).null_array();
        } else {
            match self.run_queue(turn, transaction, out) {
                // Others share the connection.
                Ok(ends) if ends.is_too_long => say_too_long(turn, out),
                Ok(_) => {}
                Err(stop) => return stop,
            }
        }
        self.timing.after(spec.id, true, turn.node);
        Stop::Long
    }

    /// Whether all commands of a queue may run now.
    fn pass_all(&self, turn: &mut Turn<'_>, transaction: &Transaction) -> Gate {
        let db = turn.session.db;
        let mut gate = Gate::Open;
        for (spec, args) in transaction.iter() {
            // Keys are those of the database that it will have chosen by then.
            if spec.id == CommandId::Select
                && let Ok(number) = session::read_database(args, turn.store.databases())
            {
                turn.session.db = DbIndex(number);
            }
            gate = gates::pass(Origin::Transaction, turn, spec, args, self.timing.watch());
            if !matches!(gate, Gate::Open) {
                break;
            }
        }
        turn.session.db = db;
        gate
    }

    /// Runs all commands of a queue, and writes the array of their replies; or those before a script that lets others have their turns, and what is to be said of that.
    fn run_queue(
        &mut self,
        turn: &mut Turn<'_>,
        transaction: Box<Transaction>,
        out: &mut Vec<u8>,
    ) -> Result<Ends, Stop> {
        let writes = transaction.iter().filter(|(spec, _)| spec.may_write());
        let is_unit = writes.take(2).count() > 1;
        self.timing.before_alone(turn.node);
        let start = out.len();
        ReplyWriter::new(out, turn.session.protocol).array(transaction.len());
        if is_unit {
            turn.store.begin_unit();
        }
        let queue = QueueRun {
            transaction,
            next: 0,
            is_unit,
            ends: Ends::default(),
            replies: Vec::new(),
        };
        self.go_on_with_queue(turn, queue, start, out)
            .map_err(|queue| {
                self.attach(queue);
                Stop::NotYet(Wait::OthersTurns)
            })
    }

    /// Runs the rest of a queue, whose replies stand in `out` from `start` on.
    pub(super) fn go_on_with_queue(
        &mut self,
        turn: &mut Turn<'_>,
        mut queue: QueueRun,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<Ends, Box<QueueRun>> {
        let hard_bytes = turn.node.settings.hot.output_limit.hard_bytes;
        let most_bytes = match usize::try_from(hard_bytes) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(most) => most,
        };
        let mut ends = queue.ends;
        while let Some((spec, args)) = queue.transaction.get(queue.next) {
            queue.next += 1;
            match self.run_queued(turn, Origin::Transaction, spec, args, out) {
                Stop::Close => ends.closes = true,
                Stop::NewLimits => ends.has_new_limits = true,
                Stop::NotYet(Wait::OthersTurns) => {
                    queue.ends = ends;
                    queue.replies = out.split_off(start);
                    return Err(Box::new(queue));
                }
                _ => {}
            }
            // The rest runs as well: it is all or nothing. What is said of it nobody takes.
            if ends.is_too_long || out.len() - start > most_bytes {
                ends.is_too_long = true;
                out.truncate(start);
                out.shrink_to(start);
            }
        }
        if queue.is_unit {
            turn.store.end_unit();
        }
        turn.node.spare_queues.give(queue.transaction);
        Ok(ends)
    }

    /// Runs one command to its end, so that its reply is there.
    pub(super) fn run_queued(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        spec: &'static CommandSpec,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let asked = Asked {
            args,
            hashes: &[],
            request_bytes: args.iter_from(0).map(<[u8]>::len).sum(),
        };
        let start = out.len();
        let Some(handler) = self.handlers.get(spec.id) else {
            return refuse(turn, &command::unknown_command(args), None, args, out);
        };
        if let CommandId::Monitor | CommandId::Ssubscribe = spec.id {
            let error = ErrorReply::waits_for_messages(spec.name);
            return refuse(turn, &error, Some(spec), args, out);
        }
        // What an AUTH or a HELLO before it has made of the client counts, and what became of its user since the command was queued. A script has asked.
        if !matches!(origin, Origin::Script)
            && !turn.session.login.is_free()
            && let Err(refused) = gates::check_permission(turn, spec, args, Context::Multi)
        {
            let error = match refused {
                Refused::Stranger => ErrorReply::NoAuth,
                Refused::Denied(denied) => denied.reply_at_exec(),
            };
            return refuse(turn, &error, Some(spec), args, out);
        }
        let mut stop = self.run_admitted(turn, spec, handler, asked, out);
        // What it has answered so far stays, and nobody else has a turn.
        while stop == Stop::NotYet(Wait::Turn) {
            stop = self.run_admitted(turn, spec, handler, asked, out);
        }
        match stop {
            // A script may run for ever.
            Stop::NotYet(Wait::OthersTurns) if self.has_script() => stop,
            Stop::NotYet(Wait::OthersTurns | Wait::Keys) => {
                self.run_to_its_end(turn, args, out);
                Stop::Done
            }
            Stop::Blocked => self.block(turn, origin, spec, args, out),
            Stop::Errand { errand, .. } => {
                answer_at_once(turn, errand, out);
                Stop::Done
            }
            Stop::Feed(_) | Stop::NotYet(_) => {
                out.truncate(start);
                refuse(
                    turn,
                    &ErrorReply::Transaction(TransactionError::NotInTransaction),
                    Some(spec),
                    args,
                    out,
                )
            }
            stop => stop,
        }
    }

    /// A command that would let others have their turns has none here.
    pub(super) fn run_to_its_end(
        &mut self,
        turn: &mut Turn<'_>,
        args: Args<'_>,
        out: &mut Vec<u8>,
    ) {
        // Whoever holds other keys goes on holding them.
        let hold = turn.node.hold.take();
        let mut long = self.begin(turn, args);
        let reply = loop {
            match self.go_on(turn, long, args) {
                LongEnd::NotYet(rest) => long = rest,
                LongEnd::Over(reply) => break reply,
            }
        };
        turn.node.hold = hold;
        for piece in reply.into_pieces() {
            out.extend_from_slice(&piece);
        }
    }
}

/// Whoever monitors sees EXEC behind what it runs.
fn show(turn: &mut Turn<'_>, spec: &CommandSpec, args: Args<'_>) {
    if !turn.node.monitors.is_empty() {
        show_to_monitors(turn, spec, args);
    }
}

/// Its client is cut, as others are whose replies are more than they may have waiting.
#[cold]
fn tell_too_long(turn: &mut Turn<'_>) {
    turn.node.stats.output_limit_disconnections += 1;
    static LONG: Throttle = Throttle::new();
    if let Some(left_out) = LONG.admit(turn.now_ms) {
        let peer = &turn.identity.address;
        warn!(
            peer,
            left_out,
            "cut: client-output-buffer-limit, reached by the replies of a transaction, which has run"
        );
    }
}

/// What a transaction says whose replies are too many.
#[cold]
pub(super) fn say_too_long(turn: &Turn<'_>, out: &mut Vec<u8>) {
    ReplyWriter::new(out, turn.session.protocol)
        .error(&ErrorReply::Transaction(TransactionError::ExecTooLong));
}

/// Whether a command cannot be part of what a proxy sends for its client over a connection that others share.
fn is_stranger(spec: &CommandSpec) -> bool {
    let of_the_connection = match spec.id {
        // In a transaction WAIT is answered at once.
        CommandId::Ping
        | CommandId::Echo
        | CommandId::Publish
        | CommandId::Spublish
        | CommandId::Wait
        | CommandId::Waitaof => false,
        CommandId::Monitor => true,
        _ => {
            spec.acl.contains(AclCategories::CONNECTION)
                || spec.flags.contains(CommandFlags::PUBSUB)
        }
    };
    of_the_connection || Place::of(spec) != Place::Queued
}

/// The transaction is over, and nothing is watched any more.
fn end(turn: &mut Turn<'_>) {
    forget_transaction(turn.node, turn.session);
    forget_watched(turn.store, turn.node, turn.session, turn.identity.id);
}

/// The same of a client of a proxy.
fn end_with(turn: &mut Turn<'_>, watch: Option<ProxiedWatch>) {
    end(turn);
    if let Some(watch) = watch {
        forget_proxied(turn.store, turn.node, watch.name);
    }
}

/// Queues a command.
fn queue(
    turn: &mut Turn<'_>,
    spec: &'static CommandSpec,
    asked: Asked<'_>,
    out: &mut Vec<u8>,
) -> Stop {
    let most_bytes = turn.node.settings.hot.input_limit_bytes;
    let bytes = turn.session.queued_bytes() + Transaction::bytes_of(asked.args);
    if bytes > most_bytes.min(u32::MAX as usize) {
        turn.node.stats.input_limit_disconnections += 1;
        static LARGE: Throttle = Throttle::new();
        if let Some(left_out) = LARGE.admit(turn.now_ms) {
            let peer = &turn.identity.address;
            warn!(
                peer,
                bytes, left_out, "cut: client-query-buffer-limit, reached by a transaction"
            );
        }
        return Stop::Close;
    }
    if let Some(transaction) = &mut turn.session.transaction {
        let before = transaction.memory_bytes();
        transaction.push(spec, asked.args);
        turn.node.queued_bytes += transaction.memory_bytes() - before;
    }
    ReplyWriter::new(out, turn.session.protocol).simple("QUEUED");
    Stop::Done
}

/// What other commands wait for is not waited for in a transaction.
fn answer_at_once(turn: &mut Turn<'_>, errand: Errand, out: &mut Vec<u8>) {
    let mut reply = ReplyWriter::new(out, turn.session.protocol);
    match errand {
        Errand::WaitForFollowers(awaited) => {
            let replication = &turn.node.replication;
            let offset = replication.offset();
            let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            if awaited.on_disk.is_none() {
                reply.integer(count(replication.count_with(offset)));
            } else {
                // What this transaction writes is on no disk yet.
                reply.array(2);
                reply.integer(0);
                reply.integer(count(replication.count_with_on_disk(offset)));
            }
        }
        _ => reply.error(&ErrorReply::Transaction(TransactionError::NotInTransaction)),
    }
}
