//! How a stream is read, step by step: nodes, what there was of entries, groups.
//! Pure. Invariants: a step that needs more bytes than there are has done nothing; of what stands in a stream twice both must say the same, and what no command can have made is refused, as far as that can be seen; Redis takes some of it.

use super::node::NodeReader;
use crate::rdb::encoding::Encoding;
use crate::rdb::fault::Fault;
use crate::rdb::length::read_count;
use crate::rdb::packed::{Form, Walk};
use crate::rdb::source::Source;
use crate::rdb::text::TextReader;
use crate::store::{DbIndex, GroupPosition, Store, StreamId, StreamMaker, StringRef};

/// Elements of a node, or entries that are pending, that are treated in one step.
const TREATED_AT_ONCE: usize = 16;

/// Bytes of an entry that is pending, at most: where there are fewer, what has been done is kept before more bytes are asked for.
const MOST_PENDING_BYTES: usize = 64;

/// A stream that is being read.
#[derive(Debug)]
pub(super) struct StreamLoader {
    encoding: Encoding,
    stage: Stage,
    /// What is still to come: nodes or groups; entries that are pending, of the group or of the consumer; consumers.
    left: u64,
    pending: u64,
    consumers: u64,
    /// What a node is counted from.
    first: StreamId,
    /// The same as bytes, a name.
    name: TextReader,
    /// What a node is packed in.
    pack: TextReader,
    maker: StreamMaker,
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    /// How many nodes there are.
    Beginning,
    /// What a node's entries are counted from.
    First,
    /// What they are packed in.
    Pack,
    /// An element of that.
    Node(Walk, NodeReader),
    /// How many entries there were.
    Totals,
    /// A group's name, and how far it is.
    Group,
    /// An entry that is pending.
    Pending,
    /// A consumer's name, and when it was last heard of.
    Consumer,
    /// An entry that it has not acknowledged.
    Owned,
    /// Nothing.
    Over,
}

impl StreamLoader {
    /// In this encoding, for a key of `db`.
    pub(super) fn new(encoding: Encoding, db: DbIndex) -> Self {
        Self {
            encoding,
            stage: Stage::Beginning,
            left: 0,
            pending: 0,
            consumers: 0,
            first: StreamId::MIN,
            name: TextReader::default(),
            pack: TextReader::default(),
            maker: StreamMaker::new(db),
        }
    }

    /// What was made.
    pub(super) fn into_maker(self) -> StreamMaker {
        self.maker
    }

    /// Whether it is whole.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether it looks at no string that was read before.
    pub(super) fn is_between(&self) -> bool {
        let looks = matches!(self.stage, Stage::Node(..));
        !looks && !self.is_unpacking()
    }

    /// Whether a string is here in part.
    pub(super) fn is_unpacking(&self) -> bool {
        self.name.is_unpacking() || self.pack.is_unpacking()
    }

    /// A small part of the work; how many bytes it treated that it did not read from `source`.
    pub(super) fn step(
        &mut self,
        bytes: &[u8],
        source: &mut Source<'_>,
        room: &mut u64,
        store: &mut Store,
    ) -> Result<usize, Fault> {
        match &mut self.stage {
            Stage::Beginning => {
                self.left = read_count(source)?;
                self.next_node();
            }
            Stage::First => {
                if self.name.read(bytes, source, room)? {
                    let first = self.name.bytes(bytes).try_into();
                    self.first = StreamId::of_bytes(first.map_err(|_| Fault::Broken)?);
                    holds(self.maker.begin_node(self.first))?;
                    self.stage = Stage::Pack;
                }
            }
            Stage::Pack => {
                if self.pack.read(bytes, source, room)? {
                    let walk = Walk::new(Form::Listpack, self.pack.bytes(bytes))?;
                    self.stage = Stage::Node(walk, NodeReader::new(self.first));
                }
            }
            Stage::Node(..) => return self.take_elements(bytes, *room, store),
            Stage::Totals => self.read_totals(source)?,
            Stage::Group => self.begin_group(bytes, source, room)?,
            Stage::Pending => self.read_pending(source, store)?,
            Stage::Consumer => self.begin_consumer(bytes, source, room)?,
            Stage::Owned => self.read_owned(source, store)?,
            Stage::Over => {}
        }
        Ok(0)
    }

    fn next_node(&mut self) {
        self.stage = if self.left == 0 {
            Stage::Totals
        } else {
            self.left -= 1;
            Stage::First
        };
    }

    /// The next elements of a node, or its end; how many bytes they are.
    fn take_elements(
        &mut self,
        bytes: &[u8],
        room: u64,
        store: &mut Store,
    ) -> Result<usize, Fault> {
        let Stage::Node(walk, reader) = &mut self.stage else {
            return Err(Fault::Broken);
        };
        let pack = self.pack.bytes(bytes);
        let mut treated = 0;
        for _ in 0..TREATED_AT_ONCE {
            let Some(element) = walk.next(pack)? else {
                holds(reader.is_over() && self.maker.end_node(store)?)?;
                self.next_node();
                break;
            };
            treated += element.len();
            reader.take(element, &mut self.maker, store)?;
            // A node of many leaves unpacks its names into each of them.
            if self.maker.repeated_bytes() > room {
                return Err(Fault::TooLong);
            }
        }
        Ok(treated)
    }

