//! HAProxy's file, read as its sections: it leads to the proxies that are ready, waits for those that drain, and cuts off those that hang.

use super::compose::{Service, with_role};
use super::files::{addresses, passes, service};
use super::{is_there, text};

/// A line's first word that stands in the file once, and the rest of the line.
type Directive = (String, String);

/// What is said in the section whose first line is `head`, in order; comments, and conditions that only the script meets, are left out.
fn section(head: &str) -> Vec<Directive> {
    let text = text("config/haproxy/haproxy.cfg");
    let mut lines = text
        .lines()
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#', '.']));
    let directives: Vec<Directive> = lines
        .by_ref()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '.']))
        .map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            (word.to_owned(), rest.to_owned())
        })
        .collect();
    assert!(!directives.is_empty(), "no {head}");
    directives
}

/// The rest of every line of a section that begins with `words`.
fn all(head: &str, words: &str) -> Vec<String> {
    let lines = section(head).into_iter();
    lines
        .filter_map(|(word, rest)| {
            let line = format!("{word} {rest}");
            line.trim_end()
                .strip_prefix(words)
                .map(|rest| rest.trim().to_owned())
        })
        .collect()
}

/// As [`all`], of which there is one.
fn one(head: &str, words: &str) -> String {
    let mut found = all(head, words);
    assert_eq!(found.len(), 1, "{head}: {words}");
    found.remove(0)
}

/// Milliseconds of `250ms`, `7d`.
fn milliseconds(text: &str) -> u64 {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("{text}: {other}"),
    };
    digits.parse::<u64>().expect("a number") * unit
}

/// The value behind a word of `default-server`.
fn of_every_server(word: &str) -> String {
    let line = all("backend proxies", "default-server")[0].clone();
    let mut words = line.split(' ');
    words.find(|other| *other == word);
    words
        .next()
        .unwrap_or_else(|| panic!("no {word}"))
        .to_owned()
}

#[test]
fn it_leads_to_every_proxy_and_to_the_idlest_first() {
    let backend = "backend proxies";
    let expected: Vec<String> = addresses("proxy", Service::client_port)
        .iter()
        .map(|address| {
            let (name, _) = address.split_once(':').expect("NAME:PORT");
            format!("{name} {address}")
        })
        .collect();
    // Nothing behind the address: neither disabled, nor a backup, nor another weight.
    assert_eq!(all(backend, "server "), expected);
    assert_eq!(one(backend, "balance "), "leastconn");
    assert_eq!(one(backend, "option redispatch "), "1");
    assert_eq!(one(backend, "retries "), "3");
    assert_eq!(one("frontend applications", "default_backend "), "proxies");
    let published = service("haproxy").value["ports"][0].clone();
    let inside = published.as_str().and_then(|port| port.rsplit(':').next());
    assert_eq!(
        one("frontend applications", "bind "),
        format!("\"${{SWITCHYARD_LOOPBACK-}}:{}\"", inside.expect("a port"))
    );
}

