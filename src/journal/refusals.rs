//! The requests of a session that were refused.

use super::{Exchange, Journal, RecordedTurn, SessionLog};
use crate::base::Seq;
use crate::protocol::{Event, Status};

/// A line, without its password, and the reply that refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) line: String,
    pub(crate) reply: String,
}

/// An exchange, and the status of the last part of its reply.
struct Answer<'j> {
    seq: Seq,
    exchange: &'j Exchange,
    status: Option<Status>,
    said: &'j [u8],
}

impl Journal {
    /// The lines of a session that were refused.
    pub(crate) fn refused(&self, log: &SessionLog) -> Vec<Refused> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let refused = self.answers(log).into_iter().filter(|answer| answer.status == Some(Status::Negative));
        let refused = refused.map(|Answer { seq, exchange, said, .. }| {
            let (heard, said) = self.readable(log, (seq, exchange), said);
            let line = if heard.is_empty() { exchange.event.name().to_owned() } else { text(&heard) };
            Refused { line, reply: text(&said) }
        });
        refused.collect()
    }

    /// The status of each exchange of a session, in order.
    fn answers<'j>(&'j self, log: &'j SessionLog) -> Vec<Answer<'j>> {
        let mut answers: Vec<Answer<'j>> = Vec::new();
        for RecordedTurn { exchange: seq, first, is_first, status, said, .. } in self.turns(log.records.iter()) {
            if let (true, Some(exchange)) = (is_first, first) {
                answers.push(Answer { seq, exchange, status, said });
            } else if let Some(answer) = answers.iter_mut().rfind(|answer| answer.seq == seq)
                && status.is_some()
                && !(answer.exchange.event == Event::LmtpMessage && answer.status == Some(Status::Negative))
            {
                (answer.status, answer.said) = (status, said);
            }
        }
        answers
    }
}
