//! A message of the scenario in a text: `{message:id}` and `{literal:id}`.

use bytes::Bytes;

use crate::base::TextFilter;
use crate::protocol::Reply;

/// The octets of a message, or the same as an IMAP literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessagePart {
    id: Box<str>,
    /// Whether the announcement of an IMAP literal comes first.
    is_literal: bool,
    filters: Vec<TextFilter>,
}

impl MessagePart {
    /// Reads what stands between the braces. `None` if it is something else; fails with the reason.
    pub(super) fn parse(inner: &str) -> Result<Option<Self>, String> {
        let Some((kind @ ("message" | "literal"), rest)) = inner.split_once(':') else { return Ok(None) };
        let mut parts = rest.split('|');
        let id = parts.next().unwrap_or_default();
        if id.is_empty() {
            return Err(format!("write `{{{kind}:id}}`, with the id of a `[[message]]`"));
        }
        let filters = parts.map(TextFilter::parse).collect::<Result<Vec<_>, _>>()?;
        let is_literal = kind == "literal";
        if is_literal && !filters.is_empty() {
            return Err("`literal` has no filters; write `{message:id|len}` for the size of a message".to_owned());
        }
        Ok(Some(Self { id: id.into(), is_literal, filters }))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// How it begins in a text: with its brace, its kind and its id.
    pub(super) fn begins(&self) -> String {
        format!("{{{}:{}", if self.is_literal { "literal" } else { "message" }, self.id)
    }

    /// Writes the message with these octets. They are shared, not copied.
    pub(super) fn write(&self, octets: Bytes, out: &mut Reply) {
        if self.is_literal {
            out.push(&format!("{{{}}}\r\n", octets.len()));
        }
        match self.filters.split_first() {
            None => out.push_labelled(format!("message {}", self.id), octets),
            Some((first, others)) => {
                let value = first.apply(&octets);
                out.push_octets(&others.iter().fold(value, |value, filter| filter.apply(&value)));
            }
        }
    }
}
