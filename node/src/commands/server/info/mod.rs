//! INFO: the sections of Redis 7.0 with their fields; what this node does not have is told as absent or zero, as a Redis without it does.
//! Pure. What only the system knows (resident memory, processor time) was noted by the tick.

mod counted;
mod node;
mod persistence;
mod replication;

use super::super::arguments::is_word;
use super::{Action, Call};
use shared::resp::ErrorReply;

/// Writes one section, its heading included.
type Write = fn(&Call<'_>, &mut String);

/// A section.
struct Section {
    name: &'static str,
    /// Told when no section is asked for.
    is_default: bool,
    write: Write,
}

const fn section(name: &'static str, is_default: bool, write: Write) -> Section {
    Section {
        name,
        is_default,
        write,
    }
}

/// All sections in the order in which they are told.
const SECTIONS: &[Section] = &[
    section("server", true, node::server),
    section("clients", true, node::clients),
    section("memory", true, node::memory),
    section("persistence", true, persistence::persistence),
    section("stats", true, counted::stats),
    section("replication", true, replication::replication),
    section("cpu", true, node::cpu),
    section("modules", true, node::modules),
    section("commandstats", false, counted::commands),
    section("errorstats", true, counted::errors),
    section("latencystats", false, counted::latencies),
    section("cluster", true, node::cluster),
    section("keyspace", true, counted::keyspace),
];

/// INFO \[section …\]
pub(super) fn info(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let asked_for = |name: &str| args.iter_from(1).any(|word| is_word(word, name));
    let default = args.len() == 1 || asked_for("default");
    let all = asked_for("all") || asked_for("everything");
    super::memory::note_peak(call);
    let mut text = String::new();
    for section in SECTIONS {
        if all || (default && section.is_default) || asked_for(section.name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            (section.write)(call, &mut text);
        }
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

/// Appends `name:value` lines.
#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn lines(text: &mut String, heading: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
    use std::fmt::Write as _;
    if !heading.is_empty() {
        let _ = write!(text, "# {heading}\r\n");
    }
    for (name, value) in fields {
        let _ = write!(text, "{name}:{value}\r\n");
    }
}

/// Bytes as people read them: `1.50M`.
fn human(bytes: u64) -> String {
    let bytes_f = bytes as f64;
    for (unit, letter) in [
        (1_u64 << 40, 'T'),
        (1 << 30, 'G'),
        (1 << 20, 'M'),
        (1 << 10, 'K'),
    ] {
        if bytes >= unit {
            let unit = unit as f64;
            return format!("{:.2}{letter}", bytes_f / unit);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;
    use super::human;

    fn headings(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| line.strip_prefix("# "))
            .collect()
    }

    #[test]
    fn sections_are_told_as_asked_for() {
        let mut node = TestNode::new();
        node.send("SET a b");
        node.send("ZORK");
        let default = node.send("INFO");
        assert_eq!(headings(&default).len(), 11, "{default}");
        assert_eq!(headings(&node.send("INFO default")).len(), 11);
        assert_eq!(headings(&node.send("INFO everything")).len(), 13);
        assert_eq!(headings(&node.send("INFO CPU server")), ["Server", "CPU"]);
        assert_eq!(node.send("INFO zork"), "$0\r\n\r\n");
        assert!(default.contains("\r\nredis_version:7.2.4\r\n"), "{default}");
        assert!(default.contains("\r\nmaxmemory_policy:noeviction\r\n"));
        assert!(default.contains("\r\nloading:0\r\n"));
        assert!(default.contains("\r\ndb0:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n"));
        assert!(default.contains("\r\nerrorstat_ERR:count=1\r\n"));
        let counted = node.send("INFO commandstats");
        assert!(counted.contains("cmdstat_set:calls=1,usec="), "{counted}");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(human(1_023), "1023B");
        assert_eq!(human(1_536), "1.50K");
        assert_eq!(human(23 << 30), "23.00G");
    }
}
