//! What is done to the system, as values that dice draw: processes that are killed, stopped, emptied, moved; connections that fall silent in one direction or
//! both, or break; members of etcd that go.
//! Touches: the processes and relays of a stage. Invariant: every fault is over when it returns, but for what the system has to mend.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::clients::{Load, Run, record};
use super::space::{Place, is_inside};
use super::stage::{
    Clocks, Disk, FALSE_CLOCK, Net, Plan, Shards, Stage, clock_of, data_of, disk_of,
};
use super::verdict::examine;
use super::{print, rounds};
use crate::support::dice::Dice;
use crate::support::eventually::{eventually, now_nanoseconds, pause};
use crate::support::servers::Server;
use crate::support::standing::stands;

/// Which nodes of a shard.
#[derive(Clone, Copy, Debug)]
enum Who {
    Primary,
    Follower,
    Both,
}

/// How a killed node comes back.
#[derive(Clone, Copy, Debug)]
enum Back {
    /// With what it had on disk.
    AsItWas,
    /// With an empty folder.
    Empty,
    /// With what it had, at another address, which it tells a proxy.
    Elsewhere,
}

/// What passes no more.
#[derive(Clone, Copy, Debug)]
enum Silent {
    Requests,
    Replies,
    Both,
}

/// One thing that is done, to one shard where it concerns nodes. Times are those for which it lasts.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(Who, Back, Duration),
    Stop(Who, Duration),
    /// A follower is in the middle of a full copy when its primary is killed.
    KillDuringCopy,
    Silence(Who, Silent, Duration),
    Break(Who),
    FillDisk(Who, Duration),
    KillProxy(Duration),
    StopProxy(Duration),
    KillEtcd(Duration),
    StopEtcd(Duration),
    /// All of etcd.
    StopAllEtcd(Duration),
    /// Somebody's clock is set forward or back by so many seconds, and stays so.
    SetClock(i64),
}

/// Times below and above those after which a node counts as gone.
fn some_time(dice: &mut Dice) -> Duration {
    Duration::from_millis(*dice.pick(&[0, 100, 300, 1_000, 3_000]))
}

fn anybody(dice: &mut Dice) -> Who {
    *dice.pick(&[Who::Primary, Who::Primary, Who::Follower, Who::Both])
}

fn one_of_two(dice: &mut Dice) -> Who {
    *dice.pick(&[Who::Primary, Who::Primary, Who::Follower])
}

impl Fault {
    fn happen(self, stage: &mut Stage, dice: &mut Dice) {
        let shard = dice.below(stage.plan.shards);
        match self {
            Self::Kill(who, back, away) => kill(stage, shard, who, back, away),
            Self::Stop(who, time) => {
                let nodes = chosen(stage, shard, who);
                nodes.iter().for_each(|node| stage.nodes[*node].freeze());
                pause(time);
                nodes.iter().for_each(|node| stage.nodes[*node].thaw());
            }
            Self::KillDuringCopy => kill_during_copy(stage, shard),
            Self::Silence(who, what, time) => {
                let nodes = chosen(stage, shard, who);
                for node in &nodes {
                    let relay = &stage.relays[*node];
                    match what {
                        Silent::Requests => relay.hold_requests(),
                        Silent::Replies => relay.hold_replies(),
                        Silent::Both => relay.hold(),
                    }
                }
                pause(time);
                nodes.iter().for_each(|node| stage.relays[*node].release());
            }
            Self::Break(who) => {
                let nodes = chosen(stage, shard, who);
                nodes.iter().for_each(|node| stage.relays[*node].cut());
            }
            Self::FillDisk(who, time) => {
                let nodes = chosen(stage, shard, who);
                let filler = |node: &usize| disk_of(stage.nodes[*node].folder()).join("filler");
                let fillers: Vec<PathBuf> = nodes.iter().map(filler).collect();
                fillers.iter().for_each(|filler| fill(filler));
                pause(time);
                let empty = |filler: &PathBuf| fs::remove_file(filler).expect("written before");
                fillers.iter().for_each(empty);
            }
            Self::KillProxy(away) => {
                let proxy = dice.below(stage.proxies.len());
                stage.proxies[proxy].kill();
                pause(away);
                stage.proxies[proxy].restart();
            }
            Self::StopProxy(time) => {
                let proxy = dice.below(stage.proxies.len());
                stage.proxies[proxy].freeze();
                pause(time);
                stage.proxies[proxy].thaw();
            }
            Self::SetClock(seconds) => set_clock(stage, dice, seconds),
            Self::KillEtcd(_) | Self::StopEtcd(_) | Self::StopAllEtcd(_) => {
                self.happen_to_etcd(stage, dice);
            }
        }
    }

