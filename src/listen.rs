//! Opens listening sockets before anything else starts, so that a taken port is one clear line and an exit code.

use crate::Failure;
use shared::topology::Address;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Listens on the first of the addresses that `address` resolves to and that lets itself be listened on. Does not block when accepting.
///
/// # Errors
/// [`Failure::Listen`].
pub fn listen(address: &Address, backlog: u32) -> Result<TcpListener, Failure> {
    let failed = |source| Failure::Listen {
        address: address.clone(),
        source,
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.pair().to_socket_addrs().map_err(failed)? {
        match open(candidate, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn open(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_apart() {
        let first = listen(&Address::loopback(0), 1).unwrap();
        let taken = Address::from(first.local_addr().unwrap());
        let failure = listen(&taken, 1).unwrap_err();
        assert_eq!(failure.exit_code(), 69);
    }
}
