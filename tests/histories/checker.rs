//! The checker checked: histories that are known to be good or bad, all short ones against every order there is, long ones made from a run of one copy and
//! then broken.
//! Pure but for the seed, which is printed.

use super::history::{Action, Answer, Key, Kind, Operation, Outcome};
use super::search::{Finding, Value, search};
use super::verdict::{examine, smallest};
use crate::support::dice::Dice;

const REGISTER: Key = Key {
    shard: 0,
    kind: Kind::Register,
    number: 0,
};

fn of(kind: Kind) -> Key {
    Key { kind, ..REGISTER }
}

/// One line of a history: from when to when, what, and how it ended.
fn line(key: Key, sent: u64, answered: u64, action: Action, outcome: Outcome) -> Operation {
    Operation {
        client: 0,
        key,
        action,
        sent,
        answered,
        outcome,
    }
}

fn set(sent: u64, answered: u64, value: u64) -> Operation {
    let done = Outcome::Answered(Answer::Done);
    line(REGISTER, sent, answered, Action::Set(value), done)
}

fn set_unknown(sent: u64, answered: u64, value: u64) -> Operation {
    line(
        REGISTER,
        sent,
        answered,
        Action::Set(value),
        Outcome::Unknown,
    )
}

fn get(sent: u64, answered: u64, value: u64) -> Operation {
    let answer = match value {
        0 => Answer::Nothing,
        value => Answer::Number(value),
    };
    let outcome = Outcome::Answered(answer);
    line(REGISTER, sent, answered, Action::Get, outcome)
}

fn delete(sent: u64, answered: u64, existed: u64) -> Operation {
    let outcome = Outcome::Answered(Answer::Number(existed));
    line(REGISTER, sent, answered, Action::Delete, outcome)
}

fn increment(sent: u64, answered: u64, count: u64) -> Operation {
    let outcome = match count {
        0 => Outcome::Unknown,
        count => Outcome::Answered(Answer::Number(count)),
    };
    let counter = of(Kind::Counter);
    line(counter, sent, answered, Action::Increment, outcome)
}

fn append(sent: u64, answered: u64, token: u64, length: u64) -> Operation {
    let outcome = match length {
        0 => Outcome::Unknown,
        length => Outcome::Answered(Answer::Number(length)),
    };
    line(
        of(Kind::Log),
        sent,
        answered,
        Action::Append(token),
        outcome,
    )
}

fn read_log(sent: u64, answered: u64, tokens: &[u64]) -> Operation {
    let outcome = Outcome::Answered(Answer::Tokens(tokens.to_vec()));
    line(of(Kind::Log), sent, answered, Action::Get, outcome)
}

/// `expected`: what is said of the first violation, or nothing.
fn check(history: &[Operation], expected: &str) {
    let verdict = examine(history);
    let said = verdict.violations.first().map_or("", |it| &it.what);
    assert!(verdict.too_hard.is_empty());
    assert_eq!(said.is_empty(), expected.is_empty(), "{verdict}");
    assert!(said.starts_with(expected), "{said} {history:?}");
}

