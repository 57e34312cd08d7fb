//! Feedback reports, as feedback loops send them (RFC 5965).

use super::compose::{Bounced, Composition, Reporter, date};
use crate::mail::{Message, Recipient};

pub(super) fn report(message: &Message, recipients: &[&Recipient], reporter: &Reporter<'_>) -> Bounced {
    let sender = message.envelope().sender();
    let is_declared = sender.parameters().smtputf8();
    let sender = sender.address();
    let mut addresses = recipients.iter().map(|its| its.address()).chain([sender]);
    let is_utf8 = is_declared || !addresses.all(str::is_ascii);
    let mut report = format!(
        "Feedback-Type: abuse\r\nUser-Agent: mailjig/{}\r\nVersion: 1\r\nOriginal-Mail-From: <{sender}>\r\n",
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
            "This is an email abuse report for a message received at {}\r\non {}.\r\n",
            reporter.host,
            date(message.received())
        ),
        report: ("message/feedback-report", report),
        // RFC 6532 §3.7
        original: (if is_utf8 { "message/global" } else { "message/rfc822" }, message.raw()),
    };
    composition.finish(message, reporter)
}
