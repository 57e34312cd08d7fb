//! The one-time codes in a message.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

use super::visible::visible;

/// The patterns of codes, and of what stands around them.
struct Patterns {
    digits: Regex,
    /// Codes that count only if a word for a code is near.
    mixed: Regex,
    /// A number in a URL or a form whose name says that it is a code.
    parameter: Regex,
    word: Regex,
    /// What stands before a number that is no code: other digits of a telephone number, or a word for another number.
    other: Regex,
    year: Regex,
}

fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    let regex = |text: &str| Regex::new(text).expect("the pattern is valid");
    PATTERNS.get_or_init(|| Patterns {
        digits: regex("[0-9]{3}[ -][0-9]{3}|[0-9]{4}[ -][0-9]{4}|[0-9]{4,8}"),
        mixed: regex("[A-Z]-[0-9]{4,8}|[A-Z0-9]{6,8}"),
        parameter: regex(r"(?i)(?:^|[^\w-])(?:code|otp|pin|passcode)=([0-9]{4,8})"),
        word: regex(
            r"(?i)(?:code|(?-u:\b)(?:pin|tan)(?-u:\b)|otp|passcode|password|verif|confirm|token|einmal|bestätig)",
        ),
        other: regex(concat!(
            r"(?i)(?:\+[0-9][0-9 ()/-]*|\([0-9]{1,4}\)[ /-]|(?:^|[^0-9])0[0-9]{1,4}[ /-]|(?-u:\b)(?:tel|fax)[ .:]*|",
            r"(?-u:\b)(?:order|invoice|ticket|customer|phone)(?: (?:number|no|nr|id)(?-u:\b)[ .:]*| ))$"
        )),
        year: regex("^(?:19|20)[0-9]{2}$"),
    })
}

/// What looks like a one-time code in a subject, a text and the links that the text does not show, each once. Those in a
/// line with a word such as "code", or directly below such a line, come first, then those in the links, and years last.
/// [`Message::codes`](crate::Message::codes) says what counts.
pub(crate) fn codes(subject: &str, text: &str, links: &[String]) -> Vec<String> {
    let word = &patterns().word;
    let (mut near, mut years, mut far) = (Vec::new(), Vec::new(), Vec::new());
    let mut sort = |line: &str, is_near: bool| {
        for code in codes_in(line, is_near) {
            let is_year = patterns().year.is_match(&code);
            match (is_near, is_year) {
                (true, false) => near.push(code),
                (true, true) => years.push(code),
                (false, false) => far.push(code),
                (false, true) => {}
            }
        }
    };
    sort(subject, word.is_match(subject));
    let mut is_announced = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let names_it = word.is_match(line);
        sort(line, names_it || is_announced);
        is_announced = names_it;
    }
    let linked = links.iter().flat_map(|link| named_in(link)).map(|found| found.as_str().to_owned());
    let mut seen = HashSet::new();
    near.into_iter().chain(linked).chain(far).chain(years).filter(|code| seen.insert(code.clone())).collect()
}

/// The codes of a line, in order.
fn codes_in(line: &str, is_near: bool) -> Vec<String> {
    let patterns = patterns();
    let alone = |found: &regex::Match<'_>| stands_alone(line, found.start(), found.end());
    let digits = patterns.digits.find_iter(line).filter(alone);
    let digits = digits.filter(|found| !patterns.other.is_match(shortly_before(line, found.start())));
    let digits = digits.map(|found| (found.start(), found.as_str().replace([' ', '-'], "")));
    let is_mixed = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits >= 2 && text.bytes().any(|b| b.is_ascii_uppercase())
    };
    let mixed = patterns.mixed.find_iter(line).filter(|found| is_near && is_mixed(found.as_str()) && alone(found));
    let mixed = mixed.map(|found| (found.start(), found.as_str().to_owned()));
    let named = named_in(line).map(|found| (found.start(), found.as_str().to_owned()));
    let mut all: Vec<(usize, String)> = digits.chain(mixed).chain(named).collect();
    all.sort_by_key(|(start, _)| *start);
    all.into_iter().map(|(_, code)| code).collect()
}

/// The values of parameters whose names say that they are codes.
fn named_in(line: &str) -> impl Iterator<Item = regex::Match<'_>> {
    let ends =
        |found: &regex::Match<'_>| !line[found.end()..].starts_with(|c: char| c.is_alphanumeric() || "_-".contains(c));
    patterns().parameter.captures_iter(line).filter_map(|found| found.get(1)).filter(ends)
}

