//! [`Replication`]: whom this node follows, who follows it, and how far their common log has come.
//! Pure: the shell tells it what happened, and draws the identifiers. Invariants: identifier and offset name the same bytes at every server that has both; what a
//! follower still needs of the log is kept.

use super::{ClientKey, Failover, OrderNumber};
use crate::log::Backlog;
use crate::store::Pieces;
use shared::topology::Incarnation;
use std::sync::Arc;

/// What a server that follows nobody shows as its former log.
pub const NO_ID: &str = "0000000000000000000000000000000000000000";

/// Where a server listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How a follower stands with its leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It has still to connect.
    #[default]
    Connect,
    /// It connects, or shakes hands.
    Connecting,
    /// It gets the leader's keys.
    Syncing {
        /// Bytes of all of them; `None` where the leader does not say.
        total_bytes: Option<u64>,
        /// Bytes that have come.
        read_bytes: u64,
    },
    /// It gets the leader's log.
    Connected,
}

/// Whom this node follows, and how that goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leader {
    /// Where it is.
    pub place: Place,
    /// How it stands.
    pub link: Link,
    /// When something came from it last, Unix milliseconds.
    pub heard_ms: u64,
    /// Since when there is no connection, Unix milliseconds; `None` before the first.
    pub down_since_ms: Option<u64>,
}

/// How far a follower of this node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerState {
    /// It waits for its snapshot.
    Waits,
    /// It gets one.
    Copies,
    /// It gets the log.
    Online,
}

/// One that follows this node.
#[derive(Clone, Debug)]
pub struct Follower {
    /// Its connection.
    pub client: ClientKey,
    /// Where it is reached.
    pub place: Place,
    /// Of a member of the same shard: its life, as it was heard of last.
    pub life: Option<Incarnation>,
    /// How far it is.
    pub state: FollowerState,
    /// Behind this offset the log is still to be sent to it.
    pub sent: u64,
    /// It has all before this.
    pub acknowledged: u64,
    /// And this on its disk, as far as it has said so.
    pub on_disk: u64,
    /// When it was heard of last, Unix milliseconds.
    pub heard_ms: u64,
}

/// How a follower that asks for the log gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeding {
    /// From this offset on.
    Continue(u64),
    /// As a snapshot, and what comes behind it.
    Full,
    /// As a member of the same shard, by what it has asked.
    Member(OrderNumber),
    /// It has been this node's leader, and hands that over: from this offset on, or as a snapshot.
    TakeOver(Option<u64>),
}

/// Whom this node follows, and who follows it.
#[derive(Debug)]
pub struct Replication {
    /// Whether a command has to ask more than usual: the node follows somebody.
    pub guards: bool,
    /// What is being applied is one, and a part of it is here already.
    pub is_within_unit: bool,
    /// Memory of what has come from the leader and is not applied, as of a unit whose end is still to come.
    pub held_bytes: u64,
    /// Whom the node is to follow, by the command that is being carried out.
    pub wanted: Option<Place>,
    /// The leadership is being handed over.
    pub failover: Option<Failover>,
    /// 40 hexadecimal digits that name the log.
    id: String,
    /// What the log was called before, and up to where.
    former: Option<(String, u64)>,
    /// From where on the log is on disk, if it is.
    pub on_disk_from: Option<u64>,
    /// Where the log ends.
    offset: u64,
    /// Where in it something begins that is one and not over: followers acknowledge it when they have its end.
    open_unit: Option<u64>,
    backlog: Option<Backlog>,
    leader: Option<Leader>,
    followers: Vec<Follower>,
    /// Since when nobody follows, as far as that was looked at, Unix milliseconds.
    alone_since_ms: Option<u64>,
}

/// What becomes of the old part of a log.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// Who has taken too little.
    pub slow: Vec<ClientKey>,
    /// Buffers that are needed no more for the log.
    pub released: Vec<Arc<Vec<u8>>>,
}

