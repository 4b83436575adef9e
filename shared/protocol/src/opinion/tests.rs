use super::*;

fn view(heartbeat: u64, suspected: &[u8]) -> View<u8> {
    View {
        heartbeat,
        doubted: suspected.iter().copied().collect(),
        suspected: suspected.iter().copied().collect(),
    }
}

fn nodes(count: u8) -> (BTreeSet<u8>, BTreeSet<u8>) {
    ((0..count).collect(), (0..count).collect())
}

/// What comes of these views of other proxies, told now, and of the own.
fn check(others: &[&[u8]], own: &[u8], count: u8, down: &[u8], standing: Standing) {
    let mut opinion = Opinion::new(Settings::DEFAULT);
    for (proxy, suspected) in others.iter().enumerate() {
        opinion.step(Event::View(proxy, view(1, suspected)), 1_000);
    }
    let (all, needed) = nodes(count);
    let nodes = Nodes {
        all: &all,
        needed: &needed,
    };
    let verdict = opinion.verdict(&view(1, own), &nodes, 1_100);
    let expected = Verdict {
        down: down.iter().copied().collect(),
        standing,
    };
    assert_eq!(verdict, expected, "{others:?} {own:?} of {count}");
}

#[test]
fn a_majority_of_the_live_proxies_decides() {
    check(&[&[1], &[1]], &[], 6, &[1], Standing::Sound);
    check(&[&[1], &[]], &[], 6, &[], Standing::Sound);
    check(&[&[1], &[]], &[1], 6, &[1], Standing::Sound);
    // Two must agree.
    check(&[&[]], &[1], 6, &[], Standing::Sound);
    check(&[&[1]], &[1], 6, &[1], Standing::Sound);
}

#[test]
fn one_proxy_alone_decides_alone() {
    check(&[], &[1], 2, &[1], Standing::Sound);
    check(&[], &[1], 6, &[1], Standing::Sound);
}

#[test]
fn one_that_sees_most_nodes_down_is_cut_off_itself() {
    check(&[&[], &[]], &[0, 1, 2, 3], 6, &[], Standing::Sound);
    // It counts neither for nor against: the other two are two of two.
    check(&[&[5], &[5]], &[0, 1, 2, 3], 6, &[5], Standing::Sound);
    check(&[&[0, 1, 2, 3]], &[0, 1, 2, 3], 6, &[], Standing::CutOff);
}

#[test]
fn a_copy_that_is_long_gone_is_no_sign_of_a_cut() {
    let all: BTreeSet<u8> = (0..3).collect();
    let check = |needed: &[u8], gone: &[u8], standing: Standing| {
        let mut opinion = Opinion::new(Settings::DEFAULT);
        opinion.step(Event::View(7_u8, view(1, gone)), 1_000);
        let needed = needed.iter().copied().collect();
        let nodes = Nodes {
            all: &all,
            needed: &needed,
        };
        let verdict = opinion.verdict(&view(1, gone), &nodes, 1_100);
        assert_eq!(verdict.standing, standing, "{needed:?} {gone:?}");
        verdict.down.contains(&0)
    };
    // The third has been missed for long, and now the primary is.
    assert!(check(&[0, 1], &[0, 2], Standing::Sound));
    assert!(!check(&[0, 1, 2], &[0, 2], Standing::CutOff));
    // One that is there, though nobody relies on it, counts for the network.
    assert!(check(&[0], &[0], Standing::Sound));
    assert!(!check(&[0], &[0, 1, 2], Standing::CutOff));
}

#[test]
fn one_that_hears_nobody_any_more_does_not_decide_about_most() {
    let mut opinion = Opinion::new(Settings::DEFAULT);
    opinion.step(Event::View(1, view(1, &[])), 1_000);
    let (all, needed) = nodes(4);
    let nodes = Nodes {
        all: &all,
        needed: &needed,
    };
    let mut verdict = |own: &[u8], now_ms| opinion.verdict(&view(1, own), &nodes, now_ms);
    assert_eq!(verdict(&[0, 1, 2], 1_600).standing, Standing::CutOff);
    assert_eq!(verdict(&[0], 1_499).down, BTreeSet::new());
    // The other one is gone: nodes are well, so this one decides.
    assert_eq!(verdict(&[0], 1_500).down, BTreeSet::from([0]));
}

