//! `data`: changes the parts of a response: an item of FETCH, the size of a literal, a line of a listing, a response
//! code.

use std::sync::Arc;

use super::super::filter::{Filter, Rank, response};
use super::super::template::Template;
use super::{Action, Example, FROM_ONE, Literal, Objection, Role, Step, StepContext, StepKind, unless, wrong};
use crate::base::Pattern;
use crate::document::{Form, Key, Node, Reader, Table, Tree};
use crate::protocol::{Event, Protocol, Reply};

pub(super) const KIND: StepKind = StepKind {
    name: "data",
    forms: "`{ item = \"FLAGS\", value = '…' }`, `{ item = \"…\", drop = true }`, `{ literal = \"+7\" }`, \
            `{ listing = 2, uid = \"x\" }`, `{ listing = 2, size = \"+10\" }`, `{ listing = 2, drop = true }`, \
            `{ code = \"UIDNEXT\", drop = true }`",
    does: "Changes or drops a part of a response: an item of FETCH, the size that literals announce, a message in a POP3 listing, or a response code.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &[
        Example::new(
            "imap.fetch",
            "{ data = { item = \"FLAGS\", value = \"()\" } }",
            "A3 FETCH 2 (UID FLAGS)",
            "* 2 FETCH (UID 2 FLAGS ())\r\nA3 OK Fetched\r\n",
        ),
        Example::new("pop3.uidl", "{ data = { listing = 2, uid = \"x\" } }", "UIDL 2", "+OK 2 x\r\n"),
    ],
    read,
};

/// What is changed in a response.
#[derive(Debug, Clone)]
pub(crate) enum DataStep {
    /// An item of FETCH; `None` drops it.
    Item { name: Pattern, value: Option<Template> },
    /// The size that a literal announces.
    Literal(Literal),
    /// The n-th line of a POP3 listing.
    Listing { line: usize, change: ListingChange },
    /// A response code, such as `UIDNEXT`; `None` drops it.
    Code { name: Box<str>, value: Option<Template> },
}

#[derive(Debug, Clone)]
pub(crate) enum ListingChange {
    Drop,
    Uid(Template),
    Size(Literal),
}

/// The forms of the value, and the keys that are valid with each.
const FORMS: [(&str, &[&str]); 4] = [
    ("item", &["value", "drop"]),
    ("code", &["value", "drop"]),
    ("literal", &[]),
    ("listing", &["uid", "size", "drop"]),
];
const KEYS: &[Key] = &[
    Key::new("item", Form::Text, "The name of an item of FETCH, or a pattern for it."),
    Key::new("value", Form::Text, "The value instead of the item's or the code's."),
    Key::new("drop", Form::Truth, "Drops the item, the code or the message of the listing."),
    Key::new("literal", Form::Scalar, "The size that literals announce, `=7`, or what is added to it, `+7`."),
    Key::new("listing", Form::Count, "The number of a message in a POP3 listing."),
    Key::new("uid", Form::Text, "The unique id instead of the message's."),
    Key::new("size", Form::Scalar, "The size instead of the message's, or what is added to it."),
    Key::new("code", Form::Text, "The name of a response code."),
];

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`data`", KEYS);
    if let Some((form, with)) = FORMS.iter().find(|(form, _)| table.get(form).is_some()) {
        for key in KEYS.iter().map(|key| key.name).filter(|key| key != form && !with.contains(key)) {
            if let Some(other) = table.get(key) {
                reader.wrong(&other.place, format!("`{key}` does not go with `{form}`"));
            }
        }
    }
    let drop = match table.get("drop") {
        Some(its) => reader.truth(its)?,
        None => false,
    };
    if let Some(item) = table.get("item") {
        let value = new_value(reader, table, node, drop)?;
        return Some(Arc::new(DataStep::Item { name: reader.pattern(item)?, value }));
    }
    if let Some(code) = table.get("code") {
        let value = new_value(reader, table, node, drop)?;
        return Some(Arc::new(DataStep::Code { name: reader.text(code)?.into(), value }));
    }
    if let Some(literal) = table.get("literal") {
        return Some(Arc::new(DataStep::Literal(reader.literal(literal)?)));
    }
    let Some(listing) = table.get("listing") else {
        reader.wrong(&node.place, "`data` needs `item`, `literal`, `listing` or `code`");
        return None;
    };
    let line = reader.number(listing, "the number of a message")?;
    let change = match (table.get("uid"), table.get("size"), drop) {
        (None, None, true) => ListingChange::Drop,
        (Some(uid), None, false) => ListingChange::Uid(reader.template(uid)?),
        (None, Some(size), false) => ListingChange::Size(reader.literal(size)?),
        (None, None, false) | (Some(_), Some(_), _) | (Some(_), None, true) | (None, Some(_), true) => {
            reader.wrong(&node.place, "a `listing` needs one of `uid`, `size` and `drop = true`");
            return None;
        }
    };
    Some(Arc::new(DataStep::Listing { line, change }))
}

