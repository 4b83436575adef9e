//! Whether one register or counter behaved as if its commands had been done one after another, each between being sent and being answered.
//! Pure. The search is that of Wing and Gong, with what was seen kept as in Lowe's "Testing for linearizability": a set of commands that are done and the
//! value they leave lead to the same end however they were ordered.
//!
//! A write of which nobody knows has no end: it may be done at any time after it was sent, or never. One whose value somebody read was done before that read
//! was answered; others change nothing that anybody saw, but for DEL and INCR. Those of one effect stand for each other, so the one sent first is taken first.

use std::collections::{HashMap, HashSet};

use super::history::{Action, Answer, Operation, Outcome};

/// Most sets with values that are looked at for one key. A few hundred commands of a dozen clients have some thousands.
const MOST_STEPS: usize = 400_000;

/// What a search says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// There is an order.
    InOrder,
    /// There is none.
    NoOrder,
    /// More than [`MOST_STEPS`] would have to be looked at.
    TooHard,
}

/// With what a key begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// Nobody knows: whatever is read first was there.
    Any,
    Is(Option<u64>),
}

/// A command that was certainly done.
#[derive(Debug)]
struct Sure<'a> {
    action: Action,
    answer: Option<&'a Answer>,
    sent: u64,
    until: u64,
}

/// Writes of one effect that may have been done: when they were sent, in order.
#[derive(Debug, Default)]
struct Perhaps {
    sent: Vec<u64>,
}

/// The effects of writes that may have been done: a value that nobody read, nothing, one more.
const EFFECTS: [Action; 3] = [Action::Set(u64::MAX), Action::Delete, Action::Increment];

/// Which commands are done, and what they left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Step {
    /// All sure ones before this are done.
    first: usize,
    /// These behind it are too, in order.
    beyond: Vec<usize>,
    /// So many of each effect are.
    taken: [usize; EFFECTS.len()],
    value: Value,
}

struct Prepared<'a> {
    sure: Vec<Sure<'a>>,
    perhaps: [Perhaps; EFFECTS.len()],
}

