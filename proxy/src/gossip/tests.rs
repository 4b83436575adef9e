use std::collections::BTreeSet;

use tokio::time::{interval, timeout};

use super::testing::names;
use super::*;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn proxy(name: &str) -> ProxyId {
    name.parse().unwrap()
}

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

fn key() -> GossipKey {
    GossipKey::new([7; 32])
}

async fn start(name: &str) -> Gossip {
    let listen = Address::loopback(0);
    Gossip::start(&proxy(name), &listen, None, &key())
        .await
        .unwrap()
}

/// Some proxies, each of which has been told of all others.
async fn some(names: &[&str]) -> Vec<Gossip> {
    let mut all = Vec::new();
    for name in names {
        all.push(start(name).await);
    }
    introduce(&all);
    all
}

fn introduce(all: &[Gossip]) {
    let addresses: Vec<SocketAddr> = all.iter().map(Gossip::address).collect();
    for gossip in all {
        gossip.seeds(addresses.clone());
    }
}

fn view(heartbeat: u64, doubted: &[&str]) -> View<NodeId> {
    let doubted: BTreeSet<NodeId> = doubted.iter().copied().map(node).collect();
    View {
        heartbeat,
        suspected: doubted.clone(),
        doubted,
    }
}

/// Lets all tell, each its view with the next heartbeat, until `holds` of what they hear.
async fn until(what: &str, telling: &mut [(&Gossip, View<NodeId>)], holds: impl AsyncFn() -> bool) {
    let mut rounds = interval(INTERVAL / 2);
    let done = async {
        while !holds().await {
            for (gossip, view) in telling.iter_mut() {
                view.heartbeat += 1;
                gossip.tell(view).await;
            }
            rounds.tick().await;
        }
    };
    let done = timeout(PATIENCE, done).await;
    assert!(done.is_ok(), "did not happen: {what}");
}

async fn beat_of(gossip: &Gossip, of: &str) -> Option<u64> {
    let heard = gossip.heard().await;
    heard.views.get(&proxy(of)).map(|view| view.heartbeat)
}

#[tokio::test]
async fn what_one_tells_all_hear_and_the_newest_counts() {
    let all = some(&["a", "b", "c"]).await;
    let mut telling: Vec<_> = all.iter().map(|gossip| (gossip, view(0, &[]))).collect();
    telling[0].1 = view(100, &["n1", "n2"]);
    until("a is heard", &mut telling, async || {
        let at = async |place: usize| all[place].heard().await.views.get(&proxy("a")).cloned();
        let is_told = |view: View<NodeId>| view.doubted.len() == 2 && view.suspected.len() == 2;
        at(1).await.is_some_and(is_told) && at(2).await.is_some_and(is_told)
    })
    .await;
    assert!(!all[0].heard().await.views.contains_key(&proxy("a")));
    telling[0].1 = view(1_000, &[]);
    until("and what it tells next", &mut telling, async || {
        let heard = all[2].heard().await;
        let view = &heard.views[&proxy("a")];
        view.heartbeat > 1_000 && view.doubted.is_empty()
    })
    .await;
}

#[tokio::test]
async fn who_stops_stands_still_and_who_says_goodbye_has_left() {
    let mut all = some(&["a", "b", "c"]).await;
    let mut telling: Vec<_> = all.iter().map(|gossip| (gossip, view(0, &[]))).collect();
    until("all are heard", &mut telling, async || {
        all[0].heard().await.views.len() == 2 && all[1].heard().await.views.len() == 2
    })
    .await;
    // One dies without a word.
    drop(telling);
    drop(all.pop());
    let (a, b) = (&all[0], &all[1]);
    let last = beat_of(a, "c").await;
    let mut telling = [(a, view(1_000, &[])), (b, view(1_000, &[]))];
    until("the others go on", &mut telling, async || {
        beat_of(a, "b").await > Some(1_010) && beat_of(b, "a").await > Some(1_010)
    })
    .await;
    assert!(beat_of(a, "c").await <= last.max(Some(1_000)));
    let left = all.pop().unwrap();
    left.leave().await;
    let a = &all[0];
    until("b has left", &mut [(a, view(2_000, &[]))], async || {
        let heard = a.heard().await;
        heard.left.contains(&proxy("b")) && !heard.views.contains_key(&proxy("b"))
    })
    .await;
}

