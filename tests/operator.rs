//! What an operator asks of a running proxy: `switchyard topology show` without a file, and `failover`.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::eventually::eventually;
use crate::support::servers::{
    SWITCHYARD, even_slots, free_address, start_node, start_proxy, topology_path, write_topology,
};

/// `switchyard topology WORDS --admin ADDRESS`, with `input` typed.
fn topology(words: &str, admin: SocketAddr, input: &str) -> Output {
    let mut child = Command::new(SWITCHYARD)
        .arg("topology")
        .args(words.split_whitespace())
        .args(["--admin", &admin.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut typed = child.stdin.take().expect("a pipe");
    // It may have ended before it reads.
    typed.write_all(input.as_bytes()).ok();
    drop(typed);
    child.wait_with_output().expect("own child")
}

fn refused(words: &str, admin: SocketAddr, input: &str, code: i32, text: &str) {
    let output = topology(words, admin, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}: {said}");
    assert!(said.contains(text), "{words}: {said}");
    assert!(output.stdout.is_empty(), "{words}");
}

#[test]
fn orders_for_a_shard_that_nobody_looks_after_are_refused_in_words() {
    let node = start_node(&[]);
    let admin = free_address();
    let _proxy = start_proxy(&[node.address], &["--admin", &admin.to_string()]);
    let alone = "shard s0 is a single plain node, and no proxy looks after it";
    eventually("it answers", || {
        topology("show", admin, "").status.success()
    });
    refused("failover s0", admin, "", 69, alone);
    refused("failover s7", admin, "", 69, "there is no shard s7");
    let loss = "failover s0 --accept-loss";
    refused(loss, admin, "burnt\ns0\n", 64, "needs --proof TEXT");
    let with_proof = "failover s0 --accept-loss --proof burnt";
    refused(with_proof, admin, "s1\n", 64, "nothing is changed");
    refused(with_proof, admin, "", 64, "nothing is changed");
    refused(with_proof, admin, "s0\n", 69, alone);
    let meaning = "gives up every acknowledged write that only nodes have which do not answer";
    for words in [with_proof, &format!("{with_proof} --yes")] {
        refused(words, admin, "s0\n", 69, meaning);
    }
    refused("failover s0", free_address(), "", 69, "cannot connect");
    refused("failover s0", node.address, "", 69, "does not speak HTTP");
}

/// A process that goes when the test does.
struct Watching(Child);

impl Watching {
    fn start(admin: SocketAddr, output: &Path) -> Self {
        let child = Command::new(SWITCHYARD)
            .args(["topology", "show", "--watch", "--admin", &admin.to_string()])
            .stdin(Stdio::null())
            .stdout(File::create(output).expect("a file in a temporary folder"))
            .spawn();
        Self(child.expect("the binary runs"))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn who_watches_sees_the_topology_again_whenever_it_changes() {
    let nodes = [start_node(&[]), start_node(&[])];
    let addresses = [nodes[0].address, nodes[1].address];
    let admin = free_address();
    let mut proxy = start_proxy(&addresses[..1], &["--admin", &admin.to_string()]);
    eventually("it answers", || {
        topology("show", admin, "").status.success()
    });
    let output = proxy.folder().join("watched");
    let _watching = Watching::start(admin, &output);
    let shown = |part: &str| {
        let text = fs::read_to_string(&output).unwrap_or_default();
        text.matches(part).count()
    };
    eventually("it is shown", || shown("version 1 has 1 shard") == 1);
    let file = topology_path(proxy.folder());
    let addresses = [addresses[1]];
    write_topology(&file, 2, &addresses, &even_slots(1));
    eventually("it is shown again", || shown("version 2 has 1 shard") == 1);
    let line = format!("\n  primary  n0 at {}\n", addresses[0]);
    assert_eq!(shown(&line), 1);
    assert_eq!(shown("version 1 has 1 shard"), 1, "only when it changes");
    proxy.kill();
    eventually("it says that the proxy is gone", || {
        shown("cannot connect") == 1
    });
}

#[test]
fn what_is_refused_for_its_slots_is_told_with_the_rule_that_would_have_helped() {
    let nodes = [start_node(&[]), start_node(&[]), start_node(&[])];
    let addresses = nodes.each_ref().map(|node| node.address);
    let admin = free_address();
    let proxy = start_proxy(&addresses, &["--admin", &admin.to_string()]);
    let advice = |words: &str| {
        let output = topology(words, admin, "");
        assert!(output.status.success(), "{words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    eventually("it answers", || {
        topology("advise", admin, "").status.success()
    });
    assert!(advice("advise").starts_with("nothing was refused"));
    let mut client = proxy.connect();
    let transaction = ["MULTI", "SET order:1 a", "SET stock:9 b", "DISCARD"];
    for line in [
        "RENAME order:1 stock:9",
        "LMOVE order:2 stock:8 LEFT LEFT",
        "EVAL return(1) 2 order:1 stock:9",
        "BLMOVE stock:9 order:1 LEFT LEFT 1",
        "SINTERSTORE cart:1 cart:2",
    ]
    .iter()
    .chain(&transaction)
    {
        let reply = client.call_words(line);
        if let Some(error) = reply.error_text() {
            let refused = "CROSSSLOT Keys in request don't hash to the same slot: '";
            assert!(error.starts_with(refused), "{line}: {error}");
            assert!(
                error.contains("rule [[colocate]] with keys = [\""),
                "{error}"
            );
        }
    }
    let mut rule = String::new();
    eventually("all are told", || {
        let text = advice("advise");
        let worst = text
            .split_once("5 times, such as \"order:")
            .map(|(_, rest)| rest);
        let found = worst.and_then(|rest| rest.split_once("\n\n"));
        rule = found.map_or(String::new(), |(_, rest)| rest.to_owned());
        text.starts_with("6 requests were refused") && !rule.is_empty()
    });
    let rule = rule.split_once("\n\n").expect("one rule and more").0;
    assert_eq!(
        rule,
        "[[colocate]]\nname = \"order\"\nkeys = [\"order:*\", \"stock:*\"]"
    );
    let json = advice("advise --json");
    for part in [
        "\"refused\":6",
        "\"prefixes\":[\"order:\",\"stock:\"]",
        "\"replaces\":[]",
    ] {
        assert!(json.contains(part), "{part}: {json}");
    }
    // Without the rule it is refused, with it the same works.
    let path = topology_path(proxy.folder());
    let text = fs::read_to_string(&path).expect("it is there");
    let (_, rest) = text.split_once('\n').expect("lines");
    let text = format!("version = 2\nkey-loss-accepted-at-version = 2\n{rest}\n{rule}\n");
    let new = path.with_extension("new");
    fs::write(&new, text).expect("written");
    fs::rename(&new, &path).expect("in place");
    eventually("the rule is in use", || {
        client.call_words("SET order:1 a").error_text().is_none()
            && client
                .call_words("RENAME order:1 stock:9")
                .error_text()
                .is_none()
    });
    for line in transaction[..3].iter().chain(&["EXEC"]) {
        assert_eq!(client.call_words(line).error_text(), None, "{line}");
    }
    let text = advice("advise");
    assert!(
        !text.contains("order") && text.contains("\"cart:"),
        "{text}"
    );
}
