//! How long a shard is without service, in simulated time: probes every 100 ms, messages that take 0.2 to 2 ms, a client that writes every 5 to 30 ms.

use crate::dice::{Dice, number};
use crate::setup::{Disk, Setup, Trouble};
use crate::world::World;

/// The middle of many times and the worst, in milliseconds.
struct Times {
    middle: u64,
    worst: u64,
}

fn times(mut all_us: Vec<u64>) -> Times {
    all_us.sort_unstable();
    Times {
        middle: all_us[all_us.len() / 2] / 1_000,
        worst: all_us[all_us.len() - 1] / 1_000,
    }
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("SWITCHYARD_SEED", 20_261_130);
    first..first + number("SWITCHYARD_CONTROLLER_KILLS", 100)
}

/// From the death of a primary until another one serves, and until a write is acknowledged.
fn failover(refuses: bool, copies: u8, with_controller: bool) -> (Times, Times) {
    let (mut served, mut acknowledged) = (Vec::new(), Vec::new());
    for seed in seeds() {
        let mut dice = Dice(seed);
        let at_ms = 1_500 + dice.between(0, 200);
        let dies = Trouble::Kill {
            node: 0,
            refuses,
            disk: Disk::Whole,
        };
        let mut setup = Setup::new(1, copies).with(at_ms, dies);
        if with_controller {
            setup = setup.with(at_ms, Trouble::KillController);
        }
        let mut world = World::new(setup, seed, false);
        world.run_until(at_ms);
        let killed_us = at_ms * 1_000;
        let mut until_ms = at_ms;
        while world.checks.acknowledged_us[0] <= killed_us && until_ms < at_ms + 5_000 {
            until_ms += 5;
            world.run_until(until_ms);
        }
        assert_eq!(world.checks.fault, None, "SWITCHYARD_SEED={seed}");
        let mut all = world.checks.served_us.iter();
        let next = all.find(|((_, epoch), _)| epoch.0 == 2);
        let (_, served_us) = next.unwrap_or_else(|| panic!("SWITCHYARD_SEED={seed}"));
        served.push(served_us - killed_us);
        acknowledged.push(world.checks.acknowledged_us[0] - killed_us);
    }
    (times(served), times(acknowledged))
}

fn check(what: &str, refuses: bool, copies: u8, with_controller: bool) {
    let (served, acknowledged) = failover(refuses, copies, with_controller);
    eprintln!(
        "{what}, {copies} copies: another leads after {} ms in the middle, {} at worst; a write is acknowledged after {} and {}",
        served.middle, served.worst, acknowledged.middle, acknowledged.worst
    );
    let most_ms = if with_controller { 2_000 } else { 1_000 };
    assert!(acknowledged.middle <= most_ms && acknowledged.worst <= 2_000);
    assert!(served.worst <= if with_controller { 2_000 } else { 1_500 });
}

#[test]
fn a_process_that_is_killed_is_replaced_in_time() {
    check("connections are refused", true, 2, false);
    check("connections are refused", true, 3, false);
}

#[test]
fn a_machine_that_falls_silent_is_replaced_in_time() {
    check("nobody answers", false, 2, false);
    check("nobody answers", false, 3, false);
}

#[test]
fn a_primary_that_dies_together_with_the_controller_is_replaced_in_time() {
    check(
        "refused, and the controller is killed as well",
        true,
        2,
        true,
    );
    check(
        "silent, and the controller is killed as well",
        false,
        3,
        true,
    );
}

#[test]
fn a_planned_change_takes_no_longer_than_clients_are_held() {
    let mut pauses = Vec::new();
    for seed in seeds() {
        let setup = Setup::new(1, 2).with(2_000, Trouble::FailOver(0));
        let mut world = World::new(setup, seed, false);
        world.run_until(1_990);
        world.checks.longest_us = 0;
        world.run_until(3_000);
        assert_eq!(world.checks.promotions, 1, "SWITCHYARD_SEED={seed}");
        pauses.push(world.checks.longest_us);
    }
    let times = times(pauses);
    eprintln!(
        "a planned change: no write is acknowledged for {} ms in the middle, {} at worst",
        times.middle, times.worst
    );
    assert!(times.worst <= 200);
}
