//! What COMMAND DOCS says of the commands of `geo.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Geoadd, "3.2.0", "Adds places, given by longitude and latitude.").cost("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .history(&[("6.2.0", "Options `CH`, `NX` and `XX`.")])
        .arguments(&[
            key("key"),
            one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("6.2.0").optional(),
            word("change", "CH").since("6.2.0").optional(),
            block("longitude_latitude_member", &[
                double("longitude"),
                double("latitude"),
                string("member"),
            ]).multiple(),
        ]),
    page(Id::Geodist, "3.2.0", "Gives the distance between two places.").cost("O(log(N))")
        .arguments(&[
            key("key"),
            string("member1"),
            string("member2"),
            one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]).optional(),
        ]),
    page(Id::Geohash, "3.2.0", "Gives the geohash strings of places.").cost("O(log(N)) for each member requested, where N is the number of elements in the sorted set.")
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Geopos, "3.2.0", "Gives longitude and latitude of places.").cost("O(N) where N is the number of members requested.")
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Georadius, "3.2.0", "Finds, or stores, the places within a distance of a point.").cost("O(N+log(M)): N places inside the square around the circle, M in the key.").deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .history(&[("6.2.0", "Option `ANY` behind `COUNT`."), ("7.0.0", "Units in upper case.")])
        .arguments(&[
            key("key"),
            double("longitude"),
            double("latitude"),
            double("radius"),
            one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[
                integer("count").token("COUNT"),
                word("any", "ANY").since("6.2.0").optional(),
            ]).optional(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            key("key").token("STORE").spec(1).optional(),
            key("key").token("STOREDIST").spec(2).optional(),
        ]),
    page(Id::GeoradiusRo, "3.2.10", "Finds the places within a distance of a point.").cost("O(N+log(M)): N places inside the square around the circle, M in the key.").deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .history(&[("6.2.0", "Option `ANY` behind `COUNT`.")])
        .arguments(&[
            key("key"),
            double("longitude"),
            double("latitude"),
            double("radius"),
            one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[
                integer("count").token("COUNT"),
                word("any", "ANY").since("6.2.0").optional(),
            ]).optional(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
        ]),
    page(Id::Georadiusbymember, "3.2.0", "Finds, or stores, the places within a distance of another place.").cost("O(N+log(M)): N places inside the square around the circle, M in the key.").deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .history(&[("7.0.0", "Units in upper case.")])
        .arguments(&[
            key("key"),
            string("member"),
            double("radius"),
            one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            key("key").token("STORE").spec(1).optional(),
            key("key").token("STOREDIST").spec(2).optional(),
        ]),
    page(Id::GeoradiusbymemberRo, "3.2.10", "Finds the places within a distance of another place.").cost("O(N+log(M)): N places inside the square around the circle, M in the key.").deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .arguments(&[
            key("key"),
            string("member"),
            double("radius"),
            one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
        ]),
    page(Id::Geosearch, "6.2.0", "Finds the places inside a circle or a box.").cost("O(N+log(M)): N places in the cells around the shape, M inside it.")
        .history(&[("7.0.0", "Units in upper case.")])
        .arguments(&[
            key("key"),
            one_of("from", &[
                string("member").token("FROMMEMBER"),
                block("longitude_latitude", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
            ]),
            one_of("by", &[
                block("circle", &[
                    double("radius").token("BYRADIUS"),
                    one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
                block("box", &[
                    double("width").token("BYBOX"),
                    double("height"),
                    one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
            ]),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
        ]),
    page(Id::Geosearchstore, "6.2.0", "Stores the places inside a circle or a box.").cost("O(N+log(M)): N places in the cells around the shape, M inside it.")
        .history(&[("7.0.0", "Units in upper case.")])
        .arguments(&[
            key("destination"),
            key("source").spec(1),
            one_of("from", &[
                string("member").token("FROMMEMBER"),
                block("longitude_latitude", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
            ]),
            one_of("by", &[
                block("circle", &[
                    double("radius").token("BYRADIUS"),
                    one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
                block("box", &[
                    double("width").token("BYBOX"),
                    double("height"),
                    one_of("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
            ]),
            one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            word("storedist", "STOREDIST").optional(),
        ]),
];
