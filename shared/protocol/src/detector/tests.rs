use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NODE: u8 = 1;

fn detector() -> Detector<u8> {
    let mut detector = Detector::new(Settings::DEFAULT);
    detector.step(Event::Watch([NODE].into()), 0);
    detector
}

/// Probes every 100 ms, answered at the times that are given; ticks every 20 ms. Gives when it was suspected and trusted.
fn play(
    detector: &mut Detector<u8>,
    answers_ms: &[u64],
    time_ms: std::ops::Range<u64>,
) -> Vec<(u64, bool)> {
    let mut turns = Vec::new();
    for now_ms in time_ms.step_by(2) {
        let mut actions = Vec::new();
        if now_ms.is_multiple_of(100) {
            actions.extend(detector.step(Event::ProbeSent(NODE), now_ms));
        }
        if answers_ms.iter().any(|at| at / 2 == now_ms / 2) {
            actions.extend(detector.step(Event::ProbeAnswered(NODE), now_ms));
        }
        if now_ms.is_multiple_of(20) {
            actions.extend(detector.step(Event::Tick, now_ms));
        }
        let is_suspect = |action: &Action<u8>| matches!(action, Action::Suspect(..));
        turns.extend(actions.iter().map(|action| (now_ms, is_suspect(action))));
    }
    turns
}

/// Answers to probes of every 100 ms, a few milliseconds after each.
fn regular(until_ms: u64) -> Vec<u64> {
    let jitter = [1, 3, 2, 8, 1, 1, 2, 14, 2, 1];
    let at = |number: u64| number * 100 + jitter[usize::try_from(number % 10).unwrap()];
    (0..until_ms / 100).map(at).collect()
}

#[test]
fn a_regular_node_that_falls_silent_is_suspected_after_the_shortest_pause() {
    let mut detector = detector();
    let turns = play(&mut detector, &regular(3_000), 0..6_000);
    // The last answer came at 2,901.
    assert_eq!(turns, [(3_400, true)]);
    let suspicion = detector.suspicion(&NODE).unwrap();
    assert_eq!(suspicion.cause, Cause::Silence);
    assert_eq!(suspicion.since_ms, 3_400);
    assert!(suspicion.heard_ms.abs_diff(2_901) <= 2);
}

#[test]
fn a_process_that_stands_still_for_300_ms_is_only_doubted() {
    for begin_ms in (2_000..2_100).step_by(6) {
        let mut detector = detector();
        let mut answers = regular(4_000);
        for answer in &mut answers {
            if (begin_ms..begin_ms + 300).contains(answer) {
                *answer = begin_ms + 302;
            }
        }
        assert_eq!(play(&mut detector, &answers, 0..begin_ms + 298), []);
        assert!(detector.view(1, begin_ms + 298).doubted.contains(&NODE));
        assert_eq!(play(&mut detector, &answers, begin_ms + 298..4_000), []);
        assert!(detector.view(1, 4_000).doubted.is_empty());
    }
}

/// As of a process that gets its turn every 400 ms, and answers all that has come meanwhile.
#[test]
fn a_node_that_is_always_slow_is_given_more_time() {
    let at = |number: u64| number / 4 * 400 + 400 + number % 4 * 2;
    let answers: Vec<u64> = (0..60).map(at).collect();
    let mut detector = detector();
    assert_eq!(play(&mut detector, &answers, 0..6_000), []);
    let patience = detector.patience_ms(&NODE).unwrap();
    assert!((501..=1_000).contains(&patience), "{patience}");
}

#[test]
fn refused_connections_count_for_more_but_one_is_no_proof() {
    let refuse = |detector: &mut Detector<u8>, now_ms| {
        detector.step(Event::ProbeSent(NODE), now_ms);
        detector.step(Event::ProbeFailed(NODE, Failure::Refused), now_ms)
    };
    let mut detector = detector();
    play(&mut detector, &regular(2_000), 0..2_000);
    assert_eq!(refuse(&mut detector, 2_000), []);
    assert!(detector.view(1, 2_000).doubted.contains(&NODE));
    assert_eq!(detector.step(Event::Tick, 2_180), []);
    let found = refuse(&mut detector, 2_200);
    let suspicion = Suspicion {
        since_ms: 2_200,
        heard_ms: 1_900,
        cause: Cause::Refusals,
    };
    assert_eq!(found, [Action::Suspect(NODE, suspicion)]);
    let trusted = detector.step(Event::DataAnswered(NODE), 2_210);
    assert_eq!(trusted, [Action::Trust(NODE)]);
}