    fn read_totals(&mut self, source: &mut Source<'_>) -> Result<(), Fault> {
        let len = read_count(source)?;
        let last_id = read_id(source)?;
        let (first_id, max_deleted_id, entries_added) = match self.encoding {
            Encoding::StreamListpacks => (self.maker.first_id(), StreamId::MIN, len),
            _ => (read_id(source)?, read_id(source)?, read_count(source)?),
        };
        self.left = read_count(source)?;
        holds(len == self.maker.len() && first_id == self.maker.first_id())?;
        holds(
            self.maker
                .set_totals(last_id, max_deleted_id, entries_added),
        )?;
        self.next_group();
        Ok(())
    }

    fn next_group(&mut self) {
        self.stage = if self.left == 0 {
            Stage::Over
        } else {
            self.left -= 1;
            Stage::Group
        };
    }

    fn begin_group(
        &mut self,
        bytes: &[u8],
        source: &mut Source<'_>,
        room: &mut u64,
    ) -> Result<(), Fault> {
        if !self.name.read(bytes, source, room)? {
            return Ok(());
        }
        let last_id = read_id(source)?;
        let position = match self.encoding {
            Encoding::StreamListpacks => GroupPosition::Unsaid,
            _ => GroupPosition::Read(match read_count(source)? {
                UNKNOWN => None,
                read => Some(read),
            }),
        };
        let mut digits = itoa::Buffer::new();
        let name = text_of(self.name.get(bytes), &mut digits);
        let pending = read_count(source)?;
        holds(self.maker.begin_group(name, last_id, position))?;
        self.pending = pending;
        self.stage = Stage::Pending;
        Ok(())
    }

    fn read_pending(&mut self, source: &mut Source<'_>, store: &mut Store) -> Result<(), Fault> {
        for nth in 0..TREATED_AT_ONCE {
            if nth > 0 && source.left() < MOST_PENDING_BYTES {
                break;
            }
            if self.pending == 0 {
                self.consumers = read_count(source)?;
                return self.next_consumer();
            }
            let id = StreamId::of_bytes(source.array()?);
            let at_ms = read_moment(source)?;
            let count = read_count(source)?;
            self.pending -= 1;
            holds(self.maker.add_pending(store, id, at_ms, count)?)?;
        }
        Ok(())
    }

    /// Behind a consumer: another one, or the end of the group.
    fn next_consumer(&mut self) -> Result<(), Fault> {
        if self.consumers > 0 {
            self.consumers -= 1;
            self.stage = Stage::Consumer;
            return Ok(());
        }
        holds(self.maker.end_group())?;
        self.next_group();
        Ok(())
    }

    fn begin_consumer(
        &mut self,
        bytes: &[u8],
        source: &mut Source<'_>,
        room: &mut u64,
    ) -> Result<(), Fault> {
        if !self.name.read(bytes, source, room)? {
            return Ok(());
        }
        let seen_ms = read_moment(source)?;
        if self.encoding == Encoding::StreamListpacks3 {
            // When it last got anything, which is not kept: -1 where it never did.
            source.array::<8>()?;
        }
        let mut digits = itoa::Buffer::new();
        let name = text_of(self.name.get(bytes), &mut digits);
        let pending = read_count(source)?;
        holds(self.maker.begin_consumer(name, seen_ms))?;
        self.pending = pending;
        self.stage = Stage::Owned;
        Ok(())
    }

    fn read_owned(&mut self, source: &mut Source<'_>, store: &mut Store) -> Result<(), Fault> {
        for nth in 0..TREATED_AT_ONCE {
            if nth > 0 && source.left() < MOST_PENDING_BYTES {
                break;
            }
            if self.pending == 0 {
                return self.next_consumer();
            }
            let id = StreamId::of_bytes(source.array()?);
            self.pending -= 1;
            holds(self.maker.own(store, id)?)?;
        }
        Ok(())
    }
}

/// What stands where nobody can tell how many entries a group has read.
const UNKNOWN: u64 = u64::MAX;

/// What must hold of a stream.
pub(super) fn holds(is_so: bool) -> Result<(), Fault> {
    if is_so { Ok(()) } else { Err(Fault::Broken) }
}

fn read_id(source: &mut Source<'_>) -> Result<StreamId, Fault> {
    let (ms, seq) = (read_count(source)?, read_count(source)?);
    Ok(StreamId { ms, seq })
}

/// Unix milliseconds, which are not before 1970.
fn read_moment(source: &mut Source<'_>) -> Result<u64, Fault> {
    let moment = i64::from_le_bytes(source.array()?);
    u64::try_from(moment).map_err(|_| Fault::Broken)
}

/// A name's bytes, an integer's digits printed into `digits`.
fn text_of<'a>(text: StringRef<'a>, digits: &'a mut itoa::Buffer) -> &'a [u8] {
    match text {
        StringRef::Bytes(bytes) => bytes,
        StringRef::Integer(number) => digits.format(number).as_bytes(),
    }
}
