//! The limit of memory holds under load, whatever the policy; who may go goes, and who may not stays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::eventually::eventually;
use crate::support::servers::{Server, start_node};
use crate::support::{Client, Reply, encode};

const LIMIT: u64 = 32 * 1024 * 1024;

/// What may be above the limit at any moment: 256 KiB that commands may add together while keys are going, and what one command adds (values of 100 KB, rounded up).
const BRIEFLY_ABOVE: u64 = (256 + 128) * 1024;

/// Code, buffers and the allocator's own, beyond what the limit counts.
const OVERHEAD: u64 = 48 * 1024 * 1024;

fn limited_node(policy: &str) -> Server {
    start_node(&["--maxmemory", "32mb", "--maxmemory-policy", policy])
}

/// What counts against the limit: all that is used but the clients' buffers, which INFO tells apart.
fn used_memory(client: &mut Client) -> u64 {
    let info = client.call_words("INFO memory").text();
    let number = |name: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a field of INFO")
            .trim()
            .parse()
            .expect("a number")
    };
    number("used_memory:") - number("mem_not_counted_for_evict:")
}

/// Writes `count` keys of `size` bytes; gives the number of those that were refused.
fn write(client: &mut Client, prefix: &str, count: usize, size: usize, options: &[&str]) -> usize {
    let value = "v".repeat(size);
    // All but the key is the same in each, and there are millions.
    let sent = encode(&[&["SET", "key", &value], options].concat());
    let sent = String::from_utf8(sent).expect("text");
    let (before, after) = sent.split_once("$3\r\nkey\r\n").expect("the key");
    let mut refused = 0;
    for start in (0..count).step_by(500) {
        let numbers = start..(start + 500).min(count);
        let mut text = String::new();
        for number in numbers.clone() {
            let key = format!("{prefix}:{number}");
            text += &format!("{before}${}\r\n{key}\r\n{after}", key.len());
        }
        client.send(text.as_bytes()).expect("sent");
        let others = client.receive_all_but_ok(numbers.len());
        for reply in others.expect("replies") {
            let text = reply.error_text().expect("an error");
            assert_eq!(
                text,
                "OOM command not allowed when used memory > 'maxmemory'."
            );
            refused += 1;
        }
    }
    refused
}

#[test]
fn the_limit_holds_under_every_policy_that_evicts() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-fifo",
        "allkeys-s3fifo",
        "allkeys-sieve",
    ] {
        let node = limited_node(policy);
        let mut client = node.connect();
        for (round, size) in [20, 100, 1_000, 10_000, 100_000].into_iter().enumerate() {
            // Three times the limit in each size, so that classes of sizes must make place for each other.
            let count = 3 * usize::try_from(LIMIT).expect("small") / (size + 60);
            let refused = write(
                &mut client,
                &round.to_string(),
                count.min(300_000),
                size,
                &["EX", "10000"],
            );
            assert_eq!(refused, 0, "{policy}, {size} bytes");
            let used = used_memory(&mut client);
            assert!(
                used <= LIMIT + BRIEFLY_ABOVE,
                "{policy}, {size} bytes: {used}"
            );
            let resident = node.resident_bytes();
            assert!(
                resident <= LIMIT * 5 / 4 + OVERHEAD,
                "{policy}, {size} bytes: {resident} resident"
            );
        }
        assert!(client.call_words("DBSIZE").integer() > 50, "{policy}");
    }
}

#[test]
fn large_values_in_the_place_of_small_ones_do_not_push_memory_up() {
    // A large value takes the place of a thousand small ones, and these go more slowly than it comes.
    for policy in ["allkeys-s3fifo", "allkeys-lru", "volatile-ttl"] {
        let node = limited_node(policy);
        let mut client = node.connect();
        let mut watcher = node.connect();
        let has_written = AtomicBool::new(false);
        let mut most = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                for (round, (count, size)) in [(300_000, 20), (1_000, 100_000)].iter().enumerate() {
                    let prefix = round.to_string();
                    let refused = write(&mut client, &prefix, *count, *size, &["EX", "10000"]);
                    assert_eq!(refused, 0, "{policy}, {size} bytes");
                }
                has_written.store(true, Ordering::Relaxed);
            });
            while !has_written.load(Ordering::Relaxed) {
                most = most.max(used_memory(&mut watcher));
            }
        });
        eprintln!(
            "{policy}: at most {} KiB above",
            most.saturating_sub(LIMIT) / 1024
        );
        assert!(most > LIMIT / 2, "{policy}: {most}");
        assert!(most <= LIMIT + BRIEFLY_ABOVE, "{policy}: {most}");
    }
}

