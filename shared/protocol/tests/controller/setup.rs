//! What is simulated: how many of each, which faults, and which rule is broken.

use protocol::{controller, detector, opinion};

/// A place from which messages come, and to which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spot {
    Node(u8),
    Proxy(u8),
    Store,
}

/// A rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// The store writes whatever it is told, from whatever version.
    Compare,
    /// A write is acknowledged when the primary has it.
    Alone,
    /// A node keeps its incarnation when it starts again.
    Incarnation,
    /// A follower throws its copy away without permission.
    Wipe,
    /// A primary waits for nobody but itself, whatever the document says.
    ShrinkLater,
    /// A node that copies says that its copy is whole, and its primary says that it has joined.
    Half,
    /// The shortest pause of detectors is below 300 ms.
    Pause,
    /// There is no brake.
    Brake,
    /// A proxy that is cut off is believed.
    Blind,
    /// No primary is told to wait for who has caught up.
    Join,
    /// A primary that is held serves.
    Hold,
}

/// Something that happens from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A process ends. Whether connections to it are refused, or nobody answers; what is left of its disk, if that may be lost.
    Kill {
        node: u8,
        refuses: bool,
        disk: Disk,
    },
    Start(u8),
    /// SIGSTOP and, so many milliseconds later, SIGCONT.
    Freeze(Spot, u64),
    Cut(Spot, Spot),
    Join(Spot, Spot),
    /// A proxy hears nobody but the store, and is heard by nobody but the store.
    Isolate(u8),
    Rejoin(u8),
    KillProxy(u8),
    /// Of the proxy that is the controller.
    KillController,
    StartProxy(u8),
    StoreAway,
    StoreBack,
    /// After so many actions of controllers from now on, questions to nodes not counted, this happens before the next.
    Ambush(u32, Ambush),
    FailOver(u8),
    /// Every answer of a node to a probe takes up to so many milliseconds longer from now on.
    Busy(u8, u64),
}

/// What lies in wait for a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambush {
    /// Its proxy is killed.
    Kill,
    /// The store goes away for so many milliseconds.
    StoreAway(u64),
}

/// What a node finds when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Whole,
    Cut,
    Empty,
}

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) shards: u8,
    pub(crate) copies: u8,
    pub(crate) spares: u8,
    pub(crate) min_in_sync: u8,
    pub(crate) proxies: u8,
    /// All proxies hold themselves for the controller.
    pub(crate) are_zealous: bool,
    /// In a thousand messages so many are lost, and as many come twice.
    pub(crate) lost: u64,
    /// Once in so many times a log does not reach back as far as a follower would need; 0 is never.
    pub(crate) forgets: u64,
    /// A snapshot takes from 20 to so many milliseconds.
    pub(crate) copying_ms: u64,
    /// When what happens, in milliseconds.
    pub(crate) troubles: Vec<(u64, Trouble)>,
    pub(crate) detector: detector::Settings,
    pub(crate) opinion: opinion::Settings,
    pub(crate) controller: controller::Settings,
    pub(crate) broken: Broken,
}

impl Setup {
    pub(crate) fn new(shards: u8, copies: u8) -> Self {
        Self {
            shards,
            copies,
            spares: 0,
            min_in_sync: 1,
            proxies: 3,
            are_zealous: false,
            lost: 0,
            forgets: 0,
            copying_ms: 320,
            troubles: Vec::new(),
            detector: detector::Settings::DEFAULT,
            opinion: opinion::Settings::DEFAULT,
            controller: controller::Settings::DEFAULT,
            broken: Broken::Nothing,
        }
    }

    pub(crate) fn nodes(&self) -> u8 {
        self.shards * self.copies + self.spares
    }

    pub(crate) fn with(mut self, at_ms: u64, trouble: Trouble) -> Self {
        self.troubles.push((at_ms, trouble));
        self
    }

    pub(crate) fn breaking(mut self, broken: Broken) -> Self {
        self.broken = broken;
        match broken {
            Broken::Pause => {
                self.detector.shortest_pause_ms = 200;
                self.detector.refused_pause_ms = 200;
                self.detector.doubt_ms = 150;
            }
            Broken::Brake => self.opinion.most_down_percent = 100,
            _ => {}
        }
        self
    }
}
