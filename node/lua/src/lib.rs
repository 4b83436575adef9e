//! Lua 5.1 as scripts and functions see it in Redis 7.0: a [`Machine`] with its libraries, in a sandbox, on a stack of its own.
//! Pure: bytes in, bytes out. It knows no key and no client: what a script asks for it says, and is told the answer. Never: a clock, a socket, a file.
//! One exception: what is large goes on beside the thread ([`beside`]).
//!
//! ```text
//!  driver ── start(function, words) ──► Machine
//!         ◄─ Step::Call   the request is in `request()`; the answer goes into `answer()`
//!         ◄─ Step::Pause  so much has been done; others may have their turn, or it is told to end
//!         ◄─ Step::Beside it is at work on another thread; others may have their turn
//!         ◄─ Step::Over   the reply is in `reply()`
//!         ── resume(Signal) ──►
//! ```
//!
//! Lua 5.1 cannot yield in a hook, nor within a function of C. So the whole of it runs on a stack of its own (`corosensei`), which is left and entered again, wherever it is.
//!
//! # Nothing holds the node's thread
//!
//! Instructions are counted by Lua, everything else by [`desk::weigh`]: a pattern's tries, elements that are moved or compared, bytes that are copied, compiled, or asked for as memory. Functions of Lua's that
//! could not tell are others here ([`strings`], [`tables`]). What Lua does as a whole (a table that grows, two strings that become one, a round of its collector) takes as long as its memory is large:
//! with a block of a megabyte, or four more than it began with, a script goes on beside the thread, and so does one of which a step took long, until it asks for a command.
//!
//! # What must hold
//!
//! - `unsafe` is the price of a library of C. Functions that Lua calls may be left by a jump (`lua_error`, no memory): they own nothing that would have to be dropped. Buffers belong to the
//!   [`desk`], which outlives them.
//! - A machine is never dropped in the midst of a script: it is told to end until it has (`Machine::end_script`), which no `pcall` can stop.
//! - Memory has a bound (`desk::Memory`); beyond it Lua raises "not enough memory". So has the depth of the stack: Lua calls itself through C 200 times at most, and what recurses here counts.
//! - Nothing of what scripts share can be changed by one of them ([`sandbox`]).
#![expect(
    unsafe_code,
    reason = "a library of C is driven here, and only here; see above"
)]

mod base;
mod beside;
mod bits;
mod desk;
mod gathered;
mod json;
mod json_decode;
mod machine;
mod message_pack;
mod message_unpack;
mod number;
mod pattern;
mod redis;
mod register;
mod reply;
mod sandbox;
mod stack;
mod strings;
mod structs;
mod tables;
mod value;

pub use desk::{Fault, Step};
pub use machine::{Function, Kind, Machine, Start};
pub use redis::sha1_hex;
pub use register::{FLAGS, Flag, Registered, is_name};

#[cfg(test)]
mod tests;
