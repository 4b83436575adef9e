//! Every key of a server as one comparable value: type, value, encoding and time to live.
//! Reads through SCAN, so that a key that a scan loses is found as well.

use std::collections::BTreeMap;

use super::allowed::is_cut_to_expiry_bits;
use super::compare::CLOCK_TOLERANCE_MS;
use super::report::Report;
use crate::support::reply::shown;
use crate::support::{Client, Reply};

/// A key as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Reply,
    value: Reply,
    encoding: Reply,
}

type Dump = BTreeMap<Vec<u8>, (Entry, i64)>;

/// Reads all keys of the database that `client` has selected.
fn dump(client: &mut Client) -> Dump {
    let keys = walk(client, &[]);
    let asked = |key: &Vec<u8>, words: &[&str], behind: &[&str]| {
        let words = words.iter().map(|word| Vec::from(*word));
        let behind = behind.iter().map(|word| Vec::from(*word));
        words.chain([key.clone()]).chain(behind).collect::<Vec<_>>()
    };
    let commands: Vec<Vec<Vec<u8>>> = keys
        .iter()
        .flat_map(|key| {
            [&["TYPE"][..], &["OBJECT", "ENCODING"], &["PTTL"]].map(|words| asked(key, words, &[]))
        })
        .collect();
    let about = client.pipeline(&commands);
    let commands: Vec<Vec<Vec<u8>>> = keys
        .iter()
        .zip(about.chunks(3))
        .map(|(key, about)| match about[0].text().as_str() {
            "hash" => asked(key, &["HGETALL"], &[]),
            "set" => asked(key, &["SMEMBERS"], &[]),
            "zset" => asked(key, &["ZRANGE"], &["0", "-1", "WITHSCORES"]),
            "list" => asked(key, &["LRANGE"], &["0", "-1"]),
            "stream" => asked(key, &["XRANGE"], &["-", "+"]),
            _ => asked(key, &["GET"], &[]),
        })
        .collect();
    let values = client.pipeline(&commands);
    keys.into_iter()
        .zip(about.chunks(3))
        .zip(values)
        .map(|((key, about), value)| {
            let entry = Entry {
                kind: about[0].clone(),
                value: ordered(&about[0], value),
                encoding: about[1].clone(),
            };
            (key, (entry, about[2].integer()))
        })
        .collect()
}

/// Fields and members in an order of their own, for none is promised.
fn ordered(kind: &Reply, value: Reply) -> Reply {
    let width = match kind.text().as_str() {
        "hash" => 2,
        "set" => 1,
        _ => return value,
    };
    let mut elements: Vec<&[Reply]> = value.elements().chunks(width).collect();
    elements.sort();
    Reply::Array(elements.concat())
}

/// All keys that a whole SCAN with `options` gives, sorted, each once.
pub(super) fn walk(client: &mut Client, options: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut cursor = b"0".to_vec();
    let mut keys = Vec::new();
    // Far more steps than the keys in these tests can need: a cursor that runs in circles is a fault, not a hang.
    for _ in 0..100_000 {
        let mut request = vec![b"SCAN".to_vec(), cursor];
        request.extend_from_slice(options);
        let reply = client.call(&request);
        let [Reply::Bulk(next), Reply::Array(found)] = reply.elements() else {
            panic!("SCAN answered {reply:?}");
        };
        keys.extend(found.iter().map(|key| match key {
            Reply::Bulk(key) => key.clone(),
            other => panic!("SCAN gave {other:?} for a key"),
        }));
        if next == b"0" {
            keys.sort();
            keys.dedup();
            return keys;
        }
        cursor = next.clone();
    }
    panic!("SCAN does not end");
}

/// Compares all keys of the first `databases` databases; differences go to `report`. True when there are none.
pub(super) fn compare(
    ours: &mut Client,
    redis: &mut Client,
    databases: usize,
    report: &mut Report,
) -> bool {
    let before = report.differences();
    report.count_dump();
    for database in 0..databases {
        let select = ["SELECT".to_owned(), database.to_string()];
        assert_eq!(ours.call(&select), redis.call(&select));
        let (ours, redis) = (dump(ours), dump(redis));
        for (key, (entry, ttl)) in &redis {
            let about = format!("database {database} \"{}\"", shown(key));
            match ours.get(key) {
                None => report.add("(keys) missing", format!("{about}: redis {entry:?}")),
                Some((our_entry, _)) if our_entry != entry => report.add(
                    "(keys) content",
                    format!("{about}\n      ours  {our_entry:?}\n      redis {entry:?}"),
                ),
                Some((_, our_ttl)) if !times_agree(*our_ttl, *ttl) => report.add(
                    "(keys) time to live",
                    format!("{about}: ours {our_ttl}, redis {ttl}"),
                ),
                Some(_) => {}
            }
        }
        for (key, (entry, _)) in ours.iter().filter(|(key, _)| !redis.contains_key(*key)) {
            let about = format!("database {database} \"{}\"", shown(key));
            report.add("(keys) too many", format!("{about}: ours {entry:?}"));
        }
    }
    report.differences() == before
}

fn times_agree(ours: i64, redis: i64) -> bool {
    ours == redis
        // 0: its last millisecond.
        || (ours >= 0 && redis >= 0 && ours.abs_diff(redis) <= CLOCK_TOLERANCE_MS)
        || is_cut_to_expiry_bits(ours, redis)
}
