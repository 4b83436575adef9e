//! CONFIG GET, SET, RESETSTAT, REWRITE.
//! Pure: a change takes effect through `Settings::hot`, and here in the store and the counters.

use super::super::access::users_changed;
use super::super::arguments::is_word;
use super::{Action, Call, Errand};
use crate::settings::{Kind, PARAMETERS};
use shared::glob::{Glob, GlobError};
use shared::resp::ErrorReply;
use std::sync::Arc;

/// Patterns of one CONFIG GET, each of which is held against every name: more than there are names, and done in a few milliseconds.
const MOST_PATTERNS: usize = 512;

/// CONFIG GET pattern …
pub(super) fn get(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let patterns = call.args;
    if patterns.len() > MOST_PATTERNS + 2 {
        return Err(ErrorReply::TooManyNames);
    }
    let patterns = patterns.iter_from(2);
    let patterns = patterns.map(|pattern| Ok((pattern, Glob::any_case(pattern)?)));
    let patterns: Vec<(&[u8], Glob)> = patterns.collect::<Result<_, GlobError>>()?;
    // A whole name is given back in the letters in which it was asked for, as Redis does.
    let asked = |name: &str| {
        patterns
            .iter()
            .find(|(_, glob)| glob.matches(name.as_bytes()) == Ok(true))
            .map(|(pattern, _)| {
                pattern
                    .eq_ignore_ascii_case(name.as_bytes())
                    .then_some(*pattern)
            })
    };
    let settings = &call.node.settings;
    let shown = settings
        .shown()
        .filter_map(|(name, value)| Some((asked(name)?.unwrap_or(name.as_bytes()), value)));
    let head = call.reply.map_later();
    let mut pairs = 0;
    for (name, value) in shown {
        call.reply.bulk(name);
        call.reply.bulk(value);
        pairs += 1;
    }
    call.reply.finish(head, pairs);
    Ok(Action::Continue)
}

/// CONFIG SET name value \[name value …\]
pub(super) fn set(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    if args.len() % 2 == 1 {
        return Err(ErrorReply::Syntax);
    }
    let pairs = (2..args.len())
        .step_by(2)
        .map(|index| (args.at(index), args.at(index + 1)));
    // No log shows what is behind these.
    let watched = pairs.clone().take(u64::BITS as usize / 2 - 1);
    for (place, (name, _)) in watched.enumerate() {
        if is_secret(name) {
            call.session.secret_args |= 1 << (2 * place + 3);
        }
    }
    call.node.settings.set(pairs.clone())?;
    take_effect(call);
    if pairs.clone().any(|(name, _)| is_word(name, "requirepass")) {
        let password = &call.node.settings.hot.password;
        let changed = Arc::make_mut(&mut call.node.access.users).set_default_password(password);
        users_changed(call, &[changed]);
    }
    call.reply.ok();
    Ok(Action::NewLimits)
}

fn is_secret(name: &[u8]) -> bool {
    PARAMETERS
        .iter()
        .any(|row| row.is_called(name) && matches!(row.kind, Kind::Secret))
}

/// What does not look at the settings itself is told.
pub(in crate::commands) fn take_effect(call: &mut Call<'_>) {
    let node = &mut *call.node;
    call.store.set_eviction(node.settings.hot.eviction);
    call.store.set_event_classes(node.settings.hot.events);
    node.slowlog.trim(node.settings.hot.slowlog_max_len);
    let track = node.settings.hot.latency_tracking;
    if node.stats.track_latency && !track {
        node.stats.forget_durations();
    }
    node.stats.track_latency = track;
}

/// CONFIG RESETSTAT
pub(super) fn reset_stat(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.node.stats.reset();
    call.store.reset_counters();
    call.reply.ok();
    Ok(Action::Continue)
}

/// CONFIG REWRITE
pub(super) fn rewrite(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.node.identity.config_file.is_empty() {
        return Err(ErrorReply::NoConfigFile);
    }
    Ok(Action::Errand(Errand::RewriteConfig))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn patterns_find_names_and_older_names() {
        let mut node = TestNode::new();
        let mut check = |line: &str, reply: &str| assert_eq!(node.send(line), reply, "{line}");
        check(
            "CONFIG GET MAXMEMORY zork",
            "*2\r\n$9\r\nMAXMEMORY\r\n$1\r\n0\r\n",
        );
        check(
            "CONFIG GET slave-prio* hz",
            "*4\r\n$2\r\nhz\r\n$2\r\n10\r\n$14\r\nslave-priority\r\n$3\r\n100\r\n",
        );
        check("CONFIG GET zork", "*0\r\n");
        let many = |count| "CONFIG GET".to_owned() + &" hz".repeat(count);
        check(&many(512), "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n");
        let refused = "-ERR too many names in one request, ask for fewer at a time\r\n";
        check(&many(513), refused);
    }

    #[test]
    fn a_setting_takes_effect_at_once() {
        let mut node = TestNode::new();
        let mut check = |line: &str, reply: &str| assert_eq!(node.send(line), reply, "{line}");
        check("SET a b", "+OK\r\n");
        let bound = node.store.used_memory() - 1;
        let mut check = |line: &str, reply: &str| assert_eq!(node.send(line), reply, "{line}");
        check(&format!("CONFIG SET maxmemory {bound}"), "+OK\r\n");
        check(
            "SET a b",
            "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        );
        check("CONFIG SET maxmemory-policy allkeys-random", "+OK\r\n");
        check("SET c d", "+OK\r\n");
        check("EXISTS a", ":0\r\n");
        check("CONFIG SET maxmemory 0 hz", "-ERR syntax error\r\n");
        check(
            "CONFIG REWRITE",
            "-ERR The server is running without a config file\r\n",
        );
        check("CONFIG RESETSTAT", "+OK\r\n");
    }
}
