//! SIGTERM and SIGINT: the first asks for a graceful stop; one that comes a second later, or after that, ends the process at once. SIGHUP: files are read again.
//! SIGUSR1 and SIGUSR2: the log says more, and as much as before.
//! A child of `up --processes` is stopped by its parent alone, who closes its standard input: a signal that reaches every process of a service at once, as
//! systemd sends it, leaves the order of the end to the parent.

use crate::Failure;
use std::future::Future;
use std::io::{self, Read as _};
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// Exit codes of a process ended by a signal, as shells count them.
const SIGNALLED: i32 = 128;

/// Signals this soon after the first are the same wish: systemd sends one to every process, and a parent passes on what its children have got already.
const SAME_WISH: Duration = Duration::from_secs(1);

/// From now on signals are listened to, on a thread of their own: `on_stop` runs once, at the first of them that stops, `on_hangup` at every SIGHUP,
/// `on_levels` at SIGUSR1 and SIGUSR2, with whether the log is to say more.
///
/// # Errors
/// [`Failure::System`] when the operating system does not let signals be listened to, or a thread be started.
pub fn listen(
    on_stop: impl FnOnce() + Send + 'static,
    on_hangup: impl Fn() + Send + 'static,
    on_levels: impl Fn(bool) + Send + 'static,
) -> Result<(), Failure> {
    watch(on_hangup, on_levels, |mut signals| async move {
        let name = signals.next().await.name();
        info!(
            signal = name,
            "stopping; another signal ends at once, if it comes after a second"
        );
        on_stop();
        let same_wish = async {
            loop {
                signals.next().await;
            }
        };
        tokio::time::timeout(SAME_WISH, same_wish).await.ok();
        let second = signals.next().await;
        warn!(signal = second.name(), "ended at once");
        std::process::exit(SIGNALLED + second.number());
    })
}

/// As [`listen`] for a child: `on_stop` runs once its parent closes this process' standard input, or ends; signals that stop are heard and passed over.
///
/// # Errors
/// [`Failure::System`].
pub fn listen_as_child(
    on_stop: impl FnOnce() + Send + 'static,
    on_hangup: impl Fn() + Send + 'static,
    on_levels: impl Fn(bool) + Send + 'static,
) -> Result<(), Failure> {
    watch(on_hangup, on_levels, |mut signals| async move {
        loop {
            let name = signals.next().await.name();
            info!(signal = name, "left to the process that started this one");
        }
    })?;
    let parent = move || {
        let mut word = [0; 64];
        // Nothing is ever said: what counts is the end.
        while io::stdin().read(&mut word).is_ok_and(|length| length > 0) {}
        info!("stopping: its parent says so, or is gone");
        on_stop();
    };
    start_thread("parent", parent)
}

/// Starts the thread on which `on_hangup`, `on_levels` and what `stops` makes of the other signals run.
fn watch<F: Future<Output = ()>>(
    on_hangup: impl Fn() + Send + 'static,
    on_levels: impl Fn(bool) + Send + 'static,
    stops: impl FnOnce(Signals) -> F + Send + 'static,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot_listen)?;
    // Registered before this returns: a signal right after the line `ready` must not find the default action.
    let listen = || -> io::Result<_> {
        let _context = runtime.enter();
        let of = |kind| signal(kind);
        let levels = (
            of(SignalKind::user_defined1())?,
            of(SignalKind::user_defined2())?,
        );
        Ok((Signals::listen()?, of(SignalKind::hangup())?, levels))
    };
    let (signals, mut hangups, (mut more, mut as_before)) = listen().map_err(cannot_listen)?;
    let run = move || {
        runtime.block_on(async {
            let reloads = async {
                while hangups.recv().await.is_some() {
                    on_hangup();
                }
            };
            let levels = async {
                loop {
                    tokio::select! {
                        _ = more.recv() => on_levels(true),
                        _ = as_before.recv() => on_levels(false),
                    }
                }
            };
            tokio::join!(stops(signals), reloads, levels);
        });
    };
    start_thread("signals", run)
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map(drop).map_err(cannot_listen)
}

fn cannot_listen(source: io::Error) -> Failure {
    Failure::System {
        what: "listen to signals",
        source,
    }
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
