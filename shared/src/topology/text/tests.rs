use super::*;
use crate::topology::{Address, Incarnation, MAX_COPIES, sample};
use proptest::prelude::*;

fn check(text: &str, expected: &[&str]) {
    let problems = match parse(Path::new("t.toml"), text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(problems, expected, "reading {text}");
}

const GOOD: &str = r#"version = 7

[[node]]
id = "n1"
address = "127.0.0.1:7001"

[[shard]]
id = "s1"
primary = "n1"
slots = "0-16383"
"#;

#[test]
fn the_shortest_topology_has_defaults_for_the_rest() {
    let topology = parse(Path::new("t.toml"), GOOD).unwrap();
    assert_eq!(topology.version, Version(7));
    let shard = &topology.shards[0];
    assert_eq!((shard.epoch, shard.weight.get()), (Epoch::FIRST, 100));
    assert_eq!(shard.in_sync, Lives::from([(shard.primary.clone(), None)]));
    assert_eq!(topology.nodes[0].kind, NodeKind::Switchyard);
}

#[test]
fn problems_of_the_text_are_reported_together_with_their_lines() {
    check(GOOD, &[]);
    check(
        &GOOD
            .replace("address", "adress")
            .replace("0-16383", "0-16384")
            .replace("version = 7", "version = -7"),
        &[
            "t.toml:1: \"-7\" is not a count",
            "t.toml:3: \"address\" is missing in [[node]]",
            "t.toml:5: unknown key \"adress\" in [[node]]; did you mean \"address\"?",
            "t.toml:10: slot 16384 does not exist; the last one is 16383",
        ],
    );
    check(
        "[[nodes]]\n",
        &[
            "t.toml: \"version\" is missing in the top level",
            "t.toml:1: unknown key \"nodes\" in the top level; did you mean \"node\"?",
        ],
    );
    check(
        &GOOD.replace("\"n1\"\nslots", "[\"n1\"]\nslots"),
        &["t.toml:9: \"primary\" in [[shard]] cannot be of type array"],
    );
    check(
        &GOOD.replace(
            "primary = \"n1\"",
            "primary = \"n1\"\nin-sync = [\"n1\", \"n1\", 3]\nweight = 0\nlearners = \"n2\"",
        ),
        &[
            "t.toml:10: \"in-sync\" in [[shard]] holds something that is not a text",
            "t.toml:10: \"n1\" is listed twice",
            "t.toml:11: weight 0 is out of range; it may be 1 to 10000",
            "t.toml:12: \"learners\" in [[shard]] is not a list; write [\"…\", \"…\"]",
        ],
    );
    check(
        &GOOD.replace("address = \"", "kind = \"rediss\"\naddress = \""),
        &["t.toml:5: \"rediss\" is not one of switchyard, redis; did you mean \"redis\"?"],
    );
}

#[test]
fn members_are_written_with_the_life_that_is_known() {
    let in_sync = "in-sync = [\"n1@00000000000000ab\", \"n2@00000000000000cd\"]";
    let learners = "learners = [\"n2@00000000000000ef\", \"n3\"]";
    let text = GOOD.replace(
        "primary = \"n1\"",
        &format!("primary = \"n1\"\n{in_sync}\n{learners}"),
    ) + "[[node]]\nid = \"n2\"\naddress = \"127.0.0.1:7002\"\n[[node]]\nid = \"n3\"\naddress = \"127.0.0.1:7003\"\n";
    let topology = parse(Path::new("t.toml"), &text).unwrap();
    let printed = print(&topology);
    assert!(printed.contains(in_sync) && printed.contains(learners));
    check(
        &text.replace("n2@00000000000000ef", "n1@ef"),
        &[
            "t.toml:11: \"n1@ef\" is not a node, nor a node and its incarnation: NAME@16 hexadecimal digits",
        ],
    );
    check(
        &text.replace("\"n3\"]", "\"n2\"]"),
        &["t.toml:11: \"n2\" is listed twice"],
    );
}

#[test]
fn copies_are_as_many_as_are_listed_unless_said() {
    let copies = |more: &str| {
        let text = GOOD.replace("primary =", &format!("{more}\nprimary ="));
        let shard = parse(Path::new("t.toml"), &text).unwrap().shards.remove(0);
        (shard.copies, shard.min_in_sync, shard.is_guarded())
    };
    assert_eq!(copies(""), (1, 1, false));
    assert_eq!(copies("copies = 3\nmin-in-sync = 2"), (3, 2, true));
    let with_follower = GOOD.replace(
        "primary =",
        "learners = [\"n2\", \"n1@00000000000000cd\"]\nin-sync = [\"n1@00000000000000ab\"]\nprimary =",
    ) + "[[node]]\nid = \"n2\"\naddress = \"127.0.0.1:7002\"\n";
    let topology = parse(Path::new("t.toml"), &with_follower).unwrap();
    assert_eq!(topology.shards[0].copies, 2, "two lives are one node");
    assert!(!print(&topology).contains("\ncopies ="));
    let text = GOOD.replace("primary =", "copies = 0\nmin-in-sync = two\nprimary =");
    assert!(parse(Path::new("t.toml"), &text).is_err());
    check(
        &GOOD.replace("primary =", "copies = 2\nmin-in-sync = 3\nprimary ="),
        &["t.toml:7: shard s1: min-in-sync is 3; it may be 1 to 2, its copies"],
    );
}

#[test]
fn a_topology_may_say_of_which_cluster_it_is() {
    let text = GOOD.replace("version = 7", "version = 7\ncluster = \"3f9c21ab\"");
    let topology = parse(Path::new("t.toml"), &text).unwrap();
    let shard = topology.told(&topology.shards[0].id);
    assert_eq!(shard.as_str(), "s1.3f9c21ab");
    assert_eq!(parse(Path::new("t.toml"), &print(&topology)), Ok(topology));
    check(
        &text.replace("3f9c21ab", "A b"),
        &["t.toml:2: \"A b\" is no name of a cluster; it has 1 to 16 small letters and digits"],
    );
    let long = "x".repeat(60);
    check(
        &text.replace("id = \"s1\"", &format!("id = \"{long}\"")),
        &[&format!(
            "t.toml:8: shard {long} has too long a name for a topology that names its cluster"
        )],
    );
}

#[test]
fn keys_that_share_a_slot_are_read_and_what_is_wrong_with_them_has_its_line() {
    let rules = "\n[[colocate]]\nname = \"bull\"\nkeys = [\"bull:*\", \"b*\"]\n";
    let text = format!("{GOOD}{rules}");
    let topology = parse(Path::new("t.toml"), &text).unwrap();
    assert_eq!(topology.colocations[0].name, "bull");
    assert_eq!(topology.colocations[0].keys[1].prefix(), "b");
    assert!(print(&topology).ends_with(rules));
    check(
        &text
            .replace("bull:*", "b*l*")
            .replace("\"b*\"", "\"b*\", \"b*\""),
        &[
            "t.toml:14: \"b*l*\" is no pattern of keys that share a slot; it is a text with one star, at its end, such as \"bull:*\", of 256 bytes at most",
        ],
    );
    check(
        &format!("{text}{rules}"),
        &[
            "t.toml: a [[colocate]] rule is called \"bull\"; each has a name of its own, of 1 to 256 bytes",
            "t.toml: the pattern bull:* is in [[colocate]] twice; its keys have one slot",
            "t.toml: the pattern b* is in [[colocate]] twice; its keys have one slot",
        ],
    );
    check(
        &text.replace("[\"bull:*\", \"b*\"]", "[]"),
        &["t.toml: [[colocate]] \"bull\" has 0 patterns; it may be 1 to 64"],
    );
}

#[test]
fn databases_that_have_a_slot_are_read_and_what_is_wrong_with_them_has_its_line() {
    let rules = "\n[[colocate]]\nname = \"celery\"\ndatabase = 3\n\n[[colocate]]\nname = \"bull\"\nkeys = [\"bull:*\"]\ndatabase = [0, 254]\n";
    let text = format!("{GOOD}{rules}");
    let topology = parse(Path::new("t.toml"), &text).unwrap();
    let [celery, bull] = &topology.colocations[..] else {
        panic!("two rules");
    };
    assert_eq!((&celery.databases[..], celery.keys.len()), (&[3][..], 0));
    assert_eq!((&bull.databases[..], bull.keys.len()), (&[0, 254][..], 1));
    assert!(print(&topology).ends_with(rules));
    check(
        &text
            .replace("database = 3", "database = 255")
            .replace("[0, 254]", "[0, \"x\", [1], -1]"),
        &[
            "t.toml:14: \"255\" is no database; they are numbered from 0 to 254",
            "t.toml:19: \"database\" in [[colocate]] cannot hold something of type array",
            "t.toml:19: \"x\" is no database; they are numbered from 0 to 254",
            "t.toml:19: \"-1\" is no database; they are numbered from 0 to 254",
        ],
    );
    check(
        &text.replace("[0, 254]", "[0, 3, 0]"),
        &[
            "t.toml: database 3 is in [[colocate]] twice; its keys have one slot",
            "t.toml: database 0 is in [[colocate]] twice; its keys have one slot",
        ],
    );
}

#[test]
fn accepted_losses_are_read_and_what_is_wrong_with_them_has_its_line() {
    let with_loss = format!("{GOOD}[[loss]]\nversion = 7\nshard = \"s1\"\nproof = \"off\"\n");
    let topology = parse(Path::new("t.toml"), &with_loss).unwrap();
    let texts: Vec<String> = topology.losses.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["acknowledged writes of shard s1 were given up at version 7: \"off\""]
    );
    check(
        &with_loss
            .replace("\"off\"", "\"a\\nb\"")
            .replace("shard =", "shart ="),
        &[
            "t.toml:11: \"shard\" is missing in [[loss]]",
            "t.toml:13: unknown key \"shart\" in [[loss]]; did you mean \"shard\"?",
            "t.toml:14: a proof is one line, without control characters",
        ],
    );
}

