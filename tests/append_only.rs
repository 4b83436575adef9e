//! A node with a log loses nothing that it has answered; its log is a redis-server's, and the other way round; a torn end is cut, anything else is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::snapshots::{data, everything, fill, info, start_keeper};
use crate::support::eventually::{eventually, eventually_within};
use crate::support::servers::{SWITCHYARD, Server};
use crate::support::{Client, Reply, redis_server};

const A_WHILE: Duration = Duration::from_secs(30);

pub(crate) fn log_folder(node: &Server) -> PathBuf {
    data(node.folder()).join("appendonlydir")
}

pub(crate) fn start(fsync: &str) -> Server {
    start_keeper(&["--save", "", "--appendonly", "true", "--appendfsync", fsync])
}

/// Waits until the node has its data.
pub(crate) fn loaded(node: &Server) -> Client {
    let mut client = node.connect();
    eventually("the data is loaded", || {
        matches!(client.call(&["DBSIZE"]), Reply::Integer(_))
    });
    client
}

fn increments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .collect();
    found.sort();
    found
}

#[test]
fn whatever_was_answered_is_there_after_a_kill() {
    let mut node = start("always");
    let mut sent = 0_u32;
    for round in 0..5 {
        let mut client = loaded(&node);
        let mut last = sent;
        for _ in 0..200 {
            let mut batch = Vec::new();
            for _ in 0..10 {
                sent += 1;
                batch.extend_from_slice(
                    format!("INCR counter\r\nSET k:{sent} {round}\r\n").as_bytes(),
                );
            }
            client.send(&batch).expect("sent");
            for _ in 0..10 {
                let Reply::Integer(number) = client.receive().expect("a reply") else {
                    panic!("INCR");
                };
                last = u32::try_from(number).expect("small");
                assert_eq!(client.receive().expect("a reply"), Reply::ok());
            }
        }
        assert_eq!(last, sent, "nothing answered was lost in round {round}");
        node.kill();
        node.restart();
    }
    let mut client = loaded(&node);
    assert_eq!(
        client.call(&["GET", "counter"]),
        Reply::bulk(sent.to_string())
    );
    let keys = i64::from(sent) + 1;
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(keys));
}

#[test]
fn a_log_of_everything_is_replayed_and_rewritten() {
    let mut node = start("no");
    let mut client = loaded(&node);
    fill(&mut client);
    client.call(&["SPOP", "set", "5"]);
    client.call(&["DEL", "small"]);
    client.call(&["PEXPIRE", "integers", "100000000"]);
    let before = everything(&mut client);
    node.ask_to_stop();
    node.wait_for_exit(A_WHILE);
    node.restart();
    let mut client = loaded(&node);
    assert_eq!(everything(&mut client), before);
    let started = client.call(&["BGREWRITEAOF"]);
    let text = b"Background append only file rewriting started".to_vec();
    assert_eq!(started, Reply::Simple(text));
    client.call(&["RPUSH", "list", "while", "it", "is", "rewritten"]);
    eventually("the log is rewritten", || {
        info(&mut client, "aof_rewrite_in_progress") == "0"
    });
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "ok");
    client.call(&["SET", "behind", "it"]);
    let before = everything(&mut client);
    node.ask_to_stop();
    node.wait_for_exit(A_WHILE);
    assert_eq!(
        increments(&log_folder(&node)).len(),
        1,
        "the old ones are gone"
    );
    node.restart();
    let mut client = loaded(&node);
    assert_eq!(everything(&mut client), before);
}

#[test]
fn a_log_is_begun_and_ended_while_the_node_serves() {
    let mut node = start_keeper(&["--save", ""]);
    let mut client = loaded(&node);
    client.call(&["SET", "before", "1"]);
    assert_eq!(
        client.call(&["CONFIG", "SET", "appendonly", "yes"]),
        Reply::ok()
    );
    eventually("the log counts", || {
        info(&mut client, "aof_rewrites") == "1"
    });
    client.call(&["CONFIG", "SET", "appendfsync", "always"]);
    client.call(&["SET", "after", "2"]);
    client.call(&["CONFIG", "SET", "appendonly", "no"]);
    eventually("the log has ended", || {
        info(&mut client, "aof_enabled") == "0"
    });
    client.call(&["SET", "not", "kept"]);
    let log = log_folder(&node);
    let last = increments(&log).pop().expect("an increment");
    let text = fs::read(last).expect("a log");
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("after") && !text.contains("kept"), "{text}");
    // It is what a start with appendonly would find.
    assert!(log.join("appendonly.aof.manifest").is_file());
    node.kill();
}

