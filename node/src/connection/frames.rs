//! The log in frames, as a member of the same shard gets it: each says by which epoch and document it is sent, and which question is to be answered.
//! Never: touches the socket. Invariant: one question without a part of the log is under way at a time; what is asked meanwhile is asked with the next.

use super::Ending;
use crate::node_state::NodeState;
use protocol::{Duty, Leading};
use shared::topology::{Epoch, Incarnation, NodeId, Version};

/// More of the log is not put into one frame.
const MOST_FRAME_BYTES: usize = 64 * 1024;

/// What a member of the same shard gets: the log in frames, each of which says by which epoch and document it is sent.
///
/// A frame is a line `@epoch rev confirms length` and so many bytes of the log.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frame: Vec<u8>,
    pub(super) written: usize,
    /// Version and question of the last frame.
    told: Option<(Version, u64)>,
}

impl Frames {
    /// The line before a frame of so many bytes.
    ///
    /// # Errors
    /// The node leads no more.
    pub(super) fn head(&self, node: &NodeState, bytes: usize) -> Result<String, Ending> {
        let (epoch, leading) = leading(node).ok_or(Ending::Cut)?;
        let (rev, asked) = (leading.applied_rev(), leading.asked());
        Ok(format!("@{epoch} {rev} {asked} {bytes}\r\n"))
    }

    /// Puts the next frame together; how much of the log is in it.
    ///
    /// # Errors
    /// The node leads no more, or the follower's place in the log is not kept.
    pub(super) fn next(
        &mut self,
        node: &NodeState,
        life: Option<Incarnation>,
        sent: u64,
    ) -> Result<u64, Ending> {
        let (_, leading) = leading(node).ok_or(Ending::Cut)?;
        let bytes = match node.replication.backlog() {
            Some(backlog) if backlog.reaches(sent) => backlog.behind(sent),
            _ => return Err(Ending::Cut),
        };
        let bytes = &bytes[..bytes.len().min(MOST_FRAME_BYTES)];
        let telling = (leading.applied_rev(), leading.asked());
        let confirmed = life.map_or(0, |life| leading.confirmed_by(life));
        let is_new = self.told.is_none_or(|(rev, question)| {
            // One question is under way at a time: what is asked meanwhile is asked with the next, for all who wait.
            rev != telling.0 || question != telling.1 && question <= confirmed
        });
        if bytes.is_empty() && !is_new {
            return Ok(0);
        }
        self.told = Some(telling);
        let head = self.head(node, bytes.len())?;
        self.frame.clear();
        self.frame.extend_from_slice(head.as_bytes());
        self.frame.extend_from_slice(bytes);
        self.written = 0;
        Ok(bytes.len() as u64)
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.frame[self.written..]
    }
}

/// The epoch at which the node leads, and how, if it does.
fn leading(node: &NodeState) -> Option<(Epoch, &Leading<NodeId>)> {
    let replica = node.member.replica()?;
    match replica.duty() {
        Duty::Leading(leading) => Some((replica.serving_epoch()?, leading)),
        Duty::Waiting | Duty::Following(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;
    use crate::node_state::{NodeState, Order};
    use protocol::{Acknowledgement, Instruction, Member, Offset, What};
    use shared::topology::{Epoch, Incarnation, NodeId, Version};

    fn life(name: &str, life: u64) -> Member<NodeId> {
        Member {
            node: name.parse().expect("a name"),
            incarnation: Incarnation(life),
        }
    }

    /// A node that leads, and waits for a follower of life 7.
    fn leader() -> NodeState {
        let mut node = NodeState::default();
        node.replication.keep_backlog();
        let me = node.member.incarnation();
        let order = Order {
            shard: "s1".parse().expect("a name"),
            me: "n1".parse().expect("a name"),
            instruction: Instruction {
                epoch: Epoch(1),
                rev: Version(1),
                incarnation: me,
                what: What::Promote([life("n1", me.0), life("n2", 7)].into()),
            },
            leader: None,
            waits_for_followers: false,
            reads_linearizable: false,
        };
        let replica = node.member.ordered(&order);
        replica.obey(&order.instruction, Offset(0));
        replica.connected(Incarnation(7));
        node
    }

    #[test]
    fn followers_are_asked_once_for_all_who_read_meanwhile() {
        let mut node = leader();
        let mut frames = Frames::default();
        let life = Some(Incarnation(7));
        let mut told = |node: &NodeState| {
            frames.frame.clear();
            frames.next(node, life, 0).expect("it leads");
            String::from_utf8(frames.frame.clone()).expect("text")
        };
        assert_eq!(told(&node), "@1 1 0 0\r\n");
        assert_eq!(told(&node), "", "there is nothing to tell");
        assert_eq!(node.member.ask_for_read(), Some(1));
        assert_eq!(told(&node), "@1 1 1 0\r\n");
        for number in 2..10 {
            assert_eq!(node.member.ask_for_read(), Some(number));
            assert_eq!(told(&node), "", "a question is under way");
        }
        let answer = |node: &mut NodeState, confirms| {
            let heard = Acknowledgement {
                epoch: Epoch(1),
                follower: Incarnation(7),
                offset: Offset(0),
                rev: Version(1),
                confirms,
            };
            let replica = node.member.replica_mut().expect("it");
            assert!(replica.acknowledged(&heard, Offset(0)));
            node.member.confirmed()
        };
        assert_eq!(answer(&mut node, 0), 0);
        assert_eq!(told(&node), "", "that was no answer");
        assert_eq!(answer(&mut node, 1), 1);
        assert_eq!(told(&node), "@1 1 9 0\r\n", "one for all of them");
        assert_eq!(answer(&mut node, 9), 9);
        assert_eq!(told(&node), "");
    }
}
