//! Which keys are a shard's own: what its nodes are told by proxies, and ask when a script names keys by itself.
//! Pure. The words are `slots` and then, for each rule, `RULE name`, `KEYS pattern` …, `DATABASE number` …, as the topology has them.

use super::colocation::{KeyPrefix, LONGEST, MAX_COLOCATIONS, MAX_PATTERNS, Placement};
use super::{Shard, Topology};
use crate::resp::{Args, ErrorReply};
use crate::slot::{SlotId, SlotSet};
use std::str::FromStr;

/// Most words: those of the longest topology.
const MOST_WORDS: usize = 2 + 2 * MAX_COLOCATIONS * (1 + 2 * MAX_PATTERNS);

/// Longest text of slots: every other one alone.
const LONGEST_SLOTS: usize = 64 * 1024;

/// The keys of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalKeys {
    placement: Placement,
    slots: SlotSet,
}

impl LocalKeys {
    /// What a shard's nodes are told.
    #[must_use]
    pub fn words(topology: &Topology, shard: &Shard) -> Vec<String> {
        let mut words = vec![shard.slots.to_string()];
        for rule in &topology.colocations {
            words.extend(["RULE".to_owned(), rule.name.clone()]);
            for key in &rule.keys {
                words.extend(["KEYS".to_owned(), key.to_string()]);
            }
            for database in &rule.databases {
                words.extend(["DATABASE".to_owned(), database.to_string()]);
            }
        }
        words
    }

    /// Reads these words, in one go.
    ///
    /// # Errors
    /// A word that is not what it should be, or too many.
    pub fn read(words: Args<'_>) -> Result<Self, ErrorReply> {
        let mut reading = LocalKeysInPart::begin(words)?;
        while !reading.go_on(words, usize::MAX)? {}
        Ok(reading.end())
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.placement.bytes()
    }

    /// Whether a key of a database is one of them.
    #[must_use]
    pub fn have(&self, database: u16, key: &[u8]) -> bool {
        self.slots.contains(self.placement.slot_of(database, key))
    }
}

/// The words of a shard, of which some have been read.
#[derive(Debug)]
pub struct LocalKeysInPart {
    slots: SlotSet,
    placement: Placement,
    /// The slot of the last rule, and how many patterns and databases it has so far.
    rule: Option<(SlotId, usize, usize)>,
    rules: usize,
    /// The word that is read next.
    next: usize,
}

impl LocalKeysInPart {
    /// Reads the first word.
    ///
    /// # Errors
    /// It is not what it should be, or there are too many.
    pub fn begin(words: Args<'_>) -> Result<Self, ErrorReply> {
        if words.is_empty() || words.len() > MOST_WORDS || words.at(0).len() > LONGEST_SLOTS {
            return Err(ErrorReply::Syntax);
        }
        Ok(Self {
            slots: parsed(words.at(0))?,
            placement: Placement::default(),
            rule: None,
            rules: 0,
            next: 1,
        })
    }

    /// Reads so many more of the same words, in pairs; whether it has read all.
    ///
    /// # Errors
    /// A word that is not what it should be.
    pub fn go_on(&mut self, words: Args<'_>, pairs: usize) -> Result<bool, ErrorReply> {
        let mut rest = words.iter_from(self.next);
        for _ in 0..pairs {
            let Some(kind) = rest.next() else {
                return Ok(true);
            };
            let word = rest.next().ok_or(ErrorReply::Syntax)?;
            self.take(kind, word)?;
            self.next += 2;
        }
        Ok(rest.next().is_none())
    }

    fn take(&mut self, kind: &[u8], word: &[u8]) -> Result<(), ErrorReply> {
        match (kind, &mut self.rule) {
            (b"RULE", rule) if self.rules < MAX_COLOCATIONS && word.len() <= LONGEST => {
                let name: String = parsed(word)?;
                *rule = Some((SlotId::of_key(name.as_bytes()), 0, 0));
                self.rules += 1;
            }
            (b"KEYS", Some((slot, keys, _))) if *keys < MAX_PATTERNS => {
                self.placement
                    .add_prefix(&parsed::<KeyPrefix>(word)?, *slot);
                *keys += 1;
            }
            (b"DATABASE", Some((slot, _, databases))) if *databases < MAX_PATTERNS => {
                self.placement.add_database(parsed(word)?, *slot);
                *databases += 1;
            }
            _ => return Err(ErrorReply::Syntax),
        }
        Ok(())
    }

