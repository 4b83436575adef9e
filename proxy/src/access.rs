//! Who may do what at this proxy: users swapped whole, read without a lock, the same for all threads; what was refused to them; and where they come from, a file or the
//! topology's store.
//! Reads and writes the file when told to, which waits for the disk: beside the threads; and asks the store, on the caller's runtime. Invariants: whoever changes users has the
//! ledger, so that no change is lost; what is written to the store takes the place of what these users were made from, and of nothing else; who reads or writes a text of users,
//! and takes it up, has the turn meanwhile, so that texts are known in the order in which they were there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use ring::digest::{SHA256, digest};
use shared::access::{AccessLog, ChannelsByDefault, PasswordDice, Reason, Users};
use shared::config::{AclPubsubDefault, ProxyConfig, SettingValue as _, UsersIn};
use shared::users_file::{read_text, write_text, written};
use store::{CasError, TopologyStore, in_one_line};
use tokio::sync::{Mutex as Turns, MutexGuard as Turn};

use crate::counters::Count;

/// Most texts that are known at a time: so many ACL SAVE and ACL LOAD may be ahead of who looks at the file or hears of the store.
const MOST_KNOWN: usize = 64;

/// The users in use.
#[derive(Debug)]
pub(crate) struct LiveAccess {
    users: ArcSwap<Users>,
    /// One more per change: clients look whether theirs is still the same.
    version: AtomicU64,
    /// What was refused: log-ins, commands, keys, channels.
    denied: [Count; 4],
    ledger: Mutex<Ledger>,
    /// Who reads or writes a text of users now.
    turns: Turns<()>,
}

/// What only one thread at a time has.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// ACL LOG.
    pub(crate) log: AccessLog,
    /// ACL GENPASS.
    pub(crate) dice: PasswordDice,
    /// The text of the store from which the users were made last.
    base: Option<String>,
    known: KnownTexts,
}

impl Ledger {
    /// A text was found in the file, or in the store. Whether it is news: neither what these users were made from nor what was put there by this proxy, however late one hears of
    /// it; or whatever is there is to be obeyed. After news nothing is known.
    pub(crate) fn is_news(&mut self, text: &str, is_to_be_obeyed: bool) -> bool {
        if is_to_be_obeyed {
            self.known = KnownTexts::default();
        }
        if !self.known.hear(text) {
            return true;
        }
        // A text that was put there without an answer has turned out to be there.
        let base = self.base.as_ref();
        if base.is_some_and(|base| !self.known.has(base)) {
            self.base = Some(text.to_owned());
        }
        false
    }
}

/// The texts that users were made from, or that were put where they come from, oldest first, since the one that was heard of last.
/// Bound: [`MOST_KNOWN`].
#[derive(Debug, Default)]
struct KnownTexts(VecDeque<Box<[u8]>>);

impl KnownTexts {
    fn mark(text: &str) -> Box<[u8]> {
        digest(&SHA256, text.as_bytes()).as_ref().into()
    }

    fn has(&self, text: &str) -> bool {
        self.0.contains(&Self::mark(text))
    }

    /// One more; whether it is another one than the newest.
    fn add(&mut self, text: &str) -> bool {
        let mark = Self::mark(text);
        if self.0.back() == Some(&mark) {
            return false;
        }
        if self.0.len() >= MOST_KNOWN {
            self.0.pop_front();
        }
        self.0.push_back(mark);
        true
    }

    /// It has not come to be there.
    fn forget(&mut self, text: &str) {
        let mark = Self::mark(text);
        if let Some(at) = self.0.iter().rposition(|known| *known == mark) {
            self.0.remove(at);
        }
    }

    /// It was there; whether it is known. What was there before it will not be heard of again: whoever puts that there means it.
    fn hear(&mut self, text: &str) -> bool {
        let mark = Self::mark(text);
        let at = self.0.iter().position(|known| *known == mark);
        self.0.drain(..at.unwrap_or(self.0.len()));
        at.is_some()
    }
}

/// What is to be done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileErrand {
    /// ACL LOAD
    Load,
    /// ACL SAVE
    Save,
}