#[test]
fn a_limit_that_is_lowered_stops_no_write() {
    let node = start_node(&["--maxmemory-policy", "allkeys-lru"]);
    let mut client = node.connect();
    assert_eq!(write(&mut client, "key", 300_000, 100, &[]), 0);
    let before = used_memory(&mut client);
    assert!(before > LIMIT, "{before}");
    let limit = (LIMIT / 2).to_string();
    let set = client.call(&["CONFIG", "SET", "maxmemory", &limit]);
    assert_eq!(set, Reply::ok());
    assert_eq!(write(&mut client, "new", 1_000, 100, &[]), 0);
    eventually("memory is within the new limit", || {
        used_memory(&mut client) <= LIMIT / 2
    });
}

#[test]
fn without_eviction_writes_are_refused_and_reads_and_deletes_go_on() {
    let node = limited_node("noeviction");
    let mut client = node.connect();
    let refused = write(&mut client, "key", 100_000, 1_000, &[]);
    assert!(refused > 10_000, "{refused}");
    assert!(used_memory(&mut client) <= LIMIT + BRIEFLY_ABOVE);
    assert_eq!(client.call_words("STRLEN key:0"), Reply::Integer(1_000));
    for number in 0..1_000 {
        assert_eq!(
            client.call(&["DEL", &format!("key:{number}")]),
            Reply::Integer(1)
        );
    }
    assert_eq!(write(&mut client, "new", 300, 1_000, &[]), 0);
}

#[test]
fn volatile_policies_spare_keys_without_expiry() {
    for policy in [
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        let node = limited_node(policy);
        let mut client = node.connect();
        assert_eq!(write(&mut client, "kept", 5_000, 1_000, &[]), 0, "{policy}");
        assert_eq!(
            write(&mut client, "may-go", 100_000, 1_000, &["EX", "10000"]),
            0,
            "{policy}"
        );
        for number in 0..5_000 {
            let exists = client.call(&["EXISTS", &format!("kept:{number}")]);
            assert_eq!(exists, Reply::Integer(1), "{policy}: kept:{number}");
        }
        // When nothing is left that may go, writes are refused.
        assert!(
            write(&mut client, "more", 60_000, 1_000, &[]) > 0,
            "{policy}"
        );
    }
}

/// GETs of the keys in use.
fn hot_reads() -> Vec<Vec<Vec<u8>>> {
    (0..1_000)
        .map(|number| vec![b"GET".to_vec(), format!("hot:{number}").into_bytes()])
        .collect()
}

fn hot_keys_left(client: &mut Client, policy: &str) -> usize {
    let replies = client.pipeline(&hot_reads());
    let left = replies.iter().filter(|reply| !reply.is_null()).count();
    eprintln!("{policy}: {left} of 1000 keys in use are left");
    left
}

#[test]
fn keys_in_use_outlive_the_others_under_policies_that_count() {
    for policy in ["allkeys-lfu", "allkeys-s3fifo", "allkeys-sieve"] {
        let node = limited_node(policy);
        let mut client = node.connect();
        write(&mut client, "hot", 1_000, 1_000, &[]);
        for round in 0..60 {
            client.pipeline(&hot_reads());
            write(&mut client, &format!("cold:{round}"), 2_000, 1_000, &[]);
        }
        // Policies sample: most, not all.
        let left = hot_keys_left(&mut client, policy);
        assert!(left > 700, "{policy}: {left}");
    }
}

#[test]
fn keys_in_use_outlive_the_others_under_lru() {
    let node = limited_node("allkeys-lru");
    let mut client = node.connect();
    write(&mut client, "hot", 1_000, 1_000, &[]);
    write(&mut client, "cold", 60_000, 1_000, &[]);
    write(&mut client, "hot", 1_000, 1_000, &[]);
    for round in 0..3 {
        // The clock of LRU counts seconds: until there is a difference between those in use and the others.
        eventually("the clock of LRU goes on", || {
            let idle = (0..1_000)
                .map(|number| client.call(&["OBJECT", "IDLETIME", &format!("hot:{number}")]))
                .find(|reply| !reply.is_null());
            idle.expect("one of a thousand is left").integer() >= 1
        });
        client.pipeline(&hot_reads());
        write(&mut client, &format!("cold:{round}"), 5_000, 1_000, &[]);
    }
    let left = hot_keys_left(&mut client, "allkeys-lru");
    assert!(left > 700, "{left}");
}

#[test]
fn buffers_of_clients_do_not_push_keys_out() {
    let node = limited_node("allkeys-lru");
    let mut client = node.connect();
    assert_eq!(write(&mut client, "key", 2_000, 10_000, &[]), 0);
    let keys = client.call_words("DBSIZE");
    // Replies of 30 MB that nobody reads.
    let mut lazy = node.connect();
    let gets: Vec<u8> = (0..3_000).flat_map(|_| encode(&["GET", "key:0"])).collect();
    lazy.send(&gets).expect("sent");
    assert_eq!(write(&mut client, "key", 10, 10_000, &[]), 0);
    assert_eq!(client.call_words("DBSIZE"), keys);
}
