//! A node that answers GET with the key itself, everything else with OK, and misbehaves when told to.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::resp::{RequestBatch, RequestLimits, RequestScanner};

/// How a node behaves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Answers at once.
    Good,
    /// Answers after a pause that changes from answer to answer, at most so many microseconds.
    Slow(u64),
    /// Takes requests and does not answer.
    Mute,
    /// Sends this instead of an answer.
    Says(Vec<u8>),
    /// Sends this before each answer.
    SaysBefore(Vec<u8>),
    /// Says to so many commands that it obeys a newer epoch; answers the others.
    Stale(usize),
    /// Closes the connection instead of answering.
    HangsUp,
    /// Holds back the answer to the command received as the one of this number (from 1) until it is told to behave otherwise.
    WaitsAt(usize),
}

#[derive(Debug)]
struct Inner {
    port: u16,
    manner: Mutex<Manner>,
    connections: Mutex<Vec<TcpStream>>,
    log: Mutex<Vec<String>>,
    first_words: Mutex<Vec<String>>,
    refuses_databases: AtomicBool,
    is_up: AtomicBool,
    dice: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct FakeNode {
    inner: Arc<Inner>,
}

impl FakeNode {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = Self {
            inner: Arc::new(Inner {
                port: listener.local_addr().unwrap().port(),
                manner: Mutex::new(Manner::Good),
                connections: Mutex::default(),
                log: Mutex::default(),
                first_words: Mutex::default(),
                refuses_databases: AtomicBool::new(false),
                is_up: AtomicBool::new(true),
                dice: AtomicU64::new(1),
            }),
        };
        node.listen(listener);
        node
    }

