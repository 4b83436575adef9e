//! What COMMAND DOCS says of the commands of `cluster.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Asking, "3.0.0", "Lets the next command run on a slot that is being imported.").cost("O(1)"),
    page(Id::Cluster, "3.0.0", "Container of the commands of Redis Cluster.").cost("Depends on subcommand."),
    page(Id::ClusterAddslots, "3.0.0", "Gives slots to this node.").cost("O(N) where N is the total number of hash slot arguments")
        .arguments(&[integer("slot").multiple()]),
    page(Id::ClusterAddslotsrange, "7.0.0", "Gives ranges of slots to this node.").cost("O(N) for N slots.")
        .arguments(&[block("start-slot_end-slot", &[integer("start-slot"), integer("end-slot")]).multiple()]),
    page(Id::ClusterBumpepoch, "3.0.0", "Raises the configuration epoch of this node.").cost("O(1)"),
    page(Id::ClusterCountFailureReports, "3.0.0", "Counts the reports that a node has failed.").cost("O(N) where N is the number of failure reports")
        .arguments(&[string("node-id")]),
    page(Id::ClusterCountkeysinslot, "3.0.0", "Counts the keys of a slot.").cost("O(1)")
        .arguments(&[integer("slot")]),
    page(Id::ClusterDelslots, "3.0.0", "Takes slots from this node.").cost("O(N) where N is the total number of hash slot arguments")
        .arguments(&[integer("slot").multiple()]),
    page(Id::ClusterDelslotsrange, "7.0.0", "Takes ranges of slots from this node.").cost("O(N) for N slots.")
        .arguments(&[block("start-slot_end-slot", &[integer("start-slot"), integer("end-slot")]).multiple()]),
    page(Id::ClusterFailover, "3.0.0", "Lets this follower take over from its primary.").cost("O(1)")
        .arguments(&[one_of("options", &[word("force", "FORCE"), word("takeover", "TAKEOVER")]).optional()]),
    page(Id::ClusterFlushslots, "3.0.0", "Takes all slots from this node.").cost("O(1)"),
    page(Id::ClusterForget, "3.0.0", "Removes a node from the table of nodes.").cost("O(1)")
        .arguments(&[string("node-id")]),
    page(Id::ClusterGetkeysinslot, "3.0.0", "Lists keys of a slot.").cost("O(log(N)) where N is the number of requested keys")
        .arguments(&[integer("slot"), integer("count")]),
    page(Id::ClusterHelp, "5.0.0", "Lists the subcommands of CLUSTER.").cost("O(1)"),
    page(Id::ClusterInfo, "3.0.0", "Reports on the state of the cluster.").cost("O(1)"),
    page(Id::ClusterKeyslot, "3.0.0", "Gives the slot of a key.").cost("O(N) where N is the number of bytes in the key")
        .arguments(&[string("key")]),
    page(Id::ClusterLinks, "7.0.0", "Lists the links between this node and the others.").cost("O(N) where N is the total number of Cluster nodes"),
    page(Id::ClusterMeet, "3.0.0", "Makes this node and another one known to each other.").cost("O(1)")
        .history(&[("4.0.0", "Argument `cluster_bus_port`.")])
        .arguments(&[string("ip"), integer("port"), integer("cluster_bus_port").since("4.0.0").optional()]),
    page(Id::ClusterMyid, "3.0.0", "Gives the ID of this node.").cost("O(1)"),
    page(Id::ClusterNodes, "3.0.0", "Lists the nodes with their slots, in the form of the nodes file.").cost("O(N) where N is the total number of Cluster nodes"),
    page(Id::ClusterReplicas, "5.0.0", "Lists the followers of a primary.").cost("O(1)")
        .arguments(&[string("node-id")]),
    page(Id::ClusterReplicate, "3.0.0", "Makes this node the follower of another.").cost("O(1)")
        .arguments(&[string("node-id")]),
    page(Id::ClusterReset, "3.0.0", "Lets this node forget the cluster.").cost("O(N) for N nodes; may remove all keys as well.")
        .arguments(&[one_of("hard_soft", &[word("hard", "HARD"), word("soft", "SOFT")]).optional()]),
    page(Id::ClusterSaveconfig, "3.0.0", "Writes the nodes file.").cost("O(1)"),
    page(Id::ClusterSetConfigEpoch, "3.0.0", "Sets the configuration epoch of a new node.").cost("O(1)")
        .arguments(&[integer("config-epoch")]),
    page(Id::ClusterSetslot, "3.0.0", "Marks a slot as moving, or says who owns it.").cost("O(1)")
        .arguments(&[
            integer("slot"),
            one_of("subcommand", &[
                string("node-id").token("IMPORTING"),
                string("node-id").token("MIGRATING"),
                string("node-id").token("NODE"),
                word("stable", "STABLE"),
            ]),
        ]),
    page(Id::ClusterShards, "7.0.0", "Lists the shards with their slots and nodes.").cost("O(N) where N is the total number of cluster nodes"),
    page(Id::ClusterSlaves, "3.0.0", "Lists the followers of a primary.").cost("O(1)").deprecated("5.0.0", "`CLUSTER REPLICAS`")
        .arguments(&[string("node-id")]),
    page(Id::ClusterSlots, "3.0.0", "Lists the ranges of slots with the nodes that serve them.").cost("O(N) where N is the total number of Cluster nodes").deprecated("7.0.0", "`CLUSTER SHARDS`")
        .history(&[("4.0.0", "IDs of nodes."), ("7.0.0", "More about the addresses of nodes.")]),
    page(Id::Readonly, "3.0.0", "Lets this connection read from a follower.").cost("O(1)"),
    page(Id::Readwrite, "3.0.0", "Lets this connection read only from primaries again.").cost("O(1)"),
];
