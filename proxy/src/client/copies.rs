//! What the shards have said of a client's WAIT or WAITAOF: how many followers of each have all that was written.
//! Pure. Never: asks anybody; decides whether a shard is asked again. Invariant: what the client is told is the least of all shards, of which those that have not answered count
//! as nothing.

use shared::resp::{ReplyWriter, encode_request, parse_integer};
use shared::topology::{ShardIndex, Version};
use shared::wait_time::Awaited;

use crate::pipe::lease::LeaseKey;

/// Where all is that was written to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Have {
    /// On so many disks of its own.
    own: i64,
    /// At so many followers.
    followers: i64,
}

impl Have {
    const NOTHING: Self = Self {
        own: 0,
        followers: 0,
    };

    /// From the answer to WAIT, or to WAITAOF.
    pub(crate) fn read(answer: &[u8]) -> Option<Self> {
        let mut lines = answer.split(|byte| *byte == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r")?;
            parse_integer(line.strip_prefix(b":")?)
        });
        if answer.starts_with(b"*2\r\n") {
            lines.next();
            let (own, followers) = (lines.next()??, lines.next()??);
            return Some(Self { own, followers });
        }
        let followers = lines.next()??;
        Some(Self { own: 0, followers })
    }

    fn least(self, other: Self) -> Self {
        Self {
            own: self.own.min(other.own),
            followers: self.followers.min(other.followers),
        }
    }
}

/// One of the shards.
#[derive(Debug)]
pub(crate) struct AtShard {
    /// Which one, by the topology of this version.
    pub(crate) shard: ShardIndex,
    /// Its place among those that counters know, whatever the topology.
    pub(crate) label: usize,
    /// The connection over which it is asked.
    pub(crate) lease: Option<LeaseKey>,
    /// How often it was asked in vain.
    pub(crate) attempts: u8,
    /// What it has said.
    pub(crate) have: Option<Have>,
}

/// How far such a command is.
#[derive(Debug)]
pub(crate) struct Copies {
    awaited: Awaited,
    /// Every shard of the topology of this version.
    pub(crate) shards: Vec<AtShard>,
    version: Version,
    /// Somebody wants the waiting to end: since then it is only asked what there is, monotonic milliseconds.
    ends_ms: Option<u64>,
}

impl Copies {
    /// Nobody has been asked.
    pub(crate) fn new(awaited: Awaited) -> Self {
        Self {
            awaited,
            shards: Vec::new(),
            version: Version(0),
            ends_ms: None,
        }
    }

    /// Whether the shards are those of the topology of this version.
    pub(crate) fn is_of(&self, version: Version) -> bool {
        self.version == version
    }

    /// These are the shards, each with its label. Connections to those that are no more are given up.
    pub(crate) fn follow(
        &mut self,
        version: Version,
        shards: impl Iterator<Item = (ShardIndex, usize)>,
    ) -> Vec<LeaseKey> {
        self.version = version;
        let mut before = std::mem::take(&mut self.shards);
        for (shard, label) in shards {
            let known = before.iter().position(|known| known.label == label);
            let known = known.map(|at| before.swap_remove(at));
            self.shards.push(match known {
                Some(known) => AtShard { shard, ..known },
                None => AtShard {
                    shard,
                    label,
                    lease: None,
                    attempts: 0,
                    have: None,
                },
            });
        }
        before.iter().filter_map(|known| known.lease).collect()
    }

    /// All connections.
    pub(crate) fn leases(&self) -> Vec<LeaseKey> {
        let leases = self.shards.iter().filter_map(|known| known.lease);
        leases.collect()
    }

    /// The waiting is to end now: who has not answered is asked what there is. Connections over which more was asked are given up.
    pub(crate) fn end(&mut self, now_ms: u64) -> Vec<LeaseKey> {
        if self.ends_ms.is_some() {
            return Vec::new();
        }
        self.ends_ms = Some(now_ms);
        let waiting = self.shards.iter_mut().filter(|known| known.have.is_none());
        waiting
            .filter_map(|known| {
                known.attempts = 0;
                known.lease.take()
            })
            .collect()
    }

    /// When it was over, if somebody wants it to end.
    pub(crate) fn ends_ms(&self) -> Option<u64> {
        self.ends_ms
    }

    /// Appends what a shard is asked. A server of kind "redis" counts from where its log ended when the same connection asked something before.
    pub(crate) fn encode(&self, left_ms: u64, out: &mut Vec<u8>) {
        encode_request(out, ["PING"]);
        let (mut own, mut followers, mut left_ms) =
            (self.awaited.on_disk, self.awaited.followers, left_ms);
        if self.ends_ms.is_some() {
            (own, followers, left_ms) = (own.map(|_| false), 0, 1);
        }
        // As many as a node reads; there are never so many.
        let followers = i64::try_from(followers).unwrap_or(i64::MAX).to_string();
        let left = left_ms.to_string();
        match own {
            None => encode_request(out, ["WAIT", &followers, &left]),
            Some(own) => {
                let own = if own { "1" } else { "0" };
                encode_request(out, ["WAITAOF", own, &followers, &left]);
            }
        }
    }

