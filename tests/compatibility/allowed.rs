//! The one table of differences that we mean to have, each with its reason. Everything else is a fault.
//! Pure.

use shared::command::{self, CommandSpec};
use shared::resp::is_word;

use super::compare::name;
use super::draw::Request;
use crate::support::Reply;

/// A difference that is meant.
pub(super) struct Allowed {
    /// The command, with its subcommand if it has one.
    command: &'static str,
    /// Why we differ.
    pub(super) reason: &'static str,
    /// The difference is that one of the two refuses.
    may_fail: bool,
    /// Whether this difference is the one that is meant.
    is_meant: fn(request: &Request, ours: &Reply, redis: &Reply) -> bool,
}

/// Commands of later versions, of Valkey, and of our own, that are served.
const LATER: [&str; 19] = [
    "client|maint_notifications",
    "client|setinfo",
    "client|no-touch",
    "delifeq",
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "hsetex",
    "httl",
    "node",
    "sentinel",
    "waitaof",
];

const ALLOWED: &[Allowed] = &[
    Allowed {
        command: "CLIENT SETINFO",
        may_fail: true,
        reason: "a subcommand of Redis 7.2 that clients send on connecting; 7.0 does not know it",
        is_meant: |_, _, redis| matches!(redis, Reply::Error(_)),
    },
    Allowed {
        command: "CLIENT LIST",
        may_fail: false,
        reason: "a small number that was drawn is that of a connection here and of none there, or the other way round",
        is_meant: |request, ours, redis| {
            let is_small = |word: &Vec<u8>| word.len() <= 3 && word.iter().all(u8::is_ascii_digit);
            request.iter().skip(3).any(is_small)
                && ours.text().is_empty() != redis.text().is_empty()
        },
    },
    Allowed {
        command: "COMMAND COUNT",
        may_fail: false,
        reason: "commands that are not served yet are not counted, some of later versions are",
        is_meant: |_, ours, redis| {
            let served = command::all().filter(|row| row.container().is_none() && is_listed(row));
            let count = |count: usize| i64::try_from(count).expect("a few hundred");
            let most = redis.integer() + count(LATER.len());
            (count(served.count())..=most).contains(&ours.integer())
        },
    },
    Allowed {
        command: "COMMAND LIST",
        may_fail: false,
        reason: "commands that are not served yet are not listed, some of later versions are",
        is_meant: |_, ours, redis| {
            let (ours, redis) = (ours.elements(), redis.elements());
            let later = LATER.map(Reply::bulk);
            let is_ours = |name: &Reply| {
                let row = command::lookup_full_name(name.text().as_bytes());
                row.is_some_and(is_listed)
            };
            ours.iter()
                .all(|name| redis.contains(name) || later.contains(name))
                && redis
                    .iter()
                    .all(|name| ours.contains(name) || !is_ours(name))
        },
    },
    Allowed {
        command: "CONFIG GET",
        may_fail: false,
        reason: "clients that do not read have a bound here also when nobody set one",
        is_meant: |_, ours, redis| {
            let (ours, redis) = (ours.elements(), redis.elements());
            let same = |pair: &[Reply], other: &[Reply]| {
                let is_bound = pair[0]
                    .text()
                    .eq_ignore_ascii_case("client-output-buffer-limit");
                pair == other
                    || (is_bound && pair[0] == other[0] && is_same_but_for_normal(pair, other))
            };
            ours.len() == redis.len()
                && ours
                    .chunks(2)
                    .all(|pair| redis.chunks(2).any(|other| same(pair, other)))
        },
    },
    Allowed {
        command: "CONFIG SET",
        may_fail: false,
        reason: "there are three policies more than in Redis, and the error lists them",
        is_meant: |_, ours, redis| {
            let without_ours =
                |text: String| text.replace("allkeys-fifo, allkeys-s3fifo, allkeys-sieve, ", "");
            ours.error_text().map(without_ours) == redis.error_text()
        },
    },
    Allowed {
        command: "OBJECT REFCOUNT",
        may_fail: false,
        reason: "Redis shares the objects of some small integers, depending on how they came to be; here nothing is shared",
        is_meant: |_, ours, redis| {
            let is_count = |reply: &Reply| [1, i64::from(i32::MAX)].contains(&reply.integer());
            is_count(ours) && is_count(redis)
        },
    },
    Allowed {
        command: "COMMAND GETKEYS",
        may_fail: true,
        reason: "of commands that are not served yet no keys are known",
        is_meant: |request, ours, _| are_keys_unknown(request, ours),
    },
    Allowed {
        command: "COMMAND GETKEYSANDFLAGS",
        may_fail: true,
        reason: "of commands that are not served yet no keys are known",
        is_meant: |request, ours, _| are_keys_unknown(request, ours),
    },
    Allowed {
        command: "EXPIREAT",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |request, ours, redis| is_beyond_comparison(request, 1_000, ours, redis),
    },
    Allowed {
        command: "PEXPIREAT",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |request, ours, redis| is_beyond_comparison(request, 1, ours, redis),
    },
    Allowed {
        command: "TTL",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |_, ours, redis| are_both_beyond_expiry_bits(ours, redis, 1_000),
    },
    Allowed {
        command: "EXPIRETIME",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |_, ours, redis| are_both_beyond_expiry_bits(ours, redis, 1_000),
    },
    Allowed {
        command: "PTTL",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |_, ours, redis| are_both_beyond_expiry_bits(ours, redis, 1),
    },
    Allowed {
        command: "PEXPIRETIME",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |_, ours, redis| are_both_beyond_expiry_bits(ours, redis, 1),
    },
];

