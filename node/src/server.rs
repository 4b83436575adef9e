//! The node's frame: takes connections in, keeps their number bounded, stops gracefully.
//! Never: reads a request. Invariant: when [`serve`] returns, every connection has been closed.

use crate::admin::Admin;
use crate::client::{Identity as ClientIdentity, Peer, Session};
use crate::connection::Connection;
use crate::disk::{DataFolder, FolderError};
use crate::loading::LoadError;
use crate::node_state::{Identity, NodeAccess, NodeState};
use crate::settings::{Settings, Start};
use crate::shell::Shell;
use crate::socket::Socket;
use crate::store::Store;
use crate::{
    deliveries, departures, joining, loading, processor, recording, replication, saving, tick,
};
use shared::access::{AccessLog, Login, PasswordDice, Users};
use shared::clock::Clock;
use shared::config::NodeConfig;
use shared::resp::{ErrorReply, Protocol, ReplyWriter};
use shared::socket::{PAUSE_AFTER_FAILED_ACCEPT, prepare_accepted};
use shared::throttle::Throttle;
use shared::topology::NodeId;
use shared::users_file::read_users;
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tracing::{debug, info, warn};

/// Clients taken in before those who are there have their turn: some 15 µs each.
const ACCEPTS_PER_TURN: usize = 16;
/// How long the replies already written may take to leave before the process goes, when `shutdown-timeout` allows less.
const LEAST_GRACE: Duration = Duration::from_millis(50);

/// How long a file that is being written when the node ends may take; a disk that hangs longer keeps nobody.
const LAST_FILES: Duration = Duration::from_secs(5);

/// Why a node has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeExit {
    /// The future said so.
    Told,
    /// A client called SHUTDOWN.
    Shutdown,
}

/// Why a node could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The runtime or the listening socket.
    #[error("cannot serve clients")]
    Io(#[from] io::Error),
    /// The system gives no random numbers, without which hashes could be foreseen by clients.
    #[error("cannot draw random numbers: {0}")]
    Random(getrandom::Error),
    /// The folder of its data.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is set in CONFIG's words.
    #[error("config-set: {0}")]
    ConfigSet(String),
    /// The file of users.
    #[error("users cannot be read: {0}")]
    Users(String),
    /// The data in it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It stopped, and its last snapshot could not be taken.
    #[error("the node has stopped without saving what was changed since its last snapshot")]
    NotSaved,
}

/// Where a node listens. A socket alone is for its clients.
#[derive(Debug)]
pub struct Sockets {
    /// Clients and proxies.
    pub clients: std::net::TcpListener,
    /// Who wants its metrics and its health, over HTTP: what `admin` names.
    pub admin: Option<std::net::TcpListener>,
}

impl From<std::net::TcpListener> for Sockets {
    fn from(clients: std::net::TcpListener) -> Self {
        Self {
            clients,
            admin: None,
        }
    }
}

/// Runs a node on this thread until `shutdown` resolves or a client calls SHUTDOWN; `is_ready` is called when it has what it needs to serve.
///
/// # Errors
/// [`NodeError`]
pub fn run(
    start: impl Into<Start>,
    sockets: impl Into<Sockets>,
    is_ready: impl FnOnce(),
    shutdown: impl Future<Output = ()>,
) -> Result<NodeExit, NodeError> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default())?;
    let exit = runtime.block_on(serve(start, sockets, is_ready, shutdown));
    runtime.shutdown_timeout(LAST_FILES);
    exit
}

