//! What a client could say: for each group of commands a way to draw each of its commands with arguments on the edges.
//! Pure: values in, requests out.

mod bits;
mod connection;
mod geo;
mod hashes;
mod hyperloglogs;
mod keys;
mod lists;
mod payloads;
mod scripts;
mod server;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;

use super::draw::{Draw, KeySpace, Request, request};

/// Draws one command.
pub(super) type Command = fn(&mut Draw) -> Request;

/// Requests that belong together, and which of them are answered.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// In the order in which they are sent.
    pub(super) requests: Vec<Request>,
    /// Indices of those that get a reply.
    pub(super) answered: Vec<usize>,
    /// The server closes the connection after the last reply.
    pub(super) closes: bool,
}

impl Step {
    fn plain(request: Request) -> Self {
        Self {
            requests: vec![request],
            answered: vec![0],
            closes: false,
        }
    }
}

/// Which commands are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// A single server with all its commands.
    Server,
    /// A proxy: what is about one server's inside is left out.
    Proxy,
}

/// Draws the next step of a run.
pub(super) fn draw_step(draw: &mut Draw, scope: Scope) -> Step {
    let group: &[Command] = match (draw.dice.below(1000), scope) {
        (0..=99, _) => lists::COMMANDS,
        (100..=199, _) => sorted_sets::COMMANDS,
        (200..=299, _) => hashes::COMMANDS,
        (300..=369, _) => sets::COMMANDS,
        (370..=429, _) => strings::COMMANDS,
        (430..=519, _) => bits::COMMANDS,
        (520..=609, _) => streams::COMMANDS,
        (610..=629, _) => payloads::COMMANDS,
        (630..=649, _) => return transactions::draw(draw, scope),
        (650..=664, _) => return scripts::draw(draw),
        (665..=709, _) => keys::COMMANDS,
        (710..=749, _) => hyperloglogs::COMMANDS,
        (750..=789, _) => geo::COMMANDS,
        (790..=829, _) => sort::COMMANDS,
        (830..=849, _) => keys::WHOLE_SERVER_COMMANDS,
        (850..=914, _) => connection::COMMANDS,
        (915..=919, _) => server::FLUSHES,
        (920..=934, _) => return draw.dice.pick(connection::SEQUENCES)(draw),
        (935..=939, _) => return server::look_inside(draw, scope == Scope::Server),
        (940..=969, _) => server::ANYWHERE_COMMANDS,
        (_, Scope::Server) => server::COMMANDS,
        (970..=979, Scope::Proxy) => server::PROXY_COMMANDS,
        (_, Scope::Proxy) => strings::COMMANDS,
    };
    let mut request = draw.dice.pick(group)(draw);
    // Only where one argument less cannot become a command that stops or blocks the server.
    let is_blurred = ![server::COMMANDS, server::PROXY_COMMANDS]
        .iter()
        .any(|other| std::ptr::eq(*other, group));
    // Without its count SPOP would leave what chance leaves.
    if is_blurred && request[0] != b"SPOP" {
        draw.blur_arity(&mut request);
    }
    request[0] = draw.any_case(&request[0]);
    if is_container(&request) && request.len() > 1 {
        request[1] = draw.any_case(&request[1]);
    }
    let mut step = Step::plain(request);
    if std::ptr::eq(group, sort::COMMANDS) {
        let conversion = sort::CONVERSION.iter().map(|word| Vec::from(*word));
        step.requests.insert(0, conversion.collect());
        step.answered.push(1);
    }
    step
}

/// Whether the word behind the name is a subcommand, which may be written in any letter case as well.
fn is_container(request: &Request) -> bool {
    shared::command::lookup(&request[0]).is_some_and(shared::command::CommandSpec::is_container)
}

/// A command that may change keys, or look at them; none that flushes, or stops anything.
pub(super) fn draw_change(draw: &mut Draw) -> Request {
    let group: &[Command] = match draw.dice.below(10) {
        0 => lists::COMMANDS,
        1 => sorted_sets::COMMANDS,
        2 => hashes::COMMANDS,
        3 => sets::COMMANDS,
        4 => strings::COMMANDS,
        5 => bits::COMMANDS,
        6 => streams::COMMANDS,
        7 => hyperloglogs::COMMANDS,
        8 => geo::COMMANDS,
        _ => keys::COMMANDS,
    };
    let mut request = draw.dice.pick(group)(draw);
    if request[0] != b"SPOP" {
        draw.blur_arity(&mut request);
    }
    request
}

/// A command about keys of the slot of `{a}` whose reply is always the same.
pub(super) fn draw_exact(draw: &mut Draw) -> Request {
    scripts::inner(draw)
}

/// A command whose only meaning is in its keys and values, as an argument of another.
fn draw_inner(draw: &mut Draw) -> Request {
    let group: &[Command] = match draw.dice.below(3) {
        0 => strings::COMMANDS,
        1 => bits::COMMANDS,
        _ => keys::COMMANDS,
    };
    let mut request = draw.dice.pick(group)(draw);
    draw.blur_arity(&mut request);
    request
}

/// The options of a walk over all keys.
pub(super) fn draw_walk(draw: &mut Draw) -> Request {
    let mut options = Request::new();
    if draw.dice.percent(40) {
        options.extend(request!["MATCH", draw.pattern()]);
    }
    if draw.dice.percent(40) {
        options.extend(request!["COUNT", *draw.dice.pick(&["1", "3", "1000"])]);
    }
    if draw.dice.percent(20) {
        options.extend(request!["TYPE", *draw.dice.pick(&["string", "list"])]);
    }
    options
}

/// The keys that a target in this scope allows together.
pub(super) fn key_space(shards: usize) -> KeySpace {
    if shards > 1 {
        KeySpace::Sharded
    } else {
        KeySpace::Whole
    }
}
