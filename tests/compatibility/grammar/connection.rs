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
            *draw
                .dice
                .pick(&["default", "nobody", "", "default\0", "Default"]),
            draw.value()
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
    |draw| request!["CLIENT", "NO-EVICT", on_or_off(draw)],
    |draw| {
        request![
            "CLIENT",
            "PAUSE",
            *draw.dice.pick(&[
                "0",
                "-1",
                "abc",
                "",
                "01",
                "1.5",
                " 0",
                "9223372036854775808"
            ]),
            *draw.dice.pick(&["WRITE", "all", "some", "", "all\0"])
        ]
    },
    |_| request!["CLIENT", "UNPAUSE"],
    |draw| {
        request![
            "CLIENT",
            "REPLY",
            *draw.dice.pick(&["ON", "on", "On\0", "maybe", ""])
        ]
    },
    client_unblock,
    |draw| request!["CLIENT", draw.value()],
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
            request!["CLIENT", "REPLY", "OFF"],
            request!["CLIENT", "REPLY", "SKIP"],
            request!["GET", draw.key()],
            request!["CLIENT", "REPLY", "maybe"],
            request!["CLIENT", "REPLY", "on"],
            request!["GET", draw.key()],
        ],
        answered: vec![4, 5],
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
    |draw| {
        let (one, other) = if draw.protocol == 2 {
            ("3", "2")
        } else {
            ("2", "3")
        };
        Step {
            requests: vec![
                request!["HELLO", one],
                request!["GET", draw.key()],
                request!["INCRBYFLOAT", draw.key(), draw.float()],
                request!["CONFIG", "GET", "hz"],
                request!["HELLO", other],
                request!["GET", draw.key()],
            ],
            answered: vec![0, 1, 2, 3, 4, 5],
            closes: false,
        }
    },
    |draw| Step {
        requests: vec![
            request![
                "HELLO",
                draw.protocol.to_string(),
                "SETNAME",
                client_name(draw),
                *draw.dice.pick(&["AUTH", "auth", "Auth\0x"]),
                "default",
                draw.word()
            ],
            request!["CLIENT", "GETNAME"],
            request!["HELLO"],
        ],
        answered: vec![0, 1, 2],
        closes: false,
    },
    |draw| Step {
        requests: vec![
            request!["SELECT", "1"],
            request!["RESET"],
            request!["SET", draw.key(), draw.value()],
            request!["CLIENT", "GETNAME"],
            request!["HELLO", draw.protocol.to_string()],
        ],
        answered: vec![0, 1, 2, 3, 4],
        closes: false,
    },
    |draw| {
        let (key, database) = (draw.key(), draw.database());
        Step {
            requests: vec![
                request!["SELECT", database.clone()],
                request!["SET", key.clone(), draw.value()],
                request!["SELECT", "0"],
                request!["SWAPDB", "0", database.clone()],
                request!["GET", key.clone()],
                request!["MOVE", key.clone(), database.clone()],
                request!["COPY", key.clone(), key, "DB", database, "REPLACE"],
            ],
            answered: (0..7).collect(),
            closes: false,
        }
    },
    |_| Step {
        requests: vec![request!["QUIT"]],
        answered: vec![0],
        closes: true,
    },
];

fn on_or_off(draw: &mut Draw) -> Vec<u8> {
    Vec::from(
        *draw
            .dice
            .pick(&["on", "OFF", "off", "maybe", "", "on\0", "yes", "1"]),
    )
}

/// Nobody waits for anything.
fn client_unblock(draw: &mut Draw) -> Request {
    let mut request = request![
        "CLIENT",
        "UNBLOCK",
        *draw.dice.pick(&["999999999", "-1", "abc", "", "0", "1.0"])
    ];
    if draw.dice.percent(60) {
        request.extend(request![
            *draw
                .dice
                .pick(&["TIMEOUT", "error", "Error\0", "bogus", ""])
        ]);
    }
    request
}

fn hello_refused(draw: &mut Draw) -> Request {
    let own = draw.protocol.to_string();
    let wrong = *draw.dice.pick(&[
        "4",
        "1",
        "abc",
        "",
        "-2",
        "0",
        "03",
        "3.0",
        " 3",
        "3\0",
        "9223372036854775808",
    ]);
    let refused = [
        request!["HELLO", wrong],
        request!["HELLO", wrong, "AUTH", "default"],
        request!["HELLO", own.clone(), "AUTH", "nobody", "wrong"],
        request!["HELLO", own.clone(), "SETNAME", "has space"],
        request!["HELLO", own.clone(), "SETNAME"],
        request!["HELLO", own.clone(), "AUTH", "default"],
        request!["HELLO", own.clone(), draw.value()],
        // The other way round Redis 7.0 would set the name all the same.
        request!["HELLO", own, "BOGUS", "SETNAME", "a-name"],
    ];
    draw.dice.pick(&refused).clone()
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
        "nul\0",
        "\x7f",
        "!",
    ]))
}

fn client_list(draw: &mut Draw) -> Request {
    let mut request = request!["CLIENT", "LIST"];
    match draw.dice.below(12) {
        0 => request.extend(request!["TYPE", "pubsub"]),
        1 => request.extend(request!["TYPE", draw.value()]),
        2 => request.extend(request!["ID", "999999999"]),
        3 => request.extend(request!["ID", "abc"]),
        4 => request.extend(request!["ID"]),
        5 => request.extend(request![draw.value(), "x"]),
        6 => request.extend(request!["ID", "999999999", "-1", "999999998"]),
        7 => {
            let id = *draw
                .dice
                .pick(&["", "0", "-5", "1.0", "9223372036854775808"]);
            request.extend(request!["ID", "999999999", id]);
        }
        8 => request.extend(request![
            "TYPE",
            *draw.dice.pick(&["replica", "SLAVE", "master", "pubsub\0x"])
        ]),
        9 => request.extend(request!["TYPE", "pubsub", "ID", "1"]),
        _ => {}
    }
    request
}

/// Kills that hit nobody.
fn client_kill(draw: &mut Draw) -> Request {
    let mut request = request!["CLIENT", "KILL"];
    request.extend(match draw.dice.below(12) {
        0 => request!["1.2.3.4:5"],
        1 => request!["ID", "999999999"],
        2 => request!["ID", *draw.dice.pick(&["abc", "0", "-1", "", "1.0", "01"])],
        3 => request!["ADDR", "1.2.3.4:5"],
        4 => request!["LADDR", "1.2.3.4:5", "SKIPME", "yes"],
        5 => request!["TYPE", draw.value()],
        6 => request!["USER", draw.value()],
        7 => request!["TYPE", "replica"],
        8 => request![
            "ID",
            "999999999",
            "SKIPME",
            *draw.dice.pick(&["maybe", "no", "YES", "no\0"])
        ],
        9 => request!["ID", "999999999", "USER", "nobody", "ADDR"],
        10 => request!["ID", "999999999", draw.value(), "x"],
        _ => return request,
    });
    request
}
