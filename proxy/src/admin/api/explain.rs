//! Where a command would go, and why it would be refused: asked of the very rows and rules by which requests go.
//! Pure but for the handler. Never: carries anything out. Bound: [`MOST_KEYS`] of a command are told.

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use shared::access::DEFAULT_USER;
use shared::command::{CommandSpec, Route};
use shared::resp::{Args, ErrorReply, RequestBatch, RequestLimits, RequestScanner, encode_request};
use utoipa::ToSchema;

use super::super::desk::Desk;
use super::super::report::shards;
use super::answer::{Json, Outcome, Problem, ProblemDescribed, said};
use crate::facts::ProxyShared;
use crate::here;
use crate::metrics::readiness::Access;
use crate::pipe::policies::PolicySet;
use crate::pipe::{Pledge, Role};
use crate::route;
use crate::topology::Within;
use pages::Peer;

/// Keys that are told.
const MOST_KEYS: usize = 100;

/// A command that is to be explained.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// Its words.
    command: Vec<String>,
    /// Said in this database; 0 unless said.
    #[serde(default)]
    database: u8,
    /// Said by this user; `default` unless said.
    user: Option<String>,
}

/// What would become of a command.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// As the table of commands has it; nothing where it is not known.
    command: Option<String>,
    /// Whether it may change something.
    may_write: bool,
    /// How it is routed, in words.
    route: String,
    /// By which connection to a node it goes, in words.
    pipe: Option<String>,
    /// What its primary owes, or whether a follower may answer, in words.
    role: Option<String>,
    /// Its keys.
    keys: Vec<KeyExplained>,
    /// Keys that are not told here, for there are too many.
    keys_left_out: usize,
    /// Shards that it concerns.
    shards: Vec<ShardExplained>,
    /// The error that it would get, as its client would see it; nothing where it would be sent, or answered.
    refused: Option<String>,
    /// Version of the topology that says so.
    topology_version: u64,
}

/// A key of a command.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct KeyExplained {
    key: String,
    slot: u16,
    shard: String,
}

/// A shard that a command concerns.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct ShardExplained {
    shard: String,
    epoch: u64,
    primary: String,
    address: String,
    /// Whether this proxy reaches its primary; nothing where it is not known.
    is_reachable: Option<bool>,
}

