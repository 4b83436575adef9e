//! INFO of a proxy: the shards' fields made one, then what only the proxy knows.
//! Pure: texts in, text out. Counts and bytes of all shards are added, of ratios and longest times the worst is told, texts are the first shard's,
//! the keyspace is the sum of all.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::totals::{self, TOTAL};

/// What the proxy itself has to tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyFacts {
    /// Whether the section `Proxy` was asked for.
    pub(crate) is_asked_for: bool,
    /// Fields that are the proxy's own wherever a node has them too.
    pub(crate) own: Vec<(&'static str, String)>,
    /// The fields of the section `Proxy`.
    pub(crate) section: Vec<(&'static str, String)>,
    /// Those of the section `Hotkeys`; none where it was not asked for.
    pub(crate) hot_keys: Vec<(String, String)>,
}

/// Fields that are added.
#[rustfmt::skip] // By section.
const ADDED: &[&str] = &[
    "used_memory", "used_memory_rss", "used_memory_peak", "used_memory_overhead", "used_memory_dataset", "used_memory_startup", "used_memory_lua",
    "used_memory_vm_eval", "used_memory_vm_functions", "used_memory_vm_total", "used_memory_functions", "used_memory_scripts", "used_memory_scripts_eval",
    "allocator_allocated", "allocator_active", "allocator_resident", "mem_clients_normal", "mem_clients_slaves", "mem_replication_backlog",
    "mem_aof_buffer", "mem_not_counted_for_evict", "lazyfree_pending_objects", "lazyfreed_objects",
    "rdb_changes_since_last_save",
    "total_commands_processed", "instantaneous_ops_per_sec", "total_net_input_bytes", "total_net_output_bytes", "total_net_repl_input_bytes", "total_net_repl_output_bytes",
    "expired_keys", "expired_subkeys", "expired_time_cap_reached_count", "evicted_keys", "evicted_clients", "total_eviction_exceeded_time", "keyspace_hits", "keyspace_misses",
    "total_error_replies", "dump_payload_sanitizations", "total_reads_processed", "total_writes_processed", "io_threaded_reads_processed", "io_threaded_writes_processed",
    "used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children", "used_cpu_sys_main_thread", "used_cpu_user_main_thread",
    "instantaneous_input_kbps", "instantaneous_output_kbps", "expire_cycle_cpu_milliseconds", "allocator_frag_bytes", "allocator_rss_bytes",
    "rss_overhead_bytes", "mem_fragmentation_bytes", "connected_slaves", "sync_full", "sync_partial_ok", "sync_partial_err", "active_defrag_hits", "active_defrag_misses",
];

/// Fields of which the greatest is told: the shard that is worst off.
const GREATEST: &[&str] = &[
    "expired_longest_stay_ms",
    "expired_stale_perc",
    "current_eviction_exceeded_time",
    "allocator_frag_ratio",
    "allocator_rss_ratio",
    "rss_overhead_ratio",
    "mem_fragmentation_ratio",
];

/// Fields that are a part of another one, in percent: name, part, whole.
const PERCENTAGES: &[(&str, &str, &str)] = &[
    ("used_memory_peak_perc", "used_memory", "used_memory_peak"),
    (
        "used_memory_dataset_perc",
        "used_memory_dataset",
        "used_memory",
    ),
];

/// Parts of a value such as `keys=1,expires=0,avg_ttl=0` that are added.
const ADDED_PARTS: &[&str] = &[
    "keys",
    "expires",
    "calls",
    "usec",
    "rejected_calls",
    "failed_calls",
    "count",
    "subexpiry",
];

/// The names of our sections.
const OWN_SECTION: &str = "Proxy";
const HOT_KEYS: &str = "Hotkeys";

/// A field's name, and what each shard says.
type Field = (String, Vec<String>);

/// Sections in order, fields in order.
#[derive(Debug, Default)]
struct Sections {
    sections: Vec<(String, Vec<Field>)>,
    places: HashMap<(usize, String), usize>,
}

impl Sections {
    fn add(&mut self, text: &str) {
        let mut section = 0;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("# ") {
                section = self.section(name);
            } else if let Some((field, value)) = line.split_once(':')
                && !self.sections.is_empty()
                && !is_of_one_shard(field)
            {
                self.field(section, field, value);
            }
        }
    }

    fn section(&mut self, name: &str) -> usize {
        let known = self.sections.iter().position(|(known, _)| known == name);
        known.unwrap_or_else(|| {
            self.sections.push((name.to_owned(), Vec::new()));
            self.sections.len() - 1
        })
    }

    fn field(&mut self, section: usize, field: &str, value: &str) {
        let fields = &mut self.sections[section].1;
        let place = *self
            .places
            .entry((section, field.to_owned()))
            .or_insert_with(|| {
                fields.push((field.to_owned(), Vec::new()));
                fields.len() - 1
            });
        fields[place].1.push(value.to_owned());
    }
}

