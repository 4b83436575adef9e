//! Room for the rest of a request that has not arrived as a whole.
//! Pure. Bounds: memory is taken for a fixed multiple of the bytes that are here, whatever they announce; each byte is moved a few times at most.

/// Most bytes that should be read at once behind the beginning of a request: they are scanned in one go, in a quarter of a millisecond where arguments are short.
pub const READ_AT_ONCE_BYTES: usize = 256 * 1024;

/// A buffer grows by at most so many times what it already holds: nobody makes us take much by announcing much, and a large value is seldom moved.
const MOST_TIMES: usize = 8;

/// It grows by at least this part of what it holds, for arguments that are short announce little.
const LEAST_PART: usize = 4;

/// Sees to room behind the bytes in `buffer`, where `missing` more are announced (`RequestScanner::missing_bytes`): for `step` bytes at least, unless fewer are missing.
pub fn make_room(buffer: &mut Vec<u8>, missing: usize, step: usize) {
    let length = buffer.len();
    if buffer.capacity() - length < missing.clamp(1, step) {
        let least = (length / LEAST_PART).max(step);
        let most = (length * MOST_TIMES).max(step);
        buffer.reserve_exact(missing.clamp(least, most));
    }
}

#[cfg(test)]
mod tests {
    use super::make_room;

    const STEP: usize = 100;

    /// The room behind `length` bytes, when there was none and so many were missing.
    fn room(length: usize, missing: usize) -> usize {
        let mut buffer = vec![0; length];
        buffer.shrink_to_fit();
        make_room(&mut buffer, missing, STEP);
        buffer.capacity() - length
    }

    #[test]
    fn room_is_made_for_what_is_announced_within_bounds() {
        assert_eq!(room(0, 0), STEP);
        assert_eq!(room(1_000, 5_000), 5_000);
        assert_eq!(room(1_000, 1_000_000), 8_000, "nobody is taken at his word");
        assert_eq!(
            room(1_000, 0),
            250,
            "what is announced may be little of what comes"
        );
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
    fn many_short_arguments_move_each_byte_a_few_times() {
        let (mut buffer, mut moves) = (Vec::new(), 0);
        while buffer.len() < 1_000_000 {
            let before = buffer.capacity();
            make_room(&mut buffer, 3, STEP);
            moves += usize::from(buffer.capacity() != before);
            buffer.resize(buffer.capacity(), 0);
        }
        assert!(moves < 50, "{moves} moves");
    }
}
