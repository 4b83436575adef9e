//! The topology over the admin listener: what is known of it, and what an operator may want done.
//! Never: changes it; it hands requests in, and says what came of them.
//! Bounds: [`LONGEST_BODY`] of an order; how many wait, and how long, is said by [`requests`](crate::control::requests).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use shared::topology::{Epoch, LONGEST_PROOF, NodeId, NodeKind, Proof, Shard, ShardId, Topology};

use super::advice::Advice;
use super::desk::Desk;
use super::permission::Denied;
use super::report::report_of;
use super::shown::{as_json, as_table};
use crate::control::requests::Refusal;
use crate::events::{Kind, News};
use crate::metrics::cross_slot::CrossSlots;
use pages::Peer;

/// Longest body of an order: a proof, and blanks around it.
const LONGEST_BODY: usize = LONGEST_PROOF + 100;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
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
    #[error(
        "shard {0} is of plain Redis servers: proxies let another one lead when its primary is gone, and not on request"
    )]
    Plain(ShardId),
    #[error("node {0} leads shard {1} already")]
    LeadsAlready(NodeId, ShardId),
    #[error("node {0} is not in sync in shard {1}: writes would be lost if it led")]
    NotInSync(NodeId, ShardId),
    #[error(
        "node {1} leads shard {0} since epoch {2}, and the change was asked for before; nothing is changed"
    )]
    LedAnew(ShardId, NodeId, Epoch),
    #[error(
        "shard {0} is led at epoch {2} as far as this proxy knows, and the change was asked for at epoch {1}; nothing is changed"
    )]
    NotYet(ShardId, Epoch, Epoch),
    #[error("shard {0}: {1}")]
    Refused(ShardId, Refusal),
}

impl Problem {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(denied) => denied.status(),
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoShard(_) => StatusCode::NOT_FOUND,
            Self::Unguarded(_)
            | Self::Plain(_)
            | Self::LeadsAlready(..)
            | Self::NotInSync(..)
            | Self::LedAnew(..)
            | Self::NotYet(..) => StatusCode::CONFLICT,
            Self::Refused(_, refusal) => status_of(refusal),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status(), format!("{self}\n")).into_response()
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
    match is_wanted_as(&uri, "table") {
        Ok(true) => as_table(&desk.shown().await).into_response(),
        Ok(false) => json(as_json(&desk.shown().await)),
        Err(problem) => problem.into_response(),
    }
}

/// `GET /topology/advice`, as JSON, or `?as=text`. It names keys of clients: who asks is asked what those are who give orders.
pub(super) async fn advise(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let allowed = desk.allow(&headers, peer);
    let wanted = allowed.map_err(Problem::from);
    let is_text = match wanted.and_then(|()| is_wanted_as(&uri, "text")) {
        Ok(is_text) => is_text,
        Err(problem) => return problem.into_response(),
    };
    let mut slots = CrossSlots::default();
    for report in desk.words().await.iter().filter_map(report_of) {
        slots.add(&report.stats.cross_slots);
    }
    let snapshot = desk.shared.topology.load();
    let advice = Advice::of(&slots, &snapshot.topology.colocations);
    match is_text {
        true => advice.as_text().into_response(),
        false => json(advice.as_json()),
    }
}

/// Whether something is wanted for people, as this, and not as JSON.
fn is_wanted_as(uri: &Uri, kind: &str) -> Result<bool, Problem> {
    match query(uri, &["as"])?.get("as").copied() {
        None | Some("json") => Ok(false),
        Some(wanted) if wanted == kind => Ok(true),
        Some(_) => {
            let text = format!("it is shown as=json or as={kind}");
            Err(Problem::Malformed(text))
        }
    }
}

fn json(text: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, text).into_response()
}

