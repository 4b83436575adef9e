//! Values that own memory of their own: large structures, known to entries by number.
//! Pure. Invariants: what they take is counted to the byte, also while they go; none is freed in one piece.

use super::chunked::Chunked;
use super::error::StoreFull;
use super::value::{Leaves, Pools, Position, Texts};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;

/// Names an object in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectId(pub(super) u32);

/// An element that a command will look for.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    pub(super) text: &'a [u8],
    /// As [`Store::element_hash`](super::Store::element_hash) says.
    pub(super) hash: u64,
    pub(super) purpose: Purpose,
    /// The score that it is to have, where that is known.
    pub(super) score: Option<f64>,
    /// What a step leaves for the next one: a block's number.
    pub(super) leaf: u32,
    /// … and the score that it has, in the ordered form.
    pub(super) own_score: Option<u64>,
    /// … and the number of another block.
    pub(super) other: u32,
}

impl<'a> Ahead<'a> {
    /// An element of this name and hash.
    #[inline]
    #[must_use]
    pub fn new(text: &'a [u8], hash: u64, purpose: Purpose) -> Self {
        Self {
            text,
            hash,
            purpose,
            score: None,
            leaf: 0,
            own_score: None,
            other: 0,
        }
    }

    /// The same; it is to have this score.
    #[inline]
    #[must_use]
    pub fn with_score(self, score: Option<f64>) -> Self {
        Self { score, ..self }
    }
}

/// What an element is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be read.
    Read,
    /// To be changed, or added where it is not.
    Put,
    /// To be taken out.
    Remove,
}

/// A large structure: what the store must know of it. Everything else is between it and the faces of its kind.
pub(super) trait Large: Any + Debug + Send {
    /// Bytes that it takes beside its leaves, exactly; asked before and after every change, so it counts as it goes.
    fn own_bytes(&self) -> u64;

    /// Bytes that it takes of its database's [`Leaves`], where they are counted.
    fn leaf_bytes(&self) -> u64;

    /// Bytes of what clients gave it, as it keeps them.
    fn payload(&self) -> u64;

