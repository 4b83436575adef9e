//! A topology as TOML: read with every problem's line, written with comments. Pure; files are the caller's.
//! Invariant: what is written reads back equal, and what was read obeys [`rules`](super::rules).

use super::rules::{self, Subject, Violation};
use super::{
    ACCEPTANCE, Colocation, DEFAULT_MIN_IN_SYNC, Epoch, KeyLoss, LAST_DATABASE, Lives, Loss,
    Member, Node, NodeKind, Shard, Topology, Version, Weight,
};
use crate::config::document::{self, Placed, TableReader, quoted};
use crate::config::{Problems, SettingValue, parse_choice};
use crate::slot::SlotSet;
use std::fmt::{Display, Write};
use std::path::Path;
use std::str::FromStr;

const TOP_KEYS: &[&str] = &[
    "version", "cluster", ACCEPTANCE, "node", "shard", "loss", "colocate",
];
const NODE_KEYS: &[&str] = &["id", "address", "kind", "zone"];
const SHARD_KEYS: &[&str] = &[
    "id",
    "epoch",
    "weight",
    "primary",
    "in-sync",
    "learners",
    "copies",
    "min-in-sync",
    "slots",
];
const LOSS_KEYS: &[&str] = &["version", "shard", "proof"];
const COLOCATION_KEYS: &[&str] = &["name", "keys", "database"];

/// TOML has integers of 63 bits.
const LARGEST_NUMBER: u64 = i64::MAX as u64;

/// What a file holds: the topology, and what its author says about the step to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The topology.
    pub topology: Topology,
    /// The version at which slots may change hands while their keys stay behind. It stays in the file until somebody takes it out, and counts once: at the
    /// step over that version.
    pub key_loss_accepted_at: Option<Version>,
}

impl Document {
    /// Whether its author means keys to stay behind in this step. A proxy that has missed some versions makes one step of all of them.
    #[must_use]
    pub fn accepts(&self, loss: &KeyLoss) -> bool {
        self.key_loss_accepted_at
            .is_some_and(|version| loss.from < version && version <= loss.to)
    }
}

/// Reads a topology, as [`read`] does, where nobody cares for the step to it.
///
/// # Errors
/// Every problem.
pub fn parse(path: &Path, text: &str) -> Result<Topology, Problems> {
    read(path, text).map(|document| document.topology)
}

/// Reads a topology file. `path` is named in problems, and not opened.
///
/// # Errors
/// Every problem of the text with its line, and every rule that the topology breaks as far as it could be read; where it is no TOML, that alone.
pub fn read(path: &Path, text: &str) -> Result<Document, Problems> {
    let mut problems = Problems::new();
    let Some((table, lines)) = document::parse(path, text, &mut problems) else {
        return Err(problems);
    };
    let top = TableReader::root(&table, &lines);
    top.refuse_unknown(TOP_KEYS, &mut problems);
    let version = number(top.required("version", &mut problems), &mut problems).map(Version);
    let accepted = top.scalar(ACCEPTANCE, &mut problems);
    let accepted = read_acceptance(accepted, version, &mut problems);
    let cluster = parsed(top.scalar("cluster", &mut problems), &mut problems);
    let node_tables = top.tables("node", &mut problems);
    let shard_tables = top.tables("shard", &mut problems);
    let (nodes, node_places) = read_all(&node_tables, NODE_KEYS, read_node, &mut problems);
    let (shards, shard_places) = read_all(&shard_tables, SHARD_KEYS, read_shard, &mut problems);
    let loss_tables = top.tables("loss", &mut problems);
    let (losses, _) = read_all(&loss_tables, LOSS_KEYS, read_loss, &mut problems);
    let colocation_tables = top.tables("colocate", &mut problems);
    let (colocations, _) = read_all(
        &colocation_tables,
        COLOCATION_KEYS,
        read_colocation,
        &mut problems,
    );
    let is_unread = (
        nodes.len() < node_tables.len() || !problems.is_empty() && node_tables.is_empty(),
        shards.len() < shard_tables.len() || !problems.is_empty() && shard_tables.is_empty(),
    );
    let topology = Topology {
        version: version.unwrap_or(Version::FIRST),
        cluster,
        nodes,
        shards,
        losses,
        colocations,
    };
    for violation in rules::violations(&topology) {
        // What could not be read may be what is missing.
        let is_certain = match &violation {
            Violation::UnknownNode { .. } => !is_unread.0,
            Violation::Unowned(_) => !is_unread.1,
            Violation::LossAhead { .. } => version.is_some(),
            _ => true,
        };
        // The last of a name: of two nodes with one name or address the later one is to blame.
        let origin = match violation.subject() {
            Some(Subject::Node(id)) => topology
                .nodes
                .iter()
                .rposition(|node| node.id == *id)
                .map(|place| node_tables[node_places[place]].origin.clone()),
            Some(Subject::Shard(id)) => topology
                .shards
                .iter()
                .rposition(|shard| shard.id == *id)
                .map(|place| shard_tables[shard_places[place]].origin.clone()),
            None => None,
        };
        if is_certain {
            problems.add(
                origin.unwrap_or_else(|| lines.whole()),
                violation.to_string(),
            );
        }
    }
    problems.or_value(Document {
        topology,
        key_loss_accepted_at: accepted,
    })
}

