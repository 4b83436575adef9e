//! Commands whose arguments are elements of one key: very many are treated as several shorter commands would treat them, with other clients' commands between.
//! Pure. Never: decides who waits meanwhile ([`crate::execute`] does). Invariant: the arguments were checked before the first element is treated, so that none of the
//! shorter commands is refused but where the first is, or where memory runs out: what was done before stays then.
//! Should the key go meanwhile (expired, evicted: nobody else may touch it), the elements are treated from the first one on, for it is the command of one moment.

use super::arguments::check_reply;
use super::piecewise::{Piecewise, Progress};
use super::{Action, Call, Handler};
use shared::resp::{ArgRange, Args, ErrorReply, ReplyWriter, parse_integer};
use std::ops::Range;

/// With more arguments than these, others have their turns in between: below, a command takes about half a millisecond.
const UNDIVIDED_ARGS: usize = 1_024;
/// Arguments that one of the shorter commands has, and that are checked in one step.
const ARGS_PER_STEP: usize = 256;
/// How often a command begins at most: what is evicted again and again, as it grows too large, would never be whole.
const MOST_BEGINNINGS: usize = 2;
/// Where the key stands.
const KEY: usize = 1;

/// Looks whether these arguments are as they should be, as the command itself does before it treats the first element.
pub(super) type Check = fn(Args<'_>, Range<usize>) -> Result<(), ErrorReply>;

/// Which arguments are elements, and how the replies to some of them become one.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    /// All arguments of elements.
    pub(super) arguments: Range<usize>,
    /// Arguments of one element.
    pub(super) step: usize,
    /// Where an element may be refused.
    pub(super) check: Option<Check>,
    /// What the reply is.
    pub(super) told: Told,
}

/// What becomes of the shorter commands' replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Numbers: their sum is the reply.
    Sum,
    /// The last one is the reply.
    Last,
    /// Arrays: their elements are the reply's.
    Each,
}

impl Elements {
    /// All arguments from `first` on.
    pub(super) fn from(args: Args<'_>, first: usize, told: Told) -> Self {
        Self {
            arguments: first..args.len(),
            step: 1,
            check: None,
            told,
        }
    }

    /// The same; each element has so many arguments.
    pub(super) fn of(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// The same with a check.
    pub(super) fn checked(self, check: Check) -> Self {
        Self {
            check: Some(check),
            ..self
        }
    }
}

/// Carries out a command by `treat`: as it stands, or, when it has very many elements, in parts. What does not depend on the elements, but on how many
/// there are, has been checked.
#[inline]
pub(super) fn treat(
    call: &mut Call<'_>,
    elements: Elements,
    treat: Handler,
) -> Result<Action, ErrorReply> {
    if call.args.len() <= UNDIVIDED_ARGS && !call.is_piecewise {
        return treat(call);
    }
    Ok(Action::Piecewise(Box::new(Parts::new(elements, treat))))
}

/// A command with very many elements under way.
#[derive(Debug)]
struct Parts {
    elements: Elements,
    treat: Handler,
    /// Up to where arguments have been checked, and elements treated.
    checked: usize,
    next: usize,
    sum: i64,
    /// Whether there was a key behind the last step.
    was_there: bool,
    beginnings: usize,
    ranges: Vec<ArgRange>,
    /// What the latest of the shorter commands replied.
    reply: Vec<u8>,
}

impl Parts {
    fn new(elements: Elements, treat: Handler) -> Self {
        let first = elements.arguments.start;
        Self {
            checked: match elements.check {
                Some(_) => first,
                None => elements.arguments.end,
            },
            next: first,
            elements,
            treat,
            sum: 0,
            was_there: false,
            beginnings: 0,
            ranges: Vec::new(),
            reply: Vec::new(),
        }
    }

    /// The arguments of one step from this one on.
    fn step_from(&self, from: usize) -> Range<usize> {
        let step = self.elements.step;
        let end = from + ARGS_PER_STEP / step * step;
        from..end.min(self.elements.arguments.end)
    }

    fn begin(&mut self, call: &mut Call<'_>) {
        let arguments = &self.elements.arguments;
        self.next = arguments.start;
        self.sum = 0;
        self.beginnings += 1;
        call.reply.truncate(0);
        if self.elements.told == Told::Each {
            call.reply.array(arguments.len() / self.elements.step);
        }
    }

    /// The shorter command over these elements.
    fn treat(&mut self, call: &mut Call<'_>, some: Range<usize>) -> Result<(), ErrorReply> {
        let Range { start, end } = self.elements.arguments;
        let args = call.args.part(start, some, end, &mut self.ranges);
        self.reply.clear();
        let protocol = call.reply.protocol();
        let mut part = Call {
            spec: call.spec,
            args,
            hashes: &[],
            store: call.store,
            identity: call.identity,
            session: call.session,
            node: call.node,
            reply: ReplyWriter::new(&mut self.reply, protocol),
            now_ms: call.now_ms,
            is_piecewise: false,
        };
        (self.treat)(&mut part)?;
        match self.elements.told {
            Told::Sum => self.sum += number(&self.reply),
            Told::Last => {}
            Told::Each => {
                call.reply.raw(behind_head(&self.reply));
                check_reply(call)?;
            }
        }
        Ok(())
    }
}

impl Piecewise for Parts {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let end = self.elements.arguments.end;
        if self.checked < end {
            let some = self.step_from(self.checked);
            self.checked = some.end;
            if let Some(check) = self.elements.check {
                check(call.args, some)?;
            }
            return Ok(Progress::More);
        }
        let (db, key) = (call.db(), call.key(KEY));
        let is_gone = self.was_there && call.store.look(db, key).is_none();
        if self.beginnings == 0 || (is_gone && self.beginnings < MOST_BEGINNINGS) {
            self.begin(call);
        }
        let some = self.step_from(self.next);
        self.next = some.end;
        self.treat(call, some)?;
        self.was_there = call.store.look(db, key).is_some();
        if self.next < end {
            return Ok(Progress::More);
        }
        match self.elements.told {
            Told::Sum => call.reply.integer(self.sum),
            Told::Last => call.reply.raw(&self.reply),
            Told::Each => {}
        }
        Ok(Progress::Over)
    }
}

/// The number that a reply is.
fn number(reply: &[u8]) -> i64 {
    let digits = reply.strip_prefix(b":");
    let digits = digits.and_then(|line| line.strip_suffix(b"\r\n"));
    digits.and_then(parse_integer).unwrap_or(0)
}

/// The elements of an array.
fn behind_head(reply: &[u8]) -> &[u8] {
    let end = reply.iter().position(|byte| *byte == b'\n');
    end.map_or(&[], |end| &reply[end + 1..])
}
