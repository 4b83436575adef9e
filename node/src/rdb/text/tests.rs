use super::*;
use crate::rdb::fault::Fault;
use crate::rdb::lzf::Packer;
use crate::rdb::source::Source;
use crate::store::StringRef;
use proptest::prelude::*;

fn write(text: StringRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    TextWriter::write(text, &mut Packer::new(64), &mut out);
    out
}

/// The string that `bytes` are, and how many may be unpacked afterwards.
fn read(bytes: &[u8], mut room: u64) -> Result<(Vec<u8>, u64), Fault> {
    let mut source = Source::new(bytes, 0);
    let mut reader = TextReader::default();
    while !reader.read(bytes, &mut source, &mut room)? {}
    assert_eq!(source.at(), bytes.len());
    let text = match reader.get(bytes) {
        StringRef::Bytes(bytes) => bytes.to_vec(),
        StringRef::Integer(number) => number.to_string().into_bytes(),
    };
    Ok((text, room))
}

#[test]
fn each_string_has_its_form() {
    for (text, expected) in [
        (&b""[..], &b"\0"[..]),
        (b"12", b"\xc0\x0c"),
        (b"-129", b"\xc1\x7f\xff"),
        (b"2147483647", b"\xc2\xff\xff\xff\x7f"),
        (b"2147483648", b"\x0a2147483648"),
        (b"012", b"\x03012"),
        (b"text", b"\x04text"),
        (b"aaaaaaaaaaaaaaaaaaaa", b"\x14aaaaaaaaaaaaaaaaaaaa"),
    ] {
        assert_eq!(write(StringRef::Bytes(text)), expected);
        assert_eq!(read(expected, 0), Ok((text.to_vec(), 0)));
    }
    for number in [0, -1, 127, -128, 32_767, -32_769, i64::MIN, i64::MAX] {
        let digits = number.to_string().into_bytes();
        let written = write(StringRef::Integer(number));
        assert_eq!(written, write(StringRef::Bytes(&digits)));
        assert_eq!(read(&written, 0), Ok((digits, 0)));
    }
}

#[test]
fn long_strings_are_packed_where_that_saves_something() {
    // Lengths in one, two and five bytes, of both.
    for len in [21, 45, 63, 64, 5000, 20_000, 2_000_000] {
        let text = vec![b'a'; len];
        let packed = write(StringRef::Bytes(&text));
        assert!(packed.len() < len && packed[0] == 0xc3, "{len}");
        assert_eq!(read(&packed, len as u64), Ok((text, 0)));
        assert_eq!(read(&packed, len as u64 - 1), Err(Fault::TooLong));
    }
    let random: Vec<u8> = (0..70_000_u32)
        .map(|number| number.wrapping_mul(0x9e37_79b1).to_be_bytes()[0] ^ number.to_le_bytes()[1])
        .collect();
    for len in [21, 1000, 70_000] {
        let plain = write(StringRef::Bytes(&random[..len]));
        assert_eq!(
            read(&plain, u64::MAX).map(|(text, _)| text),
            Ok(random[..len].to_vec())
        );
        assert!(plain.len() <= len + 5);
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_made() {
    // 2^40 bytes of which four are there, packed or not.
    let lies: [&[u8]; 4] = [
        b"\x81\0\0\x01\0\0\0\0\0text",
        b"\xc3\x04\x81\0\0\x01\0\0\0\0\0text",
        b"\xc3\x81\0\0\x01\0\0\0\0\0\x04text",
        b"\xc3\0\0",
    ];
    for lie in lies {
        assert_eq!(read(lie, u64::MAX), Err(Fault::Broken));
    }
    assert_eq!(read(b"\xc4text", u64::MAX), Err(Fault::Broken));
}

proptest! {
    #[test]
    fn any_string_comes_back(text in prop::collection::vec(0..6_u8, 0..3000)) {
        let written = write(StringRef::Bytes(&text));
        prop_assert_eq!(read(&written, text.len() as u64).map(|(text, _)| text), Ok(text));
    }
}
