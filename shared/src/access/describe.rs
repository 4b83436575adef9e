//! A user in the words of rules, as ACL LIST and a file have it: applied to nobody they make this user.
//! Pure. What Redis 7.0 describes with the same words is described here with the same words, but that single commands stand in the table's order.

use super::command_set::{Category, CommandSet};
use super::selector::{KeyPattern, Selector};
use super::user::User;
use crate::command::{self, CommandSpec};

impl Selector {
    /// Notes how its commands are described: to be called when rules have been applied.
    pub(super) fn settle(&mut self) {
        self.description = describe_commands(self);
    }

    /// `~` and `%R~` patterns with blanks between.
    pub(super) fn describe_keys(&self, text: &mut Vec<u8>) {
        if self.has_all_keys {
            text.extend_from_slice(b"~*");
        }
        for (at, pattern) in self.keys.iter().enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.extend_from_slice(sign(pattern));
            text.extend_from_slice(&pattern.text);
        }
    }

    /// `&` patterns with blanks between.
    pub(super) fn describe_channels(&self, text: &mut Vec<u8>) {
        if self.has_all_channels {
            text.extend_from_slice(b"&*");
        }
        for (at, pattern) in self.channels.iter().enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.push(b'&');
            text.extend_from_slice(&pattern.text);
        }
    }

    fn describe(&self, text: &mut Vec<u8>) {
        let start = text.len();
        self.describe_keys(text);
        if text.len() > start {
            text.push(b' ');
        }
        if !self.has_all_channels {
            text.extend_from_slice(b"resetchannels ");
        }
        let start = text.len();
        self.describe_channels(text);
        if text.len() > start {
            text.push(b' ');
        }
        text.extend_from_slice(&self.description);
    }
}

impl User {
    /// `user name …`, a line of a file without its end.
    #[must_use]
    pub fn describe(&self) -> Vec<u8> {
        let mut text = b"user ".to_vec();
        text.extend_from_slice(self.name());
        text.push(b' ');
        for flag in self.flags() {
            text.extend_from_slice(flag.as_bytes());
            text.push(b' ');
        }
        for hash in self.password_hashes() {
            text.push(b'#');
            text.extend_from_slice(hash.as_bytes());
            text.push(b' ');
        }
        let (own, others) = self.selectors();
        own.describe(&mut text);
        for selector in others {
            text.extend_from_slice(b" (");
            selector.describe(&mut text);
            text.push(b')');
        }
        text
    }
}

fn sign(pattern: &KeyPattern) -> &'static [u8] {
    match (pattern.permission.reads, pattern.permission.writes) {
        (true, false) => b"%R~",
        (false, true) => b"%W~",
        _ => b"~",
    }
}

/// How the commands of a selector have come about, as near as their set tells: from all or from none by the categories that fit best, one after the other, and then
/// by single commands.
fn describe_commands(selector: &Selector) -> Vec<u8> {
    let adds = !selector.has_future_commands;
    let mut shown = match adds {
        true => CommandSet::NONE,
        false => CommandSet::all(),
    };
    let mut text = Vec::from(if adds { "-@all" } else { "+@all" });
    let mut left = selector.commands;
    let mut open: Vec<&Category> = Category::all().iter().collect();
    while let Some(best) = best_category(&open, &left, adds) {
        let category = open.remove(best);
        text.extend_from_slice(if adds { b" +@" } else { b" -@" });
        text.extend_from_slice(category.word.as_bytes());
        match adds {
            true => {
                shown.add(&category.changes);
                left.remove(&category.changes);
            }
            false => {
                shown.remove(&category.changes);
                left.add(&category.changes);
            }
        }
    }
    for row in command::all().filter(|row| row.container().is_none()) {
        describe_difference(row, selector, &mut shown, &mut text);
        for sub in row.subcommands() {
            describe_difference(sub, selector, &mut shown, &mut text);
        }
        if !selector.commands.contains(row.id) {
            for arg in selector.first_args.get(&row.id).into_iter().flatten() {
                text.extend_from_slice(b" +");
                text.extend_from_slice(row.name.as_bytes());
                text.push(b'|');
                text.extend_from_slice(arg);
            }
        }
    }
    text
}

/// Of the categories of which more fits than does not, the one of which least does not; among those the one of which most does.
fn best_category(open: &[&Category], left: &CommandSet, adds: bool) -> Option<usize> {
    let mut best = None;
    for (at, category) in open.iter().enumerate() {
        let all = category.known.common(&category.known);
        let on = category.known.common(left);
        let (fits, differs) = match adds {
            true => (on, all - on),
            false => (all - on, on),
        };
        let is_better = |(_, most, least): (usize, u32, u32)| {
            differs < least || (differs == least && fits > most)
        };
        if fits > differs && best.is_none_or(is_better) {
            best = Some((at, fits, differs));
        }
    }
    best.map(|(at, _, _)| at)
}

fn describe_difference(
    row: &CommandSpec,
    selector: &Selector,
    shown: &mut CommandSet,
    text: &mut Vec<u8>,
) {
    let is_allowed = selector.commands.contains(row.id);
    if shown.contains(row.id) == is_allowed {
        return;
    }
    text.extend_from_slice(if is_allowed { b" +" } else { b" -" });
    text.extend_from_slice(row.name.as_bytes());
    let changes = CommandSet::of(row);
    match is_allowed {
        true => shown.add(&changes),
        false => shown.remove(&changes),
    }
}
