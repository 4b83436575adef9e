//! Intsets: integers in ascending order, each as wide as the widest needs.
//! Pure.
//!
//! ```text
//! width 4 | members 4 | members
//! ```

use crate::rdb::fault::Fault;
use crate::rdb::source::Source;
use crate::store::StringRef;

const HEAD_BYTES: usize = 8;

/// Where a walk stands.
#[derive(Debug)]
pub(in crate::rdb) struct Walk {
    at: usize,
    width: u32,
    before: Option<i64>,
}

impl Walk {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        let mut head = Source::new(bytes, 0);
        let width = u32::from_le_bytes(head.array()?);
        let count = u32::from_le_bytes(head.array()?);
        let len = u64::from(width) * u64::from(count) + HEAD_BYTES as u64;
        if !matches!(width, 2 | 4 | 8) || len != bytes.len() as u64 {
            return Err(Fault::Broken);
        }
        Ok(Self {
            at: HEAD_BYTES,
            width,
            before: None,
        })
    }

    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<StringRef<'a>>, Fault> {
        if self.at == bytes.len() {
            return Ok(None);
        }
        let mut source = Source::new(bytes, self.at);
        let number = match self.width {
            2 => i16::from_le_bytes(source.array()?).into(),
            4 => i32::from_le_bytes(source.array()?).into(),
            _ => i64::from_le_bytes(source.array()?),
        };
        if self.before.is_some_and(|before| before >= number) {
            return Err(Fault::Broken);
        }
        self.before = Some(number);
        self.at = source.at();
        Ok(Some(StringRef::Integer(number)))
    }
}

/// An intset of these members, which ascend.
pub(in crate::rdb) fn write(members: &[i64]) -> Vec<u8> {
    let is_within = |least: i64, most: i64| {
        let (first, last) = (members.first(), members.last());
        first.is_none_or(|first| *first >= least) && last.is_none_or(|last| *last <= most)
    };
    let width = if is_within(i16::MIN.into(), i16::MAX.into()) {
        2
    } else if is_within(i32::MIN.into(), i32::MAX.into()) {
        4
    } else {
        8
    };
    let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + members.len() * width);
    bytes.extend_from_slice(&u32::try_from(width).unwrap_or(8).to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    for member in members {
        bytes.extend_from_slice(&member.to_le_bytes()[..width]);
    }
    bytes
}
