//! One run: draws batches of steps, sends each batch to both sides, compares what comes back, and now and then every key.
//! Stops at nothing but a lost connection: a difference is noted, both sides are brought back to the same state, and the run goes on.

use std::io;
use std::net::SocketAddr;

use super::draw::{Draw, Request};
use super::grammar::{Scope, Step, draw_step, draw_walk, key_space};
use super::report::Report;
use super::{allowed, compare, dump, inline};
use crate::support::{Client, Reply, encode};

/// Most steps sent in one write.
const BATCH: usize = 24;

/// Batches between two comparisons of every key.
const BATCHES_BETWEEN_DUMPS: usize = 40;

/// Databases in which keys are compared; the commands name these mostly, and 15.
const DATABASES: usize = 16;

/// Differences after which a run ends: beyond that a report only repeats itself.
const ENOUGH: usize = 2_000;

/// One of the two servers.
pub(super) struct Side {
    address: SocketAddr,
    client: Client,
    /// Connection for comparing keys, in RESP2 whatever the run speaks.
    inspector: Client,
    /// Changes replies before they are compared: to check that a difference would be found.
    pub(super) alter: Option<fn(&Request, &mut Reply)>,
}

impl Side {
    /// Connects to the server at `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            client: Client::connect(address),
            inspector: Client::connect(address),
            alter: None,
        }
    }

    fn reconnect(&mut self, protocol: u8) {
        self.client = Client::connect(self.address);
        let version = protocol.to_string();
        self.client.call(&["HELLO", &version]);
    }

    fn replies_to(&mut self, steps: &[Step]) -> Vec<io::Result<Reply>> {
        let mut replies = Vec::new();
        for step in steps {
            for index in &step.answered {
                let mut reply = self.client.receive();
                if let (Some(alter), Ok(reply)) = (self.alter, &mut reply) {
                    alter(&step.requests[*index], reply);
                }
                let failed = reply.is_err();
                replies.push(reply);
                if failed {
                    return replies;
                }
            }
        }
        replies
    }
}

/// What is drawn and how it is spoken.
pub(super) struct Run {
    draw: Draw,
    scope: Scope,
    databases: usize,
    protocol: u8,
    report: Report,
}

impl Drop for Run {
    /// A server that died ends the run by a panic; what was seen until then says why.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.report);
        }
    }
}

impl Run {
    /// A run that the seed decides wholly.
    pub(super) fn new(seed: u64, scope: Scope, shards: usize, protocol: u8) -> Self {
        Self {
            draw: Draw::new(seed, key_space(shards), protocol),
            scope,
            databases: DATABASES,
            protocol,
            report: Report::default(),
        }
    }

    /// Sends `commands` commands to both and compares.
    pub(super) fn compare(mut self, mut ours: Side, mut redis: Side, commands: usize) -> Report {
        ours.reconnect(self.protocol);
        redis.reconnect(self.protocol);
        let (mut sent, mut batches) = (0, 0);
        while sent < commands && self.report.differences() < ENOUGH {
            let differences = self.report.differences();
            let steps = self.draw_batch();
            sent += steps.iter().map(|step| step.requests.len()).sum::<usize>();
            self.run_batch(&steps, &mut ours, &mut redis);
            batches += 1;
            if self.draw.dice.percent(2) {
                self.compare_walk(&mut ours, &mut redis);
            }
            let dump_is_due = batches % BATCHES_BETWEEN_DUMPS == 0;
            if dump_is_due || self.report.differences() > differences {
                self.compare_keys(&mut ours, &mut redis);
            }
        }
        self.compare_keys(&mut ours, &mut redis);
        std::mem::take(&mut self.report)
    }

    /// A step that closes the connection is the last of its batch.
    fn draw_batch(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..1 + self.draw.dice.below(BATCH) {
            let step = draw_step(&mut self.draw, self.scope);
            let closes = step.closes;
            steps.push(step);
            if closes {
                break;
            }
        }
        steps
    }

    /// A request is sent as clients do, seldom as a person types it.
    fn draw_bytes(&mut self, request: &Request) -> Vec<u8> {
        let typed = match self.draw.dice.percent(3) {
            true => inline::typed(&mut self.draw, request),
            false => None,
        };
        typed.unwrap_or_else(|| encode(request))
    }

