//! A message to put into a mailbox: octets, flags and internal date.

use bytes::Bytes;

use crate::base::Timestamp;
use crate::world::Draft;

/// A message to put into a mailbox with [`Mailbox::add`](super::Mailbox::add): its octets, flags and internal date.
/// Texts and octets convert into it.
///
/// ```
/// use mailjig::Mail;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let archive = server.account("bob@example.org").mailbox("Archive");
/// archive.add(Mail::new("Subject: minutes\r\n\r\nWe met.\r\n").seen().flag("$Work"));
///
/// assert_eq!(archive.entries()[0].flags, ["\\Seen", "$Work"]);
/// ```
#[derive(Debug, Clone)]
pub struct Mail(pub(super) Draft<'static>);

impl Mail {
    /// A message of these octets, without flags. Its default date is the time when it is added.
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n"));
    /// assert!(entry.flags.is_empty());
    /// ```
    pub fn new(octets: impl Into<Bytes>) -> Self {
        Self(Draft { raw: octets.into(), ..Draft::default() })
    }

    /// Sets `\Seen` (RFC 3501 §2.3.2).
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").seen());
    /// assert_eq!(entry.flags, ["\\Seen"]);
    /// ```
    pub fn seen(self) -> Self {
        self.flag("\\Seen")
    }

    /// Sets `\Flagged` (RFC 3501 §2.3.2).
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").flagged());
    /// assert_eq!(entry.flags, ["\\Flagged"]);
    /// ```
    pub fn flagged(self) -> Self {
        self.flag("\\Flagged")
    }

    /// Sets this flag: a system flag such as `\Answered`, or a keyword such as `$Work`.
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").flag("$Work"));
    /// assert_eq!(entry.flags, ["$Work"]);
    /// ```
    pub fn flag(mut self, flag: &str) -> Self {
        self.0.flags.to_mut().push(flag.into());
        self
    }

    /// Sets the internal date (RFC 3501 §2.3.3). Default: the server time when it is added.
    ///
    /// ```
    /// use mailjig::{Mail, Timestamp};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let date = Timestamp::from_micros(1_577_880_000_000_000);   // 2020-01-01T12:00:00Z
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").dated(date));
    /// assert_eq!(entry.date, date);
    /// ```
    pub fn dated(mut self, date: Timestamp) -> Self {
        self.0.date = Some(date);
        self
    }
}

macro_rules! octets {
    ($($octets:ty),*) => {$(
        impl From<$octets> for Mail {
            fn from(octets: $octets) -> Self {
                Self::new(octets)
            }
        }
    )*};
}

octets!(&'static str, String, &'static [u8], Vec<u8>, Bytes);
