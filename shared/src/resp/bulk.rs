//! Bulk strings (`$len bytes`), alone and many in a row: short ones in stores of fixed widths, without a call.
//! Pure; appends to a buffer that the caller owns and reuses. Never: looks at what was written before.

use super::encode::write_head;

/// The longest of the short ones.
const SHORT_BYTES: usize = 32;

/// Room for any short one: `$`, two digits, two line ends.
const SHORT_ROOM: usize = SHORT_BYTES + 7;

/// Room that is made at once for many in a row.
const ROOM: usize = 64 * SHORT_ROOM;

/// After so many short ones in a row there will be more: between long ones room would be made in vain.
const A_ROW: u32 = 4;

/// Appends `$len bytes`: one argument of a request, or a value.
#[inline]
pub fn encode_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    /// `$`, 20 digits, two line ends.
    const FRAMING: usize = 25;
    if bytes.len() <= SHORT_BYTES {
        return encode_short_bulk(out, bytes);
    }
    out.reserve(bytes.len() + FRAMING);
    encode_bulk_head(out, bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends what stands before an argument of so many bytes; a line end stands behind it.
pub fn encode_bulk_head(out: &mut Vec<u8>, bytes: usize) {
    write_head(out, b'$', bytes);
}

/// The same for a short one: room for the longest is made at once, what is not needed is given back.
#[inline]
fn encode_short_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; SHORT_ROOM]);
    if let Some(room) = out[start..].first_chunk_mut() {
        let len = write_short(room, bytes);
        out.truncate(start + len);
    }
}

/// What stands before a short one, by its length, in as many bytes as one store has.
const SHORT_HEADS: [[u8; 8]; SHORT_BYTES + 1] = {
    let mut heads = [[0; 8]; SHORT_BYTES + 1];
    let (mut len, mut tens, mut ones) = (0, b'0', b'0');
    while len <= SHORT_BYTES {
        heads[len] = match tens {
            b'0' => [b'$', ones, b'\r', b'\n', 0, 0, 0, 0],
            _ => [b'$', tens, ones, b'\r', b'\n', 0, 0, 0],
        };
        (tens, ones) = match ones {
            b'9' => (tens + 1, b'0'),
            _ => (tens, ones + 1),
        };
        len += 1;
    }
    heads
};

/// Writes a short one; how long it is with its frame.
#[inline(always)]
fn write_short(room: &mut [u8; SHORT_ROOM], bytes: &[u8]) -> usize {
    let len = bytes.len();
    room[..8].copy_from_slice(&SHORT_HEADS[len]);
    // First and last bytes, which may overlap.
    let at =
        if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            room[5..21].copy_from_slice(first);
            room[len - 11..len + 5].copy_from_slice(last);
            5
        } else {
            let at = if len < 10 { 4 } else { 5 };
            let text = &mut room[at..at + len];
            if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
                text[..8].copy_from_slice(first);
                text[len - 8..].copy_from_slice(last);
            } else {
                for (to, from) in text.iter_mut().zip(bytes) {
                    *to = *from;
                }
            }
            at
        };
    room[at + len..at + len + 2].copy_from_slice(b"\r\n");
    at + len + 2
}

/// Bulk strings in a row, with room made for many short ones at once. What was not needed is given back at the end.
#[derive(Debug)]
pub struct Bulks<'a> {
    out: &'a mut Vec<u8>,
    /// Behind the last one; what follows is room.
    end: usize,
    /// Short ones since the last long one, or since the beginning, that found no room.
    in_a_row: u32,
}