/// The last characters before a place: as many as the longest telephone number may have.
fn shortly_before(line: &str, end: usize) -> &str {
    let mut start = end.saturating_sub(40);
    while !line.is_char_boundary(start) {
        start += 1;
    }
    &line[start..end]
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

/// The text that a reader of the HTML sees, roughly: without tags, comments, styles and scripts. Tags other than those
/// within a line begin a new line.
pub(crate) fn readable(html: &str) -> String {
    static LINE_END: OnceLock<Regex> = OnceLock::new();
    static INLINE: OnceLock<Regex> = OnceLock::new();
    static TAG: OnceLock<Regex> = OnceLock::new();
    let regex = |text: &str| Regex::new(text).expect("the pattern is valid");
    let line_end = LINE_END.get_or_init(|| regex(r"[\r\n]+"));
    let inline =
        INLINE.get_or_init(|| regex(r"(?i)</?(?:a|abbr|b|big|code|em|font|i|kbd|mark|small|span|strong|tt|u)\b[^>]*>"));
    let tag = TAG.get_or_init(|| regex(r"</?[A-Za-z][^>]*>"));
    let visible = visible(html);
    let text = line_end.replace_all(&visible, " ");
    let text = inline.replace_all(&text, "");
    let text = tag.replace_all(&text, "\n");
    let text: Cow<'_, str> = html_escape::decode_html_entities(&*text);
    text.replace('\u{a0}', " ")
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
            ("We met 5050 times.\r\nYour verification code:\r\n\r\n  4711\r\n", &["4711", "5050"]),
            ("(987654)", &["987654"]),
            ("Dein Einmalkennwort lautet 555111", &["555111"]),
            ("code 123456, again code 123456", &["123456"]),
            ("https://example.org/c/123456?x=654321 order#998877 a1234 12.3456 2026-01-02 1,2345 EUR", &[]),
            ("call +491234567 or 123456789", &[]),
            ("123", &[]),
            ("", &[]),
        ] {
            assert_eq!(codes("", text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn codes_with_letters_and_named_parameters_count_where_they_are_unambiguous() {
        for (text, expected) in [
            ("G-482911 is your verification code", &["G-482911"][..]),
            ("Your code: A1B2C3", &["A1B2C3"]),
            ("Flight A1B2C3, gate B-4711", &[]),
            ("Your code: ABCDEF", &[]),
            ("code=778899", &["778899"]),
            ("Go to https://example.org/c?code=665544&x=1234.", &["665544"]),
            ("https://example.org/?code=123456&otp=654321", &["123456", "654321"]),
            ("https://example.org/?zipcode=12345&country-code=0049", &[]),
        ] {
            assert_eq!(codes("", text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn years_and_numbers_of_telephones_and_orders_are_not_codes() {
        for (text, expected) in [
            ("In 2026 we met.", &[][..]),
            ("Your code of May 2026 is 4711", &["4711", "2026"]),
            ("Your code is 2024", &["2024"]),
            ("Call +49 30 901820 or (030) 901820 or +1 (555) 123-4567", &[]),
            ("We confirm your order 20251234 and invoice no. 4711", &[]),
            ("Tel. 0301 901820, fax: 901820", &[]),
            ("Enter this code to complete your order: 482911", &["482911"]),
            ("Verify your phone: 482911", &["482911"]),
            ("Backup codes: 1) 48291133 2) 48291134", &["48291133", "48291134"]),
            ("Code (12:30) 482911", &["482911"]),
        ] {
            assert_eq!(codes("", text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn codes_stand_in_the_subject_too() {
        assert_eq!(codes("471147 is your code", "Hello 9999", &[]), ["471147", "9999"]);
    }

    #[test]
    fn codes_in_links_come_after_those_near_a_word() {
        let links = ["https://example.org/?a=1111&code=123456", "https://example.org/4711?zipcode=12345#otp=2024"];

        let found = codes("", "Hello 9999\nYour code is 4711.", &links.map(str::to_owned));

        assert_eq!(found, ["4711", "123456", "2024", "9999"]);
    }

    #[test]
    fn html_and_lines_of_any_length_are_read_in_a_moment() {
        let unclosed = "<head><script></script>".repeat(100_000);
        assert_eq!(codes("", &readable(&unclosed), &[]), [""; 0]);
        let numbers = "+1234567 ".repeat(100_000);
        assert_eq!(codes("", &numbers, &[]), [""; 0]);
    }

    #[test]
    fn the_readable_text_of_html_has_no_tags_comments_and_styles() {
        let html = "<html><head><style>p{color:#123456}</style></head><body><!-- 111111 --><p>Your&nbsp;code:</p>\r\n\
                    <table><tr><td style='width:1234px'><b>47</b><i>11</i></td></tr></table>";
        assert_eq!(codes("", &readable(html), &[]), ["4711"]);
    }
}
