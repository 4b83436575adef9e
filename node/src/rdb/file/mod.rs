//! The file around values: what Redis calls an RDB file. Read by [`FileReader`], which is fed with bytes as they come; written by [`FileWriter`], which says what stands next.
//! Pure. Never: opens a file, or holds more of one than the value that is being read.
//!
//! ```text
//! file:  REDIS 5 | version 4 | facts | database …                    | 255 | checksum 8
//! fact:  250 | name | text
//! database:  254 | number | 251 | keys | keys that expire | key …
//! key:   [252 | Unix milliseconds 8] | [248 | idle seconds] | [249 | frequency 1] | encoding 1 | key | value
//! ```
//!
//! - Written is version 10, which Redis 7.0 and all that came later load; where there are hashes of which fields end, for which version 10 has no words, it is version 12 (Redis 7.4).
//! - Read are versions 1 to 12 of Redis and Valkey, and Valkey's 80, with all encodings of [`super::Encoding`]. Libraries of functions (245) stand before the databases. What modules wrote, and functions of the release candidates of Redis 7.0 (246), are refused.
//! - A key that stands there twice is refused, as Redis does.

mod read;
mod record;
mod write;

pub use read::{FileFault, FileReader, Loaded, Loading, Taken};
pub use record::{Named, Recorder};
pub use write::{FileWriter, LogPlace, Made, write_sum};

/// What stands at the front of every file.
const MAGIC: &[u8] = b"REDIS";
/// What stands there in files of Valkey 9.
const VALKEY_MAGIC: &[u8] = b"VALKEY";
/// Bytes of that with the version behind it.
const HEAD_BYTES: usize = 9;
/// Bytes of the checksum at the end.
const SUM_BYTES: usize = 8;

/// What stands where a key's encoding might. The numbers are Redis' own.
pub(super) use mark::FUNCTION;

mod mark {
    pub(super) const SLOT: u8 = 244;
    pub(in crate::rdb) const FUNCTION: u8 = 245;
    pub(super) const EARLY_FUNCTION: u8 = 246;
    pub(super) const MODULE: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQUENCY: u8 = 249;
    pub(super) const FACT: u8 = 250;
    pub(super) const SIZES: u8 = 251;
    pub(super) const EXPIRY_MS: u8 = 252;
    pub(super) const EXPIRY_SECONDS: u8 = 253;
    pub(super) const DATABASE: u8 = 254;
    pub(super) const END: u8 = 255;
}
