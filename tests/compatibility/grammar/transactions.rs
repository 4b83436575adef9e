//! MULTI, some commands, and EXEC or DISCARD; on a single server also what WATCH sees.
//! Pure.

use shared::command::{self, CommandFlags};
use shared::resp::{ArgRange, Args};
use shared::slot::SlotId;

use super::super::draw::{Draw, Request, request};
use super::{Command, Scope, Step, bits, hashes, keys, lists, sets, sorted_sets, streams, strings};

/// A key of the slot in which all keys of a transaction lie where there are several shards.
const IN_SLOT: &[u8] = b"{a}";

/// Draws a transaction; everything in it is answered.
pub(super) fn draw(draw: &mut Draw, scope: Scope) -> Step {
    let mut requests = Vec::new();
    if scope == Scope::Server && draw.dice.percent(40) {
        let key = draw.key_of("string");
        requests.push(request!["WATCH", key.clone(), draw.key()]);
        match draw.dice.below(5) {
            0 => requests.push(request!["SET", key, draw.value()]),
            1 => requests.push(request!["GET", key]),
            2 => requests.push(request!["UNWATCH"]),
            3 => requests.push(inner(draw)),
            _ => {}
        }
    }
    if draw.dice.percent(95) {
        requests.push(request!["MULTI"]);
    }
    for _ in 0..draw.dice.below(6) {
        requests.push(inner(draw));
    }
    if draw.dice.percent(15) {
        let wrong: &[fn(&mut Draw) -> Request] = &[
            |_| request!["MULTI"],
            |_| request!["NOSUCHCOMMAND", "x"],
            |_| request!["GET"],
            |_| request!["SAVE"],
            |_| request!["EXEC", "x"],
            |_| request!["PING"],
            |_| request!["ECHO", "within"],
        ];
        let at = draw.dice.below(requests.len() + 1);
        let wrong = match scope {
            Scope::Server if draw.dice.percent(20) => request!["WATCH", "k"],
            _ => draw.dice.pick(wrong)(draw),
        };
        // Outside, some of these mean something else.
        if requests[..at].iter().any(|before| before[0] == b"MULTI") {
            requests.insert(at, wrong);
        }
    }
    requests.push(match draw.dice.below(10) {
        0 => request!["DISCARD"],
        _ => request!["EXEC"],
    });
    Step {
        answered: (0..requests.len()).collect(),
        requests,
        closes: false,
    }
}

/// A command about keys of one slot.
pub(super) fn inner(draw: &mut Draw) -> Request {
    loop {
        let groups: &[&[Command]] = &[
            strings::COMMANDS,
            lists::COMMANDS,
            hashes::COMMANDS,
            sets::COMMANDS,
            sorted_sets::COMMANDS,
            bits::COMMANDS,
            streams::COMMANDS,
            keys::COMMANDS,
        ];
        let group = *draw.dice.pick(groups);
        let request = draw.dice.pick(group)(draw);
        if is_of_slot(&request) {
            return request;
        }
    }
}

fn is_of_slot(request: &Request) -> bool {
    let Some(row) = command::lookup(&request[0]) else {
        return false;
    };
    if row.is_container() || !row.flags.contains(CommandFlags::READ) && !row.may_write() {
        return false;
    }
    let wanted = SlotId::of_key(IN_SLOT);
    let mut keys = 0;
    let mut is_of_slot = true;
    let bytes = request.concat();
    let mut end = 0;
    let range = |word: &Vec<u8>| {
        end += word.len();
        ArgRange::new(end - word.len(), word.len())
    };
    let ranges: Vec<ArgRange> = request.iter().map(range).collect();
    row.for_each_key(Args::new(&bytes, &ranges), |at| {
        keys += 1;
        is_of_slot &= SlotId::of_key(&request[at]) == wanted;
    });
    keys > 0 && is_of_slot
}
