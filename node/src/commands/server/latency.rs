//! LATENCY: spikes by kind of event, and the distribution of each command's durations.
//! Pure.

use super::{Action, Call};
use crate::node_state::{Event, Latency};
use crate::stats::{CommandStats, Histogram};
use shared::command::{self, CommandSpec};
use shared::resp::{ErrorReply, ReplyWriter};
use std::fmt::Write;

/// Lines of LATENCY GRAPH.
const GRAPH_LINES: u64 = 4;
/// Spikes shown side by side in LATENCY GRAPH.
const GRAPH_COLUMNS: usize = 80;

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// LATENCY LATEST
pub(super) fn latest(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let events = call.node.latency.events();
    call.reply.array(events.len());
    for event in events {
        let last = event.spikes.last();
        call.reply.array(4);
        call.reply.bulk(event.name.as_bytes());
        call.reply
            .integer(integer(last.map_or(0, |spike| spike.at_seconds)));
        call.reply
            .integer(integer(last.map_or(0, |spike| spike.duration_ms)));
        call.reply.integer(integer(event.longest_ms));
    }
    Ok(Action::Continue)
}

/// LATENCY HISTORY event
pub(super) fn history(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let event = call.node.latency.event(call.args.at(2));
    let spikes = event.map_or(&[][..], |event| &event.spikes);
    call.reply.array(spikes.len());
    for spike in spikes {
        call.reply.array(2);
        call.reply.integer(integer(spike.at_seconds));
        call.reply.integer(integer(spike.duration_ms));
    }
    Ok(Action::Continue)
}

/// LATENCY RESET \[event …\]
pub(super) fn reset(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let latency = &mut call.node.latency;
    let forgotten = if call.args.len() == 2 {
        latency.reset_all()
    } else {
        call.args
            .iter_from(2)
            .filter(|name| latency.reset(name))
            .count()
    };
    call.reply
        .integer(i64::try_from(forgotten).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

/// LATENCY GRAPH event
pub(super) fn graph(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let name = call.args.at(2);
    let event = call
        .node
        .latency
        .event(name)
        .ok_or_else(|| ErrorReply::no_latency_samples(name))?;
    let text = draw(event, call.now_ms / 1_000);
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn draw(event: &Event, now_seconds: u64) -> String {
    let first = event.spikes.len().saturating_sub(GRAPH_COLUMNS);
    let shown = &event.spikes[first..];
    let durations = shown.iter().map(|spike| spike.duration_ms);
    let high = durations.clone().max().unwrap_or_default();
    let low = durations.min().unwrap_or_default();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} - high {high} ms, low {low} ms (all time high {} ms)",
        event.name, event.longest_ms
    );
    text.push_str(&"-".repeat(GRAPH_COLUMNS));
    text.push('\n');
    for line in (0..GRAPH_LINES).rev() {
        for spike in shown {
            let height = (spike.duration_ms - low) * GRAPH_LINES / (high - low + 1);
            text.push(match height.cmp(&line) {
                std::cmp::Ordering::Less => ' ',
                std::cmp::Ordering::Equal => '#',
                std::cmp::Ordering::Greater => '|',
            });
        }
        text.push('\n');
    }
    let ages = shown
        .iter()
        .map(|spike| age(now_seconds.saturating_sub(spike.at_seconds)));
    let ages: Vec<String> = ages.collect();
    for place in 0..3 {
        let letters = ages.iter().map(|age| age.chars().nth(place).unwrap_or(' '));
        text.extend(letters);
        text.push('\n');
    }
    text
}

/// Two digits and a unit at most.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", (seconds / 86_400).min(99)),
    }
}