impl<'a> Bulks<'a> {
    /// Behind what `out` has.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        let end = out.len();
        Self {
            out,
            end,
            in_a_row: 0,
        }
    }

    /// Bytes in the buffer, without room.
    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// Appends one.
    #[inline(always)]
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.len() <= SHORT_BYTES
            && let Some(room) = self.out[self.end..].first_chunk_mut()
        {
            self.end += write_short(room, bytes);
        } else {
            self.push_slowly(bytes);
        }
    }

    /// Appends the head of an array of `len` elements, which follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        if let Ok(below @ 0..=99) = u8::try_from(len)
            && let Some(room) = self.out[self.end..].first_chunk_mut::<5>()
        {
            let (tens, ones) = (b'0' + below / 10, b'0' + below % 10);
            if below < 10 {
                room[..4].copy_from_slice(&[b'*', ones, b'\r', b'\n']);
                self.end += 4;
            } else {
                *room = [b'*', tens, ones, b'\r', b'\n'];
                self.end += 5;
            }
        } else {
            self.out.truncate(self.end);
            write_head(self.out, b'*', len);
            self.end = self.out.len();
        }
    }

    /// Appends several of `each` bytes, which lie one behind the other.
    ///
    /// # Panics
    /// When `each` is 0.
    pub fn push_several(&mut self, bytes: &[u8], each: usize) {
        let texts = bytes.chunks_exact(each);
        if !(16..=SHORT_BYTES).contains(&each) {
            return texts.for_each(|text| self.push(text));
        }
        // As in [`write_short`], but that it is known how long they are.
        let head = SHORT_HEADS[each];
        self.make_room(texts.len() * (each + 7) + SHORT_ROOM);
        for text in texts {
            let (Some(room), Some(first), Some(last)) = (
                self.out[self.end..].first_chunk_mut::<SHORT_ROOM>(),
                text.first_chunk::<16>(),
                text.last_chunk::<16>(),
            ) else {
                self.push_slowly(text);
                continue;
            };
            room[..8].copy_from_slice(&head);
            room[5..21].copy_from_slice(first);
            room[each - 11..each + 5].copy_from_slice(last);
            room[each + 5..each + 7].copy_from_slice(b"\r\n");
            self.end += each + 7;
        }
    }

    /// Bytes that such a one takes.
    #[must_use]
    pub fn length_of(each: usize) -> usize {
        // `$`, digits, two line ends.
        let digits = each.checked_ilog10().map_or(1, |log| log as usize + 1);
        each + digits + 5
    }

    /// The same for a long one, or where there is no room.
    #[inline(never)]
    fn push_slowly(&mut self, bytes: &[u8]) {
        self.out.truncate(self.end);
        encode_bulk(self.out, bytes);
        self.end = self.out.len();
        if bytes.len() > SHORT_BYTES {
            self.in_a_row = 0;
            return;
        }
        self.in_a_row += 1;
        if self.in_a_row >= A_ROW {
            self.make_room(ROOM);
        }
    }

    fn make_room(&mut self, bytes: usize) {
        if self.out.len() < self.end + bytes {
            self.out.resize(self.end + bytes, 0);
        }
    }

    /// An integer.
    #[inline(never)]
    pub fn push_integer(&mut self, value: i64) {
        self.push(itoa::Buffer::new().format(value).as_bytes());
    }
}

impl Drop for Bulks<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bulks, encode_bulk};

    #[test]
    fn several_of_one_length_are_written_as_each_alone() {
        for each in (1..40).chain([99, 100, 1000]) {
            let texts: Vec<u8> = (b'a'..=b'z').cycle().take(each * 130).collect();
            let (mut out, mut expected) = (b"before".to_vec(), b"before".to_vec());
            let mut bulks = Bulks::new(&mut out);
            bulks.push_several(&texts, each);
            drop(bulks);
            for text in texts.chunks_exact(each) {
                encode_bulk(&mut expected, text);
            }
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
            assert_eq!(out.len() - 6, 130 * Bulks::length_of(each));
        }
        assert_eq!(Bulks::length_of(0), "$0\r\n\r\n".len());
    }

    #[test]
    fn strings_in_a_row_are_written_as_each_alone() {
        for lengths in [0..80, 0..33, 30..36, 200..203] {
            let (mut out, mut expected) = (b"before".to_vec(), b"before".to_vec());
            let mut bulks = Bulks::new(&mut out);
            // Often enough that room ends and is made again.
            for len in lengths.cycle().take(700) {
                let text: Vec<u8> = (b'a'..=b'z').cycle().take(len).collect();
                bulks.push(&text);
                expected.extend(format!("${len}\r\n").as_bytes());
                expected.extend(&text);
                expected.extend(b"\r\n");
                assert_eq!(bulks.end(), expected.len());
            }
            bulks.push_integer(-70);
            expected.extend(b"$3\r\n-70\r\n");
            // With room and, behind the one that is too long for it, without.
            for len in [0, 9, 10, 99, 100, 123_456, 3, 42] {
                bulks.array(len);
                expected.extend(format!("*{len}\r\n").as_bytes());
            }
            drop(bulks);
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }
}
