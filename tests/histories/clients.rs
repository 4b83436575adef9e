//! Clients that ask, and write down what they asked and were told: a thread and a connection each, some pipelines, new connections when one is cut.
//! Touches: sockets, the common clock. Never: judges what it reads; what does not fit is written down as it came.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use shared::slot::{SLOT_COUNT, SlotId};

use super::history::{Action, Answer, Key, Kind, Operation, Outcome, TOKEN_DIGITS};
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually, pause};
use crate::support::{Client, Reply, encode};

/// After so long without a reply a client is stuck: far more than any deadline of a proxy.
const STUCK_AFTER: Duration = Duration::from_secs(25);

/// Most commands that one client writes down, a hundred bytes each; one that comes so far fails, for the run is too long.
const MOST_OPERATIONS: usize = 1_000_000;

/// Values of one client: those of the next begin behind.
const VALUES_PER_CLIENT: u64 = 100_000_000;

/// Pause after a connection that could not be made.
const CONNECT_AGAIN: Duration = Duration::from_millis(5);

/// First words of errors that say that nothing was changed: ours, and those of Redis, of a replica, and of a cluster.
const REFUSALS: [&str; 9] = [
    "CLUSTERDOWN",
    "LOADING",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "READONLY",
    "MASTERDOWN",
    "NOREPLICAS",
    "MISCONF",
];

/// First words of those that send a client to another server.
const ELSEWHERE: [&str; 2] = ["MOVED", "READONLY"];

/// What all clients do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) clients: usize,
    pub(super) shards: usize,
    /// Keys of each kind, per shard and generation. More clients or a longer generation want more of them: a key's history is searched as a whole.
    pub(super) keys: usize,
    /// Commands that write, of a hundred.
    pub(super) writes: usize,
    /// Turns that send several commands at once, of a hundred.
    pub(super) pipelines: usize,
    /// Most commands of a pipeline. No key comes twice in one.
    pub(super) longest: usize,
    /// Longest pause between two turns.
    pub(super) pause: Duration,
}

impl Load {
    /// Some clients with all kinds of keys.
    pub(super) fn mixed(shards: usize) -> Self {
        Self {
            clients: 8,
            shards,
            keys: 8,
            writes: 60,
            pipelines: 25,
            longest: 12,
            pause: Duration::from_millis(3),
        }
    }
}

/// Where clients find who serves.
pub(super) trait Door: Sync {
    /// How many connections one client has: one for all shards, or one for each.
    fn lines(&self) -> usize;

    /// Whom to ask over this line; `attempt` counts what went wrong before. `None` when nobody is known now.
    fn address(&self, line: usize, attempt: usize) -> Option<SocketAddr>;
}

/// Proxies: any of them serves all shards. When one is gone, the next is asked.
pub(super) struct Proxies(pub(super) Vec<SocketAddr>);

impl Door for Proxies {
    fn lines(&self) -> usize {
        1
    }

    fn address(&self, _line: usize, attempt: usize) -> Option<SocketAddr> {
        Some(self.0[attempt % self.0.len()])
    }
}

/// What clients and the one who disturbs them know of each other.
pub(super) struct Run {
    watch: Stopwatch,
    ends: AtomicBool,
    /// Which keys are used. New ones, now and then, keep their histories short.
    generation: AtomicUsize,
    /// Writes acknowledged, by shard.
    acknowledged: Vec<AtomicUsize>,
}

impl Run {
    fn new(shards: usize) -> Self {
        Self {
            watch: Stopwatch::start(),
            ends: AtomicBool::new(false),
            generation: AtomicUsize::new(0),
            acknowledged: (0..shards).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Nanoseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.watch.elapsed().as_nanos()).expect("less than 500 years")
    }

    /// New keys from now on.
    pub(super) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until so many more writes of a shard are acknowledged.
    pub(super) fn wait_for_writes(&self, shard: usize, more: usize) {
        let count = || self.acknowledged[shard].load(Ordering::Relaxed);
        let until = count() + more;
        eventually("writes are acknowledged", || {
            count() >= until || self.ends()
        });
    }

    /// The same for all shards.
    pub(super) fn wait_for_writes_everywhere(&self, more: usize) {
        (0..self.acknowledged.len()).for_each(|shard| self.wait_for_writes(shard, more));
    }

    fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }
}

/// All that was written down.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) history: Vec<Operation>,
    /// Errors by their first word.
    pub(super) errors: BTreeMap<String, usize>,
    /// Connections that broke under commands.
    pub(super) cuts: usize,
    /// Commands that got no reply for [`STUCK_AFTER`].
    pub(super) stuck: usize,
}

impl Recorded {
    fn add(&mut self, other: Self) {
        self.history.extend(other.history);
        for (word, count) in other.errors {
            *self.errors.entry(word).or_default() += count;
        }
        self.cuts += other.cuts;
        self.stuck += other.stuck;
    }

    /// What clients saw that was no answer, as printed.
    pub(super) fn troubles(&self) -> String {
        format!(
            "errors {:?}, {} connections cut, {} commands stuck",
            self.errors, self.cuts, self.stuck
        )
    }
}

