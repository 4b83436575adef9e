//! What proxies tell each other, as keys with short texts, and back.
//! Pure. Never: believes a text: what does not parse, or is not whole, is no view.
//!
//! Gossip brings keys one by one, and of many only some at a time, so a view is cut into parts. A node's name chooses its part, so that a node more or less
//! changes one part alone. The head says how many names all parts hold, and a sum over them: who does not find that in the parts has not got all of them yet.
//!
//! ```text
//!  view        HEARTBEAT COUNT SUM
//!  view/17     n1 n4|n4                          names that are doubted | that are suspected
//!  spare/n7    10.0.0.7:6380 zone-a 1700000000000   where, in what zone ("-": not known), since when by the clock of whoever tells, ms
//!  admin       10.0.0.3:9121                     where its admin listener is reached
//!  left        yes                               this proxy goes
//! ```

use protocol::View;
use protocol::controller::Announced;
use shared::topology::{MAX_NODES, NodeId};

/// The key of a view's head.
pub(super) const HEAD: &str = "view";

/// The key that says goodbye, and its text.
pub(super) const LEFT: &str = "left";
pub(super) const YES: &str = "yes";

/// The key that says where a proxy's admin listener is reached.
pub(super) const ADMIN: &str = "admin";

/// How the keys of spares begin.
pub(super) const SPARE: &str = "spare/";

/// Parts of a view: with the most nodes, all of them late and their names of the greatest length, a part has about 8 KiB, and a datagram takes several.
pub(super) const PARTS: usize = 128;

/// Longest text of a part. A datagram has 64 KiB, and a part must fit into one beside other things.
const LONGEST_PART: usize = 32 << 10;

/// The key of a part.
pub(super) fn part_key(part: usize) -> String {
    format!("{HEAD}/{part}")
}

/// Why a view cannot be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("more nodes are late than can be told of")]
pub(super) struct TooMuch;

/// A view in texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The text of each part, mostly empty.
    pub(super) parts: Vec<String>,
    /// The text of the head.
    pub(super) head: String,
}

/// Writes a view.
pub(super) fn write(view: &View<NodeId>) -> Result<Written, TooMuch> {
    let lists = [&view.doubted, &view.suspected];
    let mut parts = vec![[String::new(), String::new()]; PARTS];
    let mut content = Content::default();
    for (list, names) in lists.into_iter().enumerate() {
        if names.len() > MAX_NODES {
            return Err(TooMuch);
        }
        for name in names {
            content.add(list, name);
            let text = &mut parts[part_of(name)][list];
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(name.as_str());
        }
    }
    let join = |[doubted, suspected]: [String; 2]| match doubted.is_empty() && suspected.is_empty()
    {
        true => String::new(),
        false => format!("{doubted}|{suspected}"),
    };
    let parts: Vec<String> = parts.into_iter().map(join).collect();
    if parts.iter().any(|part| part.len() > LONGEST_PART) {
        return Err(TooMuch);
    }
    let head = format!("{} {} {}", view.heartbeat, content.count, content.sum);
    Ok(Written { parts, head })
}

/// A view that was read, and by what it is known again.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// The view.
    pub(super) view: View<NodeId>,
    content: Content,
}

/// What becomes of texts that are to be a view.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it is here.
    Whole(Read),
    /// Parts are on their way, or nothing was told yet.
    NotYet,
    /// It is no view, and never will be.
    Nonsense,
}

/// Reads a view. `last` is what the same proxy told before: where only the heartbeat is another, the parts are not read again.
pub(super) fn read<'a>(text_of: impl Fn(&str) -> Option<&'a str>, last: Option<&Read>) -> Outcome {
    let Some(head) = text_of(HEAD) else {
        return Outcome::NotYet;
    };
    let Some((heartbeat, told)) = read_head(head) else {
        return Outcome::Nonsense;
    };
    if let Some(last) = last.filter(|last| last.content == told) {
        let mut read = last.clone();
        read.view.heartbeat = heartbeat;
        return Outcome::Whole(read);
    }
    let mut view = View::new(heartbeat);
    let mut content = Content::default();
    for part in 0..PARTS {
        let text = text_of(&part_key(part)).unwrap_or_default();
        if read_part(text, &mut view, &mut content).is_none() {
            return Outcome::Nonsense;
        }
    }
    match content == told {
        true => Outcome::Whole(Read { view, content }),
        false => Outcome::NotYet,
    }
}