impl LiveAccess {
    /// Begins with these; `seed` nobody else knows.
    pub(crate) fn new(users: Users, seed: [u8; 32]) -> Self {
        Self {
            users: ArcSwap::from_pointee(users),
            version: AtomicU64::new(0),
            denied: Default::default(),
            ledger: Mutex::new(Ledger {
                log: AccessLog::default(),
                dice: PasswordDice::new(seed),
                base: None,
                known: KnownTexts::default(),
            }),
            turns: Turns::new(()),
        }
    }

    /// Something has been refused.
    pub(crate) fn count_denied(&self, reason: Reason) {
        let place = match reason {
            Reason::Auth => 0,
            Reason::Command => 1,
            Reason::Key => 2,
            Reason::Channel => 3,
        };
        self.denied[place].add(1);
    }

    /// What has been: log-ins, commands, keys, channels.
    pub(crate) fn denied(&self) -> &[Count; 4] {
        &self.denied
    }

    /// Everybody.
    pub(crate) fn users(&self) -> Guard<Arc<Users>> {
        self.users.load()
    }

    /// One more per change.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is written down, for a moment.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // What a panic could leave half-done of it is a line of a log.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads or writes a text of users: as long as the store lets one wait at most.
    pub(crate) async fn turn(&self) -> Turn<'_, ()> {
        self.turns.lock().await
    }

    /// These are the users from now on. The caller has had the ledger since it looked at those that were before.
    pub(crate) fn publish(&self, users: Arc<Users>, _ledger: &mut Ledger) {
        self.users.store(users);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// The users of this text, which is at `place`, are those in use from now on; whether any of them is another one. The caller has the turn, or is alone.
    ///
    /// # Errors
    /// All that is wrong with it; then nothing has changed.
    pub(crate) fn take(
        &self,
        place: &str,
        text: &str,
        config: &ProxyConfig,
    ) -> Result<bool, String> {
        let users = Users::of_file(place, text, &config.requirepass, channels(config))?;
        let mut ledger = self.ledger();
        ledger.known.add(text);
        if config.users == UsersIn::Store {
            ledger.base = Some(text.to_owned());
        }
        if users.differences(&self.users()).is_empty() {
            return Ok(false);
        }
        self.publish(Arc::new(users), &mut ledger);
        Ok(true)
    }

    /// Reads the file, or writes it.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn carry_out(&self, errand: FileErrand, config: &ProxyConfig) -> Result<(), String> {
        let Some(path) = &config.aclfile else {
            return Ok(());
        };
        let _turn = self.turns.blocking_lock();
        match errand {
            FileErrand::Load => {
                let text = read_text(path)?;
                self.take(&place(config), &text, config).map(|_| ())
            }
            FileErrand::Save => {
                let text = written(&self.users())?;
                // Before it is there: who looks at the file must not take it for somebody else's.
                let is_added = self.ledger().known.add(&text);
                let done = write_text(path, &text);
                if done.is_err() && is_added {
                    self.ledger().known.forget(&text);
                }
                done
            }
        }
    }
}

impl LiveAccess {
    /// The same where users lie in the store.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) async fn carry_out_in_store(
        &self,
        errand: FileErrand,
        config: &ProxyConfig,
    ) -> Result<(), String> {
        let store = TopologyStore::at(&config.topology, &config.topology_access());
        let store = store.map_err(|error| in_one_line(&error))?;
        let _turn = self.turn().await;
        if errand == FileErrand::Load {
            let text = store.users().await.map_err(|error| in_one_line(&error))?;
            let text = text.ok_or_else(|| no_users(config))?;
            return self.take(&place(config), &text, config).map(|_| ());
        }
        let base = self.ledger().base.clone();
        let text = written(&self.users())?;
        // Before it is there: one may hear of it before the store has answered, and long after that.
        let is_added = self.ledger().known.add(&text);
        match store.put_users(base.as_deref(), &text).await {
            Ok(()) => {
                self.ledger().base = Some(text);
                Ok(())
            }
            Err(CasError::Lost) => {
                if is_added {
                    self.ledger().known.forget(&text);
                }
                Err(format!(
                    "{}: others have been put there since this proxy took them up; ACL LOAD takes up those, and gives up what was changed here",
                    place(config)
                ))
            }
            // It may have come to be there all the same.
            Err(error) => Err(in_one_line(&error)),
        }
    }
}

