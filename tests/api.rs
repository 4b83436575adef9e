//! The API of the admin listener: what it describes is what it says, who may ask for what, and what orders do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

use crate::admin::{ask, get};
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::servers::{
    SWITCHYARD, Server, free_address, start_node, start_proxy, topology_path,
};
use crate::support::{Client, Reply};

/// What the page and the tools send with all that is not for everybody.
const ORDER: &str = "X-Switchyard: yes\r\n";

fn proxy_with(nodes: &[SocketAddr], further: &[&str]) -> (Server, SocketAddr) {
    let admin = free_address();
    let text = admin.to_string();
    let proxy = start_proxy(nodes, &[&["--admin", &text], further].concat());
    eventually("ready", || get(admin, "/readyz").0 == 200);
    (proxy, admin)
}

/// Status and JSON of a request.
fn call(admin: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let (status, text) = ask(admin, method, &format!("/api/v1{path}"), headers, body);
    let said = serde_json::from_str(&text);
    (
        status,
        said.unwrap_or_else(|error| panic!("{path}: {error}: {text}")),
    )
}

fn look(admin: SocketAddr, path: &str) -> Value {
    let (status, said) = call(admin, "GET", path, ORDER, "");
    assert_eq!(status, 200, "{path}: {said}");
    said
}

/// The texts of all events of a kind.
fn events(admin: SocketAddr, kind: &str) -> Vec<String> {
    let said = look(admin, "/events");
    let all = said["events"].as_array().expect("a list").iter();
    let meant = all.filter(|event| event["kind"] == kind);
    meant
        .map(|event| event["text"].as_str().expect("words").to_owned())
        .collect()
}

/// Holds a value against a schema of the description, as far as the names go: all that is promised is there, and nothing else is.
fn check(description: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        let named = &description["components"]["schemas"][name];
        assert!(named.is_object(), "{at}: {name} is described");
        return check(description, named, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        if !value.is_null() {
            let other = choices.iter().find(|choice| choice["type"] != "null");
            check(description, other.expect("another"), value, at);
        }
        return;
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut known = Vec::new();
        for part in parts {
            let mut part = part;
            while let Some(name) = part["$ref"].as_str() {
                part = &description["components"]["schemas"][name.rsplit('/').next().expect("one")];
            }
            known.extend(part["properties"].as_object().expect("names").clone());
        }
        let joined = json!({ "type": "object", "properties": known });
        return check(description, &joined, value, at);
    }
    if let (Some(items), Some(values)) = (schema["items"].as_object(), value.as_array()) {
        for value in values {
            let items = Value::Object(items.clone());
            check(description, &items, value, &format!("{at}[]"));
        }
        return;
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object())
    {
        let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>();
        let mut promised = names(properties.keys().collect());
        let mut told = names(object.keys().collect());
        promised.sort();
        told.sort();
        assert_eq!(promised, told, "{at}");
        for (name, schema) in properties {
            check(description, schema, &object[name], &format!("{at}.{name}"));
        }
    }
}

#[test]
fn what_the_api_says_is_what_it_describes() {
    let (node, other) = (
        start_node(&[]),
        start_node(&["--slowlog-log-slower-than", "0s"]),
    );
    let (proxy, admin) = proxy_with(&[node.address, other.address], &[]);
    let mut client = proxy.connect();
    for number in 0..100 {
        let key = format!("key:{number}");
        assert_eq!(client.call(&["SET", &key, "v"]), Reply::ok());
    }
    eventually(
        "a sample is taken, and nodes have said what they hold",
        || {
            let is_sampled = look(admin, "/series")["at_ms"] != json!([]);
            is_sampled && look(admin, "/nodes")["nodes"][0]["holds"] != Value::Null
        },
    );
    let description = look(admin, "/openapi.json");
    let paths = description["paths"].as_object().expect("paths");
    let mut asked = 0;
    for (path, methods) in paths {
        let Some(found) = methods.get("get") else {
            continue;
        };
        let content = &found["responses"]["200"]["content"];
        let Some(schema) = content.get("application/json") else {
            continue;
        };
        let path = path.strip_prefix("/api/v1").expect("the API");
        let said = look(admin, path);
        check(&description, &schema["schema"], &said, path);
        assert!(
            said.as_object().is_some_and(|said| !said.is_empty()),
            "{path}"
        );
        asked += 1;
    }
    assert!(asked >= 9, "{asked} of {}", paths.len());
    let keys: u64 = (0..2)
        .filter_map(|at| look(admin, "/nodes")["nodes"][at]["holds"]["keys"].as_u64())
        .sum();
    assert_eq!(keys, 100);
    let slow = look(admin, "/slow-log");
    assert_eq!(slow["missing"], json!([]));
    assert_eq!(slow["commands"][0]["shard"], "s1");
    let names: Vec<&str> = paths.keys().map(String::as_str).collect();
    assert!(names.contains(&"/api/v1/stream"), "{names:?}");
    let shard = &look(admin, "/shards")["shards"][0];
    assert_eq!(
        (&shard["is_reachable"], &shard["id"]),
        (&json!(true), &json!("s0"))
    );
}

