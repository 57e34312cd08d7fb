//! The filters of messages, as options.

use clap::Args;

use super::target::Query;
use super::{STATUSES, after_help};

/// What a pattern is, and then the examples and the exit statuses.
pub(super) fn after_long_help(examples: &str) -> String {
    format!("{PATTERNS}\n\n{}", after_help(examples, STATUSES))
}

const PATTERNS: &str = "\
All filters must match. A PATTERN is the exact text; `*` stands for any characters; `~` and a regular expression is found \
in the text; `!` and one of these is text that does not match.";

#[derive(Args)]
pub(super) struct Filters {
    /// Address of a recipient in the envelope, as in `*@example.org`.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    to: Option<String>,
    /// Address of the sender in the envelope.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    from: Option<String>,
    /// The subject, decoded.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    subject: Option<String>,
    /// The text, decoded: without `*`, it is found anywhere.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    body: Option<String>,
    /// File name of an attachment.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    attachment: Option<String>,
    /// A URL in the text.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    link: Option<String>,
    /// A one-time code.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    code: Option<String>,
    /// A header field, as in `X-Campaign: 7`; the value is a pattern. May be repeated.
    #[arg(long, value_name = "NAME: PATTERN", help_heading = "Filters", value_parser = header)]
    header: Vec<String>,
    /// Login of the session that sent the message.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    user: Option<String>,
    /// Listener that received the message, as in `smtp`.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    listener: Option<String>,
}

impl Filters {
    /// The parameters of `GET /v1/messages`.
    pub(super) fn query(&self) -> Query {
        let single = [
            ("to", &self.to),
            ("from", &self.from),
            ("subject", &self.subject),
            ("body", &self.body),
            ("attachment", &self.attachment),
            ("link", &self.link),
            ("code", &self.code),
            ("user", &self.user),
            ("listener", &self.listener),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        single.chain(self.header.iter().map(|header| ("header", header.clone()))).collect()
    }
}

fn header(text: &str) -> Result<String, String> {
    let (name, _) = text.split_once(':').unwrap_or_default();
    match name.trim().is_empty() {
        true => Err("write a name and a pattern, as in `X-Campaign: 7`".to_owned()),
        false => Ok(text.to_owned()),
    }
}
