//! The values of the parameters that ask for delivery status notifications (RFC 3461 §4).

use super::xtext;

/// How much of the message a notification of failure shall contain: the value of RET (RFC 3461 §4.3).
///
/// ```
/// assert_eq!(mailjig::Ret::Headers.name(), "hdrs");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ret {
    /// The whole message: `RET=FULL`.
    Full,
    /// Only its header: `RET=HDRS`.
    Headers,
}

impl Ret {
    /// Its name in rules and JSON: `full` or `hdrs`.
    ///
    /// ```
    /// assert_eq!(mailjig::Ret::Full.name(), "full");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Headers => "hdrs",
        }
    }

    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        let all = [Self::Full, Self::Headers];
        all.into_iter().find(|ret| ret.name().eq_ignore_ascii_case(value)).ok_or("RET must be FULL or HDRS")
    }
}

/// What the client wants to be notified of: the value of NOTIFY (RFC 3461 §4.1). All are false for `NOTIFY=NEVER`.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // A client sends `RCPT TO:<bob@example.org> NOTIFY=SUCCESS,DELAY`.
/// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS,DELAY\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
/// # let mut client = TcpStream::connect(server.smtp().address())?;
/// # client.write_all(mail.as_bytes())?;
/// # let said = read_to_string(client)?;
/// # assert!(said.contains("queued"), "{said}");
/// let notify = server.messages()[0].envelope().recipients()[0].parameters().notify().unwrap();
/// assert!(notify.success && notify.delay && !notify.failure);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Notify {
    /// When the message was delivered.
    pub success: bool,
    /// When it cannot be delivered.
    pub failure: bool,
    /// When its delivery is delayed.
    pub delay: bool,
}

impl Notify {
    /// Whether the client wants no notification at all.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `RCPT TO:<bob@example.org> NOTIFY=NEVER`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> NOTIFY=NEVER\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let notify = server.messages()[0].envelope().recipients()[0].parameters().notify();
    /// assert!(notify.is_some_and(|notify| notify.is_never()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_never(self) -> bool {
        self == Self::default()
    }

    /// The names in rules and JSON: some of `success`, `failure` and `delay`, or only `never`.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = [("success", self.success), ("failure", self.failure), ("delay", self.delay)];
        names.into_iter().chain([("never", self.is_never())]).filter(|(_, is_set)| *is_set).map(|(name, _)| name)
    }

    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        let mut notify = Self::default();
        if value.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for element in value.split(',') {
            let wanted = match element.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                "NEVER" => return Err("NOTIFY=NEVER must stand alone"),
                _ => return Err("NOTIFY must be NEVER, or SUCCESS, FAILURE and DELAY separated by commas"),
            };
            *wanted = true;
        }
        Ok(notify)
    }
}

/// The recipient that the message was first sent to: the value of ORCPT (RFC 3461 §4.2, RFC 6533 §3).
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // A client sends `RCPT TO:<bob@example.org> ORCPT=rfc822;bob+2Bnews@example.org`.
/// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> ORCPT=rfc822;bob+2Bnews@example.org\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
/// # let mut client = TcpStream::connect(server.smtp().address())?;
/// # client.write_all(mail.as_bytes())?;
/// # let said = read_to_string(client)?;
/// # assert!(said.contains("queued"), "{said}");
/// let original = server.messages()[0].envelope().recipients()[0].parameters().original_recipient().unwrap();
/// assert_eq!((original.address_type(), original.address()), ("rfc822", "bob+news@example.org"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    address_type: Box<str>,
    address: String,
}

