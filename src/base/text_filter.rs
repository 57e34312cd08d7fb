//! Filters of placeholders, such as `b64` in `{user|b64}`.

/// A filter of `{name|filter}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFilter {
    Base64,
    Hex,
    Upper,
    Length,
}

/// The names of the filters, and what they make of a value.
pub(crate) const FILTERS: [(&str, TextFilter, &str); 4] = [
    ("b64", TextFilter::Base64, "the value in base64"),
    ("hex", TextFilter::Hex, "the value in hexadecimal"),
    ("upper", TextFilter::Upper, "the value in upper case"),
    ("len", TextFilter::Length, "the number of its octets"),
];

impl TextFilter {
    /// Parses the name of a filter.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = FILTERS.iter().find(|(its, ..)| *its == text.trim()).map(|(_, filter, _)| *filter);
        let known = || FILTERS.map(|(name, ..)| format!("|{name}")).join(", ");
        found.ok_or_else(|| format!("unknown filter `|{text}`; there are: {}", known()))
    }

    pub(crate) fn apply(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Base64 => data_encoding::BASE64.encode(value).into_bytes(),
            Self::Hex => data_encoding::HEXLOWER.encode(value).into_bytes(),
            Self::Upper => value.to_ascii_uppercase(),
            Self::Length => value.len().to_string().into_bytes(),
        }
    }
}

/// Applies several filters, with `|` between them, to a text.
pub(crate) fn filtered(value: &str, filters: &str) -> Result<String, String> {
    let mut value = value.as_bytes().to_vec();
    for text in filters.split('|').filter(|text| !text.is_empty()) {
        value = TextFilter::parse(text)?.apply(&value);
    }
    String::from_utf8(value).map_err(|_| "the result is not UTF-8".to_owned())
}
