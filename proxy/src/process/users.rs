//! The file of users: looked at again and again, and obeyed once it has changed.
//! Never: writes it. Invariants: nobody waits for the file but the thread that reads it; a file of which anything is wrong is said once and changes nothing; as long as
//! the file stays as it is, so does what ACL SETUSER has changed since.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use shared::users_file::read_text;

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

    /// What a look at the file came to.
    fn note(&mut self, looked: Result<String, String>, is_told: bool) {
        let is_first = self.seen.is_none();
        if !is_told && (is_first || self.seen.as_ref() == Some(&looked)) {
            self.seen = Some(looked);
            return;
        }
        let config = &self.proxy.config;
        let taken = match (&looked, &config.aclfile) {
            // As while somebody writes it anew: it would let in whomever the default user is.
            (Ok(text), Some(_)) if text.trim().is_empty() && !is_first => {
                Err("it is empty; ACL LOAD obeys it all the same".to_owned())
            }
            (Ok(text), Some(path)) => self.proxy.access.take(path, text, config),
            (Err(problem), _) => Err(problem.clone()),
            (_, None) => Ok(false),
        };
        match taken {
            Ok(true) => tracing::info!("users read again; clients whose user is gone are closed"),
            Ok(false) => {}
            Err(problem) => {
                tracing::warn!(%problem, "file of users not used; those in use stay");
            }
        }
        self.seen = Some(looked);
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
        let Some(path) = self.proxy.config.aclfile.clone() else {
            return;
        };
        // Taken at the start, before the first look.
        let mut is_told = false;
        loop {
            let path = path.clone();
            tokio::select! {
                _ = shutdown.changed() => return,
                Ok(looked) = tokio::task::spawn_blocking(move || read_text(&path)) => self.note(looked, is_told),
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
