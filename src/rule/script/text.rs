//! Texts with names: filled in by the side that sends them, matched by the side that gets them.

use std::borrow::Cow;

use super::Values;
use crate::base::{TextFilter, braced, placeholder};
use crate::protocol::Protocol;
use crate::rule::message_part::MessagePart;
use crate::rule::template::{Template, generated};

/// A text in which `{name}` is a variable, `{{` and `}}` are braces, `{repeat:n:x}` and `{hex:ff00}` are octets, and, in
/// lines of the server, `{message:id}` and `{literal:id}` are messages.
/// Other braces are text: `{12}`, `{12+}`, `{"a": 1}`.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    written: Box<str>,
    pieces: Vec<Piece>,
}

/// Two texts are equal if they are written the same.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Octets(Vec<u8>),
    Name(Box<str>, Vec<TextFilter>),
    /// A message, in a line of the server.
    Message(MessagePart),
}

/// Where a line begins to differ from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The position in the line.
    pub(crate) got: usize,
    /// The position in the text as it is shown.
    pub(crate) wanted: usize,
}

impl Piece {
    /// Its octets, or the name of the variable.
    fn shown(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Octets(octets) => octets.into(),
            Self::Name(name, _) => format!("{{{name}}}").into_bytes().into(),
            Self::Message(part) => format!("{}}}", part.begins()).into_bytes().into(),
        }
    }
}

/// Which letters of a line are the same in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// None: a line of the server.
    Nothing,
    /// The words of the command: a line of a client.
    Command(Protocol),
}

