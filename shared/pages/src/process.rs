//! What the system knows of this process: its memory and its files.
//! Reads `/proc`; where there is none, everything is 0. Never: for the thread that serves clients to ask at every turn.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};

/// Bytes of a page, as Linux has them on the machines we run on.
const PAGE_BYTES: u64 = 4_096;

/// Resident bytes of the process.
#[must_use]
pub fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    pages.unwrap_or(0_u64) * PAGE_BYTES
}

/// Files that the process has open, sockets among them: one look at each.
#[must_use]
pub fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// How many it may have open.
#[must_use]
pub fn most_open_files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}

#[cfg(test)]
mod tests {
    use super::{most_open_files, open_files, resident_bytes};

    #[test]
    fn a_running_process_has_memory_and_files() {
        assert!(resident_bytes() > 100_000);
        let (open, most) = (open_files(), most_open_files());
        assert!(open >= 3 && open <= most, "{open} of {most}");
    }
}
