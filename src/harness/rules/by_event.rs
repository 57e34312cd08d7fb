//! What rules can test and do at the events of one protocol, or at one event alone.

use std::time::Duration;

use super::at::{ClientHello, Fetch, Imap, Listing, Smtp, Timer};
use super::{Rule, or_panic, pattern, text};
use crate::base::short;
use crate::rule::{self, *};
use crate::scenario::fragments;
impl Rule<Smtp> {
    /// Only for this recipient, by a pattern.
    #[track_caller]
    pub fn to(self, recipient: &str) -> Self {
        self.when("rcpt", recipient)
    }

    /// Only from this sender, by a pattern.
    #[track_caller]
    pub fn from(self, sender: &str) -> Self {
        self.when("from", sender)
    }

    /// The message that is accepted goes into this mailbox.
    pub fn deliver_into(self, mailbox: &str) -> Self {
        self.step(Step::Deliver(Deliver::Into { user: None, mailbox: mailbox.into(), message: None }))
    }

    /// The message that is accepted is captured, and nobody gets it.
    pub fn lose(self) -> Self {
        self.step(Step::Deliver(Deliver::Lost))
    }
}

impl Rule<Imap> {
    /// Only for this mailbox, by a pattern.
    #[track_caller]
    pub fn mailbox(self, mailbox: &str) -> Self {
        self.when("mailbox", mailbox)
    }

    /// Gives a response code another value.
    #[track_caller]
    pub fn code(self, name: &str, value: &str) -> Self {
        self.step(Step::Data(Data::Code { name: name.into(), value: Some(text(value)) }))
    }

    /// Leaves a response code out.
    pub fn drop_code(self, name: &str) -> Self {
        self.step(Step::Data(Data::Code { name: name.into(), value: None }))
    }

    /// Takes a message out of the selected mailbox; the session hears of it when the protocol allows.
    pub fn expunge(self, msn: u32) -> Self {
        self.step(expunge(msn, Tell::Legal))
    }

    /// The mailbox has another UIDVALIDITY, one more than before, and its messages UIDs from 1.
    pub fn renumber(self, mailbox: &str) -> Self {
        self.step(Step::Mailbox(MailboxChange {
            user: None,
            name: mailbox.into(),
            uid_validity: Some(Literal::Off(1)),
            renumber: Some(Renumber::Forward),
        }))
    }
}

impl Rule<Fetch> {
    /// Gives an item of the answer another value.
    #[track_caller]
    pub fn item(self, name: &str, value: &str) -> Self {
        self.step(Step::Data(Data::Item { name: pattern(name), value: Some(text(value)) }))
    }

    /// Leaves an item of the answer out.
    #[track_caller]
    pub fn drop_item(self, name: &str) -> Self {
        self.step(Step::Data(Data::Item { name: pattern(name), value: None }))
    }

    /// Literals announce so many octets more, or less.
    pub fn literal_off_by(self, octets: i64) -> Self {
        self.step(Step::Data(Data::Literal(Literal::Off(octets))))
    }

    /// Literals announce so many octets.
    pub fn literal_of(self, octets: u64) -> Self {
        self.step(Step::Data(Data::Literal(Literal::Exactly(octets))))
    }

    /// Takes a message out of the selected mailbox and says so at once, where the protocol forbids it.
    pub fn expunge_now(self, msn: u32) -> Self {
        self.step(expunge(msn, Tell::Now))
    }
}

impl Rule<Listing> {
    /// Leaves a message out of the listing.
    pub fn drop_listing(self, number: usize) -> Self {
        self.step(Step::Data(Data::Listing { line: number, change: rule::Listing::Drop }))
    }

    /// Gives a message of the listing another id.
    #[track_caller]
    pub fn listing_uid(self, number: usize, uid: &str) -> Self {
        let change = rule::Listing::Change { uid: Some(text(uid)), size: None };
        self.step(Step::Data(Data::Listing { line: number, change }))
    }

    /// The listing says so many octets more, or less.
    pub fn listing_size_off_by(self, number: usize, octets: i64) -> Self {
        let change = rule::Listing::Change { uid: None, size: Some(Literal::Off(octets)) };
        self.step(Step::Data(Data::Listing { line: number, change }))
    }
}

impl Rule<Timer> {
    /// Comes so long after it was mounted, by server time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::builder().manual_clock().start();
    /// let noon = server.mount(on(timer()).at(Duration::from_secs(3600)).kick("*"));
    /// server.clock().advance(Duration::from_secs(3600));
    /// assert_eq!(noon.hits(), 1);
    /// ```
    #[track_caller]
    pub fn at(self, moment: Duration) -> Self {
        self.when("at", &short(moment))
    }
}

impl Rule<ClientHello> {
    /// Shows a certificate that expired a week ago.
    pub fn expired_certificate(self) -> Self {
        self.step(Step::Tls(Hello::Profile(Profile::of(Certificate::Expired))))
    }

    /// Shows the good certificate.
    pub fn good_certificate(self) -> Self {
        self.step(Step::Tls(Hello::Profile(Profile::of(Certificate::Good))))
    }

    /// Answers with an alert, by its name in RFC 8446 §6.
    ///
    /// # Panics
    /// If no alert of this name can answer a ClientHello.
    #[track_caller]
    pub fn alert(self, name: &str) -> Self {
        self.step(Step::Tls(Hello::Alert(or_panic(fragments::alert(name)))))
    }
}

fn expunge(msn: u32, tell: Tell) -> Step {
    Step::Expunge { which: Which { user: None, mailbox: None, one: One::Msn(msn) }, tell }
}
