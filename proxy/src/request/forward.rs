//! Requests that go as they are to one shard: those that follow each other to one pipe as one parcel.
//! Invariant: a place in the client's reply queue is taken before a request is appended, so a fast shard cannot overtake a slow one.

use std::rc::Rc;

use shared::command::{self, CommandId, Retry};
use shared::resp::encode_request;
use shared::topology::ShardIndex;

use super::Asked;
use super::behalf::write_for;
use super::turn::{Step, Turn};
use crate::client::received::is_handed_over;
use crate::client::{Source, WaitsFor};
use crate::pipe::set::{Admission, PipeNumber};
use crate::pipe::{Parcel, Target};
use crate::route::Place;

/// Consecutive requests of a batch that lie one behind the other and go to the same pipe.
pub(super) struct Run {
    pipe: PipeNumber,
    place: Place,
    command: CommandId,
    start: u32,
    end: u32,
    count: u32,
    /// Requests that may still join.
    room: u32,
    /// Where the last of them may end.
    reach: u32,
}

impl Run {
    /// No requests; nothing can join.
    pub(super) fn none() -> Self {
        Self {
            pipe: PipeNumber::MAX,
            place: Place::Anywhere,
            command: CommandId::Get,
            start: 0,
            end: 0,
            count: 0,
            room: 0,
            reach: 0,
        }
    }
}

/// What is said to a request before it takes its place.
pub(super) enum Entry {
    /// There is room for so many (at least one).
    Room(u32),
    /// It has to wait.
    Wait(WaitsFor),
    /// It is in vain.
    Vain(Vain),
}

/// Why a request is not sent at all.
#[derive(Clone)]
pub(super) enum Vain {
    /// The node is down.
    Down,
    /// The node refuses the lane, and says this.
    Refused(Box<str>),
}

