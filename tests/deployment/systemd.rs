//! The units under config/systemd, held to the binary: flags and settings exist, who is told to stop has time to, nobody has rights that he does not need.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::bounds::{FILES_BESIDE_CLIENTS, SNAPSHOT_SECONDS};
use super::compose::seconds;
use super::{is_there, setting, settings, text};
use crate::support::servers::SWITCHYARD;

/// Each unit and its example of an environment.
const UNITS: &[(&str, &str)] = &[
    ("switchyard-node@", "node-1"),
    ("switchyard-proxy", "proxy"),
    ("switchyard-up", "up"),
];

/// Where the binary is installed.
const INSTALLED: &str = "/usr/local/bin/switchyard";

/// The last grade that is no cause for a frown, in tenths: `systemd-analyze security` counts from 0 to 100.
const EXPOSURE: u64 = 20;

/// What each must say, whatever else.
const MUST_SAY: &[&str] = &[
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "CapabilityBoundingSet=",
    "DynamicUser=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter=@system-service",
    "KillSignal=SIGTERM",
    "LimitCORE=0",
    "Restart=on-failure",
    "UMask=0077",
];

fn unit(name: &str) -> String {
    text(&format!("config/systemd/{name}.service"))
}

/// The value of a key that is there once.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let mut values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(values.next(), None, "{key} twice");
    value
}

/// What an example of an environment sets.
fn environment(name: &str) -> BTreeMap<String, String> {
    let file = text(&format!("config/systemd/{name}.env"));
    let lines = file
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| {
        let (name, value) = line.split_once('=').expect("NAME=VALUE");
        (name.to_owned(), value.trim_matches('\'').to_owned())
    });
    pairs.collect()
}

/// The words of a unit's command, as systemd would have them.
fn words(unit: &str, environment: &BTreeMap<String, String>) -> Vec<String> {
    let words = value(unit, "ExecStart").split(' ');
    let words = words.flat_map(|word| match word.strip_prefix('$') {
        Some("{STATE_DIRECTORY}") => vec!["/var/lib/switchyard".to_owned()],
        Some(variable) => environment[variable]
            .split(' ')
            .map(str::to_owned)
            .collect(),
        None => vec![word.to_owned()],
    });
    let words: Vec<String> = words.collect();
    assert_eq!(words[0], INSTALLED);
    words[1..].to_vec()
}

#[test]
fn flags_and_settings_are_the_binary_s_and_who_stops_has_time_to() {
    for (name, example) in UNITS {
        let unit = unit(name);
        let environment = environment(example);
        let file = format!("/etc/switchyard/{}.env", example.replace("-1", "-%i"));
        assert_eq!(value(&unit, "EnvironmentFile"), file);
        let words = words(&unit, &environment);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let stop = seconds(value(&unit, "TimeoutStopSec"));
        let files: u64 = value(&unit, "LimitNOFILE").parse().expect("a number");
        let (longest, clients) = if words[0] == "up" {
            let help = Command::new(SWITCHYARD).args(["up", "--help"]).output();
            let help = String::from_utf8(help.expect("the binary runs").stdout).expect("text");
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")));
            }
            // Its nodes' and its proxy's, one after the other.
            let of = |words: &[&str], prefix: &str| {
                let own = environment
                    .iter()
                    .filter(|(name, _)| name.starts_with(prefix));
                settings(words, &own.map(|(n, v)| (n.clone(), v.clone())).collect())
            };
            let node = of(&["node", "--data-dir", "/nowhere"], "SWITCHYARD_NODE_");
            let proxy = of(&["proxy"], "SWITCHYARD_PROXY_");
            let both = [&node, &proxy].map(|all| seconds(setting(all, "shutdown-grace")));
            (
                both.iter().sum::<u64>() + SNAPSHOT_SECONDS,
                setting(&proxy, "maxclients").to_owned(),
            )
        } else {
            let all = settings(&words, &environment);
            let grace = seconds(setting(&all, "shutdown-grace"));
            let further = if words[0] == "proxy" {
                seconds(setting(&all, "drain-delay"))
            } else {
                SNAPSHOT_SECONDS
            };
            (grace + further, setting(&all, "maxclients").to_owned())
        };
        assert!(
            stop > longest,
            "{name}: killed after {stop} s, {longest} are needed"
        );
        let clients: u64 = clients.parse().expect("a number");
        assert!(files >= clients + FILES_BESIDE_CLIENTS, "{name}: {files}");
        // A node has nothing to read again.
        let reloads = unit.contains("\nExecReload=/bin/kill -HUP $MAINPID\n");
        assert_eq!(reloads, words[0] != "node", "{name}");
        let keeps = unit.contains("\nStateDirectory=switchyard/");
        assert_eq!(keeps, words[0] != "proxy", "{name}");
    }
}

#[test]
fn nobody_has_rights_that_he_does_not_need() {
    for (name, _) in UNITS {
        let unit = unit(name);
        for line in MUST_SAY {
            assert!(unit.contains(&format!("\n{line}\n")), "{name}: {line}");
        }
    }
}

#[test]
fn systemd_takes_the_units() {
    if !is_there(
        "systemd-analyze",
        &["--version"],
        "systemd's own check of its units",
    ) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, _) in UNITS {
        // It looks whether the binary is there.
        let here = unit(name).replace(INSTALLED, SWITCHYARD);
        let file = folder.path().join(format!("{name}.service"));
        fs::write(&file, here).expect("written");
        let ask = |words: &[&str]| {
            let mut command = Command::new("systemd-analyze");
            let output = command.args(words).arg(&file).output().expect("it runs");
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(output.status.success(), "{name}: {told}");
            told
        };
        let told = ask(&["verify", "--man=no"]);
        assert!(told.is_empty(), "{name}: {told}");
        ask(&[
            "security",
            "--offline=true",
            &format!("--threshold={EXPOSURE}"),
        ]);
    }
}
