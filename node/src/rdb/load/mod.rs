//! [`Loader`]: a value on its way from bytes into the keyspace, made aside a piece at a time.
//! Pure. Invariants: a step that needs more bytes than there are ([`Fault::Cut`]) has done nothing; nothing is put before all of it has been looked at; whatever the bytes say, no more is allocated than they hold or unpack to.

mod node;
mod steps;
mod stream;
mod weight;

pub use weight::is_long;

pub(super) use node::{HAS_NODE_NAMES, IS_REMOVED, OTHERS};

use super::encoding::Encoding;
use super::fault::Fault;
use super::packed::Walk;
use super::source::Source;
use super::text::TextReader;
use crate::store::{
    CollectionMaker, DbIndex, ExpiryChange, Key, Kind, Limits, Store, StoreFull, StringEdit,
    Wording,
};
use stream::StreamLoader;

/// A value that is being read.
#[derive(Debug)]
#[must_use = "what it has made is the database's memory until it is put or given up"]
pub struct Loader {
    encoding: Encoding,
    /// When the first field ends, and when the one that is next does, counted from there on and from one; nought is never.
    earliest_end_ms: u64,
    end: u64,
    stage: Stage,
    /// The byte that is next.
    at: usize,
    /// Elements or nodes that are still to come.
    left: u64,
    /// Bytes that may still be unpacked.
    room: u64,
    /// A string, an element, a field, what elements are packed in.
    first: TextReader,
    /// A field's value.
    second: TextReader,
    made: Made,
}

/// What has been made so far.
#[derive(Debug)]
enum Made {
    Text(Vec<u8>),
    Collection(CollectionMaker),
    Stream(Box<StreamLoader>),
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    /// The first byte behind the encoding.
    Beginning,
    /// When a field ends.
    End,
    /// The one string, or an element's first.
    First,
    /// A field's value.
    Second,
    /// The rest of a string from this byte on, to be copied.
    Copying(usize),
    /// The head of a node of a list.
    Node,
    /// What elements are packed in.
    Pack,
    /// An element of that.
    Packed(Walk),
    /// Nothing.
    Over,
}

impl Loader {
    /// The value that `bytes` begin with, made for this key of `db`; its limits are those that `limits` gives for its kind. All together may unpack to `room` bytes.
    ///
    /// # Errors
    /// [`Fault::Broken`]: they begin with none that is known.
    pub fn begin(
        bytes: &[u8],
        db: DbIndex,
        key: &[u8],
        limits: impl FnOnce(Kind) -> Limits,
        room: u64,
    ) -> Result<Self, Fault> {
        let mut source = Source::new(bytes, 0);
        let encoding = Encoding::of(source.byte()?).ok_or(Fault::Broken)?;
        Self::begin_behind(encoding, source.at(), db, key, limits, room)
    }

    /// The same of a value in this encoding that begins at `at` of the bytes that the steps are shown.
    ///
    /// # Errors
    /// [`Fault::Broken`]: there is no such collection.
    pub(super) fn begin_behind(
        encoding: Encoding,
        at: usize,
        db: DbIndex,
        key: &[u8],
        limits: impl FnOnce(Kind) -> Limits,
        room: u64,
    ) -> Result<Self, Fault> {
        let kind = encoding.kind();
        let made = match kind {
            Kind::String => Made::Text(Vec::new()),
            Kind::Stream => Made::Stream(Box::new(StreamLoader::new(encoding, db))),
            _ => {
                let mut limits = limits(kind);
                if encoding.stays_packed() {
                    limits.element_bytes = usize::MAX;
                }
                let maker = CollectionMaker::new(kind, db, key, limits).ok_or(Fault::Broken)?;
                Made::Collection(maker)
            }
        };
        Ok(Self {
            encoding,
            earliest_end_ms: 0,
            end: 0,
            stage: Stage::Beginning,
            at,
            left: 0,
            room,
            first: TextReader::default(),
            second: TextReader::default(),
            made,
        })
    }

    /// Where the byte behind the value stands, once that is whole.
    #[must_use]
    pub fn end(&self) -> usize {
        self.at
    }

    /// Where the byte stands before which nothing is looked at again, if that is known: those may go. The steps are shown what is left from then on.
    pub(super) fn let_go(&mut self) -> Option<usize> {
        let is_between = match (&self.stage, &self.made) {
            (_, Made::Stream(stream)) => stream.is_between(),
            (Stage::Beginning | Stage::End | Stage::Node | Stage::Over, _) => true,
            (Stage::First | Stage::Pack, _) => !self.first.is_unpacking(),
            (Stage::Second | Stage::Copying(_) | Stage::Packed(_), _) => false,
        };
        is_between.then(|| std::mem::take(&mut self.at))
    }

    /// Puts the value in the place of whatever is at a key of its database, to live until `expiry`, and tells the door as `wording`.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing was changed, and what was made is freed.
    pub fn put(
        self,
        store: &mut Store,
        key: Key<'_>,
        db: DbIndex,
        expiry: Option<u64>,
        wording: Wording<'_>,
    ) -> Result<(), StoreFull> {
        match self.made {
            Made::Text(text) => {
                let expiry = expiry.map_or(ExpiryChange::Clear, ExpiryChange::At);
                StringEdit::put_loaded(store.slot(db, key), text, expiry, wording)
            }
            Made::Collection(maker) => maker.put(store, key, expiry, wording),
            Made::Stream(stream) => stream.into_maker().put(store, key, expiry, wording),
        }
    }

    /// Frees what was made, a part at a time.
    pub fn give_up(self, store: &mut Store) {
        match self.made {
            Made::Text(_) => {}
            Made::Collection(maker) => maker.give_up(store),
            Made::Stream(stream) => stream.into_maker().give_up(store),
        }
    }
}
