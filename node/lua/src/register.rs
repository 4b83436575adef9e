//! `redis.register_function`: how a library says which functions it has.

use crate::machine::Function;
use crate::stack::{State, bytes_at, desk, raise_table};
use mlua_sys as ffi;
use std::ffi::c_int;

/// A function that a library has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What it is called by.
    pub name: Vec<u8>,
    /// What it says of itself.
    pub description: Option<Vec<u8>>,
    /// What it may, and may not.
    pub flags: u8,
    /// Itself.
    pub function: Function,
}

/// What a script or function declares of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its bit.
    pub bit: u8,
    /// Its word.
    pub word: &'static str,
}

impl Flag {
    /// It changes nothing.
    pub const NO_WRITES: u8 = 1;
    /// It runs also when memory is at its limit.
    pub const ALLOW_OOM: u8 = 2;
    /// It runs also on a follower whose data is stale.
    pub const ALLOW_STALE: u8 = 4;
    /// Not in a cluster.
    pub const NO_CLUSTER: u8 = 8;
    /// Its keys may be of several slots.
    pub const ALLOW_CROSS_SLOT: u8 = 16;

    /// The bit of a word.
    #[must_use]
    pub fn of(word: &[u8]) -> Option<u8> {
        let known = FLAGS.iter().find(|flag| flag.word.as_bytes() == word);
        known.map(|flag| flag.bit)
    }
}

/// All flags, in the order in which they are told.
pub const FLAGS: [Flag; 5] = [
    Flag {
        bit: Flag::NO_WRITES,
        word: "no-writes",
    },
    Flag {
        bit: Flag::ALLOW_OOM,
        word: "allow-oom",
    },
    Flag {
        bit: Flag::ALLOW_STALE,
        word: "allow-stale",
    },
    Flag {
        bit: Flag::NO_CLUSTER,
        word: "no-cluster",
    },
    Flag {
        bit: Flag::ALLOW_CROSS_SLOT,
        word: "allow-cross-slot-keys",
    },
];

const NO_FUNCTION: &[u8] = b"ERR second argument to redis.register_function must be a function";
/// The words of the node, too.
const WRONG_NAME: &str = concat!(
    "ERR ",
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
);

/// Functions of one library.
const MOST_FUNCTIONS: usize = 65_536;

pub(crate) unsafe extern "C-unwind" fn register_function(state: State) -> c_int {
    let count = ffi::lua_gettop(state);
    if !(*desk(state)).is_loading {
        raise_table(
            state,
            b"ERR redis.register_function can only be called on FUNCTION LOAD command",
        );
    }
    match count {
        1 => named(state),
        2 => positional(state),
        _ => raise_table(
            state,
            b"ERR wrong number of arguments to redis.register_function",
        ),
    }
    0
}

unsafe fn positional(state: State) {
    if ffi::lua_isstring(state, 1) == 0 {
        if ffi::lua_type(state, 2) != ffi::LUA_TFUNCTION {
            raise_table(state, NO_FUNCTION);
        }
        raise_table(
            state,
            b"ERR first argument to redis.register_function must be a string",
        );
    }
    if ffi::lua_type(state, 2) != ffi::LUA_TFUNCTION {
        raise_table(state, NO_FUNCTION);
    }
    keep(state, 1, 0, 0);
}

unsafe fn named(state: State) {
    if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
        raise_table(state, b"ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).");
    }
    // name, callback, description
    ffi::lua_settop(state, 1);
    ffi::lua_pushnil(state);
    ffi::lua_pushnil(state);
    ffi::lua_pushnil(state);
    let mut flags = 0;
    ffi::lua_pushnil(state);
    while ffi::lua_next(state, 1) != 0 {
        if ffi::lua_type(state, -2) != ffi::LUA_TSTRING {
            raise_table(
                state,
                b"ERR named argument key given to redis.register_function is not a string",
            );
        }
        match bytes_at(state, -2) {
            b"function_name" => {
                if ffi::lua_isstring(state, -1) == 0 {
                    raise_table(state, b"ERR function_name argument given to redis.register_function must be a string");
                }
                ffi::lua_replace(state, 2);
            }
            b"description" => {
                if ffi::lua_isstring(state, -1) == 0 {
                    raise_table(state, b"ERR description argument given to redis.register_function must be a string");
                }
                ffi::lua_replace(state, 4);
            }
            b"callback" => {
                if ffi::lua_type(state, -1) != ffi::LUA_TFUNCTION {
                    raise_table(state, b"ERR callback argument given to redis.register_function must be a function");
                }
                ffi::lua_replace(state, 3);
            }
            b"flags" => {
                if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
                    raise_table(state, b"ERR flags argument to redis.register_function must be a table representing function flags");
                }
                flags = read_flags(state);
                ffi::lua_settop(state, -2);
            }
            _ => raise_table(
                state,
                b"ERR unknown argument given to redis.register_function",
            ),
        }
    }
    if ffi::lua_type(state, 2) == ffi::LUA_TNIL {
        raise_table(
            state,
            b"ERR redis.register_function must get a function name argument",
        );
    }
    if ffi::lua_type(state, 3) == ffi::LUA_TNIL {
        raise_table(
            state,
            b"ERR redis.register_function must get a callback argument",
        );
    }
    keep(state, 2, 4, flags);
}

unsafe fn read_flags(state: State) -> u8 {
    let mut flags = 0;
    let mut number = 1;
    loop {
        ffi::lua_rawgeti_(state, -1, number);
        let kind = ffi::lua_type(state, -1);
        if kind == ffi::LUA_TNIL {
            ffi::lua_settop(state, -2);
            return flags;
        }
        let known = match kind {
            ffi::LUA_TSTRING => Flag::of(bytes_at(state, -1)),
            _ => None,
        };
        let Some(bit) = known else {
            raise_table(state, b"ERR unknown flag given");
        };
        flags |= bit;
        ffi::lua_settop(state, -2);
        number += 1;
    }
}

/// Keeps the function behind its name.
unsafe fn keep(state: State, name: c_int, description: c_int, flags: u8) {
    let desk = desk(state);
    let function = if name == 1 { 2 } else { 3 };
    let name = bytes_at(state, name);
    if !is_name(name) {
        raise_table(state, WRONG_NAME.as_bytes());
    }
    if (*desk).registered.iter().any(|one| one.name == name) {
        raise_table(state, b"ERR Function already exists in the library");
    }
    if (*desk).registered.len() >= MOST_FUNCTIONS {
        raise_table(state, b"ERR a library has 65,536 functions at most");
    }
    ffi::lua_pushvalue(state, function);
    let number = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
    let is_described = description != 0 && ffi::lua_isstring(state, description) != 0;
    let description = is_described.then(|| bytes_at(state, description).to_vec());
    (*desk).registered.push(Registered {
        name: name.to_vec(),
        description,
        flags,
        function: Function(number),
    });
}

/// Whether a library or function may be called so.
#[must_use]
pub fn is_name(name: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !name.is_empty() && name.iter().all(fits)
}