#[tokio::test]
async fn a_proxy_that_starts_again_is_heard_anew() {
    let a = start("a").await;
    let old = start("b").await;
    a.seeds(vec![old.address()]);
    let mut telling = [(&a, view(0, &[])), (&old, view(5_000, &["n1"]))];
    until("the old one is heard", &mut telling, async || {
        beat_of(&a, "b").await > Some(5_000)
    })
    .await;
    drop(old);
    let new = start("b").await;
    a.seeds(vec![new.address()]);
    let mut telling = [(&a, view(1_000, &[])), (&new, view(0, &[]))];
    until("the new one is heard", &mut telling, async || {
        let heard = a.heard().await;
        heard
            .views
            .get(&proxy("b"))
            .is_some_and(|view| view.heartbeat < 5_000 && view.doubted.is_empty())
    })
    .await;
}

#[tokio::test]
async fn who_is_cut_off_is_heard_again_when_that_is_over() {
    let all = some(&["a", "b", "c"]).await;
    let mut telling: Vec<_> = all.iter().map(|gossip| (gossip, view(0, &[]))).collect();
    until("all are heard", &mut telling, async || {
        all[0].heard().await.views.len() == 2 && all[2].heard().await.views.len() == 2
    })
    .await;
    all[2].cut.set([all[0].address(), all[1].address()]);
    let still = beat_of(&all[0], "c").await;
    until("the two go on", &mut telling, async || {
        beat_of(&all[0], "b").await > still.map(|still| still + 20)
    })
    .await;
    assert!(beat_of(&all[0], "c").await <= still.map(|still| still + 5));
    all[2].cut.set([]);
    // Over a third one words get round, too.
    all[0].cut.set([all[2].address()]);
    until("a hears c by b", &mut telling, async || {
        beat_of(&all[0], "c").await > still.map(|still| still + 40)
    })
    .await;
}

#[tokio::test]
async fn thousands_of_nodes_that_are_late_are_told_of_whole() {
    let all = some(&["a", "b"]).await;
    let mut many = View::new(0);
    many.doubted =
        names((0..5_000).map(|number| format!("a-node-with-a-rather-long-name-{number}")));
    many.suspected = many.doubted.iter().take(2_000).cloned().collect();
    let expected = many.clone();
    let mut telling = [(&all[0], many), (&all[1], view(0, &[]))];
    until(
        "b hears of all, again and again",
        &mut telling,
        async || {
            let heard = all[1].heard().await;
            let Some(view) = heard.views.get(&proxy("a")) else {
                return false;
            };
            let is_whole =
                (&view.doubted, &view.suspected) == (&expected.doubted, &expected.suspected);
            assert!(is_whole, "whole or not at all");
            view.heartbeat > 30
        },
    )
    .await;
}

