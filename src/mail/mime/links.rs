//! The links of a message: what a test clicks on.

use std::sync::OnceLock;

use regex::Regex;

/// The URLs in a text and in the attributes of an HTML text, in order, each once.
pub(crate) fn links(text: Option<&str>, html: Option<&str>) -> Vec<String> {
    static URL: OnceLock<Regex> = OnceLock::new();
    static ATTRIBUTE: OnceLock<Regex> = OnceLock::new();
    let url = URL.get_or_init(|| Regex::new(r#"(?i)\b(?:https?://|mailto:)[^\s<>"]+"#).expect("it compiles"));
    let attribute = ATTRIBUTE
        .get_or_init(|| Regex::new(r#"(?i)\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')"#).expect("it compiles"));

    let in_text = url.find_iter(text.unwrap_or_default()).map(|found| without_punctuation(found.as_str()).to_owned());
    let in_html = attribute.captures_iter(html.unwrap_or_default()).filter_map(|found| {
        let value = found.get(1).or_else(|| found.get(2))?.as_str();
        let link = html_escape::decode_html_entities(value.trim()).into_owned();
        url.is_match(&link).then_some(link)
    });
    let mut links: Vec<String> = Vec::new();
    for link in in_text.chain(in_html) {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// A full stop behind a URL ends the sentence; a bracket belongs to it if it was opened in it.
fn without_punctuation(url: &str) -> &str {
    let mut url = url;
    loop {
        let shorter = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        let shorter = match shorter.chars().last() {
            Some(')') if shorter.matches(')').count() > shorter.matches('(').count() => &shorter[..shorter.len() - 1],
            Some(']') if shorter.matches(']').count() > shorter.matches('[').count() => &shorter[..shorter.len() - 1],
            _ => shorter,
        };
        if shorter.len() == url.len() {
            return url;
        }
        url = shorter;
    }
}
