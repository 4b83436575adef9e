//! The process around the proxy threads: [`server`] is pingora's frame, [`listeners`] the sockets, [`acceptor`] deals clients to the threads, [`introduction`] who they
//! are where a load balancer says so, [`certificates`]
//! shows those that connect with TLS the newest certificate, [`refusal`] is the last word to those not taken in, [`ending`] what happens between "stop" and the end.
//! Knows every other room; only the crate's front door knows it. Never: on the path of a request.

mod acceptor;
mod certificates;
mod ending;
mod introduction;
mod listeners;
mod refusal;
mod server;
mod users;

pub use server::{Proxy, ProxyError, ProxyHandle};