    fn happen_to_etcd(self, stage: &mut Stage, dice: &mut Dice) {
        let count = stage.plan.etcd;
        let etcd = stage.etcd.as_mut().expect("a stage with etcd");
        let place = dice.below(count);
        match self {
            Self::KillEtcd(away) => {
                etcd.kill(place);
                pause(away);
                etcd.run(place);
                eventually("a member of etcd is back", || etcd.serves(place));
            }
            Self::StopEtcd(time) | Self::StopAllEtcd(time) => {
                let places = match self {
                    Self::StopEtcd(_) => place..place + 1,
                    _ => 0..count,
                };
                places.clone().for_each(|place| etcd.stop(place));
                let all_stand = || places.clone().all(|place| stands(etcd.id(place)));
                eventually("they stand", all_stand);
                pause(time);
                places.clone().for_each(|place| etcd.go_on(place));
            }
            _ => {}
        }
    }
}

fn set_clock(stage: &Stage, dice: &mut Dice, seconds: i64) {
    let all: Vec<&Server> = stage.nodes.iter().chain(&stage.proxies).collect();
    let chosen = dice.below(all.len());
    let clock = clock_of(all[chosen].folder());
    fs::write(clock, format!("{seconds:+}")).expect("written before");
    if let Some(node) = stage.nodes.get(chosen) {
        eventually("it is another time of day there", || {
            let now_s = i64::try_from(now_nanoseconds() / 1_000_000_000).expect("seconds");
            let told = node.connect().call_words("TIME");
            let told_s: i64 = told.elements()[0].text().parse().expect("seconds");
            (told_s - now_s - seconds).abs() <= 1
        });
    } else {
        // It is read once a second.
        pause(Duration::from_millis(1_500));
    }
}

/// Writes until the disk is full.
fn fill(filler: &Path) {
    let mut file = File::create(filler).expect("room for a name");
    while file.write_all(&[0; 64 * 1024]).is_ok() {}
}

fn chosen(stage: &Stage, shard: usize, who: Who) -> Vec<usize> {
    match who {
        Who::Primary => vec![stage.leader(shard)],
        Who::Follower => vec![stage.follower(shard)],
        Who::Both => stage.members(shard).collect(),
    }
}

fn kill(stage: &mut Stage, shard: usize, who: Who, back: Back, away: Duration) {
    let nodes = chosen(stage, shard, who);
    nodes.iter().for_each(|node| stage.nodes[*node].kill());
    pause(away);
    for node in nodes {
        let node = &mut stage.nodes[node];
        match back {
            Back::AsItWas => node.restart(),
            Back::Empty => {
                match fs::remove_dir_all(data_of(node.folder())) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
                    _ => {}
                }
                node.restart();
            }
            Back::Elsewhere => {
                let proxy = stage.proxies[0].address.to_string();
                node.restart_elsewhere(&["--join", &proxy]);
            }
        }
    }
}

/// The follower comes back empty, so it needs a copy; as soon as it has begun with it, its primary goes, and comes back with what it had.
fn kill_during_copy(stage: &mut Stage, shard: usize) {
    let (primary, follower) = (stage.leader(shard), stage.follower(shard));
    kill(
        stage,
        shard,
        Who::Follower,
        Back::Empty,
        Duration::from_secs(2),
    );
    let address = stage.nodes[follower].address;
    eventually("a follower copies, or has copied", || {
        let status = super::stage::status(address);
        status.is_some_and(|status| status.get("role").is_some_and(|role| role == "follower"))
    });
    stage.nodes[primary].kill();
    pause(Duration::from_millis(500));
    stage.nodes[primary].restart();
}