impl Text {
    /// Reads a text; fails with the reason.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        Self::read(written, |text| Ok(text.into_bytes()))
    }

    /// Reads octets with `\r`, `\n`, `\t`, `\\` and `\xff`.
    pub(crate) fn parse_octets(written: &str) -> Result<Self, String> {
        Self::read(written, |text| crate::rule::template::unescape(&text))
    }

    /// This text, without variables.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let written = braced(text).into();
        Self { written, pieces: vec![Piece::Octets(text.as_bytes().to_vec())] }
    }

    /// These octets, without variables.
    pub(crate) fn of_octets(octets: &[u8]) -> Self {
        let written = braced(&crate::base::visible(octets)).into();
        Self { written, pieces: vec![Piece::Octets(octets.to_vec())] }
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The names of its variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name, _) => Some(&**name),
            Piece::Octets(_) | Piece::Message(_) => None,
        })
    }

    /// Its octets, if it has no variables.
    pub(super) fn constant(&self) -> Option<&[u8]> {
        match &self.pieces[..] {
            [Piece::Octets(octets)] => Some(octets),
            [Piece::Name(..) | Piece::Message(_)] | [] | [_, _, ..] => None,
        }
    }

    /// The messages in it.
    pub(super) fn messages(&self) -> impl Iterator<Item = &MessagePart> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Message(part) => Some(part),
            Piece::Octets(_) | Piece::Name(..) => None,
        })
    }

    /// What a server sends: the octets with the values of the variables, which may be empty, and messages.
    pub(super) fn template(&self, values: &Values) -> Template {
        let mut template = Template::default();
        for piece in &self.pieces {
            match piece {
                Piece::Octets(octets) => template.push_octets(&octets[..]),
                Piece::Name(name, filters) => {
                    template.push_octets(filtered(values.get(name).unwrap_or_default(), filters));
                }
                Piece::Message(part) => template.push_message(part.clone()),
            }
        }
        template
    }

    /// The octets with the values of its variables, without messages; fails with the name of one that has no value.
    pub(crate) fn fill(&self, values: &Values) -> Result<Vec<u8>, &str> {
        match self.names().find(|name| values.get(name).is_none()) {
            Some(name) => Err(name),
            None => Ok(self.fill_known(values)),
        }
    }

    /// Like `fill`; a variable without a value is empty.
    pub(crate) fn fill_known(&self, values: &Values) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Octets(octets) => out.extend_from_slice(octets),
                Piece::Name(name, filters) => out.extend(filtered(values.get(name).unwrap_or_default(), filters)),
                Piece::Message(_) => {}
            }
        }
        out
    }

    /// Whether this is the line that was received, without its CRLF. A variable without a fixed value stands for one
    /// or more octets without a space; returns their values.
    pub(crate) fn fit(&self, got: &[u8], values: &Values, fold: Fold) -> Option<Values> {
        let starts = self.starts(got, values, fold).ok()?;
        self.bound(got, values, &starts)
    }

    /// Where this line begins to differ from the text.
    pub(crate) fn difference(&self, got: &[u8], values: &Values, fold: Fold) -> Option<Difference> {
        self.starts(got, values, fold).err()
    }

    /// The octets as people read them: with the names of its variables.
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.pieces.iter().map(Piece::shown).collect::<Vec<_>>().concat()
    }

    /// For each piece, the positions in the line where it can begin; last, where the text can end.
    fn starts(&self, got: &[u8], values: &Values, fold: Fold) -> Result<Vec<Vec<usize>>, Difference> {
        let folded = match fold {
            Fold::Nothing => 0,
            Fold::Command(protocol) => self.command_words(protocol),
        };
        let mut starts: Vec<Vec<usize>> = vec![vec![0]];
        let (mut written, mut shown) = (0, 0);
        for piece in &self.pieces {
            let from = starts.last().map_or(&[][..], |starts| starts);
            let (octets, words) = match piece {
                Piece::Octets(octets) => {
                    let words = folded.saturating_sub(written).min(octets.len());
                    written += octets.len();
                    (Some(Cow::Borrowed(&octets[..])), words)
                }
                Piece::Name(name, filters) => (values.fixed(name).map(|value| filtered(value, filters).into()), 0),
                Piece::Message(_) => (Some(Cow::Borrowed(&b""[..])), 0),
            };
            let after: Vec<usize> = match (&octets, piece) {
                (Some(octets), _) => {
                    let end = |at: &usize| begins(&got[*at..], octets, words).then_some(at + octets.len());
                    from.iter().filter_map(end).collect()
                }
                (None, Piece::Name(_, filters)) if !filters.is_empty() => Vec::new(),
                (None, Piece::Name(..) | Piece::Octets(_) | Piece::Message(_)) => ends_of_runs(got, from),
            };
            if after.is_empty() {
                let octets = octets.unwrap_or_default();
                let same = |at: &usize| (at + same_octets(&got[*at..], &octets, words), *at);
                let (place, start) = from.iter().map(same).max().unwrap_or_default();
                let within = if matches!(piece, Piece::Octets(_)) { place - start } else { 0 };
                return Err(Difference { got: place, wanted: shown + within });
            }
            shown += piece.shown().len();
            starts.push(after);
        }
        match starts.last().and_then(|ends| ends.last()) {
            Some(end) if *end < got.len() => Err(Difference { got: *end, wanted: shown }),
            Some(_) | None => Ok(starts),
        }
    }

    /// The values of the variables that have none, from the positions where each piece can begin.
    fn bound(&self, got: &[u8], values: &Values, starts: &[Vec<usize>]) -> Option<Values> {
        let mut end = got.len();
        let mut found = Values::default();
        for (piece, starts) in self.pieces.iter().zip(starts).rev() {
            let of = |start: usize| &got[start..end];
            let start = match piece {
                Piece::Message(_) => end,
                Piece::Octets(octets) => end.checked_sub(octets.len())?,
                Piece::Name(name, filters) => match values.fixed(name) {
                    Some(value) => end.checked_sub(filtered(value, filters).len())?,
                    None => {
                        let can = |start: &&usize| **start < end && !of(**start).contains(&b' ');
                        let start = *starts.iter().find(can)?;
                        // A name that occurs twice stands for the same octets.
                        if found.get(name).is_some_and(|its| its != of(start)) {
                            return None;
                        }
                        found.set(&**name, of(start));
                        start
                    }
                },
            };
            end = start;
        }
        Some(found)
    }

    /// How many octets of the written text are the words of a command, as far as no variable counts.
    fn command_words(&self, protocol: Protocol) -> usize {
        let octets = |piece: &Piece| match piece {
            Piece::Octets(octets) => octets.clone(),
            Piece::Name(..) | Piece::Message(_) => Vec::new(),
        };
        let text: Vec<u8> = self.pieces.iter().flat_map(octets).collect();
        let word = |from: usize| text[from..].iter().position(|byte| *byte == b' ').map_or(text.len(), |at| from + at);
        let is = |range: std::ops::Range<usize>, what: &str| text[range].eq_ignore_ascii_case(what.as_bytes());
        let first = word(0);
        match protocol {
            Protocol::Imap if first == text.len() => first,
            Protocol::Imap => {
                let second = word(first + 1);
                let is_uid = is(first + 1..second, "UID") && second < text.len();
                if is_uid { word(second + 1) } else { second }
            }
            Protocol::Smtp | Protocol::Lmtp => match text.iter().position(|byte| *byte == b':') {
                Some(colon) if is(0..first, "MAIL") || is(0..first, "RCPT") => colon + 1,
                Some(_) | None => first,
            },
            Protocol::Pop3 => first,
        }
    }

    fn read(written: &str, octets: impl Fn(String) -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(c) = rest.chars().next() {
            if let Some(inner) = placeholder(rest) {
                rest = &rest[inner.len() + 2..];
                let piece = match (generated(inner)?, MessagePart::parse(inner)?) {
                    (Some(made), _) => Piece::Octets(made),
                    (None, Some(part)) => Piece::Message(part),
                    (None, None) => {
                        let mut parts = inner.split('|');
                        let name = parts.next().unwrap_or_default().into();
                        Piece::Name(name, parts.map(TextFilter::parse).collect::<Result<_, _>>()?)
                    }
                };
                pieces.push(Piece::Octets(octets(std::mem::take(&mut text))?));
                pieces.push(piece);
                continue;
            }
            let is_doubled = rest.starts_with("{{") || rest.starts_with("}}");
            rest = &rest[c.len_utf8() * if is_doubled { 2 } else { 1 }..];
            text.push(c);
        }
        pieces.push(Piece::Octets(octets(text)?));
        pieces.retain(|piece| !matches!(piece, Piece::Octets(octets) if octets.is_empty()));
        Ok(Self { written: written.into(), pieces })
    }
}

