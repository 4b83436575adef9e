//! What a client that owns its keys alone may see of them: for each key and node the values that the node may hold.
//! Pure. Invariant: the value that a node truly holds is among them, so whatever is read beyond them is untrue.

use shared::slot::SlotId;

/// Shards, a node each.
pub(super) const SHARDS: usize = 3;

/// Slots that change hands together; 16 such bands.
const BAND: usize = 1024;

/// The node that leads a slot by a version of the topology: every second band of slots moves on by one node with each version.
pub(super) fn leader(slot: SlotId, version: u64) -> usize {
    band_leader(usize::from(slot.number()) / BAND, version)
}

fn band_leader(band: usize, version: u64) -> usize {
    let moved = if band % 2 == 1 { version } else { 0 };
    (band + usize::try_from(moved).expect("small")) % SHARDS
}

/// The slots of each node by that version, as the topology file has them.
pub(super) fn slots(version: u64) -> Vec<String> {
    let of_node = |node| {
        let bands = (0..16).filter(move |&band| band_leader(band, version) == node);
        let ranges = bands.map(|band| format!("{}-{}", band * BAND, band * BAND + BAND - 1));
        ranges.collect::<Vec<_>>().join(" ")
    };
    (0..SHARDS).map(of_node).collect()
}

/// A value that no other command of any client has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) client: usize,
    pub(super) number: u64,
    pub(super) length: usize,
}

impl Value {
    /// Its own name over and over: a byte that is missing or another's is seen.
    pub(super) fn bytes(self) -> Vec<u8> {
        let name = format!("<{}.{}>", self.client, self.number);
        let mut bytes = name.as_bytes().repeat(self.length / name.len() + 1);
        bytes.truncate(self.length);
        bytes
    }
}

/// What a key may hold.
pub(super) type Held = Option<Value>;

/// When a command was carried out: by which topologies, and in which lives of the nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The version that was in use for certain when it was sent.
    pub(super) from: u64,
    /// The newest that may have been in use when it was answered.
    pub(super) to: u64,
    /// Deaths of each node that were over when it was sent.
    pub(super) deaths_before: [u64; SHARDS],
    /// Those that had begun when it was answered.
    pub(super) deaths_by_end: [u64; SHARDS],
    /// The death of each node in which it was sent; 0: it lived.
    pub(super) dead_in: [u64; SHARDS],
    /// No version before this one led it to the node, which was dead from before it was sent until that version was in use: what has not been sent is routed
    /// by the newest.
    pub(super) first_version: [u64; SHARDS],
}

impl Span {
    fn leaders(&self, slot: SlotId) -> Vec<usize> {
        let mut nodes: Vec<usize> = (self.from..=self.to)
            .filter(|&version| version >= self.first_version[leader(slot, version)])
            .map(|version| leader(slot, version))
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

/// What is known of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    NotApplied,
    Unknown,
}

/// What one node may hold of a key.
#[derive(Clone, Debug)]
struct Place {
    possible: Vec<Held>,
    /// Deaths of the node that are accounted for: a later one may have emptied it.
    deaths: u64,
}

impl Place {
    fn add(&mut self, held: Held) {
        if !self.possible.contains(&held) {
            self.possible.push(held);
        }
    }

    fn settle(&mut self, held: Held, deaths: u64) {
        self.possible.clear();
        self.possible.push(held);
        self.deaths = deaths;
    }
}

/// A key and what may be true of it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    places: [Place; SHARDS],
    slot: SlotId,
    /// A write of which nobody knows has not been followed by one that was acknowledged.
    pub(super) is_unsettled: bool,
}

impl Key {
    /// One that has never been written.
    pub(super) fn new(name: &str) -> Self {
        let place = Place {
            possible: vec![None],
            deaths: 0,
        };
        Self {
            places: std::array::from_fn(|_| place.clone()),
            slot: SlotId::of_key(name.as_bytes()),
            is_unsettled: false,
        }
    }

    /// The values that a command of this time may have found.
    pub(super) fn possible(&mut self, span: &Span) -> Vec<Held> {
        let mut all = Vec::new();
        for node in span.leaders(self.slot) {
            let place = &mut self.places[node];
            if span.deaths_by_end[node] > place.deaths {
                place.add(None);
            }
            all.extend_from_slice(&place.possible);
        }
        all
    }