/// The `value` of an item or a code; `None` if it is dropped.
fn new_value(reader: &mut Reader, table: Table<'_>, node: &Node, drop: bool) -> Option<Option<Template>> {
    let value = match table.get("value") {
        Some(its) => Some(reader.template(its)?),
        None => None,
    };
    if value.is_some() == drop {
        reader.wrong(&node.place, "`data` needs either a `value` or `drop = true`");
    }
    Some(value)
}

impl Step for DataStep {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let text = |its: &str| Some(Tree::text(its));
        let new = |value: &Option<Template>| match value {
            Some(value) => ("value", text(value.written())),
            None => ("drop", Some(Tree::Truth(true))),
        };
        match self {
            Self::Item { name, value } => Tree::table([("item", text(name.written())), new(value)]),
            Self::Code { name, value } => Tree::table([("code", text(name)), new(value)]),
            Self::Literal(size) => Tree::table([("literal", Some(size.print()))]),
            Self::Listing { line, change } => {
                let change = match change {
                    ListingChange::Drop => ("drop", Some(Tree::Truth(true))),
                    ListingChange::Uid(uid) => ("uid", text(uid.written())),
                    ListingChange::Size(size) => ("size", Some(size.print())),
                };
                Tree::table([("listing", Some(Tree::number(*line))), change])
            }
        }
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        let text = self.templates().first().map(|text| cx.fill(text));
        Action::Filter(Box::new(Changing { data: self.clone(), text }))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        match self {
            Self::Item { .. } | Self::Literal(_) => unless(
                matches!(event, Event::ImapFetch | Event::ImapFetchItem),
                "it changes FETCH responses: use it at `imap.fetch.item` or `imap.fetch`",
            ),
            Self::Listing { .. } => unless(
                matches!(event, Event::Pop3List | Event::Pop3Uidl),
                "it changes a listing: use it at `pop3.list` or `pop3.uidl`",
            ),
            Self::Code { .. } => unless(
                event.protocol() == Some(Protocol::Imap),
                "only IMAP has response codes: use it at an event of `imap`",
            ),
        }
    }

    fn pointless(&self) -> Option<Objection> {
        match self {
            Self::Listing { line: 0, .. } => wrong("there is no message 0 in a listing", FROM_ONE),
            Self::Listing { .. } | Self::Item { .. } | Self::Literal(_) | Self::Code { .. } => None,
        }
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Item { value, .. } | Self::Code { value, .. } => value.iter().collect(),
            Self::Listing { change: ListingChange::Uid(uid), .. } => vec![uid],
            Self::Listing { change: ListingChange::Drop | ListingChange::Size(_), .. } | Self::Literal(_) => Vec::new(),
        }
    }
}

/// A change of a response, with its text filled in.
#[derive(Debug)]
struct Changing {
    data: DataStep,
    text: Option<Vec<u8>>,
}

impl Filter for Changing {
    fn rank(&self) -> Rank {
        Rank::Parts
    }

