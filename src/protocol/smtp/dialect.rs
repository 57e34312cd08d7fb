//! How LMTP (RFC 2033) differs from SMTP. The replies to a message are in `delivery`.

use crate::protocol::Event;

/// The protocol of a machine: SMTP or LMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Smtp,
    Lmtp,
}

impl Dialect {
    /// The name of the protocol in texts for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Lmtp => "LMTP",
        }
    }

    /// The name of the protocol in the greeting.
    pub(super) fn greeting(self) -> &'static str {
        match self {
            Self::Smtp => "ESMTP",
            Self::Lmtp => "LMTP",
        }
    }

    /// The command that lists the capabilities.
    pub(super) fn hello(self) -> &'static str {
        match self {
            Self::Smtp => "EHLO",
            Self::Lmtp => "LHLO",
        }
    }

    /// Whether the protocol has this command. LHLO replaces HELO and EHLO (RFC 2033 §4.1).
    pub(super) fn has(self, verb: &str) -> bool {
        match self {
            Self::Smtp => verb != "LHLO",
            Self::Lmtp => !matches!(verb, "HELO" | "EHLO" | "XCLIENT" | "XFORWARD"),
        }
    }

    /// The event of this protocol that corresponds to an event of SMTP.
    pub(super) fn event(self, event: Event) -> Event {
        match self {
            Self::Smtp => event,
            Self::Lmtp => event.as_lmtp(),
        }
    }
}
