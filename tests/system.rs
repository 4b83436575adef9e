//! The one system-test binary: drives the whole product through sockets. A module per behaviour, a sentence each.
//!
//! - [`support`]: raw client, servers as child processes, faults, polling, seeded dice.
//! - [`compatibility`]: random commands to us and to a real redis-server; every reply and every key must agree.
//!
//! `SWITCHYARD_SEED` repeats a run; every test that draws from it prints it.
#![cfg(test)]

mod compatibility;
mod support;
