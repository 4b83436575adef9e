//! The sketches at several keys → how many elements they have seen together.
//! Pure. Invariant: what is said is what one node with all the keys would say, in the order of the keys; what a node sends is taken for a sketch no more than what a client wrote.
//! Bound: [`MOST_SKETCHES`], because they are united in one go.

use bytes::Bytes;
use shared::resp::ErrorReply;
use shared::sketch::{DENSE_BYTES, HEADER_BYTES, Registers, SketchRef};

use super::{Broken, not_understood};
use crate::route::reply;

/// Bytes of so many sketches as are fetched for one command.
const MOST_BYTES: usize = 1024 * 1024;

/// Most keys whose sketches are united: so many take a millisecond or two.
pub(crate) const MOST_SKETCHES: usize = MOST_BYTES / (HEADER_BYTES + DENSE_BYTES);

/// The count of the sketches in these replies, of which there is one to each key.
pub(super) fn count<'a>(replies: impl Iterator<Item = &'a Bytes>) -> Result<u64, Broken<'a>> {
    let mut registers = Registers::default();
    for said in replies {
        if reply::is_error(said) {
            return Err(Broken::Said(said));
        }
        // No key: nothing was seen there.
        if reply::is_null(said) {
            continue;
        }
        let bytes = reply::bulk(said).ok_or_else(not_understood)?;
        let raised = registers.raise(SketchRef::of(bytes)?);
        raised.map_err(ErrorReply::from)?;
    }
    Ok(registers.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::merge::{Part, Parts, Pieces, Plan, merge};
    use shared::resp::Protocol;
    use shared::sketch::{Rise, Sketch};

    fn sketch(elements: std::ops::Range<u32>) -> Sketch {
        let mut sketch = Sketch::default();
        for element in elements {
            let rise = Rise::of(element.to_string().as_bytes());
            sketch.raise(rise, 3000).unwrap();
        }
        sketch
    }

    fn bulk(text: &[u8]) -> Part {
        let head = format!("${}\r\n", text.len());
        Part::Reply([head.as_bytes(), text, b"\r\n"].concat().into())
    }

    fn said(text: &'static str) -> Part {
        Part::Reply(Bytes::from_static(text.as_bytes()))
    }

    fn merged(parts: &[Part]) -> String {
        let shards = vec!["s".into(); parts.len()];
        let mut out = Pieces::new(Vec::new(), Protocol::Resp2);
        merge(
            &Plan::CountedTogether,
            &Parts::of(parts, &shards, 1),
            &mut out,
        );
        String::from_utf8(out.into_vec().concat()).unwrap()
    }

    #[test]
    fn sketches_are_counted_as_one() {
        let (small, large) = (sketch(0..50), sketch(0..20_000));
        assert!(large.is_dense() && !small.is_dense());
        let all = sketch(0..20_000);
        let count = SketchRef::of(all.bytes()).unwrap().count().unwrap();
        let expected = format!(":{count}\r\n");
        let parts = [bulk(small.bytes()), said("$-1\r\n"), bulk(large.bytes())];
        assert_eq!(merged(&parts), expected);
        assert_eq!(merged(&[said("_\r\n"), parts[2].clone()]), expected);
        assert_eq!(merged(&[said("$-1\r\n"), said("_\r\n")]), ":0\r\n");
        let halves = [sketch(0..6_000), sketch(5_000..20_000)];
        assert_eq!(
            merged(&halves.map(|half| bulk(half.bytes()))),
            expected,
            "registers are those of the whole"
        );
    }

    #[test]
    fn the_first_key_in_order_that_is_wrong_is_told() {
        let good = bulk(sketch(0..50).bytes());
        let none = bulk(b"no sketch");
        let mut corrupted = sketch(0..50).bytes().to_vec();
        corrupted.pop();
        let corrupted = bulk(&corrupted);
        let wrong_type = said("-WRONGTYPE Operation against a key\r\n");
        let not_a_sketch = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
        let is_corrupted = "-INVALIDOBJ Corrupted HLL object detected\r\n";
        for (parts, expected) in [
            ([&good, &none, &corrupted], not_a_sketch),
            ([&corrupted, &none, &wrong_type], is_corrupted),
            (
                [&good, &wrong_type, &none],
                "-WRONGTYPE Operation against a key\r\n",
            ),
        ] {
            assert_eq!(merged(&parts.map(Part::clone)), expected);
        }
        let lost = Part::Down("a".into());
        let reply = merged(&[good, none, lost]);
        assert!(reply.starts_with("-CLUSTERDOWN shard s "), "{reply}");
    }

    #[test]
    fn whatever_a_node_says_does_no_harm() {
        for shape in [":5\r\n", "+OK\r\n", "*1\r\n:1\r\n", "%0\r\n", ""] {
            let reply = merged(&[said(shape)]);
            assert!(reply.starts_with("-ERR a shard's reply"), "{reply}");
        }
        let mut chance = 7_u64;
        let good = [sketch(0..300), sketch(0..9_000)];
        for nth in 0..2_000 {
            let mut bytes = good[nth % 2].bytes().to_vec();
            for _ in 0..1 + nth % 3 {
                chance = chance.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let at = usize::try_from(chance >> 33).unwrap() % bytes.len();
                bytes[at] = chance.to_le_bytes()[3];
            }
            if nth % 5 == 0 {
                bytes.truncate(usize::try_from(chance >> 40).unwrap() % bytes.len());
            }
            let reply = merged(&[bulk(&bytes), bulk(good[0].bytes())]);
            assert!(reply.starts_with([':', '-']), "{reply}");
        }
    }
}
