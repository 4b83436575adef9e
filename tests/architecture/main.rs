//! The house stays as it was drawn: which crate may know which, what pure files may touch, where names and `unsafe` may stand.
//! Reads source files and manifests only; starts nothing.
#![cfg(test)]

mod graph;
mod house;
mod source;

use std::collections::BTreeSet;
use std::fs;

use crate::source::{Source, contains_word, everything, literals, product, root, sources};

/// Longest file. One that outgrows it usually wants to become a folder of nouns.
const MOST_LINES: usize = 700;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Files without `//! Pure` in the folders that hold nothing but pure files, each with its reason.
const SHELL_FILES_IN_PURE_FOLDERS: &[(&str, &str)] = &[(
    "node/src/store/reclaim.rs",
    "starts the side thread that frees what nobody refers to any more; it never sees the keyspace",
)];

/// Folders (or files) of which every file is pure.
const PURE_FOLDERS: &[&str] = &[
    "shared/src/resp",
    "shared/src/command",
    "shared/src/slot",
    "shared/src/topology",
    "shared/src/session",
    "shared/src/access",
    "shared/src/glob",
    "shared/protocol/src",
    "node/src/commands",
    "node/src/store",
    "node/src/client",
    "node/src/log",
    "node/src/node_state",
    "node/src/execute",
    "node/src/rdb",
    "node/src/snapshot",
    "node/src/report",
    "proxy/src/route",
    "proxy/src/pipe",
    "proxy/src/client",
    "proxy/src/here",
    "proxy/src/heat",
    "proxy/src/request/gather.rs",
    "proxy/src/metrics/readiness.rs",
];

/// What a pure file may not touch: sockets, files, tasks, clocks, dice, the process around it.
const IMPURE: &[&str] = &[
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "UnixStream",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::io::stdin",
    "tokio",
    "Instant",
    "SystemTime",
    "rand::",
    "getrandom",
    "File::",
    "TcpStream",
];

