//! [`spawn_quiet`]: a thread that gives way to those that serve.
//! Never: for work that a client waits for.

use std::io;
use std::thread;
use tokio::sync::oneshot::{Receiver, channel};

/// Steps down from the ordinary priority: with as much to do as another thread it gets a tenth of a core. See nice(2).
#[cfg(target_os = "linux")]
const STEPS: i32 = 10;

/// Lets a thread of its own do some work. What it returns comes, or nothing when it panicked.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn spawn_quiet<R: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> R + Send + 'static,
) -> io::Result<Receiver<R>> {
    let (sender, receiver) = channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            give_way();
            // Nobody may wait for it any more.
            sender.send(work()).ok();
        })?;
    Ok(receiver)
}

/// On Linux a priority is a thread's; elsewhere it would be the whole process'.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(STEPS) {
        tracing::debug!(%error, "a thread keeps its ordinary priority");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{STEPS, spawn_quiet};
    use rustix::process::getpriority_process;

    #[tokio::test]
    async fn the_thread_gives_way_and_the_others_do_not() {
        let before = getpriority_process(None).expect("known");
        let told = spawn_quiet("quiet", || getpriority_process(None)).expect("a thread");
        let quiet = told.await.expect("no panic").expect("known");
        assert_eq!(quiet, (before + STEPS).min(19));
        assert_eq!(getpriority_process(None).expect("known"), before);
    }

    #[tokio::test]
    async fn nothing_comes_of_one_that_panics() {
        let told = spawn_quiet("quiet", || panic!("as a test")).expect("a thread");
        assert!(told.await.is_err());
    }
}
