//! Single cases: what must happen, or must not, whatever the seed.

use protocol::controller::{Change, Notice, Why};

use crate::chaos::{explain, run};
use crate::dice::{Dice, number};
use crate::setup::{Ambush, Broken, Disk, Setup, Spot, Trouble};
use crate::world::World;

/// Lets a scene pass under several seeds; gives the first fault.
fn fault(
    runs: u64,
    until_ms: u64,
    scene: impl Fn(&mut Dice) -> Setup,
    is_right: impl Fn(&World) -> bool,
) -> Option<(u64, Setup, &'static str)> {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    (seed..seed + runs).find_map(|seed| {
        let setup = scene(&mut Dice(seed));
        let mut world = World::new(setup.clone(), seed, false);
        world.run_until(until_ms);
        if !is_right(&world) {
            world.checks.fail("the scene has not ended as it must");
        }
        world.checks.fault.map(|fault| (seed, setup, fault))
    })
}

fn check(
    runs: u64,
    until_ms: u64,
    scene: impl Fn(&mut Dice) -> Setup,
    is_right: impl Fn(&World) -> bool,
) {
    if let Some((seed, setup, fault)) = fault(runs, until_ms, scene, is_right) {
        let mut world = World::new(setup, seed, true);
        world.run_until(until_ms);
        for line in world.trace.iter().flatten() {
            eprintln!("{line}");
        }
        panic!("{fault}; SWITCHYARD_SEED={seed}");
    }
}

fn nothing_changes(world: &World) -> bool {
    world.checks.changes == 0 && world.checks.acknowledged > 0
}

fn freezes(dice: &mut Dice) -> Setup {
    let mut setup = Setup::new(2, 2);
    for turn in 0..4 {
        let node = dice.below(4);
        let at_ms = 1_000 + turn * 700 + dice.between(0, 100);
        setup = setup.with(at_ms, Trouble::Freeze(Spot::Node(node), 300));
    }
    setup
}

#[test]
fn a_node_that_stands_still_for_300_ms_stays_what_it_is() {
    check(100, 4_500, freezes, nothing_changes);
}

#[test]
fn a_node_that_is_slow_to_answer_stays_what_it_is() {
    let scene = |dice: &mut Dice| Setup::new(1, 2).with(1_000, Trouble::Busy(dice.below(2), 300));
    check(100, 8_000, scene, nothing_changes);
}

fn isolated(_: &mut Dice) -> Setup {
    (0..3).fold(Setup::new(2, 2), |setup, proxy| {
        let at_ms = 1_000 + u64::from(proxy) * 3_000;
        setup
            .with(at_ms, Trouble::Isolate(proxy))
            .with(at_ms + 2_500, Trouble::Rejoin(proxy))
    })
}

#[test]
fn a_proxy_that_is_cut_off_changes_nothing() {
    check(40, 11_000, isolated, nothing_changes);
}

#[test]
fn a_store_that_is_away_changes_nothing() {
    let scene = |_: &mut Dice| {
        Setup::new(1, 2)
            .with(1_000, Trouble::StoreAway)
            .with(4_000, Trouble::StoreBack)
    };
    check(40, 6_000, scene, nothing_changes);
}

/// Four of ten nodes at once.
fn many_at_once(dice: &mut Dice) -> Setup {
    let refuses = dice.thousandth(500);
    (0..4).fold(Setup::new(5, 2), |setup, shard| {
        let disk = Disk::Whole;
        let node = shard * 2;
        setup.with(
            1_000,
            Trouble::Kill {
                node,
                refuses,
                disk,
            },
        )
    })
}

#[test]
fn many_nodes_that_are_gone_at_once_make_nobody_act() {
    check(20, 6_000, many_at_once, |world| {
        world.checks.promotions == 0
    });
}

#[test]
fn three_of_ten_nodes_are_replaced_with_few_changes() {
    let scene = |dice: &mut Dice| {
        let refuses = dice.thousandth(500);
        (0..3).fold(Setup::new(5, 2), |setup, shard| {
            let disk = Disk::Whole;
            let node = shard * 2;
            setup.with(
                1_000,
                Trouble::Kill {
                    node,
                    refuses,
                    disk,
                },
            )
        })
    };
    let is_right = |world: &World| world.checks.promotions == 3 && world.checks.changes <= 3;
    check(20, 4_000, scene, is_right);
}

