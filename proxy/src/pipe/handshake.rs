//! The first words on a new connection to a node: who we are, under which epoch we speak, which protocol, which database, and whether anybody listens.
//! Pure. Invariants: a connection counts as open only when the node has answered, so a node that hangs is found out while nothing has been sent to it; by then
//! the connection before it, of which bytes may still lie at the node, has been cut there.

use std::sync::Arc;

use shared::config::Secret;
use shared::resp::{Protocol, ReplyScanner, decode_scanned, encode_request};
use shared::topology::{Incarnation, NodeId, ShardId, Version};

use super::error::PipeError;
use super::lane::{Lane, Pledge, Tells};

/// Most bytes that the answers may take together; HELLO's is some hundred.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// What a node calls a connection: its number, and where it comes from as the node sees it. A number alone would mean somebody else's connection once the node
/// has been started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionName {
    id: u64,
    address: Box<str>,
}

impl ConnectionName {
    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The words that cut it.
    pub(crate) fn kill_words(&self) -> [String; 6] {
        let (id, address) = (self.id.to_string(), self.address.to_string());
        ["CLIENT", "KILL", "ID", &id, "ADDR", &address].map(str::to_owned)
    }

    /// Reads a reply to CLIENT INFO; `None` when the node does not know it, or says nothing of the kind.
    fn read(reply: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(reply).ok()?;
        // In RESP3 the first word has the format before it.
        let words = || {
            text.split([' ', '\r', '\n'])
                .map(|word| word.trim_start_matches("txt:"))
        };
        let value = |name: &str| words().find_map(|word| word.strip_prefix(name));
        Some(Self {
            id: value("id=")?.parse().ok()?,
            address: value("addr=")?.into(),
        })
    }
}

/// Commands that a node may refuse without harm: an older server does not know them, and the connection they mean may be gone.
const OPTIONAL: &[&str] = &["CLIENT KILL", "CLIENT INFO", KEYS, AUTHORS];

/// The command that binds a connection to an epoch.
pub(super) const FENCE: &str = "NODE FENCE";

/// What says which keys are its shard's; one that does not know it runs scripts without asking.
const KEYS: &str = "NODE KEYS";

/// What makes a node tell of changes over a connection that speaks RESP2, in a form that cannot be taken for a reply.
const PUSHES: &str = "NODE PUSHES";

/// The same words over one that speaks RESP3 anyway: the node also says on whose behalf it was. One that cannot tells all the same.
const AUTHORS: &str = "NODE PUSHES in RESP3";

/// What makes a node tell of changes.
const TRACKING: &str = "CLIENT TRACKING";

/// The same of all keys; what a node is told so again changes nothing.
pub(crate) const TELL_ALL: [&str; 4] = ["CLIENT", "TRACKING", "ON", "BCAST"];

/// What a follower is asked about itself: one of ours, and a plain Redis server.
const STATUS: &str = "NODE STATUS";
const ROLE: &str = "ROLE";

/// As what a follower is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Following {
    /// As one that is in sync in this life.
    InSync(Incarnation),
    /// As a plain server with a link to its primary.
    Plain,
    /// As nobody's: a plain server that is to lead. Until it does it would refuse writes and answer the reads behind them.
    Nobody,
}

/// Under what a connection to a shard's primary speaks.
#[derive(Clone, Debug)]
pub(crate) struct FenceWords {
    /// The shard, its epoch, and the life of the node.
    pub(crate) fence: protocol::Fence<ShardId>,
    /// The node's name.
    pub(crate) node: NodeId,
    /// The version of the topology that says so.
    pub(crate) version: Version,
}

impl FenceWords {
    fn write(&self, pledge: Pledge, out: &mut Vec<u8>) {
        let protocol::Fence {
            shard,
            epoch,
            incarnation,
        } = &self.fence;
        let (epoch, version) = (epoch.to_string(), self.version.to_string());
        let node = format!("{}@{incarnation}", self.node);
        let words = ["NODE", "FENCE", shard.as_str(), &epoch, &version, &node];
        let further: &[&str] = match pledge {
            Pledge::Async => &[],
            Pledge::InSync => &["IN-SYNC"],
            Pledge::Linearizable => &["IN-SYNC", "READS", "LINEARIZABLE"],
        };
        encode_request(out, [&words[..], further].concat());
    }
}

