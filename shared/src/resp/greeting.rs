//! The reply to HELLO, and the version that it names. Pure.

use super::{Protocol, ReplyWriter};

/// The version whose behaviour is promised. Clients refuse less than 7.0.0, and expect nothing of 7.2 that is not here.
pub const REDIS_VERSION: &str = "7.2.4";

/// Answers HELLO to the client of this number, in the `protocol` that it has from now on; `mode` is what INFO calls `redis_mode`.
pub fn greet(reply: &mut ReplyWriter<'_>, protocol: Protocol, client_id: u64, mode: &str) {
    let version = match protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let id = i64::try_from(client_id).unwrap_or(i64::MAX);
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (name, value) in [("proto", version), ("id", id)] {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    }
    for (name, value) in [("mode", mode), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_its_protocol_and_number_in_that_protocol() {
        let check = |protocol, expected: &str| {
            let mut bytes = Vec::new();
            let mut reply = ReplyWriter::new(&mut bytes, protocol);
            greet(&mut reply, protocol, 7, "cluster");
            let start = String::from_utf8(bytes).expect("text");
            assert!(start.starts_with(expected), "{start}");
            assert!(start.contains("mode\r\n$7\r\ncluster\r\n"), "{start}");
        };
        let fields = |proto: u8| {
            format!(
                "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n{REDIS_VERSION}\r\n$5\r\nproto\r\n:{proto}\r\n$2\r\nid\r\n:7\r\n"
            )
        };
        check(Protocol::Resp2, &format!("*14\r\n{}", fields(2)));
        check(Protocol::Resp3, &format!("%7\r\n{}", fields(3)));
    }
}
