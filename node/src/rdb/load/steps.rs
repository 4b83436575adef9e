//! How a value is read, step by step: where each encoding has its elements, and what each of them must be.
//! Pure.

use super::{Loader, Made, Stage};
use crate::rdb::double;
use crate::rdb::encoding::Encoding;
use crate::rdb::fault::Fault;
use crate::rdb::length::read_count;
use crate::rdb::packed::{Form, Walk};
use crate::rdb::source::Source;
use crate::store::{Element, Store, StoreFull, StringRef};

/// Bytes that are treated between two looks at the time, each element counted as [`ELEMENT_BYTES`] at least: some 100 µs.
const TREATED_AT_ONCE: usize = 32 * 1024;
/// An element takes as long as so many bytes of a long one.
const ELEMENT_BYTES: usize = 512;

/// The latest moment at which a field may end: Redis has 48 bits for it.
const LATEST_END_MS: u64 = (1 << 48) - 1;

/// In the place of the moment at which a field ends.
const NO_END: i64 = -1;
/// A node of a list that is one element.
const ONE_ELEMENT: u64 = 1;
/// A node of a list that is a listpack.
const MANY_ELEMENTS: u64 = 2;

impl Encoding {
    /// What its elements are packed in; `None` where they stand one behind the other as strings.
    pub(super) fn form(self) -> Option<Form> {
        match self {
            Self::HashListpack
            | Self::HashTimedListpack
            | Self::SortedSetListpack
            | Self::ListNodes
            | Self::SetListpack => Some(Form::Listpack),
            Self::ListZiplist | Self::SortedSetZiplist | Self::HashZiplist | Self::ListZiplists => {
                Some(Form::Ziplist)
            }
            Self::HashZipmap => Some(Form::Zipmap),
            Self::SetIntset => Some(Form::Intset),
            Self::String
            | Self::List
            | Self::Set
            | Self::SortedSetText
            | Self::Hash
            | Self::HashEnds
            | Self::HashTimed
            | Self::SortedSet
            | Self::StreamListpacks
            | Self::StreamListpacks2
            | Self::StreamListpacks3 => None,
        }
    }

    /// Whether a count stands before what is packed.
    pub(super) fn has_nodes(self) -> bool {
        matches!(self, Self::ListZiplists | Self::ListNodes)
    }
}

impl Loader {
    /// Goes on for a while with the bytes that it began with; whether the value is whole now.
    ///
    /// # Errors
    /// Why they are no value. What was made is still to be given up.
    pub fn go_on(&mut self, bytes: &[u8], store: &mut Store) -> Result<bool, Fault> {
        let mut treated = 0;
        while treated < TREATED_AT_ONCE && !matches!(self.stage, Stage::Over) {
            treated += self.step(bytes, store)?.max(ELEMENT_BYTES);
        }
        Ok(matches!(self.stage, Stage::Over))
    }

    /// A small part of the work; how many bytes it treated.
    fn step(&mut self, bytes: &[u8], store: &mut Store) -> Result<usize, Fault> {
        if let Made::Stream(_) = self.made {
            return self.step_of_stream(bytes, store);
        }
        let mut source = Source::beginning(bytes, self.at);
        let begin = source.at();
        let mut unpacked = 0;
        match &mut self.stage {
            Stage::Beginning => self.begin_elements(&mut source)?,
            Stage::First | Stage::Second | Stage::Pack => {
                let room = self.room;
                let goes_on = self.first.is_unpacking() || self.second.is_unpacking();
                self.read_text(bytes, &mut source, store)?;
                unpacked = unpacked_since(room, self.room, goes_on);
            }
            Stage::Copying(at) => {
                let Made::Text(text) = &mut self.made else {
                    return Err(Fault::Broken);
                };
                let rest = self.first.bytes(bytes).get(*at..).unwrap_or_default();
                let some = &rest[..rest.len().min(TREATED_AT_ONCE)];
                text.extend_from_slice(some);
                *at += some.len();
                let copied = some.len();
                if copied == rest.len() {
                    self.stage = Stage::Over;
                }
                return Ok(copied);
            }
            Stage::Node => self.begin_node(&mut source)?,
            Stage::End => {
                self.end = read_count(&mut source)?;
                self.stage = Stage::First;
            }
            Stage::Packed(_) => return self.take_packed(bytes, store),
            Stage::Over => {}
        }
        let read = source.at() - begin;
        self.at = source.at();
        Ok(read + unpacked)
    }

