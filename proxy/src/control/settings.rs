//! What clients have set at a shard's primary by CONFIG SET, brought to its followers: any of them may lead, and is to go on with the same bounds, policies and notices.
//! Reaches: sockets of its own to the members, in tasks. Never: touches what nodes were started with, or what belongs to one process (the node says which settings are the shard's).
//!
//! Nodes say in NODE STATUS a number that stands for what was set there. Where a follower's is another than its primary's, the primary is asked what was set, and that is said to the
//! follower, which takes it if it follows that very life then. What it refuses (a log where it has no folder for data, say) is told once.
//! Bounds: an attempt for each follower at a time, of [`ATTEMPT`] at most; as long as the two differ it is made again, less and less often ([`LONGEST_PAUSE`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::RoleKind;
use shared::backoff::Backoff;
use shared::resp::Frame;
use shared::topology::{Address, Incarnation, NodeId, Shard, Topology};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::asking::{Manner, Unanswered, said};
use super::words::Said;
use crate::dice::Dice;
use crate::facts::ProxyShared;

/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(20);

/// Pauses between two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Longest answer, bytes: few values are longer than a line.
const MOST_ANSWER_BYTES: usize = 8 << 20;

/// A node in one life, and the number of what was set there.
type Having = (NodeId, Incarnation, Option<u64>);

/// A follower that has something else than its primary.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    primary: Having,
    follower: Having,
}

/// What is done for a follower.
#[derive(Debug)]
struct Task {
    difference: Difference,
    handle: JoinHandle<()>,
    backoff: Backoff,
    /// When the next attempt may begin, monotonic milliseconds.
    again_ms: u64,
    attempts: u32,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// All that is being brought.
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
        let differences = differences(shard, last_said);
        // Whoever has the same now, or leads, is left alone, whatever was under way.
        self.tasks.retain(|known, task| {
            let is_member = shard.members().any(|member| member == known);
            !is_member || differences.contains(&task.difference)
        });
        for difference in differences {
            self.work_on(difference, topology, shared);
        }
    }

    fn work_on(&mut self, difference: Difference, topology: &Topology, shared: &Arc<ProxyShared>) {
        let now_ms = shared.clock.monotonic_ms();
        let follower = difference.follower.0.clone();
        let known = self.tasks.get(&follower);
        if known.is_some_and(|known| !known.handle.is_finished() || now_ms < known.again_ms) {
            return;
        }
        let (mut backoff, attempts) = match known {
            Some(known) => (known.backoff, known.attempts),
            None => (Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE), 0),
        };
        let address = |node| topology.node(node).map(|node| node.address.clone());
        let ends = (address(&difference.primary.0), address(&follower));
        let (Some(from), Some(to)) = ends else {
            return;
        };
        let manner = Manner::of(&shared.config);
        let run = run(difference.clone(), (from, to), manner, attempts == 0);
        let pause = backoff.after_failure(Dice::new().throw());
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let task = Task {
            difference,
            handle: tokio::spawn(run),
            backoff,
            again_ms: now_ms.saturating_add(pause_ms),
            attempts: attempts.saturating_add(1),
        };
        self.tasks.insert(follower, task);
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

/// One attempt. `is_first`: what is refused has not been told.
async fn run(
    difference: Difference,
    (from, to): (Address, Address),
    manner: Manner,
    is_first: bool,
) {
    let (primary, follower) = (&difference.primary.0, &difference.follower.0);
    let bringing = bring(&difference, &from, &to, &manner);
    let problem = match timeout(ATTEMPT, bringing).await {
        Err(_) => Unanswered::Late,
        Ok(Err(problem)) => problem,
        Ok(Ok(refused)) => {
            tracing::info!(%follower, %primary, refused = refused.len(), "what clients have set at the primary is set at its follower");
            for refusal in refused.iter().filter(|_| is_first) {
                tracing::warn!(%follower, %primary, refusal, "a setting of the primary is refused by its follower: it goes on with its own when it leads");
            }
            return;
        }
    };
    tracing::debug!(%follower, %problem, "settings cannot be brought yet");
}

/// What the follower has refused.
async fn bring(
    difference: &Difference,
    from: &Address,
    to: &Address,
    manner: &Manner,
) -> Result<Vec<String>, Unanswered> {
    let mut from = manner.connect(from).await?;
    let reply = from.ask(&[b"NODE", b"SETTINGS"], MOST_ANSWER_BYTES).await?;
    let pairs = pairs(&reply).ok_or_else(|| said(&reply))?;
    let (primary, life, _) = &difference.primary;
    let leader = format!("{primary}@{life}");
    let mut words = vec![&b"NODE"[..], b"TAKE", leader.as_bytes()];
    words.extend(pairs.into_iter().flat_map(|(name, value)| [name, value]));
    let mut to = manner.connect(to).await?;
    let reply = to.ask(&words, MOST_ANSWER_BYTES).await?;
    let refused = reply.as_elements().ok_or_else(|| said(&reply))?;
    let text = |frame: &Frame| {
        let text = frame.as_bytes().unwrap_or_default();
        text.escape_ascii().to_string()
    };
    Ok(refused.iter().map(text).collect())
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
