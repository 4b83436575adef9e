//! When do two replies to the same request agree? Byte for byte, but for a named rule with a reason.
//! Pure.

use super::draw::Request;
use crate::support::Reply;

/// How far apart two times to live may be: the two servers get a command at different moments, and on a busy machine one of them has been seen to
/// wait for six seconds. The shortest time that is drawn is 100 seconds, and a mistake of unit is a factor of 1000.
pub(super) const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// How many keys may have expired without having been swept yet, of the few dozen that there are.
const UNSWEPT_KEYS: u64 = 8;

/// How two replies are compared where equality is too much to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Byte for byte.
    Exact,
    /// Rows of the command table: as [`Rule::Unordered`], without notes, which are texts for people.
    Rows,
    /// Numbers of keys, some of which may have expired already.
    KeyCount,
    /// The same at every depth, but for what tells moments and idle times, measured at slightly different moments, and for the inner nodes of Redis' trees.
    Moments,
    /// Integers that tell seconds, measured at slightly different moments.
    Seconds,
    /// Integers that tell milliseconds, measured at slightly different moments.
    Milliseconds,
    /// The same elements in any order, at every depth: order is not promised.
    Unordered,
    /// The same type: the content depends on the process, on time or on chance.
    SameType,
    /// The same type at every depth; elements and their number may differ.
    SameShape,
    /// The same, but as many elements.
    SameCount,
    /// `name=value` words: every name that Redis gives; further ones are of later versions.
    FieldNames,
    /// `name:value` lines: every section and name that Redis gives; further ones are ours.
    InfoFields,
    /// Pairs: every name that Redis gives, with any value.
    PairNames,
}

/// Whether `ours` is what `redis` answered, as far as `request` promises it.
pub(super) fn agree(request: &Request, ours: &Reply, redis: &Reply) -> bool {
    if ours == redis {
        return true;
    }
    // An error is a promise whatever the command.
    if matches!(ours, Reply::Error(_)) || matches!(redis, Reply::Error(_)) {
        return false;
    }
    match rule(request) {
        Rule::Exact => false,
        Rule::KeyCount => close(ours, redis, UNSWEPT_KEYS),
        Rule::Seconds => close(ours, redis, CLOCK_TOLERANCE_MS / 1000),
        Rule::Milliseconds => close(ours, redis, CLOCK_TOLERANCE_MS),
        Rule::Moments => moments_agree(ours, redis),
        Rule::Unordered => sorted(ours) == sorted(redis),
        Rule::Rows => rows_agree(ours, redis),
        Rule::SameType => same_type(ours, redis),
        Rule::SameShape => same_shape(ours, redis),
        Rule::SameCount => same_shape(ours, redis) && count_of(ours) == count_of(redis),
        Rule::FieldNames => {
            same_type(ours, redis) && includes(&field_names(ours), &field_names(redis))
        }
        Rule::InfoFields => {
            same_type(ours, redis) && includes(&info_names(ours), &info_names(redis))
        }
        Rule::PairNames => {
            same_type(ours, redis) && includes(&pair_names(ours), &pair_names(redis))
        }
    }
}

/// The command of a request in upper case, with its subcommand where the rule depends on it.
pub(super) fn name(request: &Request) -> String {
    let upper = |index: usize| {
        let word = request.get(index).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(word).to_ascii_uppercase()
    };
    const CONTAINERS: &[&str] = &[
        "CLIENT", "CONFIG", "COMMAND", "OBJECT", "MEMORY", "LATENCY", "SLOWLOG", "DEBUG",
        "FUNCTION", "SCRIPT", "XINFO", "XGROUP",
    ];
    let first = upper(0);
    if CONTAINERS.contains(&first.as_str()) && request.len() > 1 {
        format!("{first} {}", upper(1))
    } else {
        first
    }
}

/// Whether the reply is the same byte for byte wherever the request is asked.
pub(super) fn is_exact(request: &Request) -> bool {
    rule(request) == Rule::Exact
}