/// Ends the clients, also when the thread fails that holds it.
struct Ending<'a>(&'a Run);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

/// Runs all clients while `act` does, then reads every key once more.
pub(super) fn record(load: Load, seed: u64, door: &dyn Door, act: impl FnOnce(&Run)) -> Recorded {
    let names = Names::new(load.shards);
    let run = Run::new(load.shards);
    let mut recorded = Recorded::default();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                let writer = Writer::new(number, seed, load, &names, &run, door);
                scope.spawn(move || writer.work())
            })
            .collect();
        {
            let _ending = Ending(&run);
            act(&run);
        }
        for client in clients {
            recorded.add(client.join().expect("a client does not fail"));
        }
    });
    let mut reader = Writer::new(load.clients, seed, load, &names, &run, door);
    reader.read_all(&recorded.history);
    recorded.add(reader.recorded);
    recorded
}

/// What keys are called. They carry hash tags, several for each shard, so that it is known where they live.
struct Names {
    tags: Vec<Vec<String>>,
}

/// Hash tags per shard.
const TAGS: usize = 16;

impl Names {
    /// For shards that own all slots in even parts, in their order.
    fn new(shards: usize) -> Self {
        let mut tags: Vec<Vec<String>> = vec![Vec::new(); shards];
        for number in 0_u32.. {
            let tag = format!("t{number}");
            let slot = usize::from(SlotId::of_key(tag.as_bytes()).number());
            let starts = |shard: usize| shard * usize::from(SLOT_COUNT) / shards;
            let shard = (0..shards)
                .rfind(|shard| starts(*shard) <= slot)
                .expect("the first begins at 0");
            if tags[shard].len() < TAGS {
                tags[shard].push(tag);
            }
            if tags.iter().all(|tags| tags.len() == TAGS) {
                break;
            }
        }
        Self { tags }
    }

    fn of(&self, key: Key) -> String {
        let tag = &self.tags[key.shard][key.number % TAGS];
        format!("{{{tag}}}{:?}:{}", key.kind, key.number)
    }
}

/// One client.
struct Writer<'a> {
    number: usize,
    load: Load,
    dice: Dice,
    names: &'a Names,
    run: &'a Run,
    door: &'a dyn Door,
    lines: Vec<Option<Client>>,
    attempts: Vec<usize>,
    written: u64,
    recorded: Recorded,
}

