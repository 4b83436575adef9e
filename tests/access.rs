//! Users: how they log in, what they may do, what is noted when they may not, and what becomes of their connections when they change.

use std::path::Path;

use crate::support::eventually::eventually;
use crate::support::servers::{self, Server};
use crate::support::{Client, Reply, encode};

/// Sends a line and gives the reply as text: errors as they are, others as they are shown.
fn said(client: &mut Client, line: &str) -> String {
    let reply = client.call_words(line);
    reply.error_text().unwrap_or_else(|| match &reply {
        Reply::Simple(text) | Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    })
}

fn check(client: &mut Client, script: &[(&str, &str)]) {
    for (line, expected) in script {
        assert_eq!(said(client, line), *expected, "{line}");
    }
}

const NO_KEY: &str =
    "NOPERM this user has no permissions to access one of the keys used as arguments";
const NO_CHANNEL: &str =
    "NOPERM this user has no permissions to access one of the channels used as arguments";
const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

/// A node with a file of users, which is empty.
fn node_with_file() -> (Server, std::path::PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, "").expect("written");
    let node = servers::start_node(&["--aclfile", &path.display().to_string()]);
    (node, path, folder)
}

/// What both nodes and proxies do.
fn users_have_their_limits(mut admin: Client, mut user: Client) {
    check(
        &mut admin,
        &[
            ("ACL WHOAMI", "default"),
            (
                "ACL SETUSER u on >pw +@read +@connection +set ~a* %R~r*",
                "OK",
            ),
            ("SET r 1", "OK"),
        ],
    );
    check(
        &mut user,
        &[
            ("AUTH u wrong", WRONG),
            ("AUTH nobody pw", WRONG),
            ("AUTH u pw", "OK"),
            ("SET a1 x", "OK"),
            ("GET a1", "x"),
            ("GET r", "1"),
            ("SET r 2", NO_KEY),
            ("GET b", NO_KEY),
            (
                "DEL a1",
                "NOPERM this user has no permissions to run the 'del' command",
            ),
            (
                "CONFIG GET x",
                "NOPERM this user has no permissions to run the 'config|get' command",
            ),
            (
                "MULTI",
                "NOPERM this user has no permissions to run the 'multi' command",
            ),
        ],
    );
    check(&mut admin, &[("ACL SETUSER u +@transaction", "OK")]);
    check(
        &mut user,
        &[
            ("MULTI", "OK"),
            ("GET b", NO_KEY),
            (
                "EXEC",
                "EXECABORT Transaction discarded because of previous errors.",
            ),
            ("MULTI", "OK"),
            ("GET a1", "QUEUED"),
        ],
    );
    let list = said(&mut admin, "CLIENT LIST");
    assert!(list.contains(" user=u "), "{list}");
}

#[test]
fn users_of_a_node_have_their_limits() {
    let node = servers::start_node(&[]);
    users_have_their_limits(node.connect(), node.connect());
}

#[test]
fn users_of_a_proxy_have_their_limits() {
    let cluster = servers::Cluster::start(3);
    users_have_their_limits(cluster.connect(), cluster.connect());
    // They are the proxy's own.
    assert_eq!(
        said(&mut cluster.nodes[0].connect(), "ACL USERS"),
        "[\"default\"]"
    );
}

#[test]
fn what_a_node_refuses_is_noted() {
    let node = servers::start_node(&["--acllog-max-len", "3"]);
    what_is_refused_is_noted(node.connect(), node.connect());
    let info = said(&mut node.connect(), "INFO stats");
    for line in [
        "acl_access_denied_auth:1",
        "acl_access_denied_cmd:1",
        "acl_access_denied_key:3",
    ] {
        assert!(info.contains(line), "{line}: {info}");
    }
}

#[test]
fn what_a_proxy_refuses_is_noted() {
    let cluster = servers::Cluster::start_with(2, &[], &["--acllog-max-len", "3"]);
    what_is_refused_is_noted(cluster.connect(), cluster.connect());
}

