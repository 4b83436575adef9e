//! RESP2 and RESP3 as bytes. Requests are scanned into ranges, replies are scanned for their ends; nothing is decoded on the hot path.
//! Pure. Invariant: no input can panic, recurse without bound or allocate beyond what has really arrived.

mod encode;
mod error_reply;
mod reply_end;
mod request;

pub use encode::{Protocol, ReplyWriter};
pub use error_reply::ErrorReply;
pub use reply_end::{ReplyError, ReplyScanner};
pub use request::{
    ArgRange, Args, ProtocolError, Request, RequestBatch, RequestLimits, RequestScanner,
};
