//! What COMMAND DOCS says of the commands of `hash.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Hdel, "2.0.0", "Removes fields from a hash.").cost("O(N) where N is the number of fields to be removed.")
        .history(&[("2.4.0", "Several fields.")])
        .arguments(&[key("key"), string("field").multiple()]),
    page(Id::Hexists, "2.0.0", "Says whether a hash has a field.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Hget, "2.0.0", "Reads the value of a field.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Hgetall, "2.0.0", "Lists the fields of a hash with their values.").cost("O(N) where N is the size of the hash.")
        .arguments(&[key("key")]),
    page(Id::Hincrby, "2.0.0", "Adds a number to the integer in a field, which starts at 0.").cost("O(1)")
        .arguments(&[key("key"), string("field"), integer("increment")]),
    page(Id::Hincrbyfloat, "2.6.0", "Adds a decimal fraction to the number in a field, which starts at 0.").cost("O(1)")
        .arguments(&[key("key"), string("field"), double("increment")]),
    page(Id::Hkeys, "2.0.0", "Lists the fields of a hash.").cost("O(N) where N is the size of the hash.")
        .arguments(&[key("key")]),
    page(Id::Hlen, "2.0.0", "Counts the fields of a hash.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Hmget, "2.0.0", "Reads the values of several fields.").cost("O(N) where N is the number of fields being requested.")
        .arguments(&[key("key"), string("field").multiple()]),
    page(Id::Hmset, "2.0.0", "Writes the values of several fields.").cost("O(N) where N is the number of fields being set.").deprecated("4.0.0", "`HSET` with multiple field-value pairs")
        .arguments(&[key("key"), block("field_value", &[string("field"), string("value")]).multiple()]),
    page(Id::Hrandfield, "6.2.0", "Reads fields, drawn by chance, of a hash.").cost("O(1), or O(N) for a count of N.")
        .arguments(&[
            key("key"),
            block("options", &[integer("count"), word("withvalues", "WITHVALUES").optional()]).optional(),
        ]),
    page(Id::Hscan, "2.8.0", "Walks over the fields of a hash, some at each call.").cost("O(1) for a call, O(N) for a walk over N fields.")
        .arguments(&[
            key("key"),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Hset, "2.0.0", "Writes the values of fields; creates the hash where there is none.").cost("O(1) for each field.")
        .history(&[("4.0.0", "Several fields and values.")])
        .arguments(&[key("key"), block("field_value", &[string("field"), string("value")]).multiple()]),
    page(Id::Hsetnx, "2.0.0", "Writes the value of a field that is free.").cost("O(1)")
        .arguments(&[key("key"), string("field"), string("value")]),
    page(Id::Hstrlen, "3.2.0", "Says how many bytes the value of a field has.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Hvals, "2.0.0", "Lists the values of a hash.").cost("O(N) where N is the size of the hash.")
        .arguments(&[key("key")]),
];
