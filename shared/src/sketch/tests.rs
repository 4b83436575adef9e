use super::*;

/// A number below `bound`.
fn below(chance: &mut u64, bound: u64) -> u64 {
    *chance = chance
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    ((*chance >> 32) * bound) >> 32
}

/// Raises random registers in random order, those of a model as well; `ascending`: in the order of the registers.
fn check(seed: u64, rises: usize, most_count: u64, is_ascending: bool) {
    let mut chance = seed;
    let mut drawn: Vec<Rise> = (0..rises)
        .map(|_| Rise {
            register: usize::try_from(below(&mut chance, REGISTERS as u64)).unwrap(),
            count: u8::try_from(1 + below(&mut chance, most_count)).unwrap(),
        })
        .collect();
    if is_ascending {
        drawn.sort_by_key(|rise| rise.register);
    }
    let (mut sketch, mut unmarked) = (Sketch::default(), Sketch::default());
    let mut model = vec![0; REGISTERS];
    for rise in drawn {
        let is_lower = model[rise.register] < rise.count;
        model[rise.register] = rise.count.max(model[rise.register]);
        assert_eq!(sketch.raise(rise, usize::MAX), Ok(is_lower));
        // Looked for from the beginning each time, as Redis does.
        unmarked.mark = Mark::default();
        assert_eq!(unmarked.raise(rise, usize::MAX), Ok(is_lower));
    }
    assert!(sketch.bytes == unmarked.bytes, "seed {seed}");
    let shown = SketchRef::of(sketch.bytes()).unwrap();
    let mut registers = Registers::default();
    registers.raise(shown).unwrap();
    assert_eq!(registers.counts(), model);
    let count = shown.count().unwrap();
    assert_eq!(registers.count(), count);
    let mut dense = Sketch::copy(shown);
    dense.make_dense().unwrap();
    let dense = SketchRef::of(dense.bytes()).unwrap();
    assert_eq!(dense.count(), Ok(count));
    let mut registers = Registers::default();
    registers.raise(dense).unwrap();
    assert_eq!(registers.counts(), model);
}

#[test]
fn registers_are_the_same_whichever_way_they_are_written() {
    for seed in 0..20 {
        for (rises, most_count) in [(1, 1), (30, 2), (300, 32), (2_000, 2), (2_000, 40)] {
            check(seed, rises, most_count, false);
            check(seed, rises, most_count, true);
        }
    }
}

#[test]
fn counts_are_close() {
    let mut sketch = Sketch::default();
    let mut seen = 0;
    for wanted in [1, 10, 100, 1_000, 10_000, 100_000] {
        for number in seen..wanted {
            sketch
                .raise(Rise::of(format!("element:{number}").as_bytes()), 3_000)
                .unwrap();
        }
        seen = wanted;
        let count = SketchRef::of(sketch.bytes()).unwrap().count().unwrap();
        assert!(
            count.abs_diff(wanted) * 100 <= wanted * 3,
            "{count} of {wanted}"
        );
    }
}
