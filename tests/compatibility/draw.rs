//! Draws arguments: keys from a small pool so that commands meet, and values, numbers and times that lie on the edges.
//! Pure: everything comes from the seed.

use crate::support::dice::Dice;

/// A command with its arguments.
pub(crate) type Request = Vec<Vec<u8>>;

/// Makes a [`Request`] of strings and byte vectors.
macro_rules! request {
    ($($part:expr),+ $(,)?) => { vec![$(Vec::<u8>::from($part)),+] };
}
pub(crate) use request;

/// Which keys the commands may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySpace {
    /// One server owns all: any keys together.
    Whole,
    /// Several shards: keys of a command that must lie in one slot share a hash tag.
    Sharded,
}

/// Seeded source of arguments.
#[derive(Debug)]
pub(crate) struct Draw {
    /// Where chance comes from.
    pub(crate) dice: Dice,
    /// The protocol version of the run.
    pub(crate) protocol: u8,
    keys: KeySpace,
    /// Numbers given out, each once.
    given: u64,
}

/// Few keys, so that commands meet on them; the odd ones are the empty, the binary and the long.
const PLAIN_KEYS: &[&[u8]] = &[
    b"k1",
    b"k2",
    b"k3",
    b"k4",
    b"k5",
    b"k6",
    b"k7",
    b"k8",
    b"counter",
    b"float",
    b"text",
    b"bits",
    b"",
    b"key with space",
    b"\x00\xff\r\n\x80",
    b"{}",
    b"{",
    b"a{b}c{d}",
    b"{b}1",
    b"*?[x]\\",
];

/// Hash tags of the keys that go together.
const TAGS: &[&str] = &["{a}", "{b}", "{c}", "{user:1000}"];

/// Integers on the edges of types and parsers, and things that only look like integers.
const INTEGER_EDGES: &[&str] = &[
    "9223372036854775807",
    "9223372036854775806",
    "-9223372036854775808",
    "-9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "4294967295",
    "4294967296",
    "-4294967297",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "99999999999999999999999999",
    "",
    " ",
    " 1",
    "1 ",
    "+1",
    "-",
    "-0",
    "01",
    "00",
    "1.0",
    "1e3",
    "0x10",
    "abc",
    "1a",
    "\u{661}",
    "1\0",
    "\x001",
    "٣",
    "+0",
    "--1",
    "0.0",
    "\t1",
    "1\n",
    "1_0",
    "1,0",
    "1e",
    "-00",
    "-01",
    "9223372036854775807 ",
    "-9223372036854775808.0",
    "000000000000000000000000000000000001",
];

/// Numbers on the edges of floating point, and things that only look like numbers.
const FLOAT_EDGES: &[&str] = &[
    "0.1",
    "-0.1",
    "3.0e3",
    "1e10",
    "1e-10",
    "5e-324",
    "1.7976931348623157e308",
    "1e400",
    "-1e400",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "",
    " 1.5",
    "1.5 ",
    "+1.5",
    ".5",
    "5.",
    "-.5",
    "0x1p3",
    "1e",
    "e1",
    "1..2",
    "abc",
    "123456789012345678901234567890",
    "0.1234567890123456789",
    "1e17",
    "1e18",
    "-0",
    "-0.0",
    "100",
    "3.14159",
    "-nan",
    "nan(1)",
    "infinity",
    "-Infinity",
    "INF",
    "infin",
    "0x.8p-1",
    "0X1P3",
    "-0x1p3",
    "0x",
    "0x1p",
    "0x1.8",
    "0x1p99999",
    "0x1p-16445",
    "1E5",
    "1e+5",
    "1e+",
    "1e5000",
    "-1e5000",
    "1e-5000",
    "1.18973149535723176502e+4932",
    "1.19e4932",
    "3.6e-4951",
    "9007199254740993",
    "18446744073709551615.5",
    "99999999999999999.5",
    "0.00000000000000000001",
    "00001.50",
    "  -1",
    "\t1",
    "1\n",
    "1.5\0",
    "\x001.5",
    "1_0",
    "1,5",
    ".",
    "-",
    "+",
    "-.",
    "++1",
    "0b1",
    "1f",
    "1.0L",
];

impl Draw {
    /// Arguments for commands to servers that own keys as `keys` says.
    pub(crate) fn new(seed: u64, keys: KeySpace, protocol: u8) -> Self {
        Self {
            dice: Dice::new(seed),
            protocol,
            keys,
            given: 0,
        }
    }

