//! Who a client is, where something that stands before the proxy says so: the header of the PROXY protocol, version 2, with which such connections begin.
//! Never: reads beyond the header, or believes who is not named in `proxy-protocol-from`; that is for whoever asks. Bounds: [`MOST_HEADER_BYTES`],
//! [`HEADER_WITHIN`].
//!
//! <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Signature, command, family, length: how every header begins.
const BEGINNING: usize = 16;

/// How a header of version 2 begins, whatever else it says.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Most bytes of a header with all that it may tell besides addresses: names and certificates of a client need some hundred.
const MOST_HEADER_BYTES: usize = 4_096;

/// How long a header may take: whoever stands before the proxy sends it with its first packet.
pub(super) const HEADER_WITHIN: Duration = Duration::from_secs(3);

/// Why there is no introduction.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoIntroduction {
    /// The connection ended, or broke.
    #[error("the connection ended before its header")]
    Ended(#[from] io::Error),
    /// It came too slowly.
    #[error("no whole header within {} s", HEADER_WITHIN.as_secs())]
    Late,
    /// It is something else.
    #[error("what comes is no header of the PROXY protocol, version 2")]
    Other,
    /// Too many others have sent none yet.
    #[error("too many connections are there whose headers have not come")]
    Crowd,
    /// It is too long.
    #[error("the header has {0} bytes, and {MOST_HEADER_BYTES} are the most")]
    Long(usize),
}

/// Who connected, by the header that comes next; `None` where whoever sends it speaks for itself, as a health check does, or says of the client only that it
/// is no address of IP.
pub(super) async fn introduced(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, NoIntroduction> {
    match tokio::time::timeout(HEADER_WITHIN, read(stream)).await {
        Ok(introduced) => introduced,
        Err(_) => Err(NoIntroduction::Late),
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, NoIntroduction> {
    let mut header = vec![0; BEGINNING];
    stream.read_exact(&mut header[..SIGNATURE.len()]).await?;
    if header[..SIGNATURE.len()] != *SIGNATURE {
        return Err(NoIntroduction::Other);
    }
    stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let whole = BEGINNING + rest;
    if whole > MOST_HEADER_BYTES {
        return Err(NoIntroduction::Long(whole));
    }
    header.resize(whole, 0);
    stream.read_exact(&mut header[BEGINNING..]).await?;
    let config = ParseConfig {
        include_tlvs: false,
        allow_v1: false,
        allow_v2: true,
    };
    // All of it is there: what the library finds too short says less than its addresses.
    let (parsed, length) =
        ProxyHeader::parse(&header, config).map_err(|_| NoIntroduction::Other)?;
    debug_assert_eq!(length, whole, "nothing of a client's is taken for a header");
    let client = parsed.proxied_address();
    let client = client.filter(|client| client.protocol == Protocol::Stream);
    Ok(client.map(|client| client.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    /// What comes of these bytes, which end after so many at a time, and how many behind the header are left.
    fn read_in_pieces(bytes: &[u8], piece: usize) -> (Result<Option<SocketAddr>, String>, usize) {
        run(async {
            let (mut far, mut near) = tokio::io::duplex(piece);
            let sent = async {
                // Nobody reads any more.
                far.write_all(bytes).await.ok();
                drop(far);
            };
            let read = async {
                let found = introduced(&mut near)
                    .await
                    .map_err(|error| error.to_string());
                let mut left = Vec::new();
                near.read_to_end(&mut left).await.unwrap();
                (found, left.len())
            };
            tokio::join!(sent, read).1
        })
    }

    fn check(bytes: &[u8], expected: Result<Option<&str>, &str>) {
        let expected = expected
            .map(|address| address.map(|address| address.parse().unwrap()))
            .map_err(str::to_owned);
        let with_a_request = [bytes, b"PING\r\n"].concat();
        for piece in [1, 7, 16, 1 << 16] {
            let (found, left) = read_in_pieces(&with_a_request, piece);
            assert_eq!(found, expected, "{bytes:?} in pieces of {piece}");
            if found.is_ok() {
                assert_eq!(left, 6, "what stands behind the header is the client's");
            }
        }
    }

    const V4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0x18, 0xeb];

    #[test]
    fn who_connected_is_told_by_the_header() {
        check(&header(0x21, 0x11, V4), Ok(Some("192.0.2.7:8080")));
        let more = [V4, &[0x04, 0, 2, 1, 2, 0x30, 0, 0]].concat();
        check(&header(0x21, 0x11, &more), Ok(Some("192.0.2.7:8080")));
        // What stands behind the addresses is not looked at, whatever it is.
        let rubbish = [V4, &[0x02, 0xff, 0xff]].concat();
        check(&header(0x21, 0x11, &rubbish), Ok(Some("192.0.2.7:8080")));
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[15], v6[33]) = (0x20, 0x01, 9, 80);
        check(&header(0x21, 0x21, &v6), Ok(Some("[2001::9]:80")));
    }

    #[test]
    fn who_speaks_for_itself_or_without_an_address_is_who_connects() {
        check(&header(0x20, 0x00, &[]), Ok(None));
        check(&header(0x20, 0x11, V4), Ok(None));
        check(&header(0x21, 0x00, &[]), Ok(None));
        check(&header(0x21, 0x31, &[0; 216]), Ok(None));
        check(&header(0x21, 0x12, V4), Ok(None));
    }

    #[test]
    fn rubbish_is_refused() {
        let other = Err("what comes is no header of the PROXY protocol, version 2");
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 6379\r\n", other);
        check(b"*1\r\n$4\r\nPING\r\n", other);
        check(&header(0x11, 0x11, V4), other);
        check(&header(0x22, 0x11, V4), other);
        check(&header(0x21, 0x41, V4), other);
        check(&header(0x21, 0x11, &V4[1..]), other);
        check(&header(0x21, 0x21, V4), other);
        check(&header(0x21, 0x31, &[0; 215]), other);
        let long = header(0x21, 0x11, &[0; MOST_HEADER_BYTES]);
        check(
            &long,
            Err("the header has 4112 bytes, and 4096 are the most"),
        );
        let whole = header(0x21, 0x11, V4);
        for length in 0..whole.len() {
            let (found, _) = read_in_pieces(&whole[..length], 1 << 16);
            let expected = Err("the connection ended before its header".to_owned());
            assert_eq!(found, expected, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_more_than_fail(rest in prop::collection::vec(any::<u8>(), 0..300), begins in any::<bool>()) {
            let beginning: &[u8] = if begins { SIGNATURE } else { &[] };
            let (found, _) = read_in_pieces(&[beginning, &rest].concat(), 64);
            prop_assert!(begins || found.is_err() || rest.starts_with(SIGNATURE));
        }
    }
}
