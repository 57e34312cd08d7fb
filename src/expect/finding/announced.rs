//! What the server announced to a client, and what the client uses although it was not announced.

use super::literals::Literal;
use crate::journal::RecordedTurn;
use crate::protocol::Event;

/// The largest literal that LITERAL- lets a client send without waiting (RFC 7888 §5).
const SMALL: u64 = 4096;

/// The capabilities that a client has read, in upper case, one in each text; `None` if it has read none.
#[derive(Debug, Default)]
pub(super) struct Announced(Option<Vec<String>>);

impl Announced {
    /// Forgets them: TLS began, or the client said HELO.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Reads the capabilities in the reply of a turn of this event, if it has some.
    pub(super) fn read(&mut self, event: Event, turn: &RecordedTurn<'_>) {
        let has_some = matches!(
            event.as_smtp(),
            Event::SmtpHelo
                | Event::SmtpCaps
                | Event::ImapGreeting
                | Event::ImapCaps
                | Event::ImapLogin
                | Event::ImapAuth
                | Event::Pop3Caps
        );
        if has_some {
            self.read_reply(event, &turn.said_in_full());
        }
    }

    fn read_reply(&mut self, event: Event, said: &[u8]) {
        let is_login = matches!(event, Event::ImapLogin | Event::ImapAuth);
        // A login over IMAP changes the capabilities (RFC 3501 §6.2.3), and HELO has none.
        if event.as_smtp() == Event::SmtpHelo || is_login {
            self.forget();
        }
        let text = || String::from_utf8_lossy(said).to_ascii_uppercase();
        if event.as_smtp() == Event::SmtpCaps && said.starts_with(b"250") {
            self.0 = Some(text().lines().skip(1).filter_map(|line| line.get(4..)).map(str::to_owned).collect());
        } else if event == Event::Pop3Caps && said.starts_with(b"+OK") {
            self.0 = Some(text().lines().skip(1).take_while(|line| *line != ".").map(str::to_owned).collect());
        } else if is_login || matches!(event, Event::ImapGreeting | Event::ImapCaps) {
            let list = |line: &str| {
                let (_, rest) = line.split_once("[CAPABILITY ").or_else(|| line.split_once("* CAPABILITY "))?;
                Some(rest.split(']').next()?.split_whitespace().map(str::to_owned).collect())
            };
            self.0 = text().lines().filter_map(list).next_back().or(self.0.take());
        }
    }

    /// Whether the server announced this name; `None` if the client has read no capabilities.
    pub(super) fn has(&self, name: &str) -> Option<bool> {
        let all = self.0.as_ref()?;
        Some(all.iter().any(|its| its.split([' ', '=']).next() == Some(name) || its == name))
    }

