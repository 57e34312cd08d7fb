//! SMTP's envelope: who a message was really from and for, apart from what its header says.

use std::fmt;

/// The parameters of a MAIL or RCPT command, in the order and the letters they came in (RFC 5321 §4.1.1.11).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Box<[Parameter]>);

/// A keyword and its value.
pub(crate) type Parameter = (Box<str>, Option<Box<str>>);

impl Parameters {
    pub(crate) fn new(raw: Vec<Parameter>) -> Self {
        Self(raw.into())
    }

    /// Keywords and values as sent; a keyword without `=` has no value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(keyword, value)| (&**keyword, value.as_deref()))
    }

    /// The value of a keyword, whatever its case; empty when it came without one.
    pub fn value(&self, keyword: &str) -> Option<&str> {
        self.iter().find(|(k, _)| k.eq_ignore_ascii_case(keyword)).map(|(_, v)| v.unwrap_or_default())
    }

    /// The size in octets that the client declared (RFC 1870 §3).
    pub fn size(&self) -> Option<u64> {
        self.value("SIZE")?.parse().ok()
    }

    /// Whether the client declared an internationalised message (RFC 6531 §3.4).
    pub fn smtputf8(&self) -> bool {
        self.value("SMTPUTF8").is_some()
    }

    /// Whether there are none.
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

/// Who a message is from, by the MAIL command.
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
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether this is the null sender (RFC 5321 §4.5.5).
    pub fn is_null(&self) -> bool {
        self.address.is_empty()
    }

    /// The parameters of the MAIL command.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// What became of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was accepted and the message delivered to it.
    Accepted,
    /// It was refused with this reply, as `550 5.1.1 No such user`.
    Refused(Box<str>),
}

/// One RCPT command of a transaction and what became of it.
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
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The parameters of the RCPT command.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Whether the server took it, or the reply that refused it.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether the server took it.
    pub fn is_accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }
}

/// Who a message was from and for, as the client said it in MAIL and RCPT: Bcc included, the header not consulted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    sender: Sender,
    recipients: Box<[Recipient]>,
}

impl Envelope {
    /// None without an accepted recipient: there is no such envelope (RFC 5321 §3.3).
    pub(crate) fn new(sender: Sender, recipients: Vec<Recipient>) -> Option<Self> {
        let accepted = recipients.iter().any(Recipient::is_accepted);
        accepted.then(|| Self { sender, recipients: recipients.into() })
    }

    /// Of a message that nobody sent.
    pub(super) fn unsent() -> Self {
        Self { sender: Sender::new("", Parameters::default()), recipients: Box::default() }
    }

    /// Who it is from.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Every recipient the client named, in its order, the refused ones included.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The addresses that were accepted: at least one, where somebody sent the message.
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
