//! The command line of `switchyard topology`: which topology is meant, how etcd is reached, and which running proxy is asked.
//! Never: opens a file, a socket, or decides anything.

use clap::{Args, Subcommand};
use shared::config::{
    ProxyConfig, Secret, SettingValue as _, TopologyAccess, TopologyPlace, UserName,
};
use shared::topology::{Address, ClusterId, NodeId, Proof, ShardId};
use std::fmt;
use std::path::PathBuf;

/// How etcd is reached; the same words, and the same environment, as a proxy's settings.
#[derive(Args, Clone, Default)]
pub(crate) struct StoreArguments {
    /// As whom etcd is asked.
    #[arg(long, value_name = "NAME", env = "SWITCHYARD_PROXY_TOPOLOGY_USER", value_parser = UserName::parse)]
    topology_user: Option<UserName>,

    /// Password of that user; the environment keeps it out of lists of processes.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "SWITCHYARD_PROXY_TOPOLOGY_PASSWORD",
        hide_env_values = true
    )]
    topology_password: Option<String>,

    /// Certificates, PEM, of whoever may have signed those of etcd, which is at etcds://HOST:PORT then.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_PROXY_TOPOLOGY_CA_FILE")]
    topology_ca_file: Option<PathBuf>,

    /// Certificate that is shown to etcd, PEM.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_PROXY_TOPOLOGY_CERT_FILE")]
    topology_cert_file: Option<PathBuf>,

    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_PROXY_TOPOLOGY_KEY_FILE")]
    topology_key_file: Option<PathBuf>,
}

impl StoreArguments {
    /// As settings.
    pub(crate) fn access(&self) -> TopologyAccess {
        TopologyAccess {
            user: self.topology_user.clone(),
            password: Secret::new(self.topology_password.clone().unwrap_or_default()),
            ca_file: self.topology_ca_file.clone(),
            cert_file: self.topology_cert_file.clone(),
            key_file: self.topology_key_file.clone(),
        }
    }
}

impl fmt::Debug for StoreArguments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access().fmt(out)
    }
}

/// Where a topology is: `FILE|etcd://HOST:PORT,…`.
const PLACE: &str = TopologyPlace::SHAPE;

/// `switchyard topology`.
#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Makes a topology that spreads all slots over the given nodes.
    Init {
        /// A node's address; repeat it for each. The first ones lead, the others follow.
        #[arg(long = "node", value_name = "HOST:PORT", required = true)]
        nodes: Vec<Address>,
        /// Copies of each shard besides its primary.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        followers: u16,
        /// Its name, by which nodes and their folders tell it from others; drawn by chance where there are followers and nobody says.
        #[arg(long, value_name = "NAME")]
        cluster: Option<ClusterId>,
        /// Puts it there instead of printing it; one that is there is left as it is.
        #[arg(long, value_name = PLACE, value_parser = TopologyPlace::parse)]
        output: Option<TopologyPlace>,
        /// Replaces an existing file. In etcd nothing is replaced without a look at what is there: see `put`.
        #[arg(long, requires = "output")]
        force: bool,
        /// Succeeds, too, where one is there already: for a service that runs at every start of a deployment.
        #[arg(long, requires = "output", conflicts_with = "force")]
        unless_there: bool,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Says everything that is wrong with a topology, and what is worth knowing.
    Check {
        /// Where it is.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        file: TopologyPlace,
        /// Where the one is that proxies have taken up; then the step from it to the other is checked as well.
        #[arg(long, value_name = PLACE, value_parser = TopologyPlace::parse)]
        after: Option<TopologyPlace>,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Shows who owns what: by a file or by etcd; or by a running proxy, and with what it knows of the nodes.
    Show {
        /// Where the topology is; the proxy at --admin is asked where nothing is given.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        file: Option<TopologyPlace>,
        /// Shows it again whenever something changes, until it is stopped.
        #[arg(long, conflicts_with = "file")]
        watch: bool,
        #[command(flatten)]
        store: StoreArguments,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Lets another node lead a shard, by order of a running proxy: nothing is lost, and no client sees an error. With --accept-loss a shard goes on
    /// that waits for nodes which will never come back.
    Failover(FailoverArguments),
    /// Says which keys clients of a running proxy asked for together although they lie in several slots (CROSSSLOT), the worst first, and the rules [[colocate]]
    /// that would have kept them together.
    Advise {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Says what differs between two topologies.
    Diff {
        /// What is.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        old: TopologyPlace,
        /// What would be.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        new: TopologyPlace,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Prints the topology as it is kept: what is to be edited, and put back.
    Get {
        /// Where it is.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        from: TopologyPlace,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Puts a topology in the place of the one of the version before, if that is still there, for proxies to follow. What proxies would refuse is refused.
    Put {
        /// What would be: its version is one more than that of what is.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where it is to be. Where nothing is yet, it is the first.
        #[arg(long, value_name = PLACE, value_parser = TopologyPlace::parse)]
        to: TopologyPlace,
        #[command(flatten)]
        store: StoreArguments,
    },
}

/// `switchyard users`.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Prints them as they are kept, a line for each: what is to be edited, and put back.
    Show {
        /// Where the topology is, beside which they lie.
        #[arg(value_name = PLACE, value_parser = TopologyPlace::parse)]
        from: TopologyPlace,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Puts the users of a file in the place of those that are there, for all proxies with users = "store" to take up. A file of which anything is wrong is refused;
    /// passwords are kept as hashes.
    Put {
        /// `user NAME RULE …`, a line for each.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the topology is.
        #[arg(long, value_name = PLACE, value_parser = TopologyPlace::parse)]
        to: TopologyPlace,
        /// Refuses if those that are there are others than in this file, as `users show` has printed them.
        #[arg(long, value_name = "FILE")]
        over: Option<PathBuf>,
        #[command(flatten)]
        store: StoreArguments,
    },
}

/// `switchyard topology failover`.
#[derive(Debug, Args)]
pub(crate) struct FailoverArguments {
    /// The shard.
    pub(crate) shard: ShardId,

    /// Who is to lead [default: a follower that has everything].
    #[arg(long, value_name = "NODE")]
    pub(crate) to: Option<NodeId>,

    /// The shard's epoch when you looked: if another node leads it since then, nothing is changed [default: the one that the proxy knows].
    #[arg(long, value_name = "NUMBER", conflicts_with = "accept_loss")]
    pub(crate) epoch: Option<u64>,

    /// Gives up what only nodes have that do not answer, where nobody who has every acknowledged write does. It says what that means, and asks before it does.
    #[arg(long, conflicts_with = "to")]
    pub(crate) accept_loss: bool,

    /// Why the nodes that do not answer cannot be alive, in words: the topology keeps it.
    #[arg(long, value_name = "TEXT", requires = "accept_loss")]
    pub(crate) proof: Option<Proof>,

    /// Does not ask.
    #[arg(long, requires = "accept_loss")]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// Which running proxy is meant.
#[derive(Args)]
pub(crate) struct AdminArguments {
    /// The admin listener of a running proxy [default: 127.0.0.1:9121].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) admin: Option<Address>,

    /// The proxy's password, which orders need where it has one, and whatever names clients, keys or arguments; the environment keeps it out of lists of processes.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "SWITCHYARD_ADMIN_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,
}

impl AdminArguments {
    /// Where it listens: where proxies do unless they are told otherwise.
    pub(crate) fn address(&self) -> Address {
        let given = self.admin.clone();
        let default = || ProxyConfig::default().admin;
        // There is a default.
        given.or_else(default).unwrap_or(Address::loopback(0))
    }
}

impl fmt::Debug for AdminArguments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AdminArguments")
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}
