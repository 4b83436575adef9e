//! A node that keeps its data has it after a restart; its snapshots are a redis-server's, and the other way round; what cannot be read stops the start.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server};
use crate::support::{Client, Reply, redis_server};

/// Seconds for files of some megabytes on a busy machine.
const A_WHILE: Duration = Duration::from_secs(30);

/// A node with a folder for its data, and further arguments.
pub(crate) fn start_keeper(further: &[&str]) -> Server {
    Server::start(SWITCHYARD, |address, folder| {
        let folder = data(folder).display().to_string();
        let address = address.to_string();
        let mut words = vec!["node", "--listen", &address, "--data-dir", &folder];
        words.extend(further);
        words.into_iter().map(str::to_owned).collect()
    })
}

pub(crate) fn data(folder: &Path) -> std::path::PathBuf {
    folder.join("data")
}

/// Keys of all types, small and large, in two databases.
pub(crate) fn fill(client: &mut Client) {
    let send = |client: &mut Client, line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let reply = client.call(&words);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    };
    for number in 0..2_000 {
        send(client, &format!("SET key:{number} value:{number}"));
        send(client, &format!("HSET hash f{number} {number}"));
        send(client, &format!("RPUSH list element:{number}"));
        send(client, &format!("SADD set member:{number}"));
        send(client, &format!("ZADD zset {number}.5 member:{number}"));
        send(client, &format!("XADD stream {}-1 a {number}", number + 1));
    }
    send(client, "SADD integers 1 2 3");
    send(client, "HSET small a 1 b 2");
    send(client, "XGROUP CREATE stream group 0");
    send(client, "XREADGROUP GROUP group me COUNT 9 STREAMS stream >");
    send(client, "PFADD sketch a b c");
    send(client, "SET dies v PX 100000000");
    let long = "long".repeat(100_000);
    client.call(&["SET", "long", &long]);
    send(client, "SELECT 3");
    send(client, "SET elsewhere 1");
    send(client, "SELECT 0");
}

/// What every key holds, as DUMP says it, and when it expires.
pub(crate) fn everything(client: &mut Client) -> Vec<(String, Reply, Reply)> {
    let mut all = Vec::new();
    for db in ["0", "3"] {
        client.call(&["SELECT", db]);
        let Reply::Array(keys) = client.call(&["KEYS", "*"]) else {
            panic!("KEYS");
        };
        for key in keys {
            let Reply::Bulk(key) = key else {
                panic!("a key")
            };
            let name = String::from_utf8(key).expect("text");
            let value = shown(client, &name);
            let at = client.call(&["PEXPIRETIME", &name]);
            if at == Reply::Integer(-2) {
                // Its time has come meanwhile.
                continue;
            }
            all.push((format!("{db} {name}"), value, at));
        }
    }
    client.call(&["SELECT", "0"]);
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// A value in words that do not depend on where it lies.
fn shown(client: &mut Client, name: &str) -> Reply {
    let Reply::Simple(kind) = client.call(&["TYPE", name]) else {
        panic!("TYPE")
    };
    match &*String::from_utf8_lossy(&kind) {
        "hash" => sorted(client.call(&["HGETALL", name]), 2),
        "set" => sorted(client.call(&["SMEMBERS", name]), 1),
        "list" => client.call(&["LRANGE", name, "0", "-1"]),
        "zset" => client.call(&["ZRANGE", name, "0", "-1", "WITHSCORES"]),
        "stream" => client.call(&["XRANGE", name, "-", "+"]),
        _ => client.call(&["GET", name]),
    }
}

/// The elements of an array in an order of their own, by so many.
pub(crate) fn sorted(reply: Reply, by: usize) -> Reply {
    let Reply::Array(elements) = reply else {
        return reply;
    };
    let mut groups: Vec<Vec<Reply>> = elements.chunks(by).map(<[Reply]>::to_vec).collect();
    groups.sort_by_key(|group| format!("{group:?}"));
    Reply::Array(groups.into_iter().flatten().collect())
}

pub(crate) fn info(client: &mut Client, name: &str) -> String {
    let Reply::Bulk(text) = client.call(&["INFO", "persistence"]) else {
        panic!("INFO")
    };
    let text = String::from_utf8(text).expect("text");
    let line = text.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field == name).then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}

#[test]
fn a_node_that_was_killed_has_its_last_snapshot() {
    let mut node = start_keeper(&["--save", ""]);
    let mut client = node.connect();
    fill(&mut client);
    let before = everything(&mut client);
    assert_eq!(client.call(&["SAVE"]), Reply::ok());
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
    client.call(&["SET", "later", "lost"]);
    node.kill();
    node.restart();
    let mut client = node.connect();
    eventually("the data is loaded", || {
        matches!(client.call(&["DBSIZE"]), Reply::Integer(_))
    });
    assert_eq!(everything(&mut client), before);
    assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), "2011");
}

#[test]
fn a_node_that_is_told_to_stop_saves_what_has_changed() {
    let mut node = start_keeper(&[]);
    let mut client = node.connect();
    client.call(&["SET", "kept", "1"]);
    node.ask_to_stop();
    assert!(node.wait_for_exit(A_WHILE).success());
    node.restart();
    let mut client = node.connect();
    eventually("the key is back", || {
        client.call(&["GET", "kept"]) == Reply::bulk("1")
    });
    client.call(&["SET", "other", "2"]);
    client.send(b"SHUTDOWN NOSAVE\r\n").expect("sent");
    node.wait_for_exit(A_WHILE);
    node.restart();
    let mut client = node.connect();
    eventually("the data is loaded", || {
        client.call(&["GET", "kept"]) == Reply::bulk("1")
    });
    assert_eq!(client.call(&["EXISTS", "other"]), Reply::Integer(0));
}

