//! `redis.call`: one command of a script, whether it may run, and its answer.
//! Pure.

use super::{Executor, ScriptRun, Turn};
use crate::execute::Origin;
use crate::execute::gates::{self, Gate};
use crate::node_state::{REFUSED, Shown};
use crate::store::DbIndex;
use shared::access::{self, Context};
use shared::command::{self, CommandFlags, CommandId, CommandSpec};
use shared::monitor;
use shared::resp::{Args, ErrorReply};
use shared::topology::LocalKeys;

/// Why a command does not run now.
enum Refused {
    /// It may later.
    Later,
    /// In these words.
    Words(&'static [u8]),
    Error(ErrorReply),
}

impl Executor {
    /// Carries out what the script asks for; `false` when that cannot be now.
    pub(super) fn carry_out_call(&mut self, turn: &mut Turn<'_>, run: &mut ScriptRun) -> bool {
        let mut lent = run.machine.lend();
        turn.session.protocol = run.machine.answers_in();
        let (args, answer) = lent.parts();
        let admitted = self.admit_call(turn, run, args);
        let is_done = !matches!(admitted, Err(Refused::Later));
        match admitted {
            Ok(spec) => {
                let writes = spec.flags.contains(CommandFlags::WRITE);
                if turn.node.monitors.is_empty() {
                    self.run_queued(turn, Origin::Script, spec, args, answer);
                } else {
                    self.run_shown(turn, spec, args, answer);
                }
                // The node leads no more, and has not carried it out.
                let is_fenced = turn.session.fence_epoch == REFUSED;
                run.has_written |= writes && !is_fenced;
            }
            Err(Refused::Later) => {}
            Err(Refused::Words(words)) => {
                answer.push(b'-');
                answer.extend_from_slice(words);
                answer.extend_from_slice(b"\r\n");
            }
            Err(Refused::Error(error)) => {
                shared::resp::ReplyWriter::new(answer, turn.session.protocol).error(&error);
            }
        }
        run.machine.give_back(lent);
        is_done
    }

    /// The same, seen by whoever monitors.
    #[cold]
    fn run_shown(
        &mut self,
        turn: &mut Turn<'_>,
        spec: &'static CommandSpec,
        args: Args<'_>,
        answer: &mut Vec<u8>,
    ) {
        let monitors = std::mem::take(&mut turn.node.monitors);
        if monitor::is_shown(spec) {
            turn.node.monitors.clone_from(&monitors);
            turn.node.show_to_monitors(Shown {
                args,
                identity: turn.identity,
                session: turn.session,
                is_of_script: true,
            });
            turn.node.monitors.clear();
        }
        self.run_queued(turn, Origin::Script, spec, args, answer);
        turn.node.monitors = monitors;
    }

    fn admit_call(
        &mut self,
        turn: &mut Turn<'_>,
        run: &ScriptRun,
        args: Args<'_>,
    ) -> Result<&'static CommandSpec, Refused> {
        let resolved = command::resolve_served(args, CommandSpec::is_served_by_node);
        let spec = resolved.map_err(|error| {
            Refused::Words(match error {
                ErrorReply::Arity(_) => {
                    b"ERR Wrong number of args calling Redis command from script"
                }
                _ => b"ERR Unknown Redis command called from script",
            })
        })?;
        if spec.flags.contains(CommandFlags::NO_SCRIPT) {
            return Err(Refused::Words(
                b"ERR This Redis command is not allowed from script",
            ));
        }
        if !turn.session.login.is_free()
            && let Err(refused) = gates::check_permission(turn, spec, args, Context::Lua)
        {
            return Err(match refused {
                access::Refused::Stranger => Refused::Error(ErrorReply::NoAuth),
                access::Refused::Denied(denied) => Refused::Error(denied.reply_in_script()),
            });
        }
        if let Some(keys) = &turn.session.local_keys
            && let Some(stranger) = key_of_others(keys, turn.session.db, spec, args)
        {
            return Err(Refused::Error(ErrorReply::key_of_another_shard(stranger)));
        }
        if run.rules.only_reads && spec.flags.contains(CommandFlags::WRITE) {
            return Err(Refused::Words(
                b"ERR Write commands are not allowed from read-only scripts.",
            ));
        }
        if let CommandId::Xread | CommandId::Xreadgroup = spec.id
            && would_block(args)
        {
            return Err(Refused::Words(match spec.id {
                CommandId::Xread => {
                    b"ERR xread command is not allowed with BLOCK option from scripts"
                }
                _ => b"ERR xreadgroup command is not allowed with BLOCK option from scripts",
            }));
        }
        match gates::pass(Origin::Script, turn, spec, args, self.timing.watch()) {
            Gate::Open => {}
            Gate::Wait(_) => return Err(Refused::Later),
            Gate::Refused(error) => return Err(Refused::Error(error)),
        }
        // What has begun to write may go on.
        if run.rules.is_out_of_memory
            && !run.has_written
            && spec.flags.contains(CommandFlags::DENY_OOM)
        {
            return Err(Refused::Error(ErrorReply::OutOfMemory));
        }
        Ok(spec)
    }
}

/// A key of a command that is none of these.
fn key_of_others<'a>(
    keys: &LocalKeys,
    db: DbIndex,
    spec: &CommandSpec,
    args: Args<'a>,
) -> Option<&'a [u8]> {
    let mut stranger = None;
    spec.for_each_key(args, |index| {
        let key = args.at(index);
        if stranger.is_none() && !keys.have(db.0.into(), key) {
            stranger = Some(key);
        }
    });
    stranger
}

/// Whether the script's user may run a command.
pub(super) fn answer_check(turn: &Turn<'_>, run: &mut ScriptRun) {
    let mut lent = run.machine.lend();
    let (args, answer) = lent.parts();
    let may = command::resolve(args).is_ok_and(|spec| {
        let users = &turn.node.access.users;
        turn.session.login.check(users, spec, args).is_ok()
    });
    answer.extend_from_slice(if may { b":1\r\n" } else { b":0\r\n" });
    run.machine.give_back(lent);
}

/// Whether BLOCK stands before the keys.
fn would_block(args: Args<'_>) -> bool {
    let is = |word: &&[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let mut options = args.iter_from(1).take_while(|word| !is(word, "streams"));
    options.any(|word| is(&word, "block"))
}