/// LATENCY DOCTOR
pub(super) fn doctor(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let threshold_ms = call.node.settings.hot.latency_threshold_ms;
    let text = diagnose(&call.node.latency, threshold_ms);
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn diagnose(latency: &Latency, threshold_ms: u64) -> String {
    if threshold_ms == 0 {
        return "Latency is not watched. \"CONFIG SET latency-monitor-threshold <milliseconds>\" begins to.\n".into();
    }
    if latency.events().is_empty() {
        return format!("No event has taken {threshold_ms} ms or longer.\n");
    }
    let mut text = String::new();
    for event in latency.events() {
        let count = event.spikes.len() as u64;
        let total_ms: u64 = event.spikes.iter().map(|spike| spike.duration_ms).sum();
        let _ = writeln!(
            text,
            "{}: {count} spikes, {} ms on average, the longest ever {} ms.",
            event.name,
            total_ms / count.max(1),
            event.longest_ms
        );
        text.push_str(match event.name {
            "command" => "  SLOWLOG GET shows which commands are slow: KEYS, large ranges and large values are the usual ones.\n",
            "fast-command" => "  Commands that should be quick were not: look for a busy or swapping machine, and for very large values.\n",
            _ => "  Periodic work took long: look for a busy or swapping machine.\n",
        });
    }
    text
}

/// Histograms of one reply: more than there are commands.
const MOST_HISTOGRAMS: usize = 1024;

/// LATENCY HISTOGRAM \[command …\]
pub(super) fn histogram(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut wanted: Vec<&'static CommandSpec> = Vec::new();
    if call.args.len() == 2 {
        wanted.extend(command::all());
    }
    for name in call.args.iter_from(2) {
        if let Some(spec) = command::lookup_full_name(name) {
            wanted.push(spec);
            wanted.extend(spec.subcommands());
        }
        if wanted.len() > MOST_HISTOGRAMS {
            return Err(ErrorReply::TooManyNames);
        }
    }
    let head = call.reply.map_later();
    let mut shown = 0;
    for spec in wanted {
        let stats = call.node.stats.command(spec.id);
        if stats.durations.is_some() {
            call.reply.bulk(spec.name.as_bytes());
            tell_histogram(stats, &mut call.reply);
            shown += 1;
        }
    }
    call.reply.finish(head, shown);
    Ok(Action::Continue)
}

fn tell_histogram(stats: &CommandStats, reply: &mut ReplyWriter<'_>) {
    reply.map(2);
    reply.bulk(b"calls");
    let durations = stats.durations.as_ref();
    reply.integer(integer(durations.map_or(0, Histogram::total)));
    reply.bulk(b"histogram_usec");
    let head = reply.map_later();
    let mut steps = 0;
    if let Some(durations) = durations {
        durations.each_power_of_two(|bound_us, count| {
            reply.integer(integer(bound_us));
            reply.integer(integer(count));
            steps += 1;
        });
    }
    reply.finish(head, steps);
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn spikes_are_told_graphed_and_forgotten() {
        let mut node = TestNode::new();
        let now = node.now_ms / 1_000;
        node.node.latency.add("command", now - 70, 20);
        node.node.latency.add("command", now, 50);
        assert_eq!(
            node.send("LATENCY LATEST"),
            format!("*1\r\n*4\r\n$7\r\ncommand\r\n:{now}\r\n:50\r\n:50\r\n")
        );
        assert!(
            node.send("LATENCY HISTORY command")
                .starts_with("*2\r\n*2\r\n")
        );
        assert_eq!(node.send("LATENCY HISTORY zork"), "*0\r\n");
        let graph = node.send("LATENCY GRAPH command");
        assert!(graph.contains("command - high 50 ms, low 20 ms"), "{graph}");
        assert_eq!(
            node.send("LATENCY GRAPH zork"),
            "-ERR No samples available for event 'zork'\r\n"
        );
        assert!(
            node.send("LATENCY DOCTOR")
                .contains("latency-monitor-threshold")
        );
        assert_eq!(node.send("LATENCY RESET zork command"), ":1\r\n");
        assert_eq!(node.send("LATENCY RESET"), ":0\r\n");
    }

    #[test]
    fn histograms_are_those_of_commands_that_ran() {
        let mut node = TestNode::new();
        node.send("SET a b");
        node.send("GET a");
        let all = node.send("LATENCY HISTOGRAM");
        assert!(
            all.starts_with("*4\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:1\r\n"),
            "{all}"
        );
        assert!(
            node.send("LATENCY HISTOGRAM get zork")
                .starts_with("*2\r\n$3\r\nget\r\n")
        );
        assert_eq!(node.send("LATENCY HISTOGRAM client"), "*0\r\n");
        let many = "LATENCY HISTOGRAM".to_owned() + &" get".repeat(2_000);
        assert!(node.send(&many).starts_with("-ERR too many names"));
    }
}
