//! A client's command that waits at a node (BLPOP and the like) until one of its keys has something for it: until when, and how it is written when it is asked again.
//! Pure. Never: decides whether it is asked again ([`crate::pipe::retry`] and [`crate::pipe::verdict`] do). Invariant: however often it is asked, all of it together waits no
//! longer than the client said.

use shared::command::{CommandId, CommandSpec, Retry};
use shared::resp::{Args, decode_scanned, encode_request};
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
    /// It takes nothing.
    takes_nothing: bool,
    /// It means what comes from the moment on at which a node has it (`$`), and this is what that was.
    from_now_on: Option<FromNowOn>,
    /// The argument that says how long.
    timeout: Option<(usize, TimeUnit)>,
    began_ms: u64,
    /// Then it is over in any case, monotonic milliseconds.
    until_ms: Option<u64>,
}

/// What `$` means.
#[derive(Debug)]
struct FromNowOn {
    /// The argument that is the first identifier.
    first_id: usize,
    /// What a node has said that the identifiers were when it was asked.
    ids: Option<Vec<Vec<u8>>>,
    /// The node that has the command was asked for that, and has said nothing.
    is_asked: bool,
}

impl FromNowOn {
    /// Of XREAD with a `$` among its identifiers, which are as many as its keys, and behind them.
    fn of(spec: &CommandSpec, args: Args<'_>) -> Option<Self> {
        if spec.id != CommandId::Xread {
            return None;
        }
        let mut keys = 0;
        spec.for_each_key(args, |_| keys += 1);
        let first_id = spec.first_key(args)? + keys;
        let has_sign = args.iter_from(first_id).any(|word| word == b"$");
        has_sign.then_some(Self {
            first_id,
            ids: None,
            is_asked: false,
        })
    }
}

