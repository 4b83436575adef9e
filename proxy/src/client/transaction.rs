//! Commands that a client has queued behind MULTI, in the form in which a node is given them.
//! Pure. Never: decides whether a command may be queued ([`crate::route::transaction`] does). Invariant: the body is as many whole arguments as there are commands,
//! each a request of its own.

use shared::command::Retry;
use shared::resp::{
    Args, RequestBatch, RequestLimits, RequestScanner, encode_bulk, encode_request,
    encode_request_head, parse_integer,
};
use shared::slot::SlotId;

use super::NamedWatch;
use crate::pipe::Pledge;
use crate::pipe::policies::Choice;
use crate::route::transaction::Concerns;

/// Before the number of a request's arguments: its name, and what is wanted.
const HEAD: &[u8] = b"$4\r\nNODE\r\n$4\r\nEXEC\r\n";

/// Arguments before the commands.
const HEAD_ARGS: usize = 2;

/// More of them where something is watched.
const WATCH_ARGS: usize = 3;

/// As much of a key of another slot is kept: it is only named.
const LONGEST_STRAY: usize = 256;

/// A client's queue.
#[derive(Debug)]
pub(crate) struct Transaction {
    body: Vec<u8>,
    commands: usize,
    /// The slot of all keys so far, and the first of them.
    slot: Option<(SlotId, Box<[u8]>)>,
    /// A key of another slot, where one shard has them all.
    pub(crate) stray: Option<Box<[u8]>>,
    /// A command could not be queued: EXEC will run none.
    pub(crate) is_spoiled: bool,
    /// Whether all commands may be sent twice.
    pub(crate) retry: Retry,
    /// Whether one of them may change a key.
    pub(crate) may_write: bool,
    /// What the primary owes for the keys so far.
    pub(crate) pledge: Option<Pledge>,
    /// By which users its commands were allowed.
    pub(crate) login_version: u64,
    /// Their other commands go by several ways.
    pub(crate) is_of_several_pledges: bool,
}

impl Transaction {
    /// Nothing is queued yet; what will be is kept in this buffer, which is empty.
    pub(crate) fn new(body: Vec<u8>, login_version: u64) -> Self {
        Self {
            body,
            commands: 0,
            slot: None,
            stray: None,
            is_spoiled: false,
            retry: Retry::Safe,
            may_write: false,
            pledge: None,
            login_version,
            is_of_several_pledges: false,
        }
    }

    /// It is over: its buffer, for somebody else.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.body
    }

    /// The slot of all its keys, and the first of them; `None` as long as there is no key.
    pub(crate) fn slot(&self) -> Option<(SlotId, &[u8])> {
        let (slot, key) = self.slot.as_ref()?;
        Some((*slot, key))
    }

    /// A command joins the others; it lies in `frame` as the client wrote it, unless that is to be written anew.
    pub(crate) fn push(&mut self, args: Args<'_>, frame: Option<&[u8]>, concerns: Concerns<'_>) {
        if self.slot.is_none() {
            self.slot = concerns.slot.map(|(slot, key)| (slot, key.into()));
        }
        if self.stray.is_none() {
            let stray = concerns.stray;
            self.stray = stray.map(|key| key[..key.len().min(LONGEST_STRAY)].into());
        }
        if concerns.retry == Retry::Never {
            self.retry = Retry::Never;
        }
        self.may_write |= concerns.may_write;
        self.commands += 1;
        let mut encoded = Vec::new();
        let frame = frame.unwrap_or_else(|| {
            encode_request(&mut encoded, args.iter_from(0));
            &encoded
        });
        encode_bulk(&mut self.body, frame);
    }

    /// The policies of a command's keys say this.
    pub(crate) fn follow(&mut self, choice: Choice) {
        let pledge = choice.role.pledge();
        self.is_of_several_pledges |=
            choice.is_mixed || self.pledge.is_some_and(|before| before != pledge);
        self.pledge = self.pledge.max(Some(pledge));
    }

    /// How many commands there are.
    pub(crate) fn len(&self) -> usize {
        self.commands
    }

    /// Shows the arguments of each command, until one is refused.
    pub(crate) fn each<E>(&self, mut show: impl FnMut(Args<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut rest = &self.body[..];
        let mut batch = RequestBatch::default();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let digits = rest.get(1..end - 1).unwrap_or_default();
            let length = parse_integer(digits).and_then(|length| usize::try_from(length).ok());
            let Some(frame) = length.and_then(|length| rest.get(end + 1..end + 1 + length)) else {
                break;
            };
            rest = rest.get(end + 1 + frame.len() + 2..).unwrap_or_default();
            let mut frame = frame.to_vec();
            batch.clear();
            let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
            if scanner.scan(&mut frame, &mut batch, 1).is_ok() {
                for request in batch.requests() {
                    show(batch.args(&frame, request))?;
                }
            }
        }
        Ok(())
    }

    /// Bytes taken by the commands.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.body.capacity()
    }

    /// Bytes of the request that a node is sent.
    pub(crate) fn request_bytes(&self) -> usize {
        let digits = (self.commands + HEAD_ARGS).ilog10() as usize + 1;
        b"*\r\n".len() + digits + HEAD.len() + self.body.len()
    }

    /// Appends MULTI, the commands as they were said, and EXEC.
    pub(crate) fn encode_in_words(&self, out: &mut Vec<u8>) {
        encode_request(out, ["MULTI"]);
        let mut rest = &self.body[..];
        // Each stands behind its length, as it was pushed.
        while let Some((header, behind)) = split_line(rest) {
            let length = std::str::from_utf8(&header[1..]).ok();
            let Some(length) = length.and_then(|length| length.parse::<usize>().ok()) else {
                break;
            };
            out.extend_from_slice(&behind[..length]);
            rest = &behind[length + 2..];
        }
        encode_request(out, ["EXEC"]);
    }

    /// Appends that request, for a client that watches this.
    pub(crate) fn encode(&self, watch: Option<NamedWatch>, out: &mut Vec<u8>) {
        let watch_args = watch.map_or(0, |_| WATCH_ARGS);
        encode_request_head(out, self.commands + HEAD_ARGS + watch_args);
        out.extend_from_slice(HEAD);
        if let Some(watch) = watch {
            encode_bulk(out, b"WATCHED");
            for word in watch.words() {
                encode_bulk(out, word.as_bytes());
            }
        }
        out.extend_from_slice(&self.body);
    }
}

