//! Commands on the server.
//! Pure. Never draws a setting that would make values, times or evictions differ by chance.

use super::Command;
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group.
pub(super) const COMMANDS: &[Command] = &[
    config_get,
    config_set,
    config_set,
    |_| request!["CONFIG", "RESETSTAT"],
    |_| request!["CONFIG", "REWRITE"],
    |draw| request!["CONFIG", draw.word()],
    |draw| request!["COMMAND", "INFO", command_name(draw), command_name(draw)],
    |draw| request!["COMMAND", "GETKEYS", "SET", draw.key(), draw.value()],
    |draw| {
        request![
            "COMMAND",
            "GETKEYS",
            command_name(draw),
            draw.key(),
            draw.value()
        ]
    },
    |draw| {
        request![
            "COMMAND",
            "GETKEYSANDFLAGS",
            command_name(draw),
            draw.key(),
            draw.value()
        ]
    },
    |draw| request!["COMMAND", draw.word()],
    |_| request!["COMMAND", "COUNT"],
    |draw| {
        request![
            "COMMAND",
            "LIST",
            "FILTERBY",
            *draw.dice.pick(&["PATTERN", "ACLCAT", "MODULE", "BOGUS"]),
            *draw.dice.pick(&["get*", "read", "nothing", "*"])
        ]
    },
    info,
    |_| request!["TIME"],
    |_| request!["DBSIZE"],
    |draw| request!["SWAPDB", draw.database(), draw.database()],
    |draw| {
        request![
            "SLOWLOG",
            *draw.dice.pick(&["GET", "LEN", "RESET", "HELP", "bogus"])
        ]
    },
    |draw| {
        request![
            "SLOWLOG",
            "GET",
            *draw.dice.pick(&["0", "-1", "-2", "abc", "5"])
        ]
    },
    |draw| {
        request![
            "LATENCY",
            *draw.dice.pick(&[
                "LATEST",
                "DOCTOR",
                "RESET",
                "HELP",
                "bogus",
                "HISTOGRAM",
                "GRAPH"
            ])
        ]
    },
    |draw| {
        request![
            "LATENCY",
            *draw.dice.pick(&["HISTORY", "GRAPH", "RESET"]),
            *draw.dice.pick(&["command", "fork", "bogus"])
        ]
    },
    |draw| request!["LATENCY", "HISTOGRAM", *draw.dice.pick(&["nosuch", "get"])],
    |draw| request!["MEMORY", "USAGE", draw.key()],
    |draw| {
        request![
            "MEMORY",
            "USAGE",
            draw.key(),
            *draw.dice.pick(&["SAMPLES", "BOGUS"]),
            *draw.dice.pick(&["0", "5", "-1", "abc"])
        ]
    },
    |draw| {
        request![
            "MEMORY",
            *draw
                .dice
                .pick(&["DOCTOR", "PURGE", "HELP", "bogus", "STATS"])
        ]
    },
    |_| request!["LOLWUT"],
    |draw| request!["LOLWUT", "VERSION", *draw.dice.pick(&["5", "6", "1"])],
    |draw| request!["DEBUG", "SLEEP", *draw.dice.pick(&["0", "0.001"])],
    |draw| request!["DEBUG", "OBJECT", draw.key()],
    |_| request!["DEBUG", "SET-ACTIVE-EXPIRE", "1"],
    |_| request!["DEBUG", "BOGUS-SUBCOMMAND"],
    |draw| request!["SHUTDOWN", *draw.dice.pick(&["ABORT", "BOGUS"])],
    |draw| {
        request![
            "FUNCTION",
            "FLUSH",
            *draw.dice.pick(&["SYNC", "ASYNC", "BOGUS"])
        ]
    },
    |draw| {
        request![
            "SCRIPT",
            "FLUSH",
            *draw.dice.pick(&["SYNC", "ASYNC", "BOGUS"])
        ]
    },
    |draw| {
        request![
            *draw.dice.pick(&["OBJECT", "CONFIG", "CLIENT", "COMMAND"]),
            "HELP"
        ]
    },
    |draw| request!["NOSUCHCOMMAND", draw.value(), draw.key()],
    |draw| request![draw.word(), draw.word(), draw.word()],
];

