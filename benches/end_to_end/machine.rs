//! The machine: what it is, and what a process uses of it. Reads `/proc`; changes nothing.

use std::fs;
use std::path::Path;

use crate::support::thread_times::{ThreadTimes, read_times, thread_times};

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

/// The times of the thread that asks.
pub(crate) fn own_times() -> ThreadTimes {
    read_times(0, Path::new("/proc/thread-self/schedstat")).unwrap_or_default()
}
