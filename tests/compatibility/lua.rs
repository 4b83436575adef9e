//! Calls of Lua's libraries with arguments on the edges, in scripts to us and to a real redis-server: what comes back, and the words of every error.
//! What a call costs beyond Lua's own bounds is not compared: no pattern here tries for long.

use super::commands;
use crate::support::dice::Dice;
use crate::support::{Client, Reply, redis_server, servers};

/// Calls of one script.
const CALLS: usize = 24;

/// Differences after which a run ends.
const ENOUGH: usize = 40;

/// What scripts begin with: `show` makes one text of values, `list` of a table.
const FRONT: &str = "local all = {} \
    local function list(t) local out = {} for i = 1, 12 do local v = rawget(t, i) out[i] = type(v) == 'table' and '{' .. tostring(v[1]) .. '}' or tostring(v) end return table.concat(out, ',') end \
    local function word(v) return type(v) == 'table' and '{' .. tostring(v[1]) .. '}' or tostring(v) end \
    local function show(...) local out = {} for i = 1, select('#', ...) do local v = select(i, ...) out[i] = type(v) .. ':' .. (type(v) == 'table' and list(v) or type(v) == 'function' and '' or tostring(v)) end \
    all[#all + 1] = table.concat(out, '|') end ";

/// A text as a script writes it.
fn quoted(bytes: &[u8]) -> String {
    let escaped = bytes.iter().map(|byte| match byte {
        b' '..=b'!' | b'#'..=b'[' | b']'..=b'~' => char::from(*byte).to_string(),
        other => format!("\\{other:03}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn text(dice: &mut Dice) -> Vec<u8> {
    let len = *dice.pick(&[0, 1, 2, 5, 9, 14, 22]);
    match dice.below(10) {
        0 => dice.bytes(len),
        1 => b"a".repeat(len),
        2 => b"THE (quick) [brown] fox = 12.5, jumps%".to_vec(),
        3 => b"f(a(b)c)d)(".to_vec(),
        _ => (0..len)
            .map(|_| *dice.pick(b"aaabbc1 2=(),%.\n\0"))
            .collect(),
    }
}

const SINGLES: &[&str] = &[
    "a", "b", ".", "%a", "%d", "%s", "%w", "%W", "%A", "%p", "%x", "%c", "%z", "%l", "%u", "%%",
    "%.", "[ab]", "[^a]", "[a-c]", "[%d%s]", "[]]", "[^]a]", "[a-]", "[%a-z]", "[a%]]", "[%-b]",
    "[=(]", "1", " ", "=", "\\",
];

const ODD: &[&str] = &[
    "%b()", "%bab", "%f[%a]", "%f[^a]", "%1", "%2", "%0", "()", "(", ")", "%", "[", "[^", "[a",
    "%b", "%bx", "%f", "$", "^", "%f[", "[%", "[]", "(()", "%9",
];

fn pattern(dice: &mut Dice) -> Vec<u8> {
    let mut pattern = Vec::new();
    if dice.percent(15) {
        pattern.push(b'^');
    }
    let (mut open, mut repeated) = (0, 0);
    for _ in 0..dice.below(6) {
        if dice.percent(25) {
            pattern.push(b'(');
            open += 1;
        }
        if dice.percent(8) {
            pattern.extend_from_slice(dice.pick(ODD).as_bytes());
        } else {
            pattern.extend_from_slice(dice.pick(SINGLES).as_bytes());
            if repeated < 5 && dice.percent(45) {
                pattern.push(*dice.pick(b"*+-?"));
                repeated += 1;
            }
        }
        if open > 0 && dice.percent(60) {
            pattern.push(b')');
            open -= 1;
        }
    }
    pattern.extend(std::iter::repeat_n(b')', open));
    match dice.below(20) {
        0..=2 => pattern.push(b'$'),
        3 => pattern.push(0),
        4 => pattern.extend_from_slice(b"%1"),
        _ => {}
    }
    pattern
}

fn number(dice: &mut Dice) -> String {
    let odd = [
        "nil", "'3'", "1.7", "-1.5", "0/0", "'x'", "{}", "1e9", "-1e9",
    ];
    match dice.below(8) {
        0 => (*dice.pick(&odd)).to_owned(),
        1 => dice.between(-40, 40).to_string(),
        _ => dice.between(-3, 9).to_string(),
    }
}

fn replacement(dice: &mut Dice) -> String {
    let some = [
        "'<%0>'",
        "'%1%2'",
        "'%1'",
        "'%'",
        "'%%%a'",
        "''",
        "'x'",
        "7",
        "'%9'",
        "{a = 'A', b = false, ['1'] = 2, c = {}}",
        "setmetatable({}, {__index = function(t, k) return k .. k end})",
        "function(...) return table.concat({'[', tostring((...)), select('#', ...), ']'}) end",
        "function() end",
        "function(x) return x == 'a' and true end",
        "function(x) return (tostring(x):gsub('a', 'bb')) end",
        "function(x) error('within') end",
        "function(x) error({err = 'table'}) end",
        "nil",
        "true",
        "print",
    ];
    (*dice.pick(&some)).to_owned()
}

fn of_patterns(dice: &mut Dice) -> String {
    let (text, pattern) = (quoted(&text(dice)), quoted(&pattern(dice)));
    match dice.below(12) {
        0..=1 => format!("string.find({text}, {pattern})"),
        2 => format!("string.find({text}, {pattern}, {})", number(dice)),
        3 => format!("string.find({text}, {pattern}, {}, true)", number(dice)),
        4 => format!("string.match({text}, {pattern})"),
        5 => format!("({text}):match({pattern}, {})", number(dice)),
        6 => format!(
            "(function() local out = {{}} for a, b in string.gmatch({text}, {pattern}) do out[#out + 1] = tostring(a) .. '/' .. tostring(b) end return #out, table.concat(out, ';') end)()"
        ),
        7 => format!(
            "string.gsub({text}, {pattern}, {}, {})",
            replacement(dice),
            number(dice)
        ),
        _ => format!("string.gsub({text}, {pattern}, {})", replacement(dice)),
    }
}

/// A table of few elements, seldom with a hole.
fn table(dice: &mut Dice) -> String {
    let some = [
        "'b'", "'a'", "'c1'", "'c2'", "3", "1", "2", "1.5", "{7}", "true", "nil",
    ];
    let kinds: &[&str] = match dice.below(6) {
        0 => &some,
        1 => &some[..7],
        2..=3 => &some[..4],
        _ => &some[4..7],
    };
    let elements: Vec<&str> = (0..dice.below(9)).map(|_| *dice.pick(kinds)).collect();
    format!("{{{}}}", elements.join(", "))
}

/// An order, some of which are none.
fn order(dice: &mut Dice) -> String {
    let some = [
        "nil",
        "function(a, b) return word(a) < word(b) end",
        "function(a, b) return word(a):sub(1, 1) < word(b):sub(1, 1) end",
        "function(a, b) return word(a):sub(1, 1) > word(b):sub(1, 1) end",
        "function(a, b) return true end",
        "function(a, b) return false end",
        "function(a, b) return word(a) <= word(b) end",
        "function(a, b) asked = asked + 1 return asked % 3 == 0 end",
        "function(a, b) asked = asked + 1 if asked > 4 then error('enough') end return a < b end",
        "function(a, b) local fine, is = pcall(function() return a < b end) return fine and is end",
        "function(a, b) return coroutine.wrap(function() coroutine.yield(word(a) < word(b)) end)() end",
        "math.max",
        "rawequal",
        "7",
        "'x'",
    ];
    (*dice.pick(&some)).to_owned()
}

fn of_tables(dice: &mut Dice) -> String {
    let table = table(dice);
    let call = match dice.below(9) {
        0..=3 => {
            let call = format!("table.sort(t, {})", order(dice));
            return format!(
                "(function() local asked, t = 0, {table} local fine, words = pcall(function() {call} end) return fine, words, asked, t end)()"
            );
        }
        4 => format!("table.insert(t, {})", number(dice)),
        5 => format!("table.insert(t, {}, 'new')", dice.between(-4, 12)),
        6 => format!("table.remove(t, {})", dice.between(-2, 9)),
        7 => "table.remove(t)".to_owned(),
        _ => {
            let (from, to) = (dice.between(-2, 5), dice.between(-2, 9));
            let bounds = *dice.pick(&["", ", ', '", ", 1.5", ", '-', 2", ", nil, 1, 2", ", {}"]);
            match dice.percent(30) {
                true => format!("table.concat(t, '/', {from}, {to})"),
                false => format!("table.concat(t{bounds})"),
            }
        }
    };
    format!("(function() local t = {table} return t, {call}, t end)()")
}

fn of_strings(dice: &mut Dice) -> String {
    let text = quoted(&text(dice));
    let (one, other) = (number(dice), number(dice));
    match dice.below(9) {
        0..=1 => format!(
            "string.rep({text}, {})",
            *dice.pick(&["0", "1", "2", "7", "-1", "'3'", "2.9", "'x'", "nil"])
        ),
        2 => format!("string.sub({text}, {one}, {other})"),
        3 => format!("string.byte({text}, {one}, {other})"),
        4 => format!(
            "string.char({}, {})",
            dice.between(-1, 260),
            dice.between(0, 255)
        ),
        5 => format!(
            "tonumber({text}, {})",
            *dice.pick(&["10", "2", "16", "36", "37", "1"])
        ),
        6 => format!("string.reverse({text}) .. ({text}):upper() .. ({text}):lower()"),
        _ => format(dice, &text),
    }
}

fn format(dice: &mut Dice, text: &str) -> String {
    let flags = *dice.pick(&["", "", "", "-", "+", "#", "0", " ", "-+ #0", "-+ #0-"]);
    let width = *dice.pick(&[
        "", "", "5", "12", "99", "100", ".3", "8.2", ".0", ".99", ".",
    ]);
    let kind = *dice.pick(b"diouxXeEfgGcsqqsp%\0");
    let kind = char::from(kind).to_string().replace('\0', "\\000");
    let value = match dice.percent(50) {
        true => text.to_owned(),
        false => number(dice),
    };
    format!("string.format('<%{flags}{width}{kind}>%s', {value}, {text})")
}

fn of_modules(dice: &mut Dice) -> String {
    let text = quoted(&text(dice));
    let table = table(dice);
    match dice.below(9) {
        0 => format!("cjson.encode({table})"),
        1 => format!("cjson.encode({text})"),
        2 => {
            let parts: Vec<&str> = (0..dice.between(1, 7))
                .map(|_| {
                    *dice.pick(&[
                        "[", "]", "{", "}", "1", "\"a\"", ",", ":", "null", "-1.5e3", "\\u00e9",
                        "tru", " ",
                    ])
                })
                .collect();
            format!("cjson.decode({})", quoted(parts.concat().as_bytes()))
        }
        3 => format!(
            "cjson.decode('[1,{{\"a\":[null,2.5]}},\"x\"]')[{}]",
            dice.between(1, 4)
        ),
        4 => format!("cmsgpack.pack({table}, {text}, {})", number(dice)),
        5 => format!("cmsgpack.unpack({text})"),
        6 => format!("cmsgpack.unpack(cmsgpack.pack({text}, {}))", number(dice)),
        7 => format!(
            "struct.pack('{}', {}, {text})",
            *dice.pick(&["bs", ">Hs", "<i4c2", "!8dB", "Is", "fs", "i33", "zz", "xc0"]),
            number(dice)
        ),
        _ => format!(
            "struct.unpack('{}', {text}, {})",
            *dice.pick(&["b", ">H", "<i3", "s", "c0", "bc0", "d", "xB"]),
            dice.between(0, 4)
        ),
    }
}

fn call(dice: &mut Dice) -> String {
    let call = match dice.below(20) {
        0..=9 => of_patterns(dice),
        10..=13 => of_tables(dice),
        14..=16 => of_strings(dice),
        17..=18 => of_modules(dice),
        _ => {
            let source = [
                "return 1",
                "x =",
                "return ...",
                "for",
                "return (1",
                "\\027Lua",
            ];
            format!("loadstring('{}', 'name')", dice.pick(&source))
        }
    };
    format!("show(pcall(function() return {call} end))")
}

fn ask(client: &mut Client, calls: &[String]) -> Reply {
    let script = format!("{FRONT} {} return all", calls.join("\n"));
    client.call(&["EVAL", &script, "0"])
}

#[test]
fn libraries_of_lua_do_what_they_do_in_redis() {
    let Some(redis) = redis_server::start(&[]) else {
        return;
    };
    let node = servers::start_node(&[]);
    let (mut ours, mut theirs) = (node.connect(), redis.connect());
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut compared, mut differences) = (0, Vec::new());
    while compared < commands() && differences.len() < ENOUGH {
        let calls: Vec<String> = (0..CALLS).map(|_| call(&mut dice)).collect();
        let (our, their) = (ask(&mut ours, &calls), ask(&mut theirs, &calls));
        let replies = their.elements();
        assert_eq!(replies.len(), CALLS, "{their:?}: {calls:#?}");
        for (number, line) in calls.iter().enumerate() {
            let (our, their) = (&our.elements()[number], &replies[number]);
            if our != their {
                differences.push(format!("{line}\n  ours  {our:?}\n  redis {their:?}"));
            }
        }
        compared += CALLS;
        if compared % (100 * CALLS) == 0 {
            for client in [&mut ours, &mut theirs] {
                assert_eq!(client.call_words("SCRIPT FLUSH"), Reply::ok());
            }
        }
    }
    eprintln!(
        "{compared} calls of Lua's libraries, {} differences",
        differences.len()
    );
    assert!(
        differences.is_empty(),
        "SWITCHYARD_SEED={seed}\n{}",
        differences.join("\n")
    );
}
