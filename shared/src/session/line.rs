//! One client as a line of CLIENT LIST and CLIENT INFO.
//! Pure. Names and order of the fields are Redis'.

use std::fmt::{Display, Write};

use crate::resp::Protocol;

/// Bytes that a connected client costs beside its buffers: state, task, socket.
const CLIENT_BYTES: usize = 1_536;

/// What is told of one client; times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct ClientLine<'a, A> {
    /// Its number.
    pub id: u64,
    /// `ip:port` from which it connected.
    pub address: A,
    /// `ip:port` to which it connected.
    pub local_address: A,
    /// Number of its socket in the process, or -1.
    pub socket_number: i64,
    /// Its name, or nothing.
    pub name: &'a [u8],
    /// Name of its library, or nothing.
    pub library_name: &'a [u8],
    /// Version of its library, or nothing.
    pub library_version: &'a [u8],
    /// Since when it is connected.
    pub age_ms: u64,
    /// Since when it has said nothing.
    pub idle_ms: u64,
    /// Letters of its flags that are set; `N` stands for none.
    pub flags: &'a str,
    /// The database that it means.
    pub database: u16,
    /// Commands that it has queued; `None` when it is in no transaction.
    pub queued: Option<usize>,
    /// Bytes of those.
    pub queued_bytes: usize,
    /// How many channels, patterns and shard channels it has subscribed to.
    pub subscriptions: [usize; 3],
    /// What they take, bytes.
    pub subscription_bytes: usize,
    /// Bytes of a command that waits, with its places in the lists of those who do.
    pub argument_bytes: usize,
    /// Bytes of its requests that are kept.
    pub input_bytes: usize,
    /// Room of its input buffer beyond that.
    pub input_spare_bytes: usize,
    /// Bytes of its replies that are kept.
    pub output_bytes: usize,
    /// Its latest command.
    pub last_command: Option<&'static str>,
    /// As whom it has come in.
    pub user: &'a [u8],
    /// Whom its messages of changed keys go to, if it gets any; 0 is itself.
    pub redirect: Option<u64>,
    /// How it is spoken to.
    pub protocol: Protocol,
}

/// What a client costs that keeps so many bytes of requests, of replies and of names.
#[must_use]
pub fn client_bytes(input_bytes: usize, output_bytes: usize, name_bytes: usize) -> usize {
    CLIENT_BYTES + input_bytes + output_bytes + name_bytes
}

impl<A: Display> ClientLine<'_, A> {
    /// Appends the line, line end included.
    #[expect(
        clippy::let_underscore_must_use,
        reason = "writing to memory cannot fail"
    )]
    pub fn write(&self, text: &mut String) {
        let version = match self.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        let has_replies = self.output_bytes > 0;
        let names = self.name.len() + self.library_name.len() + self.library_version.len();
        let _ = write!(
            text,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} ",
            self.id,
            self.address,
            self.local_address,
            self.socket_number,
            String::from_utf8_lossy(self.name),
            self.age_ms / 1_000,
            self.idle_ms / 1_000,
            if self.flags.is_empty() {
                "N"
            } else {
                self.flags
            },
            self.database,
            self.subscriptions[0],
            self.subscriptions[1],
            self.subscriptions[2],
            self.queued
                .map_or(-1, |queued| i64::try_from(queued).unwrap_or(i64::MAX)),
        );
        let _ = write!(
            text,
            "qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={} events={} ",
            self.input_bytes,
            self.input_spare_bytes,
            self.argument_bytes,
            self.queued_bytes,
            usize::from(has_replies),
            self.output_bytes,
            client_bytes(
                self.input_bytes,
                self.output_bytes,
                names + self.queued_bytes + self.subscription_bytes + self.argument_bytes
            ),
            if has_replies { "rw" } else { "r" },
        );
        let _ = writeln!(
            text,
            "cmd={} user={} redir={} resp={version} lib-name={} lib-ver={}",
            self.last_command.unwrap_or("NULL"),
            String::from_utf8_lossy(self.user),
            self.redirect
                .map_or(-1, |id| i64::try_from(id).unwrap_or(i64::MAX)),
            String::from_utf8_lossy(self.library_name),
            String::from_utf8_lossy(self.library_version),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_of_redis_in_their_order() {
        let mut text = String::new();
        let line = ClientLine {
            id: 7,
            address: "10.0.0.1:5",
            local_address: "10.0.0.2:6379",
            socket_number: 9,
            name: b"me",
            library_name: b"lib",
            library_version: b"1",
            age_ms: 65_999,
            idle_ms: 1_000,
            flags: "",
            database: 3,
            queued: None,
            queued_bytes: 0,
            subscriptions: [0; 3],
            subscription_bytes: 0,
            argument_bytes: 0,
            input_bytes: 10,
            input_spare_bytes: 0,
            output_bytes: 0,
            last_command: Some("client|list"),
            user: b"default",
            redirect: None,
            protocol: Protocol::Resp3,
        };
        line.write(&mut text);
        ClientLine {
            flags: "re",
            subscriptions: [1, 2, 3],
            subscription_bytes: 100,
            output_bytes: 5,
            last_command: None,
            redirect: Some(0),
            ..line
        }
        .write(&mut text);
        assert_eq!(
            text,
            "id=7 addr=10.0.0.1:5 laddr=10.0.0.2:6379 fd=9 name=me age=65 idle=1 flags=N db=3 sub=0 psub=0 ssub=0 multi=-1 \
             qbuf=10 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=1552 events=r \
             cmd=client|list user=default redir=-1 resp=3 lib-name=lib lib-ver=1\n\
             id=7 addr=10.0.0.1:5 laddr=10.0.0.2:6379 fd=9 name=me age=65 idle=1 flags=re db=3 sub=1 psub=2 ssub=3 multi=-1 \
             qbuf=10 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=1 omem=5 tot-mem=1657 events=rw \
             cmd=NULL user=default redir=0 resp=3 lib-name=lib lib-ver=1\n"
        );
    }
}
