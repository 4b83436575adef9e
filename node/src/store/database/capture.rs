//! [`Capture`]: which entries of a database a snapshot has already, or need not have, for they came later.
//! Pure. Invariant: an entry that was there at the moment and is not marked is as it was then; one that moves takes its mark along.

use super::Database;
use crate::store::key::{DbIndex, KeyHash};
use crate::store::object::{ObjectId, Remembering};
use crate::store::slab::{CLASS_COUNT, ClassId, Handle};
use crate::store::value::Leaves;
use std::collections::HashSet;

/// Handles of one page, a bit each.
const PAGE_WORDS: usize = 128;
const PAGE_BITS: u32 = PAGE_WORDS.ilog2() + u64::BITS.ilog2();

/// A walk over the entries of a database as they were at one moment, while they change.
#[derive(Debug)]
pub(in crate::store) struct Capture {
    /// Which database it was at the moment.
    number: DbIndex,
    /// Marks by page and unit: 1/64 of what the entries take.
    marks: Vec<Option<Box<[u64; PAGE_WORDS]>>>,
    /// The class that is walked through, and how many of its places are still to be looked at. From the end to the front, for entries move towards the front.
    class: usize,
    left: Option<u32>,
    /// An entry without mark has gone to another class, which may have been walked through.
    has_strays: bool,
    is_over: bool,
    /// The key of which a part has been taken: it must stay.
    pinned: Option<KeyHash>,
    /// Objects that remember what they were.
    remembering: HashSet<ObjectId>,
}

fn place_of(handle: Handle) -> (usize, usize, u64) {
    let (page, unit) = (handle.0 >> PAGE_BITS, handle.0 & ((1 << PAGE_BITS) - 1));
    (
        page as usize,
        (unit / u64::BITS) as usize,
        1 << (unit % u64::BITS),
    )
}

impl Capture {
    fn new(number: DbIndex) -> Self {
        Self {
            number,
            marks: Vec::new(),
            class: 0,
            left: None,
            has_strays: false,
            is_over: false,
            pinned: None,
            remembering: HashSet::new(),
        }
    }

    fn has(&self, handle: Handle) -> bool {
        let (page, word, bit) = place_of(handle);
        let marks = self.marks.get(page).and_then(Option::as_ref);
        marks.is_some_and(|words| words[word] & bit != 0)
    }

    fn set(&mut self, handle: Handle, is_marked: bool) {
        let (page, word, bit) = place_of(handle);
        if page >= self.marks.len() {
            if !is_marked {
                return;
            }
            self.marks.resize_with(page + 1, || None);
        }
        let words = self.marks[page].get_or_insert_with(|| Box::new([0; PAGE_WORDS]));
        if is_marked {
            words[word] |= bit;
        } else {
            words[word] &= !bit;
        }
    }
}

impl Database {
    /// From now on entries are as they are at this moment until they are marked. `number` is which database this is.
    pub(in crate::store) fn begin_capture(&mut self, number: DbIndex) {
        self.capture = Some(Box::new(Capture::new(number)));
    }

    /// Nobody wants to know any more.
    pub(in crate::store) fn end_capture(&mut self) {
        let capture = self.capture.take();
        for id in capture.into_iter().flat_map(|capture| capture.remembering) {
            self.outside
                .remembering(id, |object, leaves| object.forget(leaves));
        }
    }

    /// Lets the object of an entry that is still to be taken remember what it is, if it can; whether it does.
    pub(in crate::store) fn remember(&mut self, handle: Handle) -> bool {
        let Some(id) = self.entry(handle).object() else {
            return false;
        };
        let Some(capture) = &mut self.capture else {
            return false;
        };
        let began = self.outside.remembering(id, |object, _| object.remember());
        if began.is_some() {
            capture.remembering.insert(id);
        }
        began.is_some()
    }

    /// Whether an entry's object remembers what it was.
    pub(in crate::store) fn remembers(&self, handle: Handle) -> bool {
        let capture = self.capture.as_ref();
        let id = self.entry(handle).object();
        capture.is_some_and(|capture| id.is_some_and(|id| capture.remembering.contains(&id)))
    }

