//! Logins that fail, and the parts of them that must not be shown.

use data_encoding::BASE64;

const PASSWORD: &str = "s3cr3tPa55w0rd";

/// What a client sends, by protocol. `{word}` is a password, `{base64}` the same in base64, `{plain}` a user with it in
/// the form of PLAIN, `{token}` in the form of XOAUTH2, `{bearer}` in that of OAUTHBEARER, `{long}` many repetitions of `{plain}`.
const BROKEN: &[(&str, &str)] = &[
    ("smtp", "AUTH PLAIN {plain}"),
    ("smtp", "AUTH PLAIN\r\n{plain}"),
    ("smtp", "AUTH LOGIN\r\nYm9i\r\n{base64}"),
    ("smtp", "AUTH PLAIN {long}\r\n"),
    ("smtp", "AUTH PLAIN\r\n{long}\r\n"),
    ("smtp", "AUTH PLAIN !{word}\r\n"),
    ("smtp", "AUTH PLAIN\r\n!{word}\r\n"),
    ("smtp", "AUTH PLAIN {plain} {base64}\r\n"),
    ("smtp", "AUTH PLAIN {plain}\n"),
    ("smtp", "AUTH\tPLAIN {plain}\r\n"),
    ("smtp", "AUTH\r\n{plain}\r\n"),
    ("smtp", "AUTH XOAUTH2\r\n{plain}\r\n"),
    ("smtp", "AUTH XOAUTH2 {token}"),
    ("smtp", "AUTH XOAUTH2\r\n{token}"),
    ("smtp", "AUTH XOAUTH2 {token}\r\n{token}\r\n"),
    ("smtp", "AUTH OAUTHBEARER {bearer}\r\n{bearer}\r\n"),
    ("smtp", "AUTH LOGIN\r\n*\r\n{base64}\r\n"),
    ("smtp", "AUTH LOGIN\r\nYm9i\r\n{base64}\r\n{base64}\r\n"),
    ("smtp", "AUTH PLAIN {plain}\r\nAUTH PLAIN {plain}\r\n"),
    ("smtp", "PASS {word}\r\n"),
    ("submission", "AUTH PLAIN\r\n{plain}\r\n"),
    ("submission", "AUTH LOGIN\r\nYm9i\r\n{base64}\r\n"),
    ("imap", "a LOGIN bob {word}"),
    ("imap", "a LOGIN bob {word}\n"),
    ("imap", "a LOGIN \"bob\" \"{word}"),
    ("imap", "a LOGIN \"bob\" \"{word}\r\n"),
    ("imap", "a LOGIN bob {long}\r\n"),
    ("imap", "a LOGIN {3}\r\nbob {word}"),
    ("imap", "a LOGIN {3}\r\nbob {99}\r\n{word}"),
    ("imap", "a LOGIN {3}\r\nbob {14}\r\n{word}"),
    ("imap", "a LOGIN {3}\r\nbob {14}\r\n{word}\n"),
    ("imap", "a LOGIN {3}\r\nbob {14}\r\n{word}more\r\n"),
    ("imap", "a LOGIN {3}\r\nbob {word} {5}\r\nabcde\r\n"),
    ("imap", "a LOGIN {3}\r\nbob {word} {99999999}\r\n"),
    ("imap", "a LOGIN {14}\r\n{word} {99999999}\r\n"),
    ("imap", "a LOGIN {14}\r\n{word}\r\n"),
    ("imap", "a LOGIN {3}\r\nbob {99999999}\r\n{word}\r\n"),
    ("imap", "a LOGIN {99999999}\r\nbob {word}\r\n"),
    ("imap", "a LOGIN {3}\nbob {word}\r\n"),
    ("imap", "a LOGIN {x}\r\n{word}\r\n"),
    ("imap", "a LOGIN {3}\r\nb\0b {word}\r\n"),
    ("imap", "a LOGIN {3}\r\nbob {long}\r\n"),
    ("imap", "LOGIN bob {word}\r\n"),
    ("imap", "LOGIN {3}\r\nbob {14}\r\n{word}\r\n"),
    ("imap", "LOGIN {word}\r\n"),
    ("imap", "a LOGIN bob x\r\nb LOGIN {3}\r\nbob {14}\r\n{word}\r\n"),
    ("imap", "a AUTHENTICATE PLAIN {plain}"),
    ("imap", "a AUTHENTICATE PLAIN\r\n{plain}"),
    ("imap", "a AUTHENTICATE PLAIN\r\n{long}\r\n"),
    ("imap", "a AUTHENTICATE PLAIN\r\n!{word}\r\n"),
    ("imap", "a AUTHENTICATE PLAIN {28}\r\n{plain}\r\n"),
    ("imap", "a AUTHENTICATE {5}\r\nPLAIN {plain}"),
    ("imap", "a AUTHENTICATE {5}\r\nPLAIN {plain}\r\n"),
    ("imap", "a AUTHENTICATE XOAUTH2\r\n{plain}\r\n"),
    ("imap", "a AUTHENTICATE XOAUTH2 {token}"),
    ("imap", "a AUTHENTICATE XOAUTH2\r\n{token}"),
    ("imap", "a AUTHENTICATE XOAUTH2 {token}\r\n{token}\r\n"),
    ("imap", "a AUTHENTICATE OAUTHBEARER {bearer}\r\n{bearer}\r\n"),
    ("imap", "a AUTHENTICATE PLAIN\r\n*\r\n{plain}\r\n"),
    ("pop3", "USER bob\r\nPASS {word}"),
    ("pop3", "USER bob\r\nPASS {word}\n"),
    ("pop3", "USER bob\r\nPASS {long}\r\n"),
    ("pop3", "USER bob\r\nPASS\r\n{word}\r\n"),
    ("pop3", "PASS {word}\r\n"),
    ("pop3", "APOP bob {word}"),
    ("pop3", "APOP {word}\r\n"),
    ("pop3", "AUTH PLAIN {plain}"),
    ("pop3", "AUTH PLAIN\r\n{plain}"),
    ("pop3", "AUTH PLAIN\r\n{long}\r\n"),
    ("pop3", "AUTH PLAIN\r\n!{word}\r\n"),
    ("pop3", "AUTH XOAUTH2\r\n{plain}\r\n"),
    ("pop3", "AUTH XOAUTH2 {token}"),
    ("pop3", "AUTH XOAUTH2\r\n{token}"),
    ("pop3", "AUTH XOAUTH2 {token}\r\n{token}\r\n"),
    ("pop3", "AUTH OAUTHBEARER {bearer}\r\n{bearer}\r\n"),
    ("pop3", "AUTH LOGIN\r\n*\r\n{base64}\r\n"),
];

