//! Wrong passwords at the admin listener: how often somebody may guess.
//! Pure: told who guesses and when. Bounds: [`MOST_WRONG`] guesses in [`WINDOW_MS`] from one place; [`MOST_PLACES`] are remembered, the oldest is forgotten.
//! Invariant: who has guessed too often is refused whatever is said next, so that nobody learns by that whether it was right.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Wrong passwords from one place within a window: a person mistypes fewer.
pub(super) const MOST_WRONG: u32 = 10;

/// They are counted for so long.
pub(super) const WINDOW_MS: u64 = 60_000;

/// Places that are remembered.
const MOST_PLACES: usize = 1_024;

/// The bits of an IPv6 address that one network has in common: who has such a network has all addresses in it.
const NETWORK_BITS: u32 = 64;

/// Guesses from one place.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    since_ms: u64,
    count: u32,
}

/// All that are remembered.
#[derive(Debug, Default)]
pub(super) struct Guesses(BTreeMap<IpAddr, Wrong>);

impl Guesses {
    /// Whether somebody at `peer` may say a password now, monotonic milliseconds.
    pub(super) fn may_guess(&self, peer: IpAddr, now_ms: u64) -> bool {
        let wrong = self.0.get(&place_of(peer));
        wrong.is_none_or(|wrong| is_over(wrong, now_ms) || wrong.count < MOST_WRONG)
    }

    /// A password from `peer` was wrong; whether it was the last that it may say for now.
    pub(super) fn wrong(&mut self, peer: IpAddr, now_ms: u64) -> bool {
        let place = place_of(peer);
        if !self.0.contains_key(&place) && self.0.len() >= MOST_PLACES {
            self.forget_some(now_ms);
        }
        let begins = Wrong {
            since_ms: now_ms,
            count: 0,
        };
        let wrong = self.0.entry(place).or_insert(begins);
        if is_over(wrong, now_ms) {
            *wrong = begins;
        }
        wrong.count += 1;
        wrong.count == MOST_WRONG
    }

    fn forget_some(&mut self, now_ms: u64) {
        self.0.retain(|_, wrong| !is_over(wrong, now_ms));
        if self.0.len() >= MOST_PLACES {
            let oldest = self.0.iter().min_by_key(|(_, wrong)| wrong.since_ms);
            if let Some(place) = oldest.map(|(place, _)| *place) {
                self.0.remove(&place);
            }
        }
    }
}

fn is_over(wrong: &Wrong, now_ms: u64) -> bool {
    now_ms.saturating_sub(wrong.since_ms) >= WINDOW_MS
}

fn place_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> NETWORK_BITS << NETWORK_BITS;
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_guesses_too_often_waits_and_others_do_not() {
        let mut guesses = Guesses::default();
        let (one, other) = (peer("10.0.0.1"), peer("10.0.0.2"));
        for number in 1..=MOST_WRONG {
            assert!(guesses.may_guess(one, 5), "{number}");
            assert_eq!(guesses.wrong(one, 5), number == MOST_WRONG);
        }
        assert!(!guesses.may_guess(one, 5 + WINDOW_MS - 1));
        assert!(!guesses.may_guess(peer("::ffff:10.0.0.1"), 5), "the same");
        assert!(guesses.may_guess(other, 5));
        assert!(guesses.may_guess(one, 5 + WINDOW_MS));
        assert!(!guesses.wrong(one, 5 + WINDOW_MS), "it begins anew");
        assert!(guesses.may_guess(one, 5 + WINDOW_MS));
    }

    #[test]
    fn a_network_is_one_place_and_places_are_few() {
        let mut guesses = Guesses::default();
        for number in 0..MOST_WRONG {
            guesses.wrong(peer(&format!("2001:db8::{number}")), 0);
        }
        assert!(!guesses.may_guess(peer("2001:db8::ffff"), 0));
        assert!(guesses.may_guess(peer("2001:db8:0:1::1"), 0));
        for number in 0..u32::try_from(2 * MOST_PLACES).unwrap() {
            guesses.wrong(IpAddr::V4(number.into()), u64::from(number));
            assert!(guesses.0.len() <= MOST_PLACES);
        }
    }
}
