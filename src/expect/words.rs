//! The search for words anywhere in a message.

use std::fmt;

use crate::mail::Message;

/// Words that a message must all have.
pub(super) struct Words {
    /// As written.
    text: String,
    /// With letters in one form.
    words: Vec<String>,
}

impl Words {
    /// Blanks separate words. `None` if there are none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<String> = text.split_whitespace().map(folded).collect();
        (!words.is_empty()).then(|| Self { text: text.trim().to_owned(), words })
    }

    /// The words that are not in the message.
    pub(super) fn missing(&self, message: &Message) -> Vec<&str> {
        let mut missing: Vec<&str> = self.words.iter().map(String::as_str).collect();
        // What costs more to read comes later, and is not read if every word was found before.
        for place in [envelope, subject, addresses, file_names, text, html] {
            if missing.is_empty() {
                break;
            }
            for found in place(message) {
                let found = folded(&found);
                missing.retain(|word| !found.contains(word));
            }
        }
        missing
    }
}

/// The text with each letter in one form, whatever stands beside it: `to_lowercase` of a text makes another letter of a
/// sigma at the end of a word.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

fn envelope(message: &Message) -> Vec<String> {
    let envelope = message.envelope();
    let recipients = envelope.recipients().iter().map(|recipient| recipient.address());
    [envelope.sender().address()].into_iter().chain(recipients).map(str::to_owned).collect()
}

fn subject(message: &Message) -> Vec<String> {
    vec![message.subject()]
}

fn addresses(message: &Message) -> Vec<String> {
    let fields = ["from", "to", "cc", "bcc"];
    let listed = fields.into_iter().flat_map(|field| message.addresses(field));
    listed.flat_map(|its| [its.name.unwrap_or_default(), its.address]).collect()
}

fn file_names(message: &Message) -> Vec<String> {
    message.attachments().iter().filter_map(|part| part.filename()).collect()
}

fn text(message: &Message) -> Vec<String> {
    vec![message.text()]
}

fn html(message: &Message) -> Vec<String> {
    message.readable_html().into_iter().collect()
}
