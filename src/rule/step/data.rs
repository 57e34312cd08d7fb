//! `data`: changes the parts of a response: an item of FETCH, the size of a literal, a line of a listing, a response
//! code.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::super::filter::{Filter, Rank, response};
use super::super::template::Template;
use super::{Action, Example, FROM_ONE, Literal, Objection, Role, Step, StepContext, StepKind, unless, wrong};
use crate::base::{Pattern, unknown_word};
use crate::document::{Form, Key, Node, Reader, Table, Tree};
use crate::protocol::imap::{name_in_responses, names_in_responses};
use crate::protocol::{Event, Protocol, Reply};

pub(super) const KIND: StepKind = StepKind {
    name: "data",
    forms: "`{ item = \"FLAGS\", value = '…' }`, `{ item = \"…\", drop = true }`, `{ order = [\"FLAGS\", \"UID\"] }`, `{ literal = \"+7\" }`, \
            `{ listing = 2, uid = \"x\" }`, `{ listing = 2, size = \"+10\" }`, `{ listing = 2, drop = true }`, \
            `{ code = \"UIDNEXT\", drop = true }`",
    does: "Changes or drops a part of a response: an item of FETCH, the order of its items (those that are not named come last), the size that literals announce, a message in a POP3 listing, or a response code.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &[
        Example::new(
            "imap.fetch",
            "{ data = { item = \"FLAGS\", value = \"()\" } }",
            "A3 FETCH 2 (UID FLAGS)",
            "* 2 FETCH (UID 2 FLAGS ())\r\nA3 OK Fetched\r\n",
        ),
        Example::new(
            "imap.fetch",
            "{ data = { order = [\"FLAGS\", \"UID\"] } }",
            "A3 FETCH 2 (UID FLAGS)",
            "* 2 FETCH (FLAGS (\\Recent) UID 2)\r\nA3 OK Fetched\r\n",
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
    /// The items of FETCH in this order; the others come last.
    Order(Vec<Pattern>),
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
const FORMS: [(&str, &[&str]); 5] = [
    ("item", &["value", "drop"]),
    ("code", &["value", "drop"]),
    ("order", &[]),
    ("literal", &[]),
    ("listing", &["uid", "size", "drop"]),
];
const KEYS: &[Key] = &[
    Key::new("item", Form::Text, "The name of an item of FETCH, or a pattern for it."),
    Key::new("value", Form::Text, "The value instead of the item's or the code's."),
    Key::new("drop", Form::Truth, "Drops the item, the code or the message of the listing."),
    Key::new(
        "order",
        Form::TEXTS,
        "The names of items of FETCH, or patterns for them, in their order in the response.",
    ),
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
    if let Some(order) = table.get("order") {
        let names: Option<Vec<Pattern>> = order.items().iter().map(|name| reader.pattern(name)).collect();
        return Some(Arc::new(DataStep::Order(names?)));
    }
    if let Some(literal) = table.get("literal") {
        return Some(Arc::new(DataStep::Literal(reader.literal(literal)?)));
    }
    let Some(listing) = table.get("listing") else {
        reader.wrong(&node.place, "`data` needs `item`, `order`, `literal`, `listing` or `code`");
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
            Self::Order(names) => {
                let names = names.iter().map(|name| Tree::text(name.written())).collect();
                Tree::table([("order", Some(Tree::List(names)))])
            }
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
            Self::Item { .. } | Self::Order(_) | Self::Literal(_) => unless(
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
            Self::Item { name, .. } => not_in_responses(name),
            Self::Order(names) if names.is_empty() => {
                wrong("`order` needs at least one item", "write `order = [\"FLAGS\", \"UID\"]`")
            }
            Self::Order(names) => names.iter().find_map(not_in_responses),
            Self::Listing { .. } | Self::Literal(_) | Self::Code { .. } => None,
        }
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Item { value, .. } | Self::Code { value, .. } => value.iter().collect(),
            Self::Listing { change: ListingChange::Uid(uid), .. } => vec![uid],
            Self::Listing { change: ListingChange::Drop | ListingChange::Size(_), .. }
            | Self::Order(_)
            | Self::Literal(_) => Vec::new(),
        }
    }
}

/// The objection to a name that no FETCH response of the server has. Patterns may be meant for what other rules send.
fn not_in_responses(name: &Pattern) -> Option<Objection> {
    let name = name.exact()?;
    match name_in_responses(name) {
        Some(its) if its.eq_ignore_ascii_case(name) => None,
        Some(its) => wrong(format!("a response never has the item `{name}`"), &format!("it is `{its}` there")),
        None => {
            let known: Vec<&str> = names_in_responses().chain(["BODY[]", "BODY[HEADER]", "BODY[TEXT]"]).collect();
            let (message, help) = unknown_word("item of FETCH", &name.to_ascii_uppercase(), &known);
            wrong(message, &format!("{help} For what another rule sends, write a pattern, such as `X-*`"))
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
            DataStep::Order(names) => response::order(&mut reply, names),
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
            DataStep::Order(_) => "items in another order".to_owned(),
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