    /// Whether a shard need not say more.
    pub(crate) fn is_enough(&self, have: Have) -> bool {
        let own = i64::from(self.awaited.on_disk == Some(true));
        let followers = i64::try_from(self.awaited.followers).unwrap_or(i64::MAX);
        self.ends_ms.is_some() || have.own >= own && have.followers >= followers
    }

    /// Whether all shards have answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.shards.iter().all(|known| known.have.is_some())
    }

    /// The least of all.
    pub(crate) fn tell(&self, reply: &mut ReplyWriter<'_>) {
        let said = self
            .shards
            .iter()
            .map(|known| known.have.unwrap_or(Have::NOTHING));
        let least = said.reduce(Have::least).unwrap_or(Have::NOTHING);
        if self.awaited.on_disk.is_some() {
            reply.array(2);
            reply.integer(least.own);
        }
        reply.integer(least.followers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::Protocol;

    const WAIT: Awaited = Awaited {
        followers: 2,
        on_disk: None,
        timeout_ms: 0,
    };

    fn of_two(awaited: Awaited) -> Copies {
        let mut copies = Copies::new(awaited);
        let shards = (0..2).filter_map(|at| Some((ShardIndex::new(at)?, at + 7)));
        assert!(copies.follow(Version(3), shards).is_empty());
        copies
    }

    fn told(copies: &Copies) -> String {
        let mut out = Vec::new();
        copies.tell(&mut ReplyWriter::new(&mut out, Protocol::Resp2));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_is_read_as_a_node_says_it() {
        let have = |own, followers| Some(Have { own, followers });
        for (answer, expected) in [
            (":3\r\n", have(0, 3)),
            ("*2\r\n:1\r\n:2\r\n", have(1, 2)),
            ("*2\r\n:1\r\n", None),
            ("-ERR no\r\n", None),
            ("*-1\r\n", None),
            ("", None),
        ] {
            assert_eq!(Have::read(answer.as_bytes()), expected, "{answer:?}");
        }
    }

    #[test]
    fn the_least_is_told_and_who_says_nothing_has_nothing() {
        let mut copies = of_two(WAIT);
        copies.shards[0].have = Have::read(b":3\r\n");
        assert!(!copies.is_complete());
        assert_eq!(told(&copies), ":0\r\n");
        copies.shards[1].have = Have::read(b":2\r\n");
        assert!(copies.is_complete());
        assert_eq!(told(&copies), ":2\r\n");
        let on_disk = Some(true);
        let mut copies = of_two(Awaited { on_disk, ..WAIT });
        copies.shards[0].have = Have::read(b"*2\r\n:1\r\n:2\r\n");
        copies.shards[1].have = Have::read(b"*2\r\n:0\r\n:5\r\n");
        assert_eq!(told(&copies), "*2\r\n:0\r\n:2\r\n");
        let have = |answer: &[u8]| Have::read(answer).unwrap();
        assert!(copies.is_enough(have(b"*2\r\n:1\r\n:2\r\n")));
        assert!(!copies.is_enough(have(b"*2\r\n:0\r\n:2\r\n")));
        assert!(!copies.is_enough(have(b"*2\r\n:1\r\n:1\r\n")));
    }

    #[test]
    fn a_shard_is_asked_for_the_time_that_is_left_or_for_what_there_is() {
        let asked = |copies: &Copies| {
            let mut out = Vec::new();
            copies.encode(40, &mut out);
            let text = String::from_utf8(out).unwrap();
            let words = text
                .split("\r\n")
                .filter(|word| !word.starts_with(['*', '$']));
            words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
        };
        let mut copies = of_two(WAIT);
        assert_eq!(asked(&copies), "PING WAIT 2 40");
        copies.end(9);
        assert_eq!(asked(&copies), "PING WAIT 0 1");
        assert!(copies.is_enough(Have::NOTHING));
        let on_disk = Some(true);
        let mut copies = of_two(Awaited { on_disk, ..WAIT });
        assert_eq!(asked(&copies), "PING WAITAOF 1 2 40");
        copies.end(9);
        assert_eq!(asked(&copies), "PING WAITAOF 0 0 1");
    }

    #[test]
    fn what_a_shard_has_said_stays_when_the_topology_changes() {
        let mut copies = of_two(WAIT);
        copies.shards[1].have = Have::read(b":2\r\n");
        assert!(copies.is_of(Version(3)));
        let shards = [(0, 8), (1, 9)].map(|(at, label)| (ShardIndex::new(at).unwrap(), label));
        copies.follow(Version(4), shards.into_iter());
        let have: Vec<bool> = copies.shards.iter().map(|at| at.have.is_some()).collect();
        assert_eq!(have, [true, false]);
        assert!(copies.is_of(Version(4)));
    }
}
