//! Octets as text: with escapes, and with braces that are not taken for names.

/// Octets in which `\r`, `\n`, `\t`, `\\` and `\xff` stand for what is not plain text.
pub(crate) fn visible(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Whether this is a name of a variable, as in `{host}`.
pub(crate) fn is_name(text: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_later = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().next().is_some_and(is_first) && text.bytes().all(is_later)
}

/// What stands between the brace at the beginning of this text and the next closing one, if it is a placeholder: a
/// name, a name with filters, or `repeat:` or `hex:`.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    let (inner, _) = text.strip_prefix('{')?.split_once('}')?;
    let name = inner.split(['|', ':']).next().unwrap_or_default();
    let is_made = ["repeat:", "hex:", "message:", "literal:"].iter().any(|made| inner.starts_with(made));
    (is_made || (!inner.contains(':') && is_name(name))).then_some(inner)
}

/// Text whose braces are doubled where they would begin a placeholder, or would be taken for doubled ones. `{12+}` and
/// other braces stay as they are.
pub(crate) fn braced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let is_doubled = rest.starts_with("}}") || rest.starts_with("{{") || placeholder(rest).is_some();
        if is_doubled {
            out.push(c);
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_braces_that_mean_something_are_doubled() {
        for (text, written) in [
            ("A1 LOGIN {3} {12+}", "A1 LOGIN {3} {12+}"),
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            ("a { color: red } {b c}", "a { color: red } {b c}"),
            ("{name}", "{{name}"),
            ("{a|b64}{hex:ff}", "{{a|b64}{{hex:ff}"),
            ("{message:a}{literal:a b}", "{{message:a}{{literal:a b}"),
            ("{{x}}", "{{{{x}}}"),
            ("{", "{"),
        ] {
            assert_eq!(braced(text), written, "{text}");
        }
    }
}
