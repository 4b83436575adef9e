//! [`Saver`]: a key's value on its way into bytes, a piece at a time.
//! Pure. Never: seals what it writes, or says where that goes. Invariant: the value stays as it is from the first step to the last, or whoever has what it was gives its elements ([`Saver::go_on_apart`]).

mod batch;
mod node;
mod steps;
mod stream;

use super::encoding::Encoding;
use super::length::{MOST_BYTES, Written};
use super::lzf::Packer;
use super::packed::ListpackWriter;
use super::seal;
use super::text::TextWriter;
use crate::store::{
    HashRef, Kind, MoreElements, Position, SetRef, SortedSetRef, StreamRef, StringRef, Value,
    WrongType, encoding_name,
};
use batch::Batch;
use stream::StreamSaver;

/// Members of the largest set that is written as an intset; Redis makes one of a larger one itself, where its limits say so.
const MOST_INTSET_MEMBERS: u64 = 1024;

/// Bytes that stand before what steps write: the encoding, when the first field ends, and how many elements follow.
pub const MOST_HEAD_BYTES: usize = 1 + END_BYTES + MOST_BYTES;

/// Bytes of the moment at which the first field ends, the lowest first.
const END_BYTES: usize = 8;

/// A value that is being written.
#[derive(Debug)]
pub struct Saver {
    encoding: Encoding,
    /// When the first field ends, of a hash of which some do.
    earliest_end_ms: u64,
    /// The moment that it is the value of.
    began_ms: u64,
    /// Elements, nodes of a stream, or nodes of a list that have been written.
    count: u64,
    stage: Stage,
    walk: Walk,
    batch: Batch,
    stream: StreamSaver,
    /// Of the element of the batch that is next, or of what elements are packed in, what is written already.
    text: Option<TextWriter>,
    listpack: ListpackWriter,
    /// Members of a set that becomes an intset.
    integers: Vec<i64>,
    packer: Packer,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The one string.
    String,
    /// Elements one behind the other.
    Elements,
    /// Elements that are packed together.
    Packing,
    /// The bytes in which all of them, or those of a node, are.
    Pack,
    /// A stream.
    Stream,
    /// Nothing.
    Over,
}

