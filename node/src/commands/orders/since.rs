//! NODE SINCE: a proxy's client is about to wait for what comes to streams from this moment on (`$`), and the proxy is told what that means: asked again elsewhere, the
//! command names the identifiers, so that nothing that came meanwhile is missing.
//! Pure. Invariant: what is said was true at a moment at which the node led, after the request came and no later than the command that stands behind it: the gates take this for a read.

use crate::commands::streams::since_ids;
use crate::commands::{Action, Call};
use shared::command::{self, CommandId};
use shared::resp::{ErrorReply, is_word};

/// Where the command begins.
const COMMAND: usize = 2;

/// NODE SINCE XREAD …: for each of its streams behind which identifier entries are new.
pub(super) fn since(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args.skip(COMMAND);
    if !args.get(0).is_some_and(|word| is_word(word, "xread")) {
        return Err(ErrorReply::Syntax);
    }
    let reads = command::spec(CommandId::Xread);
    let checked = call
        .session
        .login
        .check(&call.node.access.users, reads, args);
    checked.map_err(|refused| refused.reply(reads))?;
    let ids = since_ids(call, COMMAND)?;
    call.reply.array(ids.len());
    for id in ids {
        call.reply.bulk(&id);
    }
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn what_a_reader_of_what_is_new_begins_behind_is_told() {
        let mut node = TestNode::new();
        node.expect(&[
            ("XADD s 5-1 f v", "$3 5-1"),
            ("XADD s 7-2 f v", "$3 7-2"),
            ("XDEL s 7-2", ":1"),
            ("SET text v", "+OK"),
            ("NODE SINCE XREAD BLOCK 0 STREAMS s $", "*1 $3 7-2"),
            (
                "NODE SINCE xread COUNT 2 BLOCK 9 STREAMS none s s $ 5 $",
                "*3 $3 0-0 $1 5 $3 7-2",
            ),
        ]);
        for (line, begins) in [
            ("NODE SINCE", "-ERR"),
            ("NODE SINCE GET s", "-ERR"),
            ("NODE SINCE XREAD BLOCK 0 STREAMS s", "-ERR"),
            ("NODE SINCE XREAD BLOCK 0 STREAMS s text $ $", "-WRONGTYPE"),
        ] {
            let refused = node.send(line);
            assert!(refused.starts_with(begins), "{line}: {refused}");
        }
        node.expect(&[
            ("ACL SETUSER one on >secret +node +xread ~s", "+OK"),
            ("AUTH one secret", "+OK"),
            ("NODE SINCE XREAD BLOCK 0 STREAMS s $", "*1 $3 7-2"),
        ]);
        let refused = node.send("NODE SINCE XREAD BLOCK 0 STREAMS other $");
        assert!(refused.starts_with("-NOPERM "), "{refused}");
    }
}
