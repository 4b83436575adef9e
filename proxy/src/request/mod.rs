//! Carries out requests: to the pipe of one shard, in parts to several, or answered here.
//! Reaches: the client's reply queue, the pipes' lines. Never: touches a socket; decides a route ([`crate::route`] does).
//! Invariant: a place in the client's reply queue is taken before a request is appended, so a fast shard cannot overtake a slow one.

pub(crate) mod answer;
pub(crate) mod fan_out;
pub(crate) mod gather;
pub(crate) mod here;
pub(crate) mod receivers;

use std::rc::Rc;

use shared::clock::{Clock, Reading};
use shared::command::{self, CommandFlags, CommandId, CommandSpec, Route};
use shared::resp::{Args, ErrorReply, Request, RequestBatch, encode_request};
use shared::topology::ShardIndex;

use crate::client::received::{Received, is_handed_over};
use crate::client::{ClientState, Source};
use crate::pipe::set::{Admission, Class, Lane, PipeNumber, PipeSet};
use crate::pipe::{Target, Waiter};
use crate::request::here::Question;
use crate::request::receivers::{Failure, Receivers};
use crate::route::{self, Split};
use crate::server::{Hold, ProxyShared};
use crate::slab::Key;
use crate::thread::ProxyThread;
use crate::topology::Snapshot;

/// How far a batch was carried out.
#[derive(Debug)]
pub(crate) enum Progress {
    /// To its end.
    Done,
    /// The request of this index has to wait.
    Wait(usize),
    /// The turn is over before the request of this index, which may be the one behind the last.
    Yield(usize),
    /// The client is to be closed once it has its replies.
    End,
    /// The client is gone.
    Gone,
}

/// What becomes of one request.
pub(crate) enum Step {
    Next,
    /// The next one, if there is time: this one may have taken long, or have brought a long reply.
    NextInTime,
    Wait,
    /// It was begun and goes on in turns of its own; the client's next request waits for its end.
    Begun,
    /// It needs another turn before it is begun.
    Again,
    End,
}

/// Time after which a client's turn ends although there are more requests, ns. Looked at behind requests that may take long; those that are just forwarded
/// are bounded by what one read brings.
pub(crate) const TURN_NS: u64 = 500_000;

/// Consecutive requests of a batch that lie one behind the other and go to the same pipe.
pub(crate) struct Run {
    pipe: PipeNumber,
    command: CommandId,
    start: u32,
    end: u32,
    count: u32,
    /// Requests that may still join.
    room: u32,
}

impl Run {
    /// No requests; nothing can join.
    fn none() -> Self {
        Self {
            pipe: PipeNumber::MAX,
            command: CommandId::Get,
            start: 0,
            end: 0,
            count: 0,
            room: 0,
        }
    }
}

/// One client's batch being carried out.
pub(crate) struct Dispatcher<'a> {
    pub(crate) receivers: &'a mut Receivers,
    pub(crate) pipes: &'a mut PipeSet,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) proxy: &'a ProxyShared,
    pub(crate) split: &'a mut Split,
    pub(crate) key: Key,
    /// The buffer in which the requests lie, when it is the client's own and may be handed over.
    own_buffer: Option<&'a Rc<Vec<u8>>>,
    /// As the client's state says; copied here because every request needs it.
    lane: Lane,
    /// Nothing about the client or the proxy asks for a closer look at each request: it may run commands, hears all replies, and nothing is held up.
    is_plain_sailing: bool,
    hears_all: bool,
    holds_writes: bool,
    pub(crate) now: Reading,
    /// Bytes of replies that are enough for one turn.
    output_soft_bytes: usize,
    pub(crate) now_ms: u64,
    pub(crate) wall: &'a Clock,
    /// What other threads are to be asked.
    pub(crate) questions: Vec<Question>,
}