/// Where elements come from.
pub(super) enum Source<'a, 'b> {
    /// From the value, which stays as it is.
    Value(Value<'a>),
    /// From whoever has what it was.
    Apart(MoreElements<'b>),
}

/// Where the next elements are.
#[derive(Clone, Copy, Debug)]
enum Walk {
    Position(Position),
    /// How many have been shown.
    Place(u64),
    /// There are none.
    End,
}

impl Saver {
    /// For this value; `longest_bytes` bounds, by and large, what its strings may take.
    ///
    /// # Errors
    /// [`WrongType`]; but no reader refuses a value of its own kind.
    pub fn begin(value: Value<'_>, longest_bytes: usize) -> Result<Self, WrongType> {
        Self::begin_with(value, Packer::new(longest_bytes))
    }

    /// The same with what another one had to pack with.
    pub(super) fn begin_with(value: Value<'_>, packer: Packer) -> Result<Self, WrongType> {
        let (encoding, count) = encoding_of(value)?;
        let stage = match encoding {
            Encoding::String => Stage::String,
            Encoding::Set | Encoding::Hash | Encoding::HashTimed | Encoding::SortedSet => {
                Stage::Elements
            }
            Encoding::StreamListpacks2 => Stage::Stream,
            _ => Stage::Packing,
        };
        let walk = match value.kind() {
            Kind::Set | Kind::Hash => Walk::Position(Position::default()),
            _ => Walk::Place(0),
        };
        Ok(Self {
            earliest_end_ms: earliest_end_ms(value),
            began_ms: value.now_ms(),
            count,
            stage,
            walk,
            ..Self::of(encoding, packer)
        })
    }

    /// For a large hash or set of so many elements that come apart.
    pub(super) fn begin_apart(kind: Kind, count: u64, packer: Packer) -> Self {
        let encoding = match kind {
            Kind::Hash => Encoding::Hash,
            _ => Encoding::Set,
        };
        Self {
            count,
            ..Self::of(encoding, packer)
        }
    }

    fn of(encoding: Encoding, packer: Packer) -> Self {
        Self {
            encoding,
            earliest_end_ms: 0,
            began_ms: 0,
            count: 0,
            stage: Stage::Elements,
            walk: Walk::End,
            batch: Batch::default(),
            stream: StreamSaver::default(),
            text: None,
            listpack: ListpackWriter::new(),
            integers: Vec::new(),
            packer,
        }
    }

    /// Whether all that was written stays as it is, so that it may be taken away.
    #[must_use]
    pub fn may_be_cut(&self) -> bool {
        !matches!(self.text, Some(TextWriter::Packing { .. }))
    }

    /// Whether [`Saver::write_head`] may be asked before the steps: of a list it is not known how many nodes they will write.
    #[must_use]
    pub fn knows_head(&self) -> bool {
        self.encoding != Encoding::ListNodes
    }

    /// What it packed with, for the next one.
    pub(super) fn into_packer(self) -> Packer {
        self.packer
    }

    /// Appends what stands before all that the steps have written: encoding and count, which for a list is known only when they are over.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        out.push(self.encoding.number());
        if self.encoding.is_timed() {
            out.extend_from_slice(&self.earliest_end_ms.to_le_bytes());
        }
        let is_counted = matches!(
            self.encoding,
            Encoding::Set
                | Encoding::Hash
                | Encoding::HashTimed
                | Encoding::SortedSet
                | Encoding::ListNodes
                | Encoding::StreamListpacks2
        );
        if is_counted {
            out.extend_from_slice(Written::new(self.count).as_bytes());
        }
    }

    /// Appends the version of the format that stands behind the value.
    pub fn write_version(&self, out: &mut Vec<u8>) {
        seal::write_version(self.encoding, out);
    }
}

/// How a value is written, by the name that OBJECT ENCODING gives it, and how many elements, or nodes of a stream, are counted before them.
fn encoding_of(value: Value<'_>) -> Result<(Encoding, u64), WrongType> {
    let name = encoding_name(value);
    Ok(match value.kind() {
        Kind::String => (Encoding::String, 1),
        Kind::List => (Encoding::ListNodes, 0),
        Kind::Set => {
            let members = SetRef::of(value)?.members();
            let is_intset = name == "intset" && members <= MOST_INTSET_MEMBERS;
            let encoding = if is_intset {
                Encoding::SetIntset
            } else {
                Encoding::Set
            };
            (encoding, members)
        }
        Kind::Hash if HashRef::of(value)?.earliest_end().is_some() => {
            (Encoding::HashTimed, HashRef::of(value)?.fields())
        }
        Kind::Hash if name == "listpack" => (Encoding::HashListpack, 0),
        Kind::Hash => (Encoding::Hash, HashRef::of(value)?.fields()),
        Kind::SortedSet if name == "listpack" => (Encoding::SortedSetListpack, 0),
        Kind::SortedSet => (Encoding::SortedSet, SortedSetRef::of(value)?.len()),
        Kind::Stream => {
            let nodes = StreamRef::of(value)?.nodes();
            (Encoding::StreamListpacks2, nodes)
        }
    })
}

/// When the first field ends of a hash of which some do.
fn earliest_end_ms(value: Value<'_>) -> u64 {
    let hash = HashRef::of(value).ok();
    hash.and_then(HashRef::earliest_end).unwrap_or(0)
}

/// The bytes that a string's writer is shown: none of an integer, which it knows.
fn bytes_of(text: StringRef<'_>) -> &[u8] {
    match text {
        StringRef::Bytes(bytes) => bytes,
        StringRef::Integer(_) => &[],
    }
}
