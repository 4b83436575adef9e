//! [`Copy`]: a leader's keys on their way here, in the place of what was there.
//! Never: leaves half of them behind. Invariant: a copy that is not complete is not taken for one, whenever it breaks off.

use super::handshake::LinkError;
use super::random_id;
use crate::loading::take_libraries;
use crate::log::read_epochs;
use crate::node_state::{Link, LoadProgress};
use crate::rdb::{FileReader, Loaded, Loading, Taken};
use crate::shell::{Core, Shell};
use crate::store::DbIndex;
use protocol::EpochTable;
use std::cell::Cell;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tracing::info;

/// The same of what is loaded: others are only told that the node loads.
const LOAD_SLICE_NS: u64 = 1_000_000;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of the mark behind a snapshot whose length was not known.
const MARK_BYTES: usize = 40;

/// A copy of a leader's keys that has begun. If it is dropped before its end, there are no keys.
pub(super) struct Copy<'a> {
    shell: &'a Shell,
    patience: Duration,
    is_whole: Cell<bool>,
    /// The order to follow that it was begun for.
    order: u64,
}

/// How a snapshot ends.
enum Length {
    /// After so many bytes.
    Known(u64),
    /// With this mark.
    Marked(Vec<u8>),
}

impl<'a> Copy<'a> {
    /// All keys go. What they were is a log no more.
    pub(super) async fn begin(shell: &'a Shell, patience: Duration) -> Result<Self, LinkError> {
        // What is being saved is still what was.
        loop {
            let saved = shell.saved.notified();
            if shell.core.borrow().node.persistence.saving.is_none() {
                break;
            }
            saved.await;
        }
        let id = random_id().map_err(|_| LinkError::Random)?;
        let now_ms = shell.clock.wall_ms();
        let followers = {
            let core = &mut *shell.core.borrow_mut();
            core.store.clear_all(DbIndex::default());
            let replication = &mut core.node.replication;
            replication.copied(id, 0);
            let link = Link::Syncing {
                total_bytes: None,
                read_bytes: 0,
            };
            replication.set_link(link, now_ms);
            replication.on_disk_from = None;
            core.node.member.set_epochs(EpochTable::default());
            if let Some(log) = &mut *shell.log.borrow_mut() {
                log.jump(0);
            }
            core.node.persistence.loading = Some(LoadProgress {
                started_seconds: now_ms / 1_000,
                used_memory: core.store.used_memory(),
                is_copy: true,
                ..LoadProgress::default()
            });
            core.node.persistence.settle();
            let followers = core.node.replication.followers().iter();
            followers.map(|one| one.client.id()).collect::<Vec<u64>>()
        };
        // They would follow what is no more.
        shell.cut(&followers);
        info!("copies the leader's keys");
        Ok(Self {
            shell,
            patience,
            order: shell.follow_orders.get(),
            is_whole: Cell::new(false),
        })
    }

    /// Takes all keys, and gives back what came behind them, and what was said of them.
    pub(super) async fn take(
        &self,
        stream: &mut TcpStream,
        heard: Vec<u8>,
    ) -> Result<(Vec<u8>, Loaded), LinkError> {
        let (length, heard) = self.length(stream, heard).await?;
        let total_bytes = match &length {
            Length::Known(bytes) => Some(*bytes),
            Length::Marked(_) => None,
        };
        let mut reader = FileReader::new();
        let mut held = heard;
        let mut read_bytes = 0;
        loop {
            let (ready, is_over) = ready_bytes(&length, read_bytes, &held);
            let ready = held.drain(..ready).collect::<Vec<u8>>();
            read_bytes += ready.len() as u64;
            self.note(total_bytes, read_bytes);
            if !ready.is_empty() {
                reader.feed(&ready);
            }
            if is_over {
                reader.end();
            }
            while self.slice(&mut reader)? == Loading::Goes {
                tokio::task::yield_now().await;
            }
            if is_over {
                break;
            }
            self.read(stream, &mut held).await?;
        }
        if let Length::Marked(mark) = &length {
            held.drain(..mark.len());
        }
        let (keys, made_by) = (reader.loaded().keys, &reader.loaded().made_by);
        info!(keys, bytes = read_bytes, %made_by, "the leader's keys are copied");
        Ok((held, reader.loaded().clone()))
    }

