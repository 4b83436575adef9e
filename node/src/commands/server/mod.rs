//! Commands on the node as a whole: settings, counters, logs of slowness, memory, whole databases, its end.
//! Pure: what only the shell can do is an [`Errand`].

mod config;
mod databases;
mod debug;
mod info;
mod latency;
mod memory;
mod save;
mod slowlog;
mod stop;

pub(super) use config::take_effect;
pub(super) use databases::is_flush_option;

use super::arguments::{integer, is_word};
use super::{Action, Call, Errand, FinalSave, Handler};
use shared::command::{CommandId, CommandSpec, introspection};
use shared::resp::{ErrorReply, REDIS_VERSION};

/// The handler of a command of this group.
pub(super) fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Command
        | CommandId::CommandCount
        | CommandId::CommandInfo
        | CommandId::CommandDocs
        | CommandId::CommandList
        | CommandId::CommandGetkeys
        | CommandId::CommandGetkeysandflags
        | CommandId::CommandHelp => describe_commands,
        CommandId::ConfigGet => config::get,
        CommandId::ConfigSet => config::set,
        CommandId::ConfigResetstat => config::reset_stat,
        CommandId::ConfigRewrite => config::rewrite,
        CommandId::Info => info::info,
        CommandId::Dbsize => databases::size,
        CommandId::Flushdb => databases::flush_one,
        CommandId::Flushall => databases::flush_all,
        CommandId::Swapdb => databases::swap,
        CommandId::Time => time,
        CommandId::SlowlogGet => slowlog::get,
        CommandId::SlowlogLen => slowlog::len,
        CommandId::SlowlogReset => slowlog::reset,
        CommandId::LatencyLatest => latency::latest,
        CommandId::LatencyHistory => latency::history,
        CommandId::LatencyReset => latency::reset,
        CommandId::LatencyGraph => latency::graph,
        CommandId::LatencyDoctor => latency::doctor,
        CommandId::LatencyHistogram => latency::histogram,
        CommandId::MemoryUsage => memory::usage,
        CommandId::MemoryDoctor => memory::doctor,
        CommandId::MemoryStats => memory::stats,
        CommandId::MemoryMallocStats => memory::malloc_stats,
        CommandId::MemoryPurge => memory::purge,
        CommandId::ConfigHelp
        | CommandId::SlowlogHelp
        | CommandId::LatencyHelp
        | CommandId::MemoryHelp
        | CommandId::ModuleHelp => super::help,
        CommandId::ModuleList => modules,
        CommandId::Debug => debug::debug,
        CommandId::Monitor => monitor,
        CommandId::Shutdown => stop::shutdown,
        CommandId::Save => save::save,
        CommandId::Bgsave => save::save_in_background,
        CommandId::Bgrewriteaof => save::rewrite_log,
        CommandId::Lastsave => save::last_save,
        CommandId::Lolwut => lolwut,
        _ => return None,
    })
}

/// COMMAND and its subcommands: everything is in the table.
fn describe_commands(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    introspection::answer(
        call.args,
        call.spec,
        CommandSpec::is_served_by_node,
        &mut call.reply,
    )?;
    Ok(Action::Continue)
}

/// TIME
fn time(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.array(2);
    let now_us = i64::try_from(call.node.now_us).unwrap_or(i64::MAX);
    call.reply.bulk_integer(now_us / 1_000_000);
    call.reply.bulk_integer(now_us % 1_000_000);
    Ok(Action::Continue)
}

/// MODULE LIST: there are none.
fn modules(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    call.reply.array(0);
    Ok(Action::Continue)
}

/// MONITOR
///
/// Asked for again it is not even answered, as in Redis.
fn monitor(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let Some(client) = call.node.clients.key_of(call.identity.id) else {
        return Ok(Action::Continue);
    };
    if !call.session.is_monitor {
        call.session.is_monitor = true;
        call.node.monitors.push(client);
        call.reply.ok();
    }
    Ok(Action::Continue)
}

/// LOLWUT \[VERSION version \[number …\]\]
fn lolwut(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let args = call.args;
    if args.len() > 2 && is_word(args.at(1), "version") {
        // Redis' drawings of old take numbers; it looks at no more of them.
        let numbers = match integer(args.at(2))? {
            5 => 3,
            6 => 2,
            _ => 0,
        };
        for number in args.iter_from(3).take(numbers) {
            integer(number)?;
        }
    }
    let text = format!(
        "  o--o    o--o\n   \\  \\  /  /\n    o==><==o     Switchyard {}\n   /  /  \\  \\\n  o--o    o--o\n\nRedis ver. {REDIS_VERSION}\n",
        env!("CARGO_PKG_VERSION")
    );
    call.reply.verbatim("txt", text.as_bytes());
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestNode;

    #[test]
    fn the_drawing_takes_as_many_numbers_as_redis_reads() {
        let mut node = TestNode::new();
        let wrong = "-ERR value is not an integer or out of range\r\n";
        for line in [
            "LOLWUT VERSION x",
            "LOLWUT VERSION 5 1 2 x",
            "LOLWUT version 6 1 x",
        ] {
            assert_eq!(node.send(line), wrong, "{line}");
        }
        for line in [
            "LOLWUT x",
            "LOLWUT VERSION",
            "LOLWUT VERSION 5 1 2 3 x",
            "LOLWUT VERSION 6 1 2 x",
            "LOLWUT VERSION 7 x",
        ] {
            assert!(node.send(line).starts_with('$'), "{line}");
        }
    }

    #[test]
    fn commands_without_handler_are_unknown_and_not_listed() {
        let mut node = TestNode::new();
        assert!(
            node.send("MIGRATE h 1 k 0 1")
                .starts_with("-ERR unknown command 'MIGRATE'")
        );
        assert_eq!(
            node.send("CLIENT ZORK"),
            "-ERR unknown subcommand 'ZORK'. Try CLIENT HELP.\r\n"
        );
        assert_eq!(node.send("COMMAND INFO migrate"), "*1\r\n$-1\r\n");
        assert!(node.send("COMMAND INFO get").starts_with("*1\r\n*10\r\n"));
    }
}
