//! What a rule does to the octets that it lets out: each filter takes what is said and says something else.
//!
//! Inside of one rule the order is always the same, whatever the order of its steps: parts of the response, lines,
//! their ends, writes, the cut.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::data::Parts;
use super::plan::{Cue, Pace};
use super::step::{End, Eol, Place};
use crate::base::Pattern;
use crate::protocol::{Piece, Reply};

/// A cue and the rule that gave it; None: the conforming server.
#[derive(Debug, PartialEq)]
pub(super) struct Out {
    pub(super) cue: Cue,
    pub(super) by: Option<Arc<str>>,
}

/// A filter at work.
#[derive(Debug)]
pub(super) enum Filter {
    Parts(Parts),
    Lines { edit: Lines, line: usize },
    Hold(Vec<(Reply, Option<Arc<str>>)>),
    Split { at: Vec<usize>, seen: usize },
    Pace(Pace),
    Cut { place: Place, end: End, seen: u64, dropped: u64, is_over: bool },
}

/// What is done to lines.
#[derive(Debug)]
pub(super) enum Lines {
    Replace { find: Pattern, with: Vec<u8> },
    Drop(usize),
    DropFound(Pattern),
    Duplicate(usize),
    Insert { below: usize, text: Vec<u8> },
    Eol(Eol),
    Pad { line: usize, to: usize },
}

impl Out {
    pub(super) fn send(bytes: Reply, by: Option<Arc<str>>) -> Self {
        Self { cue: Cue::Send { bytes, pace: None, apart: false }, by }
    }
}

impl Filter {
    pub(super) fn lines(edit: Lines) -> Self {
        Self::Lines { edit, line: 0 }
    }

    pub(super) fn cut(place: Place, end: End) -> Self {
        Self::Cut { place, end, seen: 0, dropped: 0, is_over: false }
    }

    /// Its place among the filters of one rule, the innermost first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Parts(_) => 0,
            Self::Lines { edit: Lines::Eol(_) | Lines::Pad { .. }, .. } => 2,
            Self::Lines { .. } => 1,
            Self::Hold(_) => 3,
            Self::Split { .. } => 4,
            Self::Pace(_) => 5,
            Self::Cut { .. } => 6,
        }
    }

    /// Takes what is said and says what becomes of it.
    pub(super) fn feed(&mut self, out: Out, say: &mut dyn FnMut(Out)) {
        let Out { cue: Cue::Send { mut bytes, pace, apart }, by } = out else {
            match self {
                // Behind a cut there is nothing more.
                Self::Cut { is_over: true, .. } => {}
                // What is held leaves before the connection ends.
                Self::Hold(_) if !matches!(out.cue, Cue::Wait(_)) => {
                    self.finish(say);
                    say(out);
                }
                _ => say(out),
            }
            return;
        };
        let send = |bytes, pace, apart, by| Out { cue: Cue::Send { bytes, pace, apart }, by };
        match self {
            Self::Parts(parts) => say(send(parts.change(bytes), pace, apart, by)),
            Self::Lines { edit, line } => say(send(edit.change(bytes, line), pace, apart, by)),
            Self::Hold(held) => held.push((bytes, by)),
            Self::Split { at, seen } => {
                for end in at.iter() {
                    if *end > *seen && *end - *seen < bytes.len() {
                        let head = bytes.take(*end - *seen);
                        *seen = *end;
                        say(send(head, pace, true, by.clone()));
                    }
                }
                *seen += bytes.len();
                // An end may fall together with the end of what is said now.
                let apart = apart || at.contains(seen);
                say(send(bytes, pace, apart, by));
            }
            Self::Pace(own) => {
                let both =
                    pace.map_or(*own, |inner| Pace { chunk: inner.chunk.min(own.chunk), gap: inner.gap + own.gap });
                say(send(bytes, Some(both), apart, by));
            }
            Self::Cut { dropped, is_over: true, .. } => *dropped += bytes.len() as u64,
            Self::Cut { place, end, seen, dropped, is_over } => {
                let at = match place {
                    Place::At(at) => at.saturating_sub(*seen).min(u64::MAX / 2) as usize,
                    Place::Before(pattern) => {
                        let octets: Vec<u8> = bytes.pieces().flatten().copied().collect();
                        found(pattern, &octets).unwrap_or(usize::MAX)
                    }
                };
                if at >= bytes.len() && !(at == bytes.len() && matches!(place, Place::At(_))) {
                    *seen += bytes.len() as u64;
                    return say(send(bytes, pace, apart, by));
                }
                let head = bytes.take(at);
                *seen += head.len() as u64;
                *dropped += bytes.len() as u64;
                *is_over = true;
                if !head.is_empty() {
                    say(send(head, pace, apart, by.clone()));
                }
                say(Out { cue: Cue::End(*end), by });
            }
        }
    }

    /// The rule is done: what was held back is said.
    pub(super) fn finish(&mut self, say: &mut dyn FnMut(Out)) {
        if let Self::Hold(held) = self
            && !held.is_empty()
        {
            let by = held.last().and_then(|(_, by)| by.clone());
            let mut whole = Reply::default();
            held.drain(..).for_each(|(reply, _)| whole.append(reply));
            say(Out { cue: Cue::Send { bytes: whole, pace: None, apart: false }, by });
        }
    }

    /// Whether it kept something from leaving.
    pub(super) fn has_cut(&self) -> bool {
        matches!(self, Self::Cut { is_over: true, dropped: 1.., .. })
    }

    /// What a report says was done.
    pub(super) fn told(&self) -> Option<String> {
        Some(match self {
            Self::Parts(parts) => parts.told(),
            Self::Lines { edit, .. } => edit.told(),
            Self::Hold(_) => "held for one write".to_owned(),
            Self::Split { at, .. } => {
                let at: Vec<String> = at.iter().map(usize::to_string).collect();
                format!("split behind {}", at.join(", "))
            }
            Self::Pace(Pace { chunk, gap }) => format!("pace {chunk}B/{}", short(*gap)),
            Self::Cut { end, seen, dropped, is_over: true, .. } => {
                format!("⟂ cut after {seen} of {} octets, {}", seen + dropped, end.name())
            }
            Self::Cut { .. } => return None,
        })
    }
}

