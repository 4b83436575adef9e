//! NODE AWAIT: a proxy's client waits for keys of several shards, and this node says when one of those it has is worth asking for. Takes nothing.
//! Pure. Invariant: what was said to be there may be gone when it is asked for; who waits finds out, and waits again.

use crate::client::WaitKind;
use crate::commands::blocking::block;
use crate::commands::{Action, Call};
use crate::store::{ListRef, SortedSetRef};
use shared::command::{self, CommandId};
use shared::resp::{ErrorReply, is_word};
use shared::wait_time;

/// The first argument that is a key.
const FIRST_KEY: usize = 3;

/// NODE AWAIT LIST|ZSET key … milliseconds: the first key that has something.
pub(super) fn await_keys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let end = call.args.len() - 1;
    if end <= FIRST_KEY {
        return Err(ErrorReply::unknown_subcommand_or_arity(
            "NODE",
            call.args.at(1),
        ));
    }
    let kind = match call.args.at(2) {
        word if is_word(word, "LIST") => WaitKind::List,
        word if is_word(word, "ZSET") => WaitKind::SortedSet,
        _ => return Err(ErrorReply::Syntax),
    };
    // Who may not pop from a key is not told whether there is anything.
    let pops = command::spec(match kind {
        WaitKind::List => CommandId::Blpop,
        _ => CommandId::Bzpopmin,
    });
    let login = &call.session.login;
    let checked = login.check(&call.node.access.users, pops, call.args.skip(FIRST_KEY - 1));
    checked.map_err(|refused| refused.reply(pops))?;
    let timeout_ms = wait_time::milliseconds(call.args.at(end))?;
    let db = call.db();
    for index in FIRST_KEY..end {
        let key = call.key(index);
        let value = call.store.peek(db, key);
        let is_there = match kind {
            WaitKind::List => matches!(ListRef::there(value), Ok(Some(_))),
            _ => matches!(SortedSetRef::there(value), Ok(Some(_))),
        };
        if is_there {
            call.reply.bulk(key.bytes);
            return Ok(Action::Continue);
        }
    }
    Ok(block(call, kind, timeout_ms, FIRST_KEY..end))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn who_may_not_pop_is_not_told_whether_there_is_anything() {
        let mut node = TestNode::new();
        node.expect(&[
            ("RPUSH a 1", ":1"),
            ("RPUSH b 1", ":1"),
            ("NODE AWAIT LIST b a 100", "$1 b"),
            ("ACL SETUSER one on >secret +node +blpop ~a", "+OK"),
            ("AUTH one secret", "+OK"),
            ("NODE AWAIT LIST a 100", "$1 a"),
        ]);
        for line in [
            "NODE AWAIT LIST b 100",
            "NODE AWAIT LIST a b 100",
            "NODE AWAIT ZSET a 100",
        ] {
            let refused = node.send(line);
            assert!(refused.starts_with("-NOPERM "), "{line}: {refused}");
        }
    }
}
