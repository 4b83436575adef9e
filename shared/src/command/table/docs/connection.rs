//! What COMMAND DOCS says of the commands of `connection.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Auth, "1.0.0", "Tells the server who the client is.").cost("O(N) where N is the number of passwords defined for the user")
        .history(&[("6.0.0", "User name and password.")])
        .arguments(&[string("username").since("6.0.0").optional(), string("password")]),
    page(Id::Client, "2.4.0", "Container of the commands on client connections.").cost("Depends on subcommand."),
    page(Id::ClientCaching, "6.0.0", "Says whether the keys of the next command are tracked.").cost("O(1)")
        .arguments(&[one_of("mode", &[word("yes", "YES"), word("no", "NO")])]),
    page(Id::ClientGetname, "2.6.9", "Reads the name of this connection.").cost("O(1)"),
    page(Id::ClientGetredir, "6.0.0", "Names the connection that gets this one's invalidation messages.").cost("O(1)"),
    page(Id::ClientHelp, "5.0.0", "Lists the subcommands of CLIENT.").cost("O(1)"),
    page(Id::ClientId, "5.0.0", "Gives the number of this connection.").cost("O(1)"),
    page(Id::ClientInfo, "6.2.0", "Describes this connection.").cost("O(1)"),
    page(Id::ClientKill, "2.4.0", "Closes the connections that match.").cost("O(N) where N is the number of client connections")
        .history(&[("2.8.12", "Filters."), ("2.8.12", "Filter `ID`."), ("3.2.0", "`TYPE master`."), ("5.0.0", "`TYPE replica`; `slave` means the same."), ("6.2.0", "Filter `LADDR`.")])
        .arguments(&[
            one_of("filter", &[
                string("ip:port").deprecated("2.8.12"),
                one_of("new-format", &[
                    integer("client-id").token("ID").since("2.8.12").optional(),
                    one_of("normal_master_slave_pubsub", &[
                        word("normal", "NORMAL"),
                        word("master", "MASTER").since("3.2.0"),
                        word("slave", "SLAVE"),
                        word("replica", "REPLICA").since("5.0.0"),
                        word("pubsub", "PUBSUB"),
                    ]).token("TYPE").since("2.8.12").optional(),
                    string("username").token("USER").optional(),
                    string("ip:port").token("ADDR").optional(),
                    string("ip:port").token("LADDR").since("6.2.0").optional(),
                    string("yes/no").token("SKIPME").optional(),
                ]).multiple(),
            ]),
        ]),
    page(Id::ClientList, "2.4.0", "Describes the open connections.").cost("O(N) where N is the number of client connections")
        .history(&[("2.8.12", "Field `id`."), ("5.0.0", "Filter `TYPE`."), ("6.0.0", "Field `user`."), ("6.2.0", "Fields `argv-mem`, `tot-mem`, `laddr` and `redir`; filter `ID`."), ("7.0.0", "Fields `resp`, `multi-mem`, `rbs` and `rbp`."), ("7.0.3", "Field `ssub`.")])
        .arguments(&[
            one_of("normal_master_replica_pubsub", &[
                word("normal", "NORMAL"),
                word("master", "MASTER"),
                word("replica", "REPLICA"),
                word("pubsub", "PUBSUB"),
            ]).token("TYPE").since("5.0.0").optional(),
            block("id", &[integer("client-id").multiple()]).token("ID").since("6.2.0").optional(),
        ]),
    page(Id::ClientMaintNotifications, "8.0.0", "Chooses whether the client is told before its connection goes, and while a shard fails over.").cost("O(1)")
        .arguments(&[
            one_of("enabled", &[word("on", "ON"), word("off", "OFF")]),
            one_of("endpoint-type", &[
                word("internal-ip", "INTERNAL-IP"),
                word("internal-fqdn", "INTERNAL-FQDN"),
                word("external-ip", "EXTERNAL-IP"),
                word("external-fqdn", "EXTERNAL-FQDN"),
                word("none", "NONE"),
            ]).token("MOVING-ENDPOINT-TYPE").optional(),
        ]),
    page(Id::ClientNoEvict, "7.0.0", "Keeps this connection from being closed to save memory.").cost("O(1)")
        .arguments(&[one_of("enabled", &[word("on", "ON"), word("off", "OFF")])]),
    page(Id::ClientNoTouch, "7.2.0", "Chooses whether the connection's reads count as uses of their keys.").cost("O(1)")
        .arguments(&[one_of("enabled", &[word("on", "ON"), word("off", "OFF")])]),
    page(Id::ClientPause, "2.9.50", "Holds the commands of all clients for a while.").cost("O(1)")
        .history(&[("6.2.0", "Argument `mode`, with `WRITE`.")])
        .arguments(&[
            integer("timeout"),
            one_of("mode", &[word("write", "WRITE"), word("all", "ALL")]).since("6.2.0").optional(),
        ]),
    page(Id::ClientReply, "3.2.0", "Chooses whether this connection gets replies.").cost("O(1)")
        .arguments(&[one_of("on_off_skip", &[word("on", "ON"), word("off", "OFF"), word("skip", "SKIP")])]),
    page(Id::ClientSetinfo, "7.2.0", "Notes the name and version of the client's library.").cost("O(1)")
        .arguments(&[one_of("attr", &[string("libname").token("LIB-NAME"), string("libver").token("LIB-VER")])]),
    page(Id::ClientSetname, "2.6.9", "Gives this connection a name.").cost("O(1)")
        .arguments(&[string("connection-name")]),
    page(Id::ClientTracking, "6.0.0", "Switches on messages about keys that the client may have cached.").cost("O(1). Some options may introduce additional complexity.")
        .arguments(&[
            one_of("status", &[word("on", "ON"), word("off", "OFF")]),
            integer("client-id").token("REDIRECT").optional(),
            string("prefix").token("PREFIX").optional().multiple().multiple_token(),
            word("bcast", "BCAST").optional(),
            word("optin", "OPTIN").optional(),
            word("optout", "OPTOUT").optional(),
            word("noloop", "NOLOOP").optional(),
        ]),
    page(Id::ClientTrackinginfo, "6.2.0", "Describes how this connection's keys are tracked.").cost("O(1)"),
    page(Id::ClientUnblock, "5.0.0", "Ends the waiting of another client's blocking command.").cost("O(log N) where N is the number of client connections")
        .arguments(&[
            integer("client-id"),
            one_of("timeout_error", &[word("timeout", "TIMEOUT"), word("error", "ERROR")]).optional(),
        ]),
    page(Id::ClientUnpause, "6.2.0", "Lets held clients go on.").cost("O(N) Where N is the number of paused clients"),
    page(Id::Echo, "1.0.0", "Gives back its argument.").cost("O(1)")
        .arguments(&[string("message")]),
    page(Id::Hello, "6.0.0", "Chooses the protocol version; may log in and name the connection.").cost("O(1)")
        .history(&[("6.2.0", "Without a version it describes the connection.")])
        .arguments(&[
            block("arguments", &[
                integer("protover"),
                block("username_password", &[string("username"), string("password")]).token("AUTH").optional(),
                string("clientname").token("SETNAME").optional(),
            ]).optional(),
        ]),
    page(Id::Ping, "1.0.0", "Answers PONG, or the argument.").cost("O(1)")
        .arguments(&[string("message").optional()]),
    page(Id::Quit, "1.0.0", "Closes the connection.").cost("O(1)"),
    page(Id::Reset, "6.2.0", "Puts the connection back into its first state.").cost("O(1)"),
    page(Id::Select, "1.0.0", "Chooses the database of this connection.").cost("O(1)")
        .arguments(&[integer("index")]),
];
