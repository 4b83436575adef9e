//! A thread beside the node's, on which a script's stack goes on while what it does may take long and nobody can look up in the midst of it: Lua moves a large table as a whole, and copies a string of
//! a hundred megabytes as a whole.
//! May: begin a thread, and wait for it [`PATIENCE`]. Never: the driver and the script at work at once on anything but `must_end`. Invariant: whoever has the stack may touch the desk and the state;
//! it goes back and forth between two threads, and there is one.

use crate::desk::{Left, Signal, Step};
use crate::machine::Life;
use corosensei::CoroutineResult;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How long the driver waits for the script before others have their turn.
const PATIENCE: Duration = Duration::from_micros(300);

/// A stack on its way to the other thread.
struct Travelling(Life);

// SAFETY: what lies on the stack belongs to one machine (its state, its desk, the bytes of its request), and only who has the stack touches that. Nothing on it is bound to a thread: no lock is held, and
// no value of a thread's own is kept, where a script can be stopped.
unsafe impl Send for Travelling {}

/// The thread, while a script is at work that goes on there.
#[derive(Debug)]
pub(crate) struct Beside {
    orders: SyncSender<(Travelling, Signal)>,
    steps: Receiver<(Travelling, Option<Step>)>,
    must_end: Arc<AtomicBool>,
}

impl std::fmt::Debug for Travelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Travelling")
    }
}

/// What the driver has got.
pub(crate) enum Come {
    /// The stack, and why it was left; `None` when it is left for good.
    Back(Life, Option<Step>),
    NotYet,
    /// The thread has died: a mistake of ours.
    Never,
}

impl Beside {
    /// `None` where the system has no thread.
    pub(crate) fn begin() -> Option<Self> {
        let (orders, taken) = sync_channel::<(Travelling, Signal)>(1);
        let (told, steps) = sync_channel(1);
        let must_end = Arc::new(AtomicBool::new(false));
        let is_to_end = Arc::clone(&must_end);
        let thread = std::thread::Builder::new().name("lua-beside".to_owned());
        let work = move || {
            while let Ok((travelling, signal)) = taken.recv() {
                let Travelling(mut life) = travelling;
                let step = go_on(&mut life, signal, &is_to_end);
                if told.send((Travelling(life), step)).is_err() {
                    break;
                }
            }
        };
        thread.spawn(work).ok()?;
        Some(Self {
            orders,
            steps,
            must_end,
        })
    }

    /// The script goes on there. Gives the stack back when the thread has died.
    pub(crate) fn send(&self, life: Life, signal: Signal) -> Result<(), Life> {
        let sent = self.orders.send((Travelling(life), signal));
        sent.map_err(|unsent| unsent.0.0.0)
    }

    /// The script is to end with its next look.
    pub(crate) fn end(&self) {
        self.must_end.store(true, Ordering::Relaxed);
    }

    /// What has come within the bound.
    pub(crate) fn wait(&self) -> Come {
        match self.steps.recv_timeout(PATIENCE) {
            Ok((Travelling(life), step)) => Come::Back(life, step),
            Err(RecvTimeoutError::Timeout) => Come::NotYet,
            Err(RecvTimeoutError::Disconnected) => Come::Never,
        }
    }
}

/// Goes on with a script until the driver has to know.
fn go_on(life: &mut Life, mut signal: Signal, is_to_end: &AtomicBool) -> Option<Step> {
    loop {
        let left = match life.0.resume(signal) {
            CoroutineResult::Yield(left) => left,
            CoroutineResult::Return(()) => return None,
        };
        match left {
            Left::Large | Left::For(Step::Pause) => {
                let must_end = is_to_end.load(Ordering::Relaxed);
                signal = if must_end { Signal::Kill } else { Signal::Go };
            }
            Left::For(step) => return Some(step),
        }
    }
}
