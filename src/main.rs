//! The one binary, `switchyard`: arguments in, one call out.
//! Standard output carries answers and the line that begins with `ready`; standard error carries the log and the one line that says why the
//! process ends in an error. Exit codes are those of sysexits.h, see [`Failure`].

mod args;
mod serve;
mod topology_command;

use args::{Arguments, Command, LogArguments, LogFormat};
use clap::Parser;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use switchyard::Failure;
use tracing_subscriber::filter::Targets;
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
            let usage = answer.use_stderr();
            // Nowhere to write the answer to: nobody wants it.
            answer.print().ok();
            return if usage {
                USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
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

fn run(arguments: &Arguments) -> Result<(), Failure> {
    start_log(&arguments.log)?;
    match &arguments.command {
        Command::Up(up) => serve::up(up, &arguments.log),
        Command::Node(node) => serve::node(node),
        Command::Proxy(proxy) => serve::proxy(proxy),
        Command::Topology(command) => topology_command::run(command),
    }
}

/// Sends the log to standard error.
fn start_log(arguments: &LogArguments) -> Result<(), Failure> {
    let levels: Targets = arguments
        .log
        .parse()
        .map_err(|error| Failure::Usage(format!("--log \"{}\": {error}", arguments.log)))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let registry = tracing_subscriber::registry().with(levels);
    match arguments.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
    Ok(())
}

/// Prints a line of an answer.
fn say(line: &str) {
    let mut out = stdout().lock();
    // Whoever no longer reads does not want it.
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}
