//! Collections of tens of thousands of elements, in rows of one kind of change at a time: what is far from where small ones and their limits are.
//! Every reply is compared, and after each row the whole collection.

use super::compare;
use super::draw::{Request, request};
use crate::support::dice::Dice;
use crate::support::servers::{self, Cluster};
use crate::support::{Client, redis_server};
use std::net::SocketAddr;

/// Rows per type where nothing else is said.
const ROWS: usize = 20;

/// So many elements in a row are as short as they can be, the next ones are not.
const SHORT_ONES: u64 = 2500;

/// What each collection must have had at some time: nodes above nodes.
const LEAST_AT_MOST: i64 = 2000;

/// Of every so many rows the first ones add mostly, the others remove.
const PHASE: usize = 20;

/// The row of a phase that adds nothing but elements, whatever the dice say.
const FILLS: usize = 6;

fn rows() -> usize {
    std::env::var("SWITCHYARD_DEEP_ROWS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROWS)
}

/// Draws requests about one collection.
struct Deep {
    dice: Dice,
    key: &'static str,
    /// Numbers given out, so that elements differ.
    given: u64,
    grows: bool,
    /// Behind the place that was written last, in a row.
    place: i64,
}

impl Deep {
    /// The text of an element: some are short, some fill a leaf with few, some lie elsewhere.
    fn text(&mut self, number: u64) -> Vec<u8> {
        let width = match number % 50 {
            _ if (number / SHORT_ONES).is_multiple_of(2) => 1,
            0 => 300,
            1..=9 => 8,
            _ => 100,
        };
        format!("{number:0width$}").into_bytes()
    }

    /// One as long as any that does not lie elsewhere, for a place where a short one may have been.
    fn long_text(&mut self) -> Vec<u8> {
        let len = *self.dice.pick(&[100, 235, 239, 240, 1000]);
        vec![b'l'; len]
    }

    fn new_text(&mut self) -> Vec<u8> {
        self.given += 1;
        self.text(self.given)
    }

    /// One that may be there.
    fn some_text(&mut self) -> Vec<u8> {
        let number = 1 + self.dice.bits() % (self.given + 1);
        self.text(number)
    }

    fn count(&mut self, most: usize) -> usize {
        1 + self.dice.below(most)
    }

    /// A rank from either end.
    fn rank(&mut self) -> i64 {
        let rank = self.dice.between(0, 40_000);
        let is_near = self.dice.percent(30);
        let rank = if is_near { rank % 40 } else { rank };
        if self.dice.percent(50) {
            -1 - rank
        } else {
            rank
        }
    }

    fn score(&mut self) -> i64 {
        match self.dice.below(4) {
            // Many members of one score.
            0 => self.dice.between(0, 3) * 1000,
            _ => self.dice.between(-50_000, 50_000),
        }
    }

    /// Behind the words, `count` times what `draw` says.
    fn many(
        &mut self,
        words: &[&str],
        count: usize,
        mut draw: impl FnMut(&mut Self) -> Vec<Vec<u8>>,
    ) -> Request {
        let mut request = request![words[0], self.key];
        request.extend(words[1..].iter().map(|word| Vec::from(*word)));
        for _ in 0..count {
            request.extend(draw(self));
        }
        request
    }
}

/// A type: the requests of a row of changes, some reads, and the one that shows all.
struct Kind {
    key: &'static str,
    change: fn(&mut Deep, kind: usize) -> Request,
    read: fn(&mut Deep) -> Request,
    all: &'static [&'static str],
    len: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        key: "deep:list",
        change: change_list,
        read: read_list,
        all: &["LRANGE", "deep:list", "0", "-1"],
        len: "LLEN",
    },
    Kind {
        key: "deep:zset",
        change: change_sorted_set,
        read: read_sorted_set,
        all: &["ZRANGE", "deep:zset", "0", "-1", "WITHSCORES"],
        len: "ZCARD",
    },
    Kind {
        key: "deep:hash",
        change: change_hash,
        read: read_hash,
        all: &["HGETALL", "deep:hash"],
        len: "HLEN",
    },
    Kind {
        key: "deep:set",
        change: change_set,
        read: read_set,
        all: &["SMEMBERS", "deep:set"],
        len: "SCARD",
    },
    Kind {
        key: "deep:stream",
        change: change_stream,
        read: read_stream,
        all: &["XRANGE", "deep:stream", "-", "+"],
        len: "XLEN",
    },
];

