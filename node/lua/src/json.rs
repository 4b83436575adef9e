//! `cjson`: tables → JSON, as Lua CJSON 2.1 writes it, and the module's settings. Reading is in [`crate::json_decode`].
//! Pure but for Lua's stack; what it writes has the bound of a script's memory.

use crate::desk::{Desk, InvalidNumbers, JsonSettings, breathe, weigh, weigh_ahead};
use crate::json_decode;
use crate::number::{self, MOST_BYTES};
use crate::sandbox::set_null;
use crate::stack::{
    State, bytes_at, check_bytes, desk, push_bytes, raise, set_field, set_function,
};
use mlua_sys as ffi;
use std::ffi::{CStr, c_int};

/// Pushes the library.
pub(crate) unsafe fn push(state: State) {
    ffi::lua_createtable(state, 0, 16);
    let functions: [(&CStr, ffi::lua_CFunction); 10] = [
        (c"encode", encode),
        (c"decode", json_decode::decode),
        (c"encode_sparse_array", encode_sparse_array),
        (c"encode_max_depth", encode_max_depth),
        (c"decode_max_depth", decode_max_depth),
        (c"encode_number_precision", encode_number_precision),
        (c"encode_keep_buffer", encode_keep_buffer),
        (c"encode_invalid_numbers", encode_invalid_numbers),
        (c"decode_invalid_numbers", decode_invalid_numbers),
        (c"new", new),
    ];
    for (name, function) in functions {
        set_function(state, name, function);
    }
    set_null(state, c"null");
    set_field(state, c"_NAME", |state| push_bytes(state, b"cjson"));
    set_field(state, c"_VERSION", |state| push_bytes(state, b"2.1.0"));
}

/// Another one of the same settings: there is one for all.
unsafe extern "C-unwind" fn new(state: State) -> c_int {
    push(state);
    1
}

unsafe extern "C-unwind" fn encode(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 {
        ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
    }
    let desk = desk(state);
    (*desk).scratch.clear();
    append(state, desk, 0);
    push_bytes(state, &(*desk).scratch);
    1
}

/// Appends the value at the top.
unsafe fn append(state: State, desk: *mut Desk, depth: i32) {
    breathe(state);
    let out = &mut (*desk).scratch;
    if out.len() > (*desk).memory.bound.get() {
        raise(state, b"not enough memory");
    }
    match ffi::lua_type(state, -1) {
        ffi::LUA_TSTRING => {
            weigh_ahead(state, ffi::lua_objlen(state, -1));
            append_string(&mut (*desk).scratch, bytes_at(state, -1));
        }
        ffi::LUA_TNUMBER => append_number(state, desk),
        ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, -1) != 0 => out.extend_from_slice(b"true"),
        ffi::LUA_TBOOLEAN => out.extend_from_slice(b"false"),
        ffi::LUA_TNIL => out.extend_from_slice(b"null"),
        ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(state, -1).is_null() => {
            out.extend_from_slice(b"null");
        }
        ffi::LUA_TTABLE => append_table(state, desk, depth + 1),
        _ => refuse(state, b"type not supported"),
    }
}

/// The value at the top cannot be written.
unsafe fn refuse(state: State, why: &[u8]) -> ! {
    let kind = CStr::from_ptr(ffi::lua_typename(state, ffi::lua_type(state, -1)));
    ffi::luaL_where(state, 1);
    push_bytes(state, b"Cannot serialise ");
    push_bytes(state, kind.to_bytes());
    push_bytes(state, b": ");
    push_bytes(state, why);
    ffi::lua_concat(state, 5);
    ffi::lua_error(state)
}

unsafe fn append_number(state: State, desk: *mut Desk) {
    let value = ffi::lua_tonumber(state, -1);
    let settings = &(*desk).json;
    if !value.is_finite() {
        match settings.invalid_numbers {
            InvalidNumbers::Refused => refuse(state, b"must not be NaN or Inf"),
            InvalidNumbers::Null => return (*desk).scratch.extend_from_slice(b"null"),
            InvalidNumbers::Written if value.is_nan() => {
                return (*desk).scratch.extend_from_slice(b"nan");
            }
            InvalidNumbers::Written => {}
        }
    }
    print_number(&mut (*desk).scratch, value, settings.digits);
}