    /// Copies a part of it, some 50 µs' worth, to what is made of it already; `true` when that holds the same. It must not change from the first call to the last.
    ///
    /// # Errors
    /// [`StoreFull`]; what was made is for the caller to free.
    fn copy_slice(&self, copying: &mut Copying, pools: &mut Pools<'_>) -> Result<bool, StoreFull>;

    /// Asks for the memory where elements are or would be: one step on the way there, which reads what the one before has asked for.
    fn look_ahead(&self, _: &Leaves, _: &mut [Ahead<'_>], _step: usize) {}

    /// Another one that holds the same.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed.
    fn copied(&self, pools: &mut Pools<'_>) -> Result<Box<dyn Large>, StoreFull> {
        let mut copying = Copying::default();
        loop {
            match self.copy_slice(&mut copying, pools) {
                Ok(false) => {}
                Ok(true) => return copying.into_made().ok_or(StoreFull),
                Err(full) => {
                    if let Some(mut made) = copying.into_made() {
                        while !made.free_slice(pools.to()) {}
                    }
                    return Err(full);
                }
            }
        }
    }

    /// Frees a part of it, some 20 µs' worth; `true` when nothing is left. From the first call on nobody reads it.
    fn free_slice(&mut self, leaves: &mut Leaves) -> bool;

    /// It as one whose elements can be taken as they were at a moment while it changes; `None` where it has to stay as it is meanwhile.
    fn remembering(&mut self) -> Option<&mut dyn Remembering> {
        None
    }

    /// When the first of its parts ends that end by themselves, Unix milliseconds; asked often, so it is known and not looked for.
    fn next_end_ms(&self) -> Option<u64> {
        None
    }

    /// When the last of its parts ends, where all of them do: it is over then.
    fn last_end_ms(&self, _: &Leaves) -> Option<u64> {
        None
    }

    /// Takes out up to `limit` parts that have ended by then, and names them.
    fn end_parts(&mut self, _: &mut Leaves, _now_ms: u64, _limit: usize, _names: &mut Texts) {}

    /// All of it as a blob of at most so many bytes, where it is that small and none of its parts ends by itself any more; nothing is left here then.
    fn take_small(&mut self, _most_bytes: usize) -> Option<Vec<u8>> {
        None
    }
}

/// A large structure that remembers what it was: from a moment on its elements of then are recalled, part by part and each once, whatever becomes of them.
pub(super) trait Remembering {
    /// It is to be recalled as it is now, unless it is being recalled already.
    fn remember(&mut self);

    /// How many elements are recalled in all; `None` when it remembers nothing.
    fn remembered(&self) -> Option<u64>;

    /// Bytes of elements that have changed and are still to be recalled.
    fn early_bytes(&self) -> u64;

    /// Puts the next elements in the place of `texts`, some 4 KiB or what has changed; there may be none. `false` when all were recalled.
    fn recall(&mut self, leaves: &mut Leaves, texts: &mut Texts) -> bool;

    /// What it was is of no interest any more.
    fn forget(&mut self, leaves: &mut Leaves);
}

/// A copy of a large structure under way. Whoever has one puts it somewhere or frees it.
#[derive(Debug, Default)]
pub(super) struct Copying {
    made: Option<Box<dyn Large>>,
    /// Where the walk over the original goes on, where what is made does not show that.
    next: Position,
}

impl Copying {
    /// What is made so far, empty before the first part, and where the walk over the original goes on.
    ///
    /// # Panics
    /// When it was begun with another type: our mistake.
    pub(super) fn made<L: Large + Default>(&mut self) -> (&mut L, &mut Position) {
        let made = self.made.get_or_insert_with(|| Box::<L>::default());
        let made: &mut dyn Any = made.as_mut();
        let made = made.downcast_mut();
        let made = made.expect("a copy is of its original's type");
        (made, &mut self.next)
    }

    /// All that was made.
    pub(super) fn into_made(self) -> Option<Box<dyn Large>> {
        self.made
    }
}

/// Objects of one database.
#[derive(Debug)]
pub(super) struct Objects {
    slots: Chunked<Option<Box<dyn Large>>>,
    /// No entry names them any more; freed a slice at a time. As many as were removed faster than slices came: their bytes count as used until then.
    going: VecDeque<Box<dyn Large>>,
    /// Without those in leaves.
    bytes: u64,
}

impl Objects {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            slots: Chunked::new(),
            going: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Keeps an object.
    pub(super) fn add(&mut self, object: Box<dyn Large>) -> ObjectId {
        self.bytes += object.own_bytes();
        ObjectId(self.slots.add(Some(object)))
    }

    /// Whether there is an object of this number.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.slots.get(id.0).is_some()
    }

    /// The object of this number.
    ///
    /// # Panics
    /// When there is none: an entry named what was removed, our mistake.
    pub(super) fn get(&self, id: ObjectId) -> &dyn Large {
        let object = self.slots.get(id.0).as_ref();
        object.expect("an entry's object is there").as_ref()
    }

    /// Lets an object be changed, and counts anew what it takes; says as well what its payload was and is.
    ///
    /// # Panics
    /// As [`Objects::get`].
    pub(super) fn edit<R>(
        &mut self,
        id: ObjectId,
        change: impl FnOnce(&mut dyn Large) -> R,
    ) -> (R, [u64; 2]) {
        let object = self.slots.get_mut(id.0).as_mut();
        let object = object.expect("an entry's object is there").as_mut();
        let (bytes, payload) = (object.own_bytes(), object.payload());
        let result = change(object);
        self.bytes = self.bytes + object.own_bytes() - bytes;
        (result, [payload, object.payload()])
    }

    /// The entry that named it is gone: it will be freed slice by slice.
    pub(super) fn remove(&mut self, id: ObjectId) {
        if let Some(object) = self.slots.get_mut(id.0).take() {
            self.slots.release(id.0);
            self.going.push_back(object);
        }
    }

    /// Takes one that no entry ever named, to be freed slice by slice.
    pub(super) fn give_up(&mut self, object: Box<dyn Large>) {
        self.bytes += object.own_bytes();
        self.going.push_back(object);
    }

    /// Frees a slice of what is going; `false` when nothing is.
    pub(super) fn free_slice(&mut self, leaves: &mut Leaves) -> bool {
        let Some(object) = self.going.front_mut() else {
            return false;
        };
        let before = object.own_bytes();
        let is_gone = object.free_slice(leaves);
        self.bytes -= before;
        if is_gone {
            self.going.pop_front();
        } else {
            self.bytes += object.own_bytes();
        }
        true
    }

    /// Whether anything waits to be freed.
    pub(super) fn is_freeing(&self) -> bool {
        !self.going.is_empty()
    }

    /// Bytes taken beside leaves, those that are going included.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the table of objects.
    pub(super) fn table_bytes(&self) -> u64 {
        let going = self.going.capacity() * size_of::<Box<dyn Large>>();
        (self.slots.bytes() + going) as u64
    }
}
