//! One client: draws commands over its own keys, sends them in pipelines, compares every reply with what the model allows, and leaves and returns.
//! Touches: its own connection. Invariant: replies are taken in the order of the commands that are heard; the first that cannot be is the end of the run.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::STUCK_AFTER;
use super::model::{Held, Key, Outcome, Span, Value};
use super::session::{DATABASES, Replies, Session};
use super::world::World;
use crate::support::dice::Dice;
use crate::support::servers::Server;
use crate::support::{Client, Reply, encode};

/// Keys of a client in each database; they lie in slots all over.
const KEYS: usize = 12;

/// Those of them that may be large: bounds what the nodes hold.
const LARGE_KEYS: usize = 2;

/// The longest value.
const LARGEST: usize = 1024 * 1024;

/// Bytes of a pipeline, and of its replies, beyond which it gets no more: bounds what a proxy holds for a client.
const PIPELINE_BYTES: usize = 6 * 1024 * 1024;

/// Commands of which it is known afterwards what became of them.
const HISTORY: usize = 150;

/// One command.
#[derive(Clone, Debug)]
enum Ask {
    Set(usize, Value),
    Get(usize),
    GetDel(usize),
    Length(usize),
    SetMany(Vec<(usize, Value)>),
    GetMany(Vec<usize>),
    Delete(Vec<usize>),
    Echo(u64),
    Info,
    Select(usize),
    Hello(bool),
    Reset,
    Replies(Replies),
}

/// A command under way.
#[derive(Debug)]
struct Sent {
    client: usize,
    ask: Ask,
    number: u64,
    database: usize,
    is_resp3: bool,
    is_heard: bool,
    span: Span,
}

/// The client.
pub(super) struct RandomClient<'a> {
    name: usize,
    world: &'a World,
    proxy: &'a Server,
    dice: Dice,
    /// By database and number; with how often its name was changed.
    keys: Vec<Vec<(Key, u64)>>,
    numbers: u64,
    session: Session,
    under_way: VecDeque<Sent>,
    history: VecDeque<String>,
}

impl<'a> RandomClient<'a> {
    pub(super) fn new(name: usize, seed: u64, world: &'a World, proxy: &'a Server) -> Self {
        let key = |number| (Key::new(&key_name(name, number, 0)), 0);
        let keys = || (0..KEYS).map(key).collect();
        Self {
            name,
            world,
            proxy,
            dice: Dice::new(seed ^ (name as u64 + 1).wrapping_mul(0x9e37_79b9)),
            keys: (0..DATABASES).map(|_| keys()).collect(),
            numbers: 0,
            session: Session::default(),
            under_way: VecDeque::new(),
            history: VecDeque::new(),
        }
    }

