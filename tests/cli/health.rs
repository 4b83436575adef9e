//! `switchyard check` as a person or a health check meets it.

use std::fs;
use std::net::TcpListener;

use super::{Server, check, command, run, text};

#[test]
fn check_says_in_one_line_whether_a_server_answers() {
    let start = |further: &str| {
        let server = Server::start(command(&format!("node --listen 127.0.0.1:0{further}")));
        let address = server.address().to_owned();
        (server, address)
    };
    let passes = |line: &str, address: &str| {
        let output = run(line);
        assert_eq!(text(&output.stdout), format!("{address}: PONG\n"), "{line}");
        check(line, 0, "");
    };
    let (_open, open) = start("");
    passes(&format!("check {open}"), &open);

    let (_locked, locked) = start(" --requirepass secret");
    passes(&format!("check {locked} --password secret"), &locked);
    check(
        &format!("check {locked}"),
        69,
        &format!(
            "switchyard: {locked}: PING was answered with \"NOAUTH Authentication required.\"\n"
        ),
    );
    check(
        &format!("check {locked} --password wrong"),
        69,
        &format!("switchyard: {locked}: AUTH was answered with \"WRONGPASS\"\n"),
    );
    let by_environment = command(&format!("check {locked}"))
        .env("SWITCHYARD_CHECK_PASSWORD", "secret")
        .output()
        .expect("the binary runs");
    assert!(by_environment.status.success());
    let help = command("check --help")
        .env("SWITCHYARD_CHECK_PASSWORD", "secret")
        .output()
        .expect("the binary runs");
    assert!(!text(&help.stdout).contains("secret"));
}

#[test]
fn check_does_not_wait_beyond_its_deadline() {
    // Its queue takes the connection; nobody ever reads from it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    check(
        &format!("check {address} --deadline 50ms"),
        69,
        &format!("switchyard: {address}: no reply within 50ms\n"),
    );
    drop(silent);
    check(
        &format!("check {address}"),
        69,
        &format!("switchyard: {address}: cannot connect: Connection refused (os error 111)\n"),
    );
    check(
        "check 127.0.0.1:1 --tls-ca-file /nowhere/ca.pem",
        66,
        "switchyard: /nowhere/ca.pem: there is no such file\n",
    );
    check(
        "check 127.0.0.1:1 --tls-ca-file /dev/null",
        66,
        "switchyard: /dev/null: is a device, not a file\n",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("ca.pem");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    check(
        &format!("check 127.0.0.1:1 --tls-ca-file {}", pipe.display()),
        66,
        &format!("switchyard: {}: is a pipe, not a file\n", pipe.display()),
    );
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").expect("a file");
    check(
        &format!("check 127.0.0.1:1 --tls-ca-file {}", empty.display()),
        64,
        &format!(
            "switchyard: --tls-ca-file: {}: no certificate in it; it must hold certificates in PEM form\n",
            empty.display()
        ),
    );
}
