//! Commands whose reply may be very long, or the way to it: done a piece at a time. What is short is there in one turn; with what is long other clients' commands
//! run between the pieces, and the keys are held meanwhile, so that it is the reply of one moment.
//! Pure. Never: decides when others have their turns ([`crate::execute`] does).

use super::{Action, Call};
use shared::resp::{ErrorReply, ReplyWriter};
use std::fmt::Debug;
use std::ops::Range;

/// Elements shown between two looks at how long the reply has become, and at the time.
pub(super) const PIECE_ELEMENTS: usize = 128;

/// Bytes after which a piece ends where elements may be long.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Longest reply that is shown in one turn, bytes: below, copying it takes a tenth of a millisecond.
const UNDIVIDED_BYTES: usize = 256 * 1024;

/// How far a command has come with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to show.
    More,
    /// The same, and there may be very much to look at that is not shown.
    Long,
    /// The reply is there.
    Over,
    /// What is shown has gone meanwhile (expired, evicted): the command begins anew.
    Anew,
}

/// A command under way that does a piece at a time.
pub(crate) trait Piecewise: Debug {
    /// Shows the next piece, or comes nearer to what is to be shown.
    ///
    /// # Errors
    /// The command's; they become its reply.
    fn go_on(&mut self, call: &mut Call<'_>) -> Result<Progress, ErrorReply>;
}

/// The head of a long array, of whose length there is an estimate that seldom is wrong: where it is, all that follows is moved.
#[derive(Debug)]
pub(super) struct EstimatedHead {
    place: Range<usize>,
    estimate: u64,
    /// Elements so far.
    pub(super) count: u64,
}

impl EstimatedHead {
    /// Writes it.
    pub(super) fn write(reply: &mut ReplyWriter<'_>, estimate: u64) -> Self {
        let start = reply.position();
        reply.array(usize::try_from(estimate).unwrap_or(usize::MAX));
        Self {
            place: start..reply.position(),
            estimate,
            count: 0,
        }
    }

    /// How many elements are still to come, if the estimate is right.
    pub(super) fn left(&self) -> u64 {
        self.estimate.saturating_sub(self.count)
    }

    /// All elements are there.
    pub(super) fn end(self, reply: &mut ReplyWriter<'_>) {
        if self.count != self.estimate {
            let count = usize::try_from(self.count).unwrap_or(usize::MAX);
            let (mut head, protocol) = (Vec::new(), reply.protocol());
            ReplyWriter::new(&mut head, protocol).array(count);
            reply.replace(self.place, &head);
        }
    }
}

/// Shows the reply that `begin` begins: all of it, or, when it turns out to be long, nothing, and says that it goes piecewise.
pub(super) fn show<W: Piecewise + 'static>(
    call: &mut Call<'_>,
    begin: impl FnOnce(&mut Call<'_>) -> Result<W, ErrorReply>,
) -> Result<Action, ErrorReply> {
    let start = call.reply.position();
    let mut work = begin(call)?;
    if call.is_piecewise {
        return Ok(Action::Piecewise(Box::new(work)));
    }
    loop {
        match work.go_on(call)? {
            Progress::More if call.reply.position() - start <= UNDIVIDED_BYTES => {}
            Progress::More | Progress::Long => return Ok(Action::Piecewise(Box::new(work))),
            // In one turn nothing goes.
            Progress::Over | Progress::Anew => return Ok(Action::Continue),
        }
    }
}

/// Carries out what is known to be long, or not: in one turn, or a piece at a time. What is long has done nothing yet.
pub(super) fn carry_out<W: Piecewise + 'static>(
    call: &mut Call<'_>,
    mut work: W,
    is_long: bool,
) -> Result<Action, ErrorReply> {
    if call.is_piecewise || is_long {
        return Ok(Action::Piecewise(Box::new(work)));
    }
    // In one turn nothing goes.
    while work.go_on(call)? == Progress::More {}
    Ok(Action::Continue)
}

/// Carries out what may be a long way to a short reply: in one turn when the first piece is all there is to do.
pub(super) fn work_through<W: Piecewise + 'static>(
    call: &mut Call<'_>,
    mut work: W,
) -> Result<Action, ErrorReply> {
    if call.is_piecewise {
        return Ok(Action::Piecewise(Box::new(work)));
    }
    match work.go_on(call)? {
        Progress::More | Progress::Long => Ok(Action::Piecewise(Box::new(work))),
        Progress::Over | Progress::Anew => Ok(Action::Continue),
    }
}
