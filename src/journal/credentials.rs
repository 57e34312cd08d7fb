//! The text of a session without passwords, for reports. Also hides the rest of a login that the server took for a
//! command.

use std::borrow::Cow;

use super::{Exchange, Journal, SessionLog};
use crate::base::Seq;
use crate::protocol::{Event, Status, is_bare_command, is_login_line, is_verb_of, masked, without_words};

/// How many lines in a row that are not commands may follow a login before the search for the login ends. Later such
/// lines are hidden.
const IN_A_ROW: usize = 16;

impl Journal {
    /// The client's text of an exchange and `said`, a reply of it, without what may be a password.
    pub(crate) fn readable<'a>(
        &self,
        log: &'a SessionLog,
        (seq, exchange): (Seq, &Exchange),
        said: &'a [u8],
    ) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
        let (event, line) = (exchange.event, log.heard(exchange.text));
        let is_hidden = self.may_be_of_login(log, seq);
        let heard = if is_hidden { b"***"[..].into() } else { masked(event, line) };
        // The reply may repeat the line.
        let is_repeated = event.is_unknown() && (is_hidden || matches!(heard, Cow::Owned(_)));
        (heard, if is_repeated { without_words(event, said, is_hidden) } else { said.into() })
    }

    /// Whether words in the line of an exchange may be credentials although the line is not a valid login command.
    pub(crate) fn has_doubtful_words(&self, log: &SessionLog, seq: Seq) -> bool {
        let line = |its: &Exchange| is_login_line(its.event, log.heard(its.text));
        let is_odd_login = self.exchange_at(seq).is_some_and(|its| its.event.may_be_any() && line(its));
        is_odd_login || self.may_be_of_login(log, seq)
    }

    /// Whether the line of an exchange may be the rest of a login: it is not a known command, and the login before it was
    /// refused or is incomplete.
    pub(crate) fn may_be_of_login(&self, log: &SessionLog, seq: Seq) -> bool {
        self.exchange_at(seq).is_some_and(|its| self.may_go_on(log, seq, its.event, log.heard(its.text)))
    }

    /// The same for a line that is not recorded yet.
    pub(crate) fn may_go_on_with_login(&self, log: &SessionLog, event: Event, line: &[u8]) -> bool {
        self.may_go_on(log, Seq(self.tip().0 + 1), event, line)
    }

    fn may_go_on(&self, log: &SessionLog, seq: Seq, event: Event, line: &[u8]) -> bool {
        if !event.may_be_any() || is_login_line(event, line) || is_bare_command(event, line) {
            return false;
        }
        let before = log.records.before(seq).rev().filter_map(|seq| self.exchange_at(seq));
        let asked = before.filter(|its| !its.event.is_unasked());
        for (n, its) in asked.enumerate() {
            if its.event.is_login() {
                let is_done = its.status == Some(Status::Positive) && its.event != Event::Pop3User;
                return !(is_done && is_verb_of(event, line));
            }
            if !its.event.may_be_any() || is_bare_command(its.event, log.heard(its.text)) {
                return false;
            }
            if n == IN_A_ROW || is_login_line(its.event, log.heard(its.text)) {
                return true;
            }
        }
        // The login may be in records that were evicted.
        log.began <= self.floor()
    }
}
