//! What COMMAND DOCS says of the commands of `hyperloglog.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Pfadd, "2.8.9", "Adds elements to a HyperLogLog; creates it where there is none.").cost("O(1) to add every element.")
        .arguments(&[key("key"), string("element").optional().multiple()]),
    page(Id::Pfcount, "2.8.9", "Estimates how many different elements HyperLogLogs have seen.").cost("O(1) for one key, O(N) with a much larger constant for N keys.")
        .arguments(&[key("key").multiple()]),
    page(Id::Pfdebug, "2.8.9", "Shows the inside of a HyperLogLog; internal.").cost("N/A").internal()
        .arguments(&[string("subcommand"), key("key")]),
    page(Id::Pfmerge, "2.8.9", "Merges HyperLogLogs into one.").cost("O(N) to merge N HyperLogLogs, but with high constant times.")
        .arguments(&[key("destkey"), key("sourcekey").spec(1).multiple()]),
    page(Id::Pfselftest, "2.8.9", "Tests the HyperLogLog code; internal.").cost("N/A").internal(),
];