/// With so many digits (`%.14g`).
fn print_number(out: &mut Vec<u8>, value: f64, digits: i32) {
    const FORMATS: [&CStr; 14] = [
        c"%.1g", c"%.2g", c"%.3g", c"%.4g", c"%.5g", c"%.6g", c"%.7g", c"%.8g", c"%.9g", c"%.10g",
        c"%.11g", c"%.12g", c"%.13g", c"%.14g",
    ];
    /// Integers below have at most 14 digits.
    const SHORT: i64 = 100_000_000_000_000;
    if digits == 14
        && let Some(integer) = number::as_small_integer(value)
        && integer.abs() < SHORT
    {
        return number::push_integer(out, integer);
    }
    let format = usize::try_from(digits - 1).unwrap_or(13).min(13);
    let mut buffer = [0; MOST_BYTES];
    let len = number::print(value, FORMATS[format], &mut buffer);
    out.extend_from_slice(&buffer[..len]);
}

fn append_string(out: &mut Vec<u8>, text: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    for byte in text {
        let short = match byte {
            b'"' | b'\\' | b'/' => *byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            0..0x20 | 0x7f => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', DIGITS[high], DIGITS[low]]);
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}

unsafe fn append_table(state: State, desk: *mut Desk, depth: i32) {
    if depth > (*desk).json.encode_depth || ffi::lua_checkstack(state, 6) == 0 {
        ffi::luaL_where(state, 1);
        push_bytes(state, b"Cannot serialise, excessive nesting (");
        ffi::lua_pushnumber(state, f64::from(depth));
        push_bytes(state, b")");
        ffi::lua_concat(state, 4);
        ffi::lua_error(state);
    }
    let len = array_len(state, &(*desk).json);
    if len > 0 {
        append_array(state, desk, depth, len);
    } else {
        append_object(state, desk, depth);
    }
}

unsafe fn append_array(state: State, desk: *mut Desk, depth: i32, len: c_int) {
    (*desk).scratch.push(b'[');
    for number in 1..=len {
        if number > 1 {
            (*desk).scratch.push(b',');
        }
        ffi::lua_rawgeti_(state, -1, number);
        append(state, desk, depth);
        ffi::lua_settop(state, -2);
    }
    (*desk).scratch.push(b']');
}

unsafe fn append_object(state: State, desk: *mut Desk, depth: i32) {
    (*desk).scratch.push(b'{');
    let mut is_first = true;
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, -2) != 0 {
        let out = &mut (*desk).scratch;
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        match ffi::lua_type(state, -2) {
            ffi::LUA_TNUMBER => {
                out.push(b'"');
                print_number(out, ffi::lua_tonumber(state, -2), (*desk).json.digits);
                out.push(b'"');
            }
            ffi::LUA_TSTRING => {
                append_string(out, bytes_at(state, -2));
                weigh(state, ffi::lua_objlen(state, -2));
            }
            _ => {
                ffi::lua_settop(state, -2);
                refuse(state, b"table key must be a number or string");
            }
        }
        (*desk).scratch.push(b':');
        append(state, desk, depth);
        ffi::lua_settop(state, -2);
    }
    (*desk).scratch.push(b'}');
}

/// How long an array the table at the top is; 0 when it is none, or empty.
unsafe fn array_len(state: State, settings: &JsonSettings) -> c_int {
    let (mut most, mut items) = (0.0_f64, 0.0_f64);
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, -2) != 0 {
        let number = match ffi::lua_type(state, -2) {
            ffi::LUA_TNUMBER => ffi::lua_tonumber(state, -2),
            _ => 0.0,
        };
        if number < 1.0 || number.fract() != 0.0 {
            ffi::lua_settop(state, -3);
            return 0;
        }
        most = most.max(number);
        items += 1.0;
        ffi::lua_settop(state, -2);
        breathe(state);
    }
    let ratio = f64::from(settings.sparse_ratio);
    if ratio > 0.0 && most > items * ratio && most > f64::from(settings.sparse_safe) {
        if !settings.sparse_convert {
            refuse(state, b"excessively sparse array");
        }
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit becomes the most"
    )]
    {
        most as c_int
    }
}

