//! `struct`: numbers and strings ⇄ bytes, by a format, as Lua's struct 0.2 has them.

use crate::desk::{desk_scratch, weigh, weigh_ahead};
use crate::stack::{
    State, bytes_at, check_bytes, desk, push_bytes, raise, raise_argument, set_function,
};
use mlua_sys as ffi;
use std::ffi::c_int;

/// Bytes of the longest integer.
const MOST_INTEGER_BYTES: usize = 32;
/// Where values are aligned when the format says `!` and no number.
const NATIVE_ALIGN: usize = 8;

/// Pushes the library.
pub(crate) unsafe fn push(state: State) {
    ffi::lua_createtable(state, 0, 3);
    set_function(state, c"pack", pack);
    set_function(state, c"unpack", unpack);
    set_function(state, c"size", size);
}

/// A format that is being read; it is the first argument, and stays where it is.
struct Format<'a> {
    state: State,
    text: &'a [u8],
    is_little: bool,
    align: usize,
}

/// What a letter of a format stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Integer {
        size: usize,
        is_signed: bool,
    },
    Float,
    Double,
    /// So many bytes; 0: as many as there are.
    Chars(usize),
    /// Up to a nought.
    Text,
    Padding,
    /// It says something about what comes behind.
    Nothing,
}

impl Item {
    fn size(self) -> usize {
        match self {
            Self::Integer { size, .. } | Self::Chars(size) => size,
            Self::Float => 4,
            Self::Double => 8,
            Self::Padding => 1,
            Self::Text | Self::Nothing => 0,
        }
    }

    /// Where it begins is a multiple of this.
    fn align(self) -> usize {
        match self {
            Self::Integer { .. } | Self::Float | Self::Double => self.size(),
            _ => 0,
        }
    }
}

impl Format<'_> {
    unsafe fn new(state: State) -> Self {
        let text = check_bytes(state, 1);
        weigh_ahead(state, 8 * text.len());
        Self {
            state,
            text: bytes_at(state, 1),
            is_little: cfg!(target_endian = "little"),
            align: 1,
        }
    }

    unsafe fn number(&mut self, otherwise: usize) -> usize {
        let mut number: Option<usize> = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.text.split_first() {
            let more = number.unwrap_or(0).checked_mul(10);
            let more = more.and_then(|more| more.checked_add(usize::from(digit - b'0')));
            match more {
                Some(more) if i32::try_from(more).is_ok() => number = Some(more),
                _ => raise(self.state, b"integral size overflow"),
            }
            self.text = rest;
        }
        number.unwrap_or(otherwise)
    }

    unsafe fn integer(&mut self, otherwise: usize, is_signed: bool) -> Item {
        let size = self.number(otherwise);
        if size > MOST_INTEGER_BYTES {
            let words = c"integral size %d is larger than limit of %d";
            let given = c_int::try_from(size).unwrap_or(c_int::MAX);
            ffi::luaL_error(self.state, words.as_ptr(), given, 32 as c_int);
        }
        Item::Integer { size, is_signed }
    }

    /// The next item, and the bytes of padding before it when so many bytes stand before that.
    unsafe fn next(&mut self, before: usize) -> Option<(Item, usize)> {
        let (letter, rest) = self.text.split_first()?;
        self.text = rest;
        let plain = |size, is_signed| Item::Integer { size, is_signed };
        let item = match letter {
            b'B' | b'b' => plain(1, *letter == b'b'),
            b'H' | b'h' => plain(2, *letter == b'h'),
            b'L' | b'l' => plain(8, *letter == b'l'),
            b'T' => plain(8, false),
            b'I' | b'i' => self.integer(4, *letter == b'i'),
            b'f' => Item::Float,
            b'd' => Item::Double,
            b'x' => Item::Padding,
            b'c' => Item::Chars(self.number(1)),
            b's' => Item::Text,
            b' ' => Item::Nothing,
            b'>' => {
                self.is_little = false;
                Item::Nothing
            }
            b'<' => {
                self.is_little = true;
                Item::Nothing
            }
            b'!' => {
                let align = self.number(NATIVE_ALIGN);
                if align == 0 || !align.is_power_of_two() {
                    let given = c_int::try_from(align).unwrap_or(c_int::MAX);
                    let words = c"alignment %d is not a power of 2";
                    ffi::luaL_error(self.state, words.as_ptr(), given);
                }
                self.align = align;
                Item::Nothing
            }
            other => {
                let words = c"invalid format option '%c'";
                ffi::lua_pushfstring(self.state, words.as_ptr(), c_int::from(*other));
                let words = ffi::lua_tolstring(self.state, -1, std::ptr::null_mut());
                ffi::luaL_argerror(self.state, 1, words);
                Item::Nothing
            }
        };
        let align = item.align().min(self.align);
        let padding = match align {
            0 | 1 => 0,
            align => align.wrapping_sub(before & (align - 1)) & (align - 1),
        };
        Some((item, padding))
    }
}

