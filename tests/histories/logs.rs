//! Whether a log behaved as if its commands had been done one after another. No search: what was appended stands there, in the order in which it was done.
//! Pure. The last GET is sent when all others are answered, and so shows the end.

use std::collections::HashMap;

use super::history::{Action, Answer, Operation, Outcome};

/// What is wrong with a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogFaults {
    /// Appended and acknowledged, and not there in the end.
    pub(super) lost: Vec<u64>,
    /// There more often than once.
    pub(super) doubled: Vec<u64>,
    /// There, though nobody appended it, or its client was told that it is not.
    pub(super) foreign: Vec<u64>,
    /// The first thing that is out of order, and the commands that show it.
    pub(super) disorder: Option<(&'static str, Vec<Operation>)>,
}

impl LogFaults {
    pub(super) fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Examines all commands of one log. A log that nobody read says nothing.
pub(super) fn examine(operations: &[Operation]) -> LogFaults {
    let mut faults = LogFaults::default();
    let reads = operations.iter().filter(|it| it.action == Action::Get);
    let last = reads
        .filter(|it| it.answer().is_some())
        .max_by_key(|it| it.sent);
    let Some(last) = last else {
        return faults;
    };
    let log = tokens(last);
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (place, token) in log.iter().enumerate() {
        if places.insert(*token, place).is_some() {
            faults.doubled.push(*token);
        }
    }
    let mut known: HashMap<u64, &Operation> = HashMap::new();
    for operation in operations {
        let Action::Append(token) = operation.action else {
            continue;
        };
        known.insert(token, operation);
        if operation.answer().is_some() && !places.contains_key(&token) {
            faults.lost.push(token);
        }
    }
    let is_foreign = |token: &&u64| {
        known
            .get(*token)
            .is_none_or(|it| it.outcome == Outcome::Refused)
    };
    faults.foreign = log.iter().filter(is_foreign).copied().collect();
    if faults.is_clean() {
        faults.disorder = disorder(operations, log, &known);
    }
    faults
}

fn tokens(read: &Operation) -> &[u64] {
    match read.answer() {
        Some(Answer::Tokens(tokens)) => tokens,
        _ => &[],
    }
}

/// Everything in `log` stands there once and is `known`.
fn disorder(
    operations: &[Operation],
    log: &[u64],
    known: &HashMap<u64, &Operation>,
) -> Option<(&'static str, Vec<Operation>)> {
    let mut reads: Vec<Vec<&Operation>> = vec![Vec::new(); log.len() + 1];
    for read in operations.iter().filter(|it| it.action == Action::Get) {
        if read.answer().is_none() {
            continue;
        }
        let seen = tokens(read);
        if !log.starts_with(seen) {
            return Some((
                "a read saw what is not the log's beginning",
                vec![read.clone()],
            ));
        }
        reads[seen.len()].push(read);
    }
    let mut line: Vec<&Operation> = Vec::new();
    for (length, reads) in reads.iter_mut().enumerate() {
        if let Some(token) = length.checked_sub(1).map(|place| log[place]) {
            let append = known[&token];
            let told = append.answer();
            if told.is_some_and(|told| *told != Answer::Number(length as u64)) {
                return Some(("an APPEND was told a wrong length", vec![append.clone()]));
            }
            line.push(append);
        }
        // Reads of the same change nothing: they come as they were sent.
        reads.sort_by_key(|read| read.sent);
        line.extend(&*reads);
    }
    // Each is done as early as may be: when it was sent, and not before what stands before it.
    let mut latest: Option<&Operation> = None;
    for operation in line {
        if let Some(before) = latest
            && operation.answer().is_some()
            && before.sent > operation.answered
        {
            let both = vec![before.clone(), operation.clone()];
            return Some((
                "what stands earlier was sent after what stands later was answered",
                both,
            ));
        }
        if latest.is_none_or(|before| before.sent <= operation.sent) {
            latest = Some(operation);
        }
    }
    None
}
