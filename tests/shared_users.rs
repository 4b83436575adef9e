//! Users in the topology's store: the same for all proxies of it, in a file and in a real etcd, whatever becomes of the store.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::etcd::Members;
use crate::support::eventually::eventually;
use crate::support::servers::{SWITCHYARD, Server, free_address, start_node};
use crate::support::{Client, Reply};

/// Two users: who may do everything, and who may do little.
const USERS: &str =
    "user default on >admin ~* &* +@all\nuser shop on >shop-secret ~cart:* +@all -@dangerous\n";

const NO_KEY: &str =
    "NOPERM this user has no permissions to access one of the keys used as arguments";

/// A store with a topology of one node.
struct Stage {
    folder: tempfile::TempDir,
    etcd: Option<Members>,
    place: String,
    node: Server,
}

impl Stage {
    fn in_file() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("topology.toml").display().to_string();
        Self::at(folder, None, place)
    }

    fn in_etcd() -> Self {
        let etcd = Members::start(1);
        eventually("etcd serves", || etcd.serves(0));
        let place = format!("etcd://127.0.0.1:{}/shop", etcd.port(0));
        Self::at(tempfile::tempdir().expect("a folder"), Some(etcd), place)
    }

    fn at(folder: tempfile::TempDir, etcd: Option<Members>, place: String) -> Self {
        let node = start_node(&[]);
        let stage = Self {
            folder,
            etcd,
            place,
            node,
        };
        let node = stage.node.address.to_string();
        stage.done(&[
            "topology",
            "init",
            "--node",
            &node,
            "--output",
            &stage.place,
        ]);
        stage
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(SWITCHYARD);
        command.args(words).output().expect("the binary runs")
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("users.acl");
        std::fs::write(&path, text).expect("written");
        path
    }

    fn put(&self, text: &str) -> String {
        let file = self.file(text).display().to_string();
        self.done(&["users", "put", &file, "--to", &self.place])
    }

    fn show(&self) -> String {
        self.done(&["users", "show", &self.place])
    }

    fn proxy(&self) -> Server {
        Server::start(SWITCHYARD, |address, _| {
            let words = [
                "proxy",
                "--listen",
                &address.to_string(),
                "--topology",
                &self.place,
                "--admin",
                "off",
                "--users",
                "store",
            ];
            words.map(str::to_owned).into()
        })
    }
}

fn said(client: &mut Client, line: &str) -> String {
    let reply = client.call_words(line);
    reply.error_text().unwrap_or_else(|| reply.text())
}

/// A client that has come in so.
fn enter(proxy: &Server, words: &str) -> Client {
    let mut client = proxy.connect();
    assert_eq!(said(&mut client, words), "OK", "{words}");
    client
}

fn lets_in(proxy: &Server, words: &str) -> bool {
    said(&mut proxy.connect(), words) == "OK"
}

/// What holds whatever the store is.
fn all_proxies_have_the_same_users(stage: &Stage) {
    let first = stage.put(USERS);
    assert!(first.ends_with(": 2 users, the first ones\n"), "{first}");
    let shown = stage.show();
    assert!(
        shown.contains("user shop on #") && !shown.contains("secret"),
        "{shown}"
    );
    let proxies = [stage.proxy(), stage.proxy()];
    let refused = said(&mut proxies[0].connect(), "GET cart:1");
    assert!(refused.starts_with("NOAUTH"), "{refused}");
    for proxy in &proxies {
        let mut user = enter(proxy, "AUTH shop shop-secret");
        assert_eq!(said(&mut user, "SET cart:1 x"), "OK");
        assert_eq!(said(&mut user, "GET other"), NO_KEY);
    }
    // What is put there holds at all of them, and whose user has gone is cut.
    let mut cut = enter(&proxies[1], "AUTH shop shop-secret");
    stage.put("user default on >admin ~* &* +@all\nuser cook on >c ~* +@all\n");
    for proxy in &proxies {
        eventually("it is taken up", || lets_in(proxy, "AUTH cook c"));
        assert!(!lets_in(proxy, "AUTH shop shop-secret"));
    }
    assert!(cut.is_closed_by_server());
    // Of what is wrong nothing is put there.
    let wrong = stage.file("user default on >admin ~* &* +@all\nuser v +nosuch\n");
    let wrong = wrong.display().to_string();
    let output = stage.run(&["users", "put", &wrong, "--to", &stage.place]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(
        told.contains("users.acl:2: ") && told.contains("'+nosuch'"),
        "{told}"
    );
    assert!(stage.show().contains("user cook "));
    // A proxy puts there what was changed at it, unless others have been put there since.
    let mut admin = enter(&proxies[0], "AUTH admin");
    assert_eq!(said(&mut admin, "ACL SETUSER waiter on >w ~* +get"), "OK");
    assert!(!lets_in(&proxies[1], "AUTH waiter w"));
    assert_eq!(said(&mut admin, "ACL SAVE"), "OK");
    eventually("it is taken up", || lets_in(&proxies[1], "AUTH waiter w"));
    assert!(stage.show().contains("user waiter on #"));
    // What it has put there is older than what was changed at it since.
    for _ in 0..3 {
        assert_eq!(said(&mut admin, "ACL SETUSER brief on >b ~* +get"), "OK");
        assert_eq!(said(&mut admin, "ACL SAVE"), "OK");
        admin.call_words("ACL DELUSER brief");
        eventually("it is taken up", || lets_in(&proxies[1], "AUTH brief b"));
        assert!(!lets_in(&proxies[0], "AUTH brief b"));
        assert_eq!(said(&mut admin, "ACL SAVE"), "OK");
        eventually("it is gone", || !lets_in(&proxies[1], "AUTH brief b"));
        assert!(!lets_in(&proxies[0], "AUTH brief b"));
    }
    proxies[0].freeze();
    let kept = stage.folder.path().join("kept.acl");
    std::fs::write(&kept, stage.show()).expect("written");
    let file = stage
        .file("user default on >admin ~* &* +@all\n")
        .display()
        .to_string();
    let kept = kept.display().to_string();
    let over = ["users", "put", &file, "--to", &stage.place, "--over", &kept];
    stage.done(&over);
    // What was put may be named as it was written, passwords and all.
    let over_itself = ["users", "put", &file, "--to", &stage.place, "--over", &file];
    stage.done(&over_itself);
    let again = stage.run(&over);
    assert_eq!(again.status.code(), Some(65), "others are there by now");
    proxies[0].thaw();
    eventually("it is taken up", || !lets_in(&proxies[0], "AUTH waiter w"));
    assert_eq!(said(&mut admin, "ACL LOAD"), "OK");
}

#[test]
fn proxies_of_a_file_share_its_users() {
    let stage = Stage::in_file();
    all_proxies_have_the_same_users(&stage);
    let users = stage.folder.path().join("topology.toml.users");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&users)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner's eyes");
    // What somebody writes there by hand is refused as a whole, and so is nothing at all.
    let proxy = stage.proxy();
    for wrong in [
        Some("user default on nopass ~* &* +@all\nuser v +nosuch\n"),
        Some(""),
        None,
    ] {
        let said_so = |proxy: &Server| proxy.output().matches("users not used").count();
        let before = said_so(&proxy);
        match wrong {
            Some(text) => std::fs::write(&users, text).expect("written"),
            None => std::fs::remove_file(&users).expect("removed"),
        }
        eventually("it is said", || said_so(&proxy) > before);
        assert!(lets_in(&proxy, "AUTH admin") && !lets_in(&proxy, "PING"));
    }
    stage.put(USERS);
    eventually("it is taken up", || {
        lets_in(&proxy, "AUTH shop shop-secret")
    });
}

