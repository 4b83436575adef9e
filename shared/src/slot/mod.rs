//! Key → slot: CRC16 of the key, or of its `{hash tag}`, modulo 16384 (Redis Cluster specification).
//! Pure.

/// Number of slots in a topology.
pub const SLOT_COUNT: u16 = 16384;

/// One of the 16384 slots; always `< SLOT_COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(u16);

impl SlotId {
    /// The slot of `key`: CRC16 (XMODEM) of [`hash_tag`], modulo 16384.
    #[must_use]
    pub fn of_key(_key: &[u8]) -> Self {
        todo!("owned by slot")
    }

    /// `Some` when `number < 16384`.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (number < SLOT_COUNT).then_some(Self(number))
    }

    /// The slot's number, `0..16384`.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// The bytes of `key` that are hashed: what stands between the first `{` and the next `}` if that is not empty, else the whole key.
#[must_use]
pub fn hash_tag(_key: &[u8]) -> &[u8] {
    todo!("owned by slot")
}
