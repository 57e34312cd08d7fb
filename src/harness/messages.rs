//! The captured messages: listing, finding, delivering and clearing.

use std::net::SocketAddr;
use std::panic::Location;

use bytes::Bytes;

use super::MailServer;
use crate::base::Times;
use crate::expect::{FailureKind, Matcher, Question, Report};
use crate::mail::{Bounce, Message};
use crate::server::{Undeliverable, write_report};

impl MailServer {
    /// Every captured message, in the order of capture. A message is captured before its client reads the `250`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: one\r\n\r\n");
    /// server.deliver("bob@example.org", "Subject: two\r\n\r\n");
    /// assert_eq!(server.messages()[1].subject(), "two");
    /// ```
    pub fn messages(&self) -> Vec<Message> {
        self.server.engine().read(|world| world.journal.messages().iter().map(|c| c.message.clone()).collect())
    }

    /// Delivers a report about a captured message to its sender, such as a bounce, and returns the report: a message from
    /// the null sender, captured as any other. It honours NOTIFY, RET, ENVID and ORCPT (RFC 3461).
    ///
    /// # Panics
    /// If there is no report: the message was not sent, its sender is `<>`, no recipient matches or wants it (NOTIFY), or
    /// no account has the address of the sender.
    ///
    /// ```
    /// use mailjig::Bounce;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver_from("app@example.org", "bob@example.org", "Subject: bill\r\n\r\n");
    ///
    /// let bounce = server.bounce(&mail, Bounce::failed().diagnostic("552 5.2.2 Mailbox full"));
    /// assert_eq!(bounce.subject(), "Undelivered Mail Returned to Sender");
    /// assert_eq!(bounce.parts()[1].content_type(), "message/delivery-status");
    /// ```
    #[track_caller]
    pub fn bounce(&self, message: &Message, bounce: Bounce) -> Message {
        match self.server.bounce(message, &bounce) {
            Ok(report) => report,
            Err(why) => panic!("{why}"),
        }
    }

    /// Sends a report about a captured message to its sender over SMTP, to a server that is to deliver it. Blocks until that
    /// server has accepted it.
    ///
    /// # Panics
    /// If there is no report, as in [`bounce`](Self::bounce), or the other server does not accept it.
    ///
    /// ```
    /// use mailjig::Bounce;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver_from("app@example.org", "bob@example.org", "Subject: bill\r\n\r\n");
    ///
    /// let of_the_sender = MailServer::start();
    /// server.bounce_to(of_the_sender.smtp().address(), &mail, Bounce::failed());
    /// assert!(of_the_sender.only(to("app@example.org")).envelope().sender().is_null());
    /// ```
    #[track_caller]
    pub fn bounce_to(&self, server: SocketAddr, message: &Message, bounce: Bounce) {
        if let Err(why) = self.server.bounce_to(server, message, &bounce) {
            panic!("{why}");
        }
    }

    /// The captured messages that match, in the order of capture.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// server.deliver("bob@example.org", "Subject: digest\r\n\r\n");
    /// assert_eq!(server.find(subject("digest")).len(), 2);
    /// ```
    pub fn find(&self, matcher: impl Into<Matcher>) -> Vec<Message> {
        self.snapshot().find(&matcher.into())
    }

    /// The only captured message that matches. Does not wait; [`wait_for`](Self::wait_for) does.
    ///
    /// # Panics
    /// If none matches, or more than one, with a report.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// let mail = server.only(to("bob@example.org"));
    /// assert_eq!(mail.subject(), "Welcome");
    /// ```
    #[track_caller]
    pub fn only(&self, matcher: impl Into<Matcher>) -> Message {
        let question = Question { matcher: matcher.into(), times: Times::from(1), location: Some(Location::caller()) };
        let snapshot = self.snapshot();
        let mut found = snapshot.find(&question.matcher);
        match found.len() {
            1 => found.remove(0),
            _ => {
                let report = Report::new(&question, FailureKind::Miscounted, &snapshot);
                write_report(self.server.engine(), &report);
                panic!("{report}")
            }
        }
    }

    /// Delivers mail as an SMTP client would, from the null sender. Returns the captured message.
    ///
    /// # Panics
    /// If the list of accounts is closed and does not have the address; if the address is empty or has control
    /// characters; if the message exceeds the maximum size.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\nHello!\r\n");
    /// assert_eq!(server.account("bob@example.org").inbox().entries()[0].message.no(), mail.no());
    /// ```
    #[track_caller]
    pub fn deliver(&self, to: &str, mail: impl Into<Bytes>) -> Message {
        self.deliver_from("", to, mail)
    }

    /// Delivers mail as an SMTP client would, from this sender; `""` is the null sender. Returns the captured message.
    ///
    /// # Panics
    /// Like [`deliver`](Self::deliver).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver_from("ann@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(server.find(from("ann@example.org")).len(), 1);
    /// ```
    #[track_caller]
    pub fn deliver_from(&self, from: &str, to: &str, mail: impl Into<Bytes>) -> Message {
        match self.server.deliver(from, &[to], mail.into()) {
            Ok(message) => message,
            Err(why @ Undeliverable::Stranger(_)) => panic!("{why}{}", self.or_meant(to)),
            Err(why) => panic!("{why}"),
        }
    }

    /// Removes all captured mail, also from mailboxes, and all records. Returns the captured messages: no message can
    /// arrive between reading and clearing.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: one\r\n\r\n");
    /// assert_eq!(server.clear().len(), 1);
    /// assert!(server.messages().is_empty());
    /// ```
    pub fn clear(&self) -> Vec<Message> {
        let captured = self.server.engine().update(|world, now| world.clear(now));
        captured.into_iter().map(|captured| captured.message).collect()
    }
}
