//! NODE FOR: a proxy says on behalf of which of its clients it asks for a command, so that this one need not be told of what it changes itself.
//! Pure. Invariant: what is said holds for that command alone, be it one that others have their turns beside.

use super::perform::Asked;
use super::{Executor, Origin, Stop, Turn, Wait};
use shared::command::{self, CommandSpec};
use shared::resp::Args;
use shared::tracking::Author;

/// The words before the command: NODE FOR author.
const WORDS: usize = 3;

/// The command that such a request is about; any other request is about itself.
pub(crate) fn inner<'a>(args: Args<'a>) -> Args<'a> {
    let is_word = |at: usize, word: &str| args.at(at).eq_ignore_ascii_case(word.as_bytes());
    match args.len() > WORDS && is_word(0, "node") && is_word(1, "for") {
        true => args.skip(WORDS),
        false => args,
    }
}

impl Executor {
    /// Runs the command on this client's behalf.
    #[cold]
    pub(super) fn perform_for(
        &mut self,
        turn: &mut Turn<'_>,
        author: Author,
        asked: Asked<'_>,
        out: &mut Vec<u8>,
    ) -> Stop {
        let args = inner(asked.args);
        let row = command::resolve_served(args, CommandSpec::is_served_by_node);
        let asked = Asked {
            args,
            hashes: &[],
            request_bytes: asked.request_bytes,
        };
        turn.session.acts_for = Some(author);
        let stop = self.perform(turn, Origin::Client, row, asked, out);
        // Before it is forgotten by whom it was.
        if turn.store.has_news() {
            turn.tell_news();
        }
        if stop != Stop::NotYet(Wait::OthersTurns) {
            turn.session.acts_for = None;
        }
        stop
    }
}
