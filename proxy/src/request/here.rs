//! Carries out what is answered here: gives [`crate::route::local`] what it needs to know, and asks shards or threads where it says so.
//! Reaches: the client, the pipes, other threads. Never: decides an answer.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use shared::command::CommandSpec;
use shared::resp::{Args, Protocol, ReplyWriter, Request};
use tokio::sync::oneshot;

use crate::request::{Dispatcher, Run, Step};
use crate::route;
use crate::route::info::ProxyFacts;
use crate::route::local::{self, After, ClientOrder, ClientVerdict, Desk};
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
    pub(crate) fn local(
        &mut self,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
        run: &mut Run,
    ) -> Step {
        let Some(client) = self.receivers.clients.get_mut(self.key) else {
            return Step::End;
        };
        let desk = Desk {
            config: &self.proxy.config,
            run_id: &self.proxy.run_id,
            topology_version: self.snapshot.version().0,
            now_us: self.wall.wall_us(),
            now_ms: self.now_ms,
            buffered: (client.input_bytes(), client.queue.bytes()),
        };
        let hears_before = client.state.hears_all();
        let mut text = self.receivers.buffers.take();
        let mut writer = ReplyWriter::new(&mut text, client.state.protocol);
        let after = local::answer(spec, args, &desk, &mut client.state, &mut writer);
        let protocol = writer.protocol();
        let after = after.unwrap_or_else(|error| {
            text.clear();
            ReplyWriter::new(&mut text, protocol).error(&error);
            After::Done
        });
        self.receivers.stats.record_local();
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
        self.then(after, spec, buffer, request, args, run)
    }

    fn then(
        &mut self,
        after: After,
        spec: &'static CommandSpec,
        buffer: &[u8],
        request: &Request,
        args: Args<'_>,
        run: &mut Run,
    ) -> Step {
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
            After::AskAny => self.forward(route::any_shard(), spec, buffer, request, args, run),
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
        let own = vec![
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
                proxy.accepted.load(Ordering::Relaxed).to_string(),
            ),
            (
                "rejected_connections",
                proxy.rejected.load(Ordering::Relaxed).to_string(),
            ),
        ];
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
                proxy.commands.load(Ordering::Relaxed).to_string(),
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
            thread.receivers.fill(question.gather, 0, Part::Reply(text));
            thread.wake_flusher();
        });
    }

    /// Carries out what was asked about this thread's clients.
    pub(crate) fn clients_order(&mut self, order: &ClientOrder) -> ClientVerdict {
        let now_ms = self.now_ms();
        let mut verdict = ClientVerdict::default();
        match order {
            ClientOrder::List(ids) => {
                for (_, client) in self.receivers.clients.iter() {
                    let id = client.state.id;
                    if ids.as_ref().is_none_or(|ids| ids.contains(&id)) {
                        let buffered = (client.input_bytes(), client.queue.bytes());
                        verdict
                            .lines
                            .push((id, local::describe(&client.state, now_ms, buffered)));
                    }
                }
            }
            ClientOrder::Kill(filter) => {
                let clients = self.receivers.clients.iter();
                let condemned: Vec<(Key, bool)> = clients
                    .filter(|(_, client)| filter.accepts(&client.state))
                    .map(|(key, client)| (key, filter.is_asker(&client.state)))
                    .collect();
                verdict.killed = condemned.len();
                for (key, is_asker) in condemned {
                    if is_asker {
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