/// What decides the first words.
#[derive(Debug)]
pub(crate) struct FirstWords {
    /// What is to be agreed on.
    pub(crate) lane: Lane,
    /// What the node asks for; empty sends none.
    pub(crate) password: Secret,
    /// The connection before this one, which the node is to cut.
    pub(crate) last: Option<ConnectionName>,
    /// For members of a shard that lead it.
    pub(crate) fence: Option<FenceWords>,
    /// For members that follow.
    pub(crate) follower: Option<Following>,
    /// It is a server of kind "redis", and knows no words of ours.
    pub(crate) is_plain: bool,
    /// Which keys are its shard's, as a request (NODE KEYS); nothing where they all are.
    pub(crate) local_keys: Option<Arc<[u8]>>,
}

impl FirstWords {
    /// Which keys are the shard's, and which changes the node is to tell of.
    fn say_what_is_to_be_told(&self, out: &mut Vec<u8>, asked: &mut Vec<&'static str>) {
        if let Some(request) = &self.local_keys {
            out.extend_from_slice(request);
            asked.push(KEYS);
        }
        if self.lane.tells != Tells::Nothing && !self.is_plain {
            encode_request(out, ["NODE", "PUSHES"]);
            asked.push(match self.lane.protocol {
                Protocol::Resp2 => PUSHES,
                Protocol::Resp3 => AUTHORS,
            });
        }
        match self.lane.tells {
            Tells::Nothing => {}
            Tells::Reads => {
                encode_request(out, ["CLIENT", "TRACKING", "ON"]);
                asked.push(TRACKING);
            }
            Tells::All => {
                encode_request(out, TELL_ALL);
                asked.push(TRACKING);
            }
        }
    }
}

/// What was asked and is not answered yet.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// The commands in the order in which they were sent.
    asked: Vec<&'static str>,
    answered: usize,
    scanner: ReplyScanner,
    bytes: Vec<u8>,
    /// What the node calls this connection.
    name: Option<ConnectionName>,
    /// As whom a follower is asked.
    follower: Option<Following>,
}

impl Handshake {
    /// Appends what is to be sent first to `out`.
    pub(crate) fn begin(words: &FirstWords, out: &mut Vec<u8>) -> Self {
        let FirstWords {
            lane,
            password,
            last,
            fence,
            follower,
            ..
        } = words;
        let mut asked = Vec::new();
        match (lane.protocol, password.is_empty()) {
            (Protocol::Resp2, true) => {}
            (Protocol::Resp2, false) => {
                encode_request(out, ["AUTH", password.reveal()]);
                asked.push("AUTH");
            }
            (Protocol::Resp3, true) => {
                encode_request(out, ["HELLO", "3"]);
                asked.push("HELLO");
            }
            (Protocol::Resp3, false) => {
                encode_request(out, ["HELLO", "3", "AUTH", "default", password.reveal()]);
                asked.push("HELLO");
            }
        }
        if let Some(name) = last {
            encode_request(out, name.kill_words());
            asked.push("CLIENT KILL");
        }
        if let Some(words) = fence {
            words.write(lane.role.pledge(), out);
            asked.push(FENCE);
        }
        match follower {
            None => {}
            Some(Following::InSync(_)) => {
                encode_request(out, ["NODE", "STATUS"]);
                asked.push(STATUS);
            }
            Some(Following::Plain | Following::Nobody) => {
                encode_request(out, [ROLE]);
                asked.push(ROLE);
            }
        }
        encode_request(out, ["CLIENT", "INFO"]);
        asked.push("CLIENT INFO");
        if lane.database != 0 {
            encode_request(out, ["SELECT", &lane.database.to_string()]);
            asked.push("SELECT");
        }
        words.say_what_is_to_be_told(out, &mut asked);
        encode_request(out, ["PING"]);
        asked.push("PING");
        Self {
            asked,
            answered: 0,
            scanner: ReplyScanner::default(),
            bytes: Vec::new(),
            name: None,
            follower: *follower,
        }
    }

