//! What names clients, keys or arguments: told to those alone who may give orders.
//! Reaches: the threads, for clients; the primaries, for slow commands. Never: changes anything.
//! Bounds: [`MOST_CLIENTS`], [`MOST_SLOW`] and [`MOST_KEPT`] of each in an answer, [`PATIENCE`] for a node.

use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use shared::config::{ProxyConfig, Settings as _};
use shared::resp::Frame;
use shared::session::ListFilter;
use shared::topology::{Address, Topology};
use tokio::task::JoinSet;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::super::desk::Desk;
use super::answer::{Json, Outcome, Problem, ProblemDescribed, numbers};
use crate::control::asking::{Manner, Unanswered, said};
use crate::events::{Happened, MOST_KEPT};
use crate::here::ClientOrder;
use crate::orders::{ANSWER_WITHIN, ask_clients_of_all};
use pages::Peer;

/// Clients in an answer.
const MOST_CLIENTS: usize = 10_000;

/// … where nobody says how many.
const USUAL_CLIENTS: usize = 1_000;

/// Slow commands in an answer, and of each shard.
const MOST_SLOW: usize = 1_000;

/// … where nobody says how many.
const USUAL_SLOW: usize = 100;

/// How long a shard may take to tell its slow commands.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest answer of a shard: its slow commands have 32 arguments of 128 bytes at most, each.
const MOST_SLOW_BYTES: usize = 16 << 20;

/// Shards that are asked at a time.
const MOST_AT_A_TIME: usize = 16;

/// A client.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct ClientDescribed {
    id: u64,
    /// Where it comes from.
    address: String,
    /// Which address of the proxy it is connected to.
    local_address: String,
    /// What it calls itself (CLIENT SETNAME).
    name: String,
    user: String,
    /// Seconds since it connected.
    age_s: u64,
    /// Seconds since it asked something.
    idle_s: u64,
    /// Letters of CLIENT LIST.
    flags: String,
    database: u64,
    /// The last command that was not plain reading or writing.
    last_command: String,
    /// Library and version, as it says.
    library: String,
    /// Bytes of requests that wait.
    input_bytes: u64,
    /// Bytes of replies that it has not taken.
    output_bytes: u64,
    /// Channels and patterns.
    subscriptions: u64,
    /// 2 or 3.
    protocol: u64,
}

impl ClientDescribed {
    /// Of a line of CLIENT LIST, in which no value has a blank.
    fn read(line: &str) -> Self {
        let mut client = Self::default();
        let mut version = "";
        for (name, value) in line.split(' ').filter_map(|pair| pair.split_once('=')) {
            let number = || value.trim().parse().unwrap_or_default();
            match name {
                "id" => client.id = number(),
                "addr" => client.address = value.to_owned(),
                "laddr" => client.local_address = value.to_owned(),
                "name" => client.name = value.to_owned(),
                "user" => client.user = value.to_owned(),
                "age" => client.age_s = number(),
                "idle" => client.idle_s = number(),
                "flags" => client.flags = value.to_owned(),
                "db" => client.database = number(),
                "cmd" => client.last_command = value.replace('|', " "),
                "lib-name" => client.library = value.trim_end().to_owned(),
                "lib-ver" => version = value.trim_end(),
                "qbuf" => client.input_bytes = number(),
                "omem" => client.output_bytes = number(),
                "sub" | "psub" | "ssub" => client.subscriptions += number(),
                "resp" => client.protocol = number(),
                _ => {}
            }
        }
        if !version.is_empty() {
            client.library = format!("{} {version}", client.library);
        }
        client
    }
}

/// The clients of this proxy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Clients {
    clients: Vec<ClientDescribed>,
    /// Clients that are connected and not listed here, for there are more than were asked for.
    left_out: usize,
}

