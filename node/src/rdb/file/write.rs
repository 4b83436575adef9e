//! [`FileWriter`]: what stands in a file around its values.
//! Pure. Never: says where the bytes go.

use super::{MAGIC, mark};
use crate::rdb::length::Written;
use crate::rdb::seal::{NEWEST_VERSION, VERSION};
use crate::store::DbIndex;

/// What a file says about itself.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// The version of Redis that this node resembles.
    pub redis_version: &'static str,
    /// Unix seconds of the moment of which the file is.
    pub at_seconds: u64,
    /// Bytes that the keyspace took then.
    pub used_memory: u64,
    /// The name of the log that goes on from here, and how much of it is in the file.
    pub log: Option<LogPlace>,
    /// Texts of libraries of functions.
    pub libraries: Vec<Box<[u8]>>,
    /// Whether a log goes on from here.
    pub is_base: bool,
    /// Whether there are hashes of which fields end.
    pub has_timed: bool,
    /// How much of the log is in the file: its offset then.
    pub offset: u64,
}

/// The fact that tells a log's epochs.
pub(super) const EPOCHS: &str = "switchyard-epochs";

/// A place in a log.
#[derive(Clone, Debug, Default)]
pub struct LogPlace {
    /// What the log is called.
    pub id: String,
    /// So much of it comes before.
    pub offset: u64,
    /// The database that its last command meant.
    pub db: DbIndex,
    /// Its epochs and where each begins, as `epoch:offset` with commas between; empty where there are none.
    pub epochs: String,
}

/// Knows in which database the next key stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileWriter {
    db: Option<DbIndex>,
}

impl FileWriter {
    /// Appends the beginning of a file.
    pub fn begin(out: &mut Vec<u8>, made: &Made) -> Self {
        let version = if made.has_timed {
            NEWEST_VERSION
        } else {
            VERSION
        };
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(format!("{version:04}").as_bytes());
        let mut fact = |name: &str, text: &str| {
            out.push(mark::FACT);
            write_plain(out, name.as_bytes());
            write_plain(out, text.as_bytes());
        };
        fact("redis-ver", made.redis_version);
        fact("redis-bits", &usize::BITS.to_string());
        fact("ctime", &made.at_seconds.to_string());
        fact("used-mem", &made.used_memory.to_string());
        if let Some(log) = &made.log {
            fact("repl-stream-db", &log.db.0.to_string());
            fact("repl-id", &log.id);
            fact("repl-offset", &log.offset.to_string());
            if !log.epochs.is_empty() {
                fact(EPOCHS, &log.epochs);
            }
        }
        fact("aof-base", if made.is_base { "1" } else { "0" });
        if made.is_base {
            fact("switchyard-offset", &made.offset.to_string());
        }
        for library in &made.libraries {
            out.push(mark::FUNCTION);
            write_plain(out, library);
        }
        Self { db: None }
    }

    /// Appends how many keys a database has and how many of them expire, before its first key: readers make room at once.
    pub fn announce(&mut self, out: &mut Vec<u8>, db: DbIndex, keys: u64, expiring: u64) {
        self.select(out, db);
        out.push(mark::SIZES);
        out.extend_from_slice(Written::new(keys).as_bytes());
        out.extend_from_slice(Written::new(expiring).as_bytes());
    }

    fn select(&mut self, out: &mut Vec<u8>, db: DbIndex) {
        if self.db != Some(db) {
            self.db = Some(db);
            out.push(mark::DATABASE);
            out.extend_from_slice(Written::new(db.0.into()).as_bytes());
        }
    }

    /// Appends a key of `db`, all but its value's bytes behind the encoding `number`.
    pub fn key(
        &mut self,
        out: &mut Vec<u8>,
        db: DbIndex,
        key: &[u8],
        expiry: Option<u64>,
        number: u8,
    ) {
        self.select(out, db);
        if let Some(at_ms) = expiry {
            out.push(mark::EXPIRY_MS);
            out.extend_from_slice(&at_ms.to_le_bytes());
        }
        out.push(number);
        write_plain(out, key);
    }

    /// Appends the end, behind which only the checksum of all that was appended stands ([`write_sum`]).
    pub fn end(self, out: &mut Vec<u8>) {
        out.push(mark::END);
    }
}

/// Appends a checksum.
pub fn write_sum(out: &mut Vec<u8>, sum: u64) {
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Appends a string as it is.
fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(Written::new(text.len() as u64).as_bytes());
    out.extend_from_slice(text);
}
