//! One client's turn: its requests one after the other, each to where it belongs.
//! Never: touches a socket; decides a route ([`crate::route`] does).
//! Invariants: the client is in nobody else's hands while it has its turn; one place says whether a reply is heard ([`Turn::hear`]).

use std::rc::Rc;

use shared::access::Refused;
use shared::clock::Reading;
use shared::command::{self, CommandFlags, CommandId, CommandSpec, Quiet, Retry, Route};
use shared::monitor;
use shared::pubsub::is_for_subscribers;
use shared::resp::{Args, ErrorReply, Request, RequestBatch};
use shared::session::Replies;
use shared::session::foreign;
use shared::throttle::Throttle;

use super::forward::Run;
use super::{Asked, Exchange};
use crate::client::received::Received;
use crate::client::{Client, WaitsFor};
use crate::here;
use crate::pause::Hold;
use crate::pipe::{Class, Lane};
use crate::route::split::Search;
use crate::route::{self, Place, rounds};
use crate::slab::Key;
use crate::topology::Within;

/// Time after which a client's turn ends although there are more requests, ns. Looked at behind requests that may take long; those that are just forwarded
/// are bounded by what one read brings.
pub(crate) const TURN_NS: u64 = 500_000;

/// How far a batch was carried out.
#[derive(Debug)]
pub(super) enum Progress {
    /// To its end.
    Done,
    /// The request of this index (which may be the one behind the last) has to wait, for what the outlet says.
    Wait(usize),
    /// The client is to be closed once it has its replies.
    End,
}

/// What becomes of one request.
pub(super) enum Step {
    /// The next one.
    Next,
    /// The next one, if there is time: this one may have taken long, or have brought a long reply.
    NextInTime,
    /// It cannot be carried out yet.
    Wait(WaitsFor),
    /// It has begun, and concerns what others ask for, or holds up others in its line: the next one waits for its reply.
    Alone,
    /// It has begun and goes on in turns of its own; the client's next request waits for its end.
    Begun,
    /// It needs another turn before it is begun.
    Again,
    /// The client says no more.
    End,
}

/// Where a turn stops.
enum Stop {
    Done,
    At(usize, Option<WaitsFor>),
    End,
}

/// One client's batch being carried out.
pub(super) struct Turn<'a> {
    pub(super) exchange: &'a mut Exchange,
    pub(super) key: Key,
    pub(super) client: &'a mut Client,
    /// The buffer in which the requests lie, when it is the client's own and may be handed over.
    pub(super) own_buffer: Option<&'a Rc<Vec<u8>>>,
    /// As the client's state says, and the policy of the command's keys; copied here because every request needs it.
    pub(super) lane: Lane,
    /// What is known of the owners of the keys of the next command, when it has very many.
    pub(super) search: Option<Search>,
    /// When the requests were read.
    pub(super) read: Reading,
    /// When the turn began.
    began: Reading,
    /// Nothing about the client or the proxy asks for a closer look at each request: it may run commands, hears all replies, and nothing is held up.
    is_plain_sailing: bool,
    /// Its user may do everything.
    is_free: bool,
    /// Somebody is shown what clients ask for.
    is_monitored: bool,
    /// The present command was not carried out.
    pub(super) is_refused: bool,
    hears_all: bool,
    /// What held for replies before this command.
    mode: Replies,
    hold: Option<Hold>,
}

impl Exchange {
    /// Carries out the requests of a batch, which lie in `received`, from an index on; `search` is what is known of the first one's keys.
    pub(super) fn carry_out(
        &mut self,
        key: Key,
        client: &mut Client,
        received: &Received<'_>,
        (batch, from): (&RequestBatch, usize),
        search: &mut Option<Search>,
        read: Reading,
    ) -> Progress {
        self.follow_topology();
        // A tick's precision is enough, and costs nothing per batch.
        self.active_clients += u32::from(client.state.active_ms != self.tick_ms);
        client.state.active_ms = self.tick_ms;
        if from >= batch.requests().len() {
            return Progress::Done;
        }
        if !client.state.knows_users(&self.proxy.access)
            && !client.state.follow_users(&self.proxy.access)
        {
            self.receivers.mark_dirty(key);
            return Progress::End;
        }
        if let Some(obstacle) = self.obstacle(key, client) {
            self.wait(key, obstacle);
            return Progress::Wait(from);
        }
        let mut turn = self.turn(key, client, received.own(), read);
        turn.search = search.take();
        let stop = turn.run(received.bytes(), batch, from);
        *search = turn.search;
        match stop {
            Stop::Done => Progress::Done,
            Stop::At(index, what) => {
                if let Some(what) = what {
                    self.wait(key, what);
                }
                Progress::Wait(index)
            }
            Stop::End => {
                self.receivers.mark_dirty(key);
                Progress::End
            }
        }
    }