    /// What an entry's object remembers, which is no longer of interest when `recall` says so.
    /// It is shown how many elements there were, and the object.
    pub(in crate::store) fn recall(
        &mut self,
        handle: Handle,
        recall: impl FnOnce(u64, &mut dyn Remembering, &mut Leaves) -> bool,
    ) -> Option<bool> {
        let id = self.entry(handle).object()?;
        let recalled = self.outside.remembering(id, |object, leaves| {
            let is_over = recall(object.remembered()?, object, leaves);
            if is_over {
                object.forget(leaves);
            }
            Some(is_over)
        });
        let is_over = recalled.flatten()?;
        if is_over && let Some(capture) = &mut self.capture {
            capture.remembering.remove(&id);
        }
        Some(is_over)
    }

    /// An object goes: what it remembers is of no interest any more.
    pub(super) fn forget_past(&mut self, id: ObjectId) {
        if let Some(capture) = &mut self.capture
            && capture.remembering.remove(&id)
        {
            self.outside
                .remembering(id, |object, leaves| object.forget(leaves));
        }
    }

    /// Bytes that an entry's object remembers of elements that have changed; `None` where it remembers nothing and cannot begin to.
    pub(in crate::store) fn early_bytes(&mut self, handle: Handle) -> Option<u64> {
        let id = self.entry(handle).object()?;
        self.outside
            .remembering(id, |object, _| object.early_bytes())
    }

    /// The same of all objects.
    pub(in crate::store) fn remembered_bytes(&self) -> u64 {
        self.outside.leaves.remembered_bytes()
    }

    /// Which database it was at the moment, while there is anything to be taken of it.
    pub(in crate::store) fn captured_number(&self) -> Option<DbIndex> {
        let capture = self.capture.as_ref().filter(|capture| !capture.is_over);
        capture.map(|capture| capture.number)
    }

    /// Which database it was at the moment, where the entry is still to be taken.
    #[inline]
    pub(in crate::store) fn is_uncaptured(&self, handle: Handle) -> Option<DbIndex> {
        let capture = self.capture.as_ref()?;
        (!capture.is_over && !capture.has(handle)).then_some(capture.number)
    }

    /// The entry is taken, or came after the moment.
    #[inline]
    pub(in crate::store) fn note_captured(&mut self, handle: Handle) {
        if let Some(capture) = &mut self.capture {
            capture.set(handle, true);
        }
    }

    /// The entry at `from` is at `to` now; `is_outpaced`: perhaps where the walk does not come any more.
    pub(in crate::store) fn carry_capture(&mut self, from: Handle, to: Handle, is_outpaced: bool) {
        if let Some(capture) = &mut self.capture {
            let is_marked = capture.has(from);
            capture.set(to, is_marked);
            capture.has_strays |= is_outpaced && !is_marked;
        }
    }

    /// The key of which a part has been taken, and nothing else, stays as it is.
    pub(in crate::store) fn pin(&mut self, key: Option<KeyHash>) {
        if let Some(capture) = &mut self.capture {
            capture.pinned = key;
        }
    }

    /// Whether it is that key.
    #[inline]
    pub(in crate::store) fn is_pinned(&self, key: KeyHash) -> bool {
        let pinned = self.capture.as_ref().and_then(|capture| capture.pinned);
        pinned == Some(key)
    }

    /// The next entry that is to be taken, after so many looks at most, which become fewer.
    pub(in crate::store) fn next_uncaptured(&mut self, looks: &mut usize) -> Option<Handle> {
        let capture = self.capture.as_mut()?;
        while *looks > 0 && !capture.is_over {
            *looks -= 1;
            if capture.class == CLASS_COUNT {
                capture.class = 0;
                capture.is_over = !std::mem::take(&mut capture.has_strays);
                continue;
            }
            let class = ClassId::new(capture.class);
            let next = class.and_then(|class| {
                let places = self.slabs.places(class);
                let left = capture.left.unwrap_or(places).min(places);
                Some((class, left.checked_sub(1)?))
            });
            let Some((class, position)) = next else {
                capture.class += 1;
                capture.left = None;
                continue;
            };
            capture.left = Some(position);
            let handle = self.slabs.place(class, position);
            if !self.slabs.is_hole(handle) && !capture.has(handle) {
                return Some(handle);
            }
        }
        None
    }
}
