//! Rows of the commands on strings and counters.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Append, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | INSERT)]),
    row(Id::Decr, 2).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Decrby, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Get, 2).flags(READ | FAST).acl(STRING).keys(&[key(1, RO | ACCESS)]),
    row(Id::Getdel, 2).flags(WRITE | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | DELETE)]),
    row(Id::Getex, -2).flags(WRITE | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE).note("the options change when the key expires")]),
    row(Id::Getrange, 4).flags(READ).acl(STRING).keys(&[key(1, RO | ACCESS)]),
    row(Id::Getset, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Incr, 2).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Incrby, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Incrbyfloat, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE)]),
    row(Id::Lcs, -3).flags(READ).acl(STRING).keys(&[keys(1, 1, 1, RO | ACCESS)]),
    row(Id::Mget, -2).flags(READ | FAST).acl(STRING).keys(&[keys(1, -1, 1, RO | ACCESS)]).route(Split).merge(KeyOrder).tips(&["request_policy:multi_shard"]),
    row(Id::Mset, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[keys(1, -1, 2, OW | UPDATE)]).route(Split).merge(AllOk).tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    row(Id::Msetnx, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[keys(1, -1, 2, OW | INSERT)]).tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    row(Id::Psetex, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, OW | UPDATE)]),
    row(Id::Set, -3).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE).note("GET also reads the old value")]),
    row(Id::Setex, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, OW | UPDATE)]),
    row(Id::Setnx, 3).flags(WRITE | DENY_OOM | FAST).acl(STRING).keys(&[key(1, OW | INSERT)]),
    row(Id::Setrange, 4).flags(WRITE | DENY_OOM).acl(STRING).keys(&[key(1, RW | UPDATE)]),
    row(Id::Strlen, 2).flags(READ | FAST).acl(STRING).keys(&[key(1, RO)]),
    row(Id::Substr, 4).flags(READ).acl(STRING).keys(&[key(1, RO | ACCESS)]),
];