/// Serves clients until `shutdown` resolves or a client calls SHUTDOWN. Must run on a tokio `LocalRuntime` (see [`run`]) or inside a `LocalSet`.
///
/// # Errors
/// [`NodeError`]
pub async fn serve(
    start: impl Into<Start>,
    sockets: impl Into<Sockets>,
    is_ready: impl FnOnce(),
    shutdown: impl Future<Output = ()>,
) -> Result<NodeExit, NodeError> {
    let sockets = sockets.into();
    sockets.clients.set_nonblocking(true)?;
    let listener = TcpListener::from_std(sockets.clients)?;
    let start = start.into();
    let shell = Rc::new(new_shell(start, listener.local_addr()?, Clock::system())?);
    let admin = sockets.admin.map(|socket| Admin::start(&shell, socket));
    let _admin = admin.transpose()?;
    is_ready();
    let ticking = tokio::task::spawn_local(tick::run(Rc::clone(&shell)));
    let closing = tokio::task::spawn_local(departures::close_all(Rc::clone(&shell.departures)));
    let sending = tokio::task::spawn_local(deliveries::run(Rc::clone(&shell)));
    let handing_over = tokio::task::spawn_local(recording::hand_over(Rc::clone(&shell)));
    let delivering = tokio::task::spawn_local(recording::deliver(Rc::clone(&shell)));
    let joining = tokio::task::spawn_local(joining::run(Rc::clone(&shell)));
    info!(address = %listener.local_addr()?, "node serves clients");
    let exit = tokio::select! {
        () = shutdown => Ok(NodeExit::Told),
        () = shell.shutdown.notified() => Ok(NodeExit::Shutdown),
        () = accept_all(&shell, &listener) => Ok(NodeExit::Told),
        error = loaded_for_ever(&shell) => Err(error),
    };
    drop(listener);
    joining.abort();
    ticking.abort();
    // What comes from a leader now would not be in the log.
    replication::stop_following(&shell);
    close_all(&shell, grace(&shell)).await;
    closing.abort();
    let whole = tokio::time::timeout(grace(&shell), saving::wait_for_a_whole(&shell)).await;
    recording::finish(&shell).await;
    sending.abort();
    delivering.abort();
    handing_over.abort();
    let exit = exit?;
    let saving = saving::save_before_end(&shell, shell.final_save.get());
    let saved = match whole {
        Ok(()) => saving.await.is_ok(),
        // Where nothing is to be saved that is known at once.
        Err(_) => {
            warn!(
                "a script or transaction that has written does not end: what it has written is not kept"
            );
            let saved = tokio::time::timeout(Duration::ZERO, saving).await;
            saved.is_ok_and(|saved| saved.is_ok())
        }
    };
    if !saved {
        return Err(NodeError::NotSaved);
    }
    match exit {
        NodeExit::Told => info!("node has stopped, as it was told to"),
        NodeExit::Shutdown => info!("node has stopped, for a client called SHUTDOWN"),
    }
    Ok(exit)
}

/// Reads the node's data, and ends only when that cannot be done.
async fn loaded_for_ever(shell: &Rc<Shell>) -> LoadError {
    match loading::load(shell).await {
        Ok(()) => std::future::pending().await,
        Err(error) => error,
    }
}

fn new_shell(start: Start, address: SocketAddr, clock: Clock) -> Result<Shell, NodeError> {
    let config = &start.config;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(NodeError::Random)?;
    let mut settings = Settings::at_start(config, address.port());
    settings.start_with(config).map_err(|wrong| {
        let text = ErrorReply::from(wrong).to_string();
        NodeError::ConfigSet(text.trim_start_matches("ERR ").to_owned())
    })?;
    let mut store = Store::new(config.databases, u64::from_ne_bytes(seed));
    store.set_eviction(settings.hot.eviction);
    store.set_event_classes(settings.hot.events);
    store.set_now(clock.wall_ms());
    let identity = Identity {
        incarnation: replication::random_life().map_err(NodeError::Random)?.0,
        run_id: replication::random_id().map_err(NodeError::Random)?,
        replication_id: replication::random_id().map_err(NodeError::Random)?,
        port: address.port(),
        started_ms: clock.wall_ms(),
        config_file: start
            .config_file
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        process_id: std::process::id(),
        executable: std::env::current_exe()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        system: processor::system_name(),
        system_memory_bytes: processor::system_memory_bytes(),
    };
    let folder = start.config.data_dir.as_deref();
    let folder = folder.map(DataFolder::take).transpose()?;
    if let Some(folder) = &folder {
        settings.preset("dir", folder.path().display().to_string());
    }
    let name = take_name(folder.as_ref(), config)?;
    let access = read_access(config, &settings)?;
    let mut node = NodeState::new(settings, identity);
    node.access = access;
    if let Some(name) = name {
        node.member.call(name);
    }
    let mut shell = Shell::new(start, store, node, clock);
    shell.folder = folder;
    Ok(shell)
}