const EXPIRY_BITS: &str =
    "a moment of expiry has 48 bits: what is to live beyond the year 10889 expires then";

/// Until the end of 48 bits of milliseconds, counted from a day that is past: no shorter time to live is cut.
const LEAST_CUT_MS: i64 = (1 << 48) - 2_000_000_000_000;

/// Whether two times to live, in milliseconds, are long enough to be cut to 48 bits on our side.
pub(super) fn is_cut_to_expiry_bits(ours_ms: i64, redis_ms: i64) -> bool {
    ours_ms > LEAST_CUT_MS && redis_ms >= ours_ms
}

fn are_both_beyond_expiry_bits(ours: &Reply, redis: &Reply, unit_ms: i64) -> bool {
    match (ours, redis) {
        (Reply::Integer(ours), Reply::Integer(redis)) => {
            is_cut_to_expiry_bits(ours.saturating_mul(unit_ms), redis.saturating_mul(unit_ms))
        }
        _ => false,
    }
}

/// Whether two values of client-output-buffer-limit differ in the bounds of the first class alone.
fn is_same_but_for_normal(ours: &[Reply], redis: &[Reply]) -> bool {
    let others = |pair: &[Reply]| {
        let text = pair[1].text();
        let (class, others) = text.split_once(" slave ").unwrap_or_default();
        class.starts_with("normal ").then(|| others.to_owned())
    };
    others(ours).is_some() && others(ours) == others(redis)
}

/// Whether a deadline beyond 48 bits was taken by Redis only because it differs from one that is beyond them too: here both are the same.
fn is_beyond_comparison(request: &Request, unit_ms: i64, ours: &Reply, redis: &Reply) -> bool {
    let number = request
        .get(2)
        .map(|word| String::from_utf8_lossy(word).into_owned());
    let deadline_ms = number
        .and_then(|number| number.parse::<i64>().ok())
        .and_then(|number| number.checked_mul(unit_ms));
    let compares = |word: &Vec<u8>| is_word(word, "GT") || is_word(word, "LT");
    deadline_ms.is_some_and(|deadline| deadline >= (1 << 48) - 1)
        && request.iter().skip(3).any(compares)
        && (ours, redis) == (&Reply::Integer(0), &Reply::Integer(1))
}

/// Whether nodes and proxies serve the row.
fn is_served(row: &CommandSpec) -> bool {
    row.is_served_by_node() && row.is_served_by_proxy()
}

/// Whether COMMAND counts and lists the row, whoever is asked.
fn is_listed(row: &CommandSpec) -> bool {
    is_served(row) || row.subcommands().iter().any(is_served)
}

/// Whether the keys of a command were asked for that is in the table, but not served.
fn are_keys_unknown(request: &Request, ours: &Reply) -> bool {
    let word = |index: usize| request.get(index).map(Vec::as_slice).unwrap_or_default();
    let row = command::lookup(word(2));
    let called = row.map(|row| row.subcommand(word(3)).unwrap_or(row));
    called.is_some_and(|row| !is_served(row))
        && *ours == Reply::Error(b"ERR Invalid command specified".to_vec())
}

/// The entry that allows this difference, if there is one.
pub(super) fn find(request: &Request, ours: &Reply, redis: &Reply) -> Option<&'static Allowed> {
    let name = name(request);
    let one_failed = matches!(ours, Reply::Error(_)) != matches!(redis, Reply::Error(_));
    ALLOWED
        .iter()
        .filter(|allowed| allowed.command == name)
        // Entries about content need not look whether there is any.
        .filter(|allowed| !one_failed || allowed.may_fail)
        .find(|allowed| (allowed.is_meant)(request, ours, redis))
}
