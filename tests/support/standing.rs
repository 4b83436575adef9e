//! Whether a process that was told to stop stands. Reads `/proc`; changes nothing.

use std::fs;

/// Whether all threads of a process stand; a process that is gone stands too.
pub(crate) fn stands(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        // `pid (name) state …`, and a name may hold anything.
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next();
        state.is_none_or(|state| state.is_empty() || state.starts_with('T'))
    })
}