    /// The same of a stream.
    fn step_of_stream(&mut self, bytes: &[u8], store: &mut Store) -> Result<usize, Fault> {
        let Made::Stream(stream) = &mut self.made else {
            return Err(Fault::Broken);
        };
        let mut source = Source::beginning(bytes, self.at);
        let (room, goes_on) = (self.room, stream.is_unpacking());
        let treated = stream.step(bytes, &mut source, &mut self.room, store)?;
        let read = source.at() - self.at;
        self.at = source.at();
        if stream.is_over() {
            self.stage = Stage::Over;
        }
        Ok(treated + read + unpacked_since(room, self.room, goes_on))
    }

    fn begin_elements(&mut self, source: &mut Source<'_>) -> Result<(), Fault> {
        if self.encoding.is_timed() {
            self.earliest_end_ms = u64::from_le_bytes(source.array()?);
        }
        let is_counted = self.encoding.form().is_none() || self.encoding.has_nodes();
        if self.encoding == Encoding::String {
            self.stage = Stage::First;
        } else if is_counted {
            self.left = read_count(source)?;
            self.next_element()?;
        } else {
            self.stage = Stage::Pack;
        }
        Ok(())
    }

    /// Behind an element or a node: another one, or the end.
    fn next_element(&mut self) -> Result<(), Fault> {
        if self.left == 0 {
            return self.end_elements();
        }
        self.left -= 1;
        self.stage = if self.encoding.has_nodes() {
            Stage::Node
        } else if self.encoding == Encoding::HashTimed {
            Stage::End
        } else {
            Stage::First
        };
        Ok(())
    }

    /// No key holds a collection without elements.
    fn end_elements(&mut self) -> Result<(), Fault> {
        match &self.made {
            Made::Collection(maker) if maker.is_empty() => Err(Fault::Broken),
            _ => {
                self.stage = Stage::Over;
                Ok(())
            }
        }
    }

    fn begin_node(&mut self, source: &mut Source<'_>) -> Result<(), Fault> {
        let is_one_element = self.encoding == Encoding::ListNodes
            && match read_count(source)? {
                ONE_ELEMENT => true,
                MANY_ELEMENTS => false,
                _ => return Err(Fault::Broken),
            };
        self.stage = if is_one_element {
            Stage::First
        } else {
            Stage::Pack
        };
        Ok(())
    }

    /// Goes on with a string, and does what is to be done with it once it is there.
    fn read_text(
        &mut self,
        bytes: &[u8],
        source: &mut Source<'_>,
        store: &mut Store,
    ) -> Result<(), Fault> {
        let is_second = matches!(self.stage, Stage::Second);
        let reader = if is_second {
            &mut self.second
        } else {
            &mut self.first
        };
        if !reader.read(bytes, source, &mut self.room)? {
            return Ok(());
        }
        if matches!(self.stage, Stage::Pack) {
            return self.open_pack(bytes);
        }
        if self.encoding == Encoding::String {
            return self.take_string(bytes);
        }
        let has_values = matches!(
            self.encoding,
            Encoding::Hash | Encoding::HashEnds | Encoding::HashTimed
        );
        if has_values && !is_second {
            self.stage = Stage::Second;
            return Ok(());
        }
        let first = self.first.get(bytes);
        let element = match self.encoding {
            Encoding::Hash => Element::Field(first, self.second.get(bytes)),
            Encoding::HashEnds => {
                let end = match i64::from_le_bytes(source.array()?) {
                    NO_END => None,
                    // Valkey takes moments that no field here can have; nobody will see them.
                    at_ms => {
                        let at_ms = u64::try_from(at_ms).map_err(|_| Fault::Broken)?;
                        Some(at_ms.min(LATEST_END_MS))
                    }
                };
                field(first, self.second.get(bytes), end)?
            }
            Encoding::HashTimed => {
                let end = self.end.checked_sub(1).map(|from_earliest| {
                    let at_ms = self.earliest_end_ms.checked_add(from_earliest);
                    at_ms.ok_or(Fault::Broken)
                });
                field(first, self.second.get(bytes), end.transpose()?)?
            }
            Encoding::SortedSet => {
                let score = f64::from_bits(u64::from_le_bytes(source.array()?));
                Element::Scored(first, score)
            }
            Encoding::SortedSetText => Element::Scored(first, double::read_text(source)?),
            _ => Element::Text(first),
        };
        add(&mut self.made, store, element)?;
        self.next_element()
    }

