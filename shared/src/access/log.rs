//! ACL LOG: what was refused to whom, newest first.
//! Pure: time is passed in. Bounds: `acllog-max-len` entries, and of each name [`KEPT_BYTES`].

use std::collections::VecDeque;

use super::decide::Denied;
use crate::resp::{Args, ReplyWriter};

/// Within this time the same refusal is counted, not written down again.
const GROUPED_MS: u64 = 60_000;

/// Among so many of the newest entries it is looked for.
const LOOKED_AT: usize = 10;

/// Bytes that are kept of a key, a channel, the name of a user. Ours: Redis keeps all.
const KEPT_BYTES: usize = 1_024;

/// Where something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A client's request of its own.
    TopLevel,
    /// A command of a transaction.
    Multi,
    /// A command of a script.
    Lua,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user may not run the command.
    Command,
    /// It may not use a key.
    Key,
    /// It may not use a channel.
    Channel,
    /// Name and password are not those of a user who may log in.
    Auth,
}

/// Something that was refused.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub context: Context,
    /// The command, key or channel.
    pub object: &'a [u8],
    /// To whom.
    pub user: &'a [u8],
    /// The client, as CLIENT LIST has it, without a line end.
    pub client: String,
}

impl Denied {
    /// Why, and what it is: of a command called `name`, with these arguments.
    #[must_use]
    pub fn object<'a>(self, name: &'static str, args: Args<'a>) -> (Reason, &'a [u8]) {
        match self {
            Self::Key(at) => (Reason::Key, args.get(at).unwrap_or_default()),
            Self::Channel(at) => (Reason::Channel, args.get(at).unwrap_or_default()),
            Self::Command | Self::TooMany => (Reason::Command, name.as_bytes()),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    count: u64,
    reason: Reason,
    context: Context,
    object: Box<[u8]>,
    user: Box<[u8]>,
    client: String,
    created_ms: u64,
    updated_ms: u64,
}

/// All that is remembered.
#[derive(Clone, Debug, Default)]
pub struct AccessLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl AccessLog {
    /// Something was refused now, Unix milliseconds; `most` entries are kept.
    pub fn add(&mut self, refusal: Refusal<'_>, now_ms: u64, most: usize) {
        let kept = |bytes: &[u8]| bytes.get(..KEPT_BYTES).unwrap_or(bytes).into();
        let (object, user): (Box<[u8]>, Box<[u8]>) = (kept(refusal.object), kept(refusal.user));
        let is_same = |entry: &Entry| {
            entry.reason == refusal.reason
                && entry.context == refusal.context
                && now_ms.abs_diff(entry.updated_ms) <= GROUPED_MS
                && entry.object == object
                && entry.user == user
        };
        let found = self.entries.iter().take(LOOKED_AT).position(is_same);
        let known = found.and_then(|at| self.entries.remove(at));
        let entry = match known {
            Some(entry) => Entry {
                count: entry.count + 1,
                client: refusal.client,
                updated_ms: now_ms,
                ..entry
            },
            None => {
                self.next_id += 1;
                Entry {
                    id: self.next_id - 1,
                    count: 1,
                    reason: refusal.reason,
                    context: refusal.context,
                    object,
                    user,
                    client: refusal.client,
                    created_ms: now_ms,
                    updated_ms: now_ms,
                }
            }
        };
        self.entries.push_front(entry);
        self.entries.truncate(most);
    }

    /// Forgets all; numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Writes the newest entries, as they are now.
    pub(super) fn write(&self, count: usize, now_ms: u64, reply: &mut ReplyWriter<'_>) {
        let count = count.min(self.entries.len());
        reply.array(count);
        for entry in self.entries.iter().take(count) {
            entry.write(now_ms, reply);
        }
    }
}

impl Entry {
    fn write(&self, now_ms: u64, reply: &mut ReplyWriter<'_>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let reason: &[u8] = match self.reason {
            Reason::Command => b"command",
            Reason::Key => b"key",
            Reason::Channel => b"channel",
            Reason::Auth => b"auth",
        };
        let context: &[u8] = match self.context {
            Context::TopLevel => b"toplevel",
            Context::Multi => b"multi",
            Context::Lua => b"lua",
        };
        reply.map(10);
        reply.bulk(b"count");
        reply.integer(number(self.count));
        for (name, value) in [
            (&b"reason"[..], reason),
            (b"context", context),
            (b"object", &self.object),
            (b"username", &self.user),
        ] {
            reply.bulk(name);
            reply.bulk(value);
        }
        reply.bulk(b"age-seconds");
        let age_ms = now_ms.saturating_sub(self.updated_ms);
        #[expect(clippy::cast_precision_loss, reason = "an age, in seconds")]
        reply.double(age_ms as f64 / 1_000.0);
        reply.bulk(b"client-info");
        reply.bulk(self.client.as_bytes());
        for (name, value) in [
            ("entry-id", self.id),
            ("timestamp-created", self.created_ms),
            ("timestamp-last-updated", self.updated_ms),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(number(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(log: &mut AccessLog, object: &[u8], now_ms: u64, most: usize) {
        let refusal = Refusal {
            reason: Reason::Key,
            context: Context::TopLevel,
            object,
            user: b"u",
            client: "id=1".to_owned(),
        };
        log.add(refusal, now_ms, most);
    }

    fn shown(log: &AccessLog) -> Vec<(u64, u64, usize)> {
        let entries = log.entries.iter();
        entries
            .map(|entry| (entry.id, entry.count, entry.object.len()))
            .collect()
    }

    #[test]
    fn the_same_is_counted_for_a_minute_and_the_newest_is_first() {
        let mut log = AccessLog::default();
        for (object, now_ms) in [(&b"a"[..], 0), (b"bb", 1), (b"a", 60_000)] {
            add(&mut log, object, now_ms, 8);
        }
        assert_eq!(shown(&log), [(0, 2, 1), (1, 1, 2)]);
        add(&mut log, b"a", 120_001, 2);
        assert_eq!(shown(&log), [(2, 1, 1), (0, 2, 1)]);
        add(&mut log, &[b'x'; 5_000], 120_001, 0);
        assert!(shown(&log).is_empty());
        add(&mut log, &[b'x'; 5_000], 120_001, 1);
        assert_eq!(shown(&log), [(4, 1, KEPT_BYTES)]);
        log.clear();
        add(&mut log, b"a", 120_001, 1);
        assert_eq!(shown(&log), [(5, 1, 1)]);
    }
}
