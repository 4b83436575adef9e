use super::*;
use proptest::prelude::*;

/// Shards by name and weight, with who owns what.
#[derive(Clone, Debug)]
struct Cluster {
    shards: Vec<(ShardId, Weight, SlotSet)>,
}

impl Cluster {
    /// The first shard owns everything; the others join in turn.
    fn grown(weights: &[u16]) -> Self {
        let mut cluster = Self { shards: Vec::new() };
        for &weight in weights {
            cluster.join(weight);
        }
        cluster
    }

    fn join(&mut self, weight: u16) -> Gains {
        let slots = match self.shards.len() {
            0 => SlotSet::full(),
            _ => SlotSet::empty(),
        };
        let id = format!("s{}", self.shards.len() + 1).parse().unwrap();
        self.shards.push((id, Weight::new(weight).unwrap(), slots));
        let gains = take_share(&self.on_ring(), self.shards.len() - 1);
        self.give(&gains);
        gains
    }

    fn on_ring(&self) -> Vec<RingShard<'_>> {
        self.shards
            .iter()
            .map(|(id, weight, slots)| RingShard {
                id,
                weight: *weight,
                slots,
            })
            .collect()
    }

    fn give(&mut self, gains: &Gains) {
        for (taker, gain) in gains.iter().enumerate() {
            for (place, shard) in self.shards.iter_mut().enumerate() {
                shard.2 = if place == taker {
                    shard.2.union(gain)
                } else {
                    shard.2.difference(gain)
                };
            }
        }
    }

    fn loads(&self) -> Vec<usize> {
        self.shards.iter().map(|shard| shard.2.len()).collect()
    }

    fn is_whole(&self) -> bool {
        let all = self
            .shards
            .iter()
            .fold(SlotSet::empty(), |all, shard| all.union(&shard.2));
        all == SlotSet::full() && self.loads().iter().sum::<usize>() == 16384
    }
}

#[test]
fn the_nth_shard_takes_a_nth_part_and_nothing_else_moves() {
    let mut cluster = Cluster::grown(&[100]);
    for n in 2..=40 {
        let gains = cluster.join(100);
        let moved: usize = gains.iter().map(SlotSet::len).sum();
        assert_eq!(moved, 16384 / n, "moved for shard {n}");
        assert_eq!(gains[n - 1].len(), moved, "all of it to shard {n}");
        assert!(cluster.is_whole());
    }
}

#[test]
fn every_shard_gives_its_part_to_a_new_one() {
    let mut cluster = Cluster::grown(&[100, 100, 100]);
    let before = cluster.loads();
    cluster.join(100);
    let given: Vec<usize> = before
        .iter()
        .zip(cluster.loads())
        .map(|(before, after)| before - after)
        .collect();
    assert!(
        given.iter().all(|&slots| (1363..=1367).contains(&slots)),
        "{given:?}"
    );
}

#[test]
fn the_nearest_slots_come_first_and_every_slot_once() {
    let point = |at| Point {
        at,
        tie: 0,
        shard: 0,
    };
    let slots: Vec<u16> = nearest_first(&[point(2), point(2), point(16380)])
        .map(SlotId::number)
        .collect();
    assert_eq!(slots[..8], [2, 16380, 1, 16379, 0, 16378, 16383, 16377]);
    assert_eq!(slots[slots.len() - 1], 3);
    assert_eq!(slots.len(), 16384);
    assert_eq!(
        nearest_first(&[point(7)]).collect::<SlotSet>(),
        SlotSet::full()
    );
}

