//! The commands and their grammar (RFC 1939 §9, RFC 2449 §4, RFC 5034 §4).

use crate::base::is_identifier;
use crate::protocol::Event;
use crate::sasl::{Mechanism, initial_response, saslprep};

/// A command that follows the grammar, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pop3Command {
    Apop {
        login: String,
        digest: String,
    },
    /// Without a mechanism, requests the list of mechanisms.
    Auth(Option<(&'static Mechanism, Option<Vec<u8>>)>),
    Capa,
    Dele(u32),
    /// The language range; without one, requests the list of languages.
    Lang(Option<String>),
    List(Option<u32>),
    Noop,
    Pass(String),
    Quit,
    Retr(u32),
    Rset,
    Stat,
    Stls,
    Top {
        number: u32,
        lines: u32,
    },
    Uidl(Option<u32>),
    User(String),
    Utf8,
}

impl Pop3Command {
    /// The event of the command.
    pub(super) fn event(&self) -> Event {
        match self {
            Self::Apop { .. } => Event::Pop3Apop,
            Self::Auth(_) => Event::Pop3AuthStart,
            Self::Capa => Event::Pop3Caps,
            Self::Dele(_) => Event::Pop3Dele,
            Self::Lang(_) => Event::Pop3Lang,
            Self::List(_) => Event::Pop3List,
            Self::Noop => Event::Pop3Noop,
            Self::Pass(_) => Event::Pop3Pass,
            Self::Quit => Event::Pop3Quit,
            Self::Retr(_) => Event::Pop3Retr,
            Self::Rset => Event::Pop3Rset,
            Self::Stat => Event::Pop3Stat,
            Self::Stls => Event::Pop3Stls,
            Self::Top { .. } => Event::Pop3Top,
            Self::Uidl(_) => Event::Pop3Uidl,
            Self::User(_) => Event::Pop3User,
            Self::Utf8 => Event::Pop3Utf8,
        }
    }
}

/// Why a line is not a valid command.
pub(super) type Wrong = String;

pub(super) const VERBS: &[(&str, Event)] = &[
    ("APOP", Event::Pop3Apop),
    ("AUTH", Event::Pop3AuthStart),
    ("CAPA", Event::Pop3Caps),
    ("DELE", Event::Pop3Dele),
    ("LANG", Event::Pop3Lang),
    ("LIST", Event::Pop3List),
    ("NOOP", Event::Pop3Noop),
    ("PASS", Event::Pop3Pass),
    ("QUIT", Event::Pop3Quit),
    ("RETR", Event::Pop3Retr),
    ("RSET", Event::Pop3Rset),
    ("STAT", Event::Pop3Stat),
    ("STLS", Event::Pop3Stls),
    ("TOP", Event::Pop3Top),
    ("UIDL", Event::Pop3Uidl),
    ("USER", Event::Pop3User),
    ("UTF8", Event::Pop3Utf8),
];

/// Parses a line. Keywords may have any case (RFC 1939 §3).
pub(super) fn parse(line: &[u8]) -> (Event, Result<Pop3Command, Wrong>) {
    let Ok(line) = std::str::from_utf8(line) else {
        return (Event::Pop3Unknown, Err("a command must be valid UTF-8".to_owned()));
    };
    let (word, argument) = match line.split_once(' ') {
        Some((word, argument)) => (word, Some(argument)),
        None => (line, None),
    };
    let Some((verb, event)) = VERBS.iter().find(|(verb, _)| verb.eq_ignore_ascii_case(word)) else {
        let why =
            if word.is_empty() { "the line is empty".to_owned() } else { format!("unknown command {}", visible(word)) };
        return (Event::Pop3Unknown, Err(why));
    };
    let command = arguments(verb, argument);
    // The command has complete credentials, so the server decides about them next.
    let is_complete = matches!(&command, Ok(Pop3Command::Auth(Some((mechanism, initial))))
        if mechanism.is_complete_with(initial.as_deref()));
    (if is_complete { Event::Pop3Auth } else { *event }, command)
}

fn arguments(verb: &str, argument: Option<&str>) -> Result<Pop3Command, Wrong> {
    let none = |command| match argument {
        None => Ok(command),
        Some(_) => Err(format!("{verb} takes no argument")),
    };
    let some = |what: &str| argument.filter(|its| !its.is_empty()).ok_or(format!("{verb} needs {what}"));
    let number = |text: &str| match text.parse::<u32>() {
        Ok(number @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(format!("\"{}\" is not a valid message number; numbers begin with 1", visible(text))),
    };
    match verb {
        "CAPA" => none(Pop3Command::Capa),
        "NOOP" => none(Pop3Command::Noop),
        "QUIT" => none(Pop3Command::Quit),
        "RSET" => none(Pop3Command::Rset),
        "STAT" => none(Pop3Command::Stat),
        "STLS" => none(Pop3Command::Stls),
        "UTF8" => none(Pop3Command::Utf8),
        "LANG" => argument.map(language).transpose().map(Pop3Command::Lang),
        "USER" => login(some("a user name")?).map(Pop3Command::User),
        // A password may contain blanks, and may be empty.
        "PASS" => prepared(argument.ok_or("PASS needs a password")?, "a password").map(Pop3Command::Pass),
        "DELE" => some("a message number").and_then(number).map(Pop3Command::Dele),
        "RETR" => some("a message number").and_then(number).map(Pop3Command::Retr),
        "LIST" => argument.map(number).transpose().map(Pop3Command::List),
        "UIDL" => argument.map(number).transpose().map(Pop3Command::Uidl),
        "APOP" => {
            let (login, digest) =
                some("a user name and a digest")?.rsplit_once(' ').ok_or("APOP needs a digest too")?;
            Ok(Pop3Command::Apop { login: self::login(login)?, digest: digest.to_owned() })
        }
        "TOP" => {
            let needs = "TOP needs a message number and a count of lines";
            let (text, lines) = some("a message number and a count of lines")?.split_once(' ').ok_or(needs)?;
            let is_count = lines.bytes().all(|byte| byte.is_ascii_digit());
            let lines = lines
                .parse()
                .ok()
                .filter(|_| is_count)
                .ok_or_else(|| format!("\"{}\" is not a valid number of lines", visible(lines)))?;
            Ok(Pop3Command::Top { number: number(text)?, lines })
        }
        _ => auth(argument),
    }
}

/// RFC 4647 §2.1, language-range.
fn language(range: &str) -> Result<String, Wrong> {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric());
    match range == "*" || range.split('-').all(is_part) {
        true => Ok(range.to_owned()),
        false => Err(format!("\"{}\" is not a language range, such as en or *", visible(range))),
    }
}

/// A user name or a password in the form of SASLprep, which permits only some characters outside of ASCII (RFC 6856 §2.2).
fn prepared(text: &str, what: &str) -> Result<String, Wrong> {
    if text.is_ascii() {
        return Ok(text.to_owned());
    }
    saslprep(text).map(Into::into).ok_or_else(|| format!("{what} has characters that SASLprep forbids"))
}

fn login(text: &str) -> Result<String, Wrong> {
    match is_identifier(text) {
        true => prepared(text, "a user name"),
        false => Err("a user name must not be empty or contain control characters".to_owned()),
    }
}

/// Text of the client for a reply: ASCII, and shortened (RFC 1939 §3).
fn visible(text: &str) -> String {
    text.chars().take(32).flat_map(char::escape_default).collect()
}

pub(super) const UNKNOWN_MECHANISM: &str = "unsupported authentication mechanism";

/// RFC 5034 §4: `AUTH mechanism [initial-response]`. `=` is an empty initial response.
fn auth(argument: Option<&str>) -> Result<Pop3Command, Wrong> {
    let Some(argument) = argument else { return Ok(Pop3Command::Auth(None)) };
    let (name, initial) = match argument.split_once(' ') {
        Some((name, initial)) => (name, Some(initial)),
        None => (argument, None),
    };
    let mechanism = Mechanism::parse(name.as_bytes()).ok_or(UNKNOWN_MECHANISM)?;
    let initial = initial.map(|base64| initial_response(base64.as_bytes())).transpose();
    let initial = initial.map_err(|rejection| rejection.to_string())?;
    Ok(Pop3Command::Auth(Some((mechanism, initial))))
}
