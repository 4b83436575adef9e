//! Room for the rest of a request that has not arrived as a whole.
//! Pure. Bounds: memory is taken for a fixed multiple of the bytes that are here, whatever they announce; of a large value only a small part is ever moved.

use super::ArgRange;

/// Most bytes that should be read at once behind the beginning of a request: they are scanned in one go, in a quarter of a millisecond where arguments are short.
pub const READ_AT_ONCE_BYTES: usize = 256 * 1024;

/// A buffer grows by at most so many times what it already holds: nobody makes us take much by announcing much. (Of what nobody writes to, the kernel takes note
/// alone.)
const MOST_TIMES: usize = 32;

/// … and by no more bytes than these: the longest argument.
const MOST_BYTES: usize = 512 * 1024 * 1024;

/// Arguments that one read brings at most: each takes seven bytes, if it is not empty.
const ARGS_PER_READ: usize = READ_AT_ONCE_BYTES / 7;

/// Room is made for at most so many times the arguments that are here.
const MOST_TIMES_ARGS: usize = 8;

/// Sees to room behind the bytes in `buffer`, where `expected` more are to come (`RequestScanner::expected_bytes`): for `step` bytes at least, unless fewer are
/// expected. `step` is at most 512 MB.
pub fn make_room(buffer: &mut Vec<u8>, expected: usize, step: usize) {
    let length = buffer.len();
    if buffer.capacity() - length < expected.clamp(1, step) {
        let more = growth(length, expected, step);
        if buffer.try_reserve_exact(more).is_err() {
            // Then what is expected comes in smaller steps, as long as there is memory.
            buffer.reserve_exact(step);
        }
    }
}

/// By how many bytes room grows that holds `length` bytes. It grows in steps that end at what is expected: one that fell just short of it would have nearly
/// all of it moved by the next.
fn growth(length: usize, expected: usize, step: usize) -> usize {
    let most = (length * MOST_TIMES).clamp(step, MOST_BYTES);
    let goal = length.saturating_add(expected.max(step));
    step_towards(goal, length, MOST_TIMES, most).max(step)
}

/// The next of the steps from `length` to `goal`, of `most` at most: the later ones are `times` what was there before.
fn step_towards(goal: usize, length: usize, times: usize, most: usize) -> usize {
    let mut next = goal;
    while next > length && next - length > most {
        next = next.div_ceil(times + 1);
    }
    match next.checked_sub(length) {
        None | Some(0) => most,
        Some(step) => step,
    }
}

/// Sees to room for the ranges of the arguments to come, of which `announced` are announced.
pub(super) fn make_room_for_args(ranges: &mut Vec<ArgRange>, announced: usize) {
    let length = ranges.len();
    let enough = announced.min(ARGS_PER_READ).min(length / 2);
    if ranges.capacity() - length < enough {
        let most = length * MOST_TIMES_ARGS;
        ranges.reserve_exact(step_towards(
            length + announced,
            length,
            MOST_TIMES_ARGS,
            most,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::{ArgRange, MOST_BYTES, MOST_TIMES, growth, make_room, make_room_for_args};

    const STEP: usize = 16 * 1024;

    #[test]
    fn little_of_a_large_value_is_moved_and_it_has_just_the_room_it_needs() {
        for total in [100_000, 50_000_000, 256_000_040, 536_870_950] {
            for first in (40..65_536).step_by(333) {
                let mut length = first;
                while length < total {
                    let moved = length;
                    assert!(
                        moved <= (total / MOST_TIMES).max(65_536 + STEP),
                        "{moved} of {total} are moved"
                    );
                    let more = growth(length, total - length, STEP);
                    assert!(more >= STEP);
                    assert!(more <= (length * MOST_TIMES).max(STEP), "taken at his word");
                    length += more;
                }
                assert!(length - total <= STEP, "{length} for {total}");
            }
        }
    }

    #[test]
    fn nothing_is_moved_as_long_as_there_is_room() {
        let mut buffer = Vec::with_capacity(STEP);
        buffer.push(1);
        for missing in [0, 1, STEP - 1] {
            make_room(&mut buffer, missing, STEP);
            assert_eq!(buffer.capacity(), STEP);
        }
        make_room(&mut buffer, STEP, STEP);
        assert_eq!(buffer.capacity(), STEP + 1);
    }

    #[test]
    fn steps_are_bounded_whatever_is_expected() {
        for (length, expected, step) in [
            (0, 0, STEP),
            (1, usize::MAX, STEP),
            (1_000_000, usize::MAX, 32_000_000),
            (1_000_000_000, usize::MAX, MOST_BYTES),
            (1_000_000_000, 600_000_000, MOST_BYTES),
            (1_000_000_000, 400_000_000, 400_000_000),
            (1_000_000_000, 3, STEP),
            (1_000_000, 0, STEP),
        ] {
            let more = growth(length, expected, STEP);
            assert!((STEP..=step).contains(&more), "{more} behind {length}");
        }
    }

    #[test]
    fn ranges_are_moved_seldom_however_they_arrive() {
        const COUNT: usize = 1_000_000;
        for at_once in [1, 7, 30_000] {
            let (mut ranges, mut moved) = (Vec::new(), 0);
            while ranges.len() < COUNT {
                let before: (usize, usize) = (ranges.len(), ranges.capacity());
                make_room_for_args(&mut ranges, COUNT - before.0);
                ranges.resize(COUNT.min(before.0 + at_once), ArgRange::default());
                moved += usize::from(ranges.capacity() != before.1) * before.0;
            }
            assert!(moved < COUNT / 2, "{moved} moved, {at_once} at once");
            assert_eq!(ranges.capacity(), COUNT);
        }
    }
}
