//! Carries out what is answered here: gives [`crate::here`] what it needs to know, and asks shards or threads where it says so.
//! Reaches: the client, the pipes, other threads. Never: decides an answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::controller::Announced;
use shared::command::{CommandId, CommandSpec, MissingShard};
use shared::resp::{AccessError, ErrorReply, Protocol, ReplyWriter, is_word};
use shared::session::Notices;
use shared::throttle::Throttle;
use shared::topology::{NodeId, Shard, ShardIndex};

use super::gather::Asker;
use super::turn::{Step, Turn};
use super::{Asked, Exchange};
use crate::access::FileErrand;
use crate::client::Source;
use crate::counters::Count;
use crate::facts::ProxyShared;
use crate::here::{self, After, ClientOrder, ClientVerdict, Desk, OwnPart, presentation};
use crate::route;
use crate::route::info::ProxyFacts;
use crate::route::merge::{Change, Part, Plan};
use crate::slab::Key;

/// What all threads are to be asked, and where the answer belongs.
#[derive(Debug)]
pub(crate) struct Question {
    /// What they are asked.
    pub(crate) order: ClientOrder,
    gather: Key,
    protocol: Protocol,
}

/// What is to be done with the file of users, and where the answer belongs.
#[derive(Debug)]
pub(crate) struct WaitingErrand {
    /// What is to be done.
    pub(crate) what: FileErrand,
    gather: Key,
    protocol: Protocol,
}

