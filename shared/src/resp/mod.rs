//! RESP2 and RESP3 as bytes. Requests are scanned into ranges, replies are scanned for their ends; nothing is decoded on the hot path.
//! Pure. Invariant: no input can panic, recurse without bound or allocate beyond what has really arrived.

mod access_error;
mod bulk;
mod cross_slot;
mod decode;
mod encode;
mod error_reply;
mod failover_refusal;
mod greeting;
mod lease_error;
mod long_reply;
mod number;
mod reply_end;
mod request;
mod script_error;
mod stream_error;
#[cfg(test)]
mod tests;
mod tracking_error;
mod transaction_error;
mod user_text;
mod wait_error;
mod word;

pub use access_error::AccessError;
pub use bulk::{Bulks, encode_bulk, encode_bulk_head};
pub use cross_slot::{CrossSlot, DatabasesApart};
pub use decode::{Frame, decode, decode_scanned};
pub use encode::{LaterHead, Protocol, ReplyWriter, encode_request, encode_request_head};
pub use error_reply::ErrorReply;
pub use failover_refusal::FailoverRefusal;
pub use greeting::{REDIS_VERSION, greet};
pub use lease_error::LeaseError;
pub use long_reply::LongReply;
pub use number::{parse_integer, split_sign, write_double};
pub use reply_end::{MAX_DEPTH, MAX_REPLY_STRING_BYTES, ReplyError, ReplyScanner};
pub use request::{
    ArgRange, Args, ProtocolError, READ_AT_ONCE_BYTES, Request, RequestBatch, RequestLimits,
    RequestScanner, make_room, split_line,
};
pub use script_error::ScriptError;
pub use stream_error::StreamError;
pub use tracking_error::TrackingError;
pub use transaction_error::TransactionError;
pub use user_text::UserText;
pub use wait_error::WaitError;
pub use word::{integer, integer_32, is_word, on_or_off, parse_cursor, yes_or_no};
