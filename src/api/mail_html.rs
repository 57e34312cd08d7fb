//! The HTML of a message, prepared for display.

use std::collections::HashMap;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use crate::mail::{Message, Part};

static CID: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)(["'(=]\s*)cid:([^"'\s>)]+)"#));

pub(super) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// Replaces the URLs of parts (RFC 2392) by those that `url` gives. URLs of parts that are not there stay.
pub(super) fn with_part_urls(
    html: &str,
    message: &Message,
    mut url: impl FnMut(&Part<'_>) -> Option<String>,
) -> String {
    let parts = message.parts();
    // Of several parts with the same ID, the first counts.
    let by_id: HashMap<String, &Part<'_>> =
        parts.iter().rev().filter_map(|part| Some((part.content_id()?, part))).collect();
    let replaced = |found: &Captures<'_>| {
        let id = percent_decode_str(&found[2]).decode_utf8_lossy();
        match by_id.get(&*id).and_then(|part| url(part)) {
            Some(url) => format!("{}{url}", &found[1]),
            None => found[0].to_owned(),
        }
    };
    CID.replace_all(html, replaced).into_owned()
}
