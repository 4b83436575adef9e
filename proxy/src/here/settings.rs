//! CONFIG GET and CONFIG SET through a proxy: what is the proxy's own, what is each node's, and what all nodes have together.
//! Pure. Invariants: what CONFIG SET has taken, CONFIG GET says; nothing is answered OK that was not done.
//!
//! A client sees one server, so a limit for all its data is one number: `maxmemory` is dealt out to the shards by their weights, and added up when asked for.
//! Settings that bound a connection are the proxy's, for the nodes' connections are the proxy's: a node that cut them would cut off everybody.

use shared::config::{ProxyConfig, Settings as _, parse_size};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::topology::Address;

use super::presentation;
use crate::route::totals::{TOTAL, share};

/// Parameters that concern the proxy, not its nodes.
const OWN: &[&str] = &[
    "port",
    "bind",
    "tls-port",
    "requirepass",
    "aclfile",
    "acllog-max-len",
    "acl-pubsub-default",
    "maxclients",
    "timeout",
    "databases",
    "protected-mode",
    "tcp-keepalive",
    "proto-max-bulk-len",
    "client-query-buffer-limit",
    "cluster-enabled",
];

/// Of [`OWN`], those that Redis does not let anybody change either.
const IMMUTABLE: &[&str] = &["databases", "cluster-enabled", "aclfile"];

/// Of [`OWN`], those that are a number of bytes, of at least so many.
const BYTES: &[(&str, u64)] = &[
    ("proto-max-bulk-len", 1 << 20),
    ("client-query-buffer-limit", 1 << 20),
];

/// Why a setting cannot be changed now.
const READ_AT_START: &str = "it belongs to the proxy, which reads its own settings at its start";

/// CONFIG GET of what is the proxy's own.
pub(crate) fn own_settings(config: &ProxyConfig) -> Vec<(&'static str, String)> {
    OWN.iter()
        .map(|name| (*name, value(name, config)))
        .collect()
}

fn value(name: &str, config: &ProxyConfig) -> String {
    match name {
        "port" => config.listen.as_ref().map_or(0, Address::port).to_string(),
        "bind" => {
            let address = config.listen.as_ref().or(config.tls_listen.as_ref());
            address.map_or("", Address::host).to_owned()
        }
        "tls-port" => config
            .tls_listen
            .as_ref()
            .map_or(0, Address::port)
            .to_string(),
        "aclfile" => {
            let path = config.aclfile.as_ref();
            path.map_or_else(String::new, |path| path.display().to_string())
        }
        "requirepass" => config.requirepass.reveal().to_owned(),
        "timeout" => config.timeout.as_secs().to_string(),
        "tcp-keepalive" => config.tcp_keepalive.as_secs().to_string(),
        "protected-mode" => if config.protected_mode { "yes" } else { "no" }.to_owned(),
        "proto-max-bulk-len" => config.proto_max_bulk_len.0.to_string(),
        "client-query-buffer-limit" => config.client_query_buffer_limit.0.to_string(),
        "cluster-enabled" => presentation::cluster_setting(config.present_as).to_owned(),
        other => config.get(other).unwrap_or_default(),
    }
}

/// Names and values of a CONFIG SET, if each name has one.
fn pairs<'a>(args: Args<'a>) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])>> {
    let names = 2..args.len();
    let is_whole = names.len().is_multiple_of(2);
    is_whole.then(|| {
        names
            .step_by(2)
            .map(move |at| (args.at(at), args.at(at + 1)))
    })
}

/// Whether a name is among those of a CONFIG SET more than once.
fn stands_twice(args: Args<'_>, name: &[u8]) -> bool {
    let names = args.iter_from(2).step_by(2);
    names
        .filter(|other| other.eq_ignore_ascii_case(name))
        .count()
        > 1
}

fn own(name: &[u8]) -> Option<&'static str> {
    let mut names = OWN.iter().copied();
    names.find(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Whether a name that is not Redis' is one of the proxy's flags.
fn is_of_the_start(name: &[u8], config: &ProxyConfig) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    config.get(&name).is_some()
}

/// Whether nodes refuse this value whatever is there, and say best why.
fn is_senseless(name: &str, text: &[u8]) -> bool {
    let known = BYTES.iter().find(|(known, _)| *known == name);
    known.is_some_and(|(_, least)| parse_size(text).is_none_or(|count| count < *least))
}

/// Whether a setting of the proxy has this value already.
fn is_as_it_is(name: &str, text: &[u8], config: &ProxyConfig) -> bool {
    let now = value(name, config);
    let is_bytes = BYTES.iter().any(|(known, _)| *known == name);
    if is_bytes {
        parse_size(text) == parse_size(now.as_bytes())
    } else {
        text.eq_ignore_ascii_case(now.as_bytes())
    }
}

/// What a CONFIG SET comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The shards are asked, by [`encode_share`].
    AtShards,
    /// All is as it is to be.
    Nothing,
}

