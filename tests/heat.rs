//! What a proxy tells of the keys that are used most: hot keys, big keys, beginnings of keys, and to whom.

use std::net::SocketAddr;

use serde_json::Value;

use crate::admin::{ask, get};
use crate::support::encode;
use crate::support::eventually::eventually;
use crate::support::servers::{Server, free_address, start_node, start_proxy};

const ORDER: &str = "X-Switchyard: yes\r\n";

/// Two shards behind a proxy of two threads that looks at one request of `sample`.
fn start(sample: &str, further: &[&str]) -> (Vec<Server>, Server, SocketAddr) {
    let nodes = vec![start_node(&[]), start_node(&[])];
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
    let admin = free_address();
    let text = admin.to_string();
    let own = [
        "--admin",
        &text,
        "--threads",
        "2",
        "--hot-keys-sample",
        sample,
    ];
    let proxy = start_proxy(&addresses, &[&own[..], further].concat());
    (nodes, proxy, admin)
}

fn shown(admin: SocketAddr, path: &str) -> Value {
    let (status, json) = ask(admin, "GET", path, ORDER, "");
    assert_eq!(status, 200, "{path}: {json}");
    serde_json::from_str(&json).expect("JSON")
}

/// The row of this name.
fn row<'a>(rows: &'a Value, name: &str) -> Option<&'a Value> {
    let rows = rows.as_array().expect("an array");
    rows.iter().find(|row| row["name"] == name)
}

#[test]
fn a_proxy_tells_which_keys_are_used_most() {
    let (_nodes, proxy, admin) = start("1", &[]);
    let value = "x".repeat(100);
    // Each on a thread of its own.
    let mut clients = [proxy.connect(), proxy.connect()];
    for client in &mut clients {
        client.call(&["SET", "user:hot", &value]);
        for _ in 0..50 {
            client.call_words("GET user:hot");
        }
        for number in 0..10 {
            client.call_words(&format!("GET user:{number}"));
            client.call_words("MGET cart:1 user:hot stock:1");
        }
        for words in ["MULTI", "GET cart:1", "INCR cart:{1}", "DISCARD"] {
            client.call_words(words);
        }
    }
    eventually("it is known", || {
        let hot = shown(admin, "/api/v1/hot-keys");
        // 2 · (1 + 50 + 10 + 3 · 10)
        let is_all = hot["accesses_per_second"].as_f64() > Some(0.0)
            && row(&hot["keys"], "cart:1").is_some();
        let first = &hot["keys"][0];
        is_all && first["name"] == "user:hot" && first["share"].as_f64() > Some(0.6)
    });
    let hot = shown(admin, "/api/v1/hot-keys");
    assert_eq!(hot["sample"], 1);
    let first = &hot["keys"][0];
    assert_eq!(first["hit_ratio"], 1.0);
    assert_eq!(first["over_by_at_most"], 0.0);
    // Both threads have had their part.
    let share = first["share"].as_f64().expect("a number");
    let expected = 2.0 * 61.0 / (2.0 * 101.0 - 20.0);
    assert!((share - expected).abs() < 0.1, "{share} {expected}");
    let (asked, answered) = (
        first["request_bytes_per_second"].as_f64(),
        first["reply_bytes_per_second"].as_f64(),
    );
    assert!(answered > asked, "{first}");
    assert_eq!(row(&hot["keys"], "user:3").expect("it")["hit_ratio"], 0.0);
    let prefixes = shown(admin, "/api/v1/prefixes");
    assert_eq!(prefixes["prefixes"][0]["name"], "user:");
    let ratio = prefixes["prefixes"][0]["hit_ratio"].as_f64();
    assert!(ratio > Some(0.7) && ratio < Some(1.0), "{prefixes}");
    let stock = row(&prefixes["prefixes"], "stock:").expect("it");
    assert_eq!(stock["hit_ratio"], 0.0);
    // Machines are told how hot, and not which.
    let (_, page) = ask(admin, "GET", "/metrics", "", "");
    let told = page.lines().find_map(|line| {
        let value = line.strip_prefix("switchyard_proxy_hot_key_share_ratio ")?;
        value.parse::<f64>().ok()
    });
    assert!((told.expect("told") - expected).abs() < 0.1, "{told:?}");
    let biggest = page.contains("\nswitchyard_proxy_big_key_bytes ");
    assert!(biggest && !page.contains("user:"), "{page}");
}

