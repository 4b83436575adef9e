//! The connection to one node for what is no client's business: is it there, what does it say of itself, orders.
//! Reaches: one socket at a time. Never: decides anything; keeps what could not be said, for who asks asks again.
//! Invariants: whatever the node does, what is kept for it is bounded, and its silence ends the connection; answers come in the order of the questions.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::time::Duration;

use protocol::detector::Failure;
use shared::config::Secret;
use shared::resp::{Frame, ReplyScanner, decode_scanned, encode_request};
use shared::topology::{Address, NodeId, NodeKind, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::plain::Part;
use super::words::{Said, said};
use crate::sightings::failure;

/// Questions that may wait for one node.
const MOST_QUESTIONS: usize = 32;

/// Longest answer, bytes; a primary with 64 followers says some 10,000.
const MOST_ANSWER_BYTES: usize = 256 * 1024;

/// A connection on which no answer comes to its end for so long, though one is owed, is given up, so that what is owed stays few: a new one may find the way again sooner than the old one.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// What to say to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Its words; none ask for its status.
    pub(super) order: Option<Vec<String>>,
    /// The newest version of the topology that was known then.
    pub(super) version: Version,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This node has said this, asked while that version was the newest.
    Said(Box<Said>, Version),
    /// This plain server has said this.
    Plain(Part),
    /// A plain server does as it was told.
    Obeyed,
    /// It has refused an order, or is not ready to say anything.
    Refused(String),
    /// It cannot be reached, or has not answered.
    Failed(Failure),
}

/// An answer, whose it is, and over which link it came.
pub(super) type Heard = (NodeId, u64, Answer);

/// How a node is reached.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) node: NodeId,
    pub(super) address: Address,
    pub(super) kind: NodeKind,
    pub(super) password: Secret,
    pub(super) connect_timeout: Duration,
}

/// The way to one node; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    pub(super) kind: NodeKind,
    /// Answers name it, so that those of a former one are not taken for its.
    pub(super) number: u64,
    questions: mpsc::Sender<Question>,
    task: JoinHandle<()>,
}

impl Link {
    /// Connects when something is asked.
    pub(super) fn start(way: Way, number: u64, heard: mpsc::Sender<Heard>) -> Self {
        let (questions, asked) = mpsc::channel(MOST_QUESTIONS);
        Self {
            address: way.address.clone(),
            kind: way.kind,
            number,
            questions,
            task: tokio::spawn(run(way, number, asked, heard)),
        }
    }

    /// Says something to the node, unless too much waits already. Whether it will be said.
    pub(super) fn say(&self, question: Question) -> bool {
        self.questions.try_send(question).is_ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    way: Way,
    number: u64,
    mut asked: mpsc::Receiver<Question>,
    heard: mpsc::Sender<Heard>,
) {
    while let Some(first) = asked.recv().await {
        let mut talk = Talk {
            way: &way,
            number,
            heard: &heard,
            owed: VecDeque::new(),
            begun: Vec::new(),
            scanner: ReplyScanner::default(),
        };
        let ended = talk.connect_and_go_on(first, &mut asked).await;
        let Err(reason) = ended else {
            return;
        };
        talk.tell(Answer::Failed(reason)).await;
        // They were asked of a connection that is no more.
        while asked.try_recv().is_ok() {}
    }
}

/// One connection.
struct Talk<'a> {
    way: &'a Way,
    number: u64,
    heard: &'a mpsc::Sender<Heard>,
    /// What was asked and is not answered: the version, or nothing for the password.
    owed: VecDeque<Option<Version>>,
    /// Of an answer, and how far it was looked at.
    begun: Vec<u8>,
    scanner: ReplyScanner,
}

