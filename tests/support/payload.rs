//! Payloads of RESTORE: what stands behind a value. Computed bit by bit: not the product's own way.

/// The checksum of these bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u64::from(*byte), |sum, _| {
            (sum >> 1) ^ (sum & 1).wrapping_mul(0x95ac_9329_ac4b_c9b5)
        })
    })
}

/// A value with the version and the checksum that belong behind it.
pub(crate) fn sealed(value: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [value, &version.to_le_bytes()].concat();
    payload.extend_from_slice(&checksum(&payload).to_le_bytes());
    payload
}

/// Values in encodings that Redis has not written for long, made by hand.
pub(crate) fn old_values() -> Vec<Vec<u8>> {
    let behind_length = |text: &[u8]| {
        let length = u8::try_from(text.len()).expect("short");
        [&[length], text].concat()
    };
    let pack =
        |encoding: u8, texts: &[&str]| [vec![encoding], behind_length(&ziplist(texts))].concat();
    let nodes = [
        vec![14, 2],
        behind_length(&ziplist(&["a", "bc"])),
        behind_length(&ziplist(&["", "12"])),
    ];
    let zipmap = b"\x02\x01f\x01\0v\x02gg\x01\x02w\0\0\xff";
    vec![
        b"\x01\x03\x01a\xc0\x05\x02bc".to_vec(),
        b"\x03\x03\x01a\x031.5\x01b\xff\x01c\x041e20".to_vec(),
        [vec![9], behind_length(zipmap)].concat(),
        pack(10, &["a", "bcd", "", "12"]),
        pack(12, &["a", "-1.5", "b", "0", "c", "inf"]),
        pack(13, &["f", "v", "g", "", "h", "longer"]),
        nodes.concat(),
    ]
}

/// A ziplist of short texts.
fn ziplist(texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut before, mut last) = (0, 10);
    for text in texts {
        last = bytes.len();
        let length = u8::try_from(text.len()).expect("short");
        bytes.extend_from_slice(&[before, length]);
        bytes.extend_from_slice(text.as_bytes());
        before = length + 2;
    }
    bytes.push(0xff);
    let word = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
    let (length, last) = (word(bytes.len()), word(last));
    bytes[..4].copy_from_slice(&length);
    bytes[4..8].copy_from_slice(&last);
    bytes[8..10].copy_from_slice(&word(texts.len())[..2]);
    bytes
}
