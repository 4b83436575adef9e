//! NODE: what proxies tell a node as a member of a shard, and what it says of itself. The words stand in [`parse`], the meaning in `protocol::Replica`.
//! Pure: an order is left in the node's state, and carried out by the shell.
//!
//! ```text
//! NODE STATUS
//! NODE SETTINGS                       what clients have set by CONFIG SET and all copies of a shard are to have
//! NODE TAKE    leader@life name value …   a follower of this leader takes these; which it refuses is the reply
//! NODE FENCE   shard epoch rev node@life [[ACKS] IN-SYNC [[READS] LINEARIZABLE]]
//! NODE PROMOTE shard epoch rev node@life member@life …      who is in sync, the node itself among them
//! NODE INSYNC  shard epoch rev node@life member@life …
//! NODE JOIN    shard epoch rev node@life member@life
//! NODE HOLD    shard epoch rev node@life milliseconds
//! NODE FOLLOW  shard epoch rev node@life leader@life host port [MAY-WIPE]
//! NODE SYNC    shard epoch rev node@life leader@life log epoch offset      a follower asks for the log; `-` where it has none
//! NODE EXEC    [WATCHED name times] request request …      a transaction as a proxy has queued it: as MULTI, these, EXEC, with the reply of EXEC alone; and what its client watches
//! NODE WATCH   name times key …       WATCH of a client of a proxy, which has drawn the name (63 bits); the first, the second, … of this name
//! NODE UNWATCH name                   the client watches nothing any more
//! NODE LISTENERS topic name count   the client has subscribed to this on behalf of so many; topic: CHANNEL, PATTERN, SHARDCHANNEL
//! NODE KEYS    slots [RULE name [KEYS pattern …] [DATABASE number …] …]   which keys are the shard's: a script that names others is told
//! NODE KEEP    milliseconds said-at   no key goes by itself for so long: a proxy's clients are paused; 0: they are not any more. The last that was said counts, by when, for it may come over other connections
//! NODE PUSHES  the client, which speaks RESP2, is told what it is told as pushes of RESP3, so that it can tell them from replies
//! NODE FOR     author command …      the command, on behalf of this client of a proxy: 32 digits. Whoever hears pushes is told so where it changes keys
//! NODE AWAIT   LIST|ZSET key … milliseconds         waits until one of the keys has something, says which, and takes nothing
//! NODE SINCE   XREAD …                              for each of its streams the identifier behind which entries are new, `$` being the last one of this moment
//! ```
//!
//! Over a pipe that is fenced with `IN-SYNC` a reply waits until all who are in sync have the last write to the slots that it tells of. That alone lets a primary that
//! was replaced, and does not know it yet, tell what was true before: with `READS LINEARIZABLE` a reply waits also until all of them have said, since the command came,
//! that they still follow.

mod awaiting;
mod keys;
mod listeners;
mod parse;
mod since;
mod status;
mod take;
mod watch;

use super::arguments::{integer, is_word};
use super::{Action, Call, Errand, Handler};
use crate::client::Transaction;
use crate::node_state::Feeding;
use parse::Words;
use shared::command::{self, CommandFlags, CommandId, CommandSpec};
use shared::resp::{
    Args, ErrorReply, RequestBatch, RequestLimits, RequestScanner, TransactionError,
};
use shared::tracking::Author;

pub(crate) use parse::hear;

/// The order that tells what a command would read.
const SINCE: &str = "since";

/// Whether a command looks at keys: those that say so in the table, and NODE SINCE.
pub(crate) fn looks_at_keys(spec: &CommandSpec, args: Args<'_>) -> bool {
    let is_since = || args.get(1).is_some_and(|word| is_word(word, SINCE));
    spec.flags.contains(CommandFlags::READ) || spec.id == CommandId::Node && is_since()
}

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    (id == CommandId::Node).then_some(node)
}

