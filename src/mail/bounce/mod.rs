//! Reports about a message to its sender: delivery status notifications (RFC 3464), feedback reports (RFC 5965) and
//! message disposition notifications (RFC 8098).

mod compose;
mod dsn;
mod feedback;
mod receipt;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use self::compose::{Bounced, Reporter};
use self::feedback::FeedbackType;
use super::{Message, Recipient};
use crate::base::{Pattern, unknown};

/// A report about a captured message to its sender: a bounce, a delay, a success, a complaint or a read receipt. Sent
/// with [`MailServer::bounce`](crate::MailServer::bounce).
///
/// ```
/// use mailjig::Bounce;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver_from("app@example.org", "bob@example.org", "Subject: hi\r\n\r\n");
///
/// let bounce = server.bounce(&mail, Bounce::failed().diagnostic("552 5.2.2 Mailbox full"));
/// assert_eq!(bounce.envelope().accepted().collect::<Vec<_>>(), ["app@example.org"]);
/// assert!(bounce.envelope().sender().is_null());
/// ```
#[derive(Debug, Clone)]
pub struct Bounce {
    kind: BounceKind,
    recipients: Option<Pattern>,
    status: Option<Box<str>>,
    diagnostic: Option<Box<str>>,
    remote_mta: Option<Box<str>>,
    feedback: Option<FeedbackType>,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BounceKind {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
    Complaint,
    Displayed,
    Deleted,
}

impl BounceKind {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Failed,
        Self::Delayed,
        Self::Delivered,
        Self::Relayed,
        Self::Expanded,
        Self::Complaint,
        Self::Displayed,
        Self::Deleted,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
            Self::Complaint => "complaint",
            Self::Displayed => "displayed",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The error for another name.
    pub(crate) fn unknown(name: &str) -> String {
        unknown("action", name, &Self::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>())
    }

    /// The first digit of its status (RFC 3464 §2.3.4); `None` if the report has no status.
    fn class(self) -> Option<char> {
        match self {
            Self::Failed => Some('5'),
            Self::Delayed => Some('4'),
            Self::Delivered | Self::Relayed | Self::Expanded => Some('2'),
            Self::Complaint | Self::Displayed | Self::Deleted => None,
        }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoBounce {
    /// Nobody sent the message over SMTP or LMTP.
    NotSent,
    /// The sender is `<>`: a report about a report must not be sent (RFC 5321 §6.1).
    NullSender,
    /// No accepted recipient fits.
    NoRecipient,
    /// No recipient's NOTIFY wants it (RFC 3461 §4.1).
    NotWanted,
    /// The message has no address in Disposition-Notification-To (RFC 8098 §2.1).
    NoReceiptWanted,
    /// No account has the address of the sender.
    NotLocal(Box<str>),
}

/// Why a value does not fit into a report.
pub(crate) type InvalidBounce = &'static str;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $function:ident = $kind:ident;)*) => {
        impl Bounce {
            $(
                $(#[doc = $doc])*
                ///
                /// ```
                /// use mailjig::Bounce;
                ///
                #[doc = concat!("let bounce = Bounce::", stringify!($function), "().recipients(\"bob@*\");")]
                /// ```
                pub fn $function() -> Self {
                    Self::new(BounceKind::$kind)
                }
            )*
        }
    };
}

kinds! {
    /// The message could not be delivered. Default: `550 5.1.1 User unknown`.
    failed = Failed;
    /// The message could not be delivered yet. Default: `451 4.4.1 No answer from host`.
    delayed = Delayed;
    /// The message was delivered. Only for recipients with NOTIFY=SUCCESS.
    delivered = Delivered;
    /// The message was given to a server that sends no reports. Only for recipients with NOTIFY=SUCCESS.
    relayed = Relayed;
    /// The message was delivered to an alias, and sent on to its members. Only for recipients with NOTIFY=SUCCESS.
    expanded = Expanded;
    /// A recipient complained about the message: a feedback report, as feedback loops send it (RFC 5965).
    complaint = Complaint;
    /// A recipient has read the message: a receipt to the address in Disposition-Notification-To (RFC 8098).
    displayed = Displayed;
    /// A recipient has deleted the message unread: a receipt to the address in Disposition-Notification-To (RFC 8098).
    deleted = Deleted;
}

impl Bounce {
    pub(crate) fn new(kind: BounceKind) -> Self {
        Self { kind, recipients: None, status: None, diagnostic: None, remote_mta: None, feedback: None }
    }

