//! A file for the log: put aside when it is full or old, with a number of those kept that were before it.
//! Never: fails, or waits for whoever reads, or takes away what somebody else has put aside. What cannot be written is counted, and told of when it can be again. Invariants: no file is longer than
//! `most_bytes` and a line; there are never more than `kept` beside the one that is written.
//!
//! It is written by the one thread of `tracing_appender`, whose queue is bounded; lines that find no room there are left out, so that no disk holds up who logs.

use shared::clock::Clock;
use std::fs::{File, OpenOptions, TryLockError, canonicalize, metadata, remove_file, rename};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// When a file is put aside, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// It holds so much.
    pub(crate) most_bytes: u64,
    /// It is so old; 0 never.
    pub(crate) longest_ms: u64,
    /// Files beside the one that is written.
    pub(crate) kept: u32,
}

/// The file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    bounds: Bounds,
    clock: Clock,
    /// Nothing after a failure: it is opened anew.
    file: Option<Open>,
    /// Lines that could not be written, and why the first of them was not.
    lost: Option<(u64, String)>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// When it was begun, Unix milliseconds.
    begun_ms: u64,
    is_file: bool,
}

impl LogFile {
    /// Goes on with the file at `path`, or begins it.
    ///
    /// # Errors
    /// It cannot be opened, is a pipe, or another process writes it.
    pub(crate) fn open(path: &Path, bounds: Bounds, clock: Clock) -> io::Result<Self> {
        let mut log = Self {
            path: path.to_path_buf(),
            bounds,
            clock,
            file: None,
            lost: None,
        };
        log.file = Some(log.opened()?);
        // Where it is a link, the file is put aside, and not the link.
        log.path = canonicalize(path)?;
        Ok(log)
    }

    fn opened(&self) -> io::Result<Open> {
        // Before it is opened, which waits for whoever reads it.
        if metadata(&self.path).is_ok_and(|about| about.file_type().is_fifo()) {
            return Err(io::Error::other("it is a pipe, and no file"));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)?;
        let about = file.metadata()?;
        // A file system that has no locks has none to break, and a device is everybody's.
        if about.is_file()
            && let Err(TryLockError::WouldBlock) = file.try_lock()
        {
            let text = "another process writes it; give each its own";
            return Err(io::Error::other(text));
        }
        let begun = about.created().or_else(|_| about.modified()).ok();
        let begun = begun.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let begun_ms = begun.and_then(|time| u64::try_from(time.as_millis()).ok());
        let is_new = about.len() == 0;
        let now_ms = self.clock.wall_ms();
        Ok(Open {
            file,
            bytes: about.len(),
            begun_ms: begun_ms.filter(|_| !is_new).unwrap_or(now_ms),
            is_file: about.is_file(),
        })
    }

    /// Whether the file is to be put aside before so many more bytes.
    fn is_due(&self, more: usize) -> bool {
        let Some(open) = &self.file else {
            return false;
        };
        let is_full = open.bytes + more as u64 > self.bounds.most_bytes;
        let age_ms = self.clock.wall_ms().saturating_sub(open.begun_ms);
        let is_old = self.bounds.longest_ms > 0 && age_ms >= self.bounds.longest_ms;
        // A device is not put aside.
        open.is_file && open.bytes > 0 && (is_full || is_old)
    }