fn plain() -> String {
    BASE64.encode(format!("\0bob\0{PASSWORD}").as_bytes())
}

/// The response of XOAUTH2, with the password as the token.
fn token() -> String {
    BASE64.encode(format!("user=bob\x01auth=Bearer {PASSWORD}\x01\x01").as_bytes())
}

/// The response of OAUTHBEARER, with the password as the token.
fn bearer() -> String {
    BASE64.encode(format!("n,a=bob,\x01auth=Bearer {PASSWORD}\x01\x01").as_bytes())
}

/// Each broken login with its protocol, as octets.
pub(crate) fn broken_logins() -> Vec<(&'static str, String)> {
    let filled = |protocol: &str, text: &str| {
        let hello = if matches!(protocol, "smtp" | "submission") { "EHLO x\r\n" } else { "" };
        let text = format!("{hello}{text}");
        text.replace("{word}", PASSWORD)
            .replace("{base64}", &BASE64.encode(PASSWORD.as_bytes()))
            .replace("{plain}", &plain())
            .replace("{token}", &token())
            .replace("{bearer}", &bearer())
            .replace("{long}", &plain().repeat(1000))
    };
    BROKEN.iter().map(|(protocol, text)| (*protocol, filled(protocol, text))).collect()
}

/// Fails if a text contains a password, or the beginning of one.
pub(crate) fn assert_none(text: &str, what: &str) {
    let secrets = [PASSWORD.to_owned(), BASE64.encode(PASSWORD.as_bytes()), plain(), token(), bearer()];
    for secret in secrets {
        let beginning = secret[..8].to_lowercase();
        assert!(!text.to_lowercase().contains(&beginning), "{what} is shown in: {text}");
    }
}
