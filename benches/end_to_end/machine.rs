//! The machine: what it is, and what a process uses of it. Reads `/proc`; changes nothing.

use std::fs;

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
    pids.iter().map(|pid| of_one(*pid)).sum()
}

/// Nanoseconds of CPU time of each thread of these processes, by its number.
pub(crate) fn cpu_nanoseconds_by_thread(pids: &[u32]) -> Vec<(u32, u64)> {
    let tasks = |pid: &u32| fs::read_dir(format!("/proc/{pid}/task")).ok();
    let time = |task: fs::DirEntry| {
        let number = task.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((number, text.split_whitespace().next()?.parse().ok()?))
    };
    pids.iter()
        .filter_map(tasks)
        .flatten()
        .filter_map(|task| time(task.ok()?))
        .collect()
}

fn of_one(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}
