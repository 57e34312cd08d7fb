//! The links of a message.

use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

/// The URLs in a text and in the attributes of an HTML text, in order, each once.
pub(crate) fn links(text: Option<&str>, html: Option<&str>) -> Vec<String> {
    static URL: OnceLock<Regex> = OnceLock::new();
    static ATTRIBUTE: OnceLock<Regex> = OnceLock::new();
    let url =
        URL.get_or_init(|| Regex::new(r#"(?i)(?-u:\b)(?:https?://|mailto:)[^\s<>"]+"#).expect("the pattern is valid"));
    let attribute = ATTRIBUTE.get_or_init(|| {
        Regex::new(r#"(?i)(?-u:\b)(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')"#).expect("the pattern is valid")
    });

    let in_text = url.find_iter(text.unwrap_or_default()).map(|found| without_punctuation(found.as_str()).to_owned());
    let in_html = attribute.captures_iter(html.unwrap_or_default()).filter_map(|found| {
        let value = found.get(1).or_else(|| found.get(2))?.as_str();
        let link = html_escape::decode_html_entities(value.trim()).into_owned();
        url.is_match(&link).then_some(link)
    });
    let mut seen = HashSet::new();
    in_text.chain(in_html).filter(|link| seen.insert(link.clone())).collect()
}

/// Removes a final full stop, which ends the sentence, and closing brackets that were not opened in the URL.
fn without_punctuation(url: &str) -> &str {
    let count = |bracket: u8| memchr::memchr_iter(bracket, url.as_bytes()).count();
    // The number of brackets of each kind that are closed but not opened.
    let mut round = count(b')').saturating_sub(count(b'('));
    let mut square = count(b']').saturating_sub(count(b'['));
    url.trim_end_matches(|c| {
        let unopened = match c {
            ')' => &mut round,
            ']' => &mut square,
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' => return true,
            _ => return false,
        };
        let goes = *unopened > 0;
        *unopened = unopened.saturating_sub(1);
        goes
    })
}
