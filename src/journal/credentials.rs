//! What a session says where others read it: without passwords, also where the rest of a login is taken for a command.

use std::borrow::Cow;

use super::{Exchange, Journal, SessionLog};
use crate::base::Seq;
use crate::protocol::{Event, Status, is_login_line, is_verb_of, masked, without_words};

/// So many lines in a row that are not commands are looked back over for a login; what comes behind more is not shown.
const IN_A_ROW: usize = 16;

impl Journal {
    /// What was heard in an exchange and `said`, an answer of it, without what may be a password.
    pub(crate) fn readable<'a>(
        &self,
        log: &'a SessionLog,
        (seq, exchange): (Seq, &Exchange),
        said: &'a [u8],
    ) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
        let (event, line) = (exchange.event, log.heard(exchange.text));
        let is_hidden = self.may_be_of_login(log, seq);
        let heard = if is_hidden { b"***"[..].into() } else { masked(event, line) };
        // The answer may repeat the line.
        let is_repeated = event.is_unknown() && (is_hidden || matches!(heard, Cow::Owned(_)));
        (heard, if is_repeated { without_words(event, said, is_hidden) } else { said.into() })
    }

    /// Whether words of the line of an exchange may be credentials, whatever they stand for in a command.
    pub(crate) fn has_doubtful_words(&self, log: &SessionLog, seq: Seq) -> bool {
        let line = |its: &Exchange| is_login_line(its.event, log.heard(its.text));
        let is_odd_login = self.exchange_at(seq).is_some_and(|its| its.event.may_be_any() && line(its));
        is_odd_login || self.may_be_of_login(log, seq)
    }

    /// Whether the line of an exchange does not say what it is, and may be the rest of a login: it comes behind one that
    /// was refused or is not complete.
    pub(crate) fn may_be_of_login(&self, log: &SessionLog, seq: Seq) -> bool {
        let Some(exchange) = self.exchange_at(seq).filter(|its| its.event.may_be_any()) else { return false };
        let line = log.heard(exchange.text);
        if is_login_line(exchange.event, line) {
            return false;
        }
        let before = log.records.before(seq).rev().filter_map(|seq| self.exchange_at(seq));
        let asked = before.filter(|its| !its.event.is_unasked());
        for (n, its) in asked.enumerate() {
            if its.event.is_login() {
                let is_done = its.status == Some(Status::Positive) && its.event != Event::Pop3User;
                return !(is_done && is_verb_of(exchange.event, line));
            }
            if !its.event.may_be_any() {
                return false;
            }
            if n == IN_A_ROW || is_login_line(its.event, log.heard(its.text)) {
                return true;
            }
        }
        // What came before may be forgotten.
        log.began <= self.floor()
    }
}