#[test]
fn names_of_clients_and_keys_are_told_to_operators_alone() {
    const NAMED: [&str; 4] = ["/clients", "/slow-log", "/events", "/configuration"];
    let node = start_node(&[]);
    let (proxy, admin) = proxy_with(&[node.address], &["--requirepass", "sesame"]);
    let mut client = proxy.connect();
    assert_eq!(client.call_words("AUTH sesame"), Reply::ok());
    assert_eq!(client.call_words("CLIENT SETNAME basket"), Reply::ok());
    let right = format!("{ORDER}Authorization: Bearer sesame\r\n");
    for path in NAMED {
        assert_eq!(call(admin, "GET", path, "", "").0, 403, "{path}");
        assert_eq!(call(admin, "GET", path, ORDER, "").0, 401, "{path}");
        let page = format!("{right}Origin: http://a.example\r\n");
        assert_eq!(call(admin, "GET", path, &page, "").0, 403, "{path}");
        let (status, said) = call(admin, "GET", path, &right, "");
        assert_eq!(status, 200, "{path}: {said}");
        assert!(
            !said.to_string().contains("sesame"),
            "{path} shows the password"
        );
    }
    let (_, clients) = call(admin, "GET", "/clients", &right, "");
    assert_eq!(clients["clients"][0]["name"], "basket");
    let (_, settings) = call(admin, "GET", "/configuration", &right, "");
    let all = settings["settings"].as_array().expect("a list");
    let secret = all.iter().find(|it| it["name"] == "requirepass");
    let secret = secret.expect("the password is a setting");
    assert_eq!(
        (&secret["value"], &secret["is_set"]),
        (&Value::Null, &json!(true))
    );
    for path in ["/status", "/topology", "/shards", "/nodes", "/series"] {
        let (status, said) = call(admin, "GET", path, "", "");
        assert_eq!(status, 200, "{path}");
        assert!(!said.to_string().contains("basket"), "{path}");
    }
    // The page of this listener, whatever it is called there.
    let page = format!("{right}Origin: http://localhost\r\n");
    assert_eq!(call(admin, "GET", "/clients", &page, "").0, 200);
}

#[test]
fn whoever_guesses_passwords_is_not_listened_to_for_a_while() {
    let node = start_node(&[]);
    let (_proxy, admin) = proxy_with(&[node.address], &["--requirepass", "sesame"]);
    let right = format!("{ORDER}Authorization: Bearer sesame\r\n");
    for number in 0..10 {
        let guess = format!("{ORDER}Authorization: Bearer {number}\r\n");
        assert_eq!(
            call(admin, "GET", "/clients", &guess, "").0,
            401,
            "{number}"
        );
    }
    for path in ["/clients", "/events"] {
        let (status, said) = call(admin, "GET", path, &right, "");
        assert_eq!(status, 429, "{said}");
    }
    assert_eq!(
        ask(admin, "POST", "/clients", &right, "").0,
        429,
        "nor elsewhere"
    );
    assert_eq!(call(admin, "GET", "/status", &right, "").0, 200);
}

