//! A session as text: `C:` for the client's lines, `S:` for the server's, `--` for other events.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::chunks::{self, Chunks};
use super::record::Label;
use super::{Description, Ending, Gone, Journal, Left, Less, Noted, RecordedTurn, SessionLog, Stalled, Weight};
use crate::base::{MessageNo, Seq, SessionNo, braced, visible};
use crate::mail::Message;
use crate::protocol::{Event, Labelled, Listener};

/// One session or several as text, each line in the order of the journal. Returned by [`MailServer::transcript`].
///
/// ```text
/// S: 220 localhost ESMTP mailjig
/// C: EHLO client.example
/// …
/// C: <m1>
/// S: 250 2.0.0 Ok: queued as m1
/// C: QUIT
/// S: 221 2.0.0 Bye
/// ```
///
/// The server's part is the same in every run, so a transcript can be a snapshot: a captured body prints as its
/// message's number, and an orderly end prints nothing. A line after `C:` or `S:` ended with CRLF. `C|` and `S|`
/// precede raw octets with their line end, if any: `C| NOOP\n` is a line that ended with a bare LF, `S| 250 2.` was cut
/// off, and octets that are not text print as `\xff`. `{{name}` is the text `{name}`: in a script, `{name}` is a
/// variable. `TLS` is the handshake after STARTTLS. Lines after `--` describe other events.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "));
/// server.settled().block();
/// let text = server.transcript().to_string();
/// assert!(text.starts_with("S: 220 localhost ESMTP mailjig\nC: NOOP\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`MailServer::transcript`]: crate::MailServer::transcript
#[derive(Debug, Clone, Default)]
pub struct Transcript(Vec<Part>);

/// Maximum number of records, and of octets, to read in one piece.
const PORTION: usize = 256;
const PORTION_OCTETS: usize = 1 << 20;

#[derive(Debug, Clone)]
struct Part {
    session: SessionNo,
    listener: Listener,
    /// Whether it begins with the session.
    is_begin: bool,
    lines: Vec<Line>,
    chunks: Chunks,
}

#[derive(Debug, Clone)]
enum Line {
    /// The first octets of an incomplete request.
    Begun(Vec<u8>),
    /// Octets that one side sent, with labels in them.
    Said(char, Vec<u8>, Vec<Labelled>),
    /// A body, and its lines with odd dots.
    Body(Message, Option<Arc<[u32]>>),
    /// A chunk: these octets of a message.
    Chunk(Message, Range<usize>),
    /// A discarded body, or chunk of one, of this many octets.
    Dropped(u64),
    /// A body that is not kept any more.
    Evicted(MessageNo),
    /// The beginning of a line that was too long, and the number of its octets.
    TooLong(Vec<u8>, u64),
    Tls,
    /// How the server closed the connection, unless the client asked for it.
    Closed(Box<str>),
    Direction(String),
}

