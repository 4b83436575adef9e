//! Carries out what is answered here: gives [`crate::route::local`] what it needs to know, and asks shards or threads where it says so.
//! Reaches: the client, the pipes, other threads. Never: decides an answer.

use std::sync::atomic::Ordering;

use shared::resp::{Protocol, ReplyWriter};

use super::forward::Run;
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::client::Source;
use crate::facts::ProxyShared;
use crate::route::info::ProxyFacts;
use crate::route::local::{self, After, ClientOrder, ClientVerdict, Desk};
use crate::route::merge::{Change, Part, Plan};
use crate::route::{self, Place};
use crate::slab::Key;

/// What all threads are to be asked, and where the answer belongs.
#[derive(Debug)]
pub(crate) struct Question {
    /// What they are asked.
    pub(crate) order: ClientOrder,
    gather: Key,
    protocol: Protocol,
}

impl Turn<'_> {
    /// A command whose row says that the proxy answers it.
    pub(super) fn local(&mut self, asked: Asked<'_>, run: &mut Run) -> Step {
        let exchange = &mut *self.exchange;
        let proxy = &exchange.proxy;
        let outlet = exchange.receivers.outlets.at_mut(self.key);
        let desk = Desk {
            config: &proxy.config,
            run_id: &proxy.run_id,
            topology_version: exchange.snapshot.version().0,
            now_us: exchange.clock.wall_us(),
            now_ms: exchange.tick_ms,
            buffered: (self.client.input_bytes(), outlet.queue.bytes()),
        };
        let mut text = exchange.receivers.buffers.take();
        let state = &mut self.client.state;
        let mut writer = ReplyWriter::new(&mut text, state.protocol);
        let after = local::answer(asked.spec, asked.args, &desk, state, &mut writer);
        let protocol = writer.protocol();
        exchange.receivers.stats.record_local();
        let (after, is_silent) = match after {
            Ok(after) => (after, self.is_silent_after(asked.spec)),
            Err(error) => {
                text.clear();
                ReplyWriter::new(&mut text, protocol).error(&error);
                (After::Done, self.is_silent())
            }
        };
        let receivers = &mut self.exchange.receivers;
        if !is_silent && !text.is_empty() {
            let outlet = receivers.outlets.at_mut(self.key);
            outlet.queue.answer(&mut receivers.buffers, |out| {
                out.extend_from_slice(&text);
            });
            receivers.mark_dirty(self.key);
        }
        receivers.buffers.give_back(text);
        self.then(after, asked, run)
    }

    fn then(&mut self, after: After, asked: Asked<'_>, run: &mut Run) -> Step {
        match after {
            After::Done => Step::Next,
            After::Close => Step::End,
            After::Moved => {
                let limits = self.client.state.limits(self.exchange.proxy.bulk_bytes());
                self.client.scanner.set_limits(limits);
                self.look_at_client();
                Step::Next
            }
            After::AskAll(plan) => self.every_shard(asked, plan),
            After::AskAny => self.forward(route::any_shard(), Place::Anywhere, asked, run),
            After::Info => {
                let facts = self.exchange.facts(asked);
                self.every_shard(asked, Plan::Info(Box::new(facts)))
            }
            After::AskClients(order) => {
                let plan = Plan::Table {
                    rule: shared::command::Merge::Single,
                    change: Change::of(asked.spec),
                };
                let number = self.expect(Source::Gathered, 1);
                let sources = vec!["proxy".into()];
                let gather = self.gather_for(number, asked.spec, plan, sources);
                self.exchange.questions.push(Question {
                    order,
                    gather,
                    protocol: self.lane.protocol,
                });
                Step::Next
            }
            After::Pause { for_ms, all } => {
                let now_ms = self.exchange.now_ms();
                self.exchange.proxy.pause.begin(now_ms, for_ms, all);
                self.look_at_pause();
                self.look_at_client();
                Step::Next
            }
        }
    }
}

impl Exchange {
    /// All threads have had their say.
    pub(crate) fn answer_question(&mut self, question: &Question, verdicts: Vec<ClientVerdict>) {
        let mut text = Vec::new();
        let mut reply = ReplyWriter::new(&mut text, question.protocol);
        question.order.reply(verdicts, &mut reply);
        self.receivers.fill(question.gather, 0, Part::Reply(text));
    }

    /// What INFO tells of the proxy itself.
    fn facts(&self, asked: Asked<'_>) -> ProxyFacts {
        let is_word = |arg: &[u8]| {
            ["default", "all", "everything", "proxy"]
                .iter()
                .any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        let args = asked.args;
        let uptime = self.clock.wall_ms().saturating_sub(self.proxy.started_ms) / 1_000;
        let nodes = self.pipes.primaries();
        let reachable = nodes.filter(|node| !node.reach.is_lost()).count();
        let counters = &self.proxy.counters;
        let section = vec![
            ("switchyard_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("switchyard_role", "proxy".to_owned()),
            ("proxy_threads", self.proxy.threads().len().to_string()),
            (
                "proxy_requests",
                counters.commands.load(Ordering::Relaxed).to_string(),
            ),
            ("topology_version", self.snapshot.version().to_string()),
            ("shards", self.snapshot.shard_count().to_string()),
            ("shards_reachable", reachable.to_string()),
        ];
        ProxyFacts {
            is_asked_for: args.len() == 1 || args.iter_from(1).any(is_word),
            own: own_lines(&self.proxy, uptime),
            section,
        }
    }
}

/// Lines that stand in place of those of the nodes.
fn own_lines(proxy: &ProxyShared, uptime: u64) -> Vec<(&'static str, String)> {
    let counters = &proxy.counters;
    let count =
        |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed).to_string();
    vec![
        ("run_id", proxy.run_id.clone()),
        ("tcp_port", proxy.address.port().to_string()),
        ("process_id", std::process::id().to_string()),
        ("uptime_in_seconds", uptime.to_string()),
        ("uptime_in_days", (uptime / 86_400).to_string()),
        ("connected_clients", count(&counters.clients)),
        ("blocked_clients", count(&counters.blocked_clients)),
        ("maxclients", proxy.config.maxclients.to_string()),
        (
            "total_connections_received",
            counters.accepted.load(Ordering::Relaxed).to_string(),
        ),
        (
            "rejected_connections",
            counters.rejected.load(Ordering::Relaxed).to_string(),
        ),
    ]
}