#[test]
fn what_is_wrong_is_said_in_json_and_nothing_lies_beside_the_routes() {
    let node = start_node(&[]);
    let (_proxy, admin) = proxy_with(&[node.address], &[]);
    let wrong = |method: &str, path: &str, body: &str, expected: u16, words: &str| {
        let (status, said) = call(admin, method, path, ORDER, body);
        assert_eq!(status, expected, "{path}: {said}");
        assert_eq!(said["status"], expected, "{path}: {said}");
        let text = said["error"].as_str().expect("words");
        assert!(text.contains(words), "{path}: {text}");
    };
    let long = format!("{{\"id\": {}1}}", " ".repeat(70_000));
    for (method, path, body, status, words) in [
        ("GET", "/nothing", "", 404, "openapi.json"),
        ("GET", "/status/x", "", 404, "openapi.json"),
        ("POST", "/status", "", 405, "is not asked so"),
        ("GET", "/actions/drain", "", 405, "is not asked so"),
        ("GET", "/events?limit=x", "", 400, "limit is a number"),
        ("GET", "/events?most=1", "", 400, "each once"),
        (
            "POST",
            "/actions/kill-client",
            "{}",
            400,
            "missing field `id`",
        ),
        (
            "POST",
            "/actions/kill-client",
            "{\"id\":1,\"x\":2}",
            400,
            "unknown field",
        ),
        ("POST", "/actions/kill-client", &long, 413, "longer than"),
        (
            "POST",
            "/actions/kill-client",
            "{\"id\":4096}",
            404,
            "no client 4096",
        ),
        ("POST", "/actions/failover", "not json", 400, "the body"),
        (
            "POST",
            "/actions/failover",
            "{\"shard\":\"s7\"}",
            404,
            "no shard s7",
        ),
        (
            "POST",
            "/actions/failover",
            "{\"shard\":\"s0\"}",
            409,
            "a single plain node",
        ),
        ("POST", "/explain", "{\"command\":[]}", 400, "no words"),
        (
            "POST",
            "/explain",
            &format!("[{}", "[".repeat(60_000)),
            400,
            "the body",
        ),
    ] {
        wrong(method, path, body, status, words);
    }
    for path in [
        "/../etc/passwd",
        "/page/../../etc/passwd",
        "/page/..%2f..%2fetc%2fpasswd",
        "/page/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/page/",
        "/page/app.js/",
        "/page/nothing.js",
        "/api/v1/../../topology",
    ] {
        let (status, text) = ask(admin, "GET", path, "", "");
        assert_eq!(status, 404, "{path}: {text}");
        assert!(!text.contains("root:"), "{path}");
    }
}