fn filtered(value: &[u8], filters: &[TextFilter]) -> Vec<u8> {
    filters.iter().fold(value.to_vec(), |value, filter| filter.apply(&value))
}

/// Whether the line begins with these octets; the case of the first `words` does not matter.
fn begins(line: &[u8], octets: &[u8], words: usize) -> bool {
    line.len() >= octets.len()
        && line[..words].eq_ignore_ascii_case(&octets[..words])
        && line[words..octets.len()] == octets[words..]
}

/// How many octets at the beginning of the line are the same; the case of the first `words` does not matter.
fn same_octets(line: &[u8], octets: &[u8], words: usize) -> usize {
    let is_same = |at: usize| line[at] == octets[at] || at < words && line[at].eq_ignore_ascii_case(&octets[at]);
    (0..line.len().min(octets.len())).take_while(|at| is_same(*at)).count()
}

/// Where runs of octets without a space, which begin at one of these ascending positions, can end.
fn ends_of_runs(line: &[u8], starts: &[usize]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut starts = starts.iter().peekable();
    let mut is_open = false;
    for (at, byte) in line.iter().enumerate() {
        is_open |= starts.next_if(|start| **start == at).is_some();
        is_open &= *byte != b' ';
        if is_open {
            ends.push(at + 1);
        }
    }
    ends
}
