//! The topology in a real etcd: writers compete, members are killed, stopped and compacted, who lives and who leads.
//! Needs `etcd` in the path (Debian: etcd-server). Starts it and children of this program, and ends both by their process ids.
#![cfg(test)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use shared::topology::{Address, ProxyId, Version};
use store::{CasError, EtcdError, LiveProxy, StoreError, TopologyStore, Watch};
use support::etcd::{Etcd, store_at};
use support::{
    LOOK_EVERY, PATIENCE, Process, STORE_OF_CHILD, assert_each_version_was_won_once, count,
    counted_on, eventually, topology, write,
};

/// Where the proxy "mine" says that it hears gossip.
const MY_GOSSIP: &str = "127.0.0.1:7000";

fn proxy(name: &str) -> ProxyId {
    name.parse().unwrap()
}

/// What the watch sees next.
async fn next(watch: &mut Watch) -> Result<Version, StoreError> {
    let seen = tokio::time::timeout(PATIENCE, watch.next());
    let seen = seen.await.expect("something is seen").expect("it goes on");
    seen.map(|document| document.topology.version)
}

/// Listens until this version is there; what is wrong in between is over by then. Versions never go back.
async fn sees(watch: &mut Watch, version: Version) {
    let mut newest = Version(0);
    while newest < version {
        if let Ok(seen) = next(watch).await {
            assert!(seen >= newest, "{seen} after {newest}");
            newest = seen;
        }
    }
    assert_eq!(newest, version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_one_wins_each_version() {
    let etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    store.create(&topology(1)).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let store = etcd.store(&[0]);
            tokio::spawn(async move { write(&store, 15).await })
        })
        .collect();
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    let last = store.load().await.unwrap().topology;
    assert_each_version_was_won_once(&written, &last);
    assert!(written.iter().any(|it| it.lost > 0), "nobody competed");
}

#[tokio::test]
async fn a_document_is_created_once_and_what_is_foreign_is_told_and_left() {
    let etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    let missing = store.load().await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "etcd has nothing under /switchyard/topology"
    );
    let nothing = store.compare_and_set(Version(1), &topology(2)).await;
    assert!(matches!(nothing, Err(CasError::NotDone(_))), "{nothing:?}");
    store.create(&topology(1)).await.unwrap();
    let again = store.create(&topology(7)).await;
    assert!(matches!(again, Err(CasError::Lost)), "{again:?}");

    let mut watch = store.watch();
    assert_eq!(next(&mut watch).await.unwrap(), Version(1));
    etcd.put(0, "/switchyard/topology", "version = 2\n");
    let wrong = next(&mut watch).await.unwrap_err().to_string();
    assert!(
        wrong.starts_with("etcd:/switchyard/topology: slots 0-16383"),
        "{wrong}"
    );
    let refused = store.compare_and_set(Version(2), &topology(3)).await;
    assert!(matches!(refused, Err(CasError::NotDone(_))), "{refused:?}");
}

