//! Rows of the commands on HyperLogLogs.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Pfadd, -2).flags(WRITE | DENY_OOM | FAST).acl(HYPERLOGLOG).keys(&[key(1, RW | INSERT)]).served(),
    row(Id::Pfcount, -2).flags(READ).acl(HYPERLOGLOG).keys(&[keys(1, -1, 1, RW | ACCESS).note("counting may store the count inside the key")]).counted_together(Id::Get).served().changing(),
    row(Id::Pfdebug, 3).flags(WRITE | DENY_OOM | ADMIN).acl(HYPERLOGLOG).keys(&[key(2, RW | ACCESS)]).served(),
    row(Id::Pfmerge, -2).flags(WRITE | DENY_OOM).acl(HYPERLOGLOG).keys(&[key(1, RW | ACCESS | INSERT), keys(2, -1, 1, RO | ACCESS)]).served(),
    row(Id::Pfselftest, 1).flags(ADMIN).acl(HYPERLOGLOG).route(AnyShard).served(),
];
