//! Matchers for a captured message, and for the session that received it. Combine them with
//! [`and`](Matcher::and), [`or`](Matcher::or) and [`not`](Matcher::not); patterns are those of [`Pattern`].
//!
//! ```
//! use mailjig::matchers::{header, session};
//! use mailjig::prelude::*;
//!
//! let server = MailServer::start();
//! server.deliver("bob@example.org", "Subject: Welcome\r\nX-Campaign: 7\r\n\r\n");
//!
//! let campaign = to("*@example.org").and(header("X-Campaign", "7"));
//! assert_eq!(server.find(campaign.clone()).len(), 1);
//! assert_eq!(server.find(campaign.and(session::tls(true))).len(), 0);   // no client sent it
//! ```

use super::matcher::{Matcher, Node, Text};
use super::words::Words;
use crate::base::Pattern;
use crate::mail::{DkimKeys, DkimSignature, Message};

/// Every message.
///
/// ```
/// use mailjig::matchers::any;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
/// assert_eq!(server.find(any()).len(), 1);
/// ```
pub fn any() -> Matcher {
    Matcher::of(Node::Any)
}

/// Messages accepted for this address in the envelope, including Bcc; the header is ignored. The domain is compared
/// case-insensitively (RFC 5321 §2.4).
///
/// # Panics
/// If the pattern is a regular expression that does not compile, as for the other matchers.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "To: somebody@else.example\r\n\r\n");
/// assert_eq!(server.find(to("*@example.org")).len(), 1);
/// ```
#[track_caller]
pub fn to(address: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::To, address)
}

/// Messages sent from this address, in the envelope; `""` is the null sender of a bounce (RFC 5321 §4.5.5).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver_from("ann@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
/// assert_eq!(server.find(from("ann@example.org")).len(), 1);
/// ```
#[track_caller]
pub fn from(address: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::From, address)
}

/// Messages with this subject, decoded (RFC 2047).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n");
/// assert_eq!(server.find(subject("Grüße")).len(), 1);
/// ```
#[track_caller]
pub fn subject(text: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Subject, text)
}

/// Messages with this in their plain or HTML text, decoded. An exact text may be anywhere in it; a pattern with `*`
/// must match a whole line or the whole text. `!` finds the messages without it.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: code\r\n\r\nYour code is 1234.\r\n");
/// assert_eq!(server.find(body("code is")).len(), 1);
/// assert_eq!(server.find(body("Your code is *.")).len(), 1);
/// assert_eq!(server.find(body("!Your code")).len(), 0);
/// ```
#[track_caller]
pub fn body(text: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Body, text)
}

/// Messages with a header field of this name, compared case-insensitively, that has this value, decoded.
///
/// ```
/// use mailjig::matchers::header;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "X-Campaign: 7\r\nSubject: hi\r\n\r\n");
/// assert_eq!(server.find(header("x-campaign", "7")).len(), 1);
/// ```
#[track_caller]
pub fn header(name: &str, value: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Header(name.to_owned()), value)
}

/// Messages with an attachment of this file name, decoded.
///
/// ```
/// use mailjig::matchers::attachment;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = "Content-Type: application/pdf; name=bill.pdf\r\n\r\n%PDF";
/// server.deliver("bob@example.org", mail);
/// assert_eq!(server.find(attachment("*.pdf")).len(), 1);
/// ```
#[track_caller]
pub fn attachment(filename: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Attachment, filename)
}

/// Messages with this URL in their text or HTML, as in [`Message::links`](crate::Message::links).
///
/// ```
/// use mailjig::matchers::link;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: confirm\r\n\r\nGo to https://example.org/confirm?t=1.\r\n");
/// assert_eq!(server.find(link("https://example.org/confirm?*")).len(), 1);
/// ```
#[track_caller]
pub fn link(url: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Link, url)
}

