//! `redis.*`: what Redis 7.0 gives to scripts.
//! Runs no command: it lays the request on the desk, and stops until the driver has put the answer there.

use crate::desk::{Step, stop, weigh_ahead};
use crate::number::{self, MOST_BYTES};
use crate::stack::{
    State, bytes_at, desk, push_bytes, push_error, raise_table, set_field, set_function,
};
use crate::value;
use mlua_sys as ffi;
use shared::resp::{ArgRange, REDIS_VERSION};
use std::ffi::{CStr, c_int};

/// Bytes of a command's words, the most that a node would take from a client.
const MOST_WORDS_BYTES: usize = 512 * 1024 * 1024;
/// Bytes of what a script writes into the log at once.
const MOST_LOG_BYTES: usize = 1_024;

const WRONG_ARGUMENTS: &[u8] = b"ERR wrong number or type of arguments";

const LEVELS: [(&CStr, f64); 4] = [
    (c"LOG_DEBUG", 0.0),
    (c"LOG_VERBOSE", 1.0),
    (c"LOG_NOTICE", 2.0),
    (c"LOG_WARNING", 3.0),
];
const REPLICATION: [(&CStr, f64); 5] = [
    (c"REPL_NONE", 0.0),
    (c"REPL_AOF", 1.0),
    (c"REPL_SLAVE", 2.0),
    (c"REPL_REPLICA", 2.0),
    (c"REPL_ALL", 3.0),
];

/// Pushes `redis` as scripts have it, or functions that run.
pub(crate) unsafe fn push_api(state: State, is_for_scripts: bool) {
    ffi::lua_createtable(state, 0, 24);
    set_function(state, c"call", call);
    set_function(state, c"pcall", pcall);
    set_function(state, c"error_reply", error_reply);
    set_function(state, c"status_reply", status_reply);
    set_function(state, c"setresp", setresp);
    set_function(state, c"sha1hex", sha1hex);
    set_function(state, c"set_repl", set_repl);
    set_function(state, c"acl_check_cmd", acl_check_cmd);
    if is_for_scripts {
        set_function(state, c"replicate_commands", replicate_commands);
        set_function(state, c"breakpoint", breakpoint);
        set_function(state, c"debug", debug);
    }
    for (name, value) in REPLICATION {
        set_field(state, name, |state| ffi::lua_pushnumber(state, value));
    }
    push_common(state);
}

/// Pushes `redis` as it is while a library is read.
pub(crate) unsafe fn push_load_api(state: State) {
    ffi::lua_createtable(state, 0, 8);
    set_function(
        state,
        c"register_function",
        crate::register::register_function,
    );
    push_common(state);
}

unsafe fn push_common(state: State) {
    set_function(state, c"log", log);
    for (name, value) in LEVELS {
        set_field(state, name, |state| ffi::lua_pushnumber(state, value));
    }
    set_field(state, c"REDIS_VERSION", |state| {
        push_bytes(state, REDIS_VERSION.as_bytes());
    });
    set_field(state, c"REDIS_VERSION_NUM", |state| {
        ffi::lua_pushnumber(state, version_number(REDIS_VERSION));
    });
}

/// `1.2.3` is 0x010203.
fn version_number(version: &str) -> f64 {
    let parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    f64::from(parts.fold(0_u32, |number, part: u32| number << 8 | part & 0xff))
}

unsafe extern "C-unwind" fn call(state: State) -> c_int {
    if ask(state) {
        ffi::lua_error(state);
    }
    1
}

unsafe extern "C-unwind" fn pcall(state: State) -> c_int {
    ask(state);
    1
}

/// Asks the node for a command, and pushes the answer; whether it is an error.
unsafe fn ask(state: State) -> bool {
    if let Err(words) = put_words(state) {
        push_error(state, words);
        return true;
    }
    ffi::lua_settop(state, 0);
    stop(state, Step::Call);
    value::push_answer(state);
    (*desk(state)).answer.first() == Some(&b'-')
}

