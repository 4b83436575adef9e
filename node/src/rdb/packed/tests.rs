use super::*;
use proptest::prelude::*;

fn text_of(element: StringRef<'_>) -> Vec<u8> {
    match element {
        StringRef::Bytes(bytes) => bytes.to_vec(),
        StringRef::Integer(number) => number.to_string().into_bytes(),
    }
}

fn read(form: Form, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let mut walk = Walk::new(form, bytes)?;
    let mut elements = Vec::new();
    while let Some(element) = walk.next(bytes)? {
        elements.push(text_of(element));
    }
    Ok(elements)
}

fn listpack(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = ListpackWriter::new();
    for element in elements {
        writer.push(element).expect("short enough");
    }
    assert_eq!(writer.count(), elements.len());
    writer.finish().to_vec()
}

/// Of this value every byte is changed, and every end cut off: all that is asked is an answer.
fn survives(form: Form, bytes: &[u8]) {
    for end in 0..bytes.len() {
        assert_eq!(
            read(form, &bytes[..end]),
            Err(Fault::Broken),
            "{form:?} cut at {end}"
        );
    }
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            changed[at] ^= 1 << bit;
            drop(read(form, &changed));
            changed[at] ^= 1 << bit;
        }
    }
}

#[test]
fn listpacks_are_read_as_they_were_written() {
    let mut elements: Vec<Vec<u8>> = Vec::new();
    for number in [
        0_i64,
        127,
        128,
        4095,
        4096,
        32_767,
        32_768,
        8_388_607,
        8_388_608,
        2_147_483_647,
        2_147_483_648,
        i64::MAX,
    ] {
        elements.push(number.to_string().into());
        elements.push((-number).to_string().into());
        elements.push((-number - 1).to_string().into());
    }
    for len in [
        0, 1, 63, 64, 125, 126, 127, 4095, 4096, 16_379, 16_380, 16_381, 70_000,
    ] {
        elements.push(vec![b'x'; len]);
    }
    let bytes = listpack(&elements);
    assert_eq!(read(Form::Listpack, &bytes), Ok(elements));
    let many: Vec<Vec<u8>> = (0..70_000_u32)
        .map(|number| number.to_string().into())
        .collect();
    assert_eq!(read(Form::Listpack, &listpack(&many)), Ok(many));
}

#[test]
fn a_listpack_as_redis_writes_it_is_the_same_byte_for_byte() {
    let bytes = listpack(&[
        b"a".to_vec(),
        b"1".to_vec(),
        b"bc".to_vec(),
        b"-300".to_vec(),
    ]);
    let expected = b"\x13\0\0\0\x04\0\x81a\x02\x01\x01\x82bc\x03\xde\xd4\x02\xff";
    assert_eq!(bytes[6..], expected[6..]);
    assert_eq!(usize::from(bytes[0]), bytes.len());
    assert_eq!(bytes[4..6], [4, 0]);
}

#[test]
fn ziplists_are_read() {
    // Made by hand: "ab", 3, -1, 300, -70000, 2^33, 2^40, a string of 64.
    let mut entries: Vec<Vec<u8>> = vec![
        b"\x02ab".to_vec(),
        b"\xf4".to_vec(),
        b"\xfe\xff".to_vec(),
        b"\xc0\x2c\x01".to_vec(),
        b"\xf0\x90\xee\xfe".to_vec(),
        b"\xd0\0\0\0\x40".to_vec(),
        b"\xe0\0\0\0\0\x02\0\0\0".to_vec(),
    ];
    entries.push([&b"\x40\x40"[..], &[b'y'; 64]].concat());
    let expected: Vec<Vec<u8>> = ["ab", "3", "-1", "300", "-70000", "1073741824", "8589934592"]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .chain([vec![b'y'; 64]])
        .collect();
    let bytes = ziplist(&entries);
    assert_eq!(read(Form::Ziplist, &bytes), Ok(expected));
    survives(Form::Ziplist, &bytes);
    assert_eq!(read(Form::Ziplist, &ziplist(&[])), Ok(Vec::new()));
}

/// The ziplist of these elements, each with its head.
fn ziplist(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut before, mut last) = (0_usize, 10_usize);
    for entry in entries {
        last = bytes.len();
        bytes.push(u8::try_from(before).expect("short"));
        bytes.extend_from_slice(entry);
        before = bytes.len() - last;
    }
    bytes.push(0xff);
    let len = u32::try_from(bytes.len()).expect("short");
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    bytes[4..8].copy_from_slice(&u32::try_from(last).expect("short").to_le_bytes());
    bytes[8..10].copy_from_slice(&u16::try_from(entries.len()).expect("few").to_le_bytes());
    bytes
}

#[test]
fn zipmaps_are_read() {
    let bytes = b"\x02\x03foo\x03\0bar\x05hello\x05\x02world\0\0\xff";
    let expected = ["foo", "bar", "hello", "world"].map(|text| text.as_bytes().to_vec());
    assert_eq!(read(Form::Zipmap, bytes), Ok(expected.to_vec()));
    survives(Form::Zipmap, bytes);
}

#[test]
fn intsets_are_read_as_they_were_written() {
    for members in [
        vec![-3, 0, 5],
        vec![-32_768, 32_767],
        vec![-32_769, 1],
        vec![i64::from(i32::MAX) + 1],
        vec![i64::MIN, i64::MAX],
    ] {
        let bytes = write_intset(&members);
        let texts: Vec<Vec<u8>> = members
            .iter()
            .map(|number| number.to_string().into())
            .collect();
        assert_eq!(read(Form::Intset, &bytes), Ok(texts));
        survives(Form::Intset, &bytes);
    }
    for disorder in [vec![2, 1], vec![1, 1]] {
        assert_eq!(
            read(Form::Intset, &write_intset(&disorder)),
            Err(Fault::Broken)
        );
    }
}

#[test]
fn no_change_of_a_listpack_does_harm() {
    let long = vec![b'z'; 100];
    let elements = [
        &b"a"[..],
        b"-5",
        b"70000",
        b"",
        &long,
        b"9223372036854775807",
    ];
    survives(Form::Listpack, &listpack(&elements.map(<[u8]>::to_vec)));
}

proptest! {
    #[test]
    fn any_listpack_is_read_as_it_was_written(
        elements in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            (-5000..5000_i64).prop_map(|number| number.to_string().into_bytes()),
        ], 0..60)
    ) {
        prop_assert_eq!(read(Form::Listpack, &listpack(&elements)), Ok(elements));
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..60), form in 0..4_usize) {
        let form = [Form::Listpack, Form::Ziplist, Form::Zipmap, Form::Intset][form];
        drop(read(form, &bytes));
    }
}
