//! What nodes are told and say as members of a shard: orders → words, `NODE STATUS` → a status.
//! Pure. Invariant: what is not understood is no status; nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use protocol::{
    Instruction, LeadingStatus, Member, Offset, Position, Role, RoleKind, Status, What,
};
use shared::resp::Frame;
use shared::topology::{Address, Epoch, Incarnation, NodeId, ShardId, Version};

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// As a member.
    pub(super) status: Status<NodeId>,
    /// The shard whose keys it has.
    pub(super) shard: Option<ShardId>,
    /// A number that stands for what clients have set there while it runs; `None`: nothing.
    pub(super) settings: Option<u64>,
}

/// The words of an order. `leader` is where it is, of an order to follow; without it there are none.
pub(super) fn order(
    node: &NodeId,
    shard: &ShardId,
    order: &Instruction<NodeId>,
    leader: Option<&Address>,
) -> Option<Vec<String>> {
    let (name, further): (_, Vec<String>) = match &order.what {
        What::Fence => ("FENCE", Vec::new()),
        What::Promote(members) => ("PROMOTE", members.iter().map(named).collect()),
        What::InSync(members) => ("INSYNC", members.iter().map(named).collect()),
        What::Join(member) => ("JOIN", vec![named(member)]),
        What::Hold { most_ms } => ("HOLD", vec![most_ms.to_string()]),
        What::Follow {
            leader: member,
            may_wipe,
        } => {
            let address = leader?;
            let mut words = vec![
                named(member),
                address.host().to_owned(),
                address.port().to_string(),
            ];
            words.extend(may_wipe.then(|| "MAY-WIPE".to_owned()));
            ("FOLLOW", words)
        }
    };
    let me = Member {
        node: node.clone(),
        incarnation: order.incarnation,
    };
    let mut words = vec![
        "NODE".to_owned(),
        name.to_owned(),
        shard.to_string(),
        order.epoch.to_string(),
        order.rev.to_string(),
        named(&me),
    ];
    words.extend(further);
    Some(words)
}

fn named(member: &Member<NodeId>) -> String {
    format!("{}@{}", member.node, member.incarnation)
}

/// Greatest epoch, version or offset that is believed: the topology's text holds a little more, and counting goes on from them.
const MOST: u64 = 1 << 62;

/// What `NODE STATUS` was answered; `None` where it is something else, or not understood.
pub(super) fn said(reply: &Frame) -> Option<Said> {
    let elements = reply.as_elements()?;
    let text = |frame: &Frame| String::from_utf8(frame.as_bytes()?.to_vec()).ok();
    let pairs = elements.chunks_exact(2);
    let facts: Option<BTreeMap<String, String>> = pairs
        .map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
        .collect();
    let facts = Facts(facts?);
    let status = Status {
        incarnation: facts.parsed("life")?,
        role: facts.role()?,
        seen_epoch: Epoch(facts.number_or("seen-epoch", 0)?),
        seen_rev: Version(facts.number_or("seen-rev", 0)?),
        position: Position {
            last_epoch: Epoch(facts.parsed("last-epoch")?),
            offset: Offset(facts.parsed("offset")?),
        },
        is_syncing: facts.is_yes("syncing"),
        needs_sync: facts.is_yes("needs-sync"),
        cannot_write: facts.is_yes("cannot-write"),
        leading: facts.leading()?,
    };
    let numbers = [
        status.seen_epoch.0,
        status.seen_rev.0,
        status.position.last_epoch.0,
        status.position.offset.0,
    ];
    if numbers.iter().any(|number| *number > MOST) {
        return None;
    }
    let shard = match facts.text("shard") {
        None | Some("") => None,
        Some(name) => Some(name.parse().ok()?),
    };
    let settings = facts
        .text("settings")
        .map(|text| u64::from_str_radix(text, 16));
    Some(Said {
        status,
        shard,
        settings: settings.transpose().ok()?,
    })
}

/// Names and values.
struct Facts(BTreeMap<String, String>);

impl Facts {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn number_or(&self, name: &str, default: u64) -> Option<u64> {
        match self.text(name) {
            None => Some(default),
            Some(text) => text.parse().ok(),
        }
    }