    fn change(&mut self, mut reply: Reply) -> (Reply, bool) {
        let text = self.text.as_deref();
        let found = match &self.data {
            DataStep::Item { name, .. } => response::item(&mut reply, name, text),
            DataStep::Literal(size) => response::literals(&mut reply, &|there_are| size.of(there_are)),
            DataStep::Code { name, .. } => response::code(&mut reply, name, text),
            DataStep::Listing { line, change } => response::listing(&mut reply, *line, &|word| match change {
                ListingChange::Drop => None,
                ListingChange::Uid(_) => Some(text.unwrap_or_default().to_vec()),
                ListingChange::Size(size) => {
                    let there_are = String::from_utf8_lossy(word).parse().unwrap_or(0);
                    Some(size.of(there_are).to_string().into_bytes())
                }
            }),
        };
        (reply, found)
    }

    fn description(&self) -> String {
        match &self.data {
            DataStep::Item { name, value: Some(_) } => format!("{} replaced", name.written()),
            DataStep::Item { name, value: None } => format!("{} dropped", name.written()),
            DataStep::Literal(Literal::Off(more)) => format!("literals announce {more:+}"),
            DataStep::Literal(Literal::Exactly(size)) => format!("literals announce {size}"),
            DataStep::Listing { line, change: ListingChange::Drop } => format!("line {line} of the listing dropped"),
            DataStep::Listing { line, change: ListingChange::Uid(_) | ListingChange::Size(_) } => {
                format!("line {line} of the listing changed")
            }
            DataStep::Code { name, value: Some(_) } => format!("[{name}] replaced"),
            DataStep::Code { name, value: None } => format!("[{name}] dropped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::tests::filter;
    use super::*;

    fn fetched() -> Reply {
        let mut reply = Reply::default();
        reply.push("* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\n");
        reply.push_labelled("m1", Bytes::from_static(b"a\r\nbc"));
        reply.push(" ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
        reply
    }

    fn changed(data: &str, reply: Reply) -> String {
        let (reply, _) = filter(&format!("data = {{ {data} }}")).change(reply);
        let octets: Vec<u8> = reply.pieces().flatten().copied().collect();
        String::from_utf8(octets).unwrap()
    }

    /// The change of an item of FETCH, or of a code.
    fn new(what: &str, name: &str, value: Option<&str>) -> String {
        let value = value.map_or("drop = true".to_owned(), |value| format!("value = '{value}'"));
        format!("{what} = '{name}', {value}")
    }

    fn item_of(name: &str, value: Option<&str>) -> String {
        changed(&new("item", name, value), fetched())
    }

    #[test]
    fn items_are_replaced_and_dropped() {
        let head = "* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\na\r\nbc ";
        assert_eq!(item_of("envelope", Some("NIL")), format!("{head}ENVELOPE NIL FLAGS (\\Seen))\r\n"));
        assert_eq!(item_of("flags", None), format!("{head}ENVELOPE (\"a)\" NIL {{2}}\r\nxy (1)))\r\n"));
        assert_eq!(item_of("BODY[*", None), "* 2 FETCH (UID 5 ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
        assert_eq!(item_of("UID", Some("-1")), changed("literal = '+0'", fetched()).replace("UID 5", "UID -1"));
    }

    #[test]
    fn other_responses_than_fetch_are_not_changed() {
        let mut reply = Reply::from(b"* 5 EXISTS\r\n* STATUS a (UID 1)\r\n".to_vec());
        reply.push("* 2 FETCH (UID 5 FLAGS ())\r\n* 6 EXISTS\r\n");

        let text = changed(&new("item", "UID", Some("7")), reply);

        assert_eq!(text, "* 5 EXISTS\r\n* STATUS a (UID 1)\r\n* 2 FETCH (UID 7 FLAGS ())\r\n* 6 EXISTS\r\n");
    }

    #[test]
    fn an_item_with_a_label_in_its_parentheses_is_changed_as_a_whole() {
        let item = |value: Option<&str>| {
            let mut reply = Reply::from(b"* 2 FETCH (UID 5 ENVELOPE (long) BODY NIL)\r\n".to_vec());
            let at = reply.text().iter().position(|byte| *byte == b'l').unwrap();
            reply.label(at..at + 4, "m1 ENVELOPE");
            changed(&new("item", "ENVELOPE", value), reply)
        };
        assert_eq!(item(Some("NIL")), "* 2 FETCH (UID 5 ENVELOPE NIL BODY NIL)\r\n");
        assert_eq!(item(None), "* 2 FETCH (UID 5 BODY NIL)\r\n");
    }

    #[test]
    fn a_quoted_string_ends_at_the_quote_without_a_backslash() {
        let reply = Reply::from(br#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 5)"#.to_vec());

        let text = changed(&new("item", "UID", Some("7")), reply);

        assert_eq!(text, r#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 7)"#);
    }

    #[test]
    fn dropping_an_item_also_drops_its_blank_and_nothing_else() {
        for (fetched, left) in
            [("(UID 5 FLAGS ())", "(FLAGS ())"), ("(FLAGS () UID 5)", "(FLAGS ())"), ("(UID 5)", "()")]
        {
            let reply = Reply::from(format!("* 2 FETCH {fetched}\r\n").into_bytes());
            let text = changed(&new("item", "UID", None), reply);
            assert_eq!(text, format!("* 2 FETCH {left}\r\n"));
        }
    }

    #[test]
    fn a_report_describes_the_change() {
        for (data, description) in [
            ("item = 'UID', value = '7'", "UID replaced"),
            ("item = 'UID', drop = true", "UID dropped"),
            ("literal = '+7'", "literals announce +7"),
            ("literal = '=7'", "literals announce 7"),
            ("listing = 2, drop = true", "line 2 of the listing dropped"),
            ("listing = 2, uid = '7'", "line 2 of the listing changed"),
            ("code = 'UIDNEXT', value = '7'", "[UIDNEXT] replaced"),
            ("code = 'UIDNEXT', drop = true", "[UIDNEXT] dropped"),
        ] {
            assert_eq!(filter(&format!("data = {{ {data} }}")).description(), description);
        }
    }

    #[test]
    fn a_literal_announces_the_given_size() {
        let text = changed("literal = '+7'", fetched());
        assert!(text.contains("{12}\r\na\r\nbc ENV"), "{text}");
        let text = changed("literal = '=4294967295'", fetched());
        assert!(text.contains("{4294967295}\r\na\r\nbc ENV"), "{text}");
        // A literal8, which may contain NUL (RFC 3516 §4.2).
        let reply = Reply::from(b"* 2 FETCH (BINARY[] ~{2}\r\n\0\0 UID 5)\r\n".to_vec());
        let text = changed("literal = '-1'", reply);
        assert_eq!(text, "* 2 FETCH (BINARY[] ~{1}\r\n\0\0 UID 5)\r\n");
    }

    #[test]
    fn listings_and_codes() {
        let list = || Reply::from(b"+OK 3\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n".to_vec());
        let listing = |change: &str| changed(&format!("listing = {change}"), list());
        assert_eq!(listing("3, drop = true"), "+OK 3\r\n1 10\r\n2 20\r\n.\r\n");
        assert_eq!(listing("2, size = '+10'"), "+OK 3\r\n1 10\r\n2 30\r\n3 30\r\n.\r\n");
        assert_eq!(listing("1, uid = 'x'"), "+OK 3\r\n1 x\r\n2 20\r\n3 30\r\n.\r\n");
        let one = || Reply::from(b"* OK [UIDNEXT 5] next\r\nA1 OK [READ-WRITE] done\r\n".to_vec());
        let code = |name: &str, value: Option<&str>| changed(&new("code", name, value), one());
        assert_eq!(code("uidnext", None), "A1 OK [READ-WRITE] done\r\n");
        assert_eq!(code("UIDNEXT", Some("0")), "* OK [UIDNEXT 0] next\r\nA1 OK [READ-WRITE] done\r\n");
        assert_eq!(code("READ-WRITE", None), "* OK [UIDNEXT 5] next\r\nA1 OK done\r\n");
    }
}