impl ProxyThread {
    /// Carries out the requests of `batch`, which lie in `received`, from index `from` on.
    pub(crate) fn dispatch(
        &mut self,
        key: Key,
        received: &Received<'_>,
        batch: &RequestBatch,
        from: usize,
    ) -> Progress {
        self.follow_topology();
        // A tick's precision is enough for deadlines of hundreds of milliseconds, and costs nothing per batch.
        let now_ms = self.tick_ms;
        let Some(client) = self.receivers.clients.get_mut(key) else {
            return Progress::Gone;
        };
        client.state.active_ms = now_ms;
        let version = self.snapshot.version();
        // What was routed by an older topology comes to its end first: its keys may have moved, and a later command on
        // one of them must not overtake it on another node.
        if client.routed_by != version || client.is_alone {
            if client.queue.missing() > 0 {
                return Progress::Wait(from);
            }
            client.routed_by = version;
            client.is_alone = false;
        }
        let class = client.state.wanted_class(now_ms);
        if client.state.class != class {
            // Other pipes: its commands on the old ones come to their end first.
            if client.queue.missing() == 0 {
                client.state.class = class;
            } else if class == Class::Bulk {
                return Progress::Wait(from);
            }
        }
        let hold = self.proxy.hold(now_ms);
        if hold == Some(Hold::All) {
            return Progress::Wait(from);
        }
        let Some(mut dispatcher) = self.dispatcher(key, received.own()) else {
            return Progress::Gone;
        };
        dispatcher.holds_writes = hold.is_some();
        dispatcher.look_at_client();
        let progress = dispatcher.carry_out(received.bytes(), batch, from);
        for question in dispatcher.questions {
            self.ask_threads(question);
        }
        if matches!(progress, Progress::End)
            && let Some(client) = self.receivers.clients.get_mut(key)
        {
            client.is_ending = true;
        }
        self.receivers.mark_dirty(key);
        self.wake_flusher();
        progress
    }

    /// Whoever carries out the requests of this client, which may lie in its `own_buffer`.
    #[inline]
    pub(crate) fn dispatcher<'a>(
        &'a mut self,
        key: Key,
        own_buffer: Option<&'a Rc<Vec<u8>>>,
    ) -> Option<Dispatcher<'a>> {
        let lane = lane_of(&self.receivers.clients.get(key)?.state);
        Some(Dispatcher {
            now: self.receivers.stopwatch.read(),
            receivers: &mut self.receivers,
            pipes: &mut self.pipes,
            snapshot: &self.snapshot,
            proxy: &self.proxy,
            split: &mut self.split,
            key,
            own_buffer,
            lane,
            is_plain_sailing: false,
            hears_all: true,
            holds_writes: false,
            output_soft_bytes: self.limits.output_soft_bytes,
            now_ms: self.tick_ms,
            wall: &self.clock,
            questions: Vec::new(),
        })
    }

    /// Requests in the line of a node that has left the topology, or leads another shard now, go where their keys are.
    pub(crate) fn route_line_again(&mut self, number: PipeNumber) {
        let Some((pipe, node)) = self.pipes.with_node(number) else {
            return;
        };
        let mut line = std::mem::take(&mut pipe.line);
        let mut waiters = std::mem::take(&mut pipe.in_flight);
        let (lane, shard, shard_index) = (pipe.lane, node.shard.clone(), node.shard_index);
        let mut batch = RequestBatch::default();
        line.take_unanswered(|bytes, request| {
            let waiter = waiters.take(1);
            let spec = command::spec(waiter.command);
            let mut frame = bytes[request.frame.clone()].to_vec();
            let owner = route::shard_of_frame(spec, &mut frame, &mut batch, &self.snapshot);
            let pipe = owner.map(|owner| self.pipes.pipe_to(owner, lane));
            match pipe.map(|pipe| (pipe, self.pipes.admit(pipe, 0))) {
                Some((pipe, Admission::Room(_))) if pipe != number => {
                    self.pipes
                        .append(pipe, &frame, waiter, &mut self.receivers.buffers);
                }
                _ => self
                    .receivers
                    .fail(waiter, Failure::NotApplied, &shard, shard_index),
            }
        });
        self.wake_flusher();
    }
}

fn lane_of(state: &ClientState) -> Lane {
    Lane {
        class: state.class,
        protocol: state.protocol,
        database: state.database,
    }
}