    /// What the client uses in this request although the server did not announce it.
    pub(super) fn lacks(&self, event: Event, heard: &[u8]) -> Option<String> {
        let all = self.0.as_ref()?;
        let text = String::from_utf8_lossy(heard).to_ascii_uppercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let lacking = |name: &str| (self.has(name) == Some(false)).then(|| name.to_owned());
        let mechanism = |list: &str, name: &str| {
            let is_listed = all.iter().any(|its| {
                let mut words = its.split([' ', '=']);
                words.next() == Some(list) && words.any(|word| word == name)
            });
            (!is_listed).then(|| format!("{list} {name}"))
        };
        match (event.as_smtp(), words.as_slice()) {
            (Event::SmtpBdat, _) | (Event::SmtpMessage, ["BDAT", ..]) => lacking("CHUNKING"),
            (Event::SmtpStarttls | Event::ImapStarttls, _) => lacking("STARTTLS"),
            (Event::SmtpAuthStart | Event::SmtpAuth, ["AUTH", name, ..]) => mechanism("AUTH", name),
            (Event::SmtpMail | Event::SmtpRcpt, _) => {
                let parameters = text.rsplit_once('>').map_or("", |(_, parameters)| parameters);
                parameters.split_whitespace().find_map(|parameter| {
                    let keyword = parameter.split('=').next().unwrap_or_default();
                    lacking(match keyword {
                        "BODY" if parameter == "BODY=BINARYMIME" => "BINARYMIME",
                        "BODY" => "8BITMIME",
                        "BY" => "DELIVERBY",
                        "HOLDFOR" | "HOLDUNTIL" => "FUTURERELEASE",
                        "RET" | "ENVID" | "NOTIFY" | "ORCPT" => "DSN",
                        keyword => keyword,
                    })
                })
            }
            (Event::ImapIdle, _) => lacking("IDLE"),
            (Event::ImapMove, _) => lacking("MOVE"),
            (Event::ImapUnselect, _) => lacking("UNSELECT"),
            (Event::ImapNamespace, _) => lacking("NAMESPACE"),
            (Event::ImapId, _) => lacking("ID"),
            (Event::ImapEnable, _) => lacking("ENABLE"),
            (Event::ImapAuthStart | Event::ImapAuth, [_, "AUTHENTICATE", name, rest @ ..]) => {
                let initial = if rest.is_empty() { None } else { lacking("SASL-IR") };
                mechanism("AUTH", name).or(initial)
            }
            (Event::SmtpXclient, _) => lacking("XCLIENT"),
            (Event::SmtpXforward, _) => lacking("XFORWARD"),
            (Event::Pop3Stls, _) => lacking("STLS"),
            (Event::Pop3User, _) => lacking("USER"),
            (Event::Pop3Utf8, _) => lacking("UTF8"),
            (Event::Pop3Lang, _) => lacking("LANG"),
            (Event::Pop3Top, _) => lacking("TOP"),
            (Event::Pop3Uidl, _) => lacking("UIDL"),
            (Event::Pop3AuthStart | Event::Pop3Auth, ["AUTH", name, ..]) => mechanism("SASL", name),
            _ => None,
        }
    }

    /// The octets of the first literal that the client sent without waiting, although the server did not announce
    /// LITERAL+, or although it is too large for LITERAL- (RFC 7888 §5).
    pub(super) fn unexpected_literal(&self, literals: &[Literal]) -> Option<u64> {
        if self.has("LITERAL+")? {
            return None;
        }
        let is_small_allowed = self.has("LITERAL-")?;
        let mut unexpected = literals.iter().filter(|its| !its.is_synchronizing).map(|its| its.octets);
        unexpected.find(|octets| !(is_small_allowed && *octets <= SMALL))
    }

