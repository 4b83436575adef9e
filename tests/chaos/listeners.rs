//! Publishers that number what they say, and subscribers by name, pattern and shard channel. Over one connection nothing comes twice, nothing that was refused, and
//! what was acknowledged in order; at the end everybody hears.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::world::{Caller, Told, World};
use crate::support::Reply;
use crate::support::dice::Dice;
use crate::support::encode;
use crate::support::eventually::pause;

/// What is said at the end.
const END: &str = "end";

/// The channel of a publisher: that of each even one is a shard channel.
fn channel(publisher: usize) -> (String, &'static str) {
    match publisher % 2 {
        0 => (format!("c{publisher}"), "PUBLISH"),
        _ => (format!("s{publisher}"), "SPUBLISH"),
    }
}

/// What became of each number.
#[derive(Default)]
pub(super) struct Published {
    acknowledged: BTreeSet<u64>,
    refused: BTreeSet<u64>,
}

pub(super) fn publish(mut caller: Caller<'_>, publisher: usize, mut dice: Dice) -> Published {
    let mut published = Published::default();
    let (channel, word) = channel(publisher);
    for number in 0.. {
        if caller.world.ends() {
            break;
        }
        match caller.tell(&[word, &channel, &number.to_string()]) {
            Told::Reply(_) => published.acknowledged.insert(number),
            Told::Refused => published.refused.insert(number),
            Told::Unknown => false,
        };
        pause(Duration::from_millis(1 + dice.bits() % 6));
    }
    published
}

/// Says that it is the end until all subscribers have gone.
pub(super) fn publish_the_end(
    mut caller: Caller<'_>,
    publishers: usize,
    all_have_gone: impl Fn() -> bool,
) {
    let began = caller.world.elapsed();
    while !all_have_gone() {
        for publisher in 0..publishers {
            let (channel, word) = channel(publisher);
            caller.tell(&[word, &channel, END]);
        }
        let took = caller.world.elapsed() - began;
        assert!(
            took < super::world::STUCK_AFTER,
            "subscribers hear no more: they are stuck"
        );
        pause(Duration::from_millis(20));
    }
}

/// What one subscriber has heard over each of its connections: channel and text.
pub(super) type Heard = Vec<Vec<(String, String)>>;

/// How somebody subscribes to the channels of so many publishers.
fn subscription(style: usize, publishers: usize) -> (Vec<String>, BTreeSet<String>) {
    let of_kind = |word: &str| -> BTreeSet<String> {
        let channels = (0..publishers).map(channel);
        channels
            .filter(|(_, kind)| *kind == word)
            .map(|(channel, _)| channel)
            .collect()
    };
    let (word, channels) = match style % 3 {
        0 => ("SUBSCRIBE", of_kind("PUBLISH")),
        1 => ("PSUBSCRIBE", of_kind("PUBLISH")),
        _ => ("SSUBSCRIBE", of_kind("SPUBLISH")),
    };
    let mut words = vec![word.to_owned()];
    match word {
        "PSUBSCRIBE" => words.push("c*".to_owned()),
        _ => words.extend(channels.iter().cloned()),
    }
    (words, channels)
}

pub(super) fn listen(mut caller: Caller<'_>, style: usize, publishers: usize) -> Heard {
    let (words, mut open) = subscription(style, publishers);
    let mut heard: Heard = Vec::new();
    let mut subscribed_over = 0;
    while !open.is_empty() {
        let world: &World = caller.world;
        let Some((number, client)) = caller.connection() else {
            continue;
        };
        let told = match subscribed_over == number {
            true => client.receive(),
            false => {
                subscribed_over = number;
                heard.push(Vec::new());
                client.send(&encode(&words)).and_then(|()| client.receive())
            }
        };
        let message = match told {
            Ok(message) => message,
            Err(error) => {
                caller.is_lost(&error);
                continue;
            }
        };
        world.gets_on(caller.name);
        if let Some(text) = message.error_text() {
            assert!(text.starts_with("CLUSTERDOWN "), "{text}");
            subscribed_over = 0;
            continue;
        }
        let Reply::Array(parts) = &message else {
            panic!("no message: {message:?}");
        };
        if !parts[0].text().ends_with("message") {
            continue;
        }
        let (channel, text) = (parts[parts.len() - 2].text(), parts[parts.len() - 1].text());
        match text.as_str() {
            END => drop(open.remove(&channel)),
            _ => heard.last_mut().expect("subscribed").push((channel, text)),
        }
    }
    heard
}

pub(super) fn check(published: &[Published], heard: &[Heard]) {
    let by_channel: BTreeMap<String, &Published> = (0..)
        .zip(published)
        .map(|(number, published)| (channel(number).0, published))
        .collect();
    let mut messages = 0;
    for of_connection in heard.iter().flatten() {
        messages += of_connection.len();
        let mut numbers: BTreeMap<&String, Vec<u64>> = BTreeMap::new();
        for (channel, text) in of_connection {
            let number = text.parse().expect("a number");
            numbers.entry(channel).or_default().push(number);
        }
        for (channel, numbers) in numbers {
            let published = by_channel[channel];
            let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
            assert_eq!(distinct.len(), numbers.len(), "{channel}: one came twice");
            assert!(
                distinct.is_disjoint(&published.refused),
                "{channel}: refused, and came"
            );
            let known = |number: &&u64| published.acknowledged.contains(number);
            let acknowledged: Vec<&u64> = numbers.iter().filter(known).collect();
            assert!(acknowledged.is_sorted(), "{channel}: out of order");
        }
    }
    let said: usize = published.iter().map(|one| one.acknowledged.len()).sum();
    let connections = heard.iter().flatten().count();
    eprintln!("channels: {said} published, {messages} heard over {connections} connections");
    assert!(messages > 0, "somebody hears");
}
