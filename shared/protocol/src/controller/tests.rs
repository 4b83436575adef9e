use shared::topology::{Epoch, Incarnation};

use super::*;
use crate::opinion::Standing;
use crate::{EpochTable, Handshake, Member, Membership, Offset, Position, Replica, Sync, What};

fn member(node: u8) -> Member<u8> {
    Member {
        node,
        incarnation: Incarnation(u64::from(node)),
    }
}

/// Shards 0 and 1 with nodes 0, 1 and 2, 3.
fn document() -> Document<u8, u8> {
    let shard = |first: u8| Entry {
        membership: Membership {
            version: Version(1),
            epoch: Epoch(1),
            primary: member(first),
            in_sync: [member(first), member(first + 1)].into(),
            learners: BTreeSet::new(),
        },
        copies: 2,
        min_in_sync: 1,
    };
    Document {
        version: Version(1),
        shards: [(0, shard(0)), (1, shard(2))].into(),
        nodes: (0..4).map(|node| (node, None)).collect(),
    }
}

/// Nodes that obey at once, so that what they say is what they would.
struct Nodes(Vec<Replica<u8>>);

impl Nodes {
    fn new() -> Self {
        let mut nodes = Self((0..4).map(|node| Replica::new(member(node))).collect());
        let document = document();
        for node in 0..4 {
            let membership = &document.shards[&(node / 2)].membership;
            let order = membership.orders(&node, &nodes.says(node));
            nodes.obey(node, &order.expect("it is new"));
        }
        for follower in [1, 3] {
            nodes.connect(follower);
        }
        nodes
    }

    fn obey(&mut self, node: u8, order: &Instruction<u8>) {
        self.0[usize::from(node)].obey(order, Offset(0));
    }

    fn says(&self, node: u8) -> Status<u8> {
        let position = Position {
            last_epoch: Epoch(0),
            offset: Offset(0),
        };
        self.0[usize::from(node)].status(position)
    }

    /// A follower gets the log of its leader, and says that it has all.
    fn connect(&mut self, follower: u8) {
        let leader = usize::from(follower - 1);
        let asked: Handshake = self.0[usize::from(follower)]
            .ask(self.says(follower).position)
            .expect("it follows");
        let sync = self.0[leader].answer(&asked, &EpochTable::default(), Offset(0));
        assert_eq!(sync, Some(Sync::Continue(Offset(0))));
        let follower = &mut self.0[usize::from(follower)];
        follower
            .begin(Sync::Continue(Offset(0)), Incarnation(99))
            .expect("it may");
        let heard = follower.acknowledge(Offset(0), 0).expect("it follows");
        self.0[leader].acknowledged(&heard, Offset(0));
    }
}

/// An elected controller that has asked all four nodes at version 1.
fn elected() -> (Controller<u8, u8>, Nodes) {
    let mut controller = Controller::new(Settings::DEFAULT);
    assert_eq!(controller.step(Event::Elected, 0), [Action::Load]);
    controller.step(Event::Loaded(document()), 1);
    let nodes = Nodes::new();
    for node in 0..4 {
        answer(&mut controller, &nodes, node, 2);
    }
    (controller, nodes)
}

fn answer(
    controller: &mut Controller<u8, u8>,
    nodes: &Nodes,
    node: u8,
    now_ms: u64,
) -> Vec<Action<u8, u8>> {
    let version = controller.document().expect("it is loaded").version;
    let status = nodes.says(node);
    let event = Event::Answered {
        node,
        version,
        status,
    };
    controller.step(event, now_ms)
}

fn down(nodes: &[u8]) -> Event<u8, u8> {
    Event::Verdict(Verdict {
        down: nodes.iter().copied().collect(),
        standing: Standing::Sound,
    })
}

fn proposal(actions: &[Action<u8, u8>]) -> Option<&Proposal<u8, u8>> {
    let mut found = actions.iter().filter_map(|action| match action {
        Action::CompareAndSet(proposal) => Some(proposal),
        _ => None,
    });
    let first = found.next();
    assert_eq!(found.next(), None, "one at a time");
    first
}

