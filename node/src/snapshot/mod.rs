//! A snapshot: the keyspace of one moment on its way into a file, while it goes on changing.
//! Pure: bytes come out, in pieces; the shell writes them. Never: decides what comes next, which is the store's (`Store::capture_some`).
//!
//! ```text
//! store ──shows──► Snapshot ──pieces──► shell ──► file
//!                      │ a large value comes in parts, others between them
//!                      └────────────────────────► aside ──joined──► file
//! ```
//!
//! In a file a value's bytes stand together, and how many there are of some stands before them. So parts of a large value are put aside, and follow its key when the last has come; what is about to change meanwhile goes on into the file.

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

/// A snapshot that is being taken.
#[derive(Debug)]
pub struct Snapshot {
    file: FileWriter,
    recorder: Recorder,
    /// The value that comes in parts.
    large: Option<Saver>,
    out: Vec<u8>,
    aside: Vec<u8>,
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
            out,
            aside: Vec::new(),
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
        self.file.end(&mut self.out);
        self.push_out();
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
        self.ready_bytes + self.out.len() + self.aside.len()
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

    fn push_out(&mut self) {
        let bytes = std::mem::replace(&mut self.out, Vec::with_capacity(PIECE_BYTES));
        self.ready_bytes += bytes.len();
        self.ready.push_back(Piece::File(bytes));
    }

    fn push_aside(&mut self) {
        let bytes = std::mem::take(&mut self.aside);
        self.ready_bytes += bytes.len();
        self.ready.push_back(Piece::Aside(bytes));
    }

    fn try_keep(&mut self, kept: Kept<'_>, is_rest: bool) -> Result<(), Fault> {
        if is_rest && self.large.is_some() {
            while !self.try_keep_some(kept)? {}
            return Ok(());
        }
        self.recorder.write(&mut self.file, kept, &mut self.out)?;
        self.note_key();
        Ok(())
    }

    fn try_keep_some(&mut self, kept: Kept<'_>) -> Result<bool, Fault> {
        let mut saver = match self.large.take() {
            Some(saver) => saver,
            None => {
                let saver = self.recorder.begin(kept)?;
                self.recorder.pause();
                saver
            }
        };
        let is_whole = saver.go_on(kept.value, &mut self.aside)?;
        Ok(self.settle_part(saver, is_whole, Named::of(kept)))
    }

    fn try_keep_apart(
        &mut self,
        kept: KeptApart<'_>,
        showing: Showing,
        more: MoreElements<'_>,
    ) -> Result<bool, Fault> {
        if showing == Showing::All {
            let (file, out) = (&mut self.file, &mut self.out);
            self.recorder.write_apart(file, kept, more, out)?;
            self.note_key();
            return Ok(true);
        }
        loop {
            let mut saver = self.large.take().unwrap_or_else(|| {
                let saver = self.recorder.begin_apart(kept);
                self.recorder.pause();
                saver
            });
            let is_whole = saver.go_on_apart(more, &mut self.aside)?;
            let is_whole = self.settle_part(saver, is_whole, Named::of_apart(kept));
            if is_whole || showing == Showing::Part {
                return Ok(is_whole);
            }
        }
    }

    /// Behind a whole key.
    fn note_key(&mut self) {
        self.keys += 1;
        if self.out.len() >= PIECE_BYTES {
            self.push_out();
        }
    }

    /// A part of a large value stands aside; whether that was the last.
    fn settle_part(&mut self, saver: Saver, is_whole: bool, named: Named<'_>) -> bool {
        if !is_whole {
            // Of a string that is being packed it is not known yet whether that stays.
            let may_go = saver.may_be_cut();
            self.large = Some(saver);
            if may_go && self.aside.len() >= PIECE_BYTES {
                self.push_aside();
            }
            return false;
        }
        let (file, out) = (&mut self.file, &mut self.out);
        self.recorder.end(saver, file, named, out);
        self.keys += 1;
        self.push_aside();
        self.push_out();
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
