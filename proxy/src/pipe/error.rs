//! Why a pipe is of no more use. Pure.

use std::io;

use shared::resp::ReplyError;

use super::handshake::FENCE;

/// Why a pipe was given up, or could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipeError {
    /// The network or the operating system.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The node closed the connection.
    #[error("closed by the node")]
    Closed,
    /// Connecting, or the first words on the connection, took too long.
    #[error("no connection within {after_ms} ms")]
    ConnectTimeout {
        /// The limit.
        after_ms: u128,
    },
    /// The node does not reply any more.
    #[error("no reply within {after_ms} ms")]
    Silent {
        /// The limit.
        after_ms: u128,
    },
    /// The node is busy with what nobody waits for any more.
    #[error(
        "given up: {requests} requests under way, with large replies, are of clients that have gone"
    )]
    Unwanted {
        /// How many.
        requests: usize,
    },
    /// What the node sends is not RESP.
    #[error("what the node sends is no reply: {0}")]
    NotReply(#[from] ReplyError),
    /// The node obeys somebody newer; it is to be told anew who we are.
    #[error("the node obeys a newer epoch")]
    Fenced,
    /// A reply that nobody asked for: from here on replies would go to the wrong clients.
    #[error("the node sent a reply that nobody asked for")]
    Unasked,
    /// A single reply larger than any client may be sent.
    #[error("a reply of more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Another node leads the shard, and this one has not answered for a while.
    #[error("the shard has another primary, and this node is silent")]
    Replaced,
    /// A follower says that it has not what it is asked for, or not at present; reads go elsewhere.
    #[error("the node cannot answer for its shard at present")]
    Unready,
    /// A follower owes answers that somebody else could give.
    #[error("no reply within {after_ms} ms, so reads go elsewhere")]
    SlowFollower {
        /// The limit.
        after_ms: u128,
    },
    /// The node is not the follower that it is held for: it leads, it copies, or it has begun another life.
    #[error("the node follows nobody, or has begun anew")]
    NoFollower,
    /// AUTH, HELLO, SELECT, NODE FENCE or PING was refused.
    #[error("the node refused {command}: {reply}")]
    Refused {
        /// What was asked.
        command: &'static str,
        /// What it said.
        reply: String,
    },
}

impl PipeError {
    /// Whether the node may be well, and the proxy has given the connection up for reasons of its own.
    pub(crate) fn is_of_ours(&self) -> bool {
        matches!(self, Self::Unwanted { .. } | Self::Replaced | Self::Fenced)
    }

    /// Whether the node is there and does not take the proxy's password, or wants one.
    pub(crate) fn is_about_password(&self) -> bool {
        let Self::Refused { command, reply } = self else {
            return false;
        };
        *command == "AUTH" || reply.starts_with("WRONGPASS") || reply.starts_with("NOAUTH")
    }

    /// Whether the node is there, and obeys another epoch or lives another life than ours.
    pub(crate) fn is_about_fence(&self) -> bool {
        match self {
            Self::Fenced => true,
            Self::Refused { command, .. } => *command == FENCE,
            _ => false,
        }
    }

    /// What the node says when it refuses this lane and no other: it has fewer databases, or does not speak the protocol.
    pub(crate) fn of_its_lane(&self) -> Option<&str> {
        match self {
            Self::Refused {
                command: "SELECT",
                reply,
            } => Some(reply),
            Self::Refused {
                command: "HELLO",
                reply,
            } if reply.starts_with("ERR ") || reply.starts_with("NOPROTO ") => Some(reply),
            _ => None,
        }
    }
}
