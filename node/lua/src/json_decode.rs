//! `cjson.decode`: JSON → tables, with the words of Lua CJSON 2.1 for what is no JSON.

use crate::desk::{Desk, breathe, weigh_ahead};
use crate::stack::{State, bytes_at, check_bytes, desk, push_bytes};
use mlua_sys as ffi;
use std::ffi::c_int;

/// A text that is being read; it is the first argument, and stays where it is.
struct Reader<'a> {
    state: State,
    desk: *mut Desk,
    text: &'a [u8],
    at: usize,
    depth: i32,
}

/// What stands at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its text is in the scratch buffer.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::String => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Error(words) => words,
        }
    }
}

pub(crate) unsafe extern "C-unwind" fn decode(state: State) -> c_int {
    if ffi::lua_gettop(state) != 1 {
        ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
    }
    let text = check_bytes(state, 1);
    weigh_ahead(state, text.len() / 4);
    let mut reader = Reader {
        state,
        desk: desk(state),
        text: bytes_at(state, 1),
        at: 0,
        depth: 0,
    };
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        crate::stack::raise(state, b"JSON parser does not support UTF-16 or UTF-32");
    }
    let (token, place) = reader.next();
    reader.push_value(token, place);
    let (token, place) = reader.next();
    if token != Token::End {
        reader.refuse("the end", token, place);
    }
    1
}