    /// An empty text is none.
    fn optional<T: FromStr>(&self, name: &str) -> Option<Option<T>> {
        match self.text(name)? {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    fn is_yes(&self, name: &str) -> bool {
        self.text(name) == Some("yes")
    }

    fn role(&self) -> Option<Option<Role>> {
        let kind = match self.text("role") {
            None | Some("waiting") => return Some(None),
            Some("primary") => RoleKind::Primary,
            Some("follower") => RoleKind::Follower(member(self.text("leader")?)?.incarnation),
            Some(_) => return None,
        };
        let epoch = Epoch(self.parsed("role-epoch")?);
        Some(Some(Role { kind, epoch }))
    }

    fn leading(&self) -> Option<Option<LeadingStatus<NodeId>>> {
        if self.text("applied-rev").is_none() {
            return Some(None);
        }
        let others = self.text("others")?.split_whitespace();
        let others: Option<_> = others
            .map(|other| {
                let (life, offset) = other.split_once(':')?;
                let life: Incarnation = life.parse().ok()?;
                Some((life, Offset(offset.parse().ok()?)))
            })
            .collect();
        Some(Some(LeadingStatus {
            applied_rev: Version(self.parsed("applied-rev")?),
            start: Offset(self.parsed("start")?),
            commit: self.optional("commit")?.map(Offset),
            waits_for: self.members("waits-for")?,
            blocked_on: self.members("blocked-on")?,
            joined: self.members("joined")?,
            others: others?,
            held: self.optional("held")?.map(Version),
        }))
    }

    fn members(&self, name: &str) -> Option<BTreeSet<Member<NodeId>>> {
        let names = self.text(name)?.split_whitespace();
        names.map(member).collect()
    }
}

/// `name@life`
fn member(text: &str) -> Option<Member<NodeId>> {
    let (node, life) = text.split_once('@')?;
    Some(Member {
        node: node.parse().ok()?,
        incarnation: life.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(number: u64) -> Incarnation {
        Incarnation(number)
    }

    fn node(number: usize, incarnation: u64) -> Member<NodeId> {
        Member {
            node: NodeId::numbered(number),
            incarnation: life(incarnation),
        }
    }

    fn words_of(what: What<NodeId>) -> String {
        let instruction = Instruction {
            epoch: Epoch(3),
            rev: Version(9),
            incarnation: life(1),
            what,
        };
        let address = Address::loopback(7001);
        let shard = ShardId::numbered(1);
        let words = order(&NodeId::numbered(1), &shard, &instruction, Some(&address));
        words.unwrap().join(" ")
    }

    #[test]
    fn orders_are_said_as_nodes_expect_them() {
        let begin = |name: &str| format!("NODE {name} s1 3 9 n1@0000000000000001");
        let both = [node(1, 1), node(2, 2)].into();
        assert_eq!(
            words_of(What::Promote(both)),
            begin("PROMOTE") + " n1@0000000000000001 n2@0000000000000002"
        );
        assert_eq!(
            words_of(What::Hold { most_ms: 200 }),
            begin("HOLD") + " 200"
        );
        let follow = What::Follow {
            leader: node(2, 2),
            may_wipe: true,
        };
        assert_eq!(
            words_of(follow),
            begin("FOLLOW") + " n2@0000000000000002 127.0.0.1 7001 MAY-WIPE"
        );
    }

    fn reply(facts: &[(&str, &str)]) -> Frame {
        let words = facts.iter().flat_map(|(name, value)| [*name, *value]);
        Frame::Array(words.map(|word| Frame::Bulk(word.into())).collect())
    }

    const PRIMARY: &[(&str, &str)] = &[
        ("life", "0000000000000001"),
        ("shard", "s1"),
        ("last-epoch", "3"),
        ("offset", "100"),
        ("role", "primary"),
        ("role-epoch", "3"),
        ("seen-epoch", "3"),
        ("seen-rev", "9"),
        ("syncing", "no"),
        ("needs-sync", "no"),
        ("applied-rev", "9"),
        ("start", "50"),
        ("commit", ""),
        ("held", ""),
        ("waits-for", "n2@0000000000000002"),
        ("blocked-on", ""),
        ("joined", "n2@0000000000000002 n3@0000000000000003"),
        ("others", "0000000000000007:12"),
        ("settings", "00000000000000ff"),
    ];

    #[test]
    fn a_primary_says_whom_it_waits_for() {
        let said = said(&reply(PRIMARY)).unwrap();
        assert_eq!(said.shard, Some(ShardId::numbered(1)));
        assert_eq!(said.settings, Some(255));
        let leading = said.status.leading.unwrap();
        assert_eq!(leading.commit, None);
        assert_eq!(leading.waits_for, [node(2, 2)].into());
        assert_eq!(leading.joined.len(), 2);
        assert_eq!(leading.others, [(life(7), Offset(12))]);
    }

    #[test]
    fn a_node_that_was_never_ordered_says_little() {
        let plain = [
            ("life", "0000000000000001"),
            ("shard", ""),
            ("last-epoch", "0"),
            ("offset", "0"),
        ];
        let said = said(&reply(&plain)).unwrap();
        assert_eq!(said.status.role, None);
        assert_eq!(said.status.leading, None);
        assert_eq!(said.shard, None);
        assert_eq!(said.settings, None);
    }

    #[test]
    fn what_is_not_understood_is_no_status() {
        assert_eq!(said(&Frame::Error(b"LOADING".to_vec())), None);
        for (name, value) in [
            ("life", "x"),
            ("offset", "-1"),
            ("role", "king"),
            ("role", "follower"),
            ("waits-for", "n2"),
            ("others", "x:1"),
            ("commit", "x"),
            ("settings", "x"),
            ("shard", "a b"),
            ("seen-epoch", "9223372036854775806"),
            ("last-epoch", "18446744073709551615"),
        ] {
            let changed: Vec<_> = PRIMARY
                .iter()
                .map(|fact| if fact.0 == name { (name, value) } else { *fact })
                .collect();
            assert_eq!(said(&reply(&changed)), None, "{name} {value}");
        }
    }
}
