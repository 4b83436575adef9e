//! The one binary, `switchyard`: arguments in, one call out.
//! Standard output carries answers and the line that begins with `ready`; standard error carries the log and the one line that says why the
//! process ends in an error. Exit codes are those of sysexits.h, see [`Failure`].

mod admin_call;
mod args;
mod check;
mod log;
mod log_file;
mod operator;
mod places;
mod seen;
mod serve;
mod topology_args;
mod topology_command;
mod users_command;

use args::{Arguments, Command};
use clap::Parser;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::ExitCode;
use switchyard::Failure;

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
    // Servers go on for long: theirs may have a file, and is changed while they run.
    let file = match &arguments.command {
        Command::Up(up) => Some(&up.log_file),
        Command::Node(node) => Some(&node.log_file),
        Command::Proxy(proxy) => Some(&proxy.log_file),
        _ => None,
    };
    let log = log::start(&arguments.log, file)?;
    match &arguments.command {
        Command::Up(up) => serve::up(up, &arguments.log, &log),
        Command::Node(node) => serve::node(node, &log),
        Command::Proxy(proxy) => serve::proxy(proxy, &log),
        Command::Topology(command) => topology_command::run(command),
        Command::Users(command) => users_command::run(command),
        Command::Status(look) => seen::status(look),
        Command::Top(look) => seen::top(look),
        Command::Events(events) => seen::events(events),
        Command::Clients(list) => seen::clients(list),
        Command::Slowlog(list) => seen::slow_log(list),
        Command::Explain(explain) => seen::explain(explain),
        Command::Check(check) => check::run(check),
    }
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
