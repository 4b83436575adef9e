//! Limits that all shards have together: one number for clients, dealt out to the shards and added up again.
//! Pure. Invariant: what the shares of a total come to is the total.

/// The setting that is dealt out, and the field of INFO that says the same.
pub(crate) const TOTAL: &str = "maxmemory";

/// What one shard gets of a total: by its weight, the shares adding up to the total. Nothing at all means no limit, so the least share is a byte.
pub(crate) fn share(total: u64, weights: &[u64], place: usize) -> u64 {
    if total == 0 {
        return 0;
    }
    let all: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    // What the shards up to here get together; differences leave nothing over.
    let up_to = |end: usize| {
        let some: u128 = weights[..end]
            .iter()
            .map(|weight| u128::from(*weight))
            .sum();
        u128::from(total) * some / all.max(1)
    };
    let share = up_to(place + 1) - up_to(place);
    u64::try_from(share).unwrap_or(u64::MAX).max(1)
}

/// What shares come to: their sum, but no limit where one of them has none.
pub(crate) fn total(shares: impl Iterator<Item = u64>) -> u64 {
    let mut sum: u64 = 0;
    for share in shares {
        if share == 0 {
            return 0;
        }
        sum = sum.saturating_add(share);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_dealt_out_by_weight_and_adds_up() {
        for (sum, weights) in [
            (300_u64, vec![100, 100, 100]),
            (100, vec![100, 100, 100]),
            (1 << 40, vec![1, 2, 3]),
            (u64::MAX, vec![7, 7]),
            (0, vec![1, 1]),
        ] {
            let shares: Vec<u64> = (0..weights.len())
                .map(|place| share(sum, &weights, place))
                .collect();
            assert_eq!(total(shares.iter().copied()), sum, "{shares:?}");
        }
        assert_eq!(share(600, &[1, 2, 3], 2), 300);
        assert_eq!(share(1, &[1, 1, 1], 0), 1, "not without a limit");
        assert_eq!(total([5, 0, 5].into_iter()), 0);
    }
}
