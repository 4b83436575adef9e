//! Opens listening sockets before anything else starts, so that a taken port is one clear line and an exit code.

use crate::Failure;
use shared::socket;
use shared::topology::Address;
use std::net::TcpListener;

/// Listens at `address`, which this setting names. Does not block when accepting.
///
/// # Errors
/// [`Failure::Listen`].
pub fn listen(
    setting: &'static str,
    address: &Address,
    backlog: u32,
) -> Result<TcpListener, Failure> {
    socket::listen(address, backlog).map_err(|source| Failure::Listen {
        address: address.clone(),
        setting,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_apart() {
        let first = listen("listen", &Address::loopback(0), 1).unwrap();
        let taken = Address::from(first.local_addr().unwrap());
        let failure = listen("listen", &taken, 1).unwrap_err();
        assert_eq!(failure.exit_code(), 69);
    }
}
