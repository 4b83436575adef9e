//! Functions of Lua's own libraries that are others here: they know shields, and load no compiled code; collecting garbage gives way.
//! Before functions of Lua's that look at all of a text or a table stands one that tells how much that is ([`crate::desk::weigh_ahead`]); those that may take longer than that are others, in [`crate::strings`]
//! and [`crate::tables`].
//! Never: a key, a socket, the clock.

use crate::desk::{Step, breathe, desk_random, stop, weigh, weigh_ahead};
use crate::sandbox::{push_shielded, refuse_shield};
use crate::stack::{State, bytes_at, check_bytes, desk, push_bytes, raise, set_function};
use crate::strings::int;
use crate::{strings, tables};
use mlua_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null;

/// What compiling a byte weighs.
const COMPILING: usize = 8;
/// Steps of collecting garbage between two looks at whether others wait.
const COLLECTED_AT_ONCE: c_int = 20;

/// Puts them into the globals, which are at the top.
pub(crate) unsafe fn open(state: State) {
    set_function(state, c"pcall", pcall);
    set_function(state, c"xpcall", xpcall);
    set_function(state, c"next", next);
    ffi::lua_pushcclosure(state, next, 0);
    ffi::lua_pushcclosure(state, pairs, 1);
    ffi::lua_setfield(state, -2, c"pairs".as_ptr());
    set_function(state, c"rawget", rawget);
    set_function(state, c"rawset", rawset);
    set_function(state, c"loadstring", loadstring);
    set_function(state, c"load", load);
    set_function(state, c"collectgarbage", collectgarbage);
    guard(state, c"setmetatable", guard_table);
    guard(state, c"tonumber", weigh_texts);
    guard(state, c"unpack", weigh_results);
    let table = [c"foreach", c"foreachi", c"maxn"];
    open_in(state, c"table", &table, guard_elements, tables::open);
    let string = [
        c"format", c"sub", c"lower", c"upper", c"reverse", c"byte", c"char",
    ];
    open_in(state, c"string", &string, weigh_texts, strings::open);
    ffi::lua_getfield_(state, -1, c"math".as_ptr());
    set_function(state, c"random", random);
    set_function(state, c"randomseed", randomseed);
    ffi::lua_settop(state, -2);
}

unsafe fn open_in(
    state: State,
    library: &CStr,
    names: &[&CStr],
    guard_with: ffi::lua_CFunction,
    open: unsafe fn(State),
) {
    ffi::lua_getfield_(state, -1, library.as_ptr());
    open(state);
    for name in names {
        guard(state, name, guard_with);
    }
    ffi::lua_settop(state, -2);
}

/// Puts a guard before a function of the table at the top: it looks at the arguments, then calls what was there.
unsafe fn guard(state: State, name: &CStr, guard_with: ffi::lua_CFunction) {
    ffi::lua_getfield_(state, -1, name.as_ptr());
    let guarded = ffi::lua_tocfunction(state, -1);
    ffi::lua_settop(state, -2);
    if let Some(guarded) = guarded {
        let address: *mut c_void = guarded as *mut c_void;
        ffi::lua_pushlightuserdata(state, address);
        ffi::lua_pushcclosure(state, guard_with, 1);
        ffi::lua_setfield(state, -2, name.as_ptr());
    }
}

/// Calls what is guarded, in the same frame: its errors are worded as ever.
unsafe fn call_guarded(state: State) -> c_int {
    let address = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1));
    let guarded: ffi::lua_CFunction = std::mem::transmute(address);
    guarded(state)
}

/// Raises when the first argument is shared by all scripts.
unsafe extern "C-unwind" fn guard_table(state: State) -> c_int {
    refuse_shield(state);
    call_guarded(state)
}

/// The same for what looks at all elements; how many there are is told.
unsafe extern "C-unwind" fn guard_elements(state: State) -> c_int {
    refuse_shield(state);
    if ffi::lua_type(state, 1) == ffi::LUA_TTABLE {
        weigh_ahead(state, 8 * ffi::lua_objlen(state, 1));
    }
    call_guarded(state)
}

/// Tells how long the texts are that are looked at.
unsafe extern "C-unwind" fn weigh_texts(state: State) -> c_int {
    let mut bytes = 0_usize;
    for index in 1..=ffi::lua_gettop(state) {
        if ffi::lua_type(state, index) == ffi::LUA_TSTRING {
            bytes = bytes.saturating_add(ffi::lua_objlen(state, index));
        }
    }
    weigh_ahead(state, bytes / 4 + 1);
    weigh_results(state)
}

/// Tells how many values are given back.
unsafe extern "C-unwind" fn weigh_results(state: State) -> c_int {
    let count = call_guarded(state);
    weigh(state, usize::try_from(count).unwrap_or(0));
    count
}

