//! Rows of the commands on the bits of a string.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Bitcount, -2).flags(READ).acl(BITMAP).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Bitfield, -2).flags(WRITE | DENY_OOM).acl(BITMAP).keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE).note("GET reads, SET and INCRBY also write")]).served(),
    row(Id::BitfieldRo, -2).flags(READ | FAST).acl(BITMAP).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Bitop, -4).flags(WRITE | DENY_OOM).acl(BITMAP).keys(&[key(2, OW | UPDATE), keys(3, -1, 1, RO | ACCESS)]).served(),
    row(Id::Bitpos, -3).flags(READ).acl(BITMAP).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Getbit, 3).flags(READ | FAST).acl(BITMAP).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Setbit, 4).flags(WRITE | DENY_OOM).acl(BITMAP).keys(&[key(1, RW | ACCESS | UPDATE)]).served(),
];
