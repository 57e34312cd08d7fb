//! The options for delivery status notifications (RFC 3461).

use clap::Args;

use crate::mail::{Notify, Ret, envelope_id, xtext};

/// What the sender wants to be notified of.
#[derive(Args, Clone)]
pub(super) struct Dsn {
    /// When to notify the sender: `never`, or `success`, `failure` and `delay`, separated by commas.
    #[arg(short = 'N', value_name = "WHEN", value_parser = Notify::parse, help_heading = "Delivery status notifications")]
    notify: Option<Notify>,
    /// How much of the message a notification of failure contains: `full` or `hdrs`, only the header.
    #[arg(short = 'R', value_name = "WHAT", value_parser = Ret::parse, help_heading = "Delivery status notifications")]
    ret: Option<Ret>,
    /// Identifier of the message that notifications have: at most 100 printable characters.
    #[arg(short = 'V', value_name = "ID", value_parser = identifier, help_heading = "Delivery status notifications")]
    envelope_id: Option<String>,
}

/// An identifier, encoded for ENVID.
fn identifier(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it must not be empty");
    }
    let encoded = xtext::encode(text);
    envelope_id(&encoded).map(|_| encoded)
}

impl Dsn {
    /// Whether one of the options is given.
    pub(super) fn is_wanted(&self) -> bool {
        self.notify.is_some() || self.ret.is_some() || self.envelope_id.is_some()
    }

    /// The parameters of MAIL, each after a blank.
    pub(super) fn of_mail(&self) -> String {
        let ret = self.ret.map(|ret| format!(" RET={}", ret.name().to_ascii_uppercase()));
        let envelope_id = self.envelope_id.as_ref().map(|id| format!(" ENVID={id}"));
        ret.unwrap_or_default() + &envelope_id.unwrap_or_default()
    }

    /// The parameters of RCPT, each after a blank.
    pub(super) fn of_rcpt(&self) -> String {
        let notify = self.notify.map(|its| its.names().collect::<Vec<_>>().join(",").to_ascii_uppercase());
        notify.map(|names| format!(" NOTIFY={names}")).unwrap_or_default()
    }
}
