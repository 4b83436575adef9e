//! What COMMAND DOCS says of the commands of `hash.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Hdel, "2.0.0", "Removes fields from a hash.").cost("O(N) where N is the number of fields to be removed.")
        .history(&[("2.4.0", "Several fields.")])
        .arguments(&[key("key"), string("field").multiple()]),
    page(Id::Hexists, "2.0.0", "Says whether a hash has a field.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Hexpire, "7.4.0", "Lets fields live for a number of seconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("seconds"), one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hexpireat, "7.4.0", "Lets fields live until a Unix time in seconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), unix_time("unix-time-seconds"), one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hexpiretime, "7.4.0", "Says until when fields live, as a Unix time in seconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hget, "2.0.0", "Reads the value of a field.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Hgetall, "2.0.0", "Lists the fields of a hash with their values.").cost("O(N) where N is the size of the hash.")
        .arguments(&[key("key")]),
    page(Id::Hgetdel, "8.0.0", "Reads the values of fields and removes them.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hgetex, "8.0.0", "Reads the values of fields and sets or lifts their time to live.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), one_of("expiration", &[
            integer("seconds").token("EX"), integer("milliseconds").token("PX"),
            unix_time("unix-time-seconds").token("EXAT"), unix_time("unix-time-milliseconds").token("PXAT"), word("persist", "PERSIST"),
        ]).optional(), integer("numfields").token("FIELDS"), string("field").multiple()]),
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
    page(Id::Hpersist, "7.4.0", "Lets fields live for ever.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hpexpire, "7.4.0", "Lets fields live for a number of milliseconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("milliseconds"), one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hpexpireat, "7.4.0", "Lets fields live until a Unix time in milliseconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), unix_time("unix-time-milliseconds"), one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hpexpiretime, "7.4.0", "Says until when fields live, as a Unix time in milliseconds.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hpttl, "7.4.0", "Says for how many milliseconds fields still live.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
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
    page(Id::Hsetex, "8.0.0", "Writes the values of fields with their time to live.").cost("O(N) where N is the number of fields being set.")
        .arguments(&[key("key"), one_of("condition", &[word("fnx", "FNX"), word("fxx", "FXX")]).optional(), one_of("expiration", &[
            integer("seconds").token("EX"), integer("milliseconds").token("PX"),
            unix_time("unix-time-seconds").token("EXAT"), unix_time("unix-time-milliseconds").token("PXAT"), word("keepttl", "KEEPTTL"),
        ]).optional(), integer("numfields").token("FIELDS"), block("data", &[string("field"), string("value")]).multiple()]),
    page(Id::Hsetnx, "2.0.0", "Writes the value of a field that is free.").cost("O(1)")
        .arguments(&[key("key"), string("field"), string("value")]),
    page(Id::Hstrlen, "3.2.0", "Says how many bytes the value of a field has.").cost("O(1)")
        .arguments(&[key("key"), string("field")]),
    page(Id::Httl, "7.4.0", "Says for how many seconds fields still live.").cost("O(N) where N is the number of specified fields.")
        .arguments(&[key("key"), integer("numfields").token("FIELDS"), string("field").multiple()]),
    page(Id::Hvals, "2.0.0", "Lists the values of a hash.").cost("O(N) where N is the size of the hash.")
        .arguments(&[key("key")]),
];
