//! [`Frames`]: a log as a leader sends it to members of its shard, each piece under an epoch and a version of the document.
//! Pure. Invariant: bytes of a frame that does not count are not let through.

use super::handshake::LinkError;
use shared::topology::{Epoch, Version};

/// The frames in which a leader sends its log to members of its shard.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the present frame that are still to come.
    left: usize,
    /// The greatest number that the leader has asked to confirm.
    pub(super) confirms: u64,
}

/// Longest line before a frame.
const MOST_HEAD_BYTES: usize = 128;

impl Frames {
    /// Moves what there is of the log to `room`; `heard` is what has come. `takes` says whether a frame counts.
    pub(super) fn unpack(
        &mut self,
        heard: &mut Vec<u8>,
        room: &mut Vec<u8>,
        mut takes: impl FnMut(Epoch, Version) -> bool,
    ) -> Result<(), LinkError> {
        let mut at = 0;
        loop {
            let rest = &heard[at..];
            if self.left > 0 {
                let now = rest.len().min(self.left);
                room.extend_from_slice(&rest[..now]);
                self.left -= now;
                at += now;
                if self.left > 0 {
                    break;
                }
                continue;
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > MOST_HEAD_BYTES {
                    return Err(LinkError::Strange("a frame has no head".to_owned()));
                }
                break;
            };
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            at += end + 1;
            let strange = || LinkError::Strange(format!("{head} is no head of a frame"));
            let numbers = head.trim_end().strip_prefix('@').ok_or_else(strange)?;
            let numbers: Option<Vec<u64>> = numbers
                .split(' ')
                .map(|number| number.parse().ok())
                .collect();
            let Some(&[epoch, rev, confirms, length]) = numbers.as_deref() else {
                return Err(strange());
            };
            if !takes(Epoch(epoch), Version(rev)) {
                return Err(LinkError::NotOrdered);
            }
            self.confirms = self.confirms.max(confirms);
            self.left = usize::try_from(length).map_err(|_| strange())?;
        }
        heard.drain(..at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;
    use shared::topology::Version;

    #[test]
    fn frames_are_unpacked_however_they_come() {
        let all = b"@1 2 0 5\r\nhello@1 3 7 0\r\n@1 3 7 6\r\n world";
        for chunk in [1, 3, 100] {
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            let (mut room, mut revs) = (Vec::new(), Vec::new());
            for bytes in all.chunks(chunk) {
                heard.extend_from_slice(bytes);
                let takes = |_, rev: Version| {
                    revs.push(rev.0);
                    true
                };
                frames.unpack(&mut heard, &mut room, takes).expect("frames");
            }
            assert_eq!(room, b"hello world", "{chunk}");
            assert_eq!((revs, frames.confirms), (vec![2, 3, 3], 7));
        }
    }

    proptest::proptest! {
        /// Whatever comes, nothing panics, and no more is let through than came.
        #[test]
        fn any_bytes_are_frames_or_none(bytes in "[@0-9 \r\n]{0,60}", chunk in 1_usize..9) {
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            let mut room = Vec::new();
            for chunk in bytes.as_bytes().chunks(chunk) {
                heard.extend_from_slice(chunk);
                if frames.unpack(&mut heard, &mut room, |_, _| true).is_err() {
                    break;
                }
            }
            proptest::prop_assert!(room.len() <= bytes.len());
        }
    }

    #[test]
    fn what_is_no_frame_and_a_frame_of_another_epoch_are_refused() {
        let unpack = |bytes: &[u8], takes: bool| {
            let mut frames = Frames::default();
            frames.unpack(&mut bytes.to_vec(), &mut Vec::new(), |_, _| takes)
        };
        assert!(unpack(b"@1 2 3 4\r\n", false).is_err());
        for wrong in [
            "@1 2 3\r\n",
            "1 2 3 4\r\n",
            "@1 2 3 x\r\n",
            "@1 2 3 4 5\r\n",
        ] {
            assert!(unpack(wrong.as_bytes(), true).is_err(), "{wrong}");
        }
        assert!(unpack(&[b'@'; 200], true).is_err());
    }
}
