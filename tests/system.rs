//! The one system-test binary: drives the whole product through sockets. A module per behaviour, a sentence each.
//!
//! - [`support`]: raw client, servers as child processes, faults, polling, seeded dice.
//! - [`commands`]: the everyday commands through the `redis` crate's client and raw sockets, on a node and through proxies.
//! - [`compatibility`]: random commands to us and to a real redis-server; every reply and every key must agree.
//! - [`command_table`]: the table of commands is the one of a real redis-server.
//! - [`payloads`]: what DUMP gives here a real redis-server restores, and the other way round; both refuse the same.
//! - [`served`]: the README tells which commands work where.
//! - [`pipelining`]: replies in the order of commands, however slow a shard is and however the bytes arrive.
//! - [`routing`]: every key has one home; hash tags, databases, what cluster clients see.
//! - [`fan_out`]: commands over several shards answer as one server would; walks miss no key.
//! - [`combined`]: sets and sorted sets of several shards are combined as one server would.
//! - [`many_keys`]: one command over very many keys is one to others, who are served meanwhile.
//! - [`applications`]: Celery, RQ, Django, BullMQ, ioredis, node-redis, socket.io, Sidekiq, phpredis and locks do a small true job each, also while a primary is killed.
//! - [`chaos`]: clients of every kind at once are told the truth, whichever proxies and nodes are killed.
//! - [`crowds`]: very many who wait and very many who listen are served by one proxy, through a promotion.
//! - [`channels`]: who has subscribed gets every message once and in order, through proxies and over shards.
//! - [`monitor`]: MONITOR through a proxy shows what a redis-server shows.
//! - [`colocation`]: keys that a rule keeps together are used together.
//! - [`sentinel`]: clients made for Redis Sentinel find the proxy.
//! - [`topology_swap`]: the topology changes and nodes die under load; no reply is lost, doubled or out of order.
//! - [`random_clients`]: random clients against a model of what they may see, while nodes stop, die and exchange slots.
//! - [`failure`]: a node that is down or silent fails its own keys alone, in time, and heals.
//! - [`fence`]: members of a shard: what all in sync have acknowledged is there whoever dies, and who leads no more acknowledges nothing.
//! - [`histories`]: what clients were told while nodes, proxies and the net failed under them is what one copy would have told; nothing acknowledged is lost.
//! - [`heat`]: which keys a proxy says are hot, and large, and to whom.
//! - [`hostile`]: whatever a client or a node sends, no crash, bounded memory, everybody else is served.
//! - [`idle`]: ten thousand silent clients, limits on clients.
//! - [`expiry`]: expired keys are never seen and soon gone.
//! - [`applied`]: what a leader tells, beside clients of the follower.
//! - [`append_only`]: a log loses nothing that was answered; logs go to a redis-server and come from one.
//! - [`snapshots`]: a node has its data after a restart; snapshots go to a redis-server and come from one.
//! - [`replication`]: nodes and redis-servers follow each other, and have the same in the end, whatever breaks meanwhile.
//! - [`maxmemory`]: the limit of memory holds under every policy.
//! - [`tls`]: the client listener with TLS.
//! - [`access`]: users, what they may, what is noted, who is cut.
//! - [`agents`]: redis-cli's tools, redis_exporter and RedisInsight, unchanged.
//! - [`admin`]: health, readiness, metrics, the topology and orders for it. [`operator`], [`seen`]: the commands that ask for these.
//! - [`api`]: the JSON API, its events, orders and streams, and rubbish that it is sent.
//! - [`notices`]: clients that want to know are told before their proxy stops, and while a shard fails over.
//! - [`dashboard`]: the page of the admin listener in a real Chromium.
//! - [`configuration`]: CONFIG REWRITE and the file behind it.
//! - [`places`]: `switchyard topology` where the topology is in a real etcd: made, shown, got, put; with a user, and over TLS.
//! - [`local_cluster`]: `switchyard up`: what it says, and what it does when a child crashes.
//! - [`policies`]: who answers reads and when writes are acknowledged, by key pattern.
//! - [`plain_servers`]: a shard of real Redis servers whose primary is killed.
//! - [`followers`]: `switchyard up` with followers: nodes that are killed, data that is kept, orders of an operator.
//! - [`deployment`]: docker-compose.yml and all that belongs to it, held to the code and run on loopback.
//! - [`blocking`]: commands that wait for a key are served in their turn, and leave nothing when they go.
//! - [`leases`]: the same through a proxy, and WATCH: over connections of their clients' own.
//! - [`copies`]: WAIT and WAITAOF through a proxy: the shard with fewest copies decides.
//! - [`queues`]: BLPOP over keys of several shards.
//! - [`proxied_scripts`]: a script that has come through a proxy is known at every shard.
//! - [`scripts`]: scripts and functions reply as those of a real server; effects are logged; others are served, or told, meanwhile.
//! - [`heavy_scripts`]: whatever a script asks of one call, others are served, and it can be ended.
//! - [`client_lists`]: CLIENT LIST ALL: the clients of all proxies.
//! - [`valkey`]: Valkey servers and nodes follow each other.
//! - [`waiting`]: a client may write all before it reads; whoever waits is seen, and goes on when it may.
//! - [`shutdown`]: SIGTERM drains and ends with 0.
//!
//! `SWITCHYARD_SEED` repeats a run; every test that draws from it prints it.
#![cfg(test)]

mod access;
mod admin;
mod again;
mod agents;
mod api;
mod append_only;
mod applications;
mod applied;
mod blocking;
mod channels;
mod chaos;
mod client_lists;
mod colocation;
mod combined;
mod command_table;
mod commands;
mod compatibility;
mod configuration;
mod copies;
mod crowds;
mod dashboard;
mod deployment;
mod expiry;
mod failure;
mod fan_out;
mod fence;
mod followers;
mod handover;
mod heat;
mod heavy_scripts;
mod histories;
mod hostile;
mod idle;
mod joining;
mod leases;
mod local_cluster;
mod long_values;
mod many_keys;
mod maxmemory;
mod monitor;
mod notices;
mod operator;
mod payloads;
mod pipelining;
mod places;
mod plain_servers;
mod policies;
mod proxied_scripts;
mod queues;
mod random_clients;
mod replication;
mod routing;
mod scripts;
mod seen;
mod sentinel;
mod served;
mod shared_users;
mod shutdown;
mod snapshots;
mod support;
mod tls;
mod topology_swap;
mod tracking;
mod transactions;
mod valkey;
mod waiting;
