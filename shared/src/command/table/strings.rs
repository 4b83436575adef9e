//! Rows of the commands on strings and counters.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Append, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Decr, 2).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Decrby, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Delifeq, 3).flags(WRITE).acl(STRING).keys(&[key(1, RM | ACCESS | DELETE)]).served().quick(),
    row(Id::Get, 2).flags(READ | FAST).acl(STRING).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Getdel, 2).flags(WRITE | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | DELETE)]).served(),
    row(Id::Getex, -2).flags(WRITE | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE).note("the options change when the key expires")]).served(),
    row(Id::Getrange, 4).flags(READ).acl(STRING).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Getset, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Incr, 2).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Incrby, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Incrbyfloat, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
    row(Id::Lcs, -3).flags(READ).acl(STRING).keys(&[keys(1, 1, 1, RO | ACCESS)]).served(),
    row(Id::Mget, -2).flags(READ | FAST).acl(STRING).keys(&[keys(1, -1, 1, RO | ACCESS)]).route(Split).merge(KeyOrder).served().tips(&["request_policy:multi_shard"]),
    row(Id::Mset, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[keys(1, -1, 2, OW | UPDATE)]).route(Split).merge(AllOk).served().tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    row(Id::Msetnx, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[keys(1, -1, 2, OW | INSERT)]).served().tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    row(Id::Psetex, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, OW | UPDATE)]).served().quick(),
    row(Id::Set, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE).note("GET and IFEQ also read the old value")]).served().quick(),
    row(Id::Setex, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, OW | UPDATE)]).served().quick(),
    row(Id::Setnx, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, OW | INSERT)]).served(),
    row(Id::Setrange, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Strlen, 2).flags(READ | FAST).acl(STRING).keys(&[key(1, RO)]).served(),
    row(Id::Substr, 4).flags(READ).acl(STRING).keys(&[key(1, RO | ACCESS)]).served(),
];
