//! What a history shows: whether any key behaved as no single copy would, what was acknowledged and is lost, what was done twice.
//! Pure. What is wrong is shown with as few commands as show it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::history::{Action, Answer, Key, Kind, Operation, Outcome};
use super::logs::{self, LogFaults};
use super::search::{Finding, Value, search};

/// Most violations that are shown; all are counted.
const MOST_SHOWN: usize = 5;

/// Most commands of one violation that are shown.
const MOST_LINES: usize = 60;

/// One key that behaved as no single copy would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) key: Key,
    pub(super) what: String,
    /// The commands that show it, in the order in which they were sent.
    pub(super) window: Vec<Operation>,
}

/// What a history shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) operations: usize,
    pub(super) keys: usize,
    /// Writes of which their clients were told that they are done.
    pub(super) acknowledged: usize,
    /// Of those, how many of counters and logs are not there in the end: those of registers are overwritten and cannot be counted.
    pub(super) lost: u64,
    /// Writes of counters and logs that were done more often than once.
    pub(super) doubled: u64,
    pub(super) violations: Vec<Violation>,
    /// Keys whose history was too long to be searched.
    pub(super) too_hard: Vec<Key>,
}

impl Verdict {
    /// Whether all keys were looked at and behaved as one copy would.
    pub(super) fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.too_hard.is_empty()
    }

    fn blame(&mut self, key: Key, what: impl Into<String>, mut window: Vec<Operation>) {
        window.sort_by_key(|operation| operation.sent);
        self.violations.push(Violation {
            key,
            what: what.into(),
            window,
        });
    }
}

/// Examines a history. Each key is read once more when all writers have ended; without that the last writes could be lost unseen.
pub(super) fn examine(history: &[Operation]) -> Verdict {
    let mut verdict = Verdict {
        operations: history.len(),
        acknowledged: history
            .iter()
            .filter(|it| it.is_acknowledged_write())
            .count(),
        ..Verdict::default()
    };
    let mut keys: BTreeMap<Key, Vec<Operation>> = BTreeMap::new();
    for operation in history {
        keys.entry(operation.key)
            .or_default()
            .push(operation.clone());
    }
    verdict.keys = keys.len();
    for (key, mut operations) in keys {
        operations.sort_by_key(|operation| operation.sent);
        let strange = |it: &&Operation| matches!(it.outcome, Outcome::Strange(_));
        if let Some(strange) = operations.iter().find(strange) {
            verdict.blame(key, "an answer that is none", vec![strange.clone()]);
            continue;
        }
        match key.kind {
            Kind::Register => register(key, &operations, &mut verdict),
            Kind::Counter => counter(key, &operations, &mut verdict),
            Kind::Log => log(key, &operations, &mut verdict),
        }
    }
    verdict
}

fn register(key: Key, operations: &[Operation], verdict: &mut Verdict) {
    let mut writes: HashMap<u64, &Operation> = HashMap::new();
    for operation in operations {
        if let Action::Set(value) = operation.action {
            writes.insert(value, operation);
        }
    }
    for read in operations.iter().filter(|it| it.action == Action::Get) {
        let Some(Answer::Number(value)) = read.answer() else {
            continue;
        };
        match writes.get(value) {
            None => return verdict.blame(key, "read, and written by nobody", vec![read.clone()]),
            Some(write) if write.outcome == Outcome::Refused => {
                let both = vec![(*write).clone(), read.clone()];
                return verdict.blame(key, "read, though its write was refused", both);
            }
            Some(_) => {}
        }
    }
    in_order(key, operations, verdict);
}

fn counter(key: Key, operations: &[Operation], verdict: &mut Verdict) {
    let count = |is: fn(&Operation) -> bool| {
        let increments = operations
            .iter()
            .filter(|it| it.action == Action::Increment);
        increments.filter(|it| is(it)).count() as u64
    };
    let acknowledged = count(Operation::is_acknowledged_write);
    let unknown = count(|it| it.outcome == Outcome::Unknown);
    let last = operations
        .iter()
        .rfind(|it| it.action == Action::Get && it.answer().is_some());
    if let Some(last) = last {
        let end = match last.answer() {
            Some(Answer::Number(end)) => *end,
            _ => 0,
        };
        let told = format!("{acknowledged} acknowledged, {unknown} unknown, {end} in the end");
        if end < acknowledged {
            verdict.lost += acknowledged - end;
            return verdict.blame(key, format!("lost: {told}"), vec![last.clone()]);
        }
        if end > acknowledged + unknown {
            verdict.doubled += end - acknowledged - unknown;
            return verdict.blame(key, format!("done twice: {told}"), vec![last.clone()]);
        }
    }
    in_order(key, operations, verdict);
}

