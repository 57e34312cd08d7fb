//! Mail that a test delivers as an SMTP client would, with the same limits.

use std::fmt;

use bytes::Bytes;

use super::Server;
use crate::base::is_identifier;
use crate::mail::{Envelope, Message, Parameters, Recipient, Sender, Verdict};
use crate::world::World;

/// Why a message cannot be delivered.
#[derive(Debug)]
pub(crate) enum Undeliverable {
    NoRecipient,
    /// The sender's address is not valid.
    Sender(String),
    /// A recipient's address is not valid.
    Recipient(String),
    /// No account has this address.
    Stranger(Box<str>),
    /// The size of the message and the limit, in octets.
    TooLarge(usize, u64),
    /// The number of recipients and the limit.
    TooMany(usize, usize),
}

impl Server {
    /// Delivers a message as an SMTP client would. An empty sender is the null sender.
    pub(crate) fn deliver(&self, from: &str, to: &[impl AsRef<str>], raw: Bytes) -> Result<Message, Undeliverable> {
        if !from.is_empty() && !is_identifier(from) {
            return Err(Undeliverable::Sender(from.to_owned()));
        }
        if let Some(wrong) = to.iter().map(AsRef::as_ref).find(|to| !is_identifier(to)) {
            return Err(Undeliverable::Recipient(wrong.to_owned()));
        }
        let in_force = self.in_force();
        let limits = &in_force.limits.smtp;
        if raw.len() as u64 > limits.message {
            return Err(Undeliverable::TooLarge(raw.len(), limits.message));
        }
        if to.len() > limits.recipients {
            return Err(Undeliverable::TooMany(to.len(), limits.recipients));
        }
        let recipients = to.iter().map(|to| Recipient::new(to.as_ref(), Parameters::default(), Verdict::Accepted));
        let envelope = Envelope::new(Sender::new(from, Parameters::default()), recipients.collect());
        let envelope = envelope.ok_or(Undeliverable::NoRecipient)?;
        let questions = self.engine.read(|world| world.questions_about(&raw));
        let answers = questions.map(|questions| Box::new(questions.answer()));
        let deliver = |world: &mut World, now| world.knowing(answers, |world| world.deliver(envelope, raw, now));
        let (delivered, _dropped_here) = self.engine.update(deliver);
        delivered.map_err(Undeliverable::Stranger)
    }
}

impl fmt::Display for Undeliverable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipient => f.write_str("a message needs a recipient"),
            Self::Sender(address) | Self::Recipient(address) => {
                write!(f, "{address:?} is not a valid address: it must not be empty or contain control characters")
            }
            Self::Stranger(address) => write!(f, "<{address}> is not an address of this server's accounts"),
            Self::TooLarge(octets, limit) => write!(f, "the message has {octets} octets; the limit is {limit}"),
            Self::TooMany(count, limit) => write!(f, "the message has {count} recipients; the limit is {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::Scenario;
    use crate::server::Settings;

    #[test]
    fn mail_is_parsed_for_conditions_before_the_lock_is_taken() {
        let rules = "mailjig = 1\n[[rule]]\non = 'mail.delivered'\nwhen = { subject = 'odd' }\ndo = { note = 'odd' }\n";
        let server = Server::start(Settings::default()).unwrap();
        server.load(Arc::new(Scenario::text("odd.toml", rules).load().unwrap())).unwrap();
        let deliver = |subject| {
            let mail = format!("Subject: {subject}\r\n\r\n{}", "a".repeat(100_000));
            server.deliver("", &["bob@example.org"], mail.into()).unwrap()
        };

        let (odd, even) = (deliver("odd"), deliver("even"));

        assert_eq!(server.engine().read(|world| world.rulebook.rules()[0].fired), 1);
        assert!(!odd.is_parsed() && !even.is_parsed(), "no condition parsed a captured message");
    }
}
