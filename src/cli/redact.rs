//! Removes credentials from lines of clients and servers, for output that may be written to logs.

use crate::protocol::{Event, Protocol, is_verb, status_of, without_password};

/// Shown in place of a hidden line.
const HIDDEN: &str = "…";

/// The client's line and the server's reply; the line may be hidden.
pub(super) fn exchange(event: Event, line: &[u8], reply: &[u8], is_hidden: bool) -> (String, String) {
    let heard = if is_hidden { HIDDEN.to_owned() } else { heard(event, line) };
    let said = said(event, reply, heard == HIDDEN);
    (heard, said)
}

/// The client's line without a password. For a line that is not a command, only its first word, and only if that is a
/// verb: the line may be a response of a login that the server has already refused.
fn heard(event: Event, line: &[u8]) -> String {
    let line = line.trim_ascii_end();
    let shown = match event {
        event if event.is_unknown() => {
            let first = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            if is_verb(first) { first } else { &[] }
        }
        _ => without_password(event, line),
    };
    let text = visible(&String::from_utf8_lossy(shown));
    match (shown.len() == line.len(), &*text) {
        (true, _) => text,
        (false, "") => HIDDEN.to_owned(),
        (false, _) => text + " …",
    }
}

/// The server's reply. For a line that is not a command, only the reply code, because the text may repeat the line.
fn said(event: Event, reply: &[u8], is_hidden: bool) -> String {
    let text = String::from_utf8_lossy(reply);
    if event.is_unknown() {
        return visible(&status_of(event, reply, is_hidden));
    }
    match event.protocol() {
        // The last line has the refusal; untagged lines may come before it (RFC 3501 §7.1).
        Some(Protocol::Imap) => visible(text.trim_end().lines().last().unwrap_or_default()),
        Some(Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3) | None => visible(text.trim_end()),
    }
}

fn visible(text: &str) -> String {
    text.escape_debug().to_string()
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
            (Event::SmtpUnknown, "YWJj", "…"),
            (Event::SmtpUnknown, "XYZZY", "XYZZY"),
            (Event::SmtpUnknown, "XYZZY secret", "XYZZY …"),
            (Event::SmtpRcpt, "RCPT TO:<bob@example.org>", "RCPT TO:<bob@example.org>"),
            (Event::SmtpNoop, "NOOP a\tb", "NOOP a\\tb"),
            (Event::ImapLogin, "a LOGIN bob secret", "a LOGIN bob …"),
            (Event::ImapLogin, "a login {3}\r\nbob {6}\r\nsecret", "a login {3}\\r\\nbob …"),
            (Event::ImapLiteral, "a LOGIN bob secret {3}", "a LOGIN …"),
            (Event::ImapAuth, "a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", "a AUTHENTICATE PLAIN …"),
            (Event::ImapUnknown, "* LOGIN bob secret", "…"),
            (Event::ImapUnknown, "LOGIN bob secret", "LOGIN …"),
            (Event::ImapUnknown, "PASS secret", "PASS …"),
            (Event::ImapUnknown, "a XYZZY", "a …"),
            (Event::ImapSelect, "a SELECT LOGIN", "a SELECT LOGIN"),
            (Event::Pop3Pass, "PASS secret", "PASS …"),
            (Event::Pop3Pass, "PASS SECRET", "PASS …"),
            (Event::Pop3Pass, "PASS 123456", "PASS …"),
            (Event::Pop3Apop, "APOP bob c4c9334bac560ecc979e58001b3e22fb", "APOP bob …"),
            (Event::Pop3User, "USER bob", "USER bob"),
            (Event::Pop3Unknown, "PASSWD secret", "PASSWD …"),
        ] {
            assert_eq!(heard(event, line.as_bytes()), shown, "{event} {line}");
        }
        let echo = b"500 5.5.2 Syntax error, command unrecognized: AGJvYgBzZWNyZXQ=\r\n";
        assert_eq!(said(Event::SmtpUnknown, echo, true), "500 5.5.2");
        assert_eq!(said(Event::SmtpRcpt, b"550 5.1.1 no\r\n", false), "550 5.1.1 no");
        assert_eq!(
            exchange(Event::ImapUnknown, b"c2VjcmV0", b"c2VjcmV0 BAD at octet 9: the command is incomplete\r\n", false),
            ("…".to_owned(), "BAD".to_owned())
        );
        assert_eq!(
            exchange(Event::SmtpUnknown, b"secret", b"500 5.5.2 Syntax error, command unrecognized: secret\r\n", true),
            ("…".to_owned(), "500 5.5.2".to_owned())
        );
    }
}
