//! Clients of every kind at once, while proxies and nodes are killed and come back: lists that are waited for, transactions with and without WATCH, scripts,
//! subscribers, caches that are told of changes, streams that are waited for. Two shards of two nodes, two proxies, `acks in-sync`.
//!
//! ```text
//!  world     the run, and how each client asks: done, refused, or unknown
//!  queues    counters    listeners    streams    keepers      the kinds: who makes, who takes, what must be true in the end
//! ```
//!
//! No client is stuck, no process ends by itself, and when all wait no thread works. `SWITCHYARD_CHAOS_SECONDS` makes it longer; `SWITCHYARD_SEED` repeats what is
//! asked and what is done to the processes, though not how the two meet.

mod counters;
mod keepers;
mod listeners;
mod queues;
mod streams;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use self::keepers::Keeper;
use self::world::{Caller, EndsRun, World};
use crate::histories::stage::{Plan, Shards as _, Stage};
use crate::leases::begin;
use crate::support::dice::Dice;
use crate::support::eventually::{Stopwatch, eventually, pause};
use crate::support::servers::Server;
use crate::support::thread_times::{busiest, thread_times};
use crate::support::{Client, Reply};

/// How long the run lasts where nothing else is said.
const SECONDS: u64 = 12;

/// How many of each kind, and numbers for their names.
const PUSHERS: usize = 2;
const COUNTERS: usize = 4;
const PUBLISHERS: usize = 4;
const CHANGERS: usize = 2;
const SUBSCRIBERS: usize = 6;
const READERS: usize = 2;
const KEEPERS: usize = 4;

/// Those, three who pop, one who moves and one who adds.
const CLIENTS: usize =
    PUSHERS + COUNTERS + PUBLISHERS + CHANGERS + SUBSCRIBERS + READERS + KEEPERS + 5;

/// Most of a core that a thread may take while all wait: nodes and proxies still look after each other.
const IDLE_PERCENT: u128 = 15;

#[test]
fn clients_of_every_kind_are_told_the_truth_whoever_dies() {
    let seed = Dice::seed_from_environment();
    let seconds = std::env::var("SWITCHYARD_CHAOS_SECONDS")
        .map_or(SECONDS, |text| text.parse().expect("seconds, a number"));
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_CHAOS_SECONDS={seconds}");
    let plan = Plan {
        proxies: 2,
        ..Plan::SMALL
    };
    let mut stage = Stage::start(plan);
    let addresses = stage.proxies.iter().map(|proxy| proxy.address).collect();
    let world = World::new(addresses, plan.shards, CLIENTS);
    run(&world, seed, |dice| {
        let mut faults = 0;
        while world.elapsed() < Duration::from_secs(seconds) && !world.ends() {
            disturb(&mut stage, &world, dice);
            faults += 1;
        }
        stage.becomes_whole();
        eprintln!("{faults} faults; told: {:?}", world.told());
    });
    all_live_and_rest(&mut stage, &world);
}

/// Starts all clients, disturbs them, and checks what they were told.
fn run(world: &World, seed: u64, disturb: impl FnOnce(&mut Dice)) {
    let names = AtomicUsize::new(0);
    let listening = AtomicUsize::new(SUBSCRIBERS);
    let next = || {
        let name = names.fetch_add(1, Ordering::SeqCst);
        let own = u64::try_from(name).expect("a small number") + 1;
        (Caller::new(world, name), Dice::new(seed ^ own))
    };
    thread::scope(|scope| {
        // A thread for each: what it makes or has got is asked for at the end.
        macro_rules! start {
            ($count:expr, $act:expr) => {
                (0..$count)
                    .map(|number| {
                        let (caller, dice) = next();
                        scope.spawn(move || {
                            let _ending = EndsRun(world);
                            $act(caller, number, dice)
                        })
                    })
                    .collect::<Vec<_>>()
            };
        }
        let ending = EndsRun(world);
        let pushers = start!(PUSHERS, |caller, _, dice| queues::push(caller, dice));
        let counters = start!(COUNTERS, |caller, _, dice| counters::count(caller, dice));
        let publishers = start!(PUBLISHERS, listeners::publish);
        let changers = start!(CHANGERS, |caller, _, dice| keepers::change(caller, dice));
        let adders = start!(1, streams::add);
        let poppers = start!(3, |caller: Caller<'_>, number, _| {
            let lists = [0, 1].map(|shard| queues::lists(caller.world, shard));
            match number {
                0 => queues::pop(caller, &lists[0]),
                1 => queues::pop(caller, &lists[1]),
                _ => queues::pop(caller, &[lists[1][0].clone(), lists[0][0].clone()]),
            }
        });
        let movers = start!(1, |caller, shard, _| queues::hand_on(caller, shard));
        let readers = start!(READERS, |caller, _, _| streams::read(caller, 0));
        let keepers = start!(KEEPERS, Keeper::run);
        let listening = &listening;
        let subscribers = start!(SUBSCRIBERS, |caller, style, _| {
            let heard = listeners::listen(caller, style, PUBLISHERS);
            listening.fetch_sub(1, Ordering::SeqCst);
            heard
        });

        disturb(&mut Dice::new(seed));
        world.end();
        let (pushed, counted) = (joined(pushers), joined(counters));
        let (published, changed) = (joined(publishers), joined(changers));
        let acknowledged = joined(adders).remove(0);
        world.all_is_made();
        let (popped, moved) = (joined(poppers), joined(movers));
        let all_have_gone = || listening.load(Ordering::SeqCst) == 0;
        listeners::publish_the_end(next_asker(world), PUBLISHERS, all_have_gone);
        drop(ending);

        eprintln!("{moved:?} moved, {changed:?} changes");
        queues::check(next_asker(world), &pushed, &popped);
        counters::check(next_asker(world), &counted);
        listeners::check(&published, &joined(subscribers));
        streams::check(&acknowledged, &joined(readers));
        for keeper in joined(keepers) {
            keeper.check(&mut next_asker(world));
        }
    });
}

