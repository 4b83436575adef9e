//! A machine without a node: commands are answered by the tests.

mod long;

use crate::{Fault, Kind, Machine, Start, Step};
use shared::resp::{ArgRange, Args, Protocol};

const BOUND: usize = 16 << 20;

/// Runs a text with these words of a request, of which so many are keys; what commands answer `answers` says.
fn run(
    machine: &mut Machine,
    text: &str,
    words: &[&str],
    keys: usize,
    answers: &mut dyn FnMut(&[String]) -> String,
) -> String {
    run_for(machine, text, (words, keys), answers, 20_000)
}

/// The same for so many pauses at most; then it is told to end.
fn run_for(
    machine: &mut Machine,
    text: &str,
    (words, keys): (&[&str], usize),
    answers: &mut dyn FnMut(&[String]) -> String,
    most_pauses: usize,
) -> String {
    let function = match machine.compile(text.as_bytes()) {
        Ok(function) => function,
        Err(Fault::Said(words)) => return format!("!{}", String::from_utf8_lossy(&words)),
        Err(Fault::Memory) => return "!memory".to_owned(),
    };
    let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
    for word in words {
        ranges.push(ArgRange::new(bytes.len(), word.len()));
        bytes.extend_from_slice(word.as_bytes());
    }
    let mut step = machine.start(&Start {
        function,
        name: b"sha",
        words: Args::new(&bytes, &ranges),
        first_key: 0,
        keys,
        protocol: Protocol::Resp2,
        kill_words: b"ERR killed",
    });
    let mut pauses = 0;
    while step != Step::Over {
        if step == Step::Call {
            let request = machine.request();
            let words = request.iter_from(0);
            let words: Vec<_> = words
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            let answer = answers(&words);
            let mut lent = machine.lend();
            lent.answer.extend_from_slice(answer.as_bytes());
            machine.give_back(lent);
        } else {
            pauses += 1;
        }
        step = if pauses > most_pauses {
            machine.kill()
        } else {
            machine.go_on()
        };
    }
    String::from_utf8_lossy(machine.reply()).into_owned()
}

fn eval(text: &str) -> String {
    let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
    run(&mut machine, text, &[], 0, &mut |_| "+OK\r\n".to_owned())
}

#[track_caller]
fn check(text: &str, reply: &str) {
    assert_eq!(eval(text).trim_end(), reply, "{text}");
}

#[test]
fn values_become_replies() {
    check("return 3.99", ":3");
    check(
        "return {1,'a',true,false,{ok='fine'},{err='bad'},nil,7}",
        "*6\r\n:1\r\n$1\r\na\r\n:1\r\n$-1\r\n+fine\r\n-bad",
    );
    check("return 1e20", ":-9223372036854775808");
    check("return nil", "$-1");
    check("return redis.call('ping')", "+OK");
    check("return redis.call('ping').ok", "$2\r\nOK");
    check("return {double=3.5}", "$3\r\n3.5");
    check("return {map={a=1}}", "*2\r\n$1\r\na\r\n:1");
}

#[test]
fn errors_say_where_they_are() {
    check(
        "error('boom')",
        "-ERR user_script:1: boom script: sha, on @user_script:1.",
    );
    check(
        "\nerror({err='My error'})",
        "-My error script: sha, on @user_script:2.",
    );
    check(
        "error({a=1})",
        "-ERR unknown error script: sha, on @user_script:1.",
    );
    check(
        "return 1 +",
        "!user_script:1: unexpected symbol near '<eof>'",
    );
    check(
        "return x",
        "-ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: sha, on @user_script:1.",
    );
    check(
        "return {pcall(function() error({err='x'}) end)}",
        "*2\r\n$-1\r\n$1\r\nx",
    );
}

