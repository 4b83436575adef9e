//! What scripts find when they begin: the libraries of Redis 7.0, and nothing that one of them could change for the others.
//!
//! Lua 5.1 has no tables that cannot be written. What is shared stands behind a *shield*: an empty table whose metatable looks everything up in the real one and refuses to set anything. The
//! functions that reach past metatables (`rawset`, `rawget`, `next`, `table.insert` …) know shields ([`base`](crate::base)).

use crate::machine::{Kind, carry_out};
use crate::stack::{State, bytes_at, desk, push_bytes, raise, raw_set, set_field, set_function};
use crate::{base, bits, json, message_pack, message_unpack, redis, structs};
use mlua_sys as ffi;
use std::ffi::{CStr, c_int, c_void};

/// What the real table stands under in a shield's metatable: an address that no script can name.
static SHIELDED: u8 = 0;

/// Globals of Lua that scripts do not get.
const WITHHELD: [&CStr; 9] = [
    c"print",
    c"dofile",
    c"loadfile",
    c"newproxy",
    c"setfenv",
    c"getfenv",
    c"module",
    c"require",
    c"package",
];

/// What scripts are told when they set what they share.
const READ_ONLY: &[u8] = b"Attempt to modify a readonly table";

unsafe fn shield_key(state: State) {
    let address: *const u8 = &raw const SHIELDED;
    ffi::lua_pushlightuserdata(state, address.cast_mut().cast());
}

/// Puts a shield in the place of the table at the top.
pub(crate) unsafe fn shield(state: State) {
    let real = ffi::lua_gettop(state);
    ffi::lua_createtable(state, 0, 0);
    ffi::lua_createtable(state, 0, 4);
    ffi::lua_pushvalue(state, real);
    ffi::lua_setfield(state, -2, c"__index".as_ptr());
    set_function(state, c"__newindex", refuse);
    // `getmetatable` gives the shield itself: it cannot be written either.
    ffi::lua_pushvalue(state, -2);
    ffi::lua_setfield(state, -2, c"__metatable".as_ptr());
    shield_key(state);
    ffi::lua_pushvalue(state, real);
    ffi::lua_rawset(state, -3);
    ffi::lua_setmetatable(state, -2);
    ffi::lua_replace(state, real);
}

/// Whether the value at `index` is a shield; the real table is pushed then.
pub(crate) unsafe fn push_shielded(state: State, index: c_int) -> bool {
    if ffi::lua_type(state, index) != ffi::LUA_TTABLE || ffi::lua_getmetatable(state, index) == 0 {
        return false;
    }
    shield_key(state);
    ffi::lua_rawget_(state, -2);
    ffi::lua_remove(state, -2);
    let is_shield = ffi::lua_type(state, -1) == ffi::LUA_TTABLE;
    if !is_shield {
        ffi::lua_settop(state, -2);
    }
    is_shield
}

/// Raises when the first argument is shared by all scripts.
pub(crate) unsafe fn refuse_shield(state: State) {
    if push_shielded(state, 1) {
        push_bytes(state, READ_ONLY);
        ffi::lua_error(state);
    }
}

unsafe extern "C-unwind" fn refuse(state: State) -> c_int {
    raise(state, READ_ONLY)
}

/// A global that is not there.
unsafe extern "C-unwind" fn missing(state: State) -> c_int {
    let name = match ffi::lua_type(state, 2) {
        ffi::LUA_TSTRING | ffi::LUA_TNUMBER => bytes_at(state, 2),
        _ => b"?",
    };
    ffi::luaL_where(state, 1);
    push_bytes(
        state,
        b"Script attempted to access nonexistent global variable '",
    );
    push_bytes(state, name);
    push_bytes(state, b"'");
    ffi::lua_concat(state, 4);
    ffi::lua_error(state)
}