impl Replication {
    /// A node that follows nobody; `id` names its log.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self {
            guards: false,
            is_within_unit: false,
            held_bytes: 0,
            wanted: None,
            failover: None,
            id,
            former: None,
            on_disk_from: None,
            offset: 0,
            open_unit: None,
            backlog: None,
            leader: None,
            followers: Vec::new(),
            alone_since_ms: None,
        }
    }

    /// Names the log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the log was called before, and the offset up to which both are the same.
    #[must_use]
    pub fn former(&self) -> Option<(&str, u64)> {
        let (id, offset) = self.former.as_ref()?;
        Some((id, *offset))
    }

    /// Where the log ends.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Up to where the log has whole things alone.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.open_unit.unwrap_or(self.offset)
    }

    /// The end of the log, if it is kept in memory.
    #[must_use]
    pub fn backlog(&self) -> Option<&Backlog> {
        self.backlog.as_ref()
    }

    /// Whom this node follows.
    #[must_use]
    pub fn leader(&self) -> Option<&Leader> {
        self.leader.as_ref()
    }

    /// Who follows it.
    #[must_use]
    pub fn followers(&self) -> &[Follower] {
        &self.followers
    }

    /// The follower behind a connection.
    pub fn follower_mut(&mut self, client: ClientKey) -> Option<&mut Follower> {
        let mut all = self.followers.iter_mut();
        all.find(|follower| follower.client == client)
    }

    /// What comes next is, or is no more, a part of something that is one.
    pub fn note_unit(&mut self, is_in_unit: bool) {
        self.open_unit = is_in_unit.then(|| self.open_unit.unwrap_or(self.offset));
    }

    /// The log goes on.
    pub fn append(&mut self, bytes: &Pieces) {
        self.offset += bytes.len() as u64;
        if let Some(backlog) = &mut self.backlog {
            backlog.append(bytes);
        }
    }

    /// From now on the end of the log is kept.
    pub fn keep_backlog(&mut self) {
        self.backlog
            .get_or_insert_with(|| Backlog::new(self.offset));
    }

    /// The log is read from disk: it ends there.
    pub fn start_at(&mut self, offset: u64) {
        self.offset = offset;
        self.open_unit = None;
        self.backlog = None;
    }

    /// Whom to follow from now on.
    pub fn follow(&mut self, place: Place) {
        self.leader = Some(Leader {
            place,
            ..Leader::default()
        });
        self.guards = true;
        self.keep_backlog();
    }

    /// How it goes with the leader.
    pub fn set_link(&mut self, link: Link, now_ms: u64) {
        let Some(leader) = &mut self.leader else {
            return;
        };
        leader.heard_ms = now_ms;
        match link {
            Link::Connected => leader.down_since_ms = None,
            _ if leader.link == Link::Connected => leader.down_since_ms = Some(now_ms),
            _ => {}
        }
        leader.link = link;
    }

    /// Something came from the leader.
    pub fn heard(&mut self, now_ms: u64) {
        if let Some(leader) = &mut self.leader {
            leader.heard_ms = now_ms;
        }
    }

    /// The keyspace is now what the leader's was at this offset of the log that is called so.
    pub fn copied(&mut self, id: String, offset: u64) {
        self.id = id;
        self.former = None;
        self.offset = offset;
        self.backlog = Some(Backlog::new(offset));
    }

    /// The leader's log has another name from here on.
    pub fn renamed(&mut self, id: String) {
        self.alone_since_ms = None;
        if self.id != id {
            let before = std::mem::replace(&mut self.id, id);
            self.former = Some((before, self.offset));
        }
    }

    /// The node follows nobody any more: its log goes on under another name.
    pub fn lead(&mut self, id: String) {
        self.leader = None;
        self.guards = false;
        self.renamed(id);
    }

    /// How one gets the log that has it up to `offset` by the name `id`.
    #[must_use]
    pub fn feeding(&self, id: &[u8], offset: Option<u64>) -> Feeding {
        let Some(offset) = offset else {
            return Feeding::Full;
        };
        let is_mine = id == self.id.as_bytes();
        let is_former = self
            .former
            .as_ref()
            .is_some_and(|(former, until)| id == former.as_bytes() && offset <= *until);
        match (is_mine || is_former) && self.keeps(offset) {
            true => Feeding::Continue(offset),
            false => Feeding::Full,
        }
    }

    /// Whether all behind this offset is kept, in memory or on disk.
    #[must_use]
    pub fn keeps(&self, offset: u64) -> bool {
        let in_memory = self
            .backlog
            .as_ref()
            .is_some_and(|backlog| backlog.reaches(offset));
        let on_disk = self.on_disk_from.is_some_and(|from| from <= offset);
        in_memory || on_disk && offset <= self.offset
    }

    /// Somebody follows.
    pub fn joined(&mut self, follower: Follower) {
        self.followers.push(follower);
    }

    /// A follower's connection has ended.
    ///
    /// The life of a member of the same shard, if this was its last connection.
    pub fn left(&mut self, client: ClientKey) -> Option<Incarnation> {
        let place = self
            .followers
            .iter()
            .position(|follower| follower.client == client)?;
        let life = self.followers.remove(place).life?;
        let mut others = self.followers.iter();
        let is_last = others.all(|other| other.life != Some(life));
        is_last.then_some(life)
    }

    /// How many followers have all before `offset`.
    #[must_use]
    pub fn count_with(&self, offset: u64) -> usize {
        self.count_online(|follower| follower.acknowledged >= offset)
    }

    /// How many have it on their disks.
    #[must_use]
    pub fn count_with_on_disk(&self, offset: u64) -> usize {
        self.count_online(|follower| follower.on_disk >= offset)
    }

    fn count_online(&self, has_it: impl Fn(&Follower) -> bool) -> usize {
        let online = self.followers.iter();
        let online = online.filter(|follower| follower.state == FollowerState::Online);
        online.filter(|follower| has_it(follower)).count()
    }

    /// How many followers get the log and were heard of less than so long ago.
    #[must_use]
    pub fn count_good(&self, now_ms: u64, most_lag_ms: u64) -> usize {
        let is_good = |follower: &&Follower| {
            follower.state == FollowerState::Online
                && now_ms.saturating_sub(follower.heard_ms) <= most_lag_ms
        };
        self.followers.iter().filter(is_good).count()
    }

    /// Forgets what is older than `keep_bytes` and needed by nobody. Followers for whom more than `most_bytes` waits, and not for one long value alone, are not
    /// waited for: they are the result, with the buffers of which nothing is kept any more.
    pub fn forget_old(&mut self, keep_bytes: u64, most_bytes: u64) -> Forgotten {
        let Some(backlog) = &mut self.backlog else {
            return Forgotten::default();
        };
        let mut slow = Vec::new();
        let mut needed = u64::MAX;
        for follower in &self.followers {
            if follower.sent < backlog.start() {
                // It reads what is on disk.
                continue;
            }
            let waiting = backlog.end().saturating_sub(follower.sent);
            let is_slow = most_bytes > 0
                && waiting > most_bytes
                && backlog.piled_up_behind(follower.sent) > most_bytes;
            if is_slow {
                slow.push(follower.client);
            } else if follower.state != FollowerState::Waits {
                needed = needed.min(follower.sent);
            }
        }
        let released = backlog.forget(keep_bytes, needed);
        Forgotten { slow, released }
    }

    /// Whether nobody has followed for so long that nobody will continue. To be asked now and then: time counts from the first look at which nobody does.
    pub fn is_deserted(&mut self, now_ms: u64, after_ms: u64) -> bool {
        let is_alone = self.backlog.is_some() && self.leader.is_none() && self.followers.is_empty();
        if !is_alone {
            self.alone_since_ms = None;
            return false;
        }
        let since_ms = *self.alone_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) > after_ms
    }

    /// What is here is nobody's log any more: who follows copies anew, and so does this node.
    pub fn forget_log(&mut self, id: String) {
        self.id = id;
        self.former = None;
    }

    /// The end of the log is not kept any more; what comes is another log for whoever was away.
    pub fn drop_backlog(&mut self, id: String) {
        self.backlog = None;
        self.id = id;
        self.former = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, Feeding, Follower, FollowerState, Link, Pieces, Place, Replication};
    use crate::node_state::ClientKey;

    fn place(port: u16) -> Place {
        Place {
            host: "h".to_owned(),
            port,
        }
    }

    fn follower(client: ClientKey, sent: u64) -> Follower {
        Follower {
            client,
            place: place(1),
            life: None,
            state: FollowerState::Online,
            sent,
            acknowledged: sent,
            on_disk: sent / 2,
            heard_ms: 0,
        }
    }

    fn keys(count: usize) -> Vec<ClientKey> {
        let mut clients = crate::node_state::Clients::default();
        let enter = |_| {
            let id = clients.next_id();
            let identity = crate::client::Identity::new(id, 0);
            clients.enter(identity, crate::client::Session::default())
        };
        (0..count).map(enter).collect()
    }

    #[test]
    fn who_has_the_beginning_of_this_log_continues_and_nobody_else() {
        let mut log = Replication::new("a".to_owned());
        assert_eq!(log.feeding(b"a", Some(0)), Feeding::Full, "nothing is kept");
        log.append(&Pieces::from(b"12345".to_vec()));
        log.keep_backlog();
        log.append(&Pieces::from(b"67890".to_vec()));
        let check = |log: &Replication, id: &str, offset: u64, continues: bool| {
            let expected = match continues {
                true => Feeding::Continue(offset),
                false => Feeding::Full,
            };
            assert_eq!(
                log.feeding(id.as_bytes(), Some(offset)),
                expected,
                "{id} {offset}"
            );
        };
        check(&log, "a", 4, false);
        check(&log, "a", 5, true);
        check(&log, "a", 10, true);
        check(&log, "a", 11, false);
        check(&log, "b", 10, false);
        assert_eq!(log.feeding(b"?", None), Feeding::Full);
        // It was a follower, and leads.
        log.follow(place(1));
        log.lead("b".to_owned());
        log.append(&Pieces::from(b"x".to_vec()));
        assert_eq!(log.former(), Some(("a", 10)));
        check(&log, "a", 10, true);
        check(&log, "a", 11, false);
        check(&log, "b", 11, true);
        // It copied another one's keys.
        log.follow(place(2));
        log.copied("c".to_owned(), 1_000);
        check(&log, "b", 11, false);
        check(&log, "c", 1_000, true);
        assert_eq!((log.offset(), log.former()), (1_000, None));
    }

    #[test]
    fn what_a_follower_needs_is_kept_unless_that_is_too_much() {
        let keys = keys(2);
        let mut log = Replication::new("a".to_owned());
        log.keep_backlog();
        log.joined(follower(keys[0], 0));
        log.joined(follower(keys[1], 900_000));
        log.append(&Pieces::from(vec![b'x'; 1_000_000]));
        assert!(log.forget_old(1, 0).slow.is_empty());
        assert_eq!(log.backlog().map(Backlog::start), Some(0));
        assert_eq!(log.forget_old(1, 500_000).slow, [keys[0]]);
        let start = log.backlog().map_or(0, Backlog::start);
        assert!((800_000..=900_000).contains(&start), "{start}");
        log.left(keys[0]);
        assert!(!log.is_deserted(7, 10));
        log.left(keys[1]);
        assert!(!log.is_deserted(7, 10) && !log.is_deserted(17, 10));
        assert!(log.is_deserted(18, 10));
    }

    #[test]
    fn followers_count_when_they_have_all_and_were_heard_of() {
        let keys = keys(3);
        let mut log = Replication::new("a".to_owned());
        for (place, key) in keys.iter().enumerate() {
            log.joined(follower(*key, place as u64 * 10));
        }
        log.follower_mut(keys[2]).expect("it").state = FollowerState::Copies;
        assert_eq!(log.count_with(0), 2);
        assert_eq!(log.count_with(10), 1);
        assert_eq!(log.count_with(20), 0);
        assert_eq!(log.count_with_on_disk(5), 1);
        assert_eq!(log.count_with_on_disk(6), 0);
        log.follower_mut(keys[0]).expect("it").heard_ms = 500;
        assert_eq!(log.count_good(1_000, 500), 1);
        assert_eq!(log.count_good(1_000, 1_000), 2);
    }

    #[test]
    fn a_link_is_down_since_it_ended() {
        let mut log = Replication::new("a".to_owned());
        log.follow(place(1));
        let down = |log: &Replication| log.leader().expect("it").down_since_ms;
        log.set_link(Link::Connecting, 5);
        assert_eq!(down(&log), None);
        log.set_link(Link::Connected, 6);
        log.set_link(Link::Connect, 7);
        log.set_link(Link::Connecting, 8);
        assert_eq!(down(&log), Some(7));
        log.set_link(Link::Connected, 9);
        assert_eq!(down(&log), None);
    }
}