#[test]
fn nothing_that_scripts_share_can_be_changed() {
    let refused =
        "-ERR user_script:1: Attempt to modify a readonly table script: sha, on @user_script:1.";
    for text in [
        "x=1",
        "redis.call=nil",
        "string.x=1",
        "KEYS={}",
        "getmetatable('').__index=1",
        "_G.x=1",
        "cjson.encode=1",
        "table.insert=nil",
        "getmetatable(_G).__index=1",
    ] {
        check(text, refused);
    }
    let refused = "-ERR Attempt to modify a readonly table script: sha, on @user_script:1.";
    for text in [
        "rawset(_G,'x',1)",
        "setmetatable(_G,{})",
        "table.insert(redis,1)",
        "table.sort(string)",
        "rawset(string,'x',1)",
        "table.remove(math)",
    ] {
        check(text, refused);
    }
    for gone in [
        "print", "dofile", "loadfile", "require", "module", "package", "newproxy", "setfenv",
        "getfenv", "debug", "io", "os",
    ] {
        check(
            &format!("return pcall(function() return {gone} end)"),
            "$-1",
        );
    }
    check("return getmetatable('').__index==string", ":1");
    check(
        "local n=0 for k in pairs(_G) do n=n+1 end return n>30",
        ":1",
    );
    check("return rawget(_G,'redis')==redis", ":1");
    check("return ({loadstring('\\27Lua')})[1]", "$-1");
    check(
        "return select(2, loadstring('\\27Lua', 'name'))",
        "$52\r\n[string \"name\"]:1: unexpected symbol near 'char(27)'",
    );
}

#[test]
fn no_script_holds_on_when_it_is_told_to_end() {
    for text in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(redis.call, 'ping') end",
        "local function f() pcall(f) while true do end end f()",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
        "local c = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(c) end",
        "while true do collectgarbage() end",
        "setmetatable({}, {__index=function(t,k) while true do end end}).x()",
    ] {
        let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
        let answers = &mut |_: &[String]| "+PONG\r\n".to_owned();
        let reply = run_for(&mut machine, text, (&[], 0), answers, 200);
        assert!(reply.starts_with("-ERR killed"), "{text}: {reply}");
    }
}

#[test]
fn memory_has_a_bound_and_a_machine_that_reached_it_says_so() {
    for text in [
        "return #string.rep('x', 2000000000)",
        "local s='x' while true do s=s..s end",
        "local t={} while true do t={t} end",
        "local t={} for i=1,1e9 do t[i]={} end",
    ] {
        let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
        let mut run = |text: &str| run(&mut machine, text, &[], 0, &mut |_| "+OK\r\n".to_owned());
        let reply = run(text);
        assert!(reply.contains("memory"), "{text}: {reply}");
        // What it has is garbage now, which its driver throws away with it.
        assert!(machine.was_refused_memory(), "{text}");
    }
    // What these write is not Lua's, and goes with them.
    for text in [
        "local t='x' for i=1,12 do t={t,t,t,t,t,t,t,t} end return cjson.encode(t)",
        "local t='xxxxxxxxxxxxxxxx' for i=1,12 do t={t,t,t,t,t,t,t,t} end return cmsgpack.pack(t)",
    ] {
        let reply = eval(text);
        assert!(reply.contains("memory"), "{text}: {reply}");
    }
}

#[test]
fn a_handler_of_errors_is_asked_once() {
    check(
        "return select('#', xpcall(function() return 1, 2 end, error))",
        ":3",
    );
    check(
        "return select(2, xpcall(function() return 7 end, error))",
        ":7",
    );
    let told = "local ok, e = xpcall(function() error('e', 0) end, function(e) return 'h'..e end)";
    check(&format!("{told} return tostring(ok)..e"), "$7\r\nfalsehe");
    for handler in ["error", "7", "function() while true do error() end end"] {
        let text = format!("return select(2, xpcall(function() error('e', 0) end, {handler}))");
        check(&text, "$23\r\nerror in error handling");
    }
}