/// The users that the configuration says, and dice that nobody can foresee.
fn read_access(config: &NodeConfig, settings: &Settings) -> Result<NodeAccess, NodeError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(NodeError::Random)?;
    let users = match &config.aclfile {
        None => Users::new(&config.requirepass),
        Some(path) => {
            let channels = settings.hot.channels_by_default;
            read_users(path, &config.requirepass, channels).map_err(NodeError::Users)?
        }
    };
    Ok(NodeAccess {
        users: Arc::new(users),
        log: AccessLog::default(),
        dice: PasswordDice::new(seed),
    })
}

/// The node's name, which its folder keeps; one that joins nobody needs none, but is told one with its first order.
fn take_name(
    folder: Option<&DataFolder>,
    config: &NodeConfig,
) -> Result<Option<NodeId>, NodeError> {
    let kept = folder.map(DataFolder::kept_name).transpose()?.flatten();
    if config.join.is_none() {
        return Ok(kept);
    }
    let belongs = folder.is_some_and(DataFolder::belongs);
    let name = match (kept.clone(), config.name.clone()) {
        (Some(kept), Some(name)) if belongs && kept != name => {
            warn!(%kept, %name, "the data belong to a shard, and its proxies call this node otherwise; that name counts");
            Some(kept)
        }
        (kept, None) if belongs => kept,
        (None, None) => Some(random_name()?),
        (kept, name) => name.or(kept),
    };
    if let (Some(folder), Some(name)) = (folder, &name)
        && kept.as_ref() != Some(name)
    {
        folder.keep_name(name)?;
    }
    Ok(name)
}

/// A name that no other node has, as far as dice can tell.
fn random_name() -> Result<NodeId, NodeError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(NodeError::Random)?;
    let name = format!("n-{:08x}", u32::from_ne_bytes(bytes)).parse();
    Ok(name.expect("letters, digits and a dash"))
}

