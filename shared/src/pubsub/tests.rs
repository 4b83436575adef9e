use super::subscriptions::{MOST_CLIENT_BYTES, MOST_PATTERNS};
use super::{SubscribeError, SubscriptionCounts, Topic, subscription_bytes};
use crate::glob::GlobError;

/// Clients have numbers here.
type Subscriptions = super::Subscriptions<u64>;

fn clients<const N: usize>() -> [u64; N] {
    std::array::from_fn(|place| place as u64 + 1)
}

fn counts(counts: SubscriptionCounts) -> (usize, usize, usize) {
    (counts.channels, counts.patterns, counts.shard_channels)
}

#[test]
fn names_are_there_while_somebody_has_subscribed_to_them() {
    let [one, other] = clients();
    let mut all = Subscriptions::default();
    for client in [one, other, one] {
        let now = all.subscribe(client, Topic::Channel, b"a");
        assert_eq!(now.map(counts), Ok((1, 0, 0)));
    }
    let shard = all.subscribe(one, Topic::ShardChannel, b"a");
    assert_eq!(shard.map(counts), Ok((1, 0, 1)));
    let of = |all: &Subscriptions, topic| -> Vec<u64> {
        let subscribers = all.subscribers(topic, b"a");
        subscribers.map_or_else(Vec::new, |all| all.iter().collect())
    };
    assert_eq!(of(&all, Topic::Channel), [1, 2]);
    assert_eq!(of(&all, Topic::ShardChannel), [1]);
    assert_eq!(
        counts(all.unsubscribe(one, Topic::Channel, b"a")),
        (0, 0, 1)
    );
    assert_eq!(
        counts(all.unsubscribe(one, Topic::Channel, b"zork")),
        (0, 0, 1)
    );
    assert_eq!(of(&all, Topic::Channel), [2]);
    all.leave(one, |_| {});
    assert_eq!(all.count(Topic::ShardChannel), 0);
    assert_eq!(
        all.unsubscribe(other, Topic::Channel, b"a"),
        SubscriptionCounts::default()
    );
    assert!(all.is_empty() && all.count(Topic::Channel) == 0);
}

#[test]
fn channels_meet_the_patterns_that_match_them() {
    let [one, other] = clients();
    let mut all = Subscriptions::default();
    for (client, pattern) in [(one, "n*"), (other, "n*"), (one, "*z"), (other, "")] {
        let subscribed = all.subscribe(client, Topic::Pattern, pattern.as_bytes());
        assert!(subscribed.is_ok());
    }
    let check = |channel: &str, expected: &[(&str, usize)]| {
        let matches = all.matching(channel.as_bytes());
        let found: Vec<(String, usize)> = matches
            .map(|(pattern, clients)| (String::from_utf8_lossy(pattern).into(), clients.len()))
            .collect();
        let found: Vec<(&str, usize)> = found.iter().map(|(name, n)| (&**name, *n)).collect();
        assert_eq!(found, expected, "{channel}");
    };
    check("news", &[("n*", 2)]);
    check("nz", &[("*z", 1), ("n*", 2)]);
    check("", &[("", 1)]);
    check("a", &[]);
}

#[test]
fn a_message_is_compared_so_often_and_no_more() {
    let [one] = clients();
    let mut all = Subscriptions::default();
    let channel = vec![b'a'; 8_000];
    // Each takes millions of comparisons to find out that it does not match.
    for number in 0..100 {
        let pattern = format!("*{}{number}*", "a".repeat(1_000));
        let subscribed = all.subscribe(one, Topic::Pattern, pattern.as_bytes());
        assert!(subscribed.is_ok());
    }
    let mut matches = all.matching(&channel);
    assert!(matches.next().is_none() && matches.gave_up());
    let mut matches = all.matching(b"short");
    assert!(matches.next().is_none() && !matches.gave_up());
}