impl<'a> Writer<'a> {
    fn new(
        number: usize,
        seed: u64,
        load: Load,
        names: &'a Names,
        run: &'a Run,
        door: &'a dyn Door,
    ) -> Self {
        Self {
            number,
            load,
            dice: Dice::new(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9)),
            names,
            run,
            door,
            lines: (0..door.lines()).map(|_| None).collect(),
            // They begin at different proxies.
            attempts: vec![number; door.lines()],
            written: 0,
            recorded: Recorded::default(),
        }
    }

    fn work(mut self) -> Recorded {
        // When one fails, all end, and the test with them.
        let _ending = Ending(self.run);
        while !self.run.ends() {
            let written = self.recorded.history.len();
            assert!(written < MOST_OPERATIONS, "{written} commands are too many");
            let turn = self.draw();
            let line = self.line_of(turn[0].0);
            if self.is_connected(line) {
                self.perform(line, &turn);
            }
            let longest = usize::try_from(self.load.pause.as_micros()).expect("a short pause");
            let micros = self.dice.below(longest + 1);
            pause(Duration::from_micros(micros as u64));
        }
        self.recorded
    }

    /// One command, or a pipeline of some.
    fn draw(&mut self) -> Vec<(Key, Action)> {
        let length = match self.dice.percent(self.load.pipelines) {
            true => 2 + self.dice.below(self.load.longest - 1),
            false => 1,
        };
        let first = self.dice.below(self.load.shards);
        let mut turn: Vec<(Key, Action)> = Vec::new();
        for _ in 0..length {
            let shard = match self.lines.len() {
                1 => self.dice.below(self.load.shards),
                _ => first,
            };
            let key = self.draw_key(shard);
            if turn.iter().all(|(other, _)| *other != key) {
                let action = self.draw_action(key.kind);
                turn.push((key, action));
            }
        }
        turn
    }

    fn draw_key(&mut self, shard: usize) -> Key {
        let generation = self.run.generation.load(Ordering::Relaxed);
        Key {
            shard,
            kind: *self.dice.pick(&[Kind::Register, Kind::Counter, Kind::Log]),
            number: generation * self.load.keys + self.dice.below(self.load.keys),
        }
    }

    fn draw_action(&mut self, kind: Kind) -> Action {
        if !self.dice.percent(self.load.writes) {
            return Action::Get;
        }
        self.written += 1;
        let value = (self.number as u64 + 1) * VALUES_PER_CLIENT + self.written;
        match kind {
            Kind::Register if self.dice.percent(10) => Action::Delete,
            Kind::Register => Action::Set(value),
            Kind::Counter => Action::Increment,
            Kind::Log => Action::Append(value),
        }
    }

    fn line_of(&self, key: Key) -> usize {
        match self.lines.len() {
            1 => 0,
            _ => key.shard,
        }
    }

    fn is_connected(&mut self, line: usize) -> bool {
        if self.lines[line].is_none() {
            let address = self.door.address(line, self.attempts[line]);
            let client = address.and_then(|address| Client::try_connect(address).ok());
            match client {
                Some(client) => {
                    client.set_read_deadline(STUCK_AFTER);
                    self.lines[line] = Some(client);
                }
                None => {
                    self.attempts[line] += 1;
                    pause(CONNECT_AGAIN);
                }
            }
        }
        self.lines[line].is_some()
    }

    fn perform(&mut self, line: usize, turn: &[(Key, Action)]) {
        let bytes: Vec<u8> = turn
            .iter()
            .flat_map(|(key, action)| encode(&words(&self.names.of(*key), *action)))
            .collect();
        let Some(mut client) = self.lines[line].take() else {
            return;
        };
        let sent = self.run.now();
        let mut broken = client.send(&bytes).err();
        let mut is_elsewhere = false;
        for (key, action) in turn {
            let mut outcome = Outcome::Unknown;
            if broken.is_none() {
                match client.receive() {
                    Ok(reply) => {
                        let word = first_word(&reply);
                        is_elsewhere |= word.as_deref().is_some_and(|it| ELSEWHERE.contains(&it));
                        outcome = self.outcome(*action, &reply, word);
                    }
                    Err(error) => broken = Some(error),
                }
            }
            let operation = Operation {
                client: self.number,
                key: *key,
                action: *action,
                sent,
                answered: self.run.now(),
                outcome,
            };
            if operation.is_acknowledged_write() {
                self.run.acknowledged[key.shard].fetch_add(1, Ordering::Relaxed);
            }
            self.recorded.history.push(operation);
        }
        if let Some(error) = &broken {
            let timed_out = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
            match timed_out.contains(&error.kind()) {
                true => self.recorded.stuck += 1,
                false => self.recorded.cuts += 1,
            }
        }
        if broken.is_some() || is_elsewhere {
            self.attempts[line] += 1;
        } else {
            self.lines[line] = Some(client);
        }
    }

    fn outcome(&mut self, action: Action, reply: &Reply, word: Option<String>) -> Outcome {
        if let Some(word) = word {
            let is_refusal = REFUSALS.contains(&word.as_str());
            *self.recorded.errors.entry(word).or_default() += 1;
            return match is_refusal {
                true => Outcome::Refused,
                false => Outcome::Unknown,
            };
        }
        let answer = answer(action, reply);
        answer.map_or_else(|| Outcome::Strange(format!("{reply:?}")), Outcome::Answered)
    }

    /// Reads every key of the history until each has been answered.
    fn read_all(&mut self, history: &[Operation]) {
        let mut keys: Vec<Key> = history.iter().map(|operation| operation.key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let line = self.line_of(key);
            eventually("a key is read in the end", || {
                if self.is_connected(line) {
                    self.perform(line, &[(key, Action::Get)]);
                }
                let last = self.recorded.history.last();
                last.is_some_and(|last| {
                    let is_read = !matches!(last.outcome, Outcome::Refused | Outcome::Unknown);
                    last.key == key && is_read
                })
            });
        }
    }
}

fn words(name: &str, action: Action) -> Vec<String> {
    let words: &[&str] = match action {
        Action::Set(value) => &["SET", name, &value.to_string()],
        Action::Get => &["GET", name],
        Action::Delete => &["DEL", name],
        Action::Increment => &["INCR", name],
        Action::Append(token) => &["APPEND", name, &format!("{token:0TOKEN_DIGITS$}")],
    };
    words.iter().map(ToString::to_string).collect()
}

fn first_word(reply: &Reply) -> Option<String> {
    let text = reply.error_text()?;
    text.split(' ').next().map(str::to_owned)
}

/// What a reply says; `None` if this command never gets such a one.
fn answer(action: Action, reply: &Reply) -> Option<Answer> {
    match (action, reply) {
        (Action::Set(_), reply) => (*reply == Reply::ok()).then_some(Answer::Done),
        (Action::Get, reply) if reply.is_null() => Some(Answer::Nothing),
        (Action::Get, Reply::Bulk(text)) if text.len() >= TOKEN_DIGITS => tokens(text),
        (Action::Get, Reply::Bulk(text)) => number(text).map(Answer::Number),
        (Action::Append(_), Reply::Integer(length)) => {
            let length = u64::try_from(*length).ok()?;
            let is_whole = length.is_multiple_of(TOKEN_DIGITS as u64);
            is_whole.then_some(Answer::Number(length / TOKEN_DIGITS as u64))
        }
        (Action::Delete | Action::Increment, Reply::Integer(number)) => {
            u64::try_from(*number).ok().map(Answer::Number)
        }
        _ => None,
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn tokens(text: &[u8]) -> Option<Answer> {
    let tokens = text.chunks(TOKEN_DIGITS);
    let tokens: Option<Vec<u64>> = tokens
        .map(|token| {
            (token.len() == TOKEN_DIGITS)
                .then(|| number(token))
                .flatten()
        })
        .collect();
    tokens.map(Answer::Tokens)
}