/// What says something of one shard that has no meaning for all: who follows it (`slave0`).
fn is_of_one_shard(field: &str) -> bool {
    let number = field.strip_prefix("slave");
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The text of INFO.
pub(crate) fn merge(facts: &ProxyFacts, replies: &[&[u8]]) -> String {
    let mut sections = Sections::default();
    for reply in replies {
        sections.add(&String::from_utf8_lossy(reply));
    }
    let mut text = String::new();
    for (section, fields) in &sections.sections {
        head(&mut text, section);
        let told = |name: &str| {
            let known = fields.iter().find(|(field, _)| field == name);
            known.map(|(field, values)| number_of_all(field, values))
        };
        for (field, values) in fields {
            let own = facts.own.iter().find(|(name, _)| name == field);
            let value = match own {
                Some((_, value)) => value.clone(),
                None => field_of_all(field, values, told),
            };
            line(&mut text, field, &value);
        }
    }
    if facts.is_asked_for {
        head(&mut text, OWN_SECTION);
        for (field, value) in &facts.section {
            line(&mut text, field, value);
        }
    }
    if !facts.hot_keys.is_empty() {
        head(&mut text, HOT_KEYS);
        for (field, value) in &facts.hot_keys {
            line(&mut text, field, value);
        }
    }
    text
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn head(text: &mut String, section: &str) {
    if !text.is_empty() {
        text.push_str("\r\n");
    }
    let _ = write!(text, "# {section}\r\n");
}

#[expect(
    clippy::let_underscore_must_use,
    reason = "writing to memory cannot fail"
)]
fn line(text: &mut String, field: &str, value: &str) {
    let _ = write!(text, "{field}:{value}\r\n");
}

/// What is told of a field; `told` is what is told of others in its section.
fn field_of_all(field: &str, values: &[String], told: impl Fn(&str) -> Option<String>) -> String {
    // What people read must say the same as what machines read, and percentages as what they are made of.
    let number = |name: &str| told(name).and_then(|text| text.parse::<f64>().ok());
    if let Some(bytes) = field.strip_suffix("_human").and_then(number) {
        return human(bytes);
    }
    if let Some((_, part, whole)) = PERCENTAGES.iter().find(|(name, ..)| *name == field)
        && let (Some(part), Some(whole)) = (number(part), number(whole))
        && whole > 0.0
    {
        return format!("{:.2}%", part * 100.0 / whole);
    }
    number_of_all(field, values)
}

fn number_of_all(field: &str, values: &[String]) -> String {
    let first = values.first().cloned().unwrap_or_default();
    if field == TOTAL {
        let shares = values.iter().filter_map(|value| value.parse().ok());
        return totals::total(shares).to_string();
    }
    if ADDED.contains(&field) {
        return added(values);
    }
    if GREATEST.contains(&field) {
        return greatest(values).cloned().unwrap_or_default();
    }
    if first.contains('=') {
        return parts_of_all(values);
    }
    first
}

fn added(values: &[String]) -> String {
    if let Some(sum) = values
        .iter()
        .map(|value| value.parse::<u64>().ok())
        .sum::<Option<u64>>()
    {
        return sum.to_string();
    }
    let sum: f64 = values
        .iter()
        .filter_map(|value| value.parse::<f64>().ok())
        .sum();
    // As many digits as the shards show.
    let digits = |value: &String| value.split_once('.').map_or(0, |(_, rest)| rest.len());
    let digits = values.iter().map(digits).max().unwrap_or(0);
    format!("{sum:.digits$}")
}

fn greatest(values: &[String]) -> Option<&String> {
    let number = |value: &String| value.parse::<f64>().unwrap_or(0.0);
    values
        .iter()
        .max_by(|one, other| number(one).total_cmp(&number(other)))
}

/// As Redis prints byte counts for people.
fn human(bytes: f64) -> String {
    const UNITS: [(f64, char); 4] = [
        (1024.0 * 1024.0 * 1024.0 * 1024.0, 'T'),
        (1024.0 * 1024.0 * 1024.0, 'G'),
        (1024.0 * 1024.0, 'M'),
        (1024.0, 'K'),
    ];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2}{unit}", bytes / size),
        None => format!("{bytes:.0}B"),
    }
}

