//! Single calls that take long: they give way, and end when they are told to; what is large goes on beside the thread.

use super::{BOUND, check, eval, run_for};
use crate::{Kind, Machine, Start, Step};
use shared::resp::{Args, Protocol};

fn start(machine: &mut Machine, text: &str) -> Step {
    let function = machine.compile(text.as_bytes()).expect("it is a script");
    machine.start(&Start {
        function,
        name: b"sha",
        words: Args::new(b"", &[]),
        first_key: 0,
        keys: 0,
        protocol: Protocol::Resp2,
        kill_words: b"ERR killed",
    })
}

/// How often a script gave way, and its reply.
fn count(text: &str) -> (usize, String) {
    let mut machine = Machine::new(Kind::Scripts, 16 * BOUND).expect("there is memory");
    let (mut step, mut ways) = (start(&mut machine, text), 0);
    while step != Step::Over {
        ways += usize::from(step == Step::Pause);
        step = machine.go_on();
    }
    (ways, String::from_utf8_lossy(machine.reply()).into_owned())
}

#[test]
fn one_call_that_takes_long_gives_way() {
    for (text, reply) in [
        (
            "return (string.find(('a'):rep(40), 'a*a*a*a*b'))",
            "$-1\r\n",
        ),
        (
            "return #string.gsub(('a'):rep(60000), 'a', 'b')",
            ":60000\r\n",
        ),
        ("return #string.match(('a'):rep(90000), '.*')", ":90000\r\n"),
        (
            "return (string.find(('a'):rep(4000), ('a'):rep(2000) .. 'b', 1, true))",
            "$-1\r\n",
        ),
        (
            "local t = {} for i = 1, 9000 do t[i] = -i end table.sort(t) return t[1]",
            ":-9000\r\n",
        ),
        (
            "local t = {} for i = 1, 9000 do t[i] = i end for i = 1, 9 do table.insert(t, 1, i) end return #t",
            ":9009\r\n",
        ),
        (
            "local t = {} for i = 1, 9000 do t[i] = i end for i = 1, 9 do table.remove(t, 1) end return #t",
            ":8991\r\n",
        ),
        (
            "local t = {} for i = 1, 9000 do t[i] = i end return #table.concat(t, ' ')",
            ":43892\r\n",
        ),
        (
            "local s = ('x'):rep(900000) for i = 1, 4 do s:upper() end return #s",
            ":900000\r\n",
        ),
        (
            "local s for i = 1, 300 do s = (s or '') .. ('x'):rep(100) end return #s",
            ":30000\r\n",
        ),
    ] {
        let (ways, said) = count(text);
        assert_eq!(said, reply, "{text}");
        assert!(ways > 0, "{text}");
    }
}

#[test]
fn one_call_that_takes_long_ends_when_it_is_told_to() {
    for text in [
        "return string.find(('a'):rep(200), ('a*'):rep(30) .. 'b')",
        "return string.gsub(('a'):rep(3000), 'a-a-a-a-b', '')",
        "for a in string.gmatch(('a'):rep(300), ('(a?)'):rep(31) .. ('a*'):rep(20) .. 'c') do end",
        "return pcall(string.find, ('a'):rep(1000000), ('a'):rep(500000) .. 'b', 1, true)",
        "return string.find(('('):rep(1000000), '%b()')",
        "local t = {} for i = 1, 30000 do t[i] = 0 end while true do pcall(table.sort, t, rawequal) end",
        "return pcall(table.sort, {3, 2, 1}, function() while true do end end)",
        "local t = {} return pcall(table.insert, t, -2000000000, 1)",
        "while true do unpack({}, 1, 7000) end",
        "local s = ('x'):rep(3000000) while true do local t = s .. 'y' end",
    ] {
        let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
        let answers = &mut |_: &[String]| "+PONG\r\n".to_owned();
        let reply = run_for(&mut machine, text, (&[], 0), answers, 100);
        assert!(reply.starts_with("-ERR killed"), "{text}: {reply}");
        assert!(!machine.was_refused_memory(), "{text}");
    }
}

