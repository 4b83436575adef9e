//! The topology in a file: many writers, writers that are killed, what the watch sees, who lives and who leads.
//! Works in temporary folders; starts this program again as children, and kills them.
#![cfg(test)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::topology::text::Document;
use shared::topology::{Address, ProxyId, Version};
use store::{CasError, FileStore, LiveProxy, StoreError, TopologyStore};
use support::{
    Dice, PATIENCE, Process, STORE_OF_CHILD, Written, assert_each_version_was_won_once, count,
    counted_on, eventually, topology, write,
};

fn store_in(folder: &Path) -> (TopologyStore, PathBuf) {
    let path = folder.join("topology.toml");
    (TopologyStore::File(FileStore::new(&path)), path)
}

/// The store that this process is to use, when it is a child.
fn store_of_child() -> Option<TopologyStore> {
    let path = std::env::var(STORE_OF_CHILD).ok()?;
    Some(TopologyStore::File(FileStore::new(path)))
}

/// Where the proxy "mine" says that it hears gossip.
const MY_GOSSIP: &str = "127.0.0.1:7000";

fn proxy(name: &str) -> ProxyId {
    name.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_threads_one_wins_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { write(&store, 25).await })
        })
        .collect();
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    let last = store.load().await.unwrap().topology;
    assert_eq!(last.version, Version(101));
    assert_each_version_was_won_once(&written, &last);
    assert!(written.iter().any(|it| it.lost > 0), "nobody competed");
}

/// Counts on, and says so, until it is killed or has done it often.
#[tokio::test]
async fn a_child_writes() {
    let Some(store) = store_of_child() else {
        return;
    };
    for _ in 0..40 {
        let written = write(&store, 1).await;
        println!("won {}", written.won[0]);
    }
}

#[tokio::test]
async fn of_many_processes_one_wins_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let mut children: Vec<Process> = (0..3)
        .map(|_| Process::start("a_child_writes", path.to_str().unwrap()))
        .collect();
    let mut written = vec![write(&store, 20).await];
    for child in &mut children {
        let mut of_child = Written::default();
        while let Some(version) = child.next("won ") {
            of_child.won.push(version.parse().unwrap());
        }
        assert_eq!(of_child.won.len(), 40);
        written.push(of_child);
    }
    let last = store.load().await.unwrap().topology;
    assert_eq!(last.version, Version(141));
    assert_each_version_was_won_once(&written, &last);
}

#[tokio::test]
async fn a_writer_that_is_killed_leaves_a_whole_document_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let mut dice = Dice::new();
    for round in 0..20 {
        let mut child = Process::start("a_child_writes", path.to_str().unwrap());
        let won: u64 = child.next("won ").unwrap().parse().unwrap();
        // Anywhere within the next few writes.
        tokio::time::sleep(Duration::from_micros(dice.below(8_000))).await;
        child.kill();
        let there = store.load().await.unwrap().topology;
        assert!(there.version.0 >= won, "round {round}");
        assert_eq!(count(&there), there.version.0, "round {round}");
        store
            .compare_and_set(there.version, &counted_on(&there))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_a_killed_writer_had_not_renamed_never_becomes_the_topology() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(
        folder.path().join("topology.toml.1.0.tmp"),
        &whole[..whole.len() / 2],
    )
    .unwrap();
    assert_eq!(store.load().await.unwrap().topology, topology(1));
    store
        .compare_and_set(Version(1), &topology(2))
        .await
        .unwrap();
    assert_eq!(store.load().await.unwrap().topology, topology(2));
}

#[tokio::test]
async fn a_document_is_created_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_in(folder.path());
    let missing = store.compare_and_set(Version(1), &topology(2)).await;
    assert!(matches!(missing, Err(CasError::NotDone(_))), "{missing:?}");
    store.create(&topology(1)).await.unwrap();
    let again = store.create(&topology(7)).await;
    assert!(matches!(again, Err(CasError::Lost)), "{again:?}");
    assert_eq!(store.load().await.unwrap().topology, topology(1));
}

#[tokio::test]
async fn what_is_no_topology_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    for torn in [&whole[..whole.len() / 2], "", "version = 1\n"] {
        fs::write(&path, torn).unwrap();
        let refused = store.compare_and_set(Version(1), &topology(2)).await;
        assert!(matches!(refused, Err(CasError::NotDone(_))), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), torn);
    }
}

#[tokio::test]
async fn what_a_person_has_accepted_stays_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("key-loss-accepted-at-version = 1\n{whole}")).unwrap();
    store
        .compare_and_set(Version(1), &topology(2))
        .await
        .unwrap();
    let there = store.load().await.unwrap();
    let expected = Document {
        topology: topology(2),
        key_loss_accepted_at: Some(Version(1)),
    };
    assert_eq!(there, expected);
}

