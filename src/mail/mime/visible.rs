//! The part of HTML that a reader sees.

use std::sync::LazyLock;

use regex::Regex;

/// HTML without comments, head, scripts and styles. Looks at each octet a few times at most, whatever the HTML.
pub(crate) fn visible(html: &str) -> String {
    let (mut visible, mut done, mut at) = (String::new(), 0, 0);
    let mut closers: [(&str, Option<&Regex>); 4] = [
        ("!--", Some(&COMMENT_END)),
        ("head", Some(&HEAD_END)),
        ("script", Some(&SCRIPT_END)),
        ("style", Some(&STYLE_END)),
    ];
    while let Some(opener) = OPENER.find_at(html, at) {
        at = opener.end();
        let is_its = |(name, _): &&mut (&str, Option<&Regex>)| opener.as_str()[1..].eq_ignore_ascii_case(name);
        let Some((_, closer)) = closers.iter_mut().find(is_its) else { continue };
        match closer.and_then(|closer| closer.find_at(html, at)) {
            Some(end) => {
                visible += &html[done..opener.start()];
                (done, at) = (end.end(), end.end());
            }
            // There is none further on either, so it is not looked for again.
            None => *closer = None,
        }
    }
    visible + &html[done..]
}

static OPENER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)<(?:!--|(?:head|script|style)(?-u:\b))"));
static COMMENT_END: LazyLock<Regex> = LazyLock::new(|| regex("-->"));
static HEAD_END: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)</head\s*>"));
static SCRIPT_END: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)</script\s*>"));
static STYLE_END: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)</style\s*>"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}
