//! Which rules `[[colocate]]` would have avoided what was refused because keys lie in several slots.
//! Pure. Never: changes the topology. Bound: that of what is counted ([`CrossSlots`]).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};
use shared::topology::text::print_colocation;
use shared::topology::{ACCEPTANCE, Colocation, KeyPrefix, MAX_PATTERNS, Placement};

use crate::metrics::cross_slot::{CrossSlots, Pair};

/// Keys that are used together, in one way or another.
struct Group<'a> {
    /// Of these the first was refused most often.
    pairs: Vec<&'a Pair>,
    rule: Result<Proposal, &'static str>,
}

/// A rule that would keep them together.
struct Proposal {
    rule: Colocation,
    /// Names of rules in whose place it stands.
    replaces: Vec<String>,
}

/// What was refused, and what would help.
pub(super) struct Advice<'a> {
    refused: u64,
    groups: Vec<Group<'a>>,
}

impl<'a> Advice<'a> {
    /// By what has been refused, and the rules that there are. What these keep together by now needs no advice.
    pub(super) fn of(slots: &'a CrossSlots, rules: &[Colocation]) -> Self {
        let placement = Placement::new(rules);
        let is_apart = |pair: &&Pair| {
            let [one, other] = pair.keys.each_ref().map(|key| placement.slot_of_name(key));
            one != other
        };
        let pairs = slots.worst_first().into_iter().filter(is_apart).collect();
        let mut names: BTreeSet<String> = rules.iter().map(|rule| rule.name.clone()).collect();
        let groups = together(pairs).into_iter().map(|pairs| Group {
            rule: propose(&pairs, rules, &mut names),
            pairs,
        });
        Self {
            refused: slots.refused,
            groups: groups.collect(),
        }
    }

    /// For machines.
    pub(super) fn as_json(&self) -> String {
        let groups = self.groups.iter().map(Group::as_json);
        let all = json!({ "refused": self.refused, "advice": groups.collect::<Value>() });
        format!("{all}\n")
    }

    /// For people.
    pub(super) fn as_text(&self) -> String {
        if self.refused == 0 {
            return "nothing was refused because keys lie in several slots since this proxy was started\n"
                .to_owned();
        }
        let mut text = format!(
            "{} requests were refused because keys lie in several slots (CROSSSLOT) since this proxy was started\n",
            self.refused
        );
        if self.groups.is_empty() {
            text.push_str("the rules that stand now keep all these keys together\n");
            return text;
        }
        for group in &self.groups {
            group.write(&mut text);
        }
        // Writing to memory cannot fail.
        writeln!(
            text,
            "\nKeys of one rule live on one shard, all of them. Keys that exist do not travel when rules change: where there are several shards, proxies refuse the topology with a new rule, whether or not there are such keys, until it says {ACCEPTANCE}."
        )
        .ok();
        text
    }
}

impl Group<'_> {
    fn count(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.count).sum()
    }

    fn over(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.over).sum()
    }

    fn as_json(&self) -> Value {
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = self.pairs.iter().map(|pair| {
            json!({
                "refused": pair.count,
                "too_great_by_at_most": pair.over,
                "prefixes": pair.prefixes.each_ref().map(|prefix| words(prefix)),
                "keys": pair.keys.each_ref().map(|key| words(key)),
            })
        });
        let proposal = self.rule.as_ref().ok();
        json!({
            "refused": self.count(),
            "too_great_by_at_most": self.over(),
            "pairs": pairs.collect::<Value>(),
            "rule": proposal.map(|proposal| print_colocation(&proposal.rule)),
            "replaces": proposal.map(|proposal| &proposal.replaces),
            "no_rule_because": self.rule.as_ref().err(),
        })
    }

    fn write(&self, text: &mut String) {
        let about = match self.over() {
            0 => "",
            _ => "at most ",
        };
        let Some(worst) = self.pairs.first() else {
            return;
        };
        let [one, other] = worst
            .keys
            .each_ref()
            .map(|key| String::from_utf8_lossy(key));
        // Writing to memory cannot fail.
        writeln!(
            text,
            "\n{about}{} times, such as {one:?} with {other:?}:",
            self.count()
        )
        .ok();
        match &self.rule {
            Ok(proposal) => {
                if !proposal.replaces.is_empty() {
                    let names = proposal.replaces.join(", ");
                    writeln!(text, "(in place of what is called {names})").ok();
                }
                writeln!(text, "\n{}", print_colocation(&proposal.rule)).ok();
            }
            Err(why) => {
                writeln!(
                    text,
                    "no rule can keep them together, {why}; a hash tag can"
                )
                .ok();
            }
        }
    }
}

