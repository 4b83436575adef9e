//! Any bytes as a value: they must not panic, must leave nothing behind when they are refused, and what is taken must come back as it is when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use node::rdb::{Fault, Loader, Saver};
use node::store::{DbIndex, EXPIRE_SLICE, Key, Limits, Store, Wording};

const DB: DbIndex = DbIndex(0);
/// Bytes that a value may unpack to.
const ROOM: u64 = 1 << 20;

fn load(store: &mut Store, name: &[u8], bytes: &[u8]) -> Result<(), Fault> {
    let limits = |_| Limits {
        entries: 128,
        element_bytes: 64,
        blob_bytes: Limits::MOST_BLOB_BYTES,
    };
    let mut loader = Loader::begin(bytes, DB, name, limits, ROOM)?;
    loop {
        match loader.go_on(bytes, store) {
            Ok(false) => {}
            Ok(true) => break,
            Err(fault) => {
                loader.give_up(store);
                return Err(fault);
            }
        }
    }
    let key = Key {
        bytes: name,
        hash: store.hash(name),
    };
    loader.put(store, key, DB, None, Wording::Told)?;
    Ok(())
}

fn save(store: &mut Store, name: &[u8]) -> Vec<u8> {
    let key = Key {
        bytes: name,
        hash: store.hash(name),
    };
    let value = store.look(DB, key).expect("it was put");
    let mut saver = Saver::begin(value, 1 << 12).expect("its kind was read");
    let mut body = Vec::new();
    while !saver.go_on(value, &mut body).expect("short enough") {}
    let mut bytes = Vec::new();
    saver.write_head(&mut bytes);
    bytes.extend_from_slice(&body);
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let mut store = Store::new(1, 7);
    store.set_now(1);
    match load(&mut store, b"k", bytes) {
        Ok(()) => {
            let saved = save(&mut store, b"k");
            load(&mut store, b"l", &saved).expect("what was written can be read");
            // Sets and hashes may lie in another order then, which has an end.
            let again = save(&mut store, b"l");
            assert_eq!(again.len(), saved.len());
        }
        Err(_) => {
            while store.expire_step(EXPIRE_SLICE).again {}
            assert!(store.is_empty(DB));
        }
    }
});
