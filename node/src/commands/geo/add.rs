//! GEOADD: places become members of a sorted set.
//! Pure.

use super::cell::Cell;
use super::point::Point;
use crate::commands::arguments::{is_word, reply_count_64};
use crate::commands::element_by_element::{Elements, Told, treat};
use crate::commands::{Action, Call};
use crate::store::{AddRule, Existence, SortedSetEdit, Wording};
use shared::resp::{Args, ErrorReply};
use std::ops::Range;

/// The options of GEOADD.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    counts_changed: bool,
}

/// Arguments of a place: longitude, latitude, name.
const PLACE: usize = 3;

/// GEOADD key [NX | XX] [CH] longitude latitude member …
pub(super) fn geoadd(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut options = Options::default();
    let first = options.read(call.args);
    if !(call.args.len() - first).is_multiple_of(PLACE) || (options.only_new && options.only_old) {
        return Err(ErrorReply::Syntax);
    }
    if first == call.args.len() {
        return Err(ErrorReply::Syntax);
    }
    let places = Elements::from(call.args, first, Told::Sum).of(PLACE);
    treat(call, places.checked(check), add)
}

/// All places are looked at before the first is used.
fn check(args: Args<'_>, places: Range<usize>) -> Result<(), ErrorReply> {
    for at in places.step_by(PLACE) {
        Point::parse(args, at)?;
    }
    Ok(())
}

fn add(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let (args, mut options) = (call.args, Options::default());
    let first = options.read(args);
    check(args, first..args.len())?;
    let members = (first..args.len()).step_by(PLACE).map(move |at| {
        // Checked before.
        let score = Point::parse(args, at).map_or(0.0, Cell::score);
        (score, args.at(at + 2))
    });
    let (db, key, as_asked) = (call.db(), call.key(1), Wording::Verbatim(args));
    let limits = call.node.settings.hot.small.sorted_set;
    let set = SortedSetEdit::of(call.store.slot(db, key))?;
    let tally = set.add(members, options.rule(), limits, as_asked)?;
    let changed = if options.counts_changed {
        tally.changed
    } else {
        0
    };
    reply_count_64(&mut call.reply, tally.added + changed);
    Ok(Action::Continue)
}

impl Options {
    /// Reads the options that stand before the first place; says where that is.
    fn read(&mut self, args: Args<'_>) -> usize {
        for index in 2..args.len() {
            match args.at(index) {
                word if is_word(word, "NX") => self.only_new = true,
                word if is_word(word, "XX") => self.only_old = true,
                word if is_word(word, "CH") => self.counts_changed = true,
                _ => return index,
            }
        }
        args.len()
    }

    fn rule(&self) -> AddRule {
        AddRule {
            existence: match (self.only_new, self.only_old) {
                (true, _) => Existence::New,
                (_, true) => Existence::Old,
                _ => Existence::Any,
            },
            ..AddRule::default()
        }
    }
}
