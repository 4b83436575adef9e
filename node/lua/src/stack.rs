//! Small words for what is done with Lua's stack all the time.
//! Safety, of all of it: the state is that of a machine which is at work, and stack indices are valid. What may raise an error says so.

use crate::desk::Desk;
use mlua_sys as ffi;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::slice;

/// A thread of Lua's.
pub(crate) type State = *mut ffi::lua_State;

/// The desk of the machine that this thread belongs to.
#[inline]
pub(crate) unsafe fn desk(state: State) -> *mut Desk {
    let mut desk: *mut c_void = null_mut();
    ffi::lua_getallocf(state, &raw mut desk);
    desk.cast()
}

/// The bytes of the string at `index`; of a number, which becomes a string there. Empty when it is neither. They stay while the value does.
#[inline]
pub(crate) unsafe fn bytes_at<'a>(state: State, index: c_int) -> &'a [u8] {
    let mut len = 0;
    let start = ffi::lua_tolstring(state, index, &raw mut len);
    if start.is_null() {
        return &[];
    }
    slice::from_raw_parts(start.cast(), len)
}

/// As [`bytes_at`], for an argument that has to be a string. Raises.
pub(crate) unsafe fn check_bytes<'a>(state: State, index: c_int) -> &'a [u8] {
    let mut len = 0;
    let start = ffi::luaL_checklstring(state, index, &raw mut len);
    slice::from_raw_parts(start.cast(), len)
}

/// Pushes a string. Raises when there is no memory.
#[inline]
pub(crate) unsafe fn push_bytes(state: State, bytes: &[u8]) {
    ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len());
}

/// Sets a field of the table at the top to what `push` puts on the stack.
pub(crate) unsafe fn set_field(state: State, name: &CStr, push: impl FnOnce(State)) {
    push(state);
    ffi::lua_setfield(state, -2, name.as_ptr());
}

/// Sets a field of the table at the top to a function.
pub(crate) unsafe fn set_function(state: State, name: &CStr, function: ffi::lua_CFunction) {
    ffi::lua_pushcclosure(state, function, 0);
    ffi::lua_setfield(state, -2, name.as_ptr());
}

/// Sets a field of the table at `index`, which counts from the bottom, past metatables, to the value at the top.
pub(crate) unsafe fn raw_set(state: State, index: c_int, name: &[u8]) {
    push_bytes(state, name);
    ffi::lua_insert(state, -2);
    ffi::lua_rawset(state, index);
}

/// Raises an error with these words, behind the place where it happened.
pub(crate) unsafe fn raise(state: State, words: &[u8]) -> ! {
    ffi::luaL_where(state, 1);
    push_bytes(state, words);
    ffi::lua_concat(state, 2);
    ffi::lua_error(state)
}

/// Raises an error of argument `index`.
pub(crate) unsafe fn raise_argument(state: State, index: c_int, words: &CStr) -> ! {
    ffi::luaL_argerror(state, index, words.as_ptr());
    unreachable!("it has raised an error")
}

/// Pushes `{err = text}`.
pub(crate) unsafe fn push_error(state: State, text: &[u8]) {
    ffi::lua_createtable(state, 0, 1);
    push_bytes(state, text);
    ffi::lua_setfield(state, -2, c"err".as_ptr());
}

/// Raises `{err = text}`, where Redis does.
pub(crate) unsafe fn raise_table(state: State, text: &[u8]) -> ! {
    push_error(state, text);
    ffi::lua_error(state)
}
