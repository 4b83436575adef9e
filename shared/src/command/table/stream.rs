//! Rows of the commands on streams and consumer groups.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Xack, -4).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]),
    row(Id::Xadd, -5).flags(WRITE | DENY_OOM | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE).note("the options may trim entries as well")]).tips(&["nondeterministic_output"]),
    row(Id::Xautoclaim, -6).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | DELETE)]).tips(&["nondeterministic_output"]),
    row(Id::Xclaim, -6).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]).tips(&["nondeterministic_output"]),
    row(Id::Xdel, -3).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | DELETE)]),
    row(Id::Xgroup, -2).route(Local),
    row(Id::XgroupCreate, -5).flags(WRITE | DENY_OOM).acl(STREAM).keys(&[key(2, RW | INSERT)]),
    row(Id::XgroupCreateconsumer, 5).flags(WRITE | DENY_OOM).acl(STREAM).keys(&[key(2, RW | INSERT)]),
    row(Id::XgroupDelconsumer, 5).flags(WRITE).acl(STREAM).keys(&[key(2, RW | DELETE)]),
    row(Id::XgroupDestroy, 4).flags(WRITE).acl(STREAM).keys(&[key(2, RW | DELETE)]),
    row(Id::XgroupHelp, 2).flags(LOADING | STALE).acl(STREAM).route(Local),
    row(Id::XgroupSetid, -5).flags(WRITE).acl(STREAM).keys(&[key(2, RW | UPDATE)]),
    row(Id::Xinfo, -2).route(Local),
    row(Id::XinfoConsumers, 4).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row(Id::XinfoGroups, 3).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]),
    row(Id::XinfoHelp, 2).flags(LOADING | STALE).acl(STREAM).route(Local),
    row(Id::XinfoStream, -3).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]),
    row(Id::Xlen, 2).flags(READ | FAST).acl(STREAM).keys(&[key(1, RO)]),
    row(Id::Xpending, -3).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row(Id::Xrange, -4).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]),
    row(Id::Xread, -4).flags(READ | BLOCKING).acl(STREAM).keys(&[half_after("STREAMS", 1, RO | ACCESS)]).route(LeasedIfBlock),
    row(Id::Xreadgroup, -7).flags(WRITE | BLOCKING).acl(STREAM).keys(&[half_after("STREAMS", 4, RO | ACCESS)]).route(LeasedIfBlock),
    row(Id::Xrevrange, -4).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]),
    row(Id::Xsetid, -3).flags(WRITE | DENY_OOM | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]),
    row(Id::Xtrim, -4).flags(WRITE).acl(STREAM).keys(&[key(1, RW | DELETE)]).tips(&["nondeterministic_output"]),
];