/// The clients of this proxy, by their numbers.
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "with the password",
    params(("limit" = Option<u64>, Query, description = "How many; 1,000 unless said, 10,000 at most")),
    responses(
        (status = 200, body = Clients), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed),
        (status = 403, body = ProblemDescribed), (status = 503, body = ProblemDescribed),
    ),
)]
pub(super) async fn clients(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Outcome<Clients> {
    desk.allow(&headers, peer)?;
    let [limit] = numbers(&uri, ["limit"])?;
    let order = ClientOrder::List(ListFilter::All);
    let asked = ask_clients_of_all(&desk.shared.threads, &order);
    let Ok(verdicts) = timeout(ANSWER_WITHIN, asked).await else {
        let text = "a thread of this proxy does not answer";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let lines = verdicts.into_iter().flat_map(|verdict| verdict.lines);
    let mut lines: Vec<(u64, String)> = lines.collect();
    lines.sort_unstable_by_key(|(id, _)| *id);
    let most = at_most(limit, USUAL_CLIENTS, MOST_CLIENTS);
    let shown = lines.iter().take(most);
    Ok(Json(Clients {
        clients: shown.map(|(_, line)| ClientDescribed::read(line)).collect(),
        left_out: lines.len().saturating_sub(most),
    }))
}

fn at_most(wanted: Option<u64>, usual: usize, most: usize) -> usize {
    wanted.map_or(usual, |wanted| {
        usize::try_from(wanted).map_or(most, |wanted| wanted.min(most))
    })
}

/// A slow command.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct SlowDescribed {
    /// The shard whose primary did it.
    shard: String,
    node: String,
    /// Number in the log of that node.
    id: i64,
    /// Milliseconds since 1970; nothing of what it did while it followed another node, for the log that it follows does not say.
    at_ms: Option<i64>,
    /// How long it took there.
    took_us: i64,
    /// Its words, cut as SLOWLOG cuts them.
    command: Vec<String>,
    /// Of whom the node thinks that it asked: a proxy, mostly.
    client: String,
    client_name: String,
}

/// Slow commands of all shards.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SlowLog {
    /// Newest first.
    commands: Vec<SlowDescribed>,
    /// Shards that did not tell, and why.
    missing: Vec<MissingShard>,
}

/// A shard that did not tell.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MissingShard {
    shard: String,
    because: String,
}

