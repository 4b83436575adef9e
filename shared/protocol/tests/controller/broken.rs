//! With one rule broken something must be found; otherwise the checks see nothing, or the rule is none.

use crate::chaos::{explain, run, setup_of};
use crate::dice::{Dice, number};
use crate::setup::{Broken, Disk, Setup, Spot, Trouble};

fn is_found(broken: Broken) {
    is_found_in(broken, |seed| setup_of(seed, broken));
}

fn is_found_in(broken: Broken, setup_of: impl Fn(u64) -> Setup) {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    let found = (0..2_000).find_map(|number| {
        let outcome = run(seed + number, setup_of(seed + number), false);
        outcome.fault.map(|fault| (number, fault))
    });
    let (runs, fault) = found.unwrap_or_else(|| panic!("{broken:?} is not found"));
    eprintln!("{broken:?}: {fault}, in run {runs}");
}

/// The primary and its follower do not hear each other; one controller sees the follower hold the primary up, the others do not see the primary at all.
fn disputed(seed: u64) -> Setup {
    let mut dice = Dice(seed);
    let (primary, follower) = (Spot::Node(0), Spot::Node(1));
    let mut setup = Setup::new(1, 2)
        .with(1_000, Trouble::Cut(primary, follower))
        .with(1_000, Trouble::Cut(follower, primary));
    for proxy in [1, 2].map(Spot::Proxy) {
        let at_ms = 1_300 + dice.between(0, 400);
        setup = setup
            .with(at_ms, Trouble::Cut(primary, proxy))
            .with(at_ms, Trouble::Cut(proxy, primary));
    }
    setup.are_zealous = true;
    setup
}

#[test]
fn a_store_that_does_not_compare_is_found() {
    is_found_in(Broken::Compare, |seed| {
        disputed(seed).breaking(Broken::Compare)
    });
}

#[test]
fn a_dispute_of_controllers_harms_nobody_while_the_store_compares() {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    for seed in seed..seed + 100 {
        let outcome = run(seed, disputed(seed), false);
        if let Some(fault) = outcome.fault {
            explain(seed, disputed(seed), fault);
        }
    }
}

#[test]
fn acknowledging_alone_is_found() {
    is_found(Broken::Alone);
}

#[test]
fn an_incarnation_that_stays_is_found() {
    is_found(Broken::Incarnation);
}

#[test]
fn a_copy_that_is_thrown_away_without_permission_is_found() {
    is_found_in(Broken::Wipe, |seed| {
        let (primary, follower) = (Spot::Node(0), Spot::Node(1));
        let mut setup = Setup::new(1, 2)
            .with(1_000, Trouble::Cut(primary, follower))
            .with(1_400, Trouble::Join(primary, follower))
            .with(1_400 + seed % 100, dies(0))
            .breaking(Broken::Wipe);
        setup.forgets = 1;
        setup
    });
}

#[test]
fn not_waiting_is_found() {
    is_found(Broken::ShrinkLater);
}

/// An empty follower returns, and copies; its primary dies meanwhile.
#[test]
fn half_a_copy_that_is_in_sync_is_found() {
    is_found_in(Broken::Half, |seed| {
        let disk = Disk::Empty;
        let empty = Trouble::Kill {
            node: 1,
            refuses: true,
            disk,
        };
        let mut setup = Setup::new(1, 2)
            .with(1_500, empty)
            .with(2_500, Trouble::Start(1))
            .with(3_100 + seed % 500, dies(0))
            .breaking(Broken::Half);
        setup.forgets = 1;
        setup.copying_ms = 2_000;
        setup
    });
}

fn dies(node: u8) -> Trouble {
    Trouble::Kill {
        node,
        refuses: true,
        disk: Disk::Whole,
    }
}

#[test]
fn a_primary_that_is_never_told_to_wait_for_more_is_found() {
    is_found(Broken::Join);
}
