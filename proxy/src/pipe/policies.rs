//! Which role a command's pipe has: what its keys' policies say, and whether the command reads.
//! Pure. Invariants: a key has one pledge, so commands over keys of one pledge go by one way in the order in which they were asked; a command of which that is
//! not so is said to be mixed, and goes alone.

use shared::command::{CommandFlags, CommandId, CommandSpec, Retry, Route};
use shared::config::{Acks, ProxyConfig, ReadFrom, Rule};
use shared::glob::Glob;
use shared::resp::Args;

use super::{Pledge, Role};

/// Keys of one command that are held against the patterns; what has more is treated as if all policies meant it.
const MOST_KEYS: usize = 128;

/// Longest key that is held against the patterns, bytes; a longer one is treated as if all policies meant it.
const LONGEST_KEY: usize = 4_095;

/// Who answers reads. The order is that of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reads {
    Follower,
    Nearest,
    Primary,
}

/// What holds for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    pledge: Pledge,
    reads: Reads,
}

impl Ways {
    fn of(rule: Rule) -> Self {
        let pledge = match (rule.acks, rule.read_from) {
            (Acks::InSync, ReadFrom::Linearizable) => Pledge::Linearizable,
            (Acks::InSync, _) => Pledge::InSync,
            (Acks::Async, _) => Pledge::Async,
        };
        let reads = match rule.read_from {
            ReadFrom::Primary | ReadFrom::Linearizable => Reads::Primary,
            ReadFrom::Follower => Reads::Follower,
            ReadFrom::Nearest => Reads::Nearest,
        };
        Self { pledge, reads }
    }

    /// What holds for both.
    fn strictest(self, other: Self) -> Self {
        Self {
            pledge: self.pledge.max(other.pledge),
            reads: self.reads.max(other.reads),
        }
    }

    fn role(self, reads: bool) -> Role {
        match self.reads {
            Reads::Follower if reads => Role::Follower(self.pledge),
            Reads::Nearest if reads => Role::Nearest(self.pledge),
            _ => Role::Primary(self.pledge),
        }
    }
}

/// The way of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// As what its node is asked.
    pub(crate) role: Role,
    /// It concerns keys whose other commands go by another way: what the client has asked before is to be answered first, and what it asks next waits.
    pub(crate) is_mixed: bool,
}

impl Choice {
    /// What followers say has no order with anything else.
    fn new(role: Role, is_of_several_pledges: bool) -> Self {
        Self {
            role,
            is_mixed: is_of_several_pledges && !role.is_reader(),
        }
    }
}

/// What a proxy was told of acknowledgements and reads.
#[derive(Debug)]
pub(crate) struct PolicySet {
    usual: Ways,
    by_key: Vec<(Glob, Ways)>,
    strictest: Ways,
    has_several_pledges: bool,
}

impl PolicySet {
    /// As its settings say.
    pub(crate) fn new(config: &ProxyConfig) -> Self {
        let usual = config.rule();
        // Who reads the settings has refused patterns that are too long.
        let policies = config.policies.0.iter().filter_map(|policy| {
            let glob = Glob::new(policy.keys.as_bytes()).ok()?;
            Some((glob, Ways::of(usual.with(policy))))
        });
        let (usual, by_key): (_, Vec<_>) = (Ways::of(usual), policies.collect());
        let others = by_key.iter().map(|(_, ways)| *ways);
        Self {
            usual,
            strictest: others.clone().fold(usual, Ways::strictest),
            has_several_pledges: others.clone().any(|ways| ways.pledge != usual.pledge),
            by_key,
        }
    }

    /// The role of commands about no keys.
    #[inline]
    pub(crate) fn usual(&self) -> Role {
        Role::Primary(self.usual.pledge)
    }

    /// Whether the role of a command hangs on the command.
    #[inline]
    pub(crate) fn differ(&self) -> bool {
        !self.by_key.is_empty() || self.usual.reads != Reads::Primary
    }

