//! What the changes of each command are called, for those who hear of them by `notify-keyspace-events`: names and classes are those of Redis 7.0; of commands that
//! came later, those of the version in which they came. Commands whose changes have several names say so themselves, between one change and the next.
//! Pure.

use super::arguments::is_word;
use crate::store::{EXPIRE, EventClass, EventName, ListEnd, Naming};
use shared::command::CommandId as Id;
use shared::resp::{Args, parse_integer};

/// A name of this class.
const fn event(class: EventClass, name: &'static str) -> EventName {
    EventName { class, name }
}

const fn string(name: &'static str) -> Naming {
    written(event(EventClass::String, name))
}

const fn list(name: &'static str) -> Naming {
    written(event(EventClass::List, name))
}

const fn set(name: &'static str) -> Naming {
    written(event(EventClass::Set, name))
}

const fn hash(name: &'static str) -> Naming {
    written(event(EventClass::Hash, name))
}

const fn sorted_set(name: &'static str) -> Naming {
    written(event(EventClass::SortedSet, name))
}

const fn stream(name: &'static str) -> Naming {
    written(event(EventClass::Stream, name))
}

const fn generic(name: &'static str) -> Naming {
    written(event(EventClass::Generic, name))
}

const fn written(name: EventName) -> Naming {
    Naming {
        written: Some(name),
        takes_out: false,
        tells_expiry: false,
        replaces: false,
        is_late: false,
    }
}

/// The same of a command that may take out all there is.
const fn taking_out(naming: Naming) -> Naming {
    Naming {
        takes_out: true,
        ..naming
    }
}

/// The same of a command that puts a key in the place of whatever was there.
const fn replacing(naming: Naming) -> Naming {
    Naming {
        replaces: true,
        ..naming
    }
}

/// What LMOVE does to the list to which it moves.
pub(super) fn pushing(end: ListEnd) -> Naming {
    match end {
        ListEnd::Front => list("lpush"),
        ListEnd::Back => list("rpush"),
    }
}

/// What it does to the list from which it moves.
pub(super) fn popping(end: ListEnd) -> Naming {
    match end {
        ListEnd::Front => taking_out(list("lpop")),
        ListEnd::Back => taking_out(list("rpop")),
    }
}

/// What SMOVE does to the set to which it moves: told last.
pub(super) const MOVED_IN: Naming = Naming {
    is_late: true,
    ..set("sadd")
};

/// What it does to the set from which it moves.
pub(super) const MOVED_OUT: Naming = taking_out(set("srem"));

/// LTRIM, also of a list that is as it was.
pub(super) const LTRIM: EventName = event(EventClass::List, "ltrim");

/// What XADD does beside adding.
pub(super) const TRIMMED: EventName = event(EventClass::Stream, "xtrim");

/// The same, of the changes that come next.
pub(super) const TRIMMING: Naming = written(TRIMMED);

/// Somebody was heard of who had not been.
pub(super) const NEW_CONSUMER: EventName = event(EventClass::Stream, "xgroup-createconsumer");

/// What the changes of this command are called.
pub(crate) fn naming(id: Id, args: Args<'_>) -> Naming {
    match id {
        Id::Set | Id::Setex | Id::Psetex => Naming {
            tells_expiry: true,
            ..string("set")
        },
        Id::Setnx | Id::Mset | Id::Msetnx | Id::Getset | Id::Bitop => string("set"),
        Id::Append => string("append"),
        Id::Setrange => string("setrange"),
        Id::Incr | Id::Decr | Id::Incrby | Id::Decrby => string("incrby"),
        Id::Incrbyfloat => string("incrbyfloat"),
        Id::Setbit | Id::Bitfield => string("setbit"),
        Id::Pfadd | Id::Pfmerge => string("pfadd"),
        Id::Getex => match has_word(args, "persist") {
            true => generic("persist"),
            false => written(EXPIRE),
        },
        Id::Expire | Id::Pexpire | Id::Expireat | Id::Pexpireat => written(EXPIRE),
        Id::Persist => generic("persist"),
        Id::Copy => replacing(generic("copy_to")),
        Id::Restore | Id::RestoreAsking => replacing(generic("restore")),
        Id::Sort => list("sortstore"),
        _ => of_collection(id, args),
    }
}

