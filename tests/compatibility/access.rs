//! Users: the same rules, in the same order, to us and to a redis-server; what both make of them is compared, and what both then allow.
//! Single commands stand in another order there from run to run, so they are sorted before they are compared.

use crate::support::dice::Dice;
use crate::support::{Client, Reply, redis_server, servers};

use super::commands;

/// Decisions that are asked for of each user.
const DECISIONS: usize = 20;

/// Rules as they are drawn; `KEY` is a pattern of keys, `COMMAND` the name of a command.
const RULES: &[&str] = &[
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    ">one",
    ">two",
    "<one",
    "<three",
    "#30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4",
    "!30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4",
    "#30C9",
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
    "~*",
    "&*",
    "+@all",
    "-@all",
    "+select|0",
    "+select|1",
    "+debug|sleep",
    "+select|",
    "+config|get|x",
    "-config|set",
    "+client|id",
    "-client|kill",
    "+object|nosuch",
    "",
    "zork",
    "%",
    "%RW~k3",
    "%~k1",
    "(+get ~k1)",
    "(+@write %W~k*)",
    "( +@all -set ~k2 )",
    "(%R~k* +@read &c1)",
    "(on)",
    "(+get",
    ")",
];

const COMMANDS: &[&str] = &[
    "get",
    "set",
    "del",
    "mget",
    "mset",
    "config",
    "client",
    "lpush",
    "sort",
    "eval",
    "publish",
    "subscribe",
    "copy",
    "acl",
    "keys",
    "zunionstore",
    "xread",
    "object",
    "migrate",
    "nosuch",
    "getex",
    "georadius",
    "hello",
    "select",
    "config|get",
    "object|freq",
];

const PATTERNS: &[&str] = &["k*", "k1", "k[12]", "?2", "\\k3", "x", "k", "*"];

/// What is asked of users; `K` is a key, `C` a channel.
const LINES: &[&str] = &[
    "GET K",
    "SET K v",
    "SET K v GET",
    "SETRANGE K 0 v",
    "APPEND K v",
    "STRLEN K",
    "TYPE K",
    "EXISTS K K",
    "DEL K K",
    "MGET K K K",
    "MSET K v K v",
    "COPY K K",
    "RENAME K K",
    "LPUSH K v",
    "LMPOP 2 K K LEFT",
    "SORT K",
    "SORT K BY w GET # STORE K",
    "SORT_RO K",
    "ZUNIONSTORE K 2 K K",
    "ZADD K 1 a",
    "XREAD STREAMS K K 0 0",
    "XREADGROUP GROUP g c STREAMS K >",
    "GEORADIUS K 1 1 1 m STORE K",
    "GEOSEARCHSTORE K K FROMLONLAT 1 1 BYRADIUS 1 m",
    "BITFIELD K GET u8 0",
    "BITFIELD K SET u8 0 1",
    "BITOP AND K K K",
    "PFCOUNT K K",
    "EVAL x 2 K K a",
    "EVAL_RO x 1 K",
    "EVAL x 9 K",
    "OBJECT ENCODING K",
    "OBJECT HELP",
    "MEMORY USAGE K",
    "MIGRATE h 1 K 0 1",
    "DUMP K",
    "RESTORE K 0 v",
    "TTL K",
    "EXPIRE K 1",
    "GETDEL K",
    "GETEX K",
    "PUBLISH C m",
    "SPUBLISH C m",
    "SUBSCRIBE C C",
    "PSUBSCRIBE C k*",
    "SSUBSCRIBE C",
    "UNSUBSCRIBE C",
    "CONFIG GET x",
    "CONFIG SET a b",
    "CLIENT ID",
    "CLIENT KILL a",
    "ACL WHOAMI",
    "AUTH x",
    "SELECT 0",
    "SELECT 2",
    "DEBUG SLEEP 0",
    "KEYS *",
    "PING",
    "INFO",
    "NOSUCH K",
    "GET",
    "CONFIG NOSUCH",
    "WATCH K",
    "MULTI",
];

/// Commands that we have and Redis 7.0 has not, by which descriptions may differ.
fn is_ours(word: &str) -> bool {
    let name = word
        .trim_start_matches(['+', '-', '('])
        .trim_end_matches(')');
    let known = shared::command::lookup_full_name(name.as_bytes());
    known.is_some_and(|row| {
        let mut numbers = shared::command::docs(row.id).since.split('.');
        let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
        (number(), number()) > (Some(7), Some(0))
    })
}

/// The same with single commands in one order: a row of them stands behind the categories.
fn in_order(text: &str) -> String {
    let is_single = |word: &str| {
        let word = word.trim_start_matches('(');
        word.starts_with(['+', '-']) && word.as_bytes().get(1) != Some(&b'@')
    };
    let mut words: Vec<String> = Vec::new();
    let mut singles: Vec<String> = Vec::new();
    let flush = |singles: &mut Vec<String>, words: &mut Vec<String>| {
        singles.sort();
        words.append(singles);
    };
    for word in text.replace(')', " )").split(' ') {
        if is_single(word) {
            if !is_ours(word) {
                singles.push(word.to_owned());
            }
            continue;
        }
        flush(&mut singles, &mut words);
        words.push(word.to_owned());
    }
    flush(&mut singles, &mut words);
    words.join(" ")
}

fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) | Reply::Simple(text) => in_order(&String::from_utf8_lossy(text)),
        Reply::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(shown).collect();
            format!("[{}]", elements.join(", "))
        }
        other => other.error_text().unwrap_or_else(|| format!("{other:?}")),
    }
}

fn rule(dice: &mut Dice) -> String {
    let sign = *dice.pick(&["+", "-"]);
    match dice.below(10) {
        0 | 1 => format!("{sign}@{}", dice.pick(&categories())),
        2 | 3 => format!("{sign}{}", dice.pick(COMMANDS)),
        4 => format!("~{}", dice.pick(PATTERNS)),
        5 => format!(
            "%{}~{}",
            dice.pick(&["R", "W", "rw", "X"]),
            dice.pick(PATTERNS)
        ),
        6 => format!("&c{}", dice.pick(PATTERNS)),
        _ => (*dice.pick(RULES)).to_owned(),
    }
}

fn categories() -> Vec<&'static str> {
    let words = shared::command::AclCategories::WORDS.iter();
    words.map(|(_, word)| *word).chain(["nosuch"]).collect()
}

/// Whether a node answers it, or nobody knows it: what is not served yet is unknown here and known there.
fn is_compared(line: &&str) -> bool {
    let row = shared::command::lookup(line.split(' ').next().unwrap_or_default().as_bytes());
    row.is_none_or(|row| {
        let mut all = std::iter::once(row).chain(row.subcommands());
        all.any(shared::command::CommandSpec::is_served_by_node)
    })
}

fn line(dice: &mut Dice) -> Vec<String> {
    let lines: Vec<&str> = LINES.iter().copied().filter(is_compared).collect();
    let line = *dice.pick(&lines);
    let words = line.split(' ');
    words
        .map(|word| match word {
            "K" => (*dice.pick(&["k1", "k2", "k3", "x", ""])).to_owned(),
            "C" => (*dice.pick(&["c1", "ck1", "cx", "k*", "ck*"])).to_owned(),
            word => word.to_owned(),
        })
        .collect()
}

#[test]
fn users_are_made_told_and_limited_as_redis_does() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut both = [
        Client::connect(node.address),
        Client::connect(redis.address),
    ];
    let mut compare = |words: &[String]| {
        let [ours, theirs] = both.each_mut().map(|client| shown(&client.call(words)));
        assert_eq!(ours, theirs, "{words:?}, SWITCHYARD_SEED={seed}");
        theirs
    };
    let words = |line: &[&str]| -> Vec<String> { line.iter().map(ToString::to_string).collect() };
    let mut allowed = 0;
    let mut asked = 0;
    for _ in 0..commands() / DECISIONS {
        let mut set = words(&["ACL", "SETUSER", "u"]);
        set.extend((0..dice.below(6)).map(|_| rule(&mut dice)));
        if dice.percent(20) {
            compare(&words(&["ACL", "DELUSER", "u"]));
            set.extend(words(&["on", "+@all", "~k*"]));
        }
        compare(&set);
        compare(&words(&["ACL", "GETUSER", "u"]));
        compare(&words(&["ACL", "LIST"]));
        for _ in 0..DECISIONS {
            let mut dry = words(&["ACL", "DRYRUN", "u"]);
            dry.extend(line(&mut dice));
            asked += 1;
            allowed += usize::from(compare(&dry) == "OK");
        }
    }
    assert!(
        allowed > asked / 20 && allowed < asked,
        "{allowed} of {asked}"
    );
}

#[test]
fn commands_about_users_are_answered_as_redis_does() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    let mut both = [
        Client::connect(node.address),
        Client::connect(redis.address),
    ];
    for line in [
        "ACL",
        "ACL ZORK",
        "ACL CAT",
        "ACL CAT zork",
        "ACL CAT a b",
        "ACL USERS",
        "ACL USERS x",
        "ACL WHOAMI",
        "ACL GETUSER nobody",
        "ACL GETUSER",
        "ACL DELUSER default",
        "ACL DELUSER nobody",
        "ACL DRYRUN nobody GET a",
        "ACL DRYRUN default NOSUCH a",
        "ACL DRYRUN default GET",
        "ACL DRYRUN default CONFIG",
        "ACL GENPASS 0",
        "ACL GENPASS 4097",
        "ACL GENPASS x",
        "ACL GENPASS 1 2",
        "ACL LOG",
        "ACL LOG x",
        "ACL LOG -1",
        "ACL LOG 1 2",
        "ACL LOG RESET",
        "ACL LOAD",
        "ACL SAVE",
        "ACL LOAD x",
        "ACL SETUSER",
        "ACL SETUSER a\0b on",
        "AUTH a b",
        "CLIENT KILL USER nobody",
        "CONFIG GET aclfile",
        "CONFIG GET acllog-max-len",
        "CONFIG GET acl-pubsub-default",
        "CONFIG SET aclfile x",
        "CONFIG SET acl-pubsub-default zork",
        "CONFIG SET acl-pubsub-default allchannels",
        "ACL SETUSER open",
        "ACL LIST",
        "ACL SETUSER open reset",
        "ACL SETUSER default resetpass >x >y",
        "ACL LIST",
        "AUTH y",
        "CONFIG SET requirepass z",
        "ACL LIST",
        "AUTH y",
        "ACL SETUSER default nopass",
        "AUTH y",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let [ours, theirs] = both.each_mut().map(|client| shown(&client.call(&words)));
        assert_eq!(ours, theirs, "{line:?}");
    }
}
