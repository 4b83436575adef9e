//! Rows of the commands on lists.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Blmove, 6).flags(WRITE | DENY_OOM | NO_SCRIPT | BLOCKING).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]).route(Leased).served(),
    row(Id::Blmpop, -5).flags(WRITE | BLOCKING).acl(LIST).keys(&[counted(2, RW | ACCESS | DELETE)]).tail(Tail::LIST_END).route(Leased).served(),
    row(Id::Blpop, -3).flags(WRITE | NO_SCRIPT | BLOCKING).acl(LIST).keys(&[keys(1, -2, 1, RW | ACCESS | DELETE)]).route(Leased).served(),
    row(Id::Brpop, -3).flags(WRITE | NO_SCRIPT | BLOCKING).acl(LIST).keys(&[keys(1, -2, 1, RW | ACCESS | DELETE)]).route(Leased).served(),
    row(Id::Brpoplpush, 4).flags(WRITE | DENY_OOM | NO_SCRIPT | BLOCKING).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]).route(Leased).served(),
    row(Id::Lindex, 3).flags(READ).acl(LIST).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Linsert, 5).flags(WRITE | DENY_OOM).acl(LIST).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Llen, 2).flags(READ | FAST).acl(LIST).keys(&[key(1, RO)]).served(),
    row(Id::Lmove, 5).flags(WRITE | DENY_OOM).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]).served(),
    row(Id::Lmpop, -4).flags(WRITE).acl(LIST).keys(&[counted(1, RW | ACCESS | DELETE)]).tail(Tail::LIST_END).served(),
    row(Id::Lpop, -2).flags(WRITE | FAST).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE)]).served(),
    row(Id::Lpos, -3).flags(READ).acl(LIST).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Lpush, -3).flags(WRITE | DENY_OOM | FAST).acl(LIST).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Lpushx, -3).flags(WRITE | DENY_OOM | FAST).acl(LIST).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Lrange, 4).flags(READ).acl(LIST).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Lrem, 4).flags(WRITE).acl(LIST).keys(&[key(1, RW | DELETE)]).served(),
    row(Id::Lset, 4).flags(WRITE | DENY_OOM).acl(LIST).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Ltrim, 4).flags(WRITE).acl(LIST).keys(&[key(1, RW | DELETE)]).served(),
    row(Id::Rpop, -2).flags(WRITE | FAST).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE)]).served(),
    row(Id::Rpoplpush, 3).flags(WRITE | DENY_OOM).acl(LIST).keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]).served(),
    row(Id::Rpush, -3).flags(WRITE | DENY_OOM | FAST).acl(LIST).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Rpushx, -3).flags(WRITE | DENY_OOM | FAST).acl(LIST).keys(&[key(1, RW | INSERT)]).served(),
];
