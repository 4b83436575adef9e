//! What is said against scripts and functions, in the words of Redis 7.0 but for what is ours: [`ScriptError`], a part of [`ErrorReply`](super::ErrorReply).
//! Pure.

/// An error of EVAL, FCALL, SCRIPT, FUNCTION and their company.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// A number of keys below nought.
    #[error("ERR Number of keys can't be negative")]
    KeyCountNegative,
    /// FCALL: a number of keys that is none.
    #[error("ERR Bad number of keys provided")]
    KeyCountWrong,
    /// EVALSHA of a script that is not kept.
    #[error("NOSCRIPT No matching script. Please use EVAL.")]
    NoScript,
    /// What Lua says against a text.
    #[error("ERR Error compiling script (new function): {0}")]
    Compiling(Box<str>),
    /// Words that come from elsewhere.
    #[error("ERR {0}")]
    Said(Box<str>),
    /// There is no memory for Lua. Ours.
    #[error("ERR there is not enough memory for Lua: see lua-memory-limit")]
    NoMemory,
    /// A text that is too long to be read in one go. Ours.
    #[error("ERR the text of a script or a library has {most} bytes at most; this one has {len}")]
    LongText {
        /// How long it is.
        len: usize,
        /// How long it may be.
        most: usize,
    },
    /// Texts of scripts take too much. Ours.
    #[error(
        "ERR the scripts that are kept take as much as lua-memory-limit allows: see SCRIPT FLUSH"
    )]
    TooManyScripts,
    /// A script has been running for long.
    #[error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    )]
    BusyScript,
    /// A function has.
    #[error(
        "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
    )]
    BusyFunction,
    /// SCRIPT KILL of nothing.
    #[error("NOTBUSY No scripts in execution right now.")]
    NotBusy,
    /// SCRIPT KILL of what has changed something.
    #[error(
        "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
    )]
    Unkillable,
    /// SCRIPT FLUSH.
    #[error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")]
    FlushOption,
    /// FUNCTION FLUSH.
    #[error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")]
    FunctionFlushOption,
    /// SCRIPT DEBUG. Ours.
    #[error("ERR SCRIPT DEBUG is not supported: there is no debugger")]
    NoDebugger,
    /// The first line of a script begins like one that says of which kind it is, and does not end.
    #[error("ERR Invalid script shebang")]
    Shebang,
    /// It says nothing.
    #[error("ERR Invalid engine in script shebang")]
    ShebangEngine,
    /// It says another one than Lua.
    #[error("ERR Unexpected engine in script shebang: {0}")]
    UnknownEngine(Box<str>),
    /// It says something else.
    #[error("ERR Unknown lua shebang option: {0}")]
    UnknownShebangOption(Box<str>),
    /// A flag that nobody knows.
    #[error("ERR Unexpected flag in script shebang: {0}")]
    UnknownFlag(Box<str>),
    /// A script that may write, by a command that only reads.
    #[error("ERR Can not execute a script with write flag using *_ro command.")]
    WritesInReadOnly,
    /// A script that may write, at a follower.
    #[error("READONLY Can not run script with write flag on readonly replica.")]
    WritesAtFollower,
    /// A script that may take memory, where there is none.
    #[error(
        "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
    )]
    NoMemoryForScript,
    /// FCALL of nothing.
    #[error("ERR Function not found")]
    NoFunction,
    /// FUNCTION DELETE of nothing.
    #[error("ERR Library not found")]
    NoLibrary,
    /// FUNCTION LOAD of what is there.
    #[error("ERR Library '{0}' already exists")]
    LibraryExists(Box<str>),
    /// FUNCTION RESTORE of what is there.
    #[error("ERR Library {0} already exists")]
    RestoredLibraryExists(Box<str>),
    /// Another library has a function of this name.
    #[error("ERR Function {0} already exists")]
    FunctionExists(Box<str>),
    /// FUNCTION LOAD of a text that does not say what it is.
    #[error("ERR Missing library metadata")]
    NoMetadata,
    /// It says no name.
    #[error("ERR Library name was not given")]
    NoLibraryName,
    /// It says two.
    #[error("ERR Invalid metadata value, name argument was given multiple times")]
    TwoLibraryNames,
    /// It says something else.
    #[error("ERR Invalid metadata value given: {0}")]
    UnknownMetadata(Box<str>),
    /// A name with other letters.
    #[error(
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
    )]
    LibraryName,
    /// An engine that is not Lua.
    #[error("ERR Engine '{0}' not found")]
    NoEngine(Box<str>),
    /// A library without functions.
    #[error("ERR No functions registered")]
    NothingRegistered,
    /// FUNCTION LOAD.
    #[error("ERR Unknown option given: {0}")]
    UnknownLoadOption(Box<str>),
    /// FUNCTION LIST.
    #[error("ERR Unknown argument {0}")]
    UnknownListArgument(Box<str>),
    /// FUNCTION LIST LIBRARYNAME.
    #[error("ERR library name argument was not given")]
    NoListedName,
    /// FUNCTION RESTORE.
    #[error("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")]
    RestorePolicy,
    /// FUNCTION RESTORE of a payload of something else.
    #[error("ERR given type is not a function")]
    NotAFunction,
}
