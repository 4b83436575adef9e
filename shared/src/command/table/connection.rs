//! Rows of the commands on the client's own connection.
use super::words::*;

#[rustfmt::skip] // One row, one line.
pub(super) const ROWS: &[CommandSpec] = &[
    row(Id::Auth, -2).flags(NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(CONNECTION).route(Local).served(),
    row(Id::Client, -2).route(Local),
    row(Id::ClientCaching, 3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientGetname, 2).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientGetredir, 2).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientHelp, 2).flags(LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientId, 2).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientInfo, 2).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served().tips(&["nondeterministic_output"]),
    row(Id::ClientKill, -3).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientList, -2).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served().tips(&["nondeterministic_output"]),
    row(Id::ClientMaintNotifications, -3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served_by_proxy(),
    row(Id::ClientNoEvict, 3).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientNoTouch, 3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientPause, -3).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientReply, 3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientSetinfo, 4).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served().tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    row(Id::ClientSetname, 3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientTracking, -3).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).repeatable().served().quiet(Before),
    row(Id::ClientTrackinginfo, 2).flags(NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientUnblock, -3).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::ClientUnpause, 2).flags(ADMIN | NO_SCRIPT | LOADING | STALE).acl(CONNECTION).route(Local).served(),
    row(Id::Echo, 2).flags(LOADING | STALE | FAST).acl(CONNECTION).route(Local).served(),
    row(Id::Hello, -1).flags(NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(CONNECTION).route(Local).served().quiet(Before),
    row(Id::Ping, -1).flags(FAST).acl(CONNECTION).route(Local).served().tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    row(Id::Quit, -1).flags(NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(CONNECTION).route(Local).served(),
    row(Id::Reset, 1).flags(NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(CONNECTION).route(Local).served().quiet(Before),
    row(Id::Select, 2).flags(LOADING | STALE | FAST).acl(CONNECTION).route(Local).served(),
];
