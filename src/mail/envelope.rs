//! The SMTP envelope: sender and recipients, independent of the message header.

use std::fmt;

/// The parameters of a MAIL or RCPT command, in the order and with their case as sent (RFC 5321 §4.1.1.11).
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // A client sends `MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME`.
/// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
/// # let mut client = TcpStream::connect(server.smtp().address())?;
/// # client.write_all(mail.as_bytes())?;
/// # let said = read_to_string(client)?;
/// # assert!(said.contains("queued"), "{said}");
/// let message = &server.messages()[0];
/// assert_eq!(message.envelope().sender().parameters().to_string(), "SIZE=100 BODY=8BITMIME");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Box<[Parameter]>);

/// A keyword and its value.
pub(crate) type Parameter = (Box<str>, Option<Box<str>>);

impl Parameters {
    pub(crate) fn new(raw: Vec<Parameter>) -> Self {
        Self(raw.into())
    }

    /// Keywords and values as sent; a keyword without `=` has no value.
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
    /// let message = &server.messages()[0];
    /// let parameters: Vec<_> = message.envelope().sender().parameters().iter().collect();
    /// assert_eq!(parameters, [("SIZE", Some("100"))]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(keyword, value)| (&**keyword, value.as_deref()))
    }

    /// The value of a keyword, compared case-insensitively; empty if sent without one, `None` if not sent.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> BODY=8BITMIME`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> BODY=8BITMIME\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().value("body"), Some("8BITMIME"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn value(&self, keyword: &str) -> Option<&str> {
        self.iter().find(|(k, _)| k.eq_ignore_ascii_case(keyword)).map(|(_, v)| v.unwrap_or_default())
    }

    /// The size in octets that the client declared (RFC 1870 §3).
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
    pub fn size(&self) -> Option<u64> {
        self.value("SIZE")?.parse().ok()
    }

    /// Whether the client declared an internationalised message (RFC 6531 §3.4).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> SMTPUTF8`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> SMTPUTF8\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// assert!(server.messages()[0].envelope().sender().parameters().smtputf8());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn smtputf8(&self) -> bool {
        self.value("SMTPUTF8").is_some()
    }

    /// Whether there are no parameters.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert!(mail.envelope().sender().parameters().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (keyword, value)) in self.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            match value {
                Some(value) => write!(f, "{gap}{keyword}={value}")?,
                None => write!(f, "{gap}{keyword}")?,
            }
        }
        Ok(())
    }
}

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
}

impl Envelope {
    /// `None` if no recipient is accepted (RFC 5321 §3.3).
    pub(crate) fn new(sender: Sender, recipients: Vec<Recipient>) -> Option<Self> {
        let accepted = recipients.iter().any(Recipient::is_accepted);
        accepted.then(|| Self { sender, recipients: recipients.into() })
    }

    /// The empty envelope of a message that was not sent over SMTP.
    pub(super) fn unsent() -> Self {
        Self { sender: Sender::new("", Parameters::default()), recipients: Box::default() }
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

#[cfg(feature = "serde")]
impl serde::Serialize for Parameters {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
