//! What clients have set at a shard's primary by CONFIG SET, brought to its followers: any of them may lead, and is to go on with the same bounds, policies and notices.
//! Reaches: sockets of its own to the members, in tasks. Never: touches what nodes were started with, or what belongs to one process (the node says which settings are the shard's).
//!
//! Nodes say in NODE STATUS a number that stands for what was set there. Where a follower's is another than its primary's, the primary is asked what was set, and that is said to the
//! follower. What it refuses (a log where it has no folder for data, say) is told once.
//! Bounds: a task for each follower, no longer than [`LONGEST_MS`]; the same difference between the same lives is worked on once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::RoleKind;
use shared::backoff::Backoff;
use shared::resp::Frame;
use shared::topology::{Address, Incarnation, NodeId, Shard, Topology};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::asking::{Manner, Unanswered, said};
use super::words::Said;
use crate::dice::Dice;
use crate::facts::ProxyShared;

/// After that a follower is left as it is until something changes, milliseconds.
const LONGEST_MS: u64 = 600_000;

/// Pauses between two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Longest answer, bytes: a value is one argument of a request, and few of them are longer than a line.
const MOST_ANSWER_BYTES: usize = 1 << 20;

/// A node in one life, and the number of what was set there.
type Having = (NodeId, Incarnation, Option<u64>);

/// A follower that has something else than its primary.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    primary: Having,
    follower: Having,
}

/// What was begun for a follower.
#[derive(Debug)]
struct Task {
    difference: Difference,
    handle: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// All that is being brought, or was.
#[derive(Debug, Default)]
pub(super) struct Settling {
    tasks: BTreeMap<NodeId, Task>,
}

impl Settling {
    /// Looks at the shard of a node that has said something.
    pub(super) fn look<'a>(
        &mut self,
        node: &NodeId,
        topology: &Topology,
        last_said: impl Fn(&NodeId) -> Option<&'a Said>,
        shared: &Arc<ProxyShared>,
    ) {
        let Some(shard) = topology.shards.iter().find(|shard| {
            let mut members = shard.members();
            shard.is_guarded() && members.any(|member| member == node)
        }) else {
            return;
        };
        for difference in differences(shard, last_said) {
            let follower = &difference.follower.0;
            let known = self.tasks.get(follower);
            if known.is_some_and(|known| known.difference == difference) {
                continue;
            }
            let address = |node| topology.node(node).map(|node| node.address.clone());
            let (from, to) = (address(&difference.primary.0), address(follower));
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let run = run(difference.clone(), from, to, Arc::clone(shared));
            let follower = follower.clone();
            let handle = tokio::spawn(run);
            self.tasks.insert(follower, Task { difference, handle });
        }
    }

    /// Those who are not members of any shard any more are forgotten.
    pub(super) fn follow(&mut self, topology: &Topology) {
        let is_member = |node: &NodeId| {
            let mut shards = topology.shards.iter();
            shards.any(|shard| shard.members().any(|member| member == node))
        };
        self.tasks.retain(|node, _| is_member(node));
    }

    /// Another proxy does it now.
    pub(super) fn end(&mut self) {
        self.tasks.clear();
    }
}

/// Followers of a shard at which something else was set than at its primary, as far as something was set there.
fn differences<'a>(
    shard: &Shard,
    last_said: impl Fn(&NodeId) -> Option<&'a Said>,
) -> Vec<Difference> {
    let having = |node: &NodeId, leads: bool| -> Option<Having> {
        let said = last_said(node)?;
        let role = said.status.role?;
        let is_as_meant = matches!(role.kind, RoleKind::Primary) == leads;
        is_as_meant.then(|| (node.clone(), said.status.incarnation, said.settings))
    };
    let primary = having(&shard.primary, true).filter(|(.., settings)| settings.is_some());
    let Some(primary) = primary else {
        return Vec::new();
    };
    let followers = shard.followers().filter_map(|node| having(node, false));
    let differing = followers.filter(|follower| follower.2 != primary.2);
    differing
        .map(|follower| Difference {
            primary: primary.clone(),
            follower,
        })
        .collect()
}

async fn run(difference: Difference, from: Address, to: Address, shared: Arc<ProxyShared>) {
    let manner = Manner::of(&shared.config);
    let began_ms = shared.clock.monotonic_ms();
    let mut backoff = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut dice = Dice::new();
    let (primary, follower) = (&difference.primary.0, &difference.follower.0);
    loop {
        let problem = match bring(&from, &to, &manner).await {
            Ok(Brought { count, refused }) => {
                tracing::info!(%follower, %primary, count, "what clients have set at the primary is set at its follower");
                for refusal in refused {
                    tracing::warn!(%follower, %primary, refusal, "a setting of the primary is refused by its follower: it goes on with its own when it leads");
                }
                return;
            }
            Err(problem) => problem,
        };
        tracing::debug!(%follower, %problem, "settings cannot be brought yet");
        if shared.clock.monotonic_ms().saturating_sub(began_ms) >= LONGEST_MS {
            tracing::warn!(%follower, %primary, %problem, "what clients have set at the primary was not set at its follower, and it is not tried again until something changes: say CONFIG SET there");
            return;
        }
        sleep(backoff.after_failure(dice.throw())).await;
    }
}