fn change_list(deep: &mut Deep, kind: usize) -> Request {
    let key = deep.key;
    match (deep.grows, kind) {
        (true, 0..=2) => {
            let count = deep.count(150);
            deep.many(&["LPUSH"], count, |deep| vec![deep.new_text()])
        }
        (true, 3 | 4) => {
            let count = deep.count(150);
            deep.many(&["RPUSH"], count, |deep| vec![deep.new_text()])
        }
        (true, 5) => {
            let (pivot, text) = (deep.some_text(), deep.new_text());
            request!["LINSERT", key, "BEFORE", pivot, text]
        }
        // One behind the other.
        (_, 6 | 5) => {
            deep.place += 1;
            request!["LSET", key, deep.place.to_string(), deep.long_text()]
        }
        (_, 7) if deep.dice.percent(50) => {
            request!["LSET", key, deep.rank().to_string(), deep.new_text()]
        }
        (_, 7) => request!["LREM", key, "1", deep.some_text()],
        (_, 8) => request!["LTRIM", key, deep.count(9).to_string(), "-2"],
        (true, _) => request!["LMOVE", key, key, "LEFT", "RIGHT"],
        (false, 0..=2) => request!["LPOP", key, deep.count(150).to_string()],
        (false, 3) => request!["RPOP", key, deep.count(150).to_string()],
        (false, 4) => request!["LTRIM", key, deep.count(900).to_string(), "-1"],
        (false, _) => request!["RPOP", key],
    }
}

fn read_list(deep: &mut Deep) -> Request {
    let key = deep.key;
    match deep.dice.below(3) {
        0 => {
            let from = deep.rank();
            let to = (from + 30).to_string();
            request!["LRANGE", key, from.to_string(), to]
        }
        1 => request!["LPOS", key, deep.some_text(), "RANK", "-1"],
        _ => request!["LINDEX", key, deep.rank().to_string()],
    }
}

fn change_sorted_set(deep: &mut Deep, kind: usize) -> Request {
    let key = deep.key;
    let pair = |deep: &mut Deep| vec![deep.score().to_string().into_bytes(), deep.new_text()];
    match (deep.grows, kind) {
        (true, 0..=3) => {
            let count = deep.count(150);
            deep.many(&["ZADD"], count, pair)
        }
        (true, 4) => {
            // Ever greater ones.
            let score = deep.given.to_string();
            request!["ZADD", key, score, deep.new_text()]
        }
        (_, 5) => {
            let count = deep.count(50);
            deep.many(&["ZADD", "XX", "CH"], count, |deep| {
                vec![deep.score().to_string().into_bytes(), deep.some_text()]
            })
        }
        (_, 6) => {
            let count = deep.count(20);
            deep.many(&["ZREM"], count, |deep| vec![deep.some_text()])
        }
        (_, 7) => {
            let from = deep.rank();
            let to = (from + 20).to_string();
            request!["ZREMRANGEBYRANK", key, from.to_string(), to]
        }
        (true, _) => request!["ZINCRBY", key, deep.score().to_string(), deep.some_text()],
        (false, 0..=2) => request!["ZPOPMIN", key, deep.count(150).to_string()],
        (false, 3 | 4) => request!["ZPOPMAX", key, deep.count(150).to_string()],
        (false, _) => {
            let from = deep.score();
            let to = (from + 200).to_string();
            request!["ZREMRANGEBYSCORE", key, from.to_string(), to]
        }
    }
}

fn read_sorted_set(deep: &mut Deep) -> Request {
    let key = deep.key;
    match deep.dice.below(6) {
        0 => request!["ZRANK", key, deep.some_text()],
        1 => request!["ZREVRANK", key, deep.some_text()],
        2 => request!["ZSCORE", key, deep.some_text()],
        3 => {
            let from = deep.rank();
            let to = (from + 30).to_string();
            request!["ZRANGE", key, from.to_string(), to, "WITHSCORES"]
        }
        4 => {
            let (from, skipped) = (deep.score().to_string(), deep.count(9).to_string());
            request!["ZRANGEBYSCORE", key, from, "+inf", "LIMIT", skipped, "20"]
        }
        _ => request!["ZCOUNT", key, deep.score().to_string(), "(1000"],
    }
}

fn change_hash(deep: &mut Deep, kind: usize) -> Request {
    let pair = |deep: &mut Deep| vec![deep.new_text(), deep.given.to_string().into_bytes()];
    let key = deep.key;
    match (deep.grows, kind) {
        (true, 0..=4) => {
            let count = deep.count(150);
            deep.many(&["HSET"], count, pair)
        }
        (true, 5) => request!["HINCRBY", key, deep.some_text(), "7"],
        (true, _) => request!["HSET", key, deep.some_text(), deep.long_text()],
        (false, _) => {
            let count = deep.count(150);
            deep.many(&["HDEL"], count, |deep| vec![deep.some_text()])
        }
    }
}

fn read_hash(deep: &mut Deep) -> Request {
    let key = deep.key;
    match deep.dice.below(3) {
        0 => request!["HSTRLEN", key, deep.some_text()],
        1 => deep.many(&["HMGET"], 20, |deep| vec![deep.some_text()]),
        _ => request!["HEXISTS", key, deep.some_text()],
    }
}

