//! What clients are told by commands on streams, as redis-server 7.0.15 tells it.

use crate::commands::testing::TestNode;

const WRONG_ID: &str = "-ERR Invalid stream ID specified as stream command argument";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// Sends the commands of a script one by one to a new node and compares the replies.
fn check(script: &[(&str, &str)]) {
    TestNode::new().expect(script);
}

/// A node with six entries `1-1` to `6-1`, each of one field, and a group that has read none.
fn node_with_entries() -> TestNode {
    let mut node = TestNode::new();
    for number in 1..=6 {
        node.send(&format!("XADD s {number}-1 f {number}"));
    }
    node.expect(&[("XGROUP CREATE s g 0", "+OK")]);
    node
}

#[test]
fn entries_that_came_after_the_last_identifier_went_back_are_trimmed() {
    check(&[
        ("XADD s 50-0 a 1", "$4 50-0"),
        ("XADD s 60-0 a 1", "$4 60-0"),
        ("XDEL s 60-0", ":1"),
        ("XTRIM s MINID = 55", ":1"),
        ("XSETID s 46-0", "+OK"),
        ("XADD s 47-0 a 1", "$4 47-0"),
        ("XADD s 48-0 a 1", "$4 48-0"),
        ("XDEL s 48-0", ":1"),
        ("XTRIM s MINID = 56-1", ":1"),
        ("XLEN s", ":0"),
    ]);
}

