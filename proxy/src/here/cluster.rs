//! CLUSTER: to clients that speak the cluster's protocol, the proxy is one node that owns all slots.
//! Pure. Only what is real is told: there are no other nodes to see, and none to change.

use shared::command::{self, CommandId};
use shared::resp::{Args, ErrorReply, ReplyWriter};
use shared::slot::SLOT_COUNT;

use super::{After, Desk};
use crate::client::ClientState;
use crate::route;

pub(super) fn answer(
    id: CommandId,
    args: Args<'_>,
    desk: &Desk<'_>,
    state: &ClientState,
    reply: &mut ReplyWriter<'_>,
) -> Result<After, ErrorReply> {
    let last_slot = i64::from(SLOT_COUNT - 1);
    let (ip, port) = (state.local.ip().to_string(), i64::from(state.local.port()));
    match id {
        CommandId::ClusterKeyslot => {
            reply.integer(i64::from((desk.slot_of)(args.at(2)).number()));
        }
        CommandId::ClusterMyid => reply.bulk(desk.run_id.as_bytes()),
        CommandId::ClusterInfo => reply.verbatim("txt", info(desk).as_bytes()),
        CommandId::ClusterNodes => {
            let line = format!(
                "{} {ip}:{port}@{} myself,master - 0 0 {} connected 0-{last_slot}\n",
                desk.run_id,
                port + 10_000,
                desk.topology_version,
            );
            reply.verbatim("txt", line.as_bytes());
        }
        CommandId::ClusterSlots => {
            reply.array(1);
            reply.array(3);
            reply.integer(0);
            reply.integer(last_slot);
            reply.array(4);
            reply.bulk(ip.as_bytes());
            reply.integer(port);
            reply.bulk(desk.run_id.as_bytes());
            reply.array(0);
        }
        CommandId::ClusterShards => {
            reply.array(1);
            reply.map(2);
            reply.bulk(b"slots");
            reply.array(2);
            reply.integer(0);
            reply.integer(last_slot);
            reply.bulk(b"nodes");
            reply.array(1);
            reply.map(7);
            for (name, value) in [("id", desk.run_id), ("ip", &ip), ("endpoint", &ip)] {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
            reply.bulk(b"port");
            reply.integer(port);
            for (name, value) in [("role", "master"), ("health", "online")] {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
            reply.bulk(b"replication-offset");
            reply.integer(0);
        }
        CommandId::ClusterLinks => reply.array(0),
        CommandId::ClusterReplicas
        | CommandId::ClusterSlaves
        | CommandId::ClusterCountFailureReports => {
            if args.at(2) != desk.run_id.as_bytes() {
                return Err(ErrorReply::unknown_cluster_node(args.at(2)));
            }
            if id == CommandId::ClusterCountFailureReports {
                reply.integer(0);
            } else {
                reply.array(0);
            }
        }
        // What lies in a slot is known to its node alone, and nodes are not asked by slot.
        _ => return Err(route::refused(command::spec(id))),
    }
    Ok(After::Done)
}

/// A shard that is lost takes its slots with it; the state is `fail` when no slot is left, for a client that finds `fail` asks for nothing at all.
fn info(desk: &Desk<'_>) -> String {
    let epoch = desk.topology_version;
    let lost = (desk.lost_slots)();
    let ok = usize::from(SLOT_COUNT) - lost;
    let state = if ok > 0 { "ok" } else { "fail" };
    format!(
        "cluster_state:{state}\r\ncluster_slots_assigned:{SLOT_COUNT}\r\ncluster_slots_ok:{ok}\r\ncluster_slots_pfail:0\r\ncluster_slots_fail:{lost}\r\n\
         cluster_known_nodes:1\r\ncluster_size:1\r\ncluster_current_epoch:{epoch}\r\ncluster_my_epoch:{epoch}\r\n\
         cluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n"
    )
}