#[test]
fn proxies_of_etcd_share_its_users_and_keep_them_while_it_is_away() {
    let mut stage = Stage::in_etcd();
    all_proxies_have_the_same_users(&stage);
    stage.put(USERS);
    let proxy = stage.proxy();
    let mut admin = enter(&proxy, "AUTH admin");
    let etcd = stage.etcd.as_mut().expect("etcd");
    etcd.kill(0);
    eventually("it is said", || {
        proxy.output().contains("users not used; those in use stay")
    });
    assert!(lets_in(&proxy, "AUTH shop shop-secret"));
    assert!(!lets_in(&proxy, "AUTH shop wrong"));
    assert_eq!(said(&mut admin, "ACL SETUSER late on >l ~* +get"), "OK");
    let refused = said(&mut admin, "ACL SAVE");
    assert!(
        refused.starts_with("ERR There was an error trying to save the ACLs"),
        "{refused}"
    );
    assert!(
        said(&mut admin, "ACL LOAD").starts_with("ERR "),
        "nothing has changed"
    );
    assert!(lets_in(&proxy, "AUTH late l"));
    let etcd = stage.etcd.as_mut().expect("etcd");
    etcd.run(0);
    eventually("it is saved", || said(&mut admin, "ACL SAVE") == "OK");
    assert!(stage.show().contains("user late on #"));
    assert!(
        lets_in(&proxy, "AUTH late l"),
        "what was changed here stayed"
    );
    stage.put("user default on >other ~* &* +@all\n");
    eventually("it is taken up", || lets_in(&proxy, "AUTH other"));
}

#[test]
fn nobody_is_let_in_by_a_proxy_that_knows_no_users() {
    let stage = Stage::in_file();
    let address = free_address().to_string();
    let start = |further: &[&str]| {
        let words = [
            "proxy",
            "--listen",
            &address,
            "--admin",
            "off",
            "--topology",
        ];
        let place = [stage.place.as_str(), "--users", "store"];
        stage.run(&[&words[..], &place, further].concat())
    };
    let output = start(&[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("switchyard users put FILE --to "), "{told}");
    let both = start(&["--aclfile", "users.acl"]);
    assert_eq!(both.status.code(), Some(78));
    std::fs::write(format!("{}.users", stage.place), "user v +nosuch\n").expect("written");
    let output = start(&[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("nobody can be let in") && told.contains("'+nosuch'"),
        "{told}"
    );
    let missing = stage.run(&["users", "show", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(66));
    // Nobody would take them up there.
    let file = stage.file("user default on >admin ~* &* +@all\n");
    let file = file.display().to_string();
    let nowhere = stage.run(&["users", "put", &file, "--to", "nowhere.toml"]);
    assert_eq!(nowhere.status.code(), Some(66));
    let mut client = stage.node.connect();
    assert_eq!(client.call_words("PING"), Reply::Simple(b"PONG".to_vec()));
}
