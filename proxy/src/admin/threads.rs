//! What the threads say of themselves: asked for anew when it is too old, and kept of a thread that says nothing, so that no counter falls.
//! Never: waits longer than [`ANSWER_WITHIN`] for all of them together. Bound: one question at a time lies with a thread, however often it is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::facts::ProxyShared;
use crate::metrics::thread_report::ThreadReport;
use crate::orders::{ANSWER_WITHIN, Order, ThreadContact};

/// How long what the threads have said is good for: each time costs them some microseconds, and anybody may ask as often as he likes.
pub(super) const WORDS_LAST_MS: u64 = 100;

/// How a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has just answered.
    Answers,
    /// It does not answer.
    Silent,
    /// It has let its last client go.
    Ended,
}

/// The last that a thread has said.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) state: State,
    /// `None` when it has never said anything.
    pub(super) report: Option<Arc<ThreadReport>>,
}

/// What is known of one thread.
#[derive(Debug, Default)]
struct Known {
    last: Option<Arc<ThreadReport>>,
    /// The question that lies with it.
    asked: Option<oneshot::Receiver<ThreadReport>>,
    has_answered: bool,
}

/// What is known of all threads.
#[derive(Debug, Default)]
pub(super) struct Threads {
    known: Vec<Known>,
    asked_ms: Option<u64>,
}

impl Threads {
    /// The last words of all threads, in their order.
    pub(super) async fn words(&mut self, proxy: &ProxyShared) -> Vec<Word> {
        let now_ms = proxy.clock.monotonic_ms();
        if self
            .asked_ms
            .is_none_or(|asked_ms| now_ms >= asked_ms + WORDS_LAST_MS)
        {
            self.ask(&proxy.threads, ANSWER_WITHIN).await;
            self.asked_ms = Some(proxy.clock.monotonic_ms());
        }
        self.known_of(&proxy.threads)
    }

    async fn ask(&mut self, threads: &[ThreadContact], patience: Duration) {
        self.known.resize_with(threads.len(), Known::default);
        for (known, thread) in self.known.iter_mut().zip(threads) {
            known.begin(thread);
        }
        let all = async {
            for (known, thread) in self.known.iter_mut().zip(threads) {
                known.hear(thread).await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            // Those behind the silent one may have answered long ago.
            for known in &mut self.known {
                known.look();
            }
        }
    }

    fn known_of(&self, threads: &[ThreadContact]) -> Vec<Word> {
        let word = |(known, thread): (&Known, &ThreadContact)| match thread.last_words.get() {
            Some(report) => Word {
                state: State::Ended,
                report: Some(Arc::clone(report)),
            },
            None => Word {
                state: if known.has_answered {
                    State::Answers
                } else {
                    State::Silent
                },
                report: known.last.clone(),
            },
        };
        self.known.iter().zip(threads).map(word).collect()
    }
}

impl Known {
    /// Asks, unless the question of before lies there still; an answer to that one is old.
    fn begin(&mut self, thread: &ThreadContact) {
        self.look();
        self.has_answered = false;
        if self.asked.is_none() {
            let (answer, asked) = oneshot::channel();
            if thread.orders.try_send(Order::Report(answer)).is_ok() {
                self.asked = Some(asked);
            }
        }
    }

    /// Waits for the answer, and first for room for the question if there was none.
    async fn hear(&mut self, thread: &ThreadContact) {
        if self.asked.is_none() {
            let (answer, asked) = oneshot::channel();
            if thread.orders.send(Order::Report(answer)).await.is_err() {
                return;
            }
            self.asked = Some(asked);
        }
        if let Some(asked) = &mut self.asked {
            let answer = asked.await;
            self.asked = None;
            if let Ok(report) = answer {
                self.note(report);
            }
        }
    }

    /// Takes the answer if it is there.
    fn look(&mut self) {
        let Some(asked) = &mut self.asked else {
            return;
        };
        match asked.try_recv() {
            Ok(report) => {
                self.asked = None;
                self.note(report);
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Closed) => self.asked = None,
        }
    }

    fn note(&mut self, report: ThreadReport) {
        self.last = Some(Arc::new(report));
        self.has_answered = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    const PATIENCE: Duration = Duration::from_millis(50);

    fn report(requests: u64) -> ThreadReport {
        let mut report = ThreadReport::default();
        report.stats.requests = requests;
        report.clients = 7;
        report
    }

    /// Answers what lies there, as thread number `number` after so many requests.
    fn answer(orders: &mut mpsc::Receiver<Order>, requests: u64) -> usize {
        let mut answered = 0;
        while let Ok(order) = orders.try_recv() {
            if let Order::Report(question) = order {
                question.send(report(requests)).unwrap();
                answered += 1;
            }
        }
        answered
    }

    fn check(threads: &Threads, contacts: &[ThreadContact], expected: &[(State, u64)]) {
        let words = threads.known_of(contacts);
        let said: Vec<(State, u64)> = words
            .iter()
            .map(|word| {
                let requests = word.report.as_ref().map(|report| report.stats.requests);
                (word.state, requests.unwrap_or_default())
            })
            .collect();
        assert_eq!(said, expected);
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test);
    }

    #[test]
    fn what_a_thread_has_said_stays_while_it_is_silent() {
        run(async {
            let ((first, mut silent), (second, mut well)) =
                (ThreadContact::new(4), ThreadContact::new(4));
            let contacts = [first, second];
            let mut threads = Threads::default();
            let served = tokio::spawn(async move {
                for requests in [20, 21, 22] {
                    if let Some(Order::Report(question)) = well.recv().await {
                        question.send(report(requests)).ok();
                    }
                }
                well
            });
            threads.ask(&contacts, PATIENCE).await;
            let (silent_at_first, answers) = (State::Silent, State::Answers);
            check(&threads, &contacts, &[(silent_at_first, 0), (answers, 20)]);
            // It comes to itself, and hangs again.
            assert_eq!(answer(&mut silent, 10), 1);
            threads.ask(&contacts, PATIENCE).await;
            check(&threads, &contacts, &[(State::Silent, 10), (answers, 21)]);
            threads.ask(&contacts, PATIENCE).await;
            check(&threads, &contacts, &[(State::Silent, 10), (answers, 22)]);
            assert_eq!(answer(&mut silent, 11), 1, "one question at a time");
            served.await.unwrap();
        });
    }

    #[test]
    fn a_thread_that_takes_no_orders_is_silent_and_hides_nobody() {
        run(async {
            let ((full, _kept), (second, mut well)) =
                (ThreadContact::new(1), ThreadContact::new(4));
            full.orders.try_send(Order::Stop).unwrap();
            let contacts = [full, second];
            let mut threads = Threads::default();
            let asked = threads.ask(&contacts, PATIENCE);
            let answering = async {
                while answer(&mut well, 20) == 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::join!(asked, answering);
            check(
                &threads,
                &contacts,
                &[(State::Silent, 0), (State::Answers, 20)],
            );
        });
    }

    #[test]
    fn the_last_words_of_a_thread_stay_when_it_has_ended() {
        run(async {
            let (ended, orders) = ThreadContact::new(1);
            let contacts = [ended];
            let last = Arc::new(report(30).of_the_end());
            contacts[0].last_words.set(last).unwrap();
            drop(orders);
            let mut threads = Threads::default();
            threads.ask(&contacts, PATIENCE).await;
            check(&threads, &contacts, &[(State::Ended, 30)]);
            let word = threads.known_of(&contacts).remove(0);
            assert_eq!(word.report.unwrap().clients, 0);
        });
    }
}
