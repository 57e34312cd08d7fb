//! Message-ID, In-Reply-To, References and Content-ID (RFC 5322 §3.6.4).

use super::address::without_comments;
use super::{LintCode, Linter, shown};

impl Linter<'_> {
    /// One identifier, or a list of them.
    pub(super) fn message_ids(&mut self, value: &[u8], at: usize, is_single: bool) {
        let at = at + value.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let text = String::from_utf8_lossy(&without_comments(value)).into_owned();
        let mut rest = text.trim();
        let mut count = 0;
        while !rest.is_empty() {
            let Some((id, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
                let word = rest.split_ascii_whitespace().next().unwrap_or_default();
                let text = format!("`{}` is not in `<` and `>`", shown(word.as_bytes()));
                return self.add(LintCode::InvalidMessageId, at, text);
            };
            if let Some(wrong) = wrong(id) {
                let text = format!("`<{}>` {wrong}: write it as in `<left@right>`", shown(id.as_bytes()));
                self.add(LintCode::InvalidMessageId, at, text);
            }
            count += 1;
            rest = behind.trim_start();
        }
        if is_single && count > 1 {
            self.add(LintCode::InvalidMessageId, at, "several identifiers: there must be one");
        }
    }
}

fn wrong(id: &str) -> Option<&'static str> {
    let Some((left, right)) = id.rsplit_once('@') else { return Some("has no `@`") };
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let is_dotted = |text: &str| text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
    let is_literal =
        right.starts_with('[') && right.ends_with(']') && right.bytes().all(|octet| octet.is_ascii_graphic());
    match (is_dotted(left), is_dotted(right) || is_literal) {
        (true, true) => None,
        (false, _) if id.contains(|c: char| c.is_ascii_whitespace()) => Some("has white space in it"),
        (false, _) => Some("has characters before its `@` that it cannot have"),
        (true, false) => Some("has characters behind its `@` that it cannot have"),
    }
}