#[test]
fn a_page_that_borrows_the_address_gets_nothing_without_a_password() {
    let node = start_node(&[]);
    let (_proxy, admin) = proxy_with(&[node.address], &[]);
    let asked = |head: &str| {
        let mut socket = TcpStream::connect(admin).expect("the admin listener");
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let request = format!("{head}\r\nConnection: close\r\n{ORDER}\r\n");
        socket.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let path = "GET /api/v1/clients HTTP/1.1";
    let borrowed = asked(&format!("{path}\r\nHost: rebound.example:{}", admin.port()));
    assert!(borrowed.starts_with("HTTP/1.1 403"), "{borrowed}");
    assert!(asked(&format!("{path}\r\nHost: {admin}")).starts_with("HTTP/1.1 200"));
    assert!(asked("GET /api/v1/clients HTTP/1.0").starts_with("HTTP/1.0 200"));
    let page = asked(&format!("GET / HTTP/1.1\r\nHost: {admin}"));
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'",
        "x-frame-options: DENY",
        "x-content-type-options: nosniff",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
}

#[test]
fn an_operator_closes_a_client_has_files_read_and_is_told_where_a_command_would_go() {
    let nodes = [start_node(&[]), start_node(&[])];
    let addresses = nodes.each_ref().map(|node| node.address);
    let (proxy, admin) = proxy_with(&addresses, &[]);
    let mut client = proxy.connect();
    let Reply::Integer(id) = client.call_words("CLIENT ID") else {
        panic!("no number");
    };
    let order = |path: &str, body: Value| {
        let (status, said) = call(admin, "POST", path, ORDER, &body.to_string());
        assert_eq!(status, 200, "{path}: {said}");
        said
    };
    order("/actions/kill-client", json!({ "id": id }));
    assert!(client.is_closed_by_server());
    std::fs::write(topology_path(proxy.folder()), "nodes = 1").expect("written");
    order("/actions/reload", json!({}));
    eventually("what came of it is an event, and in the log", || {
        let refused = events(admin, "topology_refused");
        let log = proxy.output();
        refused
            .iter()
            .any(|text| text.contains("one in use stays") && log.contains(text))
    });
    assert_eq!(events(admin, "order").len(), 2);
    let told = order("/explain", json!({ "command": ["RENAME", "a", "b"] }));
    let refused = told["refused"].as_str().expect("an error");
    assert!(refused.starts_with("CROSSSLOT"), "{told}");
    let told = order("/explain", json!({ "command": ["GET", "foo"] }));
    assert_eq!(told["refused"], Value::Null);
    let key = json!({ "key": "foo", "slot": 12_182, "shard": "s1" });
    assert_eq!(told["keys"], json!([key]));
    assert_eq!(told["shards"][0]["address"], addresses[1].to_string());
    assert_eq!(told["shards"][0]["is_reachable"], true);
    let told = order("/explain", json!({ "command": ["GET"] }));
    assert!(
        told["refused"]
            .as_str()
            .is_some_and(|text| text.contains("wrong number")),
        "{told}"
    );
    let told = order("/explain", json!({ "command": ["MGET", "foo", "b"] }));
    assert_eq!(told["shards"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_operator_drains_a_proxy() {
    let node = start_node(&[]);
    let (mut proxy, admin) = proxy_with(&[node.address], &[]);
    let mut client = proxy.connect();
    assert_eq!(client.call_words("SET k v"), Reply::ok());
    assert_eq!(call(admin, "POST", "/actions/drain", "", "").0, 403);
    assert_eq!(call(admin, "POST", "/actions/drain", ORDER, "").0, 200);
    assert!(client.is_closed_by_server());
    assert!(proxy.wait_for_exit(PATIENCE).success());
    assert!(
        proxy
            .output()
            .contains("an operator lets this proxy's clients go")
    );
}

/// A cluster with followers.
fn up(further: &str) -> (Server, SocketAddr) {
    let admin = free_address();
    let up = Server::start(SWITCHYARD, |address, _: &Path| {
        let line = format!("up --threads 1 --listen {address} --admin {admin} {further}");
        line.split_whitespace().map(str::to_owned).collect()
    });
    eventually("it says ready", || up.output().contains("\nready: "));
    (up, admin)
}

#[test]
fn a_failover_is_ordered_and_told_as_an_event_and_a_proxy_of_up_is_not_drained_alone() {
    let (up, admin) = up("--shards 1");
    let primary = || look(admin, "/shards")["shards"][0]["members"][0]["node"].clone();
    let before = primary();
    eventually("its follower is in sync", || {
        look(admin, "/shards")["shards"][0]["members"][1]["place"] == "in sync"
    });
    let epoch = look(admin, "/shards")["shards"][0]["epoch"].clone();
    let body = json!({ "shard": "s1", "epoch": epoch }).to_string();
    let (status, said) = call(admin, "POST", "/actions/failover", ORDER, &body);
    assert_eq!(status, 200, "{said}");
    assert_ne!(primary(), before);
    let told = events(admin, "failover");
    assert!(
        told.iter().any(|text| text.contains("leads now")),
        "{told:?}"
    );
    assert!(up.output().contains(&told[0]), "the log says the same");
    let (status, said) = call(admin, "POST", "/actions/failover", ORDER, &body);
    assert_eq!(status, 409, "it was asked for before: {said}");
    let (status, said) = call(admin, "POST", "/actions/drain", ORDER, "");
    assert_eq!(status, 409, "{said}");
    assert!(
        said["error"]
            .as_str()
            .is_some_and(|text| text.contains("up --processes"))
    );
    let mut client = Client::connect(up.address);
    assert_eq!(client.call_words("SET k v"), Reply::ok());
}

#[test]
fn a_proxy_of_up_in_processes_is_started_again_when_it_was_drained() {
    let (up, admin) = up("--shards 1 --followers 0 --processes");
    let mut client = Client::connect(up.address);
    assert_eq!(client.call_words("SET k v"), Reply::ok());
    let started = || look(admin, "/status")["started_at_ms"].clone();
    let before = started();
    assert_eq!(call(admin, "POST", "/actions/drain", ORDER, "").0, 200);
    assert!(client.is_closed_by_server());
    let is_ready = || TcpStream::connect(admin).is_ok() && get(admin, "/readyz").0 == 200;
    eventually("another one is there", || {
        up.output().contains("is started again") && is_ready()
    });
    assert_ne!(started(), before);
    let mut client = Client::connect(up.address);
    assert_eq!(client.call_words("GET k"), Reply::bulk("v"));
}

/// One who looks on.
fn look_on(admin: SocketAddr) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(admin).expect("the admin listener");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let request = "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("sent");
    BufReader::new(socket)
}

fn next_beat(stream: &mut BufReader<TcpStream>) -> Value {
    let mut line = String::new();
    while stream.read_line(&mut line).expect("more of the stream") > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).expect("JSON");
        }
        line.clear();
    }
    panic!("the stream ended");
}

