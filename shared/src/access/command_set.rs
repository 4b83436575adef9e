//! Sets of commands, and the sets that the words of rules stand for: a category, a command with its subcommands.
//! Pure; what the table says is gathered once.

use std::sync::LazyLock;

use crate::command::{self, AclCategories, CommandId, CommandSpec};

const WORDS: usize = CommandId::COUNT.div_ceil(64);

/// Rows of the command table, subcommands for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommandSet([u64; WORDS]);

impl CommandSet {
    /// No command.
    pub(super) const NONE: Self = Self([0; WORDS]);

    /// Every command there is.
    pub(super) fn all() -> Self {
        command::all().map(|row| row.id).collect()
    }

    /// A command, and of a container all that it contains.
    pub(super) fn of(row: &CommandSpec) -> Self {
        let subcommands = row.subcommands().iter();
        std::iter::once(row.id)
            .chain(subcommands.map(|row| row.id))
            .collect()
    }

    #[inline]
    pub(super) fn contains(&self, id: CommandId) -> bool {
        self.0[id as usize / 64] >> (id as usize % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, other: &Self) {
        let pairs = self.0.iter_mut().zip(&other.0);
        pairs.for_each(|(own, other)| *own |= other);
    }

    pub(super) fn remove(&mut self, other: &Self) {
        let pairs = self.0.iter_mut().zip(&other.0);
        pairs.for_each(|(own, other)| *own &= !other);
    }

    /// How many both have.
    pub(super) fn common(&self, other: &Self) -> u32 {
        let pairs = self.0.iter().zip(&other.0);
        pairs.map(|(own, other)| (own & other).count_ones()).sum()
    }
}

impl FromIterator<CommandId> for CommandSet {
    fn from_iter<T: IntoIterator<Item = CommandId>>(ids: T) -> Self {
        let mut set = Self::NONE;
        for id in ids {
            set.0[id as usize / 64] |= 1 << (id as usize % 64);
        }
        set
    }
}

/// A category as the rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Category {
    /// As rules write it, behind the `@`.
    pub(super) word: &'static str,
    /// Its commands.
    pub(super) rows: CommandSet,
    /// What changes with it: of a container all that it contains.
    pub(super) changes: CommandSet,
    /// Those of its commands that Redis 7.0 has, by which rules are described: so they read as that describes them.
    pub(super) known: CommandSet,
}

impl Category {
    fn new((bit, word): &(AclCategories, &'static str)) -> Self {
        let rows = || command::all().filter(|row| row.acl.contains(*bit));
        let mut changes = CommandSet::NONE;
        rows().for_each(|row| changes.add(&CommandSet::of(row)));
        Self {
            word,
            rows: rows().map(|row| row.id).collect(),
            changes,
            known: rows()
                .filter(|row| is_of_redis_7_0(row))
                .map(|row| row.id)
                .collect(),
        }
    }

    /// All of them, in the order in which they are listed.
    pub(super) fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Category>> =
            LazyLock::new(|| AclCategories::WORDS.iter().map(Category::new).collect());
        &ALL
    }

    /// The one of this name, in any letter case.
    pub(super) fn find(word: &[u8]) -> Option<&'static Self> {
        let is_it = |category: &&Self| category.word.as_bytes().eq_ignore_ascii_case(word);
        Self::all().iter().find(is_it)
    }
}

fn is_of_redis_7_0(row: &CommandSpec) -> bool {
    let mut numbers = command::docs(row.id).since.split('.');
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    (number(), number()) <= (Some(7), Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_what_the_table_says() {
        let geo = Category::find(b"GEO").expect("a category");
        assert!(geo.rows.contains(CommandId::Geoadd) && !geo.rows.contains(CommandId::Get));
        assert!(Category::find(b"all").is_none());
        // A container is slow, and takes what it contains with it, quick or not.
        let slow = Category::find(b"slow").expect("a category");
        let [container, sub] = [CommandId::Client, CommandId::ClientId];
        assert!(slow.rows.contains(container) && slow.changes.contains(sub));
        let hash = Category::find(b"hash").expect("a category");
        assert!(hash.rows.contains(CommandId::Hexpire) && !hash.known.contains(CommandId::Hexpire));
        assert!(hash.known.contains(CommandId::Hget));
    }

    #[test]
    fn sets_are_counted_and_taken_from_each_other() {
        let mut all = CommandSet::all();
        let config = CommandSet::of(command::spec(CommandId::Config));
        assert!(config.contains(CommandId::ConfigGet));
        assert_eq!(all.common(&config), 6);
        all.remove(&config);
        assert!(!all.contains(CommandId::ConfigGet) && all.contains(CommandId::Get));
        all.add(&config);
        assert_eq!(all, CommandSet::all());
    }
}
