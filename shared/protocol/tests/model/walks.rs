//! Long random walks through larger worlds. `SWITCHYARD_SEED` chooses them, `SWITCHYARD_MODEL_WALKS` how many.

use crate::size::{Broken, Size};
use crate::world::World;

/// Numbers that depend on nothing but the seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound.max(1) as u64).unwrap_or_default()
    }
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().unwrap_or(otherwise)
}

/// Walks until something is wrong, at most so many steps; gives the world at the end, and how it came there.
pub(crate) fn walk(seed: u64, size: Size, broken: Broken, most: usize) -> (World, Vec<String>) {
    let mut dice = Dice(seed);
    let mut world = World::new(size);
    let mut way = Vec::new();
    for _ in 0..most {
        let mut steps = world.steps(size);
        // A step that comes to nothing is no step: another one is drawn.
        let next = loop {
            if steps.is_empty() {
                return (world, way);
            }
            let step = steps.swap_remove(dice.below(steps.len()));
            if let Some(next) = world.after(&step, broken) {
                way.push(format!("{step:?}"));
                break next;
            }
        };
        world = next;
        if world.fault.is_some() {
            break;
        }
    }
    (world, way)
}

#[test]
fn long_walks_lose_nothing() {
    let seed = number("SWITCHYARD_SEED", 20_261_130);
    let walks = number("SWITCHYARD_MODEL_WALKS", 1_000);
    let (mut promoted, mut acknowledged, mut grown) = (0, 0, 0);
    for number in 0..walks {
        let size = Size {
            nodes: 2 + (number % 2) as u8,
            writes: 6,
            changes: 10,
            restarts: 3,
            reads: true,
        };
        let (world, way) = walk(seed + number, size, Broken::Nothing, 400);
        if let Some(fault) = world.fault {
            panic!(
                "{fault}; SWITCHYARD_SEED={} nodes {}: {way:#?}\n{world}",
                seed + number,
                size.nodes
            );
        }
        promoted += u64::from(world.document.epoch.0 > 1);
        acknowledged += world.acknowledged.len() as u64;
        grown += u64::from(way.iter().any(|step| step.starts_with("Grow")));
    }
    eprintln!(
        "{walks} walks from {seed}: {promoted} with a promotion, {grown} in which a follower grew in, {acknowledged} writes acknowledged"
    );
    assert!(
        promoted > walks / 2 && acknowledged > walks,
        "they go somewhere"
    );
    assert!(grown > 0, "followers come back");
}
