//! Values of several words: output limits, percentiles, save points, event letters, and their complaints.
//! Pure. The texts are those of Redis 7.0, word for word.

use super::kind::Complaint;
use shared::config::parse_size;
use shared::resp::parse_integer;

/// The classes of `client-output-buffer-limit`, in the order in which it is shown.
const CLIENT_CLASSES: [&[&[u8]]; 3] = [&[b"normal"], &[b"slave", b"replica"], &[b"pubsub"]];
/// Letters of `notify-keyspace-events` that `A` stands for, in the order in which they are shown.
const ALL_EVENTS: &[u8] = b"g$lshzxetd";
/// Shown behind those, but not behind an `A`, as Redis.
const NEW_KEY_EVENT: u8 = b'n';
/// The other letters, in the order in which they are shown.
const OTHER_EVENTS: &[u8] = b"KEm";

/// The words of a value; between two blanks there is an empty one, as for Redis.
fn words(value: &[u8]) -> Vec<&[u8]> {
    if value.is_empty() {
        return Vec::new();
    }
    value.split(|byte| *byte == b' ').collect()
}

pub(super) fn host_name(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if value.iter().all(valid) {
        Ok(value.to_vec())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
    }
}

/// One class of `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes of waiting replies at which a client is cut at once; 0 is never.
    pub hard_bytes: u64,
    /// Bytes at which it is cut after `soft_seconds`; 0 is never.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

impl OutputLimit {
    /// No reply can be longer: its client would be cut.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        match self.hard_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        }
    }
}

/// The three classes of a value that [`output_limits`] has made.
pub(super) fn read_output_limits(canonical: &[u8]) -> [OutputLimit; 3] {
    let mut limits = [OutputLimit::default(); 3];
    for (limit, four) in limits.iter_mut().zip(words(canonical).chunks_exact(4)) {
        let number = |word: &[u8]| parse_size(word).unwrap_or_default();
        *limit = OutputLimit {
            hard_bytes: number(four[1]),
            soft_bytes: number(four[2]),
            soft_seconds: number(four[3]),
        };
    }
    limits
}

pub(super) fn output_limits(current: &[u8], value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let given = words(value);
    if !given.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut limits = read_output_limits(current);
    for four in given.chunks_exact(4) {
        let class = CLIENT_CLASSES
            .iter()
            .position(|names| names.iter().any(|name| name.eq_ignore_ascii_case(four[0])))
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        let wrong = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        limits[class] = OutputLimit {
            hard_bytes: parse_size(four[1]).ok_or(wrong)?,
            soft_bytes: parse_size(four[2]).ok_or(wrong)?,
            soft_seconds: parse_integer(four[3])
                .and_then(|seconds| u64::try_from(seconds).ok())
                .ok_or(wrong)?,
        };
    }
    let shown: Vec<String> = ["normal", "slave", "pubsub"]
        .iter()
        .zip(limits)
        .map(|(class, limit)| {
            format!(
                "{class} {} {} {}",
                limit.hard_bytes, limit.soft_bytes, limit.soft_seconds
            )
        })
        .collect();
    Ok(shown.join(" ").into_bytes())
}

pub(super) fn percentiles(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let mut shown = Vec::new();
    for word in words(value) {
        let percent: f64 = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|percent: &f64| !percent.is_nan())
            .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                    .into(),
            );
        }
        shown.push(short_decimal(percent));
    }
    Ok(shown.join(" ").into_bytes())
}

