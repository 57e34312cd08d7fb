//! Lines of clients and servers without credentials, for output that lands in logs.

use crate::protocol::Event;

/// Verbs whose arguments are credentials, in any of the protocols.
const LOGINS: &[&str] = &["AUTH", "AUTHENTICATE", "LOGIN", "USER", "PASS", "APOP"];

/// What the client said, as far as it cannot be a credential: of a login the verb and the mechanism, of a line that is
/// not a command its first word, which may be a response of a login that the server has refused already.
pub(super) fn heard(event: Event, line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_imap = event.name().starts_with("imap.");
    // IMAP's verb stands behind the tag.
    let at = usize::from(is_imap);
    let is_login = words.get(at).is_some_and(|verb| LOGINS.iter().any(|its| its.eq_ignore_ascii_case(verb)));
    let shown = match event {
        Event::SmtpAuth | Event::ImapAuth | Event::Pop3Auth if !is_login => 0,
        Event::SmtpAuthStep | Event::ImapAuthStep | Event::Pop3AuthStep => 0,
        Event::SmtpUnknown | Event::ImapUnknown | Event::Pop3Unknown => {
            words.iter().take(at + 1).take_while(|word| is_verb(word)).count()
        }
        _ if is_login => at + 1 + usize::from(words.get(at + 1).is_some_and(|word| is_mechanism(word))),
        _ => return visible(line.trim_end()),
    };
    let mut text = words[..shown].join(" ");
    if shown < words.len() {
        text.push_str(if text.is_empty() { "…" } else { " …" });
    }
    visible(&text)
}

/// What the server said; of an answer to a line that is not a command only its code, because it may repeat the line.
pub(super) fn said(event: Event, reply: &[u8]) -> String {
    let reply = String::from_utf8_lossy(reply);
    match event {
        Event::SmtpUnknown | Event::ImapUnknown | Event::Pop3Unknown => {
            let code = if event == Event::Pop3Unknown { 1 } else { 2 };
            visible(&reply.split_whitespace().take(code).collect::<Vec<_>>().join(" "))
        }
        _ => visible(reply.trim_end()),
    }
}

fn visible(text: &str) -> String {
    text.escape_debug().to_string()
}

fn is_verb(word: &str) -> bool {
    word.len() <= 10 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// RFC 4422 §3.1; base64 has lower-case letters.
fn is_mechanism(word: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    word.len() <= 20 && word.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (event, line, shown) in [
            (Event::SmtpAuth, "AUTH PLAIN AGJvYgBzZWNyZXQ=", "AUTH PLAIN …"),
            (Event::SmtpAuthStart, "auth AGJvYgBzZWNyZXQ=", "auth …"),
            (Event::SmtpAuth, "c2VjcmV0", "…"),
            (Event::SmtpAuthStep, "Ym9i", "…"),
            (Event::SmtpUnknown, "AGJvYgBzZWNyZXQ=", "…"),
            (Event::SmtpUnknown, "XYZZY", "XYZZY"),
            (Event::SmtpUnknown, "XYZZY secret", "XYZZY …"),
            (Event::SmtpRcpt, "RCPT TO:<bob@example.org>", "RCPT TO:<bob@example.org>"),
            (Event::SmtpNoop, "NOOP a\tb", "NOOP a\\tb"),
            (Event::ImapLogin, "a LOGIN bob secret", "a LOGIN …"),
            (Event::ImapLogin, "a login {3}\r\nbob {6}\r\nsecret", "a login …"),
            (Event::ImapLiteral, "a LOGIN bob secret {3}", "a LOGIN …"),
            (Event::ImapAuth, "a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", "a AUTHENTICATE PLAIN …"),
            (Event::ImapUnknown, "* LOGIN bob secret", "…"),
            (Event::ImapUnknown, "LOGIN bob secret", "LOGIN bob …"),
            (Event::ImapSelect, "a SELECT LOGIN", "a SELECT LOGIN"),
            (Event::Pop3Pass, "PASS secret", "PASS …"),
            (Event::Pop3Apop, "APOP bob c4c9334bac560ecc979e58001b3e22fb", "APOP …"),
            (Event::Pop3User, "USER bob", "USER …"),
            (Event::Pop3Unknown, "PASSWD secret", "PASSWD …"),
        ] {
            assert_eq!(heard(event, line.as_bytes()), shown, "{event} {line}");
        }
        let echo = b"500 5.5.2 Syntax error, command unrecognized: AGJvYgBzZWNyZXQ=\r\n";
        assert_eq!(said(Event::SmtpUnknown, echo), "500 5.5.2");
        assert_eq!(said(Event::SmtpRcpt, b"550 5.1.1 no\r\n"), "550 5.1.1 no");
    }
}
