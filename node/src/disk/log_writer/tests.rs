//! The thread that writes the log, over disks that break.

use super::{Begin, Commit, Listing, LogWriter, Switch, Syncing};
use crate::disk::testing::BreakingDisk;
use crate::disk::{Disk, SystemDisk};
use crate::log::Manifest;
use shared::clock::Clock;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

fn begin(disk: &Arc<dyn Disk>, folder: &Path) -> LogWriter {
    let path = folder.join("a.1.incr.aof");
    fs::write(&path, "").expect("written");
    let text = "file a.1.incr.aof seq 1 type i startoffset 0\n";
    fs::write(folder.join("a.manifest"), text).expect("written");
    let begin = Begin {
        file: Some((SystemDisk.reopen(&path, 0).expect("there"), 0)),
        offset: 0,
        sync: Syncing::Always,
    };
    let progress = Arc::new(Notify::new());
    LogWriter::start(disk.clone(), Clock::system(), begin, progress).expect("a thread")
}

fn listing(folder: &Path, text: &str) -> Listing {
    Listing {
        path: folder.join("a.manifest"),
        text: text.to_owned(),
    }
}

/// What a start would find: the log's bytes from where its base ends.
fn found(folder: &Path) -> (u64, Vec<u8>) {
    let text = fs::read_to_string(folder.join("a.manifest")).expect("a manifest");
    let manifest = Manifest::read(&text).expect("a manifest");
    let names = manifest.increments.iter().map(|part| part.name.clone());
    let parts = names.map(|name| fs::read(folder.join(name)).expect("it is named"));
    let start = manifest.increments[0].start.expect("it says so");
    (start, parts.collect::<Vec<_>>().concat())
}

#[test]
fn whenever_the_machine_stops_what_was_safe_is_there() {
    let mut finished = 0;
    for things in 0..60 {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let disk = BreakingDisk::after(things);
        let shared: Arc<dyn Disk> = Arc::new(disk);
        let writer = begin(&shared, folder);
        let mut given = Vec::new();
        let mut give = |count: u8| {
            for _ in 0..count {
                let number = u8::try_from(given.len() % 251).expect("small");
                let bytes = vec![number; 300];
                given.extend_from_slice(&bytes);
                writer.append(bytes.into());
                // So that there are many writes and not one.
                while writer.standing().queued_bytes > 0 && writer.standing().failure.is_none() {
                    std::thread::yield_now();
                }
            }
            given.len() as u64
        };
        let middle = give(5);
        let two = format!(
            "file a.1.incr.aof seq 1 type i startoffset 0\nfile a.2.incr.aof seq 2 type i startoffset {middle}\n"
        );
        writer.switch(Switch {
            path: folder.join("a.2.incr.aof"),
            listing: Some(listing(folder, &two)),
            preamble: Vec::new(),
        });
        give(5);
        let one = format!("file a.2.incr.aof seq 2 type i startoffset {middle}\n");
        writer.commit(Commit {
            listing: listing(folder, &one),
            remove: vec![folder.join("a.1.incr.aof")],
        });
        give(3);
        let (safe, _) = writer.safe();
        let commits = writer.standing().commits;
        writer.finish();
        let (start, bytes) = found(folder);
        let start = usize::try_from(start).expect("small");
        assert!(start as u64 + bytes.len() as u64 >= safe, "{things}");
        assert!(given[start..].starts_with(&bytes[..bytes.len().min(given.len() - start)]));
        finished += commits;
    }
    assert!(finished > 0);
}

#[test]
fn a_disk_that_works_again_has_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let disk = BreakingDisk::after(u64::MAX);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let writer = begin(&shared, folder);
    writer.switch(Switch {
        path: folder.join("a.2.incr.aof"),
        listing: Some(listing(
            folder,
            "file a.1.incr.aof seq 1 type i startoffset 0\nfile a.2.incr.aof seq 2 type i startoffset 0\n",
        )),
        preamble: Vec::new(),
    });
    writer.append(vec![1; 10].into());
    wait(|| writer.safe().0 == 10);
    disk.break_after(0);
    writer.append(vec![2; 10].into());
    wait(|| writer.standing().failure.is_some());
    assert_eq!(writer.safe().0, 10, "what is not on disk is not said to be");
    disk.mend();
    // It cannot be cut back by a disk that does nothing, so a rewrite is needed.
    wait(|| writer.standing().is_broken);
    writer.switch(Switch {
        path: folder.join("a.3.incr.aof"),
        listing: None,
        preamble: Vec::new(),
    });
    writer.append(vec![3; 10].into());
    let text = "file a.3.incr.aof seq 3 type i startoffset 20\n";
    writer.commit(Commit {
        listing: listing(folder, text),
        remove: Vec::new(),
    });
    wait(|| writer.safe() == (30, true));
    assert_eq!(found(folder), (20, vec![3; 10]));
    writer.finish();
}

#[test]
fn a_full_disk_is_written_on_where_it_was_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let disk = BreakingDisk::after(u64::MAX);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let writer = begin(&shared, folder);
    let text = "file a.2.incr.aof seq 2 type i startoffset 0\n";
    writer.switch(Switch {
        path: folder.join("a.2.incr.aof"),
        listing: Some(listing(folder, text)),
        preamble: Vec::new(),
    });
    writer.append(vec![1; 10].into());
    wait(|| writer.safe() == (10, true));
    disk.fill(true);
    writer.append(vec![2; 10].into());
    wait(|| writer.standing().failure.is_some());
    writer.append(vec![3; 10].into());
    assert_eq!(writer.safe(), (10, false));
    disk.fill(false);
    wait(|| writer.safe() == (30, true));
    let whole = [[1; 10], [2; 10], [3; 10]].concat();
    assert_eq!(found(folder), (0, whole));
    writer.finish();
}

fn wait(mut is_so: impl FnMut() -> bool) {
    let clock = Clock::system();
    let began_ms = clock.monotonic_ms();
    while !is_so() {
        assert!(clock.monotonic_ms() < began_ms + 10_000, "it never comes");
        std::thread::yield_now();
    }
}