#[test]
fn logs_go_to_a_redis_server_and_come_from_one() {
    let mut node = start("everysec");
    let mut client = loaded(&node);
    fill(&mut client);
    client.call(&["BGREWRITEAOF"]);
    eventually("the log is rewritten", || {
        info(&mut client, "aof_rewrite_in_progress") == "0"
    });
    client.call(&["HSET", "hash", "behind", "the", "base", "too"]);
    client.call(&["SELECT", "3"]);
    client.call(&["SET", "other", "database"]);
    client.call(&["SELECT", "0"]);
    // One that takes many turns is one.
    let mut many = vec!["MSET".to_owned()];
    for number in 0..5_000 {
        many.extend([format!("many:{number}"), "1".to_owned()]);
    }
    client.call(&many);
    let before = everything(&mut client);
    node.ask_to_stop();
    node.wait_for_exit(A_WHILE);
    let folder = tempfile::tempdir().expect("a folder");
    let theirs = folder.path().join("appendonlydir");
    copy(&log_folder(&node), &theirs);
    let there = folder.path().display().to_string();
    let Some(redis) = redis_server::start(&["--dir", &there, "--appendonly", "yes"]) else {
        return;
    };
    let checked = Command::new("redis-check-aof")
        .arg(log_folder(&node).join("appendonly.aof.manifest"))
        .output()
        .expect("it comes with redis-server");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && said.contains("are valid"),
        "{said}"
    );
    let mut client = redis.connect();
    assert_eq!(everything(&mut client), before);
    client.call(&["SET", "by", "redis"]);
    client.call(&["BGREWRITEAOF"]);
    eventually_within(A_WHILE, "theirs is rewritten", || {
        info(&mut client, "aof_rewrite_in_progress") == "0"
            && info(&mut client, "aof_rewrites") != "0"
    });
    client.call(&["LPUSH", "list", "behind it"]);
    client.call(&["EXPIRE", "small", "100000"]);
    client.call(&["CONFIG", "SET", "appendfsync", "always"]);
    client.call(&["SET", "last", "one"]);
    let before = everything(&mut client);
    fs::remove_dir_all(log_folder(&node)).expect("removed");
    copy(&theirs, &log_folder(&node));
    node.restart();
    let mut client = loaded(&node);
    assert_eq!(everything(&mut client), before);
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn a_torn_end_is_cut_and_what_is_no_log_is_refused() {
    let mut node = start("always");
    let mut client = loaded(&node);
    for number in 0..50 {
        client.call(&["SET", &format!("key:{number}"), "value"]);
    }
    node.kill();
    let path = increments(&log_folder(&node)).pop().expect("an increment");
    let whole = fs::read(&path).expect("a log");
    for torn in [
        &b"*3\r\n$3\r\nset\r\n$1\r\na"[..],
        b"*",
        b"*1\r\n$5\r\nmulti\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n",
    ] {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(torn);
        fs::write(&path, &bytes).expect("written");
        node.restart();
        let mut client = loaded(&node);
        assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(50));
        assert!(node.output().contains("breaks off in its last command"));
        node.kill();
        assert_eq!(fs::read(&path).expect("a log"), whole);
    }
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    let star = bytes[middle..].iter().position(|byte| *byte == b'*');
    let star = middle + star.expect("a command");
    bytes[star] = b'x';
    fs::write(&path, &bytes).expect("written");
    let folder = data(node.folder()).display().to_string();
    let ended = Command::new(SWITCHYARD)
        .args([
            "node",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            &folder,
            "--appendonly",
            "true",
        ])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success(), "{said}");
    assert!(
        said.contains(&format!("at byte {star}: what stands there is no command")),
        "{said}"
    );
    assert_eq!(fs::read(&path).expect("a log"), bytes, "it stays as it was");
}

