//! The built binary as a person or a script meets it: answers, exit codes (sysexits), one clear line when something is wrong, signals.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SWITCHYARD: &str = env!("CARGO_BIN_EXE_switchyard");

fn command(line: &str) -> Command {
    let mut command = Command::new(SWITCHYARD);
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command
}

fn run(line: &str) -> Output {
    command(line).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[path = "cli/health.rs"]
mod health;
#[path = "cli/introduced.rs"]
mod introduced;
#[path = "cli/log.rs"]
mod log;
#[path = "cli/watched.rs"]
mod watched;
#[path = "cli/wrong.rs"]
mod wrong;

/// Runs to the end; the exit code and what stands on standard error must be as expected.
fn check(line: &str, code: i32, error: &str) {
    let output = run(line);
    assert_eq!(text(&output.stderr), error, "{line}");
    assert_eq!(output.status.code(), Some(code), "{line}");
}

/// A server process that is killed when it goes out of scope.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    /// What it said before the line that begins with `ready`, and that line.
    lines: Vec<String>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut server = Self {
            child,
            output,
            lines: Vec::new(),
        };
        while !server
            .lines
            .last()
            .is_some_and(|line| line.starts_with("ready"))
        {
            let mut line = String::new();
            let length = server.output.read_line(&mut line).expect("text");
            assert_ne!(
                length, 0,
                "it ended before it was ready: {:?}",
                server.lines
            );
            server.lines.push(line.trim_end().to_owned());
        }
        server
    }

    fn address(&self) -> &str {
        let ready = self.lines.last().expect("a line");
        let rest = ready.strip_prefix("ready: clients at ").expect(ready);
        rest.split(',').next().expect("an address")
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("own child");
    }

    /// Its exit code and what else it printed.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        let status = self.child.wait().expect("own child");
        (status.code(), rest)
    }

    fn ask(&self, request: &[u8], reply: &[u8]) {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        let patience = std::time::Duration::from_secs(30);
        stream.set_read_timeout(Some(patience)).expect("a deadline");
        stream.write_all(request).expect("it reads");
        let mut answer = vec![0; reply.len()];
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(text(&answer), text(reply));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn help_shows_every_command_and_the_exit_codes() {
    let output = run("--help");
    assert!(output.status.success());
    let help = text(&output.stdout);
    for word in [
        "up",
        "node",
        "proxy",
        "topology",
        "check",
        "Examples:",
        "Exit codes:",
        "--log",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(run("--version").status.success());
}

#[test]
fn wrong_arguments_are_64() {
    for line in [
        "",
        "upp",
        "node --lisen 127.0.0.1:0",
        "up --shards 0",
        "topology init",
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(64), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
    check(
        "up --shards 64 --followers 2",
        64,
        "switchyard: --shards 64 --followers 2: these are 192 nodes; 128 are the most\n",
    );
}

#[test]
fn a_wrong_setting_is_78_and_all_of_them_are_told() {
    check(
        "node --hz 0 --maxmemory lots",
        78,
        "switchyard: --hz: 0 is out of range; it may be 1 to 500\n\
         --maxmemory: \"lots\" is not a number of bytes; write a whole number and, if you like, one of b, k, kb, m, mb, g, gb, t, tb, as in \"64mb\"\n",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("proxy.toml");
    fs::write(&file, "[proxy]\nlistn = \"127.0.0.1:0\"\nthreads = 9999\n").expect("written");
    let file = file.display();
    check(
        &format!("proxy --config {file}"),
        78,
        &format!(
            "switchyard: {file}:2: unknown key \"listn\" in [proxy]; did you mean \"listen\"?\n\
             {file}:3: threads: 9999 is out of range; it may be 0 to 1024\n"
        ),
    );
    check(
        "up --node maxmemry=1gb",
        78,
        "switchyard: --node maxmemry: there is no such setting of the node; did you mean \"maxmemory\"?\n",
    );
    let output = command("node")
        .env("SWITCHYARD_NODE_MAXMEMRY", "1")
        .output()
        .expect("the binary runs");
    assert_eq!(
        text(&output.stderr),
        "switchyard: SWITCHYARD_NODE_MAXMEMRY: there is no such setting of the node; did you mean \"SWITCHYARD_NODE_MAXMEMORY\"?\n"
    );
}

#[test]
fn a_missing_file_is_66() {
    check(
        "node --config /nowhere/node.toml",
        66,
        "switchyard: /nowhere/node.toml: there is no such file\n",
    );
    check(
        "topology check /nowhere/topology.toml",
        66,
        "switchyard: /nowhere/topology.toml: there is no such file\n",
    );
}

#[test]
fn a_taken_port_is_one_line_and_69() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address");
    let message = format!(
        "switchyard: cannot listen on {address}: another process listens there; stop it or choose another port with --listen: Address already in use (os error 98)\n"
    );
    check(&format!("--log off node --listen {address}"), 69, &message);
    let up = format!("--log off up --admin off --listen {address}");
    check(&up, 69, &message);
    check(&format!("{up} --processes"), 69, &message);
    let message = format!(
        "switchyard: cannot listen on {address}: another process listens there; stop it or choose another port with --admin, or none with --admin off: Address already in use (os error 98)\n"
    );
    let up = format!("--log off up --listen 127.0.0.1:0 --admin {address}");
    check(&up, 69, &message);
}

#[test]
fn a_file_of_users_that_is_wrong_is_78() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.acl").display().to_string();
    let topology = folder.path().join("topology.toml").display().to_string();
    let made = format!("topology init --node 127.0.0.1:7001 --output {topology}");
    assert!(run(&made).status.success());
    let proxy = format!("proxy --topology {topology} --admin off");
    for (content, told) in [
        (
            Some("user shop ?"),
            format!(
                "{users}:1: Syntax error. WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
            ),
        ),
        (
            None,
            format!("Error loading ACLs, opening file '{users}': No such file or directory"),
        ),
    ] {
        fs::remove_file(&users).ok();
        if let Some(content) = content {
            fs::write(&users, content).expect("written");
        }
        let message =
            format!("switchyard: {told}; correct the file, or name another with --aclfile\n");
        for server in ["node", &proxy] {
            let line = format!("--log off {server} --listen 127.0.0.1:0 --aclfile {users}");
            check(&line, 78, &message);
        }
    }
}

#[test]
fn what_is_wrong_with_a_certificate_or_its_key_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let certificate = || {
        let names = vec!["localhost".to_owned()];
        rcgen::generate_simple_self_signed(names).expect("a certificate")
    };
    let (own, other) = (certificate(), certificate());
    fs::write(path("cert.pem"), own.cert.pem()).expect("written");
    fs::write(path("other.pem"), other.signing_key.serialize_pem()).expect("written");
    fs::write(path("empty.pem"), "").expect("written");
    fs::write(
        path("locked.pem"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .expect("written");
    fs::write(
        path("older.pem"),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMIIB\n-----END RSA PRIVATE KEY-----\n",
    )
    .expect("written");
    run(&format!(
        "topology init --node 127.0.0.1:1 --output {}",
        path("topology.toml")
    ));
    let proxy = |certificate: &str, key: &str, code: i32, error: &str| {
        let line = format!(
            "proxy --listen 127.0.0.1:0 --admin off --tls-listen 127.0.0.1:0 --topology {} --tls-cert-file {} --tls-key-file {}",
            path("topology.toml"),
            path(certificate),
            path(key)
        );
        let folder = folder.path().display();
        check(
            &line,
            code,
            &format!(
                "switchyard: {}\n",
                error.replace("FOLDER", &folder.to_string())
            ),
        );
    };
    proxy(
        "gone.pem",
        "other.pem",
        66,
        "FOLDER/gone.pem: there is no such file",
    );
    proxy(
        "cert.pem",
        "gone.pem",
        66,
        "FOLDER/gone.pem: there is no such file",
    );
    proxy(
        "other.pem",
        "other.pem",
        78,
        "FOLDER/other.pem: holds no certificate in PEM form; it is what tls-cert-file names",
    );
    proxy(
        "cert.pem",
        "empty.pem",
        78,
        "FOLDER/empty.pem: holds no private key in PEM form; it is what tls-key-file names",
    );
    for file in ["locked.pem", "older.pem"] {
        let name = path(file);
        proxy(
            "cert.pem",
            file,
            78,
            &format!(
                "{name}: the private key is encrypted, and nobody is there to type its password; write it without one, readable for this user alone: (umask 077; openssl pkey -in {name} -out plain-key.pem)"
            ),
        );
    }
    proxy(
        "cert.pem",
        "other.pem",
        78,
        "the certificate in FOLDER/cert.pem was made for another key than that in FOLDER/other.pem; name the two that were made together",
    );
}

#[test]
fn wrong_arguments_are_two_lines_and_64() {
    for (line, error) in [
        (
            "check",
            "switchyard: the following required arguments were not provided: <HOST:PORT>\nusage: switchyard check <HOST:PORT>; --help says more\n",
        ),
        (
            "check nowhere",
            "switchyard: invalid value 'nowhere' for '<HOST:PORT>': \"nowhere\" is not an address; write host:port, as in \"127.0.0.1:6379\"\n--help says more\n",
        ),
        (
            "check 127.0.0.1:1 --deadline 0s",
            "switchyard: invalid value '0s' for '--deadline <DURATION>': 0s is too short; it is at least 1ms\n--help says more\n",
        ),
        (
            "chek",
            "switchyard: unrecognized subcommand 'chek'; a similar subcommand exists: 'check'\nusage: switchyard [OPTIONS] <COMMAND>; --help says more\n",
        ),
    ] {
        check(line, 64, error);
    }
    // Who gives no arguments at all is shown what there is.
    assert!(text(&run("").stderr).contains("Commands:"));
}

#[test]
fn a_mistyped_level_of_the_log_is_refused() {
    for (log, part) in [("inof", "inof"), ("info,proxy=debgu", "proxy=debgu")] {
        check(
            &format!("--log {log} topology check t.toml"),
            64,
            &format!(
                "switchyard: --log: \"{part}\" is not a level; write off, error, warn, info, debug or trace, or by part as in \"info,proxy=debug\"\n"
            ),
        );
    }
}

#[test]
fn too_few_open_files_are_one_line_and_71() {
    for (line, least) in [
        ("node --listen 127.0.0.1:0", 28),
        (
            "up --listen 127.0.0.1:0 --shards 3 --followers 0 --threads 2 --admin off",
            88,
        ),
        (
            "up --listen 127.0.0.1:0 --shards 2 --threads 2 --admin off",
            144,
        ),
    ] {
        let limited = |limit: u32| {
            let mut shell = Command::new("sh");
            shell
                .args([
                    "-c",
                    &format!("ulimit -n {limit}; exec {SWITCHYARD} --log off {line}"),
                ])
                .stdin(Stdio::null());
            shell
        };
        for limit in [8, least - 1] {
            let output = limited(limit).output().expect("the binary runs");
            assert_eq!(
                text(&output.stderr),
                format!(
                    "switchyard: only {limit} files may be open, and {least} are the least that this needs; raise the limit, as in: ulimit -n 1024\n"
                )
            );
            assert_eq!(output.status.code(), Some(71), "{line}");
            assert!(output.stdout.is_empty(), "{line}");
        }
        // The least is enough to serve a client.
        let server = Server::start(limited(least));
        server.ask(b"SET key value\r\nGET key\r\n", b"+OK\r\n$5\r\nvalue\r\n");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.end(), (Some(0), String::new()), "{line}");
    }
}

#[test]
fn a_full_standard_output_is_74_and_a_closed_one_is_nobodys_problem() {
    for line in ["topology init --node 127.0.0.1:1", "node --print-config"] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device that is always full");
        let output = command(line)
            .stdout(full)
            .output()
            .expect("the binary runs");
        assert_eq!(
            text(&output.stderr),
            "switchyard: cannot write the answer to standard output: No space left on device (os error 28)\n"
        );
        assert_eq!(output.status.code(), Some(74), "{line}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(line)
            .stdout(writer)
            .output()
            .expect("the binary runs");
        assert_eq!(text(&output.stderr), "", "{line}");
        assert!(output.status.success(), "{line}");
    }
}

#[test]
fn a_topology_that_is_wrong_is_told_once_and_65() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("topology.toml");
    fs::write(&file, "").expect("written");
    let file = file.display();
    let message = format!("switchyard: {file}: \"version\" is missing in the top level\n");
    check(&format!("topology check {file}"), 65, &message);
    check(
        &format!("proxy --listen 127.0.0.1:0 --admin off --topology {file}"),
        65,
        &message,
    );
}

#[test]
fn topologies_are_made_checked_shown_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (old, new) = (path("old.toml"), path("new.toml"));
    let nodes = "--node 127.0.0.1:7001 --node 127.0.0.1:7002";
    check(&format!("topology init {nodes} --output {old}"), 0, "");
    check(
        &format!("topology init {nodes} --output {old}"),
        73,
        &format!("switchyard: {old}: exists already; it was left as it is\n"),
    );
    check(
        &format!("topology init {nodes} --output {old} --force"),
        0,
        "",
    );
    let printed = run(&format!("topology init {nodes}"));
    assert_eq!(
        text(&printed.stdout),
        fs::read_to_string(&old).expect("read")
    );

    let checked = run(&format!("topology check {old}"));
    assert_eq!(
        text(&checked.stdout),
        format!(
            "{old}: version 1 has 2 shards and 2 nodes and obeys every rule\n  \
             note: shard s1 has no follower: its keys are lost with node n1\n  \
             note: shard s2 has no follower: its keys are lost with node n2\n"
        )
    );
    let shown = run(&format!("topology show {old}"));
    assert!(text(&shown.stdout).contains("shard s2  epoch 1  weight 100  8192 slots (50.0 %)\n"));

    let changed = fs::read_to_string(&old).expect("read");
    let changed = changed.replace("version = 1", "version = 2");
    fs::write(&new, changed.replace("127.0.0.1:7002", "127.0.0.1:7003")).expect("written");
    let compared = run(&format!("topology diff {old} {new}"));
    assert_eq!(
        text(&compared.stdout),
        "version 1 → 2\nnode n2: 127.0.0.1:7002 (switchyard) → 127.0.0.1:7003 (switchyard)\nshard s2: its primary n2 is at another address, 127.0.0.1:7003, and keys do not travel: they are lost unless the same process, or one that has them, answers there\n"
    );
    fs::write(&new, changed.replace("127.0.0.1:7002", "127.0.0.1:7001")).expect("written");
    let output = run(&format!("topology check {new}"));
    assert_eq!(output.status.code(), Some(65));
    assert!(
        text(&output.stderr).ends_with(": nodes n1 and n2 have the same address 127.0.0.1:7001\n")
    );
    check(
        "topology init --node 127.0.0.1:1 --followers 1",
        65,
        "switchyard: 1 nodes do not make shards of 2 nodes each; give a multiple of 2\n",
    );
}

