//! SENTINEL: clients that ask a sentinel where their primary is are told that it is here, at the address at which they ask. It never moves, so `+switch-master` is
//! never published.
//! Pure. Only what is real is told: no other sentinels, no replicas that clients could use.

use shared::command;
use shared::resp::{Args, ErrorReply, ReplyWriter, is_word};

use super::Desk;
use crate::client::ClientState;

/// SENTINEL subcommand [name]
pub(super) fn answer(
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let word = args.at(1);
    let is = |name: &str| is_word(word, name);
    let name = desk.config.sentinel_name.as_str();
    let is_ours = || args.at(2) == name.as_bytes();
    match args.len() {
        2 if is("MASTERS") && takes_us_for_a_sentinel(&state.name) => {
            return Err(command::unknown_command(args));
        }
        2 if is("MASTERS") => {
            reply.array(1);
            tell_primary(name, desk, state, reply);
        }
        2 if is("MYID") => reply.bulk(desk.run_id.as_bytes()),
        3 if is("GET-MASTER-ADDR-BY-NAME") => match is_ours() {
            true => {
                reply.array(2);
                reply.bulk(state.local.ip().to_string().as_bytes());
                reply.bulk(state.local.port().to_string().as_bytes());
            }
            false => reply.null_array(),
        },
        3 if is("MASTER") || is("CKQUORUM") || is_list(word) => {
            if !is_ours() {
                return Err(ErrorReply::Text("ERR No such master with that name".into()));
            }
            if is("MASTER") {
                tell_primary(name, desk, state, reply);
            } else if is("CKQUORUM") {
                reply.simple(
                    "OK 1 usable Sentinels. Quorum and failover authorization can be reached",
                );
            } else {
                reply.array(0);
            }
        }
        _ => return Err(ErrorReply::unknown_subcommand_or_arity("SENTINEL", word)),
    }
    Ok(())
}

/// RedisInsight takes whoever answers this for a sentinel, and nothing else: it would look for another server behind it, and show no keys. It names its connections.
fn takes_us_for_a_sentinel(name: &[u8]) -> bool {
    name.to_ascii_lowercase().starts_with(b"redisinsight")
}

/// Who else there is: nobody.
fn is_list(word: &[u8]) -> bool {
    ["REPLICAS", "SLAVES", "SENTINELS"]
        .iter()
        .any(|name| is_word(word, name))
}

/// The primary as a sentinel describes it, as far as clients look at it.
fn tell_primary(name: &str, desk: &Desk<'_>, state: &ClientState, reply: &mut ReplyWriter<'_>) {
    let (ip, port) = (state.local.ip().to_string(), state.local.port().to_string());
    let fields = [
        ("name", name),
        ("ip", &ip),
        ("port", &port),
        ("runid", desk.run_id),
        ("flags", "master"),
        ("link-pending-commands", "0"),
        ("link-refcount", "1"),
        ("last-ping-sent", "0"),
        ("last-ok-ping-reply", "0"),
        ("last-ping-reply", "0"),
        ("down-after-milliseconds", "30000"),
        ("info-refresh", "0"),
        ("role-reported", "master"),
        ("role-reported-time", "0"),
        ("config-epoch", "0"),
        ("num-slaves", "0"),
        ("num-other-sentinels", "0"),
        ("quorum", "1"),
        ("failover-timeout", "180000"),
        ("parallel-syncs", "1"),
    ];
    reply.map(fields.len());
    for (field, value) in fields {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
}
