//! What the write faces of collections will do: blobs in the entry that grow and shrink anywhere, and objects in their place.

use super::*;
use crate::store::content::{Body, Content};
use crate::store::entry::Form;
use crate::store::object::{Copying, Large};
use crate::store::slot::{Edited, Editing};
use crate::store::value::{Leaves, Pools};
use std::any::Any;

const PACKED: Form = Form::new(crate::store::Kind::Stream, 0);
const LARGE: Form = Form::new(crate::store::Kind::Stream, 1);

/// A large structure as plain as can be: blocks of bytes.
#[derive(Debug, Default)]
struct Blocks(Vec<Box<[u8]>>);

impl Large for Blocks {
    fn own_bytes(&self) -> u64 {
        let blocks: usize = self.0.iter().map(|block| block.len()).sum();
        (blocks + self.0.capacity() * size_of::<Box<[u8]>>()) as u64
    }

    fn payload(&self) -> u64 {
        self.0.iter().map(|block| block.len() as u64).sum()
    }

    fn leaf_bytes(&self) -> u64 {
        0
    }

    fn copy_slice(&self, copying: &mut Copying, _: &mut Pools<'_>) -> Result<bool, StoreFull> {
        let (copy, _) = copying.made::<Self>();
        copy.0.reserve_exact(self.0.len() - copy.0.len());
        copy.0
            .extend_from_slice(&self.0[copy.0.len()..=copy.0.len()]);
        Ok(copy.0.len() == self.0.len())
    }

    fn free_slice(&mut self, _: &mut Leaves) -> bool {
        self.0.pop();
        self.0.is_empty()
    }
}

fn blocks(count: usize) -> Box<dyn Large> {
    Box::new(Blocks(vec![vec![7; 1000].into_boxed_slice(); count]))
}

fn change<R>(
    store: &mut Store,
    db: DbIndex,
    name: Key<'_>,
    change: impl FnOnce(&mut Editing<'_, '_>) -> R,
) -> R {
    let wording = Wording::Words(&[b"changed"]);
    let result = store.slot(db, name).change(wording, |editing| {
        Ok::<_, StoreFull>(Edited::Changed(change(editing)))
    });
    result.unwrap()
}

fn create(store: &mut Store, name: Key<'_>, bytes: &[u8]) {
    change(store, DB, name, |editing| {
        let body = Body::Bytes(bytes);
        editing.create(Content { form: PACKED, body }).unwrap();
    });
}

fn make_large(store: &mut Store, name: Key<'_>, count: usize) {
    create(store, name, b"small");
    change(store, DB, name, |editing| {
        editing.become_object(LARGE, blocks(count)).unwrap();
    });
}

fn count_blocks(store: &mut Store, db: DbIndex, name: Key<'_>) -> Option<usize> {
    let object: &dyn Any = store.peek(db, name)?.object()?;
    object.downcast_ref::<Blocks>().map(|blocks| blocks.0.len())
}

#[test]
fn a_blob_grows_and_shrinks_at_any_place_in_every_class() {
    for name in [&b"short"[..], &vec![b'l'; 2000]] {
        let mut store = store(1);
        let name = key(&store, name);
        let mut expected = b"begin".to_vec();
        create(&mut store, name, &expected);
        store.set_expiry(DB, name, Some(NOON + 100)).unwrap();
        let mut chance = 5;
        for round in 0..4000 {
            let len = expected.len() as u64;
            let start = usize::try_from(below(&mut chance, len + 1)).unwrap();
            let removed = if len > 3000 { 900 } else { 20 };
            let removed = usize::try_from(below(&mut chance, removed)).unwrap();
            let end = (start + removed).min(expected.len());
            let added = usize::try_from(below(&mut chance, 60)).unwrap();
            let part = vec![u8::try_from(round % 251).unwrap(); added];
            expected.splice(start..end, part.iter().copied());
            change(&mut store, DB, name, |editing| {
                editing.splice(start..end, &part).unwrap();
                assert!(editing.fits_inline(expected.len()));
            });
            assert_eq!(store.peek(DB, name).unwrap().bytes(), expected);
        }
        assert_eq!(store.expiry(DB, name), Some(Some(NOON + 100)));
        check_books(&store);
        change(&mut store, DB, name, |editing| {
            editing.remove();
        });
        assert!(store.is_empty(DB));
        check_books(&store);
        assert_eq!(store.memory().used() - store.memory().index, 0);
    }
}