/// Takes connections in for ever.
async fn accept_all(shell: &Rc<Shell>, listener: &TcpListener) {
    let mut accepted = 0;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                admit(shell, stream, peer);
                accepted += 1;
                if accepted == ACCEPTS_PER_TURN {
                    accepted = 0;
                    tokio::task::yield_now().await;
                }
            }
            Err(error) => {
                static NONE_ACCEPTED: Throttle = Throttle::new();
                if let Some(left_out) = NONE_ACCEPTED.admit(shell.clock.wall_ms()) {
                    warn!(%error, left_out, "clients wait, for none can be accepted");
                }
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

/// Starts serving a client, or says why not.
fn admit(shell: &Rc<Shell>, stream: TcpStream, peer: SocketAddr) {
    let now_ms = shell.clock.wall_ms();
    let node = &mut shell.core.borrow_mut().node;
    node.stats.connections += 1;
    let hot = &node.settings.hot;
    if node.clients.len() >= hot.max_clients {
        node.stats.rejected_connections += 1;
        static TOO_MANY: Throttle = Throttle::new();
        if let Some(left_out) = TOO_MANY.admit(now_ms) {
            let maxclients = hot.max_clients;
            warn!(%peer, maxclients, left_out, "turned away: there are as many clients as maxclients allows");
        }
        turn_away(&stream, &ErrorReply::TooManyClients);
        return;
    }
    if hot.protected_mode && !node.access.users.is_safe_for(peer.ip()) {
        node.stats.rejected_connections += 1;
        turn_away(&stream, &ErrorReply::Protected);
        return;
    }
    let keepalive = Duration::from_secs(hot.tcp_keepalive_seconds);
    if let Err(error) = prepare_accepted(&stream, keepalive) {
        debug!(%error, "connection lost before it began");
        return;
    }
    let id = node.clients.next_id();
    let identity = ClientIdentity {
        id,
        address: peer.to_string(),
        local_address: stream
            .local_addr()
            .map(|address| address.to_string())
            .unwrap_or_default(),
        socket_number: i64::from(stream.as_raw_fd()),
        connected_ms: now_ms,
    };
    let session = Session {
        login: Login::new(&node.access.users),
        ..Session::default()
    };
    let limits = crate::connection::limits(&node.settings.hot, session.login.is_authenticated());
    let key = node.clients.enter(identity, session);
    let socket = Rc::new(Socket::new(stream));
    node.clients.at(key).peer = Some(Rc::clone(&socket) as Rc<dyn Peer>);
    let connection = Connection::new(Rc::clone(shell), socket, key, limits);
    let task = tokio::task::spawn_local(connection.serve());
    shell.register(id, task.abort_handle());
}

/// One write into an empty socket buffer; whoever is turned away gets no more effort.
fn turn_away(stream: &TcpStream, error: &ErrorReply) {
    let mut reply = Vec::new();
    ReplyWriter::new(&mut reply, Protocol::Resp2).error(error);
    if let Err(error) = SockRef::from(stream).send(&reply) {
        debug!(%error, "turned a client away without a word");
    }
}

/// How long replies may take to leave: as the configuration says, to the part of a second, or in whole seconds what CONFIG SET has made of that.
fn grace(shell: &Shell) -> Duration {
    let at_start = shell.start.config.shutdown_grace;
    let seconds = shell.core.borrow().node.settings.shutdown_seconds();
    let grace = if seconds == at_start.as_secs() {
        at_start
    } else {
        Duration::from_secs(seconds)
    };
    grace.max(LEAST_GRACE)
}

/// Lets connections write what waits, then closes all.
async fn close_all(shell: &Shell, grace: Duration) {
    shell.stop();
    let idle: Vec<u64> = {
        let core = shell.core.borrow();
        let clients = core.node.clients.iter();
        let idle =
            clients.filter(|client| client.outbox.is_empty() && !client.traffic.goes_by_itself());
        idle.map(|client| client.identity.id).collect()
    };
    shell.cut(&idle);
    let everybody_left = async {
        while !shell.core.borrow().node.clients.is_empty() {
            shell.left.notified().await;
        }
    };
    if tokio::time::timeout(grace, everybody_left).await.is_err() {
        let late: Vec<u64> = {
            let core = shell.core.borrow();
            let clients = core.node.clients.iter();
            clients.map(|client| client.identity.id).collect()
        };
        warn!(clients = late.len(), "closed before they read all replies");
        shell.cut(&late);
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Clock, NodeConfig, Shell, SocketAddr, new_shell};

    /// What a node of these settings would have, at port 1.
    pub(crate) fn shell_with(config: NodeConfig) -> Shell {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        new_shell(config.into(), address, Clock::system()).expect("a node")
    }
}

#[cfg(test)]
mod tests {
    use super::grace;
    use super::testing::shell_with;
    use shared::config::NodeConfig;
    use std::time::Duration;

    #[test]
    fn the_grace_is_what_was_set_last() {
        let config = NodeConfig {
            shutdown_grace: Duration::from_millis(2_500),
            ..NodeConfig::default()
        };
        let shell = shell_with(config);
        assert_eq!(grace(&shell), Duration::from_millis(2_500));
        let set = |seconds: &'static str| {
            let settings = &mut shell.core.borrow_mut().node.settings;
            settings.preset("shutdown-timeout", seconds);
        };
        set("7");
        assert_eq!(grace(&shell), Duration::from_secs(7));
        set("0");
        assert_eq!(grace(&shell), super::LEAST_GRACE);
    }
}
