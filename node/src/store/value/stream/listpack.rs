//! How long Redis' listpacks would be: its nodes end by that, and clients see where they end when whole nodes are trimmed.
//! Pure. Never: writes one.

use shared::resp::parse_integer;

/// Bytes of an element's content, with the number of bytes that say how long it is behind it.
fn with_back_length(bytes: u64) -> u64 {
    bytes
        + match bytes {
            ..128 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        }
}

/// Bytes of an integer as an element.
pub(super) fn integer(number: i64) -> u64 {
    with_back_length(match number {
        0..128 => 1,
        -4_096..4_096 => 2,
        -32_768..32_768 => 3,
        -8_388_608..8_388_608 => 4,
        -2_147_483_648..2_147_483_648 => 5,
        _ => 9,
    })
}

/// Bytes of a text as an element.
pub(super) fn text(text: &[u8]) -> u64 {
    if let Some(number) = parse_integer(text) {
        return integer(number);
    }
    let len = text.len() as u64;
    with_back_length(match len {
        ..64 => 1 + len,
        64..4_096 => 2 + len,
        _ => 5 + len,
    })
}

/// Bytes of a node before its first entry, but for its two counts: the frame, how many fields the first entry has, those, and a zero.
pub(super) fn node(names: i64, fields: u64) -> u64 {
    /// Total length, number of elements, end.
    const FRAME: u64 = 4 + 2 + 1;
    FRAME + integer(names) + fields + integer(0)
}

/// Bytes of an entry: flags, the distance from the node's first one, fields where they are its own, values, and how many elements that is.
pub(super) fn entry(distance: (i64, i64), names: i64, own_fields: Option<u64>, values: u64) -> u64 {
    let (ms, seq) = distance;
    let always = integer(0) + integer(ms) + integer(seq) + values;
    match own_fields {
        None => always + integer(names + 3),
        Some(fields) => always + integer(names) + fields + integer(2 * names + 4),
    }
}
