//! The fence taken away: a checker that finds nothing wrong then would find nothing ever. Between proxies and nodes stands a relay that makes of `NODE FENCE` a
//! command that binds nothing and is answered alike, so that a node no longer hears whose epoch, and which of its lives, is meant.

use std::time::Duration;

use super::clients::{Load, record};
use super::print;
use super::stage::{Net, Plan, Shards, Stage};
use super::verdict::{Verdict, examine};
use crate::support::dice::Dice;
use crate::support::encode;
use crate::support::eventually::pause;
use crate::support::fault::Filter;

/// How often a primary dies.
const ROUNDS: usize = 3;

/// Most words of a command that is looked into; longer ones pass as they are.
const MOST_WORDS: usize = 64;

/// A filter for one connection.
pub(super) fn without_fence() -> Filter {
    let mut waiting: Vec<u8> = Vec::new();
    Box::new(move |bytes| {
        waiting.extend_from_slice(bytes);
        let mut passed = Vec::new();
        while let Some((words, length)) = first_command(&waiting) {
            let is_fence = words.len() > 1
                && words[0].eq_ignore_ascii_case(b"NODE")
                && words[1].eq_ignore_ascii_case(b"FENCE");
            match is_fence {
                true => passed.extend(encode(&["SELECT", "0"])),
                false => passed.extend(&waiting[..length]),
            }
            waiting.drain(..length);
        }
        // What is no command, or is too long to be a fence, passes as it is.
        if waiting.first().is_some_and(|first| *first != b'*') || waiting.len() > 4_096 {
            passed.append(&mut waiting);
        }
        passed
    })
}

/// The words of the command at the beginning, and how long it is; `None` if it is not whole, or none.
fn first_command(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let (count, mut at) = header(bytes, 0, b'*')?;
    if count > MOST_WORDS {
        return None;
    }
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, begin) = header(bytes, at, b'$')?;
        words.push(bytes.get(begin..begin + length)?);
        at = begin + length + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

/// The number in a line that begins with `kind`, and where the next one begins.
fn header(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.windows(2).position(|pair| pair == b"\r\n")?;
    let (first, number) = line[..end].split_first()?;
    if *first != kind {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, at + end + 2))
}

/// Primaries that keep nothing on disk die and are back, empty, before anybody holds them for gone.
fn kill_and_start_at_once(net: Net, seed: u64) -> Verdict {
    let plan = Plan { net, ..Plan::SMALL };
    let mut stage = Stage::start(plan);
    let door = stage.door();
    let recorded = record(Load::mixed(plan.shards), seed, &door, |run| {
        for round in 0..ROUNDS {
            run.wait_for_writes_everywhere(100);
            let primary = stage.leader(round % plan.shards);
            stage.nodes[primary].kill();
            stage.nodes[primary].restart();
            // Long enough to be served by it, if anybody is; then what there is has to be whole again.
            pause(Duration::from_secs(1));
            if net == Net::Relays {
                stage.becomes_whole();
            }
        }
    });
    let verdict = examine(&recorded.history);
    print(&recorded, &verdict);
    verdict
}

#[test]
fn without_the_fence_an_emptied_primary_is_found_out() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let fenced = kill_and_start_at_once(Net::Relays, seed);
    assert!(fenced.is_clean(), "{fenced}");
    let unfenced = kill_and_start_at_once(Net::WithoutFence, seed);
    assert!(unfenced.lost > 0, "{unfenced}");
}

#[test]
fn the_fence_is_taken_out_of_a_stream_however_it_is_cut() {
    let stream = [
        encode(&["HELLO", "3"]),
        encode(&["NODE", "FENCE", "s0", "1", "7", "n0@00", "IN-SYNC"]),
        encode(&["SET", "k", "v\r\n*1\r\n"]),
    ]
    .concat();
    let expected = [
        encode(&["HELLO", "3"]),
        encode(&["SELECT", "0"]),
        encode(&["SET", "k", "v\r\n*1\r\n"]),
    ]
    .concat();
    for size in 1..stream.len() {
        let mut filter = without_fence();
        let passed: Vec<u8> = stream.chunks(size).flat_map(&mut filter).collect();
        assert_eq!(passed, expected);
    }
}
