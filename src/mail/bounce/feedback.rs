//! Feedback reports, as feedback loops send them (RFC 5965).

use super::compose::{Bounced, Composition, Reporter, date, returned};
use crate::mail::{Message, Recipient};

/// What a complaint is about (RFC 5965 §7.3, RFC 6430 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedbackType {
    Abuse,
    Fraud,
    Virus,
    NotSpam,
    Other,
}

impl FeedbackType {
    const ALL: &'static [Self] = &[Self::Abuse, Self::Fraud, Self::Virus, Self::NotSpam, Self::Other];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::Fraud => "fraud",
            Self::Virus => "virus",
            Self::NotSpam => "not-spam",
            Self::Other => "other",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|its| its.name() == name)
    }
}

pub(super) fn report(
    message: &Message,
    feedback: FeedbackType,
    recipients: &[&Recipient],
    reporter: &Reporter<'_>,
) -> Bounced {
    let sender = message.envelope().sender();
    let is_declared = sender.parameters().smtputf8();
    let sender = sender.address();
    let mut addresses = recipients.iter().map(|its| its.address()).chain([sender]);
    let is_utf8 = is_declared || !addresses.all(str::is_ascii);
    let mut report = format!(
        "Feedback-Type: {}\r\nUser-Agent: mailjig/{}\r\nVersion: 1\r\nOriginal-Mail-From: <{sender}>\r\n",
        feedback.name(),
        env!("CARGO_PKG_VERSION")
    );
    for recipient in recipients {
        report += &format!("Original-Rcpt-To: <{}>\r\n", recipient.address());
    }
    report += &format!("Arrival-Date: {}\r\nReporting-MTA: dns; {}\r\n", date(message.received()), reporter.host);
    let composition = Composition {
        name: "complaint",
        from: format!("Feedback Loop <feedback@{}>", reporter.host),
        to: sender,
        subject: "Complaint about a message".to_owned(),
        report_type: "feedback-report",
        text: format!(
            "This is a feedback report of the type {}\r\nabout a message received at {}\r\non {}.\r\n",
            feedback.name(),
            reporter.host,
            date(message.received())
        ),
        report: ("message/feedback-report", report),
        original: returned(message, true, is_utf8),
    };
    composition.finish(message, reporter)
}
