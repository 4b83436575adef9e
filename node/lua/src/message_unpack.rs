//! `cmsgpack.unpack` and its sisters: MessagePack → values.

use crate::desk::{breathe, weigh_ahead};
use crate::stack::{State, bytes_at, check_bytes, push_bytes, raise, set_function};
use mlua_sys as ffi;
use std::ffi::c_int;

/// Adds to the library what reads.
pub(crate) unsafe fn add(state: State) {
    set_function(state, c"unpack", unpack);
    set_function(state, c"unpack_one", unpack_one);
    set_function(state, c"unpack_limit", unpack_limit);
}

/// What is still to be read.
struct Rest<'a> {
    bytes: &'a [u8],
}

/// Why it cannot be read.
enum Wrong {
    Missing,
    Format,
}

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(Wrong::Missing)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Wrong> {
        let taken = self.take(LEN)?;
        taken.try_into().map_err(|_| Wrong::Missing)
    }

    /// An unsigned number of so many bytes.
    fn count(&mut self, bytes: usize) -> Result<u64, Wrong> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "Lua has no other numbers")]
unsafe fn push_unsigned(state: State, value: u64) {
    ffi::lua_pushnumber(state, value as f64);
}

#[expect(clippy::cast_precision_loss, reason = "Lua has no other numbers")]
unsafe fn push_signed(state: State, value: i64) {
    ffi::lua_pushnumber(state, value as f64);
}

/// Pushes the next value.
unsafe fn push_next(state: State, rest: &mut Rest<'_>) -> Result<(), Wrong> {
    breathe(state);
    let head = rest.array::<1>()?[0];
    match head {
        0..=0x7f => ffi::lua_pushnumber(state, f64::from(head)),
        0xe0.. => ffi::lua_pushnumber(state, f64::from(head.cast_signed())),
        0x80..=0x8f => push_map(state, rest, u64::from(head & 15))?,
        0x90..=0x9f => push_array(state, rest, u64::from(head & 15))?,
        0xa0..=0xbf => push_bytes(state, rest.take(usize::from(head & 31))?),
        0xc0 => ffi::lua_pushnil(state),
        0xc2 | 0xc3 => ffi::lua_pushboolean(state, c_int::from(head == 0xc3)),
        0xca => ffi::lua_pushnumber(state, f64::from(f32::from_be_bytes(rest.array()?))),
        0xcb => ffi::lua_pushnumber(state, f64::from_be_bytes(rest.array()?)),
        0xcc..=0xcf => push_unsigned(state, rest.count(1 << (head - 0xcc))?),
        0xd0 => push_signed(state, i8::from_be_bytes(rest.array()?).into()),
        0xd1 => push_signed(state, i16::from_be_bytes(rest.array()?).into()),
        0xd2 => push_signed(state, i32::from_be_bytes(rest.array()?).into()),
        0xd3 => push_signed(state, i64::from_be_bytes(rest.array()?)),
        0xd9 => push_text(state, rest, 1)?,
        0xda => push_text(state, rest, 2)?,
        0xdb => push_text(state, rest, 4)?,
        0xdc | 0xdd => {
            let count = rest.count(if head == 0xdc { 2 } else { 4 })?;
            push_array(state, rest, count)?;
        }
        0xde | 0xdf => {
            let count = rest.count(if head == 0xde { 2 } else { 4 })?;
            push_map(state, rest, count)?;
        }
        _ => return Err(Wrong::Format),
    }
    Ok(())
}

unsafe fn push_text(state: State, rest: &mut Rest<'_>, bytes: usize) -> Result<(), Wrong> {
    let len = rest.count(bytes)?;
    let text = rest.take(usize::try_from(len).map_err(|_| Wrong::Missing)?)?;
    push_bytes(state, text);
    Ok(())
}

unsafe fn push_array(state: State, rest: &mut Rest<'_>, count: u64) -> Result<(), Wrong> {
    ffi::luaL_checkstack_(state, 4, c"too many nested arrays".as_ptr());
    ffi::lua_createtable(state, 0, 0);
    for number in 1..=count {
        push_next(state, rest)?;
        ffi::lua_rawseti_(state, -2, c_int::try_from(number).unwrap_or(c_int::MAX));
    }
    Ok(())
}

unsafe fn push_map(state: State, rest: &mut Rest<'_>, count: u64) -> Result<(), Wrong> {
    ffi::luaL_checkstack_(state, 4, c"too many nested maps".as_ptr());
    ffi::lua_createtable(state, 0, 0);
    for _ in 0..count {
        push_next(state, rest)?;
        push_next(state, rest)?;
        // As Redis: a key that cannot be one is an error of Lua's.
        ffi::lua_settable(state, -3);
    }
    Ok(())
}

/// What is asked of a text.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    /// So many from there on, and where the next one begins.
    Some {
        limit: i64,
        offset: i64,
    },
}

unsafe fn unpack_some(state: State, wanted: Wanted) -> c_int {
    let text = check_bytes(state, 1);
    let whole_len = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (limit, offset) = match wanted {
        Wanted::All => (i64::MAX, 0),
        Wanted::Some { limit, offset } => (limit, offset),
    };
    if offset < 0 || limit < 0 {
        let words = c"Invalid request to unpack with offset of %d and limit of %d.";
        raise_numbers(state, words, offset, whole_len);
    }
    if offset > whole_len {
        let words = c"Start offset %d greater than input length %d.";
        raise_numbers(state, words, offset, whole_len);
    }
    let from = usize::try_from(offset).unwrap_or(0);
    let mut rest = Rest {
        bytes: &bytes_at(state, 1)[from..],
    };
    ffi::lua_settop(state, 1);
    weigh_ahead(state, rest.bytes.len() / 16);
    let mut count = 0;
    while !rest.bytes.is_empty() && i64::from(count) < limit {
        if ffi::lua_checkstack(state, 4) == 0 {
            raise(state, b"too many values to unpack");
        }
        match push_next(state, &mut rest) {
            Ok(()) => count += 1,
            Err(Wrong::Missing) => raise(state, b"Missing bytes in input."),
            Err(Wrong::Format) => raise(state, b"Bad data format in input."),
        }
    }
    if matches!(wanted, Wanted::All) {
        return count;
    }
    let next = match rest.bytes.len() {
        0 => -1,
        left => whole_len - i64::try_from(left).unwrap_or(0),
    };
    push_signed(state, next);
    ffi::lua_insert(state, 2);
    count + 1
}

unsafe fn raise_numbers(state: State, format: &std::ffi::CStr, one: i64, other: i64) -> ! {
    let number = |value: i64| c_int::try_from(value).unwrap_or(c_int::MAX);
    ffi::luaL_error(state, format.as_ptr(), number(one), number(other));
    unreachable!("it has raised an error")
}

unsafe extern "C-unwind" fn unpack(state: State) -> c_int {
    unpack_some(state, Wanted::All)
}

unsafe extern "C-unwind" fn unpack_one(state: State) -> c_int {
    let offset = ffi::luaL_optinteger(state, 2, 0);
    unpack_some(state, Wanted::Some { limit: 1, offset })
}

unsafe extern "C-unwind" fn unpack_limit(state: State) -> c_int {
    let limit = ffi::luaL_checkinteger(state, 2);
    let offset = ffi::luaL_optinteger(state, 3, 0);
    unpack_some(state, Wanted::Some { limit, offset })
}