fn of_collection(id: Id, args: Args<'_>) -> Naming {
    match id {
        Id::Lpush | Id::Lpushx => list("lpush"),
        Id::Rpush | Id::Rpushx => list("rpush"),
        Id::Linsert => list("linsert"),
        Id::Lset => list("lset"),
        Id::Lrem => taking_out(list("lrem")),
        Id::Ltrim => taking_out(written(LTRIM)),
        Id::Lpop => taking_out(list("lpop")),
        Id::Rpop => taking_out(list("rpop")),
        Id::Lmpop => match is_behind_keys(args, "left") {
            true => popping(ListEnd::Front),
            false => popping(ListEnd::Back),
        },
        Id::Sadd => set("sadd"),
        Id::Srem => taking_out(set("srem")),
        Id::Spop => taking_out(set("spop")),
        Id::Sinterstore => set("sinterstore"),
        Id::Sunionstore => set("sunionstore"),
        Id::Sdiffstore => set("sdiffstore"),
        Id::Hset | Id::Hmset | Id::Hsetnx | Id::Hsetex => hash("hset"),
        Id::Hincrby => hash("hincrby"),
        Id::Hincrbyfloat => hash("hincrbyfloat"),
        Id::Hdel | Id::Hgetdel => taking_out(hash("hdel")),
        Id::Hexpire | Id::Hpexpire | Id::Hexpireat | Id::Hpexpireat => hash("hexpire"),
        Id::Hgetex => match has_word(args, "persist") {
            true => hash("hpersist"),
            false => hash("hexpire"),
        },
        Id::Hpersist => hash("hpersist"),
        _ => of_sorted(id, args),
    }
}

fn of_sorted(id: Id, args: Args<'_>) -> Naming {
    match id {
        Id::Zadd => match has_option_before_score(args, "incr") {
            true => sorted_set("zincr"),
            false => sorted_set("zadd"),
        },
        Id::Geoadd => sorted_set("zadd"),
        Id::Zincrby => sorted_set("zincr"),
        Id::Zrem => taking_out(sorted_set("zrem")),
        Id::Zremrangebyrank => taking_out(sorted_set("zremrangebyrank")),
        Id::Zremrangebyscore => taking_out(sorted_set("zremrangebyscore")),
        Id::Zremrangebylex => taking_out(sorted_set("zremrangebylex")),
        Id::Zpopmin => taking_out(sorted_set("zpopmin")),
        Id::Zpopmax => taking_out(sorted_set("zpopmax")),
        Id::Zmpop => match is_behind_keys(args, "min") {
            true => taking_out(sorted_set("zpopmin")),
            false => taking_out(sorted_set("zpopmax")),
        },
        Id::Zunionstore => sorted_set("zunionstore"),
        Id::Zinterstore => sorted_set("zinterstore"),
        Id::Zdiffstore => sorted_set("zdiffstore"),
        Id::Zrangestore => sorted_set("zrangestore"),
        Id::Georadius | Id::Georadiusbymember => sorted_set("georadiusstore"),
        Id::Geosearchstore => sorted_set("geosearchstore"),
        Id::Xadd => stream("xadd"),
        Id::Xdel => stream("xdel"),
        Id::Xtrim => stream("xtrim"),
        Id::Xsetid => stream("xsetid"),
        Id::XgroupCreate => stream("xgroup-create"),
        Id::XgroupSetid => stream("xgroup-setid"),
        Id::XgroupDestroy => stream("xgroup-destroy"),
        Id::XgroupCreateconsumer => stream("xgroup-createconsumer"),
        Id::XgroupDelconsumer => stream("xgroup-delconsumer"),
        _ => Naming::default(),
    }
}

/// Whether this word stands behind the key.
fn has_word(args: Args<'_>, word: &str) -> bool {
    args.iter_from(2).any(|arg| is_word(arg, word))
}

/// Whether it stands there before the first score.
fn has_option_before_score(args: Args<'_>, word: &str) -> bool {
    let options = args
        .iter_from(2)
        .take_while(|arg| arg.first().is_some_and(u8::is_ascii_alphabetic));
    options.take(MOST_OPTIONS).any(|arg| is_word(arg, word))
}

/// More options than ZADD has.
const MOST_OPTIONS: usize = 8;

/// Whether this word stands behind keys whose number stands first.
fn is_behind_keys(args: Args<'_>, word: &str) -> bool {
    let keys = args.get(1).and_then(parse_integer);
    let place = keys.and_then(|keys| usize::try_from(keys).ok()?.checked_add(2));
    let found = place.and_then(|place| args.get(place));
    found.is_some_and(|arg| is_word(arg, word))
}
