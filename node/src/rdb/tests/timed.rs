//! Hashes of which fields end: payloads by hand, in each of their encodings, and what comes back.

use super::{content, dump, element, make, restore};
use crate::commands::testing::TestNode;
use crate::rdb::Encoding;

/// 2096, when nobody runs this.
pub(super) const LATER_MS: i64 = 4_000_000_000_000;

/// A hash of which fields end, the first of them then: of so many fields, each behind its end and before its value.
pub(super) fn timed(count: u8, fields: &[u8]) -> Vec<u8> {
    let earliest = LATER_MS.to_le_bytes();
    let head = [Encoding::HashTimed.number()];
    [&head[..], &earliest, &[count], fields].concat()
}

/// The same as Valkey writes it: each field before its value and its end.
pub(super) fn ending(fields: &[(&str, &str, i64)]) -> Vec<u8> {
    let count = u8::try_from(fields.len()).expect("few");
    let mut payload = vec![Encoding::HashEnds.number(), count];
    for (field, value, end) in fields {
        payload.extend_from_slice(&[1, field.as_bytes()[0], 1, value.as_bytes()[0]]);
        payload.extend_from_slice(&end.to_le_bytes());
    }
    payload
}

/// The same in this listpack.
pub(super) fn timed_of(pack: &[u8]) -> Vec<u8> {
    let head = [Encoding::HashTimedListpack.number()];
    let len = u8::try_from(pack.len()).expect("short");
    [&head[..], &LATER_MS.to_le_bytes(), &[len], pack].concat()
}

/// The same in a listpack; nought is never.
pub(super) fn timed_listpack(fields: &[(&str, &str, i64)]) -> Vec<u8> {
    let mut pack = vec![0; 6];
    for (field, value, end) in fields {
        pack.extend_from_slice(&[0x81, field.as_bytes()[0], 2, 0x81, value.as_bytes()[0], 2]);
        pack.push(0xf4);
        pack.extend_from_slice(&end.to_le_bytes());
        pack.push(9);
    }
    pack.push(0xff);
    pack[0] = u8::try_from(pack.len()).expect("short");
    pack[4] = u8::try_from(3 * fields.len()).expect("few");
    timed_of(&pack)
}

#[test]
fn fields_that_end_come_back_with_their_ends() {
    for fields in [5, 5000] {
        let mut node = TestNode::new();
        let elements: Vec<_> = (0..2 * fields).map(|nth| element("element", nth)).collect();
        make(&mut node, "HSET", "from", &elements);
        node.send("HPEXPIRE from 1000 FIELDS 1 element:0");
        node.send("HPEXPIRE from 5000 FIELDS 1 element:2");
        node.send("HPEXPIRE from 9000 FIELDS 1 element:4");
        let payload = dump(&mut node, "from");
        assert_eq!(payload[0], Encoding::HashTimed.number());
        assert_eq!(payload[payload.len() - 10..payload.len() - 8], [12, 0]);
        assert_eq!(restore(&mut node, "to", &payload), b"+OK\r\n");
        assert_eq!(content(&mut node, "to"), content(&mut node, "from"));
        let ends = "*4 :1000 :5000 :9000 :-1";
        let ask = "HPTTL to FIELDS 4 element:0 element:2 element:4 element:6";
        node.expect(&[(ask, ends)]);
        // What is over is no part of a payload, and of one that is older it is over.
        node.advance_ms(1000);
        let later = dump(&mut node, "from");
        assert!(later.len() < payload.len());
        for (key, payload) in [("one", payload), ("two", later)] {
            assert_eq!(restore(&mut node, key, &payload), b"+OK\r\n");
            assert_eq!(content(&mut node, key), content(&mut node, "from"));
            let ask = ask.replace("to", key);
            node.expect(&[(&ask, "*4 :-2 :4000 :8000 :-1")]);
        }
    }
}
