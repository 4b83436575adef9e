//! TLS towards clients: rustls with ring, as pingora brings it. The handshake runs on the client's own thread, under a deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::tls::{ServerConfig, TlsAcceptor, load_certs_and_key_files};
use shared::config::ProxyConfig;
use tokio::net::TcpStream;

/// A client's connection after the handshake.
pub(crate) type TlsStream = pingora_core::tls::ServerTlsStream<TcpStream>;

/// How long a handshake may take: a stranger must not hold a place for ever.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting is missing.
    #[error("TLS needs both tls-cert-file and tls-key-file")]
    Incomplete,
    /// A file is missing, or holds nothing of use.
    #[error("{} and {} hold no certificate with its key", certificate.display(), key.display())]
    Files {
        /// The file of the certificate chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate and the key do not fit each other, or not into TLS.
    #[error("the certificate in {} cannot be used: {reason}", certificate.display())]
    Refused {
        /// The file of the certificate chain.
        certificate: PathBuf,
        /// What rustls says.
        reason: String,
    },
}

/// What is shown to clients that connect with TLS.
#[derive(Clone)]
pub(crate) struct TlsFront {
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for TlsFront {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TlsFront(..)")
    }
}

impl TlsFront {
    /// As the settings say; `None` without a TLS address.
    pub(crate) fn of(config: &ProxyConfig) -> Result<Option<Self>, TlsError> {
        if config.tls_listen.is_none() {
            return Ok(None);
        }
        let (Some(certificate), Some(key)) = (&config.tls_cert_file, &config.tls_key_file) else {
            return Err(TlsError::Incomplete);
        };
        let files = || TlsError::Files {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let (chain, private_key) =
            load_certs_and_key_files(&certificate.to_string_lossy(), &key.to_string_lossy())
                .ok()
                .flatten()
                .ok_or_else(files)?;
        pingora_core::tls::install_default_crypto_provider();
        let settings = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .map_err(|error| TlsError::Refused {
                certificate: certificate.clone(),
                reason: error.to_string(),
            })?;
        Ok(Some(Self {
            acceptor: TlsAcceptor::from(Arc::new(settings)),
        }))
    }

    /// Agrees with a client. `None`: it did not work out, and the connection is closed.
    pub(crate) async fn greet(self, stream: TcpStream) -> Option<TlsStream> {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }
}