/// `POST /topology/failover?shard=s1&to=n2&epoch=7`; `to` may be missing, and `epoch`, by which the shard was led when somebody looked.
pub(super) async fn fail_over(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<String, Response> {
    let ask = async {
        desk.allow(&headers, peer)?;
        let given = query(&uri, &["shard", "to", "epoch"])?;
        let shard = wanted_shard(&given)?;
        let to = given.get("to").map(|name| parsed::<NodeId>(name));
        let to = to.transpose()?;
        let at = given.get("epoch").map(|text| text.parse().map(Epoch));
        let at = at
            .transpose()
            .map_err(|_| Problem::Malformed("the epoch is a number".to_owned()))?;
        order_failover(&desk, peer, shard, to, at).await
    };
    ask.await.map(in_a_line).map_err(Problem::into_response)
}

/// Lets another node lead, for an operator at `peer` who may give orders; `at` is the epoch at which the shard was led when somebody looked.
pub(super) async fn order_failover(
    desk: &Desk,
    peer: SocketAddr,
    shard: ShardId,
    to: Option<NodeId>,
    at: Option<Epoch>,
) -> Result<String, Problem> {
    let snapshot = desk.shared.topology.load();
    let led = guarded(&snapshot.topology, &shard)?;
    let at = asked_at(led, at)?;
    may_lead(led, to.as_ref())?;
    let words = "an operator wants another node to lead";
    let news = News::info(Kind::Order, words).of_shard(&shard);
    desk.shared.events.tell(news.of_peer(peer));
    let asked = desk.requests.fail_over(shard.clone(), to, at).await;
    asked.map_err(|refusal| Problem::Refused(shard, refusal))
}

/// `POST /topology/accept-loss?shard=s1`, the proof in the body.
pub(super) async fn accept_loss(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<String, Response> {
    let ask = async {
        desk.allow(&headers, peer)?;
        let shard = wanted_shard(&query(&uri, &["shard"])?)?;
        let body = to_bytes(body, LONGEST_BODY).await;
        let body = body.map_err(|_| Problem::Body)?;
        let text = std::str::from_utf8(&body);
        let text = text.map_err(|error| Problem::Malformed(format!("the proof: {error}")))?;
        let proof: Proof = parsed(text)?;
        guarded(&desk.shared.topology.load().topology, &shard)?;
        let words = format!("an operator accepts that acknowledged writes are lost: {proof}");
        let news = News::warning(Kind::Order, words).of_shard(&shard);
        desk.shared.events.tell(news.of_peer(peer));
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
pub(super) fn query<'a>(
    uri: &'a Uri,
    known: &[&str],
) -> Result<BTreeMap<&'a str, &'a str>, Problem> {
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

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::Malformed(error.to_string()))
}

fn guarded<'a>(topology: &'a Topology, id: &ShardId) -> Result<&'a Shard, Problem> {
    let shard = topology.shard(id);
    let shard = shard.ok_or_else(|| Problem::NoShard(id.clone()))?;
    match topology.kind_of(shard) {
        _ if !shard.is_guarded() => Err(Problem::Unguarded(id.clone())),
        NodeKind::Redis => Err(Problem::Plain(id.clone())),
        NodeKind::Switchyard => Ok(shard),
    }
}

/// The epoch at which a change was asked for: the one that is named, or that of the topology in use.
fn asked_at(shard: &Shard, named: Option<Epoch>) -> Result<Epoch, Problem> {
    let at = named.unwrap_or(shard.epoch);
    if at < shard.epoch {
        return Err(Problem::LedAnew(
            shard.id.clone(),
            shard.primary.clone(),
            shard.epoch,
        ));
    }
    if at > shard.epoch {
        return Err(Problem::NotYet(shard.id.clone(), at, shard.epoch));
    }
    Ok(at)
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
    use shared::topology::{Address, Node, NodeKind};

    #[test]
    fn who_asks_for_what_has_been_done_since_does_not_cause_it_again() {
        let node = |number: u16| Node {
            id: NodeId::numbered(number.into()),
            address: Address::loopback(7000 + number),
            kind: NodeKind::Switchyard,
            zone: None,
        };
        let mut topology = Topology::initial(vec![node(1), node(2)], 1).unwrap();
        let shard = &mut topology.shards[0];
        shard.epoch = Epoch(7);
        let check = |named: Option<u64>, expected: Option<u64>| {
            let at = asked_at(shard, named.map(Epoch)).ok();
            assert_eq!(at, expected.map(Epoch), "{named:?}");
        };
        check(None, Some(7));
        check(Some(7), Some(7));
        check(Some(8), None);
        check(Some(6), None);
        check(Some(0), None);
    }

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