/// What one shard writes makes the evidence about all others old: that must cost little.
#[test]
fn many_shards_that_fail_at_once_do_not_hinder_each_other() {
    let scene = |dice: &mut Dice| {
        let refuses = dice.thousandth(500);
        (0..12).fold(Setup::new(20, 2), |setup, shard| {
            let disk = Disk::Whole;
            let node = shard * 2;
            setup.with(
                1_000,
                Trouble::Kill {
                    node,
                    refuses,
                    disk,
                },
            )
        })
    };
    let is_right = |world: &World| {
        let mut served = world.checks.acknowledged_us.iter();
        let serve = served.all(|at_us| *at_us > 1_800_000);
        world.checks.promotions == 12 && world.checks.changes <= 6 && serve
    };
    check(5, 2_000, scene, is_right);
}

fn plan(dice: &mut Dice) -> Setup {
    let copies = 2 + dice.below(2);
    Setup::new(1, copies).with(2_000 + dice.between(0, 100), Trouble::FailOver(0))
}

fn is_switched(world: &World) -> bool {
    let planned = |notice: &Notice<u8, u8>| {
        matches!(
            notice,
            Notice::Changed(_, Change::Promoted(_, _, Why::Planned))
        )
    };
    let unknown: u64 = world.nodes.iter().map(|node| node.unknown).sum();
    world.checks.notices.iter().any(planned) && world.checks.promotions == 1 && unknown == 0
}

#[test]
fn a_planned_change_of_the_primary_leaves_nobody_without_an_answer() {
    check(200, 3_000, plan, is_switched);
}

#[test]
fn a_spare_takes_the_place_of_a_node_that_does_not_return() {
    let scene = |dice: &mut Dice| {
        let mut setup = Setup::new(1, 2).with(
            1_000,
            Trouble::Kill {
                node: dice.below(2),
                refuses: true,
                disk: Disk::Whole,
            },
        );
        setup.spares = 2;
        setup.controller.replace_ms = 2_000;
        setup
    };
    let is_right = |world: &World| {
        let membership = &world.document.shards[&0].membership;
        // The one that is gone is listed no more, and the spare of the zone where nobody was is the new one.
        let nodes: Vec<u8> = membership.nodes().into_iter().collect();
        let zones: Vec<u8> = nodes.iter().map(|node| node % 2).collect();
        membership.in_sync.len() == 2
            && nodes.len() == 2
            && zones.contains(&0)
            && zones.contains(&1)
    };
    check(40, 8_000, scene, is_right);
}

/// The primary dies, and starts again with nothing, before anybody could have noticed.
#[test]
fn a_primary_that_returns_empty_wipes_nobody() {
    let scene = |dice: &mut Dice| {
        let disk = Disk::Empty;
        let refuses = true;
        let at_ms = 1_000 + dice.between(0, 100);
        let dies = Trouble::Kill {
            node: 0,
            refuses,
            disk,
        };
        Setup::new(1, 2)
            .with(at_ms, dies)
            .with(at_ms + dice.between(1, 100), Trouble::Start(0))
    };
    let is_right = |world: &World| {
        let membership = &world.document.shards[&0].membership;
        membership.primary.node == 1 && membership.in_sync.len() == 2
    };
    check(100, 4_000, scene, is_right);
}

#[test]
fn all_nodes_that_restart_serve_again() {
    let scene = |dice: &mut Dice| {
        (0..4).fold(Setup::new(2, 2), |setup, node| {
            let disk = Disk::Whole;
            let refuses = dice.thousandth(500);
            let at_ms = 1_000 + dice.between(0, 50);
            setup
                .with(
                    at_ms,
                    Trouble::Kill {
                        node,
                        refuses,
                        disk,
                    },
                )
                .with(at_ms + dice.between(100, 1_500), Trouble::Start(node))
        })
    };
    check(100, 6_000, scene, |world| world.is_well(4_000_000));
}

