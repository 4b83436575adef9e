//! Requests being carried out: to the pipe of one shard, in parts to several, or answered here; and their replies on the way back.
//! Reaches: the pure core, atomics, the topology. Never: touches a socket or a task; decides a route ([`crate::route`] does).
//!
//! - [`batch`]: requests are found in what a client sent. [`turn`]: one client's turn, request by request.
//! - [`forward`]: to one shard. [`fan_out`] and [`rounds`]: to several, and [`gather`] ◇ puts together what they say. [`here`], [`answer`]: without a node.
//! - [`replies`]: what nodes send. [`receivers`]: those who get it.
//! - [`script`]: with their texts, where a node may not have them. [`subscribe`]: to channels; [`messages`]: to those who have subscribed. [`tracking`]: to those who are told of changes, or ([`redirect`]) to others in their place, and ([`behalf`]) not of what they change themselves; [`notices`]: to those who want to know what is about to happen; [`monitors`]: to those who are shown everything.
//! - [`lease`]: connections of a client's own; [`blocking`], [`blocking_apart`], [`copies`] and [`watch`]: what goes over them.
//! - [`unasked`]: what nodes are told for nobody. [`waiting`]: who waits, for what, and is let go on. [`again`]: what is lost, late, or to be routed anew.

pub(crate) mod again;
mod answer;
pub(crate) mod batch;
mod behalf;
mod blocking;
mod blocking_apart;
mod copies;
mod fan_out;
mod forward;
pub(crate) mod gather;
pub(crate) mod here;
mod lease;
pub(crate) mod messages;
mod monitors;
pub(crate) mod notices;
pub(crate) mod receivers;
mod redirect;
mod replies;
mod rounds;
mod script;
mod subscribe;
mod tracking;
mod transaction;
mod turn;
mod unasked;
mod waiting;
mod watch;

use std::sync::Arc;

use shared::clock::Clock;
use shared::command::CommandSpec;
use shared::resp::{Args, Protocol, Request, RequestBatch};

pub(crate) use self::turn::{TURN_NS, has_deadline};

use self::here::{Question, WaitingErrand};
use self::notices::FailingOver;
use self::receivers::Receivers;
use crate::channels::Channels;
use crate::channels::relay::Target;
use crate::client::OutletLimits;
use crate::facts::ProxyShared;
use crate::heat::Heat;
use crate::monitors::Monitors;
use crate::pipe::lease::Leases;
use crate::pipe::policies::PolicySet;
use crate::pipe::set::{Fence, NodeEntry, PipeLimits, PipeSet};
use crate::pipe::{Class, Lane, Tells};
use crate::redirects::Redirects;
use crate::route::{self, Split};
use crate::scripts::HandedIn;
use crate::slab::Key;
use crate::topology::Snapshot;
use crate::topology::live::LiveView;

/// One request as it is carried out.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Its row of the table.
    pub(crate) spec: &'static CommandSpec,
    /// Its arguments.
    pub(crate) args: Args<'a>,
    /// Its frame.
    pub(crate) frame: &'a Request,
    /// Where the frame lies.
    pub(crate) buffer: &'a [u8],
}

/// All that carrying out requests touches: who gets replies, the lines of the pipes, what they are routed by.
pub(crate) struct Exchange {
    /// What all threads share.
    pub(crate) proxy: Arc<ProxyShared>,
    /// Those who get replies.
    pub(crate) receivers: Receivers,
    /// The ways to the nodes.
    pub(crate) pipes: PipeSet,
    /// To what clients have subscribed.
    pub(crate) channels: Channels,
    /// Who is shown every command.
    pub(crate) monitors: Monitors,
    /// Which of the threads this is.
    pub(crate) number: usize,
    /// Connections that belong to one client for a while.
    pub(crate) leases: Leases,
    /// As what nodes are asked.
    pub(crate) policies: PolicySet,
    /// Whether a shard fails over, as clients are told.
    failing_over: FailingOver,
    /// What requests are routed by.
    pub(crate) snapshot: Arc<Snapshot>,
    view: LiveView,
    pub(crate) clock: Clock,
    /// Monotonic milliseconds at the last tick.
    pub(crate) tick_ms: u64,
    /// Clients that have asked for something since then.
    pub(crate) active_clients: u32,
    /// Bounds of clients.
    pub(crate) limits: OutletLimits,
    /// Most bytes of requests that are kept for a client.
    pub(crate) input_bytes: usize,
    /// Scripts of which this thread has handed in the text.
    pub(crate) handed_in: HandedIn,
    /// What other threads are to be asked.
    pub(crate) questions: Vec<Question>,
    /// What is to be done with the file of users.
    pub(crate) errands: Vec<WaitingErrand>,
    /// Clients that are told of changes, as they are counted for the whole proxy.
    counted_trackers: usize,
    /// Clients that wait for the end of a pause.
    paused: Vec<Key>,
    /// Requests found in a buffer; reused.
    batch: RequestBatch,
    /// How keys spread; reused.
    split: Split,
}

