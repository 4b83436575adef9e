//! SHUTDOWN: the end of the node.
//! Pure: the shell ends it.

use super::super::arguments::is_word;
use super::{Action, Call, Errand, FinalSave};
use shared::resp::ErrorReply;

/// SHUTDOWN \[NOSAVE | SAVE\] \[NOW\] \[FORCE\] \[ABORT\]
///
/// Without SAVE or NOSAVE a snapshot is taken where snapshots are taken at all. A node that keeps nothing on disk cannot SAVE, which FORCE says does not matter.
pub(super) fn shutdown(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (mut save, mut no_save, mut force, mut abort) = (false, false, false, false);
    for word in call.args.iter_from(1) {
        if is_word(word, "save") {
            save = true;
        } else if is_word(word, "nosave") {
            no_save = true;
        } else if is_word(word, "force") {
            force = true;
        } else if is_word(word, "abort") {
            abort = true;
        } else if !is_word(word, "now") {
            return Err(ErrorReply::Syntax);
        }
    }
    if (save && no_save) || (abort && call.args.len() > 2) {
        return Err(ErrorReply::Syntax);
    }
    if abort {
        return Err(ErrorReply::NoShutdown);
    }
    if save && !force && !call.node.settings.has_data() {
        return Err(ErrorReply::ShutdownFailed);
    }
    let saves = match (save, no_save) {
        (true, _) => FinalSave::Yes,
        (_, true) => FinalSave::No,
        _ => FinalSave::IfUsual,
    };
    Ok(Action::Errand(Errand::Shutdown {
        saves,
        is_forced: force,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;
    use crate::commands::{Errand, FinalSave};
    use crate::execute::Stop;

    #[test]
    fn only_a_clear_order_stops_the_node() {
        let mut node = TestNode::new();
        for (line, reply) in [
            ("SHUTDOWN zork", "-ERR syntax error\r\n"),
            ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error\r\n"),
            ("SHUTDOWN ABORT NOW", "-ERR syntax error\r\n"),
            ("SHUTDOWN ABORT", "-ERR No shutdown in progress.\r\n"),
            (
                "SHUTDOWN SAVE",
                "-ERR Errors trying to SHUTDOWN. Check logs.\r\n",
            ),
        ] {
            assert_eq!(node.send(line), reply, "{line}");
            assert_eq!(node.stop, Stop::Done, "{line}");
        }
        assert_eq!(node.send("SHUTDOWN NOSAVE NOW FORCE"), "");
        let shutdown = Stop::Errand {
            errand: Errand::Shutdown {
                saves: FinalSave::No,
                is_forced: true,
            },
            is_heard: true,
        };
        assert_eq!(node.stop, shutdown);
    }
}