/// The users in the store, for the start.
///
/// # Errors
/// It cannot be reached, or there are none: nobody knows who may come in then.
pub(crate) async fn users_of_store(config: &ProxyConfig) -> Result<String, String> {
    let store = TopologyStore::at(&config.topology, &config.topology_access());
    let store = store.map_err(|error| in_one_line(&error))?;
    let text = store.users().await.map_err(|error| in_one_line(&error))?;
    text.ok_or_else(|| no_users(config))
}

/// Where users come from, for people.
pub(crate) fn place(config: &ProxyConfig) -> String {
    match (config.users, &config.aclfile) {
        (UsersIn::Store, _) => format!("users at {}", config.topology.print()),
        (UsersIn::Own, Some(path)) => path.display().to_string(),
        (UsersIn::Own, None) => String::new(),
    }
}

fn no_users(config: &ProxyConfig) -> String {
    let store = config.topology.print();
    format!(
        "{}: there are none yet; put some there: switchyard users put FILE --to {store}",
        place(config)
    )
}

/// Which channels a user may use of whom no rule says so.
pub(crate) fn channels(config: &ProxyConfig) -> ChannelsByDefault {
    match config.acl_pubsub_default {
        AclPubsubDefault::ResetChannels => ChannelsByDefault::None,
        AclPubsubDefault::AllChannels => ChannelsByDefault::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> LiveAccess {
        LiveAccess::new(Users::default(), [0; 32])
    }

    #[test]
    fn a_file_that_this_proxy_has_written_is_no_news_until_somebody_else_writes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.acl");
        let config = ProxyConfig {
            aclfile: Some(path.clone()),
            ..ProxyConfig::default()
        };
        let first = "user default on nopass ~* &* +@all\nuser eve on nopass ~* +@all\n";
        std::fs::write(&path, first).expect("written");
        let access = access();
        access.carry_out(FileErrand::Load, &config).expect("loaded");
        let mut users = Users::clone(&access.users());
        let gone = users.delete([&b"eve"[..]].into_iter());
        assert!(gone.is_ok_and(|gone| gone.len() == 1));
        access.publish(Arc::new(users), &mut access.ledger());
        access.carry_out(FileErrand::Save, &config).expect("saved");
        let saved = std::fs::read_to_string(&path).expect("saved");
        assert_ne!(saved, first);
        let is_news = |text: &str| access.ledger().is_news(text, false);
        assert!(!is_news(first), "a look that began before");
        assert!(!is_news(&saved) && !is_news(&saved));
        assert!(is_news(first), "somebody has put it back");
        assert!(is_news(&saved), "and that, too");
    }

    #[test]
    fn a_file_that_could_not_be_written_is_not_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = ProxyConfig {
            aclfile: Some(folder.path().join("missing").join("users.acl")),
            ..ProxyConfig::default()
        };
        let access = access();
        assert!(access.carry_out(FileErrand::Save, &config).is_err());
        let text = written(&access.users()).expect("a text");
        assert!(access.ledger().is_news(&text, false));
    }

    #[test]
    fn a_text_in_the_store_that_nobody_answered_for_becomes_the_base_once_it_is_there() {
        let access = access();
        let mut ledger = access.ledger();
        ledger.known.add("taken");
        ledger.base = Some("taken".to_owned());
        ledger.known.add("put");
        assert!(!ledger.is_news("taken", false), "late");
        assert_eq!(ledger.base.as_deref(), Some("taken"));
        assert!(!ledger.is_news("put", false));
        assert_eq!(ledger.base.as_deref(), Some("put"));
        assert!(ledger.is_news("taken", false));
        assert!(ledger.is_news("put", false), "after news nothing is known");
        ledger.known.add("put");
        assert!(!ledger.is_news("put", false));
        assert!(ledger.is_news("put", true), "somebody has said so");
    }

    #[test]
    fn late_texts_are_known_one_after_the_other_and_no_more_than_may_be() {
        let mut known = KnownTexts::default();
        assert!(known.add("a") && known.add("b") && !known.add("b") && known.add("a"));
        assert!(known.hear("a") && known.hear("b") && known.hear("a"));
        assert!(!known.hear("b"));
        assert!(known.add("a") && known.add("b") && known.add("c"));
        known.forget("b");
        assert!(known.has("a") && !known.has("b") && known.hear("c"));
        for number in 0..=MOST_KNOWN {
            assert!(known.add(&number.to_string()));
        }
        assert_eq!(known.0.len(), MOST_KNOWN);
        assert!(!known.has("0") && known.has("1"));
    }
}