#[test]
fn the_settings_in_use_can_be_printed_without_passwords() {
    let output = run("node --print-config --hz 20 --requirepass sesame");
    assert!(output.status.success());
    let config = text(&output.stdout);
    assert!(config.contains("\nhz = 20\n"));
    assert!(!config.contains("sesame"));
    let config = run("proxy --print-config");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/proxy.toml");
    assert_eq!(
        text(&config.stdout),
        fs::read_to_string(shipped).expect("read")
    );
}

#[test]
fn a_node_is_ready_serves_and_ends_with_0_at_sigterm_and_sigint() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let node = Server::start(command("node --listen 127.0.0.1:0"));
        node.ask(b"PING\r\n", b"+PONG\r\n");
        node.signal(signal);
        assert_eq!(node.end(), (Some(0), String::new()));
    }
}

/// A node that is told to give up one client only after ten minutes, and a client with a reply of 32 MB of which it has read the beginning.
fn node_with_a_reply_under_way() -> (Server, TcpStream) {
    let node = Server::start(command("node --listen 127.0.0.1:0 --shutdown-grace 10m"));
    let mut greedy = TcpStream::connect(node.address()).expect("it listens");
    // More than sockets hold: the node has replies left that nobody reads.
    let value = "v".repeat(32 << 20);
    write!(
        greedy,
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n",
        value.len()
    )
    .expect("it reads");
    write!(greedy, "GET k\r\n").expect("it reads");
    let mut first = [0; 5];
    greedy.read_exact(&mut first).expect("it answers");
    (node, greedy)
}

