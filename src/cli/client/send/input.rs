//! A message as programs give it to sendmail: read from standard input, and completed.

use std::io::{self, BufRead};

use mail_builder::headers::Header;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::generate_message_id_header;

use super::address::{DOMAIN, addresses};
use crate::mail::Address;

/// A message: its header fields, each with its name and its continuation lines, and its body. Lines end with CRLF.
pub(super) struct Draft {
    fields: Vec<Vec<u8>>,
    body: Vec<u8>,
}

/// Reads a message. Unless `ignores_dots`, a line with a single dot ends it.
pub(super) fn read(mut input: impl BufRead, ignores_dots: bool) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let begin = message.len();
        if input.read_until(b'\n', &mut message)? == 0 {
            return Ok(message);
        }
        if !ignores_dots && matches!(message[begin..], [b'.', b'\n'] | [b'.', b'\r', b'\n'] | [b'.']) {
            message.truncate(begin);
            return Ok(message);
        }
        if message.ends_with(b"\n") && !message.ends_with(b"\r\n") {
            message.insert(message.len() - 1, b'\r');
        }
    }
}

impl Draft {
    /// Takes a message apart. The header ends at an empty line, or at a line that is not a field; an mbox line
    /// (`From ann@example.org Thu Jan 1 …`) before it is dropped.
    pub(super) fn parse(message: &[u8]) -> Self {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        let mut rest = message;
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            let is_mbox_line = fields.is_empty() && line.starts_with(b"From ");
            match fields.last_mut() {
                Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
                Some(_) | None if name(line).is_some() => fields.push(line.to_vec()),
                Some(_) | None if is_mbox_line => {}
                Some(_) | None => break,
            }
            rest = &rest[line.len()..];
        }
        if let Some(field) = fields.last_mut().filter(|field| !field.ends_with(b"\n")) {
            field.extend_from_slice(b"\r\n");
        }
        let body = rest.strip_prefix(b"\r\n").unwrap_or(rest).to_vec();
        Self { fields, body }
    }

    /// The addresses of the fields To, Cc and Bcc.
    pub(super) fn recipients(&self) -> Vec<Address> {
        let recipients = ["to", "cc", "bcc"];
        let lists = self.fields.iter().filter(|field| recipients.iter().any(|name| has_name(field, name)));
        lists.flat_map(|field| addresses(&value(field))).collect()
    }

    /// Removes the fields of this name.
    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !has_name(field, name));
    }

    /// Adds the fields that every message has, if they are missing: From, Date and Message-ID (RFC 5322 §3.6).
    pub(super) fn complete(&mut self, from: &Address) {
        if !self.has("from") {
            let from = Written::new_address(from.name.as_deref(), from.address.as_str());
            self.add("From: ", |out| from.write_header(out, "From: ".len()));
        }
        if !self.has("date") {
            self.add("Date: ", |out| Date::now().write_header(out, "Date: ".len()));
        }
        if !self.has("message-id") {
            self.add("Message-ID: ", |out| {
                generate_message_id_header(out, DOMAIN);
                out.extend_from_slice(b"\r\n");
            });
        }
    }

    /// The message as it is sent.
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut message = self.fields.concat();
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(&self.body);
        message
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| has_name(field, name))
    }

    fn add(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut field = name.as_bytes().to_vec();
        write(&mut field);
        self.fields.push(field);
    }
}

/// The name of the field that begins in this line.
fn name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

fn has_name(field: &[u8], wanted: &str) -> bool {
    name(field).is_some_and(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The field without its name, unfolded.
fn value(field: &[u8]) -> Vec<u8> {
    let value = memchr::memchr(b':', field).map_or(field, |colon| &field[colon + 1..]);
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_ends_at_a_dot_unless_dots_are_ignored() {
        for (input, message, with_dots) in [
            ("a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\r\nb", "a\r\nb", "a\r\nb"),
            ("a\n.\nb\n", "a\r\n", "a\r\n.\r\nb\r\n"),
            ("a\r\n.\r\nb", "a\r\n", "a\r\n.\r\nb"),
            ("..\n.a\n.", "..\r\n.a\r\n", "..\r\n.a\r\n."),
            ("", "", ""),
        ] {
            let read = |ignores_dots| String::from_utf8(read(input.as_bytes(), ignores_dots).unwrap()).unwrap();
            assert_eq!((read(false).as_str(), read(true).as_str()), (message, with_dots), "{input:?}");
        }
    }

    #[test]
    fn a_message_is_completed() {
        let from = Address { name: Some("Jörg".to_owned()), address: "joerg@example.org".to_owned() };
        for (input, header, body) in [
            ("Subject: hi\r\n\r\ntext\r\n", "Subject: hi\r\n", "text\r\n"),
            ("Subject: hi\r\n there\r\n\r\n\r\ntext", "Subject: hi\r\n there\r\n", "\r\ntext"),
            ("From ann@example.org Thu Jan  1 00:00:00 2026\r\nX: y\r\n\r\n", "X: y\r\n", ""),
            ("no header\r\nX: y\r\n", "", "no header\r\nX: y\r\n"),
            ("X : y\r\nno header\r\n", "X : y\r\n", "no header\r\n"),
            ("X: y", "X: y\r\n", ""),
            ("", "", ""),
            (" folded\r\n", "", " folded\r\n"),
        ] {
            let mut draft = Draft::parse(input.as_bytes());
            draft.complete(&from);
            let message = String::from_utf8(draft.octets()).unwrap();

            let rest = message.strip_prefix(header).unwrap();
            let rest = rest.strip_prefix("From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>\r\nDate: ").unwrap_or(rest);
            let (date, rest) = rest.split_once("\r\nMessage-ID: <").unwrap();
            let (id, rest) = rest.split_once("@localhost>\r\n\r\n").unwrap();
            assert!(date.ends_with(" +0000") && !id.is_empty(), "{message}");
            assert_eq!(rest, body, "{input:?}");
        }
    }

    #[test]
    fn what_is_there_is_kept() {
        let whole = "DATE: x\r\nfrom: y\r\nMessage-Id: z\r\nBcc: a@b.example,\r\n\tc@d.example\r\nTo: root\r\n\r\n";
        let mut draft = Draft::parse(whole.as_bytes());

        let recipients: Vec<String> = draft.recipients().into_iter().map(|its| its.address).collect();
        assert_eq!(recipients, ["a@b.example", "c@d.example", "root@localhost"]);
        draft.complete(&Address { name: None, address: "ann@example.org".to_owned() });
        assert_eq!(draft.octets(), whole.as_bytes());
        draft.remove("bcc");
        assert_eq!(draft.octets(), b"DATE: x\r\nfrom: y\r\nMessage-Id: z\r\nTo: root\r\n\r\n");
    }
}
