//! The command table agrees with a real redis-server: COMMAND INFO, DOCS, LIST, COUNT and GETKEYS of every row, in both protocols, and the errors of commands that are called wrongly.
//! Prose (summaries, complexities, what a version changed, notes) is our own and not compared.

use std::io::BufReader;

use shared::command::{self, CommandSpec, introspection};
use shared::resp::{ArgRange, Args, Protocol, ReplyWriter};

use super::support::redis_server::{self, VERSION};
use super::support::{Client, Reply};

/// Some rows are of later versions, for clients and frameworks use them.
fn is_in_redis(row: &CommandSpec) -> bool {
    command::docs(row.id).since < LATER
}

/// What the table answers to a command: a reply, or the error it is refused with.
fn ours(words: &[&str], protocol: Protocol) -> Reply {
    let mut buffer = Vec::new();
    let mut ranges = Vec::new();
    for word in words {
        ranges.push(ArgRange::new(buffer.len(), word.len()));
        buffer.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&buffer, &ranges);
    let mut out = Vec::new();
    let mut reply = ReplyWriter::new(&mut out, protocol);
    let answered = command::resolve(args)
        .and_then(|row| introspection::answer(args, row, is_in_redis, &mut reply));
    if let Err(error) = answered {
        reply.truncate(0);
        reply.error(&error);
    }
    Reply::read(&mut BufReader::new(out.as_slice())).expect("a whole reply")
}

/// The first version that is not Redis 7.0.
const LATER: &str = "7.1";

/// Sets, maps and arrays of subcommands in one order, for Redis' is that of a hash table; prose blanked, and what later versions brought left out.
fn comparable(reply: Reply) -> Reply {
    let all = |elements: Vec<Reply>| elements.into_iter().map(comparable).collect::<Vec<_>>();
    match reply {
        Reply::Set(elements) => {
            let mut elements = all(elements);
            elements.sort();
            Reply::Set(elements)
        }
        Reply::Map(elements) => {
            let mut pairs: Vec<(Reply, Reply)> = Vec::new();
            let mut elements = elements.into_iter();
            while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                let value = without_prose(&key, comparable(value));
                pairs.push((key, value));
            }
            if pairs.iter().any(|(key, _)| key.text().contains('|')) {
                pairs.sort();
            }
            Reply::Map(
                pairs
                    .into_iter()
                    .flat_map(|(key, value)| [key, value])
                    .collect(),
            )
        }
        Reply::Array(elements) => {
            let mut elements = all(elements);
            elements.retain(|element| !is_later(element));
            if elements.iter().all(is_subcommand) {
                elements.sort();
            }
            Reply::Array(elements)
        }
        other => other,
    }
}

/// Whether this is an argument that a later version brought.
fn is_later(argument: &Reply) -> bool {
    let Reply::Map(pairs) = argument else {
        return false;
    };
    let since = pairs.chunks(2).find(|pair| pair[0] == Reply::bulk("since"));
    since.is_some_and(|pair| pair[1].text().as_str() >= LATER)
}

fn is_subcommand(row: &Reply) -> bool {
    matches!(row, Reply::Array(columns) if matches!(columns.first(), Some(Reply::Bulk(name)) if name.contains(&b'|')))
}

fn without_prose(key: &Reply, value: Reply) -> Reply {
    match (key.text().as_str(), value) {
        ("summary" | "complexity" | "notes", Reply::Bulk(_)) => Reply::bulk(""),
        ("history", Reply::Set(changes)) => {
            let mut versions: Vec<Reply> = changes
                .iter()
                .map(|change| change.elements()[0].clone())
                .filter(|version| version.text().as_str() < LATER)
                .collect();
            versions.sort();
            Reply::Set(versions)
        }
        (_, value) => value,
    }
}

/// Both answers to `words`, where they differ.
fn difference(redis: &mut Client, words: &[&str], protocol: Protocol) -> Option<String> {
    let theirs = comparable(redis.call(words));
    let ours = comparable(ours(words, protocol));
    (ours != theirs).then(|| format!("{words:?}\n  redis: {theirs:?}\n  ours:  {ours:?}"))
}

fn assert_none(differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{} differences from redis-server {VERSION}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn names() -> impl Iterator<Item = &'static str> {
    command::all()
        .filter(|row| is_in_redis(row))
        .map(|row| row.name)
}

#[test]
fn every_row_and_page_is_as_redis_has_it() {
    let Some(server) = redis_server::start(&[]) else {
        return;
    };
    let mut redis = server.connect();
    redis.call_words("HELLO 3");
    let mut differences = Vec::new();
    for name in names() {
        for what in ["INFO", "DOCS"] {
            differences.extend(difference(
                &mut redis,
                &["COMMAND", what, name],
                Protocol::Resp3,
            ));
        }
    }
    assert_none(&differences);
}

