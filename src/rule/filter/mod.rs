//! What a rule does to the octets that it lets out: each filter takes what is said and says something else.
//!
//! Inside of one rule the order is always the same, whatever the order of its steps: parts of the response, lines,
//! their ends, writes, the cut.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;

use super::data::Parts;
use super::plan::{Cue, Pace};
use super::step::{CloseMode, CutPoint, Eol};
use crate::base::{Pattern, short};
use crate::protocol::{Author, Piece, Reply};

/// A filter at work.
#[derive(Debug)]
pub(super) enum Filter {
    Parts(Parts),
    Lines { edit: Lines, line: usize },
    Hold(Vec<Cue>),
    Split { at: Vec<usize>, seen: usize },
    Pace(Pace),
    Cut { place: CutPoint, end: CloseMode, seen: u64, dropped: u64, is_over: bool },
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

impl Filter {
    pub(super) fn lines(edit: Lines) -> Self {
        Self::Lines { edit, line: 0 }
    }

    pub(super) fn cut(place: CutPoint, end: CloseMode) -> Self {
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

    /// Whether it changes what is said, not only when and how far it leaves.
    pub(super) fn rewrites(&self) -> bool {
        matches!(self, Self::Parts(_) | Self::Lines { .. })
    }

    /// Takes what is said and says what becomes of it. Gives whether that is something else.
    pub(super) fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { mut bytes, pace, apart } = cue else {
            match self {
                // What is held leaves before the connection ends.
                Self::Hold(_) if !matches!(cue, Cue::Wait(_)) => {
                    let changed = self.finish(say);
                    say(cue);
                    return changed;
                }
                _ => say(cue),
            }
            return false;
        };
        let send = |bytes, pace, apart| Cue::Send { bytes, pace, apart };
        match self {
            Self::Parts(parts) => {
                let (bytes, changed) = parts.change(bytes);
                say(send(bytes, pace, apart));
                changed
            }
            Self::Lines { edit, line } => {
                let (bytes, changed) = edit.change(bytes, line);
                say(send(bytes, pace, apart));
                changed
            }
            Self::Hold(held) => {
                held.push(send(bytes, pace, apart));
                false
            }
            Self::Split { at, seen } => {
                // An end that fell together with the end of what was said before parts it from this.
                let mut changed = !bytes.is_empty() && at.contains(seen);
                for end in at.iter() {
                    if *end > *seen && *end - *seen < bytes.len() {
                        let head = bytes.take(*end - *seen);
                        *seen = *end;
                        changed = true;
                        say(send(head, pace, true));
                    }
                }
                *seen += bytes.len();
                // An end may fall together with the end of what is said now.
                let apart = apart || at.contains(seen);
                say(send(bytes, pace, apart));
                changed
            }
            Self::Pace(own) => {
                let both =
                    pace.map_or(*own, |inner| Pace { chunk: inner.chunk.min(own.chunk), gap: inner.gap + own.gap });
                let changed = bytes.len() > both.chunk;
                say(send(bytes, Some(both), apart));
                changed
            }
            Self::Cut { dropped, is_over: true, .. } => {
                *dropped += bytes.len() as u64;
                false
            }
            Self::Cut { place, end, seen, dropped, is_over } => {
                let at = match place {
                    CutPoint::At(at) => at.saturating_sub(*seen).min(u64::MAX / 2) as usize,
                    CutPoint::Before(pattern) => {
                        let octets: Vec<u8> = bytes.pieces().flatten().copied().collect();
                        found(pattern, &octets).unwrap_or(usize::MAX)
                    }
                };
                if at >= bytes.len() && !(at == bytes.len() && matches!(place, CutPoint::At(_))) {
                    *seen += bytes.len() as u64;
                    say(send(bytes, pace, apart));
                    return false;
                }
                let head = bytes.take(at);
                *seen += head.len() as u64;
                *dropped += bytes.len() as u64;
                *is_over = true;
                if !head.is_empty() {
                    say(send(head, pace, apart));
                }
                say(Cue::End(*end));
                true
            }
        }
    }

    /// The rule is done: what was held back is said. Gives whether it would have left otherwise.
    pub(super) fn finish(&mut self, say: &mut dyn FnMut(Cue)) -> bool {
        let Self::Hold(held) = self else { return false };
        if held.is_empty() {
            return false;
        }
        let mut changed = held.len() > 1;
        let mut whole = Reply::default();
        for cue in held.drain(..) {
            if let Cue::Send { bytes, pace, apart } = cue {
                changed |= apart || pace.is_some_and(|pace| bytes.len() > pace.chunk);
                whole.append(bytes);
            }
        }
        say(Cue::send(whole));
        changed
    }

    /// Whether it kept something from leaving.
    pub(super) fn has_cut(&self) -> bool {
        matches!(self, Self::Cut { is_over: true, dropped: 1.., .. })
    }

