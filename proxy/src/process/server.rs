//! The process frame: listening sockets first, then the threads, pingora's [`Server`] around all of it, and a graceful end.
//!
//! pingora-core gives the frame: services with runtimes of their own, their order at the start, the shutdown. Clients are served by *our* [`Service`]
//! (in [`super::acceptor`]): it deals accepted sockets round-robin to the proxy threads, which pingora's own server application would keep on
//! the acceptor's reactor. What looks after topology and nodes, the watcher of certificates and the admin listener are more services.
//!
//! A [`Server`] is told when to stop by the [`watch`] channel of [`Proxy::run`], not by signals, so several proxies can live in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server};
use ring::rand::{SecureRandom as _, SystemRandom};
use shared::access::Users;
use shared::clock::Clock;
use shared::config::{ProxyConfig, UsersIn};
use shared::open_files;
use shared::topology::{Address, Topology};
use shared::users_file;
use tokio::sync::{mpsc, watch};

use super::acceptor::Acceptor;
use super::certificates::CertificateService;
use super::ending::Ending;
use super::listeners::Listeners;
use super::users::UsersService;
use crate::access::{LiveAccess, channels, place, users_of_store};
use crate::admin::{AdminService, Levers};
use crate::control::{ControlService, requests};
use crate::counters::Counters;
use crate::events::Events;
use crate::facts::ProxyShared;
use crate::gossip::{Announcements, KnownProxies};
use crate::orders::{Order, ThreadContact};
use crate::pause::Pause;
use crate::redirects::Whereabouts;
use crate::reload::Reloading;
use crate::scripts::ScriptTexts;
use crate::sightings::{Sighting, sightings};
use crate::thread::run_thread;
use crate::tls::{TlsError, TlsFront};
use crate::topology::{LiveTopology, StaleTopology, TopologyError, ask_apart, load_topology};

/// Orders that may wait for one thread; beyond them clients go to the other threads.
const WAITING_ORDERS: usize = 1024;

/// Threads that one proxy may have when as many are wanted as there are cores.
const MOST_THREADS: usize = 64;

/// pingora's own runtimes get this long to end after ours are gone.
const RUNTIME_SHUTDOWN_SECONDS: u64 = 1;

/// Why a proxy cannot start, or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: Address,
        /// The setting that names it.
        setting: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Neither with TLS nor without is there an address to connect to.
    #[error("neither listen nor tls-listen names an address, so no client could connect")]
    NoAddress,
    /// The topology cannot be read, or is none.
    #[error(transparent)]
    TopologyStore(#[from] TopologyError),
    /// The topology cannot be used.
    #[error(transparent)]
    Topology(#[from] StaleTopology),
    /// The file of users is wrong.
    #[error("users cannot be read: {0}")]
    Users(String),
    /// The users in the store are wrong, or cannot be had.
    #[error("nobody can be let in: {0}")]
    UsersOfStore(String),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The operating system refuses something.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it says.
        source: std::io::Error,
    },
    /// A proxy thread ended by itself: a mistake of the program.
    #[error("a proxy thread ended by itself; this is a mistake of the program, please report it")]
    ThreadEnded,
    /// A proxy thread does not end.
    #[error("a proxy thread hangs, and was left behind")]
    ThreadHangs,
}

/// A proxy that listens, but does not serve yet.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<ProxyShared>,
    listeners: Listeners,
    /// What threads see of nodes, for whoever looks after them; nobody does where the topology is given by hand.
    watched: Option<mpsc::Receiver<Sighting>>,
    reloading: Reloading,
    /// Why operators cannot have it drained by itself, where they cannot.
    no_drain: Option<&'static str>,
    orders: Vec<mpsc::Receiver<Order>>,
}

impl Proxy {
    /// Reads the topology and the certificate, and takes the addresses. Clients that connect from now on wait until [`Self::run`].
    ///
    /// # Errors
    /// [`ProxyError`]: an address is taken, a file is wrong.
    pub fn bind(config: ProxyConfig) -> Result<Self, ProxyError> {
        let topology = load_topology(&config)?;
        Self::build(config, topology, true)
    }

