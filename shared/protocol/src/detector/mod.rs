//! What one proxy thinks of each node: well, late, or gone.
//! Pure. Never: sends a probe, reads a clock, decides anything: a suspicion makes things happen sooner, and nothing is safe or unsafe because of it.
//! Invariants: a silence that lasts ends in suspicion; whatever is heard from a node ends it; a longer silence is never less suspicious than a shorter one; a proxy
//! that has slept itself blames nobody for that time.
//!
//! φ-accrual (Hayashibara, Défago, Yared, Katayama: The φ Accrual Failure Detector, 2004): intervals between answers to probes make a mean μ and a deviation σ, and
//! φ(t) = −log₁₀(1 − F((t − μ) / σ)) says how strange a silence of t is, F being the normal distribution. φ rises with t, so that φ(t) ≥ Φ is the same as
//! t ≥ μ + z(Φ) σ: z is reckoned once, and the rest in whole milliseconds. σ has a floor, and the silence that is borne has a least and a greatest length.
//!
//! A refused connection says that the process is gone, a silence may be a process that stands still or a network: so the first shortens what is borne, but one
//! alone is no proof. Errors of clients' requests count as those of probes do; answers to them are signs of life, and say nothing about the rhythm of probes.

mod arrivals;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use self::arrivals::Arrivals;
pub use self::settings::Settings;
use crate::view::View;

/// What happens between this proxy and the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<N: Ord> {
    /// These nodes are of interest from now on, and no others. A node that was not is given time from now on.
    Watch(BTreeSet<N>),
    /// A probe has been sent.
    ProbeSent(N),
    /// A probe has been answered, late or not.
    ProbeAnswered(N),
    /// A probe has failed.
    ProbeFailed(N, Failure),
    /// A request of a client has been answered.
    DataAnswered(N),
    /// The connection for clients' requests has failed.
    DataFailed(N, Failure),
    /// Time has passed; at least once per interval.
    Tick,
}

/// How something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// The connection was ended from there.
    Reset,
    /// There was no answer in time: that is silence, and counts as such.
    Timeout,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<N> {
    /// The node is taken for gone.
    Suspect(N, Suspicion),
    /// It has been heard again.
    Trust(N),
}

/// Why a node is taken for gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// When that began.
    pub since_ms: u64,
    /// When it was heard last.
    pub heard_ms: u64,
    /// By what.
    pub cause: Cause,
}

/// By what a node is taken for gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has been silent for too long.
    Silence,
    /// It refuses connections.
    Refusals,
}

/// What one proxy thinks of each node.
#[derive(Clone, Debug)]
pub struct Detector<N: Ord> {
    settings: Settings,
    deviations: u64,
    nodes: BTreeMap<N, Watched>,
    last_ms: u64,
}

/// What is known of one node.
#[derive(Clone, Debug)]
struct Watched {
    arrivals: Arrivals,
    /// When the last probe was answered; `None` before the first, and after a time that says nothing.
    answered_ms: Option<u64>,
    /// The last sign of life, or when it began to be watched.
    heard_ms: u64,
    /// Probes sent since then.
    unanswered: u64,
    /// Refusals since then.
    refusals: u64,
    has_failed: bool,
    suspicion: Option<Suspicion>,
}

/// A silence during which nobody asked says nothing.
const FEWEST_UNANSWERED: u64 = 2;

impl Watched {
    fn new(now_ms: u64) -> Self {
        Self {
            arrivals: Arrivals::default(),
            answered_ms: None,
            heard_ms: now_ms,
            unanswered: 0,
            refusals: 0,
            has_failed: false,
            suspicion: None,
        }
    }

    fn hear(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.unanswered = 0;
        self.refusals = 0;
        self.has_failed = false;
    }

    fn answer(&mut self, now_ms: u64, settings: &Settings) {
        if let Some(last) = self.answered_ms {
            self.arrivals.note(now_ms.saturating_sub(last), settings);
        }
        self.answered_ms = Some(now_ms);
        self.hear(now_ms);
    }

    fn fail(&mut self, failure: Failure) {
        match failure {
            Failure::Refused => {
                self.refusals += 1;
                self.has_failed = true;
            }
            Failure::Reset => self.has_failed = true,
            Failure::Timeout => {}
        }
    }

    fn silence_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.heard_ms)
    }

    fn cause(&self, now_ms: u64, deviations: u64, settings: &Settings) -> Option<Cause> {
        let silence = self.silence_ms(now_ms);
        let is_refused = self.refusals >= settings.refusals;
        if is_refused && silence >= settings.refused_pause_ms {
            return Some(Cause::Refusals);
        }
        let is_asked = self.unanswered >= FEWEST_UNANSWERED;
        let is_long = silence >= self.arrivals.patience_ms(deviations, settings);
        (is_asked && is_long).then_some(Cause::Silence)
    }
}

