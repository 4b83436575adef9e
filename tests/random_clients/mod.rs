//! Random clients against a model of what they may see, while they are paused, and nodes stop, die and exchange slots.
//!
//! Each client owns its keys, so that it knows what they may hold: a value that it wrote and that was acknowledged, one of which nobody knows, or nothing once
//! a node was killed. `CLUSTERDOWN` says that nothing was applied, `UNKNOWN` that it may have been. No reply may be lost, doubled, out of order or untrue,
//! nobody stuck; while all wait, no thread of the proxy works; memory stays within bounds. `SWITCHYARD_RANDOM_CLIENTS_SECONDS` says how long; a seed repeats
//! what clients ask and what is done to the cluster, though not how the two meet.

mod client;
mod disturbance;
mod model;
mod session;
mod world;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use self::client::RandomClient;
use self::disturbance::Disturbance;
use self::model::SHARDS;
use self::world::World;
use crate::support::dice::Dice;
use crate::support::eventually::pause;
use crate::support::servers::{Cluster, Server, topology_path, write_topology_that_loses_keys};

/// Clients, a thread each.
const CLIENTS: usize = 8;

/// How long the run lasts where nothing else is said.
const SECONDS: u64 = 20;

/// After so long without a reply a client is stuck: more than a command's deadline, the longest pause, and what a busy machine adds.
const STUCK_AFTER: Duration = Duration::from_secs(20);

/// `request-deadline` of the proxy where `SWITCHYARD_RANDOM_CLIENTS_DEADLINE` says nothing else: some stops of a node are longer, so that writes are answered
/// UNKNOWN while their node may still carry them out.
const REQUEST_DEADLINE: &str = "3s";

/// The version of the topology with which clients begin; the first is the proxy's own.
const FIRST_VERSION: u64 = 2;

/// Says that the run is over, also when the thread fails that holds it.
struct EndsRun<'a>(&'a World);

impl Drop for EndsRun<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::SeqCst);
    }
}

#[test]
fn random_clients_see_nothing_but_the_truth() {
    let seed = Dice::seed_from_environment();
    let seconds = std::env::var("SWITCHYARD_RANDOM_CLIENTS_SECONDS")
        .map_or(SECONDS, |text| text.parse().expect("seconds, a number"));
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_RANDOM_CLIENTS_SECONDS={seconds}");
    let deadline = std::env::var("SWITCHYARD_RANDOM_CLIENTS_DEADLINE");
    let deadline = deadline.as_deref().unwrap_or(REQUEST_DEADLINE);
    let for_proxy = ["--threads", "2", "--request-deadline", deadline];
    let Cluster { proxy, mut nodes } = Cluster::start_with(SHARDS, &[], &for_proxy);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    let publish = |version| {
        let path = topology_path(proxy.folder());
        write_topology_that_loses_keys(&path, version, &addresses, &model::slots(version));
    };
    publish(FIRST_VERSION);
    let world = World::new(CLIENTS, FIRST_VERSION);
    let dice = Dice::new(seed);
    let mut disturbance = Disturbance::new(&world, dice, &proxy, &mut nodes, &publish);
    disturbance.wait_for_version(FIRST_VERSION);
    thread::scope(|scope| {
        let _ending = EndsRun(&world);
        for name in 0..CLIENTS {
            let client = RandomClient::new(name, seed, &world, &proxy);
            scope.spawn(move || client.run());
        }
        scope.spawn(|| pause_clients(&world, &proxy, seed));
        while world.lasts(seconds) && !world.ends() {
            disturbance.once();
        }
    });
    let replies: u64 = world.replies().iter().sum();
    let refusals = world.refusals.load(Ordering::SeqCst);
    eprintln!("{replies} replies, {refusals} of them refusals; {disturbance}");
}

/// One client that pauses all others, for every length.
fn pause_clients(world: &World, proxy: &Server, seed: u64) {
    let _ending = EndsRun(world);
    let mut dice = Dice::new(!seed);
    let mut client = proxy.connect();
    client.set_read_deadline(STUCK_AFTER);
    while !world.ends() {
        pause(Duration::from_millis(dice.bits() % 200));
        if world.is_calm.load(Ordering::SeqCst) {
            continue;
        }
        let longest = *dice.pick(&[1, 5, 20, 60, 300]);
        let length = dice.between(0, longest);
        let what = *dice.pick(&["WRITE", "ALL", ""]);
        world.note(format_args!("CLIENT PAUSE {length} {what}"));
        let reply = client.call_words(&format!("CLIENT PAUSE {length} {what}"));
        assert_eq!(reply.text(), "OK");
        if dice.percent(40) {
            pause(Duration::from_millis(dice.bits() % 30));
            world.note("CLIENT UNPAUSE");
            assert_eq!(client.call_words("CLIENT UNPAUSE").text(), "OK");
        }
    }
}
