use super::*;
use crate::resp::ArgRange;
use proptest::prelude::*;

/// Runs `with` on the words of `line` as arguments; `''` is an empty one.
fn with_args<T>(line: &str, with: impl FnOnce(Args<'_>) -> T) -> T {
    let words: Vec<&[u8]> = line
        .split_ascii_whitespace()
        .map(|word| if word == "''" { b"" } else { word.as_bytes() })
        .collect();
    with_words(&words, with)
}

fn with_words<T>(words: &[&[u8]], with: impl FnOnce(Args<'_>) -> T) -> T {
    let mut buffer = Vec::new();
    let mut ranges = Vec::new();
    for word in words {
        ranges.push(ArgRange {
            start: u32::try_from(buffer.len()).unwrap(),
            len: u32::try_from(word.len()).unwrap(),
        });
        buffer.extend_from_slice(word);
    }
    with(Args::new(&buffer, &ranges))
}

fn resolved(line: &str) -> Result<&'static str, String> {
    with_args(line, |args| {
        resolve(args)
            .map(|row| row.name)
            .map_err(|error| error.to_string())
    })
}

#[test]
fn every_name_is_found_in_any_letter_case_and_only_there() {
    for row in all() {
        assert_eq!(lookup_full_name(row.name.as_bytes()).unwrap().id, row.id);
        assert_eq!(
            lookup_full_name(row.name.to_uppercase().as_bytes())
                .unwrap()
                .id,
            row.id
        );
        assert_eq!(spec(row.id).name, row.name);
        for wrong in [
            format!("{}x", row.name),
            format!("x{}", row.name),
            row.name.replace('_', "\x7f"),
            row.name.replace('-', "\r"),
        ] {
            if wrong != row.name {
                assert!(
                    all().any(|other| other.name == wrong)
                        || lookup_full_name(wrong.as_bytes()).is_none(),
                    "{wrong}"
                );
            }
        }
    }
    assert!(lookup(b"").is_none());
    assert!(lookup(b"config|get").is_none());
    assert!(lookup(&[b'g'; 1 << 20]).is_none());
}

#[test]
fn rows_of_a_container_are_its_subcommands() {
    for row in all() {
        match row.container() {
            None => assert!(!row.name.contains('|')),
            Some(container) => {
                assert!(row.name.starts_with(&format!("{}|", container.name())));
                assert!(
                    spec(container)
                        .subcommands()
                        .iter()
                        .any(|sub| sub.id == row.id)
                );
            }
        }
    }
}

#[test]
fn rows_are_whole() {
    for row in all() {
        assert!(row.arity != 0, "{}", row.name);
        assert!(row.name == row.name.to_ascii_lowercase());
        let many = matches!(
            row.route,
            Route::Split | Route::Combined | Route::EveryShard
        );
        assert_eq!(
            many,
            row.merge != Merge::Single,
            "{}: one reply of several needs a merge, one reply does not",
            row.name
        );
        if matches!(
            row.route,
            Route::Split | Route::Combined | Route::LeasedIfBlock
        ) {
            assert!(row.has_keys(), "{}", row.name);
        }
        if row.route == Route::ByKey {
            assert!(row.has_keys(), "{} goes by its keys and has none", row.name);
        }
        if row.flags.contains(CommandFlags::WRITE) {
            assert_eq!(row.retry, Retry::Never, "{}", row.name);
        }
        let is_over_all = matches!(row.route, Route::EveryShard | Route::Walked);
        let is_of_keys = row.acl.contains(AclCategories::KEYSPACE);
        assert_eq!(
            row.is_whole_node,
            is_over_all && is_of_keys,
            "{}: what is about keys and goes to every shard concerns every key of a node",
            row.name
        );
        if row.is_container() && row.id != CommandId::Command {
            assert_eq!(row.served, Served::Nowhere, "{}", row.name);
        }
        for key in row.keys {
            if let (BeginSearch::Index(at), false) = (key.begin, row.arity < 0) {
                assert!(at < row.arity, "{}: a key beyond its arguments", row.name);
            }
        }
    }
}

#[test]
fn commands_are_resolved_or_refused_in_redis_words() {
    let check = |line: &str, expected: Result<&str, &str>| {
        assert_eq!(resolved(line), expected.map_err(str::to_owned), "{line}");
    };
    check("GET a", Ok("get"));
    check("Config gEt a", Ok("config|get"));
    check("COMMAND", Ok("command"));
    check("debug anything", Ok("debug"));
    check(
        "GET",
        Err("ERR wrong number of arguments for 'get' command"),
    );
    check(
        "CONFIG",
        Err("ERR wrong number of arguments for 'config' command"),
    );
    check(
        "CONFIG FOO",
        Err("ERR unknown subcommand 'FOO'. Try CONFIG HELP."),
    );
    check(
        "OBJECT freq",
        Err("ERR wrong number of arguments for 'object|freq' command"),
    );
    check(
        "client KILL",
        Err("ERR wrong number of arguments for 'client|kill' command"),
    );
    check(
        "FOO",
        Err("ERR unknown command 'FOO', with args beginning with: "),
    );
    check(
        "foo a b",
        Err("ERR unknown command 'foo', with args beginning with: 'a' 'b' "),
    );
    let long = format!(
        "foo {} {} {} {} w",
        "x".repeat(60),
        "y".repeat(60),
        "z".repeat(50),
        "v"
    );
    let quoted = format!("'{}' '{}' 'zz' ", "x".repeat(60), "y".repeat(60));
    check(
        &long,
        Err(&format!(
            "ERR unknown command 'foo', with args beginning with: {quoted}"
        )),
    );
    let error = with_words(&[b"fo\r\no\0bar", b"x\ny"], |args| {
        resolve(args).unwrap_err().to_string()
    });
    assert_eq!(
        error,
        "ERR unknown command 'fo  o', with args beginning with: 'x y' "
    );
}

#[test]
fn what_is_not_served_is_unknown_before_its_arguments_are_counted() {
    let is_served = |row: &CommandSpec| matches!(row.id, CommandId::Get | CommandId::ConfigGet);
    let check = |line: &str, expected: Result<&str, &str>| {
        let found = with_args(line, |args| {
            resolve_served(args, is_served)
                .map(|row| row.name)
                .map_err(|error| error.to_string())
        });
        assert_eq!(found, expected.map_err(str::to_owned), "{line}");
    };
    check("get a", Ok("get"));
    check(
        "GET",
        Err("ERR wrong number of arguments for 'get' command"),
    );
    check("config get x", Ok("config|get"));
    check(
        "CONFIG GET",
        Err("ERR wrong number of arguments for 'config|get' command"),
    );
    check(
        "CONFIG",
        Err("ERR wrong number of arguments for 'config' command"),
    );
    check(
        "CONFIG SET",
        Err("ERR unknown subcommand 'SET'. Try CONFIG HELP."),
    );
    check(
        "CONFIG zork",
        Err("ERR unknown subcommand 'zork'. Try CONFIG HELP."),
    );
    check(
        "SET",
        Err("ERR unknown command 'SET', with args beginning with: "),
    );
    check(
        "LPUSH a",
        Err("ERR unknown command 'LPUSH', with args beginning with: 'a' "),
    );
    for container in ["ACL", "ACL zork", "ACL WHOAMI", "ACL WHOAMI x"] {
        let found = with_args(container, |args| {
            resolve_served(args, is_served).map(|row| row.name)
        });
        let text = found.unwrap_err().to_string();
        assert!(text.starts_with("ERR unknown command 'ACL'"), "{text}");
    }
}

#[test]
fn only_commands_that_can_be_divided_take_millions_of_arguments() {
    let check = |name: &str, arguments: usize, expected: Result<&str, &str>| {
        let mut words = vec![&b"1"[..]; arguments];
        words[0] = name.as_bytes();
        let found = with_words(&words, |args| {
            resolve(args)
                .map(|row| row.name)
                .map_err(|error| error.to_string())
        });
        assert_eq!(found, expected.map_err(str::to_owned), "{name} {arguments}");
    };
    check("MGET", MOST_UNDIVIDED_ARGS + 1, Ok("mget"));
    check("MSETNX", MOST_UNDIVIDED_ARGS, Ok("msetnx"));
    check(
        "MSETNX",
        MOST_UNDIVIDED_ARGS + 1,
        Err("ERR too many arguments for one 'msetnx' command, give some of them to another"),
    );
}

#[test]
fn keys_stand_where_redis_finds_them() {
    let check = |line: &str, expected: &[usize]| {
        with_args(line, |args| {
            let row = resolve(args).unwrap();
            let mut keys = Vec::new();
            row.for_each_key(args, |at| keys.push(at));
            assert_eq!(keys, expected, "{line}");
            assert_eq!(row.first_key(args), expected.first().copied(), "{line}");
            let mut flagged = Vec::new();
            row.for_each_key_with_flags(args, |at, _| flagged.push(at));
            assert_eq!(flagged, expected, "{line}");
        });
    };
    check("get a", &[1]);
    check("ping", &[]);
    check("mset a 1 b 2 c", &[1, 3, 5]);
    check("del a b c", &[1, 2, 3]);
    check("rename a b", &[1, 2]);
    check("bitop not d a", &[2, 3]);
    check("bitop and d a b c", &[2, 3, 4, 5]);
    check("pfmerge d", &[1]);
    check("pfmerge d a b", &[1, 2, 3]);
    check("blpop a b 0", &[1, 2]);
    check("object encoding k", &[2]);
    check("memory usage k samples 5", &[2]);
    check("eval s 0 a", &[]);
    check("eval s 2 a b c", &[3, 4]);
    check("eval s 3 a b", &[]);
    check("eval s 18446744073709551615 a b", &[]);
    check("eval s 9223372036854775807 a b", &[]);
    check("eval s -1 a b", &[]);
    check("eval s 99999999999999999999999 a b", &[]);
    check("zunionstore d 2 a b weights 1 2", &[1, 3, 4]);
    check("zunionstore d 0 a b", &[]);
    check("sort a by w get # store b limit 1 store store c", &[1, 12]);
    check("sort a get store store b", &[1, 5]);
    check("sort_ro a by w", &[1]);
    check("georadius k 1 2 3 km store a", &[1, 7]);
    check("georadius k 1 2 3 km store", &[1]);
    check("georadius k 1 2 3 km storedist a", &[1, 7]);
    check("xread count 1 streams a b 0 0", &[4, 5]);
    check("xread streams a b c", &[2]);
    check("xread count 1 a 0", &[]);
    check("xreadgroup group g c streams a 0", &[5]);
    check("migrate h 1 k 0 1", &[3]);
    check("migrate h 1 '' 0 1 auth keys keys a b", &[9, 10]);
    check("migrate h 1 k 0 1 keys a b", &[]);
    check("spublish c m", &[]);
    check("xgroup create s g 0", &[2]);
}

#[test]
fn flags_of_keys_follow_the_options() {
    let flags = |line: &str| {
        with_args(line, |args| {
            let mut all = Vec::new();
            resolve(args)
                .unwrap()
                .for_each_key_with_flags(args, |_, flags| {
                    all.push(flags.words().collect::<Vec<_>>().join(" "));
                });
            all.join(", ")
        })
    };
    assert_eq!(flags("set a b"), "OW update");
    assert_eq!(flags("set a b get"), "RW access update");
    assert_eq!(flags("bitfield a get u8 0"), "RO access");
    assert_eq!(flags("bitfield a get u8 0 set u8 0 1"), "RW access update");
    assert_eq!(flags("sort a store b"), "RO access, OW update");
}

proptest! {
    #[test]
    fn no_arguments_break_key_extraction(
        at in 0..CommandId::COUNT,
        words in proptest::collection::vec(
            prop_oneof!["[a-z0-9]{0,3}", "-?[0-9]{1,22}", "(?i)streams|store|storedist|keys|auth2?|get|by|limit|block|count"],
            0..12,
        ),
    ) {
        let row = spec(CommandId::ALL[at]);
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        with_words(&words, |args| {
            let (mut plain, mut flagged) = (Vec::new(), Vec::new());
            row.for_each_key(args, |index| plain.push(index));
            row.for_each_key_with_flags(args, |index, _| flagged.push(index));
            prop_assert!(plain.iter().all(|index| *index < args.len()));
            prop_assert_eq!(row.first_key(args), plain.first().copied());
            // Both ways of finding keys agree wherever the arity is right.
            if row.accepts(args.len()) {
                prop_assert_eq!(plain, flagged);
            }
            Ok(())
        })?;
    }

    #[test]
    fn lookup_knows_exactly_the_table(name in proptest::collection::vec(any::<u8>(), 0..30)) {
        let known = all().find(|row| row.container().is_none() && row.name.as_bytes().eq_ignore_ascii_case(&name));
        prop_assert_eq!(lookup(&name).map(|row| row.id), known.map(|row| row.id));
    }
}