/// Runs clients while faults happen, each drawn when all is well again, and checks what the clients were told.
fn survive(plan: Plan, draw: fn(&mut Dice) -> Fault) {
    survive_with(plan, |stage, run, dice| {
        let fault = draw(dice);
        eprintln!("{:>8} ms {fault:?}", run.now() / 1_000_000);
        fault.happen(stage, dice);
    });
}

fn survive_with(plan: Plan, mut disturb: impl FnMut(&mut Stage, &Run, &mut Dice)) {
    let seed = Dice::seed_from_environment();
    let rounds = rounds(4);
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_ROUNDS={rounds} {plan:?}");
    let mut stage = Stage::start(plan);
    let mut dice = Dice::new(seed);
    let door = stage.door();
    let recorded = record(Load::mixed(plan.shards), seed, &door, |run| {
        for _ in 0..rounds {
            run.wait_for_writes_everywhere(50);
            disturb(&mut stage, run, &mut dice);
            // One copy more may be lost only when there is one again, unless each is on disk.
            if plan.disk == Disk::Unused || dice.percent(50) {
                stage.becomes_whole();
            }
            run.next_generation();
        }
        stage.becomes_whole();
        run.wait_for_writes_everywhere(50);
    });
    let verdict = examine(&recorded.history);
    print(&recorded, &verdict);
    assert!(verdict.is_clean(), "SWITCHYARD_SEED={seed} {verdict}");
    assert_eq!(recorded.stuck, 0);
}

#[test]
fn nodes_that_are_killed_and_come_back_with_their_data() {
    let plan = Plan {
        disk: Disk::Always,
        ..Plan::SMALL
    };
    survive(plan, |dice| {
        Fault::Kill(anybody(dice), Back::AsItWas, some_time(dice))
    });
}

#[test]
fn nodes_that_are_killed_and_come_back_empty() {
    survive(Plan::SMALL, |dice| {
        Fault::Kill(one_of_two(dice), Back::Empty, some_time(dice))
    });
}

#[test]
fn nodes_that_are_killed_and_come_back_at_another_address() {
    let plan = Plan {
        disk: Disk::Always,
        ..Plan::SMALL
    };
    survive(plan, |dice| {
        Fault::Kill(anybody(dice), Back::Elsewhere, some_time(dice))
    });
}

#[test]
fn a_primary_that_is_killed_while_its_follower_copies() {
    let plan = Plan {
        disk: Disk::Always,
        ..Plan::SMALL
    };
    survive(plan, |_| Fault::KillDuringCopy);
}

#[test]
fn nodes_that_stand_still_and_go_on() {
    survive(Plan::SMALL, |dice| {
        let time = *dice.pick(&[300, 300, 3_000]);
        Fault::Stop(anybody(dice), Duration::from_millis(time))
    });
}

#[test]
fn connections_that_fall_silent_or_break() {
    let plan = Plan {
        net: Net::Relays,
        ..Plan::SMALL
    };
    survive(plan, |dice| {
        let who = anybody(dice);
        let what = *dice.pick(&[Silent::Requests, Silent::Replies, Silent::Both]);
        match dice.below(4) {
            0 => Fault::Break(who),
            _ => Fault::Silence(who, what, some_time(dice)),
        }
    });
}

#[test]
fn proxies_that_are_killed_or_stand_still() {
    let plan = Plan {
        proxies: 2,
        ..Plan::SMALL
    };
    survive(plan, |dice| match dice.below(3) {
        0 => Fault::Kill(Who::Primary, Back::Empty, some_time(dice)),
        1 => Fault::StopProxy(some_time(dice)),
        _ => Fault::KillProxy(some_time(dice)),
    });
}

/// Two proxies and three members of etcd: any process goes at any time.
#[test]
fn any_process_of_two_proxies_three_members_of_etcd_and_four_nodes() {
    if !has_etcd() {
        return;
    }
    let plan = Plan {
        proxies: 2,
        etcd: 3,
        disk: Disk::Always,
        ..Plan::SMALL
    };
    survive(plan, |dice| {
        let time = some_time(dice);
        match dice.below(7) {
            0 => Fault::KillProxy(time),
            1 => Fault::StopProxy(time),
            2 => Fault::KillEtcd(time),
            3 => Fault::StopEtcd(time),
            4 => Fault::StopAllEtcd(time),
            5 => Fault::Stop(anybody(dice), time),
            _ => Fault::Kill(anybody(dice), Back::AsItWas, time),
        }
    });
}

