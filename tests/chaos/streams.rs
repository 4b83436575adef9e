//! Streams: entries are added, and read by who waits for them. Each reader gets every entry that was acknowledged, once and in order.

use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{Caller, Told, World};
use crate::support::dice::Dice;
use crate::support::eventually::pause;

fn stream(world: &World, shard: usize) -> String {
    format!("{{{}}}stream", world.tags[shard])
}

/// Adds numbers to a stream; those that were acknowledged.
pub(super) fn add(mut caller: Caller<'_>, shard: usize, mut dice: Dice) -> BTreeSet<u64> {
    let stream = stream(caller.world, shard);
    let mut acknowledged = BTreeSet::new();
    for number in 0.. {
        if caller.world.ends() {
            break;
        }
        let told = caller.tell(&["XADD", &stream, "*", "number", &number.to_string()]);
        if matches!(told, Told::Reply(_)) {
            acknowledged.insert(number);
        }
        pause(Duration::from_millis(dice.bits() % 8));
    }
    acknowledged
}

/// Reads a stream until all is made and nothing new is there.
pub(super) fn read(mut caller: Caller<'_>, shard: usize) -> Vec<u64> {
    let stream = stream(caller.world, shard);
    let (mut seen, mut last) = (Vec::new(), "0-0".to_owned());
    loop {
        let is_last = caller.world.is_all_made();
        let words = ["XREAD", "BLOCK", "400", "STREAMS", &stream, &last];
        let Told::Reply(reply) = caller.tell(&words) else {
            continue;
        };
        if reply.is_null() {
            if is_last {
                return seen;
            }
            continue;
        }
        for entry in reply.elements()[0].elements()[1].elements() {
            last = entry.elements()[0].text();
            let number = entry.elements()[1].elements()[1].text();
            seen.push(number.parse().expect("a number"));
        }
    }
}

pub(super) fn check(acknowledged: &BTreeSet<u64>, readers: &[Vec<u64>]) {
    for seen in readers {
        let distinct: BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "an entry came twice");
        let lost: Vec<_> = acknowledged.difference(&distinct).collect();
        assert!(lost.is_empty(), "acknowledged and never read: {lost:?}");
        let in_order = seen.iter().filter(|number| acknowledged.contains(number));
        assert!(in_order.is_sorted(), "out of order");
    }
    eprintln!("streams: {} acknowledged, read by all", acknowledged.len());
}
