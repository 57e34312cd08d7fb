//! Texts with names in them, which are filled in when a rule fires.

use bytes::Bytes;

use super::Field;
use super::message_part::MessagePart;
use crate::base::TextFilter;
use crate::protocol::Reply;

/// A text with `{name}` for fields and for groups of regular expressions, `{{` and `}}` for braces, `{repeat:n:x}` and
/// `{hex:ff00}`; `{message:id}` for the octets of a message and `{literal:id}` for the same as an IMAP literal, in the
/// steps that send them. A name may be followed by `|b64`, `|hex`, `|upper` or `|len`. `{12}` and `{12+}` are kept as they are:
/// they announce an IMAP literal (RFC 3501 §4.3, RFC 7888 §3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template {
    written: Box<str>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Octets(Vec<u8>),
    Named(Name, Vec<TextFilter>),
    Message(MessagePart),
}

/// What is replaced in a text, by what, and an example, for the manual.
#[cfg(test)]
pub(crate) const REPLACED: &[(&str, &str, &str)] = &[
    (
        "{field}",
        "the value of a field, or of a named group of a regular expression in `when` or `await`; in `replace`, also of `find`",
        "550 5.1.1 <{rcpt}>: user unknown",
    ),
    ("{param.name}", "a parameter of the scenario, when the file is loaded", "{param.n}"),
    ("{repeat:n:text}", "`n` copies of the text", "{repeat:5000:x}"),
    ("{hex:ff00}", "these octets", "{hex:c3bc}"),
    (
        "{message:id}",
        "in `reply` and `raw`: the octets of a `[[message]]`; filters as for fields",
        "{message:late|len}",
    ),
    (
        "{literal:id}",
        "in `reply` and `raw`: the announcement of an IMAP literal, CRLF, and the octets of a `[[message]]`",
        "* 1 FETCH (BODY[] {literal:late})",
    ),
    ("{{, }}", "a brace", "{{literal}}"),
    ("{12}, {12+}", "itself: it announces an IMAP literal", "* 1 FETCH (BODY[] {12}"),
];

/// A name in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Field(Field),
    /// A group of a regular expression.
    Group(Box<str>),
}

impl Name {
    /// The name as it is written.
    pub(crate) fn written(&self) -> Box<str> {
        match self {
            Self::Field(field) => field.name().into(),
            Self::Group(group) => group.clone(),
        }
    }
}

/// A part of a text whose names are filled in as far as they are known.
#[derive(Debug, Clone)]
pub(super) enum TemplatePart {
    Octets(Vec<u8>),
    /// What a group of a pattern matched.
    Group(Box<str>, Vec<TextFilter>),
}

impl TemplatePart {
    /// Writes it, with what the groups matched.
    pub(super) fn write<'g>(&self, group: &dyn Fn(&str) -> Option<&'g [u8]>, out: &mut Vec<u8>) {
        match self {
            Self::Octets(octets) => out.extend_from_slice(octets),
            Self::Group(name, filters) => {
                let value = group(name).unwrap_or_default().to_vec();
                out.extend(filters.iter().fold(value, |value, filter| filter.apply(&value)));
            }
        }
    }
}

/// The octets of the message with this id.
pub(super) type MessageOf<'m> = &'m dyn Fn(&str) -> Option<Bytes>;

/// Maximum length of the result of `repeat`, in octets.
const MOST: usize = 64 << 20;

