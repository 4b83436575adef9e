use crate::commands::testing::TestNode;

/// A command line as words of bytes.
fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// `PFADD key element:from …` of so many elements.
fn addition(key: &str, from: usize, count: usize) -> Vec<Vec<u8>> {
    let mut words = words(&format!("PFADD {key}"));
    words.extend((from..from + count).map(|number| format!("element:{number}").into_bytes()));
    words
}

fn set(node: &mut TestNode, key: &[u8], value: &[u8]) {
    assert_eq!(node.run(&[b"SET", key, value]), "+OK\r\n");
}

const NOT_A_SKETCH: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "-INVALIDOBJ Corrupted HLL object detected";

#[test]
fn a_sketch_counts_what_it_has_seen() {
    let mut node = TestNode::new();
    node.expect(&[
        ("PFADD h", ":1"),
        ("PFADD h", ":0"),
        ("PFCOUNT h", ":0"),
        ("PFADD h a b", ":1"),
        ("PFADD h a", ":0"),
        ("PFDEBUG DECODE h", "$32 Z:12711 v:2,1 Z:3068 v:1,1 Z:603"),
        ("PFDEBUG ENCODING h", "+sparse"),
        ("OBJECT ENCODING h", "$3 raw"),
        ("PFCOUNT h", ":2"),
        ("PFCOUNT h nothing", ":2"),
        ("PFCOUNT nothing", ":0"),
        ("PFMERGE m h nothing", "+OK"),
        ("PFCOUNT m", ":2"),
        ("PFMERGE new", "+OK"),
        ("PFCOUNT new", ":0"),
        ("PFDEBUG TODENSE h", ":1"),
        ("PFDEBUG TODENSE h", ":0"),
        ("STRLEN h", ":12304"),
        ("PFDEBUG DECODE h", "-ERR HLL encoding is not sparse"),
        ("PFCOUNT h m", ":2"),
        ("PFADD h a c", ":1"),
        ("PFADD h c", ":0"),
        ("PFCOUNT h", ":3"),
        ("PFSELFTEST", "+OK"),
    ]);
}