fn change_set(deep: &mut Deep, kind: usize) -> Request {
    let count = deep.count(150);
    match (deep.grows, kind) {
        (true, 0..=7) => deep.many(&["SADD"], count, |deep| vec![deep.new_text()]),
        _ => deep.many(&["SREM"], count, |deep| vec![deep.some_text()]),
    }
}

fn read_set(deep: &mut Deep) -> Request {
    deep.many(&["SMISMEMBER"], 20, |deep| vec![deep.some_text()])
}

fn change_stream(deep: &mut Deep, kind: usize) -> Request {
    let key = deep.key;
    let some_id = |deep: &mut Deep| (1 + deep.dice.bits() % (deep.given + 1)).to_string();
    match (deep.grows, kind) {
        (true, 0..=6) => {
            let text = deep.new_text();
            request!["XADD", key, deep.given.to_string(), "field", text]
        }
        (_, 7 | 8) => deep.many(&["XDEL"], 20, |deep| vec![some_id(deep).into_bytes()]),
        (false, 0) => request!["XTRIM", key, "MINID", some_id(deep), "LIMIT", "0"],
        (false, _) => {
            let count = deep.count(400);
            let first = deep
                .given
                .saturating_sub(u64::try_from(count * 9).unwrap_or(0));
            request!["XTRIM", key, "MINID", "=", first.to_string()]
        }
        (true, _) => {
            let text = deep.new_text();
            request!["XADD", key, deep.given.to_string(), "other", text, "7", "8"]
        }
    }
}

fn read_stream(deep: &mut Deep) -> Request {
    let key = deep.key;
    let from = (1 + deep.dice.bits() % (deep.given + 1)).to_string();
    match deep.dice.below(2) {
        0 => request!["XRANGE", key, from, "+", "COUNT", "20"],
        _ => request!["XREVRANGE", key, from, "-", "COUNT", "20"],
    }
}

/// Both servers, asked the same.
struct Both {
    ours: Client,
    redis: Client,
}

impl Both {
    fn compare(&mut self, requests: &[Request], seed: u64) {
        let (ours, redis) = (self.ours.pipeline(requests), self.redis.pipeline(requests));
        assert_eq!(ours.len(), requests.len());
        for (request, (ours, redis)) in requests.iter().zip(ours.iter().zip(&redis)) {
            let words: Vec<_> = request
                .iter()
                .take(6)
                .map(|word| word.escape_ascii())
                .collect();
            let words: Vec<_> = words.into_iter().map(|word| word.to_string()).collect();
            assert!(
                compare::agree(request, ours, redis),
                "SWITCHYARD_SEED={seed} {words:?}\n ours  {ours:.300?}\n redis {redis:.300?}"
            );
        }
    }
}

fn compare_with_redis(address: SocketAddr) {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut both = Both {
        ours: Client::connect(address),
        redis: Client::connect(redis.address),
    };
    for kind in KINDS {
        let mut deep = Deep {
            dice: Dice::new(seed),
            key: kind.key,
            given: 0,
            grows: true,
            place: 0,
        };
        let mut most = 0;
        for row in 0..rows() {
            deep.grows = row % PHASE < PHASE * 3 / 5;
            deep.place = deep.rank();
            let fills = row % PHASE == FILLS;
            let change = if fills { 0 } else { deep.dice.below(10) };
            let count = match kind.len {
                "XLEN" if fills => 2100,
                _ if fills => 80,
                "XLEN" => deep.count(2000),
                "LLEN" if change == 6 => deep.count(3000),
                "HLEN" if change > 5 => deep.count(3000),
                _ if deep.grows => deep.count(120),
                _ => deep.count(40),
            };
            let changes = (0..count)
                .map(|_| (kind.change)(&mut deep, change))
                .collect::<Vec<_>>();
            both.compare(&changes, seed);
            let reads = (0..50).map(|_| (kind.read)(&mut deep)).collect::<Vec<_>>();
            both.compare(&reads, seed);
            both.compare(
                &[kind.all.iter().map(|word| Vec::from(*word)).collect()],
                seed,
            );
            let len = both.redis.call(&[kind.len, kind.key]);
            most = most.max(len.integer());
        }
        eprintln!("{}: up to {most} elements", kind.key);
        assert!(most > LEAST_AT_MOST, "{}: {most}", kind.key);
    }
}

#[test]
fn large_collections_of_a_node_are_those_of_redis() {
    let node = servers::start_node(&[]);
    compare_with_redis(node.address);
}

#[test]
fn large_collections_behind_a_proxy_are_those_of_redis() {
    let cluster = Cluster::start(3);
    compare_with_redis(cluster.proxy.address);
}
