//! The slow log: the latest commands that took long (Redis' SLOWLOG page).
//! Pure. Bounded by `slowlog-max-len`, and each entry by the constants below.

use std::collections::VecDeque;

/// Most arguments kept of a command; the last place tells how many more there were.
const ENTRY_ARGS: usize = 32;
/// Most bytes kept of an argument.
const ENTRY_ARG_BYTES: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowlogEntry {
    /// Unique until the node stops.
    pub id: u64,
    /// Unix seconds.
    pub at_seconds: u64,
    /// How long it ran.
    pub duration_us: u64,
    /// The command, shortened.
    pub args: Vec<Vec<u8>>,
    /// `ip:port` of the client.
    pub client_address: String,
    /// The client's name, shortened.
    pub client_name: Vec<u8>,
}

impl SlowlogEntry {
    /// A command that began at `at_seconds` and took `duration_us`, its arguments (those in `secret`, bit by index, are not shown), and its client's
    /// address and name.
    pub fn new<'a>(
        (at_seconds, duration_us): (u64, u64),
        (args, secret): (impl ExactSizeIterator<Item = &'a [u8]>, u64),
        (client_address, client_name): (&str, &[u8]),
    ) -> Self {
        Self {
            id: 0,
            at_seconds,
            duration_us,
            args: shortened(args, secret),
            client_address: client_address.to_owned(),
            client_name: shortened_arg(client_name),
        }
    }
}

/// The latest slow commands, newest first.
#[derive(Debug, Default)]
pub struct Slowlog {
    entries: VecDeque<SlowlogEntry>,
    next_id: u64,
}

impl Slowlog {
    /// Adds an entry (its `id` is given here) and drops the oldest beyond `max_len`.
    pub fn push(&mut self, mut entry: SlowlogEntry, max_len: usize) {
        entry.id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(entry);
        self.trim(max_len);
    }

    /// Drops the oldest beyond `max_len`.
    pub fn trim(&mut self, max_len: usize) {
        self.entries.truncate(max_len);
    }

    /// The entries, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SlowlogEntry> {
        self.entries.iter()
    }

    /// Forgets all entries; numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// The arguments of a command as the log keeps them; those in `secret` (bit by index) are not shown.
fn shortened<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>, secret: u64) -> Vec<Vec<u8>> {
    let total = args.len();
    let shown = if total > ENTRY_ARGS {
        ENTRY_ARGS - 1
    } else {
        total
    };
    let mut kept: Vec<Vec<u8>> = args
        .take(shown)
        .enumerate()
        .map(|(index, arg)| {
            if index < 64 && secret >> index & 1 == 1 {
                b"(redacted)".to_vec()
            } else {
                shortened_arg(arg)
            }
        })
        .collect();
    if total > shown {
        kept.push(format!("... ({} more arguments)", total - shown).into_bytes());
    }
    kept
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    let mut kept = arg[..arg.len().min(ENTRY_ARG_BYTES)].to_vec();
    if arg.len() > ENTRY_ARG_BYTES {
        kept.extend_from_slice(
            format!("... ({} more bytes)", arg.len() - ENTRY_ARG_BYTES).as_bytes(),
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{Slowlog, SlowlogEntry, shortened};

    fn entry() -> SlowlogEntry {
        SlowlogEntry::new((0, 1), (std::iter::empty(), 0), ("", &[b'n'; 200]))
    }

    #[test]
    fn the_log_keeps_the_newest_and_numbers_go_on() {
        let mut log = Slowlog::default();
        for _ in 0..5 {
            log.push(entry(), 2);
        }
        assert_eq!(log.iter().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3]);
        log.clear();
        log.push(entry(), 2);
        assert_eq!(log.iter().map(|entry| entry.id).collect::<Vec<_>>(), [5]);
        let names = log.iter().map(|entry| &entry.client_name);
        assert!(
            names
                .into_iter()
                .all(|name| name.ends_with(b"... (72 more bytes)"))
        );
    }

    #[test]
    fn long_commands_and_arguments_are_shortened_and_secrets_hidden() {
        let long = [b'x'; 200];
        let args: Vec<&[u8]> = std::iter::repeat_n(&long[..], 40).collect();
        let kept = shortened(args.into_iter(), 0b10);
        assert_eq!(kept.len(), 32);
        assert!(kept[0].ends_with(b"... (72 more bytes)"));
        assert_eq!(kept[1], b"(redacted)");
        assert_eq!(kept[31], b"... (9 more arguments)");
    }
}