#[test]
fn registers_that_behave_and_that_do_not() {
    check(&[get(0, 1, 0), set(2, 3, 7), get(4, 5, 7)], "");
    check(&[set(0, 1, 7), get(2, 3, 0)], "in no order");
    check(&[set(0, 1, 7), set(2, 3, 8), get(4, 5, 7)], "in no order");
    // While a write is under way the old value may be read, and the new one; never the old one after the new one.
    check(&[set(0, 9, 7), get(1, 2, 0), get(3, 4, 7)], "");
    check(&[set(0, 9, 7), get(1, 2, 7), get(3, 4, 0)], "in no order");
    check(&[set(0, 9, 7), get(1, 6, 7), get(3, 4, 0)], "");
    check(&[set(0, 9, 7), set(0, 9, 8), get(10, 11, 7)], "");
    // What is unknown may be done late, or never, but once.
    check(&[set_unknown(0, 1, 7), get(2, 3, 0), get(50, 51, 7)], "");
    check(&[set_unknown(0, 1, 7), set(2, 3, 8), get(4, 5, 7)], "");
    check(&[set_unknown(0, 1, 7), set(2, 3, 8), get(4, 5, 8)], "");
    let twice = [
        set_unknown(0, 1, 7),
        get(2, 3, 7),
        set(4, 5, 8),
        get(6, 7, 7),
    ];
    check(&twice, "in no order");
    check(&[get(0, 1, 7), set_unknown(2, 3, 7)], "in no order");
    check(&[get(0, 1, 7)], "read, and written by nobody");
    let mut refused = set(0, 1, 7);
    refused.outcome = Outcome::Refused;
    check(&[refused.clone(), get(2, 3, 0)], "");
    check(
        &[refused, get(2, 3, 7)],
        "read, though its write was refused",
    );
    check(
        &[set(0, 1, 7), delete(2, 3, 1), get(4, 5, 0), delete(6, 7, 0)],
        "",
    );
    check(&[set(0, 1, 7), delete(2, 3, 0)], "in no order");
    check(&[set_unknown(0, 1, 7), delete(2, 3, 1), get(4, 5, 0)], "");
    check(
        &[set_unknown(0, 1, 7), delete(2, 3, 1), delete(4, 5, 1)],
        "in no order",
    );
    let mut strange = get(0, 1, 0);
    strange.outcome = Outcome::Strange("+PONG".to_owned());
    check(&[strange], "an answer that is none");
}

#[test]
fn counters_that_behave_and_that_do_not() {
    let read = |sent, answered, count| Operation {
        key: of(Kind::Counter),
        ..get(sent, answered, count)
    };
    check(&[increment(0, 1, 1), increment(2, 3, 2), read(4, 5, 2)], "");
    check(
        &[increment(0, 9, 2), increment(0, 9, 1), read(10, 11, 2)],
        "",
    );
    check(
        &[increment(0, 1, 1), increment(2, 3, 2), read(4, 5, 1)],
        "lost: 2",
    );
    check(
        &[increment(0, 1, 1), increment(2, 3, 0), read(4, 5, 3)],
        "done twice: 1",
    );
    check(
        &[increment(0, 1, 1), increment(2, 3, 1), read(4, 5, 2)],
        "in no order",
    );
    check(&[increment(0, 1, 0), increment(2, 3, 2), read(4, 5, 2)], "");
    check(&[increment(0, 1, 0), increment(2, 3, 1), read(4, 5, 1)], "");
    check(
        &[increment(0, 1, 2), increment(2, 3, 0), read(4, 5, 2)],
        "in no order",
    );
}

#[test]
fn logs_that_behave_and_that_do_not() {
    let two = [append(0, 1, 7, 1), append(2, 3, 8, 2)];
    let with = |read: Operation| [&two[..], &[read]].concat();
    check(&with(read_log(4, 5, &[7, 8])), "");
    check(&with(read_log(4, 5, &[7])), "lost: 1");
    check(&with(read_log(4, 5, &[7, 8, 8])), "done twice: [8]");
    check(&with(read_log(4, 5, &[7, 8, 9])), "there, though");
    check(&with(read_log(4, 5, &[8, 7])), "an APPEND was told");
    let late = append(0, 1, 9, 0);
    check(
        &[with(read_log(4, 5, &[7, 8])), vec![late.clone()]].concat(),
        "",
    );
    check(&[with(read_log(4, 5, &[7, 8, 9])), vec![late]].concat(), "");
    let reads = [
        read_log(1, 2, &[7]),
        read_log(3, 4, &[]),
        read_log(9, 10, &[7]),
    ];
    let stale = [&[append(0, 8, 7, 1)], &reads[..]].concat();
    check(&stale, "what stands earlier was sent after");
    let other = [
        append(0, 1, 7, 1),
        read_log(2, 3, &[8]),
        read_log(9, 10, &[7]),
    ];
    check(&other, "a read saw what is not");
}