#[test]
fn whoever_looks_on_is_told_every_second_and_only_so_many_may() {
    let node = start_node(&[]);
    let (proxy, admin) = proxy_with(&[node.address], &[]);
    let mut stream = look_on(admin);
    assert_eq!(next_beat(&mut stream)["status"]["is_ready"], true);
    let mut client = proxy.connect();
    eventually("it is told what clients do", || {
        client.call_words("SET k v");
        let beat = next_beat(&mut stream);
        let rate = &beat["status"]["now"]["requests_per_second"];
        rate.as_f64().is_some_and(|rate| rate > 0.0)
    });
    let mut others: Vec<_> = (1..16).map(|_| look_on(admin)).collect();
    for other in &mut others {
        next_beat(other);
    }
    let (status, said) = call(admin, "GET", "/stream", "", "");
    assert_eq!(status, 503, "{said}");
    drop(others);
    eventually("there is room again", || {
        let mut line = String::new();
        look_on(admin).read_line(&mut line).expect("a line");
        line.contains(" 200 ")
    });
}

#[test]
fn ten_thousand_connections_that_want_no_good_keep_nobody_out() {
    const AT_A_TIME: usize = 200;
    let node = start_node(&[]);
    let (proxy, admin) = proxy_with(&[node.address], &["--requirepass", "sesame"]);
    let right = format!("{ORDER}Authorization: Bearer sesame\r\n");
    let long = "x".repeat(8_000);
    let rubbish: [&str; 8] = [
        "",
        "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/v1/actions/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        "POST /api/v1/actions/drain HTTP/1.1\r\nHost: localhost\r\nX-Switchyard: yes\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n{",
        "GET /page/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /api/v1/clients HTTP/1.1\r\nHost: a.example\r\nX-Switchyard: yes\r\n\r\n",
        "*1\r\n$4\r\nPING\r\n",
        &format!("GET /{long} HTTP/1.1\r\nX: {long}\r\n"),
    ];
    let before = proxy.resident_bytes();
    for wave in 0..10_000 / AT_A_TIME {
        let sockets: Vec<TcpStream> = (0..AT_A_TIME)
            .map(|number| {
                let mut socket = TcpStream::connect(admin).expect("accepted, or waits to be");
                // It may be cut already.
                drop(socket.write_all(rubbish[number % rubbish.len()].as_bytes()));
                socket
            })
            .collect();
        if wave % 10 == 0 {
            eventually("an operator is served", || {
                let mut socket = TcpStream::connect(admin).expect("the admin listener");
                let request = format!("GET /api/v1/status HTTP/1.0\r\n{right}\r\n");
                let mut answer = String::new();
                socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
                let read = socket
                    .write_all(request.as_bytes())
                    .and_then(|()| socket.read_to_string(&mut answer));
                read.is_ok() && answer.contains(" 200 ")
            });
        }
        drop(sockets);
    }
    let mut client = proxy.connect();
    assert_eq!(client.call_words("AUTH sesame"), Reply::ok());
    eventually("clients and operators are served", || {
        get(admin, "/readyz").0 == 200
    });
    let growth = proxy.resident_bytes().saturating_sub(before);
    assert!(growth < 64 * 1024 * 1024, "grew by {growth}");
}