impl<N: Clone + Ord> Detector<N> {
    /// Nobody is watched yet. Settings that are out of their ranges are the caller's to refuse: [`Settings::problems`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            deviations: settings.deviations(),
            nodes: BTreeMap::new(),
            last_ms: 0,
        }
    }

    /// Takes note of what happens, and says what has changed by it. `now_ms` never falls.
    pub fn step(&mut self, event: Event<N>, now_ms: u64) -> Vec<Action<N>> {
        self.forgive_own_sleep(now_ms);
        match event {
            Event::Watch(nodes) => {
                self.nodes.retain(|node, _| nodes.contains(node));
                for node in nodes {
                    let new = || Watched::new(now_ms);
                    self.nodes.entry(node).or_insert_with(new);
                }
                Vec::new()
            }
            Event::Tick => {
                let all: Vec<N> = self.nodes.keys().cloned().collect();
                let changes = all.iter().filter_map(|node| self.judge(node, now_ms));
                changes.collect()
            }
            Event::ProbeSent(node) => self.note(&node, now_ms, |watched, _| {
                watched.unanswered += 1;
            }),
            Event::ProbeAnswered(node) => self.note(&node, now_ms, |watched, settings| {
                watched.answer(now_ms, settings);
            }),
            Event::DataAnswered(node) => self.note(&node, now_ms, |watched, _| {
                watched.hear(now_ms);
            }),
            Event::ProbeFailed(node, failure) | Event::DataFailed(node, failure) => {
                self.note(&node, now_ms, |watched, _| watched.fail(failure))
            }
        }
    }

    /// Why a node is taken for gone, if it is.
    #[must_use]
    pub fn suspicion(&self, node: &N) -> Option<Suspicion> {
        self.nodes.get(node)?.suspicion
    }

    /// The silence of this node that would be suspicious, in milliseconds: between the shortest and the longest pause.
    #[must_use]
    pub fn patience_ms(&self, node: &N) -> Option<u64> {
        let watched = self.nodes.get(node)?;
        Some(
            watched
                .arrivals
                .patience_ms(self.deviations, &self.settings),
        )
    }

    /// What the other proxies are told.
    #[must_use]
    pub fn view(&self, heartbeat: u64, now_ms: u64) -> View<N> {
        let mut view = View::new(heartbeat);
        for (node, watched) in &self.nodes {
            let is_late = watched.silence_ms(now_ms) >= self.settings.doubt_ms;
            if watched.suspicion.is_some() {
                view.suspected.insert(node.clone());
            }
            if is_late || watched.has_failed || watched.suspicion.is_some() {
                view.doubted.insert(node.clone());
            }
        }
        view
    }

    fn note(
        &mut self,
        node: &N,
        now_ms: u64,
        what: impl FnOnce(&mut Watched, &Settings),
    ) -> Vec<Action<N>> {
        if let Some(watched) = self.nodes.get_mut(node) {
            what(watched, &self.settings);
        }
        self.judge(node, now_ms).into_iter().collect()
    }

    fn judge(&mut self, node: &N, now_ms: u64) -> Option<Action<N>> {
        let watched = self.nodes.get_mut(node)?;
        let cause = watched.cause(now_ms, self.deviations, &self.settings);
        match (cause, watched.suspicion) {
            (Some(cause), None) => {
                let suspicion = Suspicion {
                    since_ms: now_ms,
                    heard_ms: watched.heard_ms,
                    cause,
                };
                watched.suspicion = Some(suspicion);
                Some(Action::Suspect(node.clone(), suspicion))
            }
            // A silence that has become suspicious stays so until something is heard, also when patience grows.
            (None, Some(_)) if watched.unanswered == 0 && watched.refusals == 0 => {
                watched.suspicion = None;
                Some(Action::Trust(node.clone()))
            }
            _ => None,
        }
    }

    /// Nothing at all has happened here for longer than ticks are apart: it was this proxy that stood still, and answers may lie unread.
    fn forgive_own_sleep(&mut self, now_ms: u64) {
        let slept = now_ms.saturating_sub(self.last_ms);
        let usual = self.settings.interval_ms;
        if slept > 2 * usual {
            for watched in self.nodes.values_mut() {
                watched.heard_ms = now_ms.min(watched.heard_ms + slept - usual);
                watched.answered_ms = None;
            }
        }
        self.last_ms = self.last_ms.max(now_ms);
    }
}

#[cfg(test)]
mod tests;
