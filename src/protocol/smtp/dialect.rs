//! In what LMTP (RFC 2033) differs from SMTP, apart from the replies to a message.

use crate::protocol::Event;

/// Which of the two the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Smtp,
    Lmtp,
}

impl Dialect {
    /// Its name, for whoever speaks another protocol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Lmtp => "LMTP",
        }
    }

    /// What a greeting says that the server speaks.
    pub(super) fn greeting(self) -> &'static str {
        match self {
            Self::Smtp => "ESMTP",
            Self::Lmtp => "LMTP",
        }
    }

    /// The command that a client introduces itself with before it logs in.
    pub(super) fn hello(self) -> &'static str {
        match self {
            Self::Smtp => "EHLO",
            Self::Lmtp => "LHLO",
        }
    }

    /// Whether a verb is a command of it. RFC 2033 §4.1: LHLO is in the place of HELO and EHLO.
    pub(super) fn has(self, verb: &str) -> bool {
        match self {
            Self::Smtp => verb != "LHLO",
            Self::Lmtp => !matches!(verb, "HELO" | "EHLO"),
        }
    }

    /// The event of one that SMTP has.
    pub(super) fn event(self, event: Event) -> Event {
        match self {
            Self::Smtp => event,
            Self::Lmtp => event.as_lmtp(),
        }
    }
}