#[test]
fn a_string_is_not_what_a_stream_is() {
    let mut store = store(1);
    let name = key(&store, b"stream");
    create(&mut store, name, b"fields");
    let value = store.peek(DB, name).unwrap();
    assert_eq!(value.kind().name(), "stream");
    assert_eq!(StringRef::of(value), Err(crate::store::WrongType));
    assert!(StringEdit::of(store.slot(DB, name)).is_err());
    set(&mut store, DB, name, b"text", ExpiryChange::Clear).unwrap();
    assert_eq!(
        string(store.peek(DB, name)),
        Some(StringRef::Bytes(b"text"))
    );
}

#[test]
fn an_object_is_counted_copied_moved_and_renamed() {
    let mut store = store(2);
    let (one, other) = (key(&store, b"one"), key(&store, b"other"));
    let long = vec![b'l'; 3000];
    let long = key(&store, &long);
    make_large(&mut store, one, 100);
    check_books(&store);
    assert_eq!(store.memory().objects, 101_600);
    assert_eq!(store.memory().dataset, 100_003);
    assert!(store.key_bytes(DB, one).unwrap() > 101_600);
    change(&mut store, DB, one, |editing| {
        let edited = editing.edit_object(Large::free_slice);
        assert_eq!(edited, Some(false));
    });
    assert_eq!(store.memory().objects, 100_600);
    assert_eq!(store.copy(DB, one, DbIndex(1), other), Ok(true));
    assert_eq!(store.memory().objects, 100_600 + 99_000 + 99 * 16);
    assert_eq!(count_blocks(&mut store, DbIndex(1), other), Some(99));
    // A renamed one is not copied: it has its hundred places still.
    assert_eq!(store.rename(DB, one, long), Ok(true));
    assert_eq!(store.memory().objects, 100_600 + 99_000 + 99 * 16);
    // Each database has leaves of its own.
    assert_eq!(store.move_key(DB, long, DbIndex(1)), Ok(true));
    assert_eq!(count_blocks(&mut store, DbIndex(1), long), Some(99));
    while store.expire_step(EXPIRE_SLICE).again {}
    assert_eq!(store.memory().objects, 2 * (99_000 + 99 * 16));
    assert!(store.is_empty(DB));
    check_books(&store);
    store.swap(DB, DB, DbIndex(1));
    assert_eq!(count_blocks(&mut store, DB, long), Some(99));
    store.clear(DB);
    let memory = store.memory();
    assert_eq!(memory.objects + memory.extents + memory.entries, 0);
}

#[test]
fn a_removed_object_goes_slice_by_slice_and_counts_until_then() {
    let mut store = store(1);
    let name = key(&store, b"large");
    make_large(&mut store, name, 100);
    assert!(store.remove(DB, name));
    assert_eq!(store.memory().objects, 101_600);
    store.expire_step(1);
    assert_eq!(
        store.memory().objects,
        100_600,
        "one slice, as the budget is"
    );
    set(&mut store, DB, name, b"text", ExpiryChange::Clear).unwrap();
    let mut steps = 0;
    while store.expire_step(EXPIRE_SLICE).again {
        steps += 1;
    }
    assert!((20..30).contains(&steps), "{steps}");
    assert_eq!(store.memory().objects, 0);
    check_books(&store);
}

#[test]
fn what_waits_to_be_freed_goes_before_keys_do() {
    let mut store = store(1);
    store.set_eviction(crate::store::EvictionSettings {
        policy: crate::store::EvictionPolicy::AllKeysRandom,
        ..crate::store::EvictionSettings::default()
    });
    let name = key(&store, b"large");
    make_large(&mut store, name, 100);
    put(&mut store, b"small", b"stays");
    set(&mut store, DB, name, b"text", ExpiryChange::Clear).unwrap();
    for _ in 0..100 {
        assert_eq!(store.evict_one(), Eviction::NotYet);
    }
    assert_eq!(store.memory().objects, 0);
    assert_eq!(store.len(DB), 2);
    assert_eq!(store.evict_one(), Eviction::Done);
}
