//! Who is told of what, without anybody to tell.

use super::{By, MOST_KEY_BYTES, MOST_PREFIXES, Mode, Tracking, TrackingWish};
use crate::command::{CommandId, spec};
use crate::resp::{ArgRange, Args, ErrorReply};

fn with_args<T>(line: &str, read: impl FnOnce(Args<'_>) -> T) -> T {
    let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
    for word in line.split(' ') {
        ranges.push(ArgRange::new(buffer.len(), word.len()));
        buffer.extend_from_slice(word.as_bytes());
    }
    read(Args::new(&buffer, &ranges))
}

fn apply(tracking: &mut Tracking<u64>, client: u64, words: &str) -> Result<(), ErrorReply> {
    let line = format!("CLIENT TRACKING {words}");
    let wish = with_args(&line, |args| TrackingWish::read(args, |id| id < 100))?;
    tracking.apply(client, &wish)
}

fn tracking(clients: &[(u64, &str)]) -> Tracking<u64> {
    let mut tracking = Tracking::default();
    for (client, words) in clients {
        assert_eq!(apply(&mut tracking, *client, words), Ok(()), "{words}");
    }
    tracking
}

fn read(tracking: &mut Tracking<u64>, client: u64, line: &str) {
    let wants = tracking.wants(client, spec(CommandId::Mget));
    with_args(line, |args| {
        if wants {
            spec(CommandId::Mget)
                .for_each_key(args, |index| tracking.remember(client, args.at(index)));
        }
    });
}

fn told(tracking: &mut Tracking<u64>, key: &str, by: Option<u64>) -> Vec<u64> {
    let mut told = Vec::new();
    tracking.changed_under_prefixes(key.as_bytes(), By::client(by));
    tracking.changed(key.as_bytes(), by, |client, _| told.push(client));
    told
}

fn broadcasts(tracking: &mut Tracking<u64>) -> String {
    let mut text = String::new();
    for broadcast in tracking.take_broadcasts() {
        for client in &broadcast.clients {
            let is_without_own = tracking.mode(*client).is_some_and(Mode::is_without_own);
            let without = if is_without_own { *client } else { 0 };
            let keys = broadcast.keys_without(without).map(String::from_utf8_lossy);
            text += &format!("{client}:{} ", keys.collect::<Vec<_>>().join(","));
        }
    }
    text
}

#[test]
fn who_has_read_a_key_is_told_once_of_its_change() {
    let mut tracking = tracking(&[(1, "ON"), (2, "ON"), (3, "ON NOLOOP")]);
    for client in 1..=4 {
        read(&mut tracking, client, "MGET a b");
    }
    read(&mut tracking, 1, "MGET a");
    assert_eq!((tracking.keys(), tracking.items()), (2, 6));
    assert_eq!(told(&mut tracking, "a", Some(2)), [1, 2, 3]);
    assert_eq!(told(&mut tracking, "a", None), []);
    // It has made it so itself, and is not to hear of it, and of what others make of it afterwards neither.
    assert_eq!(told(&mut tracking, "b", Some(3)), [1, 2]);
    read(&mut tracking, 2, "MGET c");
    assert_eq!(apply(&mut tracking, 2, "OFF"), Ok(()));
    assert_eq!(told(&mut tracking, "c", None), []);
    assert_eq!(
        (tracking.keys(), tracking.items(), tracking.clients()),
        (0, 0, 2)
    );
    read(&mut tracking, 1, "MGET d");
    let mut all = Vec::new();
    tracking.all_changed(|client, _| all.push(client));
    assert_eq!((all, tracking.keys()), (vec![1, 3], 0));
    tracking.stop(1);
    tracking.stop(3);
    assert!(!tracking.is_on());
}

#[test]
fn reads_are_chosen_for_one_command_or_one_transaction() {
    let mut tracking = tracking(&[(1, "ON OPTIN"), (2, "ON OPTOUT")]);
    let get = spec(CommandId::Get);
    let wants = |tracking: &Tracking<u64>| [1, 2].map(|client| tracking.wants(client, get));
    assert_eq!(wants(&tracking), [false, true]);
    assert_eq!(tracking.choose(1, true), Ok(()));
    assert_eq!(tracking.choose(2, false), Ok(()));
    assert_eq!(wants(&tracking), [true, false]);
    for client in [1, 2] {
        tracking.command_over(client, spec(CommandId::ClientCaching), false);
        tracking.command_over(client, spec(CommandId::Multi), true);
    }
    assert_eq!(wants(&tracking), [true, false]);
    for client in [1, 2] {
        tracking.command_over(client, spec(CommandId::Exec), false);
    }
    assert_eq!(wants(&tracking), [false, true]);
    assert!(!tracking.wants(2, spec(CommandId::Set)));
    let text = |result: Result<(), ErrorReply>| result.map_err(|error| error.to_string());
    let refused = |wants, client| {
        let mut other = tracking_of(client);
        text(other.choose(client, wants)).expect_err("refused")
    };
    assert!(refused(true, 2).starts_with("ERR CLIENT CACHING YES is only valid"));
    assert!(refused(false, 1).starts_with("ERR CLIENT CACHING NO is only valid"));
    assert!(refused(true, 9).starts_with("ERR CLIENT CACHING can be called only"));
}

fn tracking_of(client: u64) -> Tracking<u64> {
    match client {
        1 => tracking(&[(1, "ON OPTIN")]),
        2 => tracking(&[(2, "ON OPTOUT")]),
        _ => Tracking::default(),
    }
}

#[test]
fn prefixes_are_told_together_and_without_what_one_has_done_oneself() {
    let mut tracking = tracking(&[
        (1, "ON BCAST PREFIX a PREFIX b"),
        (2, "ON BCAST NOLOOP PREFIX a"),
        (3, "ON BCAST"),
    ]);
    assert_eq!(tracking.prefixes(), 3);
    assert!(!tracking.has_broadcasts());
    for (key, by) in [
        ("az", Some(2)),
        ("ay", Some(1)),
        ("c", None),
        ("az", Some(2)),
    ] {
        assert_eq!(told(&mut tracking, key, by), []);
    }
    assert!(tracking.has_broadcasts());
    // By prefix, in order: the empty one first.
    assert_eq!(broadcasts(&mut tracking), "3:ay,az,c 1:ay,az 2:ay ");
    assert_eq!(broadcasts(&mut tracking), "");
    tracking.stop(3);
    told(&mut tracking, "c", None);
    told(&mut tracking, "b", None);
    assert_eq!(broadcasts(&mut tracking), "1:b ");
    tracking.stop(1);
    assert_eq!((tracking.prefixes(), tracking.clients()), (1, 1));
    tracking.stop(2);
    assert_eq!((tracking.prefixes(), tracking.bytes()), (0, 0));
}

#[test]
fn what_cannot_be_is_said_and_changes_nothing() {
    let mut tracking = tracking(&[(1, "ON OPTIN"), (2, "ON BCAST PREFIX ab")]);
    let mut check = |client, words: &str, expected: &str| {
        let before = tracking.mode(client).cloned();
        let refused = apply(&mut tracking, client, words).expect_err(words);
        assert!(
            refused.to_string().starts_with(expected),
            "{words}: {refused}"
        );
        assert_eq!(tracking.mode(client), before.as_ref(), "{words}");
    };
    check(1, "ON BCAST", "ERR You can't switch BCAST mode");
    check(1, "ON OPTOUT", "ERR You can't switch OPTIN/OPTOUT");
    check(1, "ON OPTIN OPTOUT", "ERR You can't specify both");
    check(1, "ON PREFIX a", "ERR PREFIX option requires");
    check(1, "ON REDIRECT 100", "ERR The client ID you want");
    check(1, "ON REDIRECT -5", "ERR The client ID you want");
    check(
        1,
        "ON REDIRECT 5 REDIRECT 6",
        "ERR A client can only redirect",
    );
    check(1, "ON REDIRECT", "ERR syntax");
    check(1, "ZORK", "ERR syntax");
    check(2, "ON BCAST OPTIN", "ERR OPTIN and OPTOUT are not");
    check(
        2,
        "ON BCAST PREFIX abc",
        "ERR Prefix 'abc' overlaps with an existing prefix 'ab'. ",
    );
    check(
        2,
        "ON BCAST PREFIX cd PREFIX c",
        "ERR Prefix 'cd' overlaps with another provided prefix 'c'. ",
    );
    let many: String = (0..MOST_PREFIXES)
        .map(|number| format!(" PREFIX {number:04}"))
        .collect();
    check(2, &format!("ON BCAST{many}"), "ERR too many prefixes");
    check(
        3,
        &format!("ON BCAST{many} PREFIX x"),
        "ERR too many prefixes",
    );
    assert_eq!(apply(&mut tracking, 3, &format!("ON BCAST{many}")), Ok(()));
    assert_eq!(tracking.mode(3).map(Mode::letters), Some("tB"));
}

#[test]
fn keys_are_forgotten_beyond_the_bound_and_that_is_told() {
    let mut tracking = tracking(&[(1, "ON"), (2, "ON")]);
    let mut gone = Vec::new();
    for number in 0..100 {
        let key = format!("k{number:02}");
        for client in [1, 2] {
            tracking.remember(client, key.as_bytes());
        }
        gone.extend(tracking.take_one_beyond(10));
    }
    assert_eq!((tracking.keys(), gone.len()), (10, 90));
    assert!(gone.iter().all(|(_, readers)| readers == &[1, 2]));
    assert_eq!(tracking.take_one_beyond(0), None);
    let large = vec![b'x'; MOST_KEY_BYTES / 4];
    for number in 0..8_u8 {
        let mut key = large.clone();
        key.push(number);
        tracking.remember(1, &key);
        while tracking.take_one_beyond(0).is_some() {}
        assert!(
            tracking.bytes() <= MOST_KEY_BYTES + 1_000,
            "{}",
            tracking.bytes()
        );
    }
}

#[test]
fn readers_who_have_gone_do_not_gather() {
    let mut tracking = tracking(&[(0, "ON")]);
    for client in 1..10_000 {
        assert_eq!(apply(&mut tracking, client, "ON"), Ok(()));
        read(&mut tracking, client, "MGET a");
        tracking.stop(client);
    }
    assert!(tracking.items() < 200, "{}", tracking.items());
}