fn rule(request: &Request) -> Rule {
    let name = name(request);
    match name.as_str() {
        "TTL" | "EXPIRETIME" => Rule::Seconds,
        "PTTL" | "PEXPIRETIME" => Rule::Milliseconds,
        "XPENDING" | "XINFO STREAM" | "XINFO CONSUMERS" => Rule::Moments,
        // Order of keys, of commands and of sets is free.
        "COMMAND" | "COMMAND INFO" => Rule::Rows,
        "HGETALL" | "HKEYS" | "HVALS" | "SMEMBERS" | "SINTER" | "SUNION" | "SDIFF" | "SPOP" => {
            Rule::Unordered
        }
        // Which ones is chance; how many is not.
        "HRANDFIELD" | "SRANDMEMBER" => Rule::SameCount,
        "ZRANDMEMBER" if request.len() == 2 => Rule::SameCount,
        "KEYS" | "COMMAND LIST" | "COMMAND GETKEYSANDFLAGS" | "CONFIG GET" => Rule::Unordered,
        // Keys that have expired are counted until a sweep removes them, which is soon, not at once.
        "DBSIZE" => Rule::KeyCount,
        // Which bytes of a string are packed, and how, is free; what they hold is compared where it is read.
        "DUMP"
        // Each is about the process, the moment or chance; what remains is that a reply of this type comes.
        // (The idle time is read from bits that mean something else after a change of maxmemory-policy.)
        | "OBJECT IDLETIME" | "TIME" | "RANDOMKEY" | "CLIENT ID" | "LOLWUT" | "MEMORY USAGE"
        | "LATENCY RESET" | "MEMORY DOCTOR" | "DEBUG OBJECT" | "LATENCY DOCTOR" | "SLOWLOG LEN"
        | "OBJECT FREQ" => Rule::SameType,
        // Lists of events that differ from run to run; pages in our own words.
        "COMMAND DOCS" | "SCAN" | "HSCAN" | "SSCAN" | "SLOWLOG GET" | "LATENCY LATEST"
        | "LATENCY HISTORY" | "LATENCY HISTOGRAM" => Rule::SameShape,
        "CLIENT INFO" | "CLIENT LIST" => Rule::FieldNames,
        "INFO" => Rule::InfoFields,
        "HELLO" | "MEMORY STATS" => Rule::PairNames,
        // Texts for people, in our own words.
        help if help.ends_with(" HELP") => Rule::SameType,
        _ => Rule::Exact,
    }
}

fn close(ours: &Reply, redis: &Reply, tolerance: u64) -> bool {
    match (ours, redis) {
        // Negative answers say something else than a time.
        (Reply::Integer(ours), Reply::Integer(redis)) => {
            *ours >= 0 && *redis >= 0 && ours.abs_diff(*redis) <= tolerance
        }
        _ => false,
    }
}

/// See [`Rule::Moments`]. Moments are Unix milliseconds; idle times have a name, or stand behind a pending entry's consumer.
fn moments_agree(ours: &Reply, redis: &Reply) -> bool {
    /// Some day of 2001: no other integer of these replies is as great and near to another one.
    const LEAST_MOMENT: i64 = 1_000_000_000_000;
    let (elements, others) = match (ours, redis) {
        (Reply::Array(ours), Reply::Array(redis)) | (Reply::Map(ours), Reply::Map(redis)) => {
            (ours, redis)
        }
        (Reply::Integer(one), Reply::Integer(other)) if *one > LEAST_MOMENT => {
            return one == other || close(ours, redis, CLOCK_TOLERANCE_MS) && *other > LEAST_MOMENT;
        }
        _ => return ours == redis,
    };
    let name = |at: usize| match at.checked_sub(1).map(|at| &elements[at])? {
        Reply::Bulk(name) => Some(name.as_slice()),
        _ => None,
    };
    let is_idle_of_pending = |at: usize| {
        let is_integer = |at: usize| matches!(elements.get(at), Some(Reply::Integer(_)));
        elements.len() == 4 && at == 2 && is_integer(2) && is_integer(3) && !is_integer(0)
    };
    elements.len() == others.len()
        && (elements.iter().zip(others).enumerate()).all(|(at, (one, other))| match name(at) {
            Some(b"radix-tree-nodes") => same_type(one, other),
            Some(b"idle") => close(one, other, CLOCK_TOLERANCE_MS),
            _ if is_idle_of_pending(at) && close(one, other, CLOCK_TOLERANCE_MS) => true,
            _ => moments_agree(one, other),
        })
}

/// Equal variants; nulls of any kind agree with nothing but themselves.
fn same_type(ours: &Reply, redis: &Reply) -> bool {
    std::mem::discriminant(ours) == std::mem::discriminant(redis)
}

fn same_shape(ours: &Reply, redis: &Reply) -> bool {
    if !same_type(ours, redis) {
        return false;
    }
    match (ours, redis) {
        (Reply::Array(ours), Reply::Array(redis)) if ours.len() == redis.len() => ours
            .iter()
            .zip(redis)
            .all(|(ours, redis)| same_shape(ours, redis)),
        _ => true,
    }
}

/// How many elements an array has.
fn count_of(reply: &Reply) -> Option<usize> {
    match reply {
        Reply::Array(elements) => Some(elements.len()),
        _ => None,
    }
}