/// What could be read of `tables`, each with the place of its table. What was read in part could make others look wrong.
fn read_all<'a, 't, T>(
    tables: &[TableReader<'a, 't>],
    keys: &[&str],
    read: impl Fn(&TableReader<'a, 't>, &mut Problems) -> Option<T>,
    problems: &mut Problems,
) -> (Vec<T>, Vec<usize>) {
    let mut found = (Vec::new(), Vec::new());
    for (place, table) in tables.iter().enumerate() {
        table.refuse_unknown(keys, problems);
        let mut own = Problems::new();
        if let Some(value) = read(table, &mut own)
            && own.is_empty()
        {
            found.0.push(value);
            found.1.push(place);
        }
        problems.extend(own);
    }
    found
}

fn read_acceptance(
    text: Option<Placed>,
    version: Option<Version>,
    problems: &mut Problems,
) -> Option<Version> {
    let origin = text.as_ref()?.origin.clone();
    let accepted = number(text, problems).map(Version)?;
    if version.is_some_and(|version| version < accepted) {
        problems.add(
            origin,
            format!("{ACCEPTANCE} is ahead of the file's own version; it says at which version slots change hands, this one or one before it"),
        );
    }
    Some(accepted)
}

fn read_node(table: &TableReader<'_, '_>, problems: &mut Problems) -> Option<Node> {
    let id = parsed(table.required("id", problems), problems);
    let address = parsed(table.required("address", problems), problems);
    let kind = table.scalar("kind", problems);
    let kind = kind.and_then(|word| note(&word, parse_choice(&word.text, NodeKind::ALL), problems));
    let zone = parsed(table.scalar("zone", problems), problems);
    Some(Node {
        id: id?,
        address: address?,
        kind: kind.unwrap_or_default(),
        zone,
    })
}

fn read_shard(table: &TableReader<'_, '_>, problems: &mut Problems) -> Option<Shard> {
    let id = parsed(table.required("id", problems), problems);
    let epoch = number(table.scalar("epoch", problems), problems).map(Epoch);
    let weight = table.scalar("weight", problems);
    let weight = weight.and_then(|text| note(&text, read_weight(&text.text), problems));
    let primary = parsed(table.required("primary", problems), problems);
    let in_sync = read_lives(table.list("in-sync", problems), problems);
    let learners = read_lives(table.list("learners", problems), problems);
    let copies = table.scalar("copies", problems);
    let copies = copies.and_then(|text| note(&text, usize::parse(&text.text), problems));
    let min_in_sync = table.scalar("min-in-sync", problems);
    let min_in_sync = min_in_sync.and_then(|text| note(&text, usize::parse(&text.text), problems));
    let slots: Option<SlotSet> = parsed(table.required("slots", problems), problems);
    let primary: super::NodeId = primary?;
    let mut shard = Shard {
        id: id?,
        epoch: epoch.unwrap_or(Epoch::FIRST),
        weight: weight.unwrap_or_default(),
        in_sync: in_sync.unwrap_or_else(|| Lives::from([(primary.clone(), None)])),
        primary,
        learners: learners.unwrap_or_default(),
        copies: 0,
        min_in_sync: min_in_sync.unwrap_or(DEFAULT_MIN_IN_SYNC),
        slots: slots?,
    };
    shard.copies = copies.unwrap_or_else(|| shard.listed_copies());
    Some(shard)
}

