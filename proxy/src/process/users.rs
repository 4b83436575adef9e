//! The users of a file, or of the topology's store: looked at again and again, and obeyed once they have changed.
//! Never: writes them. Invariants: nobody waits for the file but the thread that reads it; a text of which anything is wrong is said once and changes nothing, and so is a store
//! that cannot be reached, or has none any more; as long as the text stays as it is, so does what ACL SETUSER has changed since.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::config::UsersIn;
use shared::users_file::read_text;
use store::{TopologyStore, in_one_line};

use crate::access::place;
use crate::events::{Kind, News};
use crate::facts::ProxyShared;
use crate::reload::ReloadWatch;

/// How often the file is read, as certificates are.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Obeys the newest file.
pub(super) struct UsersService {
    proxy: Arc<ProxyShared>,
    reload: ReloadWatch,
    /// What it held, or what was wrong, at the last look; nothing before the first one.
    seen: Option<Result<String, String>>,
}

impl UsersService {
    pub(super) fn new(proxy: Arc<ProxyShared>, reload: ReloadWatch) -> Self {
        Self {
            proxy,
            reload,
            seen: None,
        }
    }

    /// What a look at the file came to, or the store has said. The caller has the turn.
    fn note(&mut self, looked: Result<String, String>, is_told: bool) {
        let is_first = self.seen.is_none();
        if !is_told && (is_first || self.seen.as_ref() == Some(&looked)) {
            self.seen = Some(looked);
            return;
        }
        // It comes from here: what was changed at this proxy since is newer.
        let is_known = |text: &String| !self.proxy.access.ledger().is_news(text, is_told);
        if looked.as_ref().is_ok_and(is_known) {
            self.seen = Some(looked);
            return;
        }
        let config = &self.proxy.config;
        let taken = match &looked {
            // As while somebody writes it anew: it would let in whomever the default user is.
            Ok(text) if text.trim().is_empty() && !is_first => {
                Err("it is empty; ACL LOAD obeys it all the same".to_owned())
            }
            Ok(text) => self.proxy.access.take(&place(config), text, config),
            Err(problem) => Err(problem.clone()),
        };
        match taken {
            Ok(true) => {
                let words = "users read again; clients whose user is gone are closed";
                self.proxy.events.tell(News::info(Kind::Reloaded, words));
            }
            Ok(false) => {}
            Err(problem) => {
                let words = format!("users not used; those in use stay: {problem}");
                let news = News::warning(Kind::ConfigurationRefused, words);
                self.proxy.events.tell(news);
            }
        }
        self.seen = Some(looked);
    }

    /// Hears of every change in the store.
    async fn follow_store(&mut self, mut shutdown: ShutdownWatch) {
        let proxy = Arc::clone(&self.proxy);
        let config = &proxy.config;
        let store = match TopologyStore::at(&config.topology, &config.topology_access()) {
            Ok(store) => store,
            Err(error) => {
                tracing::error!(%error, "users in the store are not followed");
                return;
            }
        };
        let mut watch = store.watch_users();
        let mut is_told = false;
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                seen = watch.next() => {
                    let Some(seen) = seen else { return };
                    let looked = seen.map_err(|error| in_one_line(&error));
                    let is_told = std::mem::take(&mut is_told);
                    let _turn = proxy.access.turn().await;
                    // Those of the start were taken up before this.
                    self.seen.get_or_insert(Ok(String::new()));
                    self.note(looked, is_told);
                }
                () = self.reload.told() => {
                    is_told = true;
                    watch.look_again();
                }
            }
        }
    }
}

#[async_trait]
impl Service for UsersService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        mut shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        if self.proxy.config.users == UsersIn::Store {
            return self.follow_store(shutdown).await;
        }
        let Some(path) = self.proxy.config.aclfile.clone() else {
            return;
        };
        // Taken at the start, before the first look.
        let proxy = Arc::clone(&self.proxy);
        let mut is_told = false;
        loop {
            let path = path.clone();
            let look = async {
                let turn = proxy.access.turn().await;
                let read = tokio::task::spawn_blocking(move || read_text(&path));
                (turn, read.await)
            };
            tokio::select! {
                _ = shutdown.changed() => return,
                (_turn, Ok(looked)) = look => self.note(looked, is_told),
            }
            is_told = tokio::select! {
                _ = shutdown.changed() => return,
                () = self.reload.told() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
        }
    }

    fn name(&self) -> &str {
        "users"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
