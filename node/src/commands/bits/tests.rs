use crate::commands::testing::TestNode;

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

const NO_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const NO_INTEGER: &str = "-ERR value is not an integer or out of range";
const NO_TYPE: &str = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

#[test]
fn single_bits_are_set_and_read() {
    check(&[
        ("SETBIT k 7 1", ":0"),
        ("SETBIT k 7 1", ":1"),
        ("SETBIT k 7 0", ":1"),
        ("GETBIT k 7", ":0"),
        ("SETBIT k 17 1", ":0"),
        ("STRLEN k", ":3"),
        ("GETBIT k 17", ":1"),
        ("GETBIT k 4294967295", ":0"),
        ("GETBIT none 0", ":0"),
        ("SETBIT none 9 0", ":0"),
        ("STRLEN none", ":2"),
        ("GETBIT k 4294967296", NO_OFFSET),
        ("SETBIT k 4294967296 1", NO_OFFSET),
        ("SETBIT k -1 1", NO_OFFSET),
        ("SETBIT k 01 1", NO_OFFSET),
        ("SETBIT k 1 2", "-ERR bit is not an integer or out of range"),
        ("SETBIT k 1 x", "-ERR bit is not an integer or out of range"),
        ("SET n 1", "+OK"),
        ("GETBIT n 3", ":1"),
        ("SETBIT n 6 1", ":0"),
        ("GET n", "$1 3"),
    ]);
}

#[test]
fn bits_are_counted_in_ranges_of_bytes_and_bits() {
    check(&[
        ("SET k foobar", "+OK"),
        ("BITCOUNT k", ":26"),
        ("BITCOUNT k 0 0", ":4"),
        ("BITCOUNT k 1 1 BYTE", ":6"),
        ("BITCOUNT k 1 -2", ":18"),
        ("BITCOUNT k 5 30 BIT", ":17"),
        ("BITCOUNT k 6 6 bit", ":1"),
        ("BITCOUNT k -1 -2", ":0"),
        ("BITCOUNT k -1 -2 WHAT", ":0"),
        ("BITCOUNT k 0 0 WHAT", "-ERR syntax error"),
        ("BITCOUNT k 0", "-ERR syntax error"),
        ("BITCOUNT k 0 a", NO_INTEGER),
        ("BITCOUNT none", ":0"),
        ("BITCOUNT none 0 a", ":0"),
        ("SETRANGE long 100 foobar", ":106"),
        ("BITCOUNT long", ":26"),
    ]);
}

#[test]
fn first_bits_are_found() {
    let mut node = TestNode::new();
    node.run(&["SET".as_bytes(), b"k", b"\xff\xf0\x00"]);
    node.run(&["SET".as_bytes(), b"zeros", b"\x00\xff\xf0"]);
    node.run(&["SET".as_bytes(), b"ones", &[0xff; 20]]);
    node.run(&[
        "SET".as_bytes(),
        b"last",
        &[[0; 20].as_slice(), b"\x01"].concat(),
    ]);
    node.expect(&[
        ("BITPOS k 0", ":12"),
        ("BITPOS k 1 2", ":-1"),
        ("BITPOS zeros 1", ":8"),
        ("BITPOS zeros 1 2", ":16"),
        ("BITPOS zeros 1 7 15 BIT", ":8"),
        ("BITPOS zeros 1 9 15 BIT", ":9"),
        ("BITPOS zeros 0 8 15 BIT", ":-1"),
        ("BITPOS ones 0", ":160"),
        ("BITPOS ones 0 3", ":160"),
        ("BITPOS ones 0 0 -1", ":-1"),
        ("BITPOS ones 1 5", ":40"),
        ("BITPOS last 1", ":167"),
        ("BITPOS last 1 0 -2", ":-1"),
        ("BITPOS last 1 0 166 BIT", ":-1"),
        ("BITPOS last 1 0 167 BIT", ":167"),
        ("BITPOS none 0", ":0"),
        ("BITPOS none 1 a b c", ":-1"),
        ("BITPOS k 2", "-ERR The bit argument must be 1 or 0."),
        ("BITPOS k a", NO_INTEGER),
        ("BITPOS k 1 a", NO_INTEGER),
        ("BITPOS k 1 0 0 WHAT", "-ERR syntax error"),
        ("BITPOS k 1 0 0 BIT x", "-ERR syntax error"),
        ("SET empty ", "+OK"),
        ("BITPOS empty 0", ":-1"),
    ]);
}

