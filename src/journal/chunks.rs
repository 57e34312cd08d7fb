//! The message that a chunk of BDAT belongs to (RFC 3030 §2).

use super::{Description, Journal, RecordedTurn, SessionLog};
use crate::base::{MessageNo, Seq};
use crate::protocol::Event;

/// Maximum number of records to read after a chunk.
const MOST_AHEAD: usize = 4096;

/// The end of the message whose chunks were found last, and the message; `None` if it was not captured.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunks(Option<(Seq, Option<MessageNo>)>);

impl Chunks {
    /// The message that this chunk belongs to: the next one that was captured in its transaction.
    pub(super) fn message(
        &mut self,
        journal: &Journal,
        log: &SessionLog,
        turn: &RecordedTurn<'_>,
    ) -> Option<MessageNo> {
        let known = self.0.filter(|(end, _)| turn.exchange <= *end);
        let (_, message) = *self.0.insert(known.unwrap_or_else(|| end_of(journal, log, turn)));
        message
    }
}

/// Whether a chunk became a part of its message: the next one continues at its end. Otherwise a rule acknowledged it in
/// place of the server.
pub(super) fn is_kept(journal: &Journal, log: &SessionLog, turn: &RecordedTurn<'_>, end: u64) -> bool {
    let next = log.records.since(turn.exchange).take(MOST_AHEAD).find_map(|seq| {
        let Description::Turn(next) = journal.describe(seq, journal.get(seq)?) else { return None };
        next.detail.filter(|_| next.is_first && next.exchange > turn.exchange)?.before
    });
    turn.event().map(Event::as_smtp) == Some(Event::SmtpMessage) || next == Some(end)
}

/// The record that ends the message of this chunk, and the message.
fn end_of(journal: &Journal, log: &SessionLog, turn: &RecordedTurn<'_>) -> (Seq, Option<MessageNo>) {
    let mut end = turn.exchange;
    for seq in log.records.since(turn.exchange).take(MOST_AHEAD) {
        let Some(Description::Turn(turn)) = journal.get(seq).map(|record| journal.describe(seq, record)) else {
            continue;
        };
        end = seq;
        match turn.event().filter(|_| turn.is_first).map(Event::as_smtp) {
            Some(Event::SmtpMessage) => return (seq, journal.captured_in(log, &turn)),
            Some(Event::SmtpMail | Event::SmtpRset | Event::SmtpCaps | Event::SmtpHelo) => break,
            _ => {}
        }
    }
    (end, None)
}