    /// Whether one of these is a literal8, and the server announced neither BINARY (RFC 3516 §4.4) nor UTF8=ACCEPT (RFC 6855
    /// §4), which have them.
    pub(super) fn lacks_binary(&self, literals: &[Literal]) -> bool {
        let is_lacking = |name| self.has(name) == Some(false);
        literals.iter().any(|its| its.is_binary) && is_lacking("BINARY") && is_lacking("UTF8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_and_a_request_is_compared_with_it() {
        let ehlo = "250-localhost\r\n250-SIZE 1000\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n";
        let imap = "* OK [CAPABILITY IMAP4rev1 LITERAL- AUTH=PLAIN] ready\r\n";
        let capa = "+OK\r\nTOP\r\nSASL PLAIN\r\n.\r\n";
        for (event, said, request, heard, lacks) in [
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<\"a b\"@c> size=3 BODY=8BITMIME", None),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> SMTPUTF8", Some("SMTPUTF8")),
            (Event::LmtpCaps, ehlo, Event::LmtpRcpt, "RCPT TO:<a@b> NOTIFY=NEVER", Some("DSN")),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> BODY=BinaryMime", Some("BINARYMIME")),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> BY=60;R", Some("DELIVERBY")),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> HOLDFOR=60", Some("FUTURERELEASE")),
            (
                Event::SmtpCaps,
                ehlo,
                Event::SmtpMail,
                "MAIL FROM:<a@b> HOLDUNTIL=2026-01-01T12:00:00Z",
                Some("FUTURERELEASE"),
            ),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> MT-PRIORITY=3", Some("MT-PRIORITY")),
            (Event::SmtpCaps, ehlo, Event::SmtpMail, "MAIL FROM:<a@b> REQUIRETLS", Some("REQUIRETLS")),
            (Event::SmtpCaps, ehlo, Event::SmtpBdat, "bdat 5", Some("CHUNKING")),
            (Event::LmtpCaps, ehlo, Event::LmtpMessage, "BDAT 5 LAST", Some("CHUNKING")),
            (Event::SmtpCaps, ehlo, Event::SmtpMessage, "", None),
            (Event::SmtpCaps, ehlo, Event::SmtpStarttls, "STARTTLS", Some("STARTTLS")),
            (Event::SmtpCaps, ehlo, Event::SmtpAuth, "auth plain AGEAYg==", None),
            (Event::SmtpCaps, ehlo, Event::SmtpAuthStart, "AUTH LOGIN", Some("AUTH LOGIN")),
            (Event::SmtpCaps, "502 no\r\n", Event::SmtpStarttls, "STARTTLS", None),
            (Event::ImapGreeting, imap, Event::ImapIdle, "1 IDLE", Some("IDLE")),
            (Event::ImapGreeting, imap, Event::ImapAuthStart, "1 AUTHENTICATE PLAIN", None),
            (Event::ImapGreeting, imap, Event::ImapAuth, "1 AUTHENTICATE PLAIN AGEAYg==", Some("SASL-IR")),
            (Event::ImapGreeting, imap, Event::ImapAuthStart, "1 AUTHENTICATE LOGIN", Some("AUTH LOGIN")),
            (Event::ImapGreeting, "* OK ready\r\n", Event::ImapIdle, "1 IDLE", None),
            (Event::Pop3Caps, capa, Event::Pop3Top, "TOP 1 0", None),
            (Event::Pop3Caps, capa, Event::Pop3Uidl, "UIDL", Some("UIDL")),
            (Event::Pop3Caps, capa, Event::Pop3Utf8, "UTF8", Some("UTF8")),
            (Event::Pop3Caps, capa, Event::Pop3Lang, "LANG en", Some("LANG")),
            (Event::Pop3Caps, capa, Event::Pop3AuthStart, "AUTH LOGIN", Some("SASL LOGIN")),
            (Event::Pop3Caps, capa, Event::Pop3AuthStart, "AUTH", None),
        ] {
            let mut announced = Announced::default();
            announced.read_reply(event, said.as_bytes());
            assert_eq!(announced.lacks(request, heard.as_bytes()).as_deref(), lacks, "{heard}");
        }
    }

    #[test]
    fn a_literal_needs_its_capability() {
        let literal = |octets, is_synchronizing| Literal { octets, is_synchronizing, is_binary: false };
        for (list, literals, unexpected) in [
            ("LITERAL+", &[literal(9999, false)][..], None),
            ("LITERAL-", &[literal(4096, false)], None),
            ("LITERAL-", &[literal(3, false), literal(4097, false)], Some(4097)),
            ("IDLE", &[literal(3, false)], Some(3)),
            ("IDLE", &[literal(3, true)], None),
        ] {
            let mut announced = Announced::default();
            announced.read_reply(Event::ImapCaps, format!("* CAPABILITY {list}\r\n1 OK\r\n").as_bytes());
            assert_eq!(announced.unexpected_literal(literals), unexpected, "{list}: {literals:?}");
        }
        assert_eq!(Announced::default().unexpected_literal(&[literal(3, false)]), None);
    }

    #[test]
    fn a_literal8_needs_its_capability() {
        for (list, is_binary, lacks) in
            [("IDLE", true, true), ("IDLE", false, false), ("BINARY", true, false), ("UTF8=ACCEPT", true, false)]
        {
            let mut announced = Announced::default();
            announced.read_reply(Event::ImapCaps, format!("* CAPABILITY {list}\r\n1 OK\r\n").as_bytes());
            let literals = [Literal { octets: 3, is_synchronizing: true, is_binary }];
            assert_eq!(announced.lacks_binary(&literals), lacks, "{list}");
        }
    }
}
