//! Changes the lines of a reply. Unchanged parts of a line keep their author and label.

use bytes::Bytes;

use crate::protocol::{Author, Piece, Reply};

/// A line of the output.
pub(in crate::rule) struct Line<'l> {
    /// Its number in the output of this event, from 1.
    pub(in crate::rule) no: usize,
    pub(in crate::rule) body: &'l [u8],
    /// CRLF, LF, or nothing.
    pub(in crate::rule) end: &'l [u8],
}

/// Writes the new form of a line. Returns whether it differs.
pub(in crate::rule) type Edit<'e> = &'e mut dyn FnMut(Line<'_>, &mut Vec<u8>) -> bool;

/// The reply with its lines changed, and whether any was. `said` counts the lines of this event's output.
pub(in crate::rule) fn each_line(reply: Reply, said: &mut usize, edit: Edit<'_>) -> (Reply, bool) {
    let mut lines = Lines { said, edit, changed: false };
    let mut out = reply.empty_like();
    let mut open: Vec<(Vec<u8>, Author)> = Vec::new();
    for piece in reply.into_pieces() {
        match piece {
            Piece::Text(text, author) => add(&mut open, &text, &author),
            // A labelled piece within a line belongs to the text around it.
            Piece::Labelled(_, octets, author) if !octets.contains(&b'\n') => add(&mut open, &octets, &author),
            Piece::Labelled(label, octets, author) => {
                lines.change_lines(&mut open, &mut out);
                let new = lines.change(&octets);
                if new == *octets {
                    out.push_piece(Piece::Labelled(label, octets, author));
                } else {
                    out.push_labelled(label, Bytes::from(new));
                }
            }
        }
    }
    lines.change_lines(&mut open, &mut out);
    (out, lines.changed)
}

struct Lines<'e> {
    said: &'e mut usize,
    edit: Edit<'e>,
    changed: bool,
}

impl Lines<'_> {
    /// The unchanged beginning of a line keeps its author.
    fn change_lines(&mut self, lines: &mut Vec<(Vec<u8>, Author)>, out: &mut Reply) {
        for (mut old, author) in lines.drain(..) {
            let new = self.change(&old);
            let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
            old.truncate(same);
            out.push_piece(Piece::Text(old, author));
            out.push_octets(&new[same..]);
        }
    }

    fn change(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for whole in text.split_inclusive(|byte| *byte == b'\n') {
            *self.said += 1;
            let body = whole.strip_suffix(b"\r\n").or_else(|| whole.strip_suffix(b"\n")).unwrap_or(whole);
            let line = Line { no: *self.said, body, end: &whole[body.len()..] };
            self.changed |= (self.edit)(line, &mut out);
        }
        out
    }
}

/// Adds text to lines; the last may be incomplete. The author of any part of a line is the author of the line.
fn add(lines: &mut Vec<(Vec<u8>, Author)>, text: &[u8], author: &Author) {
    for more in text.split_inclusive(|byte| *byte == b'\n') {
        match lines.last_mut() {
            Some((line, its)) if !line.ends_with(b"\n") => {
                line.extend_from_slice(more);
                *its = its.take().or_else(|| author.clone());
            }
            Some(_) | None => lines.push((more.to_vec(), author.clone())),
        }
    }
}
