//! A real etcd of one or of several members, on free ports of the loopback interface, with its data in a temporary folder.
//! Starts and ends processes of its own, by their ids.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shared::topology::Address;
use store::{EtcdSettings, EtcdStore, TopologyStore};

use super::eventually;

/// A member that runs, or not.
struct Member {
    client: u16,
    peer: u16,
    child: Option<Child>,
}

pub(crate) struct Etcd {
    members: Vec<Member>,
    data: tempfile::TempDir,
}

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

impl Etcd {
    /// Starts so many members, and waits until they serve.
    pub(crate) async fn start(count: usize) -> Self {
        let ports = free_ports(2 * count);
        let member = |ports: &[u16]| Member {
            client: ports[0],
            peer: ports[1],
            child: None,
        };
        let mut etcd = Self {
            members: ports.chunks(2).map(member).collect(),
            data: tempfile::tempdir().unwrap(),
        };
        for place in 0..count {
            etcd.run(place);
        }
        for place in 0..count {
            etcd.serves(place).await;
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
        let (client, peer) = (
            format!("http://127.0.0.1:{client}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let child = Command::new("etcd")
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

    /// Waits until a member answers for the whole.
    pub(crate) async fn serves(&self, place: usize) {
        eventually("etcd serves", || async {
            self.ask(place, "/v3/kv/range", r#"{"key":"YQ=="}"#)
                .is_some_and(|answer| answer.contains("\"revision\""))
        })
        .await;
    }

    /// Ends a member as a power cut would.
    pub(crate) fn kill(&mut self, place: usize) {
        let mut child = self.members[place].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops a member where it is, with all its connections; returns when all its threads stand.
    pub(crate) async fn stop(&self, place: usize) {
        self.signal(place, Signal::SIGSTOP);
        let tasks = format!("/proc/{}/task", self.id(place));
        eventually("it stands", || async {
            let tasks = std::fs::read_dir(&tasks).unwrap();
            tasks.flatten().all(|task| {
                // `pid (name) state …`
                let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                let state = stat.rsplit(") ").next().unwrap_or_default();
                state.is_empty() || state.starts_with('T')
            })
        })
        .await;
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self, place: usize) {
        self.signal(place, Signal::SIGCONT);
    }

    fn signal(&self, place: usize, signal: Signal) {
        let id = i32::try_from(self.id(place)).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    fn id(&self, place: usize) -> u32 {
        self.members[place].child.as_ref().unwrap().id()
    }

    /// A store by these members, impatient, with leases as short as etcd has them.
    pub(crate) fn store(&self, places: &[usize]) -> TopologyStore {
        store_at(places.iter().map(|&place| self.address(place)).collect())
    }

    pub(crate) fn address(&self, place: usize) -> Address {
        Address::loopback(self.members[place].client)
    }

    /// Forgets all but the newest of every key, and says up to which revision.
    pub(crate) fn compact(&self, place: usize) -> u64 {
        let answer = self
            .ask(place, "/v3/kv/range", r#"{"key":"YQ=="}"#)
            .unwrap();
        let (_, revision) = answer.split_once("\"revision\":\"").unwrap();
        let revision = revision.split('"').next().unwrap();
        let order = format!("{{\"revision\":\"{revision}\",\"physical\":true}}");
        let answer = self.ask(place, "/v3/kv/compaction", &order).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
        revision.parse().unwrap()
    }

    /// Puts any bytes under a key.
    pub(crate) fn put(&self, place: usize, key: &str, value: &str) {
        use base64::Engine as _;
        let code = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let order = format!(
            "{{\"key\":\"{}\",\"value\":\"{}\"}}",
            code(key),
            code(value)
        );
        let answer = self.ask(place, "/v3/kv/put", &order).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
    }

    /// One request; the whole answer, or nothing where nobody listens.
    fn ask(&self, place: usize, path: &str, body: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.members[place].client)).ok()?;
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
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

/// A store at these addresses, impatient, with leases as short as etcd has them.
pub(crate) fn store_at(endpoints: Vec<Address>) -> TopologyStore {
    let settings = EtcdSettings {
        deadline: Duration::from_secs(2),
        lease: Duration::from_secs(2),
        ..EtcdSettings::new(endpoints)
    };
    TopologyStore::Etcd(EtcdStore::new(settings).unwrap())
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(child) = &mut member.child {
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}
