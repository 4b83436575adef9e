//! The words in which rows are written.
//! Pure; evaluated at compile time.

pub(super) use super::super::CommandId as Id;
pub(super) use super::super::CommandSpec;
pub(super) use super::super::Merge::*;
pub(super) use super::super::MissingShard::*;
pub(super) use super::super::Operation::*;
pub(super) use super::super::Quiet::{Around, Before};
pub(super) use super::super::Route::*;
pub(super) use super::super::Tail;
pub(super) use super::super::Telling::*;
use super::super::keys::{BeginSearch, FindKeys, KeyShape, KeySpec};
use super::super::{
    AclCategories, Combination, CommandFlags, ElementArgs, KeyFlags, Merge, MissingShard,
    Operation, Quiet, Retry, Route, Served, Telling,
};

/// Plain numbers instead of the sets, for `|` works on them at compile time.
macro_rules! bits {
    ($Set:ident $Bits:ty: $($WORD:ident = $BIT:ident),*) => {
        $(pub(super) const $WORD: $Bits = $Set::$BIT.0 as $Bits;)*
    };
}

// Numbers of three widths, so that a flag cannot stand where a category or a key flag belongs.
bits!(CommandFlags u32: WRITE = WRITE, READ = READ, DENY_OOM = DENY_OOM, ADMIN = ADMIN, PUBSUB = PUBSUB, NO_SCRIPT = NO_SCRIPT,
    BLOCKING = BLOCKING, LOADING = LOADING, STALE = STALE, SKIP_MONITOR = SKIP_MONITOR, SKIP_SLOWLOG = SKIP_SLOWLOG, ASKING = ASKING,
    FAST = FAST, NO_AUTH = NO_AUTH, NO_MANDATORY_KEYS = NO_MANDATORY_KEYS, NO_ASYNC_LOADING = NO_ASYNC_LOADING, NO_MULTI = NO_MULTI,
    ALLOW_BUSY = ALLOW_BUSY);
bits!(AclCategories u64: KEYSPACE = KEYSPACE, SET = SET, SORTED_SET = SORTED_SET, LIST = LIST, HASH = HASH, STRING = STRING,
    BITMAP = BITMAP, HYPERLOGLOG = HYPERLOGLOG, GEO = GEO, STREAM = STREAM, ADMIN_CATEGORY = ADMIN, DANGEROUS = DANGEROUS,
    CONNECTION = CONNECTION, TRANSACTION = TRANSACTION, SCRIPTING = SCRIPTING);
bits!(KeyFlags u16: RO = RO, RW = RW, OW = OW, RM = RM, ACCESS = ACCESS, UPDATE = UPDATE, INSERT = INSERT, DELETE = DELETE,
    NOT_KEY = NOT_KEY, INCOMPLETE = INCOMPLETE, VARIABLE = VARIABLE);

/// A row of which identity and arity are known; no flags, no keys, answered anywhere, served by nobody yet.
pub(super) const fn row(id: Id, arity: i16) -> CommandSpec {
    CommandSpec {
        name: id.name(),
        id,
        arity,
        flags: CommandFlags(0),
        shape: KeyShape::None,
        keys: &[],
        tail: None,
        elements: None,
        // `fast` or `slow` until the flags say more.
        acl: AclCategories(0).implied(CommandFlags(0)),
        route: ByKey,
        merge: Single,
        missing_shard: Fails,
        retry: Retry::Never,
        served: Served::Nowhere,
        quiet: Quiet::Never,
        is_changing_read: false,
        is_quick: false,
        is_whole_node: false,
        tips: &[],
        subcommand_count: 0,
        container: None,
    }
}

impl CommandSpec {
    /// Before `acl`: some categories follow from the flags. Reads may be sent again, nothing else.
    pub(super) const fn flags(mut self, flags: u32) -> Self {
        self.flags = self.flags.union(CommandFlags(flags));
        self.acl = AclCategories(0).implied(self.flags);
        if self.flags.contains(CommandFlags::READ) {
            self.retry = Retry::Safe;
        }
        if self.flags.contains(CommandFlags::FAST) {
            self.is_quick = true;
        }
        self
    }

