//! The codes of violations: severity, and the section of the standard.

use std::fmt;

/// How bad a violation is.
///
/// ```
/// use mailjig::{LintCode, LintSeverity};
///
/// assert_eq!(LintCode::MissingDate.severity(), LintSeverity::Error);
/// assert_eq!(LintCode::MissingAlternative.severity(), LintSeverity::Warning);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LintSeverity {
    /// The standard allows it, or tells only senders to avoid it; some readers do not show the message as it was meant.
    Warning,
    /// The standard forbids it.
    Error,
}

impl LintSeverity {
    /// Its name in the HTTP API: `error` or `warning`.
    ///
    /// ```
    /// assert_eq!(mailjig::LintSeverity::Error.name(), "error");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LintSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident, $reference:literal;)*) => {
        /// What a message has that the standards for messages forbid or advise against. The chapter
        /// [content](crate::manual::content) lists all codes.
        ///
        /// ```
        /// use mailjig::LintCode;
        ///
        /// assert_eq!(LintCode::WrongWeekday.to_string(), "wrong-weekday");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum LintCode {
            $($(#[$doc])* $variant,)*
        }

        impl LintCode {
            /// All codes.
            ///
            /// ```
            /// use mailjig::LintCode;
            ///
            /// assert!(LintCode::ALL.contains(&LintCode::MissingDate));
            /// ```
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in the HTTP API, such as `missing-date`.
            ///
            /// ```
            /// assert_eq!(mailjig::LintCode::MissingDate.name(), "missing-date");
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether the standard forbids it.
            ///
            /// ```
            /// use mailjig::{LintCode, LintSeverity};
            ///
            /// assert_eq!(LintCode::LongLine.severity(), LintSeverity::Warning);
            /// ```
            pub fn severity(self) -> LintSeverity {
                match self {
                    $(Self::$variant => LintSeverity::$severity,)*
                }
            }

            /// The section of the standard.
            ///
            /// ```
            /// assert_eq!(mailjig::LintCode::WrongWeekday.reference(), "RFC 5322 §3.3");
            /// ```
            pub fn reference(self) -> &'static str {
                match self {
                    $(Self::$variant => $reference,)*
                }
            }
        }
    };
}

