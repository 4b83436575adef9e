//! Slabs alone: places, holes, filling, pages.

use super::{ClassId, HOLE, Handle, Slabs};
use crate::store::error::StoreFull;
use crate::store::hash::splitmix;
use std::collections::HashMap;

const LIVE: u8 = 1;

fn write(slabs: &mut Slabs, handle: Handle, number: u64) {
    let bytes = slabs.bytes_mut(handle);
    bytes[0] = LIVE;
    bytes[4..12].copy_from_slice(&number.to_le_bytes());
}

fn read(slabs: &Slabs, handle: Handle) -> u64 {
    let bytes = slabs.bytes(handle);
    assert_eq!(bytes[0], LIVE);
    u64::from_le_bytes(*bytes[4..].first_chunk().unwrap())
}

#[test]
fn entries_stay_whole_while_others_come_go_and_move() {
    let mut slabs = Slabs::new(1000);
    let class = ClassId::of(56);
    let mut chance = 1;
    let mut handles: HashMap<u64, Handle> = HashMap::new();
    for number in 0..60_000 {
        let grows = number < 20_000 || number % 4 == 0;
        if grows {
            let handle = slabs.allocate(class).unwrap();
            write(&mut slabs, handle, number);
            assert_eq!(handles.insert(number, handle), None);
        } else {
            let victim = splitmix(&mut chance) % 20_000;
            if let Some(handle) = handles.remove(&victim) {
                slabs.free(handle, class);
            }
        }
        while slabs.needs_filling(class) {
            let Some((from, to)) = slabs.next_fill(class) else {
                break;
            };
            let moved = read(&slabs, from);
            slabs.fill(class, from, to);
            handles.insert(moved, to);
        }
        let live = u32::try_from(handles.len()).unwrap();
        let places = slabs.places(class);
        assert!(places - live <= 8 + places / 32, "{places} {live}");
    }
    for (number, handle) in &handles {
        assert_eq!(read(&slabs, *handle), *number);
    }
    assert_eq!(slabs.live_bytes(), handles.len() as u64 * 56);
    let live = (0..slabs.places(class))
        .filter(|&position| !slabs.is_hole(slabs.place(class, position)))
        .count();
    assert_eq!(live, handles.len());
}

#[test]
fn pages_go_back_and_are_taken_again() {
    let mut slabs = Slabs::new(20);
    let class = ClassId::of(4096);
    for _ in 0..3 {
        let handles: Vec<_> = (0..16 * 20)
            .map(|_| slabs.allocate(class).unwrap())
            .collect();
        for (number, handle) in (0..).zip(&handles) {
            write(&mut slabs, *handle, number);
        }
        assert_eq!(slabs.allocate(class), Err(StoreFull));
        assert_eq!(slabs.allocate(ClassId::of(16)), Err(StoreFull));
        for handle in handles.iter().rev() {
            slabs.free(*handle, class);
        }
        assert_eq!(slabs.places(class), 0);
        assert_eq!(slabs.live_bytes(), 0);
        // All pages are free for other classes.
        let other = slabs.allocate(ClassId::of(16)).unwrap();
        write(&mut slabs, other, 1);
        slabs.free(other, ClassId::of(16));
    }
    assert!(
        slabs.overhead_bytes() < 9 * 65536,
        "eight spare pages and tables"
    );
}

#[test]
fn freed_in_any_order_a_class_ends_empty() {
    let mut slabs = Slabs::new(100);
    let class = ClassId::of(100);
    let mut handles: Vec<_> = (0..5000).map(|_| slabs.allocate(class).unwrap()).collect();
    for (number, handle) in (0..).zip(&handles) {
        write(&mut slabs, *handle, number);
    }
    let mut chance = 3;
    while !handles.is_empty() {
        let at = usize::try_from(splitmix(&mut chance)).unwrap() % handles.len();
        slabs.free(handles.swap_remove(at), class);
    }
    while slabs.places(class) > 0 {
        assert_eq!(slabs.bytes(slabs.place(class, 0))[0], HOLE);
        assert_eq!(slabs.next_fill(class), None, "nothing is left to move");
    }
}

#[test]
fn a_page_knows_its_earliest_expiry_until_it_is_forgotten() {
    let mut slabs = Slabs::new(10);
    let class = ClassId::of(64);
    let first = slabs.allocate(class).unwrap();
    write(&mut slabs, first, 0);
    assert_eq!(slabs.earliest_expiry(class, 0), u64::MAX);
    slabs.note_expiry(first, 500);
    slabs.note_expiry(first, 700);
    assert_eq!(slabs.earliest_expiry(class, 0), 500);
    slabs.forget_expiries(class, 0);
    assert_eq!(slabs.earliest_expiry(class, 0), u64::MAX);
}