#[tokio::test]
async fn spares_get_round_and_are_gone_when_they_go() {
    let all = some(&["a", "b"]).await;
    let spare = Announced {
        address: "10.0.0.7:6380".parse().unwrap(),
        zone: Some("zone-a".parse().unwrap()),
    };
    all[0].spare(&node("n7"), Some(&spare)).await;
    all[0].spare(&node("n8"), Some(&spare)).await;
    let mut telling: Vec<_> = all.iter().map(|gossip| (gossip, view(0, &[]))).collect();
    until("both are heard of", &mut telling, async || {
        let spares = all[1].heard().await.spares;
        spares.len() == 2 && spares[&node("n7")] == spare
    })
    .await;
    let moved = Announced {
        address: "10.0.0.9:6380".parse().unwrap(),
        zone: None,
    };
    all[0].spare(&node("n7"), Some(&moved)).await;
    all[0].spare(&node("n8"), None).await;
    all[0].spare(&node("unheard-of"), None).await;
    until("one has moved, one is gone", &mut telling, async || {
        let spares = all[1].heard().await.spares;
        spares.len() == 1 && spares[&node("n7")] == moved
    })
    .await;
    for number in 0..2 * MOST_SPARES {
        all[0].spare(&NodeId::numbered(number), Some(&spare)).await;
    }
    let count = |chitchat: &mut Chitchat| chitchat.self_node_state().iter_prefix(SPARE).count();
    let told = all[0].chitchat.with_chitchat(count).await;
    assert!(told <= MOST_SPARES, "{told}");
}

#[tokio::test]
async fn strangers_do_no_harm() {
    let all = some(&["a", "b"]).await;
    let stranger_key = GossipKey::new([8; 32]);
    let listen = Address::loopback(0);
    let stranger = Gossip::start(&proxy("c"), &listen, None, &stranger_key)
        .await
        .unwrap();
    stranger.seeds(all.iter().map(Gossip::address).collect());
    let mut telling: Vec<_> = all
        .iter()
        .map(|gossip| (gossip, view(0, &["n1"])))
        .collect();
    telling.push((&stranger, view(0, &["n2"])));
    until("b is heard", &mut telling, async || {
        beat_of(&all[0], "b").await.is_some()
    })
    .await;
    // What a proxy really sends.
    let spy = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    all[1].chitchat.gossip(spy.local_addr().unwrap()).unwrap();
    let mut real = vec![0; 65_535];
    let caught = timeout(PATIENCE, spy.recv_from(&mut real)).await.unwrap();
    let (length, _) = caught.unwrap();
    let mut dice = Dice::new();
    let victim = all[0].address();
    for round in 0..2_000_usize {
        let mut datagram = real[..length].to_vec();
        match round % 3 {
            0 => datagram.truncate(round % length),
            1 => datagram[round % length] ^= 0x55,
            _ => {
                datagram = (0..round)
                    .flat_map(|_| dice.throw().to_le_bytes())
                    .collect();
            }
        }
        spy.send_to(&datagram[..datagram.len().min(60_000)], victim)
            .await
            .unwrap();
    }
    // The same again and again is nothing new.
    for _ in 0..100 {
        spy.send_to(&real[..length], victim).await.unwrap();
    }
    let before = beat_of(&all[0], "b").await.unwrap_or_default();
    until("b is heard all the same", &mut telling, async || {
        beat_of(&all[0], "b").await > Some(before + 10)
    })
    .await;
    let heard = all[0].heard().await;
    assert!(!heard.views.contains_key(&proxy("c")), "{heard:?}");
    assert!(stranger.heard().await.views.is_empty());
}

#[tokio::test]
async fn others_are_told_an_address_that_can_be_one() {
    let everywhere: Address = "0.0.0.0:0".parse().unwrap();
    let start = async |advertise: Option<&Address>| {
        Gossip::start(&proxy("a"), &everywhere, advertise, &key()).await
    };
    let error = start(None).await.unwrap_err();
    assert!(matches!(error, GossipError::Nowhere { .. }), "{error}");
    let told = start(Some(&Address::loopback(0))).await.unwrap().address();
    assert!(told.ip().is_loopback() && told.port() != 0);
    let taken = start(Some(&Address::loopback(7_000))).await.unwrap();
    assert_eq!(taken.address().port(), 7_000);
    let unknown: Address = "no-such-host.invalid:1".parse().unwrap();
    let error = start(Some(&unknown)).await.unwrap_err();
    assert!(matches!(error, GossipError::Unknown { .. }), "{error}");
}
