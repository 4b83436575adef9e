//! DUMP: a value as bytes that RESTORE takes, here and at a redis-server; at once or, when there is much of it, a piece at a time with other clients' commands between.
//! Pure. Invariant: the payload is that of one moment, for nobody may change the key meanwhile; should it go by itself, there is none.

use crate::commands::{Action, Call};
use crate::rdb::{Checksum, MOST_HEAD_BYTES, Saver};
use crate::store::{DbIndex, Key, Store};
use shared::resp::{Args, ErrorReply};

/// What takes more memory than this is written a piece at a time: below, DUMP takes half a millisecond.
const UNDIVIDED_BYTES: usize = 32 * 1024;
/// `$`, 20 digits, a line end.
const MOST_REPLY_HEAD_BYTES: usize = 23;
/// Room before what steps write, for what is known only when they are over.
const ROOM: usize = MOST_REPLY_HEAD_BYTES + MOST_HEAD_BYTES;
/// Bytes moved at once: some 100 µs.
const MOVED_AT_ONCE: usize = 256 * 1024;

/// DUMP key
pub(super) fn dump(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut dumping = None;
    while !Dumping::go_on(&mut dumping, call)? {}
    Ok(Action::Continue)
}

/// A DUMP under way.
#[derive(Debug)]
pub(crate) struct Dumping {
    stage: Stage,
    /// The reply to be: room for its head and the value's, then the value.
    out: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    /// The value is being written.
    Saving(Box<Saver>),
    /// It is being summed; it begins here.
    Sealing(usize, Checksum),
    /// The room before it is being closed: where the next bytes come from, and where they go.
    Closing(usize, usize),
}

impl Dumping {
    /// Whether there is so much to do.
    pub(crate) fn is_long(store: &mut Store, db: DbIndex, args: Args<'_>) -> bool {
        let bytes = args.at(1);
        let hash = store.hash(bytes);
        let cost = store.key_bytes(db, Key { bytes, hash });
        cost.is_some_and(|cost| cost > UNDIVIDED_BYTES)
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(work: &mut Option<Self>, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let Some(dumping) = work else {
            *work = Self::begin(call)?;
            if work.is_none() {
                call.reply.null();
            }
            return Ok(work.is_none());
        };
        let out = &mut dumping.out;
        match &mut dumping.stage {
            Stage::Saving(saver) => {
                let (db, key) = (call.db(), call.key(1));
                let Some(value) = call.store.look(db, key) else {
                    call.reply.null();
                    return Ok(true);
                };
                let is_saved = saver.go_on(value, out)?;
                if out.len() > call.node.settings.hot.output_limit.most_bytes() {
                    return Err(ErrorReply::ReplyTooLong);
                }
                if is_saved {
                    let start = put_before(out, ROOM, |head| saver.write_head(head));
                    saver.write_version(out);
                    dumping.stage = Stage::Sealing(start, Checksum::from(start));
                }
            }
            Stage::Sealing(start, checksum) => {
                if checksum.seal_some(out) {
                    let len = out.len() - *start;
                    let head = format!("${len}\r\n");
                    let start =
                        put_before(out, *start, |out| out.extend_from_slice(head.as_bytes()));
                    out.extend_from_slice(b"\r\n");
                    dumping.stage = Stage::Closing(start, 0);
                }
            }
            Stage::Closing(from, to) => {
                let end = out.len().min(from.saturating_add(MOVED_AT_ONCE));
                out.copy_within(*from..end, *to);
                *to += end - *from;
                *from = end;
                if end == out.len() {
                    out.truncate(*to);
                    call.reply.whole(std::mem::take(out));
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// `None` where there is no such key.
    fn begin(call: &mut Call<'_>) -> Result<Option<Self>, ErrorReply> {
        let (db, key) = (call.db(), call.key(1));
        let bytes = call.store.key_bytes(db, key).unwrap_or(0);
        let Some(value) = call.store.get(db, key) else {
            return Ok(None);
        };
        let saver = Saver::begin(value, bytes)?;
        let most_bytes = call.node.settings.hot.output_limit.most_bytes();
        // As it grows it would be copied again and again. Room that is not written takes no memory.
        let mut out = Vec::with_capacity(ROOM + bytes.min(most_bytes));
        out.resize(ROOM, 0);
        Ok(Some(Self {
            stage: Stage::Saving(Box::new(saver)),
            out,
        }))
    }
}

/// Writes what is to stand right before `end`, where there is room for it; where it begins.
fn put_before(out: &mut Vec<u8>, end: usize, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    let len = out.len();
    write(out);
    let start = end - (out.len() - len);
    out.copy_within(len.., start);
    out.truncate(len);
    start
}
