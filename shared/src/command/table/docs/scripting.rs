//! What COMMAND DOCS says of the commands of `scripting.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Eval, "2.6.0", "Runs a Lua script.").cost("Depends on the script that is executed.")
        .arguments(&[
            string("script"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::EvalRo, "7.0.0", "Runs a Lua script that only reads.").cost("Depends on the script that is executed.")
        .arguments(&[
            string("script"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::Evalsha, "2.6.0", "Runs a Lua script by its digest.").cost("Depends on the script that is executed.")
        .arguments(&[
            string("sha1"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::EvalshaRo, "7.0.0", "Runs a Lua script that only reads, by its digest.").cost("Depends on the script that is executed.")
        .arguments(&[
            string("sha1"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::Fcall, "7.0.0", "Calls a function.").cost("Depends on the function that is executed.")
        .arguments(&[
            string("function"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::FcallRo, "7.0.0", "Calls a function that only reads.").cost("Depends on the function that is executed.")
        .arguments(&[
            string("function"),
            integer("numkeys"),
            key("key").optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    page(Id::Function, "7.0.0", "Container of the commands on libraries of functions.").cost("Depends on subcommand."),
    page(Id::FunctionDelete, "7.0.0", "Removes a library with its functions.").cost("O(1)")
        .arguments(&[string("library-name")]),
    page(Id::FunctionDump, "7.0.0", "Serializes all libraries for FUNCTION RESTORE.").cost("O(N) where N is the number of functions"),
    page(Id::FunctionFlush, "7.0.0", "Removes all libraries.").cost("O(N) where N is the number of functions deleted")
        .arguments(&[one_of("async", &[word("async", "ASYNC"), word("sync", "SYNC")]).optional()]),
    page(Id::FunctionHelp, "7.0.0", "Lists the subcommands of FUNCTION.").cost("O(1)"),
    page(Id::FunctionKill, "7.0.0", "Stops the function that is running.").cost("O(1)"),
    page(Id::FunctionList, "7.0.0", "Describes the libraries.").cost("O(N) where N is the number of functions")
        .arguments(&[
            string("library-name-pattern").token("LIBRARYNAME").optional(),
            word("withcode", "WITHCODE").optional(),
        ]),
    page(Id::FunctionLoad, "7.0.0", "Creates a library from its source.").cost("O(1) (considering compilation time is redundant)")
        .arguments(&[word("replace", "REPLACE").optional(), string("function-code")]),
    page(Id::FunctionRestore, "7.0.0", "Creates libraries that FUNCTION DUMP serialized.").cost("O(N) for N functions.")
        .arguments(&[
            string("serialized-value"),
            one_of("policy", &[
                word("flush", "FLUSH"),
                word("append", "APPEND"),
                word("replace", "REPLACE"),
            ]).optional(),
        ]),
    page(Id::FunctionStats, "7.0.0", "Describes the running function and the engines.").cost("O(1)"),
    page(Id::Script, "2.6.0", "Container of the commands on Lua scripts.").cost("Depends on subcommand."),
    page(Id::ScriptDebug, "3.2.0", "Chooses how the scripts of this connection are debugged.").cost("O(1)")
        .arguments(&[one_of("mode", &[word("yes", "YES"), word("sync", "SYNC"), word("no", "NO")])]),
    page(Id::ScriptExists, "2.6.0", "Says for each digest whether the script is known.").cost("O(N) for N digests.")
        .arguments(&[string("sha1").multiple()]),
    page(Id::ScriptFlush, "2.6.0", "Forgets all scripts.").cost("O(N) with N being the number of scripts in cache")
        .history(&[("6.2.0", "Options `ASYNC` and `SYNC`.")])
        .arguments(&[one_of("async", &[word("async", "ASYNC"), word("sync", "SYNC")]).since("6.2.0").optional()]),
    page(Id::ScriptHelp, "5.0.0", "Lists the subcommands of SCRIPT.").cost("O(1)"),
    page(Id::ScriptKill, "2.6.0", "Stops the script that is running.").cost("O(1)"),
    page(Id::ScriptLoad, "2.6.0", "Keeps a script and gives its digest.").cost("O(N) with N being the length in bytes of the script body.")
        .arguments(&[string("script")]),
];
