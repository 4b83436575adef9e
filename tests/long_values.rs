//! Very long values on their way to followers and to disk: they are there once, and nobody is cut for them.

use crate::replication::{caught_up, follow, number};
use crate::snapshots::start_keeper;
use crate::support::eventually::eventually;
use crate::support::servers::Server;
use crate::support::{Client, Reply};

/// The most memory that it has had, bytes.
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.expect("it has memory").trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().expect("a number") * 1024
}

#[test]
fn a_very_long_value_is_here_and_there_once_and_a_follower_is_not_cut_for_it() {
    const LONG: usize = 96_000_000;
    // Less than the value may wait for a follower, and what is told is on disk.
    let limit = ["--client-output-buffer-limit", "replica 1mb 1mb 60"];
    let log = ["--appendonly", "true", "--appendfsync", "always"];
    let (node, other) = (start_keeper(&log), start_keeper(&log));
    let (mut leader, mut follower) = (node.connect(), other.connect());
    let set = leader.call(&["CONFIG", "SET", &limit[0][2..], limit[1]]);
    assert_eq!(set, Reply::ok());
    follow(&mut follower, node.address);
    caught_up(&mut leader, &mut follower);
    let copies = number(&mut leader, "stats", "sync_full");
    let before = [peak_bytes(&node), peak_bytes(&other)];
    let value = "x".repeat(LONG);
    assert_eq!(leader.call(&["SET", "long", &value]), Reply::ok());
    caught_up(&mut leader, &mut follower);
    for (server, before) in [&node, &other].into_iter().zip(before) {
        let peak = peak_bytes(server) - before;
        eprintln!("{} MB more at the most", peak / 1_000_000);
        assert!(peak < (LONG + LONG / 3) as u64, "{peak} bytes for {LONG}");
    }
    // Who has it may change it, and what others still have stays as it was.
    let end = LONG.to_string();
    leader.call(&["SETRANGE", "long", "5", "abc"]);
    leader.call(&["SETRANGE", "long", &end, "end"]);
    let parts = |client: &mut Client| {
        let parts =
            ["0 9", "-5 -1"].map(|part| client.call_words(&format!("GETRANGE long {part}")));
        parts.map(|part| part.text().to_owned())
    };
    caught_up(&mut leader, &mut follower);
    assert_eq!(parts(&mut leader), ["xxxxxabcxx", "xxend"]);
    assert_eq!(parts(&mut follower), ["xxxxxabcxx", "xxend"]);
    assert_eq!(number(&mut leader, "stats", "sync_full"), copies);
    for mut server in [node, other] {
        server.kill();
        server.restart();
        let mut client = server.connect();
        eventually("all is loaded", || {
            matches!(client.call(&["DBSIZE"]), Reply::Integer(_))
        });
        assert_eq!(parts(&mut client), ["xxxxxabcxx", "xxend"]);
        // It was read once to see where the log ends, and one of the commands has lengthened it.
        let peak = peak_bytes(&server);
        assert!(peak < (4 * LONG) as u64, "{peak} bytes for {LONG}");
    }
}