impl Blocking {
    /// One that begins now.
    pub(crate) fn new(spec: &CommandSpec, args: Args<'_>, now_ms: u64) -> Self {
        let timeout = timeout_at(spec, args);
        let timeout_ms = timeout.and_then(|(at, unit)| read(args.get(at)?, unit));
        Self {
            lease: None,
            apart: None,
            copies: None,
            attempts: 0,
            takes_nothing: spec.retry == Retry::Safe,
            from_now_on: FromNowOn::of(spec, args),
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

    /// Whether it may be asked again though a node has seen it: it takes nothing, and misses nothing that came since it began. Where a node was asked for what `$` means
    /// and was lost before it said so, the command has begun nowhere that anybody knows of.
    pub(crate) fn is_repeatable(&self) -> bool {
        let from_now_on = self.from_now_on.as_ref();
        let has_begun = |from: &FromNowOn| from.ids.is_none() && !from.is_asked;
        self.takes_nothing && !from_now_on.is_some_and(has_begun)
    }

    /// Whether it takes nothing.
    pub(crate) fn takes_nothing(&self) -> bool {
        self.takes_nothing
    }

    /// Whether it means what comes from the moment on at which a node has it, and what that is nobody has said yet.
    pub(crate) fn is_from_unknown(&self) -> bool {
        let from_now_on = self.from_now_on.as_ref();
        from_now_on.is_some_and(|from| from.ids.is_none())
    }

    /// The node that was asked has said what that moment is, if it has: asked again, the command means the same.
    pub(crate) fn note_since(&mut self, said: Option<&[u8]>, args: Args<'_>) {
        if let Some(from) = self.from_now_on.as_mut().filter(|from| from.ids.is_none()) {
            let ids = said.and_then(read_ids);
            from.ids = ids.filter(|ids| from.first_id + ids.len() == args.len());
            // One that does not know the order has begun with the command all the same.
            from.is_asked &= said.is_none();
        }
    }

    /// It goes to a node that is not asked.
    pub(crate) fn ask_nobody(&mut self) {
        if let Some(from) = &mut self.from_now_on {
            from.is_asked = false;
        }
    }

    /// Appends the order by which a node says what that moment is.
    pub(crate) fn encode_since(&mut self, args: Args<'_>, out: &mut Vec<u8>) {
        if let Some(from) = &mut self.from_now_on {
            from.is_asked = true;
        }
        let words: Vec<&[u8]> = [&b"NODE"[..], b"SINCE"]
            .into_iter()
            .chain(args.iter_from(0))
            .collect();
        encode_request(out, words);
    }

    /// Whether the client's own words say how long it has to wait from now on, and for what.
    pub(crate) fn is_as_written(&self, now_ms: u64) -> bool {
        self.ids().is_none() && self.is_time_as_written(now_ms)
    }

    fn is_time_as_written(&self, now_ms: u64) -> bool {
        self.until_ms.is_none() || now_ms == self.began_ms
    }

    /// What the identifiers are, when that is known, and the argument that is the first of them.
    fn ids(&self) -> Option<(usize, &[Vec<u8>])> {
        let from = self.from_now_on.as_ref()?;
        Some((from.first_id, from.ids.as_deref()?))
    }

    /// Appends it with the time that is left, and with what `$` was, where that is known.
    pub(crate) fn encode(&self, args: Args<'_>, now_ms: u64, out: &mut Vec<u8>) {
        let left_ms = self.left_ms(now_ms);
        let left = match self.timeout {
            Some((_, TimeUnit::Seconds)) => format!("{}.{:03}", left_ms / 1_000, left_ms % 1_000),
            _ => left_ms.to_string(),
        };
        let replaced = self.timeout.filter(|_| !self.is_time_as_written(now_ms));
        let id_at = |at: usize| {
            let (first, ids) = self.ids()?;
            Some(ids.get(at.checked_sub(first)?)?.as_slice())
        };
        let words: Vec<&[u8]> = (0..args.len())
            .map(|at| match replaced {
                Some((place, _)) if place == at => left.as_bytes(),
                _ => id_at(at).unwrap_or_else(|| args.at(at)),
            })
            .collect();
        encode_request(out, words);
    }
}

/// The identifiers that a node has said; `None` where it has said something else.
fn read_ids(said: &[u8]) -> Option<Vec<Vec<u8>>> {
    let said = decode_scanned(said).ok()?;
    let ids = said.as_elements()?.iter();
    ids.map(|id| id.as_bytes().map(<[u8]>::to_vec)).collect()
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
        let (words, blocking) = again_behind(line, after_ms, None);
        (words, blocking.is_over(1_000 + after_ms))
    }

    fn again_behind(line: &str, after_ms: u64, said: Option<&[u8]>) -> (String, Blocking) {
        let mut at = 0;
        let ranges: Vec<ArgRange> = line
            .split(' ')
            .map(|word| {
                at += word.len() + 1;
                ArgRange::new(at - word.len() - 1, word.len())
            })
            .collect();
        let args = Args::new(line.as_bytes(), &ranges);
        let mut blocking = Blocking::new(command::resolve(args).unwrap(), args, 1_000);
        blocking.encode_since(args, &mut Vec::new());
        if said.is_some() {
            blocking.note_since(said, args);
        }
        let mut out = Vec::new();
        blocking.encode(args, 1_000 + after_ms, &mut out);
        let text = String::from_utf8(out).unwrap();
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        (words.join(" "), blocking)
    }

    #[test]
    fn what_is_asked_again_means_what_it_meant_when_it_began() {
        let check = |line: &str, said: &[u8], expected: &str, is_repeatable: bool| {
            let (words, blocking) = again_behind(line, 100, Some(said));
            assert_eq!(words, expected, "{line}");
            assert_eq!(blocking.is_repeatable(), is_repeatable, "{line}");
            assert!(!blocking.is_repeatable() || !blocking.is_from_unknown());
        };
        let line = "XREAD BLOCK 300 STREAMS a b $ 7";
        check(
            line,
            b"*2\r\n$3\r\n5-1\r\n$1\r\n7\r\n",
            "XREAD BLOCK 200 STREAMS a b 5-1 7",
            true,
        );
        for said in [
            &b"*1\r\n$3\r\n5-1\r\n"[..],
            b"*2\r\n$-1\r\n$1\r\n7\r\n",
            b"-STALEEPOCH 1 2\r\n",
            b"-ERR unknown subcommand 'since'\r\n",
            b"",
        ] {
            check(line, said, "XREAD BLOCK 200 STREAMS a b $ 7", false);
        }
        // It has said nothing: the command has begun nowhere that anybody knows of.
        let (_, lost) = again_behind(line, 100, None);
        assert!(lost.is_repeatable() && lost.is_from_unknown());
        let named = "XREAD BLOCK 0 STREAMS $ 7";
        check(named, b"*1\r\n$1\r\n9\r\n", named, true);
        let pops = "BLPOP $ 0";
        check(pops, b"*1\r\n$1\r\n9\r\n", pops, false);
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
