//! Removes passwords from the lines of clients before they are printed.

use std::borrow::Cow;
use std::ops::Range;

use super::{Event, Protocol, imap, pop3, smtp};

/// The verbs of all protocols that are followed by a password or other credentials.
const LOGINS: &[&str] = &["AUTH", "AUTHENTICATE", "LOGIN", "USER", "PASS", "APOP"];
/// The maximum length of a word that may be an unknown verb.
const MOST_OF_VERB: usize = 12;

/// The beginning of a line up to its password: for a login, the verb and the mechanism or user name if they are
/// certain; for a SASL response, nothing; for any other line, everything.
pub(crate) fn without_password(event: Event, line: &[u8]) -> &[u8] {
    let Some((verb, end)) = login_in(event, line) else { return if event.is_login() { &[] } else { line } };
    let behind = &line[end..];
    let more = match (event, verb) {
        (Event::Pop3User, "USER") => behind.len(),
        (Event::ImapLogin, "LOGIN") => first_of_two(behind, astring(behind)),
        (Event::Pop3Apop, "APOP") => first_of_two(behind, word(behind)),
        (event, _) if event.is_unknown() => 0,
        (_, "AUTH" | "AUTHENTICATE") => {
            Some(word(behind)).filter(|its| is_mechanism(&behind[its.clone()])).map_or(0, |its| its.end)
        }
        _ => 0,
    };
    &line[..end + more]
}

/// A line with `***` instead of its password.
pub(crate) fn masked(event: Event, line: &[u8]) -> Cow<'_, [u8]> {
    let shown = without_password(event, line);
    match (shown.len() == line.len(), shown) {
        (true, _) => line.into(),
        (false, []) => b"***".into(),
        (false, shown) => [shown, b" ***"].concat().into(),
    }
}

/// Whether a line has the verb of a login.
pub(crate) fn is_login_line(event: Event, line: &[u8]) -> bool {
    login_in(event, line).is_some()
}

/// Whether the word in the position of the verb looks like a verb. Base64 does not, because it has letters of both
/// cases.
pub(crate) fn is_verb_of(event: Event, line: &[u8]) -> bool {
    let place = usize::from(is_imap(event));
    is_verb(line.split(u8::is_ascii_whitespace).nth(place).unwrap_or_default())
}

/// Whether a line is not a command only because it ends with a bare LF. No login is among these commands.
pub(crate) fn is_bare_command(event: Event, line: &[u8]) -> bool {
    let is_bare = event.is_unknown() && line.ends_with(b"\n");
    let (first, second) = (word(line), word(&line[word(line).end..]));
    let verb = if is_imap(event) { &line[first.end + second.start..first.end + second.end] } else { &line[first] };
    let is_it = |name: &str| name.as_bytes().eq_ignore_ascii_case(verb) && !LOGINS.contains(&name);
    is_bare
        && match event.protocol() {
            Some(Protocol::Smtp | Protocol::Lmtp) => smtp::verbs().any(is_it),
            Some(Protocol::Imap) => imap::verbs().any(is_it),
            Some(Protocol::Pop3) => pop3::verbs().any(is_it),
            None => false,
        }
}

pub(crate) fn is_verb(word: &[u8]) -> bool {
    let is_one_case = word.iter().all(u8::is_ascii_uppercase) || word.iter().all(u8::is_ascii_lowercase);
    (1..=MOST_OF_VERB).contains(&word.len()) && is_one_case
}

/// A reply without the words that may come from the line of the request.
pub(crate) fn without_words(event: Event, reply: &[u8], is_tag_hidden: bool) -> Cow<'static, [u8]> {
    format!("{} ***", status_of(event, reply, is_tag_hidden)).into_bytes().into()
}

/// The tag and the codes of a reply to a line that is not a command.
pub(crate) fn status_of(event: Event, reply: &[u8], is_tag_hidden: bool) -> String {
    let reply = String::from_utf8_lossy(reply);
    let mut words = reply.split_whitespace().peekable();
    let tag = words.next_if(|_| is_imap(event)).filter(|_| !is_tag_hidden);
    // A rule's reply may begin with words of the line.
    let code = words.next().filter(|word| is_status(event, word));
    let more = words.next().filter(|word| code.is_some() && is_enhanced_code(word));
    tag.into_iter().chain(code).chain(more).collect::<Vec<_>>().join(" ")
}

