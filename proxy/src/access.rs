//! Who may do what at this proxy: users swapped whole, read without a lock, the same for all threads; what was refused to them; and the file they come from.
//! Reads and writes the file when told to, which waits for the disk: beside the threads. Invariant: whoever changes users has the ledger, so that no change is lost.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use shared::access::{AccessLog, ChannelsByDefault, PasswordDice, Reason, Users};
use shared::config::{AclPubsubDefault, ProxyConfig};
use shared::users_file::{read_text, write_users};

use crate::counters::Count;

/// The users in use.
#[derive(Debug)]
pub(crate) struct LiveAccess {
    users: ArcSwap<Users>,
    /// One more per change: clients look whether theirs is still the same.
    version: AtomicU64,
    /// What was refused: log-ins, commands, keys, channels.
    denied: [Count; 4],
    ledger: Mutex<Ledger>,
}

/// What only one thread at a time has.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// ACL LOG.
    pub(crate) log: AccessLog,
    /// ACL GENPASS.
    pub(crate) dice: PasswordDice,
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
            }),
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

    /// These are the users from now on. The caller has had the ledger since it looked at those that were before.
    pub(crate) fn publish(&self, users: Arc<Users>, _ledger: &mut Ledger) {
        self.users.store(users);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// The users of this text, which the file at `path` holds, are those in use from now on; whether any of them is another one.
    ///
    /// # Errors
    /// All that is wrong with it; then nothing has changed.
    pub(crate) fn take(
        &self,
        path: &Path,
        text: &str,
        config: &ProxyConfig,
    ) -> Result<bool, String> {
        let shown = path.display().to_string();
        let users = Users::of_file(&shown, text, &config.requirepass, channels(config))?;
        let mut ledger = self.ledger();
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
        match errand {
            FileErrand::Load => {
                let text = read_text(path)?;
                self.take(path, &text, config).map(|_| ())
            }
            FileErrand::Save => write_users(path, &self.users()),
        }
    }
}

/// Which channels a user may use of whom no rule says so.
pub(crate) fn channels(config: &ProxyConfig) -> ChannelsByDefault {
    match config.acl_pubsub_default {
        AclPubsubDefault::ResetChannels => ChannelsByDefault::None,
        AclPubsubDefault::AllChannels => ChannelsByDefault::All,
    }
}