impl Dispatcher<'_> {
    /// What is agreed with nodes for this client's commands.
    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    /// Takes note of what the client has chosen.
    pub(crate) fn look_at_client(&mut self) {
        if let Some(client) = self.receivers.clients.get(self.key) {
            self.lane = lane_of(&client.state);
            self.hears_all = client.state.hears_all();
            self.is_plain_sailing =
                self.hears_all && client.state.is_authenticated && !self.holds_writes;
        }
    }

    fn carry_out(&mut self, buffer: &[u8], batch: &RequestBatch, from: usize) -> Progress {
        let mut run = Run::none();
        for (index, request) in batch.requests().iter().enumerate().skip(from) {
            let args = batch.args(buffer, request);
            match self.request(buffer, request, args, &mut run) {
                Step::Next => {}
                Step::NextInTime => {
                    if self.turn_is_over() {
                        return Progress::Yield(index + 1);
                    }
                }
                Step::Begun => return Progress::Yield(index + 1),
                Step::Again => return Progress::Yield(index),
                Step::Wait => {
                    self.finish_run(buffer, &mut run);
                    return Progress::Wait(index);
                }
                Step::End => {
                    self.finish_run(buffer, &mut run);
                    return Progress::End;
                }
            }
        }
        self.finish_run(buffer, &mut run);
        Progress::Done
    }

    #[inline]
    fn request(&mut self, buffer: &[u8], request: &Request, args: Args<'_>, run: &mut Run) -> Step {
        let spec = match route::resolve(args) {
            Ok(spec) => spec,
            Err(error) => {
                self.finish_run(buffer, run);
                if route::is_http(args) {
                    tracing::warn!("client closed: it speaks HTTP");
                    return Step::End;
                }
                return self.answer_error(&error);
            }
        };
        if self.is_plain_sailing
            && spec.route == Route::ByKey
            && !route::leaves_its_database(spec.id)
            && let Ok(shard) = route::shard_of(spec, args, self.snapshot)
        {
            return self.forward(shard, spec, buffer, request, args, run);
        }
        self.finish_run(buffer, run);
        match self.rare_request(spec, buffer, request, args) {
            Step::Next => Step::NextInTime,
            step => step,
        }
    }

    /// Whether the client has had its time, or has enough replies to read. Nothing is appended to a run when it is asked.
    fn turn_is_over(&self) -> bool {
        let client = self.receivers.clients.get(self.key);
        client.is_some_and(|client| client.queue.bytes() >= self.output_soft_bytes)
            || self.receivers.stopwatch.since_ns(self.now) > TURN_NS
    }

    /// The request goes, as the client wrote it, to the primary of `shard`.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        shard: ShardIndex,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
        run: &mut Run,
    ) -> Step {
        let pipe = self.pipes.pipe_to(shard, self.lane);
        if run.pipe == pipe
            && run.command == spec.id
            && run.end == request.start
            && run.room > 0
            && !request.inline
        {
            run.end = request.end;
            run.count += 1;
            run.room -= 1;
            return Step::Next;
        }
        self.finish_run(buffer, run);
        let room = match self.admit(pipe) {
            Admission::Room(room) => room,
            Admission::Full => return Step::Wait,
            Admission::Down(error) => return self.answer_down(spec, shard, &error),
        };
        if request.inline {
            self.send_encoded(pipe, spec, args);
            return Step::Next;
        }
        *run = Run {
            pipe,
            command: spec.id,
            start: request.start,
            end: request.end,
            count: 1,
            room: room - 1,
        };
        Step::Next
    }

    /// What the pipe says, within what the client may have under way.
    pub(crate) fn admit(&mut self, pipe: PipeNumber) -> Admission {
        let left = self.room_of_client();
        if left == 0 {
            return Admission::Full;
        }
        match self.admit_to(pipe) {
            Admission::Room(room) => {
                Admission::Room(room.min(u32::try_from(left).unwrap_or(u32::MAX)))
            }
            other => other,
        }
    }

    /// Requests that the client may have under way besides those that are.
    #[inline]
    pub(crate) fn room_of_client(&self) -> u64 {
        let most = u64::from(self.proxy.config.client_requests_in_flight);
        self.receivers.clients.get(self.key).map_or(most, |client| {
            let most = most.min(client.queue.requests_for(self.output_soft_bytes));
            most.saturating_sub(client.queue.missing())
        })
    }

    /// What the pipe says; when it is full, the client is woken once there is room.
    #[inline]
    pub(crate) fn admit_to(&mut self, pipe: PipeNumber) -> Admission {
        let admission = self.pipes.admit(pipe, self.now_ms);
        if matches!(admission, Admission::Full)
            && let Some(pipe) = self.pipes.get_mut(pipe)
        {
            pipe.crowd.push(self.key);
        }
        admission
    }

    /// Appends a run to its pipe, or hands it over when it is large.
    #[inline]
    fn finish_run(&mut self, buffer: &[u8], run: &mut Run) {
        if run.count == 0 {
            return;
        }
        let range = run.start as usize..run.end as usize;
        let first = self.expect(Source::Pipe(run.pipe), run.count);
        let waiter = self.waiter(first, run.count, run.command);
        match self.own_buffer {
            Some(own) if is_handed_over(own, &range) => {
                self.pipes
                    .append_shared(run.pipe, Rc::clone(own), range, waiter);
            }
            _ => {
                let buffers = &mut self.receivers.buffers;
                self.pipes.append(run.pipe, &buffer[range], waiter, buffers);
            }
        }
        *run = Run::none();
    }

    /// A request that is not a frame that could be forwarded.
    fn send_encoded(&mut self, pipe: PipeNumber, spec: &CommandSpec, args: Args<'_>) {
        let first = self.expect(Source::Pipe(pipe), 1);
        let waiter = self.waiter(first, 1, spec.id);
        self.pipes
            .append_with(pipe, waiter, &mut self.receivers.buffers, |out| {
                encode_request(out, args.iter_from(0));
            });
    }

    fn waiter(&self, first: u64, count: u32, command: CommandId) -> Waiter {
        Waiter {
            target: Target::Client {
                client: self.key,
                first,
            },
            started: self.now,
            count,
            command,
            attempts: 0,
        }
    }

    /// Takes a place in the client's reply queue.
    #[inline]
    pub(crate) fn expect(&mut self, source: Source, count: u32) -> u64 {
        match self.receivers.clients.get_mut(self.key) {
            Some(client) => {
                let silent = !self.hears_all && client.state.take_silence();
                client.queue.expect(source, count, silent)
            }
            None => 0,
        }
    }

    fn rare_request(
        &mut self,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
    ) -> Step {
        let Some(client) = self.receivers.clients.get_mut(self.key) else {
            return Step::End;
        };
        client.state.last_command = Some(spec.id);
        if !client.state.may_run(spec) {
            return self.answer_error(&ErrorReply::NoAuth);
        }
        if client.is_alone {
            if client.queue.missing() > 0 {
                return Step::Wait;
            }
            client.is_alone = false;
        }
        let is_held = self.holds_writes && spec.flags.contains(CommandFlags::WRITE);
        if is_held || (route::needs_quiet(spec.id) && client.queue.missing() > 0) {
            return Step::Wait;
        }
        let leaves_database = route::leaves_its_database(spec.id);
        let mut run = Run::none();
        let step = match spec.route {
            Route::ByKey => match route::shard_of(spec, args, self.snapshot) {
                Ok(shard) => self.forward(shard, spec, buffer, request, args, &mut run),
                Err(error) => self.answer_error(&error),
            },
            Route::AnyShard => {
                self.forward(route::any_shard(), spec, buffer, request, args, &mut run)
            }
            Route::Split => self.split(spec, buffer, request, args, &mut run),
            Route::EveryShard => match route::local::objection(spec, args) {
                Some(error) => self.answer_error(&error),
                None => self.every_shard(spec, args, route::plan(spec)),
            },
            Route::Local => self.local(spec, buffer, request, args, &mut run),
            Route::Walked => self.walk(spec, args),
            Route::Refused => self.answer_error(&route::refused(spec)),
            Route::ByChannel
            | Route::Leased
            | Route::LeasedIfBlock
            | Route::Transaction
            | Route::Subscribed => self.answer_error(&command::unknown_command(args)),
        };
        self.finish_run(buffer, &mut run);
        if leaves_database
            && matches!(step, Step::Next)
            && let Some(client) = self.receivers.clients.get_mut(self.key)
        {
            client.is_alone = true;
            self.is_plain_sailing = false;
        }
        step
    }
}
