//! What operators ask of the part that looks after the shards: requests in, one answer each out.
//! Reaches: the channel between both. Never: decides whether a request may be carried out.
//! Invariants: who asks gets one answer, or hears that there is none, within [`LONGEST`]; beyond [`MOST_WAITING`] requests nobody waits in line.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Status;
use shared::topology::{Address, Epoch, NodeId, Proof, ProxyId, ShardId, Topology};
use tokio::sync::{mpsc, oneshot};

use super::counts::Counts;
use super::matters::Matter;
use super::store_seen::StoreSeen;

/// Requests that may wait to be looked at: people's, a few at a time.
pub(crate) const MOST_WAITING: usize = 16;

/// How long an answer is waited for: longer than a controller tries, shorter than a connection to the admin listener lives.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// Where an answer goes: what was done, in words; or why it was not.
pub(crate) type Answer = oneshot::Sender<Result<String, Refusal>>;

/// What an operator asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Another node is to lead a shard, this one or any that may.
    FailOver {
        /// The shard.
        shard: ShardId,
        /// Who is to lead.
        to: Option<NodeId>,
        /// The shard's epoch when it was asked for.
        at: Epoch,
        /// Where to say how it went.
        answer: Answer,
    },
    /// What only nodes have that do not answer may be lost.
    AcceptLoss {
        /// The shard.
        shard: ShardId,
        /// Why they cannot be alive.
        proof: Proof,
        /// Where to say how it went.
        answer: Answer,
    },
    /// What is known.
    Show(oneshot::Sender<Shown>),
}

/// Why a request is not carried out. What was asked for has not happened, but for [`Refusal::NoAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another proxy changes the topology, or nobody does yet.
    #[error("this proxy is not the one that changes the topology now; {}", ask_instead(.0))]
    NotController(Option<ProxyId>),
    /// The store of the topology does not answer.
    #[error("the topology's store does not answer, and nothing is changed without it")]
    NoStore,
    /// Who changes the topology says why, in words that follow a colon.
    #[error("{0}")]
    NotDone(String),
    /// Too many others wait.
    #[error("{MOST_WAITING} requests wait already; try again in a moment")]
    TooMany,
    /// This proxy looks after no shards, or is stopping.
    #[error("this proxy looks after no shards")]
    NobodyThere,
    /// It takes too long.
    #[error("no answer within {} seconds; look at the topology before you ask again", LONGEST.as_secs())]
    NoAnswer,
}

fn ask_instead(controller: &Option<ProxyId>) -> String {
    match controller {
        Some(proxy) => format!("ask {proxy}"),
        None => "try again, or ask the others".to_owned(),
    }
}

/// What is known at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The newest topology.
    pub(crate) topology: Topology,
    /// Whether this proxy is the one that changes it.
    pub(crate) is_controller: bool,
    /// What is known of the nodes that are watched.
    pub(crate) nodes: BTreeMap<NodeId, Seen>,
    /// Nodes that want to be used.
    pub(crate) spares: Vec<Spare>,
    /// What lasts and people should know of.
    pub(crate) matters: Vec<Lasting>,
    /// What this proxy has done.
    pub(crate) counts: Counts,
    /// What is known of the topology's store; nothing where nobody looks after it.
    pub(crate) store: Option<StoreSeen>,
    /// The moment, in milliseconds of the monotonic clock.
    pub(crate) now_ms: u64,
}

impl Shown {
    /// A topology of which nothing more is known.
    pub(crate) fn of(topology: Topology) -> Self {
        Self {
            topology,
            is_controller: false,
            nodes: BTreeMap::new(),
            spares: Vec::new(),
            matters: Vec::new(),
            counts: Counts::default(),
            store: None,
            now_ms: 0,
        }
    }

    /// For how many milliseconds the store has been known not to answer.
    pub(crate) fn store_away_ms(&self) -> Option<u64> {
        let since_ms = self.store?.away_since_ms?;
        Some(self.now_ms.saturating_sub(since_ms))
    }
}

/// Something that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lasting {
    /// What.
    pub(crate) matter: Matter,
    /// For how many milliseconds it has.
    pub(crate) for_ms: u64,
}

/// A node that wants to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    /// Its name.
    pub(crate) node: NodeId,
    /// Where it is.
    pub(crate) address: Address,
    /// It is taken for gone.
    pub(crate) is_down: bool,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What it said last.
    pub(crate) status: Option<Status<NodeId>>,
    /// It is taken for gone.
    pub(crate) is_down: bool,
}

/// Where requests are handed in. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Requests(mpsc::Sender<Request>);

/// Both ends of the channel.
pub(crate) fn channel() -> (Requests, mpsc::Receiver<Request>) {
    let (sender, taken) = mpsc::channel(MOST_WAITING);
    (Requests(sender), taken)
}

impl Requests {
    /// Lets another node lead, unless one does since the epoch `at`, and says what came of it.
    pub(crate) async fn fail_over(
        &self,
        shard: ShardId,
        to: Option<NodeId>,
        at: Epoch,
    ) -> Result<String, Refusal> {
        let ask = |answer| Request::FailOver {
            shard,
            to,
            at,
            answer,
        };
        self.ask(ask).await?
    }

    /// Gives up what only nodes have that do not answer, and says what came of it.
    pub(crate) async fn accept_loss(
        &self,
        shard: ShardId,
        proof: Proof,
    ) -> Result<String, Refusal> {
        let ask = |answer| Request::AcceptLoss {
            shard,
            proof,
            answer,
        };
        self.ask(ask).await?
    }

    /// What is known.
    pub(crate) async fn show(&self) -> Result<Shown, Refusal> {
        self.ask(Request::Show).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.0.try_send(request(answer));
        handed_in.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::TooMany,
            mpsc::error::TrySendError::Closed(_) => Refusal::NobodyThere,
        })?;
        match tokio::time::timeout(LONGEST, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Refusal::NobodyThere),
            Err(_) => Err(Refusal::NoAnswer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn who_asks_hears_what_came_of_it() {
        run(async {
            let (requests, mut taken) = channel();
            let asked = requests.fail_over(ShardId::numbered(1), None, Epoch(7));
            let answered = async {
                match taken.recv().await {
                    Some(Request::FailOver {
                        shard,
                        to,
                        at,
                        answer,
                    }) => {
                        assert_eq!((shard, to, at), (ShardId::numbered(1), None, Epoch(7)));
                        answer.send(Ok("n2 leads".to_owned())).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            };
            let (said, ()) = tokio::join!(asked, answered);
            assert_eq!(said, Ok("n2 leads".to_owned()));
        });
    }

    #[test]
    fn nobody_waits_for_who_is_not_there_or_behind_too_many() {
        run(async {
            let (requests, mut taken) = channel();
            for _ in 0..MOST_WAITING {
                let (answer, _) = oneshot::channel();
                requests.0.try_send(Request::Show(answer)).unwrap();
            }
            let proof: Proof = "off".parse().unwrap();
            let refused = requests.accept_loss(ShardId::numbered(1), proof).await;
            assert_eq!(refused, Err(Refusal::TooMany));
            // Forgotten without an answer.
            taken.recv().await;
            let asked = requests.show();
            let dropped = async {
                while !taken.is_empty() {
                    drop(taken.recv().await);
                }
            };
            let (shown, ()) = tokio::join!(asked, dropped);
            assert_eq!(shown.err(), Some(Refusal::NobodyThere));
            drop(taken);
            assert_eq!(requests.show().await.err(), Some(Refusal::NobodyThere));
        });
    }
}