impl Transcript {
    pub(crate) fn of<'a>(journal: &Journal, logs: impl Iterator<Item = &'a SessionLog>) -> Self {
        Self(logs.map(|log| Part::of(journal, log)).collect())
    }

    /// The last records of a session's transcript: about this many octets, but at least one record.
    pub(crate) fn tail(journal: &Journal, log: &SessionLog, octets: usize) -> Self {
        let (mut tail, mut read) = (Part::new(log, false), 0);
        let mut parts = Vec::new();
        for seq in log.records.since(Seq::default()).rev().take(PORTION) {
            let mut part = Part::new(log, false);
            part.record(journal, seq, false);
            read += part.octets();
            parts.push(part.lines);
            if read > octets {
                break;
            }
        }
        tail.lines = parts.into_iter().rev().flatten().collect();
        Self(vec![tail])
    }

    /// A portion of a session's transcript from record `from` on; and the first record that was not read. Lets readers
    /// release the lock in between. Fails if that record was evicted meanwhile.
    pub(crate) fn portion(journal: &Journal, log: &SessionLog, from: Seq) -> Result<(Self, Option<Seq>), Gone> {
        let is_begin = from == Seq::default();
        if !is_begin && from <= journal.floor() {
            return Err(Gone { first: Seq(journal.floor().0 + 1) });
        }
        let mut part = Part::new(log, is_begin);
        let (mut places, mut read) = (log.records.since(from).peekable(), 0);
        while let Some(seq) = places.next_if(|_| read < PORTION && part.octets() <= PORTION_OCTETS) {
            part.record(journal, seq, is_begin);
            read += 1;
        }
        let next = places.peek().copied();
        if next.is_none() {
            part.finish(log);
        }
        Ok((Self(vec![part]), next))
    }

    /// Adds a further portion: of the last session, or the first one of another session.
    pub(crate) fn extend(&mut self, Self(parts): Self) {
        for part in parts {
            match self.0.last_mut() {
                Some(last) if last.session == part.session => last.lines.extend(part.lines),
                Some(_) | None => self.0.push(part),
            }
        }
    }

    /// The transcript with the bodies in place, line by line as sent, with the client's dot-stuffing: the text of a
    /// `.session` file, with a head that names the listener. The transcript of one session can be played as a
    /// [script](crate::manual::scenarios). If a message has more than 65,536 lines with wrong dot-stuffing, the rest is
    /// shown with correct dot-stuffing.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("221 "));
    /// assert!(server.transcript().verbatim().contains("C: Subject: x\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn verbatim(&self) -> String {
        let mut text = String::new();
        let _infallible = self.write(&mut text, true);
        text
    }

    fn write(&self, out: &mut impl fmt::Write, verbatim: bool) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            if self.0.len() > 1 {
                let gap = if i == 0 { "" } else { "\n" };
                writeln!(out, "{gap}-- {} {}", part.session, part.listener)?;
            }
            if verbatim && part.is_begin {
                writeln!(out, "# listener = {}\n---", part.listener)?;
            }
            for line in &part.lines {
                match line {
                    // What was not recorded can be anything.
                    Line::Dropped(octets) if verbatim => writeln!(out, "-- {octets} octets, not recorded\nC.")?,
                    Line::Evicted(no) if verbatim => writeln!(out, "-- <{no}>, not kept\nC.")?,
                    Line::TooLong(_, octets) if verbatim => {
                        writeln!(out, "-- {octets} octets, not recorded completely\nC*")?
                    }
                    Line::Said(who, text, labelled) if verbatim => {
                        write_lines(out, *who, &spelled_out(text, labelled))?
                    }
                    Line::Said(who, text, _) => write_lines(out, *who, text)?,
                    Line::Body(message, odd_dots) if verbatim => {
                        write_body(out, message.raw(), odd_dots.as_deref().unwrap_or_default())?
                    }
                    Line::Body(message, _) => writeln!(out, "C: <{}>", message.no())?,
                    Line::Chunk(message, octets) if verbatim => write_lines(out, 'C', &message.raw()[octets.clone()])?,
                    Line::Chunk(message, octets) if octets.len() == message.raw().len() => {
                        writeln!(out, "C: <{}>", message.no())?
                    }
                    Line::Chunk(message, octets) => writeln!(out, "C: <{} octets of {}>", octets.len(), message.no())?,
                    Line::Begun(octets) => write_octets(out, 'C', octets)?,
                    Line::Dropped(octets) => writeln!(out, "C: <{octets} octets, not recorded>")?,
                    Line::Evicted(no) => writeln!(out, "C: <{no}>")?,
                    Line::TooLong(start, octets) => {
                        write_lines(out, 'C', start)?;
                        writeln!(out, "-- that line had {octets} octets; the rest was not recorded")?;
                    }
                    Line::Tls => writeln!(out, "TLS")?,
                    Line::Closed(mode) if verbatim => writeln!(out, "X: {mode}")?,
                    // A comment says it.
                    Line::Closed(_) => {}
                    Line::Direction(text) => writeln!(out, "-- {text}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl Part {
    fn of(journal: &Journal, log: &SessionLog) -> Self {
        let mut part = Self::new(log, true);
        for seq in log.records.iter() {
            part.record(journal, seq, true);
        }
        part.finish(log);
        part
    }

    fn new(log: &SessionLog, is_begin: bool) -> Self {
        Self { session: log.no, listener: log.facts().listener, is_begin, lines: Vec::new(), chunks: Chunks::default() }
    }

    /// The octets of the lines.
    fn octets(&self) -> usize {
        let octets = self.lines.iter().map(|line| match line {
            Line::Said(_, text, labelled) => text.len() + labelled.iter().map(|its| its.octets.len()).sum::<usize>(),
            Line::Body(message, _) => message.raw().len(),
            Line::Chunk(_, octets) => octets.len(),
            Line::Begun(octets) | Line::TooLong(octets, _) => octets.len(),
            Line::Dropped(_) | Line::Evicted(_) | Line::Tls | Line::Closed(_) | Line::Direction(_) => 0,
        });
        octets.sum()
    }

    /// Adds a line if not everything was kept.
    fn finish(&mut self, log: &SessionLog) {
        if log.is_full() {
            self.direct("later lines were not recorded: the transcript of the session is over its limit".to_owned());
        }
    }

    /// Adds the lines of a record. TLS from the start of a session is not mentioned if the name of the listener says it.
    fn record(&mut self, journal: &Journal, seq: Seq, is_begin: bool) {
        let Some(record) = journal.get(seq) else { return };
        match journal.describe(seq, record) {
            Description::Turn(turn) => self.turn(journal, &turn),
            // A stall is mentioned where it begins.
            Description::Closed { left: Left::Less(less), .. } => {
                if let Less::Part { octets, of } = **less {
                    self.direct(format!("only {octets} of the {of} octets of this reply were sent"));
                }
            }
            Description::Noted(Noted { weight: Weight::Note | Weight::Webhook, by, text }) => {
                self.noted(by.as_deref(), "notes", text)
            }
            Description::Noted(Noted { weight: Weight::Failure, by, text }) => self.noted(by.as_deref(), "fails", text),
            Description::Cleartext { octets, is_executed } => {
                let what = if is_executed { "are executed under TLS" } else { "discarded" };
                self.direct(format!("{octets} octets were sent in cleartext after STARTTLS and {what}"));
            }
            Description::Proxied(proxied) => self.direct(proxied.to_string()),
            Description::Secured(_) if is_begin && self.lines.is_empty() && self.listener.implicit_tls() => {}
            Description::Secured(_) => self.lines.push(Line::Tls),
            Description::Unsecured(failure) => self.direct(failure.to_string()),
            Description::Ended { ended, first } => {
                if !first.is_empty() {
                    self.lines.push(Line::Begun(first.to_vec()));
                }
                if ended.unfinished > 0 {
                    self.direct(format!("{} octets of an incomplete request were lost", ended.unfinished));
                }
                self.end(ended.ending);
                let is_script = !matches!(ended.ending, Ending::Clean);
                self.lines.extend(ended.close.clone().filter(|_| is_script).map(Line::Closed));
            }
            Description::Closed { left: Left::All, .. }
            | Description::Noted(Noted { weight: Weight::State, .. })
            | Description::Opened(_)
            | Description::OAuth(_)
            | Description::Outside(_) => {}
        }
    }

    fn turn(&mut self, journal: &Journal, turn: &RecordedTurn<'_>) {
        let RecordedTurn { heard, said, is_first, is_awaited, place, .. } = *turn;
        if is_first {
            self.request(journal, turn);
        } else if is_awaited {
            self.heard(journal, heard, &[]);
        }
        self.say(journal, 'S', said.to_vec(), turn.labelled(), place.heard);
        if let Some(stalled) = turn.trace().and_then(|trace| trace.stalled.as_ref()) {
            self.stalled(stalled, place.said > 0);
        }
    }

    fn request(&mut self, journal: &Journal, turn: &RecordedTurn<'_>) {
        let octets = turn.detail.and_then(|detail| detail.octets);
        if let Some((octets, before)) = octets.zip(turn.detail.and_then(|detail| detail.before)) {
            return self.chunk(journal, turn, before, octets);
        }
        let is_message = turn.event().map(Event::as_smtp) == Some(Event::SmtpMessage);
        let log = journal.session(self.session);
        let captured = log.and_then(|log| journal.captured_in(log, turn));
        match (captured, octets) {
            (Some(no), _) => match journal.message(no) {
                Some(captured) => {
                    let odd_dots = turn.detail.and_then(|detail| detail.odd_dots.clone());
                    self.lines.push(Line::Body(captured.message.clone(), odd_dots));
                }
                None => self.lines.push(Line::Evicted(no)),
            },
            (None, Some(octets)) if is_message => self.lines.push(Line::Dropped(octets)),
            (None, Some(octets)) => self.lines.push(Line::TooLong(turn.heard.to_vec(), octets)),
            (None, None) if turn.event().is_some_and(Event::is_unasked) => {}
            (None, None) => self.heard(journal, turn.heard, turn.labelled()),
        }
    }

    /// Adds BDAT and its chunk. The message has its octets, if it was captured in the end.
    fn chunk(&mut self, journal: &Journal, turn: &RecordedTurn<'_>, before: u64, octets: u64) {
        self.heard(journal, turn.heard, &[]);
        if octets == 0 {
            return;
        }
        let end = before.saturating_add(octets);
        let log = journal.session(self.session).filter(|log| chunks::is_kept(journal, log, turn, end));
        let line = match log.and_then(|log| self.chunks.message(journal, log, turn)) {
            Some(no) => match journal.message(no) {
                Some(captured) => {
                    let range = before as usize..end as usize;
                    // A log may have been altered.
                    let is_part = captured.message.raw().get(range.clone()).is_some();
                    if is_part { Line::Chunk(captured.message.clone(), range) } else { Line::Dropped(octets) }
                }
                None => Line::Evicted(no),
            },
            None => Line::Dropped(octets),
        };
        self.lines.push(line);
    }

    fn noted(&mut self, by: Option<&str>, does: &str, text: &str) {
        let by = by.map_or("mailjig".to_owned(), |by| format!("rule `{by}`"));
        self.direct(format!("{by} {does}: {text}"));
    }

    /// Adds a line for a stalled reply.
    fn stalled(&mut self, stalled: &Stalled, has_said: bool) {
        let text = match (stalled.is_connection, has_said) {
            (true, _) => "the server sends nothing from here on",
            (false, false) => "the server never answers this",
            (false, true) => "the server sends nothing more in answer to this",
        };
        self.direct(text.to_owned());
    }

    /// The client's text is recorded without its final CRLF; any other line end is part of the text.
    fn heard(&mut self, journal: &Journal, text: &[u8], labelled: &[Label]) {
        let end = if text.ends_with(b"\n") { &b""[..] } else { b"\r\n" };
        self.say(journal, 'C', [text, end].concat(), labelled, 0);
    }

    /// `from` is the position of this text within the text of its exchange; labels use such positions.
    fn say(&mut self, journal: &Journal, who: char, text: Vec<u8>, labelled: &[Label], from: u32) {
        if text.is_empty() {
            return;
        }
        let here =
            labelled.iter().filter(|its| its.label.start >= from && (its.label.end - from) as usize <= text.len());
        // An evicted text is shown by its label.
        let here = here.filter_map(|Label { label, octets }| {
            Some(Labelled { label: label.start - from..label.end - from, octets: octets.get(&journal.messages)? })
        });
        let here = here.collect();
        self.lines.push(Line::Said(who, text, here));
    }

    fn end(&mut self, ending: Ending) {
        if !matches!(ending, Ending::Clean | Ending::Idle | Ending::TlsFailed | Ending::ProxyFailed) {
            self.direct(ending.to_string());
        }
    }

    fn direct(&mut self, text: String) {
        self.lines.push(Line::Direction(text));
    }
}

/// The text with its labels replaced by their content.
fn spelled_out(text: &[u8], labelled: &[Labelled]) -> Vec<u8> {
    let (mut out, mut from) = (Vec::new(), 0);
    for Labelled { label, octets } in labelled {
        out.extend_from_slice(&text[from..label.start as usize]);
        out.extend_from_slice(octets);
        from = label.end as usize;
    }
    out.extend_from_slice(&text[from..]);
    out
}

/// Text without CRLF at its end prints as octets.
fn write_lines(out: &mut impl fmt::Write, who: char, text: &[u8]) -> fmt::Result {
    let mut rest = text;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        write_line(out, who, &rest[..end])?;
        rest = &rest[end + 2..];
    }
    if rest.is_empty() { Ok(()) } else { write_octets(out, who, rest) }
}

/// `C: text` if the line is text, otherwise `C| bytes\r\n` with everything escaped.
fn write_line(out: &mut impl fmt::Write, who: char, bytes: &[u8]) -> fmt::Result {
    match std::str::from_utf8(bytes) {
        Ok("") => writeln!(out, "{who}:"),
        Ok(text) if !text.chars().any(char::is_control) => writeln!(out, "{who}: {}", braced(text)),
        _ => write_octets(out, who, &[bytes, b"\r\n"].concat()),
    }
}

/// `C| octets`, with everything escaped.
fn write_octets(out: &mut impl fmt::Write, who: char, octets: &[u8]) -> fmt::Result {
    writeln!(out, "{who}| {}", braced(&visible(octets)))
}

/// A body as it was sent: only CRLF ends a line, and a leading dot is doubled (RFC 5321 §4.5.2). Lines in `odd_dots` were
/// sent with one dot, whether they still have it or not.
fn write_body(out: &mut impl fmt::Write, raw: &[u8], odd_dots: &[u32]) -> fmt::Result {
    let (mut at, mut odd_dots) = (0, odd_dots.iter().peekable());
    while let Some(octets) = memchr::memmem::find(&raw[at..], b"\r\n") {
        let line = &raw[at..at + octets];
        let is_odd = odd_dots.next_if(|its| **its as usize == at).is_some();
        match line.first() == Some(&b'.') {
            has_dot if has_dot == is_odd => write_line(out, 'C', line)?,
            _ => write_line(out, 'C', &[b".", line].concat())?,
        }
        at += octets + 2;
    }
    write_line(out, 'C', b".")
}
