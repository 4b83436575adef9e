//! Libraries of functions that a shard may lack: which shards those are, what a node says of its libraries, and what is said to it.
//! Pure. Never: decides which of two versions of a library is the newer one: what a shard has is left as it is, and that two differ is said.

use std::collections::{BTreeMap, BTreeSet};

use shared::resp::Frame;
use shared::topology::{NodeId, Shard, ShardId, Topology};

/// Longest name of a library that is brought.
const LONGEST_NAME: usize = 1_024;

/// Asks which libraries there are.
pub(super) const LIST: [&str; 2] = ["FUNCTION", "LIST"];

/// Shards that were not there before, if others were that are still there: those have the functions.
pub(super) fn new_shards(before: &Topology, now: &Topology) -> BTreeSet<ShardId> {
    let known: BTreeSet<&ShardId> = before.shards.iter().map(|shard| &shard.id).collect();
    let is_new = |shard: &&Shard| !known.contains(&shard.id);
    let new: BTreeSet<ShardId> = { now.shards.iter() }
        .filter(is_new)
        .map(|shard| shard.id.clone())
        .collect();
    match new.len() < now.shards.len() {
        true => new,
        false => BTreeSet::new(),
    }
}

/// The shard of a node that has lost what it had when it has been away: nobody follows it, and others have the same functions.
pub(super) fn alone(topology: &Topology, node: &NodeId) -> Option<ShardId> {
    let is_its = |shard: &&Shard| shard.primary == *node && shard.followers().next().is_none();
    let shard = topology.shards.iter().find(is_its)?;
    (topology.shards.len() > 1).then(|| shard.id.clone())
}

/// A library, and its text if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Library {
    pub(super) name: String,
    pub(super) text: Option<Vec<u8>>,
}

/// What FUNCTION LIST says, in either protocol; `None`: it is no list.
pub(super) fn read(reply: Frame) -> Option<Vec<Library>> {
    let listed = reply.into_elements()?.into_iter();
    listed
        .map(|library| one(library.into_elements()?))
        .collect()
}

fn one(facts: Vec<Frame>) -> Option<Library> {
    let (mut name, mut text) = (None, None);
    let mut facts = facts.into_iter();
    while let (Some(fact), Some(value)) = (facts.next(), facts.next()) {
        match fact.as_bytes()? {
            b"library_name" => name = Some(read_name(value.as_bytes()?)?),
            b"library_code" => text = Some(value.as_bytes()?.to_vec()),
            _ => {}
        }
    }
    let name = name?;
    Some(Library { name, text })
}

/// Letters, digits and `_`, as servers take them: in a pattern it means itself.
fn read_name(name: &[u8]) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_name = name.len() <= LONGEST_NAME && name.iter().all(is_plain);
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Asks for the text of one.
pub(super) fn ask_text(name: &str) -> [&[u8]; 5] {
    [
        b"FUNCTION",
        b"LIST",
        b"LIBRARYNAME",
        name.as_bytes(),
        b"WITHCODE",
    ]
}

/// Asks for the texts of all.
pub(super) const LIST_TEXTS: [&str; 3] = ["FUNCTION", "LIST", "WITHCODE"];

/// What shards lack of each other, and where they differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// For a shard, which libraries to bring, each from one of those that have it.
    pub(super) missing: BTreeMap<ShardId, BTreeMap<ShardId, Vec<String>>>,
    /// Libraries of which there are several texts, with the shards that have the same one. Nobody brings them anywhere: which is the right one, people know.
    pub(super) differing: Differing,
}

/// Libraries, and groups of shards.
pub(super) type Differing = BTreeMap<String, Vec<Vec<ShardId>>>;

/// Compares what shards have, with its texts.
pub(super) fn compare(shards: &BTreeMap<ShardId, Vec<Library>>) -> Compared {
    let mut having: BTreeMap<&str, BTreeMap<&[u8], Vec<ShardId>>> = BTreeMap::new();
    for (shard, libraries) in shards {
        for library in libraries {
            let text = library.text.as_deref().unwrap_or_default();
            let texts = having.entry(&library.name).or_default();
            texts.entry(text).or_default().push(shard.clone());
        }
    }
    let mut compared = Compared::default();
    for (name, texts) in having {
        let groups: Vec<Vec<ShardId>> = texts.into_values().collect();
        let [only] = &groups[..] else {
            compared.differing.insert(name.to_owned(), groups);
            continue;
        };
        let Some(from) = only.first() else { continue };
        for shard in shards.keys().filter(|shard| !only.contains(shard)) {
            let sources = compared.missing.entry(shard.clone()).or_default();
            let names = sources.entry(from.clone()).or_default();
            names.push(name.to_owned());
        }
    }
    compared
}

/// What a refusal of FUNCTION LOAD means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Somebody else has brought it, or something newer is in its place: that is as it should be.
    There,
    /// It may be otherwise in a moment.
    NotYet,
}