#[test]
fn a_second_signal_ends_at_once_if_it_comes_a_second_later() {
    let (node, _greedy) = node_with_a_reply_under_way();
    node.signal(Signal::SIGTERM);
    let hurried = (0..1_000).any(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        node.signal(Signal::SIGINT);
        let id = i32::try_from(node.child.id()).expect("a process id");
        // It has ended, and waits for us to look at how.
        fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    });
    assert!(hurried, "it goes on after many signals");
    let (code, _) = node.end();
    assert_eq!(code, Some(130));
}

#[test]
fn a_signal_that_comes_twice_at_once_cuts_no_reply() {
    let (node, mut greedy) = node_with_a_reply_under_way();
    for _ in 0..3 {
        node.signal(Signal::SIGTERM);
    }
    let mut rest = Vec::new();
    greedy.read_to_end(&mut rest).expect("the whole reply");
    // `+OK` and the header of the value: five bytes were read.
    assert_eq!(rest.len(), "$33554432\r\n".len() + (32 << 20) + 2);
    assert_eq!(node.end(), (Some(0), String::new()));
}

#[test]
fn a_proxy_may_offer_tls_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(path("cert.pem"), made.cert.pem()).expect("written");
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("written");
    let up = Server::start(command(&format!(
        "up --listen off --threads 1 --admin off --proxy tls-listen=127.0.0.1:0 --proxy tls-cert-file={} --proxy tls-key-file={}",
        path("cert.pem"),
        path("key.pem")
    )));
    let address = up.address().strip_suffix(" with TLS").expect("TLS alone");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let session = rustls::ClientConnection::new(std::sync::Arc::new(settings), name);
    let socket = TcpStream::connect(address).expect("it listens");
    let mut client = rustls::StreamOwned::new(session.expect("a session"), socket);
    client.write_all(b"PING\r\n").expect("sent");
    let mut pong = [0; 7];
    client.read_exact(&mut pong).expect("it answers");
    assert_eq!(&pong, b"+PONG\r\n");
    up.signal(Signal::SIGTERM);
    assert_eq!(up.end(), (Some(0), String::new()));
}