/// Slow commands at the primaries of all shards, newest first.
#[utoipa::path(
    get, path = "/api/v1/slow-log", tag = "with the password",
    params(("limit" = Option<u64>, Query, description = "How many; 100 unless said, 1,000 at most")),
    responses(
        (status = 200, body = SlowLog), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed),
    ),
)]
pub(super) async fn slow_log(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Outcome<SlowLog> {
    desk.allow(&headers, peer)?;
    let [limit] = numbers(&uri, ["limit"])?;
    let most = at_most(limit, USUAL_SLOW, MOST_SLOW);
    let snapshot = desk.shared.topology.load();
    let manner = Manner::of(&desk.shared.config);
    let mut log = SlowLog {
        commands: Vec::new(),
        missing: Vec::new(),
    };
    let mut asked = JoinSet::new();
    for (whose, address) in primaries(&snapshot.topology) {
        if asked.len() >= MOST_AT_A_TIME {
            log.take(asked.join_next().await);
        }
        let manner = manner.clone();
        asked.spawn(async move {
            let answer = timeout(PATIENCE, slow_of(&address, &manner, most)).await;
            (whose, answer.unwrap_or(Err(Unanswered::Late)))
        });
    }
    while !asked.is_empty() {
        log.take(asked.join_next().await);
    }
    log.commands
        .sort_by_key(|slow| std::cmp::Reverse((slow.at_ms, slow.id)));
    log.commands.truncate(most);
    Ok(Json(log))
}

/// Shard and primary.
type Whose = (String, String);

fn primaries(topology: &Topology) -> Vec<(Whose, Address)> {
    let all = topology.shards.iter().filter_map(|shard| {
        let node = topology.node(&shard.primary)?;
        let whose = (shard.id.to_string(), node.id.to_string());
        Some((whose, node.address.clone()))
    });
    all.collect()
}

async fn slow_of(
    address: &Address,
    manner: &Manner,
    most: usize,
) -> Result<Vec<SlowDescribed>, Unanswered> {
    let mut talk = manner.connect(address).await?;
    let count = most.to_string();
    let words = [&b"SLOWLOG"[..], b"GET", count.as_bytes()];
    let reply = talk.ask(&words, MOST_SLOW_BYTES).await?;
    if reply.is_error() {
        return Err(said(&reply));
    }
    let entries = reply.as_elements().unwrap_or_default();
    Ok(entries.iter().filter_map(SlowDescribed::read).collect())
}

impl SlowDescribed {
    /// Of an entry of SLOWLOG GET; whose it is comes later.
    fn read(entry: &Frame) -> Option<Self> {
        let parts = entry.as_elements()?;
        let number = |at: usize| parts.get(at)?.as_integer();
        let text = |frame: &Frame| {
            let bytes = frame.as_bytes().unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let words = parts.get(3)?.as_elements()?;
        Some(Self {
            shard: String::new(),
            node: String::new(),
            id: number(0)?,
            at_ms: Some(number(1)?.saturating_mul(1_000)).filter(|at_ms| *at_ms > 0),
            took_us: number(2)?,
            command: words.iter().map(text).collect(),
            client: parts.get(4).map(text).unwrap_or_default(),
            client_name: parts.get(5).map(text).unwrap_or_default(),
        })
    }
}

/// Whom was asked, and what came of it.
type Told = (Whose, Result<Vec<SlowDescribed>, Unanswered>);

impl SlowLog {
    fn take(&mut self, told: Option<Result<Told, tokio::task::JoinError>>) {
        let Some(Ok(((shard, node), told))) = told else {
            return;
        };
        match told {
            Ok(commands) => self.commands.extend(commands.into_iter().map(|slow| {
                let (shard, node) = (shard.clone(), node.clone());
                SlowDescribed {
                    shard,
                    node,
                    ..slow
                }
            })),
            Err(problem) => self.missing.push(MissingShard {
                shard,
                because: problem.to_string(),
            }),
        }
    }
}

/// Something that has happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventDescribed {
    /// One more for each since the proxy was started.
    number: u64,
    /// Milliseconds since 1970.
    at_ms: u64,
    /// What kind it is, as in `failover`.
    kind: String,
    /// `info`, `warning` or `error`.
    weight: String,
    shard: Option<String>,
    node: Option<String>,
    /// Of the topology.
    topology_version: Option<u64>,
    /// The client or operator that it is about.
    peer: Option<String>,
    /// Others of its kind that were not told since the last one.
    left_out: Option<u64>,
    /// As the log says it.
    text: String,
}

impl EventDescribed {
    fn of(happened: &Happened) -> Self {
        Self {
            number: happened.number,
            at_ms: happened.at_ms,
            kind: happened.kind.word().to_owned(),
            weight: happened.weight.word().to_owned(),
            shard: happened.shard.as_deref().map(str::to_owned),
            node: happened.node.as_deref().map(str::to_owned),
            topology_version: happened.version,
            peer: happened.peer.map(|peer| peer.to_string()),
            left_out: happened.left_out,
            text: happened.words.to_string(),
        }
    }
}

/// What has happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventList {
    /// Oldest first.
    events: Vec<EventDescribed>,
    /// Number of the newest that there is.
    last_event: u64,
}

/// What has happened at this proxy, oldest first.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "with the password",
    params(
        ("after" = Option<u64>, Query, description = "Only what has a greater number"),
        ("limit" = Option<u64>, Query, description = "The newest so many; 1,024 are kept"),
    ),
    responses(
        (status = 200, body = EventList), (status = 400, body = ProblemDescribed), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed),
    ),
)]
pub(super) async fn events(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Outcome<EventList> {
    desk.allow(&headers, peer)?;
    let [after, limit] = numbers(&uri, ["after", "limit"])?;
    let most = at_most(limit, MOST_KEPT, MOST_KEPT);
    let events = desk.shared.events.since(after.unwrap_or_default(), most);
    Ok(Json(EventList {
        last_event: desk.shared.events.last(),
        events: events.iter().map(EventDescribed::of).collect(),
    }))
}

/// A setting of the proxy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingDescribed {
    name: String,
    group: String,
    /// What it is for.
    text: String,
    /// Its value; nothing of a secret.
    value: Option<String>,
    /// The value where nobody says; nothing of a secret.
    default: Option<String>,
    /// It is a secret.
    is_secret: bool,
    /// It differs from what it is where nobody says.
    is_set: bool,
}