fn read_head(text: &str) -> Option<(u64, Content)> {
    let mut words = text.split(' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (heartbeat, count, sum) = (number()?, number()?, number()?);
    words
        .next()
        .is_none()
        .then_some((heartbeat, Content { count, sum }))
}

/// Adds what a part names; `None` when it is no part.
fn read_part(text: &str, view: &mut View<NodeId>, content: &mut Content) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    if text.len() > LONGEST_PART {
        return None;
    }
    let (doubted, suspected) = text.split_once('|')?;
    let lists = [
        (doubted, &mut view.doubted),
        (suspected, &mut view.suspected),
    ];
    for (list, (text, names)) in lists.into_iter().enumerate() {
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let name: NodeId = word.parse().ok()?;
            content.add(list, &name);
            names.insert(name);
            if names.len() > MAX_NODES {
                return None;
            }
        }
    }
    Some(())
}

/// What all parts together hold, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Content {
    count: u64,
    sum: u64,
}

impl Content {
    fn add(&mut self, list: usize, name: &NodeId) {
        self.count += 1;
        self.sum = self
            .sum
            .wrapping_add(hash(name).rotate_left(u32::from(list != 0)));
    }
}

fn part_of(name: &NodeId) -> usize {
    let places = PARTS as u64;
    usize::try_from(hash(name) % places).unwrap_or(0)
}

/// Spreads names; the same in every proxy of every version (FNV-1a; Fowler, Noll, Vo, 1991), and mixed once more, for its low bits alone are poor.
fn hash(name: &NodeId) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
}

/// A node that wants to be used, as a proxy tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spare {
    /// What the node says of itself.
    pub(super) announced: Announced,
    /// Since when it says that, wall-clock milliseconds of whoever heard it: of two that differ the newer counts.
    pub(super) since_ms: u64,
}

/// Writes a spare's text.
pub(super) fn write_spare(spare: &Spare) -> String {
    let Spare {
        announced: Announced { address, zone },
        since_ms,
    } = spare;
    match zone {
        Some(zone) => format!("{address} {zone} {since_ms}"),
        None => format!("{address} - {since_ms}"),
    }
}

