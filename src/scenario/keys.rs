//! The keys of a scenario file and of its tables, but not those of steps, which their files have.

use crate::document::{Form, Key, words};
use crate::protocol::{Leniency, Listener, Protocol, StartTls};
use crate::rule::profile::{ALPN, CERT, CLIENT_CA, CLIENT_CERT, GROUPS_KEY, MAX, MIN, RESUMPTION, SUITES_KEY};
use crate::rule::step::caps::CAPABILITIES;
use crate::sasl::Mechanism;

/// The words of `client_must`, and what a client that fulfils the obligation does.
pub(super) const OBLIGATIONS: [(&str, &str); 10] = [
    ("bounded-wait", "limits how long it waits for the server"),
    ("no-duplicate", "does not send a message twice after an unclear answer"),
    ("no-loss", "does not lose a message"),
    ("no-leak", "does not send credentials or mail without TLS, or to a server that it cannot verify"),
    ("resync", "discards cached data that is no longer valid"),
    ("no-reuse", "does not use a connection again that has ended"),
    ("retry-later", "distinguishes temporary from permanent failures, and tries again after a while"),
    ("isolate", "continues with the other recipients or messages if one fails"),
    ("tolerate", "accepts unusual but legal input"),
    ("reject-cleanly", "reports an error for illegal input, without a crash, a hang or unlimited memory"),
];

