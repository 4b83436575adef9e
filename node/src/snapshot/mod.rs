//! A snapshot: the keyspace of one moment on its way into a file, while it goes on changing.
//! Pure: bytes come out, in pieces; the shell writes them. Never: decides what comes next, which is the store's (`Store::capture_some`).
//!
//! ```text
//! store ──shows──► Snapshot ──pieces──► shell ──► file
//!                      │ a large value comes in parts, others between them
//!                      └────────────────────────► aside ──joined──► file
//! ```
//!
//! In a file a value's bytes stand together. So while parts of a large one go into the file, other keys that are about to change are put aside, and follow behind its last part. Of a list it is known at the end only how many nodes it has, which stands before them: there its parts are aside, and the others go on into the file.

#[cfg(test)]
mod tests;

use crate::rdb::{Fault, FileWriter, Made, Named, Recorder, Saver};
use crate::store::{Keeper, Kept, KeptApart, MoreElements, Showing, Store};
use std::collections::VecDeque;

/// Bytes of a piece, by and large.
const PIECE_BYTES: usize = 64 * 1024;

/// What is to be written next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// At the end of the file.
    File(Vec<u8>),
    /// Aside, behind what is there.
    Aside(Vec<u8>),
    /// All that is aside goes to the end of the file.
    Join,
}

/// A value of which some parts have come.
#[derive(Debug)]
struct Large {
    saver: Saver,
    /// Where they go.
    to: Place,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Aside,
}

/// Bytes that are no piece yet.
#[derive(Debug, Default)]
struct Buffers {
    file: Vec<u8>,
    aside: Vec<u8>,
}

impl Buffers {
    /// Those for this place.
    fn of(&mut self, place: Place) -> &mut Vec<u8> {
        match place {
            Place::File => &mut self.file,
            Place::Aside => &mut self.aside,
        }
    }

    fn len(&self) -> usize {
        self.file.len() + self.aside.len()
    }
}

/// A snapshot that is being taken.
#[derive(Debug)]
pub struct Snapshot {
    file: FileWriter,
    recorder: Recorder,
    /// The value that comes in parts.
    large: Option<Large>,
    buffers: Buffers,
    ready: VecDeque<Piece>,
    ready_bytes: usize,
    keys: u64,
    fault: Option<Fault>,
}

impl Snapshot {
    /// Begins one of the keyspace as it is now: from here on the store shows it.
    pub fn begin(store: &mut Store, made: &Made, packs: bool) {
        let mut out = Vec::with_capacity(PIECE_BYTES);
        let mut file = FileWriter::begin(&mut out, made);
        for number in (0..store.databases()).map(crate::store::DbIndex) {
            if !store.is_empty(number) {
                let (keys, expiring) = (store.len(number), store.len_expiring(number));
                file.announce(&mut out, number, keys as u64, expiring as u64);
            }
        }
        store.begin_capture(Box::new(Self {
            file,
            recorder: Recorder::new(packs),
            large: None,
            buffers: Buffers {
                file: out,
                aside: Vec::new(),
            },
            ready: VecDeque::new(),
            ready_bytes: 0,
            keys: 0,
            fault: None,
        }));
    }

    /// The snapshot that the store shows itself to.
    pub fn of(store: &mut Store) -> Option<&mut Self> {
        store.keeper()
    }

    /// The end, behind the last key: all that is left.
    pub fn end(&mut self) {
        self.file.end(&mut self.buffers.file);
        self.push(Place::File);
    }

    /// The next piece, if there is one.
    pub fn next_piece(&mut self) -> Option<Piece> {
        let piece = self.ready.pop_front()?;
        if let Piece::File(bytes) | Piece::Aside(bytes) = &piece {
            self.ready_bytes -= bytes.len();
        }
        Some(piece)
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.ready_bytes + self.buffers.len()
    }

    /// Keys that were taken so far.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Why it cannot be written.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// What there is for this place is a piece.
    fn push(&mut self, place: Place) {
        let buffer = self.buffers.of(place);
        if buffer.is_empty() {
            return;
        }
        let next = Vec::with_capacity(buffer.len().min(2 * PIECE_BYTES));
        let bytes = std::mem::replace(buffer, next);
        self.ready_bytes += bytes.len();
        self.ready.push_back(match place {
            Place::File => Piece::File(bytes),
            Place::Aside => Piece::Aside(bytes),
        });
    }

