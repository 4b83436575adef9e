//! Functions of `string` that may take long, as Lua 5.1 has them, but that others have their turn meanwhile and a script can be ended in the midst of them: those with patterns, and `rep`. What is wrong
//! with a pattern and how one fits is [`crate::pattern`]'s.
//! Never: holds the thread without weighing what it does. Bounds: the machine's memory, and those of [`crate::pattern`].

use crate::desk::{desk_scratch, desk_ways, refuse_memory, weigh};
use crate::gathered::Gathered;
use crate::pattern::{Captured, Captures, Matcher, find_word, up_to_nought};
use crate::stack::{
    State, bytes_at, check_bytes, desk, push_bytes, raise, raise_argument, set_function,
};
use mlua_sys as ffi;
use std::ffi::{CStr, c_int};

/// Bytes that are copied between two words about it.
const ROW: usize = 256 * 1024;

/// Puts them into the library, which is at the top.
pub(crate) unsafe fn open(state: State) {
    set_function(state, c"find", find);
    set_function(state, c"match", match_text);
    set_function(state, c"gmatch", gmatch);
    ffi::lua_getfield_(state, -1, c"gmatch".as_ptr());
    ffi::lua_setfield(state, -2, c"gfind".as_ptr());
    set_function(state, c"gsub", gsub);
    set_function(state, c"rep", rep);
}

/// As C takes an `int` from a longer number.
#[expect(clippy::cast_possible_truncation, reason = "that is the purpose")]
pub(crate) fn int(number: ffi::lua_Integer) -> c_int {
    number as c_int
}

/// A place in a text, counted from its end when it is below nought.
fn place(given: ffi::lua_Integer, len: usize) -> usize {
    let len = ffi::lua_Integer::try_from(len).unwrap_or(ffi::lua_Integer::MAX);
    let place = if given < 0 { given + len + 1 } else { given };
    usize::try_from(place).unwrap_or(0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a place in a text that is in memory"
)]
unsafe fn push_place(state: State, place: usize) {
    ffi::lua_pushnumber(state, place as f64);
}

/// Where a match ends that begins there. Raises when the pattern is none, and when the script is to end.
unsafe fn fit(state: State, matcher: &mut Matcher<'_>, start: usize) -> Option<usize> {
    let ways = desk_ways(desk(state));
    match matcher.fit(start, ways, |work| weigh(state, work)) {
        Ok(end) => end,
        Err(wrong) => raise(state, wrong),
    }
}

unsafe fn push_capture(
    state: State,
    text: &[u8],
    captures: &Captures,
    number: usize,
    whole: (usize, usize),
) {
    match captures.get(number, whole) {
        Ok(Captured::Text(from, to)) => push_bytes(state, &text[from..to]),
        Ok(Captured::Place(place)) => push_place(state, place),
        Err(wrong) => raise(state, wrong),
    }
}

/// Pushes so many captures.
unsafe fn push_captures(
    state: State,
    text: &[u8],
    captures: &Captures,
    count: usize,
    whole: (usize, usize),
) -> c_int {
    ffi::luaL_checkstack_(state, 32, c"too many captures".as_ptr());
    for number in 0..count {
        push_capture(state, text, captures, number, whole);
    }
    c_int::try_from(count).unwrap_or(0)
}

unsafe extern "C-unwind" fn find(state: State) -> c_int {
    search(state, true)
}

unsafe extern "C-unwind" fn match_text(state: State) -> c_int {
    search(state, false)
}

/// `find` tells where, `match` tells what.
unsafe fn search(state: State, tells_where: bool) -> c_int {
    let text = check_bytes(state, 1);
    let word = check_bytes(state, 2);
    let from = place(ffi::luaL_optinteger(state, 3, 1), text.len());
    let from = from.saturating_sub(1).min(text.len());
    let text = bytes_at(state, 1);
    let pattern = up_to_nought(word);
    let is_special = |byte: &u8| b"^$*+?.([%-".contains(byte);
    if tells_where && (ffi::lua_toboolean(state, 4) != 0 || !pattern.iter().any(is_special)) {
        return search_word(state, text, word, from);
    }
    let items = pattern.strip_prefix(b"^");
    let is_anchored = items.is_some();
    let mut matcher = Matcher::new(text, items.unwrap_or(pattern));
    for start in from..=text.len() {
        if let Some(end) = fit(state, &mut matcher, start) {
            let captures = matcher.captures;
            if tells_where {
                push_place(state, start + 1);
                push_place(state, end);
                return push_captures(state, text, &captures, captures.count(), (0, 0)) + 2;
            }
            let count = captures.count().max(1);
            return push_captures(state, text, &captures, count, (start, end));
        }
        if is_anchored {
            break;
        }
    }
    ffi::lua_pushnil(state);
    1
}

unsafe fn search_word(state: State, text: &[u8], word: &[u8], from: usize) -> c_int {
    match find_word(text, word, from, |work| weigh(state, work)) {
        Some(at) => {
            push_place(state, at + 1);
            push_place(state, at + word.len());
            2
        }
        None => {
            ffi::lua_pushnil(state);
            1
        }
    }
}

unsafe extern "C-unwind" fn gmatch(state: State) -> c_int {
    check_bytes(state, 1);
    check_bytes(state, 2);
    ffi::lua_settop(state, 2);
    ffi::lua_pushnumber(state, 0.0);
    ffi::lua_pushcclosure(state, next_match, 3);
    1
}

