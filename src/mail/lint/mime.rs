//! The parts of a message: transfer encodings, charsets, boundaries, and how the parts fit together.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{LintCode, Linter, shown};
use crate::mail::mime::percent_decoded;
use crate::mail::{MimeError, Part};

/// The longest line of base64 and quoted-printable (RFC 2045 §6.7, §6.8).
const LONGEST_ENCODED: usize = 76;
/// The longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

impl Linter<'_> {
    pub(super) fn parts(&mut self) {
        let root = self.message.root();
        let mut rest = vec![root];
        while let Some(part) = rest.pop() {
            let is_root = part.header_range().start == 0;
            self.part = (!is_root && !part.number().is_empty()).then(|| part.number().to_owned());
            if !is_root {
                self.header(part);
            }
            self.encoding(part);
            if part.is_multipart() {
                self.boundary(part);
                rest.extend(part.children());
            }
        }
        self.part = None;
        self.alternative(root);
        self.references();
    }

    fn encoding(&mut self, part: Part<'_>) {
        let (encoding, body) = (part.transfer_encoding(), part.body_range());
        let header = part.header_range().start;
        let is_composite = part.is_multipart() || part.is_message();
        if !part.is_decodable() {
            let text =
                format!("the transfer encoding `{}`: write `base64` or `quoted-printable`", shown(encoding.as_bytes()));
            self.add(LintCode::UnknownTransferEncoding, header, text);
        } else if is_composite && matches!(&*encoding, "base64" | "quoted-printable") {
            let text = format!("a {} in {encoding}: only `7bit`, `8bit` and `binary` are allowed", part.content_type());
            self.add(LintCode::EncodedMultipart, header, text);
        }
        for error in part.errors() {
            let code = match &error {
                MimeError::UnknownCharset(_) => LintCode::UnknownCharset,
                MimeError::Base64(_) => LintCode::InvalidBase64,
                MimeError::QuotedPrintable(_) => LintCode::InvalidQuotedPrintable,
                MimeError::Multipart(_) => LintCode::BrokenMultipart,
            };
            self.add(code, if code == LintCode::UnknownCharset { header } else { body.start }, error.told(&part));
        }
        if is_composite {
            return;
        }
        if matches!(&*encoding, "base64" | "quoted-printable") {
            self.encoded_lines(&encoding, body);
        } else if !matches!(&*encoding, "8bit" | "binary")
            && part.is_decodable()
            && let Some(at) = part.raw_body().iter().position(|octet| !octet.is_ascii())
        {
            let text = "octets above 127 without `Content-Transfer-Encoding: 8bit`: declare it, or encode the part";
            self.add(LintCode::Undeclared8BitBody, body.start + at, text);
        }
        if part.content_type().starts_with("text/")
            && part.parameter("content-type", "charset").is_none()
            && !part.bytes().is_ascii()
        {
            let text = "a text with octets above 127 and no charset: write `charset=utf-8`";
            self.add(LintCode::MissingCharset, header, text);
        }
    }

    fn encoded_lines(&mut self, encoding: &str, body: std::ops::Range<usize>) {
        let (raw, mut start) = (self.raw, body.start);
        for line in raw[body].split(|octet| *octet == b'\n') {
            let length = line.strip_suffix(b"\r").unwrap_or(line).len();
            if length > LONGEST_ENCODED {
                let text = format!("a line of {length} characters of {encoding}: it may have {LONGEST_ENCODED}");
                self.add(LintCode::EncodedLineTooLong, start, text);
            }
            start += line.len() + 1;
        }
    }

    fn boundary(&mut self, part: Part<'_>) {
        let Some(boundary) = part.parameter("content-type", "boundary") else { return };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c);
        let wrong = match () {
            () if boundary.len() > LONGEST_BOUNDARY => format!("has more than {LONGEST_BOUNDARY} characters"),
            () if boundary.ends_with(' ') => "ends with a blank".to_owned(),
            () if !boundary.chars().all(is_allowed) => "has characters that it cannot have".to_owned(),
            () => return,
        };
        let text = format!("the boundary `{}` {wrong}: letters and digits are safe", shown(boundary.as_bytes()));
        self.add(LintCode::InvalidBoundary, part.header_range().start, text);
    }

    fn alternative(&mut self, root: Part<'_>) {
        let texts = self.message.parts().into_iter().filter(|part| !part.is_attachment());
        let texts: Vec<&str> = texts.map(|part| part.content_type()).collect();
        if texts.contains(&"text/html") && !texts.contains(&"text/plain") {
            let text = "HTML without plain text: add the text, in a multipart/alternative";
            self.add(LintCode::MissingAlternative, root.header_range().start, text);
        }
    }

    /// `cid:` URLs in HTML.
    fn references(&mut self) {
        static CID: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"(?i)["'(]cid:([^"'()\s>]+)"#).expect("it is valid"));
        let parts = self.message.parts();
        let ids: HashSet<Vec<u8>> = parts.iter().filter_map(Part::content_id).map(String::into_bytes).collect();
        for part in parts.iter().filter(|part| part.content_type() == "text/html" && !part.is_attachment()) {
            let html = part.text();
            for id in CID.captures_iter(&html).filter_map(|found| found.get(1)) {
                let decoded = html_escape::decode_html_entities(id.as_str());
                let octets = decoded.as_bytes();
                if !ids.contains(octets) && !ids.contains(&percent_decoded(octets)[..]) {
                    self.part = Some(part.number().to_owned());
                    let text = format!("`cid:{}`: no part has this Content-ID", shown(octets));
                    self.add(LintCode::MissingContentId, part.body_range().start, text);
                }
            }
        }
        self.part = None;
    }
}
