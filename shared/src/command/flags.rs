//! The three sets of bits in a row: command flags, ACL categories, key flags; with the words Redis prints for them.
//! Pure.

/// Declares a set of named bits. Bits stand in the order in which Redis prints them.
macro_rules! bit_set {
    ($(#[$doc:meta])* $Set:ident($Bits:ty) { $($(#[$bit_doc:meta])* $BIT:ident = $at:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct $Set(pub $Bits);

        impl $Set {
            $($(#[$bit_doc])* pub const $BIT: Self = Self(1 << $at);)*

            /// Every bit with the word Redis uses for it.
            pub const WORDS: &'static [(Self, &'static str)] = &[$((Self::$BIT, $word),)*];

            /// Whether all bits of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits of both.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The words of the bits that are set.
            pub fn words(self) -> impl Iterator<Item = &'static str> {
                Self::WORDS.iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, word)| *word)
            }
        }
    };
}

bit_set! {
    /// What a command does and where it may run: Redis' command flags.
    CommandFlags(u32) {
        /// May change the keyspace.
        WRITE = 0 "write",
        /// Reads keys and changes none.
        READ = 1 "readonly",
        /// May need more memory; refused at the limit.
        DENY_OOM = 2 "denyoom",
        /// For operators.
        ADMIN = 3 "admin",
        /// Publishes or subscribes.
        PUBSUB = 4 "pubsub",
        /// Not from scripts.
        NO_SCRIPT = 5 "noscript",
        /// May keep its client waiting.
        BLOCKING = 6 "blocking",
        /// Also while the data is being loaded.
        LOADING = 7 "loading",
        /// Also on a follower whose data is stale.
        STALE = 8 "stale",
        /// MONITOR does not show it.
        SKIP_MONITOR = 9 "skip_monitor",
        /// The slow log does not show it.
        SKIP_SLOWLOG = 10 "skip_slowlog",
        /// In a cluster, also on a slot being imported.
        ASKING = 11 "asking",
        /// Constant or logarithmic time.
        FAST = 12 "fast",
        /// Also before AUTH.
        NO_AUTH = 13 "no_auth",
        /// Its keys may be none.
        NO_MANDATORY_KEYS = 14 "no_mandatory_keys",
        /// Not while data is loaded beside the old keyspace.
        NO_ASYNC_LOADING = 15 "no_async_loading",
        /// Not inside MULTI.
        NO_MULTI = 16 "no_multi",
        /// Its keys are not at fixed places (follows from the key rule).
        MOVABLE_KEYS = 17 "movablekeys",
        /// Also while a script has been running for too long.
        ALLOW_BUSY = 18 "allow_busy",
    }
}

bit_set! {
    /// Redis' ACL categories.
    AclCategories(u32) {
        /// On keys of any type.
        KEYSPACE = 0 "keyspace",
        /// Reads.
        READ = 1 "read",
        /// Writes.
        WRITE = 2 "write",
        /// Sets.
        SET = 3 "set",
        /// Sorted sets.
        SORTED_SET = 4 "sortedset",
        /// Lists.
        LIST = 5 "list",
        /// Hashes.
        HASH = 6 "hash",
        /// Strings.
        STRING = 7 "string",
        /// Bits of strings.
        BITMAP = 8 "bitmap",
        /// HyperLogLogs.
        HYPERLOGLOG = 9 "hyperloglog",
        /// Places.
        GEO = 10 "geo",
        /// Streams.
        STREAM = 11 "stream",
        /// Channels.
        PUBSUB = 12 "pubsub",
        /// For operators.
        ADMIN = 13 "admin",
        /// Flagged as fast.
        FAST = 14 "fast",
        /// Not flagged as fast.
        SLOW = 15 "slow",
        /// May wait.
        BLOCKING = 16 "blocking",
        /// Needs thought before it is allowed to anybody.
        DANGEROUS = 17 "dangerous",
        /// The client's own connection.
        CONNECTION = 18 "connection",
        /// MULTI and its company.
        TRANSACTION = 19 "transaction",
        /// Scripts and functions.
        SCRIPTING = 20 "scripting",
    }
}

impl AclCategories {
    /// The category called `word`, in any letter case.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<Self> {
        let mut known = Self::WORDS.iter();
        let found = known.find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(word));
        found.map(|(category, _)| *category)
    }

    /// The categories that follow from a command's flags.
    #[must_use]
    pub(super) const fn implied(self, flags: CommandFlags) -> Self {
        let mut all = self;
        if flags.contains(CommandFlags::WRITE) {
            all = all.union(Self::WRITE);
        }
        // A script may do anything, whatever its flag says.
        if flags.contains(CommandFlags::READ) && !self.contains(Self::SCRIPTING) {
            all = all.union(Self::READ);
        }
        if flags.contains(CommandFlags::ADMIN) {
            all = all.union(Self::ADMIN).union(Self::DANGEROUS);
        }
        if flags.contains(CommandFlags::PUBSUB) {
            all = all.union(Self::PUBSUB);
        }
        if flags.contains(CommandFlags::BLOCKING) {
            all = all.union(Self::BLOCKING);
        }
        if flags.contains(CommandFlags::FAST) {
            all.union(Self::FAST)
        } else {
            all.union(Self::SLOW)
        }
    }
}

bit_set! {
    /// What a command does with a key: Redis' key flags.
    KeyFlags(u16) {
        /// Reads key or value, changes neither.
        RO = 0 "RO",
        /// Changes the value that is there.
        RW = 1 "RW",
        /// Overwrites the value, whatever it was.
        OW = 2 "OW",
        /// Removes the key.
        RM = 3 "RM",
        /// Something of the value (not only its type or length) reaches the client or another key.
        ACCESS = 4 "access",
        /// Changes what is in the value.
        UPDATE = 5 "update",
        /// Adds to the value and changes nothing in it.
        INSERT = 6 "insert",
        /// Takes something out of the value.
        DELETE = 7 "delete",
        /// Not a key, but routed like one (a channel).
        NOT_KEY = 8 "not_key",
        /// This rule does not find all its keys.
        INCOMPLETE = 9 "incomplete",
        /// Other arguments decide which of the flags hold.
        VARIABLE = 10 "variable_flags",
    }
}