#[test]
fn subscriptions_of_a_client_and_patterns_of_a_node_are_bounded() {
    let [one, other] = clients();
    let mut all = Subscriptions::default();
    let name = |number: usize| format!("{}{number}", "x".repeat(1 << 20));
    let most = MOST_CLIENT_BYTES / subscription_bytes(Topic::Channel, name(0).as_bytes());
    for number in 0..most {
        let subscribed = all.subscribe(one, Topic::Channel, name(number).as_bytes());
        assert!(subscribed.is_ok(), "{number}");
    }
    let one_more = |all: &mut Subscriptions, client| {
        all.subscribe(client, Topic::Channel, name(most).as_bytes())
            .map(counts)
    };
    assert_eq!(one_more(&mut all, one), Err(SubscribeError::TooMany));
    assert_eq!(one_more(&mut all, other), Ok((1, 0, 0)));
    // What is there already is no more than there was.
    let again = all.subscribe(one, Topic::Channel, name(0).as_bytes());
    assert_eq!(again.map(counts), Ok((most, 0, 0)));
    all.leave(one, |_| {});
    let long = vec![b'a'; crate::glob::LONGEST_PATTERN_BYTES + 1];
    assert_eq!(
        all.subscribe(one, Topic::Pattern, &long),
        Err(SubscribeError::Pattern(GlobError::TooLong))
    );
    for number in 0..MOST_PATTERNS {
        let subscribed = all.subscribe(one, Topic::Pattern, number.to_string().as_bytes());
        assert!(subscribed.is_ok(), "{number}");
    }
    assert_eq!(
        all.subscribe(other, Topic::Pattern, b"one more"),
        Err(SubscribeError::TooManyPatterns)
    );
    // Nobody else's is refused to whoever wants it too.
    assert!(all.subscribe(other, Topic::Pattern, b"0").is_ok());
}

#[test]
fn who_goes_with_very_many_is_forgotten_some_at_a_time() {
    let [one, other] = clients();
    let mut all = Subscriptions::default();
    for number in 0..3_000 {
        let subscribed = all.subscribe(one, Topic::Channel, number.to_string().as_bytes());
        assert!(subscribed.is_ok());
    }
    assert!(all.subscribe(other, Topic::Channel, b"7").is_ok());
    all.leave(one, |_| {});
    let mut slices = 1;
    while all.has_some_to_forget() {
        all.forget_some(|_| {});
        slices += 1;
    }
    assert_eq!((slices, all.count(Topic::Channel)), (3, 1));
    let left: Vec<&[u8]> = all
        .names_behind(Topic::Channel, None)
        .map(|name| &**name)
        .collect();
    assert_eq!(left, [b"7"]);
    assert_eq!(all.names_behind(Topic::Channel, Some(b"7")).count(), 0);
}

#[test]
fn a_relay_counts_as_all_for_whom_it_has_subscribed() {
    let [relay, other] = clients();
    let mut all = Subscriptions::default();
    assert!(!all.stand_for(relay, Topic::Channel, b"a", 7));
    for client in [relay, other] {
        assert!(all.subscribe(client, Topic::Channel, b"a").is_ok());
    }
    assert_eq!(all.listeners(Topic::Channel, b"a"), 2);
    assert!(all.stand_for(relay, Topic::Channel, b"a", 7));
    assert!(!all.stand_for(relay, Topic::Pattern, b"a", 9));
    assert_eq!(all.listeners(Topic::Channel, b"a"), 8);
    assert_eq!(all.stands_for(other, Topic::Channel, b"a"), 1);
    // Whoever subscribes anew says so anew.
    all.unsubscribe(relay, Topic::Channel, b"a");
    assert!(all.subscribe(relay, Topic::Channel, b"a").is_ok());
    assert_eq!(all.listeners(Topic::Channel, b"a"), 2);
    let mut forgotten = Vec::new();
    all.leave(relay, |one| {
        forgotten.push((one.topic, one.name.to_vec(), one.is_last));
    });
    assert_eq!(forgotten, [(Topic::Channel, b"a".to_vec(), false)]);
    assert_eq!(all.listeners(Topic::Channel, b"a"), 1);
}
