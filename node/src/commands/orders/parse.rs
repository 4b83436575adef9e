//! The words of orders, and of what followers say.
//! Pure. Invariant: a word too many or too few, or one that is not what it should be, is an error that names it; nothing is guessed.

use super::super::arguments::is_word;
use crate::node_state::{Ask, Order, Place};
use protocol::{Acknowledgement, Handshake, Instruction, Member, Offset, Position, What};
use shared::resp::{Args, ErrorReply};
use shared::topology::{Epoch, Incarnation, NodeId, Version};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Most members that an order may name.
const MOST_MEMBERS: usize = 64;
/// As in the document: TOML has integers of 63 bits.
const GREATEST_EPOCH: u64 = i64::MAX as u64;
/// Longest name of a log.
const LONGEST_NAME: usize = 40;

/// The words of a command, one after the other.
pub(super) struct Words<'a> {
    args: Args<'a>,
    next: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(args: Args<'a>) -> Self {
        Self { args, next: 2 }
    }

    fn word(&mut self, what: &'static str) -> Result<&'a str, ErrorReply> {
        let word = self.args.get(self.next);
        self.next += 1;
        let word = word.ok_or_else(|| wrong(what, "is missing"))?;
        std::str::from_utf8(word).map_err(|_| wrong(what, "is no text"))
    }

    fn parsed<T: FromStr>(&mut self, what: &'static str) -> Result<T, ErrorReply> {
        let word = self.word(what)?;
        word.parse().map_err(|_| wrong(what, "is none"))
    }

    fn number(&mut self, what: &'static str) -> Result<u64, ErrorReply> {
        self.parsed(what)
    }

    /// `name@life` of whoever leads.
    pub(super) fn leader(&mut self) -> Result<Member<NodeId>, ErrorReply> {
        self.member("the leader")
    }

    /// `name@life`
    fn member(&mut self, what: &'static str) -> Result<Member<NodeId>, ErrorReply> {
        let word = self.word(what)?;
        let (node, life) = word
            .split_once('@')
            .ok_or_else(|| wrong(what, "is not of the form name@life"))?;
        let node = node.parse().map_err(|_| wrong(what, "has no name"))?;
        let incarnation = life.parse().map_err(|_| wrong(what, "has no life"))?;
        Ok(Member { node, incarnation })
    }

    fn members(&mut self) -> Result<BTreeSet<Member<NodeId>>, ErrorReply> {
        let mut members = BTreeSet::new();
        while self.next < self.args.len() {
            members.insert(self.member("a member")?);
            if members.len() > MOST_MEMBERS {
                return Err(wrong("members", "are too many"));
            }
        }
        if members.is_empty() {
            return Err(wrong("a member", "is missing"));
        }
        Ok(members)
    }

    /// A word that may stand at the end.
    fn flag(&mut self, name: &str) -> Result<bool, ErrorReply> {
        match self.args.get(self.next) {
            None => Ok(false),
            Some(word) if is_word(word, name) => {
                self.next += 1;
                Ok(true)
            }
            Some(_) => Err(ErrorReply::Syntax),
        }
    }

    /// The same, before which a word may say what it is about.
    fn flag_behind(&mut self, subject: &str, name: &str) -> Result<bool, ErrorReply> {
        let is_led = self.args.get(self.next);
        if is_led.is_some_and(|word| is_word(word, subject)) {
            self.next += 1;
            // Then it has to come.
            return match self.flag(name)? {
                true => Ok(true),
                false => Err(ErrorReply::Syntax),
            };
        }
        self.flag(name)
    }

    fn end(&self) -> Result<(), ErrorReply> {
        match self.next < self.args.len() {
            true => Err(ErrorReply::Syntax),
            false => Ok(()),
        }
    }

    /// An order.
    pub(super) fn order(&mut self) -> Result<Order, ErrorReply> {
        let name = self.args.at(1);
        let orders = ["fence", "promote", "insync", "join", "hold", "follow"];
        let Some(name) = orders.into_iter().find(|order| is_word(name, order)) else {
            return Err(ErrorReply::unknown_subcommand_or_arity("NODE", name));
        };
        let shard = self.parsed("shard")?;
        let epoch = Epoch(self.number("epoch")?);
        let rev = Version(self.number("rev")?);
        let me = self.member("the node")?;
        let mut leader = None;
        let (mut waits_for_followers, mut reads_linearizable) = (false, false);
        let what = match name {
            "fence" => {
                waits_for_followers = self.flag_behind("acks", "in-sync")?;
                if waits_for_followers {
                    reads_linearizable = self.flag_behind("reads", "linearizable")?;
                }
                What::Fence
            }
            "promote" => What::Promote(self.members()?),
            "insync" => What::InSync(self.members()?),
            "join" => What::Join(self.member("a member")?),
            "hold" => What::Hold {
                most_ms: self.number("milliseconds")?,
            },
            _ => {
                let member = self.member("the leader")?;
                let host = self.word("host")?.to_owned();
                let port = self.parsed("port")?;
                leader = Some(Place { host, port });
                let may_wipe = self.flag("may-wipe")?;
                What::Follow {
                    leader: member,
                    may_wipe,
                }
            }
        };
        self.end()?;
        if epoch == Epoch(0) {
            return Err(wrong("epoch", "is none: the first is 1"));
        }
        if epoch.0 > GREATEST_EPOCH {
            return Err(wrong("epoch", "is out of range"));
        }
        Ok(Order {
            shard,
            me: me.node,
            instruction: Instruction {
                epoch,
                rev,
                incarnation: me.incarnation,
                what,
            },
            leader,
            waits_for_followers,
            reads_linearizable,
        })
    }

    /// A follower's question.
    pub(super) fn ask(&mut self) -> Result<Ask, ErrorReply> {
        let shard = self.parsed("shard")?;
        let epoch = Epoch(self.number("epoch")?);
        let seen_rev = Version(self.number("rev")?);
        let me = self.member("the node")?;
        let leader = self.member("the leader")?;
        let log = self.word("log")?.to_owned();
        if log.len() > LONGEST_NAME {
            return Err(wrong("log", "has too long a name"));
        }
        let last_epoch = self.word("log's epoch")?;
        let offset = self.word("offset")?;
        self.end()?;
        let position = match (last_epoch, offset) {
            ("-", "-") => None,
            (last_epoch, offset) => {
                let number = |word: &str, what| word.parse().map_err(|_| wrong(what, "is none"));
                Some(Position {
                    last_epoch: Epoch(number(last_epoch, "log's epoch")?),
                    offset: Offset(number(offset, "offset")?),
                })
            }
        };
        let handshake = Handshake {
            epoch,
            follower: me.incarnation,
            leader: leader.incarnation,
            position,
            seen_rev,
        };
        Ok(Ask {
            shard,
            handshake,
            log,
        })
    }
}

/// What a follower says (`NODE ACK epoch life offset rev confirms`); `None` where it is something else.
pub(crate) fn hear(args: Args<'_>) -> Option<Acknowledgement> {
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| is_word(arg, word));
    if !(is(0, "node") && is(1, "ack") && args.len() == 7) {
        return None;
    }
    let text = |at: usize| std::str::from_utf8(args.at(at)).ok();
    let number = |at: usize| text(at)?.parse::<u64>().ok();
    let follower: Incarnation = text(3)?.parse().ok()?;
    Some(Acknowledgement {
        epoch: Epoch(number(2)?),
        follower,
        offset: Offset(number(4)?),
        rev: Version(number(5)?),
        confirms: number(6)?,
    })
}

fn wrong(what: &str, how: &str) -> ErrorReply {
    ErrorReply::Text(format!("ERR NODE: {what} {how}").into())
}
