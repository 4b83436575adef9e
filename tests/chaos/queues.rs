//! Lists: who pushes, who waits for elements of one shard and of both, who moves them on. No element whose pushing was acknowledged is lost, but for those that
//! were popped for somebody who was told that nobody knows; no element is given to two.

use std::collections::BTreeSet;

use super::world::{Caller, Told, World};
use crate::support::Reply;
use crate::support::dice::Dice;
use crate::support::eventually::pause;
use std::time::Duration;

/// The lists of a shard; from the first one elements are moved to the second.
pub(super) fn lists(world: &World, shard: usize) -> [String; 2] {
    ["jobs", "later"].map(|list| format!("{{{}}}{list}", world.tags[shard]))
}

/// What one client has pushed.
#[derive(Default)]
pub(super) struct Pushed {
    acknowledged: BTreeSet<String>,
    unsure: BTreeSet<String>,
}

pub(super) fn push(mut caller: Caller<'_>, mut dice: Dice) -> Pushed {
    let mut pushed = Pushed::default();
    let world = caller.world;
    for number in 0.. {
        if world.ends() {
            break;
        }
        let list = &lists(world, dice.below(world.tags.len()))[0];
        let element = format!("{}:{number}", caller.name);
        match caller.tell(&["RPUSH", list, &element]) {
            Told::Reply(_) => pushed.acknowledged.insert(element),
            Told::Unknown => pushed.unsure.insert(element),
            Told::Refused => continue,
        };
        pause(Duration::from_millis(dice.bits() % 6));
    }
    pushed
}

/// What one client has got.
#[derive(Default)]
pub(super) struct Popped {
    got: Vec<String>,
    unknown: usize,
}

/// Pops from these lists until all is made and nothing is left.
pub(super) fn pop(mut caller: Caller<'_>, lists: &[String]) -> Popped {
    let mut popped = Popped::default();
    let mut words = vec!["BLPOP"];
    words.extend(lists.iter().map(String::as_str));
    words.push("0.4");
    loop {
        let is_last = caller.world.is_all_made();
        match caller.tell(&words) {
            Told::Reply(Reply::Array(pair)) => popped.got.push(pair[1].text()),
            Told::Reply(_) if is_last => return popped,
            Told::Unknown => popped.unknown += 1,
            Told::Reply(_) | Told::Refused => {}
        }
    }
}

/// Moves elements on until all is made.
pub(super) fn hand_on(mut caller: Caller<'_>, shard: usize) -> usize {
    let [from, to] = lists(caller.world, shard);
    let mut moved = 0;
    while !caller.world.is_all_made() {
        let told = caller.tell(&["BLMOVE", &from, &to, "LEFT", "RIGHT", "0.4"]);
        moved += usize::from(matches!(told, Told::Reply(Reply::Bulk(_))));
    }
    moved
}

pub(super) fn check(mut asker: Caller<'_>, pushed: &[Pushed], popped: &[Popped]) {
    let mut got: Vec<String> = popped.iter().flat_map(|one| one.got.clone()).collect();
    for shard in 0..asker.world.tags.len() {
        for list in lists(asker.world, shard) {
            let left = asker.insist(&["LRANGE", &list, "0", "-1"]);
            got.extend(left.elements().iter().map(Reply::text));
        }
    }
    let distinct: BTreeSet<&String> = got.iter().collect();
    assert_eq!(distinct.len(), got.len(), "an element was given to two");
    let all = |of: fn(&Pushed) -> &BTreeSet<String>| -> BTreeSet<&String> {
        pushed.iter().flat_map(of).collect()
    };
    let (acknowledged, unsure) = (all(|one| &one.acknowledged), all(|one| &one.unsure));
    let invented: Vec<_> = distinct
        .iter()
        .filter(|element| !acknowledged.contains(**element) && !unsure.contains(**element))
        .collect();
    assert!(invented.is_empty(), "done, though refused: {invented:?}");
    let lost: Vec<_> = acknowledged.difference(&distinct).collect();
    let unknown: usize = popped.iter().map(|one| one.unknown).sum();
    eprintln!(
        "lists: {} pushed, {} unsure, {} got, {unknown} pops unknown, {} lost with these",
        acknowledged.len(),
        unsure.len(),
        got.len(),
        lost.len()
    );
    assert!(lost.len() <= unknown, "lost: {lost:?}");
}
