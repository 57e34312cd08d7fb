//! Reproducible chance: a draw depends on the seed, the rule and the count, never on earlier draws.

use std::fmt::Write;

/// A number in 0..1 that depends only on the arguments.
pub(super) fn draw(seed: u64, names: &[&str], n: u64) -> f64 {
    let mut text = String::new();
    for name in names {
        let _infallible = write!(text, "{name}\0");
    }
    // FNV-1a, then the finalizer of SplitMix64, which spreads the hash over all bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.bytes().chain(n.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((hash ^ (hash >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_of_a_seed_never_change() {
        let drawn = [(1, "a", "", 1), (1, "a", "", 2), (1, "b", "", 1), (1, "a", "s1", 1), (2, "a", "", 1)]
            .map(|(seed, rule, key, n)| (draw(seed, &[rule, key], n) * 1e6) as u32);
        assert_eq!(drawn, [383_306, 915_948, 389_945, 87_760, 116_437]);
    }

    #[test]
    fn draws_are_evenly_distributed() {
        let mut often = [0_u32; 10];
        for n in 0..10_000 {
            often[(draw(7, &["rule", ""], n) * 10.0) as usize] += 1;
        }
        assert!(often.iter().all(|times| (900..1100).contains(times)), "{often:?}");
    }
}