/// Three refusals are kept, the newest first.
fn what_is_refused_is_noted(mut admin: Client, mut user: Client) {
    check(
        &mut admin,
        &[("ACL SETUSER u on nopass +@all -acl ~a &c", "OK")],
    );
    check(
        &mut user,
        &[
            ("AUTH u x", "OK"),
            (
                "ACL WHOAMI",
                "NOPERM this user has no permissions to run the 'acl|whoami' command",
            ),
            ("GET b", NO_KEY),
            ("GET b", NO_KEY),
            ("GET c", NO_KEY),
            ("AUTH v x", WRONG),
        ],
    );
    let log = admin.call_words("ACL LOG");
    let entries = log.elements();
    let field = |entry: usize, at: usize| entries[entry].elements()[2 * at + 1].text();
    assert_eq!(entries.len(), 3, "{log:?}");
    let shown: Vec<[String; 4]> = (0..3)
        .map(|entry| [1, 2, 3, 4].map(|at| field(entry, at)))
        .collect();
    assert_eq!(
        shown,
        [
            ["auth", "toplevel", "AUTH", "v"],
            ["key", "toplevel", "c", "u"],
            ["key", "toplevel", "b", "u"],
        ]
    );
    assert_eq!(entries[2].elements()[1].integer(), 2, "both are one");
    assert!(field(2, 6).contains(" cmd=get user=u "), "{log:?}");
    check(&mut admin, &[("ACL LOG RESET", "OK"), ("ACL LOG", "[]")]);
}

#[test]
fn channels_are_asked_for_as_keys_are() {
    let node = servers::start_node(&[]);
    let (mut admin, mut user) = (node.connect(), node.connect());
    check(&mut admin, &[("ACL SETUSER u on nopass +@all &c*", "OK")]);
    check(
        &mut user,
        &[
            ("AUTH u x", "OK"),
            ("PUBLISH d x", NO_CHANNEL),
            ("PUBLISH cd x", ":0"),
            ("SUBSCRIBE c d", NO_CHANNEL),
            ("PSUBSCRIBE c?", NO_CHANNEL),
            ("PSUBSCRIBE c*", "[\"psubscribe\", \"c*\", :1]"),
        ],
    );
    let log = admin.call_words("ACL LOG 1");
    assert_eq!(log.elements()[0].elements()[7].text(), "c?", "{log:?}");
}

#[test]
fn a_proxy_looks_at_its_file_and_cuts_who_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.acl");
    let write = |text: &str| std::fs::write(&path, text).expect("written");
    write("user u on nopass +@all ~*\nuser default on >pw +@all ~* &*\n");
    let file = path.display().to_string();
    let cluster = servers::Cluster::start_with(2, &[], &["--aclfile", &file]);
    let enter = |line: &str| {
        let mut client = cluster.connect();
        assert_eq!(said(&mut client, line), "OK");
        client
    };
    let (mut admin, mut user, mut silent) =
        (enter("AUTH pw"), enter("AUTH u x"), enter("AUTH u x"));
    check(
        &mut user,
        &[("SET k 1", "OK"), ("MULTI", "OK"), ("SET k 2", "QUEUED")],
    );
    // What ACL SETUSER changes holds at once, and is in the file when ACL SAVE says so.
    check(&mut admin, &[("ACL SETUSER u resetkeys ~j", "OK")]);
    let refused = said(&mut user, "EXEC");
    assert!(
        refused
            .starts_with("EXECABORT Transaction discarded because of: NOPERM ACLs rules changed"),
        "{refused}"
    );
    check(
        &mut user,
        &[("GET k", NO_KEY), ("SET j 1", "OK"), ("GET j", "1")],
    );
    check(&mut admin, &[("ACL SAVE", "OK")]);
    let saved = std::fs::read_to_string(&path).expect("saved");
    assert!(
        saved.contains("user u on nopass ~j resetchannels +@all\n"),
        "{saved}"
    );
    // A file of which anything is wrong changes nothing.
    write("user u on nopass +@all ~*\nuser v +nosuch\n");
    let wrong = said(&mut admin, "ACL LOAD");
    assert!(
        wrong.contains("users.acl:2: Error in applying operation '+nosuch'"),
        "{wrong}"
    );
    check(&mut user, &[("GET k", NO_KEY)]);
    write("user w on nopass +@all ~*\nuser default on >pw +@all ~* &*\n");
    assert!(
        silent.is_closed_by_server(),
        "its user is gone, though it says nothing"
    );
    assert!(user.is_closed_by_server());
    check(&mut enter("AUTH w x"), &[("GET k", "1")]);
    write(&saved);
    check(&mut admin, &[("ACL LOAD", "OK")]);
    check(&mut enter("AUTH u x"), &[("GET k", NO_KEY)]);
    let mut own = enter("AUTH u x");
    check(&mut own, &[("ACL DELUSER u", ":1")]);
    assert!(own.is_closed_by_server());
}

