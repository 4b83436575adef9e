//! `cmsgpack.pack`: values → MessagePack, as lua-cmsgpack 0.4 writes it: integers as short as they go, tables as arrays where they are some, nothing beyond 16 levels.

use crate::desk::{Desk, breathe, weigh};
use crate::stack::{
    State, bytes_at, desk, push_bytes, raise, raise_argument, set_field, set_function,
};
use mlua_sys as ffi;
use std::ffi::c_int;

/// What is nested deeper is nil.
const MOST_LEVELS: u32 = 16;

/// Pushes the library, but for what reads.
pub(crate) unsafe fn push(state: State) {
    ffi::lua_createtable(state, 0, 8);
    set_function(state, c"pack", pack);
    let texts: [(&std::ffi::CStr, &[u8]); 4] = [
        (c"_NAME", b"cmsgpack"),
        (c"_VERSION", b"lua-cmsgpack 0.4.0"),
        (c"_COPYRIGHT", b"Copyright (C) 2012, Salvatore Sanfilippo"),
        (c"_DESCRIPTION", b"MessagePack C implementation for Lua"),
    ];
    for (name, text) in texts {
        set_field(state, name, |state| push_bytes(state, text));
    }
}

unsafe extern "C-unwind" fn pack(state: State) -> c_int {
    let count = ffi::lua_gettop(state);
    if count == 0 {
        raise_argument(state, 0, c"MessagePack pack needs input.");
    }
    if ffi::lua_checkstack(state, 4) == 0 {
        raise_argument(state, 0, c"Too many arguments for MessagePack pack.");
    }
    let desk = desk(state);
    (*desk).scratch.clear();
    for index in 1..=count {
        ffi::lua_pushvalue(state, index);
        append(state, desk, 0);
    }
    push_bytes(state, &(*desk).scratch);
    1
}

/// Appends the value at the top, and takes it from there.
unsafe fn append(state: State, desk: *mut Desk, level: u32) {
    breathe(state);
    let out = &mut (*desk).scratch;
    if out.len() > (*desk).memory.bound.get() {
        raise(state, b"not enough memory");
    }
    let kind = ffi::lua_type(state, -1);
    match kind {
        ffi::LUA_TSTRING => {
            append_string(out, bytes_at(state, -1));
            weigh(state, ffi::lua_objlen(state, -1) / 16);
        }
        ffi::LUA_TBOOLEAN => out.push(0xc2 + u8::from(ffi::lua_toboolean(state, -1) != 0)),
        ffi::LUA_TNUMBER => append_number(out, ffi::lua_tonumber(state, -1)),
        ffi::LUA_TTABLE if level < MOST_LEVELS => append_table(state, desk, level),
        _ => out.push(0xc0),
    }
    ffi::lua_settop(state, -2);
}

fn append_string(out: &mut Vec<u8>, text: &[u8]) {
    let len = text.len();
    match (u8::try_from(len), u16::try_from(len), u32::try_from(len)) {
        (Ok(len @ 0..32), ..) => out.push(0xa0 | len),
        (Ok(len), ..) => out.extend_from_slice(&[0xd9, len]),
        (_, Ok(len), _) => append_headed(out, 0xda, &len.to_be_bytes()),
        (.., len) => append_headed(out, 0xdb, &len.unwrap_or(u32::MAX).to_be_bytes()),
    }
    out.extend_from_slice(text);
}

fn append_headed(out: &mut Vec<u8>, head: u8, bytes: &[u8]) {
    out.push(head);
    out.extend_from_slice(bytes);
}

fn append_number(out: &mut Vec<u8>, value: f64) {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && (-BOUND..BOUND).contains(&value) {
        #[expect(clippy::cast_possible_truncation, reason = "it is one, and fits")]
        return append_integer(out, value as i64);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whether it is the same is looked at"
    )]
    let short = value as f32;
    // What is no number is not equal to itself.
    #[expect(clippy::float_cmp, reason = "whether it is exactly the same")]
    if f64::from(short) == value {
        append_headed(out, 0xca, &short.to_be_bytes());
    } else {
        append_headed(out, 0xcb, &value.to_be_bytes());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the ranges say that it fits"
)]
fn append_integer(out: &mut Vec<u8>, value: i64) {
    match value {
        0..=127 => out.push(value as u8),
        128..=0xff => append_headed(out, 0xcc, &[value as u8]),
        0x100..=0xffff => append_headed(out, 0xcd, &(value as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => append_headed(out, 0xce, &(value as u32).to_be_bytes()),
        0x1_0000_0000.. => append_headed(out, 0xcf, &value.to_be_bytes()),
        -32..=-1 => out.push(value as u8),
        -128..=-33 => append_headed(out, 0xd0, &(value as i8).to_be_bytes()),
        -0x8000..=-129 => append_headed(out, 0xd1, &(value as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => append_headed(out, 0xd2, &(value as i32).to_be_bytes()),
        _ => append_headed(out, 0xd3, &value.to_be_bytes()),
    }
}

/// Whether the table at the top is an array, and how many entries it has.
unsafe fn measure(state: State) -> (bool, c_int) {
    let (mut most, mut count, mut is_array) = (0.0_f64, 0, true);
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, -2) != 0 {
        ffi::lua_settop(state, -2);
        let number = match ffi::lua_type(state, -1) {
            ffi::LUA_TNUMBER => ffi::lua_tonumber(state, -1),
            _ => 0.0,
        };
        is_array &= number > 0.0 && number.fract() == 0.0;
        most = most.max(number);
        count += 1;
        breathe(state);
    }
    (is_array && most == f64::from(count), count)
}

unsafe fn append_table(state: State, desk: *mut Desk, level: u32) {
    ffi::luaL_checkstack_(state, 6, c"in function mp_encode_lua_table".as_ptr());
    let (is_array, count) = measure(state);
    let len = u32::try_from(count).unwrap_or(0);
    let out = &mut (*desk).scratch;
    if is_array {
        append_head(out, len, 0x90, 0xdc);
        for number in 1..=count {
            ffi::lua_rawgeti_(state, -1, number);
            append(state, desk, level + 1);
        }
        return;
    }
    append_head(out, len, 0x80, 0xde);
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, -2) != 0 {
        ffi::lua_pushvalue(state, -2);
        append(state, desk, level + 1);
        append(state, desk, level + 1);
    }
}

/// The head of an array or a map.
fn append_head(out: &mut Vec<u8>, len: u32, short: u8, long: u8) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..16), _) => out.push(short | len),
        (_, Ok(len)) => append_headed(out, long, &len.to_be_bytes()),
        _ => append_headed(out, long + 1, &len.to_be_bytes()),
    }
}