    /// The string that the value is: copied a piece at a time, or kept in the buffer into which it was unpacked.
    fn take_string(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Made::Text(text) = &mut self.made else {
            return Err(Fault::Broken);
        };
        if let Some(unpacked) = self.first.take_unpacked() {
            *text = unpacked;
            self.stage = Stage::Over;
            return Ok(());
        }
        match self.first.get(bytes) {
            StringRef::Integer(number) => {
                text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                self.stage = Stage::Over;
            }
            StringRef::Bytes(whole) => {
                text.try_reserve_exact(whole.len()).map_err(|_| StoreFull)?;
                self.stage = Stage::Copying(0);
            }
        }
        Ok(())
    }

    fn open_pack(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let form = self.encoding.form().ok_or(Fault::Broken)?;
        self.stage = Stage::Packed(Walk::new(form, self.first.bytes(bytes))?);
        Ok(())
    }

    /// The next element of what is packed, or its end.
    fn take_packed(&mut self, bytes: &[u8], store: &mut Store) -> Result<usize, Fault> {
        let Stage::Packed(walk) = &mut self.stage else {
            return Err(Fault::Broken);
        };
        let pack = self.first.bytes(bytes);
        let Some(first) = walk.next(pack)? else {
            self.next_element()?;
            return Ok(0);
        };
        let mut second =
            || -> Result<StringRef<'_>, Fault> { walk.next(pack)?.ok_or(Fault::Broken) };
        let element = match self.encoding {
            Encoding::HashListpack | Encoding::HashZiplist | Encoding::HashZipmap => {
                Element::Field(first, second()?)
            }
            Encoding::HashTimedListpack => {
                let value = second()?;
                let end = match second()? {
                    StringRef::Integer(0) => None,
                    StringRef::Integer(at_ms) => {
                        Some(u64::try_from(at_ms).map_err(|_| Fault::Broken)?)
                    }
                    StringRef::Bytes(_) => return Err(Fault::Broken),
                };
                field(first, value, end)?
            }
            Encoding::SortedSetListpack | Encoding::SortedSetZiplist => {
                Element::Scored(first, double::of_element(second()?)?)
            }
            _ => Element::Text(first),
        };
        let len = element.len();
        add(&mut self.made, store, element)?;
        Ok(len)
    }
}

/// Bytes that a step unpacked at most: of a string that it went on with, or of one that took from the room there was.
fn unpacked_since(before: u64, room: u64, goes_on: bool) -> usize {
    match usize::try_from(before - room) {
        Ok(unpacked) if !goes_on => unpacked.min(TREATED_AT_ONCE),
        _ => TREATED_AT_ONCE,
    }
}

/// A field, its value, and when it ends.
fn field<'a>(
    field: StringRef<'a>,
    value: StringRef<'a>,
    end: Option<u64>,
) -> Result<Element<'a>, Fault> {
    match end {
        None => Ok(Element::Field(field, value)),
        Some(at_ms) if at_ms <= LATEST_END_MS => Ok(Element::FieldUntil(field, value, at_ms)),
        Some(_) => Err(Fault::Broken),
    }
}

/// Adds an element, which must not be there yet, and whose score must be a number.
fn add(made: &mut Made, store: &mut Store, element: Element<'_>) -> Result<(), Fault> {
    let Made::Collection(maker) = made else {
        return Err(Fault::Broken);
    };
    if maker.add(store, element)? {
        Ok(())
    } else {
        Err(Fault::Broken)
    }
}