#[test]
fn depth_has_a_bound() {
    for text in [
        "local function f() return 1+f() end return f()",
        "local s='return '..('('):rep(10000)..'1'..(')'):rep(10000) return loadstring(s)()",
        "local t={} for i=1,1e5 do t={t} end return t",
        "local t={} for i=1,1e5 do t={t} end return cjson.encode(t)",
        "return cjson.decode(('['):rep(100000))",
        "cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(1000000))",
        "cjson.encode_max_depth(1e9) local t={} for i=1,1e5 do t={t} end return cjson.encode(t)",
        "return string.find(('a'):rep(10000), ('a?'):rep(10000))",
        "return cmsgpack.unpack(('\\145'):rep(1000000))",
        "local function f(s) return (s:gsub('.', f)) end return f('x')",
        "local function f() return string.gsub('x','x',function() return f() end) end return f()",
        "local t={} setmetatable(t,{__index=function(t,k) return t[k+1] end}) return t[1]",
        "local f f=function() return pcall(f) end return f()",
        "local function f() return coroutine.wrap(f)() end return f()",
    ] {
        let reply = eval(text);
        assert!(!reply.is_empty(), "{text}");
    }
}

#[test]
fn keys_and_arguments_are_tables() {
    let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
    let mut asked = Vec::new();
    let reply = run(
        &mut machine,
        "return {#KEYS, KEYS[1], #ARGV, ARGV[2], redis.call('get', KEYS[1], 1.5, 10), redis.pcall('x').err}",
        &["k", "a", "b"],
        1,
        &mut |words| {
            asked.push(words.join(" "));
            if words.len() == 1 {
                "-ERR no\r\n".to_owned()
            } else {
                "*2\r\n:7\r\n$-1\r\n".to_owned()
            }
        },
    );
    assert_eq!(
        reply,
        "*6\r\n:1\r\n$1\r\nk\r\n:2\r\n$1\r\nb\r\n*2\r\n:7\r\n$-1\r\n$6\r\nERR no\r\n"
    );
    assert_eq!(asked, ["get k 1.5 10", "x"]);
}

#[test]
fn libraries_register_functions() {
    let mut machine = Machine::new(Kind::Libraries, BOUND).expect("there is memory");
    let text = "redis.register_function('f', function(k,a) return {k,a} end)\nredis.register_function{function_name='g', callback=function() return 1 end, flags={'no-writes'}, description='d'}";
    assert_eq!(machine.load(text.as_bytes(), Protocol::Resp2), Step::Over);
    let functions = machine.loaded().expect("it is one");
    let names: Vec<_> = functions
        .iter()
        .map(|one| (one.name.clone(), one.flags))
        .collect();
    assert_eq!(names, [(b"f".to_vec(), 0), (b"g".to_vec(), 1)]);
    for (text, words) in [
        (
            "redis.call('x')",
            "Error registering functions: ERR user_function:1: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            "x=1",
            "Error registering functions: ERR user_function:1: Attempt to modify a readonly table",
        ),
        (
            "syntax error",
            "Error compiling function: user_function:1: '=' expected near 'error'",
        ),
    ] {
        assert_eq!(machine.load(text.as_bytes(), Protocol::Resp2), Step::Over);
        let said = machine.loaded().map_err(|fault| match fault {
            Fault::Said(words) => String::from_utf8(words).expect("text"),
            Fault::Memory => "memory".to_owned(),
        });
        assert_eq!(said, Err(words.to_owned()), "{text}");
    }
}

#[test]
fn a_digest_is_that_of_fips_180() {
    for (text, digest) in [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (&"a".repeat(55), "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
        (&"a".repeat(64), "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
    ] {
        assert_eq!(
            crate::sha1_hex(text.as_bytes()),
            digest.as_bytes(),
            "{text}"
        );
    }
}

#[test]
fn a_machine_may_go_in_the_midst_of_a_script() {
    let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
    let function = machine
        .compile(b"while true do pcall(redis.call, 'x') end")
        .expect("it is one");
    let step = machine.start(&Start {
        function,
        name: b"sha",
        words: Args::new(b"", &[]),
        first_key: 0,
        keys: 0,
        protocol: Protocol::Resp2,
        kill_words: b"ERR killed",
    });
    assert_eq!(step, Step::Call);
    machine.retire();
}
