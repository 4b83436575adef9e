//! BITOP: strings combined bit by bit into another one, at once or, when they are long, a piece at a time with other clients' commands between.
//! Pure. Invariant: the result is that of one moment: should a source go meanwhile (nobody else may change one), the work begins anew.

use super::{MOST_ARGUMENTS, check_count};
use crate::commands::arguments::{bytes_of, is_word, reply_count, string};
use crate::commands::{Action, Call};
use crate::store::{DbIndex, Key, Store, StoreFull, StringEdit, StringRef, Wording};
use shared::resp::{Args, ErrorReply};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(argument: &[u8]) -> Result<Self, ErrorReply> {
        let words = [
            ("AND", Self::And),
            ("OR", Self::Or),
            ("XOR", Self::Xor),
            ("NOT", Self::Not),
        ];
        let found = words.iter().find(|(word, _)| is_word(argument, word));
        found
            .map(|(_, operation)| *operation)
            .ok_or(ErrorReply::Syntax)
    }
}

/// Results are made in pieces of this size, which stay in the first cache: a long result is never held twice, and may take the place of a source.
const CHUNK_BYTES: usize = 8 * 1024;

/// Index of the first source key.
const FIRST_SOURCE: usize = 3;

/// BITOP AND | OR | XOR | NOT destination key …
pub(super) fn bitop(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let operation = operation(call)?;
    let db = call.db();
    let mut len = 0;
    for index in FIRST_SOURCE..call.args.len() {
        let key = call.key(index);
        len = string(call.store.get(db, key))?
            .map_or(0, StringRef::len)
            .max(len);
    }
    let mut result = room(len)?;
    result.resize(len, 0);
    for (nth, chunk) in result.chunks_mut(CHUNK_BYTES).enumerate() {
        for index in FIRST_SOURCE..call.args.len() {
            let mut source = source(call, index)?;
            combine_source(operation, index, source.from(nth * CHUNK_BYTES), chunk);
        }
    }
    put_result(call, result)?;
    Ok(Action::Continue)
}

/// Room for so many bytes; those that nobody has written are no memory yet.
fn room(len: usize) -> Result<Vec<u8>, StoreFull> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).map_err(|_| StoreFull)?;
    Ok(room)
}

/// What is to be done, if the arguments are what they should be.
fn operation(call: &Call<'_>) -> Result<Operation, ErrorReply> {
    check_count(call)?;
    let operation = Operation::parse(call.args.at(1))?;
    if operation == Operation::Not && call.args.len() != FIRST_SOURCE + 1 {
        return Err(ErrorReply::BitNotOfMany);
    }
    Ok(operation)
}

/// A source as bytes.
struct Source<'a> {
    value: Option<StringRef<'a>>,
    digits: itoa::Buffer,
}

impl Source<'_> {
    fn from(&mut self, start: usize) -> &[u8] {
        let bytes = match self.value {
            Some(value) => bytes_of(value, &mut self.digits),
            None => &[],
        };
        bytes.get(start..).unwrap_or_default()
    }
}

fn source<'a>(call: &'a mut Call<'_>, index: usize) -> Result<Source<'a>, ErrorReply> {
    let (db, key) = (call.db(), call.key(index));
    Ok(Source {
        value: string(call.store.peek(db, key))?,
        digits: itoa::Buffer::new(),
    })
}

