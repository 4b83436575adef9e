//! A client that writes and reads bytes and blocks while it does.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use shared::resp::{ReplyScanner, encode_request};
use socket2::{Domain, SockRef, Socket, Type};

pub(crate) struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self {
            stream,
            bytes: Vec::new(),
        }
    }

    /// One whose kernel takes little that it has not read.
    pub(crate) fn connect_with_window(address: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&address.into()).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self {
            stream: socket.into(),
            bytes: Vec::new(),
        }
    }

    /// It goes, and does not wait for anything.
    pub(crate) fn reset(self) {
        let socket = SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Sends commands, their words separated by blanks, in one write.
    pub(crate) fn send(&mut self, lines: &[&str]) {
        let mut out = Vec::new();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            encode_request(&mut out, words);
        }
        self.send_bytes(&out);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply; `None` when the connection ends instead.
    pub(crate) fn reply(&mut self) -> Option<String> {
        loop {
            let mut scanner = ReplyScanner::default();
            if let Some(end) = scanner.scan(&self.bytes).unwrap() {
                let reply: Vec<u8> = self.bytes.drain(..end).collect();
                return Some(String::from_utf8_lossy(&reply).into_owned());
            }
            let mut buffer = [0; 65536];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    /// One command and its reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(&[line]);
        self.reply().expect("the connection lives")
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}
