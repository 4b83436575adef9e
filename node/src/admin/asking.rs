//! The thread that serves is asked for a report, and says it between two turns of its clients.
//! Never: waits longer than it may, [`ANSWER_WITHIN`], or asks again within [`REPORT_LASTS_MS`]. Bound: one question at a time lies with the thread.

use crate::disk::Recording;
use crate::report::{Readiness, Report};
use crate::shell::Shell;
use shared::clock::Clock;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a report is good for: each costs the thread some ten microseconds, and anybody may ask as often as he likes.
const REPORT_LASTS_MS: u64 = 100;

/// How long the thread may take to answer: if it hangs longer it is taken for silent.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Who asks, and is told.
type Question = oneshot::Sender<Report>;

/// What is known of the thread that serves.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What it said last; nothing where it never has.
    pub(super) report: Option<Arc<Report>>,
    /// Whether that was just now.
    pub(super) answers: bool,
}

/// The side that asks.
#[derive(Debug)]
pub(super) struct Asking {
    questions: mpsc::Sender<Question>,
    clock: Clock,
    /// How long the thread may take.
    patience: Duration,
    /// The question that lies there.
    asked: Option<oneshot::Receiver<Report>>,
    known: Known,
    known_since_ms: Option<u64>,
}

impl Asking {
    /// Nothing is known; and where questions are to be answered.
    pub(super) fn new(clock: Clock, patience: Duration) -> (Self, mpsc::Receiver<Question>) {
        let (questions, taken) = mpsc::channel(1);
        let asking = Self {
            questions,
            clock,
            patience,
            asked: None,
            known: Known {
                report: None,
                answers: false,
            },
            known_since_ms: None,
        };
        (asking, taken)
    }

    /// What is known, asked for anew when it is too old.
    pub(super) async fn known(&mut self) -> Known {
        let now_ms = self.clock.monotonic_ms();
        let is_old = |since_ms: u64| now_ms >= since_ms + REPORT_LASTS_MS;
        if self.known_since_ms.is_none_or(is_old) {
            let answer = tokio::time::timeout(self.patience, self.ask()).await;
            let report = answer.ok().flatten();
            self.known.answers = report.is_some();
            if let Some(report) = report {
                self.known.report = Some(Arc::new(report));
            }
            self.known_since_ms = Some(self.clock.monotonic_ms());
        }
        self.known.clone()
    }

    /// Waits for the answer; that to a question of before is as good as any, if it comes now.
    async fn ask(&mut self) -> Option<Report> {
        if self.asked.is_none() {
            let (answer, asked) = oneshot::channel();
            self.questions.send(answer).await.ok()?;
            self.asked = Some(asked);
        }
        let answer = self.asked.as_mut()?.await;
        self.asked = None;
        answer.ok()
    }
}

/// Answers on the thread that serves, as long as somebody may ask.
pub(super) async fn answer(shell: Rc<Shell>, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        // Nobody waits for it any more: it took too long.
        question.send(report(&shell).await).ok();
    }
}

/// In slices, between which clients have their turn.
async fn report(shell: &Shell) -> Report {
    let syncs = shell.log.borrow().as_ref().map(Recording::syncs);
    let now_ms = shell.clock.wall_ms();
    let mut report = {
        let core = shell.core.borrow();
        Report::new(&core.store, &core.node, now_ms, syncs.as_ref())
    };
    if shell.is_stopping() {
        report.set_readiness(Readiness::not("stopping"));
    }
    let mut next = Some(0);
    while let Some(from) = next {
        tokio::task::yield_now().await;
        next = report.add_commands(&shell.core.borrow().node, from);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::{ANSWER_WITHIN, Asking, REPORT_LASTS_MS};
    use crate::report::Report;
    use shared::clock::{Clock, ManualClock};
    use std::time::Duration;

    fn run(test: impl Future<Output = ()>) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().build().expect("a runtime");
        runtime.block_on(test);
    }

    #[test]
    fn what_was_said_stays_while_the_thread_is_silent() {
        run(async {
            let hands = ManualClock::at(0);
            let patience = Duration::from_millis(20);
            let clock = Clock::from(hands.clone());
            let (mut asking, mut questions) = Asking::new(clock, patience);
            let mut known = async |answers: bool| {
                hands.advance(Duration::from_millis(REPORT_LASTS_MS));
                let answer = async {
                    if answers {
                        while let Some(question) = questions.recv().await {
                            question.send(Report::default()).ok();
                        }
                    }
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    known = asking.known() => (known.report.is_some(), known.answers),
                    () = answer => unreachable!("it waits"),
                }
            };
            assert_eq!(known(false).await, (false, false));
            assert_eq!(known(true).await, (true, true));
            assert_eq!(known(false).await, (true, false));
            // The question of before lies there still, and no other.
            assert_eq!(known(false).await, (true, false));
            assert_eq!(known(true).await, (true, true));
        });
    }

    #[test]
    fn a_report_is_good_for_a_while() {
        run(async {
            let hands = ManualClock::at(0);
            let clock = Clock::from(hands.clone());
            let (mut asking, mut questions) = Asking::new(clock, ANSWER_WITHIN);
            let first = async {
                let question = questions.recv().await.expect("a question");
                question.send(Report::default()).ok();
            };
            let (known, ()) = tokio::join!(asking.known(), first);
            assert!(known.answers);
            hands.advance(Duration::from_millis(REPORT_LASTS_MS - 1));
            let again = tokio::time::timeout(ANSWER_WITHIN, asking.known());
            assert!(again.await.expect("at once").answers);
            assert!(questions.try_recv().is_err(), "nobody was asked");
        });
    }
}