/// Words that are names of commands and options of others as well, and may stand in a match.
const OPTIONS_NAMED_LIKE_COMMANDS: &[(&str, &str)] = &[
    ("get", "an option of SET, an operation of BITFIELD"),
    ("set", "an operation of BITFIELD"),
    ("incr", "an option of ZADD"),
    ("incrby", "an operation of BITFIELD"),
    ("persist", "an option of GETEX"),
    ("type", "an option of SCAN and of CLIENT LIST and KILL"),
    ("auth", "an option of HELLO"),
    ("command", "an event of LATENCY"),
    ("sort", "part of other words"),
    ("info", "a level of logs"),
    ("debug", "a level of logs"),
];

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Names of all dependencies of a manifest, of every kind.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
    let mut names = BTreeSet::new();
    let mut in_dependencies = false;
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            in_dependencies = table.ends_with("dependencies");
            // `[dependencies.name]`
            if let Some((_, name)) = table.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
        } else if in_dependencies && let Some((name, _)) = line.split_once(['=', '.', ' ']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

#[test]
fn dependencies_point_one_way() {
    let forbidden: &[(&str, &[&str])] = &[
        (
            "shared/Cargo.toml",
            &[
                "node",
                "proxy",
                "protocol",
                "store",
                "switchyard-node",
                "switchyard-proxy",
                "switchyard-protocol",
                "switchyard-store",
                "switchyard",
            ],
        ),
        (
            "shared/store/Cargo.toml",
            &[
                "node",
                "proxy",
                "switchyard-node",
                "switchyard-proxy",
                "switchyard",
            ],
        ),
        (
            "shared/pages/Cargo.toml",
            &[
                "node",
                "proxy",
                "protocol",
                "store",
                "switchyard-node",
                "switchyard-proxy",
                "switchyard-protocol",
                "switchyard-store",
                "switchyard",
            ],
        ),
        (
            "shared/protocol/Cargo.toml",
            &[
                "node",
                "proxy",
                "store",
                "switchyard-node",
                "switchyard-proxy",
                "switchyard-store",
                "switchyard",
            ],
        ),
        (
            "node/Cargo.toml",
            &[
                "proxy",
                "store",
                "switchyard-proxy",
                "switchyard-store",
                "switchyard",
            ],
        ),
        (
            "proxy/Cargo.toml",
            &["node", "switchyard-node", "switchyard"],
        ),
    ];
    for (manifest, others) in forbidden {
        let found = dependencies(manifest);
        for other in *others {
            assert!(!found.contains(*other), "{manifest} depends on {other}");
        }
    }
    assert!(dependencies("node/Cargo.toml").contains("shared"));
    assert!(dependencies("proxy/Cargo.toml").contains("shared"));
}

#[test]
fn only_the_proxy_waits_for_pingora() {
    for manifest in [
        "Cargo.toml",
        "shared/Cargo.toml",
        "shared/protocol/Cargo.toml",
        "shared/store/Cargo.toml",
        "shared/pages/Cargo.toml",
        "node/Cargo.toml",
    ] {
        let found = dependencies(manifest);
        let pingora = found.iter().find(|name| name.starts_with("pingora"));
        assert_eq!(pingora, None, "{manifest}");
    }
}

#[test]
fn only_ring_encrypts() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    assert!(
        !lock.contains("name = \"aws-lc"),
        "two providers of cryptography; rustls is to use ring"
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = everything()
        .into_iter()
        // Unit tests beside a file stand under its head.
        .filter(|source| !source.text.starts_with("//!") && !source.path.ends_with("/tests.rs"))
        .map(|source| source.path)
        .collect();
    assert_none("files that do not begin with //!", &silent);
}

#[test]
fn pure_files_touch_nothing_of_the_world() {
    let mut found = Vec::new();
    let is_core = |source: &Source| {
        PURE_FOLDERS
            .iter()
            .any(|folder| source.path.starts_with(folder))
    };
    let is_excused = |source: &Source| {
        SHELL_FILES_IN_PURE_FOLDERS
            .iter()
            .any(|(path, _)| *path == source.path)
    };
    for source in product() {
        if is_excused(&source) || source.is_unit_test() || !(is_core(&source) || source.is_pure()) {
            continue;
        }
        for (number, line) in source.code() {
            for word in IMPURE.iter().filter(|word| contains_word(line, word)) {
                found.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    assert_none("pure files that touch the world", &found);
}

#[test]
fn the_core_consists_of_pure_files() {
    let mut found = Vec::new();
    for folder in PURE_FOLDERS {
        assert!(
            root().join(folder).exists(),
            "{folder} is gone; where is the core now?"
        );
        let all = sources(&[folder]);
        // A folder's front door speaks for the files behind it.
        let doors: Vec<String> = all
            .iter()
            .filter(|source| source.is_pure())
            .filter_map(|source| source.path.strip_suffix("mod.rs").map(str::to_owned))
            .collect();
        for source in all {
            let is_behind_door = doors.iter().any(|door| source.path.starts_with(door));
            let is_excused = SHELL_FILES_IN_PURE_FOLDERS
                .iter()
                .any(|(path, _)| *path == source.path);
            if !source.is_pure() && !is_behind_door && !source.is_unit_test() && !is_excused {
                found.push(source.path);
            }
        }
    }
    assert_none("files of the core whose head does not say `Pure`", &found);
}

#[test]
fn unsafe_code_lives_in_the_index_the_slabs_and_the_machine_of_lua_alone() {
    let mut found = Vec::new();
    for source in everything() {
        let may = [
            "node/src/store/index",
            "node/src/store/slab",
            "node/lua/src",
        ];
        if may.iter().any(|folder| source.path.starts_with(folder))
            || source.path.starts_with("tests/architecture/")
        {
            continue;
        }
        for (number, line) in source.code() {
            if contains_word(line, "unsafe") {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(
        "unsafe code outside the store's index and slabs, and the machine of Lua",
        &found,
    );
}

#[test]
fn names_of_commands_stand_in_the_table_alone() {
    let mut found = Vec::new();
    for source in sources(&["node/src", "proxy/src"]) {
        if source.is_unit_test() {
            continue;
        }
        for (number, line) in source.code() {
            let Some((patterns, _)) = line.split_once("=>") else {
                continue;
            };
            for word in literals(patterns) {
                let lower = word.to_ascii_lowercase();
                let is_option = OPTIONS_NAMED_LIKE_COMMANDS
                    .iter()
                    .any(|(option, _)| *option == lower);
                if !is_option && shared::command::lookup(lower.as_bytes()).is_some() {
                    found.push(format!("{}:{number}: {word}", source.path));
                }
            }
        }
    }
    assert_none(
        "commands matched by their names instead of their CommandId",
        &found,
    );
}

#[test]
fn files_are_of_a_readable_length() {
    let long: Vec<String> = everything()
        .into_iter()
        .filter(|source| !LONG_FILES.iter().any(|(path, _)| *path == source.path))
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert_none("files that are too long", &long);
}

#[test]
fn every_test_and_bench_file_is_run_by_somebody() {
    // A bench of a crate's inside is a target of that crate, and stands in the common folder all the same.
    let manifest: String = [
        "Cargo.toml",
        "shared/Cargo.toml",
        "node/Cargo.toml",
        "proxy/Cargo.toml",
    ]
    .iter()
    .map(|manifest| fs::read_to_string(root().join(manifest)).expect("a manifest"))
    .collect();
    let modules = fs::read_to_string(root().join("tests/system.rs")).expect("the system tests");
    for folder in ["tests", "benches"] {
        let Ok(entries) = fs::read_dir(root().join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let stem = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            // A bench's path may be left out: it is the one that cargo looks at.
            let is_target = manifest.contains(&format!("{folder}/{stem}.rs\""))
                || (folder == "benches"
                    && manifest.contains(&format!("[[bench]]\nname = \"{stem}\"")));
            let is_module = folder == "tests" && modules.contains(&format!("mod {stem};"));
            assert!(
                is_target || is_module,
                "{folder}/{stem}.rs is neither a target in Cargo.toml nor a module of tests/system.rs"
            );
        }
    }
}

#[test]
fn the_exceptions_are_still_needed() {
    for (path, reason) in LONG_FILES {
        assert!(!reason.is_empty());
        let text =
            fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(
            text.lines().count() > MOST_LINES,
            "{path} has become short; take it off the list"
        );
    }
    for (path, reason) in SHELL_FILES_IN_PURE_FOLDERS {
        assert!(!reason.is_empty() && root().join(path).exists(), "{path}");
    }
}

#[test]
fn words_and_literals_are_found() {
    assert!(contains_word("let x: Instant = y;", "Instant"));
    assert!(!contains_word("let x = Instants::new();", "Instant"));
    assert!(!contains_word("#![deny(unsafe_code)]", "unsafe"));
    assert!(contains_word("use tokio::net;", "tokio"));
    assert_eq!(literals("\"get\" | b\"set\" if x"), ["get", "set"]);
}

#[test]
fn every_error_has_a_use_and_a_text_of_its_own() {
    const HOME: &str = "shared/src/resp/error_reply.rs";
    let home = fs::read_to_string(root().join(HOME)).expect("the errors");
    let (_, body) = home.split_once("pub enum ErrorReply {").expect("the enum");
    let (body, _) = body.split_once("\n}\n").expect("its end");
    let users: Vec<String> = product()
        .into_iter()
        .filter(|source| source.path != HOME)
        .map(|source| source.text)
        .collect();
    let is_name =
        |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
    let names: Vec<&str> = body
        .lines()
        .filter(is_name)
        .filter_map(|line| line.trim().split([',', '(', ' ']).next())
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let is_used = |name: &&str| {
        let (path, own) = (format!("ErrorReply::{name}"), format!("Self::{name}"));
        let stands = |text: &str, word: &str| {
            let followed = text.split(word).skip(1);
            followed
                .filter_map(|rest| rest.chars().next())
                .any(|next| !next.is_alphanumeric())
        };
        users
            .iter()
            .any(|text| stands(text, &path) || stands(text, &own))
    };
    let unused: Vec<String> = names
        .iter()
        .filter(|name| !is_used(name))
        .map(|name| (*name).to_owned())
        .collect();
    assert_none("errors that nobody gives", &unused);
    let texts: Vec<&str> = body
        .split("#[error(")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1))
        .filter(|text| *text != "{0}")
        .collect();
    let doubled: Vec<String> = texts
        .iter()
        .enumerate()
        .filter(|(at, text)| texts[..*at].contains(text))
        .map(|(_, text)| (*text).to_owned())
        .collect();
    assert_none("errors with the text of another", &doubled);
}
