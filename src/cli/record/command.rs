//! The commands of clients, as far as recording needs them: what follows them, and where their secrets are.

use super::layers::has_layer;
use super::said::Part;
use crate::protocol::Protocol;

/// A command of a client.
#[derive(Debug, Default)]
pub(in crate::cli) struct Command {
    /// IMAP's tag.
    pub(super) tag: Vec<u8>,
    pub(in crate::cli) kind: Kind,
    verb: Vec<u8>,
    /// How many arguments of LOGIN came.
    pub(super) arguments: usize,
    /// What follows the login may be encrypted or signed.
    pub(super) is_layered: bool,
    /// The client idles, and ends that with DONE.
    is_idle: bool,
}

/// What a command means for the octets behind it and for its answer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    #[default]
    Other,
    /// A message follows if the server agrees.
    Data,
    /// These octets follow (RFC 3030 §2).
    Chunk {
        octets: usize,
        is_last: bool,
    },
    Auth,
    Tls,
    /// Both sides compress if the server agrees (RFC 4978).
    Compress,
    /// A transaction begins or is dropped.
    Start,
    Recipient,
    /// The answer has lines up to a dot.
    List,
    /// Such an answer says what the server offers.
    Offers,
}

impl Command {
    /// Whether the next argument is a password.
    pub(super) fn next_is_secret(&self) -> bool {
        self.verb == b"LOGIN" && self.arguments == 1
    }
}

/// The parts of a line of a SASL exchange: a secret, unless it is empty or ends the exchange.
pub(super) fn response(line: &[u8], n: usize) -> Vec<Part> {
    match line {
        b"" | b"*" | b"=" => vec![Part::Text(line.to_vec())],
        _ => vec![Part::Named(format!("response{n}"), line.to_vec())],
    }
}

/// The parts of a command's line. `is_rest`: it continues the command behind a literal.
pub(in crate::cli) fn command(protocol: Protocol, line: &[u8], command: &mut Command, is_rest: bool) -> Vec<Part> {
    if protocol == Protocol::Imap {
        return imap(line, command, is_rest);
    }
    let words = words(line);
    command.verb = words.first().map(|verb| verb.to_ascii_uppercase()).unwrap_or_default();
    let argument = |at: usize| words.get(at).copied();
    command.kind = match (protocol, command.verb.as_slice()) {
        (Protocol::Smtp | Protocol::Lmtp, b"DATA") => Kind::Data,
        (Protocol::Smtp | Protocol::Lmtp, b"BDAT") => Kind::Chunk {
            octets: argument(1).and_then(number).unwrap_or(0),
            is_last: argument(2).is_some_and(|last| last.eq_ignore_ascii_case(b"LAST")),
        },
        (Protocol::Smtp | Protocol::Lmtp, b"RCPT") => Kind::Recipient,
        (Protocol::Smtp | Protocol::Lmtp, b"MAIL" | b"RSET" | b"EHLO" | b"HELO" | b"LHLO") => Kind::Start,
        (Protocol::Smtp | Protocol::Lmtp, b"STARTTLS") | (Protocol::Pop3, b"STLS") => Kind::Tls,
        (Protocol::Pop3, b"AUTH") if words.len() == 1 => Kind::Offers,
        (Protocol::Pop3, b"CAPA") => Kind::Offers,
        (_, b"AUTH") => Kind::Auth,
        (Protocol::Pop3, b"RETR" | b"TOP") => Kind::List,
        (Protocol::Pop3, b"LIST" | b"UIDL") if words.len() == 1 => Kind::List,
        _ => Kind::Other,
    };
    command.is_layered = argument(1).is_some_and(has_layer);
    let secret = match (protocol, command.verb.as_slice()) {
        (_, b"AUTH") => Some((2, "credentials")),
        (Protocol::Pop3, b"PASS") => Some((1, "password")),
        (Protocol::Pop3, b"APOP") => Some((2, "digest")),
        (Protocol::Smtp | Protocol::Lmtp, b"EHLO" | b"HELO" | b"LHLO") => Some((1, "host")),
        _ => None,
    };
    match secret {
        // A password may have blanks (RFC 1939 §7).
        Some((1, "password")) => from_word(line, 1, "password"),
        Some((at, name)) if words.len() == at + 1 => from_word(line, at, name),
        Some(_) | None => vec![Part::Text(line.to_vec())],
    }
}

