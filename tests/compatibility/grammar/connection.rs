//! Commands on the connection itself.
//! Pure.

use super::{Command, Step};
use crate::compatibility::draw::{Draw, Request, request};

/// Every command of the group that leaves the connection as it is, but for its name, database and flags.
pub(super) const COMMANDS: &[Command] = &[
    |draw| request!["ECHO", draw.value()],
    |_| request!["PING"],
    |draw| request!["PING", draw.value()],
    |draw| request!["AUTH", draw.word()],
    |draw| {
        request![
            "AUTH",
            *draw.dice.pick(&["default", "nobody", ""]),
            draw.word()
        ]
    },
    |draw| request!["SELECT", draw.database()],
    |_| request!["SELECT", "0"],
    hello_refused,
    |_| request!["CLIENT", "ID"],
    |_| request!["CLIENT", "INFO"],
    |_| request!["CLIENT", "GETNAME"],
    |draw| request!["CLIENT", "SETNAME", client_name(draw)],
    client_list,
    client_kill,
    |draw| {
        request![
            "CLIENT",
            "NO-EVICT",
            *draw.dice.pick(&["on", "OFF", "maybe"])
        ]
    },
    |draw| {
        request![
            "CLIENT",
            "PAUSE",
            *draw.dice.pick(&["0", "-1", "abc", ""]),
            *draw.dice.pick(&["WRITE", "all", "some"])
        ]
    },
    |_| request!["CLIENT", "UNPAUSE"],
    |draw| request!["CLIENT", "REPLY", *draw.dice.pick(&["ON", "on", "maybe"])],
    |draw| request!["CLIENT", draw.word()],
    |_| request!["CLIENT"],
];

/// Sequences in which some commands get no reply, or the connection changes or ends.
pub(super) const SEQUENCES: &[fn(&mut Draw) -> Step] = &[
    |draw| Step {
        requests: vec![
            request!["CLIENT", "REPLY", "OFF"],
            request!["SET", draw.key(), draw.value()],
            request!["NOSUCHCOMMAND"],
            request!["CLIENT", "REPLY", "ON"],
        ],
        answered: vec![3],
        closes: false,
    },
    |draw| Step {
        requests: vec![
            request!["CLIENT", "REPLY", "SKIP"],
            request!["SET", draw.key(), draw.value()],
            request!["ECHO", "after a skipped reply"],
        ],
        answered: vec![2],
        closes: false,
    },
    |_| Step {
        requests: vec![request!["HELLO", "2"], request!["HELLO", "3"]],
        answered: vec![0, 1],
        closes: false,
    },
    |_| Step {
        requests: vec![
            request!["HELLO", "3", "SETNAME", "a-name"],
            request!["CLIENT", "GETNAME"],
            request!["HELLO"],
        ],
        answered: vec![0, 1, 2],
        closes: false,
    },
    |draw| Step {
        requests: vec![
            request!["RESET"],
            request!["CLIENT", "GETNAME"],
            request!["HELLO", draw.dice.pick(&["2", "3"]).to_string()],
        ],
        answered: vec![0, 1, 2],
        closes: false,
    },
    |_| Step {
        requests: vec![request!["QUIT"]],
        answered: vec![0],
        closes: true,
    },
];

fn hello_refused(draw: &mut Draw) -> Request {
    let version = *draw.dice.pick(&["4", "1", "abc", "", "3", "-2"]);
    let mut request = request!["HELLO", version];
    match (version, draw.dice.below(5)) {
        ("3", 0..=1) => request.extend(request!["AUTH", "nobody", "wrong"]),
        ("3", 2) => request.extend(request!["SETNAME", "has space"]),
        ("3", _) => request.extend(request!["BOGUS"]),
        (_, 0) => request.extend(request!["AUTH", "default"]),
        _ => {}
    }
    request
}

fn client_name(draw: &mut Draw) -> Vec<u8> {
    Vec::from(*draw.dice.pick(&[
        "a-name",
        "other:name",
        "has space",
        "",
        "line\nend",
        "\u{e4}",
        "~!",
    ]))
}

fn client_list(draw: &mut Draw) -> Request {
    let mut request = request!["CLIENT", "LIST"];
    match draw.dice.below(8) {
        0 => request.extend(request!["TYPE", "pubsub"]),
        1 => request.extend(request!["TYPE", "bogus"]),
        2 => request.extend(request!["ID", "999999999"]),
        3 => request.extend(request!["ID", "abc"]),
        4 => request.extend(request!["ID"]),
        5 => request.extend(request!["BOGUS", "x"]),
        _ => {}
    }
    request
}

/// Kills that hit nobody.
fn client_kill(draw: &mut Draw) -> Request {
    match draw.dice.below(10) {
        0 => request!["CLIENT", "KILL", "1.2.3.4:5"],
        1 => request!["CLIENT", "KILL", "ID", "999999999"],
        2 => request!["CLIENT", "KILL", "ID", "abc"],
        3 => request!["CLIENT", "KILL", "ADDR", "1.2.3.4:5"],
        4 => request!["CLIENT", "KILL", "LADDR", "1.2.3.4:5", "SKIPME", "yes"],
        5 => request!["CLIENT", "KILL", "TYPE", "bogus"],
        6 => request!["CLIENT", "KILL", "USER", "nobody"],
        7 => request!["CLIENT", "KILL", "TYPE", "replica"],
        8 => request!["CLIENT", "KILL", "ID", "999999999", "SKIPME", "maybe"],
        _ => request!["CLIENT", "KILL"],
    }
}
