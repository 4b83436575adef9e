//! Rows of MULTI and its company.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Discard, 1).flags(NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(TRANSACTION).route(Transaction).served(),
    row(Id::Exec, 1).flags(NO_SCRIPT | LOADING | STALE | SKIP_SLOWLOG).acl(TRANSACTION).route(Transaction).served(),
    row(Id::Multi, 1).flags(NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(TRANSACTION).route(Transaction).served(),
    row(Id::Unwatch, 1).flags(NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(TRANSACTION).route(Transaction).served(),
    row(Id::Watch, -2).flags(NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(TRANSACTION).keys(&[keys(1, -1, 1, RO)]).route(Leased).served(),
];