#[test]
fn identifiers_grow() {
    check(&[
        ("XADD s 1-1 a 1", "$3 1-1"),
        (
            "XADD s 1-1 a 1",
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        (
            "XADD s 0-0 a 1",
            "-ERR The ID specified in XADD must be greater than 0-0",
        ),
        ("XADD s 1-* a 2", "$3 1-2"),
        ("XADD s 5 a 2", "$3 5-0"),
        ("XADD s *-1 a 1", WRONG_ID),
        ("XADD s 5- a 1", WRONG_ID),
        ("XADD s 18446744073709551616 a 1", WRONG_ID),
        ("XADD s * a 1", "$15 1767225600000-0"),
        ("XADD s * a 1", "$15 1767225600000-1"),
        ("XADD s 1767225600001-5 a 1", "$15 1767225600001-5"),
        ("XADD s * a 1", "$15 1767225600001-6"),
        (
            "XADD s 18446744073709551615-18446744073709551615 a 1",
            "$41 18446744073709551615-18446744073709551615",
        ),
        (
            "XADD s * a 1",
            "-ERR The stream has exhausted the last possible ID, unable to add more items",
        ),
        (
            "XADD s 1-1 a 1",
            "-ERR The stream has exhausted the last possible ID, unable to add more items",
        ),
        ("XLEN s", ":8"),
        ("XADD new 0-* a b", "$3 0-1"),
        (
            "XADD t 5-18446744073709551615 a b",
            "$22 5-18446744073709551615",
        ),
        ("XADD t 5-* a b", "-ERR Elements are too large to be stored"),
        ("TYPE s", "+stream"),
        ("OBJECT ENCODING s", "$6 stream"),
        ("SET text v", "+OK"),
        ("XADD text * a b", WRONG_TYPE),
        ("XLEN text", WRONG_TYPE),
        ("XLEN none", ":0"),
    ]);
}

#[test]
fn wrong_additions_are_refused() {
    let arity = "-ERR wrong number of arguments for 'xadd' command";
    check(&[
        ("XADD s * a", arity),
        ("XADD s * a b c", arity),
        ("XADD s MAXLEN 5 5-5 a", arity),
        (
            "XADD s MAXLEN x * a b",
            "-ERR value is not an integer or out of range",
        ),
        (
            "XADD s MAXLEN -5 * a b",
            "-ERR The MAXLEN argument must be >= 0.",
        ),
        ("XADD s MINID x * a b", WRONG_ID),
        (
            "XADD s MAXLEN 5 MINID 5 * a b",
            "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
        ),
        (
            "XADD s MAXLEN = 5 LIMIT 5 * a b",
            "-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        (
            "XADD s LIMIT 5 * a b",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        (
            "XADD s MAXLEN ~ 5 LIMIT -5 * a b",
            "-ERR The LIMIT argument must be >= 0.",
        ),
        ("XADD s NOMKSTREAM * a b", "$-1"),
        ("EXISTS s", ":0"),
        (
            "XTRIM s",
            "-ERR wrong number of arguments for 'xtrim' command",
        ),
        ("XTRIM s MAXLEN 5 5", "-ERR syntax error"),
        (
            "XTRIM s LIMIT 0",
            "-ERR syntax error, XTRIM must be called with a trimming strategy",
        ),
        ("XTRIM s MAXLEN 5", ":0"),
    ]);
}

#[test]
fn ranges_are_told_up_and_down() {
    node_with_entries().expect(&[
        ("XRANGE s - + COUNT 0", "*-1"),
        ("XRANGE s - + COUNT 1", "*1 *2 $3 1-1 *2 $1 f $1 1"),
        (
            "XRANGE s (1-1 (3",
            "*2 *2 $3 2-1 *2 $1 f $1 2 *2 $3 3-1 *2 $1 f $1 3",
        ),
        (
            "XREVRANGE s + - COUNT 2",
            "*2 *2 $3 6-1 *2 $1 f $1 6 *2 $3 5-1 *2 $1 f $1 5",
        ),
        ("XRANGE s + -", "*0"),
        ("XRANGE s - (0-0", "-ERR invalid end ID for the interval"),
        (
            "XRANGE s (18446744073709551615-18446744073709551615 +",
            "-ERR invalid start ID for the interval",
        ),
        ("XRANGE s (- +", WRONG_ID),
        ("XRANGE s - + LIMIT 1", "-ERR syntax error"),
        ("XRANGE none - + COUNT 0", "*0"),
    ]);
}

#[test]
fn streams_stay_when_they_are_empty_and_know_what_they_had() {
    let mut node = node_with_entries();
    node.expect(&[
        ("XDEL s 1-1 9-9 3-1", ":2"),
        ("XDEL s 2-1 x", WRONG_ID),
        ("XDEL none x", ":0"),
        ("XTRIM s MAXLEN 0", ":4"),
        ("EXISTS s", ":1"),
        (
            "XINFO STREAM s",
            "*20 $6 length :0 $15 radix-tree-keys :0 $16 radix-tree-nodes :1 \
             $17 last-generated-id $3 6-1 $20 max-deleted-entry-id $3 3-1 $13 entries-added :6 \
             $23 recorded-first-entry-id $3 0-0 $6 groups :1 $11 first-entry $-1 $10 last-entry $-1",
        ),
        ("XADD s 6-1 a b", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"),
        ("XADD s 6-* a b", "$3 6-2"),
        ("XSETID s 5", "-ERR The ID specified in XSETID is smaller than the target stream top item"),
        ("XSETID s 9 ENTRIESADDED -1", "-ERR entries_added must be positive"),
        (
            "XSETID s 9 ENTRIESADDED 0",
            "-ERR The entries_added specified in XSETID is smaller than the target stream length",
        ),
        (
            "XSETID s 9 MAXDELETEDID 10",
            "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        ),
        ("XSETID s 9 MAXDELETEDID 5 foo", "-ERR syntax error"),
        ("XSETID none 9", "-ERR no such key"),
        ("XSETID s 99-5 MAXDELETEDID 50 ENTRIESADDED 77", "+OK"),
        ("XADD s 99-* a b", "$4 99-6"),
        (
            "XINFO STREAM s",
            "*20 $6 length :2 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 \
             $17 last-generated-id $4 99-6 $20 max-deleted-entry-id $4 50-0 $13 entries-added :78 \
             $23 recorded-first-entry-id $3 6-2 $6 groups :1 $11 first-entry *2 $3 6-2 *2 $1 a $1 b \
             $10 last-entry *2 $4 99-6 *2 $1 a $1 b",
        ),
    ]);
}

#[test]
fn approximate_trims_take_whole_nodes() {
    let mut node = TestNode::new();
    node.expect(&[("CONFIG SET stream-node-max-entries 10", "+OK")]);
    for number in 1..=95 {
        node.send(&format!("XADD s {number}-1 f {number}"));
    }
    node.expect(&[
        ("XTRIM s MAXLEN ~ 96", ":0"),
        ("XTRIM s MAXLEN ~ 72", ":20"),
        ("XTRIM s MAXLEN ~ 0 LIMIT 25", ":20"),
        ("XTRIM s MINID ~ 55", ":10"),
        ("XTRIM s MINID 55", ":4"),
        ("XADD s MAXLEN ~ 20 96-1 f 96", "$4 96-1"),
        ("XLEN s", ":26"),
        ("XADD s MAXLEN 20 97-1 f 97", "$4 97-1"),
        ("XLEN s", ":20"),
        ("XDEL s 97-1", ":1"),
        ("XTRIM s MINID ~ 97-1", ":13"),
    ]);
}

#[test]
fn reads_go_on_behind_what_is_known() {
    node_with_entries().expect(&[
        ("XREAD COUNT 1 STREAMS s none 4 0", "*1 *2 $1 s *1 *2 $3 4-1 *2 $1 f $1 4"),
        ("XREAD STREAMS s $", "*-1"),
        ("XREAD STREAMS s", "-ERR wrong number of arguments for 'xread' command"),
        (
            "XREAD STREAMS s x 1",
            "-ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
        ),
        ("XREAD STREAMS s -", WRONG_ID),
        ("XREAD BLOCK x STREAMS s 0", "-ERR timeout is not an integer or out of range"),
        ("XREAD BLOCK -1 STREAMS s 0", "-ERR timeout is negative"),
        (
            "XREAD GROUP g c STREAMS s 0",
            "-ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        ("XDEL s 6-1", ":1"),
        ("XREAD STREAMS s 5-1", "*-1"),
    ]);
    let mut node = TestNode::new_resp3();
    node.expect(&[
        ("XADD s 1-1 a b", "$3 1-1"),
        (
            "XREAD STREAMS s s 0 0-5",
            "%2 $1 s *1 *2 $3 1-1 *2 $1 a $1 b $1 s *1 *2 $3 1-1 *2 $1 a $1 b",
        ),
        ("XREAD STREAMS none 0", "_"),
    ]);
}

#[test]
fn groups_give_each_entry_to_one_consumer() {
    let mut node = node_with_entries();
    node.expect(&[
        (
            "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
            "*1 *2 $1 s *2 *2 $3 1-1 *2 $1 f $1 1 *2 $3 2-1 *2 $1 f $1 2",
        ),
        (
            "XREADGROUP GROUP g other COUNT 1 NOACK STREAMS s >",
            "*1 *2 $1 s *1 *2 $3 3-1 *2 $1 f $1 3",
        ),
        ("XPENDING s g", "*4 :2 $3 1-1 $3 2-1 *1 *2 $1 c $1 2"),
        ("XDEL s 1-1", ":1"),
        (
            "XREADGROUP GROUP g c STREAMS s 0",
            "*1 *2 $1 s *2 *2 $3 1-1 *-1 *2 $3 2-1 *2 $1 f $1 2",
        ),
        (
            "XPENDING s g - + 10",
            "*2 *4 $3 1-1 $1 c :0 :1 *4 $3 2-1 $1 c :0 :2",
        ),
        ("XPENDING s g (1-1 + 10 c", "*1 *4 $3 2-1 $1 c :0 :2"),
        ("XPENDING s g IDLE 5 - + 10 c", "*0"),
        ("XPENDING s g - + 10 nobody", "*0"),
        ("XPENDING s g - +", "-ERR syntax error"),
        (
            "XINFO GROUPS s",
            "*1 *12 $4 name $1 g $9 consumers :2 $7 pending :2 $17 last-delivered-id $3 3-1 \
             $12 entries-read :3 $3 lag :3",
        ),
        ("XACK s g 1-1 1-1 7-7", ":1"),
        ("XACK s g 1-1 x", WRONG_ID),
        ("XACK s none x", ":0"),
        ("XGROUP DELCONSUMER s g c", ":1"),
        ("XPENDING s g", "*4 :0 $-1 $-1 *-1"),
        ("XREADGROUP GROUP g c STREAMS s 0", "*1 *2 $1 s *0"),
        (
            "XREADGROUP GROUP none c STREAMS s >",
            "-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option",
        ),
        ("XPENDING s none", "-NOGROUP No such key 's' or consumer group 'none'"),
        (
            "XINFO CONSUMERS s g",
            "*2 *6 $4 name $1 c $7 pending :0 $4 idle :0 *6 $4 name $5 other $7 pending :0 $4 idle :0",
        ),
        ("XGROUP DESTROY s g", ":1"),
        ("XGROUP DESTROY s g", ":0"),
        (
            "XINFO CONSUMERS s g",
            "-NOGROUP No such consumer group 'g' for key name 's'",
        ),
    ]);
}

#[test]
fn groups_are_made_where_streams_are() {
    let needs_key = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    let wrong = |verb| {
        format!(
            "-ERR unknown subcommand or wrong number of arguments for '{verb}'. Try XGROUP HELP."
        )
    };
    check(&[
        ("XGROUP CREATE s g 0", needs_key),
        ("XGROUP CREATE s g $ MKSTREAM", "+OK"),
        (
            "XGROUP CREATE s g $ MKSTREAM",
            "-BUSYGROUP Consumer Group name already exists",
        ),
        ("XLEN s", ":0"),
        (
            "XGROUP CREATE s h 0 ENTRIESREAD -2",
            "-ERR value for ENTRIESREAD must be positive or -1",
        ),
        ("XGROUP CREATE s h +", WRONG_ID),
        ("XGROUP CREATE s h 0 x", &wrong("CREATE")),
        (
            "XGROUP CREATE s h 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM",
            &wrong("CREATE"),
        ),
        ("XGROUP SETID s g +", "+OK"),
        ("XGROUP SETID s g 5 ENTRIESREAD 3", "+OK"),
        (
            "XGROUP SETID s h 5",
            "-NOGROUP No such consumer group 'h' for key name 's'",
        ),
        ("XGROUP SETID none h 5", needs_key),
        ("XGROUP SETID s g 5 MKSTREAM", &wrong("SETID")),
        ("XGROUP CREATECONSUMER s g c", ":1"),
        ("XGROUP CREATECONSUMER s g c", ":0"),
        ("XGROUP DELCONSUMER s g none", ":0"),
        (
            "XINFO GROUPS s",
            "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 5-0 \
             $12 entries-read :3 $3 lag :0",
        ),
        ("XINFO GROUPS none", "-ERR no such key"),
        (
            "XINFO STREAM s FOO",
            "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
        ),
        (
            "XGROUP FOO",
            "-ERR unknown subcommand 'FOO'. Try XGROUP HELP.",
        ),
    ]);
}

#[test]
fn entries_change_hands() {
    let mut node = node_with_entries();
    node.expect(&[
        ("XREADGROUP GROUP g one COUNT 4 STREAMS s >", "*1 *2 $1 s *4 *2 $3 1-1 *2 $1 f $1 1 *2 $3 2-1 *2 $1 f $1 2 *2 $3 3-1 *2 $1 f $1 3 *2 $3 4-1 *2 $1 f $1 4"),
        ("XDEL s 1-1", ":1"),
    ]);
    node.advance_ms(1000);
    node.expect(&[
        ("XCLAIM s g two 2000 2-1", "*0"),
        ("XCLAIM s g two 1000 1-1 2-1", "*1 *2 $3 2-1 *2 $1 f $1 2"),
        ("XCLAIM s g two 0 3-1 JUSTID IDLE 5000 RETRYCOUNT 7", "*1 $3 3-1"),
        (
            "XPENDING s g - + 10",
            "*3 *4 $3 2-1 $3 two :0 :2 *4 $3 3-1 $3 two :5000 :7 *4 $3 4-1 $3 one :1000 :1",
        ),
        ("XCLAIM s g two 0 5-1", "*0"),
        ("XCLAIM s g three 0 5-1 FORCE LASTID 9-1", "*1 *2 $3 5-1 *2 $1 f $1 5"),
        ("XCLAIM s g three 0 99-1 FORCE", "*0"),
        ("XCLAIM s g two x 1-1", "-ERR Invalid min-idle-time argument for XCLAIM"),
        ("XCLAIM s g two 0 1-1 IDLE", "-ERR Unrecognized XCLAIM option 'IDLE'"),
        ("XCLAIM s g two 0 1-1 IDLE x", "-ERR Invalid IDLE option argument for XCLAIM"),
        ("XCLAIM none g two x 1-1", "-NOGROUP No such key 'none' or consumer group 'g'"),
        ("XDEL s 3-1", ":1"),
        ("XAUTOCLAIM s g four 1000 - COUNT 2", "*3 $3 5-1 *1 *2 $3 4-1 *2 $1 f $1 4 *1 $3 3-1"),
        ("XAUTOCLAIM s g four 0 5-1 JUSTID", "*3 $3 0-0 *1 $3 5-1 *0"),
        ("XAUTOCLAIM s g four 0 0 COUNT 0", "-ERR COUNT must be > 0"),
        ("XAUTOCLAIM s g four x 0", "-ERR Invalid min-idle-time argument for XAUTOCLAIM"),
        (
            "XINFO STREAM s FULL COUNT 1",
            "*18 $6 length :4 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 \
             $17 last-generated-id $3 6-1 $20 max-deleted-entry-id $3 3-1 $13 entries-added :6 \
             $23 recorded-first-entry-id $3 2-1 $7 entries *1 *2 $3 2-1 *2 $1 f $1 2 \
             $6 groups *1 *14 $4 name $1 g $17 last-delivered-id $3 9-1 $12 entries-read :4 $3 lag :2 \
             $9 pel-count :3 $7 pending *1 *4 $3 2-1 $3 two :1767225601000 :2 \
             $9 consumers *4 \
             *8 $4 name $4 four $9 seen-time :1767225601000 $9 pel-count :2 $7 pending *1 *3 $3 4-1 :1767225601000 :2 \
             *8 $4 name $3 one $9 seen-time :1767225600000 $9 pel-count :0 $7 pending *0 \
             *8 $4 name $5 three $9 seen-time :1767225601000 $9 pel-count :0 $7 pending *0 \
             *8 $4 name $3 two $9 seen-time :1767225601000 $9 pel-count :1 $7 pending *1 *3 $3 2-1 :1767225601000 :2",
        ),
    ]);
}

#[test]
fn effects_name_what_was_done() {
    let mut node = TestNode::new();
    node.store.start_recording();
    node.expect_effects(&[
        ("XADD s * a b", "select 0 xadd s 1767225600000-0 a b"),
        ("XADD s MAXLEN ~ 5 * a b", "xadd s 1767225600000-1 a b"),
        (
            "XADD s MAXLEN 1 * a b",
            "xadd s MAXLEN = 1 1767225600000-2 a b",
        ),
        ("XTRIM s MINID 1767225600000-2", ""),
        ("XTRIM s MAXLEN 0", "xtrim s MAXLEN = 0"),
        ("XADD s 1767225600000-* f 1", "xadd s 1767225600000-3 f 1"),
        ("XADD s * f 2", "xadd s 1767225600000-4 f 2"),
        ("XGROUP CREATE s g 0", "XGROUP CREATE s g 0"),
        (
            "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
            "multi xgroup createconsumer s g c \
             xclaim s g c 0 1767225600000-3 TIME 1767225600000 RETRYCOUNT 1 FORCE JUSTID \
             xgroup setid s g 1767225600000-3 ENTRIESREAD 4 exec",
        ),
        (
            "XREADGROUP GROUP g d NOACK STREAMS s >",
            "multi xgroup createconsumer s g d xgroup setid s g 1767225600000-4 ENTRIESREAD 5 exec",
        ),
        ("XREADGROUP GROUP g d STREAMS s >", ""),
        (
            "XCLAIM s g d 0 1767225600000-3 JUSTID",
            "xclaim s g d 0 1767225600000-3 TIME 1767225600000 RETRYCOUNT 1 FORCE JUSTID",
        ),
        ("XDEL s 1767225600000-3", "XDEL s 1767225600000-3"),
        ("XAUTOCLAIM s g c 0 0", "xack s g 1767225600000-3"),
        ("XACK s g 1767225600000-3", ""),
        ("XGROUP DESTROY s g", "XGROUP DESTROY s g"),
    ]);
}

#[test]
fn a_stream_that_is_named_again_has_left_what_was_not_given() {
    check(&[
        ("XGROUP CREATE s g $ MKSTREAM", "+OK"),
        ("XADD s 1-1 f a", "$3 1-1"),
        ("XADD s 1-2 f b", "$3 1-2"),
        ("XADD s 1-3 f c", "$3 1-3"),
        (
            "XREADGROUP GROUP g me COUNT 2 STREAMS s s > >",
            "*2 *2 $1 s *2 *2 $3 1-1 *2 $1 f $1 a *2 $3 1-2 *2 $1 f $1 b *2 $1 s *1 *2 $3 1-3 *2 $1 f $1 c",
        ),
        ("XADD s 1-4 f d", "$3 1-4"),
        (
            "XREADGROUP GROUP g me STREAMS s s > >",
            "*1 *2 $1 s *1 *2 $3 1-4 *2 $1 f $1 d",
        ),
    ]);
}

#[test]
fn what_a_command_gives_it_can_read_again_behind_that() {
    let mut node = TestNode::new();
    node.expect(&[
        ("XADD s 1-0 a b", "$3 1-0"),
        ("XADD s 2-0 c d", "$3 2-0"),
        ("XGROUP CREATE s g 0", "+OK"),
        (
            "XREADGROUP GROUP g c COUNT 1 STREAMS s s s 0 > 0",
            "*3 *2 $1 s *0 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 b *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 b",
        ),
    ]);
}