    /// It was written.
    pub(super) fn write(&mut self, value: Held, span: &Span, outcome: Outcome) {
        if outcome == Outcome::NotApplied {
            return;
        }
        self.is_unsettled = outcome == Outcome::Unknown;
        let nodes = span.leaders(self.slot);
        match (outcome, &nodes[..]) {
            (Outcome::Applied, &[node]) => {
                self.places[node].settle(value, span.deaths_before[node]);
            }
            _ => nodes.iter().for_each(|&node| self.places[node].add(value)),
        }
    }

    /// It was read.
    ///
    /// # Errors
    /// What it may have held, when this is not among it.
    pub(super) fn read(&mut self, held: Held, span: &Span) -> Result<(), String> {
        let possible = self.possible(span);
        if !possible.contains(&held) {
            return Err(format!("{held:?} is none of {possible:?} in {span:?}"));
        }
        if let &[node] = &span.leaders(self.slot)[..] {
            self.places[node].settle(held, span.deaths_before[node]);
        }
        Ok(())
    }
}

#[test]
fn a_key_may_hold_what_was_written_or_may_have_been() {
    let value = |number| {
        let (client, length) = (0, 9);
        Some(Value {
            client,
            number,
            length,
        })
    };
    // Slots of even bands never move.
    let name = (0..)
        .map(|number| format!("key:{number}"))
        .find(|name| usize::from(SlotId::of_key(name.as_bytes()).number()) / BAND == 0)
        .expect("one in sixteen");
    let span = |before: u64, by_end: u64| Span {
        from: 2,
        to: 3,
        deaths_before: [before; SHARDS],
        deaths_by_end: [by_end; SHARDS],
        dead_in: [0; SHARDS],
        first_version: [0; SHARDS],
    };
    let mut key = Key::new(&name);
    assert!(key.read(None, &span(0, 0)).is_ok());
    key.write(value(1), &span(0, 0), Outcome::Applied);
    assert!(key.read(None, &span(0, 0)).is_err());
    key.write(value(2), &span(0, 0), Outcome::NotApplied);
    assert!(key.read(value(2), &span(0, 0)).is_err());
    key.write(value(3), &span(0, 0), Outcome::Unknown);
    assert_eq!(key.possible(&span(0, 0)), [value(1), value(3)]);
    // What was seen stays; what was not seen never was.
    assert!(key.read(value(3), &span(0, 0)).is_ok());
    assert!(key.read(value(1), &span(0, 0)).is_err());
    // A death forgets, also one that had only begun when the write was answered.
    assert_eq!(key.possible(&span(0, 1)), [value(3), None]);
    key.write(value(4), &span(0, 1), Outcome::Applied);
    assert_eq!(key.possible(&span(1, 1)), [value(4), None]);
    key.write(value(5), &span(1, 1), Outcome::Applied);
    assert_eq!(key.possible(&span(1, 1)), [value(5)]);
}

#[test]
fn a_slot_that_moves_leaves_its_values_behind() {
    let name = (0..)
        .map(|number| format!("key:{number}"))
        .find(|name| usize::from(SlotId::of_key(name.as_bytes()).number()) / BAND == 1)
        .expect("one in sixteen");
    let span = |from, to| Span {
        from,
        to,
        deaths_before: [0; SHARDS],
        deaths_by_end: [0; SHARDS],
        dead_in: [0; SHARDS],
        first_version: [0; SHARDS],
    };
    let value = Some(Value {
        client: 0,
        number: 1,
        length: 9,
    });
    let mut key = Key::new(&name);
    key.write(value, &span(2, 2), Outcome::Applied);
    assert_eq!(key.possible(&span(2, 3)), [value, None]);
    assert_eq!(key.possible(&span(3, 3)), [None]);
    assert_eq!(key.possible(&span(5, 5)), [value]);
    // A node that was dead until it led the slot no more was not asked.
    let dead = leader(SlotId::of_key(name.as_bytes()), 2);
    let mut late = span(2, 3);
    late.first_version[dead] = 3;
    assert_eq!(key.possible(&late), [None]);
}