    /// Whoever carries out the requests of this client, which may lie in its `own_buffer`.
    #[inline]
    pub(super) fn turn<'a>(
        &'a mut self,
        key: Key,
        client: &'a mut Client,
        own_buffer: Option<&'a Rc<Vec<u8>>>,
        read: Reading,
    ) -> Turn<'a> {
        let mut turn = Turn {
            key,
            lane: client.state.lane(self.policies.usual()),
            client,
            own_buffer,
            search: None,
            read,
            began: self.receivers.stopwatch.read(),
            is_plain_sailing: false,
            is_free: false,
            is_monitored: false,
            is_refused: false,
            hears_all: true,
            mode: Replies::On,
            hold: None,
            exchange: self,
        };
        turn.look_at_pause();
        turn.look_at_client();
        turn
    }

    /// What is to come to pass before anything of this client is routed. What was routed by an older topology comes to its end first: its keys may have moved,
    /// and a later command on one of them must not overtake it on another node; the same where later commands go by other pipes.
    #[inline]
    fn obstacle(&mut self, key: Key, client: &mut Client) -> Option<WaitsFor> {
        let queue = &self.receivers.outlet(key).queue;
        let (missing, are_large) = (queue.missing(), queue.are_large());
        let version = self.snapshot.version();
        if client.routed_by != version {
            if missing > 0 {
                return Some(WaitsFor::Replies(0));
            }
            client.routed_by = version;
        }
        let class = client.state.wanted_class(are_large, self.tick_ms);
        if client.state.class != class {
            if missing == 0 {
                client.state.class = class;
            } else if class == Class::Bulk {
                return Some(WaitsFor::Replies(0));
            }
        }
        None
    }
}

/// Whether a reply may be as long as a collection, or many of them.
fn may_read_much(spec: &CommandSpec) -> bool {
    spec.retry == Retry::Safe && !spec.flags.contains(CommandFlags::FAST)
}

impl<'a> Turn<'a> {
    /// Takes note of what the client has chosen.
    pub(super) fn look_at_client(&mut self) {
        self.lane = self.client.state.lane(self.exchange.policies.usual());
        // Of the command under way nothing is heard that was not to be when it began.
        self.hears_all = self.mode == Replies::On && self.client.state.hears_all();
        let state = &self.client.state;
        let is_apart =
            state.transaction.is_some() || state.is_only_subscriber() || state.tracks.is_some();
        self.is_monitored = self.exchange.is_monitored();
        self.is_plain_sailing = self.hears_all
            && state.login.is_authenticated()
            && !is_apart
            && !self.is_monitored
            && self.hold.is_none();
        self.is_free = state.login.is_free();
    }

    /// Takes note of what is held up.
    #[inline]
    pub(super) fn look_at_pause(&mut self) {
        let pause = &self.exchange.proxy.pause;
        self.hold = if pause.is_off() {
            None
        } else {
            pause.hold(self.exchange.now_ms())
        };
    }

    /// A command begins whose reply may not be wanted.
    #[cold]
    fn hear(&mut self) {
        self.mode = self.client.state.begin_command();
        self.hears_all = self.mode == Replies::On;
        if self.hears_all {
            self.look_at_client();
        }
    }

