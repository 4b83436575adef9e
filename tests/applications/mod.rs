//! Real applications do a small true job each, at the address of a proxy: over one shard, over three with a rule that keeps their keys together, and while the
//! primary dies under which their keys are. What they are made with is installed by `tests/applications/install.sh`; where it is not, the tests say so and pass.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::support::servers::Cluster;

/// Where the applications' packages are.
fn folder() -> Option<PathBuf> {
    let named = env::var_os("SWITCHYARD_APPLICATIONS").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/applications"));
    let is_there =
        folder.join("python/bin/python").exists() && folder.join("node_modules").exists();
    if !is_there {
        eprintln!(
            "SKIPPED: the applications' packages are not installed; tests/applications/install.sh does that, with python3 and npm"
        );
        return None;
    }
    // The scripts as they are now, beside the packages.
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications");
    for entry in fs::read_dir(scripts).expect("the scripts").flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|ext| ext == "py" || ext == "mjs")
        {
            let file = path.file_name().expect("a file");
            let (from, to) = (fs::read(&path).expect("a script"), folder.join(file));
            if fs::read(&to).ok() != Some(from) {
                // Tests run beside each other: whoever reads it sees all of it.
                let own = folder.join(format!("{}.{}", file.to_string_lossy(), std::process::id()));
                fs::copy(&path, &own).expect("copied");
                fs::rename(&own, &to).expect("in its place");
            }
        }
    }
    Some(folder)
}

/// What an application says at the end, when it is content.
fn run(folder: &Path, script: &str, address: &str) -> Output {
    let program = match script.ends_with(".py") {
        true => folder.join("python/bin/python"),
        false => PathBuf::from("node"),
    };
    Command::new("timeout")
        .arg("120")
        .arg(program)
        .arg(folder.join(script))
        .arg(address)
        .current_dir(folder)
        .output()
        .expect("it runs")
}

fn check(folder: &Path, script: &str, address: &str) {
    let output = run(folder, script, address);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("done: "),
        "{script} at {address}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A rule for keys that an application uses together without a hash tag.
fn together(keys: &[&str]) -> String {
    match keys {
        [] => String::new(),
        keys => format!("\n[[colocate]]\nname = \"application\"\nkeys = {keys:?}\n"),
    }
}

fn works_over_one_shard_and_over_three(script: &str, keys: &[&str]) {
    let Some(folder) = folder() else {
        return;
    };
    let one = Cluster::start(1);
    check(&folder, script, &one.proxy.address.to_string());
    let three = Cluster::start_by(3, &together(keys), &[]);
    check(&folder, script, &three.proxy.address.to_string());
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
