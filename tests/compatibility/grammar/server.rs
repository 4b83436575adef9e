//! Commands on the server.
//! Pure. Never draws a setting that would make values, times or evictions differ by chance.

use super::{Command, Step, draw_inner};
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group that is about one server's inside.
pub(super) const COMMANDS: &[Command] = &[
    |draw| config_get(draw, PRIVATE_SETTINGS),
    |draw| config_get(draw, PRIVATE_SETTINGS),
    |draw| request!["CONFIG", "GET", *draw.dice.pick(&["*max*", "[a-b]*", "c*"])],
    |draw| config_set(draw, &[]),
    |draw| config_set(draw, &[]),
    |draw| config_set(draw, &[]),
    |_| request!["CONFIG", "RESETSTAT"],
    |_| request!["CONFIG", "REWRITE"],
    |draw| request!["CONFIG", draw.value()],
    |draw| {
        request![
            "DEBUG",
            "SLEEP",
            *draw.dice.pick(&["0", "0.001", "-1", "abc", "", "0\0"])
        ]
    },
    |draw| request!["DEBUG", "ERROR", draw.value()],
    |_| request!["DEBUG", "SET-ACTIVE-EXPIRE", "1"],
    |draw| request!["DEBUG", draw_bogus(draw)],
    |draw| {
        request![
            "DEBUG",
            "PROTOCOL",
            *draw.dice.pick(&[
                "string", "integer", "double", "null", "array", "set", "map", "verbatim", "true",
                "false", "bignum", "bogus",
            ])
        ]
    },
    |draw| request!["SHUTDOWN", *draw.dice.pick(&["ABORT", "BOGUS", "abort\0"])],
    |_| request!["SHUTDOWN", "ABORT", "NOW"],
];

/// Settings of the nodes behind a proxy.
pub(super) const PROXY_COMMANDS: &[Command] = &[
    |draw| config_get(draw, PROXY_SETTINGS),
    |draw| config_set(draw, PROXY_SETTINGS),
];