/// Reads a spare's text.
pub(super) fn read_spare(text: &str) -> Option<Spare> {
    let mut words = text.split(' ');
    let address = words.next()?.parse().ok()?;
    let zone = match words.next()? {
        "-" => None,
        zone => Some(zone.parse().ok()?),
    };
    let since_ms = words.next()?.parse().ok()?;
    let announced = Announced { address, zone };
    words.next().is_none().then_some(Spare {
        announced,
        since_ms,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::testing::names;
    use super::*;

    fn texts(view: &View<NodeId>) -> BTreeMap<String, String> {
        let written = write(view).unwrap();
        let parts = written.parts.into_iter().enumerate();
        let parts = parts.map(|(part, text)| (part_key(part), text));
        parts.chain([(HEAD.to_owned(), written.head)]).collect()
    }

    fn read_all(texts: &BTreeMap<String, String>, last: Option<&Read>) -> Outcome {
        read(|key| texts.get(key).map(String::as_str), last)
    }

    fn whole(outcome: Outcome) -> Option<Read> {
        match outcome {
            Outcome::Whole(read) => Some(read),
            Outcome::NotYet | Outcome::Nonsense => None,
        }
    }

    fn view(heartbeat: u64, doubted: usize, suspected: usize) -> View<NodeId> {
        let of = |count| names((0..count).map(|number| format!("node-{number}")));
        View {
            heartbeat,
            doubted: of(doubted),
            suspected: of(suspected),
        }
    }

    #[test]
    fn a_view_comes_back_whatever_it_holds() {
        for (doubted, suspected) in [(0, 0), (1, 0), (1, 1), (0, 1), (5, 3), (8_192, 8_192)] {
            let view = view(7, doubted, suspected);
            let read = whole(read_all(&texts(&view), None));
            assert_eq!(read.unwrap().view, view, "{doubted} {suspected}");
        }
    }

    #[test]
    fn the_most_nodes_with_the_longest_names_fit() {
        let long = |number| format!("{number:-<64}");
        let all = names((0..MAX_NODES).map(long));
        let mut view = View::new(1);
        (view.doubted, view.suspected) = (all.clone(), all);
        let longest = write(&view).unwrap().parts.iter().map(String::len).max();
        assert!(longest < Some(LONGEST_PART / 2), "{longest:?}");
        view.doubted.insert(NodeId::numbered(1));
        assert_eq!(write(&view), Err(TooMuch));
    }

    #[test]
    fn a_node_more_changes_one_part_and_the_head() {
        let (before, after) = (texts(&view(1, 500, 100)), texts(&view(2, 501, 100)));
        let changed = after.iter().filter(|(key, text)| before[*key] != **text);
        assert_eq!(changed.count(), 2);
    }

    #[test]
    fn a_view_is_read_whole_or_not_at_all() {
        let (before, after) = (texts(&view(1, 50, 20)), texts(&view(2, 60, 22)));
        let last = whole(read_all(&before, None)).unwrap();
        let mut mixed = before.clone();
        for (key, text) in &after {
            assert!(
                matches!(read_all(&mixed, None), Outcome::NotYet)
                    || mixed == before
                    || mixed == after
            );
            mixed.insert(key.clone(), text.clone());
        }
        assert_eq!(
            whole(read_all(&mixed, Some(&last)))
                .unwrap()
                .view
                .doubted
                .len(),
            60
        );
        // Only the heartbeat is another.
        let beat = texts(&view(3, 50, 20));
        let head = [(HEAD.to_owned(), beat[HEAD].clone())].into();
        assert_eq!(
            whole(read_all(&head, Some(&last))).unwrap().view,
            view(3, 50, 20)
        );
        assert!(matches!(read_all(&head, None), Outcome::NotYet));
        assert!(matches!(
            read_all(&BTreeMap::new(), Some(&last)),
            Outcome::NotYet
        ));
    }

    #[test]
    fn nonsense_is_no_view() {
        let check = |key: &str, text: &str| {
            let mut texts = texts(&view(1, 3, 1));
            texts.insert(key.to_owned(), text.to_owned());
            let outcome = read_all(&texts, None);
            assert!(matches!(outcome, Outcome::Nonsense), "{key} {text:.40}");
        };
        for head in [
            "",
            "1",
            "1 2",
            "1 2 3 4",
            "-1 2 3",
            "1 2 99999999999999999999",
            "1  2 3",
        ] {
            check(HEAD, head);
        }
        let long = format!("{}|", "n1 ".repeat(LONGEST_PART));
        for part in ["n1", "n\u{e9}|", "n1|n/2", &"x".repeat(65), &long] {
            check("view/0", part);
        }
    }

    #[test]
    fn spares_come_back() {
        let check = |text: &str, good: bool| {
            let spare = read_spare(text);
            assert_eq!(spare.is_some(), good, "{text:?}");
            if let Some(spare) = spare {
                assert_eq!(write_spare(&spare), text);
            }
        };
        check("10.0.0.7:6380 zone-a 1700000000000", true);
        check("[::1]:6380 - 0", true);
        for wrong in [
            "",
            "x",
            "h:1",
            "h:1 z",
            "h:1 z -1",
            "h:1 z 1 2",
            "h:1 a/b 1",
            "h:1  1",
        ] {
            check(wrong, false);
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_stranger_does_harm(head in ".{0,40}", part in ".{0,200}", spare in ".{0,80}") {
            let texts = [(HEAD.to_owned(), head), (part_key(3), part)].into();
            read_all(&texts, None);
            read_spare(&spare);
        }

        #[test]
        fn any_view_comes_back(
            heartbeat: u64,
            doubted in proptest::collection::btree_set("[a-zA-Z0-9._-]{1,64}", 0..40),
            suspected in proptest::collection::btree_set("[a-z]{1,3}", 0..40),
        ) {
            let view = View { heartbeat, doubted: names(doubted), suspected: names(suspected) };
            let read = whole(read_all(&texts(&view), None));
            prop_assert_eq!(read.unwrap().view, view);
        }
    }
}
