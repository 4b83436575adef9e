//! Commands that treat their keys one after the other: how, so that many keys can be treated a stride at a time, with other clients' commands between.
//! Pure. Never: decides how long a stride is, or who waits meanwhile ([`crate::execute`] does).

use super::{Action, Call, keys, strings};
use shared::command::CommandId;
use shared::resp::ErrorReply;
use std::ops::Range;

/// Treats the keys among these arguments, each with what belongs to it; gives how many of them count.
pub(crate) type Stride = fn(&mut Call<'_>, Range<usize>) -> Result<usize, ErrorReply>;

/// What a command does with each of its keys. They begin behind the name and stand a step apart (`CommandSpec::key_step`).
#[derive(Debug)]
pub(crate) struct KeyByKey {
    /// Checks the arguments and begins the reply.
    pub(crate) begin: fn(&mut Call<'_>) -> Result<(), ErrorReply>,
    /// Looks at all keys first: when one of them counts, none is treated.
    pub(crate) unless: Option<Stride>,
    /// Treats keys.
    pub(crate) treat: Stride,
    /// Ends the reply; so many keys counted when they were treated.
    pub(crate) end: fn(&mut Call<'_>, usize),
}

/// Where the first key stands.
pub(crate) const FIRST_KEY: usize = 1;

/// How the command treats its keys, if that can be cut.
pub(crate) fn key_by_key(id: CommandId) -> Option<&'static KeyByKey> {
    keys::key_by_key(id).or_else(|| strings::key_by_key(id))
}

/// All keys at once.
#[inline]
pub(super) fn at_once(call: &mut Call<'_>, plan: &KeyByKey) -> Result<Action, ErrorReply> {
    (plan.begin)(call)?;
    let all = FIRST_KEY..call.args.len();
    let is_refused = match plan.unless {
        Some(look) => look(call, all.clone())? > 0,
        None => false,
    };
    let counted = if is_refused {
        0
    } else {
        (plan.treat)(call, all)?
    };
    (plan.end)(call, counted);
    Ok(Action::Continue)
}
