//! Another node leads because an operator asked for it: all get on, nobody is told of an error.

use std::process::Command;

use super::clients::{Load, record};
use super::service::{Durations, Span, acknowledgements, longest_gap};
use super::stage::{Plan, Shards, Stage};
use super::verdict::examine;
use super::{print, rounds};
use crate::support::dice::Dice;
use crate::support::servers::SWITCHYARD;

#[test]
fn a_planned_switch_is_no_error_to_any_client() {
    let seed = Dice::seed_from_environment();
    let rounds = rounds(5);
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_ROUNDS={rounds}");
    let stage = Stage::start(Plan::SMALL);
    let door = stage.door();
    let mut dice = Dice::new(seed);
    let mut switches: Vec<(usize, Span)> = Vec::new();
    let recorded = record(Load::mixed(stage.plan.shards), seed, &door, |run| {
        for _ in 0..rounds {
            stage.becomes_whole();
            run.wait_for_writes_everywhere(100);
            let shard = dice.below(stage.plan.shards);
            let before = stage.leader(shard);
            let from = run.now();
            fail_over(&stage, shard);
            run.wait_for_writes(shard, 50);
            switches.push((
                shard,
                Span {
                    from,
                    to: run.now(),
                },
            ));
            assert_ne!(stage.leader(shard), before, "another node leads");
            run.next_generation();
        }
    });
    let verdict = examine(&recorded.history);
    print(&recorded, &verdict);
    let moments = acknowledgements(&recorded.history);
    let gaps = switches
        .iter()
        .map(|(shard, span)| longest_gap(&moments[shard], *span));
    eprintln!("without service: {}", Durations::new(gaps.collect()));
    assert!(verdict.is_clean(), "{verdict}");
    assert!(recorded.errors.is_empty(), "{}", recorded.troubles());
    assert_eq!(recorded.cuts + recorded.stuck, 0);
}

fn fail_over(stage: &Stage, shard: usize) {
    let output = Command::new(SWITCHYARD)
        .args(["topology", "failover", &format!("s{shard}"), "--admin"])
        .arg(stage.admin(0))
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