    /// As [`Self::bind`], with a topology that nobody else writes; [`ProxyConfig::topology`] is not looked at.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn bind_with(config: ProxyConfig, topology: Topology) -> Result<Self, ProxyError> {
        Self::build(config, topology, false)
    }

    fn build(
        mut config: ProxyConfig,
        topology: Topology,
        follows_store: bool,
    ) -> Result<Self, ProxyError> {
        let (sightings, seen) = sightings();
        let topology = LiveTopology::new(topology)?;
        let clock = Clock::system();
        make_room_for_files(&mut config);
        let tls = TlsFront::of(&config)?;
        let listeners = Listeners::bind(&config)?;
        let address = listeners.for_clients().ok_or(ProxyError::NoAddress)?;
        let (threads, orders) = (0..thread_count(&config))
            .map(|_| ThreadContact::new(WAITING_ORDERS))
            .unzip();
        let access = begin_access(&config)?;
        let shared = ProxyShared {
            access,
            topology,
            tls,
            counters: Counters::new(),
            pause: Pause::new(),
            started_ms: clock.wall_ms(),
            events: Events::new(clock.clone()),
            clock,
            address,
            run_id: random_id(),
            whereabouts: Whereabouts::default(),
            scripts: ScriptTexts::default(),
            announcements: Announcements::new(),
            others: KnownProxies::default(),
            threads,
            sightings,
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            listeners,
            watched: follows_store.then_some(seen),
            reloading: Reloading::new(),
            no_drain: None,
            orders,
        })
    }

    /// The same, which operators cannot have drained by itself, for this reason: others end with it.
    #[must_use]
    pub fn undrained(mut self, because: &'static str) -> Self {
        self.no_drain = Some(because);
        self
    }

    /// Where clients connect: without TLS, or where nobody can, with it.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Where clients connect without TLS.
    #[must_use]
    pub fn plain_address(&self) -> Option<SocketAddr> {
        let listener = self.listeners.plain.as_ref();
        listener.map(|listener| listener.address)
    }

    /// Where clients connect with TLS.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        let listener = self.listeners.tls.as_ref();
        listener.map(|listener| listener.address)
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        let listener = self.listeners.admin.as_ref();
        listener.map(|listener| listener.address)
    }

    /// What makes it read its files again, also while it runs.
    #[must_use]
    pub fn reloading(&self) -> Reloading {
        self.reloading.clone()
    }

    /// The topology, to be replaced by hand where no file is watched.
    #[must_use]
    pub fn topology(&self) -> LiveTopology {
        self.shared.topology.clone()
    }

    /// Serves until `stopped` turns true (or its sender is gone), for `drain_delay` more, and then until the last client has its replies, at most `shutdown_grace`.
    ///
    /// # Errors
    /// [`ProxyError`]: the operating system refuses threads.
    pub fn run(self, stopped: watch::Receiver<bool>) -> Result<(), ProxyError> {
        let (lives, life) = watch::channel(());
        let threads = start_threads(&self.shared, self.orders, &life)?;
        drop(life);
        let (leaving, left) = watch::channel(false);
        let (draining, drain) = watch::channel(false);
        let mut server = Server::new_with_opt_and_conf(None, frame_settings(&self.shared.config));
        server.add_service(Acceptor::new(
            Arc::clone(&self.shared),
            &self.listeners,
            drain,
        )?);
        // Where nobody looks after shards nobody takes them, and who asks is told so.
        let (requests, asked) = requests::channel();
        let (drain_asked, drained) = watch::channel(false);
        if let Some(listener) = self.listeners.admin {
            let shared = Arc::clone(&self.shared);
            let levers = Levers {
                reloading: self.reloading.clone(),
                drain: drain_asked,
                no_drain: self.no_drain,
            };
            let admin = AdminService::new(shared, listener.socket, left, requests, levers);
            server.add_service(admin);
        }
        if let Some(watched) = self.watched {
            let (shared, reload) = (Arc::clone(&self.shared), self.reloading.watch());
            server.add_service(ControlService::new(shared, reload, watched, asked));
        }
        if let Some(front) = &self.shared.tls {
            let reload = self.reloading.watch();
            let events = self.shared.events.clone();
            server.add_service(CertificateService::new(front.clone(), reload, events));
        }
        let config = &self.shared.config;
        if config.aclfile.is_some() || config.users == UsersIn::Store {
            let reload = self.reloading.watch();
            server.add_service(UsersService::new(Arc::clone(&self.shared), reload));
        }
        let still_alive = lives.clone();
        let ending = Ending {
            stopped,
            drained,
            leaving,
            draining,
            lives,
            shared: Arc::clone(&self.shared),
        };
        server.run(RunArgs {
            shutdown_signal: Box::new(ending),
        });
        if still_alive.receiver_count() > 0 {
            return Err(ProxyError::ThreadHangs);
        }
        let all_ended = threads.into_iter().all(|thread| thread.join().is_ok());
        if all_ended {
            Ok(())
        } else {
            Err(ProxyError::ThreadEnded)
        }
    }

    /// Serves on a thread of its own.
    ///
    /// # Errors
    /// [`ProxyError::System`]: there is no thread to be had.
    pub fn start(self) -> Result<ProxyHandle, ProxyError> {
        let (stop, stopped) = watch::channel(false);
        let client_address = self.client_address();
        let tls_address = self.tls_address();
        let admin_address = self.admin_address();
        let topology = self.topology();
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || self.run(stopped))
            .map_err(|source| ProxyError::System {
                what: "start a thread",
                source,
            })?;
        Ok(ProxyHandle {
            client_address,
            tls_address,
            admin_address,
            topology,
            stop,
            thread,
        })
    }
}

/// A proxy that serves on a thread of this process.
#[derive(Debug)]
pub struct ProxyHandle {
    client_address: SocketAddr,
    tls_address: Option<SocketAddr>,
    admin_address: Option<SocketAddr>,
    topology: LiveTopology,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<(), ProxyError>>,
}

