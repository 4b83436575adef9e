//! The one table of differences that we mean to have, each with its reason. Everything else is a fault.
//! Pure.

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
    is_meant: fn(ours: &Reply, redis: &Reply) -> bool,
}

const ALLOWED: &[Allowed] = &[
    Allowed {
        command: "CLIENT SETINFO",
        may_fail: true,
        reason: "a subcommand of Redis 7.2 that clients send on connecting; 7.0 does not know it",
        is_meant: |_, redis| matches!(redis, Reply::Error(_)),
    },
    Allowed {
        command: "COMMAND COUNT",
        may_fail: false,
        reason: "commands that are not served yet are not counted",
        is_meant: |ours, redis| ours.integer() < redis.integer(),
    },
    Allowed {
        command: "COMMAND LIST",
        may_fail: false,
        reason: "commands that are not served yet are not listed, some of Redis 7.2 are",
        is_meant: |ours, redis| {
            let (ours, redis) = (ours.elements(), redis.elements());
            let later = ["client|setinfo", "client|no-touch"].map(Reply::bulk);
            ours.iter()
                .all(|name| redis.contains(name) || later.contains(name))
        },
    },
    Allowed {
        command: "CONFIG GET",
        may_fail: false,
        reason: "clients that do not read have a bound here also when nobody set one",
        is_meant: |ours, redis| {
            let (ours, redis) = (ours.elements(), redis.elements());
            let is_bound = |pair: &[Reply]| pair[0].text() == "client-output-buffer-limit";
            ours.len() == redis.len()
                && ours
                    .chunks(2)
                    .all(|pair| is_bound(pair) || redis.chunks(2).any(|other| other == pair))
        },
    },
    Allowed {
        command: "CONFIG SET",
        may_fail: false,
        reason: "there are three policies more than in Redis, and the error lists them",
        is_meant: |ours, redis| {
            let without_ours =
                |text: String| text.replace("allkeys-fifo, allkeys-s3fifo, allkeys-sieve, ", "");
            ours.error_text().map(without_ours) == redis.error_text()
        },
    },
    Allowed {
        command: "OBJECT REFCOUNT",
        may_fail: false,
        reason: "Redis shares the objects of some small integers, depending on how they came to be; here nothing is shared",
        is_meant: |ours, redis| {
            let is_count = |reply: &Reply| [1, i64::from(i32::MAX)].contains(&reply.integer());
            is_count(ours) && is_count(redis)
        },
    },
    Allowed {
        command: ANY,
        may_fail: true,
        reason: "error texts are text: bytes that are no UTF-8 are quoted with a replacement character",
        is_meant: |ours, redis| {
            let (Some(ours), Reply::Error(redis)) = (ours.error_text(), redis) else {
                return false;
            };
            let same = ours.split('\u{fffd}').next().unwrap_or_default();
            same.len() < ours.len() && redis.starts_with(same.as_bytes())
        },
    },
    Allowed {
        command: ANY,
        may_fail: false,
        reason: "a proxy looks at the slots of keys before a node looks at the other arguments",
        is_meant: |ours, redis| {
            let is_crossslot = |text: String| text.starts_with("CROSSSLOT ");
            redis.error_text().is_some() && ours.error_text().is_some_and(is_crossslot)
        },
    },
    Allowed {
        command: "SCAN",
        may_fail: true,
        reason: "a proxy's cursor names a shard; one that it cannot have given is an error",
        is_meant: |ours, _| *ours == Reply::Error(b"ERR invalid cursor".to_vec()),
    },
    Allowed {
        command: "COMMAND GETKEYS",
        may_fail: true,
        reason: "of commands that are not served yet no keys are known",
        is_meant: |ours, _| *ours == Reply::Error(b"ERR Invalid command specified".to_vec()),
    },
    Allowed {
        command: "COMMAND GETKEYSANDFLAGS",
        may_fail: true,
        reason: "of commands that are not served yet no keys are known",
        is_meant: |ours, _| *ours == Reply::Error(b"ERR Invalid command specified".to_vec()),
    },
    Allowed {
        command: "TTL",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |ours, redis| are_both_beyond_expiry_bits(ours, redis, 1_000),
    },
    Allowed {
        command: "EXPIRETIME",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |ours, redis| are_both_beyond_expiry_bits(ours, redis, 1_000),
    },
    Allowed {
        command: "PTTL",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |ours, redis| are_both_beyond_expiry_bits(ours, redis, 1),
    },
    Allowed {
        command: "PEXPIRETIME",
        may_fail: false,
        reason: EXPIRY_BITS,
        is_meant: |ours, redis| are_both_beyond_expiry_bits(ours, redis, 1),
    },
];

/// Stands for every command.
const ANY: &str = "*";

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

/// The entry that allows this difference, if there is one.
pub(super) fn find(request: &Request, ours: &Reply, redis: &Reply) -> Option<&'static Allowed> {
    let name = name(request);
    let one_failed = matches!(ours, Reply::Error(_)) != matches!(redis, Reply::Error(_));
    ALLOWED
        .iter()
        .filter(|allowed| allowed.command == name || allowed.command == ANY)
        // Entries about content need not look whether there is any.
        .filter(|allowed| !one_failed || allowed.may_fail)
        .find(|allowed| (allowed.is_meant)(ours, redis))
}
