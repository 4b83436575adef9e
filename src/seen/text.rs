//! What a proxy's API says, as people read it in a terminal.
//! Pure. Invariant: nothing of what it says moves the cursor ([`plain`]).

use serde_json::Value;
use shared::config::ByteCount;

/// A value as text that a terminal shows and does not obey.
pub(super) fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

/// Each of a list as JSON, a line each.
pub(super) fn each(list: &Value) -> String {
    let lines = items(list).iter().map(Value::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Columns as wide as what stands in them; numbers to the right.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([heads[at].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    // What begins with a digit and has no colon, as addresses and times have, is a number.
    let is_number = |at: usize| {
        let is_one = |row: &Vec<String>| {
            let begins = row[at].starts_with(|it: char| it.is_ascii_digit() || it == '-');
            begins && !row[at].contains(':')
        };
        !rows.is_empty() && rows.iter().all(is_one)
    };
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (at, cell) in cells.into_iter().enumerate() {
            let gap = " ".repeat(widths[at] - cell.chars().count());
            match is_number(at) {
                true => line.push_str(&format!("{gap}{cell}  ")),
                false => line.push_str(&format!("{cell}{gap}  ")),
            }
        }
        line.trim_end().to_owned()
    };
    let rows = rows
        .iter()
        .map(|row| line(row.iter().map(String::as_str).collect()));
    let lines: Vec<String> = [line(heads.to_vec())].into_iter().chain(rows).collect();
    lines.join("\n")
}

/// How a proxy is.
pub(super) fn status(status: &Value, shards: &Value, nodes: &Value) -> String {
    let mut parts = vec![head(status).join("\n")];
    parts.push(table(SHARD_HEADS, &shard_rows(shards)));
    parts.push(table(NODE_HEADS, &node_rows(nodes)));
    let conditions = items(&status["conditions"]).iter().map(|condition| {
        let since = span(condition["for_ms"].as_u64().unwrap_or_default());
        format!("condition for {since}: {}", plain(&condition["text"]))
    });
    let conditions: Vec<String> = conditions.collect();
    if !conditions.is_empty() {
        parts.push(conditions.join("\n"));
    }
    parts.join("\n\n")
}

/// The first lines.
pub(super) fn head(status: &Value) -> Vec<String> {
    let number = |name: &str| status[name].as_u64().unwrap_or_default();
    let now = &status["now"];
    let rate = |name: &str| now[name].as_f64().map_or_else(|| "-".to_owned(), short);
    let latency = |name: &str| now[name].as_u64().map_or_else(|| "-".to_owned(), micros);
    let leads = match status["is_controller"].as_bool() {
        Some(true) => "this proxy changes it",
        _ => "another proxy changes it, or nobody needs to",
    };
    let up = span(number("now_ms").saturating_sub(number("started_at_ms")));
    let hits = status["hit_ratio"].as_f64();
    let hits = hits.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    vec![
        format!(
            "proxy {} at {}, Switchyard {}, up {up}",
            plain(&status["proxy"]),
            plain(&status["address"]),
            plain(&status["version"])
        ),
        plain(&status["readiness"]),
        format!("topology version {}; {leads}", number("topology_version")),
        format!(
            "clients {} of {}, requests {}/s, error replies {}/s, hits {hits} of reads",
            plain(&now["clients"]),
            number("maxclients"),
            rate("requests_per_second"),
            rate("errors_per_second"),
        ),
        format!(
            "latency p50 {}, p99 {}, p99.9 {}",
            latency("p50_us"),
            latency("p99_us"),
            latency("p999_us")
        ),
    ]
}

pub(super) const SHARD_HEADS: &[&str] = &[
    "SHARD",
    "EPOCH",
    "PRIMARY",
    "REACHED",
    "IN SYNC",
    "LAG",
    "REQUESTS/S",
    "WAITING",
];

pub(super) fn shard_rows(shards: &Value) -> Vec<Vec<String>> {
    let row = |shard: &Value| {
        let members = items(&shard["members"]);
        let primary = members.iter().find(|member| member["place"] == "primary");
        let in_sync = members.iter().filter(|member| member["place"] != "learner");
        let lags = members
            .iter()
            .filter_map(|member| member["lag_bytes"].as_u64());
        let reached = match shard["is_reachable"].as_bool() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        vec![
            plain(&shard["id"]),
            plain(&shard["epoch"]),
            plain(&primary.map_or(Value::Null, |primary| primary["node"].clone())),
            reached.to_owned(),
            format!("{} of {}", in_sync.count(), plain(&shard["copies"])),
            lags.max().map_or_else(|| "-".to_owned(), size),
            shard["requests_per_second"]
                .as_f64()
                .map_or_else(|| "-".to_owned(), short),
            plain(&shard["waiting_requests"]),
        ]
    };
    items(shards).iter().map(row).collect()
}

pub(super) const NODE_HEADS: &[&str] = &[
    "NODE",
    "SHARD",
    "ADDRESS",
    "IS",
    "MEMORY",
    "OF",
    "KEYS",
    "COMMANDS/S",
    "EVICTED",
];

pub(super) fn node_rows(nodes: &Value) -> Vec<Vec<String>> {
    let row = |node: &Value| {
        let holds = &node["holds"];
        let bytes = |name: &str| holds[name].as_u64().map_or_else(|| "-".to_owned(), size);
        let is = match node["is_down"].as_bool() {
            Some(true) => "down".to_owned(),
            _ if holds.is_null() => "not heard".to_owned(),
            _ => match node["said"]["role"]["kind"].as_str() {
                Some(role) => role.to_owned(),
                None => "there".to_owned(),
            },
        };
        vec![
            plain(&node["id"]),
            plain(&node["shard"]),
            plain(&node["address"]),
            is,
            bytes("used_memory_bytes"),
            match holds["maxmemory_bytes"].as_u64() {
                Some(0) => "no bound".to_owned(),
                _ => bytes("maxmemory_bytes"),
            },
            plain(&holds["keys"]),
            plain(&holds["commands_per_second"]),
            plain(&holds["evicted_keys"]),
        ]
    };
    items(nodes).iter().map(row).collect()
}

pub(super) fn slow_log(said: &Value) -> String {
    let row = |slow: &Value| {
        let words = items(&slow["command"]).iter().map(plain);
        vec![
            when(&slow["at_ms"]),
            micros(slow["took_us"].as_u64().unwrap_or_default()),
            plain(&slow["shard"]),
            plain(&slow["node"]),
            words.collect::<Vec<_>>().join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = items(&said["commands"]).iter().map(row).collect();
    let mut text = match rows.is_empty() {
        true => "no command was slow".to_owned(),
        false => table(&["WHEN (UTC)", "TOOK", "SHARD", "NODE", "COMMAND"], &rows),
    };
    for missing in items(&said["missing"]) {
        let (shard, because) = (plain(&missing["shard"]), plain(&missing["because"]));
        text.push_str(&format!("\nshard {shard} does not tell: {because}"));
    }
    text
}

pub(super) fn clients(said: &Value) -> String {
    let row = |client: &Value| {
        let seconds = |name: &str| span(client[name].as_u64().unwrap_or_default() * 1_000);
        let text = |name: &str| match client[name].as_str() {
            Some("") => "-".to_owned(),
            _ => plain(&client[name]),
        };
        vec![
            text("id"),
            text("address"),
            text("name"),
            text("user"),
            text("library"),
            seconds("age_s"),
            seconds("idle_s"),
            size(client["output_bytes"].as_u64().unwrap_or_default()),
        ]
    };
    let rows: Vec<Vec<String>> = items(&said["clients"]).iter().map(row).collect();
    let heads = [
        "ID",
        "FROM",
        "NAME",
        "USER",
        "LIBRARY",
        "CONNECTED",
        "IDLE",
        "TO BE SENT",
    ];
    let mut text = match rows.is_empty() {
        true => "nobody is connected".to_owned(),
        false => table(&heads, &rows),
    };
    let more = said["left_out"].as_u64().unwrap_or_default();
    if more > 0 {
        text.push_str(&format!("\nand {more} more; --limit says how many"));
    }
    text
}

pub(super) fn events(list: &Value) -> String {
    let line = |event: &Value| {
        let about = ["shard", "node", "peer"].iter().filter_map(|name| {
            let value = &event[*name];
            (!value.is_null()).then(|| format!(" {name}={}", plain(value)))
        });
        format!(
            "{}  {:<7}  {}{}: {}",
            when(&event["at_ms"]),
            plain(&event["weight"]),
            plain(&event["kind"]),
            about.collect::<String>(),
            plain(&event["text"])
        )
    };
    let lines: Vec<String> = items(list).iter().map(line).collect();
    match lines.is_empty() {
        true => "nothing has happened".to_owned(),
        false => lines.join("\n"),
    }
}

pub(super) fn explanation(said: &Value) -> String {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &Value| {
        if !value.is_null() && value != "" {
            lines.push(format!("{name:<9} {}", plain(value)));
        }
    };
    add("command", &said["command"]);
    add("goes", &said["route"]);
    add("over", &said["pipe"]);
    add("asks", &said["role"]);
    for key in items(&said["keys"]) {
        let (name, slot, shard) = (
            plain(&key["key"]),
            plain(&key["slot"]),
            plain(&key["shard"]),
        );
        lines.push(format!("key       {name}: slot {slot}, shard {shard}"));
    }
    let more = said["keys_left_out"].as_u64().unwrap_or_default();
    if more > 0 {
        lines.push(format!("          and {more} keys more"));
    }
    for shard in items(&said["shards"]) {
        let reached = match shard["is_reachable"].as_bool() {
            Some(false) => ", which cannot be reached: the command would wait, and then fail",
            _ => "",
        };
        lines.push(format!(
            "shard     {} at epoch {}: {} at {}{reached}",
            plain(&shard["shard"]),
            plain(&shard["epoch"]),
            plain(&shard["primary"]),
            plain(&shard["address"])
        ));
    }
    lines.push(match said["refused"].is_null() {
        true => "refused   no".to_owned(),
        false => format!("refused   {}", plain(&said["refused"])),
    });
    lines.push(format!(
        "topology  version {}",
        plain(&said["topology_version"])
    ));
    lines.join("\n")
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kb", "mb", "gb", "tb"];
    if bytes < 1_024 {
        return ByteCount(bytes).to_string();
    }
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10 / 1_024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
}

fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}us"),
        1_000..1_000_000 => format!("{}.{:02}ms", us / 1_000, us % 1_000 / 10),
        _ => format!("{}.{:02}s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

fn short(rate: f64) -> String {
    match rate {
        ..100.0 => format!("{rate:.1}"),
        100.0..10_000.0 => format!("{rate:.0}"),
        10_000.0..1e6 => format!("{:.1}k", rate / 1e3),
        _ => format!("{:.2}M", rate / 1e6),
    }
}

pub(super) fn span(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m{}s", seconds / 60, seconds % 60),
        seconds @ 3_600..86_400 => format!("{}h{}m", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A moment, as `2026-12-01 22:10:03` in UTC.
fn when(at_ms: &Value) -> String {
    let Some(at_ms) = at_ms.as_u64() else {
        return "-".to_owned();
    };
    let seconds = at_ms / 1_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        of_day / 3_600,
        of_day % 3_600 / 60,
        of_day % 60
    )
}

/// Year, month and day of a day since 1970: years begin in March, so that the day that leap years have more is their last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const ERA: u64 = 146_097;
    let all = days + DAYS_TO_1970;
    let (era, of_era) = (all / ERA, all % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = match month {
        0..10 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_sizes_and_times_are_said_as_people_say_them() {
        let moments = [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_000, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_199_000, "2024-02-29 23:59:59"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
            (1_767_225_599_999_u64, "2025-12-31 23:59:59"),
        ];
        for (at_ms, expected) in moments {
            assert_eq!(when(&json!(at_ms)), expected);
        }
        let sizes = [
            (0, "0"),
            (1_023, "1023"),
            (1_024, "1.0kb"),
            (1_536, "1.5kb"),
            (3 << 30, "3.0gb"),
            (u64::MAX, "16777215.9tb"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(
            [micros(7), micros(1_234), micros(2_500_000)],
            ["7us", "1.23ms", "2.50s"]
        );
        assert_eq!(
            [span(59_999), span(61_000), span(7_260_000)],
            ["59s", "1m1s", "2h1m"]
        );
    }

    #[test]
    fn nothing_that_is_shown_moves_the_cursor() {
        let evil = "\u{1b}[2J\u{9b}31m\r\nx";
        let client = json!({ "id": 1, "address": "a", "name": evil, "user": evil, "library": "" });
        let said = json!({ "clients": [client], "left_out": 3 });
        let event =
            json!([{ "at_ms": 0, "weight": "info", "kind": "order", "text": evil, "peer": evil }]);
        let slow = json!({ "commands": [{ "command": [evil], "took_us": 1 }], "missing": [{ "shard": "s1", "because": evil }] });
        for text in [clients(&said), events(&event), slow_log(&slow)] {
            let moves = |letter: char| letter.is_control() && letter != '\n';
            assert!(!text.contains(moves), "{text:?}");
            assert!(text.contains("\\u{1b}[2J"), "{text}");
        }
        assert!(clients(&said).ends_with("and 3 more; --limit says how many"));
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [
            vec!["a".to_owned(), "10".to_owned()],
            vec!["bcd".to_owned(), "9".to_owned()],
        ];
        assert_eq!(table(&["X", "N"], &rows), "X     N\na    10\nbcd   9");
    }

    #[test]
    fn an_answer_of_another_shape_is_no_panic() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!(7),
            json!([[1], "x", {}]),
        ] {
            status(&value, &value, &value);
            slow_log(&value);
            clients(&value);
            events(&value);
            explanation(&value);
        }
    }
}
