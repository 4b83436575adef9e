//! Without followers: a node that is killed comes back with all that it has acknowledged, if it brings its log to disk first.

use super::clients::{Load, Proxies, record};
use super::verdict::examine;
use super::{print, rounds};
use crate::snapshots::start_keeper;
use crate::support::dice::Dice;
use crate::support::servers::{Server, start_proxy};

const SHARDS: usize = 2;

fn keepers(further: &[&str]) -> Vec<Server> {
    (0..SHARDS).map(|_| start_keeper(further)).collect()
}

#[test]
fn a_node_that_brings_its_log_to_disk_loses_nothing_when_it_is_killed() {
    let seed = Dice::seed_from_environment();
    let rounds = rounds(3);
    eprintln!("SWITCHYARD_SEED={seed} SWITCHYARD_ROUNDS={rounds}");
    let further = [
        "--save",
        "",
        "--appendonly",
        "true",
        "--appendfsync",
        "always",
    ];
    let mut nodes = keepers(&further);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    let proxies = [start_proxy(&addresses, &[]), start_proxy(&addresses, &[])];
    let door = Proxies(proxies.iter().map(|proxy| proxy.address).collect());
    let recorded = record(Load::mixed(SHARDS), seed, &door, |run| {
        for round in 0..rounds {
            run.wait_for_writes_everywhere(200);
            let node = &mut nodes[round % SHARDS];
            node.kill();
            node.restart();
            run.next_generation();
        }
        run.wait_for_writes_everywhere(200);
    });
    let verdict = examine(&recorded.history);
    print(&recorded, &verdict);
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(recorded.stuck, 0);
}

/// Nodes without a log lose what they had: a checker that says nothing then would say nothing ever.
#[test]
fn a_node_without_a_log_is_found_out() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut nodes = keepers(&["--save", ""]);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    let proxy = start_proxy(&addresses, &[]);
    let door = Proxies(vec![proxy.address]);
    let recorded = record(Load::mixed(SHARDS), seed, &door, |run| {
        run.wait_for_writes_everywhere(300);
        nodes[0].kill();
        nodes[0].restart();
        run.wait_for_writes_everywhere(100);
    });
    let verdict = examine(&recorded.history);
    print(&recorded, &verdict);
    assert!(verdict.lost > 0 && verdict.too_hard.is_empty(), "{verdict}");
    assert!(
        verdict.violations.iter().all(|it| it.key.shard == 0),
        "{verdict}"
    );
}
