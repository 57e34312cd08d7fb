//! Output for people and for scripts.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::Value;

use super::failure::Failure;

/// Writes octets to standard output.
pub(super) fn print(octets: &[u8]) -> Result<(), Failure> {
    print_to(&mut io::stdout().lock(), octets)
}

/// Writes octets to a stream that is standard output.
pub(super) fn print_to(out: &mut impl Write, octets: &[u8]) -> Result<(), Failure> {
    out.write_all(octets).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// Writes one JSON document as a line.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(format!("{value}\n").as_bytes())
}

/// Writes each element of a list as a line.
pub(super) fn print_json_lines(list: &Value) -> Result<(), Failure> {
    let lines = list.as_array().into_iter().flatten().map(|item| format!("{item}\n"));
    print(lines.collect::<String>().as_bytes())
}

/// Writes a text of a message. On a terminal without control characters, which could change what the terminal shows,
/// and with a line end.
pub(super) fn print_text(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return print(text.as_bytes());
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let lines = text.replace("\r\n", "\n");
    print(format!("{}{end}", harmless(&lines, &['\n', '\t'])).as_bytes())
}

/// Copies a body to standard output, or into a file, while it arrives.
pub(super) fn copy(mut body: impl Read, file: Option<&Path>) -> Result<(), Failure> {
    if let Some(path) = file {
        let written = fs::File::create(path).and_then(|mut file| io::copy(&mut body, &mut file));
        return written.map(drop).map_err(|error| Failure::unmet(format!("cannot write {}: {error}", path.display())));
    }
    let mut portion = vec![0; 1 << 16];
    loop {
        let octets =
            body.read(&mut portion).map_err(|error| Failure::unmet(format!("the answer broke off: {error}")))?;
        if octets == 0 {
            return Ok(());
        }
        print(&portion[..octets])?;
    }
}

/// The text with an escape in place of each control character and each character that changes the direction of text,
/// except those in `kept`.
pub(super) fn harmless(text: &str, kept: &[char]) -> String {
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmful(c) && !kept.contains(&c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(harmless("a\u{1b}[31m\tb\u{202e}c\u{9b}\n", &['\n']), "a\\u{1b}[31m\\tb\\u{202e}c\\u{9b}\n");
        assert_eq!(harmless("Grüße \"日本\" \\", &[]), "Grüße \"日本\" \\");
    }
}