/// `name=value,…`: counts are added, averages weighed, percentiles are the worst.
fn parts_of_all(values: &[String]) -> String {
    let parsed: Vec<Vec<(&str, &str)>> = values
        .iter()
        .map(|value| {
            value
                .split(',')
                .filter_map(|part| part.split_once('='))
                .collect()
        })
        .collect();
    let Some(first) = parsed.first() else {
        return String::new();
    };
    let number = |parts: &[(&str, &str)], name: &str| -> f64 {
        let part = parts.iter().find(|(known, _)| *known == name);
        part.and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0.0)
    };
    let sum = |name: &str| parsed.iter().map(|parts| number(parts, name)).sum::<f64>();
    let mean = |name: &str, weight: &str| {
        let all = sum(weight);
        let weighed: f64 = parsed
            .iter()
            .map(|parts| number(parts, name) * number(parts, weight))
            .sum();
        if all > 0.0 { weighed / all } else { 0.0 }
    };
    let most = |name: &str| {
        parsed
            .iter()
            .map(|parts| number(parts, name))
            .fold(0.0, f64::max)
    };
    let text_of = |(name, value): &(&str, &str)| match *name {
        "avg_ttl" => format!("{name}={:.0}", mean(name, "expires")),
        "usec_per_call" => format!("{name}={:.2}", mean(name, "calls")),
        name if ADDED_PARTS.contains(&name) => format!("{name}={:.0}", sum(name)),
        name if name.starts_with('p') && value.parse::<f64>().is_ok() => {
            format!("{name}={:.3}", most(name))
        }
        name => format!("{name}={value}"),
    };
    first.iter().map(text_of).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_texts_are_the_first_and_the_proxy_says_its_own() {
        let one = b"# Server\r\nredis_version:7.2.4\r\ntcp_port:1\r\n\r\n# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=1,avg_ttl=100\r\n";
        let two = b"# Server\r\nredis_version:9\r\ntcp_port:2\r\n\r\n# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n\r\n# Keyspace\r\ndb0:keys=5,expires=3,avg_ttl=500\r\ndb3:keys=2,expires=0,avg_ttl=0\r\n";
        let facts = ProxyFacts {
            is_asked_for: true,
            own: vec![("tcp_port", "6379".to_owned())],
            section: vec![("shards", "2".to_owned())],
            hot_keys: vec![("hot_key_1".to_owned(), "per_sec=1,name=a".to_owned())],
        };
        let text = merge(&facts, &[one, two]);
        let expected = "# Server\r\nredis_version:7.2.4\r\ntcp_port:6379\r\n\r\n# Memory\r\nused_memory:2097152\r\nused_memory_human:2.00M\r\n\r\n# Keyspace\r\ndb0:keys=6,expires=4,avg_ttl=400\r\ndb3:keys=2,expires=0,avg_ttl=0\r\n\r\n# Proxy\r\nshards:2\r\n\r\n# Hotkeys\r\nhot_key_1:per_sec=1,name=a\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_people_read_says_the_same_as_what_machines_read() {
        let text = "# Memory\r\ntotal_system_memory:4294967296\r\ntotal_system_memory_human:4.00G\r\nmaxmemory:104857600\r\nmaxmemory_human:100.00M\r\n";
        let merged = merge(&ProxyFacts::default(), &[text.as_bytes(); 3]);
        assert_eq!(
            merged,
            "# Memory\r\ntotal_system_memory:4294967296\r\ntotal_system_memory_human:4.00G\r\nmaxmemory:314572800\r\nmaxmemory_human:300.00M\r\n"
        );
        let unlimited = text.replace("104857600", "0");
        let merged = merge(
            &ProxyFacts::default(),
            &[text.as_bytes(), unlimited.as_bytes()],
        );
        assert!(merged.contains("maxmemory:0\r\n"), "one shard has no limit");
        let memory = |used: u64, peak: u64, percent: &str| {
            format!(
                "# Memory\r\nused_memory:{used}\r\nused_memory_peak:{peak}\r\nused_memory_peak_perc:{percent}\r\n"
            )
        };
        let (one, two) = (memory(10, 100, "10.00%"), memory(90, 100, "90.00%"));
        let merged = merge(&ProxyFacts::default(), &[one.as_bytes(), two.as_bytes()]);
        assert_eq!(merged, memory(100, 200, "50.00%"));
    }

    #[test]
    fn command_statistics_stay_right() {
        let values = [
            "calls=1,usec=10,usec_per_call=10.00,rejected_calls=0,failed_calls=1",
            "calls=3,usec=6,usec_per_call=2.00,rejected_calls=0,failed_calls=0",
        ]
        .map(str::to_owned);
        assert_eq!(
            parts_of_all(&values),
            "calls=4,usec=16,usec_per_call=4.00,rejected_calls=0,failed_calls=1"
        );
        assert_eq!(added(&["1.5".to_owned(), "2.25".to_owned()]), "3.75");
    }

    #[test]
    fn of_times_and_ratios_the_worst_is_told() {
        let texts = ["9", "10", "2"].map(|stay| {
            format!("# Stats\r\nexpired_longest_stay_ms:{stay}\r\ninstantaneous_input_kbps:1.5{stay}\r\n")
        });
        let replies: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        assert_eq!(
            merge(&ProxyFacts::default(), &replies),
            "# Stats\r\nexpired_longest_stay_ms:10\r\ninstantaneous_input_kbps:4.620\r\n"
        );
    }

    #[test]
    fn without_any_shard_the_proxy_still_answers() {
        let facts = ProxyFacts {
            is_asked_for: true,
            section: vec![("shards", "1".to_owned())],
            ..ProxyFacts::default()
        };
        assert_eq!(merge(&facts, &[]), "# Proxy\r\nshards:1\r\n");
    }
}
