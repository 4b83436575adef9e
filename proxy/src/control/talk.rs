//! What a shard's primary is asked about its functions, and told of others': over a connection of its own ([`asking`]).
//! Never: decides what is missing ([`super::libraries`] does).
//! Bound: [`MOST_ANSWER_BYTES`] of each answer.

use std::time::Duration;

use shared::resp::Frame;
use shared::topology::Address;
use tokio::time::sleep;

use super::asking::{self, said};
pub(super) use super::asking::{Manner as Way, Unanswered as Problem};
use super::libraries::{self, Library, Refusal};

/// By then all threads of all proxies route by a version that is in use here.
pub(super) const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// Longest answer, bytes: a library's text is one argument of a request.
const MOST_ANSWER_BYTES: usize = 64 << 20;

/// A node that is asked about its functions.
pub(super) struct Talk(asking::Talk);

impl Talk {
    /// Connects to a node.
    pub(super) async fn open(address: &Address, way: &Way) -> Result<Self, Problem> {
        Ok(Self(way.connect(address).await?))
    }

    /// Libraries; `None` where nothing is known of functions.
    pub(super) async fn list(&mut self, words: &[&[u8]]) -> Result<Option<Vec<Library>>, Problem> {
        let reply = self.ask(words).await?;
        if libraries::knows_none(&reply) {
            return Ok(None);
        }
        match reply.is_error() {
            true => Err(said(&reply)),
            false => libraries::read(reply).map(Some).ok_or(Problem::Closed),
        }
    }

    /// The text of a library, if it is there.
    async fn text(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let listed = self.list(&libraries::ask_text(name)).await?;
        let mut listed = listed.unwrap_or_default().into_iter();
        Ok(listed.find_map(|library| library.text))
    }

    /// Whether it was loaded; else somebody else has done so.
    async fn load(&mut self, text: &[u8], replaces: bool) -> Result<bool, Problem> {
        let reply = match replaces {
            true => self.ask(&[b"FUNCTION", b"LOAD", b"REPLACE", text]).await?,
            false => self.ask(&[b"FUNCTION", b"LOAD", text]).await?,
        };
        if !reply.is_error() {
            return Ok(true);
        }
        match libraries::refusal(reply.as_bytes().unwrap_or_default()) {
            Refusal::There => Ok(false),
            Refusal::NotYet => Err(said(&reply)),
        }
    }

    async fn ask(&mut self, words: &[&[u8]]) -> Result<Frame, Problem> {
        self.0.ask(words, MOST_ANSWER_BYTES).await
    }
}

/// Brings libraries of these names; how many that were. What clients load, replace or delete meanwhile is looked for a moment later: it may have been sent to some shards before,
/// and to others behind what is brought.
pub(super) async fn hand_over(
    from: &mut Talk,
    to: &mut Talk,
    names: impl Iterator<Item = String>,
) -> Result<usize, Problem> {
    let mut brought = Vec::new();
    for name in names {
        let Some(text) = from.text(&name).await? else {
            continue;
        };
        if to.load(&text, false).await? {
            brought.push((name, text));
        }
    }
    if !brought.is_empty() {
        sleep(SETTLED_AFTER).await;
    }
    for (name, text) in &brought {
        match from.text(name).await? {
            Some(newer) if newer != *text => {
                to.load(&newer, true).await?;
            }
            Some(_) => {}
            None => {
                to.ask(&[b"FUNCTION", b"DELETE", name.as_bytes()]).await?;
            }
        }
    }
    Ok(brought.len())
}