#[test]
fn a_connection_that_is_reset_makes_doubt_and_no_more() {
    let mut detector = detector();
    play(&mut detector, &regular(2_000), 0..2_000);
    for now_ms in 2_000..2_010 {
        let reset = Event::DataFailed(NODE, Failure::Reset);
        assert_eq!(detector.step(reset, now_ms), []);
    }
    let view = detector.view(7, 2_010);
    assert_eq!(view.heartbeat, 7);
    assert!(view.doubted.contains(&NODE) && view.suspected.is_empty());
}

#[test]
fn a_proxy_that_has_slept_blames_nobody() {
    let mut detector = detector();
    play(&mut detector, &regular(2_000), 0..2_000);
    assert_eq!(detector.step(Event::Tick, 9_000), []);
    detector.step(Event::ProbeSent(NODE), 9_000);
    assert_eq!(detector.step(Event::Tick, 9_100), []);
    // But the silence goes on, and is noticed as any other.
    detector.step(Event::ProbeSent(NODE), 9_100);
    let ticks = (9_120..10_200).step_by(20);
    let found: Vec<u64> = ticks
        .filter(|now_ms| !detector.step(Event::Tick, *now_ms).is_empty())
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_silence_in_which_nobody_asked_says_nothing() {
    let mut detector = detector();
    for now_ms in (0..10_000).step_by(20) {
        assert_eq!(detector.step(Event::Tick, now_ms), []);
    }
}

#[test]
fn who_is_not_watched_is_forgotten_and_begins_anew() {
    let mut detector = detector();
    play(&mut detector, &regular(2_000), 0..4_000);
    assert!(detector.suspicion(&NODE).is_some());
    detector.step(Event::Watch(BTreeSet::new()), 4_000);
    assert_eq!(detector.suspicion(&NODE), None);
    detector.step(Event::Watch([NODE].into()), 4_010);
    assert_eq!(detector.step(Event::Tick, 4_020), []);
}

proptest! {
    /// Whatever came before: silence that lasts ends in suspicion, within the longest pause, two probes and a tick, and any answer ends that.
    #[test]
    fn a_silence_that_lasts_ends_in_suspicion_and_an_answer_ends_that(
        answers in prop::collection::vec(0_u64..5_000, 0..80), by_data in any::<bool>(),
    ) {
        let mut detector = detector();
        play(&mut detector, &answers, 0..5_000);
        let silent_from = 5_000;
        for now_ms in (silent_from..silent_from + 1_220).step_by(20) {
            if now_ms % 100 == 0 {
                detector.step(Event::ProbeSent(NODE), now_ms);
            }
            detector.step(Event::Tick, now_ms);
        }
        prop_assert!(detector.suspicion(&NODE).is_some());
        let answer = if by_data { Event::DataAnswered(NODE) } else { Event::ProbeAnswered(NODE) };
        prop_assert_eq!(detector.step(answer, 6_221), vec![Action::Trust(NODE)]);
        prop_assert_eq!(detector.suspicion(&NODE), None);
    }

    /// Of two that have heard the same, the one that has waited longer is not less suspicious.
    #[test]
    fn a_longer_silence_is_never_less_suspicious(
        answers in prop::collection::vec(0_u64..3_000, 0..60), wait in 0_u64..1_500,
    ) {
        let mut detector = detector();
        play(&mut detector, &answers, 0..3_000);
        let mut was_suspected = detector.suspicion(&NODE).is_some();
        for now_ms in (3_000..3_000 + wait).step_by(10) {
            if now_ms % 100 == 0 {
                detector.step(Event::ProbeSent(NODE), now_ms);
            }
            detector.step(Event::Tick, now_ms);
            let is_suspected = detector.suspicion(&NODE).is_some();
            prop_assert!(is_suspected >= was_suspected);
            was_suspected = is_suspected;
        }
    }

    #[test]
    fn patience_keeps_within_its_bounds(intervals in prop::collection::vec(0_u64..u64::MAX, 0..200)) {
        let settings = Settings::DEFAULT;
        let mut arrivals = Arrivals::default();
        for interval in intervals {
            arrivals.note(interval, &settings);
            let patience = arrivals.patience_ms(settings.deviations(), &settings);
            prop_assert!((settings.shortest_pause_ms..=settings.longest_pause_ms).contains(&patience));
        }
    }
}