/// Combines what argument `index` has here into the chunk.
fn combine_source(operation: Operation, index: usize, source: &[u8], chunk: &mut [u8]) {
    let source = &source[..source.len().min(chunk.len())];
    if index > FIRST_SOURCE {
        return combine(chunk, source, operation);
    }
    chunk[..source.len()].copy_from_slice(source);
    chunk[source.len()..].fill(0);
    if operation == Operation::Not {
        chunk.iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// With more bytes of sources than these, others have their turns in between: below, BITOP takes a millisecond.
const UNDIVIDED_BYTES: usize = 4 * 1024 * 1024;
/// Sources combined between two looks at the stopwatch, a chunk of each.
const SOURCES_PER_STEP: usize = 64;

/// A long BITOP under way. The result is made aside, and takes the place of the destination at the end.
#[derive(Debug)]
pub(crate) struct Combination {
    operation: Operation,
    /// How long the sources were when the work began.
    source_lens: Vec<usize>,
    /// How long the result will be.
    len: usize,
    /// As far as it has been made, the present chunk included.
    result: Vec<u8>,
    /// Where the present chunk begins.
    start: usize,
    /// The argument that is next for it.
    index: usize,
}

impl Combination {
    /// Whether this BITOP has so much to do.
    pub(crate) fn is_long(store: &mut Store, db: DbIndex, args: Args<'_>) -> bool {
        if args.len() > MOST_ARGUMENTS {
            return false;
        }
        let mut bytes = 0;
        for source in args.iter_from(FIRST_SOURCE) {
            let key = Key {
                bytes: source,
                hash: store.hash(source),
            };
            bytes += string(store.peek(db, key)).map_or(0, |value| value.map_or(0, StringRef::len));
        }
        bytes > UNDIVIDED_BYTES
    }

    /// A step of the work; whether it was the last.
    pub(crate) fn go_on(work: &mut Option<Self>, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        match work {
            None => *work = Some(Self::begin(call)?),
            Some(combination) if combination.start < combination.len => {
                if !combination.combine_some(call)? {
                    *work = None;
                }
            }
            Some(combination) => {
                let result = std::mem::take(&mut combination.result);
                put_result(call, result)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn begin(call: &mut Call<'_>) -> Result<Self, ErrorReply> {
        let operation = operation(call)?;
        let db = call.db();
        let mut source_lens = Vec::with_capacity(call.args.len() - FIRST_SOURCE);
        for index in FIRST_SOURCE..call.args.len() {
            let key = call.key(index);
            source_lens.push(string(call.store.get(db, key))?.map_or(0, StringRef::len));
        }
        let len = source_lens.iter().copied().max().unwrap_or(0);
        Ok(Self {
            operation,
            source_lens,
            len,
            result: room(len)?,
            start: 0,
            index: FIRST_SOURCE,
        })
    }

    /// `false` when a source is no longer what it was.
    fn combine_some(&mut self, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let (start, end) = (self.start, self.len.min(self.start + CHUNK_BYTES));
        self.result.resize(end, 0);
        for _ in 0..SOURCES_PER_STEP {
            if self.index == call.args.len() {
                self.start = end;
                self.index = FIRST_SOURCE;
                break;
            }
            let mut source = source(call, self.index)?;
            if source.from(0).len() != self.source_lens[self.index - FIRST_SOURCE] {
                return Ok(false);
            }
            let chunk = &mut self.result[start..end];
            combine_source(self.operation, self.index, source.from(start), chunk);
            self.index += 1;
        }
        Ok(true)
    }
}

/// The result becomes the destination's value, in the buffer where it is; without bytes there is no value.
fn put_result(call: &mut Call<'_>, result: Vec<u8>) -> Result<(), ErrorReply> {
    let (db, destination, len) = (call.db(), call.key(2), result.len());
    if len == 0 {
        call.store.remove(db, destination);
    } else {
        let as_asked = Wording::Verbatim(call.args);
        StringEdit::put_made(call.store.slot(db, destination), result, as_asked)?;
    }
    reply_count(&mut call.reply, len);
    Ok(())
}

/// `result = result operation source`, the shorter source taken to go on with zeros. The loops are so plain that they become wide instructions.
fn combine(result: &mut [u8], source: &[u8], operation: Operation) {
    let (common, rest) = result.split_at_mut(source.len());
    let pairs = common.iter_mut().zip(source);
    match operation {
        Operation::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            rest.fill(0);
        }
        Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
        Operation::Not => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_BYTES, Combination, FIRST_SOURCE};
    use crate::commands::Call;
    use crate::commands::testing::TestNode;
    use shared::command;
    use shared::resp::{ReplyWriter, RequestBatch, RequestLimits, RequestScanner};

    /// Writing so many zeros takes as long as combining so many bytes.
    #[test]
    fn a_long_result_grows_a_piece_at_a_time() {
        const LEN: usize = 5_000_000;
        let mut node = TestNode::new();
        node.run_bytes(&[b"SET".as_slice(), b"one", &vec![1; LEN]]);
        let mut bytes = b"BITOP NOT to one\r\n".to_vec();
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut bytes, &mut batch, 1)
            .expect("a line");
        let args = batch.args(&bytes, &batch.requests()[0]);
        let mut reply = Vec::new();
        let mut call = Call {
            spec: command::resolve(args).expect("BITOP"),
            args,
            hashes: &[],
            store: &mut node.store,
            reply: ReplyWriter::new(&mut reply, node.session.protocol),
            identity: &node.identity,
            session: &mut node.session,
            node: &mut node.node,
            now_ms: node.now_ms,
            is_piecewise: false,
        };
        let (mut work, mut before) = (None, 0);
        while !Combination::go_on(&mut work, &mut call).expect("strings") {
            let made = work.as_ref().map_or(0, |work| work.result.len());
            assert!(made <= before + CHUNK_BYTES, "{made} after {before}");
            before = made;
        }
        assert_eq!(before, LEN);
        assert_eq!(args.len(), FIRST_SOURCE + 1);
    }
}