fn read_loss(table: &TableReader<'_, '_>, problems: &mut Problems) -> Option<Loss> {
    let version = number(table.required("version", problems), problems).map(Version);
    let shard = parsed(table.required("shard", problems), problems);
    let proof = parsed(table.required("proof", problems), problems);
    Some(Loss {
        version: version?,
        shard: shard?,
        proof: proof?,
    })
}

fn read_colocation(table: &TableReader<'_, '_>, problems: &mut Problems) -> Option<Colocation> {
    let name = table.required("name", problems);
    let keys = table.list("keys", problems);
    let keys = keys.unwrap_or_default().into_iter();
    let keys = keys.filter_map(|text| parsed(Some(text), problems));
    let keys = keys.collect();
    let databases = table.scalars("database", problems).into_iter();
    let databases = databases.filter_map(|text| note(&text, read_database(&text.text), problems));
    Some(Colocation {
        name: name?.text,
        keys,
        databases: databases.collect(),
    })
}

fn read_database(text: &str) -> Result<u8, String> {
    let database = u8::parse(text)
        .ok()
        .filter(|database| *database <= LAST_DATABASE);
    database.ok_or_else(|| {
        format!("\"{text}\" is no database; they are numbered from 0 to {LAST_DATABASE}")
    })
}

fn read_weight(text: &str) -> Result<Weight, String> {
    u16::parse(text).ok().and_then(Weight::new).ok_or_else(|| {
        format!(
            "weight {text} is out of range; it may be 1 to {}",
            Weight::MAX
        )
    })
}

fn number(text: Option<Placed>, problems: &mut Problems) -> Option<u64> {
    let text = text?;
    let number = u64::parse(&text.text)
        .ok()
        .filter(|&number| number <= LARGEST_NUMBER);
    let number = number.ok_or_else(|| format!("\"{}\" is not a count", text.text));
    note(&text, number, problems)
}

fn parsed<T: FromStr<Err: Display>>(text: Option<Placed>, problems: &mut Problems) -> Option<T> {
    let text = text?;
    let value = text.text.parse::<T>().map_err(|error| error.to_string());
    note(&text, value, problems)
}

fn read_lives(texts: Option<Vec<Placed>>, problems: &mut Problems) -> Option<Lives> {
    let mut lives = Lives::new();
    for text in texts? {
        let origin = text.origin.clone();
        let Some(Member { node, incarnation }) = parsed(Some(text), problems) else {
            continue;
        };
        if lives.insert(node.clone(), incarnation).is_some() {
            problems.add(origin, format!("\"{node}\" is listed twice"));
        }
    }
    Some(lives)
}

/// The value, or nothing once the problem is noted at its place.
fn note<T>(place: &Placed, value: Result<T, String>, problems: &mut Problems) -> Option<T> {
    value
        .map_err(|text| problems.add(place.origin.clone(), text))
        .ok()
}

const HEADER: &str = "\
# The topology: which shard owns which slots, and which nodes hold its keys.
# Proxies read this file again whenever it changes; `switchyard topology check FILE` says what is wrong with it.
#
# cluster:   its name, which nodes and their folders remember: one that has the keys of another cluster's shard is not used for this one's. It is not to be changed.
# [[node]]   id: its name. address: host:port. kind: \"switchyard\" or \"redis\". zone: what it fails together with (optional).
# [[shard]]  id: its name. primary: the node that executes commands. in-sync: nodes that have every acknowledged write,
#            the primary among them. learners: nodes still copying. weight: its share of slots relative to the others, 100 as a
#            rule. epoch: raise it by 1 whenever you change its primary or its slots. slots: \"0-5460 9000\"; every slot from
#            0 to 16383 belongs to exactly one shard. A node may be followed by the life of it that is meant, its incarnation:
#            \"n1@16 hexadecimal digits\" in in-sync and learners; proxies write that, you write \"n1\". copies: how many nodes
#            it is to have, as many as are listed unless said; spare nodes fill up the rest. min-in-sync: how many of them must have
#            every acknowledged write, 1 unless said; 1 lets the last copy go on alone.
# [[colocate]] keys that share one slot, for applications that use them together without hash tags. name: any text; its slot is theirs.
#            keys: what they begin with, and a star: [\"bull:*\"]; \"*\" means all others. database: 3, or
#            [3, 4], all keys of these, whatever they begin with. Keys that are there do not travel when this changes.
# [[loss]]   proxies write it: that an operator has given up acknowledged writes of a shard, and why.

