//! What a controller knows: the document, what nodes said since it was loaded, and since when something is so.
//! Pure. Invariants: evidence is of the document's version, and only what was asked for after that version was loaded is in it; what was said before serves to
//! send orders alone, which do no harm when they are wrong.

use std::collections::{BTreeMap, BTreeSet};

use shared::topology::{Incarnation, Version};

use super::document::{Announced, Document, Entry};
use super::lives::Lives;
use super::settings::Settings;
use crate::change::Evidence;
use crate::guard::RoleKind;
use crate::member::{Member, Membership};
use crate::opinion::{Standing, Verdict};
use crate::position::Offset;
use crate::replica::{Instruction, LeadingStatus, Status};

/// What is known.
#[derive(Clone, Debug)]
pub(super) struct Knowledge<S: Ord, N: Ord> {
    pub(super) settings: Settings,
    pub(super) document: Document<S, N>,
    pub(super) loaded_ms: u64,
    /// The shard of each node that has one.
    pub(super) home: BTreeMap<N, S>,
    pub(super) evidence: Evidence<N>,
    pub(super) nodes: BTreeMap<N, Known<N>>,
    /// When each shard's epoch last rose, as far as it was seen.
    changed_ms: BTreeMap<S, u64>,
    /// Members that hold their primary up.
    stalls: BTreeMap<S, BTreeMap<Member<N>, Stall>>,
    verdict: Verdict<N>,
    down_ms: BTreeMap<N, u64>,
    pub(super) announced: BTreeMap<N, Announced>,
    pub(super) lives: Lives<N>,
}

/// What is known of a node.
#[derive(Clone, Debug)]
pub(super) struct Known<N: Ord> {
    /// The last that it said, under whatever version.
    pub(super) last: Option<Status<N>>,
    /// When it answered last, or was first asked.
    pub(super) heard_ms: u64,
    /// When it was asked last.
    pub(super) asked_ms: Option<u64>,
    /// Orders that it was sent a short while ago, and when.
    pub(super) sent: Vec<(Instruction<N>, u64)>,
}

/// Nothing has been committed since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stall {
    commit: Option<Offset>,
    since_ms: u64,
}

impl<S: Clone + Ord, N: Clone + Ord> Knowledge<S, N> {
    pub(super) fn new(settings: Settings, mut document: Document<S, N>, now_ms: u64) -> Self {
        document.agree_on_version();
        let mut new = Self {
            settings,
            evidence: Evidence::new(document.version),
            loaded_ms: now_ms,
            home: homes(&document),
            document,
            nodes: BTreeMap::new(),
            changed_ms: BTreeMap::new(),
            stalls: BTreeMap::new(),
            verdict: Verdict::new(),
            down_ms: BTreeMap::new(),
            announced: BTreeMap::new(),
            lives: Lives::new(),
        };
        new.meet_nodes(now_ms);
        new
    }

    pub(super) fn version(&self) -> Version {
        self.document.version
    }

    /// A newer document: nothing that was said before is evidence any more.
    pub(super) fn load(&mut self, mut document: Document<S, N>, now_ms: u64) {
        document.agree_on_version();
        for (shard, entry) in &document.shards {
            let before = self.document.shards.get(shard);
            let epoch = |entry: &Entry<N>| entry.membership.epoch;
            if before.is_some_and(|before| epoch(before) < epoch(entry)) {
                self.changed_ms.insert(shard.clone(), now_ms);
            }
        }
        let is_there = |shard: &S| document.shards.contains_key(shard);
        self.changed_ms.retain(|shard, _| is_there(shard));
        self.stalls.retain(|shard, _| is_there(shard));
        self.watch_lives(&document, now_ms);
        self.home = homes(&document);
        self.evidence = Evidence::new(document.version);
        self.loaded_ms = now_ms;
        self.document = document;
        self.meet_nodes(now_ms);
    }

    /// Takes note of lives that `next` lists instead of others.
    fn watch_lives(&mut self, next: &Document<S, N>, now_ms: u64) {
        let before = listed_lives(&self.document);
        let now = listed_lives(next);
        for (node, lives) in &now {
            let Some(before) = before.get(node) else {
                continue;
            };
            for life in lives.difference(before) {
                self.lives.taken_up(node, *life, now_ms);
            }
        }
        self.lives.keep(|node| now.contains_key(node));
    }

