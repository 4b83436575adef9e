//! One request to a proxy's admin listener, and its answer. HTTP/1.0 asks for no host: whatever name an operator has for a proxy, it is no web page's.
//! Opens one connection for each and closes it. Never: waits beyond [`LONGEST`] and [`LONGEST_LOOK`], keeps more than [`MOST_ANSWER_BYTES`], or shows a password.

use serde_json::Value;
use shared::clock::Clock;
use shared::config::Secret;
use shared::topology::Address;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;
use switchyard::Failure;

/// How long connecting and the answer to an order may take together: a proxy takes half a minute at most to carry one out, or to say that it cannot.
const LONGEST: Duration = Duration::from_secs(40);

/// The same where something is only looked at, which takes a proxy a second or two at most.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// Where a proxy's API is.
const API: &str = "/api/v1/";

/// Longest answer: the greatest topology with all that is known of its nodes.
const MOST_ANSWER_BYTES: u64 = 32 << 20;

/// Why there is no answer, or another one than was hoped for.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("cannot connect; is it the admin address of a running proxy?")]
    Connect(#[source] io::Error),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("no answer within {} seconds; is it the admin address of a running proxy?", .0.as_secs())]
    Late(Duration),
    #[error("it does not speak HTTP, or says more than {MOST_ANSWER_BYTES} bytes")]
    Foreign,
    #[error("{0}")]
    Refused(String),
}

/// An admin listener.
pub(crate) struct Admin {
    pub(crate) address: Address,
    /// The proxy's password, where it has one.
    pub(crate) password: Secret,
}

impl Admin {
    /// What stands at `path`.
    pub(crate) fn get(&self, path: &str) -> Result<String, Failure> {
        let request = format!("GET {path} HTTP/1.0\r\nConnection: close\r\n\r\n");
        self.ask(&request)
    }

    /// What stands at `path` for those alone who may give orders.
    pub(crate) fn get_as_operator(&self, path: &str) -> Result<String, Failure> {
        let request = format!(
            "GET {path} HTTP/1.0\r\nConnection: close\r\n{}\r\n",
            self.of_an_operator()
        );
        self.ask(&request)
    }

    /// What the API says at `path`.
    pub(crate) fn api(&self, path: &str) -> Result<Value, Failure> {
        let text = self.get_as_operator(&format!("{API}{path}"))?;
        self.read(&text)
    }

    /// What the API says to an order at `path`.
    pub(crate) fn api_order(&self, path: &str, body: &str) -> Result<Value, Failure> {
        let text = self.order(&format!("{API}{path}"), body)?;
        self.read(&text)
    }

    fn read(&self, text: &str) -> Result<Value, Failure> {
        serde_json::from_str(text).map_err(|_| Failure::Unwell {
            address: self.address.clone(),
            source: Box::new(NoAnswer::Foreign),
        })
    }

    /// Gives the order at `path`.
    pub(crate) fn order(&self, path: &str, body: &str) -> Result<String, Failure> {
        let request = format!(
            "POST {path} HTTP/1.0\r\nConnection: close\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            self.of_an_operator(),
            body.len()
        );
        self.ask(&request)
    }

    /// The headers by which a proxy knows whom it obeys.
    fn of_an_operator(&self) -> String {
        let password = match self.password.is_empty() {
            true => String::new(),
            false => format!("Authorization: Bearer {}\r\n", self.password.reveal()),
        };
        format!("X-Switchyard: yes\r\n{password}")
    }

    fn ask(&self, request: &str) -> Result<String, Failure> {
        let longest = match request.starts_with("GET ") {
            true => LONGEST_LOOK,
            false => LONGEST,
        };
        let answered = exchange(&self.address, request, longest);
        let answered = answered.and_then(|answer| body_of(&answer));
        answered.map_err(|source| Failure::Unwell {
            address: self.address.clone(),
            source: Box::new(source),
        })
    }
}

fn exchange(address: &Address, request: &str, longest: Duration) -> Result<Vec<u8>, NoAnswer> {
    let clock = Clock::system();
    let began_ms = clock.monotonic_ms();
    let left = || {
        let spent = Duration::from_millis(clock.monotonic_ms() - began_ms);
        let left = longest.saturating_sub(spent);
        let left = (!left.is_zero()).then_some(left);
        left.ok_or(NoAnswer::Late(longest))
    };
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => NoAnswer::Late(longest),
        _ => NoAnswer::Broken(error),
    };
    let mut socket = connect(address, left()?).map_err(NoAnswer::Connect)?;
    socket
        .set_write_timeout(Some(left()?))
        .and_then(|()| socket.write_all(request.as_bytes()))
        .map_err(broken)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        socket.set_read_timeout(Some(left()?)).map_err(broken)?;
        let count = socket.read(&mut chunk).map_err(broken)?;
        if count == 0 {
            return Ok(answer);
        }
        answer.extend_from_slice(&chunk[..count]);
        if answer.len() as u64 > MOST_ANSWER_BYTES {
            return Err(NoAnswer::Foreign);
        }
    }
}

/// The first of the name's addresses that takes the connection.
fn connect(address: &Address, longest: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for place in address.pair().to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, longest) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The body of an answer that grants what was asked for.
fn body_of(answer: &[u8]) -> Result<String, NoAnswer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(NoAnswer::Foreign)?;
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse::<u16>().ok())
        .ok_or(NoAnswer::Foreign)?;
    // Whoever is there must not move the cursor of who reads it.
    let body: String = body
        .trim_end()
        .chars()
        .filter(|letter| *letter == '\n' || !letter.is_control())
        .collect();
    match status {
        200 => Ok(body),
        _ if body.is_empty() => Err(NoAnswer::Refused(format!("HTTP status {status}"))),
        _ => Err(NoAnswer::Refused(in_words(body))),
    }
}

/// What an API says that it does not do; whatever else says its words as they are.
fn in_words(body: String) -> String {
    let said = serde_json::from_str::<Value>(&body);
    match said.as_ref().map(|said| &said["error"]) {
        Ok(Value::String(words)) => words
            .chars()
            .filter(|letter| !letter.is_control())
            .collect(),
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: &str) {
        let found = body_of(answer.as_bytes());
        let words = found.unwrap_or_else(|problem| format!("! {problem}"));
        assert_eq!(words, expected, "{answer:?}");
    }

    #[test]
    fn what_was_granted_is_told_from_what_was_refused() {
        check("HTTP/1.0 200 OK\r\na: b\r\n\r\ndone\n", "done");
        check(
            "HTTP/1.1 200 OK\r\n\r\ntwo\n\nlines\u{1b}[2J\r\n",
            "two\n\nlines[2J",
        );
        check(
            "HTTP/1.0 409 Conflict\r\n\r\nshard s1: no\n",
            "! shard s1: no",
        );
        check("HTTP/1.0 404 Not Found\r\n\r\n", "! HTTP status 404");
        check(
            "HTTP/1.0 401 No\r\n\r\n{\"error\":\"say\\u001b it\",\"status\":401}\n",
            "! say it",
        );
        let foreign = "! it does not speak HTTP, or says more than 33554432 bytes";
        check("", foreign);
        check("-ERR unknown command 'GET'\r\n", foreign);
        check("HTTP/1.0 x\r\n\r\n", foreign);
    }
}