/// Looks for an order of these commands of one key, which begins with `value`.
pub(super) fn search(operations: &[Operation], value: Value) -> Finding {
    let prepared = prepare(operations);
    let begin = Step {
        first: 0,
        beyond: Vec::new(),
        taken: [0; EFFECTS.len()],
        value,
    };
    let mut seen = HashSet::from([begin.clone()]);
    let mut waiting = vec![begin];
    while let Some(step) = waiting.pop() {
        if step.first == prepared.sure.len() {
            return Finding::InOrder;
        }
        for next in prepared.after(&step) {
            if seen.len() == MOST_STEPS {
                return Finding::TooHard;
            }
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    Finding::NoOrder
}

fn prepare(operations: &[Operation]) -> Prepared<'_> {
    // When a value was first read by somebody who was told so.
    let mut read: HashMap<u64, u64> = HashMap::new();
    let mut deletes_tell = false;
    for operation in operations {
        match (operation.action, operation.answer()) {
            (Action::Get, Some(Answer::Number(value))) => {
                let until = read.entry(*value).or_insert(u64::MAX);
                *until = operation.answered.min(*until);
            }
            (Action::Delete, Some(_)) => deletes_tell = true,
            _ => {}
        }
    }
    let mut prepared = Prepared {
        sure: Vec::new(),
        perhaps: Default::default(),
    };
    for operation in operations {
        let read_until = match operation.action {
            Action::Set(value) => read.get(&value).copied(),
            _ => None,
        };
        let until = match operation.outcome {
            Outcome::Answered(_) => Some(operation.answered),
            Outcome::Unknown => read_until,
            Outcome::Refused | Outcome::Strange(_) => continue,
        };
        match until {
            Some(until) => prepared.sure.push(Sure {
                action: operation.action,
                answer: operation.answer(),
                sent: operation.sent,
                until,
            }),
            None => prepared.perhaps(operation, deletes_tell),
        }
    }
    prepared.sure.sort_by_key(|sure| sure.sent);
    for perhaps in &mut prepared.perhaps {
        perhaps.sent.sort_unstable();
    }
    prepared
}

impl Prepared<'_> {
    fn perhaps(&mut self, operation: &Operation, deletes_tell: bool) {
        let effect = match operation.action {
            // Its value was read by nobody; only a DEL could tell that there was one.
            Action::Set(_) if deletes_tell => 0,
            Action::Delete => 1,
            Action::Increment => 2,
            Action::Set(_) | Action::Get | Action::Append(_) => return,
        };
        self.perhaps[effect].sent.push(operation.sent);
    }

    /// All that may be done next. The most likely stands last, for it is looked at first.
    fn after(&self, step: &Step) -> Vec<Step> {
        let mut deadline = u64::MAX;
        let mut open = Vec::new();
        for (place, sure) in self.sure.iter().enumerate().skip(step.first) {
            if sure.sent > deadline {
                break;
            }
            if step.beyond.binary_search(&place).is_err() {
                deadline = deadline.min(sure.until);
                open.push(place);
            }
        }
        open.retain(|place| self.sure[*place].sent <= deadline);
        // A read of what is there changes nothing for anybody: if it may come now, it can.
        if step.value != Value::Any {
            let read = open.iter().find(|place| {
                let sure = &self.sure[**place];
                sure.action == Action::Get && done(step.value, sure.action, sure.answer).is_some()
            });
            if let Some(place) = read {
                return vec![self.with(step, *place, step.value)];
            }
        }
        let mut next = Vec::new();
        for (effect, action) in EFFECTS.iter().enumerate() {
            let sent = self.perhaps[effect].sent.get(step.taken[effect]);
            if sent.is_some_and(|sent| *sent <= deadline)
                && may_help(step.value, *action)
                && let Some(value) = done(step.value, *action, None)
            {
                let mut with = step.clone();
                with.taken[effect] += 1;
                with.value = value;
                next.push(with);
            }
        }
        for place in open.into_iter().rev() {
            let sure = &self.sure[place];
            if let Some(value) = done(step.value, sure.action, sure.answer) {
                next.push(self.with(step, place, value));
            }
        }
        next
    }

    fn with(&self, step: &Step, place: usize, value: Value) -> Step {
        let mut next = step.clone();
        next.value = value;
        if let Err(at) = next.beyond.binary_search(&place) {
            next.beyond.insert(at, place);
        }
        let mut behind = 0;
        while next.beyond.get(behind) == Some(&next.first) {
            next.first += 1;
            behind += 1;
        }
        next.beyond.drain(..behind);
        next
    }
}

/// Whether something may be answered after a write that nobody knows of which could not be answered before it. What is there hides nothing that its absence
/// shows, and a value that nobody read shows nothing that another does not.
fn may_help(value: Value, action: Action) -> bool {
    match action {
        Action::Set(_) => value == Value::Is(None),
        Action::Delete => matches!(value, Value::Is(Some(_))),
        Action::Increment | Action::Get | Action::Append(_) => value != Value::Any,
    }
}

/// What an action leaves of a value; `None` if it would not have been answered so.
fn done(value: Value, action: Action, answer: Option<&Answer>) -> Option<Value> {
    let shown = match answer {
        Some(Answer::Number(number)) => Some(*number),
        _ => None,
    };
    match (action, value) {
        (Action::Set(new), _) => Some(Value::Is(Some(new))),
        (Action::Get, Value::Any) => Some(Value::Is(shown)),
        (Action::Get, Value::Is(there)) => (there == shown).then_some(value),
        (Action::Delete, Value::Any) => Some(Value::Is(None)),
        (Action::Delete, Value::Is(there)) => {
            let was_there = u64::from(there.is_some());
            (answer.is_none() || shown == Some(was_there)).then_some(Value::Is(None))
        }
        (Action::Increment, Value::Any) => {
            Some(shown.map_or(Value::Any, |shown| Value::Is(Some(shown))))
        }
        (Action::Increment, Value::Is(there)) => {
            let next = there.unwrap_or(0) + 1;
            (answer.is_none() || shown == Some(next)).then_some(Value::Is(Some(next)))
        }
        // Logs are checked without a search.
        (Action::Append(_), _) => None,
    }
}