impl Reader<'_> {
    /// Raises: something else should stand there.
    unsafe fn refuse(&self, wanted: &str, found: Token, place: usize) -> ! {
        let state = self.state;
        ffi::luaL_where(state, 1);
        push_bytes(state, b"Expected ");
        push_bytes(state, wanted.as_bytes());
        push_bytes(state, b" but found ");
        push_bytes(state, found.name().as_bytes());
        push_bytes(state, b" at character ");
        #[expect(
            clippy::cast_precision_loss,
            reason = "a place in a text that is in memory"
        )]
        ffi::lua_pushnumber(state, (place + 1) as f64);
        ffi::lua_concat(state, 7);
        ffi::lua_error(state)
    }

    unsafe fn push_value(&mut self, token: Token, place: usize) {
        breathe(self.state);
        match token {
            Token::String => push_bytes(self.state, &(*self.desk).scratch),
            Token::Number(value) => ffi::lua_pushnumber(self.state, value),
            Token::Boolean(value) => ffi::lua_pushboolean(self.state, c_int::from(value)),
            Token::Null => ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()),
            Token::ObjectBegin => self.push_object(),
            Token::ArrayBegin => self.push_array(),
            other => self.refuse("value", other, place),
        }
    }

    unsafe fn descend(&mut self) {
        self.depth += 1;
        if self.depth > (*self.desk).json.decode_depth || ffi::lua_checkstack(self.state, 8) == 0 {
            let state = self.state;
            ffi::luaL_where(state, 1);
            push_bytes(state, b"Found too many nested data structures (");
            ffi::lua_pushnumber(state, f64::from(self.depth));
            push_bytes(state, b") at character ");
            #[expect(
                clippy::cast_precision_loss,
                reason = "a place in a text that is in memory"
            )]
            ffi::lua_pushnumber(state, self.at as f64);
            ffi::lua_concat(state, 5);
            ffi::lua_error(state);
        }
    }

    unsafe fn push_object(&mut self) {
        self.descend();
        ffi::lua_createtable(self.state, 0, 0);
        let (mut token, mut place) = self.next();
        if token == Token::ObjectEnd {
            self.depth -= 1;
            return;
        }
        loop {
            if token != Token::String {
                self.refuse("object key string", token, place);
            }
            push_bytes(self.state, &(*self.desk).scratch);
            (token, place) = self.next();
            if token != Token::Colon {
                self.refuse("colon", token, place);
            }
            (token, place) = self.next();
            self.push_value(token, place);
            ffi::lua_rawset(self.state, -3);
            (token, place) = self.next();
            match token {
                Token::ObjectEnd => break,
                Token::Comma => (token, place) = self.next(),
                other => self.refuse("comma or object end", other, place),
            }
        }
        self.depth -= 1;
    }

    unsafe fn push_array(&mut self) {
        self.descend();
        ffi::lua_createtable(self.state, 0, 0);
        let (mut token, mut place) = self.next();
        if token == Token::ArrayEnd {
            self.depth -= 1;
            return;
        }
        let mut number = 1;
        loop {
            self.push_value(token, place);
            ffi::lua_rawseti_(self.state, -2, number);
            number += 1;
            (token, place) = self.next();
            match token {
                Token::ArrayEnd => break,
                Token::Comma => (token, place) = self.next(),
                other => self.refuse("comma or array end", other, place),
            }
        }
        self.depth -= 1;
    }

    /// The next token, and where it begins.
    unsafe fn next(&mut self) -> (Token, usize) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        let place = self.at;
        let Some(byte) = self.text.get(place) else {
            return (Token::End, place);
        };
        let simple = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(place),
            0 => return (Token::Error("invalid token"), place),
            b'-' | b'+' | b'0'..=b'9' => return (self.number(), place),
            _ => return (self.word(), place),
        };
        self.at += 1;
        (simple, place)
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let words = [
            (&b"true"[..], Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ];
        for (word, token) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        // SAFETY: the desk is there as long as the state.
        let takes_all = unsafe { (*self.desk).json.decodes_invalid };
        let begins =
            |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
        if takes_all && (begins(b"inf") || begins(b"nan")) {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// A number, as `strtod` reads it: where invalid ones are taken, also hexadecimal ones and the like.
    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        // SAFETY: the desk is there as long as the state.
        let takes_all = unsafe { (*self.desk).json.decodes_invalid };
        if !takes_all && is_invalid(rest) {
            return Token::Error("invalid number");
        }
        // SAFETY: a string of Lua's ends with a nought, at which `strtod` stops.
        let (value, len) = unsafe {
            let start = rest.as_ptr().cast();
            let mut end: *mut libc::c_char = std::ptr::null_mut();
            let value = libc::strtod(start, &raw mut end);
            (value, end.cast_const().offset_from(start))
        };
        match usize::try_from(len) {
            Ok(len) if len > 0 => {
                self.at += len;
                Token::Number(value)
            }
            _ => Token::Error("invalid number"),
        }
    }

    /// A string, whose text goes into the scratch buffer.
    unsafe fn string(&mut self, place: usize) -> (Token, usize) {
        let out = &mut (*self.desk).scratch;
        out.clear();
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0));
            let plain = plain.unwrap_or(rest.len());
            out.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return (Token::String, place);
                }
                Some(b'\\') => {
                    let place = self.at;
                    if let Err(words) = self.escape(out) {
                        return (Token::Error(words), place);
                    }
                }
                // A nought ends the text.
                Some(_) | None => {
                    return (Token::Error("unexpected end of string"), self.at);
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let plain = match self.text.get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 0x0c,
            Some(b'r') => b'\r',
            Some(b'u') => return self.unicode(out),
            _ => return Err("invalid escape code"),
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    fn unicode(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        const WRONG: &str = "invalid unicode escape code";
        let first = self.four_digits(self.at).ok_or(WRONG)?;
        let mut len = 6;
        let code = if first & 0xf800 == 0xd800 {
            // The first half of a pair stands before the second.
            if first & 0x400 != 0 {
                return Err(WRONG);
            }
            let second = self.four_digits(self.at + 6).ok_or(WRONG)?;
            if second & 0xfc00 != 0xdc00 {
                return Err(WRONG);
            }
            len = 12;
            0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff)
        } else {
            first
        };
        let letter = char::from_u32(code).ok_or(WRONG)?;
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        Ok(())
    }

    /// `\u` and four hexadecimal digits at this place.
    fn four_digits(&self, at: usize) -> Option<u32> {
        let text = self.text.get(at..at + 6)?;
        let digits = text.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| {
            let value = char::from(*digit).to_digit(16)?;
            Some(code << 4 | value)
        })
    }
}

/// Whether `strtod` would read a number there that JSON does not have.
fn is_invalid(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    match text {
        [b'0', b'x' | b'X' | b'0'..=b'9', ..] => true,
        [b'0'..=b'9', ..] => false,
        _ => true,
    }
}