/// Those of the group that answer behind a proxy as on a server alone.
pub(super) const ANYWHERE_COMMANDS: &[Command] = &[
    |draw| request!["COMMAND", "INFO", command_name(draw), command_name(draw)],
    |draw| request!["COMMAND", "INFO", command_name(draw)],
    |draw| request!["COMMAND", "GETKEYS", "SET", draw.key(), draw.value()],
    |draw| keys_of("GETKEYS", draw),
    |draw| keys_of("GETKEYSANDFLAGS", draw),
    |draw| {
        request![
            "COMMAND",
            *draw.dice.pick(&["GETKEYS", "GETKEYSANDFLAGS"]),
            command_name(draw),
            draw.key(),
            draw.value()
        ]
    },
    |draw| request!["COMMAND", draw.value()],
    |_| request!["COMMAND", "COUNT"],
    |_| request!["COMMAND", "DOCS", "nosuch"],
    |draw| {
        request![
            "COMMAND",
            "LIST",
            *draw
                .dice
                .pick(&["FILTERBY", "FILTERBY", "FILTERBY", "filterby\0", "BOGUS"]),
            *draw
                .dice
                .pick(&["PATTERN", "ACLCAT", "MODULE", "BOGUS", "pattern"]),
            *draw.dice.pick(&[
                "get*", "read", "READ", "@read", "nothing", "*", "", "config|*", "[gs]et"
            ])
        ]
    },
    info,
    |_| request!["TIME"],
    |_| request!["DBSIZE"],
    |draw| {
        request![
            "SLOWLOG",
            *draw
                .dice
                .pick(&["GET", "LEN", "RESET", "HELP", "bogus", "\0"])
        ]
    },
    |draw| {
        request![
            "SLOWLOG",
            "GET",
            *draw
                .dice
                .pick(&["0", "-1", "-2", "abc", "5", "", "01", "9223372036854775808"])
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
            *draw.dice.pick(&["HISTORY", "RESET"]),
            *draw
                .dice
                .pick(&["command", "fork", "bogus", "", "command\0"])
        ]
    },
    |draw| request!["LATENCY", "GRAPH", draw.value()],
    |draw| {
        request![
            "LATENCY",
            "HISTOGRAM",
            *draw.dice.pick(&["nosuch", "get", ""])
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
    |draw| {
        request![
            "LOLWUT",
            *draw.dice.pick(&["VERSION", "version\0", "BOGUS"]),
            *draw.dice.pick(&["5", "6", "1", "x"]),
            *draw.dice.pick(&["10", "66", "x"]),
            *draw.dice.pick(&["1", "5", ""]),
            *draw.dice.pick(&["1", "3", "abc"])
        ]
    },
    |draw| {
        request![
            "FUNCTION",
            "FLUSH",
            *draw.dice.pick(&["SYNC", "ASYNC", "BOGUS", "", "sync\0"])
        ]
    },
    |draw| {
        request![
            "SCRIPT",
            "FLUSH",
            *draw.dice.pick(&["SYNC", "ASYNC", "BOGUS", "", "async\0"])
        ]
    },
    |draw| {
        request![
            *draw.dice.pick(&["OBJECT", "CONFIG", "CLIENT", "COMMAND"]),
            "HELP"
        ]
    },
    |draw| request!["NOSUCHCOMMAND", draw.value(), draw.key()],
    |draw| request![draw_bogus(draw), draw.value(), draw.value()],
    |draw| {
        request![
            *draw.dice.pick(&["OBJECT", "MEMORY", "LATENCY", "SLOWLOG"]),
            draw_bogus(draw),
            draw.key()
        ]
    },
];

/// A word that is the name of nothing.
fn draw_bogus(draw: &mut Draw) -> Vec<u8> {
    let mut word = b"no-".to_vec();
    word.extend(draw.value());
    word
}

fn keys_of(subcommand: &str, draw: &mut Draw) -> Request {
    let mut request = request!["COMMAND", subcommand];
    request.extend(draw_inner(draw));
    request
}

/// Looks at how a key is kept. Redis does this without asking whether the key's time has come: the first request removes it then.
pub(super) fn look_inside(draw: &mut Draw, may_debug: bool) -> Step {
    let key = draw.key();
    let look = match draw.dice.below(4) {
        0 if may_debug => request!["DEBUG", "OBJECT", key.clone()],
        0..=1 => request!["MEMORY", "USAGE", key.clone()],
        _ => request![
            "MEMORY",
            "USAGE",
            key.clone(),
            *draw
                .dice
                .pick(&["SAMPLES", "samples", "BOGUS", "SAMPLES\0"]),
            *draw
                .dice
                .pick(&["0", "5", "-1", "abc", "", "9223372036854775807"])
        ],
    };
    Step {
        requests: vec![request!["EXISTS", key], look],
        answered: vec![0, 1],
        closes: false,
    }
}

/// Commands that empty databases; drawn seldom, for keys must have time to meet.
pub(super) const FLUSHES: &[Command] = &[
    |_| request!["FLUSHALL"],
    |_| request!["FLUSHDB"],
    |draw| {
        request![
            *draw.dice.pick(&["FLUSHALL", "FLUSHDB"]),
            *draw
                .dice
                .pick(&["SYNC", "ASYNC", "sync", "sync\0", "bogus", ""])
        ]
    },
];

/// Settings with a value that fits and some that do not.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "maxmemory",
        &[
            "0",
            "8gb",
            "8GB",
            "8gB\0",
            "10000000000",
            "010000000000",
            "9g",
            "9000m",
            "9000000k",
            "9000000000b",
            "abc",
            "-1",
            "1.5gb",
            "",
            "8 gb",
            " 8gb",
            "8gbx",
            "+8gb",
            "8t",
        ],
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
    (
        "maxmemory-samples",
        &[
            "5",
            "10",
            "0",
            "abc",
            "",
            " 5",
            "05",
            "5\0",
            "9223372036854775808",
            "1.0",
        ],
    ),
    ("timeout", &["0", "1000", "-1", "abc"]),
    ("tcp-keepalive", &["300", "0", "-1"]),
    ("hz", &["10", "20"]),
    ("lfu-log-factor", &["10", "-1"]),
    ("lfu-decay-time", &["1", "x"]),
    ("slowlog-max-len", &["128", "-1", "abc"]),
    ("appendonly", &["no", "NO", "no\0", "", "perhaps"]),
    ("appendfsync", &["everysec", "always", "no", "bogus"]),
    (
        // What Redis would send, a node refuses as long as it has no events.
        "notify-keyspace-events",
        &["", "?"],
    ),
    ("hash-max-listpack-entries", &["128", "-1"]),
    ("list-max-listpack-size", &["-2", "128"]),
    // Nodes of changing sizes make redis-server 7.0.15 lose entries, and crash.
    ("stream-node-max-entries", &["100", "-1"]),
    ("stream-node-max-bytes", &["4096", "x"]),
    ("set-max-intset-entries", &["512"]),
    ("zset-max-ziplist-value", &["64"]),
    ("lazyfree-lazy-expire", &["yes", "no", "maybe"]),
    ("active-expire-effort", &["1", "11"]),
    (
        "client-output-buffer-limit",
        &[
            "normal 0 0 0",
            "normal 0 0",
            "bogus 0 0 0",
            "",
            " normal 0 0 0 ",
            "normal 0 0 0 pubsub 1mb 1mb 60",
            "replica 0 0 0",
            "NORMAL 0 0 0",
            "normal 1x 0 0",
            "normal 0 0 -1",
            "normal 0 0 x",
        ],
    ),
    ("latency-monitor-threshold", &["0", "100", "-1"]),
    (
        "latency-tracking-info-percentiles",
        &[
            "50 99 99.9",
            "101",
            "abc",
            "",
            " 50  99 ",
            "0",
            "100.0",
            "100.0001",
            "-0",
            "-1",
            "nan",
            "inf",
            "1e1",
            "50,99",
            "50 99 x",
        ],
    ),
    ("no-such-setting", &["1"]),
    ("databases", &["16", "x", "0"]),
    ("dir", &["/tmp"]),
    ("dbfilename", &["a/b", "dump.rdb"]),
    (
        // Of what Redis takes, only what asks for nothing: there are no snapshots yet.
        "save",
        &["", "3600", "3600 x", "0 1", "-1 1", "3600 -1"],
    ),
    (
        "oom-score-adj-values",
        &[
            "0 200 800",
            "0 200",
            "",
            "0 200 2001",
            "-2000 0 2000",
            "a b c",
            "0 200 800 1",
        ],
    ),
    ("maxmemory-clients", &["0", "101%", "-1%", "%", "x"]),
    ("cluster-announce-hostname", &["", "a.b-c", "a_b", "a b"]),
    (
        "sanitize-dump-payload",
        &["no", "YES", "clients", "bogus", ""],
    ),
    ("slave-priority", &["100", "-1"]),
    ("replica-priority", &["100", "50"]),
    ("lua-time-limit", &["5000"]),
    ("busy-reply-threshold", &["5000", "-1"]),
    ("hash-max-ziplist-entries", &["128"]),
    ("repl-backlog-size", &["1mb", "0", "1kb"]),
    ("loglevel", &["notice", "NOTICE", "loud"]),
    ("shutdown-timeout", &["10", "-1"]),
    ("no-such\0setting", &["1"]),
    ("", &["1"]),
    ("n\u{f6}", &["1"]),
    // Not below its range: the complaint names the upper end, which is nearer than Redis'.
    ("proto-max-bulk-len", &["512mb", "x"]),
    ("oom-score-adj", &["no", "bogus"]),
    ("maxclients", &["10000", "0"]),
];

/// Each server has a folder of its own.
const PRIVATE_SETTINGS: &[&str] = &["dir"];

/// A proxy answers these itself, and refuses to set them.
const PROXY_SETTINGS: &[&str] = &["dir", "databases", "maxclients", "tcp-keepalive", "timeout"];

/// A setting that is not one of `others`, with its values.
fn setting(draw: &mut Draw, others: &[&str]) -> (&'static str, &'static [&'static str]) {
    loop {
        let (name, values) = *draw.dice.pick(SETTINGS);
        if !others.contains(&name) {
            return (name, values);
        }
    }
}

fn config_set(draw: &mut Draw, others: &[&str]) -> Request {
    let mut request = request!["CONFIG", "SET"];
    for _ in 0..1 + draw.dice.below(4) {
        let (name, values) = setting(draw, others);
        request.push(draw.any_case(name.as_bytes()));
        request.push(Vec::from(*draw.dice.pick(values)));
    }
    if draw.dice.percent(4) {
        request.pop();
    }
    request
}

fn config_get(draw: &mut Draw, others: &[&str]) -> Request {
    const PATTERNS: &[&str] = &[
        "maxmemory*",
        "hash-*",
        "nothing*",
        "lfu-?*",
        "[a-b]*",
        "",
        "*-SET-*",
        "slave*",
        "\0",
    ];
    let mut request = request!["CONFIG", "GET"];
    for _ in 0..1 + draw.dice.below(3) {
        let (name, _) = setting(draw, others);
        let pattern = match draw.dice.below(8) {
            0 => Vec::from(*draw.dice.pick(PATTERNS)),
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
