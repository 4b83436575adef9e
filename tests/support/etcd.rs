//! A real etcd of one or of several members as child processes, on free ports of the loopback interface, with its data in a temporary folder.
//! Starts and ends processes of its own, by their ids; waits for nothing, so that each kind of test may wait in its way. The tests of `shared/store` use this file too.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A member that runs, or not.
struct Member {
    client: u16,
    peer: u16,
    child: Option<Child>,
}

/// All members.
pub(crate) struct Members {
    members: Vec<Member>,
    data: tempfile::TempDir,
    /// The folder of `ca.pem`, `server.pem` and `server-key.pem`, where clients are spoken to over TLS, and must show a certificate.
    tls: Option<PathBuf>,
}

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().expect("bound").port())
        .collect()
}

impl Members {
    /// Starts so many; they serve when [`Self::serves`] says so.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, None)
    }

    /// As [`Self::start`]; over TLS with what is in this folder.
    pub(crate) fn start_with(count: usize, tls: Option<PathBuf>) -> Self {
        let ports = free_ports(2 * count);
        let member = |ports: &[u16]| Member {
            client: ports[0],
            peer: ports[1],
            child: None,
        };
        let mut etcd = Self {
            members: ports.chunks(2).map(member).collect(),
            data: tempfile::tempdir().expect("a temporary folder"),
            tls,
        };
        for place in 0..count {
            etcd.run(place);
        }
        etcd
    }

    /// Starts a member, with the data that it has.
    pub(crate) fn run(&mut self, place: usize) {
        let cluster: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| format!("m{place}=http://127.0.0.1:{}", member.peer))
            .collect();
        let Member { client, peer, .. } = self.members[place];
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (client, peer) = (
            format!("{scheme}://127.0.0.1:{client}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let mut command = Command::new("etcd");
        if let Some(folder) = &self.tls {
            for (flag, file) in [
                ("--cert-file", "server.pem"),
                ("--key-file", "server-key.pem"),
                ("--trusted-ca-file", "ca.pem"),
            ] {
                command.arg(flag).arg(folder.join(file));
            }
            command.arg("--client-cert-auth");
        }
        let child = command
            .arg("--name")
            .arg(format!("m{place}"))
            .arg("--data-dir")
            .arg(self.folder(place))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args([
                "--initial-cluster",
                &cluster.join(","),
                "--initial-cluster-state",
                "new",
            ])
            .args(["--logger", "zap", "--log-level", "error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("no etcd ({error}); on Debian 12, as root: apt-get install etcd-server")
        });
        self.members[place].child = Some(child);
    }

    fn folder(&self, place: usize) -> PathBuf {
        self.data.path().join(format!("m{place}"))
    }

    /// Whether a member answers for the whole.
    pub(crate) fn serves(&self, place: usize) -> bool {
        self.ask(place, "/v3/kv/range", r#"{"key":"YQ=="}"#)
            .is_some_and(|answer| answer.contains("\"revision\""))
    }

    /// Ends a member as a power cut would.
    pub(crate) fn kill(&mut self, place: usize) {
        let mut child = self.members[place].child.take().expect("it runs");
        child.kill().expect("own child");
        child.wait().expect("own child");
    }

    /// Asks the kernel to stop a member where it is, with all its connections.
    pub(crate) fn stop(&self, place: usize) {
        self.signal(place, Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self, place: usize) {
        self.signal(place, Signal::SIGCONT);
    }

    fn signal(&self, place: usize, signal: Signal) {
        let id = i32::try_from(self.id(place)).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("own child");
    }

    /// The process of a member that runs.
    pub(crate) fn id(&self, place: usize) -> u32 {
        let child = self.members[place].child.as_ref();
        child.expect("it runs").id()
    }

    /// The port on which a member serves.
    pub(crate) fn port(&self, place: usize) -> u16 {
        self.members[place].client
    }

    /// One request; the whole answer, or nothing where nobody listens.
    pub(crate) fn ask(&self, place: usize, path: &str, body: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port(place))).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nhost: etcd\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(child) = &mut member.child {
                // Either may fail when it is gone already, which is what is wanted.
                drop(child.kill());
                drop(child.wait());
            }
        }
    }
}
