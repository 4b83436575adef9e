//! README.md tells which commands work where, in a table that is made from the command table: this test fails when the two differ, and writes it anew where
//! `SWITCHYARD_WRITE_README=1` asks for that.

use std::collections::BTreeMap;

use shared::command::{self, CommandSpec, Route};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- made from the command table by tests/served.rs: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Where a command works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Works {
    /// At a node and through a proxy.
    Everywhere,
    /// At a node; a proxy refuses it, for it belongs to one node.
    AtNodes,
    /// At a proxy, which answers for all nodes; a node is no part of a cluster.
    AtProxies,
    /// A proxy refuses it, for it would change what the topology decides, and a node does not know it.
    Refused,
    /// Not yet.
    Nowhere,
}

impl Works {
    fn of(row: &CommandSpec) -> Self {
        let is_refused = row.route == Route::Refused;
        match (row.is_served_by_node(), row.is_served_by_proxy()) {
            (true, true) if !is_refused => Self::Everywhere,
            (true, true) => Self::AtNodes,
            (true, false) => unreachable!("what a node has, a proxy sends on, answers or refuses"),
            (false, true) if is_refused => Self::Refused,
            (false, true) => Self::AtProxies,
            (false, false) => Self::Nowhere,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "at nodes and through proxies",
            Self::AtNodes => "at nodes; a proxy refuses it and says why",
            Self::AtProxies => "at proxies alone, which answer for all nodes",
            Self::Refused => "refused: the topology file decides",
            Self::Nowhere => "not yet: answered as unknown",
        }
    }
}

/// Rows that stand for themselves: commands, and of containers what they contain.
fn is_a_command(row: &CommandSpec) -> bool {
    let prefix = format!("{}|", row.name);
    !command::all().any(|other| other.name.starts_with(&prefix))
}

fn table() -> String {
    let mut groups: BTreeMap<&str, BTreeMap<Works, Vec<String>>> = BTreeMap::new();
    for row in command::all().filter(|row| is_a_command(row)) {
        let name = row.name.replace('|', " ").to_uppercase();
        let group = groups.entry(command::docs(row.id).group).or_default();
        group.entry(Works::of(row)).or_default().push(name);
    }
    let mut text = String::from("| group | works | commands |\n|---|---|---|\n");
    for (group, by_place) in groups {
        for (works, mut names) in by_place {
            names.sort();
            let names = names.join("` `");
            text.push_str(&format!("| {group} | {} | `{names}` |\n", works.title()));
        }
    }
    text
}

#[test]
fn the_readme_tells_which_commands_work_where() {
    let readme = std::fs::read_to_string(README).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table's beginning");
    let (there, after) = rest.split_once(END).expect("the table's end");
    let wanted = table();
    if there == wanted {
        return;
    }
    if std::env::var_os("SWITCHYARD_WRITE_README").is_some() {
        let text = format!("{before}{BEGIN}{wanted}{END}{after}");
        std::fs::write(README, text).expect("README.md can be written");
        return;
    }
    panic!(
        "README.md tells another story than the command table; SWITCHYARD_WRITE_README=1 cargo test served writes it anew"
    );
}