/// Goes on until the script has come to something else than being at work.
fn settle(machine: &mut Machine, mut step: Step) -> (usize, Step) {
    let mut waits = 0;
    while matches!(step, Step::Pause | Step::Beside) {
        waits += usize::from(step == Step::Beside);
        step = machine.go_on();
    }
    (waits, step)
}

#[test]
fn what_is_large_goes_on_beside_the_thread() {
    let mut machine = Machine::new(Kind::Scripts, 16 * BOUND).expect("there is memory");
    let text = "local t = {} for i = 1, 200000 do t['k' .. i] = i end redis.call('x') for i = 1, 200000 do t['k' .. i] = nil end return 7";
    let step = start(&mut machine, text);
    let (waits, step) = settle(&mut machine, step);
    assert_eq!(step, Step::Call);
    assert!(waits > 0);
    assert_eq!(machine.request().at(0), b"x");
    let mut lent = machine.lend();
    lent.answer.extend_from_slice(b"+OK\r\n");
    machine.give_back(lent);
    let step = machine.go_on();
    let (waits, step) = settle(&mut machine, step);
    assert!(waits > 0);
    assert_eq!((step, machine.reply()), (Step::Over, &b":7\r\n"[..]));
    // What it had taken is there for the next one, which is small.
    assert!(machine.used_bytes() < BOUND / 4, "{}", machine.used_bytes());
    let step = start(&mut machine, "for i = 1, 100000 do end return 1");
    assert_eq!(settle(&mut machine, step), (0, Step::Over));
}

#[test]
fn what_was_slow_goes_on_beside_the_thread_until_it_asks_for_something() {
    let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
    let text = "for i = 1, 3000000 do end redis.call('x') for i = 1, 100000 do end return 1";
    let step = start(&mut machine, text);
    assert_eq!(step, Step::Pause);
    machine.move_beside();
    let step = machine.go_on();
    let (waits, step) = settle(&mut machine, step);
    assert_eq!(step, Step::Call);
    assert!(waits > 0);
    let mut lent = machine.lend();
    lent.answer.extend_from_slice(b"+OK\r\n");
    machine.give_back(lent);
    let step = machine.go_on();
    assert_eq!(settle(&mut machine, step), (0, Step::Over));
}

#[test]
fn a_machine_may_go_while_its_script_is_beside_the_thread() {
    let mut machine = Machine::new(Kind::Scripts, BOUND).expect("there is memory");
    let text = "while true do pcall(function() while true do end end) end";
    let mut step = start(&mut machine, text);
    machine.move_beside();
    for _ in 0..20 {
        step = machine.go_on();
    }
    assert_eq!(step, Step::Beside);
    machine.retire();
}

#[test]
fn sorting_asks_and_moves_as_lua_does() {
    // Elements that are equal by their order end where Lua's own algorithm leaves them.
    let text = "local t, asked = {}, 0 for i = 1, 30 do t[i] = (i * 7 % 5) .. ':' .. i end \
        table.sort(t, function(a, b) asked = asked + 1 return a:sub(1, 1) < b:sub(1, 1) end) return asked .. ' ' .. table.concat(t, ' ')";
    check(text, &format!("${}\r\n{SORTED}", SORTED.len()));
    let words =
        "-ERR user_script:1: invalid order function for sorting script: sha, on @user_script:1.";
    assert_eq!(
        eval("table.sort({1,2,3,4,5}, function() return true end)").trim_end(),
        words
    );
}

/// What redis-server 7.0.15 answers.
const SORTED: &str = "138 0:30 0:10 0:20 0:25 0:5 0:15 1:18 1:3 1:13 1:23 1:28 1:8 2:26 2:6 2:21 2:16 2:1 2:11 3:4 3:9 3:29 3:24 3:14 3:19 4:27 4:22 4:12 4:17 4:2 4:7";
