//! Counters that are raised in transactions, with and without WATCH, and in scripts; each leaves its name in a log of the same slot. The counter is as high as the
//! log is long, no name stands there twice, every one that was acknowledged stands there and none that was refused.

use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{Caller, Told, World};
use crate::support::Reply;
use crate::support::dice::Dice;
use crate::support::eventually::pause;

const SCRIPT: &str =
    "local n = redis.call('INCR', KEYS[1]) return {n, redis.call('RPUSH', KEYS[2], ARGV[1])}";

fn keys(world: &World, shard: usize) -> [String; 2] {
    ["counter", "log"].map(|key| format!("{{{}}}{key}", world.tags[shard]))
}

/// What one client knows of its attempts.
#[derive(Default)]
pub(super) struct Counted {
    done: BTreeSet<String>,
    unsure: BTreeSet<String>,
    not_done: BTreeSet<String>,
}

pub(super) fn count(mut caller: Caller<'_>, mut dice: Dice) -> Counted {
    let mut counted = Counted::default();
    for number in 0.. {
        if caller.world.ends() {
            break;
        }
        let keys = keys(caller.world, dice.below(caller.world.tags.len()));
        let [counter, log] = keys.each_ref().map(String::as_str);
        let id = format!("{}:{number}", caller.name);
        let told = match dice.below(3) {
            0 => watched(&mut caller, counter, log, &id),
            1 => caller.tell_all(
                &[
                    &["MULTI"],
                    &["INCR", counter],
                    &["RPUSH", log, &id],
                    &["EXEC"],
                ],
                None,
            ),
            _ => by_script(&mut caller, counter, log, &id),
        };
        let place = match &told {
            Told::Reply(Reply::Array(replies)) => {
                let n = &replies[replies.len() - 1];
                let is_one = replies[0] == *n || replies[0] == Reply::ok();
                assert!(
                    is_one && matches!(n, Reply::Integer(_)),
                    "all or nothing: {replies:?}"
                );
                &mut counted.done
            }
            Told::Reply(reply) => {
                assert!(reply.is_null(), "{reply:?}");
                &mut counted.not_done
            }
            Told::Unknown => &mut counted.unsure,
            Told::Refused => &mut counted.not_done,
        };
        place.insert(id);
        pause(Duration::from_millis(dice.bits() % 8));
    }
    counted
}

fn watched(caller: &mut Caller<'_>, counter: &str, log: &str, id: &str) -> Told {
    let Some((connection, _)) = caller.connection() else {
        return Told::Refused;
    };
    // What may or may not be watched is not tried.
    let Told::Reply(_) = caller.tell_all(&[&["WATCH", counter]], Some(connection)) else {
        return Told::Refused;
    };
    let now = match caller.tell_all(&[&["GET", counter]], Some(connection)) {
        Told::Reply(Reply::NullBulk) => 0,
        Told::Reply(value) => value.text().parse::<u64>().expect("a number"),
        Told::Refused | Told::Unknown => {
            caller.tell_all(&[&["UNWATCH"]], Some(connection));
            return Told::Refused;
        }
    };
    let next = (now + 1).to_string();
    caller.tell_all(
        &[
            &["MULTI"],
            &["SET", counter, &next],
            &["RPUSH", log, id],
            &["EXEC"],
        ],
        Some(connection),
    )
}

fn by_script(caller: &mut Caller<'_>, counter: &str, log: &str, id: &str) -> Told {
    // SHA-1 of the script. A proxy that was started anew does not know it.
    let name = "aa79aaf291fb7857900f88e2d5ce2adc080618ce";
    let told = caller.tell(&["EVALSHA", name, "2", counter, log, id]);
    match told {
        Told::Reply(Reply::Error(_)) => caller.tell(&["EVAL", SCRIPT, "2", counter, log, id]),
        told => told,
    }
}

pub(super) fn check(mut asker: Caller<'_>, counted: &[Counted]) {
    let mut stood: BTreeSet<String> = BTreeSet::new();
    for shard in 0..asker.world.tags.len() {
        let [counter, log] = keys(asker.world, shard);
        let value: usize = asker
            .insist(&["GET", &counter])
            .text()
            .parse()
            .expect("a number");
        let names = asker.insist(&["LRANGE", &log, "0", "-1"]);
        assert_eq!(value, names.elements().len(), "{counter}: all or nothing");
        for name in names.elements() {
            let name = name.text();
            assert!(!stood.contains(&name), "{name} was done twice");
            stood.insert(name);
        }
    }
    let all = |of: fn(&Counted) -> &BTreeSet<String>| -> BTreeSet<String> {
        counted.iter().flat_map(of).cloned().collect()
    };
    let (done, unsure) = (all(|one| &one.done), all(|one| &one.unsure));
    let not_done = all(|one| &one.not_done);
    eprintln!(
        "counters: {} done, {} unsure, {} not done; they stand at {}",
        done.len(),
        unsure.len(),
        not_done.len(),
        stood.len()
    );
    let lost: Vec<_> = done.difference(&stood).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let forbidden: Vec<_> = stood.intersection(&not_done).collect();
    assert!(forbidden.is_empty(), "refused and done: {forbidden:?}");
}
