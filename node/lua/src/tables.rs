//! Functions of `table` that may take long, as Lua 5.1 has them, but that others have their turn meanwhile and a script can be ended in the midst of them.
//! Which elements `sort` compares and swaps, and in which order, is Lua's: a script sees it by where equal elements end up, and by what its own function is asked.
//! Never: holds the thread without weighing what it does, or copies a table. Bound: the machine's memory.

use crate::desk::{desk_scratch, refuse_memory, weigh};
use crate::sandbox::refuse_shield;
use crate::stack::{State, bytes_at, check_bytes, desk, push_bytes, raise, set_function};
use crate::strings::int;
use mlua_sys as ffi;
use std::ffi::{CStr, c_int};

/// What moving an element weighs.
const ELEMENT: usize = 8;

/// Puts them into the library, which is at the top.
pub(crate) unsafe fn open(state: State) {
    set_function(state, c"insert", insert);
    set_function(state, c"remove", remove);
    set_function(state, c"concat", concat);
    set_function(state, c"sort", sort);
}

/// How many elements the table has that is the first argument.
unsafe fn count(state: State) -> c_int {
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    c_int::try_from(ffi::lua_objlen(state, 1)).unwrap_or(c_int::MAX)
}

/// `t[to] = t[from]`
unsafe fn move_element(state: State, from: c_int, to: c_int) {
    ffi::lua_rawgeti_(state, 1, from);
    ffi::lua_rawseti_(state, 1, to);
    weigh(state, ELEMENT);
}

unsafe extern "C-unwind" fn insert(state: State) -> c_int {
    refuse_shield(state);
    let mut end = count(state).wrapping_add(1);
    let place = match ffi::lua_gettop(state) {
        2 => end,
        3 => {
            let place = int(ffi::luaL_checkinteger(state, 2));
            end = end.max(place);
            while end > place {
                move_element(state, end - 1, end);
                end -= 1;
            }
            place
        }
        _ => raise(state, b"wrong number of arguments to 'insert'"),
    };
    ffi::lua_rawseti_(state, 1, place);
    0
}

unsafe extern "C-unwind" fn remove(state: State) -> c_int {
    refuse_shield(state);
    let end = count(state);
    let place = int(ffi::luaL_optinteger(state, 2, end.into()));
    if !(1..=end).contains(&place) {
        return 0;
    }
    ffi::lua_rawgeti_(state, 1, place);
    for number in place..end {
        move_element(state, number + 1, number);
    }
    ffi::lua_pushnil(state);
    ffi::lua_rawseti_(state, 1, end);
    1
}

unsafe extern "C-unwind" fn concat(state: State) -> c_int {
    let between = if ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
        &[][..]
    } else {
        check_bytes(state, 2)
    };
    ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
    let first = int(ffi::luaL_optinteger(state, 3, 1));
    let last = if ffi::lua_type(state, 4) <= ffi::LUA_TNIL {
        count(state)
    } else {
        int(ffi::luaL_checkinteger(state, 4))
    };
    let desk = desk(state);
    desk_scratch(desk).clear();
    for number in first..=last {
        ffi::lua_rawgeti_(state, 1, number);
        if ffi::lua_isstring(state, -1) == 0 {
            refuse_element(state, number);
        }
        let element = bytes_at(state, -1);
        let made = desk_scratch(desk);
        let more = element.len() + between.len();
        refuse_memory(state, made.len() + more);
        made.extend_from_slice(element);
        if number < last {
            made.extend_from_slice(between);
        }
        ffi::lua_settop(state, -2);
        weigh(state, ELEMENT + more / 16);
    }
    push_bytes(state, desk_scratch(desk));
    1
}

/// Raises: the element at the top is no text.
unsafe fn refuse_element(state: State, number: c_int) -> ! {
    let kind = CStr::from_ptr(ffi::lua_typename(state, ffi::lua_type(state, -1)));
    ffi::luaL_where(state, 1);
    push_bytes(state, b"invalid value (");
    push_bytes(state, kind.to_bytes());
    push_bytes(state, b") at index ");
    ffi::lua_pushnumber(state, f64::from(number));
    push_bytes(state, b" in table for 'concat'");
    ffi::lua_concat(state, 6);
    ffi::lua_error(state)
}

