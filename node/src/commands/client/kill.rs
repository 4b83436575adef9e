//! CLIENT KILL, in its old form (an address) and its new one (filters).
//! Pure: names the clients; the shell cuts them after the batch.

use super::super::arguments::{integer, is_word};
use super::super::connection::DEFAULT_USER;
use super::{Action, Call, ClientType};
use crate::client::Identity;
use shared::resp::{Args, ErrorReply, yes_or_no};

/// Whom to kill; a client must pass all that are given.
#[derive(Debug)]
struct Filter<'a> {
    id: Option<u64>,
    client_type: Option<ClientType>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, ErrorReply> {
        let mut filter = Self {
            id: None,
            client_type: None,
            address: None,
            local_address: None,
            skip_me: true,
        };
        let mut index = 2;
        while let Some(option) = args.get(index) {
            let value = args.get(index + 1).ok_or(ErrorReply::Syntax)?;
            if is_word(option, "id") {
                let id = integer(value).ok().filter(|id| *id > 0);
                let id = id.ok_or(ErrorReply::ClientIdNotPositive)?;
                filter.id = Some(id.unsigned_abs());
            } else if is_word(option, "type") {
                filter.client_type = Some(ClientType::parse(value)?);
            } else if is_word(option, "addr") {
                filter.address = Some(value);
            } else if is_word(option, "laddr") {
                filter.local_address = Some(value);
            } else if is_word(option, "user") {
                if value != DEFAULT_USER {
                    return Err(ErrorReply::no_such_user(value));
                }
            } else if is_word(option, "skipme") {
                filter.skip_me = yes_or_no(value)?;
            } else {
                return Err(ErrorReply::Syntax);
            }
            index += 2;
        }
        Ok(filter)
    }

    fn accepts(&self, client: &Identity) -> bool {
        let is = |wanted: Option<&[u8]>, found: &str| {
            wanted.is_none_or(|wanted| wanted == found.as_bytes())
        };
        self.id.is_none_or(|id| id == client.id)
            && self.client_type.unwrap_or(ClientType::Normal) == ClientType::Normal
            && is(self.address, &client.address)
            && is(self.local_address, &client.local_address)
    }
}

/// CLIENT KILL address | \[ID id\] \[TYPE type\] \[ADDR address\] \[LADDR address\] \[USER name\] \[SKIPME yes | no\]
pub(super) fn kill(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let by_address = args.len() == 3;
    let filter = if by_address {
        Filter {
            id: None,
            client_type: None,
            address: Some(args.at(2)),
            local_address: None,
            skip_me: false,
        }
    } else {
        Filter::parse(args)?
    };
    let ids: Vec<u64> = call
        .node
        .clients
        .iter()
        .map(|client| &*client.identity)
        .filter(|client| client.id != call.identity.id && filter.accepts(client))
        .map(|client| client.id)
        .collect();
    let kills_itself = !filter.skip_me && filter.accepts(call.identity);
    let killed = ids.len() + usize::from(kills_itself);
    if by_address {
        if killed == 0 {
            return Err(ErrorReply::NoSuchClient);
        }
        call.reply.ok();
    } else {
        call.reply
            .integer(i64::try_from(killed).unwrap_or(i64::MAX));
    }
    for id in ids {
        call.node.clients.condemn(id);
    }
    // Whoever kills itself gets its reply first.
    Ok(if kills_itself {
        Action::Close
    } else {
        Action::Continue
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;
    use crate::client::{Identity, Session};
    use crate::execute::Stop;

    #[test]
    fn filters_choose_and_the_caller_is_spared_unless_it_says_otherwise() {
        let mut node = TestNode::new();
        for id in [2, 3] {
            let mut identity = Identity::new(id, node.now_ms);
            identity.address = format!("10.0.0.{id}:1");
            node.node.clients.enter(identity, Session::default());
        }
        let check = |node: &mut TestNode, line: &str, reply: &str, condemned: &[u64]| {
            assert_eq!(node.send(line), reply, "{line}");
            assert_eq!(node.node.clients.take_condemned(), condemned, "{line}");
        };
        check(&mut node, "CLIENT KILL 10.0.0.2:1", "+OK\r\n", &[2]);
        check(
            &mut node,
            "CLIENT KILL 10.0.0.9:1",
            "-ERR No such client\r\n",
            &[],
        );
        check(&mut node, "CLIENT KILL ID 3", ":1\r\n", &[3]);
        check(&mut node, "CLIENT KILL ID 3 ADDR 10.0.0.2:1", ":0\r\n", &[]);
        check(&mut node, "CLIENT KILL TYPE normal", ":2\r\n", &[2, 3]);
        assert_eq!(node.stop, Stop::Done);
        check(&mut node, "CLIENT KILL ID 1 SKIPME no", ":1\r\n", &[]);
        assert_eq!(node.stop, Stop::Close);
        check(
            &mut node,
            "CLIENT KILL ID 0",
            "-ERR No such client\r\n"
                .replace("No such client", "client-id should be greater than 0")
                .as_str(),
            &[],
        );
    }
}
