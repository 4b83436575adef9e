//! What COMMAND DOCS says of the commands of `generic.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Copy, "6.2.0", "Copies a key and its value to another key, also in another database.").cost("O(N) for a collection of N elements, O(1) for a string.")
        .arguments(&[
            key("source"),
            key("destination").spec(1),
            integer("destination-db").token("DB").optional(),
            word("replace", "REPLACE").optional(),
        ]),
    page(Id::Del, "1.0.0", "Removes keys.").cost("O(N) for N keys; a large collection costs O(M) for its M elements.")
        .arguments(&[key("key").multiple()]),
    page(Id::Dump, "2.6.0", "Serializes the value of a key for RESTORE.").cost("O(N) for a value of N bytes.")
        .arguments(&[key("key")]),
    page(Id::Exists, "1.0.0", "Counts those of the given keys that exist.").cost("O(N) where N is the number of keys to check.")
        .history(&[("3.0.3", "Several keys.")])
        .arguments(&[key("key").multiple()]),
    page(Id::Expire, "1.0.0", "Lets a key live for a number of seconds.").cost("O(1)")
        .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
        .arguments(&[
            key("key"),
            integer("seconds"),
            one_of("condition", &[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]).since("7.0.0").optional(),
        ]),
    page(Id::Expireat, "1.2.0", "Lets a key live until a Unix time in seconds.").cost("O(1)")
        .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
        .arguments(&[
            key("key"),
            unix_time("unix-time-seconds"),
            one_of("condition", &[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]).since("7.0.0").optional(),
        ]),
    page(Id::Expiretime, "7.0.0", "Says at which Unix time in seconds a key expires.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Keys, "1.0.0", "Lists the keys whose names match a pattern.").cost("O(N) for N keys in the database.")
        .arguments(&[pattern("pattern")]),
    page(Id::Migrate, "2.6.0", "Moves keys to another server in one atomic step.").cost("As DUMP and DEL here and RESTORE there, and O(N) to send N bytes.")
        .history(&[("3.0.0", "Options `COPY` and `REPLACE`."), ("3.0.6", "Option `KEYS`."), ("4.0.7", "Option `AUTH`."), ("6.0.0", "Option `AUTH2`.")])
        .arguments(&[
            string("host"),
            integer("port"),
            one_of("key_or_empty_string", &[key("key"), word("empty_string", "")]),
            integer("destination-db"),
            integer("timeout"),
            word("copy", "COPY").since("3.0.0").optional(),
            word("replace", "REPLACE").since("3.0.0").optional(),
            one_of("authentication", &[
                string("password").token("AUTH").since("4.0.7").optional(),
                block("username_password", &[
                    string("username"),
                    string("password"),
                ]).token("AUTH2").since("6.0.0").optional(),
            ]).optional(),
            key("key").token("KEYS").spec(1).since("3.0.6").optional().multiple(),
        ]),
    page(Id::Move, "1.0.0", "Moves a key to another database.").cost("O(1)")
        .arguments(&[key("key"), integer("db")]),
    page(Id::Object, "2.2.3", "Container of the commands that look at how a value is kept.").cost("Depends on subcommand."),
    page(Id::ObjectEncoding, "2.2.3", "Names the internal form of the value at a key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::ObjectFreq, "4.0.0", "Reads the access counter of a key, kept under an LFU policy.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::ObjectHelp, "6.2.0", "Lists the subcommands of OBJECT.").cost("O(1)"),
    page(Id::ObjectIdletime, "2.2.3", "Says for how many seconds a key has not been used.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::ObjectRefcount, "2.2.3", "Counts the references to the value at a key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Persist, "2.2.0", "Lifts the expiry of a key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Pexpire, "2.6.0", "Lets a key live for a number of milliseconds.").cost("O(1)")
        .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
        .arguments(&[
            key("key"),
            integer("milliseconds"),
            one_of("condition", &[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]).since("7.0.0").optional(),
        ]),
    page(Id::Pexpireat, "2.6.0", "Lets a key live until a Unix time in milliseconds.").cost("O(1)")
        .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
        .arguments(&[
            key("key"),
            unix_time("unix-time-milliseconds"),
            one_of("condition", &[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]).since("7.0.0").optional(),
        ]),
    page(Id::Pexpiretime, "7.0.0", "Says at which Unix time in milliseconds a key expires.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Pttl, "2.6.0", "Says how many milliseconds a key has left.").cost("O(1)")
        .history(&[("2.8.0", "Reply -2.")])
        .arguments(&[key("key")]),
    page(Id::Randomkey, "1.0.0", "Names one key, drawn by chance.").cost("O(1)"),
    page(Id::Rename, "1.0.0", "Gives a key another name, replacing what has that name.").cost("O(1)")
        .arguments(&[key("key"), key("newkey").spec(1)]),
    page(Id::Renamenx, "1.0.0", "Gives a key another name, if that name is free.").cost("O(1)")
        .history(&[("3.2.0", "Both names may be the same.")])
        .arguments(&[key("key"), key("newkey").spec(1)]),
    page(Id::Restore, "2.6.0", "Creates a key from a value that DUMP serialized.").cost("O(N) for a value of N bytes; O(N*log(N)) for a sorted set.")
        .history(&[("3.0.0", "Option `REPLACE`."), ("5.0.0", "Option `ABSTTL`."), ("5.0.0", "Options `IDLETIME` and `FREQ`.")])
        .arguments(&[
            key("key"),
            integer("ttl"),
            string("serialized-value"),
            word("replace", "REPLACE").since("3.0.0").optional(),
            word("absttl", "ABSTTL").since("5.0.0").optional(),
            integer("seconds").token("IDLETIME").since("5.0.0").optional(),
            integer("frequency").token("FREQ").since("5.0.0").optional(),
        ]),
    page(Id::Scan, "2.8.0", "Walks over the keys of a database, some at each call.").cost("O(1) for a call, O(N) for a walk over N keys.")
        .history(&[("6.0.0", "Option `TYPE`.")])
        .arguments(&[
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            string("type").token("TYPE").since("6.0.0").optional(),
        ]),
    page(Id::Sort, "1.0.0", "Sorts a list, set or sorted set, and gives or stores the result.").cost("O(N+M*log(M)): N elements, M returned; O(N) without sorting.")
        .arguments(&[
            key("key"),
            pattern("pattern").token("BY").spec(1).optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            pattern("pattern").token("GET").spec(1).optional().multiple().multiple_token(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            word("sorting", "ALPHA").optional(),
            key("destination").token("STORE").spec(2).optional(),
        ]),
    page(Id::SortRo, "7.0.0", "Sorts a list, set or sorted set, and gives the result.").cost("O(N+M*log(M)): N elements, M returned; O(N) without sorting.")
        .arguments(&[
            key("key"),
            pattern("pattern").token("BY").spec(1).optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            pattern("pattern").token("GET").spec(1).optional().multiple().multiple_token(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            word("sorting", "ALPHA").optional(),
        ]),
    page(Id::Touch, "3.2.1", "Marks keys as used just now, and counts those that exist.").cost("O(N) where N is the number of keys that will be touched.")
        .arguments(&[key("key").multiple()]),
    page(Id::Ttl, "1.0.0", "Says how many seconds a key has left.").cost("O(1)")
        .history(&[("2.8.0", "Reply -2.")])
        .arguments(&[key("key")]),
    page(Id::Type, "1.0.0", "Names the type of the value at a key.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Unlink, "4.0.0", "Removes keys at once and frees their memory in the background.").cost("O(1) for each key; memory is freed in the background in O(N) for N allocations.")
        .arguments(&[key("key").multiple()]),
    page(Id::Wait, "3.0.0", "Waits until the writes of this connection have reached enough followers.").cost("O(1)")
        .arguments(&[integer("numreplicas"), integer("timeout")]),
    page(Id::Waitaof, "7.2.0", "Waits until the writes of this connection are on enough disks, here and at followers.").cost("O(1)")
        .arguments(&[integer("numlocal"), integer("numreplicas"), integer("timeout")]),
];
