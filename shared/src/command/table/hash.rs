//! Rows of the commands on hashes.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Hdel, -3).flags(WRITE | FAST).acl(HASH).keys(&[key(1, RW | DELETE)]).elements(2, 1).served(),
    row(Id::Hexists, 3).flags(READ | FAST).acl(HASH).keys(&[key(1, RO)]).elements(2, 1).served(),
    row(Id::Hexpire, -6).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hexpireat, -6).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hexpiretime, -5).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Hget, 3).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).elements(2, 1).served(),
    row(Id::Hgetall, 2).flags(READ).acl(HASH).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output_order"]),
    row(Id::Hgetdel, -5).flags(WRITE | FAST).acl(HASH).keys(&[key(1, RW | ACCESS | DELETE)]).served(),
    row(Id::Hgetex, -5).flags(WRITE | FAST).acl(HASH).keys(&[key(1, RW | ACCESS | UPDATE).note("the options change when the fields expire")]).served(),
    row(Id::Hincrby, 4).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | ACCESS | UPDATE)]).elements(2, 2).served(),
    row(Id::Hincrbyfloat, 4).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | ACCESS | UPDATE)]).elements(2, 2).served(),
    row(Id::Hkeys, 2).flags(READ).acl(HASH).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output_order"]),
    row(Id::Hlen, 2).flags(READ | FAST).acl(HASH).keys(&[key(1, RO)]).served(),
    row(Id::Hmget, -3).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).elements(2, 1).served(),
    row(Id::Hmset, -4).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).elements(2, 2).served(),
    row(Id::Hpersist, -5).flags(WRITE | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hpexpire, -6).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hpexpireat, -6).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hpexpiretime, -5).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Hpttl, -5).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Hrandfield, -2).flags(READ).acl(HASH).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output"]),
    row(Id::Hscan, -3).flags(READ).acl(HASH).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output"]),
    row(Id::Hset, -4).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).elements(2, 2).served(),
    row(Id::Hsetex, -6).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Hsetnx, 4).flags(WRITE | DENY_OOM | FAST).acl(HASH).keys(&[key(1, RW | INSERT)]).elements(2, 2).served(),
    row(Id::Hstrlen, 3).flags(READ | FAST).acl(HASH).keys(&[key(1, RO)]).elements(2, 1).served(),
    row(Id::Httl, -5).flags(READ | FAST).acl(HASH).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Hvals, 2).flags(READ).acl(HASH).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output_order"]),
];