/// Commands that empty databases; drawn seldom, for keys must have time to meet.
pub(super) const FLUSHES: &[Command] = &[
    |_| request!["FLUSHALL"],
    |_| request!["FLUSHDB"],
    |draw| {
        request![
            *draw.dice.pick(&["FLUSHALL", "FLUSHDB"]),
            *draw.dice.pick(&["SYNC", "ASYNC", "sync", "bogus"])
        ]
    },
];

/// Settings with a value that fits and some that do not.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "maxmemory",
        &["0", "8gb", "8GB", "10000000000", "abc", "-1", "1.5gb", ""],
    ),
    (
        "maxmemory-policy",
        &[
            "noeviction",
            "allkeys-lru",
            "volatile-lru",
            "allkeys-lfu",
            "volatile-lfu",
            "allkeys-random",
            "volatile-random",
            "volatile-ttl",
            "bogus",
        ],
    ),
    ("maxmemory-samples", &["5", "10", "0", "abc"]),
    ("timeout", &["0", "1000", "-1", "abc"]),
    ("tcp-keepalive", &["300", "0", "-1"]),
    ("hz", &["10", "20"]),
    ("lfu-log-factor", &["10", "-1"]),
    ("lfu-decay-time", &["1", "x"]),
    ("slowlog-max-len", &["128", "-1", "abc"]),
    ("appendonly", &["no", "perhaps"]),
    ("appendfsync", &["everysec", "always", "no", "bogus"]),
    ("notify-keyspace-events", &["", "KEA", "Ex", "KEgx", "?"]),
    ("hash-max-listpack-entries", &["128", "-1"]),
    ("list-max-listpack-size", &["-2", "128"]),
    ("set-max-intset-entries", &["512"]),
    ("zset-max-ziplist-value", &["64"]),
    ("lazyfree-lazy-expire", &["yes", "no", "maybe"]),
    ("active-expire-effort", &["1", "11"]),
    (
        "client-output-buffer-limit",
        &["normal 0 0 0", "normal 0 0", "bogus 0 0 0"],
    ),
    ("latency-monitor-threshold", &["0", "100", "-1"]),
    (
        "latency-tracking-info-percentiles",
        &["50 99 99.9", "101", "abc"],
    ),
    ("no-such-setting", &["1"]),
    ("databases", &["16"]),
    ("proto-max-bulk-len", &["512mb", "1"]),
    ("oom-score-adj", &["no", "bogus"]),
    ("maxclients", &["10000", "0"]),
];

fn config_set(draw: &mut Draw) -> Request {
    let mut request = request!["CONFIG", "SET"];
    for _ in 0..1 + draw.dice.below(2) {
        let (name, values) = *draw.dice.pick(SETTINGS);
        request.push(draw.any_case(name.as_bytes()));
        request.push(Vec::from(*draw.dice.pick(values)));
    }
    if draw.dice.percent(4) {
        request.pop();
    }
    request
}

fn config_get(draw: &mut Draw) -> Request {
    let mut request = request!["CONFIG", "GET"];
    for _ in 0..1 + draw.dice.below(2) {
        let (name, _) = *draw.dice.pick(SETTINGS);
        let pattern = match draw.dice.below(8) {
            0 => Vec::from(*draw.dice.pick(&[
                "maxmemory*",
                "hash-*",
                "*max*",
                "nothing*",
                "lfu-?*",
                "[a-c]*",
            ])),
            _ => draw.any_case(name.as_bytes()),
        };
        request.push(pattern);
    }
    request
}

fn command_name(draw: &mut Draw) -> &'static str {
    draw.dice.pick::<&str>(&[
        "get",
        "SET",
        "mset",
        "bitop",
        "copy",
        "object",
        "object|encoding",
        "config|get",
        "client",
        "scan",
        "nosuch",
        "sort",
        "eval",
        "zunionstore",
        "xread",
        "ping",
        "getex",
        "memory|usage",
        "Del",
        "bitfield",
    ])
}

fn info(draw: &mut Draw) -> Request {
    let mut request = request!["INFO"];
    for _ in 0..draw.dice.below(3) {
        request.push(Vec::from(*draw.dice.pick(&[
            "server",
            "clients",
            "memory",
            "persistence",
            "stats",
            "replication",
            "cpu",
            "errorstats",
            "cluster",
            "keyspace",
            "all",
            "everything",
            "default",
            "bogus",
            "modules",
            "SERVER",
        ])));
    }
    request
}
