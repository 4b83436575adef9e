//! NODE: what proxies tell a node as a member of a shard, and what it says of itself. The words stand in [`parse`], the meaning in `protocol::Replica`.
//! Pure: an order is left in the node's state, and carried out by the shell.
//!
//! ```text
//! NODE STATUS
//! NODE FENCE   shard epoch rev node@life [IN-SYNC]
//! NODE PROMOTE shard epoch rev node@life member@life …      who is in sync, the node itself among them
//! NODE INSYNC  shard epoch rev node@life member@life …
//! NODE JOIN    shard epoch rev node@life member@life
//! NODE HOLD    shard epoch rev node@life milliseconds
//! NODE FOLLOW  shard epoch rev node@life leader@life host port [MAY-WIPE]
//! NODE SYNC    shard epoch rev node@life leader@life log epoch offset      a follower asks for the log; `-` where it has none
//! ```

mod parse;
mod status;

use super::arguments::is_word;
use super::{Action, Call, Errand, Handler};
use crate::node_state::Feeding;
use parse::Words;
use shared::command::CommandId;
use shared::resp::ErrorReply;

pub(crate) use parse::hear;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    (id == CommandId::Node).then_some(node)
}

/// NODE subcommand …
fn node(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let name = call.args.at(1);
    if is_word(name, "status") {
        if call.args.len() != 2 {
            return Err(ErrorReply::unknown_subcommand_or_arity("NODE", name));
        }
        status::status(call);
        return Ok(Action::Continue);
    }
    let mut words = Words::new(call.args);
    if is_word(name, "sync") {
        let ask = words.ask()?;
        let number = call.node.member.take_ask(ask);
        return Ok(Action::Feed(Feeding::Member(number)));
    }
    let order = words.order()?;
    let number = call.node.member.take_order(order);
    Ok(Action::Errand(Errand::Obey(number)))
}

/// What a node says of itself, as a reply to an order.
pub(crate) use status::write as write_status;

#[cfg(test)]
mod tests;