#[test]
fn strings_are_combined() {
    check(&[
        ("MSET a foobar b abcdef c ab", "+OK"),
        ("BITOP AND to a b", ":6"),
        ("GET to", "$6 `bc`ab"),
        ("BITOP or to a c", ":6"),
        ("GET to", "$6 goobar"),
        ("BITOP XOR to a a", ":6"),
        ("GET to", "$6 \0\0\0\0\0\0"),
        ("BITOP AND to a c none", ":6"),
        ("GET to", "$6 \0\0\0\0\0\0"),
        ("EXPIRE c 10", ":1"),
        ("BITOP OR c c c", ":2"),
        ("TTL c", ":-1"),
        ("OBJECT ENCODING c", "$3 raw"),
        ("BITOP NOT to none", ":0"),
        ("EXISTS to", ":0"),
        (
            "BITOP NOT to a b",
            "-ERR BITOP NOT must be called with a single source key.",
        ),
        ("BITOP WHAT to a", "-ERR syntax error"),
    ]);
    let mut node = TestNode::new();
    node.send("SET n 12");
    node.send("BITOP NOT to n");
    let inverted = node.run_bytes(&["GET", "to"]);
    assert_eq!(inverted, b"$2\r\n\xce\xcd\r\n");
}

#[test]
fn long_strings_are_combined_in_pieces() {
    let pattern = |len: usize, step: usize| -> Vec<u8> {
        let byte = |at: usize| u8::try_from(at * step % 251).unwrap_or(0);
        (0..len).map(byte).collect()
    };
    let (long, short) = (pattern(30_000, 7), pattern(17_001, 3));
    for (operation, combine) in [
        ("AND", (|a, b| a & b) as fn(u8, u8) -> u8),
        ("OR", |a, b| a | b),
        ("XOR", |a, b| a ^ b),
    ] {
        let padded = short.iter().chain(std::iter::repeat(&0));
        let expected: Vec<u8> = long
            .iter()
            .zip(padded)
            .map(|(a, b)| combine(*a, *b))
            .collect();
        for destination in ["to", "long", "short"] {
            let mut node = TestNode::new();
            node.run(&[b"SET", &b"long"[..], &long]);
            node.run(&[b"SET", &b"short"[..], &short]);
            node.send("SET to old EX 10");
            let reply = node.send(&format!("BITOP {operation} {destination} long short"));
            assert_eq!(reply, ":30000\r\n");
            let reply = node.run_bytes(&["GET", destination]);
            assert_eq!(
                reply[8..reply.len() - 2],
                expected,
                "{operation} {destination}"
            );
            assert_eq!(node.send(&format!("TTL {destination}")), ":-1\r\n");
        }
    }
}

#[test]
fn fields_are_read_and_written() {
    check(&[
        ("BITFIELD k INCRBY i5 100 1 GET u4 0", "*2 :1 :0"),
        ("STRLEN k", ":14"),
        ("BITFIELD k SET u8 0 255 GET u4 4 GET i4 4", "*3 :0 :15 :-1"),
        ("BITFIELD k SET i8 #1 -1 GET u8 8", "*2 :0 :255"),
        (
            "BITFIELD k SET i64 3 -9223372036854775808 GET i64 3",
            "*2 :-2251799813685248 :-9223372036854775808",
        ),
        ("BITFIELD k", "*0"),
        ("BITFIELD none GET u63 0", "*1 :0"),
        ("EXISTS none", ":0"),
        ("BITFIELD_RO k GET u8 0 GET i3 200", "*2 :240 :0"),
        (
            "BITFIELD_RO k SET u8 0 1",
            "-ERR BITFIELD_RO only supports the GET subcommand",
        ),
        ("SET n 12", "+OK"),
        ("BITFIELD n GET u8 #1", "*1 :50"),
    ]);
}

#[test]
fn sums_overflow_as_told() {
    check(&[
        (
            "BITFIELD k SET u2 0 3 INCRBY u2 0 1 INCRBY u2 0 -1",
            "*3 :0 :0 :3",
        ),
        (
            "BITFIELD k OVERFLOW SAT INCRBY u2 0 1 INCRBY u2 0 -9",
            "*2 :3 :0",
        ),
        (
            "BITFIELD k OVERFLOW FAIL INCRBY u2 0 4 INCRBY u2 0 3",
            "*2 $-1 :3",
        ),
        (
            "BITFIELD k SET i8 8 127 INCRBY i8 8 1 INCRBY i8 8 -1",
            "*3 :0 :-128 :127",
        ),
        (
            "BITFIELD k overflow sat INCRBY i8 8 1 INCRBY i8 8 -1000",
            "*2 :127 :-128",
        ),
        (
            "BITFIELD k OVERFLOW FAIL SET i8 8 128 OVERFLOW WRAP SET i8 8 128",
            "*2 $-1 :-128",
        ),
        (
            "BITFIELD k OVERFLOW SAT SET u4 16 -1 GET u4 16",
            "*2 :0 :15",
        ),
        (
            "BITFIELD k SET i64 32 9223372036854775807 INCRBY i64 32 1",
            "*2 :0 :-9223372036854775808",
        ),
        (
            "BITFIELD k OVERFLOW SAT INCRBY i64 32 -1 INCRBY i64 32 9223372036854775807",
            "*2 :-9223372036854775808 :-1",
        ),
        (
            "BITFIELD far OVERFLOW SAT SET i8 0 -1000 SET i8 0 -9223372036854775808 GET i8 0",
            "*3 :0 :-128 :127",
        ),
        (
            "BITFIELD k SET u63 96 9223372036854775807 INCRBY u63 96 1",
            "*2 :0 :0",
        ),
    ]);
    TestNode::new_resp3().expect(&[("BITFIELD k OVERFLOW FAIL INCRBY u2 0 4", "*1 _")]);
}