/// Puts the arguments on the desk.
unsafe fn put_words(state: State) -> Result<(), &'static [u8]> {
    let count = ffi::lua_gettop(state);
    if count == 0 {
        return Err(b"ERR Please specify at least one argument for this redis lib call");
    }
    let desk = desk(state);
    let (words, ranges) = (&mut (*desk).words, &mut (*desk).ranges);
    words.clear();
    ranges.clear();
    for index in 1..=count {
        let start = words.len();
        match ffi::lua_type(state, index) {
            ffi::LUA_TSTRING => {
                let bytes = bytes_at(state, index);
                if words.len() + bytes.len() > MOST_WORDS_BYTES {
                    return Err(b"ERR the arguments of the command are too long");
                }
                words.extend_from_slice(bytes);
            }
            ffi::LUA_TNUMBER => print_number(words, ffi::lua_tonumber(state, index)),
            _ => return Err(b"ERR Lua redis lib command arguments must be strings or integers"),
        }
        ranges.push(ArgRange::new(start, words.len() - start));
    }
    Ok(())
}

fn print_number(out: &mut Vec<u8>, value: f64) {
    if let Some(integer) = number::as_small_integer(value) {
        return number::push_integer(out, integer);
    }
    let mut buffer = [0; MOST_BYTES];
    let len = number::print(value, c"%.17g", &mut buffer);
    out.extend_from_slice(&buffer[..len]);
}

unsafe extern "C-unwind" fn error_reply(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 || ffi::lua_type(state, 1) != ffi::LUA_TSTRING {
        push_error(state, WRONG_ARGUMENTS);
        return 1;
    }
    let text = bytes_at(state, 1);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    if text.is_empty() {
        push_error(state, b"ERR ");
    } else {
        push_error(state, text);
    }
    1
}

unsafe extern "C-unwind" fn status_reply(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 || ffi::lua_type(state, 1) != ffi::LUA_TSTRING {
        push_error(state, WRONG_ARGUMENTS);
        return 1;
    }
    ffi::lua_createtable(state, 0, 1);
    ffi::lua_pushvalue(state, 1);
    ffi::lua_setfield(state, -2, c"ok".as_ptr());
    1
}

unsafe extern "C-unwind" fn setresp(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 {
        raise_table(state, b"ERR redis.setresp() requires one argument.");
    }
    let Some(protocol) = value::protocol_of(ffi::lua_tonumber(state, 1)) else {
        raise_table(state, b"ERR RESP version must be 2 or 3.");
    };
    (*desk(state)).answers_in = protocol;
    0
}

unsafe extern "C-unwind" fn sha1hex(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 {
        raise_table(state, b"ERR wrong number of arguments");
    }
    let bytes = bytes_at(state, 1);
    weigh_ahead(state, 2 * bytes.len());
    let digest = sha1_hex(bytes);
    push_bytes(state, &digest);
    1
}

/// Everything a script changes goes into the log and to followers, whatever it asks for: a copy that lacks some of it would be none.
unsafe extern "C-unwind" fn set_repl(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 {
        raise_table(state, b"ERR redis.set_repl() requires two arguments.");
    }
    let flags = ffi::lua_tonumber(state, 1);
    if !REPLICATION.iter().any(|(_, known)| *known == flags) {
        raise_table(
            state,
            b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        );
    }
    0
}

/// Whether the user of the script may run a command.
unsafe extern "C-unwind" fn acl_check_cmd(state: State) -> c_int {
    if let Err(words) = put_words(state) {
        raise_table(state, words);
    }
    let known = {
        let desk = desk(state);
        shared::command::lookup_full_name((*desk).ranges.first().map_or(&[], |first| {
            let start = first.start as usize;
            &(&(*desk).words)[start..start + first.len as usize]
        }))
    };
    if known.is_none() {
        raise_table(
            state,
            b"ERR Invalid command passed to redis.acl_check_cmd()",
        );
    }
    ffi::lua_settop(state, 0);
    stop(state, Step::Check);
    let may = (*desk(state)).answer.starts_with(b":1");
    ffi::lua_pushboolean(state, may.into());
    1
}

unsafe extern "C-unwind" fn replicate_commands(state: State) -> c_int {
    ffi::lua_pushboolean(state, 1);
    1
}