/// Whether etcd is installed; says so when it is not.
fn has_etcd() -> bool {
    let found = [("etcd", "--version"), ("etcdctl", "version")].map(|(program, word)| {
        let version = Command::new(program).arg(word).output();
        version.is_ok_and(|output| output.status.success())
    });
    let found = found == [true; 2];
    if !found {
        eprintln!(
            "skipped: no etcd here; `apt-get install etcd-server etcd-client` on Debian 12 brings it"
        );
    }
    found
}

/// Who is taken for gone, who may lead and for how long is measured by clocks that nobody sets.
#[test]
fn clocks_that_are_set_forward_and_back() {
    if !Path::new(FALSE_CLOCK).exists() {
        eprintln!("SKIPPED: no faketime here; `apt-get install faketime` on Debian 12 brings it");
        return;
    }
    let plan = Plan {
        proxies: 2,
        clocks: Clocks::Set,
        ..Plan::SMALL
    };
    survive(plan, |dice| match dice.below(5) {
        0 => Fault::Kill(Who::Primary, Back::Empty, some_time(dice)),
        _ => Fault::SetClock(*dice.pick(&[-86_400, -3_600, -30, -2, 0, 2, 30, 3_600, 86_400])),
    });
}

#[test]
fn disks_that_are_full_for_a_while() {
    if !is_inside("histories::faults::disks_that_are_full_for_a_while") {
        return;
    }
    let plan = Plan {
        disk: Disk::Small,
        ..Plan::SMALL
    };
    survive(plan, |dice| Fault::FillDisk(anybody(dice), some_time(dice)));
}

/// Whom a cut parts from all others.
#[derive(Clone, Copy, Debug)]
enum Parted {
    /// What it says reaches nobody.
    Mute(Place),
    /// It hears nobody.
    Deaf(Place),
    Alone(Place),
    /// Two that do not reach each other, though all others reach both.
    Two(Place, Place),
}

impl Parted {
    fn draw(stage: &Stage, dice: &mut Dice) -> Self {
        let shard = dice.below(stage.plan.shards);
        let primary = Place::Node(stage.leader(shard));
        let follower = Place::Node(stage.follower(shard));
        let proxy = Place::Proxy(dice.below(stage.proxies.len()));
        let one = *dice.pick(&[primary, primary, follower, proxy]);
        match dice.below(6) {
            0 => Self::Mute(one),
            1 => Self::Deaf(one),
            2 | 3 => Self::Alone(one),
            4 => Self::Two(primary, follower),
            _ => Self::Two(primary, proxy),
        }
    }

    /// From whom to whom nothing passes.
    fn ways(self, stage: &Stage) -> Vec<(Place, Place)> {
        let nodes = (0..stage.nodes.len()).map(Place::Node);
        let all: Vec<Place> = nodes
            .chain((0..stage.proxies.len()).map(Place::Proxy))
            .collect();
        let others = |one: Place| all.iter().copied().filter(move |other| *other != one);
        match self {
            Self::Mute(one) => others(one).map(|other| (one, other)).collect(),
            Self::Deaf(one) => others(one).map(|other| (other, one)).collect(),
            Self::Alone(one) => {
                let both = |other| [(one, other), (other, one)];
                others(one).flat_map(both).collect()
            }
            Self::Two(one, other) => vec![(one, other), (other, one)],
        }
    }
}

#[test]
fn networks_that_are_cut_in_either_direction() {
    if !is_inside("histories::faults::networks_that_are_cut_in_either_direction") {
        return;
    }
    let plan = Plan {
        proxies: 3,
        net: Net::Spaces,
        ..Plan::SMALL
    };
    survive_with(plan, |stage, run, dice| {
        let parted = Parted::draw(stage, dice);
        let time = some_time(dice);
        eprintln!("{:>8} ms {parted:?} {time:?}", run.now() / 1_000_000);
        let ways = parted.ways(stage);
        let space = stage.space.as_ref().expect("a stage in spaces");
        ways.iter().for_each(|(from, to)| space.cut(*from, *to));
        pause(time);
        ways.iter().for_each(|(from, to)| space.join(*from, *to));
    });
}