/// What was set, and what was refused.
struct Brought {
    count: usize,
    refused: Vec<String>,
}

async fn bring(from: &Address, to: &Address, manner: &Manner) -> Result<Brought, Unanswered> {
    let mut from = manner.connect(from).await?;
    let reply = from.ask(&[b"NODE", b"SETTINGS"], MOST_ANSWER_BYTES).await?;
    let pairs = pairs(&reply).ok_or_else(|| said(&reply))?;
    let mut to = manner.connect(to).await?;
    let (mut count, mut refused) = (0, Vec::new());
    for (name, value) in pairs {
        let words = [&b"CONFIG"[..], b"SET", name, value];
        let reply = to.ask(&words, MOST_ANSWER_BYTES).await?;
        if !reply.is_error() {
            count += 1;
            continue;
        }
        let text = reply.as_bytes().unwrap_or_default();
        // Else it reads its data, say, and takes it later.
        if !text.starts_with(b"ERR ") {
            return Err(said(&reply));
        }
        refused.push(format!("{}: {}", name.escape_ascii(), text.escape_ascii()));
    }
    Ok(Brought { count, refused })
}

/// Names and values.
fn pairs(reply: &Frame) -> Option<Vec<(&[u8], &[u8])>> {
    let elements = reply.as_elements()?;
    let pairs = elements.chunks_exact(2);
    pairs
        .map(|pair| Some((pair[0].as_bytes()?, pair[1].as_bytes()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use protocol::{Offset, Position, Role, Status};
    use shared::topology::{Epoch, Version};

    use super::*;
    use crate::topology::testing::topology_of;

    fn role(leads: bool) -> Option<Role> {
        let kind = match leads {
            true => RoleKind::Primary,
            false => RoleKind::Follower(Incarnation(1)),
        };
        let epoch = Epoch(1);
        Some(Role { kind, epoch })
    }

    fn says(role: Option<Role>, settings: Option<u64>) -> Said {
        Said {
            status: Status {
                incarnation: Incarnation(1),
                role,
                seen_epoch: Epoch(1),
                seen_rev: Version(1),
                position: Position {
                    last_epoch: Epoch(1),
                    offset: Offset(0),
                },
                is_syncing: false,
                needs_sync: false,
                cannot_write: false,
                leading: None,
            },
            shard: None,
            settings,
        }
    }

    #[test]
    fn a_follower_differs_from_a_primary_that_has_something() {
        let mut topology = topology_of(&["a"]).topology.clone();
        let shard = &mut topology.shards[0];
        let (primary, follower) = (shard.primary.clone(), NodeId::numbered(7));
        shard.learners.insert(follower.clone(), None);
        let check = |primary_says: Option<Said>, follower_says: Option<Said>, expected: usize| {
            let says = |node: &NodeId| match *node == primary {
                true => primary_says.as_ref(),
                false => follower_says.as_ref(),
            };
            let found = differences(shard, says);
            assert_eq!(found.len(), expected, "{primary_says:?} {follower_says:?}");
            assert!(found.iter().all(|found| found.follower.0 == follower));
        };
        let leads = |settings| Some(says(role(true), settings));
        let follows = |settings| Some(says(role(false), settings));
        check(leads(Some(1)), follows(None), 1);
        check(leads(Some(1)), follows(Some(2)), 1);
        check(leads(Some(1)), follows(Some(1)), 0);
        check(leads(None), follows(Some(2)), 0);
        check(leads(None), follows(None), 0);
        check(leads(Some(1)), None, 0);
        check(None, follows(None), 0);
        // Neither has the role yet that the topology names.
        check(follows(Some(1)), follows(None), 0);
        check(leads(Some(1)), leads(None), 0);
        check(Some(says(None, Some(1))), follows(None), 0);
    }

    #[test]
    fn names_and_values_are_read_and_an_error_is_none() {
        let bulk = |text: &str| Frame::Bulk(text.into());
        let reply = Frame::Array(vec![bulk("maxmemory"), bulk("1")]);
        assert_eq!(pairs(&reply), Some(vec![(&b"maxmemory"[..], &b"1"[..])]));
        assert_eq!(pairs(&Frame::Error(b"ERR no".to_vec())), None);
    }
}