#[test]
fn broken_rules_are_reported_with_the_line_of_their_table() {
    check(
        &GOOD
            .replace("primary = \"n1\"", "primary = \"n2\"")
            .replace("0-16383", "0-100"),
        &[
            "t.toml: slots 101-16383 are owned by no shard",
            "t.toml:7: shard s1 names node n2, which does not exist",
        ],
    );
}

#[test]
fn what_cannot_be_read_hides_no_other_finding_and_makes_none_up() {
    let text = GOOD.replace("id = \"s1\"", "id = \"s1\"\nepoch = -1")
        + "[[node]]\nid = \"n1\"\naddress = \"127.0.0.1:0\"\n";
    check(
        &text,
        &[
            "t.toml:9: \"-1\" is not a count",
            "t.toml:12: two nodes are called n1; give each a name of its own",
            "t.toml:12: node n1 has port 0, which nobody can connect to",
        ],
    );
}

#[test]
fn the_word_that_keys_may_stay_behind_counts_at_the_step_over_its_version() {
    let accepts = |accepted: &str, from: u64, to: u64| {
        let text = GOOD.replace("version = 7", &format!("version = {to}\n{accepted}"));
        let document = read(Path::new("t.toml"), &text).unwrap();
        document.accepts(&KeyLoss {
            from: Version(from),
            to: Version(to),
            slots: SlotSet::full(),
            keys: Vec::new(),
            databases: Vec::new(),
        })
    };
    let at_seven = "key-loss-accepted-at-version = 7";
    assert!(accepts(at_seven, 6, 7) && accepts(at_seven, 3, 7) && accepts(at_seven, 6, 9));
    assert!(!accepts(at_seven, 7, 9) && !accepts("", 6, 7));
    let text = GOOD.replace("version = 7", &format!("version = 9\n{at_seven}"));
    let document = read(Path::new("t.toml"), &text).unwrap();
    let printed = print_document(&document);
    assert_eq!(read(Path::new("t.toml"), &printed), Ok(document));
    let ahead = GOOD.replace(
        "version = 7",
        "version = 6\nkey-loss-accepted-at-version = 7",
    );
    assert!(read(Path::new("t.toml"), &ahead).is_err());
}

