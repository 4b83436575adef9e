//! [`Recorder`]: keys with their values on their way into a file, at once or a part at a time.
//! Pure.

use super::write::FileWriter;
use crate::rdb::fault::Fault;
use crate::rdb::lzf::Packer;
use crate::rdb::save::Saver;
use crate::rdb::text::TextWriter;
use crate::store::{DbIndex, Kept, KeptApart, Kind, MoreElements, StringRef};

/// Strings are packed with what is remembered of so many bytes.
const PACKED_WITH: usize = 4 * 1024;

/// What stands before a value.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    db: DbIndex,
    key: &'a [u8],
    expiry: Option<u64>,
}

impl<'a> Named<'a> {
    /// Of a key that stays as it is.
    #[must_use]
    pub fn of(kept: Kept<'a>) -> Self {
        Self {
            db: kept.db,
            key: kept.key,
            expiry: kept.expiry,
        }
    }

    /// Of one whose elements come apart.
    #[must_use]
    pub fn of_apart(kept: KeptApart<'a>) -> Self {
        Self {
            db: kept.db,
            key: kept.key,
            expiry: kept.expiry,
        }
    }
}

/// Writes keys, one after the other, and keeps its buffers between them.
#[derive(Debug)]
pub struct Recorder {
    packer: Packer,
    packs: bool,
    body: Vec<u8>,
    head: Vec<u8>,
}

impl Recorder {
    /// One that packs strings where it is worth it, or none (`rdbcompression`).
    #[must_use]
    pub fn new(packs: bool) -> Self {
        Self {
            packer: new_packer(packs),
            packs,
            body: Vec::new(),
            head: Vec::new(),
        }
    }

    /// Appends a whole key.
    ///
    /// # Errors
    /// [`Fault::TooLong`]: nobody could read such a value.
    pub fn write(
        &mut self,
        file: &mut FileWriter,
        kept: Kept<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let value = kept.value;
        if value.kind() == Kind::String {
            let text = StringRef::of(value).map_err(|_| Fault::Broken)?;
            file.key(out, kept.db, kept.key, kept.expiry, 0);
            self.write_text(text, out);
            return Ok(());
        }
        let mut saver = self.begin(kept)?;
        self.body.clear();
        while !saver.go_on(value, &mut self.body)? {}
        self.write_key(&saver, file, Named::of(kept), out);
        out.extend_from_slice(&self.body);
        self.take_back(saver);
        Ok(())
    }

    /// Appends a whole key whose elements come apart.
    ///
    /// # Errors
    /// None that such elements have.
    pub fn write_apart(
        &mut self,
        file: &mut FileWriter,
        kept: KeptApart<'_>,
        more: MoreElements<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut saver = self.begin_apart(kept);
        self.body.clear();
        while !saver.go_on_apart(more, &mut self.body)? {}
        self.write_key(&saver, file, Named::of_apart(kept), out);
        out.extend_from_slice(&self.body);
        self.take_back(saver);
        Ok(())
    }

    /// Begins with a hash or a set that is written a part at a time, apart from the key, and whose elements come apart.
    pub fn begin_apart(&mut self, kept: KeptApart<'_>) -> Saver {
        let packer = std::mem::replace(&mut self.packer, Packer::off());
        Saver::begin_apart(kept.kind, kept.len, packer)
    }

    fn write_text(&mut self, text: StringRef<'_>, out: &mut Vec<u8>) {
        let bytes = match text {
            StringRef::Bytes(bytes) => bytes,
            StringRef::Integer(_) => &[],
        };
        let mut writer = TextWriter::begin(text, &mut self.packer, out);
        while !writer.go_on(bytes, &mut self.packer, out) {}
    }

    /// Begins with a value that is written a part at a time, apart from the key.
    ///
    /// # Errors
    /// None that any value has.
    pub fn begin(&mut self, kept: Kept<'_>) -> Result<Saver, Fault> {
        let packer = std::mem::replace(&mut self.packer, Packer::off());
        Saver::begin_with(kept.value, packer).map_err(|_| Fault::Broken)
    }

    /// Appends the key of a value, and what stands before its parts.
    pub fn write_key(
        &mut self,
        saver: &Saver,
        file: &mut FileWriter,
        named: Named<'_>,
        out: &mut Vec<u8>,
    ) {
        self.head.clear();
        saver.write_head(&mut self.head);
        let (number, rest) = self.head.split_first().unwrap_or((&0, &[]));
        file.key(out, named.db, named.key, named.expiry, *number);
        out.extend_from_slice(rest);
    }

    /// All parts of a value are written.
    pub fn take_back(&mut self, saver: Saver) {
        self.packer = saver.into_packer();
    }

    /// Another value is to be written while one is under way: see [`Recorder::begin`].
    pub fn pause(&mut self) {
        self.packer = new_packer(self.packs);
    }
}

fn new_packer(packs: bool) -> Packer {
    if packs {
        Packer::new(PACKED_WITH)
    } else {
        Packer::off()
    }
}
