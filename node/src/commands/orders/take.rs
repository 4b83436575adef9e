//! NODE TAKE: settings of a leader, for whoever follows it at that moment.
//! Pure. Invariant: who follows nobody, or another one, takes nothing: what it was told since then counts.

use super::super::server::take_effect;
use super::parse::Words;
use super::{Action, Call};
use protocol::{Duty, Replica};
use shared::resp::ErrorReply;

/// NODE TAKE leader@life name value …
pub(super) fn take(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    let leader = Words::new(args).leader()?;
    if args.len() < 5 || args.len().is_multiple_of(2) {
        return Err(ErrorReply::Syntax);
    }
    let follows = match call.node.member.replica().map(Replica::duty) {
        Some(Duty::Following(following)) => *following.leader() == leader,
        _ => false,
    };
    if !follows {
        return Err(ErrorReply::OtherRole);
    }
    // The others are taken: each is right by itself.
    let mut refused = Vec::new();
    for at in (3..args.len()).step_by(2) {
        let pair = (args.at(at), args.at(at + 1));
        if let Err(error) = call.node.settings.set(std::iter::once(pair)) {
            let mut text = Vec::new();
            ErrorReply::from(error).write_text(&mut text);
            refused.push(text);
        }
    }
    take_effect(call);
    call.reply.array(refused.len());
    for refusal in refused {
        call.reply.bulk(&refusal);
    }
    Ok(Action::NewLimits)
}