    /// The categories that do not follow from the flags.
    pub(super) const fn acl(mut self, acl: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "made of 32-bit sets by `bits!`"
        )]
        let named = AclCategories(acl as u32);
        self.acl = named.implied(self.flags);
        self
    }

    pub(super) const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self.shape = KeyShape::of(keys);
        if matches!(self.shape, KeyShape::Search) {
            self.flags = self.flags.union(CommandFlags::MOVABLE_KEYS);
        }
        self
    }

    /// It looks for elements of what its first key holds: each has `step` arguments, of which the first is its name, and the first one stands at `first`.
    pub(super) const fn elements(mut self, first: u8, step: u8) -> Self {
        self.elements = Some(ElementArgs {
            first,
            step,
            scored: false,
        });
        self
    }

    /// The same: members of a sorted set behind the scores that they are to have.
    pub(super) const fn scored_elements(mut self, first: u8) -> Self {
        self.elements = Some(ElementArgs {
            first,
            step: 2,
            scored: true,
        });
        self
    }

    pub(super) const fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    pub(super) const fn merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// What it takes behind keys whose number stands before them.
    pub(super) const fn tail(mut self, tail: Tail) -> Self {
        self.tail = Some(tail);
        self
    }

    /// Over several shards a proxy asks that of the first key for `first`, those of other keys for `others`, and makes one set of what they say.
    pub(super) const fn combined(
        mut self,
        operation: Operation,
        telling: Telling,
        first: Id,
        others: Id,
    ) -> Self {
        self.route = Combined;
        self.merge = OneSet(Combination {
            operation,
            telling,
            first,
            others,
        });
        self
    }

    /// Over several shards a proxy asks each key's for the sketch there, and counts them together.
    pub(super) const fn counted_together(mut self, asks: Id) -> Self {
        self.route = Combined;
        self.merge = OneSketch(asks);
        self
    }

    /// Node and proxy have a handler for it.
    pub(super) const fn served(mut self) -> Self {
        self.served = Served::Everywhere;
        self
    }

    /// A proxy answers it, a node does not know it.
    pub(super) const fn served_by_proxy(mut self) -> Self {
        self.served = Served::ByProxy;
        self
    }

    /// It changes nothing, though it reads no keys, or nothing more the second time.
    pub(super) const fn repeatable(mut self) -> Self {
        self.retry = Retry::Safe;
        self
    }

    /// It counts as a read, and may change a key all the same: it waits for the end of a pause as writes do.
    pub(super) const fn changing(mut self) -> Self {
        self.is_changing_read = true;
        self
    }

    /// Redis does not call it fast because freeing an old value may take long; here that is done aside.
    pub(super) const fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }

    pub(super) const fn whole_node(mut self) -> Self {
        self.is_whole_node = true;
        self
    }

    pub(super) const fn quiet(mut self, quiet: Quiet) -> Self {
        self.quiet = quiet;
        self
    }

    /// What becomes of a command for every shard, or any, without one of them.
    pub(super) const fn missing_shard(mut self, missing_shard: MissingShard) -> Self {
        self.missing_shard = missing_shard;
        self
    }

    pub(super) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }
}

/// The argument at `index`.
pub(super) const fn key(index: i16, flags: u16) -> KeySpec {
    keys(index, 0, 1, flags)
}

/// From the argument at `index`: `last` 0 is only that one, 1 the next one too, -1 up to the last argument; every `step`-th.
pub(super) const fn keys(index: i16, last: i16, step: i16, flags: u16) -> KeySpec {
    spec(
        BeginSearch::Index(index),
        FindKeys::Range {
            last,
            step,
            limit: 0,
        },
        flags,
    )
}

/// The argument at `index` says how many; the keys follow.
pub(super) const fn counted(index: i16, flags: u16) -> KeySpec {
    spec(BeginSearch::Index(index), FindKeys::Counted, flags)
}

/// The argument behind `word`, looked for from `from` on; backwards from the end when `from` is negative.
pub(super) const fn after(word: &'static str, from: i16, flags: u16) -> KeySpec {
    spec(
        BeginSearch::Keyword(word, from),
        FindKeys::Range {
            last: 0,
            step: 1,
            limit: 0,
        },
        flags,
    )
}

/// All arguments behind `word`.
pub(super) const fn all_after(word: &'static str, from: i16, flags: u16) -> KeySpec {
    spec(
        BeginSearch::Keyword(word, from),
        FindKeys::Range {
            last: -1,
            step: 1,
            limit: 0,
        },
        flags,
    )
}

/// The first half of the arguments behind `word`.
pub(super) const fn half_after(word: &'static str, from: i16, flags: u16) -> KeySpec {
    spec(
        BeginSearch::Keyword(word, from),
        FindKeys::Range {
            last: -1,
            step: 1,
            limit: 2,
        },
        flags,
    )
}

/// At a place that only the command's own syntax tells (see `keys.rs`).
pub(super) const fn somewhere(flags: u16) -> KeySpec {
    spec(BeginSearch::Unknown, FindKeys::Unknown, flags)
}

const fn spec(begin: BeginSearch, find: FindKeys, flags: u16) -> KeySpec {
    KeySpec {
        begin,
        find,
        flags: KeyFlags(flags),
        note: None,
    }
}

impl KeySpec {
    /// Why the flags are what they are.
    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }
}