/// All settings of the proxy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Configuration {
    settings: Vec<SettingDescribed>,
}

/// The settings of the proxy, as it uses them; of secrets is only told whether there is one.
#[utoipa::path(
    get, path = "/api/v1/configuration", tag = "with the password",
    responses(
        (status = 200, body = Configuration), (status = 401, body = ProblemDescribed), (status = 429, body = ProblemDescribed), (status = 403, body = ProblemDescribed),
    ),
)]
pub(super) async fn configuration(
    State(desk): State<Desk>,
    ConnectInfo(Peer { address: peer, .. }): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Outcome<Configuration> {
    desk.allow(&headers, peer)?;
    let (config, usual) = (&desk.shared.config, ProxyConfig::default());
    let settings = ProxyConfig::table().iter().map(|setting| {
        let (value, default) = (config.get(setting.name), usual.get(setting.name));
        SettingDescribed {
            name: setting.name.to_owned(),
            group: setting.group.to_owned(),
            text: setting.doc.trim().to_owned(),
            is_secret: setting.secret,
            is_set: value != default,
            value: value.filter(|_| !setting.secret),
            default: default.filter(|_| !setting.secret),
        }
    });
    Ok(Json(Configuration {
        settings: settings.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::{decode_scanned, encode_request};

    #[test]
    fn a_line_of_client_list_is_read() {
        let line = "id=7 addr=10.0.0.1:5 laddr=10.0.0.2:6379 fd=-1 name=a=b age=3 idle=1 flags=N db=2 sub=1 psub=2 ssub=0 multi=-1 qbuf=26 omem=9 cmd=client|list user=shop lib-name=x lib-ver=1.2 resp=3\n";
        let client = ClientDescribed::read(line);
        assert_eq!((client.id, client.database, client.age_s), (7, 2, 3));
        assert_eq!(client.name, "a=b");
        assert_eq!((client.input_bytes, client.output_bytes), (26, 9));
        assert_eq!((client.subscriptions, client.protocol), (3, 3));
        assert_eq!(&*client.library, "x 1.2");
        assert_eq!(&*client.last_command, "client list");
        assert_eq!(ClientDescribed::read("").id, 0);
    }

    #[test]
    fn an_entry_of_the_slow_log_is_read_and_what_is_none_is_not() {
        let mut bytes = b"*6\r\n:3\r\n:1700000000\r\n:15000\r\n".to_vec();
        encode_request(&mut bytes, ["GET", "k"]);
        bytes.extend(b"$9\r\n1.2.3.4:5\r\n$1\r\np\r\n");
        let slow = SlowDescribed::read(&decode_scanned(&bytes).unwrap()).unwrap();
        assert_eq!((slow.id, slow.took_us), (3, 15_000));
        assert_eq!(slow.at_ms, Some(1_700_000_000_000));
        assert_eq!(slow.command, ["GET", "k"]);
        assert_eq!((&*slow.client, &*slow.client_name), ("1.2.3.4:5", "p"));
        for wrong in [
            "*0\r\n",
            "$1\r\nx\r\n",
            "*4\r\n:1\r\n:2\r\n:3\r\n$1\r\nx\r\n",
        ] {
            let frame = decode_scanned(wrong.as_bytes()).unwrap();
            assert_eq!(SlowDescribed::read(&frame), None, "{wrong}");
        }
    }

    #[test]
    fn nobody_gets_more_than_there_is_room_for() {
        assert_eq!(at_most(None, 5, 10), 5);
        assert_eq!(at_most(Some(0), 5, 10), 0);
        assert_eq!(at_most(Some(7), 5, 10), 7);
        assert_eq!(at_most(Some(u64::MAX), 5, 10), 10);
    }
}
