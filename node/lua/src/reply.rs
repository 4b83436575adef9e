//! What a script returns, or raises, as its reply: numbers lose what is behind the point, `nil` ends an array, tables with `err`, `ok`, `map` and the like are what they say.

use crate::desk::{Desk, Fault, breathe};
use crate::number::truncated;
use crate::stack::{State, bytes_at, push_bytes, raise};
use mlua_sys as ffi;
use shared::resp::{LaterHead, Protocol, ReplyWriter};
use std::ffi::c_int;

/// A reply is not longer than what Lua may take of memory, by so many times.
const LARGEST_REPLY: usize = 2;

/// Writes the value at the top of the stack, and takes it from there. Raises when there is no memory.
pub(crate) unsafe fn write(state: State, desk: *mut Desk) {
    breathe(state);
    let out = &mut (*desk).out;
    if out.len() / LARGEST_REPLY > (*desk).memory.bound.get() {
        raise(state, b"the reply is too large");
    }
    if ffi::lua_checkstack(state, 6) == 0 {
        out.extend_from_slice(b"-ERR reached lua stack limit\r\n");
        return ffi::lua_settop(state, -2);
    }
    let mut reply = ReplyWriter::new(out, (*desk).protocol);
    match ffi::lua_type(state, -1) {
        ffi::LUA_TSTRING => reply.bulk(bytes_at(state, -1)),
        ffi::LUA_TNUMBER => reply.integer(truncated(ffi::lua_tonumber(state, -1))),
        ffi::LUA_TBOOLEAN => {
            let is_true = ffi::lua_toboolean(state, -1) != 0;
            match ((*desk).answers_in, is_true) {
                (Protocol::Resp3, _) => reply.boolean(is_true),
                (Protocol::Resp2, true) => reply.integer(1),
                (Protocol::Resp2, false) => reply.null(),
            }
        }
        ffi::LUA_TTABLE => return write_table(state, desk),
        _ => reply.null(),
    }
    ffi::lua_settop(state, -2);
}

/// Pushes a field of the table at the top; whether it is of this type. If not, it is not pushed.
unsafe fn has_field(state: State, name: &[u8], kind: c_int) -> bool {
    push_bytes(state, name);
    ffi::lua_rawget_(state, -2);
    let is_of_kind = match (ffi::lua_type(state, -1), kind) {
        // A number is as good as a string.
        (ffi::LUA_TNUMBER, ffi::LUA_TSTRING) => false,
        (found, wanted) => found == wanted,
    };
    if !is_of_kind {
        ffi::lua_settop(state, -2);
    }
    is_of_kind
}

unsafe fn write_table(state: State, desk: *mut Desk) {
    let out = &mut (*desk).out;
    if has_field(state, b"err", ffi::LUA_TSTRING) {
        ffi::lua_settop(state, -2);
        let start = out.len();
        let text = failure_of(state, desk);
        if start > 0 {
            // An error within an array.
            (*desk).was_counted = false;
        }
        push_line(&mut (*desk).out, b'-', text);
    } else if has_field(state, b"ok", ffi::LUA_TSTRING) {
        push_line(out, b'+', bytes_at(state, -1));
    } else if has_field(state, b"double", ffi::LUA_TNUMBER) {
        ReplyWriter::new(out, (*desk).protocol).double(ffi::lua_tonumber(state, -1));
    } else if has_field(state, b"map", ffi::LUA_TTABLE) {
        let head = ReplyWriter::new(out, (*desk).protocol).map_later();
        write_pairs(state, desk, head, true);
    } else if has_field(state, b"set", ffi::LUA_TTABLE) {
        let head = ReplyWriter::new(out, (*desk).protocol).set_later();
        write_pairs(state, desk, head, false);
    } else if has_field(state, b"big_number", ffi::LUA_TSTRING) {
        let digits = bytes_at(state, -1);
        let digits = std::str::from_utf8(digits).unwrap_or("0");
        ReplyWriter::new(out, (*desk).protocol).big_number(digits);
    } else if has_field(state, b"verbatim_string", ffi::LUA_TTABLE) {
        write_verbatim(state, desk);
    } else {
        return write_array(state, desk);
    }
    ffi::lua_settop(state, -3);
}

/// All that is at 1, 2, … until nothing is.
unsafe fn write_array(state: State, desk: *mut Desk) {
    let head = ReplyWriter::new(&mut (*desk).out, (*desk).protocol).array_later();
    let mut count: c_int = 0;
    loop {
        ffi::lua_rawgeti_(state, -1, count + 1);
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            ffi::lua_settop(state, -3);
            break;
        }
        count += 1;
        write(state, desk);
    }
    finish(desk, head, count);
}

