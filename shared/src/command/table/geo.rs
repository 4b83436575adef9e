//! Rows of the commands on places, kept in sorted sets.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Geoadd, -5).flags(WRITE | DENY_OOM).acl(GEO).keys(&[key(1, RW | UPDATE)]).served(),
    row(Id::Geodist, -4).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Geohash, -2).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Geopos, -2).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Georadius, -6).flags(WRITE | DENY_OOM).acl(GEO).keys(&[key(1, RO | ACCESS), after("STORE", 6, OW | UPDATE), after("STOREDIST", 6, OW | UPDATE)]).served(),
    row(Id::GeoradiusRo, -6).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Georadiusbymember, -5).flags(WRITE | DENY_OOM).acl(GEO).keys(&[key(1, RO | ACCESS), after("STORE", 5, OW | UPDATE), after("STOREDIST", 5, OW | UPDATE)]).served(),
    row(Id::GeoradiusbymemberRo, -5).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Geosearch, -7).flags(READ).acl(GEO).keys(&[key(1, RO | ACCESS)]).served(),
    row(Id::Geosearchstore, -8).flags(WRITE | DENY_OOM).acl(GEO).keys(&[key(1, OW | UPDATE), key(2, RO | ACCESS)]).served(),
];
