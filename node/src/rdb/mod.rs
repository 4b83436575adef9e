//! Values as bytes, in the format of Redis' RDB: what DUMP gives and RESTORE takes, and what snapshots are made of, with the file around them.
//! Pure.
//!
//! ```text
//! payload:  encoding 1 | value | version 2 | checksum 8                              encoding, seal (crc64)
//! value:    a string, or a count and elements, or elements packed in a string        text (length, lzf), packed, double
//!
//! Loader:   bytes ─► steps ─► a collection made aside ─► the place of a key          load
//! Saver:    a key's value ─► steps ─► bytes                                          save
//! FileReader, FileWriter:  keys with their values, one behind the other              file
//! ```
//!
//! - Written is what Redis 7.0 writes (version 10), by the names that OBJECT ENCODING gives: small hashes and sorted sets as listpacks, sets of integers as intsets, lists as nodes of listpacks of 8 KiB. Hashes of which fields end are written as Redis 7.4 writes its large ones (version 12, encoding 24), whatever their size.
//! - Read is all that Redis since 2.4 has written for these types, up to version 12 (Redis 7.4 and 8), and what Valkey has up to 9. Every byte is looked at, as Redis does with `sanitize-dump-payload yes`.
//! - Redis 7.0.15 differs: it refuses versions 11 and 12, packed sets (encoding 20) and fields that end (24, 25); it takes a value that reads on into its own seal, a packed string that says it is empty whatever is packed, and for a score that is no number as much as it can read, or 0; and sorted sets that are packed in disorder stay so there.
//! - Of streams Redis takes more that no command has made: identifiers in disorder, counts that are wrong, entries that are pending twice, groups in disorder. Entries that were removed are kept as a number, and written as entries without texts; consumers have one moment, when they were last heard of, for that is what Redis 7.0 writes.
//! - Both ways go on in steps of some 100 µs, between which others may have their turns; each step is shown the bytes, or the value, again.

mod crc64;
mod double;
mod encoding;
mod fault;
mod file;
mod length;
mod libraries;
mod load;
mod lzf;
mod packed;
mod save;
mod seal;
mod source;
#[cfg(test)]
mod tests;
mod text;

pub use crc64::crc64;
pub use encoding::Encoding;
pub use fault::Fault;
pub use file::{
    FileFault, FileReader, FileWriter, Loaded, Loading, LogPlace, Made, Named, Recorder, Taken,
    write_sum,
};
pub use libraries::{read_libraries, write_libraries};
pub use load::{Loader, is_long};
pub use save::{MOST_HEAD_BYTES, Saver};
pub use seal::{Checksum, NEWEST_VERSION, VERSION};