/// Keys and values of the table at the top, or its keys alone.
unsafe fn write_pairs(state: State, desk: *mut Desk, head: LaterHead, with_values: bool) {
    let mut count = 0;
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, -2) != 0 {
        if with_values {
            ffi::lua_pushvalue(state, -2);
            write(state, desk);
            write(state, desk);
        } else {
            ffi::lua_settop(state, -2);
            ffi::lua_pushvalue(state, -1);
            write(state, desk);
        }
        count += 1;
    }
    finish(desk, head, count);
}

unsafe fn finish(desk: *mut Desk, head: LaterHead, count: c_int) {
    let count = usize::try_from(count).unwrap_or(0);
    ReplyWriter::new(&mut (*desk).out, (*desk).protocol).finish(head, count);
}

unsafe fn write_verbatim(state: State, desk: *mut Desk) {
    let out = &mut (*desk).out;
    let is_there = has_field(state, b"format", ffi::LUA_TSTRING);
    if !is_there {
        return ReplyWriter::new(out, (*desk).protocol).null();
    }
    ffi::lua_insert(state, -2);
    if has_field(state, b"string", ffi::LUA_TSTRING) {
        let format = String::from_utf8_lossy(bytes_at(state, -3));
        let mut format: String = format.chars().filter(char::is_ascii).take(3).collect();
        while format.len() < 3 {
            format.push(' ');
        }
        ReplyWriter::new(out, (*desk).protocol).verbatim(&format, bytes_at(state, -1));
        drop(format);
        ffi::lua_settop(state, -2);
    } else {
        ReplyWriter::new(out, (*desk).protocol).null();
    }
    ffi::lua_remove(state, -2);
}

/// What an error at the top of the stack says; it stays there, and what it says above it.
unsafe fn failure_of<'a>(state: State, desk: *mut Desk) -> &'a [u8] {
    push_bytes(state, b"ignore_error_stats_update");
    ffi::lua_rawget_(state, -2);
    (*desk).was_counted = ffi::lua_toboolean(state, -1) != 0;
    ffi::lua_settop(state, -2);
    push_bytes(state, b"err");
    ffi::lua_rawget_(state, -2);
    if ffi::lua_isstring(state, -1) != 0 {
        bytes_at(state, -1)
    } else {
        b"ERR unknown error"
    }
}

/// Writes what the script has raised: what it says, and where that was.
pub(crate) unsafe fn write_failure(state: State, desk: *mut Desk) {
    (*desk).out.clear();
    if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
        // The handler itself has failed.
        let said = bytes_at(state, -1);
        let out = &mut (*desk).out;
        let said = &said[..said.len().min(100)];
        return push_words(
            out,
            &[b"ERR Error running script ", &(*desk).name, b", ", said],
        );
    }
    let table = ffi::lua_gettop(state);
    let text = failure_of(state, desk);
    push_bytes(state, b"source");
    ffi::lua_rawget_(state, table);
    push_bytes(state, b"line");
    ffi::lua_rawget_(state, table);
    let is_known = ffi::lua_isstring(state, -1) != 0 && ffi::lua_isstring(state, -2) != 0;
    let (source, line) = (bytes_at(state, -2), bytes_at(state, -1));
    let out = &mut (*desk).out;
    if is_known {
        let name = (*desk).name.as_slice();
        push_words(
            out,
            &[text, b" script: ", name, b", on ", source, b":", line, b"."],
        );
    } else {
        push_words(out, &[text]);
    }
}

/// Writes that the job itself could not be carried out.
pub(crate) fn write_fault(desk: &mut Desk, fault: &Fault) {
    desk.out.clear();
    match fault {
        Fault::Said(words) => {
            let words = words.strip_prefix(b"ERR ").unwrap_or(words);
            push_words(&mut desk.out, &[b"ERR ", words]);
        }
        Fault::Memory => {
            let words: &[u8] =
                b"ERR the script needs more memory than lua-memory-limit allows script: ";
            push_words(&mut desk.out, &[words, &desk.name, b"."]);
        }
    }
}

fn push_words(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.push(b'-');
    for part in parts {
        out.extend(part.iter().map(|byte| blank(*byte)));
    }
    out.extend_from_slice(b"\r\n");
}

fn push_line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|byte| blank(*byte)));
    out.extend_from_slice(b"\r\n");
}

/// No text breaks the frame of the reply.
fn blank(byte: u8) -> u8 {
    match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }
}
