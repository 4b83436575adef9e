//! Room for the rest of a request that has not arrived as a whole.
//! Pure. Bounds: memory is taken for a fixed multiple of the bytes that are here, whatever they announce; of a large value only a small part is ever moved.

/// Most bytes that should be read at once behind the beginning of a request: they are scanned in one go, in a quarter of a millisecond where arguments are short.
pub const READ_AT_ONCE_BYTES: usize = 256 * 1024;

/// A buffer grows by at most so many times what it already holds: nobody makes us take much by announcing much. (Of what nobody writes to, the kernel takes note
/// alone.)
const MOST_TIMES: usize = 32;

/// Most room for short arguments, of which nobody knows how many bytes they come to; when more than this is here, the room doubles.
const MOST_UNANNOUNCED_BYTES: usize = 64 * 1024 * 1024;

/// Sees to room behind the bytes in `buffer`, where `missing` more are announced (`RequestScanner::missing_bytes`): for `step` bytes at least, unless fewer are missing.
pub fn make_room(buffer: &mut Vec<u8>, missing: usize, step: usize) {
    let length = buffer.len();
    if buffer.capacity() - length < missing.clamp(1, step) {
        buffer.reserve_exact(growth(length, missing, step));
    }
}

/// By how many bytes room grows that holds `length` bytes. It grows in steps that end at what is announced: a step that fell just short of it would have nearly
/// all of it moved by the next.
fn growth(length: usize, missing: usize, step: usize) -> usize {
    let most = (length * MOST_TIMES).max(step);
    if missing < step {
        return most.min(MOST_UNANNOUNCED_BYTES.max(length));
    }
    let mut goal = length + missing;
    while goal - length > most {
        goal = goal.div_ceil(MOST_TIMES + 1);
    }
    (goal - length).max(step)
}

#[cfg(test)]
mod tests {
    use super::{MOST_TIMES, growth, make_room};

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
    fn many_short_arguments_are_moved_seldom() {
        let (mut length, mut moved) = (1, 0);
        while length < 1_000_000_000 {
            moved += length;
            length += growth(length, 3, STEP);
        }
        assert!(moved < length + length / 2, "{moved} bytes of {length}");
    }
}
