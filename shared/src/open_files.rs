//! How many files the process may have open: its limit, raised as far as it may, and room for as many in its table.
//! Reaches: the limit and the table of this process. Never: keeps a file open, says anything.

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::close;
use std::fs::File;
use std::os::fd::RawFd;

/// Raises the limit towards `wanted` and makes room in the table; gives the limit there is now, `None` where it cannot be read.
#[must_use]
pub fn make_room(wanted: u64) -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let possible = wanted.min(hard);
    let is_raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, possible, hard).is_ok();
    let limit = if is_raised { possible } else { soft };
    grow_table(limit.min(wanted));
    Some(limit)
}

/// Makes the table of descriptors as large as it will be with so many files.
///
/// It doubles when it is full, and in a process of several threads the kernel then lets the one that opened a file sleep until all cores have passed a quiet
/// moment (`expand_fdtable`): 10 to 20 ms, again and again while a crowd of clients comes in.
fn grow_table(files: u64) {
    let last = files
        .checked_sub(1)
        .and_then(|last| RawFd::try_from(last).ok());
    // A copy under the last number, closed at once. Where that cannot be, the table grows when it must.
    if let Some(last) = last
        && let Ok(file) = File::open("/dev/null")
        && let Ok(copy) = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(last))
    {
        close(copy).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::make_room;
    use std::fs;

    /// Descriptors for which the kernel has room in its table of this process.
    fn table() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        line.unwrap().trim().parse().unwrap()
    }

    #[test]
    fn there_is_room_for_what_the_limit_allows() {
        let limit = make_room(3_000).unwrap();
        assert!(
            table() >= limit.min(3_000),
            "limit {limit}, room {}",
            table()
        );
        let last = format!("/proc/self/fd/{}", limit.min(3_000) - 1);
        assert!(fs::symlink_metadata(last).is_err(), "none is left open");
        assert_eq!(make_room(3_000), Some(limit));
    }
}
