//! The commands and their grammar (RFC 5321 §4.1.1).

use super::chunk;
use super::dialect::Dialect;
use super::parameter;
use super::path::path;
use super::refusal::{Refusal, visible};
use super::xclient::{self, Xclient};
use super::xforward::{self, Xforward};
use crate::mail::{Parameters, Sender};
use crate::protocol::Event;
use crate::sasl::{Mechanism, initial_response};

/// A command that follows the grammar, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SmtpCommand {
    Helo(Box<str>),
    Ehlo(Box<str>),
    Mail {
        sender: Sender,
        is_international: bool,
    },
    Rcpt {
        address: Box<str>,
        parameters: Parameters,
        is_international: bool,
    },
    Data,
    /// The size of the chunk that follows, if it can be counted, and whether it is the last one.
    Bdat {
        size: Option<u64>,
        is_last: Result<bool, Refusal>,
    },
    Rset,
    Noop,
    /// `is_utf8` is whether the reply may have UTF-8.
    Vrfy {
        name: Box<str>,
        is_utf8: bool,
    },
    /// As with VRFY.
    Expn {
        name: Box<str>,
        is_utf8: bool,
    },
    Help,
    Quit,
    Starttls,
    Xclient(Xclient),
    Xforward(Xforward),
    Auth {
        mechanism: &'static Mechanism,
        initial: Option<Vec<u8>>,
    },
}

impl SmtpCommand {
    /// The event of the command.
    pub(super) fn event(&self) -> Event {
        match self {
            Self::Helo(_) => Event::SmtpHelo,
            Self::Ehlo(_) => Event::SmtpCaps,
            Self::Mail { .. } => Event::SmtpMail,
            Self::Rcpt { .. } => Event::SmtpRcpt,
            Self::Data => Event::SmtpData,
            Self::Bdat { .. } => Event::SmtpBdat,
            Self::Rset => Event::SmtpRset,
            Self::Noop => Event::SmtpNoop,
            Self::Vrfy { .. } => Event::SmtpVrfy,
            Self::Expn { .. } => Event::SmtpExpn,
            Self::Help => Event::SmtpHelp,
            Self::Quit => Event::SmtpQuit,
            Self::Starttls => Event::SmtpStarttls,
            Self::Xclient(_) => Event::SmtpXclient,
            Self::Xforward(_) => Event::SmtpXforward,
            Self::Auth { .. } => Event::SmtpAuthStart,
        }
    }
}

/// The verbs that the server knows.
pub(super) const VERBS: &[(&str, Event)] = &[
    ("HELO", Event::SmtpHelo),
    ("EHLO", Event::SmtpCaps),
    ("LHLO", Event::SmtpCaps),
    ("MAIL", Event::SmtpMail),
    ("RCPT", Event::SmtpRcpt),
    ("DATA", Event::SmtpData),
    ("BDAT", Event::SmtpBdat),
    ("RSET", Event::SmtpRset),
    ("NOOP", Event::SmtpNoop),
    ("VRFY", Event::SmtpVrfy),
    ("EXPN", Event::SmtpExpn),
    ("HELP", Event::SmtpHelp),
    ("QUIT", Event::SmtpQuit),
    ("STARTTLS", Event::SmtpStarttls),
    ("AUTH", Event::SmtpAuthStart),
    ("XCLIENT", Event::SmtpXclient),
    ("XFORWARD", Event::SmtpXforward),
];

/// Parses a line. Returns the event even if the command is invalid.
pub(super) fn parse(line: &[u8], limit: u64, dialect: Dialect) -> (Event, Result<SmtpCommand, Refusal>) {
    // RFC 5321 §4.1.1: trailing white space is tolerated.
    let blank = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = &line[..line.len() - blank];
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, rest) = line.split_at(end);
    let is_it = |(name, _): &&(&str, Event)| name.as_bytes().eq_ignore_ascii_case(verb) && dialect.has(name);
    let Some((_, event)) = VERBS.iter().find(is_it) else {
        let text = match verb {
            [] => "Syntax error, the line is empty".to_owned(),
            verb => {
                format!("Syntax error, command unrecognized: {}", visible(&String::from_utf8_lossy(verb)))
            }
        };
        return (Event::SmtpUnknown, Err(Refusal::new("500 5.5.2", &text)));
    };
    (*event, command(*event, rest, limit, dialect))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "verbs are a few of all events")]
