//! Every error that a client can see: prefix, text, what to do. Texts that Redis has are Redis' own, word for word, for clients match on them.
//! Pure.

use std::borrow::Cow;

use super::access_error::AccessError;
use super::cross_slot::CrossSlot;
use super::encode::blank_line_ends;
use super::failover_refusal::FailoverRefusal;
use super::request::ProtocolError;
use super::script_error::ScriptError;
use super::stream_error::StreamError;
use super::tracking_error::TrackingError;
use super::transaction_error::TransactionError;
use super::user_text::UserText;
use super::wait_error::WaitError;
use crate::glob::GlobError;

/// An error reply; `Display` gives the text without the leading `-` and without the line end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorReply {
    /// The key holds a value of another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// A subcommand or option is not where it may be.
    #[error("ERR syntax error")]
    Syntax,
    /// A subscriber that speaks RESP2 asks for something else; the command's name, `container|sub` of a subcommand.
    #[error(
        "ERR Can't execute '{0}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    )]
    OnlySubscriptions(&'static str),
    /// Who is shown every command (MONITOR) asks for keys.
    #[error("ERR Replica can't interact with the keyspace")]
    NoKeysForReplicas,
    /// An argument should have been a 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// `INCRBYFLOAT` and friends.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// A command that may add data, refused because memory is at its limit.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// A time to live, or a deadline, that is not positive or beyond 64 bits; the command's name.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpireTime(&'static str),
    /// HEXPIRE and friends: a time to live, or a deadline, below nought.
    #[error("ERR invalid expire time, must be >= 0")]
    ExpireTimeNegative,
    /// HEXPIRE, HTTL and friends.
    #[error("ERR Mandatory argument FIELDS is missing or not at the right position")]
    FieldsNotThere,
    /// HEXPIRE and friends: a number of fields that is none.
    #[error("ERR Parameter `numFields` should be greater than 0")]
    FieldCountTooSmall,
    /// HTTL, HPERSIST, HGETDEL, HGETEX: a number of fields that is none.
    #[error("ERR Number of fields must be a positive integer")]
    FieldCountNotPositive,
    /// HEXPIRE, HTTL and friends: more or fewer fields than announced.
    #[error("ERR The `numfields` parameter must match the number of arguments")]
    FieldCountMismatch,
    /// HSETEX: a number of fields that is none.
    #[error("ERR invalid number of fields")]
    FieldCountInvalid,
    /// HSETEX.
    #[error("ERR Only one of FXX or FNX arguments can be specified")]
    FieldConditionConflict,
    /// HSETEX.
    #[error("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")]
    FieldExpiryConflict,
    /// EXPIRE and friends.
    #[error("ERR NX and XX, GT or LT options at the same time are not compatible")]
    ExpireNxConflict,
    /// EXPIRE and friends.
    #[error("ERR GT and LT options at the same time are not compatible")]
    ExpireGtLtConflict,
    /// RENAME of nothing.
    #[error("ERR no such key")]
    NoSuchKey,
    /// COPY and MOVE onto itself.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// COPY and SELECT: there is no such database.
    #[error("ERR DB index is out of range")]
    DbIndexOutOfRange,
    /// An argument should have been a 32-bit integer.
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    NotInteger32,
    /// A count that must not be negative (SPOP, LPOP, WAITAOF).
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    /// A count that may be negative, but has no positive counterpart (SRANDMEMBER, HRANDFIELD, ZRANDMEMBER).
    #[error(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
    )]
    CountOutOfRange,
    /// A count of pairs that would be more words than can be counted (HRANDFIELD WITHVALUES, ZRANDMEMBER WITHSCORES).
    #[error("ERR value is out of range")]
    PairsOutOfRange,
    /// A number of keys that is none (SINTERCARD, LMPOP, ZMPOP).
    #[error("ERR numkeys should be greater than 0")]
    KeyCountNotPositive,
    /// More keys announced than arguments follow (SINTERCARD).
    #[error("ERR Number of keys can't be greater than number of args")]
    KeyCountTooLarge,
    /// SINTERCARD and friends.
    #[error("ERR LIMIT can't be negative")]
    LimitNegative,
    /// HINCRBY of a value that is none.
    #[error("ERR hash value is not an integer")]
    HashValueNotInteger,
    /// HINCRBYFLOAT of a value that is none.
    #[error("ERR hash value is not a float")]
    HashValueNotFloat,
    /// HINCRBYFLOAT by infinity.
    #[error("ERR value is NaN or Infinity")]
    NotFinite,
    /// RESTORE of a key that is there.
    #[error("BUSYKEY Target key name already exists.")]
    BusyKey,
    /// RESTORE.
    #[error("ERR Invalid TTL value, must be >= 0")]
    InvalidTtl,
    /// RESTORE.
    #[error("ERR Invalid IDLETIME value, must be >= 0")]
    InvalidIdleTime,
    /// RESTORE.
    #[error("ERR Invalid FREQ value, must be >= 0 and <= 255")]
    InvalidFrequency,
    /// RESTORE of bytes that DUMP did not give, or that came to harm.
    #[error("ERR DUMP payload version or checksum are wrong")]
    PayloadSeal,
    /// RESTORE of bytes that are no value, or none that is known here.
    #[error("ERR Bad data format")]
    PayloadBroken,
    /// DUMP and RESTORE. Ours: Redis goes on for as long as there is memory.
    #[error("ERR the value would be longer than proto-max-bulk-len when it is unpacked")]
    PayloadTooLong,
    /// SCAN and friends.
    #[error("ERR invalid cursor")]
    InvalidCursor,
    /// OBJECT FREQ under a policy that keeps no frequencies.
    #[error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
    )]
    FrequencyNotTracked,
    /// OBJECT IDLETIME under a policy that keeps frequencies instead.
    #[error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
    )]
    IdleTimeNotTracked,
    /// INCR and friends.
    #[error("ERR increment or decrement would overflow")]
    IncrementOverflow,
    /// DECRBY by the one number that has no positive counterpart.
    #[error("ERR decrement would overflow")]
    DecrementOverflow,
    /// INCRBYFLOAT.
    #[error("ERR increment would produce NaN or Infinity")]
    IncrementNotFinite,
    /// APPEND and SETRANGE.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// A write to a node that follows another one.
    #[error("READONLY You can't write against a read only replica.")]
    ReadOnlyFollower,
    /// A follower without its leader, where what it has is not to be shown.
    #[error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")]
    LeaderDown,
    /// A write that too few followers would have.
    #[error("NOREPLICAS Not enough good replicas to write.")]
    TooFewFollowers,
    /// PSYNC of a follower that has nothing to give yet.
    #[error("NOMASTERLINK Can't SYNC while not connected with my master")]
    NoLeaderLink,
    /// A command under another epoch than that at which the node leads: the newest that it has seen, and the version of the document.
    #[error(
        "STALEEPOCH {0} {1} this node obeys a newer epoch, or has no orders yet at this one; the command was not applied"
    )]
    StaleEpoch(u64, u64),
    /// An order to another life of the node: the one that it has.
    #[error(
        "STALEINCARNATION {0:016x} the order is for another life of this node; nothing was done"
    )]
    StaleLife(u64),
    /// An order that does not fit what the node is.
    #[error("ERR this node is something else at this epoch; nothing was done")]
    OtherRole,
    /// A node that belongs to a shard and is told something else by a client, or by proxies of another shard; the shard.
    #[error("ERR this node belongs to shard {0}, whose proxies say what it is")]
    BelongsTo(Box<str>),
    /// A command that waits, when the node follows another one meanwhile.
    #[error(
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
    )]
    Unblocked,
    /// FAILOVER, and what cannot be while one is under way.
    #[error(transparent)]
    Failover(#[from] FailoverRefusal),
    /// REPLICAOF of a port that is none.
    #[error("ERR Invalid master port")]
    LeaderPort,
    /// WAIT at a follower.
    #[error(
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."
    )]
    WaitAtFollower,
    /// MGET: a client that got so much would be cut, and its request is bounded by less.
    #[error(
        "ERR the reply exceeds the hard limit of client-output-buffer-limit; ask for fewer keys at once"
    )]
    ReplyTooLong,
    /// SETRANGE before the first byte.
    #[error("ERR offset is out of range")]
    OffsetOutOfRange,
    /// LCS of something else.
    #[error("ERR The specified keys must contain string values")]
    LcsNotStrings,
    /// LCS LEN IDX.
    #[error("ERR If you want both the length and indexes, please just use IDX.")]
    LcsLenAndIdx,
    /// LCS of strings so long that their table would be.
    #[error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")]
    LcsTooLong,
    /// SETBIT, GETBIT, BITFIELD.
    #[error("ERR bit offset is not an integer or out of range")]
    BitOffset,
    /// SETBIT of neither 0 nor 1.
    #[error("ERR bit is not an integer or out of range")]
    BitValue,
    /// BITPOS of neither 0 nor 1.
    #[error("ERR The bit argument must be 1 or 0.")]
    BitArgument,
    /// BITOP NOT of many.
    #[error("ERR BITOP NOT must be called with a single source key.")]
    BitNotOfMany,
    /// BITFIELD: an integer type that is none.
    #[error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    )]
    BitFieldType,
    /// BITFIELD OVERFLOW of an unknown kind.
    #[error("ERR Invalid OVERFLOW type specified")]
    BitFieldOverflow,
    /// BITFIELD_RO that would write.
    #[error("ERR BITFIELD_RO only supports the GET subcommand")]
    BitFieldReadOnly,
    /// SORT by what is no number.
    #[error("ERR One or more scores can't be converted into double")]
    SortNotNumeric,
    /// SORT over several shards: what the pattern stands for may lie elsewhere; the option.
    #[error(
        "ERR {0} option of SORT denied in cluster mode when keys formed by the pattern may be in different slots."
    )]
    SortPattern(&'static str),
    /// MULTI and its company.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Users and their rights.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Scripts and functions.
    #[error(transparent)]
    Script(#[from] ScriptError),
    // Places.
    /// A unit of length that nobody knows.
    #[error("ERR unsupported unit provided. please use M, KM, FT, MI")]
    GeoUnit,
    /// GEORADIUSBYMEMBER, GEOSEARCH FROMMEMBER: there is no such member.
    #[error("ERR could not decode requested zset member")]
    GeoMember,
    /// GEORADIUS and friends.
    #[error("ERR need numeric radius")]
    GeoRadiusNotNumeric,
    /// GEORADIUS and friends.
    #[error("ERR radius cannot be negative")]
    GeoRadiusNegative,
    /// GEOSEARCH BYBOX.
    #[error("ERR need numeric width")]
    GeoWidthNotNumeric,
    /// GEOSEARCH BYBOX.
    #[error("ERR need numeric height")]
    GeoHeightNotNumeric,
    /// GEOSEARCH BYBOX.
    #[error("ERR height or width cannot be negative")]
    GeoBoxNegative,
    /// GEOSEARCH and friends, XAUTOCLAIM.
    #[error("ERR COUNT must be > 0")]
    CountTooSmall,
    /// GEOSEARCH and friends: which of the nearest are meant when nobody says how many?
    #[error("ERR the ANY argument requires COUNT argument")]
    GeoAnyWithoutCount,
    /// What is stored cannot be told as well; what stores it.
    #[error("ERR {0} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")]
    GeoStoreAndDetails(&'static str),
    // HyperLogLogs.
    /// A string whose header is not that of a HyperLogLog.
    #[error("WRONGTYPE Key is not a valid HyperLogLog string value.")]
    NotASketch,
    /// The header is, and what follows cannot be.
    #[error("INVALIDOBJ Corrupted HLL object detected")]
    SketchCorrupted,
    /// PFDEBUG DECODE.
    #[error("ERR HLL encoding is not sparse")]
    SketchNotSparse,
    /// PFDEBUG of nothing.
    #[error("ERR The specified key does not exist")]
    SpecifiedKeyMissing,
    /// PFSELFTEST.
    #[error("TESTFAILED sketches do not count as they should; this node should not be used")]
    SketchTestFailed,
    // Lists and sorted sets.
    /// LSET beyond either end.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// LPOS.
    #[error(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
    )]
    MatchRankZero,
    /// LPOS.
    #[error("ERR COUNT can't be negative")]
    MatchCountNegative,
    /// LPOS.
    #[error("ERR MAXLEN can't be negative")]
    MatchLengthNegative,
    /// LMPOP, ZMPOP: how many elements.
    #[error("ERR count should be greater than 0")]
    CountNotPositive,
    /// ZADD.
    #[error("ERR XX and NX options at the same time are not compatible")]
    ScoreXxAndNx,
    /// ZADD.
    #[error("ERR GT, LT, and/or NX options at the same time are not compatible")]
    ScoreGtLtNx,
    /// ZADD INCR.
    #[error("ERR INCR option supports a single increment-element pair")]
    ScoreIncrementOfMany,
    /// ZINCRBY and ZADD INCR: infinities that cancel each other out.
    #[error("ERR resulting score is not a number (NaN)")]
    ScoreNotANumber,
    /// Ranges of scores.
    #[error("ERR min or max is not a float")]
    ScoreBorder,
    /// Ranges of texts among members of equal scores.
    #[error("ERR min or max not valid string range item")]
    TextBorder,
    /// ZRANGE.
    #[error(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
    )]
    RangeLimitOfRanks,
    /// ZRANGE.
    #[error("ERR syntax error, WITHSCORES not supported in combination with BYLEX")]
    RangeScoresOfTexts,
    /// ZUNION and friends of nothing; the command's name.
    #[error("ERR at least 1 input key is needed for '{0}' command")]
    NoInputKeys(&'static str),
    /// ZUNION and friends.
    #[error("ERR weight value is not a float")]
    WeightNotFloat,
    /// Commands on streams.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// CLIENT TRACKING and CLIENT CACHING.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    /// Commands that wait for a key.
    #[error(transparent)]
    Wait(#[from] WaitError),
    // The connection: AUTH, HELLO, CLIENT, SELECT.
    /// Any command before AUTH.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// HELLO before AUTH, without AUTH in it.
    #[error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
    )]
    HelloNoAuth,
    /// AUTH, HELLO AUTH.
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    /// NODE ANNOUNCE by who does not know the nodes' password.
    #[error(
        "WRONGPASS the nodes behind this proxy have another password; start the node with it as requirepass"
    )]
    WrongNodePassword,
    /// NODE ANNOUNCE: which word is wrong.
    #[error("ERR NODE ANNOUNCE takes name host port zone|- [password]; {0} is none")]
    NotAnnounced(&'static str),
    /// NODE ANNOUNCE: no shard wants followers, so that nobody would use it.
    #[error(
        "ERR this proxy looks after no shards, so no spare node is taken: give a shard copies = 2 in the topology, or list the node there"
    )]
    NoShardWantsNodes,
    /// NODE ANNOUNCE: more nodes than a proxy takes note of at a time.
    #[error("TRYAGAIN more nodes announce themselves than this proxy takes note of")]
    TooManyAnnounced,
    /// AUTH of one argument where no password is set.
    #[error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
    )]
    NoPasswordSet,
    /// HELLO of neither 2 nor 3.
    #[error("NOPROTO unsupported protocol version")]
    NoProtocol,
    /// HELLO.
    #[error("ERR Protocol version is not an integer or out of range")]
    ProtocolNotInteger,
    /// CLIENT SETNAME, HELLO SETNAME.
    #[error("ERR Client names cannot contain spaces, newlines or special characters.")]
    ClientName,
    /// CLIENT KILL of an address.
    #[error("ERR No such client")]
    NoSuchClient,
    /// CLIENT KILL ID.
    #[error("ERR client-id should be greater than 0")]
    ClientIdNotPositive,
    /// CLIENT LIST ID.
    #[error("ERR Invalid client ID")]
    InvalidClientId,
    /// CLIENT PAUSE, WAIT, WAITAOF, commands that wait for so many milliseconds.
    #[error("ERR timeout is not an integer or out of range")]
    TimeoutNotInteger,
    /// CLIENT PAUSE, WAIT, WAITAOF, commands that wait.
    #[error("ERR timeout is negative")]
    TimeoutNegative,
    /// CLIENT PAUSE.
    #[error("ERR CLIENT PAUSE mode must be WRITE or ALL")]
    PauseMode,
    /// CLIENT UNBLOCK.
    #[error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")]
    UnblockReason,
    /// SWAPDB.
    #[error("ERR invalid first DB index")]
    InvalidFirstDbIndex,
    /// SWAPDB.
    #[error("ERR invalid second DB index")]
    InvalidSecondDbIndex,
    /// A client beyond `maxclients`; the connection is closed then.
    #[error("ERR max number of clients reached")]
    TooManyClients,
    /// A stranger from afar while there is no password; the connection is closed then.
    #[error(
        "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside."
    )]
    Protected,
    /// Hello of a proxy in protected mode to a client of another machine: as far as Redis' text tells what is wrong, and what to do about it here.
    #[error(
        "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers, do one of the following at the proxy and restart it: 1) set a password that clients must give, with 'requirepass' in its configuration file, the option '--requirepass' or the environment variable SWITCHYARD_PROXY_REQUIREPASS; 2) disable protected mode, with 'protected-mode = false' in its configuration file or the option '--protected-mode false', but MAKE SURE the proxy is not accessible from the internet if you do so."
    )]
    ProtectedProxy,

    // The server: CONFIG, COMMAND, DEBUG, SLOWLOG and others.
    /// CONFIG REWRITE.
    #[error("ERR The server is running without a config file")]
    NoConfigFile,
    /// DEBUG where it is not enabled.
    #[error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )]
    DebugNotAllowed,
    /// SLOWLOG GET.
    #[error("ERR count should be greater than or equal to -1")]
    SlowlogCount,
    /// SHUTDOWN ABORT.
    #[error("ERR No shutdown in progress.")]
    NoShutdown,
    /// Any command that looks at keys while the node reads its data.
    #[error("LOADING Redis is loading the dataset in memory")]
    Loading,
    /// SAVE and BGSAVE while one is under way.
    #[error("ERR Background save already in progress")]
    SaveInProgress,
    /// BGSAVE while the log is rewritten.
    #[error(
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
    )]
    RewriteInProgress,
    /// A write while snapshots fail.
    #[error(
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
    )]
    SnapshotsFail,
    /// BGREWRITEAOF while one is under way.
    #[error("ERR Background append only file rewriting already in progress")]
    RewriteAlready,
    /// SAVE and others on a node without a folder for its data.
    #[error("ERR this node keeps nothing on disk: it was started without --data-dir")]
    NoData,
    /// SHUTDOWN that could not save.
    #[error("ERR Errors trying to SHUTDOWN. Check logs.")]
    ShutdownFailed,
    /// CLUSTER, READONLY, READWRITE, ASKING on a server that is no member of one.
    #[error("ERR This instance has cluster support disabled")]
    ClusterDisabled,
    /// SELECT, SWAPDB, MOVE and COPY between databases where there is a cluster; the words name what is not allowed.
    #[error("ERR {0} is not allowed in cluster mode")]
    NotInCluster(&'static str),

    // The proxy: what it could not do, and whether it may have been done.
    /// No node of the shard took the command.
    #[error(
        "CLUSTERDOWN shard {shard} cannot be reached; the command was not applied and may be sent again"
    )]
    ShardDown {
        /// The shard's name.
        shard: Box<str>,
    },
    /// The shard did not reply in time, to a command that changed nothing.
    #[error(
        "CLUSTERDOWN shard {shard} did not reply within request-deadline; the command was not applied and may be sent again"
    )]
    ShardLate {
        /// The shard's name.
        shard: Box<str>,
    },
    /// The shard's node is there and does not let the proxy in.
    #[error(
        "CLUSTERDOWN the node of shard {shard} refuses the proxy's password, see node-password; the command was not applied and may be sent again"
    )]
    NodePassword {
        /// The shard's name.
        shard: Box<str>,
    },
    /// The command was sent to the shard, and no reply came.
    #[error("UNKNOWN shard {shard} did not reply; it is unknown whether the command was applied")]
    OutcomeUnknown {
        /// The shard's name.
        shard: Box<str>,
    },
    /// One of the proxy's threads hangs, and was to be asked about its clients.
    #[error("ERR a thread of the proxy does not answer; what the others were asked to do is done")]
    ThreadSilent,
    /// No thread of the proxy takes a client in; the connection is closed then.
    #[error("ERR the proxy is too busy to take a client in; connect again later")]
    ThreadsBusy,
    /// The parts of one reply are more than any client may have waiting.
    #[error(
        "ERR the reply would be more than client-output-hard-limit ({limit} bytes); ask for fewer keys at a time"
    )]
    GatheredTooLarge {
        /// The bound, bytes.
        limit: usize,
    },
    /// A command that makes one set of several, with very many arguments, over several shards; its name, and the bounds.
    #[error(
        "ERR '{command}' over several shards takes at most {arguments} arguments and {bytes} bytes; name its keys with one hash tag"
    )]
    CombinedTooLong {
        /// Its name.
        command: &'static str,
        /// Most arguments.
        arguments: u32,
        /// Most bytes of the request.
        bytes: u32,
    },
    /// PFCOUNT of more keys over several shards than are counted together in one go.
    #[error(
        "ERR PFCOUNT over several shards takes at most {most} keys; name them with one hash tag"
    )]
    TooManySketches {
        /// The bound.
        most: usize,
    },
    /// The sets of several shards have more members together than are put together in one go.
    #[error(
        "ERR the sets of several shards have more than {most} members together; name their keys with one hash tag"
    )]
    TooManyMembers {
        /// The bound.
        most: usize,
    },
    /// A write over several shards: one of them failed.
    #[error("UNKNOWN shard {shard} failed; the command may have been applied in part")]
    AppliedInPart {
        /// The shard's name.
        shard: Box<str>,
    },

    // Any command.
    /// Wrong number of arguments for `name` (lower case, `container|sub` for subcommands).
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// The connection cannot go on.
    #[error("ERR {0}")]
    Protocol(#[from] ProtocolError),
    /// A pattern that is not compared with what it is to be compared with. Ours: Redis goes on for as long as it takes.
    #[error("ERR {0}; use a shorter pattern")]
    Pattern(#[from] GlobError),
    /// Keys that are asked for together lie in different slots; see [`Self::cross_slot`].
    #[error("{}", .0.text())]
    CrossSlot(Box<CrossSlot>),
    /// A text that quotes bytes of the client; see the constructors, such as [`Self::unknown_command`].
    #[error("{0}")]
    Quoting(UserText),
    /// COMMAND INFO, CONFIG GET and the like with so many names that the work or the reply would not end. Ours: Redis does it.
    #[error("ERR too many names in one request, ask for fewer at a time")]
    TooManyNames,
    /// More arguments than a command takes that is carried out in one go, as it would hold everybody up. Ours: Redis does it.
    #[error("ERR too many arguments for one '{0}' command, give some of them to another")]
    TooManyArguments(&'static str),
    /// COMMAND GETKEYS of a command that nobody knows.
    #[error("ERR Invalid command specified")]
    InvalidCommandSpecified,
    /// COMMAND GETKEYS of a command without keys.
    #[error("ERR The command has no key arguments")]
    NoKeyArguments,
    /// COMMAND GETKEYS of a command with too few or too many arguments.
    #[error("ERR Invalid number of arguments specified for command")]
    InvalidArgumentCount,
    /// COMMAND GETKEYS of a command in whose arguments no key can be found.
    #[error("ERR Invalid arguments specified for command")]
    InvalidArgumentsSpecified,
    /// A text of its own that stands in just one place.
    #[error("{0}")]
    Text(Cow<'static, str>),
}

impl ErrorReply {
    /// Appends what stands between `-` and the line end. Line ends inside become blanks; bytes of a client that are not UTF-8 stay as they are.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let start = out.len();
        match self {
            Self::CrossSlot(apart) => return out.extend_from_slice(apart.text().as_bytes()),
            Self::Quoting(text) => return out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            other => {
                // Writing to memory cannot fail.
                write!(out, "{other}").ok();
            }
        }
        if let Self::Protocol(ProtocolError::ExpectedDollar(byte @ 0x80..)) = self {
            // `Display` had to make two bytes of it; the last byte is the closing quote.
            out.truncate(out.len() - 3);
            out.extend_from_slice(&[*byte, b'\'']);
        }
        blank_line_ends(&mut out[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &ErrorReply, expected: &[u8]) {
        let mut out = b"before\r\n".to_vec();
        error.write_text(&mut out);
        assert_eq!(
            out[8..].escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn texts_are_redis_own() {
        check(&ErrorReply::Syntax, b"ERR syntax error");
        check(
            &ErrorReply::Arity("config|get".into()),
            b"ERR wrong number of arguments for 'config|get' command",
        );
        check(
            &ErrorReply::from(ProtocolError::InvalidBulkLength),
            b"ERR Protocol error: invalid bulk length",
        );
    }

    #[test]
    fn an_unexpected_byte_is_shown_as_it_came() {
        let expected: [(u8, &[u8]); 5] = [
            (b'x', b"x"),
            (0xff, b"\xff"),
            (b'\r', b" "),
            (0, b"\0"),
            (0x80, b"\x80"),
        ];
        for (byte, shown) in expected {
            let text = [b"ERR Protocol error: expected '$', got '", shown, b"'"].concat();
            check(
                &ErrorReply::Protocol(ProtocolError::ExpectedDollar(byte)),
                &text,
            );
        }
    }

    #[test]
    fn no_text_can_break_the_framing() {
        check(&ErrorReply::Text("ERR a\r\nb\n".into()), b"ERR a  b ");
    }

    #[test]
    fn an_error_costs_no_more_than_a_few_words() {
        assert!(size_of::<ErrorReply>() <= 32);
    }
}