fn restart(nodes: &mut Nodes, node: u8) {
    let incarnation = Incarnation(u64::from(node) + 50);
    nodes.0[usize::from(node)] = Replica::new(Member { node, incarnation });
}

#[test]
fn who_is_not_elected_does_nothing() {
    let mut controller = Controller::<u8, u8>::new(Settings::DEFAULT);
    assert_eq!(controller.step(Event::Loaded(document()), 0), []);
    controller.step(down(&[0]), 10);
    for now_ms in (0..1_000).step_by(20) {
        assert_eq!(controller.step(Event::Tick, now_ms), []);
    }
}

#[test]
fn a_primary_that_is_down_is_replaced_and_all_are_told() {
    let (mut controller, _) = elected();
    controller.step(down(&[0]), 500);
    let actions = controller.step(Event::Tick, 501);
    let changed = proposal(&actions).expect("a promotion").clone();
    assert_eq!(changed.shards.keys().collect::<Vec<_>>(), [&0]);
    let membership = &changed.shards[&0];
    assert_eq!(
        (membership.primary, membership.epoch),
        (member(1), Epoch(2))
    );
    assert_eq!(controller.step(Event::Tick, 520), [], "one at a time");
    let actions = controller.step(Event::Won(Version(1)), 521);
    let promote = What::Promote([member(1)].into());
    assert!(actions.iter().any(|action| matches!(
        action,
        Action::Send { node: 1, shard: 0, order } if order.what == promote && order.rev == Version(2)
    )));
    let notice = Notice::Changed(Version(2), Change::Promoted(0, 1, Why::Down));
    assert!(actions.contains(&Action::Tell(notice)));
}

/// Who leads a shard of nodes 0, 1 and 2 when the first is down and some of the others refuse writes.
fn chosen_among(refuse_writes: &[u8]) -> u8 {
    let mut document = document();
    document.shards.remove(&1);
    let entry = document.shards.get_mut(&0).expect("it is there");
    entry.membership.in_sync.insert(member(2));
    document.nodes.remove(&3);
    let mut controller = Controller::new(Settings::DEFAULT);
    controller.step(Event::Elected, 0);
    controller.step(Event::Loaded(document), 1);
    let nodes = Nodes((0..3).map(|node| Replica::new(member(node))).collect());
    for node in 0..3 {
        let status = Status {
            cannot_write: refuse_writes.contains(&node),
            ..nodes.says(node)
        };
        let version = Version(1);
        let event = Event::Answered {
            node,
            version,
            status,
        };
        controller.step(event, 2);
    }
    controller.step(down(&[0]), 500);
    let actions = controller.step(Event::Tick, 501);
    let proposal = proposal(&actions).expect("a promotion");
    proposal.shards[&0].primary.node
}

#[test]
fn who_refuses_writes_leads_only_where_no_other_can() {
    assert_eq!(chosen_among(&[]), 1);
    assert_eq!(chosen_among(&[1]), 2);
    assert_eq!(chosen_among(&[2]), 1);
    assert_eq!(chosen_among(&[0, 1, 2]), 1);
}

#[test]
fn shards_that_fail_together_are_changed_together() {
    let (mut controller, mut nodes) = elected();
    for node in [0, 2] {
        restart(&mut nodes, node);
    }
    controller.step(down(&[0, 2]), 500);
    let actions = controller.step(Event::Tick, 501);
    assert_eq!(proposal(&actions).map(|one| one.shards.len()), Some(2));
}

#[test]
fn a_life_that_is_over_needs_no_suspicion() {
    let (mut controller, mut nodes) = elected();
    restart(&mut nodes, 2);
    let actions = answer(&mut controller, &nodes, 2, 100);
    let changed = proposal(&actions).expect("a promotion");
    assert_eq!(changed.shards[&1].primary, member(3));
}

