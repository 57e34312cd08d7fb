//! The parameters of MAIL and RCPT: `SIZE=100 BODY=8BITMIME` (RFC 5321 §4.1.1.11).

mod body;
mod dsn;
mod urgency;
pub(crate) mod xtext;

use std::fmt;
use std::time::Duration;

use crate::base::Timestamp;
pub use body::BodyType;
pub(crate) use dsn::envelope_id;
pub use dsn::{Notify, OriginalRecipient, Ret};
pub use urgency::DeliverBy;
pub(crate) use urgency::{hold_for, hold_until, priority};

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

    /// Which octets the client declared the message to have: BODY of MAIL (RFC 6152 §3, RFC 3030 §3).
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
    /// assert_eq!(message.envelope().sender().parameters().body(), Some(mailjig::BodyType::EightBit));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn body(&self) -> Option<BodyType> {
        BodyType::parse(self.value("BODY")?).ok()
    }

    /// How much of the message a notification of failure shall contain: RET of MAIL (RFC 3461 §4.3).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> RET=HDRS`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> RET=HDRS\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().ret(), Some(mailjig::Ret::Headers));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ret(&self) -> Option<Ret> {
        Ret::parse(self.value("RET")?).ok()
    }

    /// The identifier that notifications about the message shall have, decoded: ENVID of MAIL (RFC 3461 §4.4).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> ENVID=QQ+2B1`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> ENVID=QQ+2B1\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().envelope_id().as_deref(), Some("QQ+1"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn envelope_id(&self) -> Option<String> {
        envelope_id(self.value("ENVID")?).ok()
    }

    /// What the client wants to be notified of: NOTIFY of RCPT (RFC 3461 §4.1).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `RCPT TO:<bob@example.org> NOTIFY=SUCCESS`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// let notify = message.envelope().recipients()[0].parameters().notify();
    /// assert!(notify.is_some_and(|notify| notify.success));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn notify(&self) -> Option<Notify> {
        Notify::parse(self.value("NOTIFY")?).ok()
    }

    /// The recipient that the message was first sent to: ORCPT of RCPT (RFC 3461 §4.2).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `RCPT TO:<bob@example.org> ORCPT=rfc822;all@example.org`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> ORCPT=rfc822;all@example.org\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let original = server.messages()[0].envelope().recipients()[0].parameters().original_recipient();
    /// assert_eq!(original.unwrap().address(), "all@example.org");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn original_recipient(&self) -> Option<OriginalRecipient> {
        OriginalRecipient::parse(self.value("ORCPT")?).ok()
    }

    /// Until when the message shall be delivered: BY of MAIL (RFC 2852 §4).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> BY=120;R`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> BY=120;R\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// let by = message.envelope().sender().parameters().deliver_by();
    /// assert!(by.is_some_and(|by| by.seconds == 120 && by.returns));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn deliver_by(&self) -> Option<DeliverBy> {
        DeliverBy::parse(self.value("BY")?).ok()
    }

    /// The priority of the message, from -9 to 9: MT-PRIORITY of MAIL (RFC 6710 §5).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> MT-PRIORITY=-3`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> MT-PRIORITY=-3\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().priority(), Some(-3));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn priority(&self) -> Option<i8> {
        priority(self.value("MT-PRIORITY")?).ok()
    }

    /// How long the message shall be held before it is delivered: HOLDFOR of MAIL (RFC 4865).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().submission_requires_auth(false).start();
    /// // A client of `server.submission()` sends `MAIL FROM:<ann@example.org> HOLDFOR=60`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> HOLDFOR=60\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.submission().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().hold_for(), Some(std::time::Duration::from_secs(60)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hold_for(&self) -> Option<Duration> {
        hold_for(self.value("HOLDFOR")?).ok()
    }

    /// Until when the message shall be held before it is delivered: HOLDUNTIL of MAIL (RFC 4865).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().submission_requires_auth(false).start();
    /// // A client of `server.submission()` sends `MAIL FROM:<ann@example.org> HOLDUNTIL=2099-01-01T00:00:00Z`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> HOLDUNTIL=2099-01-01T00:00:00Z\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.submission().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// let until = message.envelope().sender().parameters().hold_until().unwrap();
    /// assert_eq!(until.to_string(), "2099-01-01T00:00:00.000000Z");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hold_until(&self) -> Option<Timestamp> {
        hold_until(self.value("HOLDUNTIL")?).ok()
    }

    /// Whether the message must only be sent on under TLS: REQUIRETLS of MAIL (RFC 8689 §2). The server accepts it only
    /// under TLS.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert!(!mail.envelope().sender().parameters().require_tls());
    /// ```
    pub fn require_tls(&self) -> bool {
        self.value("REQUIRETLS").is_some()
    }

    /// The user that submitted the message first, decoded: AUTH of MAIL (RFC 4954 §5); empty for `AUTH=<>`.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `MAIL FROM:<ann@example.org> AUTH=ann+2Bx@example.org`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> AUTH=ann+2Bx@example.org\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let message = &server.messages()[0];
    /// assert_eq!(message.envelope().sender().parameters().auth().as_deref(), Some("ann+x@example.org"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn auth(&self) -> Option<String> {
        let value = self.value("AUTH")?;
        if value == "<>" { Some(String::new()) } else { xtext::decode(value) }
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

#[cfg(feature = "serde")]
impl serde::Serialize for Parameters {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
