//! [`FileReader`]: a file on its way into the keyspace, fed with bytes as they come.
//! Pure. Invariants: it holds one value's bytes and a little more; every byte up to the checksum is summed; whatever the bytes say, nothing panics, and no more is allocated than they hold or unpack to.

use super::write::EPOCHS;
use super::{HEAD_BYTES, MAGIC, SUM_BYTES, VALKEY_MAGIC, mark};
use crate::rdb::crc64::crc64;
use crate::rdb::encoding::Encoding;
use crate::rdb::fault::Fault;
use crate::rdb::length::read_count;
use crate::rdb::load::Loader;
use crate::rdb::seal::{NEWEST_VERSION, VALKEY_VERSION};
use crate::rdb::source::Source;
use crate::rdb::text::TextReader;
use crate::store::{
    DbIndex, ExpiryChange, Key, KeyHash, Kind, Limits, Store, StringEdit, StringRef, Wording,
};
use std::ops::Range;

/// As long as so many bytes lie ahead, no step that is short by nature is cut.
const AHEAD_BYTES: usize = 64 * 1024;
/// More bytes than this are not held for one step: no string is longer, and nothing else is long.
const MOST_HELD_BYTES: usize = (512 << 20) + 2 * AHEAD_BYTES;
/// Longer strings are copied a part at a time.
const SHORT_STRING_BYTES: usize = 32 * 1024;
/// Keys that are read between two looks at the time, short ones: some 50 µs.
const KEYS_AT_ONCE: usize = 128;
/// Short strings that are put together, so that the index lines they need are asked for ahead.
const PUT_AT_ONCE: usize = 32;
/// Longest part of a fact that is kept.
const MOST_FACT_BYTES: usize = 8 * 1024;
/// The first version with a checksum at the end.
const FIRST_SUMMED: u16 = 5;
/// Encodings that modules wrote their values in.
const OF_MODULES: std::ops::RangeInclusive<u8> = 6..=7;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// It begins in another way.
    #[error("this is no RDB file: it does not begin with REDIS and a version")]
    NoMagic,
    /// Nobody here knows what may stand in it.
    #[error("its version is {0}, and the newest that is read is {NEWEST_VERSION}")]
    Version(String),
    /// It ends before its end.
    #[error("the file is cut short")]
    Cut,
    /// Something stands where a key should.
    #[error("{0} is no encoding of a value that is known")]
    Unknown(u8),
    /// It needs a module.
    #[error("it holds values or settings of a module, and there are no modules here")]
    Module,
    /// Of a release candidate.
    #[error("it holds functions in the format of a release candidate of Redis 7.0")]
    EarlyFunction,
    /// More databases than there are.
    #[error("it has a database {0}, and there are {1} here: start with --databases {2}")]
    Database(u64, u8, u64),
    /// The same key again.
    #[error("a key stands there twice")]
    Twice,
    /// A value, or something else, is none.
    #[error(transparent)]
    Value(#[from] Fault),
    /// The bytes are others than those that were written.
    #[error("its checksum is wrong: some of its bytes are not those that were written")]
    Sum,
    /// There should be nothing.
    #[error("something stands behind its end")]
    Behind,
}

/// How values are taken.
#[derive(Clone, Copy)]
pub struct Taken<'a> {
    /// Until when collections of a kind are small.
    pub limits: &'a dyn Fn(Kind) -> Limits,
    /// Unix milliseconds: keys whose time has come by then are left out. 0: none is.
    pub now_ms: u64,
}

impl std::fmt::Debug for Taken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taken").finish_non_exhaustive()
    }
}

/// What came of a file so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys that were taken.
    pub keys: u64,
    /// Keys that were left out, for their time had come.
    pub expired: u64,
    /// Texts of libraries of functions.
    pub libraries: Vec<Vec<u8>>,
    /// Who wrote it, as it says.
    pub made_by: String,
    /// How much of the log comes before it, as it says.
    pub log_offset: Option<u64>,
    /// The database that the last command of that meant, as it says.
    pub log_db: u8,
    /// The epochs of that log, as it says.
    pub epochs: String,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// It goes on after the others' turn.
    Goes,
    /// It needs more bytes, or to hear that there are none.
    Hungry,
    /// The file is read.
    Over,
}

/// A file that is being read.
#[derive(Debug)]
pub struct FileReader {
    /// Bytes that are not done with.
    held: Vec<u8>,
    /// How many of those are.
    at: usize,
    /// Where the first of them stands in the file.
    base: u64,
    /// Checksum of all before it.
    sum: u64,
    /// Where the checksum ends, once the end is found.
    has_ended: bool,
    version: u16,
    stage: Stage,
    db: DbIndex,
    about: About,
    key: Vec<u8>,
    text: TextReader,
    planned: Vec<Planned>,
    /// Their keys and values.
    texts: Vec<u8>,
    /// Where something is wrong with one of those.
    wrong_at: Option<u64>,
    loaded: Loaded,
}

