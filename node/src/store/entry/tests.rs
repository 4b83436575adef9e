//! Entries of every shape are read as they were written.

use super::{Draft, Entry, Form, Kind, LONGEST_INLINE_KEY, LongKey, Place};
use super::{move_value_end, set_expiry};
use crate::store::extent::ExtentId;
use crate::store::key::KeyHash;

const TEXT: Form = Form::new(Kind::String, 0);

/// The greatest expiry that a client can name.
const LAST: u64 = i64::MAX as u64;

fn draft<'a>(expiry: Option<u64>, key_part: &'a [u8], value_part: &'a [u8]) -> Draft<'a> {
    Draft {
        form: TEXT,
        place: Place::Inline,
        long_key: false,
        expiry,
        mark: 0xbeef,
        key_part,
        value_part,
    }
}

#[test]
fn entries_are_read_as_they_were_written() {
    let long = vec![b'k'; LONGEST_INLINE_KEY];
    let expiries = [
        None,
        Some(0),
        Some(1_700_000_000_000),
        Some((1 << 47) - 1),
        Some(1 << 47),
        Some(1 << 48),
        Some(LAST),
    ];
    for key in [&b""[..], b"k", b"a key of some length", &long] {
        for value_len in [0, 1, 44, 45, 2000] {
            for expiry in expiries {
                let value = vec![b'v'; value_len];
                let draft = draft(expiry, key, &value);
                let mut bytes = vec![0xaa; 4200];
                draft.write(&mut bytes);
                let entry = Entry::new(&bytes);
                assert_eq!(entry.len(), draft.len());
                assert_eq!(entry.kind(), Some(Kind::String));
                assert_eq!(entry.form(), TEXT);
                assert_eq!(entry.place(), Place::Inline);
                assert!(entry.has_short_key(key) && entry.long_key().is_none());
                assert_eq!(entry.key_part(), key);
                assert_eq!(entry.value_part(), value);
                assert_eq!(entry.expiry(), expiry);
                assert_eq!(entry.mark(), 0xbeef);
                move_value_end(&mut bytes, value_len + 5);
                assert_eq!(Entry::new(&bytes).key_part(), key);
                assert_eq!(Entry::new(&bytes).value_part()[value_len..], [0; 5]);
                move_value_end(&mut bytes, value_len);
                assert_eq!(Entry::new(&bytes).value_part(), value);
            }
        }
    }
}

#[test]
fn kind_flavour_place_and_long_keys_are_independent() {
    let part = LongKey {
        hash: KeyHash(0x0123_4567_89ab_cdef),
        extent: ExtentId(77),
    };
    let number = 5_u32.to_le_bytes();
    for kind in [Kind::String, Kind::Hash, Kind::Stream] {
        for flavour in 0..4 {
            for place in [Place::Inline, Place::Extent, Place::Object] {
                for long_key in [false, true] {
                    let form = Form::new(kind, flavour);
                    let bytes_of_key = part.bytes();
                    let draft = Draft {
                        form,
                        place,
                        long_key,
                        ..draft(Some(LAST), &bytes_of_key, &number)
                    };
                    let mut bytes = [0xaa; 64];
                    draft.write(&mut bytes);
                    let entry = Entry::new(&bytes);
                    assert_eq!((entry.form(), entry.place()), (form, place));
                    assert_eq!(entry.form().flavour(), flavour);
                    assert_eq!(entry.kind(), Some(kind));
                    assert_eq!(entry.long_key(), long_key.then_some(part));
                    assert_eq!(entry.extent().is_some(), place == Place::Extent);
                    assert_eq!(entry.object().is_some(), place == Place::Object);
                    let is_inline = place == Place::Inline;
                    assert_eq!(entry.is_inline(form, 0), is_inline);
                    assert_eq!(entry.is_inline(Form::new(kind, 0), 0b11), is_inline);
                }
            }
        }
    }
}

#[test]
fn an_expiry_is_overwritten_by_one_of_as_many_bytes() {
    let mut bytes = [0xaa; 64];
    draft(Some(5), b"key", b"value").write(&mut bytes);
    assert!(set_expiry(&mut bytes, (1 << 47) - 1));
    assert_eq!(Entry::new(&bytes).expiry(), Some((1 << 47) - 1));
    assert!(!set_expiry(&mut bytes, 1 << 47));
    assert_eq!(Entry::new(&bytes).expiry(), Some((1 << 47) - 1));
    draft(Some(1 << 47), b"key", b"value").write(&mut bytes);
    assert!(set_expiry(&mut bytes, LAST));
    assert!(!set_expiry(&mut bytes, 5));
    assert_eq!(Entry::new(&bytes).expiry(), Some(LAST));
    assert_eq!(Entry::new(&bytes).value_part(), b"value");
    draft(None, b"key", b"value").write(&mut bytes);
    assert!(!set_expiry(&mut bytes, 5));
}