    fn listen(&self, listener: TcpListener) {
        let inner = Arc::clone(&self.inner);
        inner.is_up.store(true, Ordering::SeqCst);
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            while inner.is_up.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        inner
                            .connections
                            .lock()
                            .unwrap()
                            .push(stream.try_clone().unwrap());
                        let inner = Arc::clone(&inner);
                        std::thread::spawn(move || inner.serve(stream));
                    }
                    Err(_) => super::pause(Duration::from_millis(2)),
                }
            }
        });
    }

    pub(crate) fn port(&self) -> u16 {
        self.inner.port
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.inner.manner.lock().unwrap() = manner;
    }

    /// Closes every connection and listens no more.
    pub(crate) fn kill(&self) {
        self.inner.is_up.store(false, Ordering::SeqCst);
        self.cut_connections();
        // The listening thread gives the port back.
        super::eventually("the port is free", || {
            TcpListener::bind(("127.0.0.1", self.port())).is_ok()
        });
    }

    /// Closes every connection, and takes new ones.
    pub(crate) fn cut_connections(&self) {
        for connection in self.inner.connections.lock().unwrap().drain(..) {
            connection.shutdown(Shutdown::Both).ok();
        }
    }

    pub(crate) fn come_back(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port())).unwrap();
        self.listen(listener);
    }

    /// How many connections it has accepted since it was started.
    pub(crate) fn connections(&self) -> usize {
        self.inner.connections.lock().unwrap().len()
    }

    /// From now on it has one database.
    pub(crate) fn refuse_databases(&self) {
        self.inner.refuses_databases.store(true, Ordering::SeqCst);
    }

    /// The words with which connections began.
    pub(crate) fn first_words(&self) -> Vec<String> {
        self.inner.first_words.lock().unwrap().clone()
    }

    /// The commands received, without those of the handshake.
    pub(crate) fn log(&self) -> Vec<String> {
        self.inner.log.lock().unwrap().clone()
    }

    /// Without what the proxy says by itself when its clients are paused.
    pub(crate) fn log_of_clients(&self) -> Vec<String> {
        let mut log = self.log();
        log.retain(|line| !line.starts_with("NODE KEEP "));
        log
    }

    pub(crate) fn received(&self, command: &str) -> usize {
        self.log().iter().filter(|line| *line == command).count()
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.inner.is_up.store(false, Ordering::SeqCst);
        self.cut_connections();
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) {
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        let mut buffer = Vec::new();
        let mut batch = RequestBatch::default();
        let mut piece = [0; 65536];
        loop {
            let Ok(count @ 1..) = stream.read(&mut piece) else {
                return;
            };
            buffer.extend_from_slice(&piece[..count]);
            scanner.scan(&mut buffer, &mut batch, usize::MAX).unwrap();
            for request in batch.requests() {
                let args = batch.args(&buffer, request);
                let words: Vec<String> = args
                    .iter_from(0)
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect();
                if !self.answer(&words, &mut stream) {
                    stream.shutdown(Shutdown::Both).ok();
                    return;
                }
            }
            let finished = scanner.finished_bytes();
            buffer.drain(..finished);
            scanner.dropped(finished);
            batch.clear();
        }
    }

    fn answer_first_word(&self, words: &[String], stream: &mut TcpStream) -> bool {
        let number = {
            let mut first_words = self.first_words.lock().unwrap();
            first_words.push(words.join(" "));
            let infos = first_words.iter().filter(|line| *line == "CLIENT INFO");
            infos.count()
        };
        let answer = match (&*words[0], words.len()) {
            ("CLIENT", 2) => bulk(&format!("id={number} addr=1.2.3.4:{number} fd=8\n")),
            ("CLIENT", _) => ":1\r\n".to_owned(),
            ("SELECT", _) if self.refuses_databases.load(Ordering::SeqCst) => {
                "-ERR DB index is out of range\r\n".to_owned()
            }
            _ => "+PONG\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    }

    /// `false`: hang up.
    fn answer(&self, words: &[String], stream: &mut TcpStream) -> bool {
        if words[0] == "FUNCTION" {
            // Asked by the proxy itself, when the node was away.
            return stream.write_all(b"*0\r\n").is_ok();
        }
        let says_keys = words[0] == "NODE" && words.get(1).is_some_and(|word| word == "KEYS");
        if says_keys || matches!(&*words[0], "PING" | "SELECT" | "AUTH" | "HELLO" | "CLIENT") {
            return self.answer_first_word(words, stream);
        }
        let number = {
            let mut log = self.log.lock().unwrap();
            log.push(words.join(" "));
            log.len()
        };
        while *self.manner.lock().unwrap() == Manner::WaitsAt(number) {
            super::pause(Duration::from_millis(1));
        }
        let manner = self.manner.lock().unwrap().clone();
        match manner {
            Manner::Good | Manner::WaitsAt(_) => {}
            Manner::Slow(most_us) => {
                let mixed = self
                    .dice
                    .fetch_add(1, Ordering::Relaxed)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    >> 33;
                super::pause(Duration::from_micros(mixed % most_us));
            }
            Manner::SaysBefore(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return false;
                }
            }
            Manner::Stale(times) => {
                let next = times.checked_sub(1).filter(|left| *left > 0);
                let next = next.map_or(Manner::Good, Manner::Stale);
                *self.manner.lock().unwrap() = next;
                return stream
                    .write_all(b"-STALEEPOCH 1 is older than 2\r\n")
                    .is_ok();
            }
            Manner::Mute => return true,
            Manner::Says(bytes) => return stream.write_all(&bytes).is_ok(),
            Manner::HangsUp => return false,
        }
        let reply = match (&*words[0].to_ascii_uppercase(), words.len()) {
            ("GET", 2) => bulk(&words[1]),
            ("MGET", _) => {
                let values: String = words[1..].iter().map(|key| bulk(key)).collect();
                format!("*{}\r\n{values}", words.len() - 1)
            }
            ("DEL" | "UNLINK" | "EXISTS" | "TOUCH", count) => format!(":{}\r\n", count - 1),
            ("DBSIZE", _) => ":7\r\n".to_owned(),
            ("SCAN", _) => {
                let next = if words[1] == "0" { "5" } else { "0" };
                format!(
                    "*2\r\n{}*1\r\n{}",
                    bulk(next),
                    bulk(&format!("at{}", words[1]))
                )
            }
            ("LARGE", _) | ("GETRANGE", _) => bulk(&"x".repeat(words[3].parse().unwrap())),
            _ => "+OK\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).is_ok()
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}