    /// What the node calls this connection, once all is answered.
    pub(crate) fn into_name(self) -> Option<ConnectionName> {
        self.name
    }

    /// Takes bytes that the node sent; whether all is answered.
    ///
    /// # Errors
    /// The node refused something, or does not speak RESP.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<bool, PipeError> {
        self.bytes.extend_from_slice(bytes);
        while let Some(end) = self.scanner.scan(&self.bytes)? {
            if self.bytes.first() == Some(&b'>') {
                // A change that has been told already; whoever opens such a connection doubts all that was before.
                self.bytes.drain(..end);
                continue;
            }
            let Some(&command) = self.asked.get(self.answered) else {
                return Err(PipeError::Unasked);
            };
            if command == "CLIENT INFO" {
                self.name = ConnectionName::read(&self.bytes[..end]);
            }
            if (command == STATUS || command == ROLE)
                && let Some(follower) = self.follower
                && self.bytes.first() != Some(&b'-')
                && !is_follower(&self.bytes[..end], follower)
            {
                return Err(match follower {
                    Following::Nobody => PipeError::Refused {
                        command,
                        reply: "it follows another server".to_owned(),
                    },
                    Following::InSync(_) | Following::Plain => PipeError::NoFollower,
                });
            }
            let is_refusal = self.bytes.first() == Some(&b'-') && !OPTIONAL.contains(&command);
            // One whose disk is full refuses writes, and says so to PING; it reads on.
            let only_writes = command == "PING" && self.bytes.starts_with(b"-MISCONF ");
            // One whose script does not end says so to each command, and takes SCRIPT KILL.
            let is_busy = command == "PING" && self.bytes.starts_with(b"-BUSY ");
            if is_refusal && !only_writes && !is_busy {
                let reply = String::from_utf8_lossy(&self.bytes[1..end])
                    .trim_end()
                    .chars()
                    .take(200)
                    .collect();
                return Err(PipeError::Refused { command, reply });
            }
            self.bytes.drain(..end);
            self.answered += 1;
        }
        if self.answered < self.asked.len() {
            if self.bytes.len() > MOST_ANSWER_BYTES {
                return Err(PipeError::TooLarge {
                    limit: MOST_ANSWER_BYTES,
                });
            }
            return Ok(false);
        }
        match self.bytes.first() {
            None => Ok(true),
            // The beginning of a change that is told.
            Some(b'>') if self.bytes.len() <= MOST_ANSWER_BYTES => Ok(false),
            Some(_) => Err(PipeError::Unasked),
        }
    }
}

