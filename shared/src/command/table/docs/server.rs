//! What COMMAND DOCS says of the commands of `server.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Acl, "6.0.0", "Container of the commands on users and their rights.").cost("Depends on subcommand."),
    page(Id::AclCat, "6.0.0", "Lists the categories of commands, or the commands of one.").cost("O(1) since the categories and commands are a fixed set.")
        .arguments(&[string("categoryname").optional()]),
    page(Id::AclDeluser, "6.0.0", "Removes users and closes their connections.").cost("O(1) amortized time considering the typical user.")
        .arguments(&[string("username").multiple()]),
    page(Id::AclDryrun, "7.0.0", "Says whether a user could run a command, without running it.").cost("O(1).")
        .arguments(&[string("username"), string("command"), string("arg").optional().multiple()]),
    page(Id::AclGenpass, "6.0.0", "Makes a password that cannot be guessed.").cost("O(1)")
        .arguments(&[integer("bits").optional()]),
    page(Id::AclGetuser, "6.0.0", "Lists the rights of one user.").cost("O(N). Where N is the number of password, command and pattern rules that the user has.")
        .history(&[("6.2.0", "Rights on channels."), ("7.0.0", "Selectors; patterns are written as rules.")])
        .arguments(&[string("username")]),
    page(Id::AclHelp, "6.0.0", "Lists the subcommands of ACL.").cost("O(1)"),
    page(Id::AclList, "6.0.0", "Lists the users with their rights, in the form of a users file.").cost("O(N). Where N is the number of configured users."),
    page(Id::AclLoad, "6.0.0", "Reads the users file again.").cost("O(N). Where N is the number of configured users."),
    page(Id::AclLog, "6.0.0", "Lists, or forgets, commands and logins that were denied.").cost("O(N) with N being the number of entries shown.")
        .arguments(&[one_of("operation", &[integer("count"), word("reset", "RESET")]).optional()]),
    page(Id::AclSave, "6.0.0", "Writes the users and their rights to the users file.").cost("O(N). Where N is the number of configured users."),
    page(Id::AclSetuser, "6.0.0", "Creates a user or changes what one may do.").cost("O(N). Where N is the number of rules provided.")
        .history(&[("6.2.0", "Rights on channels."), ("7.0.0", "Selectors, and rights by key.")])
        .arguments(&[string("username"), string("rule").optional().multiple()]),
    page(Id::AclUsers, "6.0.0", "Lists the names of all users.").cost("O(N). Where N is the number of configured users."),
    page(Id::AclWhoami, "6.0.0", "Names the user of this connection.").cost("O(1)"),
    page(Id::Bgrewriteaof, "1.0.0", "Rewrites the append-only file in the background.").cost("O(1)"),
    page(Id::Bgsave, "1.0.0", "Writes a snapshot in the background.").cost("O(1)")
        .history(&[("3.2.2", "Option `SCHEDULE`.")])
        .arguments(&[word("schedule", "SCHEDULE").since("3.2.2").optional()]),
    page(Id::Command, "2.8.13", "Describes the commands of this server; container of its kin.").cost("O(N) where N is the total number of Redis commands"),
    page(Id::CommandCount, "2.8.13", "Counts the commands of this server.").cost("O(1)"),
    page(Id::CommandDocs, "7.0.0", "Documents commands: purpose, syntax, history.").cost("O(N) where N is the number of commands to look up")
        .arguments(&[string("command-name").optional().multiple()]),
    page(Id::CommandGetkeys, "2.8.13", "Finds the keys in a whole command.").cost("O(N) where N is the number of arguments to the command"),
    page(Id::CommandGetkeysandflags, "7.0.0", "Finds the keys in a whole command, and what it would do with them.").cost("O(N) where N is the number of arguments to the command"),
    page(Id::CommandHelp, "5.0.0", "Lists the subcommands of COMMAND.").cost("O(1)"),
    page(Id::CommandInfo, "2.8.13", "Describes some commands: arity, flags, places of keys.").cost("O(N) where N is the number of commands to look up")
        .history(&[("7.0.0", "Without a name: all commands.")])
        .arguments(&[string("command-name").optional().multiple()]),
    page(Id::CommandList, "7.0.0", "Lists the names of commands.").cost("O(N) where N is the total number of Redis commands")
        .arguments(&[
            one_of("filterby", &[
                string("module-name").token("MODULE"),
                string("category").token("ACLCAT"),
                pattern("pattern").token("PATTERN"),
            ]).token("FILTERBY").optional(),
        ]),
    page(Id::Config, "2.0.0", "Container of the commands on settings.").cost("Depends on subcommand."),
    page(Id::ConfigGet, "2.0.0", "Reads the settings whose names match the patterns.").cost("O(N) when N is the number of configuration parameters provided")
        .history(&[("7.0.0", "Several patterns.")])
        .arguments(&[block("parameter", &[string("parameter")]).multiple()]),
    page(Id::ConfigHelp, "5.0.0", "Lists the subcommands of CONFIG.").cost("O(1)"),
    page(Id::ConfigResetstat, "2.0.0", "Sets the counters of INFO back to zero.").cost("O(1)"),
    page(Id::ConfigRewrite, "2.8.0", "Writes the settings in force to the configuration file.").cost("O(1)"),
    page(Id::ConfigSet, "2.0.0", "Changes settings while the server runs.").cost("O(N) when N is the number of configuration parameters provided")
        .history(&[("7.0.0", "Several settings.")])
        .arguments(&[block("parameter_value", &[string("parameter"), string("value")]).multiple()]),
    page(Id::Dbsize, "1.0.0", "Counts the keys of the database.").cost("O(1)"),
    page(Id::Debug, "1.0.0", "Aids for finding faults in the server.").cost("Depends on subcommand.").internal(),
    page(Id::Failover, "6.2.0", "Hands the leadership to a follower in an orderly way.").cost("O(1)")
        .arguments(&[
            block("target", &[
                string("host"),
                integer("port"),
                word("force", "FORCE").optional(),
            ]).token("TO").optional(),
            word("abort", "ABORT").optional(),
            integer("milliseconds").token("TIMEOUT").optional(),
        ]),
    page(Id::Flushall, "1.0.0", "Removes the keys of all databases.").cost("O(N) where N is the total number of keys in all databases")
        .history(&[("4.0.0", "Option `ASYNC`."), ("6.2.0", "Option `SYNC`.")])
        .arguments(&[
            one_of("async", &[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")]).optional(),
        ]),
    page(Id::Flushdb, "1.0.0", "Removes the keys of this database.").cost("O(N) where N is the number of keys in the selected database")
        .history(&[("4.0.0", "Option `ASYNC`."), ("6.2.0", "Option `SYNC`.")])
        .arguments(&[
            one_of("async", &[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")]).optional(),
        ]),
    page(Id::Info, "1.0.0", "Reports on the state of the server, by sections.").cost("O(1)")
        .history(&[("7.0.0", "Several sections.")])
        .arguments(&[string("section").optional().multiple()]),
    page(Id::Lastsave, "1.0.0", "Gives the Unix time of the last snapshot that succeeded.").cost("O(1)"),
    page(Id::Latency, "2.8.13", "Container of the commands on slow events.").cost("Depends on subcommand."),
    page(Id::LatencyDoctor, "2.8.13", "Explains in words what made the server slow.").cost("O(1)"),
    page(Id::LatencyGraph, "2.8.13", "Draws the latency of one event over time with characters.").cost("O(1)")
        .arguments(&[string("event")]),
    page(Id::LatencyHelp, "2.8.13", "Lists the subcommands of LATENCY.").cost("O(1)"),
    page(Id::LatencyHistogram, "7.0.0", "Shows how the running times of commands are distributed.").cost("O(N) where N is the number of commands with latency information being retrieved.")
        .arguments(&[string("command").optional().multiple()]),
    page(Id::LatencyHistory, "2.8.13", "Lists when an event was slow, and how slow.").cost("O(1)")
        .arguments(&[string("event")]),
    page(Id::LatencyLatest, "2.8.13", "Lists the newest slow moment of each event.").cost("O(1)"),
    page(Id::LatencyReset, "2.8.13", "Forgets the slow moments of events.").cost("O(1)")
        .arguments(&[string("event").optional().multiple()]),
    page(Id::Lolwut, "5.0.0", "Draws a picture made by the computer, and names the version.")
        .arguments(&[integer("version").token("VERSION").optional()]),
    page(Id::Memory, "4.0.0", "Container of the commands on the use of memory.").cost("Depends on subcommand."),
    page(Id::MemoryDoctor, "4.0.0", "Explains in words what is wrong with the use of memory.").cost("O(1)"),
    page(Id::MemoryHelp, "4.0.0", "Lists the subcommands of MEMORY.").cost("O(1)"),
    page(Id::MemoryMallocStats, "4.0.0", "Prints what the allocator tells of itself.").cost("Depends on how much memory is allocated, could be slow"),
    page(Id::MemoryPurge, "4.0.0", "Asks the allocator to give unused memory back.").cost("Depends on how much memory is allocated, could be slow"),
    page(Id::MemoryStats, "4.0.0", "Reports what memory is used for.").cost("O(1)"),
    page(Id::MemoryUsage, "4.0.0", "Estimates the bytes that a key and its value take.").cost("O(N) where N is the number of samples.")
        .arguments(&[key("key"), integer("count").token("SAMPLES").optional()]),
    page(Id::Module, "4.0.0", "Container of the commands on modules.").cost("Depends on subcommand."),
    page(Id::ModuleHelp, "5.0.0", "Lists the subcommands of MODULE.").cost("O(1)"),
    page(Id::ModuleList, "4.0.0", "Lists the loaded modules.").cost("O(N) where N is the number of loaded modules."),
    page(Id::ModuleLoad, "4.0.0", "Loads a module.").cost("O(1)")
        .arguments(&[string("path"), string("arg").optional().multiple()]),
    page(Id::ModuleLoadex, "7.0.0", "Loads a module with settings of its own.").cost("O(1)")
        .arguments(&[
            string("path"),
            block("configs", &[
                string("name"),
                string("value"),
            ]).token("CONFIG").optional().multiple().multiple_token(),
            block("args", &[string("arg")]).token("ARGS").optional().multiple(),
        ]),
    page(Id::ModuleUnload, "4.0.0", "Unloads a module.").cost("O(1)")
        .arguments(&[string("name")]),
    page(Id::Monitor, "1.0.0", "Shows every command the server runs, as it runs."),
    page(Id::Node, "7.2.4", "Tells a node of Switchyard what it is in its shard, and asks it; for proxies. A node tells a proxy where it is.").cost("O(1)").internal(),
    page(Id::Psync, "2.8.0", "Asks a primary to go on with replication; internal.")
        .arguments(&[string("replicationid"), integer("offset")]),
    page(Id::Replconf, "3.0.0", "Settles details between follower and primary; internal.").cost("O(1)").internal(),
    page(Id::Replicaof, "5.0.0", "Makes the server a follower, or a primary again.").cost("O(1)")
        .arguments(&[
            one_of("args", &[
                block("host-port", &[string("host"), integer("port")]),
                block("no-one", &[word("no", "NO"), word("one", "ONE")]),
            ]),
        ]),
    page(Id::RestoreAsking, "3.0.0", "RESTORE as it is sent while a cluster moves slots; internal.").cost("O(N) for a value of N bytes; O(N*log(N)) for a sorted set.").internal()
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
    page(Id::Role, "2.8.12", "Names the part the server plays in replication.").cost("O(1)"),
    page(Id::Save, "1.0.0", "Writes a snapshot while everybody waits.").cost("O(N) where N is the total number of keys in all databases"),
    page(Id::Sentinel, "7.2.4", "Tells clients made for Redis Sentinel where the primary is: at the proxy itself.").cost("O(1)"),
    page(Id::Shutdown, "1.0.0", "Stops the server, saving first where that is configured.").cost("O(N) for N keys when it saves, else O(1).")
        .history(&[("7.0.0", "Options `NOW`, `FORCE` and `ABORT`.")])
        .arguments(&[
            one_of("nosave_save", &[word("nosave", "NOSAVE"), word("save", "SAVE")]).optional(),
            word("now", "NOW").since("7.0.0").optional(),
            word("force", "FORCE").since("7.0.0").optional(),
            word("abort", "ABORT").since("7.0.0").optional(),
        ]),
    page(Id::Slaveof, "1.0.0", "Makes the server a follower, or a primary again.").cost("O(1)").deprecated("5.0.0", "`REPLICAOF`")
        .arguments(&[
            one_of("args", &[
                block("host-port", &[string("host"), integer("port")]),
                block("no-one", &[word("no", "NO"), word("one", "ONE")]),
            ]),
        ]),
    page(Id::Slowlog, "2.2.12", "Container of the commands on the log of slow commands.").cost("Depends on subcommand."),
    page(Id::SlowlogGet, "2.2.12", "Lists the newest entries of the slow log.").cost("O(N) where N is the number of entries returned")
        .history(&[("4.0.0", "The reply also has the client's address and name.")])
        .arguments(&[integer("count").optional()]),
    page(Id::SlowlogHelp, "6.2.0", "Lists the subcommands of SLOWLOG.").cost("O(1)"),
    page(Id::SlowlogLen, "2.2.12", "Counts the entries of the slow log.").cost("O(1)"),
    page(Id::SlowlogReset, "2.2.12", "Empties the slow log.").cost("O(N) where N is the number of entries in the slowlog"),
    page(Id::Swapdb, "4.0.0", "Lets two databases change places.").cost("O(N) where N is the count of clients watching or blocking on keys from both databases.")
        .arguments(&[integer("index1"), integer("index2")]),
    page(Id::Sync, "1.0.0", "Asks a primary for a full copy; internal."),
    page(Id::Time, "2.6.0", "Gives the server's time.").cost("O(1)"),
];