impl Talk<'_> {
    /// Until the connection fails; `Ok` when nobody asks any more.
    async fn connect_and_go_on(
        &mut self,
        first: Question,
        asked: &mut mpsc::Receiver<Question>,
    ) -> Result<(), Failure> {
        let connecting = TcpStream::connect(self.way.address.pair());
        let connected = timeout(self.way.connect_timeout, connecting).await;
        let mut stream = match connected {
            Ok(connected) => connected.map_err(|error| failure(&error))?,
            Err(_) => return Err(Failure::Timeout),
        };
        stream.set_nodelay(true).map_err(|error| failure(&error))?;
        let mut words = Vec::new();
        if !self.way.password.is_empty() {
            encode_request(&mut words, ["AUTH", self.way.password.reveal()]);
            self.owed.push_back(None);
        }
        self.ask(&first, &mut words);
        write(&mut stream, &words).await?;
        let mut silence = pin!(sleep_until(Instant::now() + LONGEST_SILENCE));
        loop {
            tokio::select! {
                question = asked.recv() => {
                    let Some(question) = question else {
                        return Ok(());
                    };
                    if self.owed.is_empty() {
                        silence.as_mut().reset(Instant::now() + LONGEST_SILENCE);
                    }
                    words.clear();
                    self.ask(&question, &mut words);
                    write(&mut stream, &words).await?;
                }
                read = stream.read_buf(&mut self.begun) => {
                    if read.map_err(|error| failure(&error))? == 0 {
                        return Err(Failure::Reset);
                    }
                    if self.take().await? {
                        silence.as_mut().reset(Instant::now() + LONGEST_SILENCE);
                    }
                }
                () = &mut silence, if !self.owed.is_empty() => return Err(Failure::Timeout),
            }
        }
    }

    fn ask(&mut self, question: &Question, out: &mut Vec<u8>) {
        match &question.order {
            None if self.way.kind == NodeKind::Redis => encode_request(out, PLAIN_STATUS),
            None => encode_request(out, ["NODE", "STATUS"]),
            Some(words) => encode_request(out, words.iter().map(String::as_str)),
        }
        self.owed.push_back(Some(question.version));
    }

    /// Hands on every answer that is complete; whether there was one.
    async fn take(&mut self) -> Result<bool, Failure> {
        let mut taken = 0;
        loop {
            let scanned = self.scanner.scan(&self.begun[taken..]);
            let Some(end) = scanned.map_err(|_| Failure::Reset)? else {
                break;
            };
            let frame = decode_scanned(&self.begun[taken..taken + end]);
            let frame = frame.map_err(|_| Failure::Reset)?;
            taken += end;
            match (self.owed.pop_front(), frame) {
                // Nobody has asked for it: it is no node of ours.
                (None, _) => return Err(Failure::Reset),
                (Some(None), Frame::Error(text)) => {
                    let (node, reply) = (&self.way.node, String::from_utf8_lossy(&text));
                    tracing::debug!(%node, %reply, "node does not take the proxy's password");
                    return Err(Failure::Reset);
                }
                (Some(None), _) => {}
                (Some(Some(version)), frame) => {
                    let answer = match self.way.kind {
                        NodeKind::Switchyard => answer(&frame, version),
                        NodeKind::Redis => plain_answer(&frame),
                    };
                    self.tell(answer).await;
                }
            }
        }
        self.begun.drain(..taken);
        if self.begun.len() > MOST_ANSWER_BYTES {
            return Err(Failure::Reset);
        }
        Ok(taken > 0)
    }

    async fn tell(&self, answer: Answer) {
        // Nobody listens any more when the proxy ends.
        let heard = (self.way.node.clone(), self.number, answer);
        self.heard.send(heard).await.ok();
    }
}

/// Most of a refusal that is told on, in characters.
const MOST_SHOWN: usize = 200;

fn answer(frame: &Frame, version: Version) -> Answer {
    match said(frame) {
        Some(said) => Answer::Said(Box::new(said), version),
        None => refused(frame),
    }
}

/// What a plain server is asked instead.
const PLAIN_STATUS: [&str; 2] = ["INFO", "replication"];

fn plain_answer(frame: &Frame) -> Answer {
    let text = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default());
    match Part::read(&text) {
        _ if frame.is_error() => refused(frame),
        Some(part) => Answer::Plain(part),
        None if text.starts_with("OK") => Answer::Obeyed,
        None => refused(frame),
    }
}

fn refused(frame: &Frame) -> Answer {
    let text = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default());
    Answer::Refused(text.chars().take(MOST_SHOWN).collect())
}

async fn write(stream: &mut TcpStream, words: &[u8]) -> Result<(), Failure> {
    let written: io::Result<()> = match timeout(LONGEST_SILENCE, stream.write_all(words)).await {
        Ok(written) => written,
        Err(_) => return Err(Failure::Timeout),
    };
    written.map_err(|error| failure(&error))
}
