//! IDLE (RFC 2177).

use super::{Answer, Imap, Mode, Progress, Refusal};
use crate::protocol::{MailTxn, Reply};

impl Imap {
    pub(super) fn idle(&mut self, tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        out.push("+ idling\r\n");
        self.mode = Mode::Idle(tag.into());
        txn.idle(true);
        Ok(Progress::Continuation)
    }

    /// The line that ends it; anything but DONE ends it too, and is an error.
    pub(super) fn end_idle(&mut self, line: &[u8], txn: &mut MailTxn<'_>) -> Answer {
        txn.idle(false);
        match line.eq_ignore_ascii_case(b"DONE") {
            true => Ok(Progress::Done("IDLE is over".to_owned())),
            false => Err(Refusal::bad("DONE ends IDLE, and nothing else does")),
        }
    }
}
