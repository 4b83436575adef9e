//! What the changes of each command are called, for those who hear of them by `notify-keyspace-events`: names and classes are those of Redis 7.0; of commands that
//! came later, those of the version in which they came. Commands whose changes have several names say so themselves, between one change and the next.
//! Pure.

use super::arguments::is_word;
use crate::store::{EXPIRE, EventClass, EventName, Naming};
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
        Id::Getex if has_word(args, "persist") => generic("persist"),
        Id::Getex | Id::Expire | Id::Pexpire | Id::Expireat | Id::Pexpireat => written(EXPIRE),
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
        Id::Ltrim => taking_out(list("ltrim")),
        Id::Lpop => taking_out(list("lpop")),
        Id::Rpop => taking_out(list("rpop")),
        Id::Lmpop if is_behind_keys(args, "left") => taking_out(list("lpop")),
        Id::Lmpop => taking_out(list("rpop")),
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
        Id::Hgetex if has_word(args, "persist") => hash("hpersist"),
        Id::Hgetex => hash("hexpire"),
        Id::Hpersist => hash("hpersist"),
        _ => of_sorted(id, args),
    }
}

fn of_sorted(id: Id, args: Args<'_>) -> Naming {
    match id {
        Id::Zadd if has_option_before_score(args, "incr") => sorted_set("zincr"),
        Id::Zadd | Id::Geoadd => sorted_set("zadd"),
        Id::Zincrby => sorted_set("zincr"),
        Id::Zrem => taking_out(sorted_set("zrem")),
        Id::Zremrangebyrank => taking_out(sorted_set("zremrangebyrank")),
        Id::Zremrangebyscore => taking_out(sorted_set("zremrangebyscore")),
        Id::Zremrangebylex => taking_out(sorted_set("zremrangebylex")),
        Id::Zpopmin => taking_out(sorted_set("zpopmin")),
        Id::Zpopmax => taking_out(sorted_set("zpopmax")),
        Id::Zmpop if is_behind_keys(args, "min") => taking_out(sorted_set("zpopmin")),
        Id::Zmpop => taking_out(sorted_set("zpopmax")),
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
