//! Conditions and steps for the events of SMTP and POP3, of timers and of TLS.

use std::time::Duration;

use super::at::{ClientHello, Listing, Smtp, Timer};
use super::mail_effects::parts;
use super::{Place, Rule, or_panic, text};
use crate::base::Certificate;
use crate::base::short;
use crate::harness::TlsProfile;
use crate::mail::Bounce;
use crate::rule::step::Literal;
use crate::rule::step::bounce::SendBounce;
use crate::rule::step::data::{self, DataStep};
use crate::rule::step::deliver::Deliver;
use crate::rule::step::tls::Hello;
use crate::scenario::fragments;

impl Rule<Smtp> {
    /// Adds a condition: this recipient, as a pattern; the domain is case-insensitive.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<>\r\nRCPT TO:<bob@Full.Example>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("452 4.2.2 Mailbox full"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn to(self, recipient: &str) -> Self {
        self.when("rcpt", recipient)
    }

    /// Adds a condition: this sender, as a pattern; `""` is the null sender (RFC 5321 §4.5.5).
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::mail()).from("*@spam.example").reply("550 5.7.1 Go away"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<eve@spam.example>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("550 5.7.1 Go away"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn from(self, sender: &str) -> Self {
        self.when("from", sender)
    }
}

impl<Of> Rule<Smtp, Of> {
    /// If the message is accepted, puts it into this mailbox of each recipient instead of INBOX, or into the mailbox of
    /// another account.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::message()).deliver_into("Junk"));
    ///
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("queued as m1"));
    /// assert_eq!(server.account("bob@example.org").mailbox("Junk").entries().len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn deliver_into(self, mailbox: impl Into<Place>) -> Self {
        let (user, mailbox) = parts(mailbox.into());
        self.push(Deliver::Into { user, mailbox, message: None })
    }

    /// If the message is accepted, captures it and puts it into no mailbox.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::message()).lose());
    ///
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("queued as m1"));
    /// assert_eq!(server.messages().len(), 1);
    /// assert!(server.account("bob@example.org").inbox().entries().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn lose(self) -> Self {
        self.push(Deliver::Lost)
    }

    /// Once the message is accepted, delivers a report about it to its sender, such as a bounce; with
    /// [`after`](Self::after), later.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::Bounce;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::message()).bounce(Bounce::failed().diagnostic("552 5.2.2 Mailbox full")));
    ///
    /// // A client sends a message from `app@example.org`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<app@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let bounce = server.wait_for(to("app@example.org").and(from(""))).block();
    /// assert!(bounce.parts()[1].text().contains("Status: 5.2.2"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bounce(self, bounce: Bounce) -> Self {
        self.push(SendBounce(bounce))
    }
}

impl<Of> Rule<Listing, Of> {
    /// Drops a line from the listing of LIST or UIDL, counted from 1.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(pop3::uidl()).drop_listing(1));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"USER bob@example.org\r\nPASS x\r\nUIDL\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("\r\n1 ") && said.contains("\r\n2 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn drop_listing(self, number: usize) -> Self {
        self.push(DataStep::Listing { line: number, change: data::ListingChange::Drop })
    }

    /// Replaces the unique id of a message in the listing of UIDL, counted from 1.
    ///
    /// # Panics
    /// If the id has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(1);
    /// server.mount(on(pop3::uidl()).listing_uid(1, "again"));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"USER bob@example.org\r\nPASS x\r\nUIDL\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\n1 again\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn listing_uid(self, number: usize, uid: &str) -> Self {
        let change = data::ListingChange::Uid(text(uid));
        self.push(DataStep::Listing { line: number, change })
    }

    /// Changes the size of a message in the listing of LIST, counted from 1, by this many octets.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.add("Subject: x\r\n\r\nhi\r\n");
    /// server.mount(on(pop3::list()).listing_size_off_by(1, 1000));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"USER bob@example.org\r\nPASS x\r\nLIST\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\n1 1018\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listing_size_off_by(self, number: usize, octets: i64) -> Self {
        let change = data::ListingChange::Size(Literal::Off(octets));
        self.push(DataStep::Listing { line: number, change })
    }

    /// Replaces the size of a message in the listing of LIST, counted from 1.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(1);
    /// server.mount(on(pop3::list()).listing_size_of(1, 4_294_967_296));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"USER bob@example.org\r\nPASS x\r\nLIST\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\n1 4294967296\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listing_size_of(self, number: usize, octets: u64) -> Self {
        let change = data::ListingChange::Size(Literal::Exactly(octets));
        self.push(DataStep::Listing { line: number, change })
    }
}

impl Rule<Timer> {
    /// Sets when the timer fires: this much server time after the rule was mounted.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// let noon = server.mount(on(timer()).at(Duration::from_secs(3600)).note("an hour is over"));
    /// server.clock().advance(Duration::from_secs(3600));
    /// assert_eq!(noon.hits(), 1);
    /// ```
    #[track_caller]
    pub fn at(self, moment: Duration) -> Self {
        self.when("at", &short(moment))
    }
}

impl<Of> Rule<ClientHello, Of> {
    /// Presents this certificate. If several rules that match choose one, the outermost decides: it was mounted last.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::tls;
    /// use mailjig::Certificate;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(tls::hello()).certificate(Certificate::Expired));
    /// server.mount(on(tls::hello()).nth("3+").certificate(Certificate::Good));   // renewed from the third handshake on
    /// ```
    pub fn certificate(self, certificate: Certificate) -> Self {
        self.tls(TlsProfile::new().certificate(certificate))
    }

    /// Answers with this profile. What it leaves open, the rules inside of this one decide, then the scenario, then the server.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::TlsProfile;
    /// use mailjig::rules::tls;
    ///
    /// let server = MailServer::start();
    /// let old = server.mount(on(tls::hello()).when("listener", "imaps").tls(TlsProfile::new().max("1.2")));
    /// assert_eq!(old.hits(), 0);
    /// ```
    pub fn tls(self, profile: TlsProfile) -> Self {
        self.push(Hello::Profile(Box::new(profile.into_profile())))
    }

    /// Answers the ClientHello with a TLS alert, by its name in RFC 8446 §6, such as `handshake_failure`.
    ///
    /// # Panics
    /// If no alert of this name can answer a ClientHello.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::tls;
    ///
    /// let server = MailServer::start();
    /// let refused = server.mount(on(tls::hello()).alert("handshake_failure"));
    /// assert_eq!(refused.hits(), 0);
    /// ```
    #[track_caller]
    pub fn alert(self, name: &str) -> Self {
        self.push(Hello::Alert(or_panic(fragments::alert(name))))
    }
}