/// At most six decimals, none of them a trailing zero.
pub(crate) fn short_decimal(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn oom_scores(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let given = words(value);
    if given.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    for word in &given {
        if !parse_integer(word).is_some_and(|score| (-2000..=2000).contains(&score)) {
            return Err(
                "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into(),
            );
        }
    }
    Ok(given.join(&b' '))
}

pub(super) fn save_points(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let given = words(value);
    let valid = given.len().is_multiple_of(2)
        && given.chunks_exact(2).all(|pair| {
            parse_integer(pair[0]).is_some_and(|seconds| seconds >= 1)
                && parse_integer(pair[1]).is_some_and(|changes| changes >= 0)
        });
    if valid {
        Ok(given.join(&b' '))
    } else {
        Err("Invalid save parameters".into())
    }
}

/// The pairs of a value that [`save_points`] has made: seconds and changes.
pub(super) fn read_save_points(canonical: &[u8]) -> Vec<(u64, u64)> {
    let number = |word: &[u8]| parse_size(word).unwrap_or_default();
    let pairs = words(canonical);
    let pairs = pairs.chunks_exact(2);
    pairs.map(|two| (number(two[0]), number(two[1]))).collect()
}

/// Whether the letters ask for new keys, which is not shown behind an `A`.
pub(super) fn asks_for_new_keys(value: &[u8]) -> bool {
    let letters = value.split(|byte| *byte == 0).next();
    letters.is_some_and(|letters| letters.contains(&NEW_KEY_EVENT))
}

/// The letters end at a NUL byte, as a C string does.
pub(super) fn keyspace_events(value: &[u8]) -> Result<Vec<u8>, Complaint> {
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let known = |letter: &u8| {
        matches!(*letter, b'A' | NEW_KEY_EVENT)
            || ALL_EVENTS.contains(letter)
            || OTHER_EVENTS.contains(letter)
    };
    if !value.iter().all(known) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    let has = |letter: &u8| {
        value.contains(letter) || (ALL_EVENTS.contains(letter) && value.contains(&b'A'))
    };
    let mut shown = Vec::new();
    if ALL_EVENTS.iter().all(has) {
        shown.push(b'A');
    } else {
        let separately = ALL_EVENTS.iter().chain([&NEW_KEY_EVENT]);
        shown.extend(separately.copied().filter(|letter| has(letter)));
    }
    shown.extend(OTHER_EVENTS.iter().copied().filter(|letter| has(letter)));
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::{OutputLimit, keyspace_events, output_limits, percentiles, read_output_limits};

    #[test]
    fn output_limits_change_only_the_classes_given() {
        let before = b"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        let after = output_limits(before, b"normal 1mb 2kb 3 replica 1 2 3").expect("valid");
        assert_eq!(
            after,
            b"normal 1048576 2048 3 slave 1 2 3 pubsub 33554432 8388608 60"
        );
        let normal = OutputLimit {
            hard_bytes: 1_048_576,
            soft_bytes: 2_048,
            soft_seconds: 3,
        };
        assert_eq!(read_output_limits(&after)[0], normal);
        for wrong in ["normal 1 2", "zork 1 2 3", "normal 1 2 x", "normal 1 2 -1"] {
            assert!(output_limits(before, wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn event_letters_are_shown_in_one_order() {
        let check = |value: &[u8], shown: &[u8]| {
            assert_eq!(keyspace_events(value).as_deref(), Ok(shown));
        };
        check(b"g$lshzxetdmKE", b"AKEm");
        check(b"EKx$g", b"g$xKE");
        check(b"AK", b"AK");
        check(b"KEmn$", b"$nKEm");
        check(b"", b"");
        check(b"K\0zork", b"K");
        assert!(keyspace_events(b"zork").is_err());
    }

    #[test]
    fn percentiles_are_shown_short() {
        assert_eq!(
            percentiles(b"0.1 33.33333333 50").as_deref(),
            Ok(&b"0.1 33.333333 50"[..])
        );
        assert!(percentiles(b"50 200").is_err() && percentiles(b"x").is_err());
        for wrong in [&b"nan"[..], b" 50", b"50  99", b"50 "] {
            assert!(percentiles(wrong).is_err(), "{}", wrong.escape_ascii());
        }
        assert_eq!(percentiles(b"").as_deref(), Ok(&b""[..]));
    }
}