#[test]
fn what_is_no_toml_is_said_without_showing_the_line() {
    let text = "version = 1\nthis is = = no toml\n";
    let problems = parse(Path::new("t.toml"), text).unwrap_err().to_string();
    assert!(problems.starts_with("t.toml:2: not TOML: "), "{problems}");
    assert!(!problems.contains("this is"), "{problems}");
}

#[test]
fn a_bracket_that_is_never_closed_is_one_problem() {
    let text = format!("learners = [\"n1\"\n{GOOD}");
    let problems = parse(Path::new("t.toml"), &text).unwrap_err();
    assert_eq!(problems.iter().count(), 1, "{problems}");
}

fn topologies() -> impl Strategy<Value = Topology> {
    let node = (any::<bool>(), any::<bool>(), any::<Option<u64>>());
    let losses = proptest::collection::vec("[ -~é→]{0,20}[!-~]", 0..4);
    let owners = proptest::collection::vec(any::<usize>(), 0..40);
    (
        proptest::collection::vec(node, 1..20),
        1..=LARGEST_NUMBER,
        1_u16..=Weight::MAX,
        owners,
        (1..=MAX_COPIES).prop_flat_map(|copies| (Just(copies), 1..=copies)),
        losses,
    )
        .prop_map(|(nodes, version, weight, cuts, copies, proofs)| {
            let mut topology = build(&nodes, version, weight, &cuts);
            if let Some(shard) = topology.shards.last_mut() {
                (shard.copies, shard.min_in_sync) = copies;
                let primary = topology.nodes.iter().find(|node| node.id == shard.primary);
                if primary.is_some_and(|node| node.kind == NodeKind::Redis) {
                    shard.min_in_sync = 1;
                }
            }
            for proof in proofs {
                topology.record_loss("gone".parse().unwrap(), proof.parse().unwrap());
            }
            topology
        })
}

