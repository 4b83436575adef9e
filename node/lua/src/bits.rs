//! `bit`: operations on the 32 bits of numbers, as BitOp for Lua has them.

use crate::stack::{State, push_bytes, set_function};
use mlua_sys as ffi;
use std::ffi::{CStr, c_int};

/// Pushes the library.
pub(crate) unsafe fn push(state: State) {
    let functions: [(&CStr, ffi::lua_CFunction); 12] = [
        (c"tobit", tobit),
        (c"bnot", bnot),
        (c"band", band),
        (c"bor", bor),
        (c"bxor", bxor),
        (c"lshift", lshift),
        (c"rshift", rshift),
        (c"arshift", arshift),
        (c"rol", rol),
        (c"ror", ror),
        (c"bswap", bswap),
        (c"tohex", tohex),
    ];
    ffi::lua_createtable(state, 0, 12);
    for (name, function) in functions {
        set_function(state, name, function);
    }
}

/// The lowest 32 bits of a number, which is rounded to the nearest integer: added to 2^52 + 2^51 they are the lowest bits of its mantissa.
#[expect(clippy::cast_possible_truncation, reason = "that is the purpose")]
fn bits_of(number: f64) -> u32 {
    (number + 6_755_399_441_055_744.0).to_bits() as u32
}

unsafe fn argument(state: State, index: c_int) -> u32 {
    bits_of(ffi::luaL_checknumber(state, index))
}

unsafe fn give(state: State, bits: u32) -> c_int {
    ffi::lua_pushnumber(state, f64::from(bits.cast_signed()));
    1
}

unsafe fn fold(state: State, with: fn(u32, u32) -> u32) -> c_int {
    let mut bits = argument(state, 1);
    for index in 2..=ffi::lua_gettop(state) {
        bits = with(bits, argument(state, index));
    }
    give(state, bits)
}

unsafe fn shift(state: State, with: fn(u32, u32) -> u32) -> c_int {
    let bits = argument(state, 1);
    let by = argument(state, 2) & 31;
    give(state, with(bits, by))
}

unsafe extern "C-unwind" fn tobit(state: State) -> c_int {
    let bits = argument(state, 1);
    give(state, bits)
}

unsafe extern "C-unwind" fn bnot(state: State) -> c_int {
    let bits = argument(state, 1);
    give(state, !bits)
}

unsafe extern "C-unwind" fn band(state: State) -> c_int {
    fold(state, |one, other| one & other)
}

unsafe extern "C-unwind" fn bor(state: State) -> c_int {
    fold(state, |one, other| one | other)
}

unsafe extern "C-unwind" fn bxor(state: State) -> c_int {
    fold(state, |one, other| one ^ other)
}

unsafe extern "C-unwind" fn lshift(state: State) -> c_int {
    shift(state, |bits, by| bits << by)
}

unsafe extern "C-unwind" fn rshift(state: State) -> c_int {
    shift(state, |bits, by| bits >> by)
}

unsafe extern "C-unwind" fn arshift(state: State) -> c_int {
    shift(state, |bits, by| (bits.cast_signed() >> by).cast_unsigned())
}

unsafe extern "C-unwind" fn rol(state: State) -> c_int {
    shift(state, u32::rotate_left)
}

unsafe extern "C-unwind" fn ror(state: State) -> c_int {
    shift(state, u32::rotate_right)
}

unsafe extern "C-unwind" fn bswap(state: State) -> c_int {
    let bits = argument(state, 1);
    give(state, bits.swap_bytes())
}

unsafe extern "C-unwind" fn tohex(state: State) -> c_int {
    let bits = argument(state, 1);
    let digits = if ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
        8
    } else {
        argument(state, 2).cast_signed()
    };
    let letters = if digits < 0 {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let count = usize::try_from(digits.unsigned_abs()).map_or(8, |count| count.min(8));
    let mut text = [0; 8];
    for (at, place) in text[..count].iter_mut().rev().enumerate() {
        *place = letters[(bits >> (4 * at) & 15) as usize];
    }
    push_bytes(state, &text[..count]);
    1
}
