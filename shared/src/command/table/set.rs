//! Rows of the commands on sets.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Sadd, -3).flags(WRITE | DENY_OOM | FAST).acl(SET).keys(&[key(1, RW | INSERT)]).elements(2, 1).served(),
    row(Id::Scard, 2).flags(READ | FAST).acl(SET).keys(&[key(1, RO)]).served(),
    row(Id::Sdiff, -2).flags(READ).acl(SET).keys(&[keys(1, -1, 1, RO | ACCESS)]).combined(Difference, Members, Id::Sdiff, Id::Sunion).served().tips(&["nondeterministic_output_order"]),
    row(Id::Sdiffstore, -3).flags(WRITE | DENY_OOM).acl(SET).keys(&[key(1, OW | UPDATE), keys(2, -1, 1, RO | ACCESS)]).served(),
    row(Id::Sinter, -2).flags(READ).acl(SET).keys(&[keys(1, -1, 1, RO | ACCESS)]).combined(Intersection, Members, Id::Sinter, Id::Sinter).served().tips(&["nondeterministic_output_order"]),
    row(Id::Sintercard, -3).flags(READ).acl(SET).keys(&[counted(1, RO | ACCESS)]).tail(Tail::LIMITED).combined(Intersection, Count, Id::Sinter, Id::Sinter).served(),
    row(Id::Sinterstore, -3).flags(WRITE | DENY_OOM).acl(SET).keys(&[key(1, RW | UPDATE), keys(2, -1, 1, RO | ACCESS)]).served(),
    row(Id::Sismember, 3).flags(READ | FAST).acl(SET).keys(&[key(1, RO)]).elements(2, 1).served(),
    row(Id::Smembers, 2).flags(READ).acl(SET).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output_order"]),
    row(Id::Smismember, -3).flags(READ | FAST).acl(SET).keys(&[key(1, RO | ACCESS)]).elements(2, 1).served(),
    row(Id::Smove, 4).flags(WRITE | FAST).acl(SET).keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]).served(),
    row(Id::Spop, -2).flags(WRITE | FAST).acl(SET).keys(&[key(1, RW | ACCESS | DELETE)]).served().tips(&["nondeterministic_output"]),
    row(Id::Srandmember, -2).flags(READ).acl(SET).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output"]),
    row(Id::Srem, -3).flags(WRITE | FAST).acl(SET).keys(&[key(1, RW | DELETE)]).elements(2, 1).served(),
    row(Id::Sscan, -3).flags(READ).acl(SET).keys(&[key(1, RO | ACCESS)]).served().tips(&["nondeterministic_output"]),
    row(Id::Sunion, -2).flags(READ).acl(SET).keys(&[keys(1, -1, 1, RO | ACCESS)]).combined(Union, Members, Id::Sunion, Id::Sunion).served().tips(&["nondeterministic_output_order"]),
    row(Id::Sunionstore, -3).flags(WRITE | DENY_OOM).acl(SET).keys(&[key(1, OW | UPDATE), keys(2, -1, 1, RO | ACCESS)]).served(),
];