impl OriginalRecipient {
    /// The type of the address in lower case, such as `rfc822` or `utf-8`.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `RCPT TO:<bob@example.org> ORCPT=RFC822;bob@example.org`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> ORCPT=RFC822;bob@example.org\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let original = server.messages()[0].envelope().recipients()[0].parameters().original_recipient();
    /// assert_eq!(original.unwrap().address_type(), "rfc822");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn address_type(&self) -> &str {
        &self.address_type
    }

    /// The address, decoded.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // A client sends `RCPT TO:<bob@example.org> ORCPT=utf-8;j\x{FC}rgen@example.org`.
    /// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org> ORCPT=utf-8;j\\x{FC}rgen@example.org\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    /// # let mut client = TcpStream::connect(server.smtp().address())?;
    /// # client.write_all(mail.as_bytes())?;
    /// # let said = read_to_string(client)?;
    /// # assert!(said.contains("queued"), "{said}");
    /// let original = server.messages()[0].envelope().recipients()[0].parameters().original_recipient();
    /// assert_eq!(original.unwrap().address(), "jürgen@example.org");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address in ASCII, for a report without SMTPUTF8: `utf-8-addr-xtext` (RFC 6533 §3).
    pub(crate) fn ascii(&self) -> String {
        if &*self.address_type != "utf-8" && self.address.is_ascii() {
            return self.address.clone();
        }
        let mut out = String::with_capacity(self.address.len());
        for c in self.address.chars() {
            match c {
                '!'..='~' if !matches!(c, '\\' | '+' | '=') => out.push(c),
                _ => out += &format!("\\x{{{:02X}}}", u32::from(c)),
            }
        }
        out
    }

    /// The value has at most 500 characters (RFC 3461 §4.2).
    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        if value.chars().count() > 500 {
            return Err("ORCPT may have at most 500 characters");
        }
        let Some((address_type, encoded)) = value.split_once(';') else {
            return Err(
                "ORCPT must be the type of the address, a semicolon and the address, as in rfc822;bob@example.org",
            );
        };
        let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        if address_type.is_empty() || !address_type.bytes().all(is_atom) {
            return Err("the type of the address in ORCPT must be a word such as rfc822");
        }
        let address_type = address_type.to_ascii_lowercase().into_boxed_str();
        let address = match &*address_type {
            "utf-8" => unicode(encoded).ok_or("the address in ORCPT must be encoded as in RFC 6533")?,
            _ => xtext::decode(encoded).ok_or("the address in ORCPT must be xtext")?,
        };
        if address.is_empty() {
            return Err("the address in ORCPT is missing");
        }
        // It becomes a line of a report.
        if address.contains(char::is_control) {
            return Err("the address in ORCPT has a control character");
        }
        Ok(Self { address_type, address })
    }
}

/// Decodes `utf-8-addr-xtext` or `utf-8-addr-unitext` (RFC 6533 §3): `\x{HEX}` stands for a character, and for `+`,
/// `=` and `\`. Without SMTPUTF8, the address must be ASCII.
fn unicode(encoded: &str) -> Option<String> {
    let mut decoded = String::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        decoded.push(match c {
            '\\' => {
                let (hex, behind) = rest.strip_prefix("x{")?.split_once('}')?;
                rest = behind;
                let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
                if !(2..=6).contains(&hex.len()) || !hex.bytes().all(is_hex) {
                    return None;
                }
                char::from_u32(u32::from_str_radix(hex, 16).ok()?)?
            }
            '+' | '=' => return None,
            c if c.is_control() || c == ' ' => return None,
            c => c,
        });
    }
    Some(decoded)
}

