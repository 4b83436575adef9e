//! THE command table: one row per command and subcommand of Redis 7.0, one file per group.
//! To add a command: its name in `id.rs`, its row here, its page in `docs/`; the compiler asks for all three.
//! Pure; assembled at compile time, where a missing, doubled or misplaced row is an error.

mod bitmap;
mod cluster;
mod connection;
mod docs;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod pubsub;
mod scripting;
mod server;
mod set;
mod sorted_set;
mod stream;
mod strings;
mod transactions;
mod words;

use super::{CommandId, CommandSpec};
pub(super) use docs::PAGES;

const GROUPS: [&[CommandSpec]; 16] = [
    strings::ROWS,
    bitmap::ROWS,
    generic::ROWS,
    connection::ROWS,
    server::ROWS,
    list::ROWS,
    set::ROWS,
    hash::ROWS,
    sorted_set::ROWS,
    stream::ROWS,
    scripting::ROWS,
    transactions::ROWS,
    pubsub::ROWS,
    hyperloglog::ROWS,
    geo::ROWS,
    cluster::ROWS,
];

/// The row of `CommandId` n is at n.
pub(super) static TABLE: [CommandSpec; CommandId::COUNT] = assemble();

const fn assemble() -> [CommandSpec; CommandId::COUNT] {
    let mut table = [strings::ROWS[0]; CommandId::COUNT];
    let mut next = 0;
    let mut container = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            assert!(
                GROUPS[group][row].id as usize == next,
                "rows stand in the order of id.rs, none missing, none twice"
            );
            table[next] = GROUPS[group][row];
            if is_subcommand(table[next].name) {
                table[next].container = Some(table[container].id);
                table[container].subcommand_count += 1;
            } else {
                container = next;
            }
            next += 1;
            row += 1;
        }
        group += 1;
    }
    assert!(next == CommandId::COUNT, "the last rows are missing");
    table
}

const fn is_subcommand(name: &str) -> bool {
    let mut at = 0;
    while at < name.len() {
        if name.as_bytes()[at] == b'|' {
            return true;
        }
        at += 1;
    }
    false
}