/// Reads an optional integer argument within bounds.
unsafe fn integer_option(
    state: State,
    index: c_int,
    option: &mut i32,
    bounds: (i32, i32),
    words: &CStr,
) {
    if ffi::lua_type(state, index) > ffi::LUA_TNIL {
        let given = ffi::luaL_checkinteger(state, index);
        match i32::try_from(given) {
            Ok(value) if (bounds.0..=bounds.1).contains(&value) => *option = value,
            _ => {
                ffi::luaL_argerror(state, index, words.as_ptr());
            }
        }
    }
    ffi::lua_pushnumber(state, f64::from(*option));
}

/// Reads an optional boolean argument, `on` and `off` among them.
unsafe fn switch_option(state: State, index: c_int, option: &mut bool) {
    if ffi::lua_type(state, index) > ffi::LUA_TNIL {
        if ffi::lua_type(state, index) == ffi::LUA_TBOOLEAN {
            *option = ffi::lua_toboolean(state, index) != 0;
        } else {
            match check_bytes(state, index) {
                b"on" => *option = true,
                b"off" => *option = false,
                _ => {
                    ffi::luaL_argerror(state, index, c"invalid option".as_ptr());
                }
            }
        }
    }
    ffi::lua_pushboolean(state, c_int::from(*option));
}

unsafe fn settings<'a>(state: State, arguments: c_int) -> &'a mut JsonSettings {
    if ffi::lua_gettop(state) > arguments {
        ffi::luaL_argerror(state, arguments + 1, c"found too many arguments".as_ptr());
    }
    ffi::lua_settop(state, arguments);
    &mut (*desk(state)).json
}

const POSITIVE: (i32, i32) = (1, i32::MAX);
const NOT_NEGATIVE: (i32, i32) = (0, i32::MAX);
const BETWEEN: &CStr = c"expected integer between 1 and 2147483647";
const BETWEEN_0: &CStr = c"expected integer between 0 and 2147483647";

unsafe extern "C-unwind" fn encode_sparse_array(state: State) -> c_int {
    let settings = settings(state, 3);
    switch_option(state, 1, &mut settings.sparse_convert);
    integer_option(
        state,
        2,
        &mut settings.sparse_ratio,
        NOT_NEGATIVE,
        BETWEEN_0,
    );
    integer_option(state, 3, &mut settings.sparse_safe, NOT_NEGATIVE, BETWEEN_0);
    3
}

unsafe extern "C-unwind" fn encode_max_depth(state: State) -> c_int {
    let settings = settings(state, 1);
    integer_option(state, 1, &mut settings.encode_depth, POSITIVE, BETWEEN);
    1
}

unsafe extern "C-unwind" fn decode_max_depth(state: State) -> c_int {
    let settings = settings(state, 1);
    integer_option(state, 1, &mut settings.decode_depth, POSITIVE, BETWEEN);
    1
}

unsafe extern "C-unwind" fn encode_number_precision(state: State) -> c_int {
    let settings = settings(state, 1);
    let words = c"expected integer between 1 and 14";
    integer_option(state, 1, &mut settings.digits, (1, 14), words);
    1
}

unsafe extern "C-unwind" fn encode_keep_buffer(state: State) -> c_int {
    let settings = settings(state, 1);
    switch_option(state, 1, &mut settings.keeps_buffer);
    1
}

unsafe extern "C-unwind" fn encode_invalid_numbers(state: State) -> c_int {
    let settings = settings(state, 1);
    if ffi::lua_type(state, 1) == ffi::LUA_TSTRING && bytes_at(state, 1) == b"null" {
        settings.invalid_numbers = InvalidNumbers::Null;
    } else {
        let mut is_written = settings.invalid_numbers == InvalidNumbers::Written;
        let was_null = settings.invalid_numbers == InvalidNumbers::Null;
        switch_option(state, 1, &mut is_written);
        let is_asked = ffi::lua_type(state, 1) <= ffi::LUA_TNIL;
        settings.invalid_numbers = match (is_asked && was_null, is_written) {
            (true, _) => InvalidNumbers::Null,
            (false, true) => InvalidNumbers::Written,
            (false, false) => InvalidNumbers::Refused,
        };
    }
    match settings.invalid_numbers {
        InvalidNumbers::Null => push_bytes(state, b"null"),
        other => ffi::lua_pushboolean(state, c_int::from(other == InvalidNumbers::Written)),
    }
    1
}

unsafe extern "C-unwind" fn decode_invalid_numbers(state: State) -> c_int {
    let settings = settings(state, 1);
    switch_option(state, 1, &mut settings.decodes_invalid);
    1
}
