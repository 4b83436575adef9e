//! What a connection has been told about itself, and which replies are heard: by Redis 7.0.15.
//! Pure. Invariant: a command changes the session in the order in which it was sent, whatever became of the commands before it.

/// Databases that clients use.
pub(super) const DATABASES: usize = 3;

/// What CLIENT REPLY says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replies {
    On,
    Off,
    Skip,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    pub(super) database: usize,
    pub(super) is_resp3: bool,
    is_off: bool,
    skips_next: bool,
}

impl Session {
    /// Whether the reply to a command is heard that comes now and changes nothing here.
    pub(super) fn hears(&mut self) -> bool {
        let skips = std::mem::take(&mut self.skips_next);
        !self.is_off && !skips
    }

    /// The same for RESET.
    pub(super) fn reset(&mut self) -> bool {
        let skips = self.skips_next;
        *self = Self::default();
        !skips
    }

    /// The same for CLIENT REPLY.
    pub(super) fn set_replies(&mut self, replies: Replies) -> bool {
        match replies {
            Replies::On => {
                self.is_off = false;
                self.skips_next = false;
            }
            Replies::Off => {
                self.is_off = true;
                self.skips_next = false;
            }
            Replies::Skip => self.skips_next = !self.is_off,
        }
        replies == Replies::On
    }

    /// Whether replies are off until further notice.
    pub(super) fn is_off(&self) -> bool {
        self.is_off
    }
}
