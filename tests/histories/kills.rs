//! Primaries that are killed, one after another, under a load of writes: what is lost, how long nobody serves their keys, what all others feel of it.
//! The same for every product that has shards, so that figures can be compared.

use std::fmt;
use std::time::Duration;

use super::clients::{Door, Load, Recorded, Run, record};
use super::rounds;
use super::service::{Durations, Span, acknowledgements, latencies_beside, longest_gap};
use super::stage::{Plan, Shards, Stage};
use super::verdict::{Verdict, examine};
use crate::support::dice::Dice;
use crate::support::eventually::pause;

/// How long all is well before each kill, so that others' latency can be compared; and so long that proxies, which change a shard once in five seconds for
/// such a reason, may change each shard when its turn comes again.
const CALM: Duration = Duration::from_millis(1_600);

/// Acknowledged writes after which a shard counts as back.
const BACK: usize = 50;

/// What one round did: to which shard, and when.
#[derive(Clone, Copy, Debug)]
struct Round {
    shard: usize,
    calm: Span,
    away: Span,
}

/// What all rounds have shown.
pub(super) struct Shown {
    pub(super) recorded: Recorded,
    pub(super) verdict: Verdict,
    rounds: Vec<Round>,
    /// How long the killed primary's keys were not served, nanoseconds for each round.
    gaps: Vec<u64>,
    /// Commands to other shards, while all was well and while one shard was away.
    others_before: Durations,
    others_during: Durations,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        writeln!(f, "{}", self.recorded.troubles())?;
        for (round, gap) in self.rounds.iter().zip(&self.gaps) {
            let at = round.away.from / 1_000_000;
            writeln!(
                f,
                "{at:>8} ms shard {}: {} ms",
                round.shard,
                gap / 1_000_000
            )?;
        }
        let without_service = Durations::new(self.gaps.clone());
        writeln!(f, "without service: {without_service}")?;
        writeln!(f, "other shards before: {}", self.others_before)?;
        write!(f, "other shards during: {}", self.others_during)
    }
}

/// Kills primaries in turn under a load of commands, each when its shard has all of its copies.
pub(super) fn kill_primaries(
    shards: &mut dyn Shards,
    door: &dyn Door,
    load: Load,
    rounds: usize,
    seed: u64,
) -> Shown {
    let mut done: Vec<Round> = Vec::new();
    let recorded = record(load, seed, door, |run| {
        for round in 0..rounds {
            done.push(kill_primary(shards, run, round % load.shards));
        }
        run.wait_for_writes_everywhere(BACK);
    });
    let verdict = examine(&recorded.history);
    let moments = acknowledgements(&recorded.history);
    let gap = |round: &Round| {
        let moments = moments.get(&round.shard).map_or(&[][..], Vec::as_slice);
        longest_gap(moments, round.away)
    };
    let others = |span: fn(&Round) -> Span| {
        let of_round =
            |round: &Round| latencies_beside(&recorded.history, span(round), round.shard);
        done.iter()
            .map(of_round)
            .fold(Durations::default(), Durations::with)
    };
    Shown {
        gaps: done.iter().map(gap).collect(),
        others_before: others(|round| round.calm),
        others_during: others(|round| round.away),
        rounds: done,
        verdict,
        recorded,
    }
}

fn kill_primary(shards: &mut dyn Shards, run: &Run, shard: usize) -> Round {
    shards.becomes_whole();
    run.next_generation();
    let begin = run.now();
    pause(CALM);
    run.wait_for_writes_everywhere(BACK);
    let primary = shards.leader(shard);
    let killed = run.now();
    shards.nodes()[primary].kill();
    run.wait_for_writes(shard, BACK);
    let back = run.now();
    shards.nodes()[primary].restart();
    Round {
        shard,
        calm: Span {
            from: begin,
            to: killed,
        },
        away: Span {
            from: killed,
            to: back,
        },
    }
}

fn switchyard(acks: &'static str) -> Shown {
    let seed = Dice::seed_from_environment();
    let rounds = rounds(5);
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_ROUNDS={rounds} acks {acks}");
    let plan = Plan {
        shards: 3,
        acks,
        ..Plan::SMALL
    };
    let mut stage = Stage::start(plan);
    let door = stage.door();
    let shown = kill_primaries(&mut stage, &door, Load::mixed(plan.shards), rounds, seed);
    eprintln!("{shown}");
    shown
}

#[test]
fn in_sync_nothing_acknowledged_is_lost_when_primaries_are_killed() {
    let shown = switchyard("in-sync");
    assert!(shown.verdict.is_clean(), "{}", shown.verdict);
    assert_eq!(shown.recorded.stuck, 0);
}

#[test]
fn async_nothing_is_done_twice_when_primaries_are_killed() {
    let shown = switchyard("async");
    assert_eq!(shown.verdict.doubled, 0, "{}", shown.verdict);
    assert_eq!(shown.recorded.stuck, 0);
}