    /// Until the end, or until something is not as it must be; then it says what, and what came before.
    pub(super) fn run(mut self) {
        if let Err(fault) = self.live() {
            let was_first = !self.world.ends.swap(true, Ordering::SeqCst);
            let history: Vec<String> = self.history.into_iter().collect();
            assert!(
                !was_first,
                "client {}: {fault}\n--- the cluster:\n{}--- its last commands:\n{}",
                self.name,
                self.world.events(),
                history.join("\n")
            );
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let mut client = self.connect()?;
        while !self.world.ends() {
            let bytes = self.draw_pipeline();
            if self.dice.percent(3) {
                self.leave(client, &bytes)?;
                client = self.connect()?;
                continue;
            }
            let progress = &self.world.clients[self.name];
            progress
                .while_waiting(|| client.send(&bytes))
                .map_err(|error| format!("cannot send: {error}"))?;
            self.take_replies(&mut client, usize::MAX)?;
        }
        // Nothing came that nobody asked for.
        self.session.reset();
        let answers =
            client.send(&[encode(&["CLIENT", "REPLY", "ON"]), encode(&["ECHO", "end"])].concat());
        answers.map_err(|error| error.to_string())?;
        for expected in [Reply::ok(), Reply::bulk("end")] {
            let reply = client.receive().map_err(|error| error.to_string())?;
            if reply != expected {
                return Err(format!("one too many: {reply:?}"));
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<Client, String> {
        self.note(format!("{} connects", self.world.time()));
        self.session = Session::default();
        let client = Client::try_connect(self.proxy.address);
        let client = client.map_err(|error| format!("cannot connect: {error}"))?;
        client.set_read_deadline(STUCK_AFTER);
        Ok(client)
    }

    fn note(&mut self, line: String) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }

    /// Goes in mid-pipeline: what is still under way may come to pass or not, at any time. Its keys are not used again.
    fn leave(&mut self, mut client: Client, bytes: &[u8]) -> Result<(), String> {
        let part = self.dice.below(bytes.len() + 1);
        let progress = &self.world.clients[self.name];
        progress
            .while_waiting(|| client.send(&bytes[..part]))
            .map_err(|error| format!("cannot send: {error}"))?;
        if part == bytes.len() {
            let heard = self.under_way.iter().filter(|sent| sent.is_heard).count();
            let taken = self.dice.below(heard + 1);
            self.take_replies(&mut client, taken)?;
        }
        self.note(format!("{} leaves", self.world.time()));
        for sent in std::mem::take(&mut self.under_way) {
            for key in sent.ask.written() {
                self.keys[sent.database][key].0.is_unsettled = true;
            }
        }
        for keys in &mut self.keys {
            for (number, (key, changes)) in keys.iter_mut().enumerate() {
                if key.is_unsettled {
                    *changes += 1;
                    *key = Key::new(&key_name(self.name, number, *changes));
                }
            }
        }
        Ok(())
    }

    /// Commands whose last is heard, noted as under way, as bytes.
    fn draw_pipeline(&mut self) -> Vec<u8> {
        let most = *self.dice.pick(&[1, 1, 4, 20, 60, 300]);
        let count = 1 + self.dice.below(most);
        let mut bytes = Vec::new();
        let mut awaited = 0;
        for _ in 0..count {
            let ask = self.draw();
            awaited += self.reply_bytes(&ask);
            self.add(ask, &mut bytes);
            if bytes.len() + awaited > PIPELINE_BYTES {
                break;
            }
        }
        while self.under_way.back().is_none_or(|sent| !sent.is_heard) {
            let ask = match self.session.is_off() {
                true => Ask::Replies(Replies::On),
                false => Ask::Echo(self.numbers),
            };
            self.add(ask, &mut bytes);
        }
        bytes
    }

    fn reply_bytes(&self, ask: &Ask) -> usize {
        let large = |keys: &[usize]| keys.iter().filter(|&&key| key < LARGE_KEYS).count() * LARGEST;
        match ask {
            Ask::Get(key) | Ask::GetDel(key) => large(&[*key]),
            Ask::GetMany(keys) => large(keys),
            _ => 0,
        }
    }

    fn draw(&mut self) -> Ask {
        let key = self.dice.below(KEYS);
        match self.dice.below(100) {
            0..28 => Ask::Set(key, self.draw_value(key)),
            28..58 => Ask::Get(key),
            58..62 => Ask::GetDel(key),
            62..67 => Ask::Length(key),
            67..72 => {
                let keys = self.draw_keys();
                let value = |key| (key, self.draw_value(key));
                Ask::SetMany(keys.into_iter().map(value).collect())
            }
            72..79 => Ask::GetMany(self.draw_keys()),
            79..82 => Ask::Delete(self.draw_keys()),
            82..89 => Ask::Echo(self.numbers),
            89 => Ask::Info,
            90..93 => Ask::Select(self.dice.below(DATABASES)),
            93..95 => Ask::Hello(self.dice.percent(50)),
            95 => Ask::Reset,
            other => Ask::Replies(match other {
                96 => Replies::Off,
                97 => Replies::On,
                _ => Replies::Skip,
            }),
        }
    }

    fn draw_keys(&mut self) -> Vec<usize> {
        let first = self.dice.below(KEYS);
        let count = 1 + self.dice.below(KEYS - 1);
        (first..first + count).map(|key| key % KEYS).collect()
    }

    fn draw_value(&mut self, key: usize) -> Value {
        let longest = match self.dice.below(10) {
            0..6 => 40,
            6..8 => 3_000,
            8 if key < LARGE_KEYS => 100_000,
            9 if key < LARGE_KEYS => LARGEST,
            _ => 20_000,
        };
        self.numbers += 1;
        Value {
            client: self.name,
            number: self.numbers,
            length: 20 + self.dice.below(longest - 20),
        }
    }

    fn add(&mut self, ask: Ask, bytes: &mut Vec<u8>) {
        self.numbers += 1;
        let session = &mut self.session;
        let database = session.database;
        let is_heard = match ask {
            Ask::Replies(replies) => session.set_replies(replies),
            Ask::Reset => session.reset(),
            _ => session.hears(),
        };
        match ask {
            Ask::Select(database) => session.database = database,
            Ask::Hello(is_resp3) => session.is_resp3 = is_resp3,
            _ => {}
        }
        let is_resp3 = session.is_resp3;
        let words = self.words(&ask, database);
        bytes.extend(encode(&words));
        self.under_way.push_back(Sent {
            client: self.name,
            ask,
            number: self.numbers,
            database,
            is_resp3,
            is_heard,
            span: self.world.now(),
        });
    }

    fn words(&self, ask: &Ask, database: usize) -> Vec<Vec<u8>> {
        let name = |key: usize| key_name(self.name, key, self.keys[database][key].1).into_bytes();
        let words = |words: &str| -> Vec<Vec<u8>> {
            words
                .split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        let of_keys = |command: &str, keys: &[usize]| {
            [words(command), keys.iter().map(|&key| name(key)).collect()].concat()
        };
        match ask {
            Ask::Set(key, value) => vec![b"SET".to_vec(), name(*key), value.bytes()],
            Ask::Get(key) => of_keys("GET", &[*key]),
            Ask::GetDel(key) => of_keys("GETDEL", &[*key]),
            Ask::Length(key) => of_keys("STRLEN", &[*key]),
            Ask::SetMany(pairs) => {
                let pairs = pairs
                    .iter()
                    .flat_map(|(key, value)| [name(*key), value.bytes()]);
                [b"MSET".to_vec()].into_iter().chain(pairs).collect()
            }
            Ask::GetMany(keys) => of_keys("MGET", keys),
            Ask::Delete(keys) => of_keys("DEL", keys),
            Ask::Echo(number) => words(&format!("ECHO {}.{number}", self.name)),
            Ask::Info => words("INFO proxy"),
            Ask::Select(database) => words(&format!("SELECT {database}")),
            Ask::Hello(true) => words("HELLO 3"),
            Ask::Hello(false) => words("HELLO 2"),
            Ask::Reset => words("RESET"),
            Ask::Replies(Replies::On) => words("CLIENT REPLY ON"),
            Ask::Replies(Replies::Off) => words("CLIENT REPLY OFF"),
            Ask::Replies(Replies::Skip) => words("CLIENT REPLY SKIP"),
        }
    }

    /// Takes that many replies, or all.
    fn take_replies(&mut self, client: &mut Client, most: usize) -> Result<(), String> {
        let mut taken = 0;
        while taken < most && self.under_way.iter().any(|sent| sent.is_heard) {
            let progress = &self.world.clients[self.name];
            let received = progress.while_waiting(|| client.receive());
            let reply = received.map_err(|error| {
                let next = self.under_way.iter().find(|sent| sent.is_heard);
                format!("no reply to {next:?}: {error}")
            })?;
            progress.replies.fetch_add(1, Ordering::SeqCst);
            taken += 1;
            while let Some(sent) = self.under_way.pop_front() {
                self.note_command(&sent, &reply);
                let checked = self.take(&sent, sent.is_heard.then_some(&reply));
                checked.map_err(|fault| format!("{sent:?} got {reply:?}: {fault}"))?;
                if sent.is_heard {
                    break;
                }
            }
        }
        Ok(())
    }

    fn note_command(&mut self, sent: &Sent, reply: &Reply) {
        let heard = match sent.is_heard {
            true => format!("{reply:?}").chars().take(90).collect(),
            false => "(not heard)".to_owned(),
        };
        let Sent { ask, number, .. } = sent;
        let database = sent.database;
        let line = format!(
            "{} #{number} [{database}] {ask:?} → {heard}",
            self.world.time()
        );
        self.note(line);
    }

    /// Compares a reply with what it may be; without one, nobody knows what became of the command.
    fn take(&mut self, sent: &Sent, reply: Option<&Reply>) -> Result<(), String> {
        let span = self.world.since(&sent.span);
        let outcome = match reply.map(Reply::error_text) {
            None => Outcome::Unknown,
            Some(None) => Outcome::Applied,
            Some(Some(text)) => {
                self.world.refusals.fetch_add(1, Ordering::SeqCst);
                sent.ask.outcome_of_error(&text)?
            }
        };
        let keys = &mut self.keys[sent.database];
        let reply = reply.filter(|_| outcome == Outcome::Applied);
        if let Some(reply) = reply {
            sent.check(reply, keys, &span)?;
        }
        match &sent.ask {
            Ask::Set(key, value) => keys[*key].0.write(Some(*value), &span, outcome),
            Ask::SetMany(pairs) => {
                for (key, value) in pairs {
                    keys[*key].0.write(Some(*value), &span, outcome);
                }
            }
            other => {
                for key in other.written() {
                    keys[key].0.write(None, &span, outcome);
                }
            }
        }
        Ok(())
    }
}

impl Ask {
    /// The keys that it writes.
    fn written(&self) -> Vec<usize> {
        match self {
            Self::Set(key, _) | Self::GetDel(key) => vec![*key],
            Self::SetMany(pairs) => pairs.iter().map(|(key, _)| *key).collect(),
            Self::Delete(keys) => keys.clone(),
            _ => Vec::new(),
        }
    }

    /// What an error says; whatever needs no node has none, and what changes nothing is never unknown.
    fn outcome_of_error(&self, text: &str) -> Result<Outcome, String> {
        let needs_node = !self.written().is_empty()
            || matches!(self, Self::Get(_) | Self::GetMany(_) | Self::Length(_));
        if needs_node && text.starts_with("CLUSTERDOWN ") {
            Ok(Outcome::NotApplied)
        } else if !self.written().is_empty() && text.starts_with("UNKNOWN ") {
            Ok(Outcome::Unknown)
        } else {
            Err("an error that cannot be".to_owned())
        }
    }
}

/// The name of a key of a client that has been changed so often.
fn key_name(client: usize, key: usize, changes: u64) -> String {
    format!("client:{client}:{key}:{changes}")
}

/// Whether a key may have held this, to the byte.
fn check_value(reply: &Reply, key: &mut Key, span: &Span) -> Result<(), String> {
    let possible = key.possible(span);
    let is_it = |held: &Held| match (held, reply) {
        (None, reply) => reply.is_null(),
        (Some(value), Reply::Bulk(text)) => *text == value.bytes(),
        _ => false,
    };
    match possible.iter().find(|held| is_it(held)) {
        Some(held) => key.read(*held, span),
        None => Err(format!("none of {possible:?} in {span:?}")),
    }
}

impl Sent {
    /// Whether this may be the reply, by what it is and by what the keys may hold.
    fn check(&self, reply: &Reply, keys: &mut [(Key, u64)], span: &Span) -> Result<(), String> {
        let is = |expected: Reply| match *reply == expected {
            true => Ok(()),
            false => Err(format!("not {expected:?}")),
        };
        match &self.ask {
            Ask::Set(..) | Ask::SetMany(_) | Ask::Select(_) | Ask::Replies(_) => is(Reply::ok()),
            Ask::Reset => is(Reply::Simple(b"RESET".to_vec())),
            Ask::Echo(number) => is(Reply::bulk(format!("{}.{number}", self.client))),
            Ask::Get(key) | Ask::GetDel(key) => check_value(reply, &mut keys[*key].0, span),
            Ask::GetMany(asked) => {
                let Reply::Array(values) = reply else {
                    return Err("not an array".to_owned());
                };
                if values.len() != asked.len() {
                    return Err(format!("not {} values", asked.len()));
                }
                let mut pairs = asked.iter().zip(values);
                pairs.try_for_each(|(key, value)| check_value(value, &mut keys[*key].0, span))
            }
            Ask::Length(key) => {
                let length = |held: &Held| held.map_or(0, |value| value.length);
                let possible = keys[*key].0.possible(span);
                let fits =
                    |held| Reply::Integer(i64::try_from(length(held)).expect("small")) == *reply;
                match possible.iter().any(fits) {
                    true => Ok(()),
                    false => Err(format!("none of {possible:?}")),
                }
            }
            Ask::Delete(asked) => {
                let possible = asked.iter().map(|key| keys[*key].0.possible(span));
                let (mut least, mut most) = (0, 0);
                for held in possible {
                    least += i64::from(held.iter().all(Option::is_some));
                    most += i64::from(held.iter().any(Option::is_some));
                }
                match reply {
                    Reply::Integer(count) if (least..=most).contains(count) => Ok(()),
                    _ => Err(format!("not {least} to {most}")),
                }
            }
            Ask::Info => match reply {
                Reply::Bulk(text) | Reply::Verbatim(text)
                    if text.windows(7).any(|part| part == b"# Proxy") =>
                {
                    Ok(())
                }
                _ => Err("no section of INFO".to_owned()),
            },
            Ask::Hello(_) => match reply {
                Reply::Map(_) if self.is_resp3 => Ok(()),
                Reply::Array(_) if !self.is_resp3 => Ok(()),
                _ => Err("not of that protocol".to_owned()),
            },
        }
    }
}