impl ProxyHandle {
    /// Where clients connect: without TLS, or where nobody can, with it.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Where clients connect with TLS.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The topology, to be replaced by hand where no file is watched.
    #[must_use]
    pub fn topology(&self) -> &LiveTopology {
        &self.topology
    }

    /// Lets clients go and waits for the end. Dropping a handle does the same without waiting.
    ///
    /// # Errors
    /// What [`Proxy::run`] came to.
    pub fn stop(self) -> Result<(), ProxyError> {
        // Nobody listens any more when it has ended by itself; the thread says why.
        self.stop.send(true).ok();
        self.thread.join().map_err(|_| ProxyError::ThreadEnded)?
    }
}

/// Sockets and files beside those of clients: pipes, listeners, the topology, the log.
const OTHER_FILES: u64 = 1_024;

/// Raises the process' limit of open files, as far as it may, so that `maxclients` can be kept. Where that is not enough `maxclients` is lowered: without a file left
/// nodes are not found again, and nobody learns what is wrong.
fn make_room_for_files(config: &mut ProxyConfig) {
    let wanted = u64::from(config.maxclients) + OTHER_FILES;
    // Few clients wait or watch at a time, and those that may be too many are refused then.
    let leases = u64::from(config.leases) * thread_count(config) as u64;
    let with_leases = wanted + leases.min(u64::from(config.maxclients));
    if let Some(limit) = open_files::make_room(with_leases)
        && limit < wanted
    {
        config.maxclients = clients_within(limit, config.maxclients);
        tracing::warn!(
            wanted,
            limit,
            maxclients = config.maxclients,
            "maxclients is lowered, for fewer files may be open than it needs; raise the limit of open files"
        );
    }
}

/// As many clients as leave half of the files, or [`OTHER_FILES`], to everything else.
fn clients_within(limit: u64, maxclients: u32) -> u32 {
    let clients = limit.saturating_sub(OTHER_FILES).max(limit / 2).max(1);
    maxclients.min(u32::try_from(clients).unwrap_or(u32::MAX))
}

fn thread_count(config: &ProxyConfig) -> usize {
    match usize::from(config.threads) {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS)),
        count => count,
    }
}

/// 160 random bits. The standard library seeds its hash maps from the operating system; that is as random as a name needs to be.
fn random_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let draw = |number: u32| RandomState::new().hash_one(number);
    format!("{:016x}{:016x}{:08x}", draw(1), draw(2), draw(3) >> 32)
}

/// The users that the settings say.
fn begin_access(config: &ProxyConfig) -> Result<LiveAccess, ProxyError> {
    let seed = random_seed()?;
    if config.users == UsersIn::Store {
        let access = LiveAccess::new(Users::new(&config.requirepass), seed);
        let text = ask_apart(users_of_store(config)).ok_or(ProxyError::System {
            what: "ask the store for users",
            source: std::io::Error::other("there is no runtime for it"),
        })?;
        let taken = text.and_then(|text| access.take(&place(config), &text, config));
        taken.map_err(ProxyError::UsersOfStore)?;
        return Ok(access);
    }
    let users = match &config.aclfile {
        Some(path) => {
            let read = users_file::read_users(path, &config.requirepass, channels(config));
            read.map_err(ProxyError::Users)?
        }
        None => Users::new(&config.requirepass),
    };
    Ok(LiveAccess::new(users, seed))
}

/// What passwords are thrown by: this, nobody may guess.
fn random_seed() -> Result<[u8; 32], ProxyError> {
    let mut seed = [0; 32];
    let filled = SystemRandom::new().fill(&mut seed);
    filled.map_err(|_| ProxyError::System {
        what: "draw random numbers",
        source: std::io::Error::other("the system gives none"),
    })?;
    Ok(seed)
}

fn frame_settings(config: &ProxyConfig) -> ServerConf {
    ServerConf {
        threads: 1,
        work_stealing: false,
        daemon: false,
        // Draining is ours, and over when the server hears of it: both of its waits would only add to it. They default to minutes.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(RUNTIME_SHUTDOWN_SECONDS),
        max_blocking_threads: Some(2),
        upgrade_sock: format!(
            "/tmp/switchyard-{}.sock",
            config.listen.as_ref().map_or(0, Address::port)
        ),
        ..ServerConf::default()
    }
}

fn start_threads(
    shared: &Arc<ProxyShared>,
    orders: Vec<mpsc::Receiver<Order>>,
    life: &watch::Receiver<()>,
) -> Result<Vec<JoinHandle<()>>, ProxyError> {
    let start = |(number, orders): (usize, mpsc::Receiver<Order>)| {
        let (shared, life) = (Arc::clone(shared), life.clone());
        let run = move || {
            let _life = life;
            if let Err(error) = run_thread(shared, number, orders) {
                tracing::error!(%error, "a proxy thread could not start");
            }
        };
        std::thread::Builder::new()
            .name(format!("proxy-{number}"))
            .spawn(run)
            .map_err(|source| ProxyError::System {
                what: "start a proxy thread",
                source,
            })
    };
    orders.into_iter().enumerate().map(start).collect()
}
