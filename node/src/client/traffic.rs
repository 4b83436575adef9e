//! What goes to and fro between a client and the node, and whether the client waits: what CLIENT LIST shows of it, and what the tick judges it by.
//! Pure: the connection notes it.

/// One client's traffic.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// When it last sent something, Unix milliseconds.
    pub last_active_ms: u64,
    /// Bytes received and not yet executed; those of the present turn count until it ends.
    pub input_bytes: usize,
    /// Room of its input buffer beyond that.
    pub input_spare_bytes: usize,
    /// Replies that might be written were not taken when they last were.
    pub is_unread: bool,
    /// When replies last moved, or bytes came from it while replies waited, or it began not to read; Unix milliseconds.
    pub progress_ms: u64,
    /// What its next command waits for.
    pub waits: Option<WaitsFor>,
}

/// Why the next command of a client does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// The end of CLIENT PAUSE.
    Pause,
    /// A key that has something for it.
    Elements,
    /// Followers, or disks, that are to have all that there is: WAIT and WAITAOF.
    Copies,
    /// Somebody else's command over some of its keys.
    Keys,
    /// What it asked for itself and is carried out beside it: a command over very much, an errand.
    Work,
    /// The node's own, which it asked for.
    End,
    /// More of the log: it follows.
    Log,
}

impl Traffic {
    /// A client that has just connected.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            last_active_ms: now_ms,
            input_bytes: 0,
            input_spare_bytes: 0,
            is_unread: false,
            progress_ms: now_ms,
            waits: None,
        }
    }

    /// Whether the client goes by itself when the node ends: what it asked for is being done, or it follows and gets the rest of the log.
    #[must_use]
    pub fn goes_by_itself(&self) -> bool {
        matches!(
            self.waits,
            Some(WaitsFor::Work | WaitsFor::Copies | WaitsFor::Log)
        )
    }

    /// Whether it follows.
    #[must_use]
    pub fn is_follower(&self) -> bool {
        self.waits == Some(WaitsFor::Log)
    }

    /// Whether Redis would call the client blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(
            self.waits,
            Some(WaitsFor::Pause | WaitsFor::Elements | WaitsFor::Copies)
        )
    }
}
