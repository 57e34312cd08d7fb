//! The lines of a session around the one that explains a failure, each with its author.

use std::fmt::Write;
use std::ops::Range;

use super::Failure;
use crate::base::{Seq, SessionNo};
use crate::journal::{Journal, RecordedTurn, SessionLog, Stalled, Trace};
use crate::protocol::{Written, masked};
use crate::rule::{MissReason, Mounted, Rulebook, Watch, Watched};

/// Number of lines to show before and after the one that explains a failure.
const AROUND: usize = 4;
/// Maximum number of sessions to show.
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
    /// The author: `default`, rules, or both.
    pub(super) by: Option<String>,
    pub(super) shaped: Vec<String>,
    /// How this line explains one failure or several.
    pub(super) mark: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) exchange: Seq,
}

/// Every line of a session, with its author.
fn lines(journal: &Journal, log: &SessionLog) -> Vec<Line> {
    let mut all = Vec::new();
    journal.turns(log.records.iter()).for_each(|turn| push_turn(&mut all, journal, log, &turn));
    all
}

/// The lines of one turn.
pub(super) fn push_turn(all: &mut Vec<Line>, journal: &Journal, log: &SessionLog, turn: &RecordedTurn<'_>) {
    let RecordedTurn { exchange, first: Some(first), heard, said, .. } = *turn else { return };
    let (line, said) = journal.readable(log, (exchange, first), said);
    if turn.is_awaited {
        let is_hidden = journal.may_be_of_login(log, exchange);
        let line = if is_hidden { b"***"[..].into() } else { masked(first.event, heard) };
        push_heard(all, &line, exchange);
    } else if let Some(no) = turn.is_first.then(|| journal.captured_in(log, turn)).flatten() {
        push_heard(all, format!("<{no}>").as_bytes(), exchange);
    } else if turn.is_first && !first.event.is_unasked() {
        push_heard(all, &line, exchange);
    }
    push_said(all, &said, turn.octets_heard(), turn.trace(), exchange);
}

/// The last line is recorded without its CRLF. Another line end is part of the line and is shown.
fn push_heard(all: &mut Vec<Line>, text: &[u8], exchange: Seq) {
    let last = memchr::memmem::rfind(text, b"\r\n").map_or(0, |at| at + 2);
    for line in text[..last].split_inclusive(|byte| *byte == b'\n') {
        push(all, 'C', line.strip_suffix(b"\n").unwrap_or(line), None, None, exchange);
    }
    push(all, 'C', &text[last..], None, None, exchange);
}

/// `at` is the position of this text in the text of its exchange, as in `trace.written`.
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

/// The author of this line: `default`, rules, or both.
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

/// A line with control characters made visible, and shortened if it is long.
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

/// The exchange that explains a failure, or a record behind it, and how; the last line of the session if there is none.
struct Mark {
    session: SessionNo,
    at: Option<Seq>,
    text: String,
}

/// The sessions that explain failures, each with the lines around the exchange.
pub(super) fn windows(
    rules: &[&Mounted],
    watches: &[&Watch],
    failures: &[Failure],
    book: &Rulebook,
    journal: &Journal,
) -> Vec<Window> {
    let of_rules = rules.iter().filter_map(|mounted| rule_mark(mounted, book, journal));
    let of_failures = failures.iter().filter_map(|failure| {
        Some(Mark { session: failure.session?, at: Some(failure.seq), text: failure.text.clone() })
    });
    let of_watches = watches.iter().flat_map(|watch| watch_marks(watch));
    let mut sessions: Vec<(&SessionLog, Vec<Mark>)> = Vec::new();
    for mark in of_rules.chain(of_failures).chain(of_watches) {
        if let Some((_, marks)) = sessions.iter_mut().find(|(log, _)| log.no == mark.session) {
            marks.push(mark);
        } else if sessions.len() < SHOWN {
            sessions.extend(journal.session(mark.session).map(|log| (log, vec![mark])));
        }
    }
    sessions.into_iter().map(|(log, marks)| window(journal, log, marks)).collect()
}

/// Where a rule nearly fired, or last fired.
fn rule_mark(mounted: &Mounted, book: &Rulebook, journal: &Journal) -> Option<Mark> {
    let id = &mounted.rule.id;
    let misses = book.near(mounted);
    let Some(near) = misses.first() else {
        let seq = *mounted.fires.last()?;
        let session = journal.get(seq)?.session?;
        return Some(Mark { session, at: Some(seq), text: format!("rule `{id}` fired here") });
    };
    let text = match near.reason {
        MissReason::NoEffect(_) => format!("rule `{id}` changed nothing here"),
        MissReason::UsedUp(_)
        | MissReason::Lost(_)
        | MissReason::Disabled
        | MissReason::Declined
        | MissReason::Shadowed(_)
        | MissReason::False { .. } => format!("expected rule `{id}` here"),
    };
    Some(Mark { session: near.session?, at: near.exchange, text })
}

/// Where an expectation counted, where it was nearly met, and where an event of its sequence was out of order.
fn watch_marks(watch: &Watch) -> impl Iterator<Item = Mark> {
    let id = &watch.expect.id;
    let mark = |its: &Watched, text| Some(Mark { session: its.session?, at: its.exchange, text });
    let counted = watch.counted.iter().filter_map(move |its| mark(&its.its, format!("counted for `{id}`")));
    let nearest = watch.nearest().and_then(|near| mark(&near.its, format!("expected `{id}`")));
    let misplaced = watch.misplaced().min_by_key(|its| its.index).and_then(|misplaced| {
        let when = if misplaced.is_late { "late" } else { "early" };
        mark(&misplaced.its, format!("too {when} for `{id}`"))
    });
    counted.chain(nearest).chain(misplaced)
}

/// The lines of a session around each of its marks.
fn window(journal: &Journal, log: &SessionLog, marks: Vec<Mark>) -> Window {
    let mut all = lines(journal, log);
    let mut marked = Vec::new();
    for Mark { at, text, .. } in marks {
        // The last line of an exchange is its reply.
        let line = at.and_then(|at| all.iter().rposition(|line| line.exchange <= at));
        let at = line.unwrap_or(all.len().saturating_sub(1));
        if let Some(line) = all.get_mut(at) {
            marked.push(at);
            match &mut line.mark {
                Some(mark) if mark.split("; ").any(|its| its == text) => {}
                Some(mark) => *mark += &format!("; {text}"),
                None => line.mark = Some(text),
            }
        }
    }
    marked.sort_unstable();
    let mut marked = marked.into_iter().peekable();
    let near = all.into_iter().enumerate().filter(|(at, _)| {
        while marked.next_if(|its| its + AROUND < *at).is_some() {}
        marked.peek().is_some_and(|its| *its <= at + AROUND)
    });
    Window { session: log.no, heading: heading(log), lines: near.map(|(_, line)| line).collect() }
}

fn heading(log: &SessionLog) -> String {
    let facts = log.facts();
    let ending = match facts.ended {
        Some((_, ending)) => ending.to_string(),
        None => "still open".to_owned(),
    };
    format!("{}, {} → {}; {ending}", log.no, facts.peer.ip().to_canonical(), facts.listener)
}
