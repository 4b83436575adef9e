use super::*;
use std::collections::HashSet;

const LIVES: [Incarnation; 2] = [Incarnation(7), Incarnation(8)];
const LEADERS: [Incarnation; 2] = [Incarnation(20), Incarnation(21)];

/// Every order of three epochs, three revisions and two lives, every command, every restart.
fn events() -> Vec<Event> {
    let kinds = [
        OrderKind::Fence,
        OrderKind::Promote,
        OrderKind::Follow(LEADERS[0]),
        OrderKind::Follow(LEADERS[1]),
        OrderKind::ToPrimary,
    ];
    let mut events = Vec::new();
    for epoch in (1..=3).map(Epoch) {
        events.push(Event::Command(epoch));
        for (rev, kind) in (1..=3)
            .map(Version)
            .flat_map(|rev| kinds.map(|kind| (rev, kind)))
        {
            events.extend(LIVES.map(|incarnation| {
                Event::Order(Order {
                    kind,
                    epoch,
                    rev,
                    incarnation,
                })
            }));
        }
    }
    events.extend(LIVES.map(Event::Restart));
    events
}

/// Calls `check` with every state that can be reached, every event, and what comes of both.
fn everywhere(mut check: impl FnMut(Guard, Event, Guard, &[Action])) {
    let events = events();
    let mut known = HashSet::from([Guard::new(LIVES[0])]);
    let mut unvisited: Vec<Guard> = known.iter().copied().collect();
    let mut steps = 0;
    while let Some(before) = unvisited.pop() {
        for event in &events {
            let mut after = before;
            let actions = after.step(*event);
            check(before, *event, after, &actions);
            steps += 1;
            if known.insert(after) {
                unvisited.push(after);
            }
        }
    }
    assert!(known.len() > 50 && steps > 5_000, "{} states", known.len());
}

fn has_refusal(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Refuse(_)))
}

#[test]
fn a_role_is_of_the_newest_epoch_or_over() {
    everywhere(|before, event, after, actions| {
        if let Some(role) = after.role {
            assert_eq!(role.epoch, after.seen_epoch, "{before:?} {event:?}");
        }
        let ended = before.role.filter(|role| after.seen_epoch > role.epoch);
        if let Some(role) = ended {
            assert_eq!(actions.first(), Some(&Action::EndRole(role)));
        }
    });
}

#[test]
fn what_was_seen_is_never_forgotten_within_a_life() {
    everywhere(|before, event, after, _| {
        if !matches!(event, Event::Restart(_)) {
            assert_eq!(after.incarnation, before.incarnation);
            assert!(
                after.seen_epoch >= before.seen_epoch,
                "{before:?} {event:?}"
            );
            assert!(after.seen_rev >= before.seen_rev, "{before:?} {event:?}");
        }
    });
}

#[test]
fn only_the_primary_of_the_newest_epoch_serves() {
    everywhere(|before, event, after, actions| {
        let Event::Command(epoch) = event else { return };
        assert_eq!(before, after, "a command changes nothing here");
        let leads = before.role.is_some_and(|role| {
            role.kind == RoleKind::Primary && role.epoch == epoch && before.seen_epoch == epoch
        });
        assert_eq!(actions == [Action::Accept], leads, "{before:?} {event:?}");
    });
}

#[test]
fn another_life_and_an_older_order_change_nothing() {
    everywhere(|before, event, after, actions| {
        let Event::Order(order) = event else { return };
        let is_stale = order.incarnation != before.incarnation
            || order.epoch < before.seen_epoch
            || (order.epoch == before.seen_epoch
                && order.rev < before.seen_rev
                && order.kind != OrderKind::Fence);
        if is_stale {
            assert_eq!(before, after);
            assert!(actions.len() == 1 && has_refusal(actions), "{actions:?}");
        }
    });
}

#[test]
fn an_order_that_is_refused_leaves_the_role_of_its_epoch_alone() {
    everywhere(|before, event, after, actions| {
        if has_refusal(actions) && after.seen_epoch == before.seen_epoch {
            assert_eq!(before, after, "{event:?}");
        }
    });
}

#[test]
fn a_repeated_order_may_only_add() {
    everywhere(|before, event, after, first| {
        let Event::Order(order) = event else { return };
        // A document whose epoch is higher is newer: there is one counter for all of it.
        let is_possible = order.epoch <= before.seen_epoch || order.rev > before.seen_rev;
        if !is_possible || has_refusal(first) {
            return;
        }
        let mut again = after;
        let actions = again.step(event);
        assert_eq!(again, after, "{event:?}");
        assert!(
            actions == [Action::Add] || actions == [Action::Accept],
            "{event:?} {actions:?}"
        );
    });
}

#[test]
fn nobody_leads_and_follows_at_one_epoch() {
    everywhere(|before, event, after, _| {
        let (Some(was), Some(is)) = (before.role, after.role) else {
            return;
        };
        if was.epoch == is.epoch && !matches!(event, Event::Restart(_)) {
            let leads = |role: Role| role.kind == RoleKind::Primary;
            assert_eq!(leads(was), leads(is), "{before:?} {event:?}");
        }
    });
}

#[test]
fn a_node_that_is_only_fenced_serves_nothing_until_it_has_its_orders() {
    let order = |kind, epoch, rev| {
        Event::Order(Order {
            kind,
            epoch: Epoch(epoch),
            rev: Version(rev),
            incarnation: LIVES[0],
        })
    };
    let mut guard = Guard::new(LIVES[0]);
    guard.step(order(OrderKind::Promote, 1, 1));
    assert!(guard.admits(Epoch(1)));
    guard.step(order(OrderKind::Fence, 2, 2));
    assert!(!guard.admits(Epoch(1)) && !guard.admits(Epoch(2)));
    guard.step(order(OrderKind::Promote, 2, 2));
    assert!(!guard.admits(Epoch(1)) && guard.admits(Epoch(2)));
}
