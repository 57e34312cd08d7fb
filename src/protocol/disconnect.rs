//! The reasons for which the server ends a session that the client did not end.

use super::{Next, Protocol, Reply};

/// Why the server ends a session. Each protocol adds its own code to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// The server has too many sessions.
    Busy,
    /// The client sent an HTTP request: the input is not meant for a mail server, or comes from a malicious web page.
    Http,
    /// The client was silent for too long.
    Lapse,
    /// The server stops.
    Stop,
}

impl Disconnect {
    /// The reason for the client of this protocol, by the server of this name.
    pub(super) fn text(self, protocol: &str, host: &str) -> String {
        match self {
            Self::Busy => format!("{host} has too many sessions; come back later"),
            Self::Http => format!("This is {protocol}, not HTTP"),
            Self::Lapse => "I have waited too long for you".to_owned(),
            Self::Stop => "I am shutting down".to_owned(),
        }
    }

    /// What comes after another reply than this text: the session goes on, unless the server stops.
    pub(super) fn after_other_reply<R>(self) -> Next<R> {
        match self {
            Self::Stop => Next::End,
            Self::Busy | Self::Http | Self::Lapse => Next::Continue,
        }
    }
}

/// The last reply of a session that is ended from outside, for this reason.
pub(crate) fn farewell(protocol: Protocol, why: &str) -> Reply {
    let start = match protocol {
        Protocol::Smtp | Protocol::Lmtp => "421 4.3.2 ",
        Protocol::Imap => "* BYE ",
        Protocol::Pop3 => "-ERR [SYS/TEMP] ",
    };
    Reply::default().line(&[start, why])
}