impl Template {
    /// Parses a text; fails with the reason.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        Self::read(written, written.as_bytes())
    }

    /// Parses octets written with `\r`, `\n`, `\t`, `\\` and `\xff`.
    pub(crate) fn parse_raw(written: &str) -> Result<Self, String> {
        Self::read(written, &unescape(written)?)
    }

    /// This text, in which braces are braces.
    pub(crate) fn literally(text: &str) -> Self {
        let written = text.replace('{', "{{").replace('}', "}}");
        Self { written: written.into(), pieces: vec![Piece::Octets(text.into())] }
    }

    /// These octets, without names. It is not printed.
    pub(crate) fn of_octets(octets: Vec<u8>) -> Self {
        Self { written: Box::default(), pieces: vec![Piece::Octets(octets)] }
    }

    /// Adds octets. It is not printed.
    pub(super) fn push_octets(&mut self, octets: impl Into<Vec<u8>>) {
        self.pieces.push(Piece::Octets(octets.into()));
    }

    /// Adds a message. It is not printed.
    pub(super) fn push_message(&mut self, part: MessagePart) {
        self.pieces.push(Piece::Message(part));
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Named(name, _) => Some(name),
            Piece::Octets(_) | Piece::Message(_) => None,
        })
    }

    /// The ids of the messages in it.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Message(part) => Some(part.id()),
            Piece::Octets(_) | Piece::Named(..) => None,
        })
    }

    /// The text, if it contains no names.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match &self.pieces[..] {
            [] => Some(b""),
            [Piece::Octets(octets)] => Some(octets),
            [Piece::Named(..) | Piece::Message(_)] | [_, _, ..] => None,
        }
    }

    /// The text with its names filled in; an unknown value is empty. It has no messages.
    pub(crate) fn fill(&self, value: &dyn Fn(&Name) -> Option<String>) -> Vec<u8> {
        self.fill_with(value, &|_| None).text().to_vec()
    }

    /// The text with its names and messages filled in; an unknown one is empty. The octets of messages are shared.
    pub(super) fn fill_with(&self, value: &dyn Fn(&Name) -> Option<String>, message: MessageOf<'_>) -> Reply {
        let mut out = Reply::default();
        for piece in &self.pieces {
            match piece {
                Piece::Octets(octets) => out.push_octets(octets),
                Piece::Named(name, filters) => {
                    let value = value(name).unwrap_or_default().into_bytes();
                    out.push_octets(&filters.iter().fold(value, |value, filter| filter.apply(&value)));
                }
                Piece::Message(part) => {
                    if let Some(octets) = message(part.id()) {
                        part.write(octets, &mut out);
                    }
                }
            }
        }
        out
    }

    /// The text with its names filled in, except the groups of a pattern that has not matched yet.
    pub(super) fn parts(&self, groups: &[Box<str>], value: &dyn Fn(&Name) -> Option<String>) -> Vec<TemplatePart> {
        let part = |piece: &Piece| match piece {
            Piece::Named(name, filters) if groups.contains(&name.written()) => {
                TemplatePart::Group(name.written(), filters.clone())
            }
            Piece::Octets(_) | Piece::Named(..) | Piece::Message(_) => {
                let only = Self { written: Box::default(), pieces: vec![piece.clone()] };
                TemplatePart::Octets(only.fill(value))
            }
        };
        self.pieces.iter().map(part).collect()
    }

    fn read(written: &str, text: &[u8]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut octets = Vec::new();
        let mut rest = text;
        while let Some((&first, behind)) = rest.split_first() {
            match (first, behind.first()) {
                (b'{', Some(b'{')) | (b'}', Some(b'}')) => {
                    octets.push(first);
                    rest = &behind[1..];
                }
                (b'}', _) => return Err("unmatched `}`; write `}}` for a brace".to_owned()),
                (b'{', _) => {
                    let end = behind.iter().position(|byte| *byte == b'}');
                    let end = end.ok_or("unmatched `{`; write `{{` for a brace")?;
                    let inner = std::str::from_utf8(&behind[..end]).map_err(|_| "a name must be UTF-8")?;
                    match generated(inner)? {
                        Some(made) => octets.extend(made),
                        None => {
                            if !octets.is_empty() {
                                pieces.push(Piece::Octets(std::mem::take(&mut octets)));
                            }
                            let part = MessagePart::parse(inner)?.map(Piece::Message);
                            pieces.push(part.map_or_else(|| named(inner), Ok)?);
                        }
                    }
                    rest = &behind[end + 1..];
                }
                _ => {
                    octets.push(first);
                    rest = behind;
                }
            }
        }
        if !octets.is_empty() {
            pieces.push(Piece::Octets(octets));
        }
        Ok(Self { written: written.into(), pieces })
    }
}

/// `{repeat:n:x}` and `{hex:ff00}`. The announcement of an IMAP literal is kept as it is.
pub(super) fn generated(inner: &str) -> Result<Option<Vec<u8>>, String> {
    let octets = inner.strip_suffix('+').unwrap_or(inner);
    if !octets.is_empty() && octets.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(format!("{{{inner}}}").into_bytes()));
    }
    if let Some(rest) = inner.strip_prefix("repeat:") {
        let made = rest.split_once(':').and_then(|(times, what)| Some((times.parse::<usize>().ok()?, what)));
        let (times, what) = made.ok_or("write `{repeat:n:x}`, with a count and a text")?;
        if times.saturating_mul(what.len()) > MOST {
            return Err(format!("`{{{inner}}}` is longer than {MOST} octets"));
        }
        return Ok(Some(what.repeat(times).into_bytes()));
    }
    let Some(digits) = inner.strip_prefix("hex:") else { return Ok(None) };
    let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
    octets.map(Some).map_err(|_| format!("`{digits}` is not hexadecimal with two digits for each octet"))
}

