//! What a proxy is told at its start. Plain data. Pure.

use super::networks::Networks;
use super::node::AclPubsubDefault;
use super::policy::{Acks, Policies, ReadFrom, Rule};
use super::secret::Secret;
use super::sentinel_name::SentinelName;
use super::settings::{Conflict, choices, kebab, range, settings};
use super::topology_access::{TopologyAccess, UserName};
use super::topology_place::TopologyPlace;
use super::units::ByteCount;
use crate::topology::{Address, Zone};
use std::path::PathBuf;
use std::time::Duration;

choices! {
    /// As what a proxy shows itself to its clients.
    pub enum PresentAs {
        /// One server, as Redis without cluster support.
        #[default]
        Standalone = "standalone",
        /// A cluster of one node that owns all slots, for clients that ask for a cluster.
        Cluster = "cluster",
    }
}

choices! {
    /// Where the users of a proxy are kept.
    pub enum UsersIn {
        /// In a file of its own, or nowhere.
        #[default]
        Own = "own",
        /// Beside the topology, for all proxies of its store.
        Store = "store",
    }
}

settings! {
    /// What a proxy is told at its start.
    pub struct ProxyConfig in "proxy" {
        group "Listening" {
            /// Where clients connect; port 0 takes a free one, "off" leaves only TLS.
            listen: Option<Address> = Some(Address::loopback(6379));
            /// Where clients connect with TLS; "off" nowhere.
            tls_listen: Option<Address> = None;
            /// Certificate chain shown to TLS clients, PEM; read again whenever it changes.
            tls_cert_file: Option<PathBuf> = None;
            /// Private key of that certificate, PEM, not encrypted.
            tls_key_file: Option<PathBuf> = None;
            /// Networks in which all that connects at listen and tls-listen is a load balancer, which says by the PROXY protocol, version 2, who its clients are, as in
            /// "10.0.0.21, fd00::/64"; of others nobody is believed. Empty: there are none.
            proxy_protocol_from: Networks = Networks::default();
            /// Where /metrics, /healthz, /readyz and /topology are served over HTTP, and orders for it taken; "off" nowhere.
            admin: Option<Address> = Some(Address::loopback(9121));
            /// As what clients see the proxy: "standalone" is one server; "cluster" is one node that owns all slots, for clients that insist on a cluster.
            present_as: PresentAs = PresentAs::default();
            /// Connections that the operating system holds ready before they are accepted.
            tcp_backlog: u32 = 511, within "1" to "65535";
            /// How often a silent connection is probed for being alive; "0s" never.
            tcp_keepalive: Duration = Duration::from_secs(300), within "0s" to "1d";
            /// Whether clients of other machines are refused while no password is set.
            protected_mode: bool = true;
            /// Threads that serve clients; 0 takes one per core.
            threads: u16 = 0, within "0" to "1024";
            /// Longest time that a busy thread waits between two turns, so that more requests gather for one: less processor time per request with many shards or clients; "0s" never.
            turn_wait_max: Duration = Duration::from_micros(200), within "0s" to "10ms";
        }
        group "Nodes" {
            /// What says which node owns which slots; taken up whenever it changes. A file serves proxies of one host; etcd those of many: etcd://HOST:PORT with
            /// any number of members, commas between them, and perhaps a prefix of the keys behind them, as in /caches; etcds:// over TLS.
            topology: TopologyPlace = TopologyPlace::File(PathBuf::from("topology.toml"));
            /// As whom etcd is asked for the topology, where it asks who one is; "off" as nobody.
            topology_user: Option<UserName> = None;
            /// Password of that user.
            topology_password: Secret = Secret::default();
            /// Certificates, PEM, of whoever may have signed those of etcd's members: etcds://HOST:PORT speaks TLS with them. Read again when it changes.
            topology_ca_file: Option<PathBuf> = None;
            /// Certificate chain that is shown to etcd, PEM, where it asks for one. Read again when it changes.
            topology_cert_file: Option<PathBuf> = None;
            /// Private key of that certificate, PEM, not encrypted.
            topology_key_file: Option<PathBuf> = None;
            /// Password that the nodes ask for; empty sends none.
            node_password: Secret = Secret::default();
            /// Databases that SELECT can choose; the nodes' setting must be no less.
            databases: u8 = 16, within "1" to "255";
            /// How long connecting to a node may take.
            connect_timeout: Duration = Duration::from_millis(500), within "1ms" to "1m";
            /// Shortest pause before connecting to a lost node again; it doubles, with jitter, from try to try.
            reconnect_pause_min: Duration = Duration::from_millis(20), within "1ms" to "1m";
            /// Longest pause before connecting to a lost node again.
            reconnect_pause_max: Duration = Duration::from_secs(1), within "1ms" to "10m";
            /// How long commands wait for a node that cannot be reached; once it is down that long they fail at once.
            node_deadline: Duration = Duration::from_secs(1), within "0s" to "10m";
            /// The same where a follower may take the node's place.
            takeover_deadline: Duration = Duration::from_secs(3), within "0s" to "10m";
            /// When a write is acknowledged where a shard has followers: "async" once its primary has it, "in-sync" once every follower in sync has it, too.
            acks: Acks = Acks::default();
            /// Who answers commands that only read: "primary"; "follower", one that is in sync, whose answer may be a little old; "nearest", a member in this proxy's
            /// zone; "linearizable", the primary once it has made sure that it still is.
            read_from: ReadFrom = ReadFrom::default();
            /// What else holds for some keys, by pattern; the first that matches. In a file each may be a table: [[proxy.policy]] with keys, acks, read-from.
            policies: Policies = Policies::default();
            /// What this proxy fails together with, such as a data centre: where "nearest" is. "off" says nothing.
            zone: Option<Zone> = None;
            /// How long a command may take, from reading it to its reply; "0s" for ever.
            request_deadline: Duration = Duration::from_secs(10), within "0s" to "1d";
            /// Bytes of commands waiting for one connection to a node; beyond them clients that ask for it are not read from.
            pipe_queue_bytes: ByteCount = ByteCount(16 << 20), within "64kb" to "16gb";
            /// Commands waiting for replies of one connection to a node; beyond them clients that ask for it are not read from.
            pipe_queue_requests: u32 = 65_536, within "16" to "16777216";
            /// Most connections to nodes, for each thread, that belong to one client for a while: one of each that waits (BLPOP and the like; one for each shard
            /// where its keys are of several) or watches (WATCH) at a server of kind "redis". Beyond it such a command is refused.
            leases: u32 = 4_096, within "1" to "1000000";
        }
        group "Proxies" {
            /// Where proxies tell each other, over UDP, how the nodes look to them; port 0 takes a free one, "off" takes no part. Proxies of several machines need an
            /// address of this machine that the others reach.
            gossip: Option<Address> = Some(Address::loopback(0));
            /// What other proxies are told instead, where they reach this one at another address than it listens at; "off" tells them that one.
            gossip_advertise: Option<Address> = None;
        }
        group "Clients" {
            /// Password that AUTH and HELLO ask for; empty asks for none.
            requirepass: Secret = Secret::default();
            /// The name by which clients made for Redis Sentinel ask for the primary, which is the proxy itself, at the address at which they ask.
            sentinel_name: SentinelName = SentinelName::default();
            /// Where users are kept: "own" is aclfile, or nowhere; "store" is beside the topology, the same for all its proxies, which take them up whenever they change:
            /// `switchyard users put` puts them there, and so does ACL SAVE. Without any there a proxy does not start. The default user, where they do not name it, has requirepass.
            users: UsersIn = UsersIn::default();
            /// A file of users of this proxy, read again when it changes and by ACL LOAD, and written by ACL SAVE; "off" is none. The default user, where the file does
            /// not name it, has requirepass.
            aclfile: Option<PathBuf> = None;
            /// Refusals that ACL LOG holds.
            acllog_max_len: u32 = 128, within "0" to "100000";
            /// Which channels a new user may use of whom no rule says so: resetchannels (none) or allchannels.
            acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::ResetChannels;
            /// Most clients at a time; one more is refused.
            maxclients: u32 = 10_000, within "1" to "1000000";
            /// How long a client may be silent before it is closed; "0s" for ever.
            timeout: Duration = Duration::ZERO, within "0s" to "365d";
            /// Commands of one client that may be under way; at this bound nothing more is read from it.
            client_requests_in_flight: u32 = 4_096, within "1" to "1048576";
            /// Most bytes of requests that a client may have unanswered; at this bound it is closed.
            client_query_buffer_limit: ByteCount = ByteCount(1 << 30), within "1mb" to "3gb";
            /// Longest single argument.
            proto_max_bulk_len: ByteCount = ByteCount(512 << 20), within "1mb" to "512mb";
            /// Bytes of replies waiting for a client from which on nothing more is read from it.
            client_output_soft_limit: ByteCount = ByteCount(1 << 20), within "64kb" to "16gb";
            /// Bytes of replies waiting for a client at which it is closed.
            client_output_hard_limit: ByteCount = ByteCount(1 << 30), within "1mb" to "64gb";
            /// Bytes that all clients together may have waiting, requests and replies; beyond it those with most are closed.
            clients_buffer_limit: ByteCount = ByteCount(4 << 30), within "16mb" to "16tb";
            /// How long a client may leave more than the soft limit waiting before it is closed; "0s" for ever.
            client_output_stall: Duration = Duration::from_secs(60), within "0s" to "1d";
            /// One request of so many is looked at, to tell which keys are used most (INFO hotkeys, /api/v1/hot-keys); 0 looks at none.
            hot_keys_sample: u32 = 256, within "0" to "1000000";
        }
        group "Stopping" {
            /// How long clients are still accepted and served when the proxy is told to stop, while /readyz already says 503: long enough for load balancers to send
            /// new clients elsewhere.
            drain_delay: Duration = Duration::ZERO, within "0s" to "10m";
            /// Where clients are told to connect that ask for it (CLIENT MAINT_NOTIFICATIONS) when the proxy is about to stop and there is a drain-delay: such as the load
            /// balancer's address. "off" names none, and tells only those who want to know no address.
            moving_endpoint: Option<Address> = None;
            /// How long clients may take to read their last replies when the proxy is told to stop.
            shutdown_grace: Duration = Duration::from_secs(10), within "0s" to "1h";
        }
    }
}

