//! The tables of the language in Markdown for the manual, generated from the tables that the loader uses.

use std::fmt::Write;

use super::keys;
use crate::base::FILTERS;
use crate::document::{Form, Key};

use crate::protocol::{ALIASES, ContentField, Event, Protocol, RequestField};
use crate::rule::step::{Example, STEPS, StepKind, Then};
use crate::rule::{DOTTED, FIELDS, Field, FieldKind, REPLACED, VALUES};

/// A set of events: its name in the manual, and a test for it.
type Group = (&'static str, fn(Event) -> bool);

/// The sets of events that the table of fields names.
const GROUPS: [Group; 7] = [
    ("every event", |_| true),
    ("events of a session", |event| !event.is_of_world()),
    ("events of SMTP, LMTP, IMAP and POP3", |event| event.protocol().is_some()),
    ("commands", |event| Field::Request(RequestField::Verb).exists_at(event)),
    ("events of IMAP", |event| event.protocol() == Some(Protocol::Imap)),
    ("commands of IMAP", |event| Field::Request(RequestField::Tag).exists_at(event)),
    ("events of POP3", |event| event.protocol() == Some(Protocol::Pop3)),
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
    ("alert", r#"alert = "unknown_ca""#),
    ("alpn", r#"alpn = "imap""#),
    ("arg", r#"arg = "~BODY=8BITMIME""#),
    ("at", r#"at = "10s""#),
    ("auth", r#"auth = "ann@example.org""#),
    ("body", r#"body = "~unsubscribe""#),
    ("by", r#"by = "<5m""#),
    ("bytes", r#"bytes = ">10MB""#),
    ("cert", r#"cert = "bob@example.org""#),
    ("cipher", r#"cipher = "*CHACHA20*""#),
    ("conn", "conn = 3"),
    ("conns", r#"conns = ">10""#),
    ("early", "early = true"),
    ("envid", r#"envid = "QQ314159""#),
    ("exists", r#"exists = ">=100""#),
    ("failed", r#"failed = ">=3""#),
    ("flags", r"flags = '~\\Deleted'"),
    ("from", r#"from = "*@example.org""#),
    ("group", r#"group = "x25519""#),
    ("holdfor", r#"holdfor = ">1d""#),
    ("holduntil", r#"holduntil = "2027-*""#),
    ("idle", r#"idle = ">5m""#),
    ("internaldate", r#"internaldate = "~ \\+0000$""#),
    ("ip", r#"ip = "127.0.0.1""#),
    ("items", r#"items = "~BODYSTRUCTURE""#),
    ("line", r#"line = "~SIZE=\\d+""#),
    ("listener", r#"listener = "smtps""#),
    ("mailbox", r#"mailbox = "Archive""#),
    ("mech", r#"mech = "PLAIN""#),
    ("msn", "msn = 2"),
    ("notify", r#"notify = "success""#),
    ("orcpt", r#"orcpt = "all@example.org""#),
    ("outcome", r#"outcome = "refused""#),
    ("priority", r#"priority = ">=5""#),
    ("rcpt", r#"rcpt = "*@full.example""#),
    ("rcpts", r#"rcpts = ">=1""#),
    ("requiretls", "requiretls = true"),
    ("resumed", "resumed = true"),
    ("ret", r#"ret = "hdrs""#),
    ("sent", r#"sent = ">=3""#),
    ("seq", "seq = 1"),
    ("server_cert", r#"server_cert = "expired""#),
    ("size", r#"size = ">1MB""#),
    ("smtputf8", "smtputf8 = true"),
    ("sni", r#"sni = "mail.example""#),
    ("subject", r#"subject = "~invoice""#),
    ("tag", r#"tag = "A1""#),
    ("tls", "tls = false"),
    ("tls_version", r#"tls_version = "TLSv1.2""#),
    ("token", r#"token = "tok-1""#),
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

/// Each generated part of the manual: its name in the comments around it, and its text.
pub(super) fn parts() -> Vec<(&'static str, String)> {
    let head = "| key | meaning | example |\n|---|---|---|\n";
    let keys = |keys: &[Key]| keys.iter().map(|key| key_row(key.name, key)).collect::<String>();
    let file = keys::FILE.iter().map(|key| key_row(&as_table(key), key));
    let tables = [("tls", keys::TLS), ("user", keys::USER), ("mailbox", keys::MAILBOX), ("message", keys::MESSAGE)];
    let tables = tables
        .iter()
        .flat_map(|(name, keys)| keys.iter().map(move |key| key_row(&format!("{name}.{}", key.name), key)));
    vec![
        ("keys of a rule", format!("{head}{}", keys(keys::RULE))),
        ("values of conditions", values()),
        ("texts", texts()),
        ("keys of a file", head.to_owned() + &file.collect::<String>()),
        ("keys of tables", format!("{head}{}{}", servers(), tables.collect::<String>())),
        ("obligations", obligations()),
        ("keys of a script", format!("{head}{}", keys(keys::SCRIPT))),
        ("keys of an expectation", format!("{head}{}", keys(keys::EXPECT))),
        ("reference", reference()),
    ]
}

fn key_row(name: &str, key: &Key) -> String {
    let example = if key.example.is_empty() { String::new() } else { cell(key.example) };
    let required = if key.is_required { " Required." } else { "" };
    format!("| `{name}` | {}{required} | {example} |\n", key.about)
}

/// The name of a key of a file, as the table that it begins.
fn as_table(Key { name, form, .. }: &Key) -> String {
    match form {
        Form::OneOrMore(Form::Table(_)) if *name != "tls" => format!("[[{name}]]"),
        Form::OneOrMore(Form::Table(_)) | Form::Map(_) => format!("[{name}]"),
        Form::Table(keys) => keys.iter().map(|key| format!("[{name}.{}]", key.name)).collect::<Vec<_>>().join("`, `"),
        Form::Text
        | Form::Truth
        | Form::Count
        | Form::Number
        | Form::Scalar
        | Form::Time
        | Form::Size
        | Form::Words(_)
        | Form::OneOrMore(_)
        | Form::Either(_)
        | Form::Exactly(_)
        | Form::Shared(_) => (*name).to_owned(),
    }
}

/// The keys of all servers. A key that every server has is listed once, and so are the keys of a table that two keys have.
fn servers() -> String {
    let mut rows = String::new();
    let mut listed: Vec<*const Key> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for key in [keys::IMAP, keys::SMTP, keys::POP3].concat() {
        if names.contains(&key.name) {
            continue;
        }
        names.push(key.name);
        let has = |protocol: &&Protocol| keys::of_server(**protocol).iter().any(|its| its.name == key.name);
        let having: Vec<&Protocol> = Protocol::ALL.iter().filter(has).collect();
        let mut row = |name: &str, key: &Key| {
            let names: Vec<String> = match having.len() == Protocol::ALL.len() {
                true => vec![format!("server.*.{name}")],
                false => having.iter().map(|protocol| format!("server.{protocol}.{name}")).collect(),
            };
            rows += &key_row(&names.join("`, `"), key);
        };
        if !key.about.is_empty() {
            row(key.name, &key);
        }
        if let Form::Table(inner) = key.form
            && !listed.contains(&inner.as_ptr())
        {
            listed.push(inner.as_ptr());
            inner.iter().for_each(|its| row(&format!("{}.{}", key.name, its.name), its));
        }
    }
    rows
}

fn values() -> String {
    let mut out = String::from("| value | the condition holds if the field | example |\n|---|---|---|\n");
    for (written, holds, example) in VALUES {
        let _infallible = writeln!(out, "| {written} | {holds} | {} |", cell(example));
    }
    for Key { name, about, example, .. } in keys::OPERATORS {
        let inner = if ["any", "all"].contains(name) { "[…]" } else { "…" };
        let _infallible = writeln!(out, "| `{{ {name} = {inner} }}` | {about} | {} |", cell(example));
    }
    out
}

fn texts() -> String {
    let mut out = String::from("| written | is replaced by | example |\n|---|---|---|\n");
    let filters = FILTERS.map(|(name, _, about)| (format!("{{field|{name}}}"), about, format!("{{user|{name}}}")));
    let filters = filters.iter().map(|(written, about, example)| (written.as_str(), *about, example.as_str()));
    let (first, rest) = REPLACED.split_at(1);
    for (written, about, example) in first.iter().copied().chain(filters).chain(rest.iter().copied()) {
        let written = written.split(", ").map(cell).collect::<Vec<_>>().join(", ");
        let _infallible = writeln!(out, "| {written} | {about} | {} |", cell(example));
    }
    out
}

fn obligations() -> String {
    let rows = keys::OBLIGATIONS.map(|(word, client)| format!("| `{word}` | {client} |\n"));
    format!("| word | the client |\n|---|---|\n{}", rows.concat())
}

/// The reference: every event, every field and every step.
fn reference() -> String {
    let mut out = String::from("### Events\n");
    for (title, is_in) in CHAPTERS {
        let _infallible = writeln!(out, "\n**{title}**\n\n| event | meaning |\n|---|---|");
        for event in all().filter(|event| is_in(*event)) {
            let aliases = ALIASES.iter().filter(|(_, name)| *name == event.name());
            let also: String = aliases.map(|(alias, _)| format!(" Also `{alias}`.")).collect();
            let _infallible = writeln!(out, "| `{event}` | {}{also} |", event.about());
        }
    }
    out.push_str("\n### Fields\n\n| field | at | compared as | what it is | example |\n|---|---|---|---|---|\n");
    let plain = FIELDS.iter().map(|(name, field, kind, what)| ((*name).to_owned(), field.clone(), kind, what));
    let dotted =
        DOTTED.iter().zip(dotted()).map(|((name, kind, what), field)| (format!("{name}.…"), field, kind, what));
    for (name, field, kind, what) in plain.chain(dotted) {
        let kind = match kind {
            FieldKind::Text => "text, case-sensitive",
            FieldKind::Word => "text, case-insensitive",
            FieldKind::Address => "address; the domain is case-insensitive",
            FieldKind::Number => "number",
            FieldKind::Signed => "number, also negative",
            FieldKind::Span => "length of time",
            FieldKind::Truth => "true or false",
            FieldKind::Any => "text, case-sensitive, or number",
            FieldKind::WordOrNumber => "text, case-insensitive, or number",
        };
        let example = cell(example(name.trim_end_matches(".…")));
        let _infallible = writeln!(out, "| `{name}` | {} | {kind} | {what} | {example} |", places(&field));
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
         next command in the same segment. The server that `ask` asks answers with the `reply`.\n\n\
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

/// A field of each kind with a second part after a dot, in the order of their table.
fn dotted() -> [Field; 5] {
    [
        Field::Content(ContentField::Header("x".into())),
        Field::Request(RequestField::Parameter("x".into())),
        Field::Session("x".into()),
        Field::SinceFirst,
        Field::State("x".into()),
    ]
}

/// The events at which a field exists: sets of them as far as possible, otherwise each by its name.
fn places(field: &Field) -> String {
    let mut left: Vec<Event> = all().filter(|event| field.exists_at(*event)).collect();
    let whole = left.clone();
    let point = |name: &'static str| name.split_once('.').map(|(_, point)| format!("*.{point}"));
    let mut stars: Vec<String> = all().filter_map(|event| point(event.name())).collect();
    stars.dedup();
    let mut names = Vec::new();
    let sets = GROUPS
        .iter()
        .map(|(name, is_in)| ((*name).to_owned(), all().filter(|event| is_in(*event)).collect::<Vec<_>>()));
    let starred = stars.into_iter().map(|star| {
        let events = all().filter(|event| event.is_like(&star)).collect();
        (format!("`{star}`"), events)
    });
    let sets: Vec<(String, Vec<Event>)> =
        sets.chain(starred).filter(|(_, events)| events.iter().all(|event| whole.contains(event))).collect();
    loop {
        let gain = |events: &Vec<Event>| events.iter().filter(|event| left.contains(event)).count();
        let Some((name, events)) = sets.iter().rev().max_by_key(|(_, events)| gain(events)) else { break };
        if gain(events) < 2 {
            break;
        }
        names.push(name.clone());
        left.retain(|event| !events.contains(event));
    }
    names.extend(left.iter().map(|event| format!("`{event}`")));
    match (names.is_empty(), field) {
        (true, _) | (false, Field::Outcome) => {
            "`[[expect]]` at events of SMTP, LMTP, IMAP and POP3 but `imap.fetch.item` and `lmtp.delivery`".to_owned()
        }
        (false, _) => names.join(", "),
    }
}
