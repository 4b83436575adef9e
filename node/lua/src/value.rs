//! What a command has answered, as values of Lua: status and error are tables, in RESP3 maps, sets, doubles and the like are too.

use crate::desk::breathe;
use crate::stack::{State, desk, push_bytes};
use mlua_sys as ffi;
use shared::resp::{Protocol, parse_integer};
use std::ffi::{CStr, c_int};

/// Where the next element begins; the bytes stay on the desk, for the script's stack may be left meanwhile.
struct At {
    place: usize,
}

/// Pushes the answer on the desk. It is a node's own: whole, and of no depth that matters.
pub(crate) unsafe fn push_answer(state: State) {
    let mut at = At { place: 0 };
    push_next(state, &mut at);
}

unsafe fn line<'a>(state: State, at: &mut At) -> &'a [u8] {
    let answer: &'a Vec<u8> = &(*desk(state)).answer;
    let rest = answer.get(at.place..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'\r');
    let end = end.unwrap_or(rest.len());
    at.place += end + 2;
    &rest[..end]
}

unsafe fn text<'a>(state: State, at: &mut At, len: i64) -> &'a [u8] {
    let answer: &'a Vec<u8> = &(*desk(state)).answer;
    let len = usize::try_from(len).unwrap_or(0);
    let from = at.place;
    at.place += len + 2;
    answer.get(from..from + len).unwrap_or_default()
}

unsafe fn push_next(state: State, at: &mut At) {
    ffi::luaL_checkstack_(state, 8, c"the answer is nested too deeply".as_ptr());
    let head = line(state, at);
    let Some((kind, head)) = head.split_first() else {
        return ffi::lua_pushnil(state);
    };
    let count = || parse_integer(head).unwrap_or(0);
    match kind {
        b':' => ffi::lua_pushnumber(state, as_number(count())),
        b'$' if count() < 0 => ffi::lua_pushboolean(state, 0),
        b'$' => push_bytes(state, text(state, at, count())),
        b'+' => push_named(state, c"ok", head),
        b'-' => push_failure(state, head),
        b'*' | b'>' if count() < 0 => ffi::lua_pushboolean(state, 0),
        b'*' | b'>' => push_array(state, at, count()),
        b'%' => push_map(state, at, count()),
        b'~' => push_set(state, at, count()),
        b'_' => ffi::lua_pushnil(state),
        b'#' => ffi::lua_pushboolean(state, c_int::from(head == b"t")),
        b',' => push_double(state, head),
        b'(' => push_named(state, c"big_number", head),
        b'=' => push_verbatim(state, at, count()),
        _ => ffi::lua_pushnil(state),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Lua has no other numbers, and Redis does the same"
)]
fn as_number(value: i64) -> f64 {
    value as f64
}

unsafe fn push_named(state: State, name: &CStr, text: &[u8]) {
    ffi::lua_createtable(state, 0, 1);
    push_bytes(state, text);
    ffi::lua_setfield(state, -2, name.as_ptr());
}

/// An error says that it has been counted.
unsafe fn push_failure(state: State, text: &[u8]) {
    push_named(state, c"err", text);
    ffi::lua_pushboolean(state, 1);
    ffi::lua_setfield(state, -2, c"ignore_error_stats_update".as_ptr());
}

unsafe fn push_array(state: State, at: &mut At, count: i64) {
    let count = c_int::try_from(count).unwrap_or(0);
    ffi::lua_createtable(state, count, 0);
    for number in 1..=count {
        push_next(state, at);
        ffi::lua_rawseti_(state, -2, number);
        breathe(state);
    }
}

unsafe fn push_map(state: State, at: &mut At, count: i64) {
    let pairs = c_int::try_from(count).unwrap_or(0);
    ffi::lua_createtable(state, 0, 1);
    // It grows as in Redis: in which order a script finds the keys depends on that.
    ffi::lua_createtable(state, 0, 0);
    for _ in 0..pairs {
        push_next(state, at);
        push_next(state, at);
        ffi::lua_rawset(state, -3);
        breathe(state);
    }
    ffi::lua_setfield(state, -2, c"map".as_ptr());
}

unsafe fn push_set(state: State, at: &mut At, count: i64) {
    let count = c_int::try_from(count).unwrap_or(0);
    ffi::lua_createtable(state, 0, 1);
    ffi::lua_createtable(state, 0, 0);
    for _ in 0..count {
        push_next(state, at);
        ffi::lua_pushboolean(state, 1);
        ffi::lua_rawset(state, -3);
        breathe(state);
    }
    ffi::lua_setfield(state, -2, c"set".as_ptr());
}

unsafe fn push_double(state: State, text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let value = text.parse::<f64>().unwrap_or(f64::NAN);
    ffi::lua_createtable(state, 0, 1);
    ffi::lua_pushnumber(state, value);
    ffi::lua_setfield(state, -2, c"double".as_ptr());
}

unsafe fn push_verbatim(state: State, at: &mut At, len: i64) {
    let whole = text(state, at, len);
    let (format, text) = whole.split_at_checked(4).unwrap_or((b"txt:", whole));
    ffi::lua_createtable(state, 0, 1);
    ffi::lua_createtable(state, 0, 2);
    push_bytes(state, text);
    ffi::lua_setfield(state, -2, c"string".as_ptr());
    push_bytes(state, &format[..3]);
    ffi::lua_setfield(state, -2, c"format".as_ptr());
    ffi::lua_setfield(state, -2, c"verbatim_string".as_ptr());
}

/// What an answer is in, that a script asks for by number.
pub(crate) fn protocol_of(version: f64) -> Option<Protocol> {
    match version {
        2.0 => Some(Protocol::Resp2),
        3.0 => Some(Protocol::Resp3),
        _ => None,
    }
}