    /// What a report says was done.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Parts(parts) => parts.told(),
            Self::Lines { edit, .. } => edit.told(),
            Self::Hold(_) => "held for one write".to_owned(),
            Self::Split { at, .. } => {
                let at: Vec<String> = at.iter().map(usize::to_string).collect();
                format!("split behind {}", at.join(", "))
            }
            Self::Pace(Pace { chunk, gap }) => format!("pace {chunk}B/{}", short(*gap)),
            Self::Cut { end, seen, dropped, .. } => {
                format!("⟂ cut after {seen} of {} octets, {}", seen + dropped, end.name())
            }
        }
    }
}

/// Where it is found in octets, which are text for the most part.
fn found(pattern: &Pattern, octets: &[u8]) -> Option<usize> {
    pattern.find_in(&searchable(octets)).map(|range| range.start)
}

/// Octets as a text in which everything has the same place.
fn searchable(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // One character for each octet keeps the places.
        Err(_) => octets.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}

impl Lines {
    /// The reply with its lines changed, and whether any was. `line` counts the lines of this event's output.
    fn change(&self, reply: Reply, line: &mut usize) -> (Reply, bool) {
        let mut out = reply.anew();
        let mut lines: Vec<(Vec<u8>, Author)> = Vec::new();
        let mut changed = false;
        for piece in reply.into_pieces() {
            match piece {
                Piece::Text(text, author) => add_lines(&mut lines, &text, &author),
                // What is no line of its own belongs to the text around it.
                Piece::Labelled(_, octets, author) if !octets.contains(&b'\n') => {
                    add_lines(&mut lines, &octets, &author);
                }
                Piece::Labelled(label, octets, author) => {
                    changed |= self.change_lines(&mut lines, line, &mut out);
                    let new = self.change_text(&octets, line, &mut changed);
                    if new == *octets {
                        out.push_piece(Piece::Labelled(label, octets, author));
                    } else {
                        out.push_labelled(label, Bytes::from(new));
                    }
                }
            }
        }
        changed |= self.change_lines(&mut lines, line, &mut out);
        (out, changed)
    }

    /// What of a line stays at its beginning stays its author's.
    fn change_lines(&self, lines: &mut Vec<(Vec<u8>, Author)>, line: &mut usize, out: &mut Reply) -> bool {
        let mut changed = false;
        for (mut old, author) in lines.drain(..) {
            let new = self.change_text(&old, line, &mut changed);
            let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
            old.truncate(same);
            out.push_piece(Piece::Text(old, author));
            out.push_octets(&new[same..]);
        }
        changed
    }

    fn change_text(&self, text: &[u8], line: &mut usize, changed: &mut bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for whole in text.split_inclusive(|byte| *byte == b'\n') {
            *line += 1;
            let body = whole.strip_suffix(b"\r\n").or_else(|| whole.strip_suffix(b"\n")).unwrap_or(whole);
            let end = &whole[body.len()..];
            match self {
                Self::Replace { find, with } => *changed |= replace(find, with, body, &mut out),
                Self::Drop(n) if n == line => {
                    *changed = true;
                    continue;
                }
                Self::DropFound(find) if found(find, body).is_some() => {
                    *changed = true;
                    continue;
                }
                Self::Pad { line: n, to } if n == line => {
                    *changed |= body.len() < *to;
                    out.extend_from_slice(body);
                    out.resize(out.len() + to.saturating_sub(body.len()), b'x');
                }
                _ => out.extend_from_slice(body),
            }
            match self {
                Self::Eol(eol) if !end.is_empty() => {
                    let new: &[u8] = match eol {
                        Eol::Lf => b"\n",
                        Eol::Cr => b"\r",
                        Eol::None => b"",
                    };
                    *changed |= new != end;
                    out.extend_from_slice(new);
                }
                _ => out.extend_from_slice(end),
            }
            match self {
                Self::Duplicate(n) if n == line => {
                    *changed = true;
                    out.extend_from_slice(whole);
                }
                Self::Insert { below, text } if below == line => {
                    *changed = true;
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

/// Adds text to lines of which the last may have no end yet; who wrote any of a line wrote it.
fn add_lines(lines: &mut Vec<(Vec<u8>, Author)>, text: &[u8], author: &Author) {
    for more in text.split_inclusive(|byte| *byte == b'\n') {
        match lines.last_mut() {
            Some((line, its)) if !line.ends_with(b"\n") => {
                line.extend_from_slice(more);
                *its = its.take().or_else(|| author.clone());
            }
            _ => lines.push((more.to_vec(), author.clone())),
        }
    }
}

/// Every place that is found in the whole line gets the text; `$1` and `${name}` are not special. Gives whether there
/// was one.
fn replace(find: &Pattern, with: &[u8], line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut from = 0;
    let places = find.find_all(&searchable(line));
    let found = !places.is_empty();
    for range in places {
        out.extend_from_slice(&line[from..range.start]);
        out.extend_from_slice(with);
        from = range.end;
    }
    out.extend_from_slice(&line[from..]);
    found
}
