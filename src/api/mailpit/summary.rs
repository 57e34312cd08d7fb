//! What Mailpit says about a message: addresses, times, text, tags.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::Timestamp;
use crate::mail::{Address, Message, Part, visible};
use crate::server::Server;

/// Characters in a snippet.
const SNIPPET: usize = 250;

/// A message in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = MessageSummary)]
pub(super) struct Summary {
    #[serde(rename = "ID")]
    pub(super) id: String,
    /// The header field Message-ID without brackets.
    #[serde(rename = "MessageID")]
    message_id: String,
    read: bool,
    from: AddressJson,
    to: Vec<AddressJson>,
    cc: Vec<AddressJson>,
    bcc: Vec<AddressJson>,
    reply_to: Vec<AddressJson>,
    subject: String,
    /// When the message was received.
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// The login of the client that sent it.
    username: String,
    tags: Vec<String>,
    size: usize,
    attachments: usize,
    snippet: String,
}

/// An address; the name may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Address)]
pub(super) struct AddressJson {
    pub(super) name: String,
    pub(super) address: String,
}

impl Summary {
    pub(super) fn of(server: &Server, message: &Message) -> Self {
        let (read, tags) = server.marks().with(|marks| {
            let tags = marks.tags(message.no()).map(str::to_owned).collect();
            (marks.is_read(message.no()), tags)
        });
        Self {
            id: message.no().to_string(),
            message_id: message_id(message),
            read,
            from: from(message),
            to: addresses(message, "to"),
            cc: addresses(message, "cc"),
            bcc: bcc(message),
            reply_to: addresses(message, "reply-to"),
            subject: message.subject(),
            created: message.received(),
            username: username(server, message),
            tags,
            size: message.raw().len(),
            attachments: attachments(message).len(),
            snippet: snippet(message),
        }
    }
}

impl From<Address> for AddressJson {
    fn from(address: Address) -> Self {
        Self { name: address.name.unwrap_or_default(), address: address.address }
    }
}

pub(super) fn addresses(message: &Message, header: &str) -> Vec<AddressJson> {
    message.addresses(header).into_iter().map(AddressJson::from).collect()
}

/// The first address of From; what is not an address is its name.
pub(super) fn from(message: &Message) -> AddressJson {
    let first = message.from().into_iter().next().map(AddressJson::from);
    first.unwrap_or_else(|| AddressJson { name: message.header("from").unwrap_or_default(), address: String::new() })
}

/// The addresses of Bcc, and the recipients of the envelope that no header field names.
pub(super) fn bcc(message: &Message) -> Vec<AddressJson> {
    let mut bcc = addresses(message, "bcc");
    let named = ["to", "cc", "bcc"].into_iter().flat_map(|header| message.addresses(header));
    let mut named: HashSet<String> = named.map(|its| its.address.to_lowercase()).collect();
    let unnamed = message.envelope().accepted().filter(|recipient| named.insert(recipient.to_lowercase()));
    bcc.extend(unnamed.map(|recipient| AddressJson { name: String::new(), address: recipient.to_owned() }));
    bcc
}

pub(super) fn message_id(message: &Message) -> String {
    let id = message.header("message-id").unwrap_or_default();
    id.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// The login of the client that sent it; empty without one.
pub(super) fn username(server: &Server, message: &Message) -> String {
    let user = message.session().and_then(|session| {
        server.engine().read(|world| world.journal.session(session).and_then(|log| log.facts().user.clone()))
    });
    user.map(String::from).unwrap_or_default()
}

/// The parts with the disposition `attachment`, or of no particular type, that have a name.
pub(super) fn attachments(message: &Message) -> Vec<Part<'_>> {
    named_parts(message, true)
}

/// The other parts that have a name and are not the text of the message.
pub(super) fn inline(message: &Message) -> Vec<Part<'_>> {
    named_parts(message, false)
}

fn named_parts(message: &Message, attached: bool) -> Vec<Part<'_>> {
    let is_attached =
        |part: &Part<'_>| part.disposition() == "attachment" || part.content_type() == "application/octet-stream";
    let parts = message.parts().into_iter();
    let named = parts.filter(|part| part.filename().is_some() || part.content_id().is_some());
    named.filter(|part| part.is_attachment() && is_attached(part) == attached).collect()
}

/// The plain text; if there is none, the text of the HTML.
pub(super) fn text(message: &Message) -> String {
    let text = message.text();
    if !text.is_empty() {
        return text;
    }
    message.html().map(|html| text_of(&html)).unwrap_or_default()
}

fn snippet(message: &Message) -> String {
    let text = message.html().map(|html| text_of(&html)).filter(|text| !text.trim().is_empty());
    let text = text.unwrap_or_else(|| message.text());
    let line = text.replace('\u{feff}', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SNIPPET) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// The text of HTML, without markup, scripts and styles.
pub(super) fn text_of(html: &str) -> String {
    let visible = visible(html);
    let lines = BREAK.replace_all(&visible, "\n");
    let cells = CELL.replace_all(&lines, " ");
    let text = MARKUP.replace_all(&cells, "");
    let text = html_escape::decode_html_entities(&text);
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

static BREAK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)<br(?-u:\b)[^>]*>|</(?:p|div|h[1-6]|li|tr|table|ul|ol|blockquote)\s*>"));
static CELL: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)</t[dh]\s*>"));
static MARKUP: LazyLock<Regex> = LazyLock::new(|| pattern(r"<[a-zA-Z/!?][^>]*>"));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_removed_from_html() {
        for (html, text) in [
            ("<p>Hello <b>Bob</b>!</p><p>Bye</p>", "Hello Bob!\nBye"),
            ("a<br>b<br />c", "a\nb\nc"),
            ("<head><title>T</title></head><style>p { color: red }</style>x &lt; y &amp; z", "x < y & z"),
            ("<td>1</td><td>2</td>", "1 2"),
            ("1 < 2", "1 < 2"),
            ("<!-- no --> yes", "yes"),
            ("<head>a<SCRIPT>b</script >c<script>d</script>e<style>f", "acef"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    /// It would take minutes if the end of the document were looked for again and again.
    #[test]
    fn html_that_is_never_closed_is_read_once() {
        let html = "<head><script></script>".repeat(100_000);

        assert_eq!(text_of(&html), "");
    }
}