#[tokio::test]
async fn a_document_that_etcd_would_not_take_is_refused_before_it_is_sent() {
    let etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    store.create(&topology(1)).await.unwrap();
    let mut large = topology(2);
    for number in 0..8_000 {
        let mut node = large.nodes[0].clone();
        node.id = format!("{number:064}").parse().unwrap();
        node.zone = Some("z".repeat(64).parse().unwrap());
        node.address = format!("{}:{}", "h".repeat(63), 10_000 + number)
            .parse()
            .unwrap();
        large.nodes.push(node);
    }
    let refused = store.compare_and_set(Version(1), &large).await;
    assert!(
        matches!(
            refused,
            Err(CasError::NotDone(StoreError::Etcd(
                EtcdError::TooLong { .. }
            )))
        ),
        "{refused:?}"
    );
    assert_eq!(store.load().await.unwrap().topology, topology(1));
    // Just below the bound it goes, there and back, and is watched.
    large.nodes.truncate(4_000);
    assert!(shared::topology::text::print(&large).len() > 900_000);
    let mut watch = store.watch();
    assert_eq!(next(&mut watch).await.unwrap(), Version(1));
    store.compare_and_set(Version(1), &large).await.unwrap();
    sees(&mut watch, Version(2)).await;
    assert_eq!(store.load().await.unwrap().topology, large);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_watches_go_on_while_members_are_killed_and_come_back() {
    let mut etcd = Etcd::start(3).await;
    let store = etcd.store(&[0, 1, 2]);
    store.create(&topology(1)).await.unwrap();
    let writers: Vec<_> = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
        .iter()
        .map(|places| {
            let store = etcd.store(places);
            tokio::spawn(async move { write(&store, 40).await })
        })
        .collect();
    let mut watch = store.watch();
    for place in 0..3 {
        let before = store.load().await.map_or(0, |it| it.topology.version.0);
        etcd.kill(place);
        eventually("two members go on", || async {
            let there = store.load().await;
            there.is_ok_and(|it| it.topology.version.0 > before)
                || writers.iter().all(tokio::task::JoinHandle::is_finished)
        })
        .await;
        etcd.run(place);
        etcd.serves(place).await;
    }
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    let last = store.load().await.unwrap().topology;
    assert_each_version_was_won_once(&written, &last);
    sees(&mut watch, last.version).await;
}

#[tokio::test]
async fn a_watch_that_was_away_while_all_was_compacted_sees_the_newest() {
    let etcd = Etcd::start(3).await;
    let others = etcd.store(&[1, 2]);
    others.create(&topology(1)).await.unwrap();
    // It knows one member alone, and that one is stopped with the watch open.
    let mut watch = etcd.store(&[0]).watch();
    sees(&mut watch, Version(1)).await;
    etcd.stop(0).await;
    let written = write(&others, 10).await;
    let last = others.load().await.unwrap().topology;
    assert_each_version_was_won_once(&[written], &last);
    etcd.compact(1);
    etcd.go_on(0);
    sees(&mut watch, last.version).await;
    // And it still hears of what comes then.
    others
        .compare_and_set(last.version, &counted_on(&last))
        .await
        .unwrap();
    sees(&mut watch, last.version.next()).await;
}

#[tokio::test]
async fn a_watch_leaves_a_member_that_hangs() {
    let etcd = Etcd::start(3).await;
    let store = etcd.store(&[0, 1, 2]);
    store.create(&topology(1)).await.unwrap();
    let mut watch = store.watch();
    sees(&mut watch, Version(1)).await;
    etcd.stop(0).await;
    let others = etcd.store(&[1, 2]);
    write(&others, 1).await;
    let last = others.load().await.unwrap().topology;
    sees(&mut watch, last.version).await;
}

#[tokio::test]
async fn while_etcd_hangs_calls_end_and_afterwards_all_goes_on() {
    let etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    store.create(&topology(1)).await.unwrap();
    let mut watch = store.watch();
    sees(&mut watch, Version(1)).await;
    etcd.stop(0).await;
    let silent = |error: &StoreError| matches!(error, StoreError::Etcd(EtcdError::Silent { .. }));
    let load = tokio::time::timeout(PATIENCE, store.load()).await.unwrap();
    assert!(load.as_ref().is_err_and(silent), "{load:?}");
    let next_one = topology(2);
    let change = store.compare_and_set(Version(1), &next_one);
    let change = tokio::time::timeout(PATIENCE, change).await.unwrap();
    // It could not even be read what is there.
    assert!(
        matches!(&change, Err(CasError::NotDone(error)) if silent(error)),
        "{change:?}"
    );
    let problem = next(&mut watch).await.unwrap_err();
    assert!(silent(&problem), "{problem}");
    etcd.go_on(0);
    eventually("it is changed", || async {
        let done = store.compare_and_set(Version(1), &topology(2)).await;
        done.is_ok() || matches!(done, Err(CasError::Lost))
    })
    .await;
    sees(&mut watch, Version(2)).await;
    assert_eq!(store.load().await.unwrap().topology, topology(2));
}

#[tokio::test]
async fn nobody_there_is_told_from_an_answer_that_never_came() {
    let nowhere = store_at(vec![Address::loopback(1)]);
    let change = nowhere.create(&topology(1)).await;
    assert!(
        matches!(
            change,
            Err(CasError::NotDone(StoreError::Etcd(
                EtcdError::Unreachable { .. }
            )))
        ),
        "{change:?}"
    );
    // Reads what it is told, and hangs up.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(deaf.local_addr().unwrap());
    let listening = std::thread::spawn(move || {
        let (mut socket, _) = deaf.accept().unwrap();
        let read = socket.read(&mut [0; 64]).unwrap();
        assert!(read > 0);
    });
    let change = store_at(vec![address]).create(&topology(1)).await;
    listening.join().unwrap();
    assert!(
        matches!(
            change,
            Err(CasError::Unknown(StoreError::Etcd(
                EtcdError::Broken { .. }
            )))
        ),
        "{change:?}"
    );
    // Takes everything, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(silent.local_addr().unwrap());
    let change = store_at(vec![address]).create(&topology(1)).await;
    assert!(
        matches!(
            change,
            Err(CasError::Unknown(StoreError::Etcd(
                EtcdError::Silent { .. }
            )))
        ),
        "{change:?}"
    );
}

#[tokio::test]
async fn what_etcd_refuses_and_what_is_no_etcd_are_told_apart() {
    let answer = async |status: &'static str, body: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"}") {
                let read = socket.read(&mut chunk).unwrap();
                assert!(read > 0, "the request is whole");
                request.extend_from_slice(&chunk[..read]);
            }
            let length = body.len();
            write!(
                socket,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .unwrap();
        });
        let load = store_at(vec![address]).load().await;
        serving.join().unwrap();
        load.unwrap_err().to_string()
    };
    let refused = r#"{"error":"etcdserver: no leader","code":14}"#;
    let text = answer("503 Service Unavailable", refused).await;
    assert!(text.ends_with("says: etcdserver: no leader"), "{text}");
    for (status, body, expected) in [
        ("200 OK", "<html>", "it is not JSON"),
        ("200 OK", "{}", "there is no \"revision\" in its \"header\""),
        ("404 Not Found", "{}", "an error without its code"),
    ] {
        let text = answer(status, body).await;
        assert!(text.contains("answers what is not understood"), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

/// The store that this process is to use, when it is a child.
fn store_of_child() -> Option<TopologyStore> {
    let address = std::env::var(STORE_OF_CHILD).ok()?;
    Some(store_at(vec![address.parse().unwrap()]))
}

/// Announces itself, tries to lead, says whether it does, and stays until it is killed.
#[tokio::test]
async fn a_child_lives_and_leads() {
    let Some(store) = store_of_child() else {
        return;
    };
    let announcement = store.announce(&proxy("child"), Version(3), None);
    let leadership = store.try_to_lead(&proxy("child")).await.unwrap();
    println!("leads {}", leadership.is_some());
    tokio::time::sleep(PATIENCE).await;
    drop((announcement, leadership));
}

async fn lists(store: &TopologyStore, expected: &[(&str, u64)]) -> bool {
    let expected = expected.iter().map(|&(name, version)| LiveProxy {
        id: proxy(name),
        applied: Version(version),
        gossip: (name == "mine").then(|| MY_GOSSIP.parse().unwrap()),
    });
    let live = store.live_proxies().await;
    live.is_ok_and(|live| live == expected.collect::<Vec<_>>())
}

#[tokio::test]
async fn who_lives_is_on_the_list_and_who_is_killed_is_not() {
    let mut etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    let gossip: Address = MY_GOSSIP.parse().unwrap();
    let mine = store.announce(&proxy("mine"), Version(1), Some(&gossip));
    let mut child = Process::start("a_child_lives_and_leads", &etcd.address(0).to_string());
    eventually("both are listed", || {
        lists(&store, &[("child", 3), ("mine", 1)])
    })
    .await;
    mine.set_applied(Version(2));
    eventually("a version is listed", || {
        lists(&store, &[("child", 3), ("mine", 2)])
    })
    .await;
    child.kill();
    eventually("the dead one is gone", || lists(&store, &[("mine", 2)])).await;
    // etcd is away for longer than the lease; who lives comes back by itself.
    etcd.kill(0);
    mine.set_applied(Version(4));
    tokio::time::sleep(LOOK_EVERY).await;
    etcd.run(0);
    eventually("who lives is back", || lists(&store, &[("mine", 4)])).await;
    mine.withdraw().await;
    assert!(lists(&store, &[]).await);
    etcd.put(0, "/switchyard/proxies/of-old", "5");
    assert!(lists(&store, &[("of-old", 5)]).await);
    etcd.put(0, "/switchyard/proxies/other", "no number");
    let foreign = store.live_proxies().await.unwrap_err().to_string();
    assert!(foreign.contains("/switchyard/proxies/other"), "{foreign}");
}

#[tokio::test]
async fn one_leads_until_it_resigns_is_killed_or_is_not_heard() {
    let etcd = Etcd::start(1).await;
    let store = etcd.store(&[0]);
    let mut child = Process::start("a_child_lives_and_leads", &etcd.address(0).to_string());
    assert_eq!(child.next("leads ").unwrap(), "true");
    let a = proxy("a");
    assert!(store.try_to_lead(&a).await.unwrap().is_none());
    child.kill();
    let mut first = None;
    for _ in 0..3_000 {
        first = store.try_to_lead(&a).await.unwrap();
        if first.is_some() {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let first = first.expect("the lease of the dead one ends");
    assert!(first.holds());
    assert!(store.try_to_lead(&proxy("b")).await.unwrap().is_none());
    first.resign().await;
    let second = store.try_to_lead(&proxy("b")).await.unwrap().unwrap();
    // Kept for longer than its lease.
    for _ in 0..150 {
        assert!(second.holds());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    etcd.stop(0).await;
    eventually("it leads no more", || async { !second.holds() }).await;
    etcd.go_on(0);
    eventually("another one can", || async {
        store.try_to_lead(&a).await.is_ok_and(|it| it.is_some())
    })
    .await;
    assert!(!second.holds());
}

#[tokio::test]
async fn with_most_members_away_nothing_changes_and_later_all_goes_on() {
    let mut etcd = Etcd::start(3).await;
    let store = etcd.store(&[0, 1, 2]);
    store.create(&topology(1)).await.unwrap();
    etcd.kill(1);
    etcd.kill(2);
    let change = store.compare_and_set(Version(1), &topology(2)).await;
    assert!(
        matches!(change, Err(CasError::NotDone(_) | CasError::Unknown(_))),
        "{change:?}"
    );
    etcd.run(1);
    etcd.run(2);
    etcd.serves(1).await;
    eventually("it is changed", || async {
        let there = store.load().await;
        let Ok(there) = there else { return false };
        let next = counted_on(&there.topology);
        there.topology.version > Version(1)
            || store.compare_and_set(Version(1), &next).await.is_ok()
    })
    .await;
    let last = store.load().await.unwrap().topology;
    assert_eq!((last.version, count(&last)), (Version(2), 2));
}

#[tokio::test]
async fn all_who_read_the_store_share_a_key() {
    let etcd = Etcd::start(1).await;
    let stores = [etcd.store(&[0]), etcd.store(&[0])];
    let (one, other) = tokio::join!(stores[0].gossip_key(), stores[1].gossip_key());
    let key = one.unwrap();
    assert!(other.unwrap() == key);
    assert!(etcd.store(&[0]).gossip_key().await.unwrap() == key);
    etcd.put(0, "/switchyard/gossip-key", "no key");
    let foreign = stores[0].gossip_key().await.unwrap_err().to_string();
    assert!(foreign.contains("/switchyard/gossip-key"), "{foreign}");
}
