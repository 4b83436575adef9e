//! The log of this process: where it goes, how it looks, and how much of it there is, which signals change while the process runs.
//! Never: decides what is logged; whoever handles an error does. Bound: [`MOST_WAITING`] lines wait for a file's disk.

use crate::args::{LogArguments, LogFileArguments, LogFormat};
use crate::log_file::{Bounds, LogFile};
use shared::clock::Clock;
use std::io::stderr;
use switchyard::Failure;
use tracing::info;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

/// Lines that wait for the disk; one more is left out.
const MOST_WAITING: usize = 8_192;

/// The parts of this program, which alone become louder: libraries say very much.
const PARTS: [&str; 6] = ["node", "proxy", "protocol", "shared", "store", "switchyard"];

/// The log, which is written to its end when this goes.
pub(crate) struct Log {
    given: Targets,
    levels: Handle<Targets, Registry>,
    _writing: Option<WorkerGuard>,
}

/// Sends the log to standard error, or to a file.
pub(crate) fn start(
    arguments: &LogArguments,
    file: Option<&LogFileArguments>,
) -> Result<Log, Failure> {
    let given = levels(&arguments.log)?;
    let (writer, writing) = match file.map(open).transpose()?.flatten() {
        Some((file, writing)) => (BoxMakeWriter::new(file), Some(writing)),
        None => (BoxMakeWriter::new(stderr), None),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let (filter, handle) = reload::Layer::new(given.clone());
    let registry = tracing_subscriber::registry().with(filter);
    match arguments.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
    Ok(Log {
        given,
        levels: handle,
        _writing: writing,
    })
}

/// The file that the arguments name, if they name one.
fn open(arguments: &LogFileArguments) -> Result<Option<(NonBlocking, WorkerGuard)>, Failure> {
    let Some(path) = &arguments.log_file else {
        return Ok(None);
    };
    let bounds = Bounds {
        most_bytes: arguments.log_max_size,
        longest_ms: u64::try_from(arguments.log_max_age.as_millis()).unwrap_or(u64::MAX),
        kept: arguments.log_keep,
    };
    let file = LogFile::open(path, bounds, Clock::system()).map_err(|source| Failure::System {
        what: "open the file that --log-file names",
        source,
    })?;
    let queue = NonBlockingBuilder::default()
        .buffered_lines_limit(MOST_WAITING)
        .lossy(true)
        .thread_name("log-file");
    Ok(Some(queue.finish(file)))
}

impl Log {
    /// What SIGUSR1 and SIGUSR2 do: this program's own parts say all that `debug` has, or as much as at the start.
    pub(crate) fn levels(&self) -> impl Fn(bool) + Send + 'static + use<> {
        let (given, handle) = (self.given.clone(), self.levels.clone());
        move |is_louder| {
            let parts = PARTS.map(|part| (part, LevelFilter::DEBUG));
            let levels = match is_louder {
                true => given.clone().with_targets(parts),
                false => given.clone(),
            };
            // It is gone only with the process.
            if handle.reload(levels).is_ok() {
                match is_louder {
                    true => info!("SIGUSR1: the log has all that debug has; SIGUSR2 ends that"),
                    false => info!("SIGUSR2: the log is as it was set"),
                }
            }
        }
    }
}

/// "info,proxy=debug". A word by itself is a level: the library would take a mistyped one for the name of a part.
fn levels(text: &str) -> Result<Targets, Failure> {
    let wrong = |part: &str| {
        Failure::Usage(format!(
            "--log: \"{part}\" is not a level; write off, error, warn, info, debug or trace, or by part as in \"info,proxy=debug\""
        ))
    };
    for part in text.split(',') {
        let level = part.rsplit('=').next().unwrap_or_default();
        if level.parse::<LevelFilter>().is_err() {
            return Err(wrong(part));
        }
    }
    text.parse().map_err(|_| wrong(text))
}
