//! What the scheduler has granted to the threads of other processes. Reads `/proc`; changes nothing.

use std::fs;
use std::path::Path;

/// What the scheduler has granted to a thread since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ThreadTimes {
    /// Its number.
    pub(crate) thread: u32,
    /// Nanoseconds of CPU time, user and system.
    pub(crate) used_ns: u64,
    /// Nanoseconds for which it could have run, but others did.
    pub(crate) queued_ns: u64,
}

/// The times of each thread of these processes.
pub(crate) fn thread_times(pids: &[u32]) -> Vec<ThreadTimes> {
    let tasks = |pid: &u32| fs::read_dir(format!("/proc/{pid}/task")).ok();
    let times = |task: fs::DirEntry| {
        let number = task.file_name().to_str()?.parse().ok()?;
        read_times(number, &task.path().join("schedstat"))
    };
    pids.iter()
        .filter_map(tasks)
        .flatten()
        .filter_map(|task| times(task.ok()?))
        .collect()
}

/// What the thread has got since that used most of it.
pub(crate) fn busiest(before: &[ThreadTimes], after: &[ThreadTimes]) -> ThreadTimes {
    let since = |now: &ThreadTimes| {
        let known = before.iter().find(|known| known.thread == now.thread);
        let known = known.copied().unwrap_or_default();
        ThreadTimes {
            thread: now.thread,
            used_ns: now.used_ns - known.used_ns,
            queued_ns: now.queued_ns - known.queued_ns,
        }
    };
    let all = after.iter().map(since);
    all.max_by_key(|times| times.used_ns).unwrap_or_default()
}

/// The times in a file of the kernel's.
pub(crate) fn read_times(thread: u32, schedstat: &Path) -> Option<ThreadTimes> {
    let text = fs::read_to_string(schedstat).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(ThreadTimes {
        thread,
        used_ns: numbers.next()?.ok()?,
        queued_ns: numbers.next()?.ok()?,
    })
}