#[test]
fn a_proxy_that_hangs_is_cut_off_and_one_that_drains_is_not() {
    let backend = "backend proxies";
    let proxy = with_role("proxy").remove(0);
    one(backend, "option tcp-check");
    let admin = proxy.port_of("SWITCHYARD_PROXY_ADMIN");
    let clients = proxy.client_port();
    assert_eq!(
        all(backend, "tcp-check connect "),
        [
            format!("port {admin}"),
            format!("port {clients} send-proxy")
        ]
    );
    let [readiness, with_password, without] = &all(backend, "tcp-check send")[..] else {
        panic!("readiness, and PING with a password or without");
    };
    assert_eq!(readiness, r#""GET /readyz HTTP/1.0\r\n\r\n""#);
    let ping = r#"*1\r\n\x244\r\nPING\r\n""#;
    assert!(with_password.contains("AUTH") && with_password.ends_with(ping));
    assert_eq!(without, &format!("\"{ping}"));
    assert_eq!(
        all(backend, "tcp-check expect "),
        [
            "min-recv 8192 ! string \"do not answer\"",
            "rstring \"^HTTP/1.[01] 200 \" error-status L7OKC",
            r#"rstring "(\+PONG|-NOAUTH |-WRONGPASS )" error-status L7OKC"#
        ]
    );
    let of_all = &all(backend, "default-server")[0];
    assert!(of_all.ends_with(" send-proxy-v2"), "{of_all}");
    assert_eq!(of_every_server("on-marked-down"), "shutdown-sessions");
    assert_eq!(of_every_server("rise"), "1");
    let fall: u64 = of_every_server("fall").parse().expect("a number");
    let inter = milliseconds(&of_every_server("inter"));
    let check = milliseconds(&one("defaults", "timeout check "));
    let hangs = fall * (inter + check);
    assert!(hangs <= 6_000, "cut after {hangs} ms");
    let unheard = milliseconds(&of_every_server("tcp-ut"));
    assert!(
        (hangs..=120_000).contains(&unheard),
        "bytes that a proxy does not confirm: its checks decide first, and keepalive is no slower than {unheard} ms"
    );
    let refuses = (fall - 1) * inter;
    assert!(
        refuses >= 2_000,
        "last replies are on their way for {refuses} ms"
    );
    let delay = 1_000 * proxy.seconds_of("DRAIN_DELAY");
    assert!(2 * inter <= delay, "refused before the word has come round");
    for keepalive in ["clitcpka", "srvtcpka"] {
        one("defaults", &format!("option {keepalive}"));
        let [idle, interval] = ["idle", "intvl"]
            .map(|word| milliseconds(&one("defaults", &format!("{keepalive}-{word} "))));
        let count: u64 = one("defaults", &format!("{keepalive}-cnt "))
            .parse()
            .expect("a number");
        assert!(idle + count * interval <= 120_000, "{keepalive}");
    }
}

#[test]
fn nobody_is_cut_for_being_silent_or_refused_while_a_proxy_has_room() {
    for side in ["client", "server"] {
        let timeout = milliseconds(&one("defaults", &format!("timeout {side} ")));
        assert!(timeout >= milliseconds("7d"), "{side}: {timeout} ms");
    }
    // Nor does another section say otherwise.
    for head in ["frontend applications", "backend proxies"] {
        assert!(all(head, "timeout ").is_empty(), "{head}");
    }
    assert!(milliseconds(&one("defaults", "timeout connect ")) >= 1_000);
    let stop = milliseconds(&one("global", "hard-stop-after "));
    let grace = 1_000 * service("haproxy").seconds("stop_grace_period");
    assert!((5_000..grace).contains(&stop), "{stop} ms");

    let most = |head: &str| -> u64 { one(head, "maxconn ").parse().expect("a number") };
    let maxclients = &with_role("proxy")[0].environment()["SWITCHYARD_PROXY_MAXCLIENTS"];
    assert!(
        most("frontend applications") <= maxclients.parse().expect("a number"),
        "one proxy takes all"
    );
    assert!(
        most("global") > most("frontend applications") + most("frontend health"),
        "health is answered when the applications have all of theirs"
    );
    let files = service("haproxy").value["ulimits"]["nofile"].as_u64();
    assert!(
        files.expect("a number") > 2 * most("global") + 1_000,
        "two sockets for each"
    );
}

#[test]
fn who_has_said_his_last_word_gets_the_slowest_reply() {
    let deadline = milliseconds(&with_role("proxy")[0].printed("request-deadline"));
    for side in ["client", "server"] {
        let timeout = milliseconds(&one("defaults", &format!("timeout {side}-fin ")));
        assert!(
            (deadline..=60_000).contains(&timeout),
            "{side}: {timeout} ms"
        );
    }
}

#[test]
fn a_container_that_is_made_anew_is_found_again() {
    let containers = "resolvers containers";
    let own = all("backend proxies", "default-server");
    assert!(
        own.iter().any(|words| words.starts_with(containers)),
        "it asks for addresses again"
    );
    // Pulled, built or waited for, meanwhile its name is unknown or nobody answers: its server must not be forgotten.
    for without in ["nx", "other", "refused", "timeout"] {
        let kept = milliseconds(&one(containers, &format!("hold {without} ")));
        assert!(kept >= 600_000, "{without}: forgotten after {kept} ms");
    }
    let valid = milliseconds(&one(containers, "hold valid "));
    assert!(valid <= 5_000, "an old address is used for {valid} ms");
}

#[test]
fn connections_that_break_are_logged() {
    let log = one("global", "log ");
    let level = log.rsplit(' ').next().expect("a level");
    assert!(["err", "notice"].contains(&level), "{level}");
    for option in ["tcplog", "dontlog-normal", "log-separate-errors"] {
        one("defaults", &format!("option {option}"));
    }
}

#[test]
fn its_health_is_where_the_compose_file_asks() {
    let health = "frontend health";
    let asked = service("haproxy").value["healthcheck"]["test"][5].clone();
    let (port, page) = asked
        .as_str()
        .and_then(|url| url.strip_prefix("http://127.0.0.1:"))
        .and_then(|rest| rest.split_once('/'))
        .expect("a URL");
    assert_eq!(
        one(health, "bind "),
        format!("\"${{SWITCHYARD_LOOPBACK-}}:{port}\"")
    );
    assert_eq!(one(health, "monitor-uri "), format!("/{page}"));
    assert_eq!(one(health, "acl "), "nobody_serves nbsrv(proxies) lt 1");
    assert_eq!(one(health, "monitor fail "), "if nobody_serves");
    assert_eq!(one(health, "mode "), "http");
}

#[test]
fn haproxy_takes_its_file() {
    if is_there("haproxy", &["-v"], "HAProxy's own check of its file") {
        passes("haproxy", &["-c", "-f", "config/haproxy/haproxy.cfg"]);
    }
}
