//! Patterns of LIST (RFC 3501 §6.3.8): `*` matches any characters, `%` any characters except the delimiter.

use std::collections::HashMap;

/// A pattern, as a nondeterministic automaton with a state for each position between its characters.
///
/// # Rationale
/// The states that the automaton can be in are bits of a few words. So a character of a name costs one step for each 64
/// characters of the pattern, whatever the pattern is. Backtracking would cost their product or more.
#[derive(Debug)]
pub(super) struct ListPattern {
    delimiter: char,
    /// The number of its characters, without wildcards.
    len: usize,
    /// For each character the positions before it.
    letters: HashMap<char, Box<[u64]>>,
    /// The positions of `*`, and those of `%`.
    any: Box<[u64]>,
    within_level: Box<[u64]>,
    /// Whether it ends with `%`.
    pub(super) ends_in_level: bool,
}

impl ListPattern {
    pub(super) fn new(text: &str, delimiter: char) -> Self {
        let len = text.chars().filter(|c| !matches!(c, '*' | '%')).count();
        let none = || vec![0; len / 64 + 1].into_boxed_slice();
        let (mut letters, mut any, mut within_level) = (HashMap::new(), none(), none());
        let mut at = 0;
        for c in text.chars() {
            let (word, bit) = (at / 64, 1 << (at % 64));
            match c {
                '*' => any[word] |= bit,
                '%' => within_level[word] |= bit,
                c => {
                    letters.entry(c).or_insert_with(none)[word] |= bit;
                    at += 1;
                }
            }
        }
        Self { delimiter, len, letters, any, within_level, ends_in_level: text.ends_with('%') }
    }

    /// How many steps a character of a name costs.
    pub(super) fn cost(&self) -> u64 {
        self.any.len() as u64
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        if self.len > name.len() {
            return false;
        }
        // The states that the automaton can be in.
        let mut reached = vec![0_u64; self.any.len()];
        reached[0] = 1;
        for c in name.chars() {
            let letter = self.letters.get(&c);
            let mut carry = 0;
            for (word, bits) in reached.iter_mut().enumerate() {
                let further = letter.map_or(0, |places| *bits & places[word]);
                let stays = self.any[word] | if c == self.delimiter { 0 } else { self.within_level[word] };
                *bits = *bits & stays | further << 1 | carry;
                carry = further >> 63;
            }
        }
        reached[self.len / 64] >> (self.len % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_by_levels() {
        for (pattern, name, is_match) in [
            ("*", "a/b/c", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a%c", "abc", true),
            ("%/c", "a/b/c", false),
            ("*/c", "a/b/c", true),
            ("", "a", false),
            ("a", "A", false),
            ("*a*a*a*a*b", &"a".repeat(200), false),
            ("*a%b*c", "xa/bab/c", true),
            ("a%*%/%c", "abc/d/ec", true),
            ("%%", "a/", false),
            ("%*%", "a/", true),
            ("Ü%", "Über", true),
            (&"a*".repeat(900), &"a".repeat(899), false),
            (&"a%".repeat(900), &"a".repeat(1000), true),
        ] {
            assert_eq!(ListPattern::new(pattern, '/').matches(name), is_match, "{pattern} {name}");
        }
    }
}
