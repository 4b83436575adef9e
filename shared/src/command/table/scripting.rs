//! Rows of the commands on Lua scripts and functions.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Eval, -3).flags(NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).changing().acl(SCRIPTING).route(Script).keys(&[counted(2, RW | ACCESS | UPDATE).note("what the script does with its keys is not known: taken as read and written")]).changing().served(),
    row(Id::EvalRo, -3).flags(READ | NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).acl(SCRIPTING).route(Script).keys(&[counted(2, RO | ACCESS).note("what the script does with its keys is not known: taken as read")]).served(),
    row(Id::Evalsha, -3).flags(NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).changing().acl(SCRIPTING).route(Script).keys(&[counted(2, RW | ACCESS | UPDATE)]).changing().served(),
    row(Id::EvalshaRo, -3).flags(READ | NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).acl(SCRIPTING).route(Script).keys(&[counted(2, RO | ACCESS)]).served(),
    row(Id::Fcall, -3).flags(NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).changing().acl(SCRIPTING).keys(&[counted(2, RW | ACCESS | UPDATE).note("what the script does with its keys is not known: taken as read and written")]).changing().served(),
    row(Id::FcallRo, -3).flags(READ | NO_SCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS).acl(SCRIPTING).keys(&[counted(2, RO | ACCESS).note("what the script does with its keys is not known: taken as read")]).served(),
    row(Id::Function, -2).route(Local),
    row(Id::FunctionDelete, 3).flags(WRITE | NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(AllOk).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]).served(),
    row(Id::FunctionDump, 2).flags(NO_SCRIPT).acl(SCRIPTING).route(AnyShard).served(),
    row(Id::FunctionFlush, -2).flags(WRITE | NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(AllOk).served().tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    row(Id::FunctionHelp, 2).flags(LOADING | STALE).acl(SCRIPTING).route(Local).served(),
    row(Id::FunctionKill, 2).flags(NO_SCRIPT | ALLOW_BUSY).acl(SCRIPTING).route(EveryShard).merge(AnyOk).tips(&["request_policy:all_shards", "response_policy:one_succeeded"]).served(),
    row(Id::FunctionList, -2).flags(NO_SCRIPT).acl(SCRIPTING).route(AnyShard).tips(&["nondeterministic_output_order"]).served(),
    row(Id::FunctionLoad, -3).flags(WRITE | DENY_OOM | NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(AllOk).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]).served(),
    row(Id::FunctionRestore, -3).flags(WRITE | DENY_OOM | NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(AllOk).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]).served(),
    row(Id::FunctionStats, 2).flags(NO_SCRIPT | ALLOW_BUSY).acl(SCRIPTING).route(AnyShard).tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]).served(),
    row(Id::Script, -2).route(Local),
    row(Id::ScriptDebug, 3).flags(NO_SCRIPT).acl(SCRIPTING).route(Refused).served(),
    row(Id::ScriptExists, -3).flags(NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(EveryOne).tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]).served(),
    row(Id::ScriptFlush, -2).flags(NO_SCRIPT).acl(SCRIPTING).route(EveryShard).merge(AllOk).served().tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    row(Id::ScriptHelp, 2).flags(LOADING | STALE).acl(SCRIPTING).route(Local).served(),
    row(Id::ScriptKill, 2).flags(NO_SCRIPT | ALLOW_BUSY).acl(SCRIPTING).route(EveryShard).merge(AnyOk).tips(&["request_policy:all_shards", "response_policy:one_succeeded"]).served(),
    row(Id::ScriptLoad, 3).flags(NO_SCRIPT | STALE).acl(SCRIPTING).route(EveryShard).merge(AllOk).tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]).served(),
];