/// Reads a CONFIG SET.
///
/// # Errors
/// It changes what is the proxy's own, which reads its settings at its start: carried out at the nodes it would lock the proxy out, or do nothing.
pub(crate) fn change(args: Args<'_>, config: &ProxyConfig) -> Result<Change, ErrorReply> {
    let Some(pairs) = pairs(args) else {
        return Ok(Change::AtShards);
    };
    let mut change = Change::Nothing;
    for (name, text) in pairs {
        let Some(own) = own(name) else {
            if is_of_the_start(name, config) {
                return Err(ErrorReply::setting_refused(name, READ_AT_START));
            }
            change = Change::AtShards;
            continue;
        };
        if stands_twice(args, name) {
            // The nodes refuse it, whatever it is to be.
            change = Change::AtShards;
            continue;
        }
        if IMMUTABLE.contains(&own) {
            let why = "can't set immutable config";
            return Err(ErrorReply::setting_refused(own.as_bytes(), why));
        }
        if is_senseless(own, text) {
            change = Change::AtShards;
        } else if !is_as_it_is(own, text, config) {
            return Err(ErrorReply::setting_refused(own.as_bytes(), READ_AT_START));
        }
    }
    Ok(change)
}

/// Appends the CONFIG SET for the shard at `place`; `weights` are those of all shards.
pub(crate) fn encode_share(
    args: Args<'_>,
    config: &ProxyConfig,
    weights: &[u64],
    place: usize,
    out: &mut Vec<u8>,
) {
    let mut words: Vec<Vec<u8>> = vec![args.at(0).to_vec(), args.at(1).to_vec()];
    match pairs(args) {
        None => words.extend(args.iter_from(2).map(<[u8]>::to_vec)),
        Some(pairs) => {
            for (name, text) in pairs {
                let is_done = own(name).is_some_and(|own| is_as_it_is(own, text, config));
                if is_done && !stands_twice(args, name) {
                    continue;
                }
                let total =
                    parse_size(text).filter(|_| name.eq_ignore_ascii_case(TOTAL.as_bytes()));
                words.push(name.to_vec());
                words.push(match total {
                    Some(total) => share(total, weights, place).to_string().into_bytes(),
                    None => text.to_vec(),
                });
            }
        }
    }
    // A request is an array of bulk strings.
    let mut request = ReplyWriter::new(out, shared::resp::Protocol::Resp2);
    request.array(words.len());
    words.iter().for_each(|word| request.bulk(word));
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

    fn with_args<R>(line: &str, look: impl FnOnce(Args<'_>) -> R) -> R {
        let mut frame = Vec::new();
        encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        look(batch.args(&frame, &batch.requests()[0]))
    }

    #[test]
    fn own_settings_may_be_set_to_what_they_are_and_nothing_else() {
        let config = ProxyConfig::default();
        let change_of = |line: &str| with_args(line, |args| change(args, &config));
        let refused = |line: &str| change_of(line).unwrap_err().to_string();
        assert_eq!(change_of("CONFIG SET timeout 0"), Ok(Change::Nothing));
        let twice = "CONFIG SET proto-max-bulk-len 512mb proto-max-bulk-len x";
        assert_eq!(change_of(twice), Ok(Change::AtShards));
        assert_eq!(
            change_of("CONFIG SET port 6379 BIND 127.0.0.1"),
            Ok(Change::Nothing)
        );
        assert_eq!(
            change_of("CONFIG SET proto-max-bulk-len 512mb"),
            Ok(Change::Nothing)
        );
        assert_eq!(
            change_of("CONFIG SET timeout 0 maxmemory 1gb"),
            Ok(Change::AtShards)
        );
        assert_eq!(change_of("CONFIG SET maxmemory"), Ok(Change::AtShards));
        // A node says what is wrong with it.
        assert_eq!(
            change_of("CONFIG SET proto-max-bulk-len 1"),
            Ok(Change::AtShards)
        );
        for line in [
            "CONFIG SET port 7000",
            "CONFIG SET bind 0.0.0.0",
            "CONFIG SET maxmemory 1gb proto-max-bulk-len 2mb",
            "CONFIG SET client-query-buffer-limit 1mb",
            "CONFIG SET requirepass x",
            "CONFIG SET threads 3",
            "CONFIG SET NODE-deadline 3s",
        ] {
            let error = refused(line);
            assert!(error.contains("it belongs to the proxy"), "{line}: {error}");
        }
        assert!(refused("CONFIG SET databases 16").ends_with("can't set immutable config"));
    }

    #[test]
    fn a_shard_gets_its_share_and_nothing_of_the_proxy_s_own() {
        let mut out = Vec::new();
        with_args("config set MaxMemory 1kb\0 timeout 0 hz 10", |args| {
            encode_share(args, &ProxyConfig::default(), &[1, 3], 1, &mut out);
        });
        let mut expected = Vec::new();
        encode_request(
            &mut expected,
            ["config", "set", "MaxMemory", "768", "hz", "10"],
        );
        assert_eq!(out, expected);
    }
}
