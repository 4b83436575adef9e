//! CLIENT KILL, in its old form (an address) and its new one (filters).
//! Pure: names the clients; the shell cuts them after the batch.

use super::{Action, Call};
use crate::client::Listed;
use shared::resp::ErrorReply;
use shared::session::KillFilter;

/// CLIENT KILL address | \[ID id\] \[TYPE type\] \[ADDR address\] \[LADDR address\] \[USER name\] \[SKIPME yes | no\]
pub(super) fn kill(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let filter = KillFilter::read(call.args, call.identity.id, &call.node.access.users)?;
    let own = call.identity.id;
    let all = call.node.clients.with_sessions(call.session);
    let ids: Vec<u64> = all
        .map(|(client, session)| Listed {
            identity: &client.identity,
            is_follower: client.traffic.is_follower(),
            session,
        })
        .filter(|client| client.identity.id != own && filter.accepts(client))
        .map(|client| client.identity.id)
        .collect();
    let kills_itself = filter.accepts(&Listed {
        identity: call.identity,
        is_follower: false,
        session: call.session,
    });
    filter.reply(ids.len() + usize::from(kills_itself), &mut call.reply)?;
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
    use crate::client::{Identity, Session, WaitsFor};
    use crate::execute::Stop;

    #[test]
    fn filters_choose_and_the_caller_is_spared_unless_it_says_otherwise() {
        let mut node = TestNode::new();
        for id in [2, 3] {
            let mut identity = Identity::new(id, node.now_ms);
            identity.address = format!("10.0.0.{id}:1");
            node.node.clients.enter(identity, Session::default());
        }
        let mut follows = Identity::new(9, node.now_ms);
        follows.address = "10.0.0.9:1".to_owned();
        let follower = node.node.clients.enter(follows, Session::default());
        node.node.clients.at(follower).traffic.waits = Some(WaitsFor::Log);
        let check = |node: &mut TestNode, line: &str, reply: &str, condemned: &[u64]| {
            assert_eq!(node.send(line), reply, "{line}");
            assert_eq!(node.node.clients.take_condemned(), condemned, "{line}");
        };
        check(&mut node, "CLIENT KILL 10.0.0.2:1", "+OK\r\n", &[2]);
        check(
            &mut node,
            "CLIENT KILL 10.0.0.8:1",
            "-ERR No such client\r\n",
            &[],
        );
        check(&mut node, "CLIENT KILL ID 3", ":1\r\n", &[3]);
        check(&mut node, "CLIENT KILL ID 3 ADDR 10.0.0.2:1", ":0\r\n", &[]);
        check(&mut node, "CLIENT KILL TYPE normal", ":2\r\n", &[2, 3]);
        check(&mut node, "CLIENT KILL TYPE slave", ":1\r\n", &[9]);
        assert!(node.send("CLIENT LIST TYPE replica").contains("flags=S "));
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
