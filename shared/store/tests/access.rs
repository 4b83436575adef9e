//! A real etcd that asks who one is, and one that speaks TLS and asks for a certificate.
//! Needs `etcd` in the path (Debian: etcd-server).
#![cfg(test)]

mod support;

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use shared::config::{Secret, SettingValue as _, TopologyAccess, TopologyPlace, UserName};
use shared::topology::{Address, ProxyId, Version};
use store::{EtcdError, StoreError, TopologyStore, in_one_line};
use support::etcd::Etcd;
use support::{counted_on, eventually, topology};

/// Keys below which the user `caches` may do anything.
const PREFIX: &str = "/caches/";

fn place(address: &Address, scheme: &str) -> TopologyPlace {
    TopologyPlace::parse(&format!(
        "{scheme}://{address}{}",
        PREFIX.trim_end_matches('/')
    ))
    .unwrap()
}

fn access(name: &str, password: &str) -> TopologyAccess {
    TopologyAccess {
        user: UserName::parse(name).ok(),
        password: Secret::new(password),
        ..TopologyAccess::default()
    }
}

/// Lets etcd ask everybody who they are.
fn enable_users(etcd: &Etcd) {
    use base64::Engine as _;
    let code = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let permission = format!(
        r#"{{"name":"caches","perm":{{"permType":"READWRITE","key":"{}","range_end":"{}"}}}}"#,
        code(PREFIX),
        code("/caches0")
    );
    for (path, order) in [
        ("/v3/auth/role/add", r#"{"name":"root"}"#),
        ("/v3/auth/user/add", r#"{"name":"root","password":"all"}"#),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/v3/auth/role/add", r#"{"name":"caches"}"#),
        ("/v3/auth/role/grant", &permission),
        (
            "/v3/auth/user/add",
            r#"{"name":"caches","password":"sesame"}"#,
        ),
        (
            "/v3/auth/user/grant",
            r#"{"user":"caches","role":"caches"}"#,
        ),
        (
            "/v3/auth/user/add",
            r#"{"name":"stranger","password":"sesame"}"#,
        ),
        ("/v3/auth/enable", "{}"),
    ] {
        etcd.order(0, path, order);
    }
}

/// The refusal in words, with the address left out.
fn refusal(error: &StoreError, address: &Address) -> String {
    in_one_line(error).replace(&address.to_string(), "E")
}

#[tokio::test]
async fn who_is_asked_who_one_is_says_it_and_says_it_again_when_it_is_forgotten() {
    let mut etcd = Etcd::start(1).await;
    let address = etcd.address(0);
    let at = |access: &TopologyAccess| TopologyStore::at(&place(&address, "etcd"), access).unwrap();
    let store = at(&access("caches", "sesame"));
    // Users can be given to proxies before etcd asks for them.
    store.create(&topology(1)).await.unwrap();
    enable_users(&etcd);

    let now = store.load().await.unwrap().topology;
    store
        .compare_and_set(Version(1), &counted_on(&now))
        .await
        .unwrap();
    let proxy: ProxyId = "p1".parse().unwrap();
    let announcement = store.announce(&proxy, Version(2), None);
    eventually("it is on the list", || async {
        store.live_proxies().await.is_ok_and(|live| live.len() == 1)
    })
    .await;
    let leads = store
        .try_to_lead(&proxy)
        .await
        .unwrap()
        .expect("nobody else does");
    assert!(leads.holds());
    let key = store.gossip_key().await.unwrap();
    assert!(key == store.gossip_key().await.unwrap());

    // Tokens lie in the memory of etcd.
    etcd.kill(0);
    etcd.run(0);
    eventually("etcd serves", || async { store.load().await.is_ok() }).await;
    let now = store.load().await.unwrap().topology;
    assert_eq!(now.version, Version(2));
    // A token is as old as the last change of its users; this order is refused at first.
    etcd.kill(0);
    etcd.run(0);
    eventually("the order is taken", || async {
        store
            .compare_and_set(Version(2), &counted_on(&now))
            .await
            .is_ok()
            || store
                .load()
                .await
                .is_ok_and(|there| there.topology.version == Version(3))
    })
    .await;
    let mut watch = store.watch();
    let seen = watch.next().await.unwrap().unwrap();
    assert_eq!(seen.topology.version, Version(3));
    store
        .compare_and_set(Version(3), &counted_on(&seen.topology))
        .await
        .unwrap();
    let seen = watch.next().await.unwrap().unwrap();
    assert_eq!(seen.topology.version, Version(4));
    announcement.withdraw().await;
}

#[tokio::test]
async fn whoever_is_not_let_in_hears_why() {
    let etcd = Etcd::start(1).await;
    let address = etcd.address(0);
    enable_users(&etcd);
    let check = async |access: &TopologyAccess, expected: &str| {
        let store = TopologyStore::at(&place(&address, "etcd"), access).unwrap();
        let error = store.load().await.unwrap_err();
        assert_eq!(refusal(&error, &address), expected);
        let change = store.create(&topology(1)).await.unwrap_err();
        assert!(matches!(change, store::CasError::NotDone(_)), "{change:?}");
    };
    check(
        &access("caches", "Sesame"),
        "etcd at E has not let the user caches in: etcd at E says: etcdserver: authentication failed, invalid user ID or password",
    )
    .await;
    check(
        &TopologyAccess::default(),
        "etcd at E says: etcdserver: user name is empty",
    )
    .await;
    check(
        &access("stranger", "sesame"),
        "etcd at E says: etcdserver: permission denied",
    )
    .await;
}

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes a certificate for this machine and its key.
    fn sign(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
    }
}

/// With the files of this folder; `name` is who is shown.
fn over_tls(folder: &Path, ca: &str, name: Option<&str>) -> TopologyAccess {
    TopologyAccess {
        ca_file: Some(folder.join(ca)),
        cert_file: name.map(|name| folder.join(format!("{name}.pem"))),
        key_file: name.map(|name| folder.join(format!("{name}-key.pem"))),
        ..TopologyAccess::default()
    }
}

#[tokio::test]
async fn over_tls_both_sides_know_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    fs::write(folder.path().join("ca.pem"), &ours.pem).unwrap();
    fs::write(folder.path().join("other-ca.pem"), &other.pem).unwrap();
    for name in ["server", "client"] {
        ours.sign(folder.path(), name);
    }
    other.sign(folder.path(), "stranger");
    let etcd = Etcd::start_over_tls(folder.path());
    let address = etcd.address(0);
    let at = |ca: &str, name: Option<&str>| {
        let access = over_tls(folder.path(), ca, name);
        TopologyStore::at(&place(&address, "etcds"), &access).unwrap()
    };
    let store = at("ca.pem", Some("client"));
    eventually("etcd serves", || async {
        matches!(
            store.load().await,
            Err(StoreError::Etcd(EtcdError::Missing { .. }))
        )
    })
    .await;
    store.create(&topology(1)).await.unwrap();
    let mut watch = store.watch();
    let seen = watch.next().await.unwrap().unwrap().topology;
    store
        .compare_and_set(Version(1), &counted_on(&seen))
        .await
        .unwrap();
    assert_eq!(
        watch.next().await.unwrap().unwrap().topology.version,
        Version(2)
    );

    let stranger = at("other-ca.pem", Some("client")).load().await.unwrap_err();
    let said = refusal(&stranger, &address);
    assert!(said.contains("UnknownIssuer"), "{said}");
    for name in [None, Some("stranger")] {
        let refused = at("ca.pem", name).load().await;
        assert!(refused.is_err(), "{name:?} is no client of ours");
    }
    let plain = TopologyStore::at(&place(&address, "etcd"), &TopologyAccess::default());
    assert!(plain.unwrap().load().await.is_err(), "without TLS");
}

#[test]
fn tls_without_files_is_refused_and_never_left_out() {
    let place = place(&Address::loopback(1), "etcds");
    let refused = TopologyStore::at(&place, &TopologyAccess::default()).unwrap_err();
    assert!(
        in_one_line(&refused).contains("topology-ca-file"),
        "{refused}"
    );
}
