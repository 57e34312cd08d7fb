//! A mail server for tests. The code under test sends and reads real mail over SMTP, IMAP and POP3; the test asserts
//! what arrived, and can make the server fail on purpose.
//!
//! ```
//! use mailjig::prelude::*;
//!
//! let server = MailServer::start();
//! // Point the code under test at `server.smtp().url()`. Here the test delivers the mail itself.
//! server.deliver("bob@example.org", "Subject: Welcome, Bob\r\n\r\nconfirm your address");
//!
//! let mail = server.wait_for(to("bob@example.org").and(subject("Welcome*"))).block();
//! assert!(mail.text().contains("confirm"));
//! ```
//!
//! Start with [`MailServer`]. Tests import [`prelude`]; the other matchers are in [`matchers`], rules and their events
//! in [`rules`]. The [`manual`] has a chapter on each protocol, on scenarios and on the HTTP API.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | the harness: servers, matchers, waits, expectations, rules |
//! | `serde` | `Serialize` for reports, sessions and what is in them |
//! | `api` | the HTTP API, also for a server in a Rust test ([`MailServer::api`]) |
//! | `page` | the web page, on the port of the API |
//! | `cli` (default) | the binary `mailjig` |

// Only the binary uses all of the code: with fewer features some of it has no caller.
#![cfg_attr(not(feature = "cli"), allow(dead_code))]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::too_many_lines))]

#[cfg(feature = "api")]
mod api;
mod base;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod document;
mod drive;
#[cfg(feature = "api")]
mod embedded_api;
mod expect;
mod harness;
mod journal;
mod mail;
pub mod manual;
#[cfg(feature = "api")]
mod oauth;
#[cfg(feature = "page")]
mod page;
mod protocol;
mod rule;
mod sasl;
mod scenario;
mod server;
mod world;

pub use base::{Certificate, MessageNo, Pattern, PatternError, Seq, SessionNo, Times, TimesError, Timestamp};
pub use expect::{Finding, FindingKind, Matcher, Report, matchers};
pub use harness::{
    AccessToken, Account, Clock, Entry, IssuedCertificate, Mail, MailServer, MailServerBuilder, Mailbox, NoSessionWait,
    NoneWithin, SessionWait, Settled, TlsProfile, Verify, Wait, WaitCount, audit, rules,
};
#[cfg(feature = "api")]
pub use journal::OAuthRequest;
pub use journal::{
    ClientCertificate, Ending, ProxiedClient, ProxiedTls, Session, Tls, TlsFailure, TlsOffer, Transcript,
};
pub use mail::{
    Address, BodyType, DeliverBy, Envelope, Forwarded, Message, Notify, OriginalRecipient, Parameters, Part, Recipient,
    Ret, Sender, Verdict,
};
pub use mail::{Bounce, Unsubscribe};
pub use mail::{DkimFailure, DkimFailureKind, DkimKeys, DkimSignature, LintCode, LintSeverity, Violation};
pub use protocol::{Event, Leniency, Listener, Protocol, StartTls};
pub use scenario::{Scenario, ScenarioError};
pub use server::{Endpoint, StartError};
pub use world::Kept;

/// What nearly every test uses, under names that do not collide with well-known crates or their usual imports.
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::smtp;
///
/// let server = MailServer::start();
/// server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full"));
/// server.deliver("bob@example.org", "Subject: Welcome\r\nX-Campaign: 7\r\n\r\n");
///
/// let mail = server.only(to("bob@example.org").and(matchers::header("X-Campaign", "7")));
/// assert_eq!(mail.subject(), "Welcome");
/// ```
///
/// Use the other matchers and the events of rules by their modules: `matchers::session::idling()`,
/// `rules::imap::push()`. In a test that uses the crate `imap`, do not import [`rules::imap`] by its name.
pub mod prelude {
    pub use crate::expect::matchers::{self, body, from, subject, to};
    pub use crate::harness::MailServer;
    pub use crate::harness::rules::{self, on};
    pub use crate::scenario::Scenario;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
