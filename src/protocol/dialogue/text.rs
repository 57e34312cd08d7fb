//! Dialogues: what a client sends and what the server must send, in the format of transcripts.
//!
//! ```text
//! # A line of explanation.
//! # starttls = offered       settings, where the default server will not do
//! S: 220 mail.test ESMTP mailjig
//! C: EHLO client.example
//! S: 250-mail.test
//! C| NOOP\nbare\x00\r\n      octets with escapes; no CRLF is added
//! C* 3000 x                  a line of so many octets, CRLF added
//! TLS                        the handshake
//! X: fin                     the client closes its side
//! ```
//!
//! `<caps>` in a line of the server stands for the capabilities that the server announces in this state of the session:
//! in IMAP the list in the line, in SMTP and POP3 all lines after the first. Therefore a new capability changes only
//! the dialogues about capabilities.
//!
//! | setting | |
//! |---|---|
//! | `starttls = offered`, `before-login`, `before-anything` | the setting of the listener; the dialogue does not run over the `tls` wire |
//! | `auth = required` | as on the submission listener |
//! | `account = login password` | closes the list of accounts, and adds this account |
//! | `tokens = login token …` | gives this account access tokens |
//! | `mechanisms = PLAIN …` | the mechanisms that are announced and accepted |
//! | `mail = login mailbox file \Seen …` | puts a message of `fixtures/mail` into a mailbox, with these flags |
//! | `mailbox = login name` | creates a mailbox |
//! | `delimiter = .`, `namespace = name` | the hierarchy delimiter, and the prefix of mailbox names |
//! | `strict = yes` | IMAP tolerates no deviations |
//! | `limit.line`, `limit.message`, `limit.recipients` | in octets, octets, recipients |
//! | `wires = tcp octet …` | the wires to use, of `tcp`, `tls`, `octet`, `flight` |

/// One line of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Octets from the client.
    Client(Vec<u8>),
    /// A line from the server, without CRLF.
    Server(String),
    Tls,
    Fin,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Dialogue {
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) steps: Vec<(usize, Step)>,
}

impl Dialogue {
    /// Parses a dialogue. An error contains the number of the invalid line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = || format!("line {number} is not a line of a dialogue: {line}");
            let step = if let Some(comment) = line.strip_prefix('#') {
                if let Some((key, value)) = comment.split_once(" = ") {
                    script.settings.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                continue;
            } else if line.is_empty() {
                continue;
            } else if line == "TLS" {
                Step::Tls
            } else if line == "X: fin" {
                Step::Fin
            } else if let Some(octets) = line.strip_prefix("C| ") {
                Step::Client(unescape(octets).ok_or_else(wrong)?)
            } else if let Some(long) = line.strip_prefix("C* ") {
                let (count, letter) = long.split_once(' ').ok_or_else(wrong)?;
                let count: usize = count.parse().map_err(|_| wrong())?;
                Step::Client([letter.repeat(count).as_bytes(), b"\r\n"].concat())
            } else if let Some(text) = said(line, "C:") {
                Step::Client([text.as_bytes(), b"\r\n"].concat())
            } else if let Some(text) = said(line, "S:") {
                Step::Server(text.to_owned())
            } else {
                return Err(wrong());
            };
            script.steps.push((number, step));
        }
        Ok(script)
    }

    /// The values of a setting.
    pub(crate) fn settings<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.settings.iter().filter(move |(its, _)| its == key).map(|(_, value)| value.as_str())
    }

    /// The seeded messages: login, mailbox, octets and flags.
    pub(crate) fn mail(&self) -> Vec<(&str, &str, Vec<u8>, Vec<&str>)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail");
        let lines = self.settings("mail").map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("mail = login mailbox file");
            let (login, mailbox, file) = (word(), word(), word());
            (login, mailbox, std::fs::read(folder.join(file)).expect("the fixture exists"), words.collect())
        });
        lines.collect()
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.settings(key).next().map(|value| value.parse().expect("a limit is a number"))
    }
}

/// A line of the server with `<caps>` replaced; several lines in SMTP and POP3.
pub(crate) fn with_capabilities(line: &str, capabilities: &str) -> String {
    line.replace("<caps>", capabilities)
}

/// The text of a line such as `C: text`. An empty line is `C:`.
fn said<'a>(line: &'a str, who: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(who)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(out)
}
