//! The pages of COMMAND DOCS, one file per group, in the order of the table.
//! Pure; assembled at compile time, where a missing, doubled or misplaced page is an error.

mod bitmap;
mod cluster;
mod connection;
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

use super::super::CommandId;
use super::super::docs::CommandDocs;

/// Redis' name of each group, and its pages.
const GROUPS: [(&str, &[CommandDocs]); 16] = [
    ("string", strings::PAGES),
    ("bitmap", bitmap::PAGES),
    ("generic", generic::PAGES),
    ("connection", connection::PAGES),
    ("server", server::PAGES),
    ("list", list::PAGES),
    ("set", set::PAGES),
    ("hash", hash::PAGES),
    ("sorted-set", sorted_set::PAGES),
    ("stream", stream::PAGES),
    ("scripting", scripting::PAGES),
    ("transactions", transactions::PAGES),
    ("pubsub", pubsub::PAGES),
    ("hyperloglog", hyperloglog::PAGES),
    ("geo", geo::PAGES),
    ("cluster", cluster::PAGES),
];

/// The page of `CommandId` n is at n.
pub(in super::super) static PAGES: [CommandDocs; CommandId::COUNT] = assemble();

const fn assemble() -> [CommandDocs; CommandId::COUNT] {
    let mut pages = [strings::PAGES[0]; CommandId::COUNT];
    let mut next = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let (name, from) = GROUPS[group];
        let mut page = 0;
        while page < from.len() {
            assert!(
                from[page].id as usize == next,
                "pages stand in the order of id.rs, none missing, none twice"
            );
            pages[next] = from[page];
            pages[next].group = name;
            next += 1;
            page += 1;
        }
        group += 1;
    }
    assert!(next == CommandId::COUNT, "the last pages are missing");
    pages
}
