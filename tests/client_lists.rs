//! CLIENT LIST ALL: the clients of all proxies that know of each other.

use std::net::SocketAddr;

use crate::support::eventually::{Stopwatch, eventually};
use crate::support::servers::{SWITCHYARD, Server, free_address};
use crate::support::{Client, Reply};

/// `up` with a follower, so that proxies know of each other, and another proxy over the same topology.
fn two_proxies(more: &str, for_other: &str) -> (Server, Server, [SocketAddr; 2]) {
    let admins = [free_address(), free_address()];
    let admin = admins[0];
    let up = Server::start(SWITCHYARD, |address, _| {
        let line = format!("up --threads 2 --listen {address} --admin {admin}{more}");
        line.split(' ').map(str::to_owned).collect()
    });
    eventually("it says ready", || up.output().contains("\nready: "));
    let output = up.output();
    let mut lines = output.lines();
    let topology = lines.find_map(|line| line.strip_prefix("topology: "));
    let topology = topology.expect("its topology").to_owned();
    let admin = admins[1];
    let other = Server::start(SWITCHYARD, |address, _| {
        let line = format!(
            "proxy --threads 1 --listen {address} --admin {admin} --topology {topology}{for_other}"
        );
        line.split(' ').map(str::to_owned).collect()
    });
    (up, other, admins)
}

fn named(client: &mut Client, name: &str) {
    assert_eq!(client.call(&["CLIENT", "SETNAME", name]), Reply::ok());
}

fn lines(client: &mut Client, line: &str) -> Vec<String> {
    let text = client.call_words(line).text();
    text.lines().map(str::to_owned).collect()
}

fn field(line: &str, name: &str) -> String {
    let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
    let found = fields.find_map(|(field, value)| (field == name).then_some(value));
    found.expect("the field").to_owned()
}

#[test]
fn the_clients_of_all_proxies_are_listed_and_who_does_not_answer_is_left_out() {
    let (up, other, [admin, _]) = two_proxies("", "");
    let (mut here, mut there) = (up.connect(), other.connect());
    named(&mut here, "here");
    named(&mut there, "there");
    let find = |lines: &[String], name: &str| {
        let wanted = format!(" name={name} ");
        lines.iter().find(|line| line.contains(&wanted)).cloned()
    };
    eventually("both know of each other", || {
        lines(&mut here, "CLIENT LIST ALL").len() == 2
            && lines(&mut there, "CLIENT LIST ALL").len() == 2
    });
    let all = lines(&mut here, "CLIENT LIST ALL");
    let (one, two) = (find(&all, "here"), find(&all, "there"));
    let (one, two) = (one.expect("here"), two.expect("there"));
    assert_ne!(field(&one, "proxy"), field(&two, "proxy"));
    assert_eq!(field(&one, "cmd"), "client|list");
    let seen_there = lines(&mut there, "CLIENT LIST ALL");
    let same = find(&seen_there, "here").expect("here");
    assert_eq!(field(&one, "proxy"), field(&same, "proxy"));
    // One proxy's own list is as it was.
    let own = lines(&mut here, "CLIENT LIST");
    assert!(own.len() == 1 && !own[0].contains(" proxy="), "{own:?}");
    assert_eq!(lines(&mut here, "CLIENT LIST ALL TYPE pubsub").len(), 0);
    assert_eq!(lines(&mut here, "CLIENT LIST ALL TYPE normal").len(), 2);
    let id = field(&two, "id");
    let found = lines(&mut here, &format!("CLIENT LIST ALL ID {id} 4711"));
    assert!(find(&found, "there").is_some(), "{found:?}");
    for wrong in [
        "CLIENT LIST ALL ALL",
        "CLIENT LIST ALL TYPE",
        "CLIENT LIST ALL ID x",
    ] {
        assert!(here.call_words(wrong).error_text().is_some(), "{wrong}");
    }
    other.freeze();
    let began = Stopwatch::start();
    let left = lines(&mut here, "CLIENT LIST ALL");
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    eventually("it is counted", || {
        let (_, metrics) = crate::admin::get(admin, "/metrics");
        metrics.contains("\nswitchyard_proxy_proxies_left_out_total 1\n")
    });
    other.thaw();
}

#[test]
fn other_proxies_are_asked_with_the_password() {
    let locked = " --requirepass sesame";
    let (up, other, [_, admin]) = two_proxies(" --proxy requirepass=sesame", locked);
    let log_in = |server: &Server| {
        let mut client = server.connect();
        assert_eq!(client.call_words("AUTH sesame"), Reply::ok());
        client
    };
    let (mut here, _there) = (log_in(&up), log_in(&other));
    eventually("both are listed", || {
        lines(&mut here, "CLIENT LIST ALL").len() == 2
    });
    let body = "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n";
    let asked = |headers: &str| crate::admin::ask(admin, "POST", "/clients", headers, body);
    assert_eq!(asked("").0, 403);
    assert_eq!(asked("X-Switchyard: yes\r\n").0, 401);
    let (status, text) = asked("X-Switchyard: yes\r\nAuthorization: Bearer sesame\r\n");
    assert!(status == 200 && text.starts_with("id="), "{status} {text}");
}