/// Where a command would go, and why it would be refused. It is not carried out.
#[utoipa::path(
    post, path = "/api/v1/explain", tag = "with the password", request_body = Question,
    responses(
        (status = 200, body = Explanation), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed),
        (status = 403, body = ProblemDescribed), (status = 413, body = ProblemDescribed),
    ),
)]
pub(super) async fn explain(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Explanation> {
    desk.allow(&headers, peer)?;
    let question: Question = said(body).await?;
    if question.command.is_empty() {
        return Err(Problem::malformed("the command has no words"));
    }
    let words = desk.words().await;
    let reachable = shards(&words);
    let mut explanation = of(&question, &desk.shared);
    for shard in &mut explanation.shards {
        let access = reachable.get(&*shard.shard);
        shard.is_reachable = access.map(|access| *access == Access::Open);
    }
    Ok(Json(explanation))
}

fn of(question: &Question, proxy: &ProxyShared) -> Explanation {
    let mut frame = Vec::new();
    encode_request(&mut frame, question.command.iter().map(String::as_str));
    let mut batch = RequestBatch::default();
    let limits = RequestLimits::AUTHENTICATED;
    let scanned = RequestScanner::new(limits).scan(&mut frame, &mut batch, 1);
    let snapshot = proxy.topology.load();
    let mut explanation = Explanation {
        topology_version: snapshot.version().0,
        ..Explanation::default()
    };
    let request = scanned.ok().and_then(|_| batch.requests().first());
    let Some(request) = request else {
        explanation.refused = Some("it is no request that a proxy reads".to_owned());
        return explanation;
    };
    let args = batch.args(&frame, request);
    let spec = match route::resolve(args) {
        Ok(spec) => spec,
        Err(error) => {
            explanation.refused = Some(error.to_string());
            return explanation;
        }
    };
    let within = snapshot.within(question.database.into());
    explanation.command = Some(spec.name.replace('|', " "));
    explanation.may_write = spec.may_write();
    explanation.route = route_in_words(spec, args).to_owned();
    explanation.pipe = pipe_in_words(spec, args).map(str::to_owned);
    let policies = PolicySet::new(&proxy.config);
    let is_long = route::rounds::is_long(spec, request);
    if explanation.pipe.is_some() {
        let choice = match is_long {
            true => policies.of_many(spec),
            false => policies.choose(spec, args),
        };
        explanation.role = Some(role_in_words(choice.role));
    }
    explanation.tell_keys(spec, args, within);
    explanation.tell_shards(spec, args, within);
    let refused = objection(question, proxy, (spec, args, within));
    explanation.refused = refused.map(|error| error.to_string());
    explanation
}

/// Why it would be refused, in the order in which that is looked for.
fn objection(
    question: &Question,
    proxy: &ProxyShared,
    (spec, args, within): (&CommandSpec, Args<'_>, Within<'_>),
) -> Option<ErrorReply> {
    if question.database >= proxy.config.databases {
        return Some(ErrorReply::DbIndexOutOfRange);
    }
    let users = proxy.access.users();
    let name = question.user.as_deref().map_or(DEFAULT_USER, str::as_bytes);
    let Some(user) = users.get(name) else {
        return Some(ErrorReply::no_such_user(name));
    };
    if let Err(denied) = user.check(spec, args) {
        return Some(denied.reply(spec));
    }
    if let Err(error) = here::own_part(spec, args, &proxy.config) {
        return Some(error);
    }
    match spec.route {
        Route::Refused => Some(route::refused(spec)),
        Route::EveryShard => route::databases::check_swap(spec, args, within).err(),
        Route::ByKey | Route::Script | Route::Leased | Route::LeasedIfBlock => {
            route::shard_of(spec, args, within).err()
        }
        _ => None,
    }
}

impl Explanation {
    fn tell_keys(&mut self, spec: &CommandSpec, args: Args<'_>, within: Within<'_>) {
        spec.for_each_key(args, |at| {
            if self.keys.len() >= MOST_KEYS {
                self.keys_left_out += 1;
                return;
            }
            let slot = route::slot_of_key(spec, args, at, within);
            let shard = &within.topology.shards[within.owner(slot).as_usize()];
            self.keys.push(KeyExplained {
                key: String::from_utf8_lossy(args.at(at)).into_owned(),
                slot: slot.number(),
                shard: shard.id.to_string(),
            });
        });
    }

    fn tell_shards(&mut self, spec: &CommandSpec, args: Args<'_>, within: Within<'_>) {
        let mut concerned: Vec<bool> = vec![false; within.shard_count()];
        match spec.route {
            Route::EveryShard | Route::Walked => concerned.fill(true),
            Route::ByChannel => {
                let slot = within.slot_of_channel(args.get(1).unwrap_or_default());
                concerned[within.owner(slot).as_usize()] = true;
            }
            _ => spec.for_each_key(args, |at| {
                let slot = route::slot_of_key(spec, args, at, within);
                concerned[within.owner(slot).as_usize()] = true;
            }),
        }
        let all = within.topology.shards.iter().zip(concerned);
        for (shard, _) in all.filter(|(_, is_meant)| *is_meant) {
            let node = within.topology.node(&shard.primary);
            self.shards.push(ShardExplained {
                shard: shard.id.to_string(),
                epoch: shard.epoch.0,
                primary: shard.primary.to_string(),
                address: node.map_or_else(String::new, |node| node.address.to_string()),
                is_reachable: None,
            });
        }
    }
}

fn waits(spec: &CommandSpec, args: Args<'_>) -> bool {
    match spec.route {
        Route::Leased => true,
        Route::LeasedIfBlock => route::blocks(args),
        _ => false,
    }
}

fn route_in_words(spec: &CommandSpec, args: Args<'_>) -> &'static str {
    match spec.route {
        _ if waits(spec, args) => "to the shard of its keys, where it may wait",
        Route::ByKey | Route::Leased | Route::LeasedIfBlock => "to the shard of its keys",
        Route::Script => "to the shard of its keys, which is given the script if it lacks it",
        Route::ByChannel => "to the shard of its channel",
        Route::Split => "cut in parts, one for each shard of its keys",
        Route::Combined => {
            "to the shard of its keys; where these are several, put together from all"
        }
        Route::EveryShard => "to every shard",
        Route::Walked => "from shard to shard, as its cursor goes",
        Route::Local => "answered by the proxy",
        Route::Transaction => "kept by the proxy until EXEC, or carried out there",
        Route::Subscribed => "changes what the client hears",
        Route::AnyShard => "to any shard",
        Route::Refused => "nowhere: it makes no sense through a proxy",
    }
}

/// Nothing where no node is asked.
fn pipe_in_words(spec: &CommandSpec, args: Args<'_>) -> Option<&'static str> {
    match spec.route {
        Route::Local | Route::Refused => None,
        Route::Subscribed => Some("the thread's connection for subscriptions"),
        _ if waits(spec, args) => Some("a connection of its client's own, for a while"),
        _ => Some(
            "the pipe that all share; that of large requests where its client asks for much, or takes much",
        ),
    }
}

fn role_in_words(role: Role) -> String {
    let pledge = match role.pledge() {
        Pledge::Async => "acknowledged by the primary alone",
        Pledge::InSync => "acknowledged when every node in sync has it",
        Pledge::Linearizable => "acknowledged when every node in sync has it, reads confirmed",
    };
    match role {
        Role::Primary(_) => format!("primary, {pledge}"),
        Role::Follower(_) => format!("a follower, if one can answer; else the primary, {pledge}"),
        Role::Nearest(_) => {
            format!("a follower of this zone, if one can answer; else the primary, {pledge}")
        }
    }
}
