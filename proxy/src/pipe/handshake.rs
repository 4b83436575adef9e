//! The first words on a new connection to a node: who we are, which protocol, which database, and whether anybody listens.
//! Pure. Invariant: a connection counts as open only when the node has answered, so a node that hangs is found out while nothing has been sent to it.

use shared::config::Secret;
use shared::resp::{Protocol, ReplyScanner, encode_request};

use super::error::PipeError;
use super::set::Lane;

/// Most bytes that the answers may take together; HELLO's is some hundred.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// What was asked and is not answered yet.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// The commands in the order in which they were sent.
    asked: Vec<&'static str>,
    answered: usize,
    scanner: ReplyScanner,
    bytes: Vec<u8>,
}

impl Handshake {
    /// Appends what is to be sent first to `out`.
    pub(crate) fn begin(lane: Lane, password: &Secret, out: &mut Vec<u8>) -> Self {
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
        }
    }

    /// Takes bytes that the node sent; whether all is answered.
    ///
    /// # Errors
    /// The node refused something, or does not speak RESP.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<bool, PipeError> {
        self.bytes.extend_from_slice(bytes);
        while let Some(end) = self.scanner.scan(&self.bytes)? {
            let Some(command) = self.asked.get(self.answered) else {
                return Err(PipeError::Unasked);
            };
            if self.bytes.first() == Some(&b'-') {
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
    use crate::pipe::set::Class;

    fn lane(protocol: Protocol, database: u16) -> Lane {
        Lane {
            class: Class::Primary,
            protocol,
            database,
        }
    }

    #[test]
    fn a_node_is_asked_for_what_the_lane_needs_and_no_more() {
        let check = |lane: Lane, password: &str, expected: &[&str]| {
            let mut out = Vec::new();
            let handshake = Handshake::begin(lane, &Secret::new(password), &mut out);
            assert_eq!(handshake.asked, expected);
        };
        check(lane(Protocol::Resp2, 0), "", &["PING"]);
        check(lane(Protocol::Resp2, 3), "x", &["AUTH", "SELECT", "PING"]);
        check(lane(Protocol::Resp3, 0), "x", &["HELLO", "PING"]);
    }

    #[test]
    fn answers_may_come_in_pieces_and_refusals_are_told() {
        let mut out = Vec::new();
        let mut handshake =
            Handshake::begin(lane(Protocol::Resp2, 1), &Secret::default(), &mut out);
        assert!(!handshake.take(b"+O").unwrap());
        assert!(!handshake.take(b"K\r\n+PO").unwrap());
        assert!(handshake.take(b"NG\r\n").unwrap());
        let mut handshake =
            Handshake::begin(lane(Protocol::Resp2, 1), &Secret::default(), &mut out);
        let refused = handshake
            .take(b"-NOAUTH Authentication required.\r\n")
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the node refused SELECT: NOAUTH Authentication required."
        );
        let mut handshake =
            Handshake::begin(lane(Protocol::Resp2, 0), &Secret::default(), &mut out);
        assert!(matches!(
            handshake.take(b"+PONG\r\n+PONG\r\n"),
            Err(PipeError::Unasked)
        ));
        let mut handshake =
            Handshake::begin(lane(Protocol::Resp2, 0), &Secret::default(), &mut out);
        assert!(matches!(
            handshake.take(b"HTTP/1.1 400\r\n"),
            Err(PipeError::NotReply(_))
        ));
    }
}
