//! SIGTERM and SIGINT: the first asks for a graceful stop, the second ends the process at once.

use crate::Failure;
use std::io;
use std::thread;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// Exit codes of a process ended by a signal, as shells count them.
const SIGNALLED: i32 = 128;

/// From now on signals are listened to; `on_stop` runs once, at the first of them, on a thread of its own.
///
/// # Errors
/// [`Failure::System`] when the operating system does not let signals be listened to, or a thread be started.
pub fn on_stop(on_stop: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let failed = |source| Failure::System {
        what: "listen to signals",
        source,
    };
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    // Registered before this returns: a signal right after the line `ready` must not find the default action.
    let mut signals = {
        let _context = runtime.enter();
        Signals::listen().map_err(failed)?
    };
    let watch = move || {
        runtime.block_on(async {
            let name = signals.next().await.name();
            info!(signal = name, "stopping; the next signal ends at once");
            on_stop();
            let second = signals.next().await;
            warn!(signal = second.name(), "ended at once");
            std::process::exit(SIGNALLED + second.number());
        });
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)
        .map(drop)
        .map_err(failed)
}

/// From now on the end of the process that started this one is a SIGTERM.
///
/// # Errors
/// [`Failure::System`].
pub fn stop_with_parent() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM).map_err(|error| {
        Failure::System {
            what: "tie its end to that of its parent",
            source: error.into(),
        }
    })?;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[derive(Clone, Copy)]
enum Kind {
    Terminate,
    Interrupt,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    fn number(self) -> i32 {
        match self {
            Self::Terminate => SignalKind::terminate().as_raw_value(),
            Self::Interrupt => SignalKind::interrupt().as_raw_value(),
        }
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Kind {
        tokio::select! {
            _ = self.terminate.recv() => Kind::Terminate,
            _ = self.interrupt.recv() => Kind::Interrupt,
        }
    }
}