/// The first line, and what stands behind it.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\r')?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::ArgRange;

    fn concerns(retry: Retry) -> Concerns<'static> {
        Concerns {
            slot: Some((SlotId::of_key(b"k"), b"k")),
            stray: None,
            retry,
            may_write: retry == Retry::Never,
        }
    }

    #[test]
    fn the_strictest_policy_of_its_keys_holds_for_all() {
        use crate::pipe::Role;
        let mut queue = Transaction::new(Vec::new(), 0);
        let mut follow = |role, is_mixed| {
            queue.follow(Choice { role, is_mixed });
            (queue.pledge, queue.is_of_several_pledges)
        };
        let (loose, strict) = (Pledge::Async, Pledge::InSync);
        assert_eq!(follow(Role::Follower(loose), false), (Some(loose), false));
        assert_eq!(follow(Role::Primary(strict), false), (Some(strict), true));
        assert_eq!(follow(Role::Primary(loose), false), (Some(strict), true));
        let mut queue = Transaction::new(Vec::new(), 0);
        queue.follow(Choice {
            role: Role::Primary(strict),
            is_mixed: true,
        });
        assert!(queue.is_of_several_pledges);
    }

    #[test]
    fn a_node_gets_one_request_of_which_each_argument_is_one() {
        let bytes = b"GETk";
        let ranges = [ArgRange::new(0, 3), ArgRange::new(3, 1)];
        let args = Args::new(bytes, &ranges);
        let mut queue = Transaction::new(Vec::new(), 0);
        queue.push(args, None, concerns(Retry::Safe));
        assert_eq!((queue.retry, queue.may_write), (Retry::Safe, false));
        queue.push(
            args,
            Some(b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n"),
            concerns(Retry::Never),
        );
        queue.push(args, None, concerns(Retry::Safe));
        assert_eq!((queue.retry, queue.may_write), (Retry::Never, true));
        let mut out = Vec::new();
        queue.encode(None, &mut out);
        let inner = |name: &str| format!("$20\r\n*2\r\n$3\r\n{name}\r\n$1\r\nk\r\n\r\n");
        let expected = format!(
            "*5\r\n$4\r\nNODE\r\n$4\r\nEXEC\r\n{}{}{}",
            inner("GET"),
            inner("get"),
            inner("GET")
        );
        assert_eq!(out, expected.as_bytes());
        assert_eq!(queue.request_bytes(), out.len());
        out.clear();
        queue.encode_in_words(&mut out);
        let said = String::from_utf8(std::mem::take(&mut out)).unwrap();
        let inner = |name: &str| format!("*2\r\n$3\r\n{name}\r\n$1\r\nk\r\n");
        let inner = [inner("GET"), inner("get"), inner("GET")].concat();
        assert_eq!(
            said,
            format!("*1\r\n$5\r\nMULTI\r\n{inner}*1\r\n$4\r\nEXEC\r\n")
        );
        assert_eq!(
            (queue.len(), queue.slot()),
            (3, Some((SlotId::of_key(b"k"), &b"k"[..])))
        );
    }
}