unsafe extern "C-unwind" fn size(state: State) -> c_int {
    let mut format = Format::new(state);
    let mut total = 0_usize;
    while let Some((item, padding)) = format.next(total) {
        match item {
            Item::Text => raise_argument(state, 1, c"option 's' has no fixed size"),
            Item::Chars(0) => raise_argument(state, 1, c"option 'c0' has no fixed size"),
            _ => {}
        }
        total = total.saturating_add(padding + item.size());
        if i32::try_from(total).is_err() {
            raise(state, b"format result too large");
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "below 2^31")]
    ffi::lua_pushnumber(state, total as f64);
    1
}

unsafe extern "C-unwind" fn pack(state: State) -> c_int {
    let mut format = Format::new(state);
    let desk = desk(state);
    // What is missing is said to be nil.
    ffi::lua_pushnil(state);
    desk_scratch(desk).clear();
    let mut index = 2;
    while let Some((item, padding)) = format.next(desk_scratch(desk).len()) {
        let out = desk_scratch(desk);
        if out.len() > (*desk).memory.bound.get() {
            raise(state, b"not enough memory");
        }
        out.extend(std::iter::repeat_n(0, padding));
        match item {
            Item::Integer { size, .. } => {
                let value = ffi::luaL_checknumber(state, index);
                pack_integer(desk_scratch(desk), value, size, format.is_little);
            }
            Item::Float => {
                #[expect(clippy::cast_possible_truncation, reason = "the format says so")]
                let value = ffi::luaL_checknumber(state, index) as f32;
                put(desk_scratch(desk), value.to_le_bytes(), format.is_little);
            }
            Item::Double => {
                let value = ffi::luaL_checknumber(state, index);
                put(desk_scratch(desk), value.to_le_bytes(), format.is_little);
            }
            Item::Chars(size) => {
                let text = check_bytes(state, index);
                let size = if size == 0 { text.len() } else { size };
                if text.len() < size {
                    raise_argument(state, index + 1, c"string too short");
                }
                desk_scratch(desk).extend_from_slice(&text[..size]);
                weigh(state, size / 16);
            }
            Item::Text => {
                let text = check_bytes(state, index);
                desk_scratch(desk).extend_from_slice(text);
                desk_scratch(desk).push(0);
                weigh(state, text.len() / 16);
            }
            Item::Padding => {
                out.push(0);
                continue;
            }
            Item::Nothing => continue,
        }
        index += 1;
    }
    push_bytes(state, desk_scratch(desk));
    1
}

fn put<const LEN: usize>(out: &mut Vec<u8>, mut bytes: [u8; LEN], is_little: bool) {
    if !is_little {
        bytes.reverse();
    }
    out.extend_from_slice(&bytes);
}

fn pack_integer(out: &mut Vec<u8>, value: f64, size: usize, is_little: bool) {
    const BOUND: f64 = 18_446_744_073_709_551_616.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what does not fit is cut off, as C does it"
    )]
    let bits = if value < 0.0 {
        (value as i64) as u64
    } else if value < BOUND {
        value as u64
    } else {
        0
    };
    let start = out.len();
    for at in 0..size {
        let byte = if at < 8 { bits >> (8 * at) & 0xff } else { 0 };
        out.push(u8::try_from(byte).unwrap_or(0));
    }
    if !is_little {
        out[start..].reverse();
    }
}