unsafe extern "C-unwind" fn sort(state: State) -> c_int {
    refuse_shield(state);
    let count = count(state);
    ffi::luaL_checkstack_(state, 40, c"".as_ptr());
    if ffi::lua_type(state, 2) > ffi::LUA_TNIL {
        ffi::luaL_checktype(state, 2, ffi::LUA_TFUNCTION);
    }
    ffi::lua_settop(state, 2);
    sort_between(state, 1, count);
    0
}

/// Whether the value at `one` comes before the value at `other`; both are counted from the top.
unsafe fn is_before(state: State, one: c_int, other: c_int) -> bool {
    weigh(state, ELEMENT);
    if ffi::lua_type(state, 2) == ffi::LUA_TNIL {
        return ffi::lua_lessthan(state, one, other) != 0;
    }
    ffi::lua_pushvalue(state, 2);
    ffi::lua_pushvalue(state, one - 1);
    ffi::lua_pushvalue(state, other - 2);
    ffi::lua_call(state, 2, 1);
    let is = ffi::lua_toboolean(state, -1) != 0;
    ffi::lua_settop(state, -2);
    is
}

/// Gives the value at the top to one element, and the one below to the other.
unsafe fn set_both(state: State, top: c_int, below: c_int) {
    ffi::lua_rawseti_(state, 1, top);
    ffi::lua_rawseti_(state, 1, below);
}

/// Puts two elements into order; the first of them stays where it is when they are equal.
unsafe fn order(state: State, first: c_int, second: c_int) {
    ffi::lua_rawgeti_(state, 1, first);
    ffi::lua_rawgeti_(state, 1, second);
    if is_before(state, -1, -2) {
        set_both(state, first, second);
    } else {
        ffi::lua_settop(state, -3);
    }
}

/// Quicksort (Sedgewick, Algorithms in Modula-3, 1993) with the median of first, middle and last as its pivot. Of two parts the smaller one is sorted within, so the stack is as deep as the logarithm.
unsafe fn sort_between(state: State, mut low: c_int, mut high: c_int) {
    while low < high {
        order(state, low, high);
        if high - low == 1 {
            return;
        }
        let middle = low.midpoint(high);
        order_middle(state, low, middle, high);
        if high - low == 2 {
            return;
        }
        let pivot = divide(state, low, middle, high);
        if pivot - low < high - pivot {
            sort_between(state, low, pivot - 1);
            low = pivot + 1;
        } else {
            sort_between(state, pivot + 1, high);
            high = pivot - 1;
        }
    }
}

/// The middle one changes with the first, or if it need not, with the last.
unsafe fn order_middle(state: State, low: c_int, middle: c_int, high: c_int) {
    ffi::lua_rawgeti_(state, 1, middle);
    ffi::lua_rawgeti_(state, 1, low);
    if is_before(state, -2, -1) {
        return set_both(state, middle, low);
    }
    ffi::lua_settop(state, -2);
    ffi::lua_rawgeti_(state, 1, high);
    if is_before(state, -1, -2) {
        set_both(state, middle, high);
    } else {
        ffi::lua_settop(state, -3);
    }
}

/// Puts what is less than the middle one before what is greater; where it is itself then.
unsafe fn divide(state: State, low: c_int, middle: c_int, high: c_int) -> c_int {
    ffi::lua_rawgeti_(state, 1, middle);
    ffi::lua_pushvalue(state, -1);
    ffi::lua_rawgeti_(state, 1, high - 1);
    set_both(state, middle, high - 1);
    let (mut up, mut down) = (low, high - 1);
    loop {
        up += 1;
        ffi::lua_rawgeti_(state, 1, up);
        while is_before(state, -1, -2) {
            if up > high {
                raise(state, DISORDER);
            }
            ffi::lua_settop(state, -2);
            up += 1;
            ffi::lua_rawgeti_(state, 1, up);
        }
        down -= 1;
        ffi::lua_rawgeti_(state, 1, down);
        while is_before(state, -3, -1) {
            if down < low {
                raise(state, DISORDER);
            }
            ffi::lua_settop(state, -2);
            down -= 1;
            ffi::lua_rawgeti_(state, 1, down);
        }
        if down < up {
            break;
        }
        set_both(state, up, down);
    }
    ffi::lua_settop(state, -4);
    ffi::lua_rawgeti_(state, 1, high - 1);
    ffi::lua_rawgeti_(state, 1, up);
    set_both(state, high - 1, up);
    up
}

const DISORDER: &[u8] = b"invalid order function for sorting";
