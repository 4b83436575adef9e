//! What COMMAND DOCS says of the commands of `transactions.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Discard, "2.0.0", "Forgets the queued commands of a transaction.").cost("O(N), when N is the number of queued commands"),
    page(Id::Exec, "1.2.0", "Runs the queued commands of a transaction.").cost("Depends on commands in the transaction"),
    page(Id::Multi, "1.2.0", "Starts to queue commands for a transaction.").cost("O(1)"),
    page(Id::Unwatch, "2.2.0", "Forgets the watched keys.").cost("O(1)"),
    page(Id::Watch, "2.2.0", "Lets the next EXEC fail if one of these keys changes before it.").cost("O(1) for every key.")
        .arguments(&[key("key").multiple()]),
];
