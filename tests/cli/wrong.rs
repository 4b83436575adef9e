//! What is wrong and what is printed for it: where, what, what next.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{SWITCHYARD, check, run, text};

/// A file, the command that reads it, the exit code, and what is printed; `FILE` is its path.
const FILES: &[(&str, &str, i32, &str)] = &[
    (
        "[proxy]\nthreads = 2\n",
        "node --config FILE",
        78,
        "FILE: has no section [node], only [proxy]: it is for `switchyard proxy --config`; for a node write [node] above its settings",
    ),
    (
        "hz = 10\n",
        "node --config FILE",
        78,
        "FILE:1: unknown key \"hz\" in the top level; write [node] on a line above it",
    ),
    (
        "[node]\nmaxmemroy = \"1gb\"\nhz = 0\n",
        "node --config FILE",
        78,
        "FILE:2: unknown key \"maxmemroy\" in [node]; did you mean \"maxmemory\"?\nFILE:3: hz: 0 is out of range; it may be 1 to 500",
    ),
    (
        "[node]\nmaxmemory = \"1 gigabyte\"\n",
        "node --config FILE",
        78,
        "FILE:2: maxmemory: \"1 gigabyte\" is not a number of bytes; write a whole number and, if you like, one of b, k, kb, m, mb, g, gb, t, tb, as in \"64mb\"",
    ),
    (
        "[node]\nslowlog-log-slower-than = 10000\n",
        "node --config FILE",
        78,
        "FILE:2: slowlog-log-slower-than: \"10000\" has no unit, and redis.conf counts this one in us; write \"10000us\", or what you mean",
    ),
    (
        "[node]\nclient-query-buffer-limit = \"8gb\"\n",
        "node --config FILE",
        78,
        "FILE:2: client-query-buffer-limit: 8gb is out of range; it may be 1mb to 3gb",
    ),
    (
        "[node]\nclient-output-soft-limit = \"2gb\"\n",
        "node --config FILE",
        78,
        "FILE:2: client-output-soft-limit (2gb) is more than client-output-hard-limit (1gb)",
    ),
    (
        "[node]\nlisten = 6379\n",
        "node --config FILE",
        78,
        "FILE:2: listen: \"6379\" is not an address; write host:port, as in \"127.0.0.1:6379\"",
    ),
    (
        "[node]\nhz = 10\nhz = 20\n",
        "node --config FILE",
        78,
        "FILE:3: not TOML: duplicate key",
    ),
    (
        "[proxy]\ntls-cert-file = \"cert.pem\"\n",
        "proxy --config FILE",
        78,
        "FILE:2: tls-cert-file without tls-listen: nobody would be shown it; set tls-listen to HOST:PORT",
    ),
    (
        "[proxy]\nlisten = \"off\"\n",
        "proxy --config FILE",
        78,
        "FILE:2: neither listen nor tls-listen names an address, so no client could connect; set one to HOST:PORT",
    ),
    (
        "version = 1\n[[node]]\nid = \"n1\"\naddress = \"127.0.0.1:7001\"\nadress = \"x\"\n[[node]]\nid = \"n1\"\naddress = \"127.0.0.1:0\"\n[[shard]]\nid = \"s1\"\nprimary = \"n9\"\nslots = \"0-100\"\n",
        "topology check FILE",
        65,
        "FILE: slots 101-16383 are owned by no shard\nFILE:5: unknown key \"adress\" in [[node]]; did you mean \"address\"?\nFILE:6: two nodes are called n1; give each a name of its own\nFILE:6: node n1 has port 0, which nobody can connect to\nFILE:9: shard s1 names node n9, which does not exist",
    ),
    (
        "version = 1\nkey-loss-accepted-at-version = 2\n",
        "topology check FILE",
        65,
        "FILE:2: key-loss-accepted-at-version is ahead of the file's own version; it says at which version slots change hands, this one or one before it",
    ),
];

/// A command line, the exit code, and what is printed.
const LINES: &[(&str, i32, &str)] = &[
    (
        "proxy --topology /nowhere/topology.toml",
        66,
        "/nowhere/topology.toml: there is no such file; it says which nodes there are. Make one: switchyard topology init --node HOST:PORT --output /nowhere/topology.toml; or name another with --topology",
    ),
    (
        "up --node listen=127.0.0.1:1",
        64,
        "--node listen=127.0.0.1:1: each node of `up` takes a free port of the loopback interface; start nodes by themselves with `switchyard node`",
    ),
    (
        "up --proxy topology=t.toml",
        64,
        "--proxy topology=t.toml: `up` makes the topology of its nodes; for another one start the proxy by itself with `switchyard proxy`",
    ),
    (
        "up --proxy node-password=x",
        64,
        "--proxy node-password: it is the nodes' own password; set that with --node requirepass=PASSWORD",
    ),
    (
        "up --maxmemory 2gb --node maxmemory=1gb",
        64,
        "--node maxmemory=1gb beside --maxmemory: both set it; leave one out",
    ),
    (
        "up --node hz=1 --node hz=2",
        64,
        "--node hz=2: hz is given twice; leave one out",
    ),
    (
        "up --node requirepass=one --node requirepass=two",
        64,
        "--node requirepass: requirepass is given twice; leave one out",
    ),
    (
        "up --node foo=1 --proxy timeout=abc",
        78,
        "--node foo: there is no such setting of the node\n--proxy timeout: \"abc\" is not a duration; write a whole number of seconds, or one with ns, us, ms, s, m, h or d, as in \"250ms\"",
    ),
    (
        "up --listen 6379",
        78,
        "--listen: \"6379\" is not an address; write host:port, as in \"127.0.0.1:6379\", or \"off\"",
    ),
    (
        "up --proxy databases=32",
        64,
        "--proxy databases=32: the nodes have 16; give them as many with --node databases=32",
    ),
    (
        "up --proxy tls-cert-file=cert.pem",
        78,
        "--proxy tls-cert-file: tls-cert-file without tls-listen: nobody would be shown it; set tls-listen to HOST:PORT",
    ),
    (
        "node --timeout 5x",
        78,
        "--timeout: \"5x\" has an unknown unit; it may be ns, us, ms, s, m, h or d",
    ),
    (
        "node --listen 6379",
        78,
        "--listen: \"6379\" is not an address; write host:port, as in \"127.0.0.1:6379\"",
    ),
    (
        "node --listen 10.255.255.1:7000",
        69,
        "cannot listen on 10.255.255.1:7000: no interface of this machine has that address; choose another with --listen: Cannot assign requested address (os error 99)",
    ),
    (
        "proxy --listen 127.0.0.1:0 --admin off --topology etcd://127.0.0.1:1/switchyard",
        69,
        "there is no topology to be had where --topology names one; see that etcd serves there: etcd at 127.0.0.1:1 cannot be reached: Connection refused (os error 111)",
    ),
    (
        "topology diff /nowhere/a.toml /nowhere/b.toml",
        66,
        "/nowhere/a.toml: there is no such file",
    ),
];

