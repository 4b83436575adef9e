//! TLS towards clients: rustls with ring, as pingora brings it. The handshake runs on the client's own thread, under a deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::tls::{ServerConfig, TlsAcceptor, load_certs_and_key_files};
use shared::config::{FileError, ProxyConfig, read_file};
use tokio::net::TcpStream;

/// A client's connection after the handshake.
pub(crate) type TlsStream = pingora_core::tls::ServerTlsStream<TcpStream>;

/// How long a handshake may take: a stranger must not hold a place for ever.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a certificate begins in PEM.
const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";

/// How the first line of every kind of private key ends in PEM.
const KEY_BEGINS: &str = "PRIVATE KEY-----";

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting is missing.
    #[error("TLS needs both tls-cert-file and tls-key-file")]
    Incomplete,
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// `tls-cert-file` holds something else.
    #[error("{}: holds no certificate in PEM form; it is what tls-cert-file names", .0.display())]
    NoCertificate(PathBuf),
    /// `tls-key-file` holds something else.
    #[error("{}: holds no private key in PEM form; it is what tls-key-file names", .0.display())]
    NoKey(PathBuf),
    /// The certificate and the key do not fit each other, or not into TLS.
    #[error("the certificate in {} cannot be used with the key in {}: {reason}", certificate.display(), key.display())]
    Refused {
        /// The file of the certificate chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
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
        // The library does not say which of the two it cannot use.
        if !read_file(certificate)?.contains(CERTIFICATE_BEGINS) {
            return Err(TlsError::NoCertificate(certificate.clone()));
        }
        let no_key = || TlsError::NoKey(key.clone());
        if !read_file(key)?.contains(KEY_BEGINS) {
            return Err(no_key());
        }
        let (chain, private_key) =
            load_certs_and_key_files(&certificate.to_string_lossy(), &key.to_string_lossy())
                .ok()
                .flatten()
                .ok_or_else(no_key)?;
        pingora_core::tls::install_default_crypto_provider();
        let settings = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .map_err(|error| TlsError::Refused {
                certificate: certificate.clone(),
                key: key.clone(),
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