#[test]
fn rows_have_the_same_order_of_words_in_both_protocols() {
    let Some(server) = redis_server::start(&[]) else {
        return;
    };
    let mut redis = server.connect();
    let mut differences = Vec::new();
    // Redis gives subcommands in the chance order of a hash table; notes are prose.
    let plain = command::all().filter(|row| {
        is_in_redis(row) && !row.is_container() && row.keys.iter().all(|key| key.note.is_none())
    });
    for row in plain {
        differences.extend(difference(
            &mut redis,
            &["COMMAND", "INFO", row.name],
            Protocol::Resp2,
        ));
    }
    assert_none(&differences);
}

#[test]
fn lists_of_commands_are_the_same() {
    let Some(server) = redis_server::start(&[]) else {
        return;
    };
    let mut redis = server.connect();
    let mut differences = Vec::new();
    let sorted = |reply: Reply| {
        let mut elements = reply.elements().to_vec();
        elements.sort();
        elements
    };
    let (whole, resp2) = (["COMMAND"].as_slice(), Protocol::Resp2);
    let counted = [redis.call(whole), ours(whole, resp2)].map(|reply| reply.elements().len());
    assert_eq!(counted[0], counted[1], "rows of COMMAND");
    differences.extend(difference(&mut redis, &["COMMAND", "COUNT"], resp2));
    for filter in [
        "",
        "filterby module none",
        "filterby pattern *",
        "FILTERBY PATTERN x*|C*",
        "filterby pattern [ab]*",
        "filterby aclcat nothing",
        "filterby aclcat KeySpace",
        "filterby aclcat read",
        "filterby aclcat write",
        "filterby aclcat fast",
        "filterby aclcat slow",
        "filterby aclcat dangerous",
        "filterby aclcat admin",
        "filterby aclcat scripting",
        "filterby aclcat geo",
    ] {
        let words: Vec<&str> = ["COMMAND", "LIST"]
            .into_iter()
            .chain(filter.split_whitespace())
            .collect();
        let (theirs, ours) = (sorted(redis.call(&words)), sorted(ours(&words, resp2)));
        if theirs != ours {
            differences.push(format!("{words:?}\n  redis: {theirs:?}\n  ours:  {ours:?}"));
        }
    }
    for line in [
        "COMMAND LIST filterby",
        "COMMAND LIST filterby aclcat",
        "COMMAND LIST filterby what geo",
        "COMMAND LIST by aclcat geo",
        "COMMAND LIST filterby aclcat geo more",
        "COMMAND INFO get nobody GET config|get config|nobody get|x",
        "COMMAND INFO",
        "COMMAND DOCS nobody",
        "COMMAND COUNT x",
        "COMMAND nobody",
    ] {
        if line != "COMMAND INFO" {
            let words: Vec<&str> = line.split_whitespace().collect();
            differences.extend(difference(&mut redis, &words, resp2));
        }
    }
    assert_none(&differences);
}

#[test]
fn commands_that_are_called_wrongly_get_the_same_errors() {
    let Some(server) = redis_server::start(&[]) else {
        return;
    };
    let mut redis = server.connect();
    let mut differences = Vec::new();
    for row in command::all().filter(|row| is_in_redis(row)) {
        let parts: Vec<&str> = row.name.split('|').collect();
        if !row.accepts(parts.len()) {
            differences.extend(difference(&mut redis, &parts, Protocol::Resp2));
        }
        if row.is_container() {
            differences.extend(difference(
                &mut redis,
                &[row.name, "Nobody", "x"],
                Protocol::Resp2,
            ));
        }
    }
    let long = "x".repeat(200);
    for words in [
        ["nobody", "a", "b"].as_slice(),
        &["NoBody"],
        &[""],
        &[&long, &long, "b"],
        &["nobody", "a", &long, "b", "c"],
        &["config|get", "a"],
        &["config", &long],
        &["get|", "a"],
    ] {
        differences.extend(difference(&mut redis, words, Protocol::Resp2));
    }
    assert_none(&differences);
}

