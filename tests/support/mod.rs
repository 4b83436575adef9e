//! What every system test stands on: a raw client, servers as child processes, faults, polling, dice.
//! Knows the product only by its binary, its addresses and its process ids; decodes replies on its own, so that a fault of ours cannot hide itself.

pub(crate) mod client;
pub(crate) mod dice;
pub(crate) mod etcd;
pub(crate) mod eventually;
pub(crate) mod fault;
pub(crate) mod payload;
pub(crate) mod redis_server;
pub(crate) mod reply;
pub(crate) mod servers;
pub(crate) mod standing;
pub(crate) mod thread_times;

pub(crate) use client::{Client, encode};
pub(crate) use reply::Reply;