/// Reads a refusal.
pub(super) fn refusal(text: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(text);
    match text.contains("already exists") {
        true => Refusal::There,
        false => Refusal::NotYet,
    }
}

/// Whether a server says that it knows nothing of functions.
pub(super) fn knows_none(reply: &Frame) -> bool {
    let text = reply.as_bytes().unwrap_or_default();
    reply.is_error() && text.starts_with(b"ERR unknown command")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::topology_of;
    use shared::resp::decode;

    fn topology(names: &[&str]) -> Topology {
        topology_of(names).topology.clone()
    }

    #[test]
    fn a_shard_is_new_when_others_were_there_before() {
        let check = |before: &[&str], now: &[&str], expected: &[&str]| {
            let new = new_shards(&topology(before), &topology(now));
            let new: Vec<&str> = new.iter().map(ShardId::as_str).collect();
            assert_eq!(new, expected, "{before:?} {now:?}");
        };
        check(&["a", "b"], &["a", "b", "c"], &["c"]);
        check(&["a", "b"], &["b", "c", "d"], &["c", "d"]);
        check(&["a", "b"], &["a", "b"], &[]);
        check(&["a", "b"], &["a"], &[]);
        check(&["a"], &["c"], &[]);
    }

    #[test]
    fn a_node_that_nobody_follows_may_come_back_empty() {
        let of = |topology: &Topology, node: &str| {
            let shard = alone(topology, &node.parse().unwrap());
            shard.map(|shard| shard.to_string())
        };
        let mut two = topology(&["a", "b"]);
        assert_eq!(of(&two, "n-b").as_deref(), Some("b"));
        assert_eq!(of(&two, "n-c"), None);
        assert_eq!(of(&topology(&["a"]), "n-a"), None);
        let follower: NodeId = "n-f".parse().unwrap();
        two.shards[1].learners.insert(follower, None);
        assert_eq!(of(&two, "n-b"), None);
    }

    #[test]
    fn what_some_lack_is_brought_and_what_differs_is_named() {
        let has = |texts: &[(&str, &str)]| -> Vec<Library> {
            let one = |(name, text): &(&str, &str)| Library {
                name: (*name).to_owned(),
                text: Some(text.as_bytes().to_vec()),
            };
            texts.iter().map(one).collect()
        };
        let id = |name: &str| -> ShardId { name.parse().unwrap() };
        let shards = BTreeMap::from([
            (id("a"), has(&[("all", "1"), ("one", "1"), ("other", "x")])),
            (id("b"), has(&[("all", "1"), ("two", "2"), ("other", "y")])),
            (id("c"), has(&[("all", "1"), ("other", "x")])),
            (id("d"), has(&[])),
        ]);
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let from = |sources: &[(&str, &[&str])]| {
            let sources = sources.iter();
            sources
                .map(|(shard, libraries)| (id(shard), names(libraries)))
                .collect()
        };
        let compared = compare(&shards);
        let missing = BTreeMap::from([
            (id("a"), from(&[("b", &["two"])])),
            (id("b"), from(&[("a", &["one"])])),
            (id("c"), from(&[("a", &["one"]), ("b", &["two"])])),
            (id("d"), from(&[("a", &["all", "one"]), ("b", &["two"])])),
        ]);
        assert_eq!(compared.missing, missing);
        let groups = vec![vec![id("a"), id("c")], vec![id("b")]];
        assert_eq!(
            compared.differing,
            BTreeMap::from([("other".to_owned(), groups)])
        );
        assert_eq!(compare(&BTreeMap::new()), Compared::default());
    }

    #[test]
    fn what_servers_say_of_their_libraries_is_read() {
        let frame = |text: &str| decode(text.as_bytes()).unwrap().unwrap().0;
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let facts = [
            bulk("library_name"),
            bulk("lib"),
            bulk("engine"),
            bulk("LUA"),
            bulk("functions"),
            "*0\r\n".to_owned(),
            bulk("library_code"),
            bulk("#!lua name=lib\n…"),
        ]
        .concat();
        let expected = vec![Library {
            name: "lib".to_owned(),
            text: Some("#!lua name=lib\n…".into()),
        }];
        for head in ["*8", "%4"] {
            let reply = frame(&format!("*1\r\n{head}\r\n{facts}"));
            assert_eq!(read(reply), Some(expected.clone()), "{head}");
        }
        assert_eq!(read(frame("*0\r\n")), Some(Vec::new()));
        let strange = format!("*1\r\n*2\r\n{}{}", bulk("library_name"), bulk("l*"));
        for rubbish in ["+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*0\r\n", &strange] {
            assert_eq!(read(frame(rubbish)), None, "{rubbish}");
        }
        assert!(knows_none(&frame("-ERR unknown command 'FUNCTION'\r\n")));
        assert!(!knows_none(&frame("-LOADING\r\n")));
        let there = b"ERR Library 'lib' already exists";
        assert_eq!(refusal(there), Refusal::There);
        assert_eq!(refusal(b"STALEEPOCH 1 2"), Refusal::NotYet);
    }
}
