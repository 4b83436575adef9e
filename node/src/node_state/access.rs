//! Who may do what at this node, and what becomes of clients whose users change.
//! Pure: users come from commands, and from a file that the shell has read. ACL is each node's own: nothing of it goes into the log or to followers.

use super::NodeState;
use super::clients::ClientKey;
use crate::client::Session;
use shared::access::{AccessLog, Changed, PasswordDice, User, Users};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Users, and what was refused to them.
#[derive(Debug, Default)]
pub struct NodeAccess {
    /// Who there is.
    pub users: Arc<Users>,
    /// ACL LOG.
    pub log: AccessLog,
    /// ACL GENPASS.
    pub dice: PasswordDice,
}

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing, or it goes on with other rights.
    Stays,
    /// It is cut: its user is no more, or may not hear any more what it has subscribed to.
    Goes,
}

impl NodeState {
    /// Users have become others: their clients follow, or are cut. `own` is the session whose turn it is; whether that client is to go as well, with its reply.
    pub fn users_changed(
        &mut self,
        changes: &[Changed],
        own: Option<(&mut Session, ClientKey)>,
    ) -> bool {
        let by_name: BTreeMap<&[u8], &Changed> = changes
            .iter()
            .filter_map(|change| Some((change.before.as_deref()?.name(), change)))
            .collect();
        if by_name.is_empty() {
            return false;
        }
        let users = Arc::clone(&self.access.users);
        let mut gone = Vec::new();
        let subscriptions = &self.subscriptions;
        let decide = |session: &mut Session, client: ClientKey| {
            let change = by_name.get(session.login.user().name());
            let Some(change) = change else {
                return Fate::Stays;
            };
            let Some(after) = &change.after else {
                session.login.lose(&users);
                return Fate::Goes;
            };
            session.login.follow(after);
            let hears = |user: &User| user.may_hear_all(subscriptions.heard_by(client));
            match change.hears_less() && session.subscribed.are_any() && !hears(after) {
                true => Fate::Goes,
                false => Fate::Stays,
            }
        };
        let own_fate = own.map(|(session, client)| decide(session, client));
        self.clients.each_session(|session, client| {
            if decide(session, client) == Fate::Goes {
                gone.push(client.id());
            }
        });
        gone.into_iter().for_each(|id| self.clients.condemn(id));
        own_fate == Some(Fate::Goes)
    }
}
