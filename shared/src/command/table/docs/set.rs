//! What COMMAND DOCS says of the commands of `set.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Sadd, "1.0.0", "Adds members to a set; creates it where there is none.").cost("O(1) for each member.")
        .history(&[("2.4.0", "Several members.")])
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Scard, "1.0.0", "Counts the members of a set.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Sdiff, "1.0.0", "Lists the members of the first set that no other set has.").cost("O(N) where N is the total number of elements in all given sets.")
        .arguments(&[key("key").multiple()]),
    page(Id::Sdiffstore, "1.0.0", "Stores the members of the first set that no other set has.").cost("O(N) where N is the total number of elements in all given sets.")
        .arguments(&[key("destination"), key("key").spec(1).multiple()]),
    page(Id::Sinter, "1.0.0", "Lists the members that all sets have.").cost("O(N*M): N members of the smallest set, M sets.")
        .arguments(&[key("key").multiple()]),
    page(Id::Sintercard, "7.0.0", "Counts the members that all sets have.").cost("O(N*M): N members of the smallest set, M sets.")
        .arguments(&[integer("numkeys"), key("key").multiple(), integer("limit").token("LIMIT").optional()]),
    page(Id::Sinterstore, "1.0.0", "Stores the members that all sets have.").cost("O(N*M): N members of the smallest set, M sets.")
        .arguments(&[key("destination"), key("key").spec(1).multiple()]),
    page(Id::Sismember, "1.0.0", "Says whether a set has a member.").cost("O(1)")
        .arguments(&[key("key"), string("member")]),
    page(Id::Smembers, "1.0.0", "Lists the members of a set.").cost("O(N) where N is the set cardinality.")
        .arguments(&[key("key")]),
    page(Id::Smismember, "6.2.0", "Says for each of several members whether a set has it.").cost("O(N) where N is the number of elements being checked for membership")
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Smove, "1.0.0", "Moves a member from one set to another.").cost("O(1)")
        .arguments(&[key("source"), key("destination").spec(1), string("member")]),
    page(Id::Spop, "1.0.0", "Takes members, drawn by chance, out of a set.").cost("O(1), or O(N) for a count of N.")
        .history(&[("3.2.0", "Argument `count`.")])
        .arguments(&[key("key"), integer("count").since("3.2.0").optional()]),
    page(Id::Srandmember, "1.0.0", "Reads members, drawn by chance, of a set.").cost("O(1), or O(N) for a count of N.")
        .history(&[("2.6.0", "Argument `count`.")])
        .arguments(&[key("key"), integer("count").since("2.6.0").optional()]),
    page(Id::Srem, "1.0.0", "Removes members from a set.").cost("O(N) where N is the number of members to be removed.")
        .history(&[("2.4.0", "Several members.")])
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Sscan, "2.8.0", "Walks over the members of a set, some at each call.").cost("O(1) for a call, O(N) for a walk over N members.")
        .arguments(&[
            key("key"),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Sunion, "1.0.0", "Lists the members that any of the sets has.").cost("O(N) where N is the total number of elements in all given sets.")
        .arguments(&[key("key").multiple()]),
    page(Id::Sunionstore, "1.0.0", "Stores the members that any of the sets has.").cost("O(N) where N is the total number of elements in all given sets.")
        .arguments(&[key("destination"), key("key").spec(1).multiple()]),
];
