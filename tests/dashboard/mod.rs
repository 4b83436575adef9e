//! The dashboard in a real Chromium, without a head: it loads, updates itself, asks before it does anything, and takes no name for markup. What drives it is
//! installed with the applications' packages (`tests/applications/install.sh`); where that or the browser is not there, the test says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs, thread};

use crate::admin::get;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, free_address};
use crate::support::{Client, Reply};

const BROWSER: &str = "/usr/bin/chromium";

/// The folder of the packages, if the browser and what drives it are there.
fn packages() -> Option<PathBuf> {
    let named = env::var_os("SWITCHYARD_APPLICATIONS").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/applications"));
    if !folder.join("node_modules/playwright-core").exists() {
        eprintln!(
            "SKIPPED: playwright-core is not installed; tests/applications/install.sh does that, with python3 and npm"
        );
        return None;
    }
    if !Path::new(BROWSER).exists() {
        eprintln!("SKIPPED: there is no {BROWSER}; as root on Debian 12, apt-get install chromium");
        return None;
    }
    Some(folder)
}

fn log_in(up: &Server) -> Client {
    let mut client = Client::connect(up.address);
    assert_eq!(client.call_words("AUTH sesame"), Reply::ok());
    client
}

#[test]
fn the_dashboard_shows_what_is_and_does_what_was_confirmed_and_nothing_else() {
    let Some(folder) = packages() else {
        return;
    };
    let admin = free_address();
    let up = Server::start(SWITCHYARD, |address, _: &Path| {
        let line = format!(
            "up --threads 1 --shards 2 --maxmemory 64mb --listen {address} --admin {admin} --proxy requirepass=sesame --node slowlog-log-slower-than=0s"
        );
        line.split_whitespace().map(str::to_owned).collect()
    });
    eventually("it says ready", || up.output().contains("\nready: "));
    eventually("ready", || get(admin, "/readyz").0 == 200);
    let mut evil = log_in(&up);
    let name = "<img/src=x/onerror=alert(1)>";
    assert_eq!(evil.call(&["CLIENT", "SETNAME", name]), Reply::ok());
    // Tests run beside each other: whoever reads it sees all of it.
    let script = folder.join(format!("dashboard.{}.mjs", std::process::id()));
    fs::write(&script, include_str!("page.mjs")).expect("written");
    let is_over = AtomicBool::new(false);
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = log_in(&up);
            let mut number = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                // Now and then nobody leads.
                client.call(&[
                    "SET",
                    &format!("<script>alert(2)</script>{}", number % 50),
                    "v",
                ]);
                client.call(&["GET", &format!("key:{}", number % 97)]);
            }
        });
        let mut command = Command::new("timeout");
        command.arg("200").arg("node").arg(&script);
        command.arg(format!("http://{admin}/")).arg("sesame");
        command.args(env::var_os("SWITCHYARD_PICTURES"));
        let output = command.current_dir(&folder).stdin(Stdio::null()).output();
        is_over.store(true, Ordering::Relaxed);
        output.expect("node runs")
    });
    drop(fs::remove_file(&script));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("done: "),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    eprintln!("{}", said.trim_end());
    assert!(evil.is_closed_by_server(), "it was closed on the page");
}