#[test]
fn wrong_files_are_told_with_their_place_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, (content, line, code, printed)) in FILES.iter().enumerate() {
        let file = folder.path().join(format!("{number}.toml"));
        fs::write(&file, content).expect("written");
        let file = file.display().to_string();
        let printed = format!("switchyard: {}\n", printed.replace("FILE", &file));
        check(&line.replace("FILE", &file), *code, &printed);
    }
}

#[test]
fn wrong_command_lines_are_told_with_what_to_do() {
    for (line, code, printed) in LINES {
        check(line, *code, &format!("switchyard: {printed}\n"));
    }
}

#[test]
fn a_step_that_leaves_keys_behind_is_told_before_it_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (old, new) = (path("old.toml"), path("new.toml"));
    let nodes = "--node 127.0.0.1:7001 --node 127.0.0.1:7002";
    check(&format!("topology init {nodes} --output {old}"), 0, "");
    let before = fs::read_to_string(&old).expect("read");
    let write = |version: &str| {
        let text = before
            .replace("\nversion = 1\n", &format!("\n{version}\n"))
            .replace("\"0-548 ", "\"101-548 ")
            .replace("\"549-1174 ", "\"0-100 549-1174 ");
        fs::write(&new, text).expect("written");
    };
    write("version = 2");
    let compared = run(&format!("topology diff {old} {new}"));
    assert_eq!(
        text(&compared.stdout),
        "version 1 → 2\n101 slots move from s1 to s2: 0-100\n101 slots in all without their keys, which do not travel: they stay behind, out of reach. Proxies refuse it unless it says key-loss-accepted-at-version = 2\n"
    );
    check(
        &format!("topology check {new} --after {old}"),
        65,
        &format!(
            "switchyard: {new}: version 1 → 2: 101 slots change hands, and their keys do not travel: they would stay behind, out of reach; where this is meant, write key-loss-accepted-at-version = 2 above the first table of the file\n"
        ),
    );
    write("version = 2\nkey-loss-accepted-at-version = 2");
    let checked = run(&format!("topology check {new} --after {old}"));
    let lines = text(&checked.stdout);
    assert!(checked.status.success(), "{lines}");
    assert!(
        lines.ends_with("  note: 101 slots without their keys, as the file says\n"),
        "{lines}"
    );
    let compared = run(&format!("topology diff {old} {new}"));
    assert!(
        text(&compared.stdout)
            .ends_with("Proxies take it up, for it says key-loss-accepted-at-version\n")
    );
    check(
        &format!("topology check {old} --after {new}"),
        65,
        &format!(
            "switchyard: {old}: version 1 does not follow version 2; proxies take up a greater one only\n"
        ),
    );
}

#[test]
fn a_primary_at_another_address_is_told_to_be_without_its_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (old, new) = (path("old.toml"), path("new.toml"));
    let nodes = "--node 127.0.0.1:7001 --node 127.0.0.1:7002";
    check(&format!("topology init {nodes} --output {old}"), 0, "");
    let before = fs::read_to_string(&old).expect("read");
    let after = before
        .replace("\nversion = 1\n", "\nversion = 2\n")
        .replace("127.0.0.1:7002", "127.0.0.1:7003");
    fs::write(&new, after).expect("written");
    let said = "shard s2: its primary n2 is at another address, 127.0.0.1:7003, and keys do not travel: they are lost unless the same process, or one that has them, answers there\n";
    let compared = run(&format!("topology diff {old} {new}"));
    assert!(
        text(&compared.stdout).ends_with(said),
        "{}",
        text(&compared.stdout)
    );
    let checked = run(&format!("topology check {new} --after {old}"));
    let lines = text(&checked.stdout);
    assert!(checked.status.success(), "{lines}");
    assert!(
        lines.ends_with(&format!(
            "  note: {said}  note: no slot changes hands between shards\n"
        )),
        "{lines}"
    );
}

#[test]
fn whoever_runs_the_proxy_may_read_a_new_topology() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("topology.toml");
    let line = "umask 077; exec \"$0\" topology init --node 127.0.0.1:7001 --output \"$1\"";
    let made = Command::new("sh")
        .args(["-c", line, SWITCHYARD])
        .arg(&file)
        .status();
    assert!(made.expect("a shell").success());
    let mode = fs::metadata(&file).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}
