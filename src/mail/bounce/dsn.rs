//! Delivery status notifications (RFC 3464; internationalised, RFC 6533).

use std::time::Duration;

use super::compose::{Bounced, Composition, Reporter, date, original_recipient, returned};
use super::{Bounce, BounceKind};
use crate::mail::{Message, Recipient, Ret};

/// How long a server keeps trying (RFC 5321 §4.5.4.1).
const RETRY: Duration = Duration::from_secs(5 * 24 * 3600);

pub(super) fn notification(
    message: &Message,
    bounce: &Bounce,
    recipients: &[&Recipient],
    reporter: &Reporter<'_>,
) -> Bounced {
    let sender = message.envelope().sender();
    let addresses = || recipients.iter().map(|its| its.address()).chain([sender.address()]);
    let is_utf8 = sender.parameters().smtputf8() || addresses().any(|address| !address.is_ascii());
    let (diagnostic, status) = (diagnostic(bounce), status(bounce));
    let mut report = format!("Reporting-MTA: dns; {}\r\n", reporter.host);
    if let Some(id) = sender.parameters().envelope_id() {
        report += &format!("Original-Envelope-Id: {id}\r\n");
    }
    // RFC 4865: what the sender asked for, as it was sent.
    for (keyword, prefix) in [("HOLDFOR", "for"), ("HOLDUNTIL", "until")] {
        if let Some(value) = sender.parameters().value(keyword) {
            report += &format!("Future-Release-Request: {prefix};{value}\r\n");
        }
    }
    report += &format!("Arrival-Date: {}\r\n", date(message.received()));
    for recipient in recipients {
        let address_type = if recipient.address().is_ascii() { "rfc822" } else { "utf-8" };
        report += "\r\n";
        report += &original_recipient(recipient, is_utf8).unwrap_or_default();
        report += &format!("Final-Recipient: {address_type}; {}\r\n", recipient.address());
        report += &format!("Action: {}\r\nStatus: {status}\r\n", bounce.kind.name());
        if let Some(name) = &bounce.remote_mta {
            report += &format!("Remote-MTA: dns; {name}\r\n");
        }
        if let Some(diagnostic) = diagnostic {
            report += &format!("Diagnostic-Code: smtp; {diagnostic}\r\n");
        }
        report += &format!("Last-Attempt-Date: {}\r\n", date(reporter.now));
        if bounce.kind == BounceKind::Delayed {
            report += &format!("Will-Retry-Until: {}\r\n", date(message.received().plus(RETRY)));
        }
    }
    // RFC 3461 §4.3: RET is about failures; other notifications return the header only.
    let is_full = bounce.kind == BounceKind::Failed && sender.parameters().ret() != Some(Ret::Headers);
    let report_type = if is_utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
    let composition = Composition {
        name: bounce.kind.name(),
        from: format!("Mail Delivery System <MAILER-DAEMON@{}>", reporter.host),
        to: sender.address(),
        subject: subject(bounce.kind).to_owned(),
        report_type: "delivery-status",
        text: text(bounce.kind, recipients, diagnostic, reporter),
        report: (report_type, report),
        original: returned(message, is_full, is_utf8),
    };
    composition.finish(message, reporter)
}

fn diagnostic(bounce: &Bounce) -> Option<&str> {
    let default = match bounce.kind {
        // With a status of the test, the default could say something else.
        _ if bounce.status.is_some() => None,
        BounceKind::Failed => Some("550 5.1.1 User unknown"),
        BounceKind::Delayed => Some("451 4.4.1 No answer from host"),
        BounceKind::Delivered
        | BounceKind::Relayed
        | BounceKind::Expanded
        | BounceKind::Complaint
        | BounceKind::Displayed
        | BounceKind::Deleted => None,
    };
    bounce.diagnostic.as_deref().or(default)
}

/// The status of the test, else that in the diagnostic (RFC 2034 §4), else that without details (RFC 3463 §3.1).
fn status(bounce: &Bounce) -> String {
    if let Some(status) = &bounce.status {
        return status.to_string();
    }
    let class = bounce.kind.class().unwrap_or('5');
    let in_diagnostic = diagnostic(bounce).and_then(|reply| {
        let word = reply.split([' ', '-']).find(|word| word.starts_with(class) && word.contains('.'))?;
        let mut its = Bounce::new(bounce.kind);
        its.set_status(word).ok().map(|()| word.to_owned())
    });
    in_diagnostic.unwrap_or_else(|| format!("{class}.0.0"))
}

fn subject(kind: BounceKind) -> &'static str {
    match kind {
        BounceKind::Failed => "Undelivered Mail Returned to Sender",
        BounceKind::Delayed => "Delayed Mail (still being retried)",
        BounceKind::Delivered
        | BounceKind::Relayed
        | BounceKind::Expanded
        | BounceKind::Complaint
        | BounceKind::Displayed
        | BounceKind::Deleted => "Successful Mail Delivery Report",
    }
}

fn text(kind: BounceKind, recipients: &[&Recipient], diagnostic: Option<&str>, reporter: &Reporter<'_>) -> String {
    let what = match kind {
        BounceKind::Failed => "could not be delivered to",
        BounceKind::Delayed => "could not be delivered yet, and will be tried again, to",
        BounceKind::Delivered => "was delivered to",
        BounceKind::Relayed => "was relayed to a server that may not report about it, to",
        BounceKind::Expanded => "was delivered to a list and sent on to its members:",
        BounceKind::Complaint | BounceKind::Displayed | BounceKind::Deleted => "is reported about:",
    };
    let mut out = format!("This is the mail system at host {}.\r\n\r\nYour message {what}\r\n\r\n", reporter.host);
    for recipient in recipients {
        match diagnostic {
            Some(diagnostic) => out += &format!("<{}>: {diagnostic}\r\n", recipient.address()),
            None => out += &format!("<{}>\r\n", recipient.address()),
        }
    }
    out
}