/// A command of IMAP, or the rest of one.
fn imap(line: &[u8], command: &mut Command, is_rest: bool) -> Vec<Part> {
    if command.is_idle && line.eq_ignore_ascii_case(b"DONE") {
        command.is_idle = false;
        command.kind = Kind::Other;
        return vec![Part::Text(line.to_vec())];
    }
    if is_rest {
        return login_arguments(line, 0, command);
    }
    let words = words(line);
    command.tag = words.first().copied().unwrap_or_default().to_vec();
    command.verb = words.get(1).map(|verb| verb.to_ascii_uppercase()).unwrap_or_default();
    command.arguments = 0;
    command.is_idle = command.verb == b"IDLE";
    command.kind = match command.verb.as_slice() {
        b"AUTHENTICATE" => Kind::Auth,
        b"STARTTLS" => Kind::Tls,
        b"COMPRESS" => Kind::Compress,
        _ => Kind::Other,
    };
    command.is_layered = words.get(2).is_some_and(|mechanism| has_layer(mechanism));
    let mut parts = match command.verb.as_slice() {
        b"LOGIN" => login_arguments(line, place(line, 2), command),
        b"AUTHENTICATE" if words.len() == 4 => from_word(line, 3, "credentials"),
        _ => vec![Part::Text(line.to_vec())],
    };
    // Tags vary with the client, and often from run to run.
    if command.verb.is_empty() {
        return parts;
    }
    if let Some(Part::Text(text)) = parts.first_mut()
        && text.starts_with(&command.tag)
    {
        text.drain(..command.tag.len());
        parts.insert(0, Part::Named("tag".to_owned(), command.tag.clone()));
    }
    parts
}

/// The arguments of LOGIN from this place on; the second one is the password.
fn login_arguments(line: &[u8], from: usize, command: &mut Command) -> Vec<Part> {
    let mut at = from;
    while command.verb == b"LOGIN" {
        at += line[at..].iter().take_while(|byte| **byte == b' ').count();
        let end = at + astring(&line[at..]);
        let is_literal = line.get(at) == Some(&b'{');
        if end == at || is_literal {
            break;
        }
        if command.next_is_secret() {
            command.arguments += 1;
            return named(line, at, end, "password");
        }
        command.arguments += 1;
        at = end;
    }
    vec![Part::Text(line.to_vec())]
}

/// The length of an atom or a quoted string.
fn astring(text: &[u8]) -> usize {
    if text.first() != Some(&b'"') {
        return text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    }
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            _ => is_escaped = *byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect()
}

/// Where the word of this index begins; behind the last one, the end.
fn place(line: &[u8], index: usize) -> usize {
    let mut at = 0;
    for _ in 0..index {
        at += line[at..].iter().take_while(|byte| **byte == b' ').count();
        at += line[at..].iter().take_while(|byte| **byte != b' ').count();
    }
    at + line[at..].iter().take_while(|byte| **byte == b' ').count()
}

/// The line with a name for all from the word of this index on.
fn from_word(line: &[u8], index: usize, name: &str) -> Vec<Part> {
    named(line, place(line, index), line.len(), name)
}

fn named(line: &[u8], from: usize, to: usize, name: &str) -> Vec<Part> {
    let mut parts = vec![Part::Text(line[..from].to_vec()), Part::Named(name.to_owned(), line[from..to].to_vec())];
    if to < line.len() {
        parts.push(Part::Text(line[to..].to_vec()));
    }
    parts
}

fn number(word: &[u8]) -> Option<usize> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
