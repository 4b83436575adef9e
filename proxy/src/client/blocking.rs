//! A client's command that waits at a node (BLPOP and the like) until one of its keys has something for it: until when, and how it is written when it is asked again.
//! Pure. Never: decides whether it is asked again ([`crate::pipe::retry`] and [`crate::pipe::verdict`] do). Invariant: however often it is asked, all of it together waits no
//! longer than the client said.

use shared::command::{CommandSpec, Retry};
use shared::resp::{Args, encode_request};
use shared::wait_time;

use super::{Apart, Copies};
use crate::pipe::lease::LeaseKey;
use crate::route::{TimeUnit, timeout_at};

/// One such command.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// The connection over which it waits.
    pub(crate) lease: Option<LeaseKey>,
    /// Its keys are of several shards.
    pub(crate) apart: Option<Box<Apart>>,
    /// It is a WAIT, and this is what shards have said.
    pub(crate) copies: Option<Box<Copies>>,
    /// How often it was sent in vain.
    pub(crate) attempts: u8,
    /// It takes nothing, and means the same whenever it is asked.
    pub(crate) is_repeatable: bool,
    /// It means what comes from the moment on at which a node has it.
    pub(crate) is_from_now_on: bool,
    /// The argument that says how long.
    timeout: Option<(usize, TimeUnit)>,
    began_ms: u64,
    /// Then it is over in any case, monotonic milliseconds.
    until_ms: Option<u64>,
}

impl Blocking {
    /// One that begins now.
    pub(crate) fn new(spec: &CommandSpec, args: Args<'_>, now_ms: u64) -> Self {
        let timeout = timeout_at(spec, args);
        let timeout_ms = timeout.and_then(|(at, unit)| read(args.get(at)?, unit));
        let is_from_now_on =
            spec.retry == Retry::Safe && args.iter_from(1).any(|word| word == b"$");
        Self {
            lease: None,
            apart: None,
            copies: None,
            attempts: 0,
            is_repeatable: spec.retry == Retry::Safe && !is_from_now_on,
            is_from_now_on,
            timeout,
            began_ms: now_ms,
            until_ms: timeout_ms.map(|ms| now_ms.saturating_add(ms)),
        }
    }

    /// When it is over in any case, monotonic milliseconds; `None`: it waits for ever, or is for a node to refuse.
    pub(crate) fn until_ms(&self) -> Option<u64> {
        self.until_ms
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until_ms| now_ms >= until_ms)
    }

    /// Milliseconds that are left, as a node is told them: at least one, for none means for ever; 0 for ever.
    pub(crate) fn left_ms(&self, now_ms: u64) -> u64 {
        let left = |until_ms: u64| until_ms.saturating_sub(now_ms).max(1);
        self.until_ms.map_or(0, left)
    }

    /// Whether the client's own words say how long it has to wait from now on.
    pub(crate) fn is_as_written(&self, now_ms: u64) -> bool {
        self.until_ms.is_none() || now_ms == self.began_ms
    }

    /// Appends it with the time that is left.
    pub(crate) fn encode(&self, args: Args<'_>, now_ms: u64, out: &mut Vec<u8>) {
        let left_ms = self.left_ms(now_ms);
        let left = match self.timeout {
            Some((_, TimeUnit::Seconds)) => format!("{}.{:03}", left_ms / 1_000, left_ms % 1_000),
            _ => left_ms.to_string(),
        };
        let replaced = self.timeout.filter(|_| !self.is_as_written(now_ms));
        let words: Vec<&[u8]> = (0..args.len())
            .map(|at| match replaced {
                Some((place, _)) if place == at => left.as_bytes(),
                _ => args.at(at),
            })
            .collect();
        encode_request(out, words);
    }
}

/// Milliseconds; `None` for ever, and for what is no such time: a node says so.
fn read(argument: &[u8], unit: TimeUnit) -> Option<u64> {
    let ms = match unit {
        TimeUnit::Seconds => wait_time::seconds(argument),
        TimeUnit::Milliseconds => wait_time::milliseconds(argument),
    };
    ms.ok().filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::command;
    use shared::resp::ArgRange;

    fn again(line: &str, after_ms: u64) -> (String, bool) {
        let mut at = 0;
        let ranges: Vec<ArgRange> = line
            .split(' ')
            .map(|word| {
                at += word.len() + 1;
                ArgRange::new(at - word.len() - 1, word.len())
            })
            .collect();
        let args = Args::new(line.as_bytes(), &ranges);
        let blocking = Blocking::new(command::resolve(args).unwrap(), args, 1_000);
        let mut out = Vec::new();
        blocking.encode(args, 1_000 + after_ms, &mut out);
        let text = String::from_utf8(out).unwrap();
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        (words.join(" "), blocking.is_over(1_000 + after_ms))
    }

    #[test]
    fn what_is_asked_again_waits_for_the_rest_of_its_time() {
        for (line, after_ms, expected, is_over) in [
            ("BLPOP a b 1.5", 0, "BLPOP a b 1.5", false),
            ("BLPOP a b 1.5", 400, "BLPOP a b 1.100", false),
            ("BRPOP a 2", 1_999, "BRPOP a 0.001", false),
            ("BRPOP a 2", 2_000, "BRPOP a 0.001", true),
            ("BLPOP a 0", 5_000, "BLPOP a 0", false),
            ("BLPOP a 0.0001", 0, "BLPOP a 0.0001", false),
            (
                "BLMOVE a b LEFT RIGHT 3",
                1_000,
                "BLMOVE a b LEFT RIGHT 2.000",
                false,
            ),
            ("BRPOPLPUSH a b 3", 1_000, "BRPOPLPUSH a b 2.000", false),
            ("BLMPOP 3 1 a LEFT", 1_000, "BLMPOP 2.000 1 a LEFT", false),
            (
                "BZMPOP 3 1 a MIN COUNT 2",
                1_000,
                "BZMPOP 2.000 1 a MIN COUNT 2",
                false,
            ),
            ("BZPOPMIN a 3", 1_000, "BZPOPMIN a 2.000", false),
            (
                "XREAD BLOCK 300 STREAMS a $",
                100,
                "XREAD BLOCK 200 STREAMS a $",
                false,
            ),
            (
                "XREADGROUP GROUP g c COUNT 2 BLOCK 300 NOACK STREAMS a >",
                250,
                "XREADGROUP GROUP g c COUNT 2 BLOCK 50 NOACK STREAMS a >",
                false,
            ),
            ("BLPOP a 0x10", 15_000, "BLPOP a 1.000", false),
            ("BLPOP a 1e308", 9_000, "BLPOP a 1e308", false),
            ("BLPOP a inf", 9_000, "BLPOP a inf", false),
            ("BLPOP a -1", 9_000, "BLPOP a -1", false),
            ("BLPOP a nan", 9_000, "BLPOP a nan", false),
        ] {
            let found = again(line, after_ms);
            assert_eq!(found, (expected.to_owned(), is_over), "{line} {after_ms}");
        }
    }
}
