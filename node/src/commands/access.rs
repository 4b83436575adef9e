//! ACL: who may do what, told and changed; and what is noted when somebody may not.
//! Pure: files are errands of the shell, the answers are `shared::access`'.

use super::client::describe;
use super::{Action, Call, Errand, Handler};
use crate::client::{Identity, Session};
use crate::node_state::NodeState;
use shared::access::{
    self, AccessDesk, AfterAccess, Changed, Context, DEFAULT_USER, Denied, Reason, Refusal, Users,
};
use shared::command::{CommandId, CommandSpec};
use shared::resp::{Args, ErrorReply};
use shared::session::LoginRefused;
use std::sync::Arc;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::AclHelp => super::help,
        CommandId::AclCat
        | CommandId::AclDeluser
        | CommandId::AclDryrun
        | CommandId::AclGenpass
        | CommandId::AclGetuser
        | CommandId::AclList
        | CommandId::AclLoad
        | CommandId::AclLog
        | CommandId::AclSave
        | CommandId::AclSetuser
        | CommandId::AclUsers
        | CommandId::AclWhoami => acl,
        _ => return None,
    })
}

/// ACL subcommand …
fn acl(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.session.secret_args |= access::secret_args(call.spec.id);
    let node = &mut *call.node;
    let mut desk = AccessDesk {
        users: &mut node.access.users,
        log: &mut node.access.log,
        dice: &mut node.access.dice,
        login: &call.session.login,
        has_file: node
            .settings
            .get("aclfile")
            .is_some_and(|file| !file.is_empty()),
        channels: node.settings.hot.channels_by_default,
        now_ms: call.now_ms,
    };
    let is_served = CommandSpec::is_served_by_node;
    let after = access::answer(call.spec, call.args, &mut desk, is_served, &mut call.reply)?;
    Ok(match after {
        AfterAccess::Done => Action::Continue,
        AfterAccess::Changed(changes) => match users_changed(call, &changes) {
            true => Action::Close,
            // The caller's own rights may be others.
            false => Action::NewLimits,
        },
        AfterAccess::Load => Action::Errand(Errand::LoadUsers),
        AfterAccess::Save => Action::Errand(Errand::SaveUsers),
    })
}

/// Users have become others; whether the caller is to go.
pub(super) fn users_changed(call: &mut Call<'_>, changes: &[Changed]) -> bool {
    let own = call.node.clients.key_of(call.identity.id);
    let own = own.map(|client| (&mut *call.session, client));
    call.node.users_changed(changes, own)
}

/// ACL LOAD: these are the users from now on. As in Redis, whoever has come in as another one than the default user is cut, whether anything of that has changed or not.
pub(crate) fn users_loaded(node: &mut NodeState, users: Users) {
    let before = std::mem::replace(&mut node.access.users, Arc::new(users));
    let changes: Vec<Changed> = before
        .iter()
        .map(|user| Changed {
            before: Some(user.clone()),
            after: (user.name() == DEFAULT_USER).then(|| node.access.users.default_user().clone()),
        })
        .collect();
    node.users_changed(&changes, None);
}

/// Who asks, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) session: &'a Session,
    pub(crate) context: Context,
    pub(crate) now_ms: u64,
}

/// A command of somebody's has been refused.
pub(crate) fn note_denied(
    node: &mut NodeState,
    asking: Asking<'_>,
    denied: Denied,
    spec: &'static CommandSpec,
    args: Args<'_>,
) {
    let count = match denied {
        Denied::Command | Denied::TooMany => &mut node.stats.denied.command,
        Denied::Key(_) => &mut node.stats.denied.key,
        Denied::Channel(_) => &mut node.stats.denied.channel,
    };
    *count += 1;
    let (reason, object) = denied.object(spec.name, args);
    let user = asking.session.login.user().name();
    note(node, asking, reason, object, user);
}

/// HELLO or AUTH has been refused: what is said of it.
pub(super) fn refused(call: &mut Call<'_>, refused: LoginRefused<'_>) -> ErrorReply {
    if let Some(user) = refused.user {
        call.node.stats.denied.auth += 1;
        call.session.last_command = Some(call.spec);
        let asking = Asking {
            identity: call.identity,
            session: call.session,
            context: context_of(call.session),
            now_ms: call.now_ms,
        };
        note(call.node, asking, Reason::Auth, call.args.at(0), user);
    }
    refused.error
}

/// Where a command stands that a client asks for.
pub(crate) fn context_of(session: &Session) -> Context {
    match session.transaction {
        Some(_) => Context::Multi,
        None => Context::TopLevel,
    }
}

fn note(node: &mut NodeState, asking: Asking<'_>, reason: Reason, object: &[u8], user: &[u8]) {
    let mut text = String::new();
    if let Some(key) = node.clients.key_of(asking.identity.id) {
        let NodeState {
            clients, tracking, ..
        } = &mut *node;
        let client = clients.at(key);
        describe(&mut text, client, asking.session, tracking, asking.now_ms);
    }
    text.truncate(text.trim_end().len());
    let refusal = Refusal {
        reason,
        context: asking.context,
        object,
        user,
        client: text,
    };
    let most = node.settings.hot.access_log_max_len;
    node.access.log.add(refusal, asking.now_ms, most);
}
