//! The value of the parameter BODY (RFC 6152 §3, RFC 3030 §3).

/// Which octets a message may have: the value of BODY (RFC 6152 §3, RFC 3030 §3).
///
/// ```
/// assert_eq!(mailjig::BodyType::Binary.name(), "binarymime");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// Lines of ASCII: `BODY=7BIT`.
    SevenBit,
    /// Lines of any octets: `BODY=8BITMIME`.
    EightBit,
    /// Any octets, also NUL and CR and LF that end no line: `BODY=BINARYMIME`.
    Binary,
}

impl BodyType {
    /// Its name in rules and JSON: `7bit`, `8bitmime` or `binarymime`.
    ///
    /// ```
    /// assert_eq!(mailjig::BodyType::EightBit.name(), "8bitmime");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bitmime",
            Self::Binary => "binarymime",
        }
    }

    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        let all = [Self::SevenBit, Self::EightBit, Self::Binary];
        let found = all.into_iter().find(|its| its.name().eq_ignore_ascii_case(value));
        found.ok_or("BODY must be 7BIT, 8BITMIME or BINARYMIME")
    }
}