/// Commands, well and badly formed, whose keys both must find alike. `''` is an empty argument.
const WITH_KEYS: &[&str] = &[
    "get a",
    "get a b",
    "get",
    "ping",
    "ping a",
    "nobody a",
    "config get a",
    "config nobody a",
    "object freq k",
    "object help",
    "object freq k k",
    "set a b",
    "set a b get",
    "set a b ex 10 GET",
    "set get get",
    "mset a 1 b 2",
    "mset a 1 b",
    "msetnx a 1 b 2 c 3",
    "mget a b c",
    "del a",
    "unlink a b",
    "exists a a",
    "touch a b c",
    "rename a b",
    "renamenx a b",
    "copy a b db 3 replace",
    "lcs a b len",
    "append a b",
    "getex a ex 1",
    "bitop and d a",
    "bitop not d a b c",
    "bitcount a 0 1",
    "bitfield a",
    "bitfield a get u8 0",
    "bitfield a GET u8 0 get u8 8",
    "bitfield a get u8 0 set u8 0 1",
    "bitfield a overflow sat get u8 0",
    "bitfield a get",
    "bitfield_ro a get u8 0",
    "sort a",
    "sort a by w get # get o store b limit 1 store store c",
    "sort a store",
    "sort a store b",
    "sort a STORE b store c",
    "sort a limit store x store y",
    "sort_ro a by w get o",
    "migrate h 1 k 0 10",
    "migrate h 1 '' 0 10 keys a b",
    "migrate h 1 '' 0 10 copy replace auth keys KEYS a b",
    "migrate h 1 '' 0 10 auth2 keys keys keys a",
    "migrate h 1 k 0 10 keys a b",
    "migrate h 1 k 0 10 copy",
    "move a 1",
    "dump a",
    "restore a 0 x",
    "object encoding a",
    "memory usage a",
    "memory usage a samples 5",
    "memory stats x",
    "wait 1 2",
    "scan 0",
    "keys a",
    "randomkey x",
    "lmove a b left right",
    "blmove a b left right 0",
    "rpoplpush a b",
    "brpoplpush a b 0",
    "blpop a 0",
    "blpop a b c 0",
    "brpop a b 0",
    "lmpop 1 a left",
    "lmpop 2 a b left count 3",
    "lmpop 0 a left",
    "lmpop -1 a left",
    "lmpop 3 a left",
    "lmpop x a left",
    "blmpop 0 2 a b left",
    "blmpop 0 9 a left",
    "zmpop 1 a min",
    "bzmpop 0 2 a b max",
    "bzpopmin a b 0",
    "sdiff a b c",
    "sdiffstore d a b",
    "sinter a",
    "sinterstore d a",
    "sintercard 2 a b",
    "sintercard 2 a b limit 3",
    "sintercard 3 a b",
    "sunion a b",
    "sunionstore d a b",
    "smove a b m",
    "zunion 2 a b",
    "zunion 2 a b weights 1 2",
    "zunionstore d 2 a b",
    "zunionstore d 1 a weights 2",
    "zunionstore d 0 a b",
    "zunionstore d 3 a b",
    "zinterstore d 2 a b aggregate max",
    "zdiffstore d 2 a b",
    "zinter 1 a",
    "zdiff 2 a b withscores",
    "zintercard 2 a b limit 1",
    "zrangestore d a 0 -1",
    "geosearchstore d a fromlonlat 1 2 byradius 3 km",
    "georadius k 1 2 3 km",
    "georadius k 1 2 3 km store a",
    "georadius k 1 2 3 km storedist a",
    "georadius k 1 2 3 km count 1 store a storedist b",
    "georadius k 1 2 3 km store",
    "georadius k 1 2 3 km store a storedist",
    "georadius k 1 2 3 km withdist STORE a",
    "georadiusbymember k m 3 km",
    "georadiusbymember k m 3 km store a",
    "georadiusbymember k m 3 km storedist a asc",
    "georadius_ro k 1 2 3 km",
    "georadiusbymember_ro k m 3 km",
    "geoadd k 1 2 m",
    "pfcount a b c",
    "pfmerge d a b",
    "pfadd a b",
    "pfdebug encoding a",
    "xadd s * a b",
    "xread streams a b 0 0",
    "xread count 1 block 2 streams a 0",
    "xread streams a b 0",
    "xread count 1 a 0",
    "xread block streams streams a 0",
    "xreadgroup group g c streams a b > >",
    "xreadgroup group g c noack count 1 STREAMS a >",
    "xreadgroup group streams streams streams a >",
    "xgroup create s g 0",
    "xinfo stream s full",
    "xinfo help",
    "xack s g 1",
    "xautoclaim s g c 0 0",
    "eval x 0",
    "eval x 0 a b",
    "eval x 1 a",
    "eval x 2 a b c",
    "eval x 3 a b",
    "eval x -1 a",
    "eval x 9223372036854775807 a",
    "eval x 99999999999999999999 a",
    "eval x a a",
    "eval_ro x 1 a b",
    "evalsha x 2 a b",
    "evalsha_ro x 0",
    "fcall f 1 a b",
    "fcall_ro f 2 a b",
    "script load x",
    "function load x",
    "subscribe c",
    "publish c m",
    "spublish c m",
    "ssubscribe c d",
    "watch a b",
    "multi x",
    "cluster keyslot a",
    "cluster getkeysinslot 1 2",
    "asking x",
    "select 1",
    "auth x y",
    "debug object a",
    "acl getuser a",
    "client kill x",
    "swapdb 0 1",
    "hset h f v",
    "hmset h f v",
    "hgetall h",
    "hrandfield h 1",
    "zadd z 1 m",
    "zpopmin z",
    "substr a 0 1",
    "restore-asking a 0 x",
    "command getkeys get a",
    "expire a 10 nx",
    "pexpiretime a",
    "latency reset a",
    "lset a 0 b",
];

#[test]
fn keys_of_commands_are_the_same() {
    let Some(server) = redis_server::start(&[]) else {
        return;
    };
    let mut redis = server.connect();
    redis.call_words("HELLO 3");
    let mut differences = Vec::new();
    for line in WITH_KEYS {
        for what in ["GETKEYS", "GETKEYSANDFLAGS"] {
            let inner = line
                .split(' ')
                .map(|word| if word == "''" { "" } else { word });
            let words: Vec<&str> = ["COMMAND", what].into_iter().chain(inner).collect();
            differences.extend(difference(&mut redis, &words, Protocol::Resp3));
        }
    }
    assert_none(&differences);
}