/// Every order there is; for few commands.
fn has_order(operations: &[Operation], value: Option<u64>) -> bool {
    let is_over = |it: &Operation| it.outcome == Outcome::Unknown;
    if operations.iter().all(is_over) {
        return true;
    }
    (0..operations.len()).any(|place| {
        let next = &operations[place];
        let is_first = |it: &Operation| it.answer().is_none() || it.answered >= next.sent;
        if !operations.iter().all(is_first) {
            return false;
        }
        let (left, told) = by_one_copy(next.action, value);
        if next.answer().is_some_and(|answer| *answer != told) {
            return false;
        }
        let mut rest = operations.to_vec();
        rest.remove(place);
        has_order(&rest, left)
    })
}

/// What one copy makes of a register or counter, and says.
fn by_one_copy(action: Action, value: Option<u64>) -> (Option<u64>, Answer) {
    match action {
        Action::Set(new) => (Some(new), Answer::Done),
        Action::Get => (value, value.map_or(Answer::Nothing, Answer::Number)),
        Action::Delete => (None, Answer::Number(u64::from(value.is_some()))),
        Action::Increment => {
            let next = value.unwrap_or(0) + 1;
            (Some(next), Answer::Number(next))
        }
        Action::Append(_) => unreachable!("logs are not drawn here"),
    }
}

/// Some commands with any answers, many of them untrue.
fn drawn(dice: &mut Dice, kind: Kind, count: u64) -> Vec<Operation> {
    let mut history = Vec::new();
    for number in 1..=count {
        let action = match (kind, dice.below(8)) {
            (Kind::Counter, 0..5) => Action::Increment,
            (Kind::Register, 0..3) => Action::Set(number),
            (Kind::Register, 3..5) => Action::Delete,
            _ => Action::Get,
        };
        let answer = match action {
            Action::Set(_) => Answer::Done,
            Action::Delete => Answer::Number(dice.bits() % 2),
            Action::Increment => Answer::Number(1 + dice.bits() % count),
            _ => match dice.bits() % (count + 1) {
                0 => Answer::Nothing,
                value => Answer::Number(value),
            },
        };
        let outcome = match dice.percent(25) {
            true => Outcome::Unknown,
            false => Outcome::Answered(answer),
        };
        let sent = dice.bits() % 12;
        let answered = sent + 1 + dice.bits() % 6;
        history.push(line(of(kind), sent, answered, action, outcome));
    }
    history.sort_by_key(|operation| operation.sent);
    history
}

#[test]
fn short_histories_are_judged_as_by_trying_every_order() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut good, mut bad) = (0, 0);
    for round in 0..6_000_u64 {
        let kind = *dice.pick(&[Kind::Register, Kind::Counter]);
        let history = drawn(&mut dice, kind, 1 + round % 6);
        let expected = match has_order(&history, None) {
            true => Finding::InOrder,
            false => Finding::NoOrder,
        };
        assert_eq!(search(&history, Value::Is(None)), expected, "{history:#?}");
        match expected {
            Finding::InOrder => good += 1,
            _ => {
                bad += 1;
                let window = smallest(&history);
                assert!(!has_order(&window, None), "{window:#?} of {history:#?}");
            }
        }
    }
    assert!(good > 300 && bad > 300, "{good} good, {bad} bad");
}