#[test]
fn who_waits_for_the_disk_is_answered_when_replies_need_not_wait_any_more() {
    let node = start("always");
    let mut writer = loaded(&node);
    let address = node.address;
    let changing = std::thread::spawn(move || {
        let mut operator = Client::connect(address);
        for round in 0..600 {
            let policy = ["no", "everysec", "always"][round % 3];
            let set = operator.call(&["CONFIG", "SET", "appendfsync", policy]);
            assert_eq!(set, Reply::ok());
        }
    });
    let mut count = 0;
    while !changing.is_finished() {
        count += 1;
        assert_eq!(writer.call(&["INCR", "n"]), Reply::Integer(count));
    }
    changing.join().expect("all were set");
}

/// A node whose files cannot become longer than what [`limit_files`] says: it is told so, as of a full disk, and lives on.
fn start_limited() -> Server {
    Server::start("/bin/sh", |address, folder| {
        let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
        let folder = data(folder).display().to_string();
        let address = address.to_string();
        let words = ["-c", script, SWITCHYARD, "node", "--listen", &address];
        let further = ["--data-dir", &folder, "--save", "", "--appendonly", "true"];
        let sync = ["--appendfsync", "always"];
        let words = words.iter().chain(&further).chain(&sync);
        words.map(|word| (*word).to_owned()).collect()
    })
}

fn limit_files(node: &Server, bytes: &str) {
    let mut prlimit = Command::new("prlimit");
    let pid = node.pid().to_string();
    prlimit.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
    assert!(prlimit.status().expect("util-linux is there").success());
}

#[test]
fn who_waits_for_a_full_disk_is_cut_and_what_it_wrote_is_written_once_when_there_is_room() {
    let mut node = start_limited();
    let (mut writer, mut other) = (loaded(&node), node.connect());
    assert_eq!(writer.call(&["RPUSH", "l", "1"]), Reply::Integer(1));
    let members: Vec<String> = (0..9_000).map(|number| number.to_string()).collect();
    let mut words = vec!["SADD", "many"];
    words.extend(members.iter().map(String::as_str));
    assert_eq!(writer.call(&words), Reply::Integer(9_000));
    writer.call(&["SET", "ending", "x", "PX", "1500"]);
    writer.call(&["HSET", "hash", "ending", "x", "other", "y"]);
    writer.call(&["HPEXPIRE", "hash", "1500", "FIELDS", "1", "ending"]);
    writer.call(&["PFADD", "counted", "a", "b"]);
    limit_files(&node, "200000");
    let long = "x".repeat(300_000);
    let mut wrote = node.connect();
    assert!(wrote.try_call(&["RPUSH", "l", &long]).is_err(), "no reply");
    // It has changed what others see, and nobody is to change more.
    let refused = writer.call(&["RPUSH", "l", "3"]).error_text();
    assert!(refused.is_some_and(|text| text.starts_with("MISCONF")));
    assert_eq!(writer.call(&["LLEN", "l"]), Reply::Integer(2));
    assert!(other.call(&["GET", "nothing"]).is_null(), "reads go on");
    let long = other.call(&["SMEMBERS", "many"]);
    assert_eq!(long.elements().len(), 9_000, "long ones too");
    // What is recorded of them changes nothing that anybody asked for.
    eventually("it is over", || other.call(&["GET", "ending"]).is_null());
    let is_over = |other: &mut Client| other.call(&["HGET", "hash", "ending"]).is_null();
    eventually("so is the field, which came later", || is_over(&mut other));
    assert_eq!(other.call(&["PFCOUNT", "counted"]), Reply::Integer(2));
    let slow = "for i = 1, 5000000 do end return redis.call('LLEN', 'l')";
    assert_eq!(other.call(&["EVAL", slow, "0"]), Reply::Integer(2));
    limit_files(&node, "unlimited");
    eventually("writes are taken again", || {
        writer.call(&["RPUSH", "l", "4"]) == Reply::Integer(3)
    });
    assert_eq!(other.call(&["LLEN", "l"]), Reply::Integer(3));
    node.kill();
    node.restart();
    let mut client = loaded(&node);
    let lengths = ["0", "1", "2", "3"].map(|at| match client.call(&["LINDEX", "l", at]) {
        Reply::Bulk(element) => element.len(),
        _ => 0,
    });
    assert_eq!(lengths, [1, 300_000, 1, 0]);
}