/// The primary dies and returns; something lies in wait at each action of the controller, one after the other.
fn ambushed(ambush: Ambush) {
    for step in 0..24 {
        let dies = Trouble::Kill {
            node: 0,
            refuses: true,
            disk: Disk::Whole,
        };
        let setup = Setup::new(1, 3)
            .with(1_000, dies)
            .with(1_000, Trouble::Ambush(step, ambush))
            .with(3_000, Trouble::Start(0));
        let seed = number("SWITCHYARD_SEED", 20_261_130) + u64::from(step);
        let outcome = run(seed, setup.clone(), false);
        if let Some(fault) = outcome.fault {
            explain(seed, setup, fault);
        }
    }
}

#[test]
fn a_controller_that_dies_at_any_step_is_replaced() {
    ambushed(Ambush::Kill);
}

#[test]
fn a_store_that_goes_away_at_any_step_loses_nothing() {
    ambushed(Ambush::StoreAway(1_000));
}

/// The primary dies while its follower copies anew, which takes up to 1.5 s: nobody else has anything, so the shard waits for it.
#[test]
fn a_follower_in_full_sync_does_not_lead_when_the_primary_dies() {
    let scene = |dice: &mut Dice| {
        let kill = |node, disk| Trouble::Kill {
            node,
            refuses: true,
            disk,
        };
        // An empty follower returns.
        let returns_ms = 2_500;
        let mut setup = Setup::new(1, 2)
            .with(1_500, kill(1, Disk::Empty))
            .with(returns_ms, Trouble::Start(1))
            .with(returns_ms + dice.between(0, 2_000), kill(0, Disk::Whole))
            .with(5_500, Trouble::Start(0));
        setup.forgets = 1;
        setup.copying_ms = 1_500;
        setup
    };
    check(200, 9_000, scene, |world| world.is_well(8_000_000));
}

#[test]
fn a_primary_that_wakes_up_late_follows() {
    let scene = |dice: &mut Dice| {
        let at_ms = 1_000 + dice.between(0, 100);
        Setup::new(1, 2).with(
            at_ms,
            Trouble::Freeze(Spot::Node(0), dice.between(1_500, 2_500)),
        )
    };
    let is_right = |world: &World| {
        world.document.shards[&0].membership.primary.node == 1 && world.is_well(5_000_000)
    };
    check(100, 6_000, scene, is_right);
}

#[test]
fn a_cut_in_one_direction_leaves_the_shard_in_service() {
    let scene = |dice: &mut Dice| {
        let spots = [
            Spot::Node(0),
            Spot::Node(1),
            Spot::Proxy(0),
            Spot::Proxy(1),
            Spot::Store,
        ];
        let from = spots[usize::from(dice.below(5))];
        let to = spots[usize::from(dice.below(5))];
        Setup::new(1, 2).with(1_000, Trouble::Cut(from, to))
    };
    let is_right = |world: &World| world.checks.acknowledged_us[0] > 5_000_000;
    check(200, 6_000, scene, is_right);
}

/// A scene, how long it lasts, and what must be so at its end.
struct Scene {
    setup: fn(&mut Dice) -> Setup,
    until_ms: u64,
    is_right: fn(&World) -> bool,
}

fn is_found(broken: Broken, scene: &Scene) {
    let setup = |dice: &mut Dice| (scene.setup)(dice).breaking(broken);
    let found = fault(50, scene.until_ms, setup, scene.is_right);
    assert!(found.is_some(), "{broken:?} is not found");
}

#[test]
fn a_pause_that_is_too_short_is_found() {
    let scene = Scene {
        setup: freezes,
        until_ms: 4_500,
        is_right: nothing_changes,
    };
    is_found(Broken::Pause, &scene);
}

#[test]
fn a_proxy_that_is_cut_off_and_believed_is_found() {
    let scene = Scene {
        setup: isolated,
        until_ms: 11_000,
        is_right: nothing_changes,
    };
    is_found(Broken::Blind, &scene);
}

#[test]
fn a_missing_brake_is_found() {
    let scene = Scene {
        setup: many_at_once,
        until_ms: 6_000,
        is_right: |world| world.checks.promotions == 0,
    };
    is_found(Broken::Brake, &scene);
}

#[test]
fn a_primary_that_serves_while_it_is_held_is_found() {
    let scene = Scene {
        setup: plan,
        until_ms: 3_000,
        is_right: is_switched,
    };
    is_found(Broken::Hold, &scene);
}
