//! The SMTP envelope: sender and recipients, independent of the message header.

use super::{Forwarded, Parameters};

/// The sender of a message, from the MAIL command.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver_from("ann@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
/// assert_eq!(mail.envelope().sender().address(), "ann@example.org");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    address: Box<str>,
    parameters: Parameters,
}

impl Sender {
    pub(crate) fn new(address: &str, parameters: Parameters) -> Self {
        Self { address: address.into(), parameters }
    }

    /// The address as written, without brackets and source route; empty for the null sender `<>` of a bounce.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver_from("ann@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.envelope().sender().address(), "ann@example.org");
    /// ```
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether this is the null sender (RFC 5321 §4.5.5).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert!(mail.envelope().sender().is_null());
    /// ```
    pub fn is_null(&self) -> bool {
        self.address.is_empty()
    }

    /// The parameters of the MAIL command.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> SIZE=100`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> SIZE=100\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// assert_eq!(server.messages()[0].envelope().sender().parameters().size(), Some(100));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// The server's decision about a recipient.
///
/// ```
/// use mailjig::Verdict;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
/// assert_eq!(*mail.envelope().recipients()[0].verdict(), Verdict::Accepted);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was accepted and the message delivered to it.
    Accepted,
    /// It was refused with this reply, such as `550 5.1.1 No such user`.
    Refused(Box<str>),
}

/// One RCPT command of a transaction and its result.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
/// let recipient = &mail.envelope().recipients()[0];
/// assert_eq!((recipient.address(), recipient.is_accepted()), ("bob@example.org", true));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    address: Box<str>,
    parameters: Parameters,
    verdict: Verdict,
}

impl Recipient {
    pub(crate) fn new(address: &str, parameters: Parameters, verdict: Verdict) -> Self {
        Self { address: address.into(), parameters, verdict }
    }

    /// The address as written, without brackets and source route.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.envelope().recipients()[0].address(), "bob@example.org");
    /// ```
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The parameters of the RCPT command.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert!(mail.envelope().recipients()[0].parameters().is_empty());
    /// ```
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Whether the server accepted it, or the reply that refused it.
    ///
    /// ```
    /// use mailjig::Verdict;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(*mail.envelope().recipients()[0].verdict(), Verdict::Accepted);
    /// ```
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether the server accepted it.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert!(mail.envelope().recipients()[0].is_accepted());
    /// ```
    pub fn is_accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }
}

/// Sender and recipients of a message as the client gave them in MAIL and RCPT (RFC 5321 §2.3.1). Includes Bcc
/// recipients; independent of the message header.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver_from("ann@example.org", "bob@example.org", "To: all@example.org\r\n\r\n");
/// assert_eq!(mail.envelope().accepted().collect::<Vec<_>>(), ["bob@example.org"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    sender: Sender,
    recipients: Box<[Recipient]>,
    forwarded: Option<Box<Forwarded>>,
}

impl Envelope {
    /// `None` if no recipient is accepted (RFC 5321 §3.3).
    pub(crate) fn new(sender: Sender, recipients: Vec<Recipient>) -> Option<Self> {
        let accepted = recipients.iter().any(Recipient::is_accepted);
        accepted.then(|| Self { sender, recipients: recipients.into(), forwarded: None })
    }

    /// The empty envelope of a message that was not sent over SMTP.
    pub(super) fn unsent() -> Self {
        Self { sender: Sender::new("", Parameters::default()), recipients: Box::default(), forwarded: None }
    }

    /// The same with what XFORWARD told.
    pub(crate) fn with_forwarded(self, forwarded: Option<Box<Forwarded>>) -> Self {
        Self { forwarded, ..self }
    }

    /// The sender.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver_from("ann@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.envelope().sender().address(), "ann@example.org");
    /// ```
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Every recipient that the client named, in order, including the refused ones.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@b.example", "secret").start();
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nRCPT TO:<eve@b.example>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"));
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().recipients().len(), 2);
    /// assert_eq!(message.envelope().accepted().count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// What XFORWARD told about the client from which the relay has the message; `None` if it came without XFORWARD.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.envelope().forwarded(), None);
    /// ```
    pub fn forwarded(&self) -> Option<&Forwarded> {
        self.forwarded.as_deref()
    }

    /// The accepted addresses: at least one if a client sent the message.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.envelope().accepted().collect::<Vec<_>>(), ["bob@example.org"]);
    /// ```
    pub fn accepted(&self) -> impl Iterator<Item = &str> {
        self.recipients.iter().filter(|r| r.is_accepted()).map(Recipient::address)
    }
}