codes! {
    /// A CR without LF.
    BareCr = "bare-cr", Error, "RFC 5322 §2.3";
    /// An LF without CR.
    BareLf = "bare-lf", Error, "RFC 5322 §2.3";
    /// A NUL.
    Nul = "nul", Error, "RFC 5322 §4.5";
    /// A line of more than 998 octets.
    LineTooLong = "line-too-long", Error, "RFC 5322 §2.1.1";
    /// A line of more than 78 characters.
    LongLine = "long-line", Warning, "RFC 5322 §2.1.1";
    /// A line of a header that is not a field.
    BrokenField = "broken-field", Error, "RFC 5322 §2.2";
    /// White space before the colon of a field.
    SpaceBeforeColon = "space-before-colon", Error, "RFC 5322 §4.5";
    /// A folded line of white space only.
    BlankFoldedLine = "blank-folded-line", Error, "RFC 5322 §3.2.2";
    /// A control character in a header.
    ControlInHeader = "control-in-header", Error, "RFC 5322 §2.2";
    /// Octets above 127 in the header of a message that was sent without SMTPUTF8.
    Undeclared8BitHeader = "undeclared-8bit-header", Error, "RFC 6532 §3.5";
    /// Octets in a header that are not UTF-8.
    InvalidUtf8Header = "invalid-utf8-header", Error, "RFC 6532 §3.1";
    /// There is no Date.
    MissingDate = "missing-date", Error, "RFC 5322 §3.6";
    /// There is no From.
    MissingFrom = "missing-from", Error, "RFC 5322 §3.6";
    /// There is no Message-ID.
    MissingMessageId = "missing-message-id", Warning, "RFC 5322 §3.6.4";
    /// There is no Subject, or it is empty.
    MissingSubject = "missing-subject", Warning, "RFC 5322 §3.6.5";
    /// From has several addresses, and there is no Sender.
    MissingSender = "missing-sender", Error, "RFC 5322 §3.6.2";
    /// Sender has several addresses.
    SeveralSenders = "several-senders", Error, "RFC 5322 §3.6.2";
    /// A field that may occur only once is there several times.
    RepeatedField = "repeated-field", Error, "RFC 5322 §3.6";
    /// A field that needs a value has none.
    EmptyField = "empty-field", Error, "RFC 5322 §3.6";
    /// The header names the Bcc recipients.
    BccDisclosed = "bcc-disclosed", Warning, "RFC 5322 §3.6.3";
    /// A date that cannot be read or does not exist.
    InvalidDate = "invalid-date", Error, "RFC 5322 §3.3";
    /// A date with another day of the week.
    WrongWeekday = "wrong-weekday", Error, "RFC 5322 §3.3";
    /// A date with a year of two digits or a named zone.
    ObsoleteDate = "obsolete-date", Error, "RFC 5322 §4.3";
    /// A Message-ID, or another list of them, that is not `<left@right>`.
    InvalidMessageId = "invalid-message-id", Error, "RFC 5322 §3.6.4";
    /// An address that is not one.
    InvalidAddress = "invalid-address", Error, "RFC 5322 §3.4";
    /// An address in a form that must not be sent any more.
    ObsoleteAddress = "obsolete-address", Error, "RFC 5322 §4.4";
    /// An address with octets above 127 in a message that was sent without SMTPUTF8.
    NonAsciiAddress = "non-ascii-address", Error, "RFC 6531 §3.2";
    /// An encoded word of more than 75 characters.
    EncodedWordTooLong = "encoded-word-too-long", Error, "RFC 2047 §2";
    /// A line with an encoded word and more than 76 characters.
    EncodedWordLineTooLong = "encoded-word-line-too-long", Error, "RFC 2047 §2";
    /// An encoded word that cannot be decoded.
    InvalidEncodedWord = "invalid-encoded-word", Error, "RFC 2047 §2";
    /// An encoded word without white space before or after it.
    EncodedWordNotSeparated = "encoded-word-not-separated", Error, "RFC 2047 §5";
    /// An encoded word with a part of a character.
    SplitCharacter = "split-character", Error, "RFC 2047 §5";
    /// An encoded word in quotes.
    EncodedWordInQuotes = "encoded-word-in-quotes", Error, "RFC 2047 §5";
    /// An encoded word in an address.
    EncodedWordInAddress = "encoded-word-in-address", Error, "RFC 2047 §5";
    /// An encoded word in a parameter, such as a file name.
    EncodedWordInParameter = "encoded-word-in-parameter", Error, "RFC 2047 §5";
    /// A charset that is not known.
    UnknownCharset = "unknown-charset", Error, "RFC 2046 §4.1.2";
    /// A message with MIME fields and without MIME-Version.
    MissingMimeVersion = "missing-mime-version", Error, "RFC 2045 §4";
    /// A MIME-Version other than `1.0`.
    InvalidMimeVersion = "invalid-mime-version", Error, "RFC 2045 §4";
    /// A media type that is not `type/subtype`.
    InvalidContentType = "invalid-content-type", Error, "RFC 2045 §5.1";
    /// A parameter with a name or a value that cannot be written so.
    InvalidParameter = "invalid-parameter", Error, "RFC 2045 §5.1";
    /// A semicolon without a parameter.
    EmptyParameter = "empty-parameter", Warning, "RFC 2045 §5.1";
    /// A parameter that is there twice.
    RepeatedParameter = "repeated-parameter", Error, "RFC 2045 §5.1";
    /// A parameter in pieces, of which one is missing.
    ParameterGap = "parameter-gap", Error, "RFC 2231 §3";
    /// A percent-encoded parameter without a charset, or with a `%` that begins no octet.
    InvalidParameterEncoding = "invalid-parameter-encoding", Error, "RFC 2231 §4";
    /// A transfer encoding that is not known.
    UnknownTransferEncoding = "unknown-transfer-encoding", Error, "RFC 2045 §6.1";
    /// A multipart or an attached message in base64 or quoted-printable.
    EncodedMultipart = "encoded-multipart", Error, "RFC 2045 §6.4";
    /// Octets above 127 in a part without a transfer encoding that allows them.
    Undeclared8BitBody = "undeclared-8bit-body", Error, "RFC 2045 §6.2";
    /// A text part with octets above 127 and without a charset.
    MissingCharset = "missing-charset", Error, "RFC 2046 §4.1.2";
    /// A part that is not the base64 that its header announces.
    InvalidBase64 = "invalid-base64", Error, "RFC 2045 §6.8";
    /// A part that is not the quoted-printable that its header announces.
    InvalidQuotedPrintable = "invalid-quoted-printable", Error, "RFC 2045 §6.7";
    /// A line of more than 76 characters in base64 or quoted-printable.
    EncodedLineTooLong = "encoded-line-too-long", Error, "RFC 2045 §6.7";
    /// A multipart without boundary, delimiter or closing delimiter.
    BrokenMultipart = "broken-multipart", Error, "RFC 2046 §5.1.1";
    /// A boundary that is too long, or has characters that it cannot have.
    InvalidBoundary = "invalid-boundary", Error, "RFC 2046 §5.1.1";
    /// HTML without plain text.
    MissingAlternative = "missing-alternative", Warning, "RFC 2046 §5.1.4";
    /// HTML that refers to a part that is not there.
    MissingContentId = "missing-content-id", Error, "RFC 2392 §2";
}

impl LintCode {
    /// The code of this name; `None` if there is none.
    ///
    /// ```
    /// use mailjig::LintCode;
    ///
    /// assert_eq!(LintCode::parse("nul"), Some(LintCode::Nul));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
