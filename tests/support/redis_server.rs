//! A real redis-server as the judge of behaviour. Where it is not installed, tests that need it say so and pass.

use std::process::Command;

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
    Some(Server::start("redis-server", |address, folder| {
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
    }))
}
