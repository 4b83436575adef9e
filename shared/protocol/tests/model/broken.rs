//! With one rule broken the checker must find a loss; otherwise it sees nothing, or the rule is none. Not here, for walks did not come upon their long ways in a
//! hundred thousand tries: a copy that is thrown away without permission, commit that is taken for known after a promotion, and evidence of an older version.

use crate::size::{Broken, Size};
use crate::walks::{number, walk};

fn size(nodes: u8) -> Size {
    Size {
        nodes,
        writes: 5,
        changes: 10,
        restarts: 2,
        reads: true,
    }
}

fn is_found(broken: Broken, nodes: u8) {
    let size = size(nodes);
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    let found = (0..100_000).find_map(|number| {
        let (world, way) = walk(seed + number, size, broken, 300);
        world.fault.map(|fault| (number, fault, way.len()))
    });
    let (walks, fault, steps) = found.unwrap_or_else(|| panic!("{broken:?} is not found"));
    eprintln!("{broken:?}: {fault}, in walk {walks}, after {steps} steps");
}

#[test]
fn a_missing_fence_is_found() {
    is_found(Broken::Fence, 2);
}

#[test]
fn growing_before_anybody_waits_is_found() {
    is_found(Broken::GrowFirst, 3);
}

#[test]
fn not_waiting_is_found() {
    is_found(Broken::ShrinkLater, 2);
}

#[test]
fn recovering_before_all_are_back_is_found() {
    is_found(Broken::RecoverEarly, 2);
}

#[test]
fn acknowledging_alone_is_found() {
    is_found(Broken::Alone, 2);
}

#[test]
fn reading_without_asking_is_found() {
    is_found(Broken::ReadAlone, 2);
}

/// The same worlds with every rule kept, so that what is found above is found because of the rule.
#[test]
fn nothing_is_found_when_every_rule_is_kept() {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    for number in 0..number("SWITCHYARD_MODEL_WALKS", 1_000) {
        let size = size(2 + (number % 2) as u8);
        let (world, way) = walk(seed + number, size, Broken::Nothing, 300);
        assert_eq!(world.fault, None, "walk {number}: {way:#?}\n{world}");
    }
}
