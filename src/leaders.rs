//! Whether a cluster on this machine serves its clients yet: shards with followers do when the topology names a primary that lives.
//! Reaches: the topology file, to read it. Never: changes anything.
//! Invariant: a primary that the topology knew before this start is none: its life is over.

use crate::Failure;
use shared::clock::Clock;
use shared::config::read_file;
use shared::topology::{ShardId, Topology, text};
use std::path::PathBuf;
use std::time::Duration;

/// How often is looked.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often is said who is waited for.
const SAY_EVERY_MS: u64 = 5_000;

/// How long is waited: nodes may have much to read from their disks.
const LONGEST_MS: u64 = 600_000;

/// Waits for the primaries of a cluster that has just been started.
#[derive(Debug)]
pub struct Leaders {
    file: PathBuf,
    /// As it was before anybody was started.
    start: Topology,
    clock: Clock,
    began_ms: u64,
    said_ms: u64,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every shard has a primary.
    Led,
    /// These have none.
    Waiting(Vec<ShardId>),
}

impl Leaders {
    /// Of the cluster whose proxy follows `file`, in which `start` was written before it was started.
    pub(crate) fn new(file: PathBuf, start: Topology, clock: Clock) -> Self {
        let now_ms = clock.monotonic_ms();
        Self {
            file,
            start,
            began_ms: now_ms,
            said_ms: now_ms,
            clock,
        }
    }

    /// Looks at the file.
    #[must_use]
    pub fn look(&self) -> Standing {
        let now = read_file(&self.file).ok();
        let now = now.and_then(|content| text::parse(&self.file, &content).ok());
        // What cannot be read now will be, or its proxy says what is wrong.
        let missing = missing(&self.start, now.as_ref().unwrap_or(&self.start));
        if missing.is_empty() {
            Standing::Led
        } else {
            Standing::Waiting(missing)
        }
    }

    /// Whether it is time to say again who is waited for.
    ///
    /// # Errors
    /// It takes too long.
    pub fn is_time_to_say(&mut self, missing: &[ShardId]) -> Result<bool, Failure> {
        let now_ms = self.clock.monotonic_ms();
        if now_ms - self.began_ms >= LONGEST_MS {
            let minutes = LONGEST_MS / 60_000;
            return Err(Failure::NotLed(in_words(missing), minutes));
        }
        let is_time = now_ms - self.said_ms >= SAY_EVERY_MS;
        if is_time {
            self.said_ms = now_ms;
        }
        Ok(is_time)
    }
}

/// `shard s1 has`, `shards s1, s2 have`.
#[must_use]
pub fn in_words(shards: &[ShardId]) -> String {
    let names: Vec<&str> = shards.iter().map(ShardId::as_str).collect();
    match names[..] {
        [name] => format!("shard {name} has"),
        _ => format!("shards {} have", names.join(", ")),
    }
}

/// The shards that have followers and no primary in a life that has begun since.
fn missing(start: &Topology, now: &Topology) -> Vec<ShardId> {
    let guarded = now.shards.iter().filter(|shard| shard.is_guarded());
    let without = guarded.filter(|shard| {
        let life = shard.in_sync.get(&shard.primary).copied().flatten();
        let Some(life) = life else {
            return true;
        };
        let mut before = start.shards.iter().flat_map(|it| {
            let lives = it.in_sync.iter().chain(&it.learners);
            lives.map(|(node, life)| (node, *life))
        });
        before.any(|known| known == (&shard.primary, Some(life)))
    });
    without.map(|shard| shard.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{addresses, plan};
    use shared::topology::{Incarnation, NodeId};

    fn check(change: impl FnOnce(&mut Topology, &mut Topology), expected: &[&str]) {
        let mut start = plan(2, 1).topology(&addresses(7001, 4)).unwrap();
        let mut now = start.clone();
        change(&mut start, &mut now);
        let missing = missing(&start, &now);
        let names: Vec<&str> = missing.iter().map(ShardId::as_str).collect();
        assert_eq!(names, expected);
    }

    fn live(topology: &mut Topology, place: usize, life: u64) {
        let shard = &mut topology.shards[place];
        let primary = shard.primary.clone();
        shard.in_sync.insert(primary, Some(Incarnation(life)));
    }

    #[test]
    fn a_primary_counts_when_its_life_has_begun_since() {
        check(|_, _| {}, &["s1", "s2"]);
        check(|_, now| live(now, 0, 1), &["s2"]);
        let both = |now: &mut Topology| {
            live(now, 0, 1);
            live(now, 1, 2);
        };
        check(|_, now| both(now), &[]);
        // A second start: nobody has looked at it yet.
        check(
            |start, now| {
                both(start);
                both(now);
            },
            &["s1", "s2"],
        );
        // The other one leads, in a life that was known as that of a learner, and is over.
        check(
            |start, now| {
                both(start);
                let other = (NodeId::numbered(2), Some(Incarnation(9)));
                start.shards[0].learners = [other.clone()].into();
                now.shards[0].primary = other.0.clone();
                now.shards[0].in_sync = [other].into();
                live(now, 1, 7);
            },
            &["s1"],
        );
        // Single plain nodes have no lives, and need none.
        check(
            |_, now| {
                for shard in &mut now.shards {
                    shard.learners.clear();
                    shard.copies = 1;
                }
            },
            &[],
        );
    }

    #[test]
    fn who_is_waited_for_is_said_in_words() {
        assert_eq!(in_words(&[ShardId::numbered(1)]), "shard s1 has");
        let both = [ShardId::numbered(1), ShardId::numbered(2)];
        assert_eq!(in_words(&both), "shards s1, s2 have");
    }
}
