//! Requests of clients that are not to be told of what they change themselves (CLIENT TRACKING … NOLOOP): nodes are told on whose behalf they come.
//! Reaches: what the client has chosen, the pipes. Costs nothing to anybody else: what others ask for is sent as it was.

use shared::command::CommandSpec;
use shared::resp::{Protocol, ReplyWriter, parse_integer};
use shared::tracking::Author;

use super::turn::Turn;
use crate::pipe::set::PipeNumber;

/// Words before the request.
const WORDS: usize = 3;

/// Appends a request that `write` writes; with an author, as one on that client's behalf.
pub(super) fn write_for(
    author: Option<Author>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    write(out);
    let Some(author) = author else {
        return;
    };
    let head_bytes = out[start..].iter().position(|byte| *byte == b'\n');
    let Some(end) = head_bytes.map(|at| start + at + 1) else {
        return;
    };
    let count = out[start..end].strip_prefix(b"*").map(<[u8]>::trim_ascii);
    let count = count.and_then(parse_integer).map(usize::try_from);
    let Some(Ok(count)) = count else {
        return;
    };
    let mut head = Vec::new();
    let mut writer = ReplyWriter::new(&mut head, Protocol::Resp2);
    writer.array(count + WORDS);
    writer.bulk(b"NODE");
    writer.bulk(b"FOR");
    writer.bulk(author.to_string().as_bytes());
    out.splice(start..end, head);
}

impl Turn<'_> {
    /// On whose behalf a command goes over this pipe, if the node is to know. Servers of kind "redis" have no word for it.
    #[inline]
    pub(super) fn author(&mut self, pipe: PipeNumber, spec: &CommandSpec) -> Option<Author> {
        let author = self.client.state.author?;
        let node = self.exchange.pipes.with_node(pipe);
        let is_told = spec.may_write() && node.is_some_and(|(_, node)| !node.is_plain);
        is_told.then_some(author)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::resp::encode_request;

    #[test]
    fn a_request_says_on_whose_behalf_it_comes() {
        let author = Author::new(1, 2);
        let mut expected = b"before".to_vec();
        let words = ["NODE", "FOR", &author.to_string(), "SET", "a", "1\r\n2"];
        encode_request(&mut expected, words);
        let mut out = b"before".to_vec();
        write_for(Some(author), &mut out, |out| {
            encode_request(out, ["SET", "a", "1\r\n2"]);
        });
        assert_eq!(
            out.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        let mut plain = Vec::new();
        write_for(None, &mut plain, |out| encode_request(out, ["PING"]));
        assert_eq!(plain, b"*1\r\n$4\r\nPING\r\n");
    }
}
