//! What the system knows of this process: processor time, the machine's memory and name.
//! Reads `/proc`; where there is none, everything is 0. Never: called more often than once a second.

use crate::stats::ProcessorTime;
use std::fs;

/// Of a tick of the system's clock, as Linux has them on the machines we run on.
const MS_PER_TICK: u64 = 10;

/// Processor time of the process and of this thread.
pub(crate) fn time() -> ProcessorTime {
    let (user_ms, system_ms) = times("/proc/self/stat");
    let (own_user_ms, own_system_ms) = times("/proc/thread-self/stat");
    ProcessorTime {
        user_ms,
        system_ms,
        own_user_ms,
        own_system_ms,
    }
}

fn times(path: &str) -> (u64, u64) {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The name, in brackets, may hold anything; behind it stand the state, then numbers: the times are the 12th and 13th.
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let mut words = behind_name.split_ascii_whitespace().skip(11);
    let mut next_ms = || {
        let ticks = words.next().and_then(|word| word.parse().ok());
        ticks.unwrap_or(0_u64) * MS_PER_TICK
    };
    (next_ms(), next_ms())
}

/// Memory of the machine, bytes.
pub(crate) fn system_memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_ascii_whitespace().next());
    kilobytes
        .and_then(|word| word.parse::<u64>().ok())
        .unwrap_or(0)
        * 1_024
}

/// Name and release of the system, and of the processor.
pub(crate) fn system_name() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {} {}", release.trim(), std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::{system_memory_bytes, time};
    use pages::resident_bytes;

    #[test]
    fn a_running_process_has_memory_on_a_larger_machine() {
        assert!(resident_bytes() > 0);
        assert!(system_memory_bytes() > resident_bytes());
        let now = time();
        assert!(now.user_ms + now.system_ms >= now.own_user_ms.saturating_sub(100));
    }
}