fn log(key: Key, operations: &[Operation], verdict: &mut Verdict) {
    let LogFaults {
        lost,
        doubled,
        foreign,
        disorder,
    } = logs::examine(operations);
    verdict.lost += lost.len() as u64;
    verdict.doubled += doubled.len() as u64;
    let of = |tokens: &[u64]| -> Vec<Operation> {
        let is_of =
            |it: &&Operation| matches!(it.action, Action::Append(token) if tokens.contains(&token));
        operations.iter().filter(is_of).cloned().collect()
    };
    if !lost.is_empty() {
        verdict.blame(key, format!("lost: {} tokens", lost.len()), of(&lost));
    }
    if !doubled.is_empty() {
        let what = format!("done twice: {doubled:?}");
        verdict.blame(key, what, of(&doubled));
    }
    if !foreign.is_empty() {
        let what = format!("there, though refused or never asked for: {foreign:?}");
        verdict.blame(key, what, of(&foreign));
    }
    if let Some((what, window)) = disorder {
        verdict.blame(key, what, window);
    }
}

fn in_order(key: Key, operations: &[Operation], verdict: &mut Verdict) {
    match search(operations, Value::Is(None)) {
        Finding::InOrder => {}
        Finding::TooHard => verdict.too_hard.push(key),
        Finding::NoOrder => verdict.blame(key, "in no order", smallest(operations)),
    }
}

/// As few of the commands, sorted by `sent`, as have no order either.
///
/// First the earliest end: what was not answered by then is unknown. Then the latest beginning at which nobody waited: what was answered before is left out,
/// and the value with which the key began is any. Then one by one what shows nothing. Each of these only takes away what an order must obey.
pub(super) fn smallest(operations: &[Operation]) -> Vec<Operation> {
    let has_none = |window: &[Operation], value: Value| search(window, value) == Finding::NoOrder;
    let mut ends: Vec<u64> = operations.iter().map(|it| it.answered).collect();
    ends.sort_unstable();
    let at = ends.partition_point(|end| !has_none(&until(operations, *end), Value::Is(None)));
    let mut window = until(operations, ends.get(at).copied().unwrap_or(u64::MAX));
    let mut value = Value::Is(None);
    let beginnings = quiet_moments(&window);
    let at = beginnings.partition_point(|begin| has_none(&from(&window, *begin), Value::Any));
    if let Some(begin) = at.checked_sub(1).map(|at| beginnings[at]) {
        window = from(&window, begin);
        value = Value::Any;
    }
    let deletes_tell = window.iter().any(|it| it.action == Action::Delete);
    for place in (0..window.len()).rev() {
        let may_go = match window[place].action {
            Action::Set(written) => !deletes_tell && !window.iter().any(|it| reads(it, written)),
            Action::Get => true,
            Action::Delete | Action::Increment | Action::Append(_) => false,
        };
        if may_go {
            let mut without = window.clone();
            without.remove(place);
            if has_none(&without, value) {
                window = without;
            }
        }
    }
    window
}

fn reads(operation: &Operation, written: u64) -> bool {
    operation.action == Action::Get && operation.answer() == Some(&Answer::Number(written))
}

/// What was sent by `end`, as it was known then.
fn until(operations: &[Operation], end: u64) -> Vec<Operation> {
    let sent = operations.iter().filter(|it| it.sent <= end);
    let as_known = |it: &Operation| {
        let mut known = it.clone();
        if known.answered > end && known.answer().is_some() {
            known.outcome = Outcome::Unknown;
        }
        known
    };
    sent.map(as_known).collect()
}

/// When operations were sent while nobody waited for an answer.
fn quiet_moments(operations: &[Operation]) -> Vec<u64> {
    let mut answered = 0;
    let mut moments = Vec::new();
    for operation in operations {
        if answered < operation.sent {
            moments.push(operation.sent);
        }
        if operation.answer().is_some() {
            answered = answered.max(operation.answered);
        }
    }
    moments
}

/// What was sent from `begin` on, a quiet moment, and what was unknown then and may be done later.
fn from(operations: &[Operation], begin: u64) -> Vec<Operation> {
    let lasts = |it: &&Operation| it.outcome == Outcome::Unknown || it.sent >= begin;
    operations.iter().filter(lasts).cloned().collect()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations on {} keys, {} writes acknowledged, {} lost, {} done twice, {} violations",
            self.operations,
            self.keys,
            self.acknowledged,
            self.lost,
            self.doubled,
            self.violations.len()
        )?;
        if !self.too_hard.is_empty() {
            write!(f, ", too hard to search: {:?}", self.too_hard)?;
        }
        for violation in self.violations.iter().take(MOST_SHOWN) {
            write!(f, "\n{}: {}", violation.key, violation.what)?;
            for operation in violation.window.iter().take(MOST_LINES) {
                write!(f, "\n  {operation}")?;
            }
            if violation.window.len() > MOST_LINES {
                write!(f, "\n  … {} in all", violation.window.len())?;
            }
        }
        Ok(())
    }
}
