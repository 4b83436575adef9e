//! What COMMAND DOCS says of the commands of `list.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Blmove, "6.2.0", "Moves an end of a list to an end of another, and waits while there is nothing to move.").cost("O(1)")
        .arguments(&[
            key("source"),
            key("destination").spec(1),
            one_of("wherefrom", &[word("left", "LEFT"), word("right", "RIGHT")]),
            one_of("whereto", &[word("left", "LEFT"), word("right", "RIGHT")]),
            double("timeout"),
        ]),
    page(Id::Blmpop, "7.0.0", "Takes elements from the first list that has any, and waits while none has.").cost("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .arguments(&[
            double("timeout"),
            integer("numkeys"),
            key("key").multiple(),
            one_of("where", &[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Blpop, "2.0.0", "Takes the head of the first list that has one, and waits while none has.").cost("O(N) where N is the number of provided keys.")
        .history(&[("6.0.0", "`timeout` may be a fraction.")])
        .arguments(&[key("key").multiple(), double("timeout")]),
    page(Id::Brpop, "2.0.0", "Takes the tail of the first list that has one, and waits while none has.").cost("O(N) where N is the number of provided keys.")
        .history(&[("6.0.0", "`timeout` may be a fraction.")])
        .arguments(&[key("key").multiple(), double("timeout")]),
    page(Id::Brpoplpush, "2.2.0", "Moves the tail of a list to the head of another, and waits while there is nothing to move.").cost("O(1)").deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        .history(&[("6.0.0", "`timeout` may be a fraction.")])
        .arguments(&[key("source"), key("destination").spec(1), double("timeout")]),
    page(Id::Lindex, "1.0.0", "Reads the element of a list at an index.").cost("O(N) for N elements between the nearer end and the index; O(1) at both ends.")
        .arguments(&[key("key"), integer("index")]),
    page(Id::Linsert, "2.2.0", "Puts an element before or behind another one in a list.").cost("O(N) for N elements before the pivot; O(1) near the head.")
        .arguments(&[
            key("key"),
            one_of("where", &[word("before", "BEFORE"), word("after", "AFTER")]),
            string("pivot"),
            string("element"),
        ]),
    page(Id::Llen, "1.0.0", "Says how many elements a list has.").cost("O(1)")
        .arguments(&[key("key")]),
    page(Id::Lmove, "6.2.0", "Moves an end of a list to an end of another.").cost("O(1)")
        .arguments(&[
            key("source"),
            key("destination").spec(1),
            one_of("wherefrom", &[word("left", "LEFT"), word("right", "RIGHT")]),
            one_of("whereto", &[word("left", "LEFT"), word("right", "RIGHT")]),
        ]),
    page(Id::Lmpop, "7.0.0", "Takes elements from the first list that has any.").cost("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .arguments(&[
            integer("numkeys"),
            key("key").multiple(),
            one_of("where", &[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    page(Id::Lpop, "1.0.0", "Takes elements from the head of a list.").cost("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Argument `count`.")])
        .arguments(&[key("key"), integer("count").since("6.2.0").optional()]),
    page(Id::Lpos, "6.0.6", "Finds the indexes of an element in a list.").cost("O(N) for a list of N elements; less with MAXLEN, or when found near the end where it starts.")
        .arguments(&[
            key("key"),
            string("element"),
            integer("rank").token("RANK").optional(),
            integer("num-matches").token("COUNT").optional(),
            integer("len").token("MAXLEN").optional(),
        ]),
    page(Id::Lpush, "1.0.0", "Adds elements at the head of a list; creates it where there is none.").cost("O(1) for each element.")
        .history(&[("2.4.0", "Several elements.")])
        .arguments(&[key("key"), string("element").multiple()]),
    page(Id::Lpushx, "2.2.0", "Adds elements at the head of a list that exists.").cost("O(1) for each element.")
        .history(&[("4.0.0", "Several elements.")])
        .arguments(&[key("key"), string("element").multiple()]),
    page(Id::Lrange, "1.0.0", "Reads the elements of a list between two indexes.").cost("O(S+N): S elements up to the start, from the nearer end; N returned.")
        .arguments(&[key("key"), integer("start"), integer("stop")]),
    page(Id::Lrem, "1.0.0", "Removes elements of a list that equal a value.").cost("O(N+M) where N is the length of the list and M is the number of elements removed.")
        .arguments(&[key("key"), integer("count"), string("element")]),
    page(Id::Lset, "1.0.0", "Replaces the element of a list at an index.").cost("O(N) for a list of N elements; O(1) at both ends.")
        .arguments(&[key("key"), integer("index"), string("element")]),
    page(Id::Ltrim, "1.0.0", "Cuts a list down to the elements between two indexes.").cost("O(N) where N is the number of elements to be removed by the operation.")
        .arguments(&[key("key"), integer("start"), integer("stop")]),
    page(Id::Rpop, "1.0.0", "Takes elements from the tail of a list.").cost("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Argument `count`.")])
        .arguments(&[key("key"), integer("count").since("6.2.0").optional()]),
    page(Id::Rpoplpush, "1.2.0", "Moves the tail of a list to the head of another.").cost("O(1)").deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        .arguments(&[key("source"), key("destination").spec(1)]),
    page(Id::Rpush, "1.0.0", "Adds elements at the tail of a list; creates it where there is none.").cost("O(1) for each element.")
        .history(&[("2.4.0", "Several elements.")])
        .arguments(&[key("key"), string("element").multiple()]),
    page(Id::Rpushx, "2.2.0", "Adds elements at the tail of a list that exists.").cost("O(1) for each element.")
        .history(&[("4.0.0", "Several elements.")])
        .arguments(&[key("key"), string("element").multiple()]),
];
