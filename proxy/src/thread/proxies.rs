//! CLIENT LIST ALL: the clients of the other proxies, which are asked over their admin listeners.
//! Reaches: a connection to each, for one request. Never: believes that who answers is the one who was meant: it says its name.
//! Bounds: [`WITHIN`] for all of them together, [`MOST_BYTES`] of each. Who does not answer is left out, and counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::throttle::Throttle;
use shared::topology::ProxyId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::facts::ProxyShared;
use crate::here::ClientVerdict;

/// How long the others may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Longest answer: some ten thousand clients.
const MOST_BYTES: usize = 16 << 20;

/// Clients of this proxy, each line with its name.
pub(super) fn named(proxy: &ProxyId, mut verdicts: Vec<ClientVerdict>) -> Vec<ClientVerdict> {
    for verdict in &mut verdicts {
        for (_, line) in &mut verdict.lines {
            *line = with_name(line, proxy);
        }
    }
    verdicts
}

fn with_name(line: &str, proxy: &ProxyId) -> String {
    format!("{} proxy={proxy}\n", line.trim_end())
}

/// Clients of all others that answer; `words` is what each is asked.
pub(super) async fn clients_of_others(
    proxy: &Arc<ProxyShared>,
    words: &Arc<[u8]>,
) -> ClientVerdict {
    let mut asked = JoinSet::new();
    for (name, address) in proxy.others.get() {
        let (proxy, words) = (Arc::clone(proxy), Arc::clone(words));
        asked.spawn(async move {
            let answer = timeout(WITHIN, ask(&proxy, address, &words)).await;
            let lines = answer.ok().and_then(|answer| lines_of(&answer?, &name));
            (name, lines)
        });
    }
    let mut all = ClientVerdict::default();
    while let Some(answered) = asked.join_next().await {
        match answered {
            Ok((_, Some(lines))) => all.lines.extend(lines),
            Ok((name, None)) => {
                proxy.counters.proxies_left_out.add(1);
                static LEFT_OUT: Throttle = Throttle::new();
                if let Some(left_out) = LEFT_OUT.admit(proxy.clock.wall_ms()) {
                    tracing::warn!(proxy = %name, left_out, "CLIENT LIST ALL is without the clients of a proxy that does not answer at its admin listener, or not to this one's password");
                }
            }
            Err(_) => proxy.counters.proxies_left_out.add(1),
        }
    }
    all
}

/// What an admin listener says; `None`: nothing, or too much.
async fn ask(proxy: &ProxyShared, address: SocketAddr, words: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let password = &proxy.config.requirepass;
    let password = match password.is_empty() {
        true => String::new(),
        false => format!("Authorization: Bearer {}\r\n", password.reveal()),
    };
    let head = format!(
        "POST /clients HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\nX-Switchyard: yes\r\n{password}Content-Length: {}\r\n\r\n",
        words.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(words).await.ok()?;
    let mut answer = Vec::new();
    while stream.read_buf(&mut answer).await.ok()? > 0 {
        if answer.len() > MOST_BYTES {
            return None;
        }
    }
    Some(answer)
}

/// The lines of an answer, by id; `None` when it is none of this proxy.
fn lines_of(answer: &[u8], proxy: &ProxyId) -> Option<Vec<(u64, String)>> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let is_given = lines.next()?.split(' ').nth(1) == Some("200");
    let is_its = lines.any(|line| {
        let named = line.split_once(": ");
        named.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("x-switchyard-proxy") && value == proxy.as_str()
        })
    });
    if !is_given || !is_its {
        return None;
    }
    let read = |line: &str| {
        let id = line.strip_prefix("id=")?.split(' ').next()?.parse().ok()?;
        let is_plain = !line.chars().any(char::is_control);
        is_plain.then(|| (id, with_name(line, proxy)))
    };
    body.lines().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_proxy_that_is_meant_says_is_shown() {
        let proxy: ProxyId = "p-1".parse().unwrap();
        let check = |head: &str, body: &str, expected: Option<&[(u64, &str)]>| {
            let answer = format!("HTTP/1.0 {head}\r\ncontent-length: 9\r\n\r\n{body}");
            let lines = lines_of(answer.as_bytes(), &proxy);
            let lines = lines.map(|lines| {
                let texts = lines.into_iter();
                texts
                    .map(|(id, line)| (id, line.trim_end().to_owned()))
                    .collect::<Vec<_>>()
            });
            let expected = expected.map(|lines| {
                let texts = lines.iter();
                texts
                    .map(|(id, line)| (*id, (*line).to_owned()))
                    .collect::<Vec<_>>()
            });
            assert_eq!(lines, expected, "{head} {body}");
        };
        let head = "200 OK\r\nx-switchyard-proxy: p-1";
        check(
            head,
            "id=7 addr=1.2.3.4:5 name=\nid=9 addr=1.2.3.4:6 name=a\n",
            Some(&[
                (7, "id=7 addr=1.2.3.4:5 name= proxy=p-1"),
                (9, "id=9 addr=1.2.3.4:6 name=a proxy=p-1"),
            ]),
        );
        check(head, "", Some(&[]));
        check(head, "nonsense\n", None);
        check(head, "id=7 \u{7}\n", None);
        check("200 OK\r\nx-switchyard-proxy: p-2", "id=7 a\n", None);
        check("401 No\r\nx-switchyard-proxy: p-1", "id=7 a\n", None);
    }
}
