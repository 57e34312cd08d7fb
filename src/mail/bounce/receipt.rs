//! Message disposition notifications: read receipts (RFC 8098).

use super::compose::{Bounced, Composition, Reporter, message_id, original_recipient, returned};
use super::{BounceKind, NoBounce};
use crate::mail::{Message, Recipient};

pub(super) fn receipt(
    message: &Message,
    kind: BounceKind,
    recipient: &Recipient,
    reporter: &Reporter<'_>,
) -> Result<Bounced, NoBounce> {
    let wanted = message.addresses("disposition-notification-to");
    // An address in encoded words can hold what would end the line of To or of RCPT.
    let is_address = |to: &&String| !to.contains(|c: char| c.is_control() || matches!(c, '<' | '>'));
    let to = wanted.first().map(|its| &its.address).filter(is_address).ok_or(NoBounce::NoReceiptWanted)?;
    let address = recipient.address();
    let address_type = if address.is_ascii() { "rfc822" } else { "utf-8" };
    let is_utf8 = !address.is_ascii() || !to.is_ascii() || message.envelope().sender().parameters().smtputf8();
    let mut report = format!("Reporting-UA: {}; mailjig\r\n", reporter.host);
    report += &original_recipient(recipient, is_utf8).unwrap_or_default();
    report += &format!("Final-Recipient: {address_type}; {address}\r\n");
    if let Some(id) = message_id(message) {
        report += &format!("Original-Message-ID: {id}\r\n");
    }
    let (name, what) = match kind {
        BounceKind::Deleted => ("deleted", "was deleted without being displayed"),
        BounceKind::Failed
        | BounceKind::Delayed
        | BounceKind::Delivered
        | BounceKind::Relayed
        | BounceKind::Expanded
        | BounceKind::Complaint
        | BounceKind::Displayed => ("displayed", "was displayed"),
    };
    report += &format!("Disposition: manual-action/MDN-sent-manually; {name}\r\n");
    let composition = Composition {
        name,
        from: format!("<{address}>"),
        to,
        subject: format!("Message {name}"),
        report_type: "disposition-notification",
        text: format!(
            "The message that you sent to <{address}>\r\n{what}.\r\nThis does not mean that it was understood.\r\n"
        ),
        report: (
            if is_utf8 { "message/global-disposition-notification" } else { "message/disposition-notification" },
            report,
        ),
        original: returned(message, false, is_utf8),
    };
    Ok(composition.finish(message, reporter))
}