#[test]
fn a_local_cluster_is_ready_serves_and_ends_with_0() {
    for (further, nodes) in [("", 4), (" --processes", 4), (" --followers 0", 2)] {
        let up = Server::start(command(&format!(
            "up --listen 127.0.0.1:0 --shards 2 --threads 1 --admin off{further}"
        )));
        let ready = up.lines.iter().filter(|line| line.starts_with("ready"));
        assert_eq!(ready.count(), 1);
        assert_eq!(
            up.lines
                .iter()
                .filter(|line| line.starts_with("node n"))
                .count(),
            nodes
        );
        up.ask(b"SET key value\r\nGET key\r\n", b"+OK\r\n$5\r\nvalue\r\n");
        up.signal(Signal::SIGTERM);
        assert_eq!(up.end(), (Some(0), String::new()), "{further}");
    }
}

#[test]
fn no_child_outlives_a_cluster_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command =
        command("up --listen 127.0.0.1:0 --shards 1 --threads 1 --admin off --processes");
    // Killed, it cannot remove the folder that it made.
    command.env("TMPDIR", folder.path());
    let up = Server::start(command);
    let address = up.address().to_owned();
    up.signal(Signal::SIGKILL);
    drop(up);
    let gone = (0..1_000).any(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(10));
        TcpStream::connect(&address).is_err()
    });
    assert!(gone, "somebody still listens on {address}");
}
