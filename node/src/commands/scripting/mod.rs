//! EVAL and its company, SCRIPT, FUNCTION: what is kept, and what is to run. Running is `execute::script`'s.
//! Pure.

mod eval;
mod function;
mod kill;
mod script;

use super::{Action, Call, Handler};
use shared::command::CommandId;

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Eval | CommandId::EvalRo => eval::eval,
        CommandId::Evalsha | CommandId::EvalshaRo => eval::evalsha,
        CommandId::Fcall | CommandId::FcallRo => eval::fcall,
        CommandId::ScriptLoad => script::load,
        CommandId::ScriptExists => script::exists,
        CommandId::ScriptFlush => script::flush,
        CommandId::ScriptDebug => script::debug,
        CommandId::ScriptKill => kill::script,
        CommandId::FunctionKill => kill::function,
        CommandId::FunctionStats => kill::stats,
        CommandId::FunctionLoad => function::load,
        CommandId::FunctionDelete => function::delete,
        CommandId::FunctionFlush => function::flush,
        CommandId::FunctionList => function::list,
        CommandId::FunctionDump => function::dump,
        CommandId::FunctionRestore => function::restore,
        CommandId::ScriptHelp | CommandId::FunctionHelp => super::help,
        _ => return None,
    })
}

/// Hears what `lua-memory-limit` is now.
fn bound(call: &mut Call<'_>) {
    let most_bytes = call.node.settings.hot.lua_memory_bytes;
    call.node.scripts.set_bound(most_bytes);
}