    /// Whether the client does not want the reply to this command.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        !self.hears_all && self.mode != Replies::On
    }

    /// The same for a command that may have changed what holds for replies; CLIENT REPLY is heard, or says nothing.
    pub(super) fn is_silent_after(&self, spec: &CommandSpec) -> bool {
        match self.mode {
            _ if self.hears_all => false,
            Replies::On => false,
            Replies::Off => self.client.state.replies == Replies::Off,
            Replies::SkipNext | Replies::Skip => spec.id != CommandId::ClientReply,
        }
    }

    fn run(&mut self, buffer: &'a [u8], batch: &'a RequestBatch, from: usize) -> Stop {
        let mut run = Run::none();
        for (index, request) in batch.requests().iter().enumerate().skip(from) {
            let args = batch.args(buffer, request);
            let stop = match self.request(buffer, request, args, &mut run) {
                Step::Next => continue,
                Step::NextInTime if !self.is_over() => continue,
                Step::NextInTime | Step::Begun => Stop::At(index + 1, None),
                Step::Again => Stop::At(index, None),
                Step::Wait(what) => Stop::At(index, Some(what)),
                Step::Alone => Stop::At(index + 1, Some(WaitsFor::Replies(0))),
                Step::End => Stop::End,
            };
            self.finish_run(buffer, &mut run);
            return stop;
        }
        self.finish_run(buffer, &mut run);
        Stop::Done
    }

    #[cold]
    fn tell_of_foreigner(&self, why: &str) {
        static FOREIGN: Throttle = Throttle::new();
        if let Some(left_out) = FOREIGN.admit(self.exchange.clock.wall_ms()) {
            let peer = self.client.state.peer;
            tracing::warn!(%peer, left_out, "client closed: {why}");
        }
    }

    #[inline]
    fn request(
        &mut self,
        buffer: &'a [u8],
        frame: &'a Request,
        args: Args<'a>,
        run: &mut Run,
    ) -> Step {
        if !self.hears_all {
            self.hear();
        }
        let spec = match route::resolve(args) {
            Ok(spec) => spec,
            Err(error) => {
                self.finish_run(buffer, run);
                if let Some(why) = foreign(args) {
                    self.tell_of_foreigner(why);
                    return Step::End;
                }
                return self.refuse_unresolved(args, &error);
            }
        };
        let asked = Asked {
            spec,
            args,
            frame,
            buffer,
        };
        if self.exchange.policies.differ() && self.client.state.transaction.is_none() {
            return self.by_policy(asked, run);
        }
        self.request_of(asked, run)
    }

    /// The request goes by the way that the policies of its keys say. What concerns keys of several ways overtakes nothing that was asked before it, and is
    /// overtaken by nothing.
    fn by_policy(&mut self, asked: Asked<'a>, run: &mut Run) -> Step {
        let policies = &self.exchange.policies;
        let choice = match rounds::is_long(asked.spec, asked.frame) {
            true => policies.of_many(asked.spec),
            false => policies.choose(asked.spec, asked.args),
        };
        // What is read under a WATCH is not older than the watch: a follower's answer may be.
        self.lane.role = match self.client.state.watch {
            Some(_) => choice.role.at_primary(),
            None => choice.role,
        };
        if !choice.is_mixed {
            return self.request_of(asked, run);
        }
        self.finish_run(asked.buffer, run);
        if self.missing() > 0 {
            return self.put_off(Step::Wait(WaitsFor::Replies(0)));
        }
        match self.request_of(asked, run) {
            Step::Next | Step::NextInTime => Step::Alone,
            step => step,
        }
    }

    #[inline]
    fn request_of(&mut self, asked: Asked<'a>, run: &mut Run) -> Step {
        let Asked {
            spec, args, buffer, ..
        } = asked;
        if !self.is_free
            && !self.client.is_amid_command()
            && let Some(error) = self.objection(asked)
        {
            self.finish_run(buffer, run);
            return self.refuse(spec, &error);
        }
        if !self.client.state.has_read_much && may_read_much(spec) {
            self.finish_run(buffer, run);
            if let Some(step) = self.keep_apart() {
                return step;
            }
        }
        if self.is_plain_sailing
            && spec.route == Route::ByKey
            && spec.quiet == Quiet::Never
            && let Ok((shard, place)) = route::shard_of(spec, args, self.snapshot())
        {
            return self.forward(shard, place, asked, run);
        }
        self.finish_run(buffer, run);
        let step = match self.is_monitored {
            true => self.seen_request(asked),
            false => self.rare_request(asked),
        };
        match step {
            Step::Next => Step::NextInTime,
            step => step,
        }
    }

    /// The first time that a client reads what may be a whole collection nobody knows how much it will be: the reply comes by the pipes of those who ask for much,
    /// once all that was asked before has been answered.
    fn keep_apart(&mut self) -> Option<Step> {
        if self.client.state.transaction.is_some() || self.client.is_amid_command() {
            return None;
        }
        if self.lane.class != Class::Bulk && self.missing() > 0 {
            return Some(self.put_off(Step::Wait(WaitsFor::Replies(0))));
        }
        self.client.state.has_read_much = true;
        self.client.state.class = Class::Bulk;
        self.lane.class = Class::Bulk;
        None
    }

    /// Whether the client has had its time, or has enough replies to read. Nothing is appended to a run when it is asked.
    fn is_over(&mut self) -> bool {
        let soft_bytes = self.exchange.limits.soft_bytes;
        self.exchange.receivers.outlet(self.key).queue.bytes() >= soft_bytes
            || self.exchange.receivers.stopwatch.since_ns(self.began) > TURN_NS
    }

    pub(super) fn rare_request(&mut self, asked: Asked<'_>) -> Step {
        let spec = asked.spec;
        self.client.state.last_command = Some(spec.id);
        if self.client.state.is_only_subscriber() && !is_for_subscribers(spec) {
            return self.spoil_transaction(&ErrorReply::OnlySubscriptions(spec.name));
        }
        if self.client.state.is_monitor && !monitor::may_ask(spec) {
            return self.spoil_transaction(&ErrorReply::NoKeysForReplicas);
        }
        if spec.id == CommandId::Reset && self.unsubscribe_some() {
            return self.put_off(Step::Again);
        }
        let is_held = match self.hold {
            None => false,
            Some(Hold::Writes) => spec.may_write(),
            Some(Hold::All) => true,
        };
        // What has begun is not held up: its answer may be here.
        if is_held && !self.client.is_leasing() {
            return self.wait_for_end_of_pause(spec);
        }
        if self.client.state.transaction.is_some() {
            let step = self.in_transaction(asked);
            if self.client.state.tracks.is_some() {
                self.note_tracked_command(spec);
            }
            return step;
        }
        if spec.quiet != Quiet::Never && self.missing() > 0 {
            return self.put_off(Step::Wait(WaitsFor::Replies(0)));
        }
        if let Some(step) = self.own_part(asked) {
            return step;
        }
        let mut run = Run::none();
        let step = self.by_its_route(asked, &mut run);
        self.finish_run(asked.buffer, &mut run);
        if self.client.state.tracks.is_some() {
            self.note_read(asked, &step);
        }
        match step {
            Step::Next if spec.quiet == Quiet::Around => Step::Alone,
            Step::Wait(what) => self.put_off(Step::Wait(what)),
            Step::Again => self.put_off(Step::Again),
            step => step,
        }
    }

    /// Why the client's user may not run the command, if it may not; that is noted.
    #[cold]
    fn objection(&mut self, asked: Asked<'_>) -> Option<ErrorReply> {
        let proxy = &self.exchange.proxy;
        let state = &mut self.client.state;
        let checked = state
            .login
            .check(&proxy.access.users(), asked.spec, asked.args);
        let refused = checked.err()?;
        state.last_command = Some(asked.spec.id);
        if let Refused::Denied(denied) = refused {
            let (reason, object) = denied.object(asked.spec.name, asked.args);
            let user = state.login.user().name();
            here::access::note(
                &proxy.access,
                proxy.config.acllog_max_len as usize,
                (reason, object, user),
                state,
                (self.exchange.clock.wall_ms(), self.exchange.tick_ms),
            );
        }
        Some(refused.reply(asked.spec))
    }

    /// A command may not run: of an EXEC, with that the transaction is over.
    #[cold]
    fn refuse(&mut self, spec: &CommandSpec, error: &ErrorReply) -> Step {
        if spec.id == CommandId::Exec && self.client.state.transaction.take().is_some() {
            self.unwatch();
            self.look_at_client();
            return self.answer_error(&ErrorReply::exec_refused(&error.to_string()));
        }
        self.spoil_transaction(error)
    }

    fn by_its_route(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let spec = asked.spec;
        match spec.route {
            Route::Leased => match spec.id {
                CommandId::Watch => self.watch(asked),
                CommandId::Wait | CommandId::Waitaof => self.wait_for_copies(asked),
                _ => self.block(asked),
            },
            Route::LeasedIfBlock if route::blocks(asked.args) => self.block(asked),
            Route::ByKey | Route::LeasedIfBlock => {
                match route::shard_of(spec, asked.args, self.snapshot()) {
                    Ok((shard, place)) => self.forward(shard, place, asked, run),
                    Err(error) => self.answer_error(&error),
                }
            }
            Route::AnyShard => {
                let shard = self.any_shard_for(spec);
                match self.forward(shard, Place::Anywhere, asked, run) {
                    // As with those that every shard is asked.
                    Step::Next => Step::Alone,
                    step => step,
                }
            }
            Route::Split => self.split(asked, run),
            Route::Combined => self.combine(asked, run),
            Route::EveryShard => {
                let checked = route::databases::check_swap(spec, asked.args, self.snapshot());
                if let Err(error) = checked {
                    return self.answer_error(&error);
                }
                self.note_scripts(asked);
                self.every_shard(asked, route::plan(spec))
            }
            Route::Local => self.local(asked),
            Route::Walked => self.walk(asked),
            Route::Refused => self.answer_error(&route::refused(spec)),
            Route::Transaction => self.transact(asked),
            Route::Script => self.script(asked, run),
            Route::ByChannel => self.publish(asked, run),
            Route::Subscribed => self.subscribe(asked),
        }
    }

    /// What is held up for everybody.
    pub(super) fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// What is said of a request that is no command, or not a whole one; of an EXEC it ends the transaction.
    #[cold]
    fn refuse_unresolved(&mut self, args: Args<'_>, error: &ErrorReply) -> Step {
        let is_exec = command::lookup(args.at(0)).is_some_and(|row| row.id == CommandId::Exec);
        if is_exec && self.client.state.transaction.take().is_some() {
            self.unwatch();
            self.look_at_client();
            let text = error.to_string();
            let words = text.strip_prefix("ERR ").unwrap_or(&text);
            return self.answer_error(&ErrorReply::exec_refused(words));
        }
        self.spoil_transaction(error)
    }

    /// What keys are routed by, of the database that the client means.
    #[inline]
    pub(super) fn snapshot(&self) -> Within<'_> {
        self.exchange.snapshot.within(self.client.state.database)
    }

    /// Requests without a reply.
    pub(super) fn missing(&mut self) -> u64 {
        self.exchange.receivers.outlet(self.key).queue.missing()
    }

    /// The command has not begun after all; it will begin anew, and a SKIP before it is not used up.
    pub(super) fn put_off(&mut self, step: Step) -> Step {
        if self.mode == Replies::SkipNext && !self.hears_all {
            self.client.state.replies = Replies::SkipNext;
        }
        step
    }

    /// Commands wait for the end of a pause, but not longer than their deadline if they have one.
    pub(super) fn wait_for_end_of_pause(&mut self, spec: &CommandSpec) -> Step {
        let deadline = self.exchange.proxy.config.request_deadline.as_nanos();
        let waited = self.exchange.receivers.stopwatch.since_ns(self.read);
        if has_deadline(spec) && deadline > 0 && u128::from(waited) >= deadline {
            return self.answer_error(&ErrorReply::Text(PAUSED_TOO_LONG.into()));
        }
        self.put_off(Step::Wait(WaitsFor::Pause))
    }
}

/// Whether a command fails when its deadline is over. What is answered here never does: where SELECT or RESET failed, the commands behind them in the same
/// write would be carried out in another state than their client believes.
pub(crate) fn has_deadline(spec: &CommandSpec) -> bool {
    spec.route != Route::Local
}

/// What is said to a command whose deadline is over before the pause is.
const PAUSED_TOO_LONG: &str = "CLUSTERDOWN commands are held up by CLIENT PAUSE; the command was not applied and may be sent again";
