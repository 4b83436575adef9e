//! A real etcd, and what the tests of the store do with it: stores at its members, keys that are put and forgotten.
//! Its processes are those of the whole product's tests.

use std::path::Path;
use std::time::Duration;

use shared::topology::Address;
use store::{EtcdSettings, EtcdStore, TopologyStore};

use super::eventually;

#[path = "../../../../tests/support/etcd.rs"]
mod members;
#[path = "../../../../tests/support/standing.rs"]
mod standing;

use members::Members;

pub(crate) struct Etcd {
    members: Members,
}

impl Etcd {
    /// Starts so many members, and waits until they serve.
    pub(crate) async fn start(count: usize) -> Self {
        let etcd = Self {
            members: Members::start(count),
        };
        for place in 0..count {
            etcd.serves(place).await;
        }
        etcd
    }

    /// Starts a member that speaks TLS, with what is in this folder; whether it serves is the caller's to find out.
    pub(crate) fn start_over_tls(folder: &Path) -> Self {
        Self {
            members: Members::start_with(1, Some(folder.to_path_buf())),
        }
    }

    /// Gives an order, which is carried out.
    pub(crate) fn order(&self, place: usize, path: &str, order: &str) {
        let answer = self.members.ask(place, path, order).unwrap();
        assert!(answer.contains("200 OK"), "{path} {order}: {answer}");
    }

    /// Starts a member, with the data that it has.
    pub(crate) fn run(&mut self, place: usize) {
        self.members.run(place);
    }

    /// Waits until a member answers for the whole.
    pub(crate) async fn serves(&self, place: usize) {
        eventually("etcd serves", || async { self.members.serves(place) }).await;
    }

    /// Ends a member as a power cut would.
    pub(crate) fn kill(&mut self, place: usize) {
        self.members.kill(place);
    }

    /// Stops a member where it is, with all its connections; returns when all its threads stand.
    pub(crate) async fn stop(&self, place: usize) {
        self.members.stop(place);
        eventually("it stands", || async {
            standing::stands(self.members.id(place))
        })
        .await;
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self, place: usize) {
        self.members.go_on(place);
    }

    /// A store by these members, impatient, with leases as short as etcd has them.
    pub(crate) fn store(&self, places: &[usize]) -> TopologyStore {
        store_at(places.iter().map(|&place| self.address(place)).collect())
    }

    pub(crate) fn address(&self, place: usize) -> Address {
        Address::loopback(self.members.port(place))
    }

    /// Forgets all but the newest of every key, and says up to which revision.
    pub(crate) fn compact(&self, place: usize) -> u64 {
        let answer = self
            .members
            .ask(place, "/v3/kv/range", r#"{"key":"YQ=="}"#)
            .unwrap();
        let (_, revision) = answer.split_once("\"revision\":\"").unwrap();
        let revision = revision.split('"').next().unwrap();
        let order = format!("{{\"revision\":\"{revision}\",\"physical\":true}}");
        let answer = self
            .members
            .ask(place, "/v3/kv/compaction", &order)
            .unwrap();
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
        let answer = self.members.ask(place, "/v3/kv/put", &order).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
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