#[test]
fn what_was_asked_before_is_no_evidence() {
    let (mut controller, mut nodes) = elected();
    let mut newer = document();
    newer.version = Version(2);
    controller.step(Event::Loaded(newer), 100);
    restart(&mut nodes, 2);
    let status = nodes.says(2);
    let late = Event::Answered {
        node: 2,
        version: Version(1),
        status,
    };
    assert_eq!(proposal(&controller.step(late, 101)), None);
    assert_eq!(proposal(&controller.step(Event::Tick, 120)), None);
}

#[test]
fn a_compare_and_set_without_a_known_end_is_followed_by_loading() {
    let (mut controller, _) = elected();
    controller.step(down(&[0]), 500);
    assert!(proposal(&controller.step(Event::Tick, 501)).is_some());
    let actions = controller.step(Event::Unclear(Version(1)), 900);
    assert_eq!(actions, [Action::Load]);
    assert_eq!(proposal(&controller.step(Event::Tick, 920)), None);
    controller.step(Event::Loaded(document()), 930);
    assert!(proposal(&controller.step(Event::Tick, 940)).is_some());
}

#[test]
fn with_too_few_in_sync_nobody_is_given_up_on_suspicion() {
    let mut controller = Controller::new(Settings::DEFAULT);
    controller.step(Event::Elected, 0);
    let mut strict = document();
    for entry in strict.shards.values_mut() {
        entry.min_in_sync = 2;
    }
    controller.step(Event::Loaded(strict), 1);
    let mut nodes = Nodes::new();
    for node in 0..4 {
        answer(&mut controller, &nodes, node, 2);
    }
    controller.step(down(&[0]), 500);
    let mut told = Vec::new();
    for now_ms in (500..3_000).step_by(20) {
        let actions = controller.step(Event::Tick, now_ms);
        assert_eq!(proposal(&actions), None);
        told.extend(actions);
    }
    let few = Notice::Begins(Condition::TooFewInSync(0));
    assert!(told.contains(&Action::Tell(few)));
    // It says itself that nothing will come of waiting.
    restart(&mut nodes, 0);
    let actions = answer(&mut controller, &nodes, 0, 3_000);
    assert!(proposal(&actions).is_some());
}

#[test]
fn an_operator_does_not_go_below_what_must_be_in_sync_either() {
    let mut controller = Controller::new(Settings::DEFAULT);
    controller.step(Event::Elected, 0);
    let mut strict = document();
    for entry in strict.shards.values_mut() {
        entry.min_in_sync = 2;
    }
    controller.step(Event::Loaded(strict), 1);
    let nodes = Nodes::new();
    for node in 0..4 {
        answer(&mut controller, &nodes, node, 2);
    }
    controller.step(down(&[0]), 500);
    controller.step(Event::Unreachable(0), 500);
    let at = controller.step(Event::Tick, 510);
    assert_eq!(proposal(&at), None);
    let asked = Event::FailOver {
        shard: 0,
        to: None,
        at: Epoch(u64::MAX),
    };
    let mut told = controller.step(asked, 520);
    for now_ms in (520..6_000).step_by(20) {
        let actions = controller.step(Event::Tick, now_ms);
        assert_eq!(proposal(&actions), None);
        told.extend(actions);
    }
    let refused = Action::Tell(Notice::Refused(0, Reason::TooFewInSync));
    assert!(told.contains(&refused), "{told:?}");
}

#[test]
fn a_follower_that_is_gone_is_waited_for_a_second() {
    let (mut controller, nodes) = elected();
    let mut changed = None;
    for now_ms in (500..2_500).step_by(20) {
        controller.step(down(&[1]), now_ms);
        let mut actions = answer(&mut controller, &nodes, 0, now_ms);
        actions.extend(controller.step(Event::Tick, now_ms));
        changed = changed.or(proposal(&actions).map(|one| (now_ms, one.clone())));
    }
    let (at_ms, changed) = changed.expect("a shrink");
    assert_eq!(at_ms, 1_500);
    assert_eq!(changed.shards[&0].in_sync, [member(0)].into());
    assert_eq!(changed.shards[&0].epoch, Epoch(1));
}