/// The next match of `gmatch`: text, pattern and place are what it keeps.
unsafe extern "C-unwind" fn next_match(state: State) -> c_int {
    let text = bytes_at(state, ffi::lua_upvalueindex(1));
    let pattern = up_to_nought(bytes_at(state, ffi::lua_upvalueindex(2)));
    let from = ffi::lua_tointeger(state, ffi::lua_upvalueindex(3));
    let from = usize::try_from(from).unwrap_or(0);
    let mut matcher = Matcher::new(text, pattern);
    for start in from..=text.len() {
        if let Some(end) = fit(state, &mut matcher, start) {
            // After an empty match it goes on a byte later.
            push_place(state, end.max(start + 1));
            ffi::lua_replace(state, ffi::lua_upvalueindex(3));
            let captures = matcher.captures;
            let count = captures.count().max(1);
            return push_captures(state, text, &captures, count, (start, end));
        }
    }
    0
}

/// Where `gsub` puts what it makes.
const GATHERED: c_int = 5;

unsafe extern "C-unwind" fn gsub(state: State) -> c_int {
    let len = check_bytes(state, 1).len();
    check_bytes(state, 2);
    let kind = ffi::lua_type(state, 3);
    let all = ffi::lua_Integer::try_from(len + 1).unwrap_or(ffi::lua_Integer::MAX);
    let most = int(ffi::luaL_optinteger(state, 4, all));
    let known = [
        ffi::LUA_TNUMBER,
        ffi::LUA_TSTRING,
        ffi::LUA_TFUNCTION,
        ffi::LUA_TTABLE,
    ];
    if !known.contains(&kind) {
        raise_argument(state, 3, c"string/function/table expected");
    }
    ffi::lua_settop(state, GATHERED);
    let (text, pattern) = (bytes_at(state, 1), up_to_nought(bytes_at(state, 2)));
    let items = pattern.strip_prefix(b"^");
    let mut matcher = Matcher::new(text, items.unwrap_or(pattern));
    let mut made = Gathered::new(state, GATHERED);
    // All before `taken` is in what is made.
    let (mut count, mut at, mut taken) = (0, 0, 0);
    while count < most {
        let end = fit(state, &mut matcher, at);
        if let Some(end) = end {
            count += 1;
            made.append(&text[taken..at]);
            taken = end;
            append_value(state, &mut made, text, &matcher.captures, (at, end));
        }
        match end {
            Some(end) if end > at => at = end,
            _ if at < text.len() => at += 1,
            _ => break,
        }
        if items.is_some() {
            break;
        }
    }
    made.append(&text[taken..]);
    made.push();
    ffi::lua_pushnumber(state, f64::from(count));
    2
}

/// Appends what a match becomes.
unsafe fn append_value(
    state: State,
    made: &mut Gathered,
    text: &[u8],
    captures: &Captures,
    whole: (usize, usize),
) {
    match ffi::lua_type(state, 3) {
        ffi::LUA_TFUNCTION => {
            ffi::lua_pushvalue(state, 3);
            let count = captures.count().max(1);
            let count = push_captures(state, text, captures, count, whole);
            ffi::lua_call(state, count, 1);
        }
        ffi::LUA_TTABLE => {
            push_capture(state, text, captures, 0, whole);
            ffi::lua_gettable(state, 3);
        }
        _ => return append_words(state, made, text, captures, whole),
    }
    if ffi::lua_toboolean(state, -1) == 0 {
        made.append(&text[whole.0..whole.1]);
    } else if ffi::lua_isstring(state, -1) != 0 {
        made.append(bytes_at(state, -1));
    } else {
        let kind = CStr::from_ptr(ffi::lua_typename(state, ffi::lua_type(state, -1)));
        ffi::luaL_where(state, 1);
        push_bytes(state, b"invalid replacement value (a ");
        push_bytes(state, kind.to_bytes());
        push_bytes(state, b")");
        ffi::lua_concat(state, 4);
        ffi::lua_error(state);
    }
    ffi::lua_settop(state, GATHERED);
}

/// Appends a text in which `%1` and its like stand for captures.
unsafe fn append_words(
    state: State,
    made: &mut Gathered,
    text: &[u8],
    captures: &Captures,
    whole: (usize, usize),
) {
    let mut rest = bytes_at(state, 3);
    loop {
        let plain = rest.iter().position(|byte| *byte == b'%');
        let plain = plain.unwrap_or(rest.len());
        weigh(state, plain / 4 + 1);
        made.append(&rest[..plain]);
        let Some((_, behind)) = rest[plain..].split_first() else {
            return;
        };
        // A nought stands behind the last byte.
        let (letter, behind) = behind.split_first().unwrap_or((&0, &[]));
        rest = behind;
        match letter {
            b'0' => made.append(&text[whole.0..whole.1]),
            b'1'..=b'9' => {
                let number = usize::from(letter - b'1');
                push_capture(state, text, captures, number, whole);
                made.append(bytes_at(state, -1));
                ffi::lua_settop(state, GATHERED);
            }
            other => made.append(&[*other]),
        }
    }
}

unsafe extern "C-unwind" fn rep(state: State) -> c_int {
    check_bytes(state, 1);
    let times = int(ffi::luaL_checkinteger(state, 2));
    let word = bytes_at(state, 1);
    let len = word
        .len()
        .saturating_mul(usize::try_from(times).unwrap_or(0));
    refuse_memory(state, len);
    let made = desk_scratch(desk(state));
    made.clear();
    made.reserve(len);
    made.extend_from_slice(&word[..word.len().min(len)]);
    // What is there is copied behind itself: some whole words at a time.
    let row = (ROW / word.len().max(1)).max(1) * word.len();
    while made.len() < len {
        let more = made.len().min(row).min(len - made.len());
        made.extend_from_within(..more);
        weigh(state, more / 16);
    }
    push_bytes(state, made);
    1
}
