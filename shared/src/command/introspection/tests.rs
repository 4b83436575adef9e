use super::*;
use crate::command::resolve;
use crate::resp::{ArgRange, Protocol};

/// Serves GET, COMMAND COUNT and CONFIG GET, and nothing else.
fn some(row: &CommandSpec) -> bool {
    matches!(
        row.id,
        CommandId::Get | CommandId::CommandCount | CommandId::ConfigGet | CommandId::ConfigHelp
    )
}

fn answered(line: &str) -> String {
    let mut ranges = Vec::new();
    let mut start = 0;
    for word in line.split(' ') {
        ranges.push(ArgRange::new(start, word.len()));
        start += word.len() + 1;
    }
    let args = Args::new(line.as_bytes(), &ranges);
    let mut out = Vec::new();
    let mut reply = ReplyWriter::new(&mut out, Protocol::Resp2);
    let result = resolve(args).and_then(|row| answer(args, row, some, &mut reply));
    match result {
        Ok(()) => String::from_utf8(out).unwrap().replace("\r\n", " "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_nobody_serves_is_not_shown() {
    assert_eq!(answered("COMMAND COUNT"), ":3 ");
    assert_eq!(
        answered("COMMAND LIST"),
        "*6 $3 get $7 command $13 command|count $6 config $10 config|get $11 config|help "
    );
    assert_eq!(answered("COMMAND INFO set config|set"), "*2 $-1 $-1 ");
    assert_eq!(answered("COMMAND DOCS set"), "*0 ");
    assert_eq!(
        answered("COMMAND GETKEYS set a b"),
        "ERR Invalid command specified"
    );
    assert_eq!(answered("COMMAND GETKEYS get a"), "*1 $1 a ");
}

#[test]
fn a_reply_has_an_end() {
    for (command, count) in [
        ("COMMAND DOCS", 1_025),
        ("COMMAND DOCS", 1_024),
        ("COMMAND INFO", 1_025),
    ] {
        let many = command.to_owned() + &" config".repeat(count);
        assert_eq!(
            answered(&many),
            "ERR too many names in one request, ask for fewer at a time"
        );
    }
}

#[test]
fn help_shows_the_syntax_of_what_is_served() {
    let mut out = Vec::new();
    let mut reply = ReplyWriter::new(&mut out, Protocol::Resp2);
    help(CommandId::Config, some, &mut reply);
    let lines = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = lines.split_terminator("\r\n").collect();
    assert_eq!(
        lines,
        [
            "*5",
            "+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "+GET parameter [parameter ...]",
            "+    Reads the settings whose names match the patterns.",
            "+HELP",
            "+    Lists the subcommands of CONFIG.",
        ]
    );
}

#[test]
fn syntax_is_written_as_in_manuals() {
    let check = |id: CommandId, expected: &str| {
        let mut syntax = String::new();
        write_syntax(&mut syntax, docs(id).arguments, " ");
        assert_eq!(syntax, expected);
    };
    check(CommandId::Get, "key");
    check(CommandId::Mset, "key value [key value ...]");
    check(
        CommandId::Set,
        "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    );
    check(
        CommandId::Sort,
        "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
    );
    check(CommandId::ClientReply, "<ON | OFF | SKIP>");
}