/// Without a debugger there is nothing to stop for.
unsafe extern "C-unwind" fn breakpoint(state: State) -> c_int {
    ffi::lua_pushboolean(state, 0);
    1
}

unsafe extern "C-unwind" fn debug(_: State) -> c_int {
    0
}

unsafe extern "C-unwind" fn log(state: State) -> c_int {
    let count = ffi::lua_gettop(state);
    if count < 2 {
        raise_table(state, b"ERR redis.log() requires two arguments or more.");
    }
    if ffi::lua_isnumber(state, 1) == 0 {
        raise_table(state, b"ERR First argument must be a number (log level).");
    }
    let level = ffi::lua_tonumber(state, 1);
    if !(0.0..=3.0).contains(&level) {
        raise_table(state, b"ERR Invalid debug level.");
    }
    let desk = desk(state);
    let text = &mut (*desk).scratch;
    text.clear();
    for index in 2..=count {
        let bytes = bytes_at(state, index);
        if index > 2 && !bytes.is_empty() {
            text.push(b' ');
        }
        let room = MOST_LOG_BYTES.saturating_sub(text.len());
        text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    write_log(level, text);
    0
}

fn write_log(level: f64, text: &[u8]) {
    let script_says = String::from_utf8_lossy(text);
    if level >= 3.0 {
        tracing::warn!(%script_says);
    } else if level >= 2.0 {
        tracing::info!(%script_says);
    } else {
        tracing::debug!(%script_says);
    }
}

/// Handler of errors that a script raises: says where that was.
pub(crate) unsafe extern "C-unwind" fn handle_error(state: State) -> c_int {
    if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
        ffi::lua_settop(state, 1);
        push_bytes(state, b"ERR ");
        match ffi::lua_type(state, 1) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => ffi::lua_pushvalue(state, 1),
            ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, 1) != 0 => push_bytes(state, b"true"),
            ffi::LUA_TBOOLEAN => push_bytes(state, b"false"),
            kind => ffi::lua_pushstring_(state, ffi::lua_typename(state, kind)),
        }
        ffi::lua_concat(state, 2);
        ffi::lua_createtable(state, 0, 3);
        ffi::lua_insert(state, -2);
        ffi::lua_setfield(state, -2, c"err".as_ptr());
        ffi::lua_replace(state, 1);
    }
    ffi::lua_settop(state, 1);
    let mut about: ffi::lua_Debug = std::mem::zeroed();
    let mut level = 1;
    while ffi::lua_getstack(state, level, &raw mut about) != 0 && level <= 2 {
        ffi::lua_getinfo(state, c"Sl".as_ptr(), &raw mut about);
        let is_of_c = CStr::from_ptr(about.what) == c"C";
        if !is_of_c || level == 2 {
            ffi::lua_pushstring_(state, about.source);
            crate::stack::raw_set(state, 1, b"source");
            ffi::lua_pushnumber(state, f64::from(about.currentline));
            crate::stack::raw_set(state, 1, b"line");
            break;
        }
        level += 1;
    }
    1
}

/// The SHA-1 of these bytes in 40 hexadecimal digits (FIPS 180-4).
#[must_use]
pub fn sha1_hex(bytes: &[u8]) -> [u8; 40] {
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        digest_block(&mut state, block);
    }
    let mut last = [0_u8; 128];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let end = if rest.len() < 56 { 64 } else { 128 };
    let bits = (bytes.len() as u64).wrapping_mul(8);
    last[end - 8..end].copy_from_slice(&bits.to_be_bytes());
    for block in last[..end].as_chunks::<64>().0 {
        digest_block(&mut state, block);
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 40];
    for (at, byte) in state.iter().flat_map(|word| word.to_be_bytes()).enumerate() {
        hex[2 * at] = DIGITS[usize::from(byte >> 4)];
        hex[2 * at + 1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

fn digest_block(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for at in 16..80 {
        let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
        words[at] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.iter().enumerate() {
        let (chosen, constant) = match at {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(chosen)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(*word);
        e = d;
        d = c;
        c = b.rotate_left(30);
        b = a;
        a = next;
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(part);
    }
}
