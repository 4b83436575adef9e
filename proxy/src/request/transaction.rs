//! A client between MULTI and EXEC: what it says is queued here, and travels as one request to the shard of its keys.
//! Reaches: the client, the pipes' lines. Never: decides what may be queued ([`crate::route::transaction`] does).
//! Invariants: a queue is sent once it is complete, as a whole, and is one parcel of one request, so that whatever becomes of its connection becomes of all of it; of a
//! queue that waits for room nothing is lost.

use shared::command::{self, CommandId, Retry};
use shared::resp::{ErrorReply, TransactionError};
use shared::throttle::Throttle;
use shared::topology::ShardIndex;

use super::Asked;
use super::behalf::write_for;
use super::forward::Entry;
use super::script::Evaluates;
use super::turn::{Step, Turn};
use crate::client::{NamedWatch, Source, Transaction, WaitsFor, Watch};
use crate::events::{Kind, News};
use crate::pause::Hold;
use crate::pipe::{Lane, Parcel, Role, Target};
use crate::route::{self, Place, transaction};

/// Most commands of a transaction: a node does nothing else while it runs, and is taken for gone when it says nothing for half a second.
const MOST_COMMANDS: usize = 65_536;

/// Longest request of a transaction, bytes: half of what a node lets a client have unanswered unless it is told otherwise.
const MOST_REQUEST_BYTES: usize = 512 * 1024 * 1024;

/// With more commands a transaction is not sent again, though all of them only read: what kept one node busy for too long would keep the next one busy, too.
const MOST_REPEATED: usize = 32;