impl Exchange {
    /// Of the thread of this number, without clients and pipes.
    pub(crate) fn new(proxy: Arc<ProxyShared>, number: usize) -> Self {
        let config = &proxy.config;
        let limits = OutletLimits {
            requests: u64::from(config.client_requests_in_flight),
            soft_bytes: config.client_output_soft_limit.as_usize(),
            hard_bytes: config.client_output_hard_limit.as_usize(),
        };
        let policies = PolicySet::new(config);
        let mut pipes = PipeSet::new(PipeLimits {
            databases: config.databases.into(),
            queue_bytes: config.pipe_queue_bytes.as_usize(),
            queue_requests: config.pipe_queue_requests as usize,
            node_deadline: config.node_deadline,
            takeover_deadline: config.takeover_deadline,
            ask_followers: policies.ask_followers(),
            zone: config.zone.clone(),
        });
        let snapshot = proxy.topology.load();
        pipes.follow(&snapshot, Fence::of);
        let mut channels = Channels::new(proxy.threads.len());
        channels.follow(targets(&pipes));
        let redirects = Redirects::new(number, proxy.threads.len());
        let mut receivers = Receivers::new(limits.clone(), redirects);
        receivers.share_tracked(proxy.threads.len());
        receivers.heat = Heat::new(config.hot_keys_sample, proxy.clock.monotonic_ms());
        Self {
            channels,
            monitors: Monitors::new(proxy.threads.len()),
            number,
            receivers,
            pipes,
            leases: Leases::new(config.leases as usize),
            policies,
            snapshot,
            view: proxy.topology.view(),
            clock: proxy.clock.clone(),
            tick_ms: proxy.clock.monotonic_ms(),
            active_clients: 0,
            limits,
            input_bytes: config.client_query_buffer_limit.as_usize(),
            failing_over: FailingOver::default(),
            handed_in: HandedIn::default(),
            questions: Vec::new(),
            errands: Vec::new(),
            counted_trackers: 0,
            paused: Vec::new(),
            batch: RequestBatch::default(),
            split: Split::default(),
            proxy,
        }
    }

    /// Monotonic milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// Takes over a newer topology, if there is one.
    #[inline]
    pub(crate) fn follow_topology(&mut self) {
        if !Arc::ptr_eq(self.view.load(), &self.snapshot) {
            self.swap_topology();
        }
    }

    #[cold]
    fn swap_topology(&mut self) {
        self.snapshot = Arc::clone(self.view.load());
        self.pipes.follow(&self.snapshot, Fence::of);
        self.channels.follow(targets(&self.pipes));
        for number in self.pipes.numbers() {
            self.set_aside(number);
        }
        // Before anything goes to nodes by the newer one.
        for number in self.pipes.numbers() {
            self.tell_keys(number);
        }
        for number in self.pipes.numbers() {
            self.route_what_is_due(number);
            // A pipe that nobody needs any more is closed by its task.
            self.pipes.mark_dirty(number);
            // The crowd moves with the line: each finds out anew where its request belongs.
            self.let_crowd_in(number);
        }
        self.want_first_pipes();
        self.follow_with_leases();
        // Another node may tell of a key than the one that was asked for it.
        self.want_changes();
    }

    /// Wants the pipes to every shard's primary that clients begin with, so that whether it can be reached is known before somebody asks.
    pub(crate) fn want_first_pipes(&mut self) {
        for class in [Class::Common, Class::New] {
            let lane = Lane {
                role: self.policies.usual(),
                class,
                tells: Tells::Nothing,
                protocol: Protocol::Resp2,
                database: 0,
            };
            for shard in route::all_shards(&self.snapshot) {
                self.pipes.pipe_to(shard, lane, 0);
            }
        }
    }

    /// Whether somebody has something to write, or to go on with.
    #[inline]
    pub(crate) fn has_dirty(&self) -> bool {
        self.pipes.has_dirty()
            || self.receivers.has_dirty()
            || self.leases.has_dirty()
            || self.channels.has_news()
            || self.monitors.has_news()
            || self.receivers.redirects.has_news()
            || !self.questions.is_empty()
            || !self.errands.is_empty()
    }
}

/// To whom relays speak: every shard's primary.
fn targets(pipes: &PipeSet) -> Vec<Target> {
    let target = |node: &NodeEntry| Target {
        node: node.id.clone(),
        address: node.address.clone(),
        fence: node.fence.clone(),
        is_plain: node.is_plain,
    };
    pipes.primaries().map(target).collect()
}
