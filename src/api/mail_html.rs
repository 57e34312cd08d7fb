//! The HTML of a message, prepared for display.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use crate::mail::{Message, Part};

static CID: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)(["'(=]\s*)cid:([^"'\s>)]+)"#));

pub(super) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// Replaces the URLs of parts (RFC 2392) by those that `url` gives. URLs of parts that are not there stay.
pub(super) fn with_part_urls(html: &str, message: &Message, url: impl Fn(&Part<'_>) -> String) -> String {
    let all = message.parts();
    let replaced = |found: &Captures<'_>| {
        let id = percent_decode_str(&found[2]).decode_utf8_lossy();
        let part = all.iter().find(|part| part.content_id().is_some_and(|its| its == id));
        match part {
            Some(part) => format!("{}{}", &found[1], url(part)),
            None => found[0].to_owned(),
        }
    };
    CID.replace_all(html, replaced).into_owned()
}