impl ProxyConfig {
    /// As whom the topology's store is asked.
    #[must_use]
    pub fn topology_access(&self) -> TopologyAccess {
        TopologyAccess {
            user: self.topology_user.clone(),
            password: self.topology_password.clone(),
            ca_file: self.topology_ca_file.clone(),
            cert_file: self.topology_cert_file.clone(),
            key_file: self.topology_key_file.clone(),
        }
    }

    /// What holds for keys that no policy names.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule {
            acks: self.acks,
            read_from: self.read_from,
        }
    }

    fn gossip_conflict(&self) -> Option<Conflict> {
        let text = match (&self.gossip, &self.gossip_advertise) {
            (Some(gossip), None) if gossip.is_wildcard() => format!(
                "gossip at {gossip} is on all addresses of this machine, and other proxies must be told one; set gossip-advertise to it"
            ),
            (_, Some(told)) if told.is_wildcard() => {
                format!("gossip-advertise is {told}, which is no address that anybody reaches")
            }
            (None, Some(_)) => {
                "gossip-advertise without gossip: nobody would be told; set gossip to HOST:PORT"
                    .to_owned()
            }
            _ => return None,
        };
        Some(Conflict {
            between: ["gossip", "gossip-advertise"],
            text,
        })
    }

    fn find_conflicts(&self) -> Vec<Conflict> {
        let (plain, tls, admin) = (
            self.listen.as_ref(),
            self.tls_listen.as_ref(),
            self.admin.as_ref(),
        );
        let nowhere = (plain.is_none() && tls.is_none()).then(|| Conflict {
            between: ["listen", "tls-listen"],
            text: "neither listen nor tls-listen names an address, so no client could connect; set one to HOST:PORT".to_owned(),
        });
        let needs = |name: &'static str, file: &Option<PathBuf>| {
            (tls.is_some() && file.is_none()).then(|| Conflict {
                between: ["tls-listen", name],
                text: format!("tls-listen needs {name}"),
            })
        };
        let unused = |name: &'static str, file: &Option<PathBuf>| {
            (tls.is_none() && file.is_some()).then(|| Conflict {
                between: [name, "tls-listen"],
                text: format!("{name} without tls-listen: nobody would be shown it; set tls-listen to HOST:PORT"),
            })
        };
        let found = [
            nowhere,
            self.gossip_conflict(),
            needs("tls-cert-file", &self.tls_cert_file),
            needs("tls-key-file", &self.tls_key_file),
            unused("tls-cert-file", &self.tls_cert_file),
            unused("tls-key-file", &self.tls_key_file),
            Conflict::same_address(["listen", "tls-listen"], plain, tls),
            Conflict::same_address(["listen", "admin"], plain, admin),
            Conflict::same_address(["tls-listen", "admin"], tls, admin),
            (self.users == UsersIn::Store && self.aclfile.is_some()).then(|| Conflict {
                between: ["users", "aclfile"],
                text: "users in the store, and aclfile as well: leave one out".to_owned(),
            }),
            Conflict::more_than(
                ("reconnect-pause-min", &self.reconnect_pause_min),
                ("reconnect-pause-max", &self.reconnect_pause_max),
            ),
            Conflict::more_than(
                ("client-output-soft-limit", &self.client_output_soft_limit),
                ("client-output-hard-limit", &self.client_output_hard_limit),
            ),
            Conflict::more_than(
                ("proto-max-bulk-len", &self.proto_max_bulk_len),
                ("client-query-buffer-limit", &self.client_query_buffer_limit),
            ),
        ];
        let of_topology = self.topology_access().conflicts(&self.topology);
        let policies = self.policies.conflicts(self.rule(), self.zone.as_ref());
        let found = found.into_iter().flatten();
        found.chain(of_topology).chain(policies).collect()
    }
}
