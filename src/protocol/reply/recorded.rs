//! What the journal records of a reply: its text, with labels instead of octets that are long or differ from run to run.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Abbreviation, Part, Reply, Span};

/// A label in recorded text, and the octets that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// The range of the label in the text.
    pub(crate) label: Range<u32>,
    pub(crate) octets: Bytes,
}

/// A range of text that the machine did not write, and its author.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Written<At = u32> {
    pub(crate) range: Range<At>,
    pub(crate) by: Arc<str>,
}

/// What the journal records of a reply.
pub(crate) struct Recorded<'r> {
    /// The text with its labels.
    pub(crate) text: Cow<'r, [u8]>,
    pub(crate) labelled: Vec<Labelled>,
    pub(crate) written: Vec<Written>,
}

impl Reply {
    /// What the journal records: the text with its labels.
    pub(crate) fn recorded(&self) -> Recorded<'_> {
        if self.spans.is_empty() && self.written.is_empty() && self.abbreviation.is_none() {
            return Recorded { text: self.text.as_slice().into(), labelled: Vec::new(), written: Vec::new() };
        }
        let mut text = Vec::with_capacity(self.text.len() + 16 * self.spans.len());
        let (mut labelled, mut written) = (Vec::with_capacity(self.spans.len()), Vec::<Written>::new());
        let mut push_label = |text: &mut Vec<u8>, label: &str, octets: &Bytes| {
            let start = text.len() as u32;
            text.extend_from_slice(format!("<{label}>").as_bytes());
            labelled.push(Labelled { label: start..text.len() as u32, octets: octets.clone() });
        };
        for part in self.parts() {
            let start = text.len() as u32;
            let author = match part {
                Part::Text(more, author) => {
                    let abbreviation = self.abbreviation.as_deref().filter(|_| author.is_none());
                    match abbreviation.and_then(|its| Some((its, memchr::memmem::find(more, &its.octets)?))) {
                        Some((Abbreviation { label, octets }, at)) => {
                            text.extend_from_slice(&more[..at]);
                            push_label(&mut text, label, octets);
                            text.extend_from_slice(&more[at + octets.len()..]);
                        }
                        None => text.extend_from_slice(more),
                    }
                    author
                }
                Part::Labelled(Span { label, octets, author, .. }) => {
                    push_label(&mut text, label, octets);
                    author.as_ref()
                }
            };
            let Some(by) = author else { continue };
            match written.last_mut() {
                Some(last) if last.range.end == start && last.by == *by => last.range.end = text.len() as u32,
                _ => written.push(Written { range: start..text.len() as u32, by: Arc::clone(by) }),
            }
        }
        Recorded { text: text.into(), labelled, written }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_replaces_octets_only_in_the_record() {
        let mut reply = Reply::default();
        reply.push("* 1 FETCH (BODY[] {5}\r\n");
        reply.push_labelled("m1", Bytes::from_static(b"a\r\nbc"));
        reply.push(" INTERNALDATE \"");
        reply.push_labelled("time", Bytes::from_static(b" 1-Jan-2026 00:00:00 +0000"));
        reply.push("\")\r\n");

        let sent = reply.pieces().collect::<Vec<_>>().concat();
        let Recorded { text, labelled, written } = reply.recorded();

        assert_eq!(sent.len(), reply.len());
        let sent = String::from_utf8(sent).unwrap();
        assert_eq!(sent, "* 1 FETCH (BODY[] {5}\r\na\r\nbc INTERNALDATE \" 1-Jan-2026 00:00:00 +0000\")\r\n");
        assert_eq!(text, &b"* 1 FETCH (BODY[] {5}\r\n<m1> INTERNALDATE \"<time>\")\r\n"[..]);
        let labels: Vec<_> =
            labelled.iter().map(|its| &text[its.label.start as usize..its.label.end as usize]).collect();
        assert_eq!(labels, [b"<m1>".as_slice(), b"<time>"]);
        assert_eq!(written, []);
    }

    #[test]
    fn abbreviated_text_is_recorded_as_its_label_until_it_is_changed() {
        let mut reply = Reply::default();
        reply.push("* OK [CAPABILITY ");
        reply.push_abbreviated("caps", "IMAP4rev1 IDLE".to_owned());
        reply.push("] hello\r\n");
        let recorded = |reply: &Reply| String::from_utf8(reply.recorded().text.into_owned()).unwrap();

        assert_eq!(reply.text(), b"* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n");
        assert_eq!(recorded(&reply), "* OK [CAPABILITY <caps>] hello\r\n");
        assert_eq!(reply.recorded().labelled[0].octets, "IMAP4rev1 IDLE");

        let mut rest = reply.clone();
        let head = rest.take(20);
        assert_eq!(recorded(&head) + &recorded(&rest), "* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n");

        reply.set_author(&"somebody".into());
        reply.splice(2..4, b"PREAUTH");
        assert_eq!(recorded(&reply), "* PREAUTH [CAPABILITY <caps>] hello\r\n");
        let at = reply.text().len() - "LE] hello\r\n".len();
        reply.splice(at..at + 1, b"E");
        assert_eq!(recorded(&reply), "* PREAUTH [CAPABILITY IMAP4rev1 IDEE] hello\r\n");
    }
}
