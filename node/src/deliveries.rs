//! Whoever has been sent something is woken, some at a time, so that a message for ten thousand does not keep everybody else from being served while it is
//! written ten thousand times; and what clients had subscribed to that have gone is forgotten in the same way.
//! Never: decides who gets what. Invariant: who has been sent something is woken in the end, in the order of the messages.

use crate::shell::{Core, Shell};
use std::rc::Rc;

/// Clients that are woken together: their messages are written in half a millisecond.
const WOKEN_AT_ONCE: usize = 64;

impl Shell {
    /// Some of those who have been sent something go on at once, the others beside; who has not taken what was sent before is cut.
    #[inline]
    pub(crate) fn send_out(&self, core: &mut Core) {
        if core.node.clients.are_to_wake()
            || core.node.subscriptions.has_some_to_forget()
            || core.node.tracking.has_some_to_forget()
        {
            self.send_out_now(core);
        }
    }

    #[inline(never)]
    fn send_out_now(&self, core: &mut Core) {
        if send_some(core) {
            self.messages.notify_one();
        }
    }
}

/// Wakes some, and forgets some; whether there are more.
fn send_some(core: &mut Core) -> bool {
    let clients = &mut core.node.clients;
    for key in clients.take_to_wake(WOKEN_AT_ONCE) {
        if let Some(client) = clients.get_mut(key) {
            client.outbox.wake();
        }
    }
    let are_more = clients.are_to_wake();
    let are_left = core.node.subscriptions.forget_some(|_| {}) || are_more;
    core.node.tracking.forget_some() || are_left
}

/// Does what is left, until it is dropped.
pub(crate) async fn run(shell: Rc<Shell>) {
    loop {
        let condemned = shell.core.borrow_mut().node.clients.take_condemned();
        shell.cut(&condemned);
        if send_some(&mut shell.core.borrow_mut()) {
            tokio::task::yield_now().await;
        } else {
            shell.messages.notified().await;
        }
    }
}