    fn run_batch(&mut self, steps: &[Step], ours: &mut Side, redis: &mut Side) {
        let bytes: Vec<u8> = steps
            .iter()
            .flat_map(|step| step.requests.iter())
            .flat_map(|request| self.draw_bytes(request))
            .collect();
        // A side that closed early shows itself by the replies that are missing.
        drop(ours.client.send(&bytes));
        drop(redis.client.send(&bytes));
        let answered: Vec<&Request> = steps
            .iter()
            .flat_map(|step| step.answered.iter().map(|index| &step.requests[*index]))
            .collect();
        let pairs = ours
            .replies_to(steps)
            .into_iter()
            .zip(redis.replies_to(steps));
        let mut lost = false;
        let mut queued: Vec<&Request> = Vec::new();
        for (request, (ours, redis)) in answered.into_iter().zip(pairs) {
            self.report.count_reply();
            match (ours, redis) {
                (Ok(ours), Ok(redis)) => {
                    self.compare_in_order(request, &mut queued, &ours, &redis);
                }
                (ours, redis) => {
                    lost = true;
                    let example =
                        format!("{request:?}\n      ours  {ours:?}\n      redis {redis:?}");
                    self.report.add("(connection)", example);
                }
            }
        }
        if lost || steps.last().is_some_and(|step| step.closes) {
            if !lost {
                for (name, side) in [("ours", &mut *ours), ("redis", &mut *redis)] {
                    if !side.client.is_closed_by_server() {
                        self.report
                            .add("(connection)", format!("{name} did not close"));
                    }
                }
            }
            ours.reconnect(self.protocol);
            redis.reconnect(self.protocol);
        }
    }

    /// What was queued is answered by EXEC, each command by its own rule.
    fn compare_in_order<'a>(
        &mut self,
        request: &'a Request,
        queued: &mut Vec<&'a Request>,
        ours: &Reply,
        redis: &Reply,
    ) {
        if *redis == Reply::Simple(b"QUEUED".to_vec()) {
            queued.push(request);
        }
        if compare::name(request) == "DISCARD" {
            queued.clear();
        }
        if compare::name(request) != "EXEC" {
            return self.compare_reply(request, ours, redis);
        }
        let queued = std::mem::take(queued);
        match (ours, redis) {
            (Reply::Array(ours), Reply::Array(redis))
                if ours.len() == queued.len() && redis.len() == queued.len() =>
            {
                for (request, (ours, redis)) in queued.into_iter().zip(ours.iter().zip(redis)) {
                    self.compare_reply(request, ours, redis);
                }
            }
            _ => self.compare_reply(request, ours, redis),
        }
    }

    fn compare_reply(&mut self, request: &Request, ours: &Reply, redis: &Reply) {
        if compare::agree(request, ours, redis) {
            return;
        }
        match allowed::find(request, ours, redis) {
            Some(allowed) => self.report.count_allowed(allowed.reason),
            None => self.report.add_reply(request, ours, redis),
        }
    }

    /// The order of a scan is free; the keys that a whole walk finds are not.
    fn compare_walk(&mut self, ours: &mut Side, redis: &mut Side) {
        let options = draw_walk(&mut self.draw);
        let database = self.draw.dice.below(3).to_string();
        let walk = |side: &mut Side| {
            side.inspector.call(&["SELECT", &database]);
            dump::walk(&mut side.inspector, &options)
        };
        let (ours, redis) = (walk(ours), walk(redis));
        if ours != redis {
            let example = format!("{options:?}\n      ours  {ours:?}\n      redis {redis:?}");
            self.report.add("(walk) SCAN", example);
        }
    }

    /// After a difference both start again from nothing, so that one fault is not reported a thousand times.
    fn compare_keys(&mut self, ours: &mut Side, redis: &mut Side) {
        let (ours, redis) = (&mut ours.inspector, &mut redis.inspector);
        if !dump::compare(ours, redis, self.databases, &mut self.report) {
            for client in [ours, redis] {
                assert_eq!(client.call(&["FLUSHALL"]), Reply::ok());
            }
        }
    }
}
