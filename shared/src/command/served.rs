//! Which rows of the table are served today: the others answer as unknown commands, at a node and at a proxy alike.
//! Pure. A node has a handler for exactly these; a proxy sends exactly these on, and answers [`CommandId::Cluster`] and its kin itself.

use super::CommandId as Id;

/// Commands of the groups string, bitmap, generic, connection and server that have a handler. Containers are served through their subcommands.
#[rustfmt::skip] // By group.
const SERVED: &[Id] = &[
    Id::Append, Id::Decr, Id::Decrby, Id::Get, Id::Getdel, Id::Getex, Id::Getrange, Id::Getset, Id::Incr, Id::Incrby, Id::Incrbyfloat, Id::Lcs,
    Id::Mget, Id::Mset, Id::Msetnx, Id::Psetex, Id::Set, Id::Setex, Id::Setnx, Id::Setrange, Id::Strlen, Id::Substr,

    Id::Bitcount, Id::Bitfield, Id::BitfieldRo, Id::Bitop, Id::Bitpos, Id::Getbit, Id::Setbit,

    Id::Copy, Id::Del, Id::Exists, Id::Expire, Id::Expireat, Id::Expiretime, Id::Keys, Id::Move, Id::ObjectEncoding, Id::ObjectFreq, Id::ObjectHelp,
    Id::ObjectIdletime, Id::ObjectRefcount, Id::Persist, Id::Pexpire, Id::Pexpireat, Id::Pexpiretime, Id::Pttl, Id::Randomkey, Id::Rename, Id::Renamenx,
    Id::Scan, Id::Touch, Id::Ttl, Id::Type, Id::Unlink,

    Id::Auth, Id::ClientGetname, Id::ClientHelp, Id::ClientId, Id::ClientInfo, Id::ClientKill, Id::ClientList, Id::ClientNoEvict, Id::ClientNoTouch,
    Id::ClientPause, Id::ClientReply, Id::ClientSetinfo, Id::ClientSetname, Id::ClientUnblock, Id::ClientUnpause,
    Id::Echo, Id::Hello, Id::Ping, Id::Quit, Id::Reset, Id::Select,

    Id::Command, Id::CommandCount, Id::CommandDocs, Id::CommandGetkeys, Id::CommandGetkeysandflags, Id::CommandHelp, Id::CommandInfo, Id::CommandList,
    Id::ConfigGet, Id::ConfigHelp, Id::ConfigResetstat, Id::ConfigRewrite, Id::ConfigSet, Id::Dbsize, Id::Debug, Id::Flushall, Id::Flushdb, Id::Info,
    Id::LatencyDoctor, Id::LatencyGraph, Id::LatencyHelp, Id::LatencyHistogram, Id::LatencyHistory, Id::LatencyLatest, Id::LatencyReset, Id::Lolwut,
    Id::MemoryDoctor, Id::MemoryHelp, Id::MemoryMallocStats, Id::MemoryPurge, Id::MemoryStats, Id::MemoryUsage, Id::Shutdown,
    Id::SlowlogGet, Id::SlowlogHelp, Id::SlowlogLen, Id::SlowlogReset, Id::Swapdb, Id::Time,

    Id::FunctionFlush, Id::FunctionHelp, Id::ScriptFlush, Id::ScriptHelp,
];

static IS_SERVED: [bool; Id::COUNT] = {
    let mut table = [false; Id::COUNT];
    let mut at = 0;
    while at < SERVED.len() {
        table[SERVED[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether the command has a handler.
#[inline]
#[must_use]
pub fn is_served(id: Id) -> bool {
    IS_SERVED[id as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_listed_twice() {
        for (at, id) in SERVED.iter().enumerate() {
            assert!(!SERVED[..at].contains(id), "{}", id.name());
        }
    }
}
