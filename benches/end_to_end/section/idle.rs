//! Ten thousand idle clients on a proxy: what they take, how soon each is answered when it speaks, and how soon somebody beside them is.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Settings;
use crate::peers::{self, Target};
use crate::support::eventually::Stopwatch;
use crate::support::{Client, Reply};
use crate::table::{Table, digits};

/// Clients on the proxy, which is told to take some more than its default of as many.
const CLIENTS: usize = 10_000;
const MAXCLIENTS: [&str; 2] = ["--maxclients", "10100"];

/// What fits into redis' default, with those that look after it.
const CLIENTS_OF_REDIS: usize = 9_990;

/// PINGs of a client beside the idle ones.
const BESIDE: usize = 10_000;

/// Megabytes that the clients may take, and milliseconds that a PING may.
const GOAL_MB: f64 = 200.0;
const GOAL_MS: f64 = 5.0;

pub(super) fn measure(_settings: &Settings, table: &mut Table) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let affordable = usize::try_from(hard)
        .unwrap_or(usize::MAX)
        .saturating_sub(500);
    if affordable < CLIENTS {
        table.note(&format!(
            "only {affordable} clients: the limit of open files is {hard}"
        ));
    }
    let ours = peers::proxy(1, &MAXCLIENTS);
    with_idle_clients(&ours, CLIENTS.min(affordable), true, table);
    drop(ours);
    let redis = peers::redis();
    with_idle_clients(&redis, CLIENTS_OF_REDIS.min(affordable), false, table);
}

fn with_idle_clients(target: &Target, count: usize, has_goals: bool, table: &mut Table) {
    let mut clients: Vec<Client> = (0..count).map(|_| target.front.connect()).collect();
    let each = Waits::of(clients.iter_mut().map(ping_ms).collect());
    let mut beside = target.front.connect();
    let beside = Waits::of((0..BESIDE).map(|_| ping_ms(&mut beside)).collect());
    #[expect(clippy::cast_precision_loss, reason = "megabytes with a few digits")]
    let resident = target.front.resident_bytes() as f64 / 1024.0 / 1024.0;
    let what = format!("{}, {count} idle clients", target.name);
    let mut line = |text: &str, goal: f64, figure: f64, unit: &str| {
        if has_goals {
            table.at_most(text, goal, figure, unit);
        } else {
            table.figure(&format!("  {text}"), &format!("{}{unit}", digits(figure)));
        }
    };
    line(&format!("{what}: resident"), GOAL_MB, resident, " MB");
    for (who, waits) in [("each of them", each), ("somebody else", beside)] {
        line(
            &format!("{what}: PING of {who}, p99"),
            GOAL_MS,
            waits.p99_ms,
            " ms",
        );
        line(
            &format!("  PING of {who}, longest"),
            GOAL_MS,
            waits.longest_ms,
            " ms",
        );
    }
}

fn ping_ms(client: &mut Client) -> f64 {
    let watch = Stopwatch::start();
    let reply = client.call_words("PING");
    let waited_ms = watch.elapsed().as_secs_f64() * 1000.0;
    assert_eq!(reply, Reply::Simple(b"PONG".to_vec()));
    waited_ms
}

struct Waits {
    p99_ms: f64,
    longest_ms: f64,
}

impl Waits {
    fn of(mut waits: Vec<f64>) -> Self {
        waits.sort_by(f64::total_cmp);
        let last = waits.len() - 1;
        Self {
            p99_ms: waits[last - last / 100],
            longest_ms: waits[last],
        }
    }
}