/// Whether two lists of rows of COMMAND INFO say the same about the commands that both have: some are not served yet, some are of later versions.
pub(super) fn rows_agree(ours: &Reply, redis: &Reply) -> bool {
    /// Name, arity, flags, first key, last key, step, categories, tips, key specifications; then come subcommands.
    const FIELDS: usize = 9;
    let (Reply::Array(ours), Reply::Array(redis)) = (ours, redis) else {
        return false;
    };
    redis.iter().all(|redis| match redis {
        Reply::Array(row) if row.len() > FIELDS => {
            let same = ours.iter().find(|ours| match ours {
                Reply::Array(ours) => ours.len() > FIELDS && ours[0] == row[0],
                _ => false,
            });
            same.is_none_or(|ours| {
                let ours = ours.elements();
                let fields =
                    |row: &[Reply]| sorted(&without_notes(&Reply::Array(row[..FIELDS].to_vec())));
                fields(ours) == fields(row)
                    && rows_agree(&as_array(&ours[FIELDS]), &as_array(&row[FIELDS]))
            })
        }
        unknown => ours.contains(unknown),
    })
}

/// Subcommands come as an array or, when there are none, as an empty set.
fn as_array(reply: &Reply) -> Reply {
    Reply::Array(reply.elements().to_vec())
}

/// The reply without the pairs called `notes`.
fn without_notes(reply: &Reply) -> Reply {
    let all = |elements: &[Reply]| {
        let note = elements
            .iter()
            .position(|element| *element == Reply::bulk("notes"));
        let is_note = |index: usize| note.is_some_and(|note| index == note || index == note + 1);
        let kept = elements
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_note(*index));
        kept.map(|(_, element)| without_notes(element)).collect()
    };
    match reply {
        Reply::Array(elements) => Reply::Array(all(elements)),
        Reply::Set(elements) => Reply::Set(all(elements)),
        Reply::Map(elements) => Reply::Map(all(elements)),
        other => other.clone(),
    }
}

/// The reply with the elements of every aggregate in one order; pairs of maps stay together.
fn sorted(reply: &Reply) -> Reply {
    let all = |elements: &[Reply]| {
        let mut elements: Vec<Reply> = elements.iter().map(sorted).collect();
        elements.sort();
        elements
    };
    match reply {
        Reply::Array(elements) => Reply::Array(all(elements)),
        Reply::Set(elements) => Reply::Set(all(elements)),
        Reply::Map(elements) => {
            let mut pairs: Vec<Vec<Reply>> = elements
                .chunks(2)
                .map(|pair| pair.iter().map(sorted).collect())
                .collect();
            pairs.sort();
            Reply::Map(pairs.concat())
        }
        other => other.clone(),
    }
}

fn field_names(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    // Of a list of clients the first line stands for all: who else is connected differs.
    let line = text.lines().next().unwrap_or_default();
    line.split(' ')
        .map(|word| word.split('=').next().unwrap_or_default().to_owned())
        .collect()
}

/// Lines that depend on what has been called, on the build or on the allocator, not on the protocol.
const INFO_BY_CHANCE: &[&str] = &["cmdstat_", "errorstat_", "latency_percentiles_usec_", "db"];

fn info_names(reply: &Reply) -> Vec<String> {
    reply
        .text()
        .lines()
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .filter(|name| !INFO_BY_CHANCE.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

fn pair_names(reply: &Reply) -> Vec<String> {
    let names = reply.elements().iter().step_by(2);
    names
        .map(|name| format!("{name:?}"))
        .filter(|name| !name.starts_with("\"db."))
        .collect()
}

fn includes(ours: &[String], redis: &[String]) -> bool {
    redis.iter().all(|name| ours.contains(name))
}

#[test]
fn replies_are_compared_byte_for_byte_unless_a_rule_says_otherwise() {
    let check = |words: &str, ours: Reply, redis: Reply, expected: bool| {
        let request: Request = words.split(' ').map(Vec::from).collect();
        assert_eq!(
            agree(&request, &ours, &redis),
            expected,
            "{words}: {ours:?} / {redis:?}"
        );
    };
    check("GET k", Reply::bulk("a"), Reply::bulk("a"), true);
    check("GET k", Reply::bulk("a"), Reply::bulk("b"), false);
    check("GET k", Reply::NullBulk, Reply::Null, false);
    check("TTL k", Reply::Integer(100), Reply::Integer(99), true);
    check("TTL k", Reply::Integer(-1), Reply::Integer(0), false);
    check("TTL k", Reply::Integer(100), Reply::Integer(-1), false);
    let array = |items: &[&str]| Reply::Array(items.iter().map(Reply::bulk).collect());
    check("KEYS *", array(&["a", "b"]), array(&["b", "a"]), true);
    check("KEYS *", array(&["a", "b"]), array(&["a", "a"]), false);
    check("MGET a b", array(&["a", "b"]), array(&["b", "a"]), false);
    let error = Reply::Error(b"ERR".to_vec());
    check("TIME", error, array(&["1", "2"]), false);
    check(
        "INFO x",
        Reply::bulk("# A\r\nx:1\r\ny:2"),
        Reply::bulk("# A\r\nx:2"),
        true,
    );
    check(
        "INFO x",
        Reply::bulk("# A\r\ny:2"),
        Reply::bulk("# A\r\nx:2"),
        false,
    );
}