/// What is proposed when a follower has restarted and its primary does not answer, or answers `answers_ms` after it.
fn shrinks(answers_ms: Option<u64>) -> bool {
    let (mut controller, mut nodes) = elected();
    restart(&mut nodes, 1);
    let mut actions = answer(&mut controller, &nodes, 1, 100);
    if let Some(after_ms) = answers_ms {
        actions.extend(answer(&mut controller, &nodes, 0, 100 + after_ms));
    }
    actions.extend(controller.step(Event::Tick, 190));
    proposal(&actions).is_some()
}

#[test]
fn nobody_is_given_up_for_a_primary_that_may_be_gone_itself() {
    assert!(!shrinks(None));
    assert!(shrinks(Some(10)));
}

#[test]
fn who_has_just_changed_a_leader_bears_a_suspicion_for_a_while() {
    let (mut controller, _) = elected();
    let mut next = document();
    next.version = Version(2);
    let membership = &mut next.shards.get_mut(&0).expect("a shard").membership;
    membership.epoch = Epoch(2);
    membership.primary = member(1);
    controller.step(Event::Loaded(next), 1_000);
    controller.step(down(&[1]), 1_500);
    let nodes = Nodes::new();
    let mut changed = Vec::new();
    for now_ms in (1_500..7_000).step_by(20) {
        let mut actions = answer(&mut controller, &nodes, 0, now_ms);
        actions.extend(controller.step(Event::Tick, now_ms));
        changed.extend(proposal(&actions).map(|_| now_ms));
    }
    assert_eq!(changed, [6_000]);
}

/// What comes of an operator's word for shard 0, after these nodes have restarted and those do not answer.
fn lossy(restarted: &[u8], silent: &[u8]) -> Vec<Action<u8, u8>> {
    let (mut controller, mut nodes) = elected();
    for node in restarted {
        restart(&mut nodes, *node);
    }
    for node in silent {
        controller.step(Event::Unreachable(*node), 300);
    }
    let proof = "the machine is on the table before me".to_owned();
    controller.step(Event::AcceptLoss { shard: 0, proof }, 300);
    let mut all = Vec::new();
    for now_ms in (320..3_000).step_by(20) {
        for node in 0..4 {
            if !silent.contains(&node) {
                all.extend(answer(&mut controller, &nodes, node, now_ms));
            }
        }
        all.extend(controller.step(Event::Tick, now_ms));
    }
    all
}

#[test]
fn a_loss_is_accepted_only_where_nobody_in_sync_answers() {
    let actions = lossy(&[1], &[0]);
    let changed = proposal(&actions).expect("a change");
    assert_eq!(changed.shards[&0].primary.node, 1);
    assert_eq!(changed.losses[&0], "the machine is on the table before me");
    let refused = lossy(&[], &[1]);
    let notice = Notice::Refused(0, Reason::NothingIsLost);
    assert!(refused.contains(&Action::Tell(notice)));
    let refused = lossy(&[], &[0, 1]);
    let notice = Notice::Refused(0, Reason::NobodyAnswers);
    assert!(refused.contains(&Action::Tell(notice)));
}

#[test]
fn settings_have_ranges() {
    assert_eq!(Settings::DEFAULT.problems(), []);
    let wrong = Settings {
        hold_ms: 0,
        ..Settings::DEFAULT
    };
    let problem = wrong.problems();
    assert_eq!(problem.len(), 1);
    assert_eq!(problem[0].setting, "hold_ms");
}

#[test]
fn a_change_that_was_asked_for_before_another_primary_led_is_not_made() {
    let (mut controller, _) = elected();
    let asked = |at| Event::FailOver {
        shard: 0,
        to: None,
        at: Epoch(at),
    };
    let refused = Action::Tell(Notice::Refused(0, Reason::LedAnew));
    assert!(controller.step(asked(0), 1_000).contains(&refused));
    assert!(!controller.step(asked(1), 1_000).contains(&refused));
}