fn named(inner: &str) -> Result<Piece, String> {
    let mut parts = inner.split('|');
    let name = parts.next().unwrap_or_default().trim();
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if !is_name(name) {
        return Err(format!("`{{{inner}}}` is not a valid name; write `{{{{` for a brace"));
    }
    let filters = parts.map(TextFilter::parse).collect::<Result<_, _>>()?;
    let name = Field::parse(name).map_or_else(|| Name::Group(name.into()), Name::Field);
    Ok(Piece::Named(name, filters))
}

/// Octets written with escapes.
pub(crate) fn unescape(written: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'\\' {
            out.push(first);
            rest = behind;
            continue;
        }
        let (octet, taken) = match behind {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u8;
                (digit(high) << 4 | digit(low), 3)
            }
            _ => return Err("a backslash must be followed by r, n, t, 0, x with two digits, or a backslash".to_owned()),
        };
        out.push(octet);
        rest = &behind[taken..];
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RequestField;

    fn filled(template: &Template) -> String {
        let value = |name: &Name| match name {
            Name::Field(Field::Request(RequestField::Recipient)) => Some("bob@example.org".to_owned()),
            Name::Group(group) if **group == *"host" => Some("client".to_owned()),
            _ => None,
        };
        String::from_utf8_lossy(&template.fill(&value)).into_owned()
    }

    #[test]
    fn names_are_filled_in() {
        for (written, want) in [
            ("550 <{rcpt}>: no", "550 <bob@example.org>: no"),
            ("{host|upper} {host|b64} {host|hex} {host|len}", "CLIENT Y2xpZW50 636c69656e74 6"),
            ("{{literal}} {repeat:3:ab}{hex:41}", "{literal} abababA"),
            ("[{from}]", "[]"),
            ("* 1 FETCH (BODY[] {12}{0}{12+}", "* 1 FETCH (BODY[] {12}{0}{12+}"),
        ] {
            assert_eq!(filled(&Template::parse(written).unwrap()), want, "{written}");
        }
    }

    #[test]
    fn messages_are_shared_and_not_copied() {
        let octets = Bytes::from_static(b"Subject: x\r\n\r\n");
        let message = |id: &str| (id == "m 1").then(|| octets.clone());
        let template =
            Template::parse("* 1 FETCH (BODY[] {literal:m 1} {message:m 1|len} {message:m 1}{message:m2})").unwrap();

        let filled = template.fill_with(&|_| None, &message);

        let text: Vec<u8> = filled.pieces().flatten().copied().collect();
        let wanted = "* 1 FETCH (BODY[] {14}\r\nSubject: x\r\n\r\n 14 Subject: x\r\n\r\n)";
        assert_eq!(String::from_utf8(text).unwrap(), wanted);
        assert_eq!(filled.pieces().filter(|piece| piece.as_ptr() == octets.as_ptr()).count(), 2);
        assert_eq!(template.messages().collect::<Vec<_>>(), ["m 1", "m 1", "m 1", "m2"]);
    }

    #[test]
    fn errors_explain_the_mistake() {
        for wrong in [
            "{",
            "}",
            "{}",
            "{+}",
            "{1 2}",
            "{a b}",
            "{rcpt|b65}",
            "{repeat:x:y}",
            "{repeat:99999999999:y}",
            "{hex:f}",
            "{message:}",
            "{literal:x|len}",
            "{message:x|y}",
        ] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in [r"\q", r"\", r"\x", r"\xf", r"\xfg", r"\xgf"] {
            assert!(Template::parse_raw(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Template::parse_raw(r"a\r\n\t\0\xfF\x3e\\").unwrap().constant().unwrap(), b"a\r\n\t\0\xff>\\");
        assert_eq!(Template::parse("").unwrap().constant(), Some(&b""[..]));
        assert_eq!(Template::parse("{rcpt}").unwrap().constant(), None);
    }
}
