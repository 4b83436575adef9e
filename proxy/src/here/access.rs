//! ACL at a proxy: about its own users, which have nothing to do with those of nodes.
//! Pure. What is changed here holds for all threads of this proxy, and for no other proxy, until the file says so.

use std::sync::Arc;

use shared::access::{self, AccessDesk, AfterAccess, Context, Reason, Refusal};
use shared::command::CommandSpec;
use shared::config::UsersIn;
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::session::LoginRefused;

use super::{After, Desk, Standing, describe};
use crate::access::{FileErrand, Ledger, LiveAccess, channels};
use crate::client::ClientState;

/// ACL subcommand …
pub(super) fn answer(
    spec: &CommandSpec,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &mut ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let mut ledger = desk.access.ledger();
    let mut users = Arc::clone(&desk.access.users());
    let Ledger { log, dice, .. } = &mut *ledger;
    let mut asked = AccessDesk {
        users: &mut users,
        log,
        dice,
        login: &state.login,
        has_file: desk.config.aclfile.is_some() || desk.config.users == UsersIn::Store,
        channels: channels(desk.config),
        now_ms: desk.now_us / 1_000,
    };
    let after = access::answer(
        spec,
        args,
        &mut asked,
        CommandSpec::is_served_by_proxy,
        reply,
    )?;
    Ok(match after {
        AfterAccess::Done => After::Done,
        AfterAccess::Load => After::File(FileErrand::Load),
        AfterAccess::Save => After::File(FileErrand::Save),
        AfterAccess::Changed(_) => {
            desk.access.publish(users, &mut ledger);
            let is_there = state.follow_users(desk.access);
            // Its reply says that it has removed itself.
            if is_there { After::Moved } else { After::Close }
        }
    })
}

/// HELLO or AUTH has been refused: what is said of it.
pub(super) fn refused(
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &ClientState,
    refused: LoginRefused<'_>,
) -> ErrorReply {
    if let Some(user) = refused.user {
        note(
            desk.access,
            desk.config.acllog_max_len as usize,
            (Reason::Auth, args.at(0), user),
            state,
            (desk.now_us / 1_000, desk.now_ms),
        );
    }
    refused.error
}

/// Something has been refused to somebody: why, what, and to which user; at this moment, by the wall's clock and by the other.
pub(crate) fn note(
    access: &LiveAccess,
    most: usize,
    (reason, object, user): (Reason, &[u8], &[u8]),
    state: &ClientState,
    (wall_ms, now_ms): (u64, u64),
) {
    let line = describe(state, now_ms, &Standing::default());
    let refusal = Refusal {
        reason,
        context: match state.transaction {
            Some(_) => Context::Multi,
            None => Context::TopLevel,
        },
        object,
        user,
        client: line.trim_end().to_owned(),
    };
    access.count_denied(reason);
    access.ledger().log.add(refusal, wall_ms, most);
}
