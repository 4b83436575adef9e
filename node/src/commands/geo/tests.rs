use super::cell::Cell;
use super::point::{Point, Unit};
use super::shape::{Extent, Shape};
use crate::commands::testing::TestNode;
use crate::store::below;

#[test]
fn places_are_told_and_found_as_redis_does() {
    let mut node = TestNode::new();
    node.expect(
        &[
            ("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2"),
            ("GEOADD g NX CH 13.361389 38.9 Palermo 2.352222 48.856613 Paris", ":1"),
            ("GEOADD g XX CH 13.361389 38.9 Palermo 1 1 nobody", ":1"),
            ("GEOADD g CH 13.361389 38.115556 Palermo", ":1"),
            ("ZSCORE g Palermo", "$16 3479099956230698"),
            ("GEOPOS g Palermo nobody", "*2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1"),
            ("GEOPOS nothing Palermo", "*1 *-1"),
            ("GEOPOS g", "*0"),
            ("GEODIST g Palermo Catania", "$11 166274.1516"),
            ("GEODIST g Palermo Catania KM", "$8 166.2742"),
            ("GEODIST g Palermo Catania mi", "$8 103.3182"),
            ("GEODIST g Palermo Catania ft", "$11 545518.8700"),
            ("GEODIST g Palermo Palermo", "$6 0.0000"),
            ("GEODIST g Palermo nobody", "$-1"),
            ("GEODIST g Palermo Catania x", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
            ("GEODIST g Palermo Catania m m", "-ERR syntax error"),
            ("GEOHASH g Palermo Catania nobody", "*3 $11 sqc8b49rny0 $11 sqdtr74hyu0 $-1"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "*2 $7 Catania $7 Palermo"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHDIST", "*2 *2 $7 Palermo $8 190.4424 *2 $7 Catania $7 56.4413"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH", "*2 *4 $7 Catania $7 56.4413 :3479447370796909 *2 $20 15.08726745843887329 $20 37.50266842333162032 *4 $7 Palermo $8 190.4424 :3479099956230698 *2 $20 13.36138933897018433 $20 38.11555639549629859"),
            ("GEOSEARCH g FROMMEMBER Paris BYRADIUS 10000 mi COUNT 2", "*2 $5 Paris $7 Palermo"),
            ("GEOSEARCH g FROMMEMBER Paris BYRADIUS 10000 mi COUNT 1 ANY", "*1 $7 Palermo"),
            ("GEOSEARCH g FROMMEMBER nobody BYRADIUS 1 m", "-ERR could not decode requested zset member"),
            ("GEOSEARCH nothing FROMMEMBER nobody BYRADIUS 1 m", "*0"),
            ("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km STOREDIST", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", "*4 $7 Palermo $1 0 $7 Catania $18 166.27415156960032"),
            ("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km DESC COUNT 1", ":1"),
            ("ZRANGE d 0 -1 WITHSCORES", "*2 $7 Catania $16 3479447370796909"),
            ("GEOSEARCHSTORE d nothing FROMMEMBER Palermo BYRADIUS 200 km", ":0"),
            ("EXISTS d", ":0"),
            ("GEORADIUS g 15 37 200 km WITHDIST ASC", "*2 *2 $7 Catania $7 56.4413 *2 $7 Palermo $8 190.4424"),
            ("GEORADIUS g 15 37 200 km STORE d", ":2"),
            ("GEORADIUS_RO g 15 37 100 km WITHHASH", "*1 *2 $7 Catania :3479447370796909"),
            ("GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d", ":2"),
            ("GEORADIUSBYMEMBER_RO g Palermo 200 km COUNT 1", "*1 $7 Palermo"),
            ("ZRANGE d 0 -1", "*2 $7 Palermo $7 Catania"),
            ("GEORADIUSBYMEMBER nothing Palermo x y", "*0"),
            ("GEORADIUSBYMEMBER nothing Palermo x y STORE d", ":0"),
            ("EXISTS d", ":0"),
        ],
    );
}

#[test]
fn faults_are_told_in_redis_words() {
    let mut node = TestNode::new();
    node.expect(
        &[
            ("SET s 1", "+OK"),
            ("GEOADD g 13.361389 38.115556 Palermo", ":1"),
            ("GEOADD s 1 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GEOPOS s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GEODIST s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GEOHASH s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GEOSEARCH s what is this not an option", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GEOADD g 1 2", "-ERR wrong number of arguments for 'geoadd' command"),
            ("GEOADD g NX XX 1 1 a", "-ERR syntax error"),
            ("GEOADD g NX CH CH", "-ERR syntax error"),
            ("GEOADD g 1 1 a 2", "-ERR syntax error"),
            ("GEOADD g x 1 a", "-ERR value is not a valid float"),
            ("GEOADD g 181 0 a", "-ERR invalid longitude,latitude pair 181.000000,0.000000"),
            ("GEOADD g 0 86 a", "-ERR invalid longitude,latitude pair 0.000000,86.000000"),
            ("GEOADD g 1 1 a 1e300 -inf b", "-ERR invalid longitude,latitude pair 1000000000000000052504760255204420248704468581108159154915854115511802457988908195786371375080447864043704443832883878176942523235360430575644792184786706982848387200926575803737830233794788090059368953234970799945081119038967640880074652742780142494579258788820056842838115669472196386865459400540160.000000,-inf"),
            ("GEOADD g nan 0 a", "-ERR value is not a valid float"),
            ("EXISTS a", ":0"),
            ("ZCARD g", ":1"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS x km", "-ERR need numeric radius"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS -1 km", "-ERR radius cannot be negative"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 league", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
            ("GEOSEARCH g FROMMEMBER Palermo BYBOX x 1 km", "-ERR need numeric width"),
            ("GEOSEARCH g FROMMEMBER Palermo BYBOX 1 x km", "-ERR need numeric height"),
            ("GEOSEARCH g FROMMEMBER Palermo BYBOX 1 -1 km", "-ERR height or width cannot be negative"),
            ("GEOSEARCH g FROMMEMBER Palermo BYBOX 1 1 km BYRADIUS 1 km", "-ERR syntax error"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km FROMLONLAT 1 1", "-ERR syntax error"),
            ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 km FROMMEMBER Palermo", "-ERR syntax error"),
            ("GEOsearch g BYRADIUS 1 km ASC ASC", "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOsearch"),
            ("GEOSEARCH g FROMMEMBER Palermo ASC ASC ASC", "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km COUNT 0", "-ERR COUNT must be > 0"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km COUNT x", "-ERR value is not an integer or out of range"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km ANY", "-ERR the ANY argument requires COUNT argument"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STOREDIST", "-ERR syntax error"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STORE d", "-ERR syntax error"),
            ("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 1 km WITHDIST", "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"),
            ("GEORADIUS g 1 1 1 km STORE d WITHCOORD", "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"),
            ("GEORADIUS g 1 1 1 km STORE", "-ERR syntax error"),
            ("GEORADIUS_RO g 1 1 1 km STORE d", "-ERR syntax error"),
            ("GEORADIUSBYMEMBER g nobody 1 km", "-ERR could not decode requested zset member"),
            ("GEORADIUS nothing 1 1 x km", "-ERR need numeric radius"),
        ],
    );
}

#[test]
fn numbers_are_numbers_in_resp3() {
    let mut node = TestNode::new_resp3();
    node.expect(&[
        ("GEOADD g 13.361389 38.115556 Palermo", ":1"),
        (
            "GEOPOS g Palermo nobody",
            "*2 *2 ,13.36138933897018433 ,38.11555639549629859 _",
        ),
        ("GEODIST g Palermo Palermo", "$6 0.0000"),
        ("GEODIST g Palermo nobody", "_"),
    ]);
}

#[test]
fn what_is_stored_is_told() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        (
            "GEOADD g 13.361389 38.115556 Palermo",
            "select 0 GEOADD g 13.361389 38.115556 Palermo",
        ),
        (
            "GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 1 m",
            "multi del d zadd d 3479099956230698 Palermo exec",
        ),
        (
            "GEORADIUS g 13.361389 38.115556 1 m STORE d",
            "multi del d zadd d 3479099956230698 Palermo exec",
        ),
        ("GEORADIUS g 1 1 1 m STORE d", "del d"),
    ]);
    for line in [
        "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m",
        "GEORADIUS g 1 1 1 m STORE d",
    ] {
        node.send(line);
        assert!(node.store.take_effects().is_empty(), "{line}");
    }
}

/// A place anywhere, or near to another one.
fn draw_point(chance: &mut u64, near: Option<Point>) -> Point {
    #[expect(clippy::cast_precision_loss, reason = "a million at most")]
    let mut share = || below(chance, 1_000_001) as f64 / 1_000_000.0;
    match near {
        None => Point {
            longitude: share() * 360.0 - 180.0,
            latitude: share() * 170.0 - 85.0,
        },
        Some(point) => Point {
            longitude: (point.longitude + share() * 4.0 - 2.0).clamp(-180.0, 180.0),
            latitude: (point.latitude + share() * 4.0 - 2.0).clamp(-85.0, 85.0),
        },
    }
}

#[test]
fn a_search_finds_all_that_lie_in_a_circle() {
    let mut chance = 3;
    for round in 0..40 {
        let mut node = TestNode::new();
        let home = draw_point(&mut chance, None);
        // Near to the poles and the date line Redis does not find all either.
        let home = Point {
            longitude: home.longitude / 2.0,
            latitude: home.latitude / 2.0,
        };
        let count = if round < 3 { 5_000 } else { 200 };
        let mut add = vec!["GEOADD".to_owned(), "g".to_owned()];
        let mut points = Vec::new();
        for number in 0..count {
            let point = draw_point(&mut chance, Some(home));
            let point = Cell::of_score(Cell::score(point)).middle();
            points.push(point);
            add.extend([
                point.longitude.to_string(),
                point.latitude.to_string(),
                number.to_string(),
            ]);
        }
        node.run(&add);
        let radius = 1_000.0 * f64::from(u32::try_from(below(&mut chance, 300)).expect("small"));
        let shape = Shape {
            centre: home,
            extent: Extent::Radius(radius),
            unit: Unit::METRE,
        };
        let mut expected: Vec<(f64, usize)> = points
            .iter()
            .enumerate()
            .filter_map(|(number, point)| Some((shape.distance(*point)?, number)))
            .collect();
        expected.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut reply = format!("*{}\r\n", expected.len());
        for (_, number) in &expected {
            let number = number.to_string();
            reply.push_str(&format!("${}\r\n{number}\r\n", number.len()));
        }
        let line = format!(
            "GEORADIUS g {} {} {radius} m ASC",
            home.longitude, home.latitude
        );
        assert!(node.send(&line) == reply, "{line}");
        let stored = node.send(&format!("{line} STORE d"));
        assert_eq!(stored, format!(":{}\r\n", expected.len()));
        let line = format!("{line} COUNT 7 ANY");
        let few = node.send(&line);
        assert!(
            few.starts_with(&format!("*{}\r\n", expected.len().min(7))),
            "{few}"
        );
    }
}

#[test]
fn whatever_a_score_is_it_stands_for_a_place() {
    let mut node = TestNode::new();
    for score in [
        "-1",
        "inf",
        "-inf",
        "1e300",
        "4503599627370496",
        "1.5",
        "18446744073709551615",
        "-9223372036854775808",
    ] {
        node.send(&format!("ZADD g {score} m"));
        for line in [
            "GEOPOS g m",
            "GEOHASH g m",
            "GEODIST g m m",
            "GEOSEARCH g FROMMEMBER m BYRADIUS 22000 km WITHHASH WITHCOORD",
            "GEOSEARCH g FROMMEMBER m BYBOX 1e300 inf mi",
            "GEOSEARCH g FROMMEMBER m BYRADIUS 5e-324 m",
        ] {
            assert!(!node.send(line).starts_with('-'), "{line}");
        }
    }
}
