//! Sockets of node and proxy alike: how one listens, and what an accepted one is told before it is used.
//! Reaches: sockets that it makes or is given. Never: accepts, reads, writes, waits; that is for whoever has a runtime.

use crate::topology::Address;
use nix::sys::socket::getsockopt;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::AsFd;
use std::time::Duration;

/// Pause after a failed accept: out of descriptors, most likely, which only time mends; without it the loop would burn a core.
pub const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(20);

/// Longest silence before the first probe that the kernel can count (`MAX_TCP_KEEPIDLE`): some nine hours.
const LONGEST_SILENCE_SECONDS: u64 = 32_767;

/// Probes without an answer after which the other side counts as gone, as in Redis.
const PROBES: u32 = 3;

/// States of a TCP connection in which the other side has all that was sent, and knows that nothing follows (`net/tcp_states.h`: `FIN_WAIT2`, `TIME_WAIT`,
/// `CLOSE`).
const ALL_TAKEN: [u8; 3] = [5, 6, 7];

/// States in which the other side has said that it sends nothing more, or has gone altogether (`CLOSE`, `CLOSE_WAIT`).
const HUNG_UP: [u8; 2] = [7, 8];

mod option {
    use nix::{getsockopt_impl, libc, sockopt_impl};

    sockopt_impl!(
        /// What the kernel knows of a TCP connection.
        TcpInfo,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        libc::tcp_info
    );
}

/// How long ago the last bytes came over a TCP connection, milliseconds; not at all where the kernel does not say.
pub fn silent_for_ms(socket: &impl AsFd) -> u64 {
    let info = getsockopt(socket, option::TcpInfo);
    info.map_or(0, |info| info.tcpi_last_data_recv.into())
}

/// Whether the other side's kernel has all that was sent over a connection that was shut down for sending. Until then, to close it over something that lies
/// unread would lose the rest. Also `true` where the kernel does not say.
pub fn has_taken_all(socket: &impl AsFd) -> bool {
    getsockopt(socket, option::TcpInfo).map_or(true, |info| ALL_TAKEN.contains(&info.tcpi_state))
}

/// Whether the other side has closed its half of a connection whose own half is open, whatever it sent before lies unread. `false` where the kernel does not say.
pub fn has_hung_up(socket: &impl AsFd) -> bool {
    getsockopt(socket, option::TcpInfo).is_ok_and(|info| HUNG_UP.contains(&info.tcpi_state))
}

/// Listens on the first of the addresses that `address` resolves to and that lets itself be listened on. Does not block when accepting.
///
/// # Errors
/// What the operating system says of the last one.
pub fn listen(address: &Address, backlog: u32) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.pair().to_socket_addrs()? {
        match listen_at(candidate, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_at(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of the process before to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// What every accepted connection is told: replies leave at once, for they come in batches already, and a silent other side is probed; zero never.
///
/// As Redis: the first probe after `keepalive`, the next ones three times as often, gone after three. What the kernel cannot count is brought to the nearest
/// that it can.
///
/// # Errors
/// The connection is gone already.
pub fn prepare_accepted(socket: &impl AsFd, keepalive: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    if !keepalive.is_zero() {
        let seconds = whole_seconds(keepalive).clamp(1, LONGEST_SILENCE_SECONDS);
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(Duration::from_secs((seconds / 3).max(1)))
            .with_retries(PROBES);
        socket.set_tcp_keepalive(&probes)?;
    }
    Ok(())
}

/// A part of a second counts as one: less would be none, and none means never.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn a_taken_port_is_told_apart() {
        let first = listen(&Address::loopback(0), 1).unwrap();
        let taken = Address::from(first.local_addr().unwrap());
        let error = listen(&taken, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn every_keepalive_is_one_that_the_kernel_takes() {
        let listener = listen(&Address::loopback(0), 1).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let check = |keepalive: Duration, seconds: Option<u64>| {
            prepare_accepted(&stream, keepalive).unwrap();
            let socket = SockRef::from(&stream);
            let is_on = socket.keepalive().unwrap();
            let time = is_on.then(|| socket.tcp_keepalive_time().unwrap().as_secs());
            assert_eq!(time, seconds, "{keepalive:?}");
        };
        check(Duration::ZERO, None);
        check(Duration::from_nanos(1), Some(1));
        check(Duration::from_millis(1_500), Some(2));
        check(Duration::from_secs(300), Some(300));
        check(Duration::from_secs(86_400), Some(32_767));
        check(Duration::MAX, Some(32_767));
    }

    #[test]
    fn who_has_hung_up_is_told_from_who_is_there() {
        let listener = listen(&Address::loopback(0), 1).unwrap();
        listener.set_nonblocking(false).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        assert!(!has_hung_up(&ours));
        (&client).write_all(b"PING").unwrap();
        drop(client);
        let mut end = [0; 5];
        assert_eq!((&ours).read(&mut end).unwrap(), 4);
        assert_eq!((&ours).read(&mut end).unwrap(), 0, "its end has come");
        assert!(has_hung_up(&ours));
    }
}