    /// `FILE.1` is the newest of those that are kept.
    fn aside(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Puts the file aside, so that the next line begins another. Where that cannot be it begins anew without: a log must not fill the disk.
    fn rotate(&mut self) -> io::Result<()> {
        if !self.is_there() {
            // Somebody has put it aside, or away: that is his.
            self.file = None;
            return Ok(());
        }
        let put_aside = self.put_aside();
        match (&put_aside, &mut self.file) {
            (Err(_), Some(open)) => {
                open.file.set_len(0)?;
                open.bytes = 0;
                open.begun_ms = self.clock.wall_ms();
            }
            _ => self.file = None,
        }
        put_aside
    }

    /// Whether the file that is written is the one at its path.
    fn is_there(&self) -> bool {
        let place = |about: std::fs::Metadata| (about.dev(), about.ino());
        let written = self
            .file
            .as_ref()
            .and_then(|open| open.file.metadata().ok());
        let there = metadata(&self.path).ok();
        written.map(place) == there.map(place)
    }

    fn put_aside(&self) -> io::Result<()> {
        if self.bounds.kept == 0 {
            return remove_file(&self.path);
        }
        for number in (1..self.bounds.kept).rev() {
            match rename(self.aside(number), self.aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        rename(&self.path, self.aside(1))
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut open = match self.file.take() {
            Some(open) => open,
            None => self.opened()?,
        };
        let written = open.file.write_all(line);
        if written.is_err() {
            // No half line stands before the next one.
            open.file.set_len(open.bytes)?;
        }
        written?;
        open.bytes += line.len() as u64;
        self.file = Some(open);
        Ok(())
    }

    /// One line, or several; whatever happens, the service goes on.
    fn put(&mut self, line: &[u8]) {
        if self.is_due(line.len())
            && let Err(error) = self.rotate()
        {
            // In the log that begins anew.
            tracing::warn!(%error, "the log's file cannot be put aside, and began anew without what it held");
        }
        match self.append(line) {
            Ok(()) => {
                if let Some((lines, reason)) = self.lost.take() {
                    tracing::warn!(
                        lines,
                        reason,
                        "the log could not be written; so much is missing"
                    );
                }
            }
            Err(error) => {
                let (lines, _) = self.lost.get_or_insert_with(|| {
                    let path = self.path.display();
                    // The only place that is left. Nobody may read it.
                    writeln!(
                        io::stderr(),
                        "switchyard: {path}: the log cannot be written: {error}"
                    )
                    .ok();
                    (0, error.to_string())
                });
                *lines += 1;
            }
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.put(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::ManualClock;
    use std::fs;
    use std::time::Duration;

    struct Case {
        folder: tempfile::TempDir,
        hands: ManualClock,
        bounds: Bounds,
    }

    impl Case {
        fn new(most_bytes: u64, longest_ms: u64, kept: u32) -> Self {
            let hands = ManualClock::at(1_800_000_000_000);
            Self {
                folder: tempfile::tempdir().unwrap(),
                hands,
                bounds: Bounds {
                    most_bytes,
                    longest_ms,
                    kept,
                },
            }
        }

        fn open(&self) -> LogFile {
            let path = self.folder.path().join("log");
            LogFile::open(&path, self.bounds, Clock::from(self.hands.clone())).unwrap()
        }

        /// What the files hold, the one that is written first.
        fn check(&self, expected: &[&str]) {
            let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).ok();
            let aside = (1..20).map_while(|number| read(&format!("log.{number}")));
            let found: Vec<String> = read("log").into_iter().chain(aside).collect();
            assert_eq!(found, expected);
            let count = fs::read_dir(self.folder.path()).unwrap().count();
            assert_eq!(count, expected.len(), "no other file is there");
        }
    }

    #[test]
    fn a_full_file_is_put_aside_and_some_are_kept() {
        let case = Case::new(6, 0, 2);
        let mut log = case.open();
        for line in ["a\n", "b\n", "c\n", "d\n", "e\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        case.check(&["d\ne\n", "a\nb\nc\n"]);
        // It goes on where it was; a line that is longer than all stands alone.
        drop(log);
        let mut log = case.open();
        for line in ["f\n", "g\n", "as long as it is\n", "h\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        case.check(&["h\n", "as long as it is\n", "g\n"]);
    }

    #[test]
    fn an_old_file_is_put_aside_and_an_empty_one_is_not() {
        let case = Case::new(1_000, 60_000, 5);
        let mut log = case.open();
        case.hands.advance(Duration::from_secs(3_600));
        log.write_all(b"a\n").unwrap();
        case.check(&["a\n"]);
        // From now on the file has an age, as its system tells it.
        log.file.as_mut().unwrap().begun_ms = log.clock.wall_ms();
        case.hands.advance(Duration::from_millis(59_999));
        log.write_all(b"b\n").unwrap();
        case.check(&["a\nb\n"]);
        case.hands.advance(Duration::from_millis(1));
        log.write_all(b"c\n").unwrap();
        case.check(&["c\n", "a\nb\n"]);
    }

    #[test]
    fn what_somebody_else_has_put_aside_is_his() {
        let case = Case::new(4, 0, 2);
        let mut log = case.open();
        log.write_all(b"a\n").unwrap();
        let (path, archive) = (case.folder.path().join("log"), tempfile::tempdir().unwrap());
        let archived = archive.path().join("archived");
        rename(path, &archived).unwrap();
        for line in ["b\n", "c\n", "d\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(archived).unwrap(), "a\nb\n");
        case.check(&["c\nd\n"]);
    }

    #[test]
    fn one_process_writes_a_file_and_a_link_leads_to_one() {
        let case = Case::new(4, 0, 2);
        let _log = case.open();
        let open = |name: &str| {
            let path = case.folder.path().join(name);
            let log = LogFile::open(&path, case.bounds, Clock::from(case.hands.clone()));
            log.map_err(|error| error.to_string())
        };
        let refused = open("log").unwrap_err();
        assert!(refused.contains("another process"), "{refused}");
        // What a link leads to is put aside, and the link stays.
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(place.path().join("log"), case.folder.path().join("link"))
            .unwrap();
        fs::write(place.path().join("log"), "a\n").unwrap();
        let mut log = open("link").unwrap();
        for line in ["b\n", "c\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(
            fs::read_to_string(place.path().join("log.1")).unwrap(),
            "a\nb\n"
        );
        assert!(case.folder.path().join("link").is_symlink());
    }

    #[test]
    fn none_is_kept_where_none_is_wanted() {
        let case = Case::new(4, 0, 0);
        let mut log = case.open();
        for line in ["a\n", "b\n", "c\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        case.check(&["c\n"]);
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_begins_anew() {
        let case = Case::new(4, 0, 1);
        let mut log = case.open();
        // A folder takes no file's place.
        fs::create_dir(case.folder.path().join("log.1")).unwrap();
        for line in ["a\n", "b\n", "c\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let text = fs::read_to_string(case.folder.path().join("log")).unwrap();
        assert_eq!(text, "c\n");
    }

    #[test]
    fn a_disk_that_takes_nothing_holds_nobody_up() {
        let case = Case::new(1 << 20, 0, 1);
        let mut log = case.open();
        log.write_all(b"a\n").unwrap();
        // Every write to it fails as to a full disk.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        log.file.as_mut().unwrap().file = full;
        log.write_all(b"b\n").unwrap();
        assert_eq!(log.lost.as_ref().unwrap().0, 1);
        // There is room again.
        log.write_all(b"c\n").unwrap();
        assert!(log.lost.is_none());
        case.check(&["a\nc\n"]);
    }
}