impl Turn<'_> {
    /// The request goes, as the client wrote it, to `shard`.
    #[inline]
    pub(super) fn forward(
        &mut self,
        shard: ShardIndex,
        place: Place,
        asked: Asked<'_>,
        run: &mut Run,
    ) -> Step {
        let Asked { spec, frame, .. } = asked;
        let pipe = self
            .exchange
            .pipes
            .pipe_to(shard, self.lane, self.key.place());
        if run.pipe == pipe
            && run.command == spec.id
            && run.end == frame.start
            && run.room > 0
            && frame.end <= run.reach
            && !frame.inline
        {
            run.end = frame.end;
            run.count += 1;
            run.room -= 1;
            run.place = run.place.joined(place);
            return Step::Next;
        }
        self.finish_run(asked.buffer, run);
        self.client.state.last_command = Some(spec.id);
        let bytes = (frame.end - frame.start) as usize;
        let room = match self.admit(pipe, bytes, spec.retry) {
            Entry::Room(room) => room,
            Entry::Wait(what) => return Step::Wait(what),
            Entry::Vain(vain) => return self.answer_in_vain(spec, shard, &vain),
        };
        if frame.inline {
            self.send_encoded(pipe, place, asked);
            return Step::Next;
        }
        let bytes = self.exchange.pipes.bytes_left(pipe);
        *run = Run {
            reach: frame.start.saturating_add(bytes),
            pipe,
            place,
            command: spec.id,
            start: frame.start,
            end: frame.end,
            count: 1,
            room: room - 1,
        };
        Step::Next
    }

    /// What the pipe says, within what the client may have under way.
    #[inline]
    pub(super) fn admit(&mut self, pipe: PipeNumber, bytes: usize, kind: Retry) -> Entry {
        let left = self.room_of_client(kind);
        if left == 0 {
            return Entry::Wait(WaitsFor::Outlet(kind));
        }
        match self.admit_to(pipe, bytes) {
            Entry::Room(room) => Entry::Room(room.min(u32::try_from(left).unwrap_or(u32::MAX))),
            other => other,
        }
    }

    /// Requests of this kind that the client may have under way besides those that are.
    #[inline]
    pub(super) fn room_of_client(&mut self, kind: Retry) -> u64 {
        let exchange = &mut *self.exchange;
        exchange
            .receivers
            .outlet(self.key)
            .room(&exchange.limits, kind)
    }

    /// What the pipe says.
    #[inline]
    pub(super) fn admit_to(&mut self, pipe: PipeNumber, bytes: usize) -> Entry {
        if !self.exchange.receivers.late.is_empty()
            && let Some(obstacle) = self.behind_late_writes(pipe, Some(pipe))
        {
            return obstacle;
        }
        match self
            .exchange
            .pipes
            .admit(pipe, bytes, self.exchange.tick_ms)
        {
            Admission::Room(room) => Entry::Room(room),
            Admission::Full => Entry::Wait(WaitsFor::Room(pipe)),
            Admission::Down => Entry::Vain(Vain::Down),
            Admission::Refused(text) => Entry::Vain(Vain::Refused(text)),
        }
    }

    /// The same for what goes to this pipe's node over another connection.
    #[cold]
    pub(super) fn beside_late_writes(&mut self, pipe: PipeNumber) -> Option<Entry> {
        self.behind_late_writes(pipe, None)
    }

    /// What the client may not overtake on its way to the node of this pipe: writes of its own in other pipes, of which it was told that nobody knows. They end
    /// when the node answers them or has cut their connection; a request waits for that no longer than its deadline.
    #[cold]
    fn behind_late_writes(&mut self, pipe: PipeNumber, own: Option<PipeNumber>) -> Option<Entry> {
        let exchange = &mut *self.exchange;
        let mut late = exchange.receivers.late.pipes_of(self.key);
        let other =
            late.find(|late| Some(*late) != own && exchange.pipes.share_node(*late, pipe))?;
        let deadline = exchange.proxy.config.request_deadline.as_nanos();
        let waited = exchange.receivers.stopwatch.since_ns(self.read);
        let is_late = deadline > 0 && u128::from(waited) >= deadline;
        let way = exchange.pipes.admit(other, 0, exchange.tick_ms);
        if is_late || matches!(way, Admission::Down) {
            return Some(Entry::Vain(Vain::Down));
        }
        Some(Entry::Wait(WaitsFor::Room(other)))
    }

    /// Appends a run to its pipe, or hands it over when it is large.
    #[inline]
    pub(super) fn finish_run(&mut self, buffer: &[u8], run: &mut Run) {
        if run.count == 0 {
            return;
        }
        let range = run.start as usize..run.end as usize;
        let first = self.expect(Source::Pipe(run.pipe), run.count);
        let parcel = self.parcel(first, run.place, run.command, run.count);
        let author = self.author(run.pipe, command::spec(run.command));
        let line = self.exchange.pipes.line(run.pipe);
        match self.own_buffer {
            Some(own) if author.is_none() && is_handed_over(own, &range) => {
                line.append_shared(parcel, Rc::clone(own), range);
            }
            _ => {
                let buffers = &mut self.exchange.receivers.buffers;
                line.append_with(parcel, buffers, |out| {
                    write_for(author, out, |out| out.extend_from_slice(&buffer[range]));
                });
            }
        }
        *run = Run::none();
    }

    /// A request that is not a frame that could be forwarded.
    fn send_encoded(&mut self, pipe: PipeNumber, place: Place, asked: Asked<'_>) {
        let first = self.expect(Source::Pipe(pipe), 1);
        let parcel = self.parcel(first, place, asked.spec.id, 1);
        let author = self.author(pipe, asked.spec);
        let buffers = &mut self.exchange.receivers.buffers;
        let line = self.exchange.pipes.line(pipe);
        line.append_with(parcel, buffers, |out| {
            write_for(author, out, |out| {
                encode_request(out, asked.args.iter_from(0));
            });
        });
    }

    #[inline]
    fn parcel(&self, first: u64, place: Place, command: CommandId, count: u32) -> Parcel {
        let target = Target::Client {
            client: self.key,
            first,
        };
        Parcel::new(target, place, command, count, self.read)
    }

    /// Takes a place in the client's reply queue.
    #[inline]
    pub(super) fn expect(&mut self, source: Source, count: u32) -> u64 {
        let silent = self.is_silent();
        let outlet = self.exchange.receivers.outlet(self.key);
        outlet.queue.expect(source, count, silent)
    }
}
