//! Searching for a text in messages: decoded, and ignoring case (RFC 3501 §6.4.4).

use memchr::memmem;

use crate::mail::Part;

/// The text is copied in lower case after this many unsuccessful comparisons for each of its octets.
const MOST_WORK: usize = 2;

/// The text to search for.
#[derive(Debug)]
pub(super) struct Needle {
    /// In lower case.
    text: String,
    is_ascii: bool,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_lowercase(), is_ascii: text.is_ascii() }
    }

    fn is_in(&self, text: &str) -> bool {
        match self.is_ascii {
            true => self.is_in_octets(text.as_bytes()),
            false => text.to_lowercase().contains(&self.text),
        }
    }

    /// Like `is_in`, for an ASCII needle, without a copy as long as that is cheap. A text that nearly matches in many
    /// places is copied
    /// in lower case and then searched in linear time.
    fn is_in_octets(&self, octets: &[u8]) -> bool {
        let needle = self.text.as_bytes();
        let Some(first) = needle.first() else { return true };
        let Some(last) = octets.len().checked_sub(needle.len()) else { return false };
        let mut work = 0;
        for at in memchr::memchr2_iter(*first, first.to_ascii_uppercase(), &octets[..=last]) {
            let here = &octets[at..at + needle.len()];
            if here.eq_ignore_ascii_case(needle) {
                return true;
            }
            work += here.iter().zip(needle).take_while(|(its, wanted)| its.eq_ignore_ascii_case(wanted)).count();
            if work > MOST_WORK * octets.len() {
                return memmem::find(&octets[at..].to_ascii_lowercase(), needle).is_some();
            }
        }
        false
    }
}

/// Whether a field with this name contains the text. Every field contains an empty text.
pub(super) fn header_has(part: Part<'_>, name: &str, needle: &Needle) -> bool {
    let its = part.raw_headers().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
    its.map(|(_, value)| value).any(|value| field_has(value, needle))
}

/// Whether an address in a field with this name contains it, as display name or address, without comments.
pub(super) fn address_has(part: Part<'_>, name: &str, needle: &Needle) -> bool {
    let its = part.raw_headers().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
    its.map(|(_, value)| value).any(|value| match memchr::memchr3(b'(', b'"', b'\\', value) {
        None => field_has(value, needle),
        Some(_) => needle.is_in(&crate::mail::address_text(value)),
    })
}

/// Whether the header or the body contains it.
pub(super) fn text_has(part: Part<'_>, needle: &Needle) -> bool {
    whole_header_has(part, needle) || body_has(part, needle)
}

/// Whether a text in the body, or the header of an attached message, contains it.
pub(super) fn body_has(part: Part<'_>, needle: &Needle) -> bool {
    if part.is_multipart() {
        return part.children().any(|child| body_has(child, needle));
    }
    if part.is_message() {
        return part.children().any(|inner| text_has(inner, needle));
    }
    if !part.content_type().starts_with("text/") {
        return false;
    }
    // Unencoded text is searched in place.
    match needle.is_ascii && part.is_plain() {
        true => needle.is_in_octets(part.raw_body()),
        false => needle.is_in(&part.text()),
    }
}

fn whole_header_has(part: Part<'_>, needle: &Needle) -> bool {
    part.raw_headers().any(|(name, value)| {
        // The text may contain the name of the field and a colon.
        match needle.text.contains(':') {
            true => needle.is_in(&format!("{}: {}", String::from_utf8_lossy(name), crate::mail::decode_words(value))),
            false => field_has(value, needle) || needle.is_ascii && needle.is_in_octets(name),
        }
    })
}

fn field_has(value: &[u8], needle: &Needle) -> bool {
    let is_plain = needle.is_ascii && memchr::memchr3(b'=', b'\r', b'\n', value).is_none();
    if is_plain { needle.is_in_octets(value) } else { needle.is_in(&crate::mail::decode_words(value)) }
}