impl Turn<'_> {
    /// A command whose row says that the proxy answers it.
    pub(super) fn local(&mut self, asked: Asked<'_>) -> Step {
        if matches!(asked.spec.id, CommandId::Reset | CommandId::Quit) {
            self.unwatch();
            self.stop_monitoring();
        }
        if asked.spec.id == CommandId::Reset && self.client.state.tracks.is_some() {
            self.exchange.stop_tracking(self.key);
        }
        if asked.spec.id == CommandId::Reset {
            self.exchange.receivers.outlet(self.key).notices = Notices::Off;
        }
        let exchange = &mut *self.exchange;
        let proxy = &exchange.proxy;
        let outlet = exchange.receivers.outlets.at_mut(self.key);
        let (pipes, snapshot) = (&exchange.pipes, &exchange.snapshot);
        let database = self.client.state.database;
        let lost_slots = || -> usize {
            let shards = snapshot.topology.shards.iter().zip(pipes.primaries());
            let lost = shards.filter(|(_, node)| node.reach.is_lost());
            lost.map(|(shard, _)| shard.slots.len()).sum()
        };
        let desk = Desk {
            access: &proxy.access,
            config: &proxy.config,
            run_id: &proxy.run_id,
            topology_version: exchange.snapshot.version().0,
            now_us: exchange.clock.wall_us(),
            now_ms: exchange.tick_ms,
            buffered: (self.client.input_bytes(), outlet.queue.bytes()),
            lost_slots: &lost_slots,
            slot_of: &|key| snapshot.within(database).slot_of(key),
            is_client: &|id| proxy.whereabouts.find(id).is_some(),
            tracking: exchange.receivers.tracking.mode(self.key),
        };
        let mut text = exchange.receivers.buffers.take();
        let state = &mut self.client.state;
        let mut writer = ReplyWriter::new(&mut text, state.protocol);
        let after = here::answer(asked.spec, asked.args, &desk, state, &mut writer);
        let protocol = writer.protocol();
        let stats = &mut exchange.receivers.stats;
        let (after, is_silent) = match after {
            Ok(after) => {
                if after.is_answered_here() {
                    stats.record_local();
                }
                (after, self.is_silent_after(asked.spec))
            }
            Err(error) => {
                self.note_refusal(&error);
                text.clear();
                ReplyWriter::new(&mut text, protocol).error(&error);
                let is_silent = self.is_silent();
                let stats = &mut self.exchange.receivers.stats;
                stats.record_refused(!is_silent);
                (After::Done, is_silent)
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
        self.then(after, asked)
    }

    fn then(&mut self, after: After, asked: Asked<'_>) -> Step {
        match after {
            After::Done => Step::Next,
            After::Close => Step::End,
            After::Moved => {
                let limits = self.client.state.limits(self.exchange.proxy.bulk_bytes());
                self.client.scanner.set_limits(limits);
                let outlet = self.exchange.receivers.outlet(self.key);
                outlet.protocol = self.client.state.protocol;
                self.look_at_client();
                Step::Next
            }
            After::AskAll(plan) => self.every_shard(asked, plan),
            After::Info => {
                let facts = self.exchange.facts(asked);
                self.every_shard(asked, Plan::Info(Box::new(facts)))
            }
            After::Monitor => self.monitor(),
            After::File(what) => {
                let gather = self.gather_one(asked);
                let protocol = self.lane.protocol;
                self.exchange.errands.push(WaitingErrand {
                    what,
                    gather,
                    protocol,
                });
                // What the file says holds for what comes next.
                Step::Alone
            }
            After::AskClients(order) => {
                let gather = self.gather_one(asked);
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
                let left_ms = self.exchange.proxy.pause.left_ms(now_ms);
                self.exchange
                    .tell_to_keep(self.lane, left_ms.unwrap_or_default());
                self.look_at_pause();
                self.look_at_client();
                Step::Next
            }
            After::Unpause => {
                self.exchange.proxy.pause.end();
                self.exchange.tell_to_keep(self.lane, 0);
                self.look_at_pause();
                self.look_at_client();
                Step::Next
            }
            After::Track(wish) => self.track(asked, &wish),
            After::Notices(notices) => {
                self.exchange.choose_notices(self.key, notices);
                Step::Next
            }
            After::ChooseReads(wants) => self.choose_reads(wants),
            After::Announced { node, announced } => self.take_note(node, announced),
        }
    }

    /// The place of a reply that the proxy itself gives later.
    fn gather_one(&mut self, asked: Asked<'_>) -> Key {
        let plan = Plan::Table {
            rule: shared::command::Merge::Single,
            change: Change::of(asked.spec),
        };
        let number = self.expect(Source::Gathered, 1);
        let sources = vec!["proxy".into()];
        let asker = Asker {
            is_local: true,
            ..self.asker(number, asked.spec)
        };
        self.gather_for(asker, plan, sources)
    }

    /// A node says that it is there.
    fn take_note(&mut self, node: NodeId, announced: Announced) -> Step {
        let topology = &self.exchange.snapshot.topology;
        let is_listed = topology.node(&node).is_some();
        if !is_listed && !topology.shards.iter().any(Shard::is_guarded) {
            return self.answer_error(&ErrorReply::NoShardWantsNodes);
        }
        let status = if is_listed { "OK listed" } else { "OK spare" };
        let proxy = Arc::clone(&self.exchange.proxy);
        if proxy.announcements.offer(node, announced) {
            self.exchange.receivers.stats.record_local();
            self.answer(|reply| reply.simple(status));
            return Step::Next;
        }
        static TOO_MANY: Throttle = Throttle::new();
        if let Some(left_out) = TOO_MANY.admit(self.exchange.clock.wall_ms()) {
            tracing::warn!(
                left_out,
                "a node announces itself, and nobody takes note of it; it will try again"
            );
        }
        self.answer_error(&ErrorReply::TooManyAnnounced)
    }

    /// Who keeps the nodes has to look.
    fn note_refusal(&self, error: &ErrorReply) {
        if !matches!(error, ErrorReply::WrongNodePassword) {
            return;
        }
        static WRONG_PASSWORD: Throttle = Throttle::new();
        if let Some(left_out) = WRONG_PASSWORD.admit(self.exchange.clock.wall_ms()) {
            let client = self.client.state.peer;
            tracing::warn!(%client, left_out, "a node announces itself with another password than node-password");
        }
    }

    /// A shard for a command for which any would do: one that can be reached, if the command's row says that others may be left out.
    pub(super) fn any_shard_for(&self, spec: &CommandSpec) -> ShardIndex {
        let exchange = &*self.exchange;
        let is_there = |shard: &ShardIndex| !exchange.pipes.primary(*shard).reach.is_lost();
        match spec.missing_shard {
            MissingShard::Fails => route::any_shard(),
            MissingShard::LeftOut => route::all_shards(&exchange.snapshot)
                .find(is_there)
                .unwrap_or_else(route::any_shard),
        }
    }

    /// Does the proxy's own part in a command that may run; `Some`: nothing more is to be done.
    pub(super) fn own_part(&mut self, asked: Asked<'_>) -> Option<Step> {
        match here::own_part(asked.spec, asked.args, &self.exchange.proxy.config) {
            Err(error) => Some(self.answer_error(&error)),
            Ok(OwnPart::None) => None,
            Ok(OwnPart::ForgetCounters) => {
                let proxy = &self.exchange.proxy;
                proxy.counters.begin_anew();
                proxy.access.denied().iter().for_each(Count::begin_anew);
                None
            }
            Ok(OwnPart::AllDone) => {
                self.exchange.receivers.stats.record_local();
                self.answer(|reply| reply.simple("OK"));
                Some(Step::Next)
            }
        }
    }
}

impl Exchange {
    /// All threads have had their say; `None`: one of them says nothing.
    pub(crate) fn answer_question(
        &mut self,
        question: &Question,
        verdicts: Option<Vec<ClientVerdict>>,
    ) {
        let mut text = Vec::new();
        let mut reply = ReplyWriter::new(&mut text, question.protocol);
        match verdicts {
            Some(verdicts) => question.order.reply(verdicts, &mut reply),
            None => reply.error(&ErrorReply::ThreadSilent),
        }
        self.receivers
            .fill(question.gather, 0, Part::Reply(text.into()));
    }

    /// The file of users has been read, or written.
    pub(crate) fn answer_errand(&mut self, errand: &WaitingErrand, done: Result<(), String>) {
        let mut text = Vec::new();
        let mut reply = ReplyWriter::new(&mut text, errand.protocol);
        match (done, errand.what) {
            (Ok(()), _) => reply.ok(),
            (Err(wrong), FileErrand::Load) => {
                tracing::warn!(%wrong, "users stay as they were");
                reply.error(&ErrorReply::users_not_loaded(&wrong));
            }
            (Err(wrong), FileErrand::Save) => {
                tracing::warn!(%wrong, "users were not saved");
                reply.error(&AccessError::NotSaved.into());
            }
        }
        self.receivers
            .fill(errand.gather, 0, Part::Reply(text.into()));
    }

    /// What INFO tells of the proxy itself.
    fn facts(&self, asked: Asked<'_>) -> ProxyFacts {
        let args = asked.args;
        let names_any = |words: &[&str]| {
            let mut given = args.iter_from(1);
            given.any(|arg| words.iter().any(|word| is_word(arg, word)))
        };
        let uptime = self.clock.wall_ms().saturating_sub(self.proxy.started_ms) / 1_000;
        let nodes = self.pipes.primaries();
        let reachable = nodes.filter(|node| !node.reach.is_lost()).count();
        let counters = &self.proxy.counters;
        let section = vec![
            ("switchyard_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("switchyard_role", "proxy".to_owned()),
            ("proxy_threads", self.proxy.threads.len().to_string()),
            (
                "proxy_requests",
                counters.commands.since_reset().to_string(),
            ),
            ("topology_version", self.snapshot.version().to_string()),
            ("shards", self.snapshot.shard_count().to_string()),
            ("shards_reachable", reachable.to_string()),
        ];
        ProxyFacts {
            is_asked_for: args.len() == 1 || names_any(&["default", "all", "everything", "proxy"]),
            own: own_lines(&self.proxy, uptime),
            section,
            // It names keys, so nobody is told by the way.
            hot_keys: match names_any(&["hotkeys", "everything"]) {
                true => self.proxy.all_seen().info(),
                false => Vec::new(),
            },
        }
    }
}

/// Lines that stand in place of those of the nodes.
fn own_lines(proxy: &ProxyShared, uptime: u64) -> Vec<(&'static str, String)> {
    let counters = &proxy.counters;
    let count =
        |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed).to_string();
    let mut own = vec![
        ("run_id", proxy.run_id.clone()),
        ("tcp_port", proxy.address.port().to_string()),
        ("process_id", std::process::id().to_string()),
        ("uptime_in_seconds", uptime.to_string()),
        ("uptime_in_days", (uptime / 86_400).to_string()),
        ("connected_clients", count(&counters.clients)),
        ("blocked_clients", count(&counters.blocked_clients)),
        ("tracking_clients", count(&counters.tracking_clients)),
        ("maxclients", proxy.config.maxclients.to_string()),
        (
            "total_connections_received",
            counters.accepted.since_reset().to_string(),
        ),
        (
            "rejected_connections",
            counters.rejected.since_reset().to_string(),
        ),
    ];
    let denied = [
        "acl_access_denied_auth",
        "acl_access_denied_cmd",
        "acl_access_denied_key",
        "acl_access_denied_channel",
    ];
    let denied = denied.into_iter().zip(proxy.access.denied());
    own.extend(denied.map(|(name, count)| (name, count.since_reset().to_string())));
    own.extend(presentation::info_fields(proxy.config.present_as));
    own
}
