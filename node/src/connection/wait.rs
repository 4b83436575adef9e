//! A connection whose next command waits: what is ready is written and what comes is taken in meanwhile, and it goes on at the very moment when it may.
//! Never: runs a command. Invariant: whoever waits is registered with what it waits for (in `Traffic`, for CLIENT LIST and the tick), and costs nothing meanwhile.

use super::{Connection, Ending};
use crate::client::WaitsFor;
use crate::commands::Release;
use crate::node_state::ClientKey;
use crate::shell::Shell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Timers have a reach; after this long a pause, or a time that a client gave, is looked at again.
const LOOK_AGAIN_MS: u64 = 60_000;

impl Connection {
    /// CLIENT PAUSE holds up this client.
    pub(super) async fn wait_for_pause(&mut self) -> Result<(), Ending> {
        let over = pause_is_over(Rc::clone(&self.shell));
        self.wait(WaitsFor::Pause, over).await
    }

    /// Another client's command is at work on keys of the next one.
    pub(super) async fn wait_for_keys(&mut self) -> Result<(), Ending> {
        let shell = Rc::clone(&self.shell);
        let free = async move {
            let unheld = shell.unheld.notified();
            let is_held = {
                let core = shell.core.borrow();
                core.node.hold.is_some()
                    || core.store.is_capturing()
                    || core.node.replication.is_within_unit
            };
            if is_held {
                unheld.await;
            }
        };
        self.wait(WaitsFor::Keys, free).await
    }

    /// The client's command waits until a key has something for it, or its time is over.
    pub(super) async fn wait_until_served(&mut self) -> Result<(), Ending> {
        let over = no_longer_waits(Rc::clone(&self.shell), self.client);
        self.wait(WaitsFor::Elements, over).await?;
        match self.is_parting() {
            true => Err(Ending::Orderly),
            false => Ok(()),
        }
    }

    /// Waits until `over` resolves; or, when the node ends and nothing of the client's is being done, until it has taken its replies.
    pub(super) async fn wait<T>(
        &mut self,
        waits: WaitsFor,
        over: impl Future<Output = T>,
    ) -> Result<T, Ending> {
        self.others_run();
        self.note_wait(Some(waits));
        let mut over = pin!(over);
        let result = poll_fn(|context| {
            if let Poll::Ready(result) = over.as_mut().poll(context) {
                return Poll::Ready(Ok(result));
            }
            match self.exchange_meanwhile(context) {
                // Nobody would get what it takes.
                Ok(()) if is_for_it_alone(waits) && self.has_hung_up => {
                    Poll::Ready(Err(Ending::Gone))
                }
                Ok(()) if !is_done_beside(waits) && self.is_done_with() => {
                    Poll::Ready(Err(Ending::Orderly))
                }
                Ok(()) => Poll::Pending,
                Err(ending) => Poll::Ready(Err(ending)),
            }
        })
        .await;
        self.note_wait(None);
        result
    }

    /// Whether the node ends and the client has all that it is going to get.
    fn is_done_with(&self) -> bool {
        self.shell.is_stopping() && self.output_bytes() == 0
    }

    fn note_wait(&self, waits: Option<WaitsFor>) {
        let clients = &mut self.shell.core.borrow_mut().node.clients;
        clients.at(self.client).traffic.waits = waits;
    }

    /// Waits until the client has taken so much that only what the soft bound allows is left.
    pub(super) async fn wait_for_output(&mut self) -> Result<(), Ending> {
        if self.output_is_below_soft_bound() {
            return Ok(());
        }
        poll_fn(|context| match self.exchange_meanwhile(context) {
            Ok(()) if self.output_is_below_soft_bound() => Poll::Ready(Ok(())),
            Ok(()) => Poll::Pending,
            Err(ending) => Poll::Ready(Err(ending)),
        })
        .await
    }
}

/// Whether what is waited for is of use to the client alone, so that nobody waits when it has gone: that may be for ever.
fn is_for_it_alone(waits: WaitsFor) -> bool {
    matches!(waits, WaitsFor::Elements | WaitsFor::Copies)
}

/// Whether the client's command is carried out beside its connection, and comes to its end by itself.
fn is_done_beside(waits: WaitsFor) -> bool {
    matches!(waits, WaitsFor::Work | WaitsFor::Copies)
}

/// Resolves when nothing is paused, or what is paused may have become less.
async fn pause_is_over(shell: Rc<Shell>) {
    loop {
        let changed = shell.pause_changed.notified();
        let until_ms = shell.core.borrow().node.pause.until_ms();
        let left_ms = until_ms.saturating_sub(shell.clock.wall_ms());
        if left_ms == 0 {
            return;
        }
        let nap = Duration::from_millis(left_ms.min(LOOK_AGAIN_MS));
        // Another pause may be of another kind: the command looks for itself.
        if tokio::time::timeout(nap, changed).await.is_ok() {
            return;
        }
    }
}

/// Resolves when the client's command waits no more; when its time is over, that ends it.
async fn no_longer_waits(shell: Rc<Shell>, client: ClientKey) {
    let timeout_ms = {
        let clients = &mut shell.core.borrow_mut().node.clients;
        let waiting = clients.at(client).waiting.as_deref();
        waiting.map_or(0, |waiting| waiting.timeout_ms)
    };
    // Whoever answers puts the reply into the outbox, and that wakes this task.
    let served = || {
        poll_fn(|_| {
            let clients = &mut shell.core.borrow_mut().node.clients;
            match clients.at(client).waiting {
                Some(_) => Poll::Pending,
                None => Poll::Ready(()),
            }
        })
    };
    if timeout_ms == 0 {
        return served().await;
    }
    let began_ms = shell.clock.monotonic_ms();
    loop {
        let waited_ms = shell.clock.monotonic_ms() - began_ms;
        if waited_ms >= timeout_ms {
            return shell.release_waiting(client, Release::TimeIsOver);
        }
        let nap = Duration::from_millis(LOOK_AGAIN_MS.min(timeout_ms - waited_ms));
        if tokio::time::timeout(nap, served()).await.is_ok() {
            return;
        }
    }
}