#[tokio::test]
async fn the_watch_sees_the_newest_and_says_once_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    let mut watch = store.watch();
    let mut next = async || {
        let seen = tokio::time::timeout(PATIENCE, watch.next());
        seen.await.expect("something is seen").expect("it goes on")
    };
    let missing = next().await.unwrap_err();
    assert!(matches!(missing, StoreError::File(_)), "{missing}");
    store.create(&topology(1)).await.unwrap();
    assert_eq!(next().await.unwrap().topology, topology(1));
    for version in 1..=20 {
        let (expected, following) = (Version(version), topology(version + 1));
        store.compare_and_set(expected, &following).await.unwrap();
    }
    let mut newest = 1;
    while newest < 21 {
        let version = next().await.unwrap().topology.version.0;
        assert!(version > newest, "{version} after {newest}");
        newest = version;
    }
    fs::write(&path, "shards = 3").unwrap();
    let wrong = next().await.unwrap_err();
    assert!(matches!(wrong, StoreError::Text(_)), "{wrong}");
    fs::remove_file(&path).unwrap();
    store.create(&topology(30)).await.unwrap();
    // What was missing for a moment may have been seen, too.
    let mut seen = next().await;
    if seen.is_err() {
        seen = next().await;
    }
    assert_eq!(seen.unwrap().topology, topology(30));
}

#[tokio::test]
async fn who_asks_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_in(folder.path());
    store.create(&topology(1)).await.unwrap();
    let mut watch = store.watch();
    for _ in 0..3 {
        let seen = tokio::time::timeout(PATIENCE, watch.next()).await;
        assert_eq!(seen.unwrap().unwrap().unwrap().topology, topology(1));
        watch.look_again();
    }
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

#[tokio::test]
async fn who_lives_is_on_the_list_and_who_is_killed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    assert_eq!(store.live_proxies().await.unwrap(), []);
    let lists = |expected: &'static [(&'static str, u64)]| {
        let store = store.clone();
        async move {
            let live = store.live_proxies().await.unwrap();
            let expected = expected.iter().map(|&(name, version)| LiveProxy {
                id: proxy(name),
                applied: Version(version),
                gossip: (name == "mine").then(|| MY_GOSSIP.parse().unwrap()),
            });
            live == expected.collect::<Vec<_>>()
        }
    };
    let gossip: Address = MY_GOSSIP.parse().unwrap();
    let mine = store.announce(&proxy("mine"), Version(1), Some(&gossip));
    let mut child = Process::start("a_child_lives_and_leads", path.to_str().unwrap());
    eventually("both are listed", || lists(&[("child", 3), ("mine", 1)])).await;
    mine.set_applied(Version(2));
    eventually("a version is listed", || {
        lists(&[("child", 3), ("mine", 2)])
    })
    .await;
    child.kill();
    eventually("the dead one is gone", || lists(&[("mine", 2)])).await;
    mine.withdraw().await;
    assert_eq!(store.live_proxies().await.unwrap(), []);
    let left = fs::read_dir(folder.path().join("topology.toml.proxies"));
    assert_eq!(left.unwrap().count(), 0, "nothing of the dead stays");
}

#[tokio::test]
async fn one_leads_until_it_resigns_or_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    let mut child = Process::start("a_child_lives_and_leads", path.to_str().unwrap());
    assert_eq!(child.next("leads ").unwrap(), "true");
    assert!(store.try_to_lead(&proxy("a")).await.unwrap().is_none());
    child.kill();
    let first = store.try_to_lead(&proxy("a")).await.unwrap().unwrap();
    assert!(first.holds());
    assert!(store.try_to_lead(&proxy("b")).await.unwrap().is_none());
    first.resign().await;
    assert!(store.try_to_lead(&proxy("b")).await.unwrap().is_some());
}

#[tokio::test]
async fn all_who_read_the_store_share_a_key_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = store_in(folder.path());
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.gossip_key().await.unwrap() })
        })
        .collect();
    let first = store.gossip_key().await.unwrap();
    for asker in askers {
        assert!(asker.await.unwrap() == first);
    }
    let path = path.with_file_name("topology.toml.gossip-key");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(&path, "version 1").unwrap();
    let error = store.gossip_key().await.unwrap_err();
    assert!(matches!(error, StoreError::NoKey { .. }), "{error}");
}

#[tokio::test]
async fn of_those_who_put_users_in_the_same_place_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_in(folder.path());
    let mut watch = store.watch_users();
    assert!(watch.next().await.unwrap().is_err(), "there are none");
    assert_eq!(store.users().await.unwrap(), None);
    let put = |text: &'static str, over: Option<&'static str>| {
        let store = store.clone();
        async move { store.put_users(over, text).await }
    };
    let both = tokio::join!(put("a", None), put("b", None));
    let is_lost = |end: &Result<(), CasError>| matches!(end, Err(CasError::Lost));
    assert!(is_lost(&both.0) != is_lost(&both.1), "{both:?}");
    let first = if both.0.is_ok() { "a" } else { "b" };
    assert_eq!(store.users().await.unwrap().as_deref(), Some(first));
    assert_eq!(watch.next().await.unwrap().unwrap(), first);
    assert!(is_lost(&put("c", None).await));
    assert!(is_lost(&put("c", Some("other")).await));
    put("c", Some(first)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap(), "c");
}