/// A run of one copy under several clients: each command is done at a moment, sent before it and answered after it.
fn run(dice: &mut Dice, kind: Kind, count: u64) -> Vec<Operation> {
    let mut moments: Vec<(u64, Operation)> = Vec::new();
    for number in 1..=count {
        let action = match (kind, dice.below(8)) {
            (Kind::Counter, 0..4) => Action::Increment,
            (Kind::Log, 0..4) => Action::Append(number),
            (Kind::Register, 0..3) => Action::Set(number),
            (Kind::Register, 3) => Action::Delete,
            _ => Action::Get,
        };
        let sent = number * 10 + dice.bits() % 10;
        let mut moment = sent + dice.bits() % 30;
        let answered = moment + dice.bits() % 30;
        let mut outcome = Outcome::Answered(Answer::Done);
        match dice.below(20) {
            0 => {
                outcome = Outcome::Unknown;
                moment += dice.bits() % (count * 10);
            }
            1 => outcome = Outcome::Refused,
            _ => {}
        }
        moments.push((moment, line(of(kind), sent, answered, action, outcome)));
    }
    let end = count * 40;
    let read = Outcome::Answered(Answer::Done);
    moments.push((end, line(of(kind), end, end + 1, Action::Get, read)));
    moments.sort_by_key(|(moment, _)| *moment);
    let (mut value, mut log) = (None, Vec::new());
    for (_, operation) in &mut moments {
        // Half of those of which nobody knows are never done.
        let is_done = match operation.outcome {
            Outcome::Unknown => dice.percent(50),
            Outcome::Answered(_) => true,
            Outcome::Refused | Outcome::Strange(_) => false,
        };
        if !is_done {
            continue;
        }
        let told = match operation.action {
            Action::Append(token) => {
                log.push(token);
                Answer::Number(log.len() as u64)
            }
            Action::Get if kind == Kind::Log => Answer::Tokens(log.clone()),
            action => {
                let (left, told) = by_one_copy(action, value);
                value = left;
                told
            }
        };
        if operation.answer().is_some() {
            operation.outcome = Outcome::Answered(told);
        }
    }
    let mut history: Vec<Operation> = moments.into_iter().map(|(_, it)| it).collect();
    history.sort_by_key(|operation| operation.sent);
    history
}

#[test]
fn long_runs_of_one_copy_are_in_order_and_broken_ones_are_not() {
    let seed = Dice::seed_from_environment();
    eprintln!("SWITCHYARD_SEED={seed}");
    let mut dice = Dice::new(seed);
    for round in 0..30 {
        let kind = [Kind::Register, Kind::Counter, Kind::Log][round % 3];
        let history = run(&mut dice, kind, 400);
        let verdict = examine(&history);
        assert!(verdict.is_clean(), "{verdict}");
        let broken = broken(&mut dice, &history);
        let verdict = examine(&broken);
        assert_eq!(verdict.violations.len(), 1, "{kind:?}: {verdict}");
        assert!(verdict.violations[0].window.len() <= 40, "{verdict}");
    }
}

/// The same, and then a write that the next reader does not see.
fn broken(dice: &mut Dice, history: &[Operation]) -> Vec<Operation> {
    let end = history.iter().map(|it| it.answered).max().unwrap_or(0) + 10;
    let key = history[0].key;
    let last = history.last().expect("a last read");
    let line = |sent: u64, action: Action, answer: Answer| {
        line(key, sent, sent + 5, action, Outcome::Answered(answer))
    };
    let number = match last.answer() {
        Some(Answer::Number(number)) => *number,
        Some(Answer::Tokens(tokens)) => tokens.len() as u64,
        _ => 0,
    };
    let mut more = match key.kind {
        // Nothing may be there for many reasons; what was overwritten, for none.
        Kind::Register => vec![
            line(end, Action::Set(100_000), Answer::Done),
            line(end + 10, Action::Set(100_001), Answer::Done),
            line(end + 20, Action::Get, Answer::Number(100_000)),
        ],
        Kind::Counter => vec![line(end, Action::Increment, Answer::Number(number + 1))],
        Kind::Log => vec![line(
            end,
            Action::Append(100_000),
            Answer::Number(number + 1),
        )],
    };
    if key.kind != Kind::Register {
        let mut again = last.clone();
        again.sent = end + 10 + dice.bits() % 10;
        again.answered = again.sent + 5;
        more.push(again);
    }
    [history, &more].concat()
}
