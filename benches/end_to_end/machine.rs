//! The machine: what it is, and what a process uses of it. Reads `/proc`; changes nothing.

use std::fs;
use std::path::Path;

/// CPU on which servers run.
pub(crate) const SERVER_CPU: &str = "0";

/// CPU on which load is made.
pub(crate) const LOAD_CPU: &str = "1";

/// Model, cores, memory and kernel in a line.
pub(crate) fn description() -> String {
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line
            .and_then(|line| line.split(':').nth(1))
            .unwrap_or("unknown");
        value.trim().to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    format!("{model}, {cores} CPUs, {memory}, Linux {}", kernel.trim())
}

/// Nanoseconds of CPU time, user and system, that all threads of these processes have used.
pub(crate) fn cpu_nanoseconds(pids: &[u32]) -> u64 {
    thread_times(pids).iter().map(|times| times.used_ns).sum()
}

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

/// The times of the thread that asks.
pub(crate) fn own_times() -> ThreadTimes {
    read_times(0, Path::new("/proc/thread-self/schedstat")).unwrap_or_default()
}

fn read_times(thread: u32, schedstat: &Path) -> Option<ThreadTimes> {
    let text = fs::read_to_string(schedstat).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(ThreadTimes {
        thread,
        used_ns: numbers.next()?.ok()?,
        queued_ns: numbers.next()?.ok()?,
    })
}