#[test]
fn large_keys_are_seen_whatever_the_sample() {
    let (_nodes, proxy, admin) = start("1000000", &[]);
    let mut client = proxy.connect();
    let large = vec![b'x'; 3_000_000];
    client
        .send(&encode(&[b"SET" as &[u8], b"blob:1", &large]))
        .expect("sent");
    client.receive().expect("a reply");
    client.call(&["RPUSH", "list:1", &"y".repeat(30_000)]);
    client.call_words("GET blob:1");
    client.call_words("GET small:1");
    let sizes = || -> Vec<(String, u64, bool)> {
        let big = shown(admin, "/api/v1/big-keys");
        let largest = big["largest"].as_array().expect("an array");
        let size = |row: &Value| {
            let name = row["name"].as_str().expect("a name").to_owned();
            let bytes = row["bytes"].as_u64().expect("bytes");
            (name, bytes, row["is_reply"] == true)
        };
        largest.iter().map(size).collect()
    };
    eventually("they are known", || sizes().len() == 2);
    let sizes = sizes();
    let (name, bytes, _) = &sizes[0];
    assert_eq!(name, "blob:1");
    assert!((3_000_000..3_000_200).contains(bytes), "{sizes:?}");
    let (name, bytes, is_reply) = &sizes[1];
    assert_eq!((name.as_str(), *is_reply), ("list:1", false));
    assert!((30_000..30_200).contains(bytes), "{sizes:?}");
}

#[test]
fn info_tells_of_hot_keys_who_asks_for_them_by_name() {
    let (_nodes, proxy, admin) = start("1", &[]);
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.call_words("GET secret-name:1");
    }
    eventually("it is known", || {
        let text = client.call_words("INFO hotkeys").text();
        text.contains("name=secret-name:1\r\n")
    });
    let text = client.call_words("INFO hotkeys").text();
    assert!(
        text.starts_with("# Hotkeys\r\nhot_keys_sample:1\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nprefix_1:per_sec="), "{text}");
    let everything = client.call_words("INFO everything").text();
    assert!(everything.contains("# Hotkeys\r\n") && everything.contains("# Server\r\n"));
    for other in ["INFO", "INFO all", "INFO default", "INFO server"] {
        let text = client.call_words(other).text();
        assert!(!text.contains("secret-name"), "{other}: {text}");
    }
    // Where nobody is asked who he is.
    assert!(!get(admin, "/metrics").1.contains("secret-name"));
    assert!(!proxy.output().contains("secret-name"));
}

#[test]
fn names_of_keys_are_shown_to_who_may_give_orders_alone() {
    let (_nodes, proxy, admin) = start("1", &["--requirepass", "sesame"]);
    for path in ["/api/v1/hot-keys", "/api/v1/big-keys", "/api/v1/prefixes"] {
        assert_eq!(get(admin, path).0, 403, "{path}");
        assert_eq!(ask(admin, "GET", path, ORDER, "").0, 401, "{path}");
        let page = format!("{ORDER}Origin: http://a.example\r\n");
        assert_eq!(ask(admin, "GET", path, &page, "").0, 403, "{path}");
        let right = format!("{ORDER}Authorization: Bearer sesame\r\n");
        assert_eq!(ask(admin, "GET", path, &right, "").0, 200, "{path}");
    }
    let refused = proxy.connect().call_words("INFO hotkeys").text();
    assert!(refused.starts_with("NOAUTH"), "{refused}");
}

#[test]
fn who_wants_no_hot_keys_has_none() {
    let (_nodes, proxy, admin) = start("0", &[]);
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.call(&["SET", "a:1", &"x".repeat(20_000)]);
    }
    let hot = shown(admin, "/api/v1/hot-keys");
    assert_eq!(hot["sample"], 0);
    assert_eq!(hot["keys"], Value::Array(Vec::new()));
    let big = shown(admin, "/api/v1/big-keys");
    assert_eq!(big["largest"], Value::Array(Vec::new()));
    let text = client.call_words("INFO hotkeys").text();
    assert_eq!(
        text,
        "# Hotkeys\r\nhot_keys_sample:0\r\nkey_accesses_per_sec:0\r\n"
    );
}
