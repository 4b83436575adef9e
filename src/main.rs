//! The one binary, `switchyard`: arguments in, one call out.
//! Standard output carries answers and the line that begins with `ready`; standard error carries the log and the one line that says why the
//! process ends in an error. Exit codes are those of sysexits.h, see [`Failure`].

mod admin_call;
mod args;
mod check;
mod operator;
mod places;
mod serve;
mod topology_args;
mod topology_command;

use args::{Arguments, Command, LogArguments, LogFormat};
use clap::Parser;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::ExitCode;
use switchyard::Failure;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Gives memory back where the system's allocator would keep it; `.cargo/config.toml` says how soon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code of clap for wrong arguments is 2; sysexits says 64.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            // Nowhere to write the answer to: nobody wants it.
            if !answer.use_stderr() {
                answer.print().ok();
                return ExitCode::SUCCESS;
            }
            match in_two_lines(&answer.render().to_string()) {
                Some(lines) => writeln!(stderr(), "{lines}").ok(),
                None => answer.print().ok(),
            };
            return USAGE.into();
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                writeln!(stderr(), "switchyard: {}", failure.in_words()).ok();
            }
            failure.exit_code().into()
        }
    }
}

/// What clap says about wrong arguments, for logs and health checks as well as people: what is wrong with what may have been meant, and then the usage.
/// `None` for what is no error but help for who gave no arguments.
fn in_two_lines(said: &str) -> Option<String> {
    let mut wrong = String::new();
    let mut usage = None;
    for paragraph in said.strip_prefix("error: ")?.split("\n\n") {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let line = words.join(" ");
        if let Some(how) = line.strip_prefix("Usage: ") {
            usage = Some(how.to_owned());
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            wrong += &format!("; {tip}");
        } else if wrong.is_empty() {
            wrong = line;
        }
    }
    let usage = usage.map_or_else(String::new, |how| format!("usage: {how}; "));
    Some(format!("switchyard: {wrong}\n{usage}--help says more"))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    start_log(&arguments.log)?;
    match &arguments.command {
        Command::Up(up) => serve::up(up, &arguments.log),
        Command::Node(node) => serve::node(node),
        Command::Proxy(proxy) => serve::proxy(proxy),
        Command::Topology(command) => topology_command::run(command),
        Command::Check(check) => check::run(check),
    }
}

/// Sends the log to standard error.
fn start_log(arguments: &LogArguments) -> Result<(), Failure> {
    let levels = levels(&arguments.log)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let registry = tracing_subscriber::registry().with(levels);
    match arguments.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
    Ok(())
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

/// Prints a line of what a server tells about itself.
fn say(line: &str) {
    // A server goes on whether somebody reads it or not.
    answer(line).ok();
}

/// Prints what was asked for. Whoever stops reading has what they want: `switchyard topology show FILE | head -1`.
fn answer(text: &str) -> Result<(), Failure> {
    answer_if_read(text).map(drop)
}

/// Prints what was asked for; false where nobody reads any more.
fn answer_if_read(text: &str) -> Result<bool, Failure> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).map_err(Failure::Output),
    }
}