unsafe extern "C-unwind" fn unpack(state: State) -> c_int {
    let mut format = Format::new(state);
    check_bytes(state, 2);
    let data = bytes_at(state, 2);
    let from = ffi::luaL_optinteger(state, 3, 1) - 1;
    let Ok(mut at) = usize::try_from(from) else {
        raise_argument(state, 3, c"offset must be 1 or greater");
    };
    ffi::lua_settop(state, 2);
    let mut count = 0;
    while let Some((item, padding)) = format.next(at) {
        at = at.saturating_add(padding);
        let size = item.size();
        if at > data.len() || size > data.len() - at {
            raise_argument(state, 2, c"data string too short");
        }
        ffi::luaL_checkstack_(state, 4, c"too many results".as_ptr());
        let end = at + size;
        match item {
            Item::Integer { is_signed, .. } => {
                let value = unpack_integer(&data[at..end], format.is_little, is_signed);
                ffi::lua_pushnumber(state, value);
            }
            Item::Float => {
                let bytes = ordered(
                    data[at..end].try_into().unwrap_or_default(),
                    format.is_little,
                );
                ffi::lua_pushnumber(state, f64::from(f32::from_le_bytes(bytes)));
            }
            Item::Double => {
                let bytes = ordered(
                    data[at..end].try_into().unwrap_or_default(),
                    format.is_little,
                );
                ffi::lua_pushnumber(state, f64::from_le_bytes(bytes));
            }
            Item::Chars(0) => {
                at += push_counted(state, &data[at..], count);
                count -= 1;
            }
            Item::Chars(_) => push_bytes(state, &data[at..end]),
            Item::Text => {
                let Some(len) = data[at..].iter().position(|byte| *byte == 0) else {
                    raise(state, b"unfinished string in data");
                };
                push_bytes(state, &data[at..at + len]);
                weigh(state, len / 4);
                at += len + 1;
            }
            Item::Padding => {
                at = end;
                continue;
            }
            Item::Nothing => continue,
        }
        at += size;
        count += 1;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place in a string that is in memory"
    )]
    ffi::lua_pushnumber(state, (at + 1) as f64);
    count + 1
}

/// Pushes as many bytes as the number before says, which goes; how many.
unsafe fn push_counted(state: State, data: &[u8], count: c_int) -> usize {
    if count == 0 || ffi::lua_type(state, -1) != ffi::LUA_TNUMBER {
        raise(state, b"format 'c0' needs a previous size");
    }
    let size = ffi::lua_tonumber(state, -1);
    // Below nought it is very large, as C takes it.
    let is_one = size > -1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what does not fit is too long"
    )]
    let size = size as usize;
    ffi::lua_settop(state, -2);
    if !is_one || size > data.len() {
        raise_argument(state, 2, c"data string too short");
    }
    push_bytes(state, &data[..size]);
    size
}

fn ordered<const LEN: usize>(mut bytes: [u8; LEN], is_little: bool) -> [u8; LEN] {
    if !is_little {
        bytes.reverse();
    }
    bytes
}

#[expect(clippy::cast_precision_loss, reason = "Lua has no other numbers")]
fn unpack_integer(bytes: &[u8], is_little: bool, is_signed: bool) -> f64 {
    let mut bits = 0_u64;
    for at in 0..bytes.len() {
        let byte = if is_little {
            bytes[bytes.len() - 1 - at]
        } else {
            bytes[at]
        };
        bits = bits << 8 | u64::from(byte);
    }
    if !is_signed {
        return bits as f64;
    }
    let unused = 64_usize.saturating_sub(8 * bytes.len());
    if unused >= 64 {
        return 0.0;
    }
    (bits.cast_signed() << unused >> unused) as f64
}
