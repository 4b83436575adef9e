//! Who imports whom within a crate: paths that begin with `crate` or `super`, in `use` and in the middle of code, made into arrows between rooms.
//! Pure: text in, arrows out. A room is a file, or a folder with all in it; a folder's front door re-exports what lies behind it, so it is no room of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// An import: from room, to room, and the file and path that make it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) because: String,
}

/// A crate's modules and its rooms.
pub(crate) struct Plan<'a> {
    /// Where its files lie, from the root: `proxy/src`.
    folder: &'a str,
    files: &'a [Source],
    modules: BTreeSet<Vec<String>>,
    rooms: BTreeSet<&'a str>,
}

impl<'a> Plan<'a> {
    /// `rooms` are paths below `folder` without `.rs`; a file is in the longest that holds it, or in that of the first part of its path.
    pub(crate) fn new(folder: &'a str, files: &'a [Source], rooms: &[&'a str]) -> Self {
        let modules = files
            .iter()
            .map(|file| module_of(folder, &file.path))
            .collect();
        Self {
            folder,
            files,
            modules,
            rooms: rooms.iter().copied().collect(),
        }
    }

    /// All imports between two rooms, each pair of file and path once.
    pub(crate) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for file in self.files.iter().filter(|file| !file.is_unit_test()) {
            let module = module_of(self.folder, &file.path);
            let from = self.room_of(&module);
            let text: String = file.code().map(|(_, line)| format!("{line}\n")).collect();
            for path in paths(&text, &module) {
                let target = self.module_named_by(&path);
                let to = self.room_of(target);
                // The crate's own front door only says what there is.
                if from != to && !module.is_empty() && !target.is_empty() {
                    arrows.insert(Arrow {
                        from: from.clone(),
                        to,
                        because: format!("{}: {}", file.path, path.join("::")),
                    });
                }
            }
        }
        arrows
    }

    fn module_named_by<'p>(&self, path: &'p [String]) -> &'p [String] {
        (0..=path.len())
            .rev()
            .map(|length| &path[..length])
            .find(|head| head.is_empty() || self.modules.contains(*head))
            .unwrap_or(&[])
    }

    fn room_of(&self, module: &[String]) -> String {
        (1..=module.len())
            .rev()
            .map(|length| module[..length].join("/"))
            .find(|room| self.rooms.contains(room.as_str()))
            .unwrap_or_else(|| module.first().cloned().unwrap_or_default())
    }
}

