//! What all threads of a proxy have seen, put together, in words for people and machines: as JSON over the admin listener, and as the section Hotkeys of INFO.
//! Pure. Whoever shows it asks first whether it may be seen: it names keys of clients. Bound: [`MOST_SHOWN`] of each kind.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::biggest::Big;
use super::name::Name;
use super::space_saving::{Counter, Summary};
use super::{HALF_LIFE_MS, Seen};

/// Most keys, or beginnings of keys, that are shown.
const MOST_SHOWN: usize = 100;

/// How many of each INFO tells.
const MOST_IN_INFO: usize = 16;

/// A key, or what keys begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ShownName {
    /// The name in one line: what is no letter, and a backslash, as `\xff`, `\n` and the like. Of a long one the beginning.
    pub(crate) name: String,
    /// Whether it is longer than what is shown.
    pub(crate) is_cut: bool,
    /// Bytes of all of it.
    pub(crate) length: usize,
    /// The database in which it is.
    pub(crate) database: u32,
}

/// How often something is used, estimated from a sample, as it was in the last minutes: what came a minute ago counts for half.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Use {
    /// Accesses a second, at most: of a command with several keys each is one.
    pub(crate) accesses_per_second: f64,
    /// By so much that may be too great, for want of counters; the sample's own chance comes on top, about the root of what was looked at.
    pub(crate) over_by_at_most: f64,
    /// Which part of all accesses that is, from 0 to 1.
    pub(crate) share: f64,
    /// Bytes of requests a second.
    pub(crate) request_bytes_per_second: f64,
    /// Bytes of replies a second.
    pub(crate) reply_bytes_per_second: f64,
    /// Which part of the reads found something, from 0 to 1; null where no answer said so.
    pub(crate) hit_ratio: Option<f64>,
}

/// A key or beginning, and how it is used.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Used {
    /// Which.
    #[serde(flatten)]
    pub(crate) name: ShownName,
    /// How.
    #[serde(flatten)]
    pub(crate) used: Use,
}

/// How all of it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Counting {
    /// One request of so many is looked at; 0: none is, and nothing is known.
    pub(crate) sample: u32,
    /// What came so long ago counts for half.
    pub(crate) half_life_seconds: f64,
    /// All accesses of keys a second.
    pub(crate) accesses_per_second: f64,
    /// What is not shown has at most so many a second, accesses or bytes.
    pub(crate) unseen_at_most_per_second: f64,
}

/// `GET /api/v1/hot-keys`: the keys that are used most often through this proxy, most first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct HotKeys {
    /// How they were counted.
    #[serde(flatten)]
    pub(crate) counting: Counting,
    /// The keys.
    pub(crate) keys: Vec<Used>,
}

/// `GET /api/v1/prefixes`: what the keys begin with that are used most often through this proxy, most first: up to the first separator (`:`, `.`, `/`, `_`, `-`, `|`).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Prefixes {
    /// How they were counted.
    #[serde(flatten)]
    pub(crate) counting: Counting,
    /// The beginnings.
    pub(crate) prefixes: Vec<Used>,
}

/// A key of which a large request or reply was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LargeKey {
    /// Which.
    #[serde(flatten)]
    pub(crate) name: ShownName,
    /// Bytes of the largest request or reply that was seen in the last hour. That may be less than what the key holds: MEMORY USAGE tells that.
    pub(crate) bytes: usize,
    /// Whether that was a reply.
    pub(crate) is_reply: bool,
    /// The command.
    pub(crate) command: &'static str,
    /// How long ago it was seen last.
    pub(crate) seen_seconds_ago: u64,
}

/// `GET /api/v1/big-keys`: the keys whose requests and replies are large, and those of which most bytes pass.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct BigKeys {
    /// How bytes were counted.
    #[serde(flatten)]
    pub(crate) counting: Counting,
    /// The largest that were seen, largest first.
    pub(crate) largest: Vec<LargeKey>,
    /// Those of which most bytes pass, most first.
    pub(crate) most_bytes: Vec<Loaded>,
}

/// A key, and the bytes that pass.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Loaded {
    /// Which.
    #[serde(flatten)]
    pub(crate) name: ShownName,
    /// Bytes a second in both directions, at most.
    pub(crate) bytes_per_second: f64,
    /// By so much that may be too great.
    pub(crate) over_by_at_most: f64,
}

/// What all threads have seen.
#[derive(Debug)]
pub(crate) struct AllSeen {
    sample: u32,
    threads: Vec<Arc<Seen>>,
}

impl AllSeen {
    /// By threads that look at one request of `sample`.
    pub(crate) fn new(sample: u32, threads: Vec<Arc<Seen>>) -> Self {
        Self { sample, threads }
    }

    /// The keys that are used most.
    pub(crate) fn hot_keys(&self) -> HotKeys {
        let summary = self.merged(|seen| &seen.keys);
        HotKeys {
            counting: self.counting(&summary),
            keys: self.used(&summary),
        }
    }

    /// What they begin with.
    pub(crate) fn prefixes(&self) -> Prefixes {
        let summary = self.merged(|seen| &seen.prefixes);
        Prefixes {
            counting: self.counting(&summary),
            prefixes: self.used(&summary),
        }
    }