#[test]
fn the_brake_holds_when_many_look_down_at_once() {
    check(&[], &[0, 1, 2], 10, &[0, 1, 2], Standing::Sound);
    check(&[], &[0, 1, 2, 3], 10, &[], Standing::Braked);
    // One always may be, also of two.
    check(&[], &[0], 2, &[0], Standing::Sound);
    check(&[], &[0, 1], 4, &[], Standing::Braked);
    check(&[&[0, 1], &[0, 1]], &[0, 1], 5, &[], Standing::Braked);
}

#[test]
fn the_brake_comes_before_the_suspicion() {
    let mut opinion = Opinion::<u8, u8>::new(Settings::DEFAULT);
    let (all, needed) = nodes(10);
    let own = View {
        heartbeat: 1,
        doubted: (0..4).collect(),
        suspected: [0].into(),
    };
    let mut of = |needed| opinion.verdict(&own, &Nodes { all: &all, needed }, 0);
    assert_eq!(of(&needed).standing, Standing::Braked);
    // Nobody relies on two of them.
    let needed: BTreeSet<u8> = needed.difference(&[2, 3].into()).copied().collect();
    assert_eq!(of(&needed).down, BTreeSet::from([0]));
}

#[test]
fn the_brake_opens_when_the_same_nodes_have_looked_down_for_a_while() {
    let mut opinion = Opinion::<u8, u8>::new(Settings::DEFAULT);
    let (all, needed) = nodes(4);
    let nodes = Nodes {
        all: &all,
        needed: &needed,
    };
    let mut standing = |own: &[u8], now_ms| opinion.verdict(&view(1, own), &nodes, now_ms);
    assert_eq!(standing(&[0, 1], 1_000).standing, Standing::Braked);
    assert_eq!(standing(&[0, 2], 4_000).standing, Standing::Braked);
    assert_eq!(standing(&[0, 2], 8_999).standing, Standing::Braked);
    assert_eq!(standing(&[0, 2], 9_000).down, BTreeSet::from([0, 2]));
    assert_eq!(standing(&[0], 9_100).down, BTreeSet::from([0]));
    assert_eq!(standing(&[0, 2], 9_200).standing, Standing::Braked, "anew");
}

#[test]
fn proxies_that_all_see_most_nodes_down_are_believed_after_a_while() {
    let mut opinion = Opinion::new(Settings::DEFAULT);
    let (all, needed) = nodes(3);
    let nodes = Nodes {
        all: &all,
        needed: &needed,
    };
    let own = view(1, &[0, 1]);
    for (heartbeat, now_ms) in [(1, 1_000), (2, 6_000), (3, 6_020)] {
        opinion.step(Event::View(7, view(heartbeat, &[0, 1])), now_ms);
        let verdict = opinion.verdict(&own, &nodes, now_ms);
        let expected = match heartbeat {
            1 => (Standing::CutOff, BTreeSet::new()),
            _ => (Standing::Sound, BTreeSet::from([0, 1])),
        };
        assert_eq!((verdict.standing, verdict.down), expected);
    }
}

#[test]
fn a_heartbeat_that_stands_still_is_no_life() {
    let mut opinion = Opinion::new(Settings::DEFAULT);
    opinion.step(Event::View(1, view(1, &[])), 0);
    opinion.step(Event::View(1, view(1, &[])), 450);
    let (all, needed) = nodes(6);
    let nodes = Nodes {
        all: &all,
        needed: &needed,
    };
    let own = view(1, &[3]);
    assert_eq!(opinion.verdict(&own, &nodes, 499).down, BTreeSet::new());
    assert_eq!(opinion.verdict(&own, &nodes, 500).down, BTreeSet::from([3]));
    opinion.step(Event::View(1, view(2, &[])), 520);
    assert_eq!(opinion.verdict(&own, &nodes, 600).down, BTreeSet::new());
    opinion.step(Event::Left(1), 610);
    assert_eq!(opinion.verdict(&own, &nodes, 610).down, BTreeSet::from([3]));
}
