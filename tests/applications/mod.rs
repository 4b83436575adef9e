//! Real applications do a small true job each, at the address of a proxy: over one shard, over three with a rule that keeps their keys together, and while the
//! primary dies under which their keys are ([`promotion`]). What they are made with is installed by `tests/applications/install.sh`; where it is not, the tests
//! say so and pass.

mod packages;
mod promotion;
mod rolling;

use std::process::Output;

use crate::support::servers::Cluster;
use packages::{Scripts, scripts_for};

/// What an application says at the end, when it is content.
fn check(scripts: &Scripts, script: &str, address: &str) {
    let output = scripts.command(script, address).output();
    assert_content(&output.expect("it runs"), script, address);
}

fn assert_content(output: &Output, script: &str, address: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("done: "),
        "{script} at {address}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    eprintln!("{script}: {}", said.lines().last().unwrap_or_default());
}

/// A rule for keys that an application uses together without a hash tag.
fn together(keys: &[&str]) -> String {
    match keys {
        [] => String::new(),
        keys => format!("\n[[colocate]]\nname = \"application\"\nkeys = {keys:?}\n"),
    }
}

fn works_over_one_shard_and_over_three(script: &str, keys: &[&str]) {
    let Some(scripts) = scripts_for(script) else {
        return;
    };
    let one = Cluster::start(1);
    check(&scripts, script, &one.proxy.address.to_string());
    let three = Cluster::start_by(3, &together(keys), &[]);
    check(&scripts, script, &three.proxy.address.to_string());
}

#[test]
fn celery_works() {
    works_over_one_shard_and_over_three("celery_jobs.py", &["*"]);
}

#[test]
fn rq_works() {
    works_over_one_shard_and_over_three("rq_jobs.py", &["rq:*"]);
}

#[test]
fn django_works() {
    works_over_one_shard_and_over_three("django_cache.py", &[":*"]);
}

#[test]
fn locks_work() {
    works_over_one_shard_and_over_three("redlock.py", &[]);
}

#[test]
fn bullmq_works() {
    works_over_one_shard_and_over_three("bullmq.mjs", &["bull:*"]);
}

#[test]
fn ioredis_works() {
    works_over_one_shard_and_over_three("ioredis.mjs", &[]);
}

#[test]
fn node_redis_works() {
    works_over_one_shard_and_over_three("node_redis.mjs", &[]);
}

#[test]
fn the_cache_of_node_redis_works() {
    works_over_one_shard_and_over_three("cached_reads.mjs", &[]);
}

#[test]
fn socketio_works() {
    works_over_one_shard_and_over_three("socketio.mjs", &[]);
}

#[test]
fn sidekiq_works() {
    works_over_one_shard_and_over_three("sidekiq_jobs.rb", &["*"]);
}

#[test]
fn phpredis_works() {
    works_over_one_shard_and_over_three("phpredis.php", &[]);
}