/// Whether a reply to NODE STATUS is that of a node which follows, and has a whole copy, in the life that is meant; one to ROLE that of a server whose link stands, or that follows nobody.
fn is_follower(reply: &[u8], as_what: Following) -> bool {
    let Ok(status) = decode_scanned(reply) else {
        return false;
    };
    let elements = status.as_elements().unwrap_or_default();
    let life = match as_what {
        Following::InSync(life) => life,
        Following::Nobody => {
            let word = elements.first().and_then(|word| word.as_bytes());
            return word == Some(b"master");
        }
        Following::Plain => {
            let word = |at: usize| elements.get(at)?.as_bytes();
            return word(0) == Some(b"slave") && word(3) == Some(b"connected");
        }
    };
    let says = |name: &str, value: &str| {
        elements.chunks_exact(2).any(|pair| {
            pair[0].as_bytes() == Some(name.as_bytes())
                && pair[1].as_bytes() == Some(value.as_bytes())
        })
    };
    says("life", &life.to_string())
        && says("role", "follower")
        && says("syncing", "no")
        && says("needs-sync", "no")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Class, Role};
    use shared::topology::{Epoch, Incarnation};

    fn begin(protocol: Protocol, database: u16, password: &str) -> (Handshake, String) {
        let lane = Lane {
            role: Role::Primary(Pledge::Async),
            class: Class::Common,
            tells: Tells::Nothing,
            protocol,
            database,
        };
        let last = (database == 9).then(|| ConnectionName {
            id: 7,
            address: "1.2.3.4:5".into(),
        });
        say(&FirstWords {
            lane,
            password: Secret::new(password),
            last,
            fence: None,
            follower: None,
            is_plain: false,
            local_keys: None,
        })
    }

    fn say(words: &FirstWords) -> (Handshake, String) {
        let mut out = Vec::new();
        let handshake = Handshake::begin(words, &mut out);
        (handshake, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_member_is_told_under_which_epoch_we_speak_before_anything_else_is_asked() {
        let mut words = FirstWords {
            lane: Lane {
                role: Role::Primary(Pledge::InSync),
                class: Class::Common,
                tells: Tells::Nothing,
                protocol: Protocol::Resp2,
                database: 3,
            },
            password: Secret::new(""),
            last: None,
            fence: Some(FenceWords {
                fence: protocol::Fence {
                    shard: ShardId::numbered(2),
                    epoch: Epoch(7),
                    incarnation: Incarnation(0xab),
                },
                node: NodeId::numbered(4),
                version: Version(9),
            }),
            follower: None,
            is_plain: false,
            local_keys: None,
        };
        let (mut handshake, said) = say(&words);
        let words_of = |said: &str| -> Vec<String> {
            let mut lines = said.split("\r\n").map(str::to_owned);
            let count = lines
                .next()
                .and_then(|head| head.strip_prefix('*')?.parse().ok());
            lines.skip(1).step_by(2).take(count.unwrap()).collect()
        };
        let lines = words_of(&said);
        let expected = [
            "NODE",
            "FENCE",
            "s2",
            "7",
            "9",
            "n4@00000000000000ab",
            "IN-SYNC",
        ];
        assert_eq!(lines, expected);
        let refused = handshake.take(b"-STALEEPOCH 8 9\r\n").unwrap_err();
        assert!(refused.is_about_fence(), "{refused}");
        for (pledge, expected) in [
            (Pledge::Async, &expected[..6]),
            (
                Pledge::Linearizable,
                &[&expected[..], &["READS", "LINEARIZABLE"]].concat(),
            ),
        ] {
            words.lane.role = Role::Primary(pledge);
            assert_eq!(words_of(&say(&words).1), expected);
        }
    }

    #[test]
    fn a_follower_is_asked_whether_it_is_one_and_lives_the_life_that_is_meant() {
        let life = Incarnation(0xab);
        let words = FirstWords {
            lane: Lane {
                role: Role::Follower(Pledge::Async),
                class: Class::Common,
                tells: Tells::Nothing,
                protocol: Protocol::Resp2,
                database: 0,
            },
            password: Secret::new(""),
            last: None,
            fence: None,
            follower: Some(Following::InSync(life)),
            is_plain: false,
            local_keys: None,
        };
        let status = |facts: &[(&str, &str)]| {
            let mut out = Vec::new();
            let words: Vec<&str> = facts.iter().flat_map(|fact| [fact.0, fact.1]).collect();
            encode_request(&mut out, words);
            out
        };
        let good = [
            ("life", "00000000000000ab"),
            ("role", "follower"),
            ("syncing", "no"),
            ("needs-sync", "no"),
        ];
        let check = |reply: &[u8], is_one: bool| {
            let (mut handshake, said) = say(&words);
            assert!(
                said.starts_with("*2\r\n$4\r\nNODE\r\n$6\r\nSTATUS\r\n"),
                "{said}"
            );
            let answers = [reply, b"-ERR no\r\n+PONG\r\n"].concat();
            let shown = String::from_utf8_lossy(reply);
            assert_eq!(handshake.take(&answers).is_ok(), is_one, "{shown}");
        };
        check(&status(&good), true);
        for (name, value) in [
            ("life", "00000000000000ac"),
            ("role", "primary"),
            ("role", "waiting"),
            ("syncing", "yes"),
            ("needs-sync", "yes"),
        ] {
            let changed = good.map(|fact| if fact.0 == name { (name, value) } else { fact });
            check(&status(&changed), false);
        }
        check(&status(&good[..1]), false);
        check(b"*-1\r\n", false);
        check(b"+OK\r\n", false);
        check(b"-ERR unknown command\r\n", false);
    }

    #[test]
    fn a_plain_follower_is_asked_whether_its_link_stands() {
        let check = |role: &[u8], is_one: bool| {
            let said = is_follower(role, Following::Plain);
            assert_eq!(said, is_one, "{}", String::from_utf8_lossy(role));
        };
        let of = |word: &str, state: &str| {
            format!(
                "*5\r\n${}\r\n{word}\r\n$9\r\n127.0.0.1\r\n:1\r\n${}\r\n{state}\r\n:9\r\n",
                word.len(),
                state.len()
            )
        };
        check(of("slave", "connected").as_bytes(), true);
        check(of("slave", "connecting").as_bytes(), false);
        check(of("slave", "sync").as_bytes(), false);
        check(of("master", "connected").as_bytes(), false);
        check(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", false);
        check(b"*1\r\n$5\r\nslave\r\n", false);
        check(b"+OK\r\n", false);
    }

    #[test]
    fn a_node_is_asked_for_what_the_lane_needs_and_no_more() {
        let check = |protocol, database, password: &str, expected: &[&str]| {
            assert_eq!(begin(protocol, database, password).0.asked, expected);
        };
        check(Protocol::Resp2, 0, "", &["CLIENT INFO", "PING"]);
        check(
            Protocol::Resp2,
            3,
            "x",
            &["AUTH", "CLIENT INFO", "SELECT", "PING"],
        );
        check(Protocol::Resp3, 0, "x", &["HELLO", "CLIENT INFO", "PING"]);
    }

    #[test]
    fn the_last_connection_is_cut_before_anything_else_by_number_and_address() {
        let (mut handshake, words) = begin(Protocol::Resp2, 9, "x");
        assert!(words.contains("KILL\r\n$2\r\nID\r\n$1\r\n7\r\n$4\r\nADDR\r\n$9\r\n1.2.3.4:5\r\n"));
        assert_eq!(
            handshake.asked,
            ["AUTH", "CLIENT KILL", "CLIENT INFO", "SELECT", "PING"]
        );
        // Gone already; and how it is called is not known either.
        let answers = b"+OK\r\n-ERR No such client\r\n-ERR unknown\r\n+OK\r\n+PONG\r\n";
        assert!(handshake.take(answers).unwrap());
        assert_eq!(handshake.into_name(), None);
    }

    #[test]
    fn a_node_says_what_it_calls_the_connection() {
        let expected = ConnectionName {
            id: 31,
            address: "127.0.0.1:55012".into(),
        };
        for reply in [
            "$41\r\nid=31 addr=127.0.0.1:55012 laddr=x fd=8 x\n\r\n",
            "=45\r\ntxt:id=31 addr=127.0.0.1:55012 laddr=x fd=8 x\n\r\n",
        ] {
            assert_eq!(
                ConnectionName::read(reply.as_bytes()),
                Some(expected.clone())
            );
        }
        assert_eq!(ConnectionName::read(b"+PONG\r\n"), None);
    }

    #[test]
    fn a_node_that_refuses_writes_is_there() {
        let (mut handshake, _) = begin(Protocol::Resp2, 0, "");
        let answers = b"-ERR unknown\r\n-MISCONF Errors writing to the AOF file\r\n";
        assert!(handshake.take(answers).unwrap());
    }

    #[test]
    fn answers_may_come_in_pieces_and_refusals_are_told() {
        let (mut handshake, _) = begin(Protocol::Resp2, 1, "");
        assert!(!handshake.take(b"-ERR no\r\n+O").unwrap());
        assert!(!handshake.take(b"K\r\n+PO").unwrap());
        assert!(handshake.take(b"NG\r\n").unwrap());
        let (mut handshake, _) = begin(Protocol::Resp2, 1, "");
        let refused = handshake
            .take(b"+x\r\n-NOAUTH Authentication required.\r\n")
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the node refused SELECT: NOAUTH Authentication required."
        );
        assert!(refused.of_its_lane().is_some());
        let (mut handshake, _) = begin(Protocol::Resp2, 0, "");
        assert!(matches!(
            handshake.take(b"+x\r\n+PONG\r\n+PONG\r\n"),
            Err(PipeError::Unasked)
        ));
        let (mut handshake, _) = begin(Protocol::Resp2, 0, "");
        assert!(matches!(
            handshake.take(b"HTTP/1.1 400\r\n"),
            Err(PipeError::NotReply(_))
        ));
    }
}
