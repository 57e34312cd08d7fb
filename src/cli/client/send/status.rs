//! The exit statuses of `send`: those of `sysexits.h`, which programs that call sendmail know.

use super::smtp::{Refused, Reply, Stage};
use crate::cli::client::failure::Failure;

/// The message or an address cannot be sent as it is.
pub(super) const DATAERR: u8 = 65;
const NOUSER: u8 = 67;
pub(super) const UNAVAILABLE: u8 = 69;
pub(super) const IOERR: u8 = 74;
const TEMPFAIL: u8 = 75;
const PROTOCOL: u8 = 76;
const NOPERM: u8 = 77;

/// For the help.
pub(super) const STATUSES: &str = "\
Exit status, as in sysexits.h:
   0  the server accepted the message for every recipient
   2  the command line is wrong
  65  the message has no recipient, or an address is not valid
  67  the server does not know a recipient
  69  no server answers, or it refuses for another reason
  74  the input cannot be read
  75  the server refuses for now (4xx), does not reply in time, or closed the connection
  76  the server's reply is not SMTP
  77  the server does not permit it (5.7.x, 530, 535)";

/// What helps if the listener is not the right one.
const LISTENER: &str = "\n  `--smtp` must name a listener that speaks SMTP without TLS and needs no login, such as `smtp` of `mailjig serve`";

/// Why SMTP failed.
#[derive(Debug)]
pub(super) enum SmtpError {
    /// No connection.
    NoServer(String),
    /// The connection was lost, or the server did not reply in time.
    Lost(String),
    /// The reply is not SMTP.
    NotSmtp(String),
    /// The server refused.
    Refused(Refused),
    /// The server cannot take such an address.
    BadAddress(String),
}

impl From<SmtpError> for Failure {
    fn from(error: SmtpError) -> Self {
        let (text, status) = match error {
            SmtpError::NoServer(text) => (text, UNAVAILABLE),
            SmtpError::Lost(text) => (text, TEMPFAIL),
            SmtpError::NotSmtp(text) => (text, PROTOCOL),
            SmtpError::BadAddress(text) => (text, DATAERR),
            SmtpError::Refused(refused) => {
                let help = if wants_another_listener(&refused) { LISTENER } else { "" };
                (format!("{refused}{help}"), status(&refused))
            }
        };
        Self::Undelivered(text, status)
    }
}

impl SmtpError {
    /// Of the first reply: if there is none or it is not SMTP, the listener may be another one.
    pub(super) fn at_greeting(self) -> Self {
        match self {
            Self::Lost(why) => Self::Lost(why + LISTENER),
            Self::NotSmtp(why) => Self::NotSmtp(why + LISTENER),
            Self::NoServer(_) | Self::Refused(_) | Self::BadAddress(_) => self,
        }
    }
}

/// Whether the server requires TLS or a login, or does not know HELO, as LMTP.
fn wants_another_listener(Refused { stage, reply, .. }: &Refused) -> bool {
    reply.code == 530 || (*stage == Stage::Greeting && matches!(reply.code, 500..=504))
}

/// The status for a refusal.
pub(super) fn status(Refused { stage, reply, .. }: &Refused) -> u8 {
    let is_not_permitted = matches!(reply.code, 530 | 535) || reply.is_enhanced("5.7.");
    match (reply.code, stage) {
        (400..=499, _) => TEMPFAIL,
        _ if is_not_permitted => NOPERM,
        (550 | 551 | 553, Stage::Recipient) => NOUSER,
        (501 | 553, Stage::Sender | Stage::Recipient) => DATAERR,
        (500..=599, _) => UNAVAILABLE,
        _ => PROTOCOL,
    }
}

impl Reply {
    /// Whether the reply has an enhanced status code (RFC 3463) that begins like this.
    fn is_enhanced(&self, begin: &str) -> bool {
        self.lines.first().is_some_and(|line| line.starts_with(begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_status_that_sendmail_has() {
        for (stage, code, text, wanted) in [
            (Stage::Greeting, 421, "4.3.2 shutting down", TEMPFAIL),
            (Stage::Greeting, 554, "5.3.2 no service", UNAVAILABLE),
            (Stage::Sender, 451, "4.7.1 greylisted", TEMPFAIL),
            (Stage::Sender, 530, "5.7.0 Must issue STARTTLS first", NOPERM),
            (Stage::Sender, 550, "5.7.1 not you", NOPERM),
            (Stage::Sender, 552, "5.3.4 too large", UNAVAILABLE),
            (Stage::Sender, 501, "5.1.7 bad address", DATAERR),
            (Stage::Recipient, 550, "5.1.1 no such user", NOUSER),
            (Stage::Recipient, 550, "no", NOUSER),
            (Stage::Recipient, 501, "5.1.3 bad address", DATAERR),
            (Stage::Recipient, 452, "4.2.2 full", TEMPFAIL),
            (Stage::Recipient, 552, "5.2.2 full", UNAVAILABLE),
            (Stage::Message, 554, "5.6.0 spam", UNAVAILABLE),
            (Stage::Message, 200, "what", PROTOCOL),
        ] {
            let reply = Reply { code, lines: vec![text.to_owned()] };
            assert_eq!(status(&Refused { stage, about: None, reply }), wanted, "{stage:?} {code} {text}");
        }
    }
}