/// Sets up a state: to be called in a protected call, with a [`Kind`].
pub(crate) unsafe extern "C-unwind" fn open(state: State) -> c_int {
    let kind: *const Kind = ffi::lua_touserdata(state, 1).cast::<Kind>();
    let kind = *kind;
    ffi::lua_settop(state, 0);
    let libraries: [(ffi::lua_CFunction, &[u8]); 4] = [
        (ffi::luaopen_base, b""),
        (ffi::luaopen_table, b"table"),
        (ffi::luaopen_string, b"string"),
        (ffi::luaopen_math, b"math"),
    ];
    for (library, name) in libraries {
        ffi::lua_pushcclosure(state, library, 0);
        push_bytes(state, name);
        ffi::lua_call(state, 1, 0);
    }
    ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX);
    for name in WITHHELD {
        ffi::lua_pushnil(state);
        ffi::lua_setfield(state, -2, name.as_ptr());
    }
    base::open(state);
    open_modules(state);
    if kind == Kind::Scripts {
        set_function(state, c"__redis__err__handler", redis::handle_error);
    }
    for name in [
        c"table",
        c"string",
        c"math",
        c"coroutine",
        c"bit",
        c"cjson",
        c"cmsgpack",
        c"struct",
    ] {
        ffi::lua_getfield_(state, 1, name.as_ptr());
        shield(state);
        ffi::lua_setfield(state, 1, name.as_ptr());
    }
    shield_strings(state);
    open_api(state, kind);
    close(state);
    0
}

unsafe fn open_modules(state: State) {
    bits::push(state);
    ffi::lua_setfield(state, -2, c"bit".as_ptr());
    json::push(state);
    ffi::lua_setfield(state, -2, c"cjson".as_ptr());
    message_pack::push(state);
    message_unpack::add(state);
    ffi::lua_setfield(state, -2, c"cmsgpack".as_ptr());
    structs::push(state);
    ffi::lua_setfield(state, -2, c"struct".as_ptr());
}

/// Methods of strings are found in the real table; what `getmetatable("")` gives is a shield.
unsafe fn shield_strings(state: State) {
    push_bytes(state, b"");
    if ffi::lua_getmetatable(state, -1) != 0 {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_getfield_(state, 1, c"string".as_ptr());
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        shield(state);
        ffi::lua_setfield(state, -2, c"__metatable".as_ptr());
    }
    ffi::lua_settop(state, 1);
}

/// `redis`, as it is while a script runs, and while a library is read.
unsafe fn open_api(state: State, kind: Kind) {
    let desk = desk(state);
    redis::push_api(state, kind == Kind::Scripts);
    shield(state);
    ffi::lua_pushvalue(state, -1);
    ffi::lua_setfield(state, 1, c"redis".as_ptr());
    (*desk).kept.run_api = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
    redis::push_load_api(state);
    refuse_missing(state);
    shield(state);
    (*desk).kept.load_api = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
}

/// The globals are shielded, and what is kept is kept.
unsafe fn close(state: State) {
    let desk = desk(state);
    refuse_missing(state);
    ffi::lua_pushvalue(state, 1);
    (*desk).kept.globals = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
    ffi::lua_pushcclosure(state, carry_out, 0);
    (*desk).kept.runner = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
    ffi::lua_pushcclosure(state, redis::handle_error, 0);
    (*desk).kept.handler = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
    ffi::lua_pushvalue(state, 1);
    shield(state);
    ffi::lua_pushvalue(state, -1);
    raw_set(state, 1, b"_G");
    ffi::lua_replace(state, ffi::LUA_GLOBALSINDEX);
}

/// What the table at the top does not have is an error.
unsafe fn refuse_missing(state: State) {
    ffi::lua_createtable(state, 0, 1);
    set_function(state, c"__index", missing);
    ffi::lua_setmetatable(state, -2);
}

/// `redis` is this one from now on.
pub(crate) unsafe fn show_api(state: State, api: c_int) {
    let kept = (*desk(state)).kept;
    ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, kept.globals);
    ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, api);
    push_bytes(state, b"redis");
    ffi::lua_insert(state, -2);
    ffi::lua_rawset(state, -3);
    ffi::lua_settop(state, -2);
}

/// A module's own number, as Lua's light userdata: `cjson.null`.
pub(crate) unsafe fn set_null(state: State, name: &CStr) {
    set_field(state, name, |state| {
        ffi::lua_pushlightuserdata(state, std::ptr::null_mut::<c_void>());
    });
}
