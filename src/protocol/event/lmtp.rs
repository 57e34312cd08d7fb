//! The events that LMTP shares with SMTP.

use super::Event;
use crate::protocol::Protocol;

/// The events of LMTP and the same events of SMTP: the commands are the same except LHLO (RFC 2033 §4).
const LMTP: &[(Event, Event)] = &[
    (Event::LmtpGreeting, Event::SmtpGreeting),
    (Event::LmtpCaps, Event::SmtpCaps),
    (Event::LmtpStarttls, Event::SmtpStarttls),
    (Event::LmtpAuthStart, Event::SmtpAuthStart),
    (Event::LmtpAuthStep, Event::SmtpAuthStep),
    (Event::LmtpAuth, Event::SmtpAuth),
    (Event::LmtpMail, Event::SmtpMail),
    (Event::LmtpRcpt, Event::SmtpRcpt),
    (Event::LmtpData, Event::SmtpData),
    (Event::LmtpBdat, Event::SmtpBdat),
    (Event::LmtpMessage, Event::SmtpMessage),
    (Event::LmtpRset, Event::SmtpRset),
    (Event::LmtpNoop, Event::SmtpNoop),
    (Event::LmtpVrfy, Event::SmtpVrfy),
    (Event::LmtpExpn, Event::SmtpExpn),
    (Event::LmtpHelp, Event::SmtpHelp),
    (Event::LmtpQuit, Event::SmtpQuit),
    (Event::LmtpUnknown, Event::SmtpUnknown),
    (Event::LmtpLapse, Event::SmtpLapse),
    (Event::LmtpStop, Event::SmtpStop),
];

impl Event {
    /// The corresponding event of SMTP for an event of LMTP; any other event unchanged.
    pub(crate) fn as_smtp(self) -> Self {
        match self.protocol() {
            Some(Protocol::Lmtp) => LMTP.iter().find(|(lmtp, _)| *lmtp == self).map_or(self, |(_, smtp)| *smtp),
            _ => self,
        }
    }

    /// The corresponding event of LMTP for an event of SMTP; any other event unchanged.
    pub(in crate::protocol) fn as_lmtp(self) -> Self {
        LMTP.iter().find(|(_, smtp)| *smtp == self).map_or(self, |(lmtp, _)| *lmtp)
    }
}
