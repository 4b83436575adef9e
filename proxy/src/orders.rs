//! What the rest of the proxy may ask of a thread, and the way to it. Plain data on a bounded channel.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::heat::Seen;
use crate::here::{ClientOrder, ClientVerdict};
use crate::metrics::thread_report::ThreadReport;
use crate::monitors::{MonitorsThere, ShownLines};
use crate::redirects::Words;

/// How long all threads together may take to answer: who hangs longer is taken for silent.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The way to a thread. Its orders are bounded: whoever has one for it must not wait for a thread that hangs.
#[derive(Debug)]
pub(crate) struct ThreadContact {
    /// Where it takes orders, until its last client has gone.
    pub(crate) orders: mpsc::Sender<Order>,
    /// What it has said of itself at its end.
    pub(crate) last_words: OnceLock<Arc<ThreadReport>>,
    /// Whether clients of it are shown every command.
    pub(crate) monitors: MonitorsThere,
    /// What has passed most there, as of a second ago at most.
    pub(crate) seen: ArcSwap<Seen>,
}

impl ThreadContact {
    /// To a thread that is to begin, with room for so many orders; and where it takes them.
    pub(crate) fn new(room: usize) -> (Self, mpsc::Receiver<Order>) {
        let (orders, taken) = mpsc::channel(room);
        let contact = Self {
            orders,
            last_words: OnceLock::new(),
            monitors: MonitorsThere::default(),
            seen: ArcSwap::default(),
        };
        (contact, taken)
    }
}

/// A client that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The socket, not blocking.
    pub(crate) stream: std::net::TcpStream,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// It wants TLS.
    pub(crate) is_tls: bool,
}

/// That this proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moving {
    /// The same for all who are told at a time: clients tell by it whether they have heard of it.
    pub(crate) number: u64,
    /// In so many seconds.
    pub(crate) seconds: u64,
}

/// An order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Serve this client.
    Serve(Arrival),
    /// Say how it goes.
    Report(oneshot::Sender<ThreadReport>),
    /// Carry this out on your clients.
    Clients(ClientOrder, oneshot::Sender<ClientVerdict>),
    /// Show your monitors these lines.
    Show(ShownLines),
    /// Tell your clients, in the place of others.
    Tell(Words),
    /// Tell clients that this proxy is about to stop.
    Moving(Moving),
    /// Let clients have their replies and go. Orders are taken on meanwhile.
    Stop,
}

/// What all threads say about their clients; those that have ended have none.
pub(crate) async fn ask_clients_of_all(
    threads: &[ThreadContact],
    order: &ClientOrder,
) -> Vec<ClientVerdict> {
    let mut asked = Vec::new();
    for thread in threads {
        let (answer, answered) = oneshot::channel();
        let order = Order::Clients(order.clone(), answer);
        if thread.orders.send(order).await.is_ok() {
            asked.push(answered);
        }
    }
    let mut verdicts = Vec::new();
    for answered in asked {
        verdicts.extend(answered.await.ok());
    }
    verdicts
}
