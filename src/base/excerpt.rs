//! Octets in a message for people.

use super::visible;

/// Maximum number of octets that are shown.
const MOST: usize = 240;
/// How many of them stand before the place that matters.
const BEFORE: usize = 80;

/// Octets as text with escapes, in these quotes. Of many octets only those around a place are shown, with their
/// positions from 1.
pub(crate) fn excerpt(octets: &[u8], place: usize, quote: &str) -> String {
    let all = octets.len();
    if all <= MOST {
        return format!("{quote}{}{quote}", visible(octets));
    }
    let from = place.saturating_sub(BEFORE).min(all - MOST);
    let to = from + MOST;
    let before = if from > 0 { "…" } else { "" };
    let behind = if to < all { "…" } else { "" };
    let text = visible(&octets[from..to]);
    format!("{quote}{before}{text}{behind}{quote} (octets {} to {to} of {all})", from + 1)
}

/// Maximum number of characters of a short text.
const SHORT: usize = 80;

/// The beginning of a text that somebody sent, with escapes in place of control characters.
pub(crate) fn shown(text: &[u8]) -> String {
    // No character has more than 4 octets; one more tells that there are others.
    let text = String::from_utf8_lossy(text[..text.len().min(4 * (SHORT + 1))].trim_ascii_end());
    let mut out = String::new();
    for c in text.chars().take(SHORT) {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    if text.chars().nth(SHORT).is_some() { out + "…" } else { out }
}

/// How many octets at the beginning of both are the same.
pub(crate) fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_the_beginning() {
        for (text, wanted) in [
            (&b"a\r\nb \r\n"[..], "a\\r\\nb".to_owned()),
            (&[b'a'; 80], "a".repeat(80)),
            (&[b'a'; 81], "a".repeat(80) + "…"),
            ("😀".repeat(81).as_bytes(), "😀".repeat(80) + "…"),
            ("😀".repeat(80).as_bytes(), "😀".repeat(80)),
            (&[0xFF; 400], "\u{FFFD}".repeat(80) + "…"),
        ] {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn the_place_is_in_view_and_what_is_left_out_is_said() {
        let long = [&[b'a'; 500][..], b"\r\xff", &[b'b'; 500]].concat();
        for (octets, place, wanted) in [
            (&b"short\0"[..], 3, "`short\\x00`".to_owned()),
            (&[b'a'; 240], 240, format!("`{}`", "a".repeat(240))),
            (&long, 0, format!("`{}…` (octets 1 to 240 of 1002)", "a".repeat(240))),
            (&long, 500, format!("`…{}\\r\\xff{}…` (octets 421 to 660 of 1002)", "a".repeat(80), "b".repeat(158))),
            (&long, 1002, format!("`…{}` (octets 763 to 1002 of 1002)", "b".repeat(240))),
            (&long, 5000, format!("`…{}` (octets 763 to 1002 of 1002)", "b".repeat(240))),
        ] {
            assert_eq!(excerpt(octets, place, "`"), wanted);
        }
    }
}
