//! What is said to etcd's JSON gateway, and what it answers (etcd's API reference, v3: `rpc.proto`, `kv.proto`). Pure.
//! Bytes travel as base64, numbers of 64 bits as text; what is zero or empty is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A question or an order: where it goes, and what it says.
#[derive(Clone)]
pub(super) struct Message {
    /// The path of HTTP.
    pub(super) path: &'static str,
    /// The body.
    pub(super) body: Value,
}

/// Most entries of one answer: proxies that live.
pub(super) const MOST_ENTRIES: u32 = 4_096;

/// When a put counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The key is not there.
    IsMissing,
    /// The key was put last at this revision.
    ChangedAt(i64),
}

/// An entry to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Put<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
    /// The lease that the entry ends with.
    pub(super) lease: Option<i64>,
}

impl Put<'_> {
    fn to_json(self) -> Value {
        let lease = self.lease.unwrap_or(0).to_string();
        json!({"key": base64(self.key), "value": base64(self.value), "lease": lease})
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// The entry of one key.
pub(super) fn range(key: &str) -> Message {
    Message {
        path: "/v3/kv/range",
        body: json!({"key": base64(key)}),
    }
}

/// The entries of all keys that begin with `prefix`, which ends in `/`.
pub(super) fn range_below(prefix: &str) -> Message {
    let end = format!("{}0", prefix.trim_end_matches('/'));
    Message {
        path: "/v3/kv/range",
        body: json!({"key": base64(prefix), "range_end": base64(&end), "limit": MOST_ENTRIES.to_string()}),
    }
}

/// A put that counts on a condition.
pub(super) fn put_if(condition: Condition, put: &Put<'_>) -> Message {
    let key = base64(put.key);
    let compare = match condition {
        Condition::IsMissing => json!({"key": key, "target": "CREATE", "create_revision": "0"}),
        Condition::ChangedAt(revision) => {
            json!({"key": key, "target": "MOD", "mod_revision": revision.to_string()})
        }
    };
    Message {
        path: "/v3/kv/txn",
        body: json!({"compare": [compare], "success": [{"request_put": put.to_json()}]}),
    }
}

/// A put that counts as it is.
pub(super) fn put(put: &Put<'_>) -> Message {
    Message {
        path: "/v3/kv/put",
        body: put.to_json(),
    }
}

/// A lease of so many seconds.
pub(super) fn grant(seconds: u64) -> Message {
    Message {
        path: "/v3/lease/grant",
        body: json!({"TTL": seconds.to_string()}),
    }
}

/// The lease is to begin anew.
pub(super) fn keep_alive(lease: i64) -> Message {
    Message {
        path: "/v3/lease/keepalive",
        body: json!({"ID": lease.to_string()}),
    }
}

/// The lease is to end, and its entries with it.
pub(super) fn revoke(lease: i64) -> Message {
    Message {
        path: "/v3/lease/revoke",
        body: json!({"ID": lease.to_string()}),
    }
}

/// Changes of a key from this revision on.
pub(super) fn watch(key: &str, from: i64) -> Message {
    Message {
        path: "/v3/watch",
        body: json!({"create_request": {"key": base64(key), "start_revision": from.to_string()}}),
    }
}

/// Who asks. What comes back stands for both, for a while.
pub(super) fn authenticate(user: &str, password: &str) -> Message {
    Message {
        path: "/v3/auth/authenticate",
        body: json!({"name": user, "password": password}),
    }
}

/// What a range has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// etcd's count of changes when it looked.
    pub(super) revision: i64,
    pub(super) entries: Vec<FoundEntry>,
    /// Whether there are more than it was asked for.
    pub(super) has_more: bool,
}

/// One entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundEntry {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// etcd's count of changes at which it was put last.
    pub(super) changed_at: i64,
}

/// What is wrong with an answer.
type Wrong = &'static str;

/// The answer to a range.
pub(super) fn read_found(answer: &Value) -> Result<Found, Wrong> {
    let none = Vec::new();
    let entries = match &answer["kvs"] {
        Value::Null => &none,
        Value::Array(entries) => entries,
        _ => return Err("\"kvs\" is no list"),
    };
    Ok(Found {
        revision: revision(answer)?,
        entries: entries.iter().map(read_entry).collect::<Result<_, _>>()?,
        has_more: answer["more"] == true,
    })
}

fn read_entry(entry: &Value) -> Result<FoundEntry, Wrong> {
    Ok(FoundEntry {
        key: bytes(&entry["key"])?,
        value: bytes(&entry["value"])?,
        changed_at: number(&entry["mod_revision"]).ok_or("an entry has no \"mod_revision\"")?,
    })
}

/// Whether a put counted.
pub(super) fn read_put_if(answer: &Value) -> Result<bool, Wrong> {
    revision(answer)?;
    Ok(answer["succeeded"] == true)
}

/// That something was done.
pub(super) fn read_done(answer: &Value) -> Result<(), Wrong> {
    revision(answer).map(|_| ())
}

/// A lease and its seconds.
pub(super) fn read_grant(answer: &Value) -> Result<(i64, u64), Wrong> {
    let lease = number(&answer["ID"]).ok_or("a lease has no \"ID\"")?;
    let seconds = number(&answer["TTL"]).and_then(|seconds| u64::try_from(seconds).ok());
    Ok((lease, seconds.ok_or("a lease has no \"TTL\"")?))
}

