//! TLS towards clients: rustls with ring, as pingora brings it. The handshake runs on the client's own thread, under a deadline.
//! Reaches: the two files of certificate and key. Never: listens, accepts. Invariant: what is shown is always a pair that fits.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora_core::tls::{RusTlsError, ServerConfig, TlsAcceptor, load_certs_and_key_files};
use shared::config::{FileError, ProxyConfig, read_file};
use tokio::net::TcpStream;
use x509_parser::parse_x509_certificate;

/// A client's connection after the handshake.
pub(crate) type TlsStream = pingora_core::tls::ServerTlsStream<TcpStream>;

/// How long a handshake may take: a stranger must not hold a place for ever.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a certificate begins in PEM.
const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";

/// How the first line of every kind of private key ends in PEM.
const KEY_BEGINS: &str = "PRIVATE KEY-----";

/// What stands in an encrypted key: in its first line, or in a header of the older form.
const ENCRYPTED_KEYS: [&str; 2] = [
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
];

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
    /// `tls-key-file` holds a key that only its password opens.
    #[error("{file}: the private key is encrypted, and nobody is there to type its password; write it without one, readable for this user alone: (umask 077; openssl pkey -in {file} -out plain-key.pem)", file = .0.display())]
    EncryptedKey(PathBuf),
    /// The certificate and the key are of two pairs.
    #[error("the certificate in {} was made for another key than that in {}; name the two that were made together", certificate.display(), key.display())]
    Apart {
        /// The file of the certificate chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate or the key does not fit into TLS.
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

/// What is shown to clients that connect with TLS. Cloning gives the same.
#[derive(Clone)]
pub(crate) struct TlsFront(Arc<Front>);

struct Front {
    certificate: PathBuf,
    key: PathBuf,
    settings: ArcSwap<ServerConfig>,
    /// Of the texts from which `settings` were made.
    fingerprint: AtomicU64,
    /// When the first certificate of the chain ends, Unix seconds.
    ends: AtomicI64,
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
        let pair = Pair::read(certificate, key)?;
        let (settings, ends) = pair.settings()?;
        Ok(Some(Self(Arc::new(Front {
            settings: ArcSwap::from_pointee(settings),
            fingerprint: AtomicU64::new(pair.fingerprint),
            ends: AtomicI64::new(ends),
            certificate: certificate.clone(),
            key: key.clone(),
        }))))
    }

    /// Reads the files again; whether there is something new to be shown from now on.
    ///
    /// # Errors
    /// What is in the files now cannot be used, so that what is shown stays.
    pub(crate) fn refresh(&self) -> Result<bool, TlsError> {
        let front = &*self.0;
        let pair = Pair::read(&front.certificate, &front.key)?;
        if pair.fingerprint == front.fingerprint.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let (settings, ends) = pair.settings()?;
        front.settings.store(Arc::new(settings));
        front.ends.store(ends, Ordering::Relaxed);
        front.fingerprint.store(pair.fingerprint, Ordering::Relaxed);
        Ok(true)
    }

    /// The file of the certificate that is shown, and when the first of its chain ends, Unix seconds.
    pub(crate) fn ends(&self) -> (&Path, i64) {
        let front = &*self.0;
        (&front.certificate, front.ends.load(Ordering::Relaxed))
    }

    /// Agrees with a client. `None`: it did not work out, and the connection is closed.
    pub(crate) async fn greet(self, stream: TcpStream) -> Option<TlsStream> {
        let acceptor = TlsAcceptor::from(self.0.settings.load_full());
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }
}

/// When the first certificate ends of the chain in a file beside its key, Unix seconds: of a pair that somebody else uses. Reads both files.
pub(crate) fn ends_of(certificate: &Path, key: &Path) -> Option<i64> {
    let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
    let (chain, _) = load_certs_and_key_files(&certificate, &key).ok()??;
    first_end(&chain)
}

fn first_end(chain: &[impl AsRef<[u8]>]) -> Option<i64> {
    let ends = chain.iter().filter_map(|certificate| {
        let (_, certificate) = parse_x509_certificate(certificate.as_ref()).ok()?;
        Some(certificate.validity().not_after.timestamp())
    });
    ends.min()
}

/// A certificate and a key that look like what they should be.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    fingerprint: u64,
}

impl Pair {
    /// Reads both files; the library would not say which of the two it cannot use.
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let certificate_text = read_file(certificate)?;
        if !certificate_text.contains(CERTIFICATE_BEGINS) {
            return Err(TlsError::NoCertificate(certificate.to_path_buf()));
        }
        let key_text = read_file(key)?;
        if ENCRYPTED_KEYS.iter().any(|mark| key_text.contains(mark)) {
            return Err(TlsError::EncryptedKey(key.to_path_buf()));
        }
        if !key_text.contains(KEY_BEGINS) {
            return Err(TlsError::NoKey(key.to_path_buf()));
        }
        let mut hasher = DefaultHasher::new();
        (certificate_text, key_text).hash(&mut hasher);
        Ok(Self {
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
            fingerprint: hasher.finish(),
        })
    }

    /// What is to be shown, and when the first certificate of the chain ends, Unix seconds.
    fn settings(&self) -> Result<(ServerConfig, i64), TlsError> {
        let (certificate, key) = (&self.certificate, &self.key);
        let (chain, private_key) =
            load_certs_and_key_files(&certificate.to_string_lossy(), &key.to_string_lossy())
                .ok()
                .flatten()
                .ok_or_else(|| TlsError::NoKey(key.clone()))?;
        // What cannot be read rustls does not take either.
        let ends = first_end(&chain).unwrap_or_default();
        pingora_core::tls::install_default_crypto_provider();
        let settings = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .map_err(|error| match error {
                RusTlsError::InconsistentKeys(_) => TlsError::Apart {
                    certificate: certificate.clone(),
                    key: key.clone(),
                },
                other => TlsError::Refused {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    reason: other.to_string(),
                },
            })?;
        Ok((settings, ends))
    }
}