    /// From now on nodes are asked: nothing that lasts has begun before.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.evidence = Evidence::new(self.document.version);
        self.loaded_ms = now_ms;
        self.stalls.clear();
        self.down_ms.clear();
        self.verdict = Verdict::new();
        for known in self.nodes.values_mut() {
            known.heard_ms = now_ms;
            known.asked_ms = None;
            known.sent.clear();
        }
    }

    /// A node wants to be used; gossip says so again and again.
    pub(super) fn announce(&mut self, node: N, announced: Announced, now_ms: u64) {
        if self.announced.insert(node, announced).is_none() {
            self.meet_nodes(now_ms);
        }
    }

    /// Keeps an account of every node that is listed or announced, and of no other.
    pub(super) fn meet_nodes(&mut self, now_ms: u64) {
        let listed = self.document.nodes.keys().chain(self.home.keys());
        let all: BTreeSet<N> = listed.chain(self.announced.keys()).cloned().collect();
        self.nodes.retain(|node, _| all.contains(node));
        for node in all {
            self.nodes.entry(node).or_insert_with(|| Known {
                last: None,
                heard_ms: now_ms,
                asked_ms: None,
                sent: Vec::new(),
            });
        }
    }

    /// A node has said this, asked for while `version` was the newest.
    pub(super) fn hear(&mut self, node: &N, version: Version, status: Status<N>, now_ms: u64) {
        let Some(known) = self.nodes.get_mut(node) else {
            return;
        };
        known.heard_ms = now_ms;
        known.last = Some(status.clone());
        if version == self.evidence.version {
            self.evidence.statuses.insert(node.clone(), status);
        }
        if let Some(shard) = self.home.get(node).cloned() {
            self.watch_stalls(&shard, node, now_ms);
        }
    }

    /// A node could not be asked: nobody is to be chosen for what it said before.
    pub(super) fn miss(&mut self, node: &N) {
        self.evidence.statuses.remove(node);
    }

    pub(super) fn judge(&mut self, verdict: Verdict<N>, now_ms: u64) {
        self.down_ms.retain(|node, _| verdict.down.contains(node));
        for node in &verdict.down {
            self.down_ms.entry(node.clone()).or_insert(now_ms);
        }
        self.verdict = verdict;
    }

    pub(super) fn standing(&self) -> Standing {
        self.verdict.standing
    }

    pub(super) fn membership(&self, shard: &S) -> Option<&Membership<N>> {
        Some(&self.document.shards.get(shard)?.membership)
    }

    /// What a node said since the document was loaded.
    pub(super) fn status(&self, node: &N) -> Option<&Status<N>> {
        self.evidence.statuses.get(node)
    }

    /// It says itself that this life of it is over.
    pub(super) fn is_over(&self, member: &Member<N>) -> bool {
        let status = self.status(&member.node);
        status.is_some_and(|status| status.incarnation != member.incarnation)
    }

    pub(super) fn is_down(&self, node: &N) -> bool {
        self.verdict.down.contains(node)
    }

    /// For how long the proxies have held it for down.
    pub(super) fn down_for_ms(&self, node: &N, now_ms: u64) -> u64 {
        let since = self.down_ms.get(node);
        since.map_or(0, |since| now_ms.saturating_sub(*since))
    }

    /// For how long it has not answered.
    pub(super) fn absent_for_ms(&self, node: &N, now_ms: u64) -> u64 {
        let known = self.nodes.get(node);
        known.map_or(0, |known| now_ms.saturating_sub(known.heard_ms))
    }

    /// Whether a change of leadership is so long ago that another may follow on mere suspicion.
    pub(super) fn has_cooled_down(&self, shard: &S, now_ms: u64) -> bool {
        let changed = self.changed_ms.get(shard);
        changed.is_none_or(|at| now_ms.saturating_sub(*at) >= self.settings.cool_down_ms)
    }

    /// What the primary says, if it leads by the document's epoch and has applied this very version.
    pub(super) fn leading(&self, shard: &S) -> Option<(&Status<N>, &LeadingStatus<N>)> {
        let membership = self.membership(shard)?;
        let status = self.status(&membership.primary.node)?;
        let leading = status.leading.as_ref()?;
        let leads = status.incarnation == membership.primary.incarnation
            && status.role.is_some_and(|role| {
                role.kind == RoleKind::Primary && role.epoch == membership.epoch
            })
            && leading.applied_rev == membership.version;
        leads.then_some((status, leading))
    }

    /// For how long a member has held its primary up, while nothing was committed.
    pub(super) fn stalled_for_ms(&self, shard: &S, member: &Member<N>, now_ms: u64) -> u64 {
        let stall = self.stalls.get(shard).and_then(|all| all.get(member));
        stall.map_or(0, |stall| now_ms.saturating_sub(stall.since_ms))
    }

    /// Takes note of who holds a primary up, when it is the primary that has spoken.
    fn watch_stalls(&mut self, shard: &S, node: &N, now_ms: u64) {
        let Some(membership) = self.membership(shard) else {
            return;
        };
        let last = self.nodes.get(node).and_then(|known| known.last.as_ref());
        let leading = last
            .filter(|status| {
                membership.primary.node == *node
                    && membership.primary.incarnation == status.incarnation
            })
            .and_then(|status| status.leading.as_ref());
        let Some(leading) = leading else {
            return;
        };
        let before = self.stalls.get(shard);
        let stall = |member: &Member<N>| {
            let now = Stall {
                commit: leading.commit,
                since_ms: now_ms,
            };
            let before = before.and_then(|all| all.get(member)).copied();
            let is_same = |before: &Stall| before.commit == now.commit;
            (member.clone(), before.filter(is_same).unwrap_or(now))
        };
        let stalls = leading.blocked_on.iter().map(stall).collect();
        self.stalls.insert(shard.clone(), stalls);
    }
}

/// The lives under which each node is listed.
fn listed_lives<S: Ord, N: Clone + Ord>(
    document: &Document<S, N>,
) -> BTreeMap<N, BTreeSet<Incarnation>> {
    let mut lives: BTreeMap<N, BTreeSet<Incarnation>> = BTreeMap::new();
    for entry in document.shards.values() {
        let membership = &entry.membership;
        for member in membership.in_sync.iter().chain(&membership.learners) {
            let of_node = lives.entry(member.node.clone()).or_default();
            of_node.insert(member.incarnation);
        }
    }
    lives
}

fn homes<S: Clone + Ord, N: Clone + Ord>(document: &Document<S, N>) -> BTreeMap<N, S> {
    let mut homes = BTreeMap::new();
    for (shard, entry) in &document.shards {
        for node in entry.membership.nodes() {
            homes.insert(node, shard.clone());
        }
    }
    homes
}