    /// Whether some reads may go to followers: to any, to those in our zone.
    pub(crate) fn ask_followers(&self) -> bool {
        let mut all = self.by_key.iter().map(|(_, ways)| *ways);
        self.usual.reads != Reads::Primary || all.any(|ways| ways.reads != Reads::Primary)
    }

    /// The way of this command.
    pub(crate) fn choose(&self, spec: &CommandSpec, args: Args<'_>) -> Choice {
        let mut all: Option<Ways> = None;
        let (mut keys, mut is_one_pledge) = (0, true);
        // Many arguments may be many keys, and counting them takes time already.
        if args.len() <= 2 * MOST_KEYS {
            spec.for_each_key(args, |at| {
                keys += 1;
                if keys <= MOST_KEYS {
                    let ways = self.of_key(args.at(at));
                    is_one_pledge &= all.is_none_or(|all| all.pledge == ways.pledge);
                    all = Some(all.map_or(ways, |all| all.strictest(ways)));
                }
            });
        } else {
            keys = MOST_KEYS + 1;
        }
        if keys > MOST_KEYS {
            return self.of_many(spec);
        }
        match all {
            Some(ways) => Choice::new(ways.role(may_ask_follower(spec)), !is_one_pledge),
            // Of all keys, or of none.
            None if spec.route == Route::Local => Choice {
                role: self.usual(),
                is_mixed: false,
            },
            None => Choice {
                role: Role::Primary(self.strictest.pledge),
                is_mixed: self.has_several_pledges,
            },
        }
    }

    /// The way of a command over more keys than are looked at.
    pub(crate) fn of_many(&self, spec: &CommandSpec) -> Choice {
        let role = self.strictest.role(may_ask_follower(spec));
        Choice::new(role, self.has_several_pledges)
    }

    fn of_key(&self, key: &[u8]) -> Ways {
        if self.by_key.is_empty() {
            return self.usual;
        }
        if key.len() > LONGEST_KEY {
            return self.strictest;
        }
        let matching = self
            .by_key
            .iter()
            .find(|(glob, _)| glob.matches(key).unwrap_or(false));
        matching.map_or(self.usual, |(_, ways)| *ways)
    }
}

