//! Scripts that ask much of one call, or of Lua itself: each ends by itself, with an error that says why, or when it is told to; and a bystander is served meanwhile. How long that one waits at most is printed.

use std::time::Duration;

use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::{Server, start_node};
use crate::support::{Client, Reply, encode};

/// What ends by itself, and how its reply begins, or what its error says.
const ENDING: &[(&str, &str)] = &[
    // 10 GB, each way.
    (
        "local s = ('x'):rep(1024) while true do s = s .. s end",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "return #string.rep('x', 1e10)",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "return #string.rep('x', 2e9)",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "return #string.rep(string.rep('x', 1e6), 1e4)",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "local f = ('%s'):rep(100) local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end while true do t[1] = f:format(unpack(t)) end",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1e4 do t[i] = s end return #table.concat(t)",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "local s = ('a'):rep(1e6) return #s:gsub('a', s)",
        "needs more memory than lua-memory-limit allows",
    ),
    // A million nested tables.
    ("local t = {} for i = 1, 1e6 do t = {t} end return #t", ":1"),
    (
        "local t = {} for i = 1, 1e6 do t = {t} end return cjson.encode(t)",
        "excessive nesting",
    ),
    (
        "local t = {} while true do t = {t} end",
        "needs more memory than lua-memory-limit allows",
    ),
    (
        "return cjson.decode(('['):rep(1e6))",
        "Found too many nested data structures",
    ),
    // What blocks.
    (
        "return redis.call('BLPOP', 'none', 0)",
        "This Redis command is not allowed from script",
    ),
    (
        "return redis.call('XREAD', 'BLOCK', 0, 'STREAMS', 'none', '$')",
        "not allowed with BLOCK option from scripts",
    ),
    (
        "return redis.call('SUBSCRIBE', 'c')",
        "This Redis command is not allowed from script",
    ),
    (
        "return redis.call('WAIT', 1, 0)",
        "This Redis command is not allowed from script",
    ),
    // Large, and all the same allowed.
    ("return #string.rep('x', 6e7)", ":60000000"),
    (
        "local t = {} for i = 1, 2e6 do t[i] = i end return #t",
        ":2000000",
    ),
    (
        "local t = {} for i = 1, 5e5 do t['k' .. i] = i end return t.k7",
        ":7",
    ),
    (
        "local t = {} for i = 1, 3e5 do t[i] = (i * 7919) % 100003 end table.sort(t) return t[1]",
        ":0",
    ),
    (
        "local s = ('x'):rep(2e7) return #(s:upper() .. s:reverse() .. s:lower())",
        ":60000000",
    ),
    (
        "local s = ('x'):rep(2e7) return s < s .. 'a' and #redis.sha1hex(s)",
        ":40",
    ),
    (
        "local s = ('x,'):rep(1e6) return #(s:gsub(',', ';'))",
        ":2000000",
    ),
    ("return #cjson.encode({('\\n'):rep(2e7)})", ":40000004"),
    (
        "return #cjson.decode('[\"' .. ('x'):rep(3e7) .. '\"]')[1]",
        ":30000000",
    ),
    (
        "return #cmsgpack.unpack(cmsgpack.pack(('x'):rep(3e7)))",
        ":30000000",
    ),
    (
        "return #struct.pack(('s'):rep(200) .. (' '):rep(1e7), ('x'):rep(1e5), unpack((function() local t = {} for i = 1, 199 do t[i] = '' end return t end)()))",
        ":100200",
    ),
    (
        "return loadstring('return ' .. ('1+'):rep(5e5) .. '1')()",
        ":500001",
    ),
    ("return tonumber(('1'):rep(3e7)) > 0", ":1"),
];

/// What would go on for very long in one call.
const ENDLESS: &[&str] = &[
    "while true do end",
    "return string.find(('a'):rep(200), ('a*'):rep(30) .. 'b')",
    "return string.gsub(('a'):rep(3000), 'a-a-a-a-b', '')",
    "for a in string.gmatch(('a'):rep(300), ('(a?)'):rep(31) .. ('a*'):rep(20) .. 'c') do end",
    "return string.find(('a'):rep(1e6), ('a'):rep(5e5) .. 'b', 1, true)",
    "return string.find(('('):rep(1e6), '%b()')",
    "return string.rep('', 2e9) .. (function() while true do string.rep('', 2e9) end end)()",
    // What is sorted already but for its ends is the worst there is for this order of comparing.
    "local t = {} for i = 1, 60000 do t[i] = 0 end while true do pcall(table.sort, t, rawequal) end",
    "local t = {} for i = 1, 60000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end",
    "local t = {} for i = 1, 60000 do t[i] = i end while true do table.foreachi(t, type) table.maxn(t) end",
    "local t = {} table.insert(t, -2e9, 1) while true do table.insert(t, -2e9, 1) end",
    "local t = {} for i = 1, 60000 do t[i] = '' end while true do table.concat(t) end",
    "while true do unpack({}, 1, 7000) end",
    "local s = ('x'):rep(5e5) while true do s:upper() s:reverse() s:byte(1, 7000) s:sub(2) end",
    "local s = 'return ' .. ('1+'):rep(4e4) .. '1' while true do loadstring(s) end",
    "local s = cjson.encode({('x'):rep(5e5)}) while true do cjson.decode(s) end",
    "local s = ('x'):rep(5e5) while true do cmsgpack.pack(s) struct.pack('s', s) redis.sha1hex(s) end",
    "local s = ('x'):rep(4e7) while true do local t = s .. 'y' end",
    "local t = {} while true do for i = 1, 1e6 do t['k' .. i] = i end t = {} end",
    // Strings that are told apart by nothing Lua looks at: each is compared with all before.
    "local s, n = ('x'):rep(40), 0 while true do n = n + 1 local t = 'a' .. ('x'):rep(63) .. n % 2e4 .. ('x'):rep(64) end",
];

