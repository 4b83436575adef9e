//! XADD.
//! Pure.

use super::identifier::{AskedId, asked_id, is_sign};
use super::trim::{TrimOptions, Trimming, is_long};
use crate::commands::arguments::is_word;
use crate::commands::events::{TRIMMED, TRIMMING};
use crate::commands::piecewise::{Piecewise, Progress};
use crate::commands::{Action, Call};
use crate::store::{StreamEdit, StreamId, StreamRef};
use shared::resp::{Args, ErrorReply, StreamError};

/// A node of Redis' is not longer, bytes of text.
const MOST_TEXT_BYTES: usize = 1 << 30;

/// What stands before the fields.
#[derive(Debug)]
struct Heading {
    /// `None`: `*`.
    asked: Option<AskedId>,
    trim: TrimOptions,
    makes_stream: bool,
    /// Where the fields begin.
    fields: usize,
}

/// XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value …
pub(super) fn xadd(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let heading = Heading::read(call.args)?;
    let limits = call.node.settings.hot.stream_nodes;
    let trim = heading.trim.finish(limits)?;
    let record = call.args.skip(heading.fields);
    if record.len() < 2 || !record.len().is_multiple_of(2) {
        return Err(ErrorReply::Arity(call.spec.name.into()));
    }
    if heading.asked == Some(AskedId::Whole(StreamId::MIN)) {
        return Err(StreamError::ZeroId.into());
    }
    let (db, key, now_ms) = (call.db(), call.key(1), call.now_ms);
    let edit = StreamEdit::of(call.store.slot(db, key))?;
    let stream = edit.stream();
    let last = stream.map(StreamRef::last_id);
    let is_long = match (stream, trim) {
        (Some(stream), Some(trim)) => is_long(stream, trim),
        _ => false,
    };
    if last.is_none() && !heading.makes_stream {
        call.reply.null();
        return Ok(Action::Continue);
    }
    let id = next_id(last.unwrap_or(StreamId::MIN), heading.asked, now_ms)?;
    let text_bytes: usize = record.iter_from(0).map(<[u8]>::len).sum();
    if text_bytes > MOST_TEXT_BYTES {
        return Err(StreamError::TooLarge.into());
    }
    if is_long || call.is_piecewise {
        let adding = Adding {
            id: Some(id),
            fields: heading.fields,
            trimming: trim.map(Trimming::untold),
        };
        return Ok(Action::Piecewise(Box::new(adding)));
    }
    if edit.add(id, record, trim, limits)? {
        call.store.note_event(db, key, TRIMMED);
    }
    call.reply.bulk(id.text().as_bytes());
    Ok(Action::Continue)
}

/// An XADD by which very many entries go: the new one is added first, then they do. Should the stream go meanwhile, the work is over.
#[derive(Debug)]
struct Adding {
    /// Of the entry that is still to be added.
    id: Option<StreamId>,
    fields: usize,
    trimming: Option<Trimming>,
}

impl Piecewise for Adding {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        if let Some(id) = self.id.take() {
            let limits = call.node.settings.hot.stream_nodes;
            let (db, key, record) = (call.db(), call.key(1), call.args.skip(self.fields));
            let edit = StreamEdit::of(call.store.slot(db, key))?;
            edit.add(id, record, None, limits)?;
            call.reply.bulk(id.text().as_bytes());
            return Ok(Progress::More);
        }
        match &mut self.trimming {
            Some(trimming) => {
                call.store.name_events(TRIMMING);
                trimming.go_on(call)
            }
            None => Ok(Progress::Over),
        }
    }
}

impl Heading {
    fn read(args: Args<'_>) -> Result<Self, ErrorReply> {
        let mut heading = Self {
            asked: None,
            trim: TrimOptions::default(),
            makes_stream: true,
            fields: args.len(),
        };
        let mut at = 2;
        while at < args.len() {
            let word = args.at(at);
            if is_sign(word, b'*') {
                heading.fields = at + 1;
                break;
            }
            if let Some(next) = heading.trim.read(args, at)? {
                at = next;
            } else if is_word(word, "NOMKSTREAM") {
                heading.makes_stream = false;
                at += 1;
            } else {
                heading.asked = Some(asked_id(word)?);
                heading.fields = at + 1;
                break;
            }
        }
        Ok(heading)
    }
}

/// The identifier of an entry behind the last one.
fn next_id(last: StreamId, asked: Option<AskedId>, now_ms: u64) -> Result<StreamId, StreamError> {
    let following = last.next().ok_or(StreamError::Exhausted)?;
    let id = match asked {
        None if now_ms > last.ms => StreamId { ms: now_ms, seq: 0 },
        None => following,
        Some(AskedId::Whole(id)) => id,
        Some(AskedId::Milliseconds(ms)) if ms == last.ms => {
            if following.ms != ms {
                return Err(StreamError::TooLarge);
            }
            following
        }
        Some(AskedId::Milliseconds(ms)) => StreamId { ms, seq: 0 },
    };
    if id <= last {
        return Err(StreamError::NotGreater);
    }
    Ok(id)
}