/// Somebody who asks when all others are silent.
fn next_asker(world: &World) -> Caller<'_> {
    Caller::new(world, CLIENTS)
}

fn joined<T>(threads: Vec<thread::ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let threads = threads.into_iter();
    threads
        .map(|thread| thread.join().expect("its own words are above"))
        .collect()
}

/// Writes down what must be there after a fault.
fn mark(world: &World, tag: &str) -> String {
    let mark = world.elapsed().as_nanos().to_string();
    next_asker(world).insist(&["SET", &format!("{{{tag}}}mark"), &mark]);
    mark
}

/// One fault, over when it returns; then everybody gets on.
fn disturb(stage: &mut Stage, world: &World, dice: &mut Dice) {
    let marks: Vec<String> = world.tags.iter().map(|tag| mark(world, tag)).collect();
    let shard = dice.below(stage.plan.shards);
    let away = Duration::from_millis(*dice.pick(&[0, 100, 300, 1_000]));
    let node = match dice.below(4) {
        0 => None,
        1 => Some(stage.follower(shard)),
        _ => Some(stage.leader(shard)),
    };
    let proxy = (node.is_none() || dice.percent(40)).then(|| dice.below(stage.proxies.len()));
    eprintln!(
        "{:>7} ms: node {node:?} of shard {shard} and proxy {proxy:?} are killed, back after {away:?}",
        world.elapsed().as_millis()
    );
    if let Some(node) = node {
        stage.nodes[node].kill();
    }
    if let Some(proxy) = proxy {
        stage.proxies[proxy].kill();
    }
    pause(away);
    if let Some(proxy) = proxy {
        stage.proxies[proxy].restart();
    }
    if let Some(node) = node {
        stage.nodes[node].restart();
    }
    // Nodes keep nothing: the next one goes when its copy is there.
    stage.becomes_whole();
    for (tag, mark) in world.tags.iter().zip(&marks) {
        let told = next_asker(world).insist(&["GET", &format!("{{{tag}}}mark")]);
        assert_eq!(
            told,
            Reply::bulk(mark),
            "{tag}: what was acknowledged is there"
        );
    }
    world.everybody_gets_on();
}

/// All processes live; when their clients all wait, they rest; and whoever waits is served.
fn all_live_and_rest(stage: &mut Stage, world: &World) {
    let processes = || stage.nodes.iter().chain(&stage.proxies);
    for process in processes() {
        let output = process.output();
        assert!(!output.contains("panicked"), "{output}");
    }
    let [first, second] = [0, 1].map(|shard| format!("{{{}}}rest", world.tags[shard]));
    let lines = [
        format!("BLPOP {first} 0"),
        format!("BLPOP {second} {first} 0"),
        format!("BRPOP {second} 0"),
        format!("XREAD BLOCK 0 STREAMS {first}:stream $"),
        "SUBSCRIBE rest".to_owned(),
    ];
    let wait = |proxy: &Server| -> Vec<Client> {
        let begun = lines.iter().map(|line| {
            let mut client = proxy.connect();
            begin(&mut client, line);
            client
        });
        begun.collect()
    };
    let mut waiting: Vec<Client> = stage.proxies.iter().flat_map(wait).collect();
    let blocked = || {
        stage
            .proxies
            .iter()
            .map(crate::leases::blocked)
            .sum::<usize>()
    };
    eventually("all wait", || blocked() == 8);
    pause(Duration::from_millis(300));
    let pids: Vec<u32> = processes().map(Server::pid).collect();
    let (watch, before) = (Stopwatch::start(), thread_times(&pids));
    pause(Duration::from_secs(1));
    let busiest = busiest(&before, &thread_times(&pids));
    let percent = u128::from(busiest.used_ns) * 100 / watch.elapsed().as_nanos();
    eprintln!("while all wait the busiest thread takes {percent} % of a core");
    assert!(
        percent <= IDLE_PERCENT,
        "{percent} % of a core: {busiest:?}"
    );

    let mut other = stage.proxies[0].connect();
    for list in [&first, &second] {
        for element in ["1", "2", "3", "4"] {
            other.call(&["RPUSH", list, element]);
        }
    }
    other.call(&["XADD", &format!("{first}:stream"), "*", "f", "v"]);
    for client in &mut waiting {
        let told = client.receive().expect("who waits is served");
        assert!(matches!(told, Reply::Array(_)), "{told:?}");
    }
    let processes = stage.nodes.iter_mut().chain(&mut stage.proxies);
    for process in processes {
        assert!(process.is_alive(), "{}", process.output());
    }
}