/// A client that wants nothing but to be served.
struct Bystander {
    client: Client,
    longest: Duration,
    served: usize,
}

impl Bystander {
    fn new(node: &Server) -> Self {
        Self {
            client: node.connect(),
            longest: Duration::ZERO,
            served: 0,
        }
    }

    fn ask(&mut self) {
        let reply = self.ask_busy();
        assert!(reply.error_text().is_none(), "{reply:?}");
    }

    /// The same, where it may be told that the node is busy.
    fn ask_busy(&mut self) -> Reply {
        let watch = Stopwatch::start();
        let reply = self.client.call(&["CLIENT", "GETNAME"]);
        self.longest = self.longest.max(watch.elapsed());
        self.served += 1;
        reply
    }

    /// Asks until the other one has been answered.
    fn ask_while(&mut self, other: &mut Client) -> Reply {
        other.set_read_deadline(Duration::from_millis(1));
        loop {
            self.ask();
            match other.socket().peek(&mut [0]) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        other.set_read_deadline(crate::support::eventually::PATIENCE);
        other.receive().expect("a reply")
    }
}

#[test]
fn what_a_script_asks_too_much_for_ends_with_an_error_and_others_are_served() {
    let mut node = start_node(&[]);
    let (mut client, mut longest) = (node.connect(), Duration::ZERO);
    client.call_words("CONFIG SET busy-reply-threshold 3600000");
    for (script, expected) in ENDING {
        let mut bystander = Bystander::new(&node);
        client.send(&encode(&["EVAL", script, "0"])).expect("sent");
        let reply = bystander.ask_while(&mut client);
        let text = match &reply {
            Reply::Integer(number) => format!(":{number}"),
            Reply::Null | Reply::NullBulk | Reply::NullArray => ":false".to_owned(),
            other => other.text(),
        };
        assert!(text.contains(expected), "{script}: {text}");
        eprintln!(
            "{:>8.1?} at most, {} times: {script}",
            bystander.longest, bystander.served
        );
        longest = longest.max(bystander.longest);
        assert_eq!(client.call(&["EVAL", "return 1", "0"]), Reply::Integer(1));
    }
    eprintln!("nobody waited for more than {longest:.1?}");
    assert!(node.is_alive());
}

#[test]
fn what_a_script_does_in_one_call_ends_when_it_is_told_to() {
    let mut node = start_node(&[]);
    let (mut client, mut other) = (node.connect(), node.connect());
    let mut longest = Duration::ZERO;
    for (number, script) in ENDLESS.iter().enumerate() {
        let is_function = number % 2 == 1;
        other.call_words("CONFIG SET busy-reply-threshold 3600000");
        let request = if is_function {
            let library =
                format!("#!lua name=l\nredis.register_function('f', function() {script} end)");
            other.call(&["FUNCTION", "LOAD", "REPLACE", &library]);
            encode(&["FCALL", "f", "0"])
        } else {
            encode(&["EVAL", script, "0"])
        };
        let mut bystander = Bystander::new(&node);
        client.send(&request).expect("sent");
        for _ in 0..200 {
            bystander.ask();
            std::thread::yield_now();
        }
        other.call_words("CONFIG SET busy-reply-threshold 50");
        eventually("others are told that it is busy", || {
            bystander.ask_busy();
            other
                .call(&["GET", "x"])
                .error_text()
                .is_some_and(|text| text.starts_with("BUSY "))
        });
        let (kill, wrong) = if is_function {
            ("FUNCTION", "SCRIPT")
        } else {
            ("SCRIPT", "FUNCTION")
        };
        assert!(
            other.call(&[wrong, "KILL"]).text().starts_with("BUSY "),
            "{script}"
        );
        assert_eq!(other.call(&[kill, "KILL"]), Reply::ok(), "{script}");
        let reply = client.receive().expect("a reply").text();
        assert!(reply.contains("killed by user"), "{script}: {reply}");
        eprintln!(
            "{:>8.1?} at most, {} times: {script}",
            bystander.longest, bystander.served
        );
        longest = longest.max(bystander.longest);
    }
    eprintln!("nobody waited for more than {longest:.1?}");
    assert!(node.is_alive());
}
