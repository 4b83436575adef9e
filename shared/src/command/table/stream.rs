//! Rows of the commands on streams and consumer groups.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Xack, -4).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Xadd, -5).flags(WRITE | DENY_OOM | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE).note("the options may trim entries as well")]).tips(&["nondeterministic_output"]).served(),
    row(Id::Xautoclaim, -6).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | DELETE)]).tips(&["nondeterministic_output"]).served(),
    row(Id::Xclaim, -6).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]).tips(&["nondeterministic_output"]).served(),
    row(Id::Xdel, -3).flags(WRITE | FAST).acl(STREAM).keys(&[key(1, RW | DELETE)]).served(),
    row(Id::Xgroup, -2).route(Local),
    row(Id::XgroupCreate, -5).flags(WRITE | DENY_OOM).acl(STREAM).keys(&[key(2, RW | INSERT)]).served(),
    row(Id::XgroupCreateconsumer, 5).flags(WRITE | DENY_OOM).acl(STREAM).keys(&[key(2, RW | INSERT)]).served(),
    row(Id::XgroupDelconsumer, 5).flags(WRITE).acl(STREAM).keys(&[key(2, RW | DELETE)]).served(),
    row(Id::XgroupDestroy, 4).flags(WRITE).acl(STREAM).keys(&[key(2, RW | DELETE)]).served(),
    row(Id::XgroupHelp, 2).flags(LOADING | STALE).acl(STREAM).route(Local).served(),
    row(Id::XgroupSetid, -5).flags(WRITE).acl(STREAM).keys(&[key(2, RW | UPDATE)]).served(),
    row(Id::Xinfo, -2).route(Local),
    row(Id::XinfoConsumers, 4).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]).tips(&["nondeterministic_output"]).served(),
    row(Id::XinfoGroups, 3).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]).served(),
    row(Id::XinfoHelp, 2).flags(LOADING | STALE).acl(STREAM).route(Local).served(),
    row(Id::XinfoStream, -3).flags(READ).acl(STREAM).keys(&[key(2, RO | ACCESS)]).served(),
    row(Id::Xlen, 2).flags(READ | FAST).acl(STREAM).keys(&[key(1, RO)]).served(),
    row(Id::Xpending, -3).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]).tips(&["nondeterministic_output"]).served(),
    row(Id::Xrange, -4).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Xread, -4).flags(READ | BLOCKING).acl(STREAM).keys(&[half_after("STREAMS", 1, RO | ACCESS)]).route(LeasedIfBlock).served(),
    row(Id::Xreadgroup, -7).flags(WRITE | BLOCKING).acl(STREAM).keys(&[half_after("STREAMS", 4, RO | ACCESS)]).route(LeasedIfBlock).served(),
    row(Id::Xrevrange, -4).flags(READ).acl(STREAM).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Xsetid, -3).flags(WRITE | DENY_OOM | FAST).acl(STREAM).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Xtrim, -4).flags(WRITE).acl(STREAM).keys(&[key(1, RW | DELETE)]).tips(&["nondeterministic_output"]).served(),
];
