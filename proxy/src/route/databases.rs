//! What concerns two databases, where a rule of the topology gives all keys of one of them a slot: MOVE, COPY and SWAPDB are possible only where nothing has to
//! travel from one slot to another by that.
//! Pure.

use shared::command::{CommandId, CommandSpec};
use shared::resp::{Args, DatabasesApart, ErrorReply, is_word, parse_integer};

use crate::topology::Within;

/// Whether a MOVE or COPY stays within one slot; any other command does, or is refused by the slots of its keys.
///
/// # Errors
/// It would take something to another slot.
#[inline]
pub(crate) fn check(
    spec: &CommandSpec,
    args: Args<'_>,
    snapshot: Within<'_>,
) -> Result<(), ErrorReply> {
    let (other, there) = match spec.id {
        CommandId::Move => (database(args.at(2), snapshot), args.at(1)),
        CommandId::Copy => (Some(of_copy(args, snapshot)), args.at(2)),
        _ => return Ok(()),
    };
    // What is no database is told by a node.
    let Some(other) = other.filter(|other| other.database() != snapshot.database()) else {
        return Ok(());
    };
    match snapshot.slot_of(args.at(1)) == other.slot_of(there) {
        true => Ok(()),
        false if snapshot.home() == other.home() => Ok(()),
        false => Err(apart(snapshot, other)),
    }
}

/// Whether databases may be exchanged: each key is where it belongs afterwards.
///
/// # Errors
/// Keys would be in slots that are not theirs.
pub(crate) fn check_swap(
    spec: &CommandSpec,
    args: Args<'_>,
    snapshot: Within<'_>,
) -> Result<(), ErrorReply> {
    if spec.id != CommandId::Swapdb || snapshot.is_one_shard() {
        return Ok(());
    }
    let [one, other] = [1, 2].map(|at| database(args.at(at), snapshot));
    match one.zip(other) {
        Some((one, other)) if one.home() != other.home() => Err(apart(one, other)),
        _ => Ok(()),
    }
}

/// The database in which COPY makes the copy.
pub(crate) fn of_copy<'a>(args: Args<'_>, snapshot: Within<'a>) -> Within<'a> {
    let mut at = 3;
    let mut found = snapshot;
    while let Some(word) = args.get(at) {
        if is_word(word, "DB")
            && let Some(number) = args.get(at + 1)
        {
            found = database(number, snapshot).unwrap_or(found);
            at += 1;
        }
        at += 1;
    }
    found
}

fn database<'a>(number: &[u8], snapshot: Within<'a>) -> Option<Within<'a>> {
    let number = parse_integer(number)?;
    Some(snapshot.other(u16::try_from(number).ok()?))
}

fn apart(one: Within<'_>, other: Within<'_>) -> ErrorReply {
    DatabasesApart(one.database(), other.database()).into()
}

#[cfg(test)]
mod tests {
    use super::super::{resolve, shard_of};
    use super::*;
    use crate::topology::Snapshot;
    use crate::topology::testing::{plain_topology, snapshot_of};
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};
    use shared::topology::{Address, Colocation};

    fn snapshot(names: &[&str]) -> Snapshot {
        let addresses: Vec<Address> = (1..).take(names.len()).map(Address::loopback).collect();
        let mut topology = plain_topology(names, &addresses);
        // Slots 12182 and 3300.
        for (name, databases) in [("foo", vec![2, 3]), ("b", vec![4])] {
            topology.colocations.push(Colocation {
                name: name.to_owned(),
                keys: Vec::new(),
                databases,
            });
        }
        snapshot_of(topology)
    }

    fn routed(line: &str, database: u16, names: &[&str]) -> Result<usize, String> {
        let mut frame = Vec::new();
        encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let spec = resolve(args).unwrap();
        let snapshot = snapshot(names);
        let snapshot = snapshot.within(database);
        check_swap(spec, args, snapshot)
            .and_then(|()| shard_of(spec, args, snapshot))
            .map(|(shard, _)| shard.as_usize())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_of_a_database_lie_together_and_what_has_no_keys_with_them() {
        let three = ["a", "b", "c"];
        for (line, database, shard) in [
            ("RENAME x y", 2, 2),
            ("RENAME x y", 3, 2),
            ("RENAME x y", 4, 0),
            ("SORT l BY w:* GET o:*", 4, 0),
            ("EVAL text 0", 2, 2),
            ("EVAL text 0", 0, 0),
            ("SINTERSTORE d x y {z}1", 3, 2),
        ] {
            assert_eq!(routed(line, database, &three), Ok(shard), "{line}");
        }
        assert!(routed("RENAME x y", 1, &three).is_err());
    }

    #[test]
    fn nothing_goes_from_one_database_to_another_where_its_slot_would_change() {
        let three = ["a", "b", "c"];
        let check = |line: &str, database: u16, expected: Result<usize, (u16, u16)>| {
            let apart = |(one, other)| DatabasesApart(one, other).to_string();
            let expected = expected.map_err(apart);
            assert_eq!(routed(line, database, &three), expected, "{line}");
        };
        check("MOVE k 3", 2, Ok(2));
        check("MOVE k 4", 2, Err((2, 4)));
        check("MOVE {b}k 4", 0, Ok(0));
        check("MOVE k 4", 0, Err((0, 4)));
        check("MOVE b 0", 4, Ok(0));
        check("MOVE foo 1", 0, Ok(2));
        check("MOVE k x", 2, Ok(2));
        check("COPY x y DB 3", 2, Ok(2));
        check("COPY x y REPLACE db 4", 2, Err((2, 4)));
        check("COPY x {foo}y DB 0", 2, Ok(2));
        check("COPY x y DB 0", 2, Err((2, 0)));
        check("COPY x y", 2, Ok(2));
        check("COPY {foo}x y DB 2", 0, Ok(2));
        check("SWAPDB 2 3", 0, Ok(0));
        check("SWAPDB 0 1", 0, Ok(0));
        check("SWAPDB 0 2", 0, Err((0, 2)));
        check("SWAPDB 2 4", 0, Err((2, 4)));
        check("SWAPDB x 4", 0, Ok(0));
        // Without a rule for either, names alone decide, as ever.
        let error = routed("COPY x y DB 1", 0, &three).unwrap_err();
        assert!(error.contains("'x' and 'y'"), "{error}");
        // One shard: as plain Redis.
        assert_eq!(routed("MOVE k 4", 2, &["a"]), Ok(0));
        assert_eq!(routed("SWAPDB 2 4", 2, &["a"]), Ok(0));
    }
}
