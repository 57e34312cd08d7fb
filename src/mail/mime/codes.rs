//! The one-time codes in a message.

use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

/// The groups of digits in a text that look like one-time codes, each once: four to eight digits that stand alone, or
/// two groups of three or four digits, which a blank or a hyphen separates and the result does not contain. Those in a
/// line with a word such as "code", or directly below such a line, come first.
pub(crate) fn codes(text: &str) -> Vec<String> {
    static CODE: OnceLock<Regex> = OnceLock::new();
    static WORD: OnceLock<Regex> = OnceLock::new();
    let code = CODE.get_or_init(|| {
        Regex::new(r"[0-9]{3}[ -][0-9]{3}|[0-9]{4}[ -][0-9]{4}|[0-9]{4,8}").expect("the pattern is valid")
    });
    let word = WORD.get_or_init(|| {
        Regex::new(
            r"(?i)(?:code|(?-u:\b)(?:pin|tan)(?-u:\b)|otp|passcode|password|verif|confirm|token|einmal|bestätig)",
        )
        .expect("the pattern is valid")
    });

    let (mut near, mut far, mut is_announced) = (Vec::new(), Vec::new(), false);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let names_it = word.is_match(line);
        let alone = code.find_iter(line).filter(|found| stands_alone(line, found.start(), found.end()));
        let found = alone.map(|found| found.as_str().replace([' ', '-'], ""));
        if names_it || is_announced {
            near.extend(found)
        } else {
            far.extend(found)
        }
        is_announced = names_it;
    }
    let mut seen = HashSet::new();
    near.into_iter().chain(far).filter(|code| seen.insert(code.clone())).collect()
}

/// Whether the text around is neither a longer number, a word, a date, an amount, an address nor a URL.
fn stands_alone(line: &str, start: usize, end: usize) -> bool {
    let before = line[..start].chars().next_back();
    let mut behind = line[end..].chars();
    let (next, second) = (behind.next(), behind.next());
    let joins = |c: char| c.is_alphanumeric() || "@/_-=#%&+$€£".contains(c);
    let ends_before = before.is_none_or(|c| !joins(c) && c != '.' && c != ',');
    // A full stop or a comma ends a sentence unless a digit or a letter follows.
    let ends_behind = match next {
        Some('.' | ',' | ':') => second.is_none_or(|c| !c.is_alphanumeric()),
        Some(c) => !joins(c) && !"€$£%".contains(c),
        None => true,
    };
    ends_before && ends_behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_that_stand_alone_those_near_a_word_for_them_first() {
        for (text, expected) in [
            ("Your code is 123456.", &["123456"][..]),
            ("Use 123 456 to log in", &["123456"]),
            ("PIN: 1234-5678", &["12345678"]),
            ("In 2026 we met.\r\nYour verification code:\r\n\r\n  4711\r\n", &["4711", "2026"]),
            ("(987654)", &["987654"]),
            ("Dein Einmalkennwort lautet 555111", &["555111"]),
            ("code 123456, again code 123456", &["123456"]),
            ("https://example.org/c/123456?x=654321 order#998877 a1234 12.3456 2026-01-02 1,2345 EUR", &[]),
            ("call +491234567 or 123456789", &[]),
            ("123", &[]),
            ("", &[]),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }
}