    /// Those that are large.
    pub(crate) fn big_keys(&self) -> BigKeys {
        let loads = self.merged(|seen| &seen.loads);
        let per_second = self.per_second();
        let loaded = |counter: &Counter| Loaded {
            name: ShownName::of(&counter.name),
            bytes_per_second: rounded(counter.count * per_second),
            over_by_at_most: rounded(counter.over * per_second),
        };
        let keys = self.merged(|seen| &seen.keys);
        let counting = Counting {
            unseen_at_most_per_second: rounded(loads.least * per_second),
            ..self.counting(&keys)
        };
        let now_ms = self.threads.iter().map(|seen| seen.at_ms).max();
        let now_ms = now_ms.unwrap_or_default();
        let all = self.threads.iter().flat_map(|seen| &seen.biggest);
        let largest = Big::merged(all).into_iter().take(MOST_SHOWN);
        BigKeys {
            counting,
            largest: largest.map(|big| LargeKey::of(&big, now_ms)).collect(),
            most_bytes: certain(&loads).map(loaded).collect(),
        }
    }

    /// The section of INFO: names and values. A name of a key stands last in its line.
    pub(crate) fn info(&self) -> Vec<(String, String)> {
        let (hot, big, prefixes) = (self.hot_keys(), self.big_keys(), self.prefixes());
        let counting = hot.counting;
        let mut lines = vec![
            ("hot_keys_sample".to_owned(), counting.sample.to_string()),
            (
                "key_accesses_per_sec".to_owned(),
                counting.accesses_per_second.to_string(),
            ),
        ];
        let used = |used: &Used| {
            let Use {
                accesses_per_second,
                over_by_at_most,
                ..
            } = used.used;
            let ratio = used.used.hit_ratio;
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.to_string());
            let bytes = used.used.request_bytes_per_second + used.used.reply_bytes_per_second;
            format!(
                "per_sec={accesses_per_second},over_by_at_most={over_by_at_most},bytes_per_sec={},hit_ratio={ratio},{}",
                rounded(bytes),
                used.name.in_info()
            )
        };
        let numbered = |kind: &str, texts: Vec<String>| -> Vec<(String, String)> {
            let lines = texts.into_iter().take(MOST_IN_INFO).enumerate();
            let lines = lines.map(|(number, text)| (format!("{kind}_{}", number + 1), text));
            lines.collect()
        };
        lines.extend(numbered("hot_key", hot.keys.iter().map(used).collect()));
        let large = |large: &LargeKey| {
            let LargeKey { bytes, command, .. } = large;
            format!("bytes={bytes},command={command},{}", large.name.in_info())
        };
        lines.extend(numbered("big_key", big.largest.iter().map(large).collect()));
        let texts = prefixes.prefixes.iter().map(used).collect();
        lines.extend(numbered("prefix", texts));
        lines
    }

    fn merged(&self, kind: impl Fn(&Seen) -> &Summary + Clone) -> Summary {
        Summary::merged(self.threads.iter().map(|seen| kind(seen)))
    }

    /// By what counts are multiplied: for so many requests each stands, in the time for which all that came before counts.
    pub(super) fn per_second(&self) -> f64 {
        let age_ms = self.threads.iter().map(|seen| seen.age_ms).max();
        // At first less has come than what decays would leave.
        let age = age_ms.unwrap_or_default().max(1_000) as f64 / HALF_LIFE_MS as f64;
        let half_life = HALF_LIFE_MS as f64 / 1_000.0;
        let seconds = half_life / std::f64::consts::LN_2 * (1.0 - 0.5_f64.powf(age));
        f64::from(self.sample) / seconds
    }

    fn counting(&self, summary: &Summary) -> Counting {
        let per_second = self.per_second();
        Counting {
            sample: self.sample,
            half_life_seconds: HALF_LIFE_MS as f64 / 1_000.0,
            accesses_per_second: rounded(summary.total * per_second),
            unseen_at_most_per_second: rounded(summary.least * per_second),
        }
    }

    fn used(&self, summary: &Summary) -> Vec<Used> {
        let per_second = self.per_second();
        let used = |counter: &Counter| {
            let amounts = &counter.amounts;
            let answered = amounts.hits + amounts.misses;
            Used {
                name: ShownName::of(&counter.name),
                used: Use {
                    accesses_per_second: rounded(counter.count * per_second),
                    over_by_at_most: rounded(counter.over * per_second),
                    share: rounded(counter.count / summary.total.max(f64::MIN_POSITIVE)),
                    request_bytes_per_second: rounded(amounts.request_bytes * per_second),
                    reply_bytes_per_second: rounded(amounts.reply_bytes * per_second),
                    hit_ratio: (answered > 0.0).then(|| rounded(amounts.hits / answered)),
                },
            }
        };
        certain(summary).map(used).collect()
    }
}

/// Those that have certainly come more often than not at all.
fn certain(summary: &Summary) -> impl Iterator<Item = &Counter> {
    let counters = summary.counters.iter();
    let came = counters.filter(|counter| counter.count > counter.over);
    came.take(MOST_SHOWN)
}

impl ShownName {
    fn of(name: &Name) -> Self {
        Self {
            name: name.shown(),
            is_cut: name.length() > name.text().len(),
            length: name.length(),
            database: name.database(),
        }
    }

    fn in_info(&self) -> String {
        let Self {
            name,
            database,
            is_cut,
            length,
        } = self;
        let is_cut = u8::from(*is_cut);
        // As clients read such a line, these end a value.
        let name = name.replace(',', "\\x2c").replace('=', "\\x3d");
        format!("db={database},length={length},is_cut={is_cut},name={name}")
    }
}

impl LargeKey {
    fn of(big: &Big, now_ms: u64) -> Self {
        Self {
            name: ShownName::of(&big.name),
            bytes: big.bytes,
            is_reply: big.is_reply,
            command: big.command,
            seen_seconds_ago: now_ms.saturating_sub(big.seen_ms) / 1_000,
        }
    }
}

/// Three digits behind the point are more than a sample knows.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
