//! The first words on a new connection to a node: who we are, under which epoch we speak, which protocol, which database, and whether anybody listens.
//! Pure. Invariants: a connection counts as open only when the node has answered, so a node that hangs is found out while nothing has been sent to it; by then
//! the connection before it, of which bytes may still lie at the node, has been cut there.

use shared::config::{Acks, Secret};
use shared::resp::{Protocol, ReplyScanner, encode_request};
use shared::topology::{NodeId, ShardId, Version};

use super::error::PipeError;
use super::lane::Lane;

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
const OPTIONAL: &[&str] = &["CLIENT KILL", "CLIENT INFO"];

/// The command that binds a connection to an epoch.
pub(super) const FENCE: &str = "NODE FENCE";

/// Under what a connection to a member of a shard speaks.
#[derive(Clone, Debug)]
pub(crate) struct FenceWords {
    /// The shard, its epoch, and the life of the node.
    pub(crate) fence: protocol::Fence<ShardId>,
    /// The node's name.
    pub(crate) node: NodeId,
    /// The version of the topology that says so.
    pub(crate) version: Version,
    /// Whether replies to writes wait for the followers that are in sync.
    pub(crate) acks: Acks,
}

impl FenceWords {
    fn write(&self, out: &mut Vec<u8>) {
        let protocol::Fence {
            shard,
            epoch,
            incarnation,
        } = &self.fence;
        let (epoch, version) = (epoch.to_string(), self.version.to_string());
        let node = format!("{}@{incarnation}", self.node);
        let words = [
            "NODE",
            "FENCE",
            shard.as_str(),
            &epoch,
            &version,
            &node,
            "IN-SYNC",
        ];
        let count = match self.acks {
            Acks::Async => words.len() - 1,
            Acks::InSync => words.len(),
        };
        encode_request(out, words.into_iter().take(count));
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
    /// For members of a shard.
    pub(crate) fence: Option<FenceWords>,
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
}

impl Handshake {
    /// Appends what is to be sent first to `out`.
    pub(crate) fn begin(words: &FirstWords, out: &mut Vec<u8>) -> Self {
        let FirstWords {
            lane,
            password,
            last,
            fence,
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
        if let Some(ConnectionName { id, address }) = last {
            encode_request(
                out,
                ["CLIENT", "KILL", "ID", &id.to_string(), "ADDR", address],
            );
            asked.push("CLIENT KILL");
        }
        if let Some(words) = fence {
            words.write(out);
            asked.push(FENCE);
        }
        encode_request(out, ["CLIENT", "INFO"]);
        asked.push("CLIENT INFO");
        if lane.database != 0 {
            encode_request(out, ["SELECT", &lane.database.to_string()]);
            asked.push("SELECT");
        }
        encode_request(out, ["PING"]);
        asked.push("PING");
        Self {
            asked,
            answered: 0,
            scanner: ReplyScanner::default(),
            bytes: Vec::new(),
            name: None,
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
            let Some(&command) = self.asked.get(self.answered) else {
                return Err(PipeError::Unasked);
            };
            if command == "CLIENT INFO" {
                self.name = ConnectionName::read(&self.bytes[..end]);
            }
            let is_refusal = self.bytes.first() == Some(&b'-') && !OPTIONAL.contains(&command);
            // One whose disk is full refuses writes, and says so to PING; it reads on.
            let only_writes = command == "PING" && self.bytes.starts_with(b"-MISCONF ");
            if is_refusal && !only_writes {
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
        if self.bytes.is_empty() {
            Ok(true)
        } else {
            Err(PipeError::Unasked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Class, Role};
    use shared::topology::{Epoch, Incarnation};

    fn begin(protocol: Protocol, database: u16, password: &str) -> (Handshake, String) {
        let lane = Lane {
            role: Role::Primary,
            class: Class::Common,
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
                role: Role::Primary,
                class: Class::Common,
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
                acks: Acks::InSync,
            }),
        };
        let (mut handshake, said) = say(&words);
        let lines: Vec<&str> = said.split("\r\n").skip(2).step_by(2).take(7).collect();
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
        if let Some(fence) = &mut words.fence {
            fence.acks = Acks::Async;
        }
        assert!(!say(&words).1.contains("IN-SYNC"));
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
