//! What COMMAND DOCS says of the commands of `stream.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Xack, "5.0.0", "Marks messages of a consumer group as done.").cost("O(1) for each message ID processed.")
        .arguments(&[key("key"), string("group"), string("id").multiple()]),
    page(Id::Xadd, "5.0.0", "Appends an entry to a stream; creates it where there is none.").cost("O(1), and O(N) for N entries trimmed.")
        .history(&[("6.2.0", "Options `NOMKSTREAM`, `MINID` and `LIMIT`."), ("7.0.0", "IDs of the form `<ms>-*`.")])
        .arguments(&[
            key("key"),
            word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            block("trim", &[
                one_of("strategy", &[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                one_of("operator", &[word("equal", "="), word("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").since("6.2.0").optional(),
            ]).optional(),
            one_of("id_or_auto", &[word("auto_id", "*"), string("id")]),
            block("field_value", &[string("field"), string("value")]).multiple(),
        ]),
    page(Id::Xautoclaim, "6.2.0", "Hands messages that were pending for too long to another consumer.").cost("O(1) if COUNT is small.")
        .history(&[("7.0.0", "The reply also names pending entries that no longer exist.")])
        .arguments(&[
            key("key"),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("start"),
            integer("count").token("COUNT").optional(),
            word("justid", "JUSTID").optional(),
        ]),
    page(Id::Xclaim, "5.0.0", "Hands named pending messages to another consumer.").cost("O(log N) with N being the number of messages in the PEL of the consumer group.")
        .arguments(&[
            key("key"),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("id").multiple(),
            integer("ms").token("IDLE").optional(),
            unix_time("unix-time-milliseconds").token("TIME").optional(),
            integer("count").token("RETRYCOUNT").optional(),
            word("force", "FORCE").optional(),
            word("justid", "JUSTID").optional(),
            string("id").token("LASTID").optional(),
        ]),
    page(Id::Xdel, "5.0.0", "Removes entries from a stream.").cost("O(1) for each single item to delete in the stream, regardless of the stream size.")
        .arguments(&[key("key"), string("id").multiple()]),
    page(Id::Xgroup, "5.0.0", "Container of the commands on consumer groups.").cost("Depends on subcommand."),
    page(Id::XgroupCreate, "5.0.0", "Creates a consumer group on a stream.").cost("O(1)")
        .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
        .arguments(&[
            key("key"),
            string("groupname"),
            one_of("id", &[string("id"), word("new_id", "$")]),
            word("mkstream", "MKSTREAM").optional(),
            integer("entries_read").token("ENTRIESREAD").optional(),
        ]),
    page(Id::XgroupCreateconsumer, "6.2.0", "Creates a consumer in a group.").cost("O(1)")
        .arguments(&[key("key"), string("groupname"), string("consumername")]),
    page(Id::XgroupDelconsumer, "5.0.0", "Removes a consumer and what was pending for it.").cost("O(1)")
        .arguments(&[key("key"), string("groupname"), string("consumername")]),
    page(Id::XgroupDestroy, "5.0.0", "Removes a consumer group.").cost("O(N) where N is the number of entries in the group's pending entries list (PEL).")
        .arguments(&[key("key"), string("groupname")]),
    page(Id::XgroupHelp, "5.0.0", "Lists the subcommands of XGROUP.").cost("O(1)"),
    page(Id::XgroupSetid, "5.0.0", "Moves the place from which a group gets new entries.").cost("O(1)")
        .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
        .arguments(&[
            key("key"),
            string("groupname"),
            one_of("id", &[string("id"), word("new_id", "$")]),
            integer("entries_read").token("ENTRIESREAD").optional(),
        ]),
    page(Id::Xinfo, "5.0.0", "Container of the commands that describe streams.").cost("Depends on subcommand."),
    page(Id::XinfoConsumers, "5.0.0", "Lists the consumers of a group.").cost("O(1)")
        .arguments(&[key("key"), string("groupname")]),
    page(Id::XinfoGroups, "5.0.0", "Lists the consumer groups of a stream.").cost("O(1)")
        .history(&[("7.0.0", "Fields `entries-read` and `lag`.")])
        .arguments(&[key("key")]),
    page(Id::XinfoHelp, "5.0.0", "Lists the subcommands of XINFO.").cost("O(1)"),
    page(Id::XinfoStream, "5.0.0", "Describes a stream.").cost("O(1)")
        .history(&[("6.0.0", "Option `FULL`."), ("7.0.0", "Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.")])
        .arguments(&[key("key"), block("full", &[integer("count").token("COUNT").optional()]).token("FULL").optional()]),
    page(Id::Xlen, "5.0.0", "Counts the entries of a stream.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Xpending, "5.0.0", "Lists the messages of a group that are delivered and not yet done.").cost("O(N) for N entries returned, O(M) for M entries looked at with IDLE; the summary is O(N) for N consumers.")
        .history(&[("6.2.0", "Option `IDLE`; exclusive bounds.")])
        .arguments(&[
            key("key"),
            string("group"),
            block("filters", &[
                integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
                string("start"),
                string("end"),
                integer("count"),
                string("consumer").optional(),
            ]).optional(),
        ]),
    page(Id::Xrange, "5.0.0", "Lists the entries between two IDs.").cost("O(N) for N entries returned.")
        .history(&[("6.2.0", "Exclusive bounds.")])
        .arguments(&[key("key"), string("start"), string("end"), integer("count").token("COUNT").optional()]),
    page(Id::Xread, "5.0.0", "Reads what is new in some streams, and may wait for it.").cost("O(N) for N entries returned; with BLOCK, a later XADD pays O(M) for M waiting clients.")
        .arguments(&[
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            block("streams", &[key("key").multiple(), string("id").multiple()]).token("STREAMS"),
        ]),
    page(Id::Xreadgroup, "5.0.0", "Reads what is new in some streams for one consumer of a group, and may wait for it.").cost("O(M) for M entries returned; with BLOCK, a later XADD pays O(N) for N waiting clients.")
        .arguments(&[
            block("group_consumer", &[string("group"), string("consumer")]).token("GROUP"),
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            word("noack", "NOACK").optional(),
            block("streams", &[key("key").multiple(), string("id").multiple()]).token("STREAMS"),
        ]),
    page(Id::Xrevrange, "5.0.0", "Lists the entries between two IDs, newest first.").cost("O(N) for N entries returned.")
        .history(&[("6.2.0", "Exclusive bounds.")])
        .arguments(&[key("key"), string("end"), string("start"), integer("count").token("COUNT").optional()]),
    page(Id::Xsetid, "5.0.0", "Sets the last ID of a stream; internal.").cost("O(1)")
        .history(&[("7.0.0", "Options `ENTRIESADDED` and `MAXDELETEDID`.")])
        .arguments(&[
            key("key"),
            string("last-id"),
            integer("entries_added").token("ENTRIESADDED").since("7.0.0").optional(),
            string("max_deleted_entry_id").token("MAXDELETEDID").since("7.0.0").optional(),
        ]),
    page(Id::Xtrim, "5.0.0", "Cuts a stream down from its oldest end.").cost("O(N) for N entries removed, with a very small constant.")
        .history(&[("6.2.0", "Options `MINID` and `LIMIT`.")])
        .arguments(&[
            key("key"),
            block("trim", &[
                one_of("strategy", &[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                one_of("operator", &[word("equal", "="), word("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").since("6.2.0").optional(),
            ]),
        ]),
];