#[test]
fn what_was_queued_is_asked_again_when_it_runs() {
    let node = servers::start_node(&[]);
    let (mut admin, mut user) = (node.connect(), node.connect());
    check(&mut admin, &[("ACL SETUSER u on nopass +@all ~*", "OK")]);
    check(
        &mut user,
        &[
            ("AUTH u x", "OK"),
            ("MULTI", "OK"),
            ("SET a 1", "QUEUED"),
            ("SET b 1", "QUEUED"),
        ],
    );
    check(&mut admin, &[("ACL SETUSER u resetkeys ~a", "OK")]);
    let ran = user.call_words("EXEC");
    assert_eq!(ran.elements()[0], Reply::ok());
    let refused = ran.elements()[1].error_text().unwrap_or_default();
    assert_eq!(
        refused,
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to touch the specified keys"
    );
    check(&mut admin, &[("GET a", "1"), ("EXISTS b", ":0")]);
    let log = admin.call_words("ACL LOG 1");
    assert_eq!(log.elements()[0].elements()[5].text(), "multi", "{log:?}");
}

#[test]
fn whose_user_goes_or_hears_less_is_cut() {
    let node = servers::start_node(&[]);
    let mut admin = node.connect();
    let enter = |name: &str| {
        let mut client = node.connect();
        assert_eq!(said(&mut client, &format!("AUTH {name} x")), "OK");
        client
    };
    for name in ["gone", "deaf", "kept", "killed"] {
        let line = format!("ACL SETUSER {name} on nopass +@all ~* &a* &b");
        check(&mut admin, &[(&line, "OK")]);
    }
    let (mut gone, mut deaf) = (enter("gone"), enter("deaf"));
    let (mut kept, mut killed) = (enter("kept"), enter("killed"));
    deaf.call_words("SUBSCRIBE b");
    kept.call_words("SUBSCRIBE ab");
    check(
        &mut admin,
        &[
            ("ACL DELUSER gone nobody", ":1"),
            ("ACL SETUSER deaf resetchannels &a*", "OK"),
            ("ACL SETUSER kept resetchannels &a*", "OK"),
            ("CLIENT KILL USER nobody", "ERR No such user 'nobody'"),
            ("CLIENT KILL USER killed", ":1"),
            ("PUBLISH ab x", ":1"),
        ],
    );
    for client in [&mut gone, &mut deaf, &mut killed] {
        assert!(client.is_closed_by_server());
    }
    assert_eq!(kept.receive().expect("a message").elements()[2].text(), "x");
    // Whoever removes itself hears that it has.
    check(&mut admin, &[("ACL SETUSER self on nopass +@all", "OK")]);
    let mut own = enter("self");
    check(&mut own, &[("ACL DELUSER self", ":1")]);
    assert!(own.is_closed_by_server());
}

