//! What a test can ask about a message, and about the session that it came in.

use super::matcher::{Matcher, Node, Text};
use crate::base::Pattern;
use crate::mail::Message;

/// Every message.
pub fn any() -> Matcher {
    Matcher::of(Node::Any)
}

/// Accepted for this address, by the envelope: Bcc included, the header not consulted.
#[track_caller]
pub fn to(address: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::To, address)
}

/// Sent from this address, by the envelope; `""` is the null sender of a bounce.
#[track_caller]
pub fn from(address: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::From, address)
}

/// With this subject, decoded.
#[track_caller]
pub fn subject(text: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Subject, text)
}

/// With this in its plain or HTML text, decoded. An exact pattern may stand anywhere in the text; one with `*` is for
/// a line of it.
#[track_caller]
pub fn body(text: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Body, text)
}

/// With a header field of this name whose value, decoded, is this.
#[track_caller]
pub fn header(name: &str, value: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Header(name.to_owned()), value)
}

/// With an attachment of this file name.
#[track_caller]
pub fn attachment(filename: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Attachment, filename)
}

/// Whatever a closure says; the name stands for it in reports.
pub fn matching(name: &str, holds: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Matcher {
    Matcher::of(Node::Closure { name: name.to_owned(), holds: Box::new(holds) })
}

/// Questions about a session: the one that a message came in, or one that is waited for.
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = BufReader::new(std::net::TcpStream::connect(server.imap().address()).unwrap());
/// client.get_mut().write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n").unwrap();
///
/// // From here on news reaches the client at once.
/// server.wait_for_session(session::user("bob@example.org").and(session::idling())).block();
/// server.deliver("bob@example.org", "Subject: news\r\n\r\n");
/// assert!(client.lines().any(|line| line.unwrap() == "* 1 EXISTS"));
/// ```
pub mod session {
    use super::super::matcher::{Matcher, Node, Text};
    use crate::base::Pattern;

    /// Whether it was encrypted when the message came.
    pub fn tls(secured: bool) -> Matcher {
        Matcher::of(Node::Fact { name: "tls", holds: |session| session.tls.is_some(), wanted: secured })
    }

    /// It waits for news, with IMAP's IDLE (RFC 2177).
    pub fn idling() -> Matcher {
        Matcher::of(Node::Fact { name: "idling", holds: |session| session.idling, wanted: true })
    }

    /// It lasts.
    pub fn open() -> Matcher {
        Matcher::of(Node::Fact { name: "open", holds: |session| session.ended.is_none(), wanted: true })
    }

    /// It has this mailbox selected, over IMAP.
    #[track_caller]
    pub fn mailbox(name: impl Into<Pattern>) -> Matcher {
        Matcher::text(Text::Mailbox, name)
    }

    /// Logged in as this user; `""` matches a session that has not logged in.
    #[track_caller]
    pub fn user(login: impl Into<Pattern>) -> Matcher {
        Matcher::text(Text::User, login)
    }

    /// Introduced in EHLO or HELO by this name.
    #[track_caller]
    pub fn helo(name: impl Into<Pattern>) -> Matcher {
        Matcher::text(Text::Helo, name)
    }

    /// Accepted by this listener, by its name: `smtp`, `submission`, `imaps`.
    ///
    /// # Panics
    /// If no listener has this name.
    #[track_caller]
    pub fn listener(name: impl Into<Pattern>) -> Matcher {
        match Matcher::listener(name.into()) {
            Ok(matcher) => matcher,
            Err(unknown) => panic!("{unknown}"),
        }
    }
}
