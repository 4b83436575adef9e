//! Replies that wait for earlier ones: short ones of all places of a client in one buffer, long ones and many of one place in a queue of the place's own.
//! Pure. Never: knows in which order places stand. Invariant: of a shared buffer at least half is in use, or it is small.

use super::super::output::{Output, ReplyBytes};
use crate::buffers::Buffers;

/// Shorter replies are copied into the shared buffer.
const SHORT_BYTES: usize = 1024;

/// A shared buffer of which less is not in use is left as it is.
const SPARE_BYTES: usize = 16 * 1024;

/// What waits in one place.
#[derive(Debug, Default)]
pub(super) enum Ready {
    /// Nothing.
    #[default]
    Nothing,
    /// So many bytes, at least one, from here on in the shared buffer.
    Shared { start: usize, len: usize },
    /// Replies of which one is long, or that are many.
    Own(Box<Output>),
}

impl Ready {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Shared { len, .. } => *len,
            Self::Own(output) => output.len(),
        }
    }
}

/// The buffer that the places of a client share.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// Of these, bytes that belong to a place.
    used: usize,
}

impl Kept {
    /// Appends a reply to what waits in a place.
    #[inline]
    pub(super) fn append(
        &mut self,
        ready: &mut Ready,
        reply: ReplyBytes<'_>,
        buffers: &mut Buffers,
    ) {
        match (&mut *ready, reply) {
            (Ready::Own(output), reply) => output.keep(reply),
            (_, ReplyBytes::Lent(short)) if short.len() < SHORT_BYTES => {
                self.append_with(ready, buffers, |out| out.extend_from_slice(short));
            }
            (_, long) => {
                let mut output = self.queue_of(ready, buffers);
                output.keep(long);
                *ready = Ready::Own(output);
            }
        }
    }

    /// What waits in a place, in a queue of its own.
    fn queue_of(&mut self, ready: &mut Ready, buffers: &mut Buffers) -> Box<Output> {
        let mut output = Box::<Output>::default();
        let before = std::mem::take(ready);
        if let Ready::Shared { start, len } = before {
            output.keep(ReplyBytes::Lent(&self.bytes[start..start + len]));
        }
        self.forget(&before, buffers);
        output
    }

    /// The same for what `write` appends to the buffer that it is given.
    #[inline]
    pub(super) fn append_with<R>(
        &mut self,
        ready: &mut Ready,
        buffers: &mut Buffers,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        let begin = match ready {
            Ready::Own(output) => return output.keep_with(write),
            Ready::Shared { start, len } if *start + *len == self.bytes.len() => *start,
            // Others have come behind it meanwhile. What has become long is not copied behind them again and again.
            Ready::Shared { len, .. } if *len >= SHORT_BYTES => {
                let mut output = self.queue_of(ready, buffers);
                let result = output.keep_with(write);
                *ready = Ready::Own(output);
                return result;
            }
            Ready::Shared { start, len } => {
                let begin = self.bytes.len();
                self.bytes.extend_from_within(*start..*start + *len);
                begin
            }
            Ready::Nothing => {
                if self.bytes.capacity() == 0 {
                    self.bytes = buffers.take();
                }
                self.bytes.len()
            }
        };
        let result = write(&mut self.bytes);
        let len = self.bytes.len() - begin;
        if len > 0 {
            self.used += len - ready.len();
            *ready = Ready::Shared { start: begin, len };
        }
        result
    }

    /// Moves what waits in a place to the output.
    #[inline]
    pub(super) fn move_out(&mut self, ready: Ready, output: &mut Output, buffers: &mut Buffers) {
        match ready {
            Ready::Nothing => {}
            Ready::Own(own) => output.append(*own, buffers),
            Ready::Shared { start, len } => {
                let reply = ReplyBytes::Lent(&self.bytes[start..start + len]);
                output.push(reply, buffers);
                self.forget(&ready, buffers);
            }
        }
    }

    /// What has waited in a place is not needed any more.
    pub(super) fn forget(&mut self, ready: &Ready, buffers: &mut Buffers) {
        if let Ready::Shared { len, .. } = *ready {
            self.used -= len;
            if self.used == 0 {
                buffers.give_back(std::mem::take(&mut self.bytes));
            }
        }
    }

    /// Whether what is in use should move together.
    #[inline]
    pub(super) fn is_sparse(&self) -> bool {
        self.bytes.len() > SPARE_BYTES + 2 * self.used
    }

    /// Moves together what is in use: that of these places, which are all there are.
    #[cold]
    pub(super) fn move_together<'a>(&mut self, places: impl Iterator<Item = &'a mut Ready>) {
        let mut bytes = Vec::with_capacity(self.used + SPARE_BYTES);
        for ready in places {
            if let Ready::Shared { start, len } = ready {
                let begin = bytes.len();
                bytes.extend_from_slice(&self.bytes[*start..*start + *len]);
                *start = begin;
            }
        }
        self.bytes = bytes;
    }

    /// Bytes of the buffer, whether in use or not.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Room that the buffer has besides what is in use.
    pub(super) fn spare_bytes(&self) -> usize {
        self.bytes.capacity() - self.used
    }
}