/// Whether a word is the status of a reply (RFC 5321 §4.2, RFC 3501 §7.1, RFC 1939 §3).
fn is_status(event: Event, word: &str) -> bool {
    match event.protocol() {
        Some(Protocol::Pop3) => matches!(word, "+OK" | "-ERR"),
        Some(Protocol::Imap) => matches!(word, "OK" | "NO" | "BAD" | "BYE"),
        Some(Protocol::Smtp | Protocol::Lmtp) | None => {
            word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

/// Whether a word is an enhanced status code (RFC 3463 §2).
fn is_enhanced_code(word: &str) -> bool {
    let is_part = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    word.split('.').count() == 3 && word.split('.').all(is_part)
}

/// The verb of a login, and where it ends.
fn login_in(event: Event, line: &[u8]) -> Option<(&'static str, usize)> {
    let login = |place: usize| login_at(line, place);
    match event {
        // It may also be a command of another protocol.
        event if event.may_be_any() => login(0).or_else(|| login(1)),
        // In IMAP, a tag comes before the verb.
        event => login(usize::from(is_imap(event))),
    }
}

fn is_imap(event: Event) -> bool {
    event.protocol() == Some(Protocol::Imap)
}

/// The verb of a login, if it is the word at this position, and where it ends.
fn login_at(line: &[u8], place: usize) -> Option<(&'static str, usize)> {
    let first = word(line);
    let second = || word(&line[first.end..]);
    let its = if place == 0 { first.clone() } else { first.end + second().start..first.end + second().end };
    let verb = LOGINS.iter().find(|verb| verb.as_bytes().eq_ignore_ascii_case(&line[its.clone()]))?;
    Some((verb, its.end))
}

/// The range of the first word. Empty if there is none.
fn word(text: &[u8]) -> Range<usize> {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    let length = text[start..].iter().position(u8::is_ascii_whitespace).unwrap_or(text.len() - start);
    start..start + length
}

/// The range of the first `astring` (RFC 3501 §9). Empty if it is incomplete.
fn astring(text: &[u8]) -> Range<usize> {
    let its = word(text);
    let end = match text.get(its.start) {
        Some(b'"') => end_of_quoted(&text[its.start + 1..]).map(|length| its.start + 1 + length),
        Some(b'{') => end_of_literal(&text[its.start..]).map(|length| its.start + length),
        _ => Some(its.end),
    };
    its.start..end.unwrap_or(its.start)
}

fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map(|at| at + 1)
}

fn end_of_literal(text: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(text, b"}\r\n")?;
    let digits = std::str::from_utf8(&text[1..at]).ok()?;
    let octets: usize = digits.strip_suffix('+').unwrap_or(digits).parse().ok()?;
    (at + 3).checked_add(octets).filter(|end| *end <= text.len())
}

/// The end of the first of two arguments. A single argument may be the password.
fn first_of_two(text: &[u8], first: Range<usize>) -> usize {
    let is_first = !first.is_empty() && !text[first.end..].trim_ascii().is_empty();
    if is_first { first.end } else { 0 }
}

/// Whether a word can be a mechanism (RFC 4422 §3.1). Base64 has lower-case letters.
fn is_mechanism(word: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=20).contains(&word.len()) && word.iter().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (event, line, shown) in [
            (Event::SmtpAuth, "AUTH PLAIN AGJvYgBzZWNyZXQ=", "AUTH PLAIN"),
            (Event::SmtpAuth, "AUTH PLAIN AGJvYgBzZWNyZXQ= ", "AUTH PLAIN"),
            (Event::SmtpAuth, "AUTH  PLAIN  AGJvYgBzZWNyZXQ=", "AUTH  PLAIN"),
            (Event::SmtpAuthStart, "AUTH LOGIN", "AUTH LOGIN"),
            (Event::SmtpAuthStart, "auth AGJvYgBzZWNyZXQ=", "auth"),
            (Event::SmtpAuthStart, "c2VjcmV0", ""),
            (Event::SmtpAuth, "c2VjcmV0", ""),
            (Event::SmtpAuthStep, "Ym9i", ""),
            (Event::SmtpAuthStep, "Ym9i\n", ""),
            (Event::SmtpUnknown, "XYZZY secret", "XYZZY secret"),
            (Event::SmtpUnknown, "AUTH\tPLAIN AGJvYgBzZWNyZXQ=", "AUTH"),
            (Event::SmtpRcpt, "RCPT TO:<bob@example.org>", "RCPT TO:<bob@example.org>"),
            (Event::ImapLogin, "a LOGIN bob secret", "a LOGIN bob"),
            (Event::ImapLogin, "a LOGIN bob secret ", "a LOGIN bob"),
            (Event::ImapLogin, "a LOGIN  bob  \"two words\"", "a LOGIN  bob"),
            (Event::ImapLogin, "a LOGIN \"b \\\" ob\" \"two words\"", "a LOGIN \"b \\\" ob\""),
            (Event::ImapLogin, "a LOGIN \"bob secret", "a LOGIN"),
            (Event::ImapLogin, "a LOGIN secret ", "a LOGIN"),
            (Event::ImapLogin, "a login {3}\r\nbob {6}\r\nsecret", "a login {3}\r\nbob"),
            (Event::ImapLogin, "a login {99+}\r\nbob secret", "a login"),
            (Event::ImapLogin, "secret", ""),
            (Event::ImapLogin, "bob secret", ""),
            (Event::ImapLiteral, "a LOGIN bob secret {3}", "a LOGIN"),
            (Event::ImapLiteral, "LOGIN secret {3}", "LOGIN"),
            (Event::ImapAuth, "a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", "a AUTHENTICATE PLAIN"),
            (Event::ImapUnknown, "LOGIN bob secret", "LOGIN"),
            (Event::ImapUnknown, "PASS secret", "PASS"),
            (Event::ImapUnknown, "a PASS secret", "a PASS"),
            (Event::ImapUnknown, "", ""),
            (Event::ImapSelect, "a SELECT LOGIN", "a SELECT LOGIN"),
            (Event::Pop3User, "USER bob", "USER bob"),
            (Event::Pop3User, "PASS secret", "PASS"),
            (Event::Pop3Pass, "PASS secret", "PASS"),
            (Event::Pop3Pass, "PASS SECRET", "PASS"),
            (Event::Pop3Pass, "PASS 123456", "PASS"),
            (Event::Pop3Pass, "PASS my secret words", "PASS"),
            (Event::Pop3Apop, "APOP bob c4c9334bac560ecc979e58001b3e22fb ", "APOP bob"),
            (Event::Pop3Apop, "APOP c4c9334bac560ecc979e58001b3e22fb", "APOP"),
            (Event::Pop3Unknown, "a LOGIN bob secret", "a LOGIN"),
        ] {
            let its = without_password(event, line.as_bytes());
            assert_eq!(String::from_utf8_lossy(its), shown, "{event} {line}");
        }
        assert_eq!(*masked(Event::ImapLogin, b"a LOGIN bob secret"), *b"a LOGIN bob ***");
        assert_eq!(*masked(Event::SmtpAuthStep, b"Ym9i"), *b"***");
        assert_eq!(*masked(Event::SmtpAuthStart, b"AUTH LOGIN"), *b"AUTH LOGIN");
    }

    #[test]
    fn only_the_codes_of_a_reply_are_shown_if_it_may_repeat_a_password() {
        for (event, reply, is_tag_hidden, shown) in [
            (Event::SmtpUnknown, "500 5.5.2 Syntax error: secret", false, "500 5.5.2"),
            (Event::SmtpUnknown, "500 secret", false, "500"),
            (Event::SmtpUnknown, "secret 5.5.2", false, ""),
            (Event::Pop3Unknown, "-ERR secret", false, "-ERR"),
            (Event::Pop3Unknown, "secret", false, ""),
            (Event::ImapUnknown, "a BAD secret", false, "a BAD"),
            (Event::ImapUnknown, "a secret", false, "a"),
            (Event::ImapUnknown, "secret BAD unknown", true, "BAD"),
            (Event::ImapUnknown, "secret", true, ""),
        ] {
            assert_eq!(status_of(event, reply.as_bytes(), is_tag_hidden), shown, "{event} {reply}");
        }
    }
}