    pub(crate) fn kind(&self) -> BounceKind {
        self.kind
    }

    /// Whether only its kind was given.
    pub(crate) fn is_default(&self) -> bool {
        let Self { kind: _, recipients, status, diagnostic, remote_mta, feedback } = self;
        let texts = [status, diagnostic, remote_mta];
        recipients.is_none() && feedback.is_none() && texts.into_iter().all(Option::is_none)
    }

    pub(crate) fn given_recipients(&self) -> Option<&Pattern> {
        self.recipients.as_ref()
    }

    pub(crate) fn given_status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    pub(crate) fn given_diagnostic(&self) -> Option<&str> {
        self.diagnostic.as_deref()
    }

    pub(crate) fn given_remote_mta(&self) -> Option<&str> {
        self.remote_mta.as_deref()
    }

    pub(crate) fn given_feedback(&self) -> Option<&'static str> {
        self.feedback.map(FeedbackType::name)
    }

    /// Only about the accepted recipients that match. Default: all of them.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// use mailjig::Bounce;
    ///
    /// let bounce = Bounce::failed().recipients("*@full.example");
    /// ```
    #[track_caller]
    #[must_use]
    pub fn recipients(mut self, address: impl Into<Pattern>) -> Self {
        self.recipients = Some(address.into());
        self
    }

    /// The status, such as `5.2.2` (RFC 3463). Default: that in the diagnostic.
    ///
    /// # Panics
    /// If it is not one, or its class does not fit: 5 for a failure, 4 for a delay, 2 for the others.
    ///
    /// ```
    /// use mailjig::Bounce;
    ///
    /// let bounce = Bounce::failed().status("5.7.1");
    /// ```
    #[track_caller]
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.valid(|its| its.set_status(status))
    }

    /// What the other server said, such as `552 5.2.2 Mailbox full`.
    ///
    /// # Panics
    /// If it is empty or has a control character.
    ///
    /// ```
    /// use mailjig::Bounce;
    ///
    /// let bounce = Bounce::failed().diagnostic("552 5.2.2 Mailbox full");
    /// ```
    #[track_caller]
    #[must_use]
    pub fn diagnostic(self, reply: &str) -> Self {
        self.valid(|its| its.set_diagnostic(reply))
    }

    /// The name of the other server, such as `mx.example.org`. Default: none.
    ///
    /// # Panics
    /// If it is empty or has a control character.
    ///
    /// ```
    /// use mailjig::Bounce;
    ///
    /// let bounce = Bounce::failed().remote_mta("mx.example.org");
    /// ```
    #[track_caller]
    #[must_use]
    pub fn remote_mta(self, name: &str) -> Self {
        self.valid(|its| its.set_remote_mta(name))
    }

    /// The type of a complaint: `abuse`, `fraud`, `virus`, `not-spam` or `other` (RFC 5965 §7.3, RFC 6430). Default:
    /// `abuse`.
    ///
    /// # Panics
    /// If it is another one, or if this is not a complaint.
    ///
    /// ```
    /// use mailjig::Bounce;
    ///
    /// let complaint = Bounce::complaint().feedback_type("not-spam");
    /// ```
    #[track_caller]
    #[must_use]
    pub fn feedback_type(self, name: &str) -> Self {
        self.valid(|its| its.set_feedback_type(name))
    }

    #[track_caller]
    fn valid(mut self, set: impl FnOnce(&mut Self) -> Result<(), InvalidBounce>) -> Self {
        match set(&mut self) {
            Ok(()) => self,
            Err(why) => panic!("{why}"),
        }
    }

    pub(crate) fn set_status(&mut self, status: &str) -> Result<(), InvalidBounce> {
        let is_number = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        let numbers: Vec<&str> = status.split('.').collect();
        let fits = |class: &str| self.kind.class().is_some_and(|its| class == its.to_string());
        match numbers[..] {
            [class, subject, detail] if is_number(subject) && is_number(detail) && fits(class) => {
                self.status = Some(status.into());
                Ok(())
            }
            _ => Err(
                "the status must be as in `5.1.1`: 5 for `failed`, 4 for `delayed`, 2 for `delivered`, `relayed` and \
                      `expanded`; other reports have none",
            ),
        }
    }

