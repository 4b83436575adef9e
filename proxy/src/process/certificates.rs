//! The certificate in its files: looked at again and again, and shown to new clients once it has changed. Connections that are open keep theirs.
//! Never: writes the files. Invariants: nobody waits for the files but the thread that reads them, not even the end; a pair that cannot be used is said once and changes nothing.

use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;

use crate::events::{Events, Kind, News};
use crate::reload::ReloadWatch;
use crate::tls::{TlsError, TlsFront};

/// How often the files are read: two small ones, on a thread that has nothing else to do. Watching their folders would save little, and miss what some file
/// systems and links to folders (as Kubernetes makes them) do not tell.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Shows the newest certificate.
pub(super) struct CertificateService {
    front: TlsFront,
    reload: ReloadWatch,
    events: Events,
    /// What was wrong at the last look.
    problem: Option<Problem>,
}

struct Problem {
    text: String,
    is_said: bool,
}

impl CertificateService {
    pub(super) fn new(front: TlsFront, reload: ReloadWatch, events: Events) -> Self {
        Self {
            front,
            reload,
            events,
            problem: None,
        }
    }

    /// What a look at the files came to. Certificate and key are two files and change one after the other, so what is wrong is said when it is so twice.
    fn note(&mut self, looked: Result<bool, TlsError>) {
        match looked {
            Ok(is_new) => {
                self.problem = None;
                if is_new {
                    let words = "certificate read again; new clients are shown it";
                    self.events.tell(News::info(Kind::Reloaded, words));
                }
            }
            Err(error) => {
                let text = error.to_string();
                match &mut self.problem {
                    Some(problem) if problem.text == text => {
                        if !problem.is_said {
                            problem.is_said = true;
                            let words =
                                format!("certificate not used; the one in use stays: {text}");
                            let news = News::warning(Kind::ConfigurationRefused, words);
                            self.events.tell(news);
                        }
                    }
                    other => {
                        *other = Some(Problem {
                            text,
                            is_said: false,
                        });
                    }
                }
            }
        }
    }
}

#[async_trait]
impl Service for CertificateService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        mut shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                () = self.reload.told() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let front = self.front.clone();
            tokio::select! {
                _ = shutdown.changed() => return,
                Ok(looked) = tokio::task::spawn_blocking(move || front.refresh()) => self.note(looked),
            }
        }
    }

    fn name(&self) -> &str {
        "certificates"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