/// Pairs that share a beginning belong together; those first that were refused most often in all.
fn together(pairs: Vec<&Pair>) -> Vec<Vec<&Pair>> {
    let mut groups: Vec<(Vec<&Pair>, BTreeSet<&[u8]>)> = Vec::new();
    for pair in pairs {
        let mut prefixes: BTreeSet<&[u8]> = pair.prefixes.iter().map(|prefix| &**prefix).collect();
        let mut joined = Vec::new();
        let mut apart = Vec::new();
        for (members, known) in groups {
            if known.is_disjoint(&prefixes) {
                apart.push((members, known));
            } else {
                joined.extend(members);
                prefixes.extend(known);
            }
        }
        joined.push(pair);
        apart.push((joined, prefixes));
        groups = apart;
    }
    let mut groups: Vec<Vec<&Pair>> = groups.into_iter().map(|(pairs, _)| pairs).collect();
    for pairs in &mut groups {
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    }
    groups.sort_by_key(|pairs| {
        let count: u64 = pairs.iter().map(|pair| pair.count).sum();
        std::cmp::Reverse(count)
    });
    groups
}

/// The rule that would keep the keys of these together: a new one, or what there is with more patterns.
fn propose(
    pairs: &[&Pair],
    rules: &[Colocation],
    names: &mut BTreeSet<String>,
) -> Result<Proposal, &'static str> {
    let prefixes = pairs.iter().flat_map(|pair| &pair.prefixes);
    let prefixes: BTreeSet<&[u8]> = prefixes.map(|prefix| &**prefix).collect();
    let mut keys: BTreeSet<KeyPrefix> = BTreeSet::new();
    let mut touched: Vec<&Colocation> = Vec::new();
    for prefix in prefixes {
        let text = std::str::from_utf8(prefix);
        let text = text.map_err(|_| "for what they begin with is no text")?;
        if text.is_empty() {
            return Err("for one of them is empty, and what begins with that is every key");
        }
        match rule_for(rules, text) {
            Some(rule) if touched.contains(&rule) => {}
            Some(rule) => touched.push(rule),
            None => {
                let pattern = format!("{text}*").parse();
                keys.insert(pattern.map_err(
                    |_| "for what they begin with has letters that patterns have a meaning for",
                )?);
            }
        }
    }
    keys.extend(touched.iter().flat_map(|rule| rule.keys.clone()));
    if keys.len() > MAX_PATTERNS {
        return Err("for it would have too many patterns");
    }
    let first = keys.iter().next().map_or("", KeyPrefix::prefix);
    let name = match touched.first() {
        Some(rule) => rule.name.clone(),
        None => unused_name(first, names),
    };
    Ok(Proposal {
        rule: Colocation {
            name,
            keys: keys.into_iter().collect(),
            databases: touched
                .iter()
                .flat_map(|rule| rule.databases.clone())
                .collect(),
        },
        replaces: touched.iter().map(|rule| rule.name.clone()).collect(),
    })
}

/// The rule that decides of keys that begin so: that of the longest pattern; `*` means what nobody else does, and makes room for another one.
fn rule_for<'a>(rules: &'a [Colocation], beginning: &str) -> Option<&'a Colocation> {
    let patterns = rules
        .iter()
        .flat_map(|rule| rule.keys.iter().map(move |key| (key.prefix(), rule)));
    let meant = patterns.filter(|(prefix, _)| !prefix.is_empty() && beginning.starts_with(prefix));
    let longest = meant.max_by_key(|(prefix, _)| prefix.len());
    longest.map(|(_, rule)| rule)
}