/// NODE subcommand …
fn node(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let name = call.args.at(1);
    if is_word(name, "status") || is_word(name, "settings") {
        if call.args.len() != 2 {
            return Err(ErrorReply::unknown_subcommand_or_arity("NODE", name));
        }
        match is_word(name, "status") {
            true => status::status(call),
            false => status::settings(call),
        }
        return Ok(Action::Continue);
    }
    if is_word(name, "exec") {
        let (watch, requests) = watch::of_queue(call.args.skip(2))?;
        let room = call.node.spare_queues.take();
        let queued = read_queue(requests, room)?;
        return Ok(Action::Transact(queued, watch));
    }
    if is_word(name, "watch") {
        return watch::watch(call);
    }
    if is_word(name, "unwatch") {
        return watch::unwatch(call);
    }
    if is_word(name, "listeners") {
        return listeners::listeners(call);
    }
    if is_word(name, "keys") {
        return keys::keys(call);
    }
    if is_word(name, "for") {
        return act_for(call);
    }
    if is_word(name, "keep") {
        return keep(call);
    }
    if is_word(name, "take") {
        return take::take(call);
    }
    if is_word(name, "pushes") {
        return hear_pushes(call);
    }
    if is_word(name, "await") {
        return awaiting::await_keys(call);
    }
    if is_word(name, SINCE) {
        return since::since(call);
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

/// NODE KEEP milliseconds said-at
fn keep(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() != 4 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("NODE", word));
    }
    let number = |at| {
        let number = integer(call.args.at(at))?;
        u64::try_from(number).map_err(|_| ErrorReply::NotInteger)
    };
    let (for_ms, said_ms) = (number(2)?, number(3)?);
    if said_ms >= call.node.kept_said_ms {
        call.node.kept_said_ms = said_ms;
        call.node.kept_until_ms = call.now_ms.saturating_add(for_ms);
        call.store.keep_all_until(call.node.keeps_all_until_ms());
    }
    call.reply.ok();
    Ok(Action::Continue)
}

/// NODE FOR author command …
fn act_for(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let author = call.args.get(2).and_then(Author::read);
    // One command, whose own that is.
    let is_nested = call.args.get(3).is_none_or(|word| is_word(word, "node"))
        && !call.args.get(4).is_some_and(|word| is_word(word, "exec"));
    match author.filter(|_| !is_nested) {
        Some(author) => Ok(Action::ActFor(author)),
        None => Err(ErrorReply::Syntax),
    }
}

/// NODE PUSHES
fn hear_pushes(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    if call.args.len() != 2 {
        let word = call.args.at(1);
        return Err(ErrorReply::unknown_subcommand_or_arity("NODE", word));
    }
    call.session.hears_pushes = true;
    call.reply.ok();
    Ok(Action::Continue)
}

/// The commands of a transaction, each an argument that is a request of its own, put into an empty queue.
fn read_queue(
    requests: Args<'_>,
    mut queued: Box<Transaction>,
) -> Result<Box<Transaction>, ErrorReply> {
    let mut bytes = Vec::new();
    let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
    let mut batch = RequestBatch::default();
    for request in requests.iter_from(0) {
        bytes.clear();
        bytes.extend_from_slice(request);
        batch.clear();
        let scanned = scanner.scan(&mut bytes, &mut batch, 1);
        scanned.map_err(ErrorReply::Protocol)?;
        let [found] = batch.requests() else {
            return Err(ErrorReply::Transaction(TransactionError::BrokenTransaction));
        };
        if found.end as usize != bytes.len() {
            return Err(ErrorReply::Transaction(TransactionError::BrokenTransaction));
        }
        let args = batch.args(&bytes, found);
        let spec = command::resolve_served(args, CommandSpec::is_served_by_node)?;
        queued.push(spec, args);
        scanner.dropped(scanner.finished_bytes());
    }
    Ok(queued)
}

/// What a node says of itself, as a reply to an order.
pub(crate) use status::write as write_status;

#[cfg(test)]
mod tests;