#[test]
fn requirepass_is_the_password_of_the_default_user() {
    let node = servers::start_node(&["--requirepass", "pw"]);
    let mut admin = node.connect();
    check(
        &mut admin,
        &[
            ("ACL WHOAMI", "NOAUTH Authentication required."),
            ("AUTH pw", "OK"),
            ("CONFIG SET requirepass other", "OK"),
        ],
    );
    let mut second = node.connect();
    check(
        &mut second,
        &[
            ("AUTH pw", WRONG),
            ("AUTH default other", "OK"),
            (
                "CONFIG SET requirepass",
                "ERR wrong number of arguments for 'config|set' command",
            ),
        ],
    );
    assert_eq!(
        second.call(&["CONFIG", "SET", "requirepass", ""]),
        Reply::ok()
    );
    check(&mut node.connect(), &[("PING", "PONG")]);
    check(&mut second, &[("ACL SETUSER default off", "OK")]);
    check(
        &mut node.connect(),
        &[
            ("PING", "NOAUTH Authentication required."),
            ("AUTH default x", WRONG),
        ],
    );
}

#[test]
fn a_node_reads_its_users_again_and_writes_them() {
    let (mut node, path, _folder) = node_with_file();
    let mut admin = node.connect();
    check(
        &mut admin,
        &[
            ("ACL SETUSER u on >pw +get ~a*", "OK"),
            ("ACL SAVE", "OK"),
            ("ACL SETUSER v on nopass +@all", "OK"),
        ],
    );
    let text = std::fs::read_to_string(&path).expect("saved");
    assert!(text.contains("\nuser u on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 ~a* resetchannels -@all +get\n"), "{text}");
    let mut gone = node.connect();
    check(&mut gone, &[("AUTH v x", "OK")]);
    // A file of which anything is wrong changes nothing.
    std::fs::write(&path, "user w on\nuser w off\nfoo\n").expect("written");
    let wrong = said(&mut admin, "ACL LOAD");
    let at = path.display();
    assert_eq!(
        wrong,
        format!(
            "ERR WARNING: Duplicate user 'w' found on line 2. {at}:3 should start with user keyword followed by the username. WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        )
    );
    check(&mut gone, &[("ACL WHOAMI", "v")]);
    std::fs::write(&path, &text).expect("written");
    check(&mut admin, &[("ACL LOAD", "OK")]);
    assert!(gone.is_closed_by_server(), "there is no such user any more");
    // Whoever asks and goes by it hears that it is done.
    let mut own = node.connect();
    check(&mut admin, &[("ACL SETUSER self on nopass +@all", "OK")]);
    check(&mut own, &[("AUTH self x", "OK"), ("ACL LOAD", "OK")]);
    assert!(own.is_closed_by_server());
    std::fs::remove_file(&path).expect("removed");
    let missing = said(&mut admin, "ACL LOAD");
    assert_eq!(
        missing,
        format!("ERR Error loading ACLs, opening file '{at}': No such file or directory")
    );
    check(&mut admin, &[("ACL SAVE", "OK")]);
    node.kill();
    node.restart();
    let mut user = node.connect();
    check(&mut user, &[("AUTH u pw", "OK"), ("GET b", NO_KEY)]);
}

#[test]
fn a_node_without_a_file_says_so_and_a_broken_one_keeps_it_from_starting() {
    let node = servers::start_node(&[]);
    let text = said(&mut node.connect(), "ACL SAVE");
    assert!(
        text.starts_with("ERR This Redis instance is not configured to use an ACL file."),
        "{text}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, "user u +nosuch\n").expect("written");
    let output = start_with_file(&path);
    assert!(
        output.contains("users.acl:1: Error in applying operation '+nosuch': Unknown command"),
        "{output}"
    );
}

/// What a node says that cannot start with this file.
fn start_with_file(path: &Path) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_switchyard"))
        .args(["node", "--listen", "127.0.0.1:0", "--aclfile"])
        .arg(path)
        .output()
        .expect("run");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn sort_looks_at_other_keys_for_those_alone_who_may_read_all() {
    let node = servers::start_node(&[]);
    let (mut admin, mut user) = (node.connect(), node.connect());
    check(
        &mut admin,
        &[
            ("RPUSH l 1", ":1"),
            ("ACL SETUSER u on nopass +@all %R~l %W~*", "OK"),
        ],
    );
    let by = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    let get = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    check(
        &mut user,
        &[
            ("AUTH u x", "OK"),
            ("SORT l BY w_*", by),
            ("SORT_RO l BY w_*", by),
            ("SORT l BY nosort GET #", get),
            (
                "SORT l LIMIT x y BY w_*",
                "ERR value is not an integer or out of range",
            ),
            ("SORT l STORE m", ":1"),
        ],
    );
    check(&mut admin, &[("ACL SETUSER u %R~*", "OK")]);
    eventually("the user may read all", || {
        said(&mut user, "SORT l BY w_*") != by
    });
}

#[test]
fn a_command_that_waits_comes_to_its_end_whatever_becomes_of_its_users_rights() {
    let cluster = servers::Cluster::start(2);
    let (mut admin, mut user) = (cluster.connect(), cluster.connect());
    let commands = [
        ("ACL SETUSER u on nopass ~* &* +@all", "OK"),
        ("CLIENT SETNAME admin", "OK"),
    ];
    check(&mut admin, &commands);
    check(&mut user, &[("AUTH u x", "OK")]);
    user.send(&encode(&["BLPOP", "k", "0"])).expect("sent");
    eventually("it waits", || {
        admin.call_words("CLIENT LIST").text().contains("flags=b")
    });
    check(
        &mut admin,
        &[
            ("ACL SETUSER u -blpop resetkeys", "OK"),
            ("RPUSH k a b", ":2"),
        ],
    );
    let popped = user.receive().expect("an element");
    assert_eq!(
        popped,
        Reply::Array(vec![Reply::bulk("k"), Reply::bulk("a")])
    );
    let refused = said(&mut user, "BRPOP other 0.1");
    assert_eq!(refused, NO_KEY);
    check(&mut admin, &[("LRANGE k 0 -1", "[\"b\"]")]);
}

#[test]
fn a_user_that_may_not_hear_what_it_is_about_to_is_cut_and_nobody_else() {
    let cluster = servers::Cluster::start(2);
    let mut admin = cluster.connect();
    // Which of the two commands comes first is open where the first confirmation is not waited for.
    for is_waited_for in [true, false, false, false] {
        let mut user = cluster.connect();
        check(&mut admin, &[("ACL SETUSER u on nopass ~* &* +@all", "OK")]);
        check(&mut user, &[("AUTH u x", "OK")]);
        let mut words = vec!["SUBSCRIBE".to_owned()];
        words.extend((0..20_000).map(|number| format!("c{number}")));
        user.send(&encode(&words)).expect("sent");
        if is_waited_for {
            user.receive().expect("the first confirmation");
        }
        let change = "ACL SETUSER u -subscribe resetchannels &other";
        check(&mut admin, &[(change, "OK")]);
        let is_refused = loop {
            match user.receive() {
                Ok(Reply::Error(text)) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    assert!(text.starts_with("NOPERM"), "{text}");
                    break true;
                }
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        if is_refused {
            assert!(!is_waited_for, "what has begun is cut, not refused");
            check(&mut user, &[("PING", "PONG")]);
        } else {
            assert!(user.is_closed_by_server());
        }
        check(&mut admin, &[("PING", "PONG")]);
        eventually("nothing of it is left", || {
            said(&mut admin, "PUBSUB CHANNELS") == "[]"
        });
    }
}