    /// A number greater than all that were given out before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    /// Any key of the pool.
    pub(crate) fn key(&mut self) -> Vec<u8> {
        match self.dice.below(20) {
            0..=14 => self.dice.pick(PLAIN_KEYS).to_vec(),
            // Around the lengths at which keys are kept otherwise.
            15 => vec![b'L'; *self.dice.pick(&[255, 256, 300, 2047, 2048, 2049])],
            _ => {
                let tag = self.dice.below(TAGS.len());
                self.tagged_key(tag)
            }
        }
    }

    /// A key that mostly holds what `kind` names, so that commands of a type meet on keys of the type; all of these lie in one slot.
    pub(crate) fn key_of(&mut self, kind: &str) -> Vec<u8> {
        if self.dice.percent(85) {
            return format!("{{a}}{kind}{}", self.dice.below(4)).into_bytes();
        }
        match self.keys {
            KeySpace::Whole => self.key(),
            KeySpace::Sharded => self.tagged_key(0),
        }
    }

    /// `count` of them.
    pub(crate) fn keys_of(&mut self, kind: &str, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.key_of(kind)).collect()
    }

    /// A key that mostly holds what `kind` names; these lie in many slots, so that a command over several of them is one over several shards.
    pub(crate) fn spread_key_of(&mut self, kind: &str) -> Vec<u8> {
        format!("{kind}:{}", self.dice.below(6)).into_bytes()
    }

    /// `count` of them.
    pub(crate) fn spread_keys_of(&mut self, kind: &str, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.spread_key_of(kind)).collect()
    }

    /// The name of a field, a member: mostly one of few, seldom any value.
    pub(crate) fn element(&mut self) -> Vec<u8> {
        match self.dice.below(10) {
            0..=3 => format!("f{}", self.dice.below(12)).into_bytes(),
            4..=7 => self.dice.between(-5, 20).to_string().into_bytes(),
            8 => self.word().into(),
            _ => self.value(),
        }
    }

    /// Some of them; now and then so many that limits of small collections are passed.
    pub(crate) fn elements(&mut self) -> Request {
        if self.dice.percent(3) {
            let count = *self.dice.pick(&[20, 127, 129, 200, 511, 513, 700]);
            let prefix = *self.dice.pick(&["", "f", "element:"]);
            let first = self.dice.below(50);
            return (first..first + count)
                .map(|number| format!("{prefix}{number}").into_bytes())
                .collect();
        }
        let count = 1 + self.dice.below(5);
        (0..count).map(|_| self.element()).collect()
    }

    /// A count of elements to be chosen: small, on an edge, or an error; never so large that the reply would be.
    pub(crate) fn chosen_count(&mut self) -> Vec<u8> {
        if self.dice.percent(85) {
            return self.dice.between(-20, 20).to_string().into_bytes();
        }
        Vec::from(*self.dice.pick(&[
            "9223372036854775807",
            "4611686018427387904",
            "4611686018427387903",
            "-9223372036854775808",
            "9223372036854775808",
            "1000",
            "-600",
            "",
            "abc",
            "+1",
            "01",
            "1.0",
        ]))
    }

    /// `count` keys of a command that wants them in one slot.
    pub(crate) fn keys_of_one_slot(&mut self, count: usize) -> Vec<Vec<u8>> {
        match self.keys {
            KeySpace::Whole => self.keys_of_any_slot(count),
            KeySpace::Sharded => {
                let tag = self.dice.below(TAGS.len());
                (0..count).map(|_| self.tagged_key(tag)).collect()
            }
        }
    }

    /// `count` keys, some of them twice.
    pub(crate) fn keys_of_any_slot(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.key()).collect()
    }

    fn tagged_key(&mut self, tag: usize) -> Vec<u8> {
        format!("{}{}", TAGS[tag], self.dice.below(4)).into_bytes()
    }

    /// A value: small and large integers, floats, text around the limits of encodings, binary.
    pub(crate) fn value(&mut self) -> Vec<u8> {
        match self.dice.below(12) {
            0..=3 => self.integer(),
            4 => self.float(),
            5 => Vec::new(),
            6 => {
                let length = *self
                    .dice
                    .pick(&[1, 11, 12, 20, 43, 44, 45, 63, 64, 65, 255, 256]);
                vec![b'a' + u8::try_from(length % 26).expect("a letter"); length]
            }
            7 => {
                let length = self.dice.below(40);
                self.dice.bytes(length)
            }
            8 if self.dice.percent(10) => {
                let length = *self.dice.pick(&[
                    1000, 4095, 4096, 4097, 8190, 8191, 8192, 16_384, 20_000, 70_000,
                ]);
                self.dice.bytes(length)
            }
            9 => b"ohmytext".to_vec(),
            10 => b"mynewtext with\r\nline ends".to_vec(),
            _ => self.word().into(),
        }
    }

    /// A short word.
    pub(crate) fn word(&mut self) -> &'static str {
        self.dice.pick::<&str>(&[
            "foobar",
            "hello",
            "Hello World",
            "a",
            "zz",
            "\u{e4}\u{f6}",
            "x",
        ])
    }

    /// An integer, mostly small, sometimes on an edge, sometimes none at all.
    pub(crate) fn integer(&mut self) -> Vec<u8> {
        match self.dice.below(10) {
            0..=5 => self.dice.between(-20, 20).to_string().into_bytes(),
            6 => self
                .dice
                .between(-100_000, 100_000)
                .to_string()
                .into_bytes(),
            7 => self.dice.bits().cast_signed().to_string().into_bytes(),
            _ => Vec::from(*self.dice.pick(INTEGER_EDGES)),
        }
    }

    /// An index into a value: mostly near it.
    pub(crate) fn index(&mut self) -> Vec<u8> {
        if self.dice.percent(85) {
            self.dice.between(-30, 60).to_string().into_bytes()
        } else {
            self.integer()
        }
    }

    /// A floating point number, sometimes on an edge, sometimes none at all.
    pub(crate) fn float(&mut self) -> Vec<u8> {
        match self.dice.below(10) {
            0..=3 => {
                let whole = self.dice.between(-1000, 1000);
                format!("{whole}.{}", self.dice.below(1000)).into_bytes()
            }
            4 => self.integer(),
            _ => Vec::from(*self.dice.pick(FLOAT_EDGES)),
        }
    }

    /// A byte offset for SETRANGE: small, or where it is an error; never one that would make a huge value.
    pub(crate) fn byte_offset(&mut self) -> Vec<u8> {
        match self.dice.below(20) {
            0..=15 => self.dice.between(0, 100).to_string().into_bytes(),
            16 => b"-1".to_vec(),
            17 => b"536870912".to_vec(),
            18 => Vec::from(
                *self
                    .dice
                    .pick(&["9223372036854775807", "", "abc", "1.0", " 1"]),
            ),
            _ => b"5000".to_vec(),
        }
    }

    /// A bit offset: small, or where it is an error; never one that would make a huge value.
    pub(crate) fn bit_offset(&mut self) -> Vec<u8> {
        match self.dice.below(20) {
            0..=15 => self.dice.between(0, 200).to_string().into_bytes(),
            16 => b"-1".to_vec(),
            17 => b"4294967296".to_vec(),
            18 => Vec::from(
                *self
                    .dice
                    .pick(&["9223372036854775807", "", "abc", "1.0", "01"]),
            ),
            _ => b"40000".to_vec(),
        }
    }

    /// Seconds to live: far away, or at once, or an error; never so short that it passes while the test compares.
    pub(crate) fn seconds(&mut self) -> Vec<u8> {
        match self.dice.below(10) {
            0..=6 => self.dice.between(100, 100_000).to_string().into_bytes(),
            7 => Vec::from(*self.dice.pick(&["0", "-1", "-100"])),
            8 => Vec::from(*self.dice.pick(&[
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854776",
                "9223372036854775",
                "-9223372036854776",
                "92233720368547758070",
            ])),
            _ => Vec::from(
                *self
                    .dice
                    .pick(&["", "abc", "1.5", " 100", "100 ", "+100", "0100"]),
            ),
        }
    }

    /// Milliseconds to live, as [`Self::seconds`].
    pub(crate) fn milliseconds(&mut self) -> Vec<u8> {
        match self.dice.below(10) {
            0..=6 => self
                .dice
                .between(100_000, 100_000_000)
                .to_string()
                .into_bytes(),
            _ => self.seconds_not_small(),
        }
    }

    fn seconds_not_small(&mut self) -> Vec<u8> {
        Vec::from(*self.dice.pick(&[
            "0",
            "-1",
            "-100",
            "9223372036854775807",
            "-9223372036854775808",
            "92233720368547758070",
            "",
            "abc",
            "1.5",
            " 100000",
        ]))
    }

    /// A moment in Unix seconds: far ahead, past, or an error.
    pub(crate) fn moment_seconds(&mut self) -> Vec<u8> {
        Vec::from(*self.dice.pick(&[
            "9223372036854775",
            "281474976710",
            "281474976711",
            "9999999999",
            "9999999998",
            "4000000000",
            "33177117420",
            "1",
            "0",
            "-1",
            "1000000000",
            "9223372036854775807",
            "9223372036854776",
            "-9223372036854775808",
            "abc",
            "",
            "1.5",
        ]))
    }

    /// A moment in Unix milliseconds, as [`Self::moment_seconds`].
    pub(crate) fn moment_milliseconds(&mut self) -> Vec<u8> {
        Vec::from(*self.dice.pick(&[
            "281474976710654",
            "281474976710655",
            "281474976710656",
            "9999999999000",
            "9999999999999",
            "4000000000000",
            "4000000000001",
            "33177117420000",
            "1",
            "0",
            "-1",
            "1000000000000",
            "9223372036854775807",
            "-9223372036854775808",
            "abc",
            "",
            "1.5",
        ]))
    }

    /// A database number, mostly one of the 16.
    pub(crate) fn database(&mut self) -> Vec<u8> {
        if self.dice.percent(80) {
            self.dice.between(0, 3).to_string().into_bytes()
        } else {
            Vec::from(*self.dice.pick(&[
                "15",
                "16",
                "255",
                "256",
                "-1",
                "-0",
                "abc",
                "",
                " 1",
                "1\0",
                "1.0",
                "01",
                "2147483647",
                "2147483648",
                "4294967296",
                "9223372036854775807",
                "9223372036854775808",
            ]))
        }
    }

    /// A glob pattern.
    pub(crate) fn pattern(&mut self) -> Vec<u8> {
        Vec::from(*self.dice.pick(&[
            "*",
            "k*",
            "k?",
            "k[1-3]",
            "k[^1-3]",
            "*e*",
            "",
            "counter",
            "{*",
            "\\*\\?\\[x\\]\\\\",
            "[",
            "[a",
            "[^",
            "\\",
            "**k",
            "*[0-9]",
            "nothing",
            "?",
            "[z-a]*",
            "a{b}*",
            "[k]1",
            "L*",
            "[\\]k]*",
            "[a\\-z]*",
            "*\\",
            "\\k1",
            "[!k]*",
            "[^]]*",
            "[]]*",
            "[-k]*",
            "[k-]*",
            "k[",
            "k[]",
            "k[1",
            "k[1-",
            "\0*",
            "*\r*",
            "??",
            "?*?",
            "*k*1*",
            "K1",
            "***",
            "{[a-c]}*",
        ]))
    }

    /// Up to `most` of `choices`, in any order, repeated or not; now and then one that does not exist, or one cut short.
    pub(crate) fn options(&mut self, most: usize, choices: &[fn(&mut Self) -> Request]) -> Request {
        let count = match self.dice.below(10) {
            0..=3 => 0,
            4..=7 => 1,
            _ => self.dice.below(most + 1),
        };
        let mut options = Request::new();
        for _ in 0..count {
            let mut option = if self.dice.percent(3) {
                request!["BOGUS"]
            } else {
                self.dice.pick(choices)(self)
            };
            if option.len() > 1 && self.dice.percent(4) {
                option.pop();
            }
            option[0] = self.any_case(&option[0]);
            if self.dice.percent(1) {
                // To Redis a word ends here.
                let ends: [&[u8]; 4] = [b"\0", b"\0x", b" ", b"\xff"];
                let end = *self.dice.pick(&ends);
                option[0].extend_from_slice(end);
            }
            options.extend(option);
        }
        options
    }

    /// The same word in lower, upper or mixed case.
    pub(crate) fn any_case(&mut self, word: &[u8]) -> Vec<u8> {
        match self.dice.below(6) {
            0 => word.to_ascii_lowercase(),
            1 => word
                .iter()
                .map(|letter| match self.dice.percent(50) {
                    true => letter.to_ascii_lowercase(),
                    false => letter.to_ascii_uppercase(),
                })
                .collect(),
            _ => word.to_vec(),
        }
    }

    /// Sometimes an argument too few or too many: the arity check is part of the behaviour.
    pub(crate) fn blur_arity(&mut self, request: &mut Request) {
        match self.dice.below(200) {
            0..=2 if request.len() > 1 => {
                request.pop();
            }
            3..=4 => {
                // Of a key in the right slot only that key itself is known to be one.
                let extra = match (self.keys, request.last()) {
                    (KeySpace::Sharded, Some(last)) => last.clone(),
                    _ => self.value(),
                };
                request.push(extra);
            }
            5 => request.truncate(1),
            _ => {}
        }
    }
}