/// As Lua's own, but that an error which is a table with `err` becomes that text.
unsafe extern "C-unwind" fn pcall(state: State) -> c_int {
    let arguments = ffi::lua_gettop(state);
    ffi::lua_pushboolean(state, 1);
    ffi::lua_insert(state, 1);
    if arguments == 0 {
        ffi::lua_pushboolean(state, 0);
        push_bytes(state, b"attempt to call a boolean value");
        return 2;
    }
    if ffi::lua_pcall(state, arguments - 1, ffi::LUA_MULTRET, 0) != ffi::LUA_OK {
        ffi::lua_remove(state, 1);
        if ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
            ffi::lua_getfield_(state, -1, c"err".as_ptr());
            if ffi::lua_isstring(state, -1) != 0 {
                ffi::lua_replace(state, -2);
            } else {
                ffi::lua_settop(state, -2);
            }
        }
        ffi::lua_pushboolean(state, 0);
        ffi::lua_insert(state, 1);
    }
    ffi::lua_gettop(state)
}

/// As Lua's own, but that the handler runs after the error has unwound the stack: in the place of the error no hook would run, and a handler
/// that does not end could not be told to.
unsafe extern "C-unwind" fn xpcall(state: State) -> c_int {
    ffi::luaL_checkany(state, 2);
    ffi::lua_settop(state, 2);
    ffi::lua_insert(state, 1);
    let outcome = ffi::lua_pcall(state, 0, ffi::LUA_MULTRET, 0);
    if outcome == ffi::LUA_OK {
        ffi::lua_pushboolean(state, 1);
        ffi::lua_replace(state, 1);
        return ffi::lua_gettop(state);
    }
    // What is left is the handler and the error. A lack of memory is not handled, as ever.
    if outcome != ffi::LUA_ERRMEM && ffi::lua_pcall(state, 1, 1, 0) != ffi::LUA_OK {
        push_bytes(state, b"error in error handling");
    }
    ffi::lua_pushboolean(state, 0);
    ffi::lua_insert(state, -2);
    2
}

unsafe extern "C-unwind" fn next(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    ffi::lua_settop(state, 2);
    if push_shielded(state, 1) {
        ffi::lua_replace(state, 1);
    }
    if ffi::lua_next(state, 1) != 0 {
        return 2;
    }
    ffi::lua_pushnil(state);
    1
}

unsafe extern "C-unwind" fn pairs(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
    ffi::lua_pushvalue(state, 1);
    ffi::lua_pushnil(state);
    3
}

unsafe extern "C-unwind" fn rawget(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    ffi::luaL_checkany(state, 2);
    ffi::lua_settop(state, 2);
    if push_shielded(state, 1) {
        ffi::lua_replace(state, 1);
    }
    ffi::lua_rawget_(state, 1);
    1
}

unsafe extern "C-unwind" fn rawset(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    ffi::luaL_checkany(state, 2);
    ffi::luaL_checkany(state, 3);
    ffi::lua_settop(state, 3);
    refuse_shield(state);
    ffi::lua_rawset(state, 1);
    1
}

/// What stands at the front of compiled code, which nobody has checked.
const COMPILED: u8 = 0x1b;

unsafe fn loaded(state: State, status: c_int) -> c_int {
    if status == ffi::LUA_OK {
        return 1;
    }
    ffi::lua_pushnil(state);
    ffi::lua_insert(state, -2);
    2
}

unsafe extern "C-unwind" fn loadstring(state: State) -> c_int {
    let text = check_bytes(state, 1);
    let mut name: *const c_char = bytes_at(state, 1).as_ptr().cast();
    if ffi::lua_type(state, 2) > ffi::LUA_TNIL {
        check_bytes(state, 2);
        name = ffi::lua_tolstring(state, 2, std::ptr::null_mut());
    }
    // As text it is refused where it begins; Lua says so, with the name that the script gives it.
    let text = match text.first() {
        Some(&COMPILED) => b" \x1b",
        _ => text,
    };
    weigh_ahead(state, COMPILING * text.len());
    let status = ffi::luaL_loadbuffer(state, text.as_ptr().cast(), text.len(), name);
    loaded(state, status)
}

unsafe extern "C-unwind" fn load(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
    let mut name = c"=(load)".as_ptr();
    if ffi::lua_type(state, 2) > ffi::LUA_TNIL {
        check_bytes(state, 2);
        name = ffi::lua_tolstring(state, 2, std::ptr::null_mut());
    }
    ffi::lua_settop(state, 3);
    let mut is_first = true;
    let first: *mut bool = &raw mut is_first;
    let status = ffi::lua_load(state, read_piece, first.cast(), name);
    loaded(state, status)
}

