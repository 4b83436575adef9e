//! Clients that keep what they read (CLIENT TRACKING), and those who change it. A cache is empty when its connection is new; in the end none has what is not so.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::world::{Caller, World};
use crate::support::dice::Dice;
use crate::support::eventually::{eventually_within, pause};
use crate::support::{Client, Reply, encode};

/// Keys that are kept; of all shards.
const KEYS: usize = 30;

fn key(dice: &mut Dice) -> String {
    format!("k{}", dice.below(KEYS))
}

/// Changes what others keep.
pub(super) fn change(mut caller: Caller<'_>, mut dice: Dice) -> usize {
    let mut number = 0;
    while !caller.world.ends() {
        number += 1;
        let key = key(&mut dice);
        let value = format!("{}:{number}", caller.name);
        match dice.below(10) {
            0 => caller.tell(&["DEL", &key]),
            1 => caller.tell(&["SET", &key, &value, "PX", "5"]),
            2 => caller.tell_all(&[&["MULTI"], &["SET", &key, &value], &["EXEC"]], None),
            _ => caller.tell(&["SET", &key, &value]),
        };
        pause(Duration::from_millis(1 + dice.bits() % 4));
    }
    number
}

/// The cache and its connection.
pub(super) struct Keeper<'a> {
    caller: Caller<'a>,
    /// The connection of which all that is kept was read.
    connection: usize,
    kept: BTreeMap<String, Option<String>>,
    style: usize,
    was_told: usize,
}

impl<'a> Keeper<'a> {
    /// Reads until the end.
    pub(super) fn run(caller: Caller<'a>, style: usize, mut dice: Dice) -> Self {
        let mut keeper = Self {
            caller,
            connection: 0,
            kept: BTreeMap::new(),
            style,
            was_told: 0,
        };
        let world: &World = keeper.caller.world;
        while !world.ends() {
            keeper.read(&mut dice);
            pause(Duration::from_millis(dice.bits() % 3));
        }
        keeper
    }

    fn read(&mut self, dice: &mut Dice) {
        let keys: Vec<String> = (0..1 + dice.below(4)).map(|_| key(dice)).collect();
        let mut words = vec!["MGET"];
        words.extend(keys.iter().map(String::as_str));
        let told = self.ask(&words);
        if let Some(Reply::Array(values)) = told {
            for (key, value) in keys.into_iter().zip(values) {
                let value = (!value.is_null()).then(|| value.text());
                self.kept.insert(key, value);
            }
        }
    }

    /// The reply, behind all messages before it; nothing when the connection was lost.
    fn ask(&mut self, words: &[&str]) -> Option<Reply> {
        let world: &World = self.caller.world;
        let style = self.style;
        let (number, client) = self.caller.connection()?;
        let is_new = number != self.connection;
        if is_new {
            self.connection = number;
            self.kept.clear();
        }
        let (kept, was_told) = (&mut self.kept, &mut self.was_told);
        let mut say = |words: &[&str]| -> io::Result<Reply> {
            client.send(&encode(words))?;
            receive(client, kept, was_told)
        };
        let told = match is_new {
            false => say(words),
            true => say(&["HELLO", "3"])
                .and_then(|_| match style % 2 {
                    0 => say(&["CLIENT", "TRACKING", "ON"]),
                    _ => say(&["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"]),
                })
                .and_then(|answer| match answer.error_text() {
                    None => say(words),
                    // A shard is away for long: another connection is tried, of which nothing is kept.
                    Some(text) if text.starts_with("CLUSTERDOWN ") => {
                        Err(io::ErrorKind::ConnectionAborted.into())
                    }
                    Some(text) => panic!("tracking does not begin: {text}"),
                }),
        };
        match told {
            Ok(reply) => {
                world.gets_on(self.caller.name);
                Some(reply)
            }
            Err(error) => {
                self.caller.is_lost(&error);
                None
            }
        }
    }

    /// In the end nothing is kept that is not so.
    pub(super) fn check(mut self, asker: &mut Caller<'_>) {
        let mut wrong = None;
        eventually_within(Duration::from_secs(5), "what is kept is so", || {
            self.ask(&["PING"]);
            wrong = self.kept.iter().find_map(|(key, kept)| {
                let now = asker.insist(&["GET", key]);
                let now = (!now.is_null()).then(|| now.text());
                (now != *kept).then(|| format!("{key}: keeps {kept:?}, is {now:?}"))
            });
            if let Some(wrong) = &wrong {
                eprintln!("{wrong}");
            }
            wrong.is_none()
        });
        eprintln!(
            "cache {}: {} kept, told {} times",
            self.style,
            self.kept.len(),
            self.was_told
        );
    }
}

/// The next answer; what is told before it takes things out.
fn receive(
    client: &mut Client,
    kept: &mut BTreeMap<String, Option<String>>,
    was_told: &mut usize,
) -> io::Result<Reply> {
    loop {
        match client.receive()? {
            Reply::Push(words) => {
                *was_told += 1;
                match &words[1] {
                    Reply::Array(keys) => keys.iter().for_each(|key| {
                        kept.remove(&key.text());
                    }),
                    _ => kept.clear(),
                }
            }
            reply => return Ok(reply),
        }
    }
}
