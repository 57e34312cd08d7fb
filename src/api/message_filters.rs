//! The filters of messages, as query parameters, in a webhook and in an expectation.

use super::params::{Value, query};
use super::problem::Problem;
use crate::base::Pattern;
use crate::expect::Matcher;
use crate::expect::matchers::{any, attachment, body, code, from, header as field, link, search, session, subject, to};

query! {
    /// Filters for messages, all of which must match. Each but `search` is a pattern.
    pub(super) struct MessageFilters {
        /// The address of a recipient in the envelope: text, `*` for any characters, `~` and a regular expression, or
        /// `!` and one of these.
        pub(super) to: Option<Pattern>,
        /// The address of the sender in the envelope.
        pub(super) from: Option<Pattern>,
        /// The subject, decoded.
        pub(super) subject: Option<Pattern>,
        /// The text, decoded. Plain text is found anywhere in it.
        pub(super) body: Option<Pattern>,
        /// The file name of an attachment.
        pub(super) attachment: Option<Pattern>,
        /// A URL in the text.
        pub(super) link: Option<Pattern>,
        /// A one-time code.
        pub(super) code: Option<Pattern>,
        /// The login of the session that sent it.
        pub(super) user: Option<Pattern>,
        /// The listener that received it, such as `smtp`.
        pub(super) listener: Option<Pattern>,
        /// A header field, as `Name:value`; the value is a pattern.
        pub(super) header: Vec<String>,
        /// Words that are all in the subject, the addresses, the file names of attachments or the text, in upper or
        /// lower case.
        pub(super) search: Option<String>,
    }
}

impl MessageFilters {
    /// A matcher that requires every filter.
    pub(super) fn matcher(self) -> Result<Matcher, Problem> {
        Ok(self.given()?.unwrap_or_else(any))
    }

    /// A matcher that requires every filter; `None` if there is none.
    pub(super) fn given(self) -> Result<Option<Matcher>, Problem> {
        let mut clauses: Vec<Matcher> = Vec::new();
        clauses.extend(self.to.map(to));
        clauses.extend(self.from.map(from));
        clauses.extend(self.subject.map(subject));
        if self.body.as_ref().is_some_and(|body| body.to_string().is_empty()) {
            // It is in every message.
            return Err(Problem::field("body", "`body` is empty; write the text to find, or leave `body` out"));
        }
        clauses.extend(self.body.map(body));
        clauses.extend(self.attachment.map(attachment));
        clauses.extend(self.link.map(link));
        clauses.extend(self.code.map(code));
        clauses.extend(self.user.map(session::user));
        clauses.extend(listener(self.listener)?);
        if let Some(words) = self.search {
            // Without words it would match every message, and a shell variable that is not set would delete all mail.
            if words.trim().is_empty() {
                return Err(Problem::field("search", "`search` has no words; write one, or leave `search` out"));
            }
            clauses.push(search(&words));
        }
        for header in self.header {
            let Some((name, value)) = header.split_once(':') else {
                return Err(Problem::field("header", "write `header=Name:value`; the value is a pattern"));
            };
            let value = Pattern::read(value.trim_start()).map_err(|error| Problem::field("header", error))?;
            clauses.push(field(name.trim(), value));
        }
        Ok(clauses.into_iter().reduce(|all, clause| all.and(clause)))
    }
}

/// A filter by listener.
pub(super) fn listener(name: Option<Pattern>) -> Result<Option<Matcher>, Problem> {
    name.map(Matcher::listener).transpose().map_err(|unknown| Problem::field("listener", unknown))
}
