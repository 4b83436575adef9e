//! docker-compose.yml and all that belongs to it, held to the code: what is named exists, what must agree agrees, what can be started works.
//! What needs a tool that this machine does not have says so and passes.
//!
//! - [`compose`]: the compose file as values, variables replaced. [`access`]: who gets in by it. [`bounds`]: what each service may take.
//! - [`files`]: the files beside it: topology, Prometheus, Grafana. [`haproxy`]: HAProxy's. [`image`]: the image's. [`dashboard`]: the dashboards' queries.
//! - [`alerts`]: the rules by which Prometheus alerts. [`minimal`]: the cache alone. [`systemd`], [`kubernetes`]: the same for those.
//! - [`running`]: the same processes, started by config/loopback.sh. [`script`]: that they are the same, and how the script starts and ends them.
//! - [`loopback`]: they are stopped one by one under the load of [`applications`]. [`drill`]: what whoever is on call hears of that. [`shown`]: what the dashboard makes of a load that is known.

mod access;
mod alerts;
mod applications;
mod bounds;
mod compose;
mod dashboard;
mod drill;
mod files;
mod haproxy;
mod image;
mod kubernetes;
mod loopback;
mod minimal;
mod running;
mod script;
mod shown;
mod systemd;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::servers::SWITCHYARD;

/// The root of the tree.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the tree.
fn path(below: &str) -> PathBuf {
    root().join(below)
}

/// The text of a file of the tree.
fn text(below: &str) -> String {
    fs::read_to_string(path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

/// All settings as the binary takes them from these words and this environment, which must be right.
fn settings(words: &[&str], environment: &BTreeMap<String, String>) -> String {
    let mut command = Command::new(SWITCHYARD);
    command.env_clear().envs(environment);
    let output = command.args(words).arg("--print-config").output();
    let output = output.expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// A setting in a text of [`settings`], without quotes.
fn setting<'a>(all: &'a str, name: &str) -> &'a str {
    let value = all
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .trim_matches('"')
}

/// Whether `program` can be run here with these arguments; says that a test is skipped when not.
fn is_there(program: &str, arguments: &[&str], skipped: &str) -> bool {
    let outcome = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = outcome.is_ok_and(|status| status.success());
    if !works {
        let words = arguments.join(" ");
        eprintln!("skipped: {skipped}: `{program} {words}` does not work on this machine");
    }
    works
}