# Raise it by 1 with every change: proxies refuse a version older than the one they have.
# Slots that change hands leave their keys behind: proxies take up such a version only where the file says that this is meant, with a line
# key-loss-accepted-at-version = N, N being the version at which they do.
";

/// Writes a topology as TOML with comments, as [`print_document`] does, where nobody says anything about the step to it.
#[must_use]
pub fn print(topology: &Topology) -> String {
    print_with(topology, None)
}

/// Writes all that a file holds as TOML with comments.
#[must_use]
pub fn print_document(document: &Document) -> String {
    print_with(&document.topology, document.key_loss_accepted_at)
}

fn print_with(topology: &Topology, key_loss_accepted_at: Option<Version>) -> String {
    let mut text = String::from(HEADER);
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let written = text
            .write_fmt(arguments)
            .and_then(|()| text.write_char('\n'));
        debug_assert!(written.is_ok());
    };
    line(format_args!("version = {}", topology.version));
    if let Some(cluster) = &topology.cluster {
        line(format_args!("cluster = {}", quoted(cluster.as_str())));
    }
    if let Some(version) = key_loss_accepted_at {
        line(format_args!("{ACCEPTANCE} = {version}"));
    }
    for node in &topology.nodes {
        line(format_args!("\n[[node]]"));
        line(format_args!("id = {}", quoted(node.id.as_str())));
        line(format_args!(
            "address = {}",
            quoted(&node.address.to_string())
        ));
        if node.kind != NodeKind::default() {
            line(format_args!("kind = {}", quoted(&node.kind.to_string())));
        }
        if let Some(zone) = &node.zone {
            line(format_args!("zone = {}", quoted(zone.as_str())));
        }
    }
    for shard in &topology.shards {
        let names = |lives: &Lives| {
            let names = Member::all(lives).map(|member| quoted(&member.to_string()));
            names.collect::<Vec<String>>().join(", ")
        };
        line(format_args!("\n[[shard]]"));
        line(format_args!("id = {}", quoted(shard.id.as_str())));
        line(format_args!("epoch = {}", shard.epoch));
        line(format_args!("weight = {}", shard.weight));
        line(format_args!("primary = {}", quoted(shard.primary.as_str())));
        line(format_args!("in-sync = [{}]", names(&shard.in_sync)));
        line(format_args!("learners = [{}]", names(&shard.learners)));
        if shard.copies != shard.listed_copies() {
            line(format_args!("copies = {}", shard.copies));
        }
        if shard.min_in_sync != DEFAULT_MIN_IN_SYNC {
            line(format_args!("min-in-sync = {}", shard.min_in_sync));
        }
        line(format_args!("slots = {}", quoted(&shard.slots.to_string())));
    }
    for colocation in &topology.colocations {
        line(format_args!("\n{}", print_colocation(colocation)));
    }
    for loss in &topology.losses {
        line(format_args!("\n[[loss]]"));
        line(format_args!("version = {}", loss.version));
        line(format_args!("shard = {}", quoted(loss.shard.as_str())));
        line(format_args!("proof = {}", quoted(loss.proof.as_str())));
    }
    text
}

/// One rule as it stands in a topology, without an end of its last line.
#[must_use]
pub fn print_colocation(rule: &Colocation) -> String {
    let keys = rule.keys.iter().map(|key| quoted(&key.to_string()));
    let keys = keys.collect::<Vec<String>>().join(", ");
    let mut text = format!("[[colocate]]\nname = {}", quoted(&rule.name));
    if !rule.keys.is_empty() || rule.databases.is_empty() {
        text.push_str(&format!("\nkeys = [{keys}]"));
    }
    let databases = rule.databases.iter().map(u8::to_string);
    let databases = databases.collect::<Vec<String>>().join(", ");
    match rule.databases.len() {
        0 => {}
        1 => text.push_str(&format!("\ndatabase = {databases}")),
        _ => text.push_str(&format!("\ndatabase = [{databases}]")),
    }
    text
}

#[cfg(test)]
mod tests;