/// The next piece of a text that a function gives.
unsafe extern "C-unwind" fn read_piece(
    state: State,
    first: *mut c_void,
    len: *mut usize,
) -> *const c_char {
    ffi::luaL_checkstack_(state, 2, c"too many nested functions".as_ptr());
    ffi::lua_pushvalue(state, 1);
    ffi::lua_call(state, 0, 1);
    *len = 0;
    if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
        return null();
    }
    if ffi::lua_isstring(state, -1) == 0 {
        raise(state, b"reader function must return a string");
    }
    // Kept where the collector sees it.
    ffi::lua_replace(state, 3);
    let text = ffi::lua_tolstring(state, 3, len);
    let first = first.cast::<bool>();
    if *first && *len > 0 && *text.cast::<u8>() == COMPILED {
        raise(state, b"compiled code is not loaded");
    }
    *first = *first && *len == 0;
    weigh_ahead(state, COMPILING * *len);
    text
}

/// As Lua's own, but that a whole collection lets others go on in between.
unsafe extern "C-unwind" fn collectgarbage(state: State) -> c_int {
    let option = if ffi::lua_type(state, 1) <= ffi::LUA_TNIL {
        &b"collect"[..]
    } else {
        check_bytes(state, 1)
    };
    match option {
        b"collect" => {
            while ffi::lua_gc(state, ffi::LUA_GCSTEP, COLLECTED_AT_ONCE) == 0 {
                breathe(state);
            }
            // Small heaps are collected in one step, which is long for an instruction all the same.
            stop(state, Step::Pause);
            ffi::lua_pushnumber(state, 0.0);
        }
        b"count" => {
            let kib = f64::from(ffi::lua_gc(state, ffi::LUA_GCCOUNT, 0));
            let bytes = f64::from(ffi::lua_gc(state, ffi::LUA_GCCOUNTB, 0));
            ffi::lua_pushnumber(state, kib + bytes / 1024.0);
        }
        b"step" => {
            let is_whole = ffi::lua_gc(state, ffi::LUA_GCSTEP, 1);
            ffi::lua_pushboolean(state, is_whole);
        }
        // How the collector goes about it is the node's.
        b"stop" | b"restart" => ffi::lua_pushnumber(state, 0.0),
        b"setpause" | b"setstepmul" => ffi::lua_pushnumber(state, 200.0),
        _ => {
            push_bytes(state, b"invalid option '");
            ffi::lua_pushvalue(state, 1);
            push_bytes(state, b"'");
            ffi::lua_concat(state, 3);
            let words = ffi::lua_tolstring(state, -1, std::ptr::null_mut());
            ffi::luaL_argerror(state, 1, words);
        }
    }
    1
}

/// The greatest number that is drawn, plus nothing: as Redis has it.
const MOST_DRAWN: f64 = 2_147_483_647.0;

/// Where the row of numbers begins that a seed stands for (POSIX, `srand48`).
pub(crate) fn seed(number: u32) -> u64 {
    u64::from(number) << 16 | 0x330e
}

/// The next number of the row (POSIX, `lrand48`): 31 bits.
pub(crate) fn draw(row: &mut u64) -> u32 {
    *row = row.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
    u32::try_from(*row >> 17).unwrap_or(0)
}

unsafe extern "C-unwind" fn random(state: State) -> c_int {
    let drawn = f64::from(draw(desk_random(desk(state)))) % MOST_DRAWN / MOST_DRAWN;
    match ffi::lua_gettop(state) {
        0 => ffi::lua_pushnumber(state, drawn),
        1 => {
            let most = f64::from(int(ffi::luaL_checkinteger(state, 1)));
            if most < 1.0 {
                ffi::luaL_argerror(state, 1, c"interval is empty".as_ptr());
            }
            ffi::lua_pushnumber(state, (drawn * most).floor() + 1.0);
        }
        2 => {
            let least = f64::from(int(ffi::luaL_checkinteger(state, 1)));
            let most = f64::from(int(ffi::luaL_checkinteger(state, 2)));
            if least > most {
                ffi::luaL_argerror(state, 2, c"interval is empty".as_ptr());
            }
            ffi::lua_pushnumber(state, (drawn * (most - least + 1.0)).floor() + least);
        }
        _ => raise(state, b"wrong number of arguments"),
    }
    1
}

unsafe extern "C-unwind" fn randomseed(state: State) -> c_int {
    let number = ffi::luaL_checkinteger(state, 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as C takes an int from a longer number"
    )]
    let number = number as u32;
    *desk_random(desk(state)) = seed(number);
    0
}