/// Decodes the value of ENVID (RFC 3461 §4.4), which has at most 100 characters.
pub(crate) fn envelope_id(value: &str) -> Result<String, &'static str> {
    if value.len() > 100 {
        return Err("ENVID may have at most 100 characters");
    }
    let decoded = xtext::decode(value).filter(|decoded| !decoded.is_empty()).ok_or("ENVID must be xtext")?;
    if !decoded.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err("ENVID must be printable ASCII when decoded");
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_is_never_or_a_list() {
        for (value, want) in [
            ("never", Ok("never")),
            ("SUCCESS", Ok("success")),
            ("delay,FAILURE,Success", Ok("success,failure,delay")),
            ("DELAY,DELAY", Ok("delay")),
            ("NEVER,SUCCESS", Err("NOTIFY=NEVER must stand alone")),
            ("SUCCESS,NEVER", Err("NOTIFY=NEVER must stand alone")),
            ("SUCCESS,", Err("NOTIFY must be NEVER, or SUCCESS, FAILURE and DELAY separated by commas")),
            ("ALWAYS", Err("NOTIFY must be NEVER, or SUCCESS, FAILURE and DELAY separated by commas")),
        ] {
            let got = Notify::parse(value).map(|notify| notify.names().collect::<Vec<_>>().join(","));
            assert_eq!(got, want.map(str::to_owned), "{value}");
        }
    }

    #[test]
    fn an_original_recipient_has_a_type_and_an_address() {
        let not_xtext = "the address in ORCPT must be xtext";
        let not_unicode = "the address in ORCPT must be encoded as in RFC 6533";
        for (value, want) in [
            ("rfc822;bob@example.org", Ok(("rfc822", "bob@example.org"))),
            ("RFC822;a+2Bb+3Dc@example.org", Ok(("rfc822", "a+b=c@example.org"))),
            ("x400;/C=de/", Err(not_xtext)),
            ("x400;/C+3Dde/", Ok(("x400", "/C=de/"))),
            ("utf-8;j\\x{FC}rgen\\x{2B}x@b\\x{FC}cher.example", Ok(("utf-8", "jürgen+x@bücher.example"))),
            ("utf-8;jürgen@bücher.example", Ok(("utf-8", "jürgen@bücher.example"))),
            ("utf-8;\\x{1F600}@example.org", Ok(("utf-8", "😀@example.org"))),
            ("utf-8;j\\x{fc}rgen@example.org", Err(not_unicode)),
            ("utf-8;a+2Bb@example.org", Err(not_unicode)),
            ("utf-8;\\x{D800}@example.org", Err(not_unicode)),
            ("utf-8;\\x{FC", Err(not_unicode)),
            ("utf-8;\\xFC", Err(not_unicode)),
            ("rfc822;jürgen@example.org", Err(not_xtext)),
            ("rfc822;a+2bb@example.org", Err(not_xtext)),
            ("rfc822;a+0D+0AAction:+20delivered", Err("the address in ORCPT has a control character")),
            ("utf-8;a\\x{0D}\\x{0A}b", Err("the address in ORCPT has a control character")),
            ("utf-8;a\\x{85}b", Err("the address in ORCPT has a control character")),
            ("rfc822;", Err("the address in ORCPT is missing")),
            (";bob@example.org", Err("the type of the address in ORCPT must be a word such as rfc822")),
            ("rfc(822);bob@example.org", Err("the type of the address in ORCPT must be a word such as rfc822")),
        ] {
            let got = OriginalRecipient::parse(value);
            let got = got.as_ref().map(|its| (its.address_type(), its.address())).map_err(|why| *why);
            assert_eq!(got, want, "{value}");
        }
        let long = |octets: usize| OriginalRecipient::parse(&format!("rfc822;{}", "a".repeat(octets))).map(|_| ());
        assert_eq!(long(493), Ok(()));
        assert_eq!(long(494), Err("ORCPT may have at most 500 characters"));
    }

    #[test]
    fn an_envelope_id_is_printable_xtext() {
        let long = "a".repeat(101);
        for (value, want) in [
            ("QQ314159", Ok("QQ314159")),
            ("a+2Bb+20c", Ok("a+b c")),
            (&long[1..], Ok(&long[1..])),
            (&long, Err("ENVID may have at most 100 characters")),
            ("a=b", Err("ENVID must be xtext")),
            ("a+00", Err("ENVID must be printable ASCII when decoded")),
            ("+C3+BC", Err("ENVID must be printable ASCII when decoded")),
        ] {
            assert_eq!(envelope_id(value), want.map(str::to_owned), "{value}");
        }
    }
}
