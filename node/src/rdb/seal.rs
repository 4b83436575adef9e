//! What stands behind a value in a payload: the version of the format in two bytes, the checksum of all before it in eight, each with its lowest byte first.
//! Pure. A long payload is summed a piece at a time.

use super::crc64::crc64;
use super::encoding::Encoding;
use super::fault::Fault;

/// The version that is written: the one of Redis 7.0.
pub const VERSION: u16 = 10;
/// The one that is written where fields of a hash end, for which those before have no words: that of Redis 7.4. It is also the newest that is read. (Redis 7.0 refuses it.)
pub const NEWEST_VERSION: u16 = 12;

/// The one of Valkey 9, which counts apart.
pub(super) const VALKEY_VERSION: u16 = 80;

/// Whether what is of this version is read.
pub(super) fn is_read(version: u16) -> bool {
    version <= NEWEST_VERSION || version == VALKEY_VERSION
}

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Bytes that are summed at once: some 100 µs.
const SUMMED_AT_ONCE: usize = 128 * 1024;

/// A checksum under way over bytes that stay where they are.
#[derive(Clone, Copy, Debug)]
pub struct Checksum {
    crc: u64,
    at: usize,
}

impl Checksum {
    /// Of what stands from `start` on.
    #[must_use]
    pub fn from(start: usize) -> Self {
        Self { crc: 0, at: start }
    }

    /// Goes on up to `end`; the sum once it is there.
    fn go_on(&mut self, bytes: &[u8], end: usize) -> Option<u64> {
        let stop = end.min(self.at.saturating_add(SUMMED_AT_ONCE));
        self.crc = crc64(self.crc, bytes.get(self.at..stop).unwrap_or_default());
        self.at = stop;
        (stop == end).then_some(self.crc)
    }

    /// Goes on with the seal of a payload that came; the length of the value before it once it is found to be good.
    ///
    /// # Errors
    /// [`Fault::Seal`]: it is not.
    pub fn check_some(&mut self, payload: &[u8]) -> Result<Option<usize>, Fault> {
        let Some((sealed, sum)) = payload.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(Fault::Seal);
        };
        let Some((value, version)) = sealed.split_last_chunk::<VERSION_BYTES>() else {
            return Err(Fault::Seal);
        };
        if !is_read(u16::from_le_bytes(*version)) {
            return Err(Fault::Seal);
        }
        match self.go_on(payload, sealed.len()) {
            None => Ok(None),
            Some(crc) if crc == u64::from_le_bytes(*sum) => Ok(Some(value.len())),
            Some(_) => Err(Fault::Seal),
        }
    }

    /// Goes on with the seal of a payload that is written, whose version stands behind its value already; whether the checksum stands there now as well.
    pub fn seal_some(&mut self, payload: &mut Vec<u8>) -> bool {
        let Some(crc) = self.go_on(payload, payload.len()) else {
            return false;
        };
        payload.extend_from_slice(&crc.to_le_bytes());
        true
    }
}

/// Appends the version that is written for a value of this encoding.
pub(super) fn write_version(encoding: Encoding, payload: &mut Vec<u8>) {
    let version = if encoding.is_timed() {
        NEWEST_VERSION
    } else {
        VERSION
    };
    payload.extend_from_slice(&version.to_le_bytes());
}