#[test]
fn what_is_no_sketch_is_refused() {
    let mut node = TestNode::new();
    set(&mut node, b"text", b"HYLL");
    set(&mut node, b"number", b"17");
    node.send("RPUSH list a");
    for line in [
        "PFADD KEY a",
        "PFCOUNT KEY",
        "PFCOUNT KEY KEY",
        "PFMERGE new KEY",
        "PFDEBUG GETREG KEY",
    ] {
        for (key, error) in [
            ("text", NOT_A_SKETCH),
            ("number", NOT_A_SKETCH),
            (
                "list",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            let line = line.replace("KEY", key);
            node.expect(&[(&line, error)]);
        }
    }
    node.expect(&[
        (
            "PFDEBUG GETREG nothing",
            "-ERR The specified key does not exist",
        ),
        ("PFADD h", ":1"),
        ("PFDEBUG what h", "-ERR Unknown PFDEBUG subcommand 'what'"),
        ("EXISTS new", ":0"),
    ]);
}

#[test]
fn corrupted_sketches_are_refused() {
    let mut node = TestNode::new();
    let sparse = |codes: &[u8]| [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".as_slice(), codes].concat();
    let cases: [&[u8]; 7] = [
        &[0xff; 40_000],
        b"",
        b"\x00",
        b"\x7f",
        b"\x7f\xfe",
        b"\x7f\xff\x00",
        b"\x80",
    ];
    for codes in cases {
        set(&mut node, b"h", &sparse(codes));
        node.expect(&[
            ("PFCOUNT h", CORRUPTED),
            ("PFCOUNT h h", CORRUPTED),
            ("PFMERGE new h", CORRUPTED),
            ("PFDEBUG TODENSE h", CORRUPTED),
            ("PFDEBUG GETREG h", CORRUPTED),
        ]);
    }
    set(&mut node, b"h", &sparse(b"\x00"));
    node.expect(&[
        ("PFADD h a", CORRUPTED),
        ("STRLEN h", ":17"),
        ("EXISTS new", ":0"),
    ]);
    // A change looks no farther than its register.
    set(&mut node, b"h", &sparse(&[0xff; 40_000]));
    node.expect(&[("PFADD h a", ":0"), ("PFDEBUG DECODE h", CORRUPTED)]);
    // Whatever the bytes say, something is answered.
    let mut chance = 17;
    for _ in 0..2_000 {
        let len = crate::store::below(&mut chance, 20);
        let codes: Vec<u8> = (0..len)
            .map(|_| u8::try_from(crate::store::below(&mut chance, 256)).expect("a byte"))
            .collect();
        set(&mut node, b"h", &sparse(&codes));
        for line in [
            "PFDEBUG DECODE h",
            "PFADD h a b c d e",
            "PFCOUNT h",
            "PFMERGE h h",
            "PFCOUNT h h",
        ] {
            assert!(!node.send(line).is_empty());
        }
    }
    let mut dense = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    dense.resize(12_304, 0xff);
    set(&mut node, b"h", &dense);
    node.expect(&[("PFCOUNT h", ":-9223372036854775808")]);
}

#[test]
fn a_sketch_becomes_dense_at_the_size_of_the_settings() {
    let mut node = TestNode::new();
    node.run(&addition("small", 0, 2_000));
    node.expect(&[("PFDEBUG ENCODING small", "+dense")]);
    node.send("CONFIG SET hll-sparse-max-bytes 20");
    node.expect(&[
        ("PFADD h a", ":1"),
        ("PFDEBUG ENCODING h", "+dense"),
        ("PFCOUNT h", ":1"),
    ]);
    node.send("CONFIG SET hll-sparse-max-bytes 1gb");
    node.run(&addition("large", 0, 2_000));
    node.expect(&[("PFDEBUG ENCODING large", "+sparse")]);
    let counts = [node.send("PFCOUNT small"), node.send("PFCOUNT large")];
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn many_elements_and_many_sketches_are_treated_as_few_are() {
    let mut node = TestNode::new();
    for from in (0..10_000).step_by(100) {
        node.run(&addition("few", from, 100));
    }
    assert_eq!(node.run(&addition("many", 0, 10_000)), ":1\r\n");
    assert_eq!(node.run(&addition("many", 0, 10_000)), ":0\r\n");
    let bytes = [node.send("GET few"), node.send("GET many")];
    assert!(bytes[0] == bytes[1]);
    for nth in 0..100 {
        node.run(&addition(&format!("part:{nth}"), nth * 100, 100));
    }
    let mut count = words("PFCOUNT");
    count.extend((0..100).map(|nth| format!("part:{nth}").into_bytes()));
    assert_eq!(node.run(&count), node.send("PFCOUNT many"));
    let mut merge = words("PFMERGE merged");
    merge.extend_from_slice(&count[1..]);
    assert_eq!(node.run(&merge), "+OK\r\n");
    let registers = [
        node.send("PFDEBUG GETREG merged"),
        node.send("PFDEBUG GETREG many"),
    ];
    assert!(registers[0] == registers[1]);
}

#[test]
fn what_changes_is_told_and_nothing_else() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("PFADD h a", "select 0 PFADD h a"),
        ("PFCOUNT h", "PFCOUNT h"),
    ]);
    for line in ["PFADD h a", "PFCOUNT h", "PFCOUNT h h"] {
        node.send(line);
        assert!(node.store.take_effects().is_empty(), "{line}");
    }
    node.expect_effects(&[
        ("PFMERGE m h", "PFMERGE m h"),
        ("PFDEBUG TODENSE m", "PFDEBUG TODENSE m"),
    ]);
    node.run(&addition("h", 0, 1_000));
    let mut merge = words("PFMERGE m h");
    merge.resize(100, b"nothing".to_vec());
    node.run(&merge);
    let mut effects = node.store.take_effects().into_bytes();
    let mut replayed = TestNode::new();
    replayed.run_bytes(&["PFADD", "h", "a"]);
    replayed.run_bytes(&["PFCOUNT", "h"]);
    replayed.run_stream(&mut effects);
    for key in ["h", "m"] {
        assert!(
            replayed.run(&["GET", key]) == node.run(&["GET", key]),
            "{key}"
        );
    }
}

#[test]
fn the_expiry_stays() {
    let mut node = TestNode::new();
    node.expect(&[
        ("PFADD h a", ":1"),
        ("EXPIRE h 100", ":1"),
        ("PFADD h b", ":1"),
        ("PFDEBUG TODENSE h", ":1"),
        ("PFMERGE h nothing", "+OK"),
        ("TTL h", ":100"),
    ]);
}