    /// The line before a snapshot, behind lines that say that the leader is still there.
    async fn length(
        &self,
        stream: &mut TcpStream,
        mut heard: Vec<u8>,
    ) -> Result<(Length, Vec<u8>), LinkError> {
        loop {
            while let Some(end) = heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = heard.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                let strange = LinkError::Strange(line.clone());
                let length = line.strip_prefix('$').ok_or(strange)?;
                if let Some(mark) = length.strip_prefix("EOF:") {
                    if mark.len() != MARK_BYTES {
                        return Err(LinkError::Strange(line));
                    }
                    return Ok((Length::Marked(mark.as_bytes().to_vec()), heard));
                }
                let bytes = length.parse().map_err(|_| LinkError::Strange(line))?;
                return Ok((Length::Known(bytes), heard));
            }
            if heard.len() > READ_BYTES {
                let what = "no line comes before its snapshot".to_owned();
                return Err(LinkError::Strange(what));
            }
            self.read(stream, &mut heard).await?;
        }
    }

    async fn read(&self, stream: &mut TcpStream, held: &mut Vec<u8>) -> Result<(), LinkError> {
        held.reserve(READ_BYTES);
        let read = tokio::time::timeout(self.patience, stream.read_buf(held)).await;
        match read.map_err(|_| LinkError::Silent)?? {
            0 => Err(LinkError::Closed),
            _ => Ok(()),
        }
    }

    fn note(&self, total_bytes: Option<u64>, read_bytes: u64) {
        let now_ms = self.shell.clock.wall_ms();
        let node = &mut self.shell.core.borrow_mut().node;
        let link = Link::Syncing {
            total_bytes,
            read_bytes,
        };
        node.replication.set_link(link, now_ms);
        if let Some(loading) = &mut node.persistence.loading {
            loading.total_bytes = total_bytes.unwrap_or(read_bytes);
            loading.read_bytes = read_bytes;
        }
    }

    fn slice(&self, reader: &mut FileReader) -> Result<Loading, LinkError> {
        let core = &mut *self.shell.core.borrow_mut();
        // Keys end when the leader says so.
        core.store.stand_still();
        let small = core.node.settings.hot.small;
        let taken = Taken {
            limits: &|kind| small.of_kind(kind),
            now_ms: 0,
        };
        let watch = core.executor.watch().clone();
        let began = watch.read();
        loop {
            let loading = reader.go_on(&mut core.store, taken);
            let loading = loading.map_err(|fault| {
                LinkError::Broken(format!(
                    "at byte {} of its snapshot: {fault}",
                    reader.offset()
                ))
            })?;
            if loading != Loading::Goes || watch.since_ns(began) > LOAD_SLICE_NS {
                return Ok(loading);
            }
        }
    }

    /// The copy is complete: it is what the leader had at this offset of its log. In which database that goes on.
    pub(super) fn end(
        &self,
        id: String,
        offset: u64,
        loaded: &Loaded,
    ) -> Result<DbIndex, LinkError> {
        let epochs = read_epochs(&loaded.epochs);
        let epochs = epochs.ok_or_else(|| LinkError::Broken("the epochs of its log".to_owned()))?;
        self.is_whole.set(true);
        let core = &mut *self.shell.core.borrow_mut();
        core.node.member.set_epochs(epochs);
        if let Some(replica) = core.node.member.replica_mut() {
            replica.synced();
        }
        core.node.replication.copied(id, offset);
        let known = loaded.log_db < core.store.databases();
        let db = DbIndex(if known { loaded.log_db } else { 0 });
        core.store.go_on_with(db);
        take_libraries(core, loaded);
        if let Some(log) = &mut *self.shell.log.borrow_mut() {
            log.jump(offset);
        }
        core.node.persistence.loading = None;
        core.node.persistence.settle();
        Ok(db)
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        // After another order the keys are not this one's any more, and who gave that has seen to them.
        if !self.is_whole.get() && self.order == self.shell.follow_orders.get() {
            give_up(&mut self.shell.core.borrow_mut());
        }
    }
}

/// A copy that is not complete is none: there are no keys.
pub(super) fn give_up(core: &mut Core) {
    let persistence = &mut core.node.persistence;
    if persistence.loading.is_some_and(|loading| loading.is_copy) {
        persistence.loading = None;
        persistence.settle();
        core.store.clear_all(DbIndex::default());
    }
}

/// How many of the bytes held belong to a snapshot of which so many have come, and whether they are its last.
fn ready_bytes(length: &Length, read_bytes: u64, held: &[u8]) -> (usize, bool) {
    match length {
        Length::Known(bytes) => {
            let left = usize::try_from(bytes - read_bytes).unwrap_or(usize::MAX);
            (left.min(held.len()), left <= held.len())
        }
        // Nothing follows the mark before this node has said that it has all.
        Length::Marked(mark) => (held.len().saturating_sub(mark.len()), held.ends_with(mark)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, ready_bytes};

    #[test]
    fn a_snapshot_ends_where_its_length_or_its_mark_says() {
        let known = Length::Known(10);
        assert_eq!(ready_bytes(&known, 0, b"12345"), (5, false));
        assert_eq!(ready_bytes(&known, 5, b"12345"), (5, true));
        assert_eq!(ready_bytes(&known, 8, b"12345"), (2, true));
        assert_eq!(ready_bytes(&Length::Known(0), 0, b""), (0, true));
        let marked = Length::Marked(b"end".to_vec());
        assert_eq!(ready_bytes(&marked, 0, b"12345"), (2, false));
        assert_eq!(ready_bytes(&marked, 0, b"en"), (0, false));
        assert_eq!(ready_bytes(&marked, 7, b"12end"), (2, true));
    }
}