/// Fixed for ever: a proxy of next year must come to the same topology.
#[test]
fn the_same_shards_get_the_same_slots_on_every_machine() {
    let cluster = Cluster::grown(&[100, 100, 100]);
    assert_eq!(cluster.loads(), [5462, 5461, 5461]);
    let first_ranges: Vec<String> = cluster
        .shards
        .iter()
        .map(|shard| {
            let text = shard.2.to_string();
            text.split(' ').take(3).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        first_ranges,
        [
            "22-548 1385-1575 2218-2625",
            "549-1052 1576-2217 3139-3421",
            "0-21 1053-1384 2626-3110"
        ]
    );
    let ranges: usize = cluster.shards.iter().map(|s| s.2.ranges().count()).sum();
    assert!(ranges < 100, "{ranges} ranges");
}

fn weights() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(
        prop_oneof![Just(100_u16), 1..=1_000_u16, 1..=10_000_u16],
        1..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_joining_shard_gets_its_share_by_weight(weights in weights(), weight in 1_u16..=1_000) {
        let mut cluster = Cluster::grown(&weights);
        let old = cluster.clone();
        let gains = cluster.join(weight);
        prop_assert!(cluster.is_whole());
        let total: usize = weights.iter().chain([&weight]).map(|&w| usize::from(w)).sum();
        prop_assert_eq!(gains.last().unwrap().len(), 16384 * usize::from(weight) / total);
        let others: usize = gains[..weights.len()].iter().map(SlotSet::len).sum();
        prop_assert_eq!(others, 0);
        for (before, after) in old.shards.iter().zip(&cluster.shards) {
            prop_assert!(after.2.is_subset(&before.2), "an old shard gained slots");
        }
    }

    #[test]
    fn loads_stay_within_as_many_slots_of_the_share_as_there_are_shards(weights in weights()) {
        let cluster = Cluster::grown(&weights);
        let floors = shares(&cluster.on_ring(), Rounding::Down);
        for (load, floor) in cluster.loads().into_iter().zip(floors) {
            prop_assert!(load >= floor && load <= floor + weights.len(), "{} against {}", load, floor);
        }
    }

    #[test]
    fn a_leaving_shards_slots_and_no_others_go_to_those_below_their_share(weights in weights(), which in any::<usize>()) {
        let mut cluster = Cluster::grown(&weights);
        cluster.join(100);
        let (.., leaving) = cluster.shards.remove(which % cluster.shards.len());
        let before = cluster.clone();
        let gains = hand_out(&cluster.on_ring(), &leaving);
        cluster.give(&gains);
        prop_assert!(cluster.is_whole());
        let ceilings = shares(&cluster.on_ring(), Rounding::Up);
        for (place, ceiling) in ceilings.into_iter().enumerate() {
            let (old, new) = (&before.shards[place].2, &cluster.shards[place].2);
            prop_assert!(old.is_subset(new), "a slot moved that did not have to");
            prop_assert!(new.len() <= ceiling.max(old.len()));
        }
    }

    #[test]
    fn a_shrinking_shard_gives_what_is_above_its_share_and_nothing_else_moves(weights in weights(), which in any::<usize>()) {
        let mut cluster = Cluster::grown(&weights);
        cluster.join(500);
        let place = which % cluster.shards.len();
        let old = cluster.clone();
        cluster.shards[place].1 = Weight::new((old.shards[place].1.get() / 2).max(1)).unwrap();
        let gains = give_share(&cluster.on_ring(), place);
        cluster.give(&gains);
        prop_assert!(cluster.is_whole());
        let share = shares(&cluster.on_ring(), Rounding::Up)[place];
        prop_assert_eq!(cluster.shards[place].2.len(), share.min(old.shards[place].2.len()));
        for (number, (before, after)) in old.shards.iter().zip(&cluster.shards).enumerate() {
            prop_assert!(number == place || before.2.is_subset(&after.2));
        }
    }

    #[test]
    fn the_order_in_which_shards_are_listed_does_not_matter(weights in weights()) {
        let mut cluster = Cluster::grown(&weights);
        cluster.join(100);
        let (.., leaving) = cluster.shards.remove(0);
        let forwards = hand_out(&cluster.on_ring(), &leaving);
        cluster.shards.reverse();
        let mut backwards = hand_out(&cluster.on_ring(), &leaving);
        backwards.reverse();
        prop_assert_eq!(forwards, backwards);
    }
}
