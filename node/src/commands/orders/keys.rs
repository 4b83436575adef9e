//! NODE KEYS: a proxy says which keys are this shard's own, so that a script that names another one by itself is told.
//! Pure.

use super::super::piecewise::{Piecewise, Progress, carry_out};
use super::{Action, Call};
use shared::resp::ErrorReply;
use shared::topology::LocalKeysInPart;
use std::rc::Rc;

/// Where the words begin that say which keys.
const WORDS: usize = 2;
/// Pairs of words that are read in one turn: the longest ones take some tens of microseconds.
const PIECE_PAIRS: usize = 128;

/// NODE KEYS slots \[RULE name \[KEYS pattern …\] \[DATABASE number …\] …\]
pub(super) fn keys(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let reading = LocalKeysInPart::begin(call.args.skip(WORDS))?;
    let is_long = call.args.len() > WORDS + 2 * PIECE_PAIRS;
    carry_out(call, Reading(Some(reading)), is_long)
}

/// The words, as far as they have been read.
#[derive(Debug)]
struct Reading(Option<LocalKeysInPart>);

impl Piecewise for Reading {
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply> {
        let Some(mut reading) = self.0.take() else {
            return Ok(Progress::Over);
        };
        if !reading.go_on(call.args.skip(WORDS), PIECE_PAIRS)? {
            self.0 = Some(reading);
            return Ok(Progress::More);
        }
        let keys = reading.end();
        // Nearly all connections say the same.
        let known = call.node.local_keys.take();
        let keys = known
            .filter(|known| **known == keys)
            .unwrap_or_else(|| Rc::new(keys));
        call.node.local_keys = Some(Rc::clone(&keys));
        call.session.local_keys = Some(keys);
        call.reply.ok();
        Ok(Progress::Over)
    }
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
        assert!(node.send("NODE KEYS 0-5 RULE").starts_with("-ERR"));
        assert!(node.send("NODE KEYS 0-99999").starts_with("-ERR"));
    }

    #[test]
    fn very_many_rules_are_read_in_parts() {
        let mut node = TestNode::new();
        let mut rules = Vec::new();
        for rule in 0..200 {
            rules.extend(["RULE".to_owned(), "b".to_owned()]);
            for pattern in 0..20 {
                rules.extend(["KEYS".to_owned(), format!("p{rule}:{pattern}:*")]);
            }
        }
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let words = [&["NODE", "KEYS", "0-8191"], rules.as_slice()].concat();
        assert_eq!(node.run(&words), "+OK\r\n");
        assert_eq!(node.divided, 1);
        let script = |node: &mut TestNode, key: &str| {
            node.run(&["EVAL", "return redis.call('SET', ARGV[1], 'x')", "0", key])
        };
        assert_eq!(script(&mut node, "p199:19:a"), "+OK\r\n");
        assert!(script(&mut node, "p199:20:a").starts_with("-CROSSSLOT"));
        let wrong = [words.as_slice(), &["KEYS", "a*b"]].concat();
        assert!(node.run(&wrong).starts_with("-ERR"));
        assert!(script(&mut node, "p199:20:a").starts_with("-CROSSSLOT"));
    }
}
