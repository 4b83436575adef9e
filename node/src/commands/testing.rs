//! A node without sockets for the tests of handlers: commands go through the gates, time stands until it is moved.

use crate::client::{Identity, Session};
use crate::execute::{Executor, LongEnd, Output, Stop, Turn, Wait, Work};
use crate::node_state::{ClientKey, NodeState};
use crate::store::Store;
use shared::access::Login;
use shared::clock::Stopwatch;
use shared::config::Secret;
use shared::resp::{Protocol, RequestBatch, RequestLimits, RequestScanner};
use std::sync::Arc;

/// A keyspace, one client, and a clock that stands.
#[derive(Debug)]
pub(crate) struct TestNode {
    /// The keyspace.
    pub(crate) store: Store,
    /// Settings, counters, other clients.
    pub(crate) node: NodeState,
    /// The client that sends the commands.
    pub(crate) identity: Identity,
    /// What it has chosen.
    pub(crate) session: Box<Session>,
    /// Gates and effects.
    pub(crate) executor: Executor,
    /// Unix milliseconds.
    pub(crate) now_ms: u64,
    /// How the latest command ended.
    pub(crate) stop: Stop,
    /// Commands so far of which others had their turns in between.
    pub(crate) divided: usize,
}

impl TestNode {
    /// An empty node with 16 databases; it is 2026-01-01 00:00:00 UTC.
    pub(crate) fn new() -> Self {
        Self::with_seed(7)
    }

    /// Another one, whose hashes are other ones: as every process has its own.
    pub(crate) fn with_seed(seed: u64) -> Self {
        let now_ms = 1_767_225_600_000;
        let mut store = Store::new(16, seed);
        store.set_now(now_ms);
        let mut node = NodeState::default();
        let identity = Identity::new(node.clients.next_id(), now_ms);
        let key = node.clients.enter(identity.clone(), Session::default());
        Self {
            store,
            session: node.clients.take_session(key),
            node,
            identity,
            executor: Executor::new(Stopwatch::new()),
            now_ms,
            stop: Stop::Done,
            divided: 0,
        }
    }

    /// The same with a client that speaks RESP3.
    pub(crate) fn new_resp3() -> Self {
        let mut node = Self::new();
        node.session.protocol = Protocol::Resp3;
        node
    }

    /// The default user has this password, which the present client has not said.
    pub(crate) fn require(&mut self, password: &str) {
        self.node.settings.preset("requirepass", password);
        let access = &mut self.node.access;
        Arc::make_mut(&mut access.users).set_default_password(&Secret::new(password));
        self.session.login = Login::new(&access.users);
    }

    /// Another client, which has just connected; the next commands are still those of the present one.
    pub(crate) fn connect(&mut self) -> ClientKey {
        let identity = Identity::new(self.node.clients.next_id(), self.now_ms);
        let session = Session {
            login: Login::new(&self.node.access.users),
            ..Session::default()
        };
        self.node.clients.enter(identity, session)
    }

    /// The next commands are those of this client; which one it was before.
    pub(crate) fn switch_to(&mut self, client: ClientKey) -> ClientKey {
        let clients = &mut self.node.clients;
        let before = clients.key_of(self.identity.id).expect("it is connected");
        let session = std::mem::take(&mut self.session);
        clients.put_back(before, session);
        self.session = clients.take_session(client);
        self.identity = Identity::clone(&clients.at(client).identity);
        before
    }

    /// Another client connects and sends one command that has to wait.
    #[track_caller]
    pub(crate) fn block(&mut self, line: &str) -> ClientKey {
        let client = self.connect();
        let before = self.switch_to(client);
        assert_eq!(self.send(line), "", "{line}");
        assert_eq!(self.stop, Stop::Blocked, "{line}");
        self.switch_to(before);
        client
    }

    /// What clients that waited are to be told, in this order: their numbers, and replies written with blanks for line ends.
    pub(crate) fn answers(&mut self) -> Vec<(u64, String)> {
        let answers = self.node.blocked.take_answers().into_iter();
        let answers = answers.map(|answer| {
            let reply = String::from_utf8_lossy(&answer.reply).replace("\r\n", " ");
            (answer.client.id(), reply.trim_end().to_owned())
        });
        answers.collect()
    }

    /// Lets time go by.
    pub(crate) fn advance_ms(&mut self, by_ms: u64) {
        self.now_ms += by_ms;
        self.store.set_now(self.now_ms);
    }

    /// Sends one command and returns its reply as bytes.
    pub(crate) fn run_bytes(&mut self, words: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.run_stream(&mut request)
    }

    /// Sends one command and returns its reply, line ends as they are.
    pub(crate) fn run(&mut self, words: &[impl AsRef<[u8]>]) -> String {
        String::from_utf8_lossy(&self.run_bytes(words)).into_owned()
    }

    /// Sends one command, written with blanks between its words, and returns its reply.
    pub(crate) fn send(&mut self, line: &str) -> String {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// Sends the commands of a script one by one and compares the replies, written with blanks for line ends.
    pub(crate) fn expect(&mut self, script: &[(&str, &str)]) {
        for (line, expected) in script {
            let reply = self.send(line);
            let reply = reply.strip_suffix("\r\n").unwrap_or(&reply);
            assert_eq!(reply.replace("\r\n", " "), *expected, "{line}");
        }
    }

    /// Sends the commands of a script one by one and compares the words of their effects, written with blanks between.
    pub(crate) fn expect_effects(&mut self, script: &[(&str, &str)]) {
        for (line, expected) in script {
            self.send(line);
            let effects = self.store.take_effects().into_bytes();
            let effects = String::from_utf8_lossy(&effects).into_owned();
            // Every other line of a multibulk request is a length.
            let words: Vec<&str> = effects
                .split("\r\n")
                .filter(|line| !line.starts_with(['$', '*']))
                .collect();
            let words = words[..words.len() - 1].join(" ");
            assert_eq!(words, *expected, "{line}");
        }
    }

    /// Sends requests as they would arrive in one read and returns all replies.
    pub(crate) fn run_stream(&mut self, requests: &mut [u8]) -> Vec<u8> {
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        let mut batch = RequestBatch::default();
        scanner
            .scan(requests, &mut batch, usize::MAX)
            .expect("tests send RESP");
        let mut replies = Vec::new();
        self.node.now_us = self.now_ms * 1_000;
        let mut turn = Turn {
            store: &mut self.store,
            node: &mut self.node,
            identity: &self.identity,
            session: &mut self.session,
            now_ms: self.now_ms,
        };
        let mut work = Work {
            buffer: requests,
            batch: &batch,
            next: 0,
        };
        let mut output = Output {
            bytes: &mut replies,
            bound: usize::MAX,
        };
        self.stop = loop {
            // How long commands take depends on the machine.
            match self.executor.run(&mut turn, &mut work, &mut output) {
                Stop::Long | Stop::NewLimits | Stop::NotYet(Wait::Turn) => {}
                Stop::NotYet(Wait::OthersTurns) => {
                    self.divided += 1;
                    let args = batch.args(requests, &batch.requests()[work.next]);
                    let mut long = self.executor.begin(&mut turn, args);
                    let reply = loop {
                        match self.executor.go_on(&mut turn, long, args) {
                            LongEnd::NotYet(rest) => long = rest,
                            LongEnd::Over(reply) => break reply.into_pieces().concat(),
                        }
                    };
                    output.bytes.extend_from_slice(&reply);
                    work.next += 1;
                    let now_ms = turn.now_ms;
                    self.executor.serve(turn.store, turn.node, now_ms);
                }
                end => break end,
            }
        };
        replies
    }
}
