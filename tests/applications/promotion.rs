//! Each application while it works and the primary that holds its keys is killed: it does all of its job, nobody is stuck, and what it does twice is what its own
//! rules allow. Two shards of two nodes, `acks in-sync`; the primary comes back as a follower.
//!
//! A script says `kill KEY` when it is at work, is told `whole` when every shard has its copies again, and goes on until then at least. What UNKNOWN means to it,
//! and which setting has it go on, stands at its head.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::tempdir;

use super::packages::scripts_for;
use super::{assert_content, together};
use crate::histories::stage::{Plan, Shards as _, Stage};
use crate::support::eventually::{Stopwatch, eventually, pause};

/// From a script's word to the kill: its clients are at work then.
const AT_WORK: Duration = Duration::from_millis(300);

fn goes_on(script: &str, keys: &[&str]) {
    let script = &format!("promotion/{script}");
    let Some(scripts) = scripts_for(script) else {
        return;
    };
    let mut stage = Stage::start_by(Plan::SMALL, &together(keys), &[]);
    let address = stage.proxies[0].address.to_string();
    let folder = tempdir().expect("a temporary folder");
    let errors = folder.path().join("errors");
    let mut child = scripts
        .command(script, &address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&errors).expect("a file in a temporary folder"))
        .spawn()
        .expect("it runs");
    let mut listener = child.stdin.take().expect("piped");
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some(key) = line.strip_prefix("kill ") {
            pause(AT_WORK);
            kill_primary_of(&mut stage, key);
            // One that has ended says why below.
            drop(listener.write_all(b"whole\n"));
        }
        said += &line;
        said += "\n";
    }
    let output = Output {
        status: child.wait().expect("own child"),
        stdout: said.into_bytes(),
        stderr: std::fs::read(&errors).expect("written by the child"),
    };
    assert_content(&output, script, &address);
    assert!(stage.proxies[0].is_alive(), "the proxy lives");
}

fn kill_primary_of(stage: &mut Stage, key: &str) {
    let holds = |node: &usize| {
        let mut client = stage.nodes[*node].connect();
        client.call(&["EXISTS", key]).integer() == 1
    };
    let leaders: Vec<usize> = (0..stage.plan.shards)
        .map(|shard| stage.leader(shard))
        .collect();
    let primary = leaders.into_iter().find(holds).expect("the key is there");
    let shard = primary / stage.plan.copies;
    let watch = Stopwatch::start();
    stage.nodes[primary].kill();
    eventually("its follower leads", || {
        stage.primary(shard).is_some_and(|leader| leader != primary)
    });
    let led = watch.elapsed();
    stage.nodes[primary].restart();
    stage.becomes_whole();
    eprintln!("led after {led:?}, whole after {:?}", watch.elapsed());
}

#[test]
fn celery_goes_on() {
    goes_on("celery_jobs.py", &["*"]);
}

#[test]
fn rq_goes_on() {
    goes_on("rq_jobs.py", &["rq:*"]);
}

#[test]
fn django_goes_on() {
    goes_on("django_cache.py", &[":*"]);
}

#[test]
fn locks_go_on() {
    goes_on("redlock.py", &[]);
}

#[test]
fn bullmq_goes_on() {
    goes_on("bullmq.mjs", &["bull:*"]);
}

#[test]
fn ioredis_goes_on() {
    goes_on("ioredis.mjs", &[]);
}

#[test]
fn node_redis_goes_on() {
    goes_on("node_redis.mjs", &[]);
}

#[test]
fn the_cache_of_node_redis_goes_on() {
    goes_on("cached_reads.mjs", &[]);
}

#[test]
fn socketio_goes_on() {
    goes_on("socketio.mjs", &[]);
}

#[test]
fn sidekiq_goes_on() {
    goes_on("sidekiq_jobs.rb", &["*"]);
}

#[test]
fn phpredis_goes_on() {
    goes_on("phpredis.php", &[]);
}