/// A short string that is to be put.
#[derive(Debug)]
struct Planned {
    db: DbIndex,
    hash: KeyHash,
    about: About,
    key: Range<usize>,
    value: Range<usize>,
    /// Where it stands in the file.
    at: u64,
}

/// What stands before a key and is said of it.
#[derive(Clone, Copy, Debug, Default)]
struct About {
    expiry: Option<u64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

#[derive(Debug)]
enum Stage {
    Head,
    Between,
    /// The value of the key.
    Value(Box<Loader>),
    Sum,
    Over,
}

impl Default for FileReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FileReader {
    /// Before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self {
            held: Vec::new(),
            at: 0,
            base: 0,
            sum: 0,
            has_ended: false,
            version: 0,
            stage: Stage::Head,
            db: DbIndex(0),
            about: About::default(),
            key: Vec::new(),
            text: TextReader::default(),
            planned: Vec::new(),
            texts: Vec::new(),
            wrong_at: None,
            loaded: Loaded::default(),
        }
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.drop_done();
        self.held.extend_from_slice(bytes);
    }

    /// There are no more bytes.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// What came of it so far.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The byte that is looked at: where a fault is.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let in_value = match &self.stage {
            Stage::Value(loader) => loader.end(),
            _ => 0,
        };
        let at = self.base + (self.at + in_value) as u64;
        self.wrong_at.unwrap_or(at)
    }

    /// Goes on for a short while.
    ///
    /// # Errors
    /// What is wrong with the file; nothing of a value that is broken is in the keyspace.
    pub fn go_on(&mut self, store: &mut Store, taken: Taken<'_>) -> Result<Loading, FileFault> {
        let loading = self.go_on_planning(store, taken);
        // What is broken behind them does not undo them.
        self.put_planned(store)?;
        loading
    }

    fn go_on_planning(
        &mut self,
        store: &mut Store,
        taken: Taken<'_>,
    ) -> Result<Loading, FileFault> {
        for _ in 0..KEYS_AT_ONCE {
            let ahead = self.held.len() - self.at;
            if ahead < AHEAD_BYTES && !self.has_ended {
                return Ok(Loading::Hungry);
            }
            match self.step(store, taken) {
                Ok(true) => {}
                Ok(false) => return Ok(Loading::Over),
                Err(FileFault::Value(Fault::Cut)) if self.has_ended => {
                    self.give_up(store);
                    return Err(FileFault::Cut);
                }
                Err(FileFault::Value(Fault::Cut)) => {
                    if ahead > MOST_HELD_BYTES {
                        self.give_up(store);
                        return Err(FileFault::Value(Fault::TooLong));
                    }
                    return Ok(Loading::Hungry);
                }
                Err(fault) => {
                    self.give_up(store);
                    return Err(fault);
                }
            }
            if let Stage::Value(_) = self.stage {
                return Ok(Loading::Goes);
            }
        }
        Ok(Loading::Goes)
    }

    /// One part of the file; `false` behind the last. When it is cut nothing was done.
    fn step(&mut self, store: &mut Store, taken: Taken<'_>) -> Result<bool, FileFault> {
        match &mut self.stage {
            Stage::Head => self.read_head()?,
            Stage::Between => self.read_mark(store, taken)?,
            Stage::Value(loader) => {
                let is_whole = loader.go_on(&self.held[self.at..], store)?;
                let done = loader.let_go();
                self.at += done.unwrap_or(0);
                if is_whole {
                    self.put(store, taken)?;
                }
            }
            Stage::Sum => self.check_sum()?,
            Stage::Over if self.at < self.held.len() => return Err(FileFault::Behind),
            Stage::Over => return Ok(!self.has_ended),
        }
        Ok(true)
    }

    fn read_head(&mut self) -> Result<(), FileFault> {
        let mut source = Source::beginning(&self.held, self.at);
        let head: [u8; HEAD_BYTES] = source.array()?;
        let is_valkey = head.starts_with(VALKEY_MAGIC);
        let magic = if is_valkey { VALKEY_MAGIC } else { MAGIC };
        let digits = head.strip_prefix(magic).ok_or(FileFault::NoMagic)?;
        let text = String::from_utf8_lossy(digits).into_owned();
        let version = text.parse().ok();
        let is_known = |version: &u16| match is_valkey {
            true => *version == VALKEY_VERSION,
            false => (1..=NEWEST_VERSION).contains(version),
        };
        let unknown = FileFault::Version(text);
        self.version = version.filter(is_known).ok_or(unknown)?;
        self.at = source.at();
        self.stage = Stage::Between;
        Ok(())
    }

    /// What stands before a key, or beside keys; or a key.
    fn read_mark(&mut self, store: &mut Store, taken: Taken<'_>) -> Result<(), FileFault> {
        let mut source = Source::beginning(&self.held, self.at);
        match source.byte()? {
            mark::EXPIRY_MS => {
                // A time before 1970 is one that is past.
                let at_ms = i64::from_le_bytes(source.array()?);
                self.about.expiry = Some(u64::try_from(at_ms).unwrap_or(0));
            }
            mark::EXPIRY_SECONDS => {
                let seconds = i32::from_le_bytes(source.array()?);
                let seconds = u64::try_from(seconds).unwrap_or(0);
                self.about.expiry = Some(seconds * 1_000);
            }
            mark::IDLE => self.about.idle_seconds = Some(read_count(&mut source)?),
            mark::FREQUENCY => self.about.frequency = Some(source.byte()?),
            mark::DATABASE => {
                let number = read_count(&mut source)?;
                let databases = store.databases();
                let db = u8::try_from(number).ok().filter(|db| *db < databases);
                let missing = FileFault::Database(number, databases, number.saturating_add(1));
                self.db = DbIndex(db.ok_or(missing)?);
            }
            mark::SIZES => {
                read_count(&mut source)?;
                read_count(&mut source)?;
            }
            mark::SLOT => {
                for _ in 0..3 {
                    read_count(&mut source)?;
                }
            }
            mark::FACT => {
                let name = read_short(&self.held, &mut source)?;
                let text = read_short(&self.held, &mut source)?;
                match name.as_str() {
                    "redis-ver" | "valkey-ver" => self.loaded.made_by = text,
                    "repl-offset" => {
                        let offset = text.parse::<u64>().ok();
                        // It is counted on from there.
                        let fits = |offset: &u64| i64::try_from(*offset).is_ok();
                        self.loaded.log_offset = offset.filter(fits);
                    }
                    "repl-stream-db" => self.loaded.log_db = text.parse().unwrap_or(0),
                    EPOCHS => self.loaded.epochs = text,
                    _ => {}
                }
            }
            mark::FUNCTION => {
                let mut room = u64::MAX;
                self.text.forget();
                while !self.text.read(&self.held, &mut source, &mut room)? {}
                let library = self.text.bytes(&self.held).to_vec();
                self.loaded.libraries.push(library);
            }
            mark::EARLY_FUNCTION => return Err(FileFault::EarlyFunction),
            mark::MODULE => return Err(FileFault::Module),
            mark::END => {
                let has_sum = self.version >= FIRST_SUMMED;
                self.stage = if has_sum { Stage::Sum } else { Stage::Over };
            }
            number => return self.begin_key(number, store, taken),
        }
        self.at = source.at();
        Ok(())
    }

    fn begin_key(
        &mut self,
        number: u8,
        store: &mut Store,
        taken: Taken<'_>,
    ) -> Result<(), FileFault> {
        if OF_MODULES.contains(&number) {
            return Err(FileFault::Module);
        }
        let encoding = Encoding::of(number).ok_or(FileFault::Unknown(number))?;
        let mut source = Source::beginning(&self.held, self.at + 1);
        let mut room = u64::MAX;
        self.text.forget();
        while !self.text.read(&self.held, &mut source, &mut room)? {}
        self.key.clear();
        push_text(&mut self.key, self.text.get(&self.held));
        let begin = source.at();
        if encoding == Encoding::String
            && let Some(end) = self.put_short(begin, store, taken)?
        {
            self.at = end;
            return Ok(());
        }
        // A key that stands there twice is found whatever it is.
        self.put_planned(store)?;
        let loader = Loader::begin_behind(encoding, 0, self.db, &self.key, taken.limits, room)?;
        self.at = begin;
        self.stage = Stage::Value(Box::new(loader));
        Ok(())
    }

    /// A short string at once, and where it ends; `None`, with nothing done, where it is not one.
    fn put_short(
        &mut self,
        begin: usize,
        store: &mut Store,
        taken: Taken<'_>,
    ) -> Result<Option<usize>, FileFault> {
        let held = &self.held;
        let mut source = Source::beginning(held, begin);
        let mut room = SHORT_STRING_BYTES as u64;
        match self.text.read(held, &mut source, &mut room) {
            Ok(true) => {}
            // Longer than short.
            Ok(false) | Err(Fault::TooLong) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        }
        let text = self.text.get(held);
        if text.len() > SHORT_STRING_BYTES {
            return Ok(None);
        }
        let end = Some(source.at());
        let about = std::mem::take(&mut self.about);
        if about.expiry.is_some_and(|at| at <= taken.now_ms) {
            self.loaded.expired += 1;
            return Ok(end);
        }
        let hash = store.hash(&self.key);
        store.prefetch_path(self.db, hash);
        let begin = self.texts.len();
        self.texts.extend_from_slice(&self.key);
        let middle = self.texts.len();
        push_text(&mut self.texts, text);
        self.planned.push(Planned {
            db: self.db,
            hash,
            about,
            key: begin..middle,
            value: middle..self.texts.len(),
            at: self.base + self.at as u64,
        });
        if self.planned.len() == PUT_AT_ONCE {
            self.put_planned(store)?;
        }
        Ok(end)
    }

    /// Puts the short strings that wait for it.
    fn put_planned(&mut self, store: &mut Store) -> Result<(), FileFault> {
        for planned in &self.planned {
            store.prefetch_line(planned.db, planned.hash);
        }
        for planned in self.planned.drain(..) {
            let key = Key {
                bytes: &self.texts[planned.key],
                hash: planned.hash,
            };
            let slot = store.slot(planned.db, key);
            let about = planned.about;
            let put = if slot.kind().is_some() {
                Err(FileFault::Twice)
            } else {
                let expiry = about.expiry.map_or(ExpiryChange::Clear, ExpiryChange::At);
                let put = StringEdit::put(slot, &self.texts[planned.value], expiry);
                put.map_err(|full| Fault::from(full).into())
            };
            if let Err(fault) = put {
                self.wrong_at = Some(planned.at);
                return Err(fault);
            }
            self.loaded.keys += 1;
            if about.idle_seconds.is_some() || about.frequency.is_some() {
                store.set_usage(planned.db, key, about.idle_seconds, about.frequency);
            }
        }
        self.texts.clear();
        Ok(())
    }

    /// The value is whole.
    fn put(&mut self, store: &mut Store, taken: Taken<'_>) -> Result<(), FileFault> {
        let Stage::Value(loader) = std::mem::replace(&mut self.stage, Stage::Between) else {
            return Ok(());
        };
        let about = std::mem::take(&mut self.about);
        if about.expiry.is_some_and(|at| at <= taken.now_ms) {
            self.loaded.expired += 1;
            loader.give_up(store);
            return Ok(());
        }
        let hash = store.hash(&self.key);
        let key = Key {
            bytes: &self.key,
            hash,
        };
        if store.exists(self.db, key) {
            loader.give_up(store);
            return Err(FileFault::Twice);
        }
        let put = loader.put(store, key, self.db, about.expiry, Wording::Told);
        put.map_err(Fault::from)?;
        self.loaded.keys += 1;
        store.set_usage(self.db, key, about.idle_seconds, about.frequency);
        Ok(())
    }

    fn check_sum(&mut self) -> Result<(), FileFault> {
        let mut source = Source::beginning(&self.held, self.at);
        let said: [u8; SUM_BYTES] = source.array()?;
        let end = source.at();
        self.drop_done();
        let said = u64::from_le_bytes(said);
        // Whoever wrote 0 summed nothing (`rdbchecksum no`).
        if said != 0 && said != self.sum {
            return Err(FileFault::Sum);
        }
        debug_assert!(end >= SUM_BYTES, "what was read was there");
        self.at += SUM_BYTES;
        self.stage = Stage::Over;
        Ok(())
    }

    /// Sums what is done with, and forgets it.
    fn drop_done(&mut self) {
        if self.at > 0 {
            self.sum = crc64(self.sum, &self.held[..self.at]);
            self.base += self.at as u64;
            self.held.drain(..self.at);
            self.at = 0;
        }
    }

    /// Frees what was made of a value that will not be whole.
    fn give_up(&mut self, store: &mut Store) {
        if let Stage::Value(loader) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.at += loader.end();
            loader.give_up(store);
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: StringRef<'_>) {
    match text {
        StringRef::Bytes(bytes) => out.extend_from_slice(bytes),
        StringRef::Integer(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }
}

/// A string of a fact, as far as anybody wants to know.
fn read_short(held: &[u8], source: &mut Source<'_>) -> Result<String, Fault> {
    let mut reader = TextReader::default();
    let mut room = u64::MAX;
    while !reader.read(held, source, &mut room)? {}
    let mut text = Vec::new();
    push_text(&mut text, reader.get(held));
    text.truncate(MOST_FACT_BYTES);
    Ok(String::from_utf8_lossy(&text).into_owned())
}
