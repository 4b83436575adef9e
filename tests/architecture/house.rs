//! The floors of each crate, and that imports run down them; lengths of functions; error texts.
//! Reads source files only; starts nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_none;
use crate::graph::{Arrow, Plan, circles, upward};
use crate::source::{literals, product, sources};

/// A crate, its floors from the top, and the imports that may run up all the same.
struct House {
    folder: &'static str,
    /// Rooms on one floor do not know each other.
    floors: &'static [&'static [&'static str]],
    /// From, to, why.
    exceptions: &'static [(&'static str, &'static str, &'static str)],
    /// Most exceptions that there may be.
    most_exceptions: usize,
}

const HOUSES: &[House] = &[
    House {
        folder: "shared/src",
        floors: &[
            &["session", "users_file", "tracking"],
            &["access", "pubsub", "monitor"],
            &["command", "socket", "wait_time"],
            &["topology"],
            &["config", "sketch", "long_double"],
            &["resp"],
            &[
                "slot",
                "glob",
                "clock",
                "backoff",
                "drop_queue",
                "open_files",
                "moderation",
                "throttle",
            ],
        ],
        exceptions: &[(
            "config",
            "topology",
            "an address is the value of a setting, and how it is written has its home with the topology, whose text is read by what reads settings",
        )],
        most_exceptions: 1,
    },
    House {
        folder: "shared/store/src",
        floors: &[
            &["store"],
            &["leadership"],
            &["etcd", "file"],
            &["announcement", "watch"],
            &["document", "said", "task", "gossip_key"],
            &["error"],
        ],
        exceptions: &[],
        most_exceptions: 0,
    },
    House {
        folder: "shared/pages/src",
        floors: &[&["listener", "process", "text"]],
        exceptions: &[],
        most_exceptions: 0,
    },
    House {
        folder: "shared/protocol/src",
        floors: &[
            &["controller"],
            &["detector", "opinion"],
            &["change", "document"],
            &["replica"],
            &["guard"],
            &["member", "fence", "epochs", "view"],
            &["position", "range"],
        ],
        exceptions: &[],
        most_exceptions: 0,
    },
    House {
        folder: "node/src",
        floors: &[
            &["server"],
            &["admin"],
            &["connection", "tick"],
            &["errand"],
            &["recording", "replication", "joining"],
            &["loading"],
            &["saving"],
            &["deliveries"],
            &["shell"],
            &["departures", "disk", "processor"],
            &["socket"],
            &["execute", "report"],
            &["commands"],
            &["node_state"],
            &["client"],
            &["settings", "log", "snapshot"],
            &["stats", "rdb"],
            &["store"],
        ],
        exceptions: &[],
        most_exceptions: 0,
    },
    House {
        folder: "proxy/src",
        floors: &[
            &["process"],
            &["admin"],
            &["control"],
            &["thread"],
            &["request"],
            &["facts"],
            &["orders"],
            &["metrics", "here"],
            &["client", "channels", "sightings", "monitors"],
            &["pipe"],
            &["route", "gossip"],
            &["access", "redirects"],
            &[
                "counters", "pause", "topology", "tls", "scripts", "slab", "buffers", "dice",
                "heat",
            ],
            &["reload", "events"],
        ],
        exceptions: &[],
        most_exceptions: 0,
    },
];

/// Longest function of the product.
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// Functions that may be longer, each with its reason: file, name.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "node/src/commands/server/info/counted.rs",
        "stats",
        "a list of fields, one below the other",
    ),
    (
        "node/src/commands/server/info/persistence.rs",
        "persistence",
        "a list of fields, one below the other",
    ),
    (
        "node/src/commands/server/info/node.rs",
        "memory",
        "a list of fields, one below the other",
    ),
    (
        "node/src/commands/server/memory.rs",
        "stats",
        "a list of fields, one below the other",
    ),
    ("proxy/src/here/client.rs", "answer", "one arm per command"),
    ("proxy/src/here/cluster.rs", "answer", "one arm per command"),
];

fn arrows_of(house: &House) -> BTreeSet<Arrow> {
    let files = sources(&[house.folder]);
    let rooms: Vec<&str> = house.floors.iter().copied().flatten().copied().collect();
    Plan::new(house.folder, &files, &rooms).arrows()
}

/// Pairs of rooms.
fn pairs<'a>(arrows: impl IntoIterator<Item = &'a Arrow>) -> BTreeSet<(&'a str, &'a str)> {
    let ends = |arrow: &'a Arrow| (arrow.from.as_str(), arrow.to.as_str());
    arrows.into_iter().map(ends).collect()
}

