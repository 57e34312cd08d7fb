//! The lines of a session around the one that decides, each with who said it.

use std::fmt::Write;
use std::ops::Range;

use super::Failure;
use crate::base::{Seq, SessionNo};
use crate::journal::{Journal, RecordedTurn, SessionLog, Stalled, Trace};
use crate::protocol::{Written, masked};
use crate::rule::{MissReason, Mounted, Rulebook, Watch};

/// Lines of a transcript before and behind the one that decides.
const AROUND: usize = 4;
/// Failures that are shown with their transcript.
const SHOWN: usize = 5;

/// The lines around one exchange.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Window {
    pub(super) session: SessionNo,
    pub(super) heading: String,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) who: char,
    pub(super) text: String,
    /// `default`, or the rules that wrote it, or both.
    pub(super) by: Option<String>,
    pub(super) shaped: Vec<String>,
    /// Why this line decides.
    pub(super) mark: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) exchange: Seq,
}

/// Every line of a session, and who said it.
pub(super) fn lines(journal: &Journal, log: &SessionLog) -> Vec<Line> {
    let mut all = Vec::new();
    for turn in journal.turns(log.records.iter()) {
        let RecordedTurn { exchange, first: Some(first), heard, said, .. } = turn else { continue };
        let (line, said) = journal.readable(log, (exchange, first), said);
        if turn.is_awaited {
            let is_hidden = journal.may_be_of_login(log, exchange);
            let line = if is_hidden { b"***"[..].into() } else { masked(first.event, heard) };
            push_heard(&mut all, &line, exchange);
        } else if let Some(no) = turn.captured().filter(|_| turn.is_first) {
            push_heard(&mut all, format!("<{no}>").as_bytes(), exchange);
        } else if turn.is_first && !first.event.is_unasked() {
            push_heard(&mut all, &line, exchange);
        }
        push_said(&mut all, &said, turn.octets_heard(), turn.trace(), exchange);
    }
    all
}

/// The last line is recorded without its CRLF; another end stands in it, and is shown.
fn push_heard(all: &mut Vec<Line>, text: &[u8], exchange: Seq) {
    let last = memchr::memmem::rfind(text, b"\r\n").map_or(0, |at| at + 2);
    for line in text[..last].split_inclusive(|byte| *byte == b'\n') {
        push(all, 'C', line.strip_suffix(b"\n").unwrap_or(line), None, None, exchange);
    }
    push(all, 'C', &text[last..], None, None, exchange);
}

/// `at` is the place of this text in the text of its exchange, which those who wrote it go by.
fn push_said(all: &mut Vec<Line>, text: &[u8], mut at: u32, trace: Option<&Trace>, exchange: Seq) {
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n').filter(|_| !text.is_empty()) {
        let end = at + line.len() as u32;
        push(all, 'S', line, Some(authors(trace, at..end)), trace, exchange);
        at = end + 1;
    }
    if let Some(Stalled { by, .. }) = trace.and_then(|trace| trace.stalled.as_ref()) {
        let line = format!("(nothing: stalled by rule `{by}`)");
        push(all, 'S', line.as_bytes(), Some(by.to_string()), trace, exchange);
    }
}

fn push(all: &mut Vec<Line>, who: char, line: &[u8], by: Option<String>, trace: Option<&Trace>, exchange: Seq) {
    let shaped = trace.map_or(&[][..], |trace| &trace.shaped);
    let shaped = shaped.iter().map(|(what, by)| format!("{what} by `{by}`")).collect();
    let text = visible(line.strip_suffix(b"\r").unwrap_or(line));
    all.push(Line { number: all.len() + 1, who, text, by, shaped, mark: None, exchange });
}

/// Who wrote this line: `default`, or rules, or both.
fn authors(trace: Option<&Trace>, line: Range<u32>) -> String {
    let written = trace.map_or(&[][..], |trace| &trace.written);
    let its = written.iter().filter(|its| its.range.end > line.start && its.range.start < line.end);
    let (mut all, mut octets): (Vec<&str>, _) = (Vec::new(), 0);
    for Written { range, by } in its {
        octets += range.end.min(line.end) - range.start.max(line.start);
        if !all.contains(&&**by) {
            all.push(by);
        }
    }
    if octets < line.end - line.start || all.is_empty() {
        all.insert(0, "default");
    }
    all.join(", ")
}

/// What a line says, with everything visible, and not at any length.
fn visible(line: &[u8]) -> String {
    const MOST: usize = 160;
    let mut out = String::new();
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => out.push('␍'),
                '\n' => out.push('␊'),
                c if c.is_control() => {
                    let _infallible = write!(out, "\\x{:02x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(out, "\\x{byte:02x}");
        }
    }
    match out.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}… ({} octets)", &out[..at], line.len()),
        None => out,
    }
}

/// The sessions that decide, each with the lines around what decided.
pub(super) fn windows(
    rules: &[&Mounted],
    watches: &[&Watch],
    failures: &[Failure],
    book: &Rulebook,
    journal: &Journal,
) -> Vec<Window> {
    let mut marks: Vec<(SessionNo, Option<Seq>, String)> = Vec::new();
    for mounted in rules {
        let id = &mounted.rule.id;
        match book.near(mounted).first() {
            Some(near) => {
                if let Some(session) = near.session {
                    let mark = match near.reason {
                        MissReason::NoEffect(_) => format!("rule `{id}` changed nothing here"),
                        MissReason::UsedUp(_)
                        | MissReason::Lost(_)
                        | MissReason::Disabled
                        | MissReason::Shadowed(_)
                        | MissReason::False { .. } => format!("expected rule `{id}` here"),
                    };
                    marks.push((session, near.exchange, mark));
                }
            }
            None => {
                let fired = mounted.fires.last().and_then(|seq| Some((journal.get(*seq)?.session?, *seq)));
                marks.extend(fired.map(|(session, seq)| (session, Some(seq), format!("rule `{id}` fired here"))));
            }
        }
    }
    for failure in failures {
        marks.extend(failure.session.map(|session| (session, None, failure.text.clone())));
    }
    for watch in watches {
        if let Some((session, ..)) = &watch.nearest {
            marks.push((*session, None, format!("expected `{}`", watch.expect.id)));
        }
        let misplaced = watch.misplaced().min_by_key(|its| its.index);
        marks.extend(misplaced.and_then(|its| {
            let when = if its.is_late { "late" } else { "early" };
            Some((its.session?, its.exchange, format!("too {when} for `{}`", watch.expect.id)))
        }));
    }
    let mut windows: Vec<Window> = Vec::new();
    for (session, exchange, mark) in marks {
        if windows.len() == SHOWN || windows.iter().any(|window| window.session == session) {
            continue;
        }
        let Some(log) = journal.session(session) else { continue };
        let mut all = lines(journal, log);
        // The last line of the exchange is what was said.
        let decisive = exchange.and_then(|exchange| all.iter().rposition(|line| line.exchange == exchange));
        let at = decisive.unwrap_or(all.len().saturating_sub(1));
        if let Some(line) = all.get_mut(at) {
            line.mark = Some(mark);
        }
        let from = at.saturating_sub(AROUND);
        let lines: Vec<Line> = all.into_iter().skip(from).take(2 * AROUND + 1).collect();
        windows.push(Window { session, heading: heading(log), lines });
    }
    windows
}

fn heading(log: &SessionLog) -> String {
    let facts = log.facts();
    let ending = match facts.ended {
        Some((_, ending)) => ending.to_string(),
        None => "still open".to_owned(),
    };
    format!("{}, {} → {}; {ending}", log.no, facts.peer.ip().to_canonical(), facts.listener)
}
