//! NODE KEYS: a proxy says which keys are this shard's own, so that a script that names another one by itself is told.
//! Pure.

use super::{Action, Call};
use shared::resp::ErrorReply;
use shared::topology::LocalKeys;
use std::rc::Rc;

/// NODE KEYS slots \[RULE name \[KEYS pattern …\] \[DATABASE number …\] …\]
pub(super) fn keys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let keys = LocalKeys::read(call.args.skip(2))?;
    // Nearly all connections say the same.
    let known = call.node.local_keys.take();
    let keys = known
        .filter(|known| **known == keys)
        .unwrap_or_else(|| Rc::new(keys));
    call.node.local_keys = Some(Rc::clone(&keys));
    call.session.local_keys = Some(keys);
    call.reply.ok();
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestNode;

    fn keys(node: &mut TestNode, rule: &[&str]) {
        let words = [&["NODE", "KEYS", "0-8191"], rule].concat();
        assert_eq!(node.run(&words), "+OK\r\n", "{words:?}");
    }

    #[test]
    fn a_script_that_names_a_key_of_another_shard_is_told_which() {
        let mut node = TestNode::new();
        // `a` has slot 15495, `b` 3300.
        let script = |node: &mut TestNode, key: &str| {
            let words = ["EVAL", "return redis.call('SET', ARGV[1], 'x')", "0", key];
            node.run(&words)
        };
        assert_eq!(
            script(&mut node, "a"),
            "+OK\r\n",
            "whoever asks a node alone"
        );
        keys(&mut node, &[]);
        assert_eq!(script(&mut node, "b"), "+OK\r\n");
        let refused = script(&mut node, "a");
        assert!(refused.starts_with("-CROSSSLOT"), "{refused}");
        assert!(refused.contains("'a'"), "{refused}");
        // It is the script's to say what becomes of that.
        let words = ["EVAL", "return {redis.pcall('GET', 'a').err, 5}", "0"];
        let caught = node.run(&words);
        assert!(
            caught.contains("CROSSSLOT") && caught.ends_with(":5\r\n"),
            "{caught}"
        );
        // A client's own commands were routed by the proxy.
        assert_eq!(node.send("SET a 1"), "+OK\r\n");
        keys(&mut node, &["RULE", "b", "KEYS", "a*"]);
        assert_eq!(script(&mut node, "a"), "+OK\r\n");
        keys(&mut node, &["RULE", "b", "DATABASE", "0"]);
        assert_eq!(script(&mut node, "zork"), "+OK\r\n");
        let other = node.connect();
        node.switch_to(other);
        assert_eq!(script(&mut node, "a"), "+OK\r\n", "somebody else's");
        assert!(node.send("NODE KEYS").starts_with("-ERR"));
        assert!(node.send("NODE KEYS 0-99999").starts_with("-ERR"));
    }
}