/// The seconds that a lease has from now on; 0 when it has ended.
pub(super) fn read_keep_alive(answer: &Value) -> Result<u64, Wrong> {
    let result = &answer["result"];
    revision(result)?;
    Ok(number(&result["TTL"])
        .and_then(|seconds| u64::try_from(seconds).ok())
        .unwrap_or(0))
}

/// What stands for a user and a password.
pub(super) fn read_token(answer: &Value) -> Result<String, Wrong> {
    let token = answer["token"].as_str().unwrap_or_default();
    // It becomes a header of HTTP.
    let is_one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_one
        .then(|| token.to_owned())
        .ok_or("there is no \"token\" that could be sent back")
}

/// Whether a watch has begun, by the first line of its answer; otherwise why not.
pub(super) fn read_watch_begun(answer: &Value) -> Result<(), String> {
    let result = &answer["result"];
    if result["canceled"] == true {
        let reason = result["cancel_reason"].as_str().unwrap_or_default();
        let compacted = result["compact_revision"].as_str().unwrap_or("0");
        return Err(format!(
            "the watch is refused: {reason} (compacted up to revision {compacted})"
        ));
    }
    if result["created"] == true {
        Ok(())
    } else {
        Err("a watch does not begin with \"created\"".to_owned())
    }
}

/// What etcd says when it will not: the code of gRPC, and its words.
pub(super) fn read_refusal(answer: &Value) -> Option<(u64, &str)> {
    // A stream says it one level deeper.
    let error = match &answer["error"] {
        Value::Object(_) => &answer["error"],
        _ => answer,
    };
    let code = ["code", "grpc_code"]
        .iter()
        .find_map(|key| error[key].as_u64())?;
    let words = ["message", "error"]
        .iter()
        .find_map(|key| error[key].as_str());
    Some((code, words.unwrap_or_default()))
}

fn revision(answer: &Value) -> Result<i64, Wrong> {
    number(&answer["header"]["revision"]).ok_or("there is no \"revision\" in its \"header\"")
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, Wrong> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => STANDARD.decode(text).map_err(|_| "a value is no base64"),
        _ => Err("a value is no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_range_is_read_with_what_is_left_out() {
        let empty = parsed(r#"{"header":{"cluster_id":"1","revision":"5","raft_term":"2"}}"#);
        let found = read_found(&empty).unwrap();
        assert_eq!((found.revision, found.entries.len()), (5, 0));
        let one = parsed(
            r#"{"header":{"revision":"7"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"6","version":"3","value":"Yg=="}],"count":"1"}"#,
        );
        let entry = FoundEntry {
            key: b"a".to_vec(),
            value: b"b".to_vec(),
            changed_at: 6,
        };
        assert_eq!(read_found(&one).unwrap().entries, [entry]);
        for wrong in [
            "{}",
            "[]",
            "3",
            r#"{"header":{"revision":"7"},"kvs":3}"#,
            r#"{"header":{"revision":"7"},"kvs":[{"key":"?","mod_revision":"6"}]}"#,
            r#"{"header":{"revision":"7"},"kvs":[{"key":"YQ=="}]}"#,
        ] {
            assert!(read_found(&parsed(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_put_that_did_not_count_is_no_error() {
        let header = r#""header":{"revision":"7"}"#;
        let answer = |rest: &str| read_put_if(&parsed(&format!("{{{header}{rest}}}")));
        assert_eq!(answer(r#","succeeded":true"#), Ok(true));
        assert_eq!(answer(""), Ok(false));
        assert!(read_put_if(&parsed("{}")).is_err());
    }

    #[test]
    fn a_lease_that_has_ended_has_no_seconds() {
        let kept = parsed(r#"{"result":{"header":{"revision":"7"},"ID":"9","TTL":"10"}}"#);
        let ended = parsed(r#"{"result":{"header":{"revision":"7"},"ID":"9"}}"#);
        assert_eq!(read_keep_alive(&kept), Ok(10));
        assert_eq!(read_keep_alive(&ended), Ok(0));
        assert!(read_keep_alive(&parsed("{}")).is_err());
    }

    #[test]
    fn a_token_is_what_a_header_can_hold() {
        let read = |text: &str| read_token(&parsed(text));
        assert_eq!(read(r#"{"token":"aB.7"}"#), Ok("aB.7".to_owned()));
        for wrong in [
            "{}",
            r#"{"token":""}"#,
            r#"{"token":7}"#,
            r#"{"token":"a\r\nb"}"#,
            r#"{"token":"a b"}"#,
            r#"{"token":"ü"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refusals_are_read_from_both_shapes() {
        let plain = parsed(
            r#"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#,
        );
        assert_eq!(read_refusal(&plain), Some((14, "etcdserver: no leader")));
        let streamed =
            parsed(r#"{"error":{"grpc_code":14,"http_code":503,"message":"no leader"}}"#);
        assert_eq!(read_refusal(&streamed), Some((14, "no leader")));
        assert_eq!(
            read_refusal(&parsed(r#"{"header":{"revision":"7"}}"#)),
            None
        );
        let compacted =
            parsed(r#"{"result":{"created":true,"canceled":true,"compact_revision":"8"}}"#);
        assert!(read_watch_begun(&compacted).unwrap_err().contains('8'));
    }

    #[test]
    fn what_lies_below_a_prefix_ends_before_the_next_name() {
        let message = range_below("/a/proxies/");
        let end = message.body["range_end"].as_str().unwrap();
        assert_eq!(STANDARD.decode(end).unwrap(), b"/a/proxies0");
    }
}