#[test]
fn wrong_fields_are_refused_before_anything_is_done() {
    for (operations, expected) in [
        ("SET u8 0 1 GET u64 0", NO_TYPE),
        ("SET u8 0 1 GET i65 0", NO_TYPE),
        ("SET u8 0 1 GET x8 0", NO_TYPE),
        ("SET u8 0 1 GET u08 0", NO_TYPE),
        ("SET u8 0 1 GET u8 -1", NO_OFFSET),
        ("SET u8 0 1 GET u8 #a", NO_OFFSET),
        ("SET u8 0 1 GET u8 4294967296", NO_OFFSET),
        ("SET u8 0 1 SET u8 0 a", NO_INTEGER),
        (
            "SET u8 0 1 OVERFLOW NEVER",
            "-ERR Invalid OVERFLOW type specified",
        ),
        ("SET u8 0 1 OVERFLOW", "-ERR syntax error"),
        ("SET u8 0 1 GET u8", "-ERR syntax error"),
        ("SET u8 0 1 WHAT", "-ERR syntax error"),
    ] {
        check(&[
            (&format!("BITFIELD k {operations}"), expected),
            ("EXISTS k", ":0"),
        ]);
    }
}

#[test]
fn effects_are_only_of_changes() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("SETBIT k 1 0", "select 0 SETBIT k 1 0"),
        ("SETBIT k 1 0", ""),
        ("SETBIT k 1 1", "SETBIT k 1 1"),
        ("GETBIT k 1", ""),
        ("BITFIELD k GET u8 0", ""),
        ("BITFIELD k SET u8 0 64", ""),
        ("BITFIELD k SET u8 0 65", "BITFIELD k SET u8 0 65"),
        ("BITFIELD k OVERFLOW FAIL INCRBY u8 0 255", ""),
        ("BITOP AND k none none", "del k"),
        ("BITOP AND k none none", ""),
    ]);
}

#[test]
fn so_many_arguments_that_all_would_wait_are_refused() {
    let mut node = TestNode::new();
    for (start, part) in [
        ("BITOP OR d", " s"),
        ("BITFIELD k", " GET u8 0"),
        ("BITFIELD_RO k", " GET u8 0"),
    ] {
        let name = start.split(' ').next().unwrap().to_lowercase();
        let words = part.split(' ').count() - 1;
        let allowed = (32 * 1024 - start.split(' ').count()) / words;
        let reply = node.send(&(start.to_owned() + &part.repeat(allowed)));
        assert!(!reply.starts_with('-'), "{reply}");
        assert_eq!(
            node.send(&(start.to_owned() + &part.repeat(allowed + 1))),
            format!(
                "-ERR too many arguments for one '{name}' command, give some of them to another\r\n"
            )
        );
    }
}

#[test]
fn a_long_string_is_counted_and_searched_in_pieces() {
    const PIECE_BITS: usize = super::PIECE_BYTES * 8;
    let len = 3 * super::PIECE_BYTES + 5;
    let mut node = TestNode::new();
    let set: Vec<usize> = [0, 1, 2, 3]
        .into_iter()
        .flat_map(|piece| [piece * PIECE_BITS, piece * PIECE_BITS + 17])
        .chain([PIECE_BITS - 1, 2 * PIECE_BITS - 1, len * 8 - 1])
        .collect();
    node.send(&format!("SETBIT ones {} 0", len * 8 - 1));
    for bit in &set {
        node.send(&format!("SETBIT ones {bit} 1"));
    }
    node.send("BITOP NOT zeros ones");
    let edges = |bit: usize| [bit.saturating_sub(9), bit.saturating_sub(1), bit, bit + 1];
    let ends: Vec<usize> = set.iter().copied().flat_map(edges).collect();
    for (index, first) in ends.iter().enumerate() {
        let last = ends[(index * 7 + 3) % ends.len()].min(len * 8 - 1);
        let within = |bit: &&usize| (*first..=last).contains(*bit);
        let (count, least) = (
            set.iter().filter(within).count(),
            set.iter().filter(within).min(),
        );
        let least = least.map_or(-1, |bit| i64::try_from(*bit).unwrap());
        for (line, expected) in [
            (
                format!("BITCOUNT ones {first} {last} BIT"),
                i64::try_from(count).unwrap(),
            ),
            (format!("BITPOS ones 1 {first} {last} BIT"), least),
            (format!("BITPOS zeros 0 {first} {last} BIT"), least),
        ] {
            assert_eq!(node.send(&line), format!(":{expected}\r\n"), "{line}");
        }
    }
    node.send("DEL ones");
    node.send(&format!("SETBIT ones {} 0", len * 8 - 1));
    node.send("BITOP NOT ones ones");
    let all = len * 8;
    node.expect(&[
        ("BITCOUNT ones", &format!(":{all}")),
        ("BITPOS ones 0", &format!(":{all}")),
        ("BITPOS ones 0 0 -1", ":-1"),
    ]);
}