    /// What all words have said.
    #[must_use]
    pub fn end(mut self) -> LocalKeys {
        self.placement.order();
        LocalKeys {
            placement: self.placement,
            slots: self.slots,
        }
    }
}

fn parsed<T: FromStr>(word: &[u8]) -> Result<T, ErrorReply> {
    let text = std::str::from_utf8(word).ok();
    let value = text.and_then(|text| text.parse().ok());
    value.ok_or(ErrorReply::Syntax)
}

#[cfg(test)]
mod tests {
    use super::super::colocation::Colocation;
    use super::super::sample;
    use super::{LocalKeys, LocalKeysInPart};
    use crate::resp::{ArgRange, Args, ErrorReply};

    fn laid_out(words: &[String]) -> (Vec<u8>, Vec<ArgRange>) {
        let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
        for word in words {
            ranges.push(ArgRange::new(buffer.len(), word.len()));
            buffer.extend_from_slice(word.as_bytes());
        }
        (buffer, ranges)
    }

    fn read(words: &[String]) -> Result<LocalKeys, ErrorReply> {
        let (buffer, ranges) = laid_out(words);
        LocalKeys::read(Args::new(&buffer, &ranges))
    }

    #[test]
    fn each_key_is_of_one_shard_as_the_topology_says() {
        let mut topology = sample::two_shards();
        topology.colocations = vec![Colocation {
            name: "together".to_owned(),
            keys: ["bull:*", "a b*"]
                .map(|key| key.parse().expect("a pattern"))
                .to_vec(),
            databases: vec![3],
        }];
        let shards: Vec<LocalKeys> = topology
            .shards
            .iter()
            .map(|shard| read(&LocalKeys::words(&topology, shard)).expect("its own words"))
            .collect();
        let owners = |database: u16, key: &str| -> Vec<usize> {
            let shards = shards.iter().enumerate();
            let having = shards.filter(|(_, keys)| keys.have(database, key.as_bytes()));
            having.map(|(shard, _)| shard).collect()
        };
        let together = owners(0, "together");
        assert_eq!(together.len(), 1);
        let mut of_others = 0;
        for number in 0..100 {
            assert_eq!(owners(0, &format!("bull:{number}")), together);
            assert_eq!(owners(3, &format!("k{number}")), together);
            let alone = owners(0, &format!("k{number}"));
            assert_eq!(alone.len(), 1);
            of_others += usize::from(alone != together);
        }
        assert!(of_others > 10, "{of_others} of other shards");
    }

    #[test]
    fn in_parts_they_say_the_same() {
        let mut topology = sample::two_shards();
        topology.colocations = (0..40)
            .map(|number| Colocation {
                name: format!("rule {number}"),
                keys: vec![format!("{number}:*").parse().expect("a pattern")],
                databases: vec![number],
            })
            .collect();
        let words = LocalKeys::words(&topology, &topology.shards[0]);
        let (buffer, ranges) = laid_out(&words);
        let args = Args::new(&buffer, &ranges);
        let mut reading = LocalKeysInPart::begin(args).expect("slots");
        let mut parts = 1;
        while !reading.go_on(args, 7).expect("its own words") {
            parts += 1;
        }
        assert_eq!(parts, (40_usize * 3).div_ceil(7));
        assert_eq!(Ok(reading.end()), read(&words));
    }

    #[test]
    fn other_words_are_refused() {
        let words = |line: &str| line.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(read(&words("0-100 200/RULE/a/KEYS/x*/DATABASE/3/RULE/b")).is_ok());
        for line in [
            "x",
            "0-16384",
            "0-5/KEYS/x*",
            "0-5/RULE",
            "0-5/RULE/a/KEYS/x",
            "0-5/RULE/a/DATABASE/999",
            "0-5/ZORK/a",
        ] {
            assert_eq!(read(&words(line)), Err(ErrorReply::Syntax), "{line}");
        }
        assert!(read(&[]).is_err());
    }
}
