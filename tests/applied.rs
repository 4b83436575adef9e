//! A follower that applies what its leader tells beside clients of its own.

use std::time::Duration;

use crate::replication::{caught_up, follow, number};
use crate::support::eventually::{eventually, now_nanoseconds, pause};
use crate::support::servers::start_node;
use crate::support::{Reply, encode};

#[test]
fn a_follower_dates_what_was_slow_there() {
    let (leader, follower) = (
        start_node(&[]),
        start_node(&["--slowlog-log-slower-than", "0s"]),
    );
    let (mut writer, mut reader) = (leader.connect(), follower.connect());
    follow(&mut reader, leader.address);
    caught_up(&mut writer, &mut reader);
    writer.call_words("SET told here");
    caught_up(&mut writer, &mut reader);
    let began_seconds = now_nanoseconds() / 1_000_000_000;
    let Reply::Array(entries) = reader.call_words("SLOWLOG GET 1000") else {
        panic!("SLOWLOG");
    };
    let of_the_leader = entries.iter().find_map(|entry| {
        let Reply::Array(parts) = entry else {
            return None;
        };
        let is_it = format!("{:?}", parts[3]).contains("told");
        is_it.then(|| parts[1].clone())
    });
    let Some(Reply::Integer(at_seconds)) = of_the_leader else {
        panic!("not in {entries:?}");
    };
    let at_seconds = u64::try_from(at_seconds).expect("a time");
    assert!(began_seconds.abs_diff(at_seconds) < 120, "{at_seconds}");
}

#[test]
fn what_a_leader_tells_waits_for_a_script_of_its_follower() {
    let (leader, follower) = (start_node(&[]), start_node(&[]));
    let (mut writer, mut reader) = (leader.connect(), follower.connect());
    follow(&mut reader, leader.address);
    writer.call_words("SET before 1");
    caught_up(&mut writer, &mut reader);
    reader.call_words("CONFIG SET busy-reply-threshold 50");
    let mut looping = follower.connect();
    let looped = looping.send(&encode(&["EVAL_RO", "while true do end", "0"]));
    looped.expect("it takes it");
    eventually("it is busy", || {
        let reply = reader.call_words("GET before");
        reply
            .error_text()
            .is_some_and(|text| text.starts_with("BUSY "))
    });
    for number in 0..5 {
        writer.call(&["SET", &format!("during:{number}"), "1"]);
    }
    pause(Duration::from_millis(200));
    assert_eq!(reader.call_words("SCRIPT KILL"), Reply::ok());
    // It is killed a moment later, and everybody else is refused until then.
    looping.receive().expect("it has ended");
    caught_up(&mut writer, &mut reader);
    assert_eq!(reader.call_words("DBSIZE").integer(), 6);
    assert_eq!(number(&mut writer, "stats", "sync_full"), 1);
}
