//! What COMMAND DOCS says of the commands of `sorted_set.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Bzmpop, "7.0.0", "Takes members from the first sorted set that has any, and waits while none has.").cost("O(K)+O(M*log(N)): K keys, N members, M taken.")
        .arguments(&[
            double("timeout"),
            integer("numkeys"),
            key("key").multiple(),
            one_of("where", &[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Bzpopmax, "5.0.0", "Takes the highest member of the first sorted set that has one, and waits while none has.").cost("O(log(N)) with N being the number of elements in the sorted set.")
        .history(&[("6.0.0", "`timeout` may be a fraction.")])
        .arguments(&[key("key").multiple(), double("timeout")]),
    page(Id::Bzpopmin, "5.0.0", "Takes the lowest member of the first sorted set that has one, and waits while none has.").cost("O(log(N)) with N being the number of elements in the sorted set.")
        .history(&[("6.0.0", "`timeout` may be a fraction.")])
        .arguments(&[key("key").multiple(), double("timeout")]),
    page(Id::Zadd, "1.2.0", "Adds members with scores to a sorted set, or changes their scores.").cost("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .history(&[("2.4.0", "Several members."), ("3.0.2", "Options `XX`, `NX`, `CH` and `INCR`."), ("6.2.0", "Options `GT` and `LT`.")])
        .arguments(&[
            key("key"),
            one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("3.0.2").optional(),
            one_of("comparison", &[word("gt", "GT"), word("lt", "LT")]).since("6.2.0").optional(),
            word("change", "CH").since("3.0.2").optional(),
            word("increment", "INCR").since("3.0.2").optional(),
            block("score_member", &[double("score"), string("member")]).multiple(),
        ]),
    page(Id::Zcard, "1.2.0", "Counts the members of a sorted set.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Zcount, "2.0.0", "Counts the members whose scores lie between two bounds.").cost("O(log(N)) with N being the number of elements in the sorted set.")
        .arguments(&[key("key"), double("min"), double("max")]),
    page(Id::Zdiff, "6.2.0", "Lists the members of the first sorted set that no other has.").cost("O(L+(N-K)*log(N)): L members in all sets, N in the first, K in the result.")
        .arguments(&[integer("numkeys"), key("key").multiple(), word("withscores", "WITHSCORES").optional()]),
    page(Id::Zdiffstore, "6.2.0", "Stores the members of the first sorted set that no other has.").cost("O(L+(N-K)*log(N)): L members in all sets, N in the first, K in the result.")
        .arguments(&[key("destination"), integer("numkeys"), key("key").spec(1).multiple()]),
    page(Id::Zincrby, "1.2.0", "Adds a number to the score of a member, which starts at 0.").cost("O(log(N)) where N is the number of elements in the sorted set.")
        .arguments(&[key("key"), integer("increment"), string("member")]),
    page(Id::Zinter, "6.2.0", "Lists the members that all sorted sets have, with combined scores.").cost("O(N*K)+O(M*log(M)): N members of the smallest set, K sets, M in the result.")
        .arguments(&[
            integer("numkeys"),
            key("key").multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate", &[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]).token("AGGREGATE").optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    page(Id::Zintercard, "7.0.0", "Counts the members that all sorted sets have.").cost("O(N*K): N members of the smallest set, K sets.")
        .arguments(&[integer("numkeys"), key("key").multiple(), integer("limit").token("LIMIT").optional()]),
    page(Id::Zinterstore, "2.0.0", "Stores the members that all sorted sets have, with combined scores.").cost("O(N*K)+O(M*log(M)): N members of the smallest set, K sets, M in the result.")
        .arguments(&[
            key("destination"),
            integer("numkeys"),
            key("key").spec(1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate", &[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]).token("AGGREGATE").optional(),
        ]),
    page(Id::Zlexcount, "2.8.9", "Counts the members between two bounds in the order of bytes.").cost("O(log(N)) with N being the number of elements in the sorted set.")
        .arguments(&[key("key"), string("min"), string("max")]),
    page(Id::Zmpop, "7.0.0", "Takes members from the first sorted set that has any.").cost("O(K)+O(M*log(N)): K keys, N members, M taken.")
        .arguments(&[
            integer("numkeys"),
            key("key").multiple(),
            one_of("where", &[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Zmscore, "6.2.0", "Reads the scores of several members.").cost("O(N) where N is the number of members being requested.")
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Zpopmax, "5.0.0", "Takes the members with the highest scores.").cost("O(log(N)*M): N members, M taken.")
        .arguments(&[key("key"), integer("count").optional()]),
    page(Id::Zpopmin, "5.0.0", "Takes the members with the lowest scores.").cost("O(log(N)*M): N members, M taken.")
        .arguments(&[key("key"), integer("count").optional()]),
    page(Id::Zrandmember, "6.2.0", "Reads members, drawn by chance, of a sorted set.").cost("O(1), or O(N) for a count of N.")
        .arguments(&[
            key("key"),
            block("options", &[integer("count"), word("withscores", "WITHSCORES").optional()]).optional(),
        ]),
    page(Id::Zrange, "1.2.0", "Lists members between two ranks, scores or names.").cost("O(log(N)+M): N members, M returned.")
        .history(&[("6.2.0", "Options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")])
        .arguments(&[
            key("key"),
            string("start"),
            string("stop"),
            one_of("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).since("6.2.0").optional(),
            word("rev", "REV").since("6.2.0").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").since("6.2.0").optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    page(Id::Zrangebylex, "2.8.9", "Lists the members between two bounds in the order of bytes.").cost("O(log(N)+M): N members, M returned.").deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
        .arguments(&[
            key("key"),
            string("min"),
            string("max"),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    page(Id::Zrangebyscore, "1.0.5", "Lists the members whose scores lie between two bounds.").cost("O(log(N)+M): N members, M returned.").deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
        .history(&[("2.0.0", "Option `WITHSCORES`.")])
        .arguments(&[
            key("key"),
            double("min"),
            double("max"),
            word("withscores", "WITHSCORES").since("2.0.0").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    page(Id::Zrangestore, "6.2.0", "Stores members between two ranks, scores or names.").cost("O(log(N)+M): N members, M stored.")
        .arguments(&[
            key("dst"),
            key("src").spec(1),
            string("min"),
            string("max"),
            one_of("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).optional(),
            word("rev", "REV").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    page(Id::Zrank, "2.0.0", "Says how many members have a lower score.").cost("O(log(N))")
        .arguments(&[key("key"), string("member")]),
    page(Id::Zrem, "1.2.0", "Removes members from a sorted set.").cost("O(M*log(N)): N members, M removed.")
        .history(&[("2.4.0", "Several members.")])
        .arguments(&[key("key"), string("member").multiple()]),
    page(Id::Zremrangebylex, "2.8.9", "Removes the members between two bounds in the order of bytes.").cost("O(log(N)+M): N members, M removed.")
        .arguments(&[key("key"), string("min"), string("max")]),
    page(Id::Zremrangebyrank, "2.0.0", "Removes the members between two ranks.").cost("O(log(N)+M): N members, M removed.")
        .arguments(&[key("key"), integer("start"), integer("stop")]),
    page(Id::Zremrangebyscore, "1.2.0", "Removes the members whose scores lie between two bounds.").cost("O(log(N)+M): N members, M removed.")
        .arguments(&[key("key"), double("min"), double("max")]),
    page(Id::Zrevrange, "1.2.0", "Lists the members between two ranks, highest score first.").cost("O(log(N)+M): N members, M returned.").deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
        .arguments(&[key("key"), integer("start"), integer("stop"), word("withscores", "WITHSCORES").optional()]),
    page(Id::Zrevrangebylex, "2.8.9", "Lists the members between two bounds in the reverse order of bytes.").cost("O(log(N)+M): N members, M returned.").deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
        .arguments(&[
            key("key"),
            string("max"),
            string("min"),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    page(Id::Zrevrangebyscore, "2.2.0", "Lists the members whose scores lie between two bounds, highest first.").cost("O(log(N)+M): N members, M returned.").deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        .history(&[("2.1.6", "Exclusive `min` and `max`.")])
        .arguments(&[
            key("key"),
            double("max"),
            double("min"),
            word("withscores", "WITHSCORES").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    page(Id::Zrevrank, "2.0.0", "Says how many members have a higher score.").cost("O(log(N))")
        .arguments(&[key("key"), string("member")]),
    page(Id::Zscan, "2.8.0", "Walks over the members of a sorted set, some at each call.").cost("O(1) for a call, O(N) for a walk over N members.")
        .arguments(&[
            key("key"),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Zscore, "1.2.0", "Reads the score of a member.").cost("O(1)")
        .arguments(&[key("key"), string("member")]),
    page(Id::Zunion, "6.2.0", "Lists the members that any of the sorted sets has, with combined scores.").cost("O(N)+O(M*log(M)): N members in all sets, M in the result.")
        .arguments(&[
            integer("numkeys"),
            key("key").multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate", &[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]).token("AGGREGATE").optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    page(Id::Zunionstore, "2.0.0", "Stores the members that any of the sorted sets has, with combined scores.").cost("O(N)+O(M*log(M)): N members in all sets, M in the result.")
        .arguments(&[
            key("destination"),
            integer("numkeys"),
            key("key").spec(1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate", &[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]).token("AGGREGATE").optional(),
        ]),
];