fn command(event: Event, rest: &[u8], limit: u64, dialect: Dialect) -> Result<SmtpCommand, Refusal> {
    let Ok(rest) = std::str::from_utf8(rest) else { return Err(Refusal::syntax("the line is not UTF-8")) };
    let is_control = |byte: u8| byte.is_ascii_control();
    if rest.bytes().any(is_control) || (!rest.is_ascii() && rest.contains(char::is_control)) {
        return Err(Refusal::syntax("a command must not contain control characters; lines end with CRLF"));
    }
    let argument = rest.trim_start_matches(' ');
    match event {
        Event::SmtpHelo => Ok(SmtpCommand::Helo(name(argument, "HELO")?)),
        Event::SmtpCaps => Ok(SmtpCommand::Ehlo(name(argument, dialect.hello())?)),
        Event::SmtpMail => mail(argument, limit),
        Event::SmtpRcpt => rcpt(argument),
        Event::SmtpVrfy if argument.is_empty() => Err(Refusal::parameters("VRFY takes a user name or an address")),
        Event::SmtpExpn if argument.is_empty() => Err(Refusal::parameters("EXPN takes a user name or an address")),
        Event::SmtpVrfy | Event::SmtpExpn => {
            let name = strip_ending(argument, " SMTPUTF8");
            let (name, is_utf8) = (name.unwrap_or(argument).trim_end().into(), name.is_some());
            Ok(match event == Event::SmtpVrfy {
                true => SmtpCommand::Vrfy { name, is_utf8 },
                false => SmtpCommand::Expn { name, is_utf8 },
            })
        }
        // RFC 5321 §4.1.1.8, §4.1.1.9: an argument is allowed and ignored.
        Event::SmtpHelp => Ok(SmtpCommand::Help),
        Event::SmtpNoop => Ok(SmtpCommand::Noop),
        Event::SmtpAuthStart => auth(argument),
        Event::SmtpXclient => xclient::parse(argument),
        Event::SmtpXforward => xforward::parse(argument),
        Event::SmtpData => alone(argument, SmtpCommand::Data),
        Event::SmtpBdat => chunk::parse(argument).map(|(size, is_last)| SmtpCommand::Bdat { size, is_last }),
        Event::SmtpRset => alone(argument, SmtpCommand::Rset),
        Event::SmtpQuit => alone(argument, SmtpCommand::Quit),
        Event::SmtpStarttls => alone(argument, SmtpCommand::Starttls),
        other => unreachable!("no verb has the event {other}"),
    }
}

/// Refuses an argument, with the text of RFC 3207 §4.
fn alone(argument: &str, command: SmtpCommand) -> Result<SmtpCommand, Refusal> {
    if argument.is_empty() { Ok(command) } else { Err(Refusal::parameters("Syntax error (no parameters allowed)")) }
}

/// The argument of EHLO or HELO. RFC 5321 §4.1.1.1 requires a domain or an address literal, but §4.1.4 forbids the
/// server to refuse a wrong one. Real clients send unqualified host names and even file names.
fn name(argument: &str, verb: &str) -> Result<Box<str>, Refusal> {
    if argument.is_empty() || argument.contains(' ') {
        return Err(Refusal::parameters(&format!("{verb} takes one argument: your name")));
    }
    Ok(argument.into())
}

fn mail(argument: &str, limit: u64) -> Result<SmtpCommand, Refusal> {
    let Some(rest) = strip_keyword(argument, "FROM:") else {
        return Err(Refusal::parameters("it must be MAIL FROM:<address>"));
    };
    let (path, rest) = path(rest).map_err(|why| Refusal::new("501 5.1.7", why))?;
    let parameters = parameter::of_mail(rest, limit)?;
    // RFC 6531 §3.3 extends paths and the values of parameters.
    let is_international = path.is_international || !rest.is_ascii();
    Ok(SmtpCommand::Mail { sender: Sender::new(path.address, parameters), is_international })
}

fn rcpt(argument: &str) -> Result<SmtpCommand, Refusal> {
    let Some(rest) = strip_keyword(argument, "TO:") else {
        return Err(Refusal::parameters("it must be RCPT TO:<address>"));
    };
    let (path, rest) = path(rest).map_err(|why| Refusal::new("501 5.1.3", why))?;
    if path.address.is_empty() {
        return Err(Refusal::new("501 5.1.3", "<> can send mail but not receive it"));
    }
    let parameters = parameter::of_rcpt(rest)?;
    let is_international = path.is_international || !rest.is_ascii();
    Ok(SmtpCommand::Rcpt { address: path.address.into(), parameters, is_international })
}

/// RFC 4954 §4: `AUTH mechanism [initial-response]`. `=` is an empty initial response.
fn auth(argument: &str) -> Result<SmtpCommand, Refusal> {
    let mut words = argument.split(' ').filter(|word| !word.is_empty());
    let (Some(mechanism), initial, None) = (words.next(), words.next(), words.next()) else {
        return Err(Refusal::parameters("it must be AUTH mechanism [initial-response]"));
    };
    let Some(mechanism) = Mechanism::parse(mechanism.as_bytes()) else {
        return Err(Refusal::unknown_mechanism());
    };
    let initial = initial.map(|base64| initial_response(base64.as_bytes())).transpose()?;
    Ok(SmtpCommand::Auth { mechanism, initial })
}

fn strip_ending<'a>(text: &'a str, ending: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(ending.len())?;
    text.get(at..)?.eq_ignore_ascii_case(ending).then(|| &text[..at])
}

fn strip_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let head = text.get(..keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| &text[keyword.len()..])
}