    /// Where keys go that are no part of a large value.
    fn place_of_others(&self) -> Place {
        match self.large {
            Some(Large {
                to: Place::File, ..
            }) => Place::Aside,
            _ => Place::File,
        }
    }

    fn try_keep(&mut self, kept: Kept<'_>, is_rest: bool) -> Result<(), Fault> {
        if is_rest && self.large.is_some() {
            while !self.try_keep_some(kept)? {}
            return Ok(());
        }
        let place = self.place_of_others();
        let out = self.buffers.of(place);
        self.recorder.write(&mut self.file, kept, out)?;
        self.note_key(place);
        Ok(())
    }

    fn try_keep_some(&mut self, kept: Kept<'_>) -> Result<bool, Fault> {
        let mut large = match self.large.take() {
            Some(large) => large,
            None => {
                let saver = self.recorder.begin(kept)?;
                self.begin_large(saver, Named::of(kept))
            }
        };
        let is_whole = large.saver.go_on(kept.value, self.buffers.of(large.to))?;
        Ok(self.settle_part(large, is_whole, Named::of(kept)))
    }

    fn try_keep_apart(
        &mut self,
        kept: KeptApart<'_>,
        showing: Showing,
        more: MoreElements<'_>,
    ) -> Result<bool, Fault> {
        if showing == Showing::All {
            let place = self.place_of_others();
            let out = self.buffers.of(place);
            self.recorder.write_apart(&mut self.file, kept, more, out)?;
            self.note_key(place);
            return Ok(true);
        }
        let named = Named::of_apart(kept);
        loop {
            let mut large = match self.large.take() {
                Some(large) => large,
                None => {
                    let saver = self.recorder.begin_apart(kept);
                    self.begin_large(saver, named)
                }
            };
            let is_whole = large.saver.go_on_apart(more, self.buffers.of(large.to))?;
            let is_whole = self.settle_part(large, is_whole, named);
            if is_whole || showing == Showing::Part {
                return Ok(is_whole);
            }
        }
    }

    /// A value's parts are about to come; what stands before them is written where that is known.
    fn begin_large(&mut self, saver: Saver, named: Named<'_>) -> Large {
        self.recorder.pause();
        let to = match saver.knows_head() {
            true => Place::File,
            false => Place::Aside,
        };
        if to == Place::File {
            let out = self.buffers.of(to);
            self.recorder.write_key(&saver, &mut self.file, named, out);
        }
        Large { saver, to }
    }

    /// Behind a whole key.
    fn note_key(&mut self, place: Place) {
        self.keys += 1;
        if self.buffers.of(place).len() >= PIECE_BYTES {
            self.push(place);
        }
    }

    /// A part of a large value stands where it goes; whether that was the last.
    fn settle_part(&mut self, large: Large, is_whole: bool, named: Named<'_>) -> bool {
        if !is_whole {
            // Of a string that is being packed it is not known yet whether that stays.
            let (to, may_go) = (large.to, large.saver.may_be_cut());
            self.large = Some(large);
            if may_go && self.buffers.of(to).len() >= PIECE_BYTES {
                self.push(to);
            }
            return false;
        }
        if large.to == Place::Aside {
            let out = self.buffers.of(Place::File);
            self.recorder
                .write_key(&large.saver, &mut self.file, named, out);
        }
        self.recorder.take_back(large.saver);
        self.keys += 1;
        self.push(Place::Aside);
        self.push(Place::File);
        self.ready.push_back(Piece::Join);
        true
    }

    /// Whether no part is to come: that was the last, or it cannot be written.
    fn is_whole(&mut self, kept: Result<bool, Fault>) -> bool {
        kept.unwrap_or_else(|fault| {
            self.large = None;
            self.fault = Some(fault);
            true
        })
    }
}

impl Keeper for Snapshot {
    fn keep(&mut self, kept: Kept<'_>, is_rest: bool) {
        if let Err(fault) = self.try_keep(kept, is_rest) {
            self.fault = Some(fault);
        }
    }

    fn keep_some(&mut self, kept: Kept<'_>) -> bool {
        let kept = self.try_keep_some(kept);
        self.is_whole(kept)
    }

    fn keep_apart(
        &mut self,
        kept: KeptApart<'_>,
        showing: Showing,
        more: MoreElements<'_>,
    ) -> bool {
        let kept = self.try_keep_apart(kept, showing, more);
        self.is_whole(kept)
    }
}
