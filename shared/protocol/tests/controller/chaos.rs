//! Many runs with troubles by chance. `SWITCHYARD_SEED` chooses them, `SWITCHYARD_CONTROLLER_RUNS` how many; `SWITCHYARD_TRACE` prints one run step by step.

use crate::dice::{Dice, number};
use crate::setup::{Broken, Setup};
use crate::trouble::draw;
use crate::world::World;

/// Troubles are over by then.
const TROUBLES_END_MS: u64 = 5_000;

/// So long after their end all is well at the latest.
const WELL_AGAIN_MS: u64 = 15_000;

/// What has become of a run.
pub(crate) struct Outcome {
    pub(crate) fault: Option<&'static str>,
    pub(crate) world: World,
    /// How long it took until all was well, in milliseconds.
    pub(crate) healed_ms: u64,
}

pub(crate) fn setup_of(seed: u64, broken: Broken) -> Setup {
    let mut dice = Dice(seed ^ 0x5eed);
    let sizes = [(1, 2), (1, 2), (1, 3), (1, 3), (2, 2), (3, 2)];
    let (shards, copies) = sizes[usize::from(dice.below(6))];
    let mut setup = Setup::new(shards, copies);
    if dice.thousandth(200) {
        setup.min_in_sync = 2;
    }
    if dice.thousandth(200) {
        setup.spares = 1;
        setup.controller.replace_ms = 1_500;
    }
    draw(setup, &mut dice).breaking(broken)
}

pub(crate) fn run(seed: u64, setup: Setup, is_traced: bool) -> Outcome {
    let mut world = World::new(setup, seed, is_traced);
    world.run_until(TROUBLES_END_MS);
    world.end_troubles();
    let since_us = world.now_us;
    let mut healed_ms = 0;
    while world.checks.fault.is_none() && !world.is_well(since_us) && healed_ms < WELL_AGAIN_MS {
        healed_ms += 50;
        world.run_until(TROUBLES_END_MS + healed_ms);
    }
    if !world.is_well(since_us) {
        world.checks.fail("a shard is not well again in time");
    }
    for (shard, told) in world.checks.told.clone().iter().enumerate() {
        let at = u8::try_from(shard).expect("a shard");
        let primary = world.document.shards[&at].membership.primary.node;
        if !world.node(primary).log.starts_with(told) {
            world.checks.fail("an acknowledged write is lost");
        }
    }
    Outcome {
        fault: world.checks.fault,
        world,
        healed_ms,
    }
}

/// Fails with all that is needed to see the same again.
pub(crate) fn explain(seed: u64, setup: Setup, fault: &str) -> ! {
    let outcome = run(seed, setup, true);
    for line in outcome.world.trace.iter().flatten() {
        eprintln!("{line}");
    }
    for node in &outcome.world.nodes {
        eprintln!(
            "{:?} {:?} {} entries",
            node.replica,
            node.state,
            node.log.len()
        );
    }
    eprintln!("{:#?}", outcome.world.document);
    panic!("{fault}; SWITCHYARD_SEED={seed} SWITCHYARD_CONTROLLER_RUNS=1");
}

#[test]
fn whatever_happens_nothing_is_lost_and_all_is_well_again() {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    let runs = number("SWITCHYARD_CONTROLLER_RUNS", 300);
    let (mut promotions, mut acknowledged, mut changes) = (0, 0, 0);
    let mut healed = Vec::new();
    for seed in seed..seed + runs {
        let setup = setup_of(seed, Broken::Nothing);
        let outcome = run(seed, setup.clone(), false);
        if let Some(fault) = outcome.fault {
            explain(seed, setup, fault);
        }
        promotions += outcome.world.checks.promotions;
        changes += outcome.world.checks.changes;
        acknowledged += outcome.world.checks.acknowledged;
        healed.push(outcome.healed_ms);
    }
    healed.sort_unstable();
    eprintln!(
        "{runs} runs from {seed}: {changes} changes, {promotions} of them of a leader, {acknowledged} writes acknowledged; all well {} ms after the last trouble in the middle, {} ms at worst",
        healed[healed.len() / 2],
        healed[healed.len() - 1]
    );
    assert!(promotions > runs / 2, "they go somewhere");
}