/// A name for a new rule, after the first of its beginnings.
fn unused_name(beginning: &str, names: &mut BTreeSet<String>) -> String {
    let named = beginning.trim_matches(|letter: char| !letter.is_alphanumeric());
    let mut name = match named {
        "" => "together".to_owned(),
        named => named.to_owned(),
    };
    while !names.insert(name.clone()) {
        name.push('+');
    }
    name
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::topology::text::parse;

    use super::*;

    fn advice_on(pairs: &[(&str, &str)], rules: &[(&str, &[&str])]) -> String {
        let mut slots = CrossSlots::default();
        for (one, other) in pairs {
            slots.note([one.as_bytes(), other.as_bytes()]);
        }
        let rules: Vec<Colocation> = rules
            .iter()
            .map(|(name, keys)| Colocation {
                name: (*name).to_owned(),
                keys: keys.iter().map(|key| key.parse().unwrap()).collect(),
                databases: Vec::new(),
            })
            .collect();
        let advice = Advice::of(&slots, &rules);
        let rules = advice.groups.iter().map(|group| match &group.rule {
            Ok(proposal) => {
                let keys: Vec<String> = proposal
                    .rule
                    .keys
                    .iter()
                    .map(KeyPrefix::to_string)
                    .collect();
                format!(
                    "{} {} {}",
                    group.count(),
                    proposal.rule.name,
                    keys.join(" ")
                )
            }
            Err(why) => format!("{} {why}", group.count()),
        });
        rules.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_is_used_together_gets_one_rule_and_the_worst_comes_first() {
        assert_eq!(advice_on(&[], &[]), "");
        let pairs = [
            ("a:1", "b:1"),
            ("x:1", "x:2"),
            ("x:1", "x:2"),
            ("x:1", "x:3"),
            ("x:4", "y:5"),
            ("b:1", "c:1"),
        ];
        assert_eq!(advice_on(&pairs, &[]), "4 x x:* y:*, 2 a a:* b:* c:*");
        let text = {
            let mut slots = CrossSlots::default();
            slots.note([b"order:1", b"stock:2"]);
            Advice::of(&slots, &[]).as_text()
        };
        let rule = "\n\n[[colocate]]\nname = \"order\"\nkeys = [\"order:*\", \"stock:*\"]\n";
        assert!(text.contains(rule), "{text}");
        assert!(
            text.contains("1 times, such as \"order:1\" with \"stock:2\""),
            "{text}"
        );
        assert!(text.contains(ACCEPTANCE), "{text}");
    }

    #[test]
    fn rules_that_stand_are_taken_into_account() {
        let bull: &[(&str, &[&str])] = &[("bull", &["bull:*"])];
        assert_eq!(advice_on(&[("bull:1", "bull:2")], bull), "");
        assert_eq!(
            advice_on(&[("bull:1", "mail:2")], bull),
            "1 bull bull:* mail:*"
        );
        assert_eq!(advice_on(&[("a:1", "bull")], bull), "1 a a:* bull*");
        let two: &[(&str, &[&str])] = &[("a", &["a:*"]), ("b", &["b:*", "b.*"])];
        assert_eq!(advice_on(&[("a:1", "b:2")], two), "1 a a:* b.* b:*");
        // A name of its own.
        assert_eq!(advice_on(&[("a.1", "c.2")], two), "1 a+ a.* c.*");
    }

    #[test]
    fn a_topology_that_follows_the_advice_is_understood() {
        let longest = "x".repeat(300);
        for one in [":", "\"a\"", "'", "a\nb", "\0", "#", "\u{7f}ß", &longest] {
            let mut slots = CrossSlots::default();
            slots.note([one.as_bytes(), b"other:1"]);
            let advice = Advice::of(&slots, &[]);
            let rule = advice.groups[0].rule.as_ref().unwrap();
            let text = print_colocation(&rule.rule);
            let node = "version = 1\n[[node]]\nid = \"n\"\naddress = \"127.0.0.1:1\"\n";
            let shard = "[[shard]]\nid = \"s\"\nprimary = \"n\"\nslots = \"0-16383\"\n";
            let topology = parse(Path::new("t"), &format!("{node}{shard}{text}\n"));
            let written = topology.unwrap_or_else(|problems| panic!("{text}: {problems}"));
            assert_eq!(written.colocations[0].keys, rule.rule.keys, "{text}");
            let keys = &rule.rule.keys;
            assert!(
                keys.iter().any(|key| one.starts_with(key.prefix())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_rule_can_mean_is_said() {
        assert_eq!(
            advice_on(&[("a*b", "c")], &[]),
            "1 for what they begin with has letters that patterns have a meaning for"
        );
        assert_eq!(
            advice_on(&[("", "c")], &[]),
            "1 for one of them is empty, and what begins with that is every key"
        );
        let many: Vec<(String, String)> = (0..MAX_PATTERNS)
            .map(|number| (format!("p{number}:1"), "hub:1".to_owned()))
            .collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(one, two)| (&**one, &**two)).collect();
        assert_eq!(
            advice_on(&many, &[]),
            "64 for it would have too many patterns"
        );
        let mut slots = CrossSlots::default();
        slots.note([b"\xff:1", b"b:1"]);
        let json = Advice::of(&slots, &[]).as_json();
        assert!(
            json.contains("\"no_rule_because\":\"for what they begin with is no text\""),
            "{json}"
        );
    }
}
