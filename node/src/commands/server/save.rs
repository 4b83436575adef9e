//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: snapshots, alone and as the base of the log.
//! Pure: the shell takes them.

use super::super::arguments::is_word;
use super::{Action, Call, Errand};
use shared::resp::ErrorReply;

/// SAVE: the reply comes when the snapshot is on disk. Unlike with Redis, others are served meanwhile; they do not change what is saved.
pub(super) fn save(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if !call.node.settings.has_data() {
        return Err(ErrorReply::NoData);
    }
    if call.node.persistence.saving.is_some() {
        return Err(ErrorReply::SaveInProgress);
    }
    Ok(Action::Errand(Errand::Save))
}

/// BGSAVE \[SCHEDULE\]
pub(super) fn save_in_background(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let is_scheduled = match (call.args.len(), call.args.get(1)) {
        (1, _) => false,
        (2, Some(word)) if is_word(word, "schedule") => true,
        _ => return Err(ErrorReply::Syntax),
    };
    if !call.node.settings.has_data() {
        return Err(ErrorReply::NoData);
    }
    let persistence = &call.node.persistence;
    if persistence.is_rewriting && !is_scheduled {
        return Err(ErrorReply::RewriteInProgress);
    }
    if persistence.saving.is_some() && !persistence.is_rewriting {
        return Err(ErrorReply::SaveInProgress);
    }
    Ok(Action::Errand(Errand::BackgroundSave { is_scheduled }))
}

/// BGREWRITEAOF. A node without a log refuses it, for it would be of no use; Redis makes one all the same.
pub(super) fn rewrite_log(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let persistence = &call.node.persistence;
    if !persistence.has_log {
        return Err(match call.node.settings.has_data() {
            true => ErrorReply::Text("ERR there is no log: appendonly is no".into()),
            false => ErrorReply::NoData,
        });
    }
    if persistence.is_rewriting {
        return Err(ErrorReply::RewriteAlready);
    }
    Ok(Action::Errand(Errand::RewriteLog))
}

/// LASTSAVE
pub(super) fn last_save(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let seconds = call.node.persistence.last_save_seconds;
    call.reply
        .integer(i64::try_from(seconds).unwrap_or(i64::MAX));
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    #[test]
    fn a_node_without_a_folder_saves_nothing_and_says_so() {
        let mut node = TestNode::new();
        let refused = "-ERR this node keeps nothing on disk: it was started without --data-dir\r\n";
        for line in ["SAVE", "BGSAVE", "BGSAVE SCHEDULE", "BGREWRITEAOF"] {
            assert_eq!(node.send(line), refused, "{line}");
        }
        assert_eq!(node.send("BGSAVE NOW"), "-ERR syntax error\r\n");
        assert_eq!(node.send("LASTSAVE"), ":0\r\n");
    }
}