#[test]
fn save_points_take_snapshots_by_themselves() {
    let node = start_keeper(&["--save", "1 2"]);
    let mut client = node.connect();
    client.call(&["MSET", "a", "1", "b", "2"]);
    eventually("a snapshot is taken", || {
        info(&mut client, "rdb_saves") == "1"
    });
    assert!(data(node.folder()).join("dump.rdb").is_file());
}

#[test]
fn snapshots_go_to_a_redis_server_and_come_from_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let rdb = folder.path().join("dump.rdb");
    let node = start_keeper(&["--save", ""]);
    let mut client = node.connect();
    fill(&mut client);
    assert_eq!(client.call(&["SAVE"]), Reply::ok());
    fs::copy(data(node.folder()).join("dump.rdb"), &rdb).expect("a copy");
    let there = folder.path().display().to_string();
    let Some(redis) = redis_server::start(&["--dir", &there]) else {
        return;
    };
    let checked = Command::new("redis-check-rdb").arg(&rdb).output();
    let checked = checked.expect("it comes with redis-server");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
    let mut theirs = redis.connect();
    assert_eq!(everything(&mut theirs), everything(&mut client));
    theirs.call(&["SET", "by", "redis"]);
    assert_eq!(theirs.call(&["SAVE"]), Reply::ok());
    let back = start_keeper(&["--save", ""]);
    drop(client);
    let mut other = back;
    other.kill();
    fs::copy(&rdb, data(other.folder()).join("dump.rdb")).expect("a copy");
    other.restart();
    let mut ours = other.connect();
    eventually("the data is loaded", || {
        ours.call(&["GET", "by"]) == Reply::bulk("redis")
    });
    assert_eq!(everything(&mut ours), everything(&mut theirs));
}

#[test]
fn what_cannot_be_read_stops_the_start_and_stays() {
    let mut node = start_keeper(&["--save", ""]);
    let mut client = node.connect();
    fill(&mut client);
    assert_eq!(client.call(&["SAVE"]), Reply::ok());
    node.kill();
    let path = data(node.folder()).join("dump.rdb");
    let mut bytes = fs::read(&path).expect("a snapshot");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&path, &bytes).expect("written");
    let folder = data(node.folder()).display().to_string();
    let ended = Command::new(SWITCHYARD)
        .args(["node", "--listen", "127.0.0.1:0", "--data-dir", &folder])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success(), "{said}");
    assert!(
        said.contains("dump.rdb: at byte ") && said.contains("Put a good copy in its place"),
        "{said}"
    );
    assert_eq!(fs::read(&path).expect("still there"), bytes);
}

#[test]
fn two_nodes_do_not_share_a_folder() {
    let node = start_keeper(&[]);
    let folder = data(node.folder()).display().to_string();
    let ended = Command::new(SWITCHYARD)
        .args(["node", "--listen", "127.0.0.1:0", "--data-dir", &folder])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        !ended.status.success() && said.contains("another node keeps its data here"),
        "{said}"
    );
    assert!(ended.stdout.is_empty(), "nobody is told that it is ready");
}

#[test]
fn a_folder_that_cannot_be_used_is_told_before_anybody_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("written");
    for path in [file.clone(), file.join("within")] {
        let path = path.display().to_string();
        let ended = Command::new(SWITCHYARD)
            .args(["node", "--listen", "127.0.0.1:0", "--data-dir", &path])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(&path), "{said}");
        assert!(ended.stdout.is_empty(), "{path}");
    }
}

#[test]
fn others_are_served_while_a_snapshot_is_taken() {
    let node = start_keeper(&["--save", ""]);
    let mut client = node.connect();
    for thousand in 0..1_000 {
        let mut words = vec!["MSET".to_owned()];
        for number in thousand * 1_000..(thousand + 1) * 1_000 {
            words.extend([format!("key:{number}"), format!("value:{number}")]);
        }
        client.call(&words);
    }
    let started = client.call(&["BGSAVE"]);
    assert_eq!(
        started,
        Reply::Simple(b"Background saving started".to_vec())
    );
    let mut sets = 0;
    while info(&mut client, "rdb_bgsave_in_progress") == "1" {
        client.call(&["SET", &format!("key:{sets}"), "changed"]);
        sets += 1;
    }
    assert!(sets > 0, "the snapshot takes a while");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    let path = data(node.folder()).join("dump.rdb");
    let bytes = fs::read(path).expect("a snapshot");
    let changed = bytes.windows(7).filter(|some| *some == b"changed").count();
    assert_eq!(changed, 0, "it is of the moment before");
}

#[test]
fn writes_are_refused_while_snapshots_fail() {
    let node = start_keeper(&["--save", "3600 1"]);
    let mut client = node.connect();
    // A folder cannot be replaced by a file.
    let path = data(node.folder()).join("dump.rdb");
    fs::create_dir(&path).expect("a folder");
    fs::write(path.join("full"), "").expect("written");
    client.call(&["SET", "a", "1"]);
    let Reply::Error(said) = client.call(&["SAVE"]) else {
        panic!("it was saved");
    };
    assert!(String::from_utf8_lossy(&said).contains("cannot get its name"));
    let Reply::Error(refused) = client.call(&["SET", "a", "2"]) else {
        panic!("it was written");
    };
    assert!(refused.starts_with(b"MISCONF"));
    assert_eq!(client.call(&["GET", "a"]), Reply::bulk("1"));
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "err");
    fs::remove_dir_all(&path).expect("removed");
    assert_eq!(client.call(&["SAVE"]), Reply::ok());
    assert_eq!(client.call(&["SET", "a", "2"]), Reply::ok());
}
