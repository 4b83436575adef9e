//! Users made of rules: what they may do, and how they read again.

use super::*;
use crate::command;
use crate::config::Secret;
use crate::resp::{ArgRange, Args};

/// Runs `with` on the words of `line`.
fn with_args<T>(line: &str, with: impl FnOnce(Args<'_>) -> T) -> T {
    let mut buffer = Vec::new();
    let mut ranges = Vec::new();
    for word in line.split(' ') {
        ranges.push(ArgRange::new(buffer.len(), word.len()));
        buffer.extend_from_slice(word.as_bytes());
    }
    with(Args::new(&buffer, &ranges))
}

/// Users among whom `u` has these rules.
fn with_user(rules: &str) -> Result<Users, String> {
    let mut users = Users::default();
    let rules: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    let set = users.set(b"u", rules.into_iter(), ChannelsByDefault::None);
    set.map(|_| users).map_err(|error| error.to_string())
}

fn described(rules: &str) -> String {
    let users = with_user(rules).expect("rules");
    let text = users.get(b"u").expect("a user").describe();
    let text = String::from_utf8(text).expect("text");
    text.strip_prefix("user u ").expect("a user").to_owned()
}

/// What of a command is refused, in the words of ACL DRYRUN's decision.
fn decide(rules: &str, line: &str) -> Result<(), Denied> {
    let users = with_user(rules).expect("rules");
    with_args(line, |args| {
        let spec = command::resolve(args).expect("a command");
        users.get(b"u").expect("a user").check(spec, args)
    })
}

#[test]
fn rules_read_again_as_redis_writes_them() {
    let check = |rules: &str, expected: &str| assert_eq!(described(rules), expected, "{rules}");
    check("on", "on resetchannels -@all");
    check(
        "on nopass allkeys allchannels allcommands",
        "on nopass ~* &* +@all",
    );
    check(
        "on ~a %R~b %RW~c %W~b &x +get",
        "on ~a ~b ~c resetchannels &x -@all +get",
    );
    check(
        "reset +@all -@dangerous -select +select|0 +SELECT|0",
        "off sanitize-payload resetchannels +@all -@dangerous -select +select|0",
    );
    check(
        "(+get ~a) ( +set  %W~b ) off clearselectors (+@read allkeys)",
        "off resetchannels -@all (~* resetchannels -@all +@read)",
    );
    check("+@all -config|set", "off resetchannels +@all -config|set");
    check("+config", "off resetchannels -@all +config");
    check(
        "+config -config|get",
        "off resetchannels -@all +config -config|get",
    );
    check("+@hash", "off resetchannels -@all +@hash");
    check(
        "skip-sanitize-payload",
        "off skip-sanitize-payload resetchannels -@all",
    );
}

#[test]
fn what_was_described_makes_the_same_user() {
    for rules in [
        "on >pw #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 +@all -@write +set ~x",
        "nopass -@all +@read +@list -lpush +client|id (+hexpire ~h) (&c* +publish)",
        "+@connection -@slow +@admin -acl|list +select|1 +select|2",
    ] {
        let text = described(rules);
        assert_eq!(described(&text), text);
    }
}

#[test]
fn rules_that_are_none_are_refused_in_the_words_of_redis() {
    let check = |rules: &str, modifier: &str, text: &str| {
        let wrong = with_user(rules).expect_err("wrong");
        let expected = format!("ERR Error in ACL SETUSER modifier '{modifier}': {text}");
        assert_eq!(wrong, expected, "{rules}");
    };
    let unknown = "Unknown command or category name in ACL";
    for rule in [
        "+nosuch",
        "+",
        "-",
        "-@",
        "+@nosuch",
        "+config|nosuch",
        "-select|0",
        "+a|b|c",
        "+get|a|b",
    ] {
        check(rule, rule, unknown);
    }
    let syntax = "Syntax error";
    for rule in [
        "foo", "%", "%~x", "%X~y", "%RR~y", "+select|", ")", "~a\tb", "&a\x0bb",
    ] {
        check(rule, rule, syntax);
    }
    check(
        "+config|get|x",
        "+config|get|x",
        "Allowing first-arg of a subcommand is not supported",
    );
    check(
        "<pw",
        "<pw",
        "The password you are trying to remove from the user does not exist",
    );
    check(
        "on #12",
        "#12",
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
    );
    check("(+get on)", "(+get on)", syntax);
    let long = format!("~{}", "x".repeat(1_025));
    check(&long, &long, "The pattern is longer than 1024 bytes");
    assert_eq!(
        with_user("on (+get").expect_err("wrong"),
        "ERR Unmatched parenthesis in acl selector starting at '(+get'."
    );
    assert!(with_user(&"+get ".repeat(5_000)).is_err());
    let many: String = (0..1_025).map(|at| format!(" ~{at}")).collect();
    let wrong = with_user(many.trim_start()).expect_err("too many");
    assert!(
        wrong.contains("'~1024': A user has at most 1024 "),
        "{wrong}"
    );
}

#[test]
fn one_selector_allows_all_of_a_command_or_it_is_refused() {
    let rules = "+@all -@admin ~a* %R~r* %W~w* &c* (+info) (+mget ~z)";
    let check = |line: &str, expected: Result<(), Denied>| {
        assert_eq!(decide(rules, line), expected, "{line}");
    };
    check("PING", Ok(()));
    check("GET ab", Ok(()));
    check("GET r", Ok(()));
    check("GET w", Err(Denied::Key(1)));
    check("SET w 1", Ok(()));
    check("SET w 1 GET", Err(Denied::Key(1)));
    check("STRLEN b", Err(Denied::Key(1)));
    check("STRLEN w", Ok(()));
    check("MSET a 1 b 2 r 3", Err(Denied::Key(3)));
    check("MGET z", Ok(()));
    check("MGET z a", Err(Denied::Key(2)));
    check("COPY r w", Ok(()));
    check("COPY w r", Err(Denied::Key(1)));
    check("INFO", Ok(()));
    check("CONFIG GET x", Err(Denied::Command));
    check("PUBLISH c1 x", Ok(()));
    check("PUBLISH d x", Err(Denied::Channel(1)));
    check("SUBSCRIBE c d", Err(Denied::Channel(2)));
    check("PSUBSCRIBE c*", Ok(()));
    check("PSUBSCRIBE c?", Err(Denied::Channel(1)));
    check("AUTH x", Ok(()));
    assert_eq!(decide("+select|1 -@all", "SELECT 1"), Err(Denied::Command));
    assert_eq!(decide("-@all +select|1", "SELECT 1"), Ok(()));
    assert_eq!(decide("-@all +select|1", "SELECT 2"), Err(Denied::Command));
    assert_eq!(decide("off", "AUTH x"), Ok(()));
    // As in Redis, no pattern but the empty one matches the empty key; `~*` is none.
    assert_eq!(decide("+@all %RW~*", "GET "), Err(Denied::Key(1)));
    assert_eq!(decide("+@all %RW~", "GET "), Ok(()));
    assert_eq!(decide("+@all ~*", "GET "), Ok(()));
}

#[test]
fn too_many_comparisons_are_an_answer_of_their_own() {
    let patterns: String = (0..1_000).map(|at| format!(" ~{at}*")).collect();
    let line = format!("DEL{}", " x".repeat(1_000));
    assert_eq!(
        decide(&format!("+@all{patterns} ~x"), &line),
        Err(Denied::TooMany)
    );
    let long = format!("DEL {}b", "a".repeat(100_000));
    assert_eq!(
        decide(
            "+@all ~*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac*",
            &long
        ),
        Err(Denied::TooMany)
    );
}

#[test]
fn sort_looks_elsewhere_where_every_key_may_be_read_by_the_same_selector() {
    let check = |rules: &str, expected: bool| {
        let users = with_user(rules).expect("rules");
        let user = users.get(b"u").expect("a user");
        let may = with_args("SORT l BY w_*", |args| {
            user.may_read_every_key(command::resolve(args).expect("a command"), args)
        });
        assert_eq!(may, expected, "{rules}");
    };
    check("+@all ~*", true);
    check("+@all %R~*", true);
    check("+@all ~l ~**", false);
    check("+@all %W~* ~l", false);
    check("+sort ~l (+get ~*)", false);
    check("(+sort %R~*)", true);
}

#[test]
fn passwords_come_and_go_and_only_who_is_on_gets_in() {
    let check = |rules: &str, password: &str, is_let_in: bool| {
        let users = with_user(rules).expect("rules");
        let found = users.log_in(b"u", password.as_bytes());
        assert_eq!(found.is_ok(), is_let_in, "{rules}");
    };
    check("on >a >b", "b", true);
    check("on >a >b <b", "b", false);
    check(">a", "a", false);
    check("on nopass", "anything", true);
    check("on >a nopass", "b", true);
    check("on nopass >a", "b", false);
    check("on nopass resetpass", "", false);
    assert!(Users::default().log_in(b"nobody", b"").is_err());
    assert!(!Users::default().needs_password());
    assert!(Users::new(&Secret::new("x")).needs_password());
}

#[test]
fn a_login_is_free_when_nothing_is_to_be_asked() {
    let mut users = with_user("on nopass +get ~a").expect("rules");
    let mut login = Login::new(&users);
    assert!(login.is_free() && login.is_authenticated());
    let user = users.log_in(b"u", b"").expect("let in");
    login.log_in(user);
    assert!(!login.is_free());
    let check = |login: &Login, users: &Users, line: &str| {
        with_args(line, |args| {
            login.check(users, command::resolve(args).expect("a command"), args)
        })
    };
    assert_eq!(check(&login, &users, "GET a"), Ok(()));
    assert_eq!(
        check(&login, &users, "GET b"),
        Err(Refused::Denied(Denied::Key(1)))
    );
    let changed = users.set(
        b"u",
        [&b"allcommands"[..], b"allkeys", b"allchannels"].into_iter(),
        ChannelsByDefault::None,
    );
    let after = changed.expect("changed").after.expect("a user");
    login.follow(&after);
    assert!(login.is_free());
    users.set_default_password(&Secret::new("pw"));
    login.lose(&users);
    assert_eq!(check(&login, &users, "GET a"), Err(Refused::Stranger));
    assert_eq!(check(&login, &users, "QUIT"), Ok(()));
    users.set_default_password(&Secret::default());
    assert_eq!(
        check(&login, &users, "GET a"),
        Ok(()),
        "nobody is a stranger now"
    );
}

#[test]
fn strangers_run_what_lets_them_in_and_out() {
    let users = Users::new(&Secret::new("pw"));
    let login = Login::new(&users);
    for row in command::all() {
        let words = vec!["x"; usize::from(row.arity.unsigned_abs()).max(1)].join(" ");
        let checked = with_args(&words, |args| login.check(&users, row, args));
        let lets_in = ["auth", "hello", "quit", "reset"].contains(&row.name);
        assert_eq!(checked.is_ok(), lets_in, "{}", row.name);
    }
}

#[test]
fn who_hears_less_is_found_and_the_default_user_stays() {
    let mut users = with_user("on nopass +@all allchannels").expect("rules");
    let set = |users: &mut Users, rule: &[u8]| {
        let rules = [rule, b"&c*", b"&*x"].into_iter();
        users
            .set(b"u", rules, ChannelsByDefault::None)
            .expect("set")
    };
    let changed = set(&mut users, b"resetchannels");
    assert!(changed.hears_less());
    let after = changed.after.expect("a user");
    assert!(after.may_hear_all([(&b"cd"[..], false), (b"c*", true)].into_iter()));
    assert!(!after.may_hear_all([(&b"cd"[..], false), (b"d", false)].into_iter()));
    assert!(!after.may_hear_all([(&b"c?"[..], true)].into_iter()));
    let names = [&b"u"[..], b"default"];
    assert!(users.delete(names.into_iter()).is_err());
    assert_eq!(users.iter().len(), 2, "all or none");
    let gone = users.delete([&b"u"[..], b"nobody", b"u"].into_iter());
    assert_eq!(gone.expect("gone").len(), 1);
    let blank = users.set(b"a b", std::iter::empty(), ChannelsByDefault::None);
    assert_eq!(
        blank.expect_err("a blank").to_string(),
        "ERR Usernames can't contain spaces or null characters"
    );
}