/// Messages with this one-time code, as in [`Message::codes`](crate::Message::codes); `"*"` for any.
///
/// ```
/// use mailjig::matchers::code;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: log in\r\n\r\nYour code is 123 456.\r\n");
/// assert_eq!(server.find(code("123456")).len(), 1);
/// ```
#[track_caller]
pub fn code(code: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Code, code)
}

/// Messages with a DKIM signature that is valid with these keys, as in [`Message::dkim`](crate::Message::dkim). A report
/// says why the others are not.
///
/// ```
/// use mailjig::DkimKeys;
/// use mailjig::matchers::dkim_valid;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: not signed\r\n\r\n");
/// let keys = DkimKeys::any("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
/// assert_eq!(server.find(dkim_valid(keys)).len(), 0);
/// ```
pub fn dkim_valid(keys: DkimKeys) -> Matcher {
    let check = move |message: &Message| {
        let signatures = message.dkim(&keys);
        if signatures.iter().any(DkimSignature::is_valid) {
            return Ok(());
        }
        let reasons = signatures.iter().filter_map(|its| Some(format!("{}: {}", its.domain, its.failure.as_ref()?)));
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        Err(if reasons.is_empty() { "no signature".to_owned() } else { reasons })
    };
    Matcher::of(Node::Check { name: "dkim".to_owned(), wanted: "a valid signature", check: Box::new(check) })
}

/// Messages that violate no standard for messages, as in [`Message::lint`](crate::Message::lint): without errors and
/// warnings.
///
/// ```
/// use mailjig::matchers::lint_clean;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
/// assert_eq!(server.find(lint_clean()).len(), 0);   // there is no Date
/// ```
pub fn lint_clean() -> Matcher {
    let check = |message: &Message| match &message.lint()[..] {
        [] => Ok(()),
        [only] => Err(only.to_string()),
        [first, rest @ ..] => Err(format!("{first}, and {} more", rest.len())),
    };
    Matcher::of(Node::Check { name: "lint".to_owned(), wanted: "no violation", check: Box::new(check) })
}

/// Messages that a reader can unsubscribe from with one click (RFC 8058), as in
/// [`Message::unsubscribe`](crate::Message::unsubscribe). A report says what is missing.
///
/// ```
/// use mailjig::matchers::one_click;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "List-Unsubscribe: <mailto:leave@example.org>\r\n\r\n");
/// assert_eq!(server.find(one_click()).len(), 0);   // there is no `https` URI
/// ```
pub fn one_click() -> Matcher {
    let check = |message: &Message| match message.unsubscribe() {
        Some(unsubscribe) => unsubscribe.one_click.map(drop),
        None => Err("there is no header field List-Unsubscribe".to_owned()),
    };
    Matcher::of(Node::Check { name: "one click".to_owned(), wanted: "all it needs", check: Box::new(check) })
}

/// Messages that have each of these words, in upper or lower case, anywhere in the subject, the names and addresses of
/// From, To, Cc and Bcc, the addresses of the envelope, the file names of attachments, or the plain or HTML text. Blanks
/// separate words; without a word, every message matches.
///
/// ```
/// use mailjig::matchers::search;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: Your bill\r\n\r\nFor December.\r\n");
/// assert_eq!(server.find(search("december bill bob@")).len(), 1);
/// assert_eq!(server.find(search("december reminder")).len(), 0);
/// ```
pub fn search(words: &str) -> Matcher {
    Words::parse(words).map_or_else(any, |words| Matcher::of(Node::Search(words)))
}

/// Messages for which a closure returns true; reports show the name.
///
/// ```
/// use mailjig::matchers::matching;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: hi\r\n\r\nhttps://example.org/\r\n");
/// let linked = matching("has a link", |mail| !mail.links().is_empty());
/// assert_eq!(server.find(linked).len(), 1);
/// ```
pub fn matching(name: &str, holds: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Matcher {
    let check = move |message: &Message| if holds(message) { Ok(()) } else { Err("false".to_owned()) };
    Matcher::of(Node::Check { name: name.to_owned(), wanted: "true", check: Box::new(check) })
}

pub mod session;
