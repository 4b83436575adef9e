//! A blocking client that speaks raw RESP: what it sends and reads is under the test's control to the byte.
//! Every read has a deadline, so that a lost reply fails the test instead of hanging it.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Reply;
use super::eventually::PATIENCE;

const OK: &[u8] = b"+OK\r\n";

/// A connection; `S` is a socket or a TLS stream.
#[derive(Debug)]
pub(crate) struct Client<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
}

impl Client {
    /// Connects; panics when it cannot.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    /// Connects, with [`PATIENCE`] for every read and write.
    ///
    /// # Errors
    /// The socket's own.
    pub(crate) fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(socket))
    }

    /// Another deadline for reads.
    pub(crate) fn set_read_deadline(&self, deadline: Duration) {
        self.socket()
            .set_read_timeout(Some(deadline))
            .expect("a deadline above zero");
    }

    /// The socket beneath.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// A second handle on the same connection, for a thread that only sends.
    pub(crate) fn sender(&self) -> TcpStream {
        self.socket().try_clone().expect("a socket clones")
    }
}

impl<S: Read + Write> Client<S> {
    /// A client over a stream that is already open.
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
        }
    }

    /// Sends one command and reads one reply; panics when either fails.
    pub(crate) fn call(&mut self, arguments: &[impl AsRef<[u8]>]) -> Reply {
        self.try_call(arguments).unwrap_or_else(|error| {
            let name = arguments
                .first()
                .map(|name| super::reply::shown(name.as_ref()));
            panic!("{}: {error}", name.unwrap_or_default())
        })
    }

    /// Sends one command and reads one reply.
    ///
    /// # Errors
    /// The stream's own; `UnexpectedEof` when the server closed it.
    pub(crate) fn try_call(&mut self, arguments: &[impl AsRef<[u8]>]) -> io::Result<Reply> {
        self.send(&encode(arguments))?;
        self.receive()
    }

    /// Sends a command written with spaces between its arguments.
    pub(crate) fn call_words(&mut self, words: &str) -> Reply {
        self.call(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The stream's own.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// The stream's own; `UnexpectedEof` when the server closed it; `InvalidData` for what is not RESP.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.stream)
    }

    /// Reads so many replies; those that are not `+OK`. For hundreds of thousands: it looks at each no longer than it must.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub(crate) fn receive_all_but_ok(&mut self, count: usize) -> io::Result<Vec<Reply>> {
        let (mut left, mut others) = (count, Vec::new());
        while left > 0 {
            let there = self.stream.fill_buf()?.chunks_exact(OK.len()).take(left);
            let granted = there.take_while(|reply| *reply == OK).count();
            self.stream.consume(granted * OK.len());
            left -= granted;
            if granted == 0 {
                left -= 1;
                let reply = self.receive()?;
                if reply != Reply::ok() {
                    others.push(reply);
                }
            }
        }
        Ok(others)
    }

    /// Sends all commands in one write and reads a reply for each; panics when it cannot.
    pub(crate) fn pipeline(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Reply> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|command| encode(command))
            .collect();
        self.send(&bytes).expect("pipeline sent");
        commands
            .iter()
            .map(|_| self.receive().expect("a reply for each command"))
            .collect()
    }

    /// Reads until the server closes the connection; true when it did so in time.
    pub(crate) fn is_closed_by_server(&mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// A command as a RESP array of bulk strings.
pub(crate) fn encode(arguments: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