/// Whether a follower may answer the command: it reads keys and changes none, it may be asked again, and it does not go on where another node has stopped.
fn may_ask_follower(spec: &CommandSpec) -> bool {
    spec.flags.contains(CommandFlags::READ)
        && !spec.may_write()
        && !spec.flags.contains(CommandFlags::NO_SCRIPT)
        && spec.retry == Retry::Safe
        && !matches!(
            spec.id,
            CommandId::Hscan | CommandId::Sscan | CommandId::Zscan
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::resolve;
    use shared::config::{Policies, SettingValue as _};
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

    fn set(acks: Acks, read_from: ReadFrom, policies: &str) -> PolicySet {
        PolicySet::new(&ProxyConfig {
            acks,
            read_from,
            policies: Policies::parse(policies).unwrap(),
            ..ProxyConfig::default()
        })
    }

    fn choose(set: &PolicySet, words: &[&str]) -> Choice {
        let mut frame = Vec::new();
        encode_request(&mut frame, words);
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        set.choose(resolve(args).unwrap(), args)
    }

    fn check(set: &PolicySet, line: &str, role: Role, is_mixed: bool) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(choose(set, &words), Choice { role, is_mixed }, "{line}");
    }

    use Pledge::{Async, InSync, Linearizable};
    use Role::{Follower, Nearest, Primary};

    #[test]
    fn what_concerns_all_keys_goes_by_the_strictest_policy() {
        let strict = set(Acks::Async, ReadFrom::Primary, "* acks=in-sync");
        for line in ["FLUSHALL", "DBSIZE", "KEYS *", "SCAN 0", "RANDOMKEY"] {
            check(&strict, line, Primary(InSync), true);
        }
        check(&strict, "PING", Primary(Async), false);
    }

    #[test]
    fn without_patterns_only_reads_differ_and_only_where_followers_answer_them() {
        let set_of = |acks, read_from| set(acks, read_from, "");
        assert!(!set_of(Acks::InSync, ReadFrom::Primary).differ());
        assert!(!set_of(Acks::InSync, ReadFrom::Linearizable).differ());
        let usual = set_of(Acks::InSync, ReadFrom::Linearizable).usual();
        assert_eq!(usual, Primary(Linearizable));
        let followers = set_of(Acks::InSync, ReadFrom::Follower);
        assert!(followers.differ() && followers.ask_followers());
        for (line, role) in [
            ("GET k", Follower(InSync)),
            ("MGET a b", Follower(InSync)),
            ("SUNION a b", Follower(InSync)),
            ("XRANGE s - +", Follower(InSync)),
            ("SET k v", Primary(InSync)),
            ("GETEX k", Primary(InSync)),
            ("SORT k", Primary(InSync)),
            ("SORT_RO k", Follower(InSync)),
            ("PFCOUNT h", Primary(InSync)),
            // Its cursor is the node's own.
            ("HSCAN h 0", Primary(InSync)),
            ("SCAN 0", Primary(InSync)),
            ("DBSIZE", Primary(InSync)),
            ("PING", Primary(InSync)),
        ] {
            check(&followers, line, role, false);
        }
    }

    #[test]
    fn the_first_pattern_that_matches_holds_and_what_it_leaves_out_is_as_usual() {
        let set = set(
            Acks::Async,
            ReadFrom::Nearest,
            "cart:vip:* acks=in-sync; cart:* read-from=primary; log:* acks=in-sync read-from=linearizable",
        );
        check(&set, "GET other", Nearest(Async), false);
        check(&set, "GET cart:1", Primary(Async), false);
        check(&set, "SET cart:1 x", Primary(Async), false);
        check(&set, "GET cart:vip:1", Nearest(InSync), false);
        check(&set, "SET cart:vip:1 x", Primary(InSync), false);
        check(&set, "GET log:1", Primary(Linearizable), false);
        check(&set, "SET log:1 x", Primary(Linearizable), false);
    }

    #[test]
    fn several_keys_go_by_the_strictest_and_alone_where_their_ways_differ() {
        let set = set(
            Acks::Async,
            ReadFrom::Follower,
            "a* acks=in-sync; p* read-from=primary",
        );
        check(&set, "MGET x y", Follower(Async), false);
        check(&set, "MGET a1 a2", Follower(InSync), false);
        check(&set, "MGET x p", Primary(Async), false);
        check(&set, "MGET x a", Follower(InSync), false);
        check(&set, "MGET a p", Primary(InSync), true);
        check(&set, "MSET x 1 a 1", Primary(InSync), true);
        // Of every key, by whatever way others go.
        check(&set, "FLUSHALL", Primary(InSync), true);
        check(&set, "DBSIZE", Primary(InSync), true);
        check(&set, "PING", Primary(Async), false);
    }

    #[test]
    fn what_is_too_much_to_be_looked_at_goes_by_the_strictest_of_all() {
        let set = set(Acks::Async, ReadFrom::Follower, "a* acks=in-sync");
        let of = |count: usize, key: &str| {
            let words: Vec<&str> = std::iter::once("DEL")
                .chain(std::iter::repeat_n(key, count))
                .collect();
            choose(&set, &words)
        };
        let plain = Choice::new(Primary(Async), false);
        let strict = Choice::new(Primary(InSync), true);
        assert_eq!(of(MOST_KEYS, "x"), plain);
        assert_eq!(of(MOST_KEYS + 1, "x"), strict);
        assert_eq!(of(3 * MOST_KEYS, "x"), strict);
        let (longest, longer) = ("x".repeat(LONGEST_KEY), "x".repeat(LONGEST_KEY + 1));
        assert_eq!(of(1, &longest), plain);
        // The same for each command on it, so that none overtakes another.
        assert_eq!(of(1, &longer), Choice::new(Primary(InSync), false));
    }
}
