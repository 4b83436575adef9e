//! The socket that gossip goes through: every datagram carries a seal that only proxies of one store can make.
//! Reaches: a UDP socket. Never: shows a datagram to gossip whose seal is not right, so that strangers cost a look at a few bytes and at most one hash of
//! what they sent, and nothing of theirs is parsed, kept or answered. That matters: what gossip takes in from its own kind it trusts, as to lengths and counts too.
//! Who records datagrams and sends them again changes nothing: what they tell is known already, or of a life that is over.
//!
//! ```text
//!  "swg1" | 32 bytes HMAC-SHA-256 of the rest | a message of chitchat
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Deserializable as _, Serializable as _};
use ring::hmac;
use shared::clock::Clock;
use shared::throttle::Throttle;
use store::GossipKey;
use tokio::net::UdpSocket;

/// How a datagram of ours begins.
const BEGIN: &[u8; 4] = b"swg1";

/// Length of a seal.
const SEAL: usize = 32;

/// Longest datagram that there is.
const LONGEST: usize = 65_535;

/// What the kernel may hold for us: a dozen of the longest.
const RECEIVE_BUFFER: usize = 1 << 20;

/// After an error of the socket nothing is tried for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that is handed to gossip when that asks for one.
pub(super) struct Ready(Mutex<Option<Sealed>>);

impl Ready {
    /// Gossip takes `sealed` over.
    pub(super) fn new(sealed: Sealed) -> Self {
        Self(Mutex::new(Some(sealed)))
    }
}

#[async_trait]
impl Transport for Ready {
    async fn open(&self, _listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sealed = ready.take();
        let sealed = sealed.ok_or_else(|| anyhow::anyhow!("the socket is taken already"))?;
        Ok(Box::new(sealed))
    }
}

/// A socket whose datagrams are sealed.
pub(super) struct Sealed {
    socket: UdpSocket,
    key: hmac::Key,
    clock: Clock,
    incoming: Box<[u8]>,
    outgoing: Vec<u8>,
    #[cfg(test)]
    cut: super::testing::Cut,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(out)
    }
}

impl Sealed {
    /// Seals what goes through `socket`.
    pub(super) fn new(
        socket: UdpSocket,
        key: &GossipKey,
        clock: Clock,
        #[cfg(test)] cut: super::testing::Cut,
    ) -> Self {
        // Less is no fault: what is lost is told again.
        socket2::SockRef::from(&socket)
            .set_recv_buffer_size(RECEIVE_BUFFER)
            .ok();
        Self {
            socket,
            key: hmac::Key::new(hmac::HMAC_SHA256, key.reveal()),
            clock,
            incoming: vec![0; LONGEST].into_boxed_slice(),
            outgoing: Vec::with_capacity(LONGEST),
            #[cfg(test)]
            cut,
        }
    }

    #[cfg(test)]
    fn is_cut(&self, other: SocketAddr) -> bool {
        self.cut.holds(other)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests cut proxies off")]
    fn is_cut(&self, _other: SocketAddr) -> bool {
        false
    }

    fn seal(&mut self, message: &ChitchatMessage) {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(BEGIN);
        self.outgoing.extend_from_slice(&[0; SEAL]);
        message.serialize(&mut self.outgoing);
        let (head, content) = self.outgoing.split_at_mut(BEGIN.len() + SEAL);
        let seal = hmac::sign(&self.key, content);
        head[BEGIN.len()..].copy_from_slice(seal.as_ref());
    }
}

/// Why a datagram is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("it is not from a proxy")]
    Foreign,
    #[error("its seal is not that of the proxies of this store")]
    Seal,
    #[error("it is from a proxy of ours and not understood; do all have the same version?")]
    Message,
}

fn unseal(key: &hmac::Key, datagram: &[u8]) -> Result<ChitchatMessage, Refused> {
    let sealed = datagram.strip_prefix(BEGIN).ok_or(Refused::Foreign)?;
    let (seal, mut content) = sealed.split_at_checked(SEAL).ok_or(Refused::Foreign)?;
    hmac::verify(key, content, seal).map_err(|_| Refused::Seal)?;
    ChitchatMessage::deserialize(&mut content).map_err(|_| Refused::Message)
}

#[async_trait]
impl Socket for Sealed {
    /// What cannot be sent is lost, as datagrams are.
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        if self.is_cut(to) {
            return Ok(());
        }
        self.seal(&message);
        if let Err(error) = self.socket.send_to(&self.outgoing, to).await {
            static NOT_SENT: Throttle = Throttle::new();
            if let Some(left_out) = NOT_SENT.admit(self.clock.wall_ms()) {
                tracing::warn!(%to, %error, left_out, "gossip cannot be sent");
            }
        }
        Ok(())
    }

    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        loop {
            let (length, from) = match self.socket.recv_from(&mut self.incoming).await {
                Ok(received) => received,
                Err(error) => {
                    static NOT_HEARD: Throttle = Throttle::new();
                    if let Some(left_out) = NOT_HEARD.admit(self.clock.wall_ms()) {
                        tracing::warn!(%error, left_out, "gossip cannot be heard");
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            if self.is_cut(from) {
                continue;
            }
            match unseal(&self.key, &self.incoming[..length]) {
                Ok(message) => return Ok((from, message)),
                Err(reason) => {
                    static REFUSED: Throttle = Throttle::new();
                    if let Some(left_out) = REFUSED.admit(self.clock.wall_ms()) {
                        tracing::warn!(%from, %reason, left_out, "gossip is not listened to");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    fn sealed_with(byte: u8, content: &[u8]) -> Vec<u8> {
        let seal = hmac::sign(&key(byte), content);
        [&BEGIN[..], seal.as_ref(), content].concat()
    }

    #[test]
    fn only_what_the_key_has_sealed_is_opened() {
        let content = ChitchatMessage::BadCluster.serialize_to_vec();
        let good = sealed_with(1, &content);
        let check = |datagram: &[u8], expected: Result<ChitchatMessage, Refused>| {
            assert_eq!(unseal(&key(1), datagram), expected, "{datagram:?}");
        };
        check(&good, Ok(ChitchatMessage::BadCluster));
        check(&sealed_with(2, &content), Err(Refused::Seal));
        check(&content, Err(Refused::Foreign));
        check(&[], Err(Refused::Foreign));
        for cut in 0..good.len() {
            assert!(unseal(&key(1), &good[..cut]).is_err(), "cut at {cut}");
        }
        for place in 0..good.len() {
            let mut bent = good.clone();
            bent[place] ^= 1;
            assert!(unseal(&key(1), &bent).is_err(), "bent at {place}");
        }
        check(&sealed_with(1, &content[..2]), Err(Refused::Message));
    }
}