/// Every even node leads a shard, every odd one follows the one before; slots go round robin in pieces that end at `cuts`.
fn build(
    nodes: &[(bool, bool, Option<u64>)],
    version: u64,
    weight: u16,
    cuts: &[usize],
) -> Topology {
    let mut topology = sample::two_shards();
    topology.version = Version(version);
    topology.nodes.clear();
    topology.shards.clear();
    for (number, &(_, zone, life)) in (0..).zip(nodes) {
        let mut node = sample::node(number);
        // A shard's nodes are of one kind.
        if nodes[usize::from(number) / 2 * 2].0 {
            node.kind = NodeKind::Redis;
            node.address = Address::from(std::net::SocketAddr::from(([0; 8], 1 + number)));
        }
        node.zone = zone.then(|| "zone-a".parse().unwrap());
        let life = life.map(Incarnation);
        if number % 2 == 0 {
            topology.shards.push(Shard {
                id: format!("s{number}").parse().unwrap(),
                epoch: Epoch(version),
                weight: Weight::new(weight).unwrap(),
                primary: node.id.clone(),
                in_sync: Lives::from([(node.id.clone(), life)]),
                learners: Lives::new(),
                copies: 1,
                min_in_sync: 1,
                slots: SlotSet::empty(),
            });
        } else if let Some(shard) = topology.shards.last_mut() {
            let members = if zone {
                &mut shard.in_sync
            } else {
                &mut shard.learners
            };
            members.insert(node.id.clone(), life);
            shard.copies = 2;
        }
        topology.nodes.push(node);
    }
    let count = topology.shards.len();
    for slot in crate::slot::SlotId::all() {
        let number = usize::from(slot.number());
        let pieces = cuts.iter().filter(|&&cut| cut % 16384 < number).count();
        topology.shards[pieces % count].slots.insert(slot);
    }
    topology
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_reads_back_equal(topology in topologies()) {
        let text = print(&topology);
        prop_assert_eq!(parse(Path::new("t.toml"), &text), Ok(topology));
    }

    #[test]
    fn no_text_panics(text in "(version|node|shard|slots|id|\\[|\\]|=|\"|\n| |[0-9a-z]){0,60}") {
        let parsed = parse(Path::new("t.toml"), &text);
        prop_assert!(parsed.is_ok() || parsed.is_err());
    }
}

/// `switchyard topology init --node 127.0.0.1:6380 --output config/topology.toml --force` makes it anew.
#[test]
fn the_file_in_config_fits_the_default_addresses_and_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/topology.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let topology = parse(&path, &text).unwrap();
    assert_eq!(
        topology.nodes[0].address,
        crate::config::NodeConfig::default().listen
    );
    assert_eq!(print(&topology), text);
}