impl Turn<'_> {
    /// MULTI, EXEC or DISCARD of a client that is in no transaction.
    pub(super) fn transact(&mut self, asked: Asked<'_>) -> Step {
        match asked.spec.id {
            CommandId::Multi => {
                self.end_watch_that_is_over();
                let body = self.exchange.receivers.buffers.take();
                let queue = Transaction::new(body, self.client.state.login_version());
                self.client.state.transaction = Some(Box::new(queue));
                self.look_at_client();
                self.ok()
            }
            CommandId::Unwatch => self.unwatch_said(),
            CommandId::Exec => {
                self.answer_error(&ErrorReply::Transaction(TransactionError::ExecWithoutMulti))
            }
            CommandId::Discard => self.answer_error(&ErrorReply::Transaction(
                TransactionError::DiscardWithoutMulti,
            )),
            _ => self.answer_error(&command::unknown_command(asked.args)),
        }
    }

    /// A command of a client that is in a transaction.
    pub(super) fn in_transaction(&mut self, asked: Asked<'_>) -> Step {
        match asked.spec.id {
            CommandId::Multi => {
                self.answer_error(&ErrorReply::Transaction(TransactionError::MultiNested))
            }
            CommandId::Watch => {
                self.answer_error(&ErrorReply::Transaction(TransactionError::WatchInMulti))
            }
            CommandId::Quit | CommandId::Reset => self.local(asked),
            CommandId::Discard => {
                self.end_transaction();
                self.unwatch();
                self.ok()
            }
            CommandId::Exec => self.execute(asked),
            _ => self.queue(asked),
        }
    }

    /// A command cannot be queued.
    #[cold]
    pub(super) fn spoil_transaction(&mut self, error: &ErrorReply) -> Step {
        if let Some(transaction) = &mut self.client.state.transaction {
            transaction.is_spoiled = true;
        }
        self.answer_error(error)
    }

    fn queue(&mut self, asked: Asked<'_>) -> Step {
        let evaluates = self.text_for(asked);
        let database = self.client.state.database;
        let Some(queue) = self.client.state.transaction.as_deref_mut() else {
            return Step::Next;
        };
        let snapshot = self.exchange.snapshot.within(database);
        // Its keys lie where the watched ones do.
        let watch = self.client.state.watch.as_deref();
        let before = queue.slot().or_else(|| watch.and_then(Watch::slot));
        let concerns = transaction::concerns(asked.spec, asked.args, before, snapshot);
        let concerns = match concerns {
            Ok(_) if queue.len() >= MOST_COMMANDS => Err(ErrorReply::TooManyArguments("exec")),
            other => other,
        };
        let concerns = match concerns {
            Ok(concerns) => concerns,
            Err(error) => return self.spoil_transaction(&error),
        };
        let frame = asked.frame.start as usize..asked.frame.end as usize;
        // It travels as one argument of one request, and what a node takes of either is bounded: beyond that it would cut a connection that others share.
        let most_bytes = self.exchange.input_bytes.min(MOST_REQUEST_BYTES);
        let most_of_one = self.exchange.proxy.bulk_bytes() as usize;
        if frame.len() > most_of_one {
            let text = format!(
                "ERR a command of a transaction has at most {most_of_one} bytes through a proxy"
            );
            return self.spoil_transaction(&ErrorReply::Text(text.into()));
        }
        let text_bytes = evaluates.as_ref().map_or(0, Evaluates::text_bytes);
        if queue.request_bytes() + frame.len() + text_bytes > most_bytes {
            let peer = self.client.state.peer;
            static TOO_LARGE: Throttle = Throttle::new();
            if let Some(left_out) = TOO_LARGE.admit(self.exchange.clock.wall_ms()) {
                let words = "client closed: its transaction is larger than client-query-buffer-limit, or 512 MiB";
                let news = News::warning(Kind::ClientsCut, words).of_peer(peer);
                self.exchange.proxy.events.tell(news.after(left_out));
            }
            return Step::End;
        }
        let mut own = Vec::new();
        let frame = match evaluates {
            // It cannot be given to the node beside the transaction.
            Some(evaluates) => {
                evaluates.encode(asked, &mut own);
                Some(&own[..])
            }
            None => (!asked.frame.inline).then(|| &asked.buffer[frame]),
        };
        let policies = &self.exchange.policies;
        if policies.differ() {
            let choice = policies.choose(asked.spec, asked.args);
            if concerns.slot.is_some() || choice.is_mixed {
                queue.follow(choice);
            }
        }
        queue.push(asked.args, frame, concerns);
        self.exchange.receivers.stats.record_local();
        self.answer(|reply| reply.simple("QUEUED"));
        Step::Next
    }

    /// EXEC
    fn execute(&mut self, asked: Asked<'_>) -> Step {
        let Some(queue) = self.client.state.transaction.take() else {
            return Step::Next;
        };
        if self.holds_up(&queue) && !self.is_watch_asking() {
            self.client.state.transaction = Some(queue);
            return self.wait_for_end_of_pause(asked.spec);
        }
        let watch = self.client.state.watch.as_deref();
        let is_over_lease = watch.is_some_and(|watch| watch.lease.is_some())
            || queue.slot().is_some_and(|(slot, _)| {
                let owner = self.exchange.snapshot.owner(slot);
                self.is_plain(owner)
            });
        match self.send_queue(&queue, asked) {
            // Nothing has been sent.
            Step::Wait(what) => {
                self.client.state.transaction = Some(queue);
                self.put_off(Step::Wait(what))
            }
            step => {
                if self.client.state.tells_reads() {
                    self.note_reads_of(&queue, is_over_lease);
                }
                self.show_queue(&queue);
                let buffers = &mut self.exchange.receivers.buffers;
                buffers.give_back(queue.into_buffer());
                self.look_at_client();
                step
            }
        }
    }

    fn send_queue(&mut self, queue: &Transaction, asked: Asked<'_>) -> Step {
        if queue.is_spoiled {
            self.unwatch();
            return self.answer_error(&ErrorReply::Transaction(TransactionError::ExecAborted));
        }
        if let Some(error) = self.objection_at_exec(queue) {
            self.unwatch();
            return self.answer_error(&error);
        }
        let watch = self.client.state.watch.as_deref();
        let named = watch.and_then(|watch| watch.named);
        match watch {
            Some(watch) if watch.is_broken => return self.exec_is_void(),
            Some(_) if named.is_none() => {
                return self.execute_over_lease(queue, asked, self.place_of_watch(queue));
            }
            _ => {}
        }
        if queue.len() == 0 && named.is_none() {
            self.exchange.receivers.stats.record_local();
            self.answer(|reply| reply.array(0));
            return Step::Next;
        }
        let found = match named {
            Some(named) if queue.slot().is_none() => Ok(self.place_of_named(&named)),
            _ => self.place_of(queue).map(Some),
        };
        let (shard, place) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return self.exec_is_void(),
            Err(error) => {
                self.unwatch();
                self.count_cross_slot(&error);
                return self.answer_error(&ErrorReply::exec_refused(&error.to_string()));
            }
        };
        match self.is_plain(shard) {
            // It knows nothing of what was watched elsewhere.
            true if named.is_some() => self.exec_is_void(),
            true => self.execute_over_lease(queue, asked, (shard, place)),
            false => self.send_to_node(queue, asked, (shard, place), named),
        }
    }

    /// Over the connection that many share, with the name of what the node watches for this client.
    fn send_to_node(
        &mut self,
        queue: &Transaction,
        asked: Asked<'_>,
        (shard, place): (ShardIndex, Place),
        named: Option<NamedWatch>,
    ) -> Step {
        // What concerns keys of several ways overtakes nothing, and is overtaken by nothing.
        if queue.is_of_several_pledges && self.missing() > 0 {
            return Step::Wait(WaitsFor::Replies(0));
        }
        let usual = self.exchange.policies.usual();
        let role = queue.pledge.map_or(usual, Role::Primary);
        let lane = Lane { role, ..self.lane };
        let pipe = self.exchange.pipes.pipe_to(shard, lane, self.key.place());
        match self.admit(pipe, queue.request_bytes(), queue.retry) {
            Entry::Room(_) => {}
            Entry::Wait(what) => return Step::Wait(what),
            Entry::Vain(vain) => {
                self.unwatch();
                return self.answer_in_vain(asked.spec, shard, &vain);
            }
        }
        let first = self.expect(Source::Pipe(pipe), 1);
        let target = Target::Client {
            client: self.key,
            first,
        };
        let mut parcel = Parcel::new(target, place, CommandId::Exec, 1, self.read);
        parcel.retry = match queue.len() <= MOST_REPEATED {
            true => queue.retry,
            false => Retry::Never,
        };
        parcel.is_indivisible = true;
        let author = self.client.state.author.filter(|_| queue.may_write);
        let buffers = &mut self.exchange.receivers.buffers;
        let line = self.exchange.pipes.line(pipe);
        line.append_with(parcel, buffers, |out| {
            write_for(author, out, |out| queue.encode(named, out));
        });
        let is_by_other_way = named.is_some_and(|named| named.pipe != pipe);
        match &mut self.client.state.watch {
            Some(watch) if is_by_other_way => watch.is_over = true,
            watch => *watch = None,
        }
        match queue.is_of_several_pledges || is_by_other_way {
            true => Step::Alone,
            false => Step::Next,
        }
    }

    /// Where the keys are that a node watches; `None` when that cannot be said any more.
    fn place_of_named(&self, named: &NamedWatch) -> Option<(ShardIndex, Place)> {
        let shard = self.exchange.shard_at(named.place)?;
        Some((shard, named.place))
    }

    /// Users have changed since commands were queued: why one of them may not run any more. Redis runs the others; here they go together or not at all.
    fn objection_at_exec(&self, queue: &Transaction) -> Option<ErrorReply> {
        let login = &self.client.state.login;
        if login.is_free() || queue.login_version == self.client.state.login_version() {
            return None;
        }
        let checked = queue.each(|args| match command::resolve(args) {
            Ok(spec) => login.user().check(spec, args),
            Err(_) => Ok(()),
        });
        let denied = checked.err()?;
        Some(ErrorReply::exec_refused(
            &denied.reply_at_exec().to_string(),
        ))
    }

    /// The shard of a queue's keys, and where it belongs whatever becomes of the topology.
    fn place_of(&self, queue: &Transaction) -> Result<(ShardIndex, Place), ErrorReply> {
        let snapshot = &self.exchange.snapshot;
        let stray = queue.stray.as_deref();
        let (shard, place) = match queue.slot().zip(stray) {
            None => match queue.slot() {
                Some((slot, _)) => (snapshot.owner(slot), Place::Slot(slot)),
                None => route::home(self.snapshot()),
            },
            Some(_) if snapshot.is_one_shard() => {
                let shard = route::any_shard();
                // Should there be others by the time at which it is sent, it is for none of them.
                (
                    shard,
                    Place::Shard(self.exchange.pipes.primary(shard).shard_index),
                )
            }
            // There was one when it was queued.
            Some(((_, first), stray)) => return Err(ErrorReply::cross_slot(first, stray)),
        };
        Ok((shard, place))
    }

    /// Where a queue belongs whose client watches something: where that is, and the connection for it is there already unless it is lost.
    fn place_of_watch(&self, queue: &Transaction) -> (ShardIndex, Place) {
        let fallback = (route::any_shard(), Place::Keys);
        self.place_of(queue).unwrap_or(fallback)
    }

    /// Whether a pause holds up what is queued.
    fn holds_up(&self, queue: &Transaction) -> bool {
        match self.hold() {
            Some(Hold::All) => true,
            Some(Hold::Writes) => queue.may_write,
            None => false,
        }
    }

    fn end_transaction(&mut self) {
        if let Some(queue) = self.client.state.transaction.take() {
            let buffers = &mut self.exchange.receivers.buffers;
            buffers.give_back(queue.into_buffer());
        }
        self.look_at_client();
    }

    pub(super) fn ok(&mut self) -> Step {
        self.exchange.receivers.stats.record_local();
        self.answer(|reply| reply.simple("OK"));
        Step::Next
    }
}
