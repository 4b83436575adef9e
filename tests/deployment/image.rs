//! The image of node and proxy: built from what is there, the binary that is built is the one that runs, and nobody is root.

use std::path::Path;

use super::compose::with_role;
use super::files::service;
use super::{path, text};
use crate::support::servers::SWITCHYARD;

/// What the image's build needs beside the sources.
const NEEDED_BY_THE_BUILD: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "benches",
    "node",
    "proxy",
    "shared",
    "src",
    "tests",
];

/// Where nodes keep their data.
const DATA: &str = "/var/lib/switchyard";

/// An instruction's word, and the rest of it, continued lines joined.
type Instruction = (String, String);

/// The stages, each with what follows its FROM.
fn stages() -> Vec<(String, Vec<Instruction>)> {
    let text = text("config/docker/Dockerfile");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut stages: Vec<(String, Vec<Instruction>)> = Vec::new();
    for line in lines.join("\n").replace("\\\n", " ").lines() {
        let (word, rest) = line.split_once(' ').expect("an instruction");
        match stages.last_mut() {
            _ if word == "FROM" => stages.push((rest.to_owned(), Vec::new())),
            Some((_, instructions)) => instructions.push((word.to_owned(), rest.to_owned())),
            None => assert_eq!(word, "ARG", "before the first stage"),
        }
    }
    stages
}

/// The words behind the one instruction of this kind.
fn words(stage: &[Instruction], wanted: &str) -> Vec<String> {
    let found: Vec<&Instruction> = stage.iter().filter(|(word, _)| word == wanted).collect();
    assert_eq!(found.len(), 1, "{wanted}");
    found[0].1.split_whitespace().map(str::to_owned).collect()
}

/// The list of words that an instruction holds, as JSON.
fn list(stage: &[Instruction], wanted: &str) -> Vec<String> {
    let rest = words(stage, wanted).join(" ");
    let list = rest.find('[').map(|start| &rest[start..]);
    serde_json::from_str(list.expect("a list")).expect("JSON")
}

fn word_after<'a>(words: &'a [String], wanted: &str) -> &'a str {
    let place = words.iter().position(|word| word == wanted);
    &words[place.unwrap_or_else(|| panic!("no {wanted}")) + 1]
}

#[test]
fn the_binary_that_is_built_is_the_one_that_runs() {
    let stages = stages();
    let [(build_name, build), (_, image)] = &stages[..] else {
        panic!("one builds, one runs");
    };
    let run = words(build, "RUN");
    let name = word_after(&run, "--bin");
    let own = Path::new(SWITCHYARD).file_name().expect("a name");
    assert_eq!(own, name, "cargo has no such binary");
    assert_eq!(word_after(&run, "cargo"), "build");
    assert!(run.contains(&"--release".to_owned()));
    // Built, put aside in the first stage, copied from there, started: one file.
    let [.., install, directory, mode, from, aside] = &run[..] else {
        panic!("it is put aside");
    };
    assert_eq!([install, directory, mode], ["install", "-D", "--mode=755"]);
    assert_eq!(from, &format!("target/release/{name}"));
    let copies: Vec<&str> = image
        .iter()
        .filter(|(word, _)| word == "COPY")
        .map(|(_, rest)| rest.as_str())
        .collect();
    // The second has nothing in it but its owner, who has the volumes then.
    let user = words(image, "USER").join(" ");
    let data = format!("--chown={user} /data/ {DATA}/");
    let [copy, of_data] = copies[..] else {
        panic!("the binary, and the folder of data");
    };
    assert!(of_data.ends_with(&data), "{of_data}");
    assert!(run.join(" ").contains("install -d --mode=700 /data"));
    let copy: Vec<&str> = copy.split(' ').collect();
    let [stage, from, to] = copy[..] else {
        panic!("one folder into another");
    };
    let stage = stage.strip_prefix("--from=").expect("a stage");
    assert!(build_name.ends_with(&format!(" AS {stage}")));
    let below = aside.strip_prefix(from).expect("it is copied");
    let inside = format!("{to}{below}");
    assert_eq!(list(image, "ENTRYPOINT"), std::slice::from_ref(&inside));

    // The compose file's health check, whose words are looked up in PATH.
    let health = service("node1").health();
    let file = Path::new(&inside);
    assert_eq!(file.file_name(), Some(health[1].as_ref()));
    assert_eq!(file.parent(), Some(Path::new("/usr/local/bin")));
    let own_check = list(image, "HEALTHCHECK");
    assert_eq!(own_check[0], inside);
    assert_eq!(own_check[1..], health[2..]);
}

#[test]
fn the_image_is_built_from_what_is_there_and_nobody_is_root_in_it() {
    let dockerfile = text("config/docker/Dockerfile");
    let build = service("node1").value["build"].clone();
    assert_eq!(build["dockerfile"], "config/docker/Dockerfile");
    for (name, default) in build["args"].as_object().expect("arguments") {
        let default = default.as_str().expect("an image");
        assert!(
            dockerfile.contains(&format!("ARG {name}={default}\n")),
            "{name}"
        );
        assert!(dockerfile.contains(&format!("FROM ${{{name}}}")), "{name}");
    }
    assert!(
        dockerfile
            .lines()
            .filter(|line| line.starts_with("FROM "))
            .all(|line| line.starts_with("FROM ${"))
    );
    let user = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("USER "));
    assert!(user.is_some_and(|user| {
        user.split(':')
            .all(|id| id.parse::<u32>().is_ok_and(|id| id > 0))
    }));
    for port in [
        with_role("proxy")[0].client_port(),
        with_role("proxy")[0].port_of("SWITCHYARD_PROXY_ADMIN"),
    ] {
        let exposed = dockerfile
            .lines()
            .find_map(|line| line.strip_prefix("EXPOSE "));
        assert!(
            exposed.is_some_and(|ports| ports.split(' ').any(|other| other == port.to_string()))
        );
    }
    assert!(dockerfile.contains("\nSTOPSIGNAL SIGTERM\n"));
    let ignore = text(".dockerignore");
    assert!(
        ignore.lines().any(|line| line == "*"),
        "all that is not named stays out"
    );
    let mut let_in: Vec<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let_in.sort_unstable();
    assert_eq!(let_in, NEEDED_BY_THE_BUILD);
    for name in let_in {
        assert!(path(name).exists(), "{name}");
    }
}
