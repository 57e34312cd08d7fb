//! The reference of the language in Markdown, generated from the tables that the loader uses.

use std::fmt::Write;

use crate::protocol::{ALIASES, ContentField, Event, Protocol, RequestField};
use crate::rule::step::{Example, STEPS, StepKind, Then};
use crate::rule::{DOTTED, FIELDS, Field, FieldKind};

/// Events with common fields: their name in the manual, and a test for them.
type Group = (&'static str, fn(Event) -> bool);

/// The groups; each before the groups that it contains. Each field is listed for the first group that has it in common.
const GROUPS: [Group; 8] = [
    ("Every event", |_| true),
    ("Events of a session", |event| !event.is_of_world()),
    ("Events of SMTP, LMTP, IMAP and POP3", |event| event.protocol().is_some()),
    ("Commands", |event| Field::Request(RequestField::Verb).exists_at(event)),
    ("Events of IMAP and POP3", |event| matches!(event.protocol(), Some(Protocol::Imap | Protocol::Pop3))),
    ("Events of IMAP", |event| event.protocol() == Some(Protocol::Imap)),
    ("Commands of IMAP", |event| Field::Request(RequestField::Tag).exists_at(event)),
    ("Events of an SMTP or LMTP transaction", |event| Field::Request(RequestField::Sender).exists_at(event)),
];

/// The tables of events.
const CHAPTERS: [Group; 6] = [
    ("Connection and TLS", |event| event.protocol().is_none() && !event.is_of_world()),
    ("SMTP", |event| event.protocol() == Some(Protocol::Smtp)),
    ("LMTP", |event| event.protocol() == Some(Protocol::Lmtp)),
    ("IMAP", |event| event.protocol() == Some(Protocol::Imap)),
    ("POP3", |event| event.protocol() == Some(Protocol::Pop3)),
    ("Mail, variables and time", Event::is_of_world),
];

/// An example of a condition on each field.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("age", r#"age = ">30s""#),
    ("arg", r#"arg = "~BODY=8BITMIME""#),
    ("at", r#"at = "10s""#),
    ("body", r#"body = "~unsubscribe""#),
    ("bytes", r#"bytes = ">10MB""#),
    ("conn", "conn = 3"),
    ("conns", r#"conns = ">10""#),
    ("early", "early = true"),
    ("exists", r#"exists = ">=100""#),
    ("failed", r#"failed = ">=3""#),
    ("flags", r"flags = '~\\Deleted'"),
    ("from", r#"from = "*@example.org""#),
    ("idle", r#"idle = ">5m""#),
    ("ip", r#"ip = "127.0.0.1""#),
    ("items", r#"items = "~BODYSTRUCTURE""#),
    ("line", r#"line = "~SIZE=\\d+""#),
    ("listener", r#"listener = "smtps""#),
    ("mailbox", r#"mailbox = "Archive""#),
    ("mech", r#"mech = "PLAIN""#),
    ("msn", "msn = 2"),
    ("outcome", r#"outcome = "refused""#),
    ("rcpt", r#"rcpt = "*@full.example""#),
    ("rcpts", r#"rcpts = ">=1""#),
    ("sent", r#"sent = ">=3""#),
    ("seq", "seq = 1"),
    ("server_cert", r#"server_cert = "expired""#),
    ("size", r#"size = ">1MB""#),
    ("sni", r#"sni = "mail.example""#),
    ("subject", r#"subject = "~invoice""#),
    ("tag", r#"tag = "A1""#),
    ("tls", "tls = false"),
    ("uid", "uid = 7"),
    ("uid_known", "uid_known = false"),
    ("uidvalidity", "uidvalidity = 1000"),
    ("user", r#"user = "bob@example.org""#),
    ("verb", r#"verb = "LSUB""#),
    ("header", r#"header.Subject = "~invoice""#),
    ("param", r#"param.BODY = "8BITMIME""#),
    ("session", "session.tries = 2"),
    ("since", r#"since.first = "<2s""#),
    ("state", r#"state.phase = "down""#),
];

/// The reference: every event, every field and every step.
pub(super) fn reference() -> String {
    let mut out = String::from("### Events\n\nThese events have fields in common:\n\n| events | fields |\n|---|---|\n");
    for (i, (title, _)) in GROUPS.iter().enumerate() {
        let _infallible = writeln!(out, "| {title} | {} |", listed(common(i)));
    }
    out.push_str(
        "\n`outcome` exists only in `[[expect]]`, at every event of SMTP, LMTP, IMAP and POP3 but `imap.fetch.item` and `lmtp.delivery`.\n",
    );
    for (title, is_in) in CHAPTERS {
        let _infallible = writeln!(out, "\n**{title}**\n\n| event | meaning | its other fields |\n|---|---|---|");
        for event in all().filter(|event| is_in(*event)) {
            let known: Vec<String> = (0..GROUPS.len()).filter(|i| GROUPS[*i].1(event)).flat_map(common).collect();
            let own = fields(event).into_iter().filter(|name| !known.contains(name));
            let aliases = ALIASES.iter().filter(|(_, name)| *name == event.name());
            let also: String = aliases.map(|(alias, _)| format!(" Also `{alias}`.")).collect();
            let _infallible = writeln!(out, "| `{event}` | {}{also} | {} |", event.about(), listed(own));
        }
    }
    out.push_str("\n### Fields\n\n| field | compared as | what it is | example |\n|---|---|---|---|\n");
    let dotted = DOTTED.iter().map(|(name, kind, what)| (*name, ".…", kind, what));
    let plain = FIELDS.iter().map(|(name, _, kind, what)| (*name, "", kind, what));
    for (name, rest, kind, what) in plain.chain(dotted) {
        let kind = match kind {
            FieldKind::Text => "text, case-sensitive",
            FieldKind::Word => "text, case-insensitive",
            FieldKind::Address => "address; the domain is case-insensitive",
            FieldKind::Number => "number",
            FieldKind::Span => "length of time",
            FieldKind::Truth => "true or false",
            FieldKind::Any => "text or number",
        };
        let _infallible = writeln!(out, "| `{name}{rest}` | {kind} | {what} | `{}` |", example(name));
    }
    steps(&mut out);
    out
}

/// Every step, and every example of one.
fn steps(out: &mut String) {
    out.push_str("\n### Steps\n\n| step | is written | does |\n|---|---|---|\n");
    for StepKind { name, forms, does, .. } in STEPS {
        let _infallible = writeln!(out, "| `{name}` | {forms} | {does} |");
    }
    out.push_str(
        "\n### Steps by example\n\nEach row is a rule with these steps at this event, the client's input, and the server's \
         output. A bar separates two writes. A test executes every row over TCP and over TLS, \
         the handshake row over TLS only. Rows with one plain command are also executed with one octet in each segment, and with the \
         next command in the same segment.\n\n\
         | `on` | `do` | client | server | then |\n|---|---|---|---|---|\n",
    );
    for Example { on, steps, client, server, then } in STEPS.iter().flat_map(|kind| kind.examples) {
        let [steps, client, server] = [*steps, &octets(client), &octets(server)].map(cell);
        let then = match then {
            Then::Open => "the next command is answered",
            Then::Silence => "the server sends nothing more",
            Then::Fin => "FIN",
            Then::Rst => "RST",
            Then::Refused => "the handshake fails",
        };
        let _infallible = writeln!(out, "| `{on}` | {steps} | {client} | {server} | {then} |");
    }
}

/// Octets, one for each character, with escapes.
fn octets(text: &str) -> String {
    let escaped = |c: char| match c {
        '\r' => "\\r".to_owned(),
        '\n' => "\\n".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\x{:02x}", u32::from(c)),
    };
    text.chars().map(escaped).collect()
}

/// Code in a table.
fn cell(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { format!("`{}`", text.replace('|', "\\|")) }
}

/// The example of a condition on this field.
fn example(field: &str) -> &'static str {
    let found = EXAMPLES.iter().find(|(its, _)| *its == field);
    found.unwrap_or_else(|| panic!("there is no example of `{field}`")).1
}

/// The events that a rule can name.
pub(super) fn all() -> impl Iterator<Item = Event> {
    Event::ALL.iter().copied().filter(|event| *event != Event::TcpSay)
}

/// The fields that all events of the group have, without those of groups that contain it.
fn common(group: usize) -> Vec<String> {
    let (_, is_in) = GROUPS[group];
    let mut events = all().filter(|event| is_in(*event));
    let first = events.next().expect("a group has events");
    let before: Vec<String> =
        (0..group).filter(|i| all().filter(|event| is_in(*event)).all(GROUPS[*i].1)).flat_map(common).collect();
    let others: Vec<Vec<String>> = events.map(fields).collect();
    let mut names = fields(first);
    names.retain(|name| !before.contains(name) && others.iter().all(|fields| fields.contains(name)));
    names
}

/// The fields that exist at an event, without those that only expectations know.
fn fields(event: Event) -> Vec<String> {
    let plain = FIELDS.iter().filter(|(_, field, ..)| *field != Field::Outcome && field.exists_at(event));
    let mut names: Vec<String> = plain.map(|(name, ..)| (*name).to_owned()).collect();
    let dotted = [
        ("header.…", Field::Content(ContentField::Header("x".into()))),
        ("param.…", Field::Request(RequestField::Parameter("x".into()))),
        ("session.…", Field::Session("x".into())),
        ("since.…", Field::SinceFirst),
        ("state.…", Field::State("x".into())),
    ];
    names.extend(dotted.iter().filter(|(_, field)| field.exists_at(event)).map(|(name, _)| (*name).to_owned()));
    names
}

fn listed(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}