/// `cargo test --test architecture -- --nocapture` prints the figures.
#[test]
fn imports_run_down() {
    let mut faults = Vec::new();
    for house in HOUSES {
        let arrows = arrows_of(house);
        let up = upward(&arrows, house.floors);
        let all = pairs(&arrows);
        let rooms: BTreeSet<&str> = all.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let circles = circles(&arrows);
        println!(
            "{}: {} rooms, {} arrows, {} run up, largest circle {}",
            house.folder,
            rooms.len(),
            all.len(),
            pairs(up.iter().copied()).len(),
            circles.first().map_or(1, Vec::len)
        );
        let excused = |arrow: &&&Arrow| {
            let mut exceptions = house.exceptions.iter();
            exceptions.any(|(from, to, _)| arrow.from == *from && arrow.to == *to)
        };
        for arrow in up.iter().filter(|arrow| !excused(arrow)) {
            let Arrow { from, to, because } = arrow;
            faults.push(format!("{from} → {to} does not run down ({because})"));
        }
        let large = circles.iter().filter(|circle| circle.len() > 2);
        faults.extend(large.map(|circle| format!("a circle: {}", circle.join(", "))));
    }
    assert_none("imports that do not run down", &faults);
}

#[test]
fn imports_that_run_up_all_the_same_are_few_and_still_needed() {
    for house in HOUSES {
        let arrows = arrows_of(house);
        let up = pairs(upward(&arrows, house.floors));
        assert!(
            house.exceptions.len() <= house.most_exceptions,
            "{}",
            house.folder
        );
        for (from, to, reason) in house.exceptions {
            assert!(!reason.is_empty(), "{from} → {to}");
            assert!(
                up.contains(&(*from, *to)),
                "{}: {from} → {to} is there no more; take it off the list",
                house.folder
            );
        }
    }
}

/// Name, first line and number of lines of each function of a file as rustfmt lays it out.
fn functions(code: &[(usize, &str)]) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (index, (number, line)) in code.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((words, behind)) = line.split_once("fn ") else {
            continue;
        };
        let is_start = words.split_whitespace().all(|word| {
            word.starts_with("pub")
                || matches!(word, "const" | "async" | "unsafe" | "in" | "extern")
        });
        let ends_at_once = line.ends_with(';') || line.ends_with('}');
        if !is_start || ends_at_once {
            continue;
        }
        let name: String = behind
            .chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_')
            .collect();
        let end = code[index..].iter().find(|(_, line)| {
            line.len() - line.trim_start().len() == indent && matches!(line.trim(), "}" | ";")
        });
        if let Some((last, _)) = end {
            found.push((name, *number, last - number + 1));
        }
    }
    found
}

#[test]
fn functions_are_of_a_readable_length() {
    let mut long = Vec::new();
    for source in product().iter().filter(|source| !source.is_unit_test()) {
        let code: Vec<(usize, &str)> = source.code().collect();
        for (name, line, lines) in functions(&code) {
            let is_excused = LONG_FUNCTIONS
                .iter()
                .any(|(path, function, _)| *path == source.path && *function == name);
            if lines > MOST_LINES_OF_A_FUNCTION && !is_excused {
                long.push(format!("{}:{line}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert_none("functions that are too long", &long);
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub(crate) fn one(&self) {\n        two();\n    }\n}\nfn three();\nconst fn four(\n    x: u8,\n) -> u8 {\n    x\n}\n";
    let code: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    assert_eq!(
        functions(&code),
        [("one".to_owned(), 2, 3), ("four".to_owned(), 7, 5)]
    );
}

/// How the texts of errors begin.
const ERROR_CODES: &[&str] = &[
    "ERR ",
    "WRONGTYPE ",
    "NOAUTH ",
    "WRONGPASS ",
    "NOPROTO ",
    "OOM ",
    "CROSSSLOT ",
    "CLUSTERDOWN ",
    "UNKNOWN ",
    "BUSYKEY ",
    "DENIED ",
    "NOPERM ",
];

#[test]
fn no_error_text_stands_twice() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for source in product().iter().filter(|source| !source.is_unit_test()) {
        for (number, line) in source.code() {
            for text in literals(line) {
                if !ERROR_CODES.iter().any(|code| text.starts_with(code)) || text.len() < 12 {
                    continue;
                }
                let place = format!("{}:{number}", source.path);
                if let Some(first) = seen.insert(text.to_owned(), place.clone()) {
                    twice.push(format!("{first} and {place}: {text}"));
                }
            }
        }
    }
    assert!(!seen.is_empty(), "error texts are found");
    assert_none("error texts that stand twice", &twice);
}