/// The only version of the language.
pub(super) const VERSION: i64 = 1;
/// The values of `clock`, and whether the clock is manual.
pub(super) const CLOCKS: [(&str, bool); 2] = [("manual", true), ("real", false)];
/// The fixed values of `per`.
pub(super) const PER: [&str; 5] = ["server", "conn", "user", "ip", "listener"];
/// The operators of conditions.
pub(super) const OPERATORS: &[Key] = &[
    Key::new("any", ONE_OR_MORE_TESTS, "fulfils at least one of these")
        .example(r#"mailbox = { any = ["INBOX", "~^Archive/"] }"#),
    Key::new("all", ONE_OR_MORE_TESTS, "fulfils all of these").example(r#"arg = { all = ["~SIZE", "!~BODY"] }"#),
    Key::new("not", Form::Shared("test"), "does not fulfil this").example("seq = { not = 1 }"),
    Key::new("eq", Form::Scalar, "equals this text, whatever it begins with")
        .example(r#"subject = { eq = "*urgent*" }"#),
];
const ONE_OR_MORE_TESTS: Form = Form::OneOrMore(&Form::Shared("test"));

/// The keys of a file.
pub(super) const FILE: &[Key] = &[
    Key::new("mailjig", Form::Exactly(VERSION), "The version of the language, always 1.").example("mailjig = 1").required(),
    Key::new("name", Form::Text, "The scenario's name; must be the file's name without `.toml`. Default: the file's name.")
        .example(r#"name = "smtp-greylist""#),
    Key::new("about", Form::Text, "What the server does, in one sentence. `mailjig serve` prints it at its start.")
        .example(r#"about = "The server …""#),
    Key::new("refs", Form::TEXTS, "URLs of bug reports and documents.").example(r#"refs = ["https://…"]"#),
    Key::new(
        "client_must",
        Form::OneOrMore(&Form::Words(|| words(&OBLIGATIONS))),
        "The obligations of the client that the scenario tests; see below.",
    )
    .example(r#"client_must = ["retry-later"]"#),
    Key::new(
        "use",
        Form::TEXTS,
        "Other scenarios whose contents apply too: names of shipped scenarios, or files in the same folder.",
    )
    .example(r#"use = ["smtp/smtp-greylist"]"#),
    Key::new(
        "seed",
        Form::Count,
        "The seed for `chance`, ranges of `wait` and generated values. Default: the server's seed, 1.",
    )
    .example("seed = 42"),
    Key::new(
        "clock",
        Form::Words(|| words(&CLOCKS)),
        "`\"manual\"`: the server's clock stands still until the test advances it. Default: `\"real\"`.",
    )
    .example(r#"clock = "manual""#),
    Key::new(
        "fail_on_findings",
        Form::Either(&[Form::Truth, Form::TEXTS]),
        "[Findings](crate::manual::findings) make the verification fail: all (`true`), or the kinds with these names; `*` stands for any characters, and a kind after `!` is left out. Default: `false`.",
    )
    .example(r#"fail_on_findings = ["!missing-message-id"]"#),
    Key::new(
        "params",
        Form::Map(&Form::Scalar),
        "Parameters with their default values; used as `{param.n}`, changed with `--set n=5`, `.set(\"n\", 5)` or `params` over HTTP.",
    )
    .example(r#"n = "3""#),
    Key::new(
        "state",
        Form::Map(&Form::Scalar),
        "Variables that all rules share, with their initial values; used as `state.phase`.",
    )
    .example(r#"phase = "healthy""#),
    Key::new("server", Form::Table(SERVER), "What the server announces, and settings, by protocol; see below.")
        .example(r#"caps.remove = ["IDLE"]"#),
    Key::new(
        "tls",
        Form::OneOrMore(&Form::Table(TLS)),
        "Certificate and STARTTLS for all listeners. Write several `[[tls]]`, each with a `listener`, to set them separately; see below.",
    )
    .example(r#"cert = "expired""#),
    Key::new(
        "user",
        Form::OneOrMore(&Form::Table(USER)),
        "An account. If there is one, the list of accounts is closed.",
    )
    .example(r#"name = "bob@example.org""#),
    Key::new("mailbox", Form::OneOrMore(&Form::Table(MAILBOX)), "A mailbox that exists at the start.")
        .example(r#"name = "INBOX""#),
    Key::new(
        "message",
        Form::OneOrMore(&Form::Table(MESSAGE)),
        "A message that is in a mailbox at the start, or that a `deliver` step delivers.",
    )
    .example("generate = true"),
    Key::new("rule", Form::OneOrMore(&Form::Table(RULE)), "A rule; see above.").example(r#"on = "smtp.rcpt""#),
    Key::new("expect", Form::OneOrMore(&Form::Table(EXPECT)), "An expectation; see below.")
        .example(r#"event = "smtp.message""#),
    Key::new("script", Form::OneOrMore(&Form::Table(SCRIPT)), "A script; see [Scripts](#scripts).")
        .example(r#"id = "inject""#),
];

pub(super) const SERVER: &[Key] = &[
    Key::new("auth", MECHANISMS, "The SASL mechanisms of the protocols whose own table does not name others.")
        .example(r#"auth = ["PLAIN", "SCRAM-SHA-256"]"#),
    Key::new("smtp", Form::Table(SMTP), "Of SMTP, submission and SMTPS."),
    Key::new("lmtp", Form::Table(LMTP), "Of LMTP."),
    Key::new("imap", Form::Table(IMAP), "Of IMAP and IMAPS."),
    Key::new("pop3", Form::Table(POP3), "Of POP3 and POP3S."),
];

const GREETING: Key = Key::new(
    "greeting",
    Form::Text,
    "The text of the greeting after `220`, `* OK` or `+OK`. The digest of APOP is made with the timestamp in a POP3 greeting.",
)
.example(r#"greeting = "ready <7.8@pop.example>""#);
const MECHANISMS: Form = Form::OneOrMore(&Form::Words(|| Mechanism::all().map(Mechanism::name).collect()));
const AUTH: Key = Key::new(
    "auth",
    MECHANISMS,
    "The SASL mechanisms that the server announces and accepts. LOGIN of IMAP, and USER and PASS of POP3, are accepted if it names PLAIN or LOGIN, and APOP if it names CRAM-MD5; an empty list turns SASL off and leaves these commands. Default: PLAIN, LOGIN, and what the accounts can use: CRAM-MD5 and SCRAM if there is a list of accounts with passwords, XOAUTH2 and OAUTHBEARER if an account has `tokens`. Mechanisms in `-PLUS` need TLS; DIGEST-MD5, NTLM, EXTERNAL and ANONYMOUS are on only if they are named.",
)
.example(r#"auth = ["LOGIN"]"#);
const CAPS: Key = Key::new(
    "caps",
    Form::Table(CAPABILITIES),
    "Capabilities to `add` or `remove`, or the whole list as `set`. Changes what is announced, not what is accepted.",
)
.example(r#"caps.add = ["XLIST"]"#);
const CAPS_TLS: Key =
    Key::new("caps_tls", Form::Table(CAPABILITIES), "The same, when the session is encrypted; applied after `caps`.")
        .example(r#"caps_tls.remove = ["AUTH"]"#);
const PROXY_PROTOCOL: Key = Key::new(
    "proxy_protocol",
    Form::OneOrMore(&Form::Words(|| Listener::ALL.iter().map(|its| its.name()).collect())),
    "The listeners of this protocol whose connections begin with a header of the PROXY protocol, version 1 or 2. Default: none.",
)
.example(r#"proxy_protocol = ["submission"]"#);
const LENIENT: Key = Key::new(
    "lenient",
    Form::OneOrMore(&Form::Words(|| Leniency::ALL.iter().map(|its| its.name()).collect())),
    "What a vulnerable server accepts and mailjig does not; IMAP and POP3 have only `starttls-injection`. See [Attacks](crate::manual::smtp#attacks).",
)
.example(r#"lenient = ["starttls-injection"]"#);
const LIMITS: Key = Key::new("limits", Form::Table(SIZE), "");
pub(super) const SIZE: &[Key] =
    &[Key::new("size", Form::Size, "The largest message.").example(r#"limits.size = "10kB""#).required()];

pub(super) const SMTP: &[Key] = &[
    GREETING,
    AUTH,
    CAPS,
    CAPS_TLS,
    LIMITS,
    PROXY_PROTOCOL,
    LENIENT,
    Key::new(
        "xclient",
        Form::OneOrMore(&Form::Words(|| vec!["smtp", "submission", "smtps"])),
        "The listeners that announce and accept XCLIENT and XFORWARD, with which a client tells for whom it speaks. Default: none.",
    )
    .example(r#"xclient = ["smtp"]"#),
    Key::new(
        "submission_strict",
        Form::Truth,
        "Submission and SMTPS refuse senders and recipients whose domain is not fully qualified, such as `root@localhost`.",
    )
    .example("submission_strict = true"),
];
pub(super) const LMTP: &[Key] = &[GREETING, AUTH, CAPS, CAPS_TLS, PROXY_PROTOCOL, LENIENT];
pub(super) const POP3: &[Key] = &[
    GREETING,
    AUTH,
    CAPS,
    CAPS_TLS,
    PROXY_PROTOCOL,
    LENIENT,
    Key::new(
        "expire",
        Form::Either(&[Form::Count, Form::Text]),
        "The days after which a login deletes messages, announced as EXPIRE. With 0, QUIT deletes what was retrieved. Default: `\"never\"`.",
    )
    .example("expire = 30"),
    Key::new(
        "expire_for",
        Form::Map(&Form::Scalar),
        "The same for single users, by login.",
    )
    .example(r#"expire_for = { "bob@example.org" = "never" }"#),
    Key::new(
        "login_delay",
        Form::Time,
        "The time between two logins of a user, by the server's clock, announced as LOGIN-DELAY. Default: none.",
    )
    .example(r#"login_delay = "60s""#),
    Key::new(
        "unique_ids",
        Form::Text,
        "The form of the ids that UIDL reports: `validity.uid`, `hex`, `hash`, `long` (70 characters), or a template with `{validity}`, `{uid}`, `{validity:x}`, `{uid:x}` and `{hash}`. Default: `\"validity.uid\"`.",
    )
    .example(r#"unique_ids = "hash""#),
];
pub(super) const IMAP: &[Key] = &[
    GREETING,
    AUTH,
    CAPS,
    CAPS_TLS,
    LIMITS,
    PROXY_PROTOCOL,
    LENIENT,
    Key::new(
        "delimiter",
        Form::Text,
        "The character between the levels of a mailbox name. Cannot change while the server runs.",
    )
    .example(r#"delimiter = ".""#),
    Key::new(
        "namespace",
        Form::Text,
        "The prefix of all mailbox names but INBOX, without a delimiter at its end. Cannot change while the server runs.",
    )
    .example(r#"namespace = "INBOX""#),
    Key::new(
        "strict",
        Form::Truth,
        "Refuse deviations from the grammar.",
    )
    .example("strict = true"),
];

pub(super) const TLS: &[Key] = &[
    Key::new(
        "listener",
        Form::Words(|| Listener::ALL.iter().map(|its| its.name()).collect()),
        "The listener that the entry is for. It takes precedence over an entry without `listener`. Default: all listeners.",
    )
    .example(r#"listener = "imap""#),
    Key::new(
        "sni",
        Form::Text,
        "A pattern: the entry is for clients that request such a server name (SNI). It takes precedence over an entry without `sni`. Default: all clients.",
    )
    .example(r#"sni = "*.example.org""#),
    CERT,
    MIN,
    MAX,
    SUITES_KEY,
    GROUPS_KEY,
    CLIENT_CERT,
    CLIENT_CA,
    ALPN,
    RESUMPTION,
    Key::new(
        "implicit",
        Form::Truth,
        "Whether TLS begins with the first octet. With `false`, the server speaks in cleartext on a TLS port; with `true`, it expects a ClientHello on a cleartext port. Default: as the listener.",
    )
    .example("implicit = false"),
    Key::new(
        "starttls",
        Form::Words(|| StartTls::ALL.iter().map(|its| its.name()).collect()),
        "`\"never\"`, `\"offered\"`, `\"before-login\"` or `\"before-anything\"`.",
    )
    .example(r#"starttls = "never""#),
];

pub(super) const USER: &[Key] = &[
    Key::new("name", Form::Text, "The login.").example(r#"name = "bob@example.org""#).required(),
    Key::new("password", Form::Text, "The password. Default: empty.").example(r#"password = "secret""#),
    Key::new(
        "tokens",
        Form::TEXTS,
        "The access tokens with which the account may log in, in place of the password. Default: none.",
    )
    .example(r#"tokens = ["tok-1", "tok-2"]"#),
    Key::new("addresses", Form::TEXTS, "Further addresses whose mail the account gets.")
        .example(r#"addresses = ["team@example.org"]"#),
];

pub(super) const MAILBOX: &[Key] = &[
    Key::new("name", Form::Text, "The mailbox's name.").example(r#"name = "Archive""#).required(),
    Key::new("user", Form::Text, "Whose mailbox it is. Default: every account has one.")
        .example(r#"user = "bob@example.org""#),
    Key::new("uidvalidity", Form::Count, "Its UIDVALIDITY.").example("uidvalidity = 1000"),
    Key::new(
        "generate",
        Form::Count,
        "The number of generated messages in it, with the subjects `generated 1`, `generated 2`, … Default: 0.",
    )
    .example("generate = 5"),
];

pub(super) const MESSAGE: &[Key] = &[
    Key::new("text", Form::Text, "The message. One of `text`, `file` and `generate` is required.")
        .example(r#"text = "Subject: hi\n\nhello\n""#),
    Key::new("file", Form::Text, "A file with the message, relative to the scenario's folder.")
        .example(r#"file = "big.eml""#),
    Key::new("generate", Form::Truth, "A generated message.").example("generate = true"),
    Key::new(
        "id",
        Form::Text,
        "The name for `deliver` steps, and for texts such as `{literal:late}`. A message that a rule names is in no mailbox until a `deliver` step is executed.",
    )
    .example(r#"id = "late""#),
    Key::new("mailbox", Form::Text, "The mailbox. Default: `INBOX`.").example(r#"mailbox = "Junk""#),
    Key::new("user", Form::Text, "Whose mailbox. Default: every account gets the message.")
        .example(r#"user = "bob@example.org""#),
    Key::new("uidl", Form::Text, "The unique id that POP3 reports.").example(r#"uidl = "0000000a""#),
    Key::new("flags", Form::TEXTS, "The flags.").example(r"flags = ['\Seen']"),
];

pub(super) const RULE: &[Key] = &[
    Key::new("on", Form::OneOrMore(&Form::Shared("event")), "The event, or a list of events.")
        .example(r#"on = ["smtp.mail", "smtp.rcpt"]"#).required(),
    Key::new("do", Form::OneOrMore(&Form::Shared("step")), "The step, or a list of steps.")
        .example(r#"do = [ { wait = "1s" }, { pass = true } ]"#).required(),
    Key::new("when", Form::Shared("conditions"), "Conditions; all of them must hold. Default: none.")
        .example(r#"when = { tls = false, rcpt = "*@example.org" }"#),
    Key::new("times", Form::Count, "Only this many matches, the first ones, can fire. Default: no limit.")
        .example("times = 3"),
    Key::new("nth", Form::Scalar, "The matches for which the rule fires. Excludes `times`. Default: all.")
        .example(r#"nth = "every 5""#),
    Key::new(
        "per",
        Form::Text,
        "Keeps a separate count of the matches for each session, user, sender, …; see below. Default: `\"server\"`, one count for all.",
    )
    .example(r#"per = "{ip} {from} {rcpt}""#),
    Key::new("chance", Form::Number, "The probability that the rule fires, between 0 and 1. Default: 1.")
        .example("chance = 0.1"),
    Key::new(
        "expect",
        Form::Scalar,
        "How often the rule must fire; see [Expectations](#expectations). Default: any number.",
    )
    .example(r#"expect = ">=1""#),
    Key::new(
        "id",
        Form::Text,
        "The rule's name in reports. Default: its place in the file, `rule-1`, `rule-2`, … (for a rule mounted over HTTP: its number, such as `r3`).",
    )
    .example(r#"id = "full""#),
];

pub(super) const SCRIPT: &[Key] = &[
    Key::new("id", Form::Text, "The name in the step `script` and in reports. Default: `script-` and its number.")
        .example(r#"id = "inject""#),
    Key::new(
        "on",
        Form::OneOrMore(&Form::Shared("event")),
        "The events at which the script begins, outside of later rules. Without it, rules begin it with the step `script`.",
    )
    .example(r#"on = "smtp.greeting""#),
    Key::new(
        "on_divergence",
        Form::Text,
        "What follows a line of the client that does not fit: `pass` (the conforming server answers it and continues), `close`, or `reply` and a reply. Default: `close`.",
    )
    .example(r#"on_divergence = "reply 500 what""#),
    Key::new("text", Form::Text, "The lines of the script. Either `text` or `file` is required.")
        .example(r#"text = "S: 220 hi""#),
    Key::new("file", Form::Text, "A `.session` file in the same folder, with the lines of the script.")
        .example(r#"file = "client.session""#),
];

pub(super) const EXPECT: &[Key] = &[
    Key::new("id", Form::Text, "The name in reports.").example(r#"id = "retried""#),
    Key::new(
        "event",
        Form::OneOrMore(&Form::Shared("event")),
        "The event, or a list of events. Either `event` or `sequence` is required.",
    )
    .example(r#"event = "smtp.message""#),
    Key::new("when", Form::Shared("conditions"), "Conditions, as in a rule, and `outcome` (see below).")
        .example(r#"when = { conn = ">=2" }"#),
    Key::new("count", Form::Scalar, "How many such events there must be. Default: `\">=1\"`.").example(r#"count = "=1""#),
    Key::new(
        "same",
        Form::Text,
        "A field: `count` applies to each value of it separately. If no such event comes at all, `\"=1\"` is not met and `\"<=1\"` is.",
    )
    .example(r#"same = "header.Message-ID""#),
    Key::new(
        "sequence",
        Form::OneOrMore(&Form::Shared("event")),
        "Events that must come in this order; other events may come between them.",
    )
    .example(r#"sequence = ["pop3.retr", "pop3.dele"]"#),
    Key::new(
        "within",
        Form::Time,
        "Counts only events within this time, by the server's clock. It begins with the first event that any rule or expectation of the scenario names.",
    )
    .example(r#"within = "10s""#),
    Key::new("settle", Form::Time, "Real time that the verification waits first, for events that may still come.")
        .example(r#"settle = "2s""#),
];

/// The keys of `[server.smtp]` and the like.
pub(super) fn of_server(protocol: Protocol) -> &'static [Key] {
    match protocol {
        Protocol::Smtp => SMTP,
        Protocol::Lmtp => LMTP,
        Protocol::Imap => IMAP,
        Protocol::Pop3 => POP3,
    }
}
