//! The topology over the admin listener: what is known of it, and what an operator may want done.
//! Never: changes it; it hands requests in, and says what came of them.
//! Bounds: [`LONGEST_BODY`] of an order; how many wait, and how long, is said by [`requests`](crate::control::requests).

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use shared::topology::{LONGEST_PROOF, NodeId, Proof, Shard, ShardId, Topology};

use super::Desk;
use super::listener::Peer;
use super::permission::{Denied, may_order};
use super::shown::{as_json, as_table};
use crate::control::requests::{Refusal, Shown};

/// Longest body of an order: a proof, and blanks around it.
const LONGEST_BODY: usize = LONGEST_PROOF + 100;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("{0}")]
    Malformed(String),
    #[error("the proof is longer than {LONGEST_BODY} bytes, or did not arrive")]
    Body,
    #[error("there is no shard {0}")]
    NoShard(ShardId),
    #[error("shard {0} is a single plain node, and no proxy looks after it")]
    Unguarded(ShardId),
    #[error("node {0} leads shard {1} already")]
    LeadsAlready(NodeId, ShardId),
    #[error("node {0} is not in sync in shard {1}: writes would be lost if it led")]
    NotInSync(NodeId, ShardId),
    #[error("shard {0}: {1}")]
    Refused(ShardId, Refusal),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Denied(denied) => denied.status(),
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoShard(_) => StatusCode::NOT_FOUND,
            Self::Unguarded(_) | Self::LeadsAlready(..) | Self::NotInSync(..) => {
                StatusCode::CONFLICT
            }
            Self::Refused(_, refusal) => status_of(refusal),
        };
        (status, format!("{self}\n")).into_response()
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NotDone(_) => StatusCode::CONFLICT,
        Refusal::NoAnswer => StatusCode::GATEWAY_TIMEOUT,
        Refusal::NotController(_) | Refusal::NoStore | Refusal::TooMany | Refusal::NobodyThere => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// `GET /topology`, as JSON, or `?as=table`.
pub(super) async fn show(State(desk): State<Desk>, uri: Uri) -> Response {
    let is_table = match query(&uri, &["as"]).map(|given| given.get("as").copied()) {
        Ok(None | Some("json")) => false,
        Ok(Some("table")) => true,
        Ok(Some(_)) => {
            let text = "it is shown as=json or as=table".to_owned();
            return Problem::Malformed(text).into_response();
        }
        Err(problem) => return problem.into_response(),
    };
    // Where nobody looks after shards, the topology alone is known.
    let shown = desk.requests.show().await.unwrap_or_else(|_| Shown {
        topology: desk.shared.topology.load().topology.clone(),
        is_controller: false,
        nodes: BTreeMap::new(),
    });
    if is_table {
        as_table(&shown).into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (kind, as_json(&shown)).into_response()
    }
}

/// `POST /topology/failover?shard=s1&to=n2`; `to` may be missing.
pub(super) async fn fail_over(
    State(desk): State<Desk>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<String, Response> {
    let ask = async {
        may_order(&headers, peer.ip(), &desk.shared.config)?;
        let given = query(&uri, &["shard", "to"])?;
        let shard = wanted_shard(&given)?;
        let to = given.get("to").map(|name| parsed::<NodeId>(name));
        let to = to.transpose()?;
        let snapshot = desk.shared.topology.load();
        may_lead(guarded(&snapshot.topology, &shard)?, to.as_ref())?;
        tracing::info!(%peer, %shard, "an operator wants another node to lead");
        let asked = desk.requests.fail_over(shard.clone(), to).await;
        asked.map_err(|refusal| Problem::Refused(shard, refusal))
    };
    ask.await.map(in_a_line).map_err(Problem::into_response)
}

/// `POST /topology/accept-loss?shard=s1`, the proof in the body.
pub(super) async fn accept_loss(
    State(desk): State<Desk>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<String, Response> {
    let ask = async {
        may_order(&headers, peer.ip(), &desk.shared.config)?;
        let shard = wanted_shard(&query(&uri, &["shard"])?)?;
        let body = to_bytes(body, LONGEST_BODY).await;
        let body = body.map_err(|_| Problem::Body)?;
        let text = std::str::from_utf8(&body);
        let text = text.map_err(|error| Problem::Malformed(format!("the proof: {error}")))?;
        let proof: Proof = parsed(text)?;
        guarded(&desk.shared.topology.load().topology, &shard)?;
        tracing::warn!(%peer, %shard, %proof, "an operator accepts that acknowledged writes are lost");
        let asked = desk.requests.accept_loss(shard.clone(), proof).await;
        asked.map_err(|refusal| Problem::Refused(shard, refusal))
    };
    ask.await.map(in_a_line).map_err(Problem::into_response)
}

fn in_a_line(mut done: String) -> String {
    done.push('\n');
    done
}

/// The names behind the question mark with their values. Values are names of the topology, so nothing in them is escaped.
fn query<'a>(uri: &'a Uri, known: &[&str]) -> Result<BTreeMap<&'a str, &'a str>, Problem> {
    let mut given = BTreeMap::new();
    let parts = uri.query().unwrap_or_default().split('&');
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if !known.contains(&name) || given.insert(name, value).is_some() {
            let text = format!(
                "after the question mark stand {}, each once",
                known.join(" and ")
            );
            return Err(Problem::Malformed(text));
        }
    }
    Ok(given)
}

fn wanted_shard(given: &BTreeMap<&str, &str>) -> Result<ShardId, Problem> {
    match given.get("shard") {
        Some(name) => parsed(name),
        None => Err(Problem::Malformed(
            "say which shard: ?shard=NAME".to_owned(),
        )),
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::Malformed(error.to_string()))
}

fn guarded<'a>(topology: &'a Topology, id: &ShardId) -> Result<&'a Shard, Problem> {
    let shard = topology.shard(id);
    let shard = shard.ok_or_else(|| Problem::NoShard(id.clone()))?;
    if shard.is_guarded() {
        Ok(shard)
    } else {
        Err(Problem::Unguarded(id.clone()))
    }
}

/// As far as the topology can tell.
fn may_lead(shard: &Shard, to: Option<&NodeId>) -> Result<(), Problem> {
    match to {
        Some(node) if *node == shard.primary => {
            Err(Problem::LeadsAlready(node.clone(), shard.id.clone()))
        }
        Some(node) if !shard.in_sync.contains_key(node) => {
            Err(Problem::NotInSync(node.clone(), shard.id.clone()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_question_mark_is_known_or_refused() {
        let check = |uri: &str, expected: Option<&[(&str, &str)]>| {
            let uri: Uri = uri.parse().unwrap();
            let given = query(&uri, &["shard", "to"]).ok();
            let expected = expected.map(|pairs| pairs.iter().copied().collect());
            assert_eq!(given, expected, "{uri}");
        };
        check("/t", Some(&[]));
        check("/t?shard=s1&to=n2", Some(&[("shard", "s1"), ("to", "n2")]));
        check("/t?shard=", Some(&[("shard", "")]));
        check("/t?shard=s1&shard=s2", None);
        check("/t?shart=s1", None);
        let escaped: Result<ShardId, Problem> = parsed("s%31");
        assert!(matches!(escaped, Err(Problem::Malformed(_))));
    }
}