/// The module that a file is: `proxy/src/pipe/set.rs` is `[pipe, set]`, a crate's root is empty.
fn module_of(folder: &str, path: &str) -> Vec<String> {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let below = below.strip_suffix(".rs").unwrap_or(below);
    let mut parts: Vec<String> = below
        .split('/')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let last = parts.last().map(String::as_str);
    if last == Some("mod") || (parts.len() == 1 && matches!(last, Some("lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// Every path in `text` that begins with `crate`, `self` or `super`, from the crate's root on; trees of `use` are taken apart.
fn paths(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (word, ups) in [("crate::", None), ("super::", Some(1)), ("self::", Some(0))] {
        for (at, _) in text.match_indices(word) {
            let before = &text[..at];
            let is_inside = before.ends_with(|character: char| {
                character.is_alphanumeric() || character == '_' || character == ':'
            });
            // `pub(in crate::store)` says who may see it.
            if is_inside || before.ends_with("in ") || before.ends_with('$') {
                continue;
            }
            let mut rest = &text[at + word.len()..];
            let mut prefix = match ups {
                None => Vec::new(),
                Some(ups) => module[..module.len().saturating_sub(ups)].to_vec(),
            };
            while let Some(further) = rest.strip_prefix("super::") {
                prefix.pop();
                rest = further;
            }
            take_tree(&mut rest, &prefix, &mut found);
        }
    }
    found
}

/// Takes one tree of `use`, or one path, off the front of `rest`.
fn take_tree(rest: &mut &str, prefix: &[String], found: &mut Vec<Vec<String>>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside.trim_start();
        while !rest.is_empty() && !rest.starts_with('}') {
            let before = rest.len();
            take_tree(rest, prefix, found);
            *rest = rest.trim_start_matches(|character: char| {
                character == ',' || character.is_whitespace()
            });
            if rest.len() == before {
                return;
            }
        }
        *rest = rest.strip_prefix('}').unwrap_or(rest);
        return;
    }
    let end = rest
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    *rest = behind;
    let mut path = prefix.to_vec();
    if !name.is_empty() && name != "self" {
        path.push(name.to_owned());
    }
    if let Some(deeper) = rest.strip_prefix("::")
        && !deeper.starts_with('<')
        && !deeper.starts_with('*')
    {
        *rest = deeper;
        take_tree(rest, &path, found);
        return;
    }
    if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
        let end = renamed
            .find(|character: char| !character.is_alphanumeric() && character != '_')
            .unwrap_or(renamed.len());
        *rest = &renamed[end..];
    }
    found.push(path);
}

/// The rooms that reach each other in a circle, each circle once, largest first; rooms without one are left out.
pub(crate) fn circles(arrows: &BTreeSet<Arrow>) -> Vec<Vec<String>> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        reach.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let rooms: Vec<&str> = reach.keys().copied().collect();
    for middle in &rooms {
        let onward = reach[middle].clone();
        for room in &rooms {
            if reach[room].contains(middle) {
                reach.get_mut(room).expect("a key").extend(&onward);
            }
        }
    }
    let meets = |left: &str, right: &str| {
        let goes = |from: &str, to: &str| reach.get(from).is_some_and(|seen| seen.contains(to));
        goes(left, right) && goes(right, left)
    };
    let mut circles: Vec<Vec<String>> = Vec::new();
    for room in &rooms {
        match circles.iter_mut().find(|circle| meets(&circle[0], room)) {
            Some(circle) => circle.push((*room).to_owned()),
            None => circles.push(vec![(*room).to_owned()]),
        }
    }
    circles.retain(|circle| circle.len() > 1);
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

/// The arrows that do not run down: to a room on the same floor or on one above, or from or to a room that is on none. `floors` are listed from the top.
pub(crate) fn upward<'a>(arrows: &'a BTreeSet<Arrow>, floors: &[&[&str]]) -> Vec<&'a Arrow> {
    let floor = |room: &str| floors.iter().position(|floor| floor.contains(&room));
    arrows
        .iter()
        .filter(|arrow| match (floor(&arrow.from), floor(&arrow.to)) {
            (Some(from), Some(to)) => from >= to,
            _ => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn house() -> Vec<Source> {
        vec![
            file("x/src/lib.rs", "mod thread; mod pipe; mod slab;"),
            file(
                "x/src/thread.rs",
                "use crate::{pipe::{self, set::PipeSet}, slab};\nfn f() { crate::slab::g() }",
            ),
            file("x/src/pipe/mod.rs", "pub(crate) mod set;"),
            file(
                "x/src/pipe/set.rs",
                "use super::super::slab::Slab as S; // crate::thread in words\n",
            ),
            file("x/src/slab.rs", ""),
        ]
    }

    const FLOORS: &[&[&str]] = &[&["thread"], &["pipe"], &["slab"]];

    #[test]
    fn imports_are_found_in_trees_and_in_code() {
        let files = house();
        let arrows = Plan::new("x/src", &files, &[]).arrows();
        let pairs: BTreeSet<(&str, &str)> = arrows
            .iter()
            .map(|arrow| (arrow.from.as_str(), arrow.to.as_str()))
            .collect();
        let expected = [("pipe", "slab"), ("thread", "pipe"), ("thread", "slab")];
        assert_eq!(pairs, BTreeSet::from(expected));
        assert!(upward(&arrows, FLOORS).is_empty());
        assert!(circles(&arrows).is_empty());
    }

    #[test]
    fn an_import_upward_is_found_and_so_is_the_circle_that_it_closes() {
        let mut files = house();
        files[4].text = "fn f() { super::thread::g() }".to_owned();
        let arrows = Plan::new("x/src", &files, &[]).arrows();
        let up = upward(&arrows, FLOORS);
        assert_eq!(up.len(), 1);
        assert_eq!(up[0].because, "x/src/slab.rs: thread::g");
        assert_eq!(circles(&arrows), [["pipe", "slab", "thread"]]);
    }

    #[test]
    fn a_room_may_be_a_file_within_a_folder() {
        let files = house();
        let arrows = Plan::new("x/src", &files, &["pipe/set"]).arrows();
        assert!(arrows.iter().any(|arrow| arrow.from == "pipe/set"));
        assert!(!upward(&arrows, FLOORS).is_empty(), "it is on no floor");
    }
}
