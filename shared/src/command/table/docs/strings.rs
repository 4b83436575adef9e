//! What COMMAND DOCS says of the commands of `strings.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Append, "2.0.0", "Adds bytes to the end of a string; creates it where there is none.").cost("O(1), amortized.")
        .arguments(&[key("key"), string("value")]),
    page(Id::Decr, "1.0.0", "Takes one from an integer, which starts at 0.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Decrby, "1.0.0", "Takes a number from an integer, which starts at 0.").cost("O(1)")
        .arguments(&[key("key"), integer("decrement")]),
    page(Id::Delifeq, "9.0.0", "Removes a key if the string there is the one that is expected.").cost("O(1)")
        .arguments(&[key("key"), string("value")]),
    page(Id::Get, "1.0.0", "Reads the string at a key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Getdel, "6.2.0", "Reads the string at a key and removes the key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Getex, "6.2.0", "Reads the string at a key and sets or lifts its time to live.").cost("O(1)")
        .arguments(&[
            key("key"),
            one_of("expiration", &[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                word("persist", "PERSIST"),
            ]).optional(),
        ]),
    page(Id::Getrange, "2.4.0", "Reads the bytes of a string from one offset to another.").cost("O(N) for N bytes returned.")
        .arguments(&[key("key"), integer("start"), integer("end")]),
    page(Id::Getset, "1.0.0", "Replaces a string and gives back the old one.").cost("O(1)").deprecated("6.2.0", "`SET` with the `!GET` argument")
        .arguments(&[key("key"), string("value")]),
    page(Id::Incr, "1.0.0", "Adds one to an integer, which starts at 0.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Incrby, "1.0.0", "Adds a number to an integer, which starts at 0.").cost("O(1)")
        .arguments(&[key("key"), integer("increment")]),
    page(Id::Incrbyfloat, "2.6.0", "Adds a decimal fraction to a number, which starts at 0.").cost("O(1)")
        .arguments(&[key("key"), double("increment")]),
    page(Id::Lcs, "7.0.0", "Finds the longest run of bytes, gaps allowed, that two strings share.").cost("O(N*M) where N and M are the lengths of s1 and s2, respectively")
        .arguments(&[
            key("key1"),
            key("key2"),
            word("len", "LEN").optional(),
            word("idx", "IDX").optional(),
            integer("len").token("MINMATCHLEN").optional(),
            word("withmatchlen", "WITHMATCHLEN").optional(),
        ]),
    page(Id::Mget, "1.0.0", "Reads the strings at several keys in one go.").cost("O(N) where N is the number of keys to retrieve.")
        .arguments(&[key("key").multiple()]),
    page(Id::Mset, "1.0.1", "Writes strings to several keys in one go.").cost("O(N) where N is the number of keys to set.")
        .arguments(&[block("key_value", &[key("key"), string("value")]).multiple()]),
    page(Id::Msetnx, "1.0.1", "Writes strings to several keys, but only if all of them are free.").cost("O(N) where N is the number of keys to set.")
        .arguments(&[block("key_value", &[key("key"), string("value")]).multiple()]),
    page(Id::Psetex, "2.6.0", "Writes a string with a time to live in milliseconds.").cost("O(1)")
        .arguments(&[key("key"), integer("milliseconds"), string("value")]),
    page(Id::Set, "1.0.0", "Writes a string to a key, whatever was there before.").cost("O(1)")
        .history(&[("2.6.12", "Options `EX`, `PX`, `NX` and `XX`."), ("6.0.0", "Option `KEEPTTL`."), ("6.2.0", "Options `GET`, `EXAT` and `PXAT`."), ("7.0.0", "`NX` and `GET` together."), ("8.1.0", "Option `IFEQ`.")])
        .arguments(&[
            key("key"),
            string("value"),
            one_of("condition", &[word("nx", "NX"), word("xx", "XX"), string("comparison-value").token("IFEQ").since("8.1.0")]).since("2.6.12").optional(),
            word("get", "GET").since("6.2.0").optional(),
            one_of("expiration", &[
                integer("seconds").token("EX").since("2.6.12"),
                integer("milliseconds").token("PX").since("2.6.12"),
                unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                word("keepttl", "KEEPTTL").since("6.0.0"),
            ]).optional(),
        ]),
    page(Id::Setex, "2.0.0", "Writes a string with a time to live in seconds.").cost("O(1)")
        .arguments(&[key("key"), integer("seconds"), string("value")]),
    page(Id::Setnx, "1.0.0", "Writes a string to a key that is free.").cost("O(1)")
        .arguments(&[key("key"), string("value")]),
    page(Id::Setrange, "2.2.0", "Overwrites bytes of a string from an offset on, padding with zeros.").cost("O(1) for a short value, O(M) for one of M bytes.")
        .arguments(&[key("key"), integer("offset"), string("value")]),
    page(Id::Strlen, "2.2.0", "Says how many bytes a string has.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Substr, "1.0.0", "Reads the bytes of a string from one offset to another.").cost("O(N) for N bytes returned.").deprecated("2.0.0", "`GETRANGE`")
        .arguments(&[key("key"), integer("start"), integer("end")]),
];
