//! Carries out what is answered here: gives [`crate::here`] what it needs to know, and asks shards or threads where it says so.
//! Reaches: the client, the pipes, other threads. Never: decides an answer.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use shared::command::{CommandSpec, MissingShard};
use shared::resp::{Args, Protocol, ReplyWriter, Request};
use shared::topology::ShardIndex;
use tokio::sync::oneshot;

use crate::dispatch::{Dispatcher, Run, Step};
use crate::here::{self, After, ClientOrder, ClientVerdict, Desk, OwnPart, presentation};
use crate::route;
use crate::route::info::ProxyFacts;
use crate::route::merge::{Change, Part, Plan};
use crate::slab::Key;
use crate::thread::{Order, ProxyThread};

/// What all threads are to be asked, and where the answer belongs.
#[derive(Debug)]
pub(crate) struct Question {
    order: ClientOrder,
    gather: Key,
    protocol: Protocol,
}

impl Dispatcher<'_> {
    /// A command whose row says that the proxy answers it.
    pub(crate) fn local(&mut self, spec: &'static CommandSpec, args: Args<'_>) -> Step {
        let Some(client) = self.receivers.clients.get_mut(self.key) else {
            return Step::End;
        };
        let (pipes, snapshot) = (&*self.pipes, self.snapshot);
        let lost_slots = || -> usize {
            let shards = snapshot.topology.shards.iter().zip(pipes.primaries());
            let lost = shards.filter(|(_, node)| node.reach.is_lost());
            lost.map(|(shard, _)| shard.slots.len()).sum()
        };
        let desk = Desk {
            config: &self.proxy.config,
            run_id: &self.proxy.run_id,
            topology_version: self.snapshot.version().0,
            now_us: self.wall.wall_us(),
            now_ms: self.now_ms,
            buffered: (client.input_bytes(), client.queue.bytes()),
            lost_slots: &lost_slots,
        };
        let mut text = self.receivers.buffers.take();
        let mut writer = ReplyWriter::new(&mut text, client.state.protocol);
        let after = here::answer(spec, args, &desk, &mut client.state, &mut writer);
        let protocol = writer.protocol();
        let is_refused = after.is_err();
        let after = after.unwrap_or_else(|error| {
            text.clear();
            ReplyWriter::new(&mut text, protocol).error(&error);
            After::Done
        });
        if is_refused {
            self.receivers.stats.record_refused();
        } else {
            self.receivers.stats.record_local();
        }
        // The command that turns replies off or on is heard when they are on behind it; one that was to be skipped is not.
        let is_about_replies = client.state.hears_all() != hears_before;
        let is_silent = if is_about_replies {
            !client.state.hears_all()
        } else {
            client.state.take_silence()
        };
        if !is_silent && !text.is_empty() {
            client.queue.answer(&mut self.receivers.buffers, |out| {
                out.extend_from_slice(&text);
            });
        }
        self.receivers.buffers.give_back(text);
        self.then(after, spec, args)
    }

    fn then(&mut self, after: After, spec: &'static CommandSpec, args: Args<'_>) -> Step {
        match after {
            After::Done => Step::Next,
            After::Close => Step::End,
            After::Moved => {
                if let Some(client) = self.receivers.clients.get_mut(self.key) {
                    let limits = client.state.limits(self.proxy.bulk_bytes());
                    client.scanner.set_limits(limits);
                }
                self.look_at_client();
                Step::Next
            }
            After::AskAll(plan) => self.every_shard(spec, args, plan),
            After::AskAny => {
                let shard = self.any_shard_for(spec);
                self.forward(shard, spec, buffer, request, args, run)
            }
            After::Info => {
                let facts = self.facts(args);
                self.every_shard(spec, args, Plan::Info(Box::new(facts)))
            }
            After::AskClients(order) => {
                let plan = Plan::Table {
                    rule: shared::command::Merge::Single,
                    change: Change::of(spec),
                };
                let gather = self.gather_from(plan, vec!["proxy".into()]);
                let protocol = self.lane().protocol;
                self.questions.push(Question {
                    order,
                    gather,
                    protocol,
                });
                Step::Next
            }
            After::Pause { for_ms, all } => {
                self.proxy.pause(self.now_ms, for_ms, all);
                Step::Next
            }
        }
    }

    /// A shard for a command for which any would do: one that can be reached, if the command's row says that others may be left out.
    fn any_shard_for(&self, spec: &CommandSpec) -> ShardIndex {
        let is_there = |shard: &ShardIndex| !self.pipes.primary(*shard).reach.is_lost();
        match spec.missing_shard {
            MissingShard::Fails => route::any_shard(),
            MissingShard::LeftOut => route::all_shards(self.snapshot)
                .find(is_there)
                .unwrap_or_else(route::any_shard),
        }
    }

    /// Does the proxy's own part in a command that may run; `Some`: nothing more is to be done.
    pub(crate) fn own_part(&mut self, spec: &CommandSpec, args: Args<'_>) -> Option<Step> {
        match here::own_part(spec, args, &self.proxy.config) {
            Err(error) => Some(self.answer_error(&error)),
            Ok(OwnPart::None) => None,
            Ok(OwnPart::ForgetCounters) => {
                let proxy = self.proxy;
                proxy.baseline.accepted.begin(&proxy.accepted);
                proxy.baseline.rejected.begin(&proxy.rejected);
                proxy.baseline.commands.begin(&proxy.commands);
                None
            }
            Ok(OwnPart::AllDone) => {
                self.receivers.stats.record_local();
                self.answer(|reply| reply.simple("OK"));
                Some(Step::Next)
            }
        }
    }

    /// What INFO tells of the proxy itself.
    fn facts(&self, args: Args<'_>) -> ProxyFacts {
        let proxy = self.proxy;
        let is_word = |arg: &[u8]| {
            ["default", "all", "everything", "proxy"]
                .iter()
                .any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        let is_asked_for = args.len() == 1 || args.iter_from(1).any(is_word);
        let uptime = self.wall.wall_ms().saturating_sub(proxy.started_ms) / 1_000;
        let mut own = vec![
            ("run_id", proxy.run_id.clone()),
            ("tcp_port", proxy.address.port().to_string()),
            ("process_id", std::process::id().to_string()),
            ("uptime_in_seconds", uptime.to_string()),
            ("uptime_in_days", (uptime / 86_400).to_string()),
            (
                "connected_clients",
                proxy.clients.load(Ordering::Relaxed).to_string(),
            ),
            ("maxclients", proxy.config.maxclients.to_string()),
            (
                "total_connections_received",
                proxy.baseline.accepted.growth(&proxy.accepted).to_string(),
            ),
            (
                "rejected_connections",
                proxy.baseline.rejected.growth(&proxy.rejected).to_string(),
            ),
        ];
        own.extend(presentation::info_fields(proxy.config.present_as));
        let reachable = self
            .pipes
            .primaries()
            .filter(|node| !node.reach.is_lost())
            .count();
        let section = vec![
            ("switchyard_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("switchyard_role", "proxy".to_owned()),
            ("proxy_threads", proxy.threads().len().to_string()),
            (
                "proxy_requests",
                proxy.baseline.commands.growth(&proxy.commands).to_string(),
            ),
            ("topology_version", self.snapshot.version().to_string()),
            ("shards", self.snapshot.shard_count().to_string()),
            ("shards_reachable", reachable.to_string()),
        ];
        ProxyFacts {
            is_asked_for,
            own,
            section,
        }
    }
}

impl ProxyThread {
    /// Asks every thread, this one too, and fills in the answer when all have had their say.
    pub(crate) fn ask_threads(&mut self, question: Question) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let threads = self.proxy.threads();
        tokio::task::spawn_local(async move {
            let mut verdicts = Vec::new();
            for thread in threads {
                let (answer, answered) = oneshot::channel();
                if thread
                    .send(Order::Clients(question.order.clone(), answer))
                    .await
                    .is_ok()
                    && let Ok(verdict) = answered.await
                {
                    verdicts.push(verdict);
                }
            }
            let mut text = Vec::new();
            question.order.reply(
                verdicts,
                &mut ReplyWriter::new(&mut text, question.protocol),
            );
            let me = Rc::clone(&me);
            let mut thread = me.borrow_mut();
            thread
                .receivers
                .fill(question.gather, 0, Part::Reply(text.into()));
            thread.wake_flusher();
        });
    }

    /// Carries out what was asked about this thread's clients.
    pub(crate) fn clients_order(&mut self, order: &ClientOrder) -> ClientVerdict {
        let now_ms = self.now_ms();
        let mut verdict = ClientVerdict::default();
        match order {
            ClientOrder::List(filter) => {
                for (_, client) in self.receivers.clients.iter() {
                    let id = client.state.id;
                    if filter.accepts(&client.state) {
                        let buffered = (client.input_bytes(), client.queue.bytes());
                        verdict
                            .lines
                            .push((id, here::describe(&client.state, now_ms, buffered)));
                    }
                }
            }
            ClientOrder::Kill(filter) => {
                let clients = self.receivers.clients.iter();
                let condemned: Vec<(Key, bool)> = clients
                    .filter(|(_, client)| filter.accepts(&client.state))
                    .map(|(key, client)| (key, filter.is_caller(&client.state)))
                    .collect();
                verdict.killed = condemned.len();
                for (key, is_caller) in condemned {
                    if is_caller {
                        self.end_client(key);
                    } else {
                        self.remove_client(key);
                    }
                }
            }
        }
        verdict
    }
}
