use super::*;

fn member(node: u8, life: u64) -> Member<u8> {
    Member {
        node,
        incarnation: Incarnation(life),
    }
}

fn order(rev: u64, to: Member<u8>, what: What<u8>) -> Instruction<u8> {
    Instruction {
        epoch: Epoch(1),
        rev: Version(rev),
        incarnation: to.incarnation,
        what,
    }
}

const LEADER: u8 = 0;
const END: Offset = Offset(0);

fn follow(rev: u64, may_wipe: bool) -> Instruction<u8> {
    let leader = member(LEADER, 10);
    order(rev, member(1, 11), What::Follow { leader, may_wipe })
}

fn follower() -> Replica<u8> {
    Replica::new(member(1, 11))
}

fn begin(replica: &mut Replica<u8>, sync: Sync) -> bool {
    replica.begin(sync, Incarnation(99)).is_ok()
}

#[test]
fn a_copy_is_thrown_away_once_and_with_permission_only() {
    let mut replica = follower();
    replica.obey(&follow(1, false), END);
    assert!(!begin(&mut replica, Sync::Full));
    replica.obey(&follow(2, true), END);
    assert!(begin(&mut replica, Sync::Full));
    assert_eq!(replica.me().incarnation, Incarnation(99));
}

/// It would be used when the follower is in sync, and the document does not say any more that its copy may go.
#[test]
fn a_permission_that_nobody_needs_is_not_kept() {
    let mut replica = follower();
    replica.obey(&follow(1, true), END);
    assert!(begin(&mut replica, Sync::Continue(END)));
    replica.obey(&follow(2, true), END);
    assert!(!begin(&mut replica, Sync::Full));
    assert!(replica.status(position()).needs_sync);
    // It has said that it needs one.
    replica.obey(&follow(3, true), END);
    assert!(begin(&mut replica, Sync::Full));
}

fn position() -> Position {
    Position {
        last_epoch: Epoch(0),
        offset: END,
    }
}

/// A primary that waits for a follower which has all.
fn primary() -> Replica<u8> {
    let me = member(LEADER, 10);
    let mut replica = Replica::new(me);
    let all = [me, member(1, 11)].into();
    replica.obey(&order(1, me, What::Promote(all)), END);
    replica
}

fn hold(rev: u64) -> Instruction<u8> {
    order(rev, member(LEADER, 10), What::Hold { most_ms: 200 })
}

#[test]
fn a_primary_that_is_held_begins_nothing_and_ends_what_it_has_begun() {
    let mut replica = primary();
    replica.connected(Incarnation(11));
    replica.appended(Offset(5));
    replica.obey(&hold(1), Offset(5));
    assert!(!replica.admits(Epoch(1)));
    assert_eq!(replica.ask_for_read(), None);
    let heard = Acknowledgement {
        epoch: Epoch(1),
        follower: Incarnation(11),
        offset: Offset(5),
        rev: Version(1),
        confirms: 0,
    };
    assert!(replica.acknowledged(&heard, Offset(5)));
    let status = replica.status(position());
    let leading = status.leading.expect("it leads");
    assert_eq!(leading.held, Some(Version(1)));
    assert_eq!(leading.commit, Some(Offset(5)));
    replica.go_on();
    assert!(replica.admits(Epoch(1)));
}

#[test]
fn a_newer_document_ends_a_hold_and_an_older_hold_does_nothing() {
    let mut replica = primary();
    replica.obey(&hold(1), END);
    let me = *replica.me();
    let alone = order(2, me, What::InSync([me].into()));
    replica.obey(&alone, END);
    assert!(replica.admits(Epoch(1)));
    let actions = replica.obey(&hold(1), END);
    assert!(matches!(actions[..], [Action::Refuse(_)]));
    assert!(replica.admits(Epoch(1)));
}

#[test]
fn only_a_primary_is_held() {
    let mut replica = follower();
    replica.obey(&follow(1, false), END);
    let order = order(1, member(1, 11), What::Hold { most_ms: 200 });
    let actions = replica.obey(&order, END);
    assert_eq!(actions, [Action::Refuse(Refusal::OtherRole)]);
}

/// One has all but the last, the other has said nothing: it is the other that commit waits for.
#[test]
fn a_follower_that_is_faster_than_another_holds_nobody_up() {
    let me = member(LEADER, 10);
    let mut replica = Replica::new(me);
    let all = [me, member(1, 11), member(2, 12)].into();
    replica.obey(&order(1, me, What::Promote(all)), END);
    for follower in [11, 12] {
        replica.connected(Incarnation(follower));
    }
    replica.appended(Offset(9));
    let heard = |follower, offset| Acknowledgement {
        epoch: Epoch(1),
        follower: Incarnation(follower),
        offset: Offset(offset),
        rev: Version(1),
        confirms: 0,
    };
    let blocked_on = |replica: &Replica<u8>| {
        let position = Position {
            last_epoch: Epoch(1),
            offset: Offset(9),
        };
        let leading = replica.status(position).leading.expect("it leads");
        leading.blocked_on
    };
    assert_eq!(blocked_on(&replica).len(), 2);
    assert!(replica.acknowledged(&heard(11, 8), Offset(9)));
    assert_eq!(blocked_on(&replica), [member(2, 12)].into());
    assert!(replica.acknowledged(&heard(12, 3), Offset(9)));
    assert_eq!(blocked_on(&replica), [member(2, 12)].into());
    assert!(replica.acknowledged(&heard(12, 9), Offset(9)));
    assert_eq!(blocked_on(&replica), [member(1, 11)].into());
    // The ninth byte is the first of what is one and not over.
    let position = Position {
        last_epoch: Epoch(1),
        offset: Offset(9),
    };
    let status = replica.status_in_unit(position, Offset(8));
    assert_eq!(status.leading.expect("it leads").blocked_on, [].into());
}
