//! A client that keeps what it reads, as libraries with a cache do: what it is told takes things out, what it is answered puts them in, in the order in which both come.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::dice::Dice;
use crate::support::eventually::pause;
use crate::support::{Client, Reply, encode};

/// Keys that are read and written; of three slots and more.
const KEYS: usize = 40;

fn key(number: usize) -> String {
    format!("k{number}")
}

/// How a cache is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Reads,
    OptIn,
    Prefix,
}

/// Whose answer a reply is.
#[derive(Debug)]
enum Asked {
    Nothing,
    Keys(Vec<String>),
    /// Of a transaction: within an array.
    Queued(Vec<String>),
}

/// The cache and its connection.
#[derive(Debug)]
pub(super) struct Cache {
    client: Client,
    kept: BTreeMap<String, Option<String>>,
    asked: VecDeque<Asked>,
    pub(super) was_told: usize,
}

impl Cache {
    /// Reads, and writes now and then, until the end.
    pub(super) fn run(
        address: SocketAddr,
        style: Style,
        mut dice: Dice,
        ends: &AtomicBool,
    ) -> Self {
        let mut client = Client::connect(address);
        client.call(&["HELLO", "3"]);
        let words = match style {
            Style::Reads => "CLIENT TRACKING ON",
            Style::OptIn => "CLIENT TRACKING ON OPTIN",
            Style::Prefix => "CLIENT TRACKING ON BCAST PREFIX k",
        };
        let mut answer = client.call_words(words);
        while let Reply::Push(_) = answer {
            answer = client.receive().expect("an answer");
        }
        assert_eq!(answer, Reply::ok(), "{words}");
        let mut cache = Self {
            client,
            kept: BTreeMap::new(),
            asked: VecDeque::new(),
            was_told: 0,
        };
        while !ends.load(Ordering::Relaxed) {
            let mut bytes = Vec::new();
            for _ in 0..1 + dice.below(6) {
                cache.ask(style, &mut dice, &mut bytes);
            }
            cache.client.send(&bytes).expect("the proxy lives");
            while !cache.asked.is_empty() {
                cache.take_next();
            }
        }
        cache
    }

    fn ask(&mut self, style: Style, dice: &mut Dice, bytes: &mut Vec<u8>) {
        let mut say = |words: &[&str], asked: Asked| {
            bytes.extend(encode(words));
            self.asked.push_back(asked);
        };
        if style == Style::OptIn {
            say(&["CLIENT", "CACHING", "YES"], Asked::Nothing);
        }
        let mut some =
            |count: usize| -> Vec<String> { (0..count).map(|_| key(dice.below(KEYS))).collect() };
        let keys = some(5);
        match some(1)[0].as_str() {
            "k0" | "k1" => say(&["SET", &keys[0], "own"], Asked::Nothing),
            "k2" | "k3" => say(&["DEL", &keys[0]], Asked::Nothing),
            "k4" | "k5" | "k6" => {
                say(&["MULTI"], Asked::Nothing);
                say(&["GET", &keys[0]], Asked::Nothing);
                say(&["EXEC"], Asked::Queued(keys[..1].to_vec()));
            }
            "k7" | "k8" | "k9" => say(&["GET", &keys[0]], Asked::Keys(keys[..1].to_vec())),
            _ => {
                let mut words = vec!["MGET"];
                words.extend(keys.iter().map(String::as_str));
                say(&words, Asked::Keys(keys.clone()));
            }
        }
    }

    /// Takes the next frame, a message or an answer.
    fn take_next(&mut self) {
        match self.client.receive().expect("no reply is lost") {
            Reply::Push(words) => self.forget(&words),
            reply => {
                let asked = self.asked.pop_front().expect("something was asked");
                match (asked, reply) {
                    (Asked::Nothing, _) | (_, Reply::Error(_)) => {}
                    (Asked::Keys(keys) | Asked::Queued(keys), Reply::Array(values)) => {
                        self.keep(keys, &values);
                    }
                    (Asked::Keys(keys), value) => self.keep(keys, &[value]),
                    (asked, reply) => panic!("{asked:?} was answered with {reply:?}"),
                }
            }
        }
    }

    fn keep(&mut self, keys: Vec<String>, values: &[Reply]) {
        for (key, value) in keys.into_iter().zip(values) {
            let value = (!value.is_null()).then(|| value.text());
            self.kept.insert(key, value);
        }
    }

    fn forget(&mut self, words: &[Reply]) {
        assert_eq!(words[0], Reply::bulk("invalidate"));
        self.was_told += 1;
        match &words[1] {
            Reply::Array(keys) => keys.iter().for_each(|key| {
                self.kept.remove(&key.text());
            }),
            other => {
                assert!(other.is_null(), "{other:?}");
                self.kept.clear();
            }
        }
    }

    /// Something that it has and that is not so, when it has heard all that it has been told.
    pub(super) fn differs_from(&mut self, asker: &mut Client) -> Option<String> {
        self.client.send(&encode(&["PING"])).expect("sent");
        self.asked.push_back(Asked::Nothing);
        while !self.asked.is_empty() {
            self.take_next();
        }
        self.kept.iter().find_map(|(key, kept)| {
            let now = asker.call(&["GET", key]);
            let now = (!now.is_null()).then(|| now.text());
            (now != *kept).then(|| format!("{key}: has {kept:?}, is {now:?}"))
        })
    }
}

/// Writes until the end; some keys go by themselves, and sometimes all of them.
pub(super) fn write(address: SocketAddr, mut dice: Dice, ends: &AtomicBool) {
    let mut client = Client::connect(address);
    let mut number = 0;
    while !ends.load(Ordering::Relaxed) {
        number += 1;
        let (key, value) = (key(dice.below(KEYS)), number.to_string());
        match dice.below(60) {
            0..40 => client.call(&["SET", &key, &value]),
            40..50 => client.call(&["SET", &key, &value, "PX", "3"]),
            50..58 => client.call(&["DEL", &key]),
            58 => client.call(&["RENAME", &key, &key]),
            _ => client.call(&["FLUSHALL"]),
        };
        pause(Duration::from_micros(200));
    }
}