/// A length of time as a file writes it.
pub(crate) fn short(span: Duration) -> String {
    match span.as_micros() {
        micros if micros.is_multiple_of(60_000_000) && micros > 0 => format!("{}m", micros / 60_000_000),
        micros if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        micros if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        micros => format!("{micros}us"),
    }
}

/// Where it is found in octets, which are text for the most part.
fn found(pattern: &Pattern, octets: &[u8]) -> Option<usize> {
    match std::str::from_utf8(octets) {
        Ok(text) => pattern.find_in(text).map(|range| range.start),
        // One character for each octet keeps the places.
        Err(_) => {
            let text: String =
                octets.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
            pattern.find_in(&text).map(|range| range.start)
        }
    }
}

impl Lines {
    fn change(&self, reply: Reply, line: &mut usize) -> Reply {
        let mut out = Reply::default();
        let mut text = Vec::new();
        for piece in reply.into_pieces() {
            match piece {
                Piece::Text(more) => text.extend_from_slice(&more),
                // What is no line of its own belongs to the text around it.
                Piece::Labelled(_, octets) if !octets.contains(&b'\n') => text.extend_from_slice(&octets),
                Piece::Labelled(label, octets) => {
                    out.push_octets(&self.change_text(&std::mem::take(&mut text), line));
                    let changed = self.change_text(&octets, line);
                    out.push_labelled(label, if changed == *octets { octets } else { Bytes::from(changed) });
                }
            }
        }
        out.push_octets(&self.change_text(&text, line));
        out
    }

    fn change_text(&self, text: &[u8], line: &mut usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for whole in text.split_inclusive(|byte| *byte == b'\n') {
            *line += 1;
            let body = whole.strip_suffix(b"\r\n").or_else(|| whole.strip_suffix(b"\n")).unwrap_or(whole);
            let end = &whole[body.len()..];
            match self {
                Self::Replace { find, with } => replace(find, with, body, &mut out),
                Self::Drop(n) if n == line => continue,
                Self::DropFound(find) if std::str::from_utf8(body).is_ok_and(|text| find.find_in(text).is_some()) => {
                    continue;
                }
                Self::Pad { line: n, to } if n == line => {
                    out.extend_from_slice(body);
                    out.resize(out.len() + to.saturating_sub(body.len()), b'x');
                }
                _ => out.extend_from_slice(body),
            }
            match self {
                Self::Eol(eol) if !end.is_empty() => out.extend_from_slice(match eol {
                    Eol::Lf => b"\n",
                    Eol::Cr => b"\r",
                    Eol::None => b"",
                }),
                _ => out.extend_from_slice(end),
            }
            match self {
                Self::Duplicate(n) if n == line => out.extend_from_slice(whole),
                Self::Insert { below, text } if below == line => {
                    out.extend_from_slice(text);
                    out.extend_from_slice(b"\r\n");
                }
                _ => {}
            }
        }
        out
    }

    fn told(&self) -> String {
        match self {
            Self::Replace { find, .. } => format!("edited where {}", find.written()),
            Self::Drop(line) => format!("line {line} dropped"),
            Self::DropFound(find) => format!("lines dropped where {}", find.written()),
            Self::Duplicate(line) => format!("line {line} doubled"),
            Self::Insert { below, .. } => format!("a line inserted below {below}"),
            Self::Eol(Eol::Lf) => "lines end with LF".to_owned(),
            Self::Eol(Eol::Cr) => "lines end with CR".to_owned(),
            Self::Eol(Eol::None) => "lines do not end".to_owned(),
            Self::Pad { line, to } => format!("line {line} padded to {to} octets"),
        }
    }
}

/// Every place that is found gets the text; `$1` and `${name}` are not special.
fn replace(find: &Pattern, with: &[u8], line: &[u8], out: &mut Vec<u8>) {
    let Ok(mut rest) = std::str::from_utf8(line) else { return out.extend_from_slice(line) };
    while let Some(range) = find.find_in(rest) {
        out.extend_from_slice(&rest.as_bytes()[..range.start]);
        out.extend_from_slice(with);
        if range.is_empty() {
            break;
        }
        rest = &rest[range.end..];
    }
    out.extend_from_slice(rest.as_bytes());
}
