//! Is the proxy of use to its clients? What /readyz says.
//! Pure: is told what each thread knows of the way to each shard.

use std::collections::BTreeMap;

use crate::pipe::reach::Reach;

/// What is known of the way to a shard's primary; of several threads' words the best counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// It cannot be reached.
    Lost,
    /// It is there and does not take the proxy's password.
    Barred,
    /// It can be reached, or nothing else is known.
    Open,
}

impl Access {
    /// As commands find it.
    pub(crate) fn of(reach: &Reach) -> Self {
        match (reach.is_lost(), reach.is_barred()) {
            (false, _) => Self::Open,
            (true, false) => Self::Lost,
            (true, true) => Self::Barred,
        }
    }
}

/// Each shard with the best that any thread says of it.
pub(crate) fn of_all_threads<'a>(
    words: impl Iterator<Item = &'a (Box<str>, Access)>,
) -> BTreeMap<&'a str, Access> {
    let mut shards = BTreeMap::new();
    for (shard, access) in words {
        let best = shards.entry(&**shard).or_insert(*access);
        *best = (*best).max(*access);
    }
    shards
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Whether clients should be sent here.
    pub(crate) is_ready: bool,
    /// Why, a line.
    pub(crate) text: String,
}

/// Ready is a proxy all of whose threads answer, for each of them has clients, and that reaches a shard: keys of shards that are lost get an error here as they would at any other proxy. Where none can
/// be reached another proxy may do better. A topology's store that is away, `store_away_ms` for how long, is said: at other proxies it is no other.
pub(crate) fn judge(
    shards: &BTreeMap<&str, Access>,
    silent_threads: usize,
    threads: usize,
    store_away_ms: Option<u64>,
) -> Readiness {
    if silent_threads > 0 {
        return Readiness {
            is_ready: false,
            text: format!("not ready: {silent_threads} of {threads} threads do not answer\n"),
        };
    }
    let named = |wanted: Access| -> Vec<&str> {
        let those = shards.iter().filter(|(_, access)| **access == wanted);
        those.map(|(name, _)| *name).collect()
    };
    let open = named(Access::Open).len();
    let is_ready = open > 0;
    let word = if is_ready { "ok" } else { "not ready" };
    let mut text = format!("{word}: {open} of {} shards can be reached", shards.len());
    for (access, what) in [
        (Access::Lost, "out of reach"),
        (
            Access::Barred,
            "refuses the proxy's password, see node-password",
        ),
    ] {
        let names = named(access);
        if !names.is_empty() {
            text.push_str(&format!("; {what}: {}", some_of(&names)));
        }
    }
    if let Some(ms) = store_away_ms {
        let seconds = ms / 1_000;
        text.push_str(&format!(
            "; the topology's store has not answered for {seconds} s: traffic goes on, and nobody can take over"
        ));
    }
    text.push('\n');
    Readiness { is_ready, text }
}

/// Names shown in one line.
const NAMES_SHOWN: usize = 10;

fn some_of(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[(&str, Access)], is_ready: bool, text: &str) {
        let words: Vec<(Box<str>, Access)> = words
            .iter()
            .map(|(name, access)| ((*name).into(), *access))
            .collect();
        let readiness = judge(&of_all_threads(words.iter()), 0, 2, None);
        assert_eq!((readiness.is_ready, &*readiness.text), (is_ready, text));
    }

    #[test]
    fn a_proxy_is_ready_while_some_thread_reaches_some_shard() {
        use Access::{Barred, Lost, Open};
        check(
            &[("a", Open), ("b", Lost), ("a", Lost), ("b", Open)],
            true,
            "ok: 2 of 2 shards can be reached\n",
        );
        check(
            &[("a", Open), ("b", Lost)],
            true,
            "ok: 1 of 2 shards can be reached; out of reach: b\n",
        );
        check(
            &[("a", Lost), ("b", Lost)],
            false,
            "not ready: 0 of 2 shards can be reached; out of reach: a, b\n",
        );
        check(
            &[("a", Barred), ("b", Lost), ("a", Lost)],
            false,
            "not ready: 0 of 2 shards can be reached; out of reach: b; refuses the proxy's password, see node-password: a\n",
        );
        let open = BTreeMap::from([("a", Open)]);
        let away = judge(&open, 0, 2, Some(12_999));
        assert!(away.is_ready, "others have the same store");
        assert_eq!(
            away.text,
            "ok: 1 of 1 shards can be reached; the topology's store has not answered for 12 s: traffic goes on, and nobody can take over\n"
        );
        let readiness = judge(&open, 1, 2, None);
        assert!(!readiness.is_ready);
        assert_eq!(readiness.text, "not ready: 1 of 2 threads do not answer\n");
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        let names: Vec<String> = (10..40).map(|number| format!("s{number}")).collect();
        let words: Vec<(&str, Access)> = names.iter().map(|name| (&**name, Access::Lost)).collect();
        let all: BTreeMap<&str, Access> = words.into_iter().collect();
        assert!(judge(&all, 0, 2, None).text.ends_with("s19 and 20 more\n"));
    }
}
