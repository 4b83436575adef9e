//! NODE ANNOUNCE: a node says that it is there. All else that NODE can be is said to nodes, by proxies.
//! Pure. Never: takes note of anybody who does not know the nodes' password.

use std::str::FromStr;

use protocol::controller::Announced;
use shared::command::CommandSpec;
use shared::config::Secret;
use shared::resp::{Args, ErrorReply};
use shared::topology::{Address, NodeId};

use super::{After, Desk};
use crate::route;

/// NODE ANNOUNCE name host port zone|- [password]
pub(super) fn answer(
    spec: &CommandSpec,
    args: Args<'_>,
    desk: &Desk<'_>,
) -> Result<After, ErrorReply> {
    if !args.at(1).eq_ignore_ascii_case(b"announce") {
        return Err(route::refused(spec));
    }
    let (node, announced) = read(args, &desk.config.node_password)?;
    Ok(After::Announced { node, announced })
}

/// Who announces itself, and what it says.
fn read(args: Args<'_>, node_password: &Secret) -> Result<(NodeId, Announced), ErrorReply> {
    if !node_password.matches(args.get(6).unwrap_or_default()) {
        return Err(ErrorReply::WrongNodePassword);
    }
    if args.len() > 7 {
        return Err(ErrorReply::Syntax);
    }
    let node: NodeId = word(args, 2, "the name")?;
    let host: String = word(args, 3, "the host")?;
    let port: u16 = word(args, 4, "the port")?;
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host,
    };
    let address: Result<Address, _> = format!("{host}:{port}").parse();
    let address = address.map_err(|_| ErrorReply::NotAnnounced("the host"))?;
    if port == 0 || address.is_wildcard() {
        return Err(ErrorReply::NotAnnounced("the address"));
    }
    let zone = match args.get(5) {
        Some(b"-") => None,
        _ => Some(word(args, 5, "the zone")?),
    };
    Ok((node, Announced { address, zone }))
}

fn word<T: FromStr>(args: Args<'_>, at: usize, what: &'static str) -> Result<T, ErrorReply> {
    let word = args.get(at).and_then(|word| std::str::from_utf8(word).ok());
    let parsed = word.and_then(|word| word.parse().ok());
    parsed.ok_or(ErrorReply::NotAnnounced(what))
}

#[cfg(test)]
mod tests {
    use shared::resp::ArgRange;
    use shared::topology::Zone;

    use super::*;

    fn read_line(line: &str, password: &str) -> Result<(NodeId, Announced), ErrorReply> {
        let mut ranges = Vec::new();
        let mut start = 0;
        for word in line.split(' ') {
            ranges.push(ArgRange::new(start, word.len()));
            start += word.len() + 1;
        }
        read(Args::new(line.as_bytes(), &ranges), &Secret::new(password))
    }

    #[test]
    fn what_a_node_says_of_itself_is_taken_or_refused() {
        let check = |words: &str, address: &str, zone: Option<&str>| {
            let (node, announced) = read_line(&format!("NODE ANNOUNCE {words}"), "").unwrap();
            assert_eq!(node.as_str(), "n7");
            assert_eq!(announced.address.to_string(), address);
            assert_eq!(announced.zone.as_ref().map(Zone::as_str), zone);
        };
        check("n7 10.0.0.7 6380 -", "10.0.0.7:6380", None);
        check("n7 cache-7 6380 z1", "cache-7:6380", Some("z1"));
        check("n7 ::1 6380 z1", "[::1]:6380", Some("z1"));
        let wrong = |words: &str, what: &'static str| {
            let error = read_line(&format!("NODE ANNOUNCE {words}"), "").unwrap_err();
            assert_eq!(error, ErrorReply::NotAnnounced(what), "{words}");
        };
        let long = "n".repeat(65);
        wrong("n/7 h 1 -", "the name");
        wrong(&format!("{long} h 1 -"), "the name");
        wrong("n7", "the host");
        wrong("n7 a_b! 1 -", "the host");
        wrong("n7 :::: 1 -", "the host");
        wrong("n7 h 65536 -", "the port");
        wrong("n7 h 0 -", "the address");
        wrong("n7 0.0.0.0 1 -", "the address");
        wrong("n7 :: 1 -", "the address");
        wrong("n7 h 1", "the zone");
        wrong("n7 h 1 a/b", "the zone");
    }

    #[test]
    fn only_who_knows_the_password_of_the_nodes_is_taken_note_of() {
        let check = |words: &str, password: &str, expected: Option<ErrorReply>| {
            let line = format!("NODE ANNOUNCE n7 h 1 -{words}");
            assert_eq!(read_line(&line, password).err(), expected, "{words}");
        };
        check("", "", None);
        check(" back", "back", None);
        check("", "back", Some(ErrorReply::WrongNodePassword));
        check(" front", "back", Some(ErrorReply::WrongNodePassword));
        check(" back", "", Some(ErrorReply::WrongNodePassword));
        check(" back x", "back", Some(ErrorReply::Syntax));
        // Who does not know it learns nothing else.
        let error = read_line("NODE ANNOUNCE n/7", "back").unwrap_err();
        assert_eq!(error, ErrorReply::WrongNodePassword);
    }
}