    pub(crate) fn set_diagnostic(&mut self, reply: &str) -> Result<(), InvalidBounce> {
        self.diagnostic =
            Some(one_line(reply).ok_or("the diagnostic must be one line of text, as in `550 5.1.1 User unknown`")?);
        Ok(())
    }

    pub(crate) fn set_remote_mta(&mut self, name: &str) -> Result<(), InvalidBounce> {
        self.remote_mta = Some(one_line(name).ok_or("the remote MTA must be a name, as in `mx.example.org`")?);
        Ok(())
    }

    pub(crate) fn set_feedback_type(&mut self, name: &str) -> Result<(), InvalidBounce> {
        let feedback = FeedbackType::parse(name).filter(|_| self.kind == BounceKind::Complaint);
        self.feedback = Some(feedback.ok_or(
            "the feedback type must be `abuse`, `fraud`, `virus`, `not-spam` or `other`; only a `complaint` has one",
        )?);
        Ok(())
    }

    pub(crate) fn set_recipients(&mut self, address: Pattern) {
        self.recipients = Some(address);
    }

    /// The report about a message, as a message to its sender.
    pub(crate) fn compose(&self, message: &Message, reporter: &Reporter<'_>) -> Result<Bounced, NoBounce> {
        if !message.is_sent() {
            return Err(NoBounce::NotSent);
        }
        if message.envelope().sender().is_null() {
            return Err(NoBounce::NullSender);
        }
        let recipients = message.envelope().recipients().iter().filter(|recipient| {
            let fits = self.recipients.as_ref().is_none_or(|pattern| pattern.matches_address(recipient.address()));
            recipient.is_accepted() && fits
        });
        let recipients: Vec<&Recipient> = recipients.collect();
        if recipients.is_empty() {
            return Err(NoBounce::NoRecipient);
        }
        match self.kind {
            BounceKind::Failed
            | BounceKind::Delayed
            | BounceKind::Delivered
            | BounceKind::Relayed
            | BounceKind::Expanded => self.notification(message, &recipients, reporter),
            BounceKind::Complaint => {
                let feedback = self.feedback.unwrap_or(FeedbackType::Abuse);
                Ok(feedback::report(message, feedback, &recipients, reporter))
            }
            BounceKind::Displayed | BounceKind::Deleted => {
                receipt::receipt(message, self.kind, recipients[0], reporter)
            }
        }
    }

    fn notification(
        &self,
        message: &Message,
        recipients: &[&Recipient],
        reporter: &Reporter<'_>,
    ) -> Result<Bounced, NoBounce> {
        let wanted: Vec<&Recipient> = recipients.iter().copied().filter(|its| self.is_wanted(its)).collect();
        match wanted.is_empty() {
            true => Err(NoBounce::NotWanted),
            false => Ok(dsn::notification(message, self, &wanted, reporter)),
        }
    }

    /// RFC 3461 §4.1: without NOTIFY, the sender wants failures, and may get delays.
    fn is_wanted(&self, recipient: &Recipient) -> bool {
        let notify = recipient.parameters().notify();
        match self.kind {
            BounceKind::Failed => notify.is_none_or(|notify| notify.failure),
            BounceKind::Delayed => notify.is_none_or(|notify| notify.delay),
            BounceKind::Delivered | BounceKind::Relayed | BounceKind::Expanded => {
                notify.is_some_and(|notify| notify.success)
            }
            BounceKind::Complaint | BounceKind::Displayed | BounceKind::Deleted => true,
        }
    }
}

fn one_line(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.into())
}

impl fmt::Display for NoBounce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("nobody sent the message over SMTP or LMTP, so nobody gets a report"),
            Self::NullSender => {
                f.write_str("its sender is `<>`, and a report about a report must not be sent (RFC 5321 §6.1)")
            }
            Self::NoRecipient => f.write_str("the server accepted no such recipient of the message"),
            Self::NotWanted => f.write_str("no recipient's NOTIFY asks for it (RFC 3461 §4.1)"),
            Self::NoReceiptWanted => f.write_str(
                "the message has no address in Disposition-Notification-To, which asks for receipts (RFC 8098 §2.1)",
            ),
            Self::NotLocal(address) => write!(f, "<{address}> is not an address of this server's accounts"),
        }
    }
}
