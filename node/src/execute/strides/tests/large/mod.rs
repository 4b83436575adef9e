//! Commands over large collections, and of very many elements: what they reply and leave, whom they let pass meanwhile, and what becomes of them when a key goes.

mod combined;
mod elements;
mod one_moment;
mod parts;

use crate::commands::testing::TestNode;

/// Words written with blanks between, and then others.
fn words(line: &str, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    let line = line.split(' ').map(str::to_owned);
    line.chain(rest).collect()
}

fn members(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let numbers = numbers.into_iter();
    numbers.map(|number| format!("member:{number}")).collect()
}

/// A word before each member: `before` makes it of the number.
fn pairs(count: usize, before: impl Fn(usize) -> String) -> Vec<String> {
    let pair = |number| [before(number), format!("member:{number}")];
    (0..count).flat_map(pair).collect()
}

/// A node with large collections: `one` and `two` of each type share half of their members.
fn node_with_two_of_each(count: usize) -> TestNode {
    let mut node = TestNode::new();
    let half = count / 2;
    for (name, numbers) in [("one", 0..count), ("two", half..half + count)] {
        node.run(&words(
            &format!("SADD set:{name}"),
            members(numbers.clone()),
        ));
        let scored = numbers.clone().flat_map(|number| {
            let score = (number * 7919 % 1_000).to_string();
            [score, format!("member:{number}")]
        });
        node.run(&words(&format!("ZADD zset:{name}"), scored));
        let fields = numbers.clone().flat_map(|number| {
            let value = number.to_string();
            [format!("member:{number}"), value]
        });
        node.run(&words(&format!("HSET hash:{name}"), fields));
        node.run(&words(
            &format!("RPUSH list:{name}"),
            members(numbers.clone()),
        ));
        for number in numbers {
            let field = format!("member:{number}");
            let id = format!("{}-1", number + 1);
            node.run(&["XADD", &format!("stream:{name}"), &id, &field, "value"]);
        }
    }
    node
}

/// The strings of a reply.
fn strings(reply: &str) -> Vec<&str> {
    let lines = reply.split("\r\n");
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(['*', '$', '~']))
        .collect()
}
