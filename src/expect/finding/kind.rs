//! The kinds of findings: their names, and the standards that they refer to.

use std::fmt;

use crate::protocol::Protocol;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a client did that a careful client does not do.
        ///
        /// ```
        /// use mailjig::FindingKind;
        ///
        /// assert_eq!(FindingKind::BccDisclosed.to_string(), "bcc-disclosed");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingKind {
            $($(#[$doc])* $variant,)*
        }

        impl FindingKind {
            /// All kinds.
            ///
            /// ```
            /// use mailjig::FindingKind;
            ///
            /// assert!(FindingKind::ALL.contains(&FindingKind::MissingDate));
            /// ```
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in the HTTP API, such as `missing-date`.
            ///
            /// ```
            /// assert_eq!(mailjig::FindingKind::MissingDate.name(), "missing-date");
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// The client closed the connection without QUIT or LOGOUT, although the server had answered everything and had not
    /// announced the end.
    EndedWithoutQuit = "ended-without-quit",
    /// The connection was still open when the server verified. Only a verification that fails on findings has it.
    LeftOpen = "left-open",
    /// The client closed the connection within a command or a message.
    IncompleteRequest = "incomplete-request",
    /// The client sent something in cleartext after STARTTLS or STLS.
    CleartextAfterStarttls = "cleartext-after-starttls",
    /// The client sent a password or an access token in cleartext on a listener that offers STARTTLS or STLS.
    PasswordInCleartext = "password-in-cleartext",
    /// A command line ended with a bare LF.
    BareLfInCommand = "bare-lf-in-command",
    /// A command line contained a CR that was not part of a CRLF.
    BareCrInCommand = "bare-cr-in-command",
    /// A command line was longer than the server accepts.
    LineTooLong = "line-too-long",
    /// The client sent a request before it had the reply to another one, for which it has to wait.
    SentTooEarly = "sent-too-early",
    /// The client sent something before the server had greeted it.
    SpokeBeforeGreeting = "spoke-before-greeting",
    /// The client sent a command before it had the reply to another one, although the server had not announced that it
    /// can pipeline.
    PipeliningNotOffered = "pipelining-not-offered",
    /// The client used a command, a parameter or a mechanism that the capabilities it had read do not have.
    CapabilityNotAnnounced = "capability-not-announced",
    /// The client sent a literal without waiting, which the capabilities it had read do not allow.
    LiteralNotAnnounced = "literal-not-announced",
    /// What followed a literal showed that it had more or fewer octets than the client had announced.
    WrongLiteralSize = "wrong-literal-size",
    /// Two commands of a session had the same tag.
    TagReused = "tag-reused",
    /// The client sent a command after the end of the session: after the reply to QUIT or LOGOUT, after BYE or 421.
    TalkedAfterEnd = "talked-after-end",
    /// A line was not a command of the protocol.
    UnknownCommand = "unknown-command",
    /// The server refused a command because of its syntax, its parameters or its place in the session.
    InvalidCommand = "invalid-command",
    /// A line of a message began with a single dot.
    DotNotStuffed = "dot-not-stuffed",
    /// A message contained a CR without LF, or an LF without CR.
    BareLineEnd = "bare-line-end",
    /// A line of a message was longer than 998 octets.
    MessageLineTooLong = "message-line-too-long",
    /// A message contained octets above 127, but MAIL had neither `BODY=8BITMIME` nor `SMTPUTF8`.
    Undeclared8Bit = "undeclared-8bit",
    /// A message had no header field Date.
    MissingDate = "missing-date",
    /// A message had no header field From.
    MissingFrom = "missing-from",
    /// A message had no header field Message-ID.
    MissingMessageId = "missing-message-id",
    /// A message had a header field twice that may occur only once.
    RepeatedField = "repeated-field",
    /// The header of a message named the Bcc recipients.
    BccDisclosed = "bcc-disclosed",
    /// A text part, or an encoded word in the header, had a charset that is not known.
    UnknownCharset = "unknown-charset",
    /// The body of a part was not the base64 that its header announced.
    InvalidBase64 = "invalid-base64",
    /// The body of a part was not the quoted-printable that its header announced.
    InvalidQuotedPrintable = "invalid-quoted-printable",
    /// A multipart had no boundary, no delimiter with it, or no closing delimiter.
    BrokenMultipart = "broken-multipart",
}

impl FindingKind {
    /// The kind of this name; `None` if there is none.
    ///
    /// ```
    /// use mailjig::FindingKind;
    ///
    /// assert_eq!(FindingKind::parse("bcc-disclosed"), Some(FindingKind::BccDisclosed));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The names of all kinds.
    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|kind| kind.name()).collect()
    }

    /// The section of a standard that a client of this protocol violates.
    pub(super) fn reference(self, protocol: Protocol) -> &'static str {
        match (self, protocol) {
            (Self::EndedWithoutQuit | Self::LeftOpen | Self::IncompleteRequest, Protocol::Smtp | Protocol::Lmtp) => {
                "RFC 5321 §4.1.1.10"
            }
            (Self::EndedWithoutQuit | Self::LeftOpen | Self::IncompleteRequest, Protocol::Imap) => "RFC 3501 §3.4",
            (Self::EndedWithoutQuit | Self::LeftOpen | Self::IncompleteRequest, Protocol::Pop3) => "RFC 1939 §6",
            (Self::CleartextAfterStarttls, Protocol::Smtp | Protocol::Lmtp) => "RFC 3207 §4",
            (Self::CleartextAfterStarttls, Protocol::Imap) => "RFC 3501 §6.2.1",
            (Self::CleartextAfterStarttls, Protocol::Pop3) => "RFC 2595 §4",
            (Self::PasswordInCleartext, _) => "RFC 8314 §3",
            (Self::BareLfInCommand, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §2.3.8",
            (Self::BareLfInCommand, Protocol::Imap) => "RFC 3501 §2.2",
            (Self::BareLfInCommand, Protocol::Pop3) => "RFC 1939 §3",
            (Self::BareCrInCommand, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §2.3.8",
            (Self::BareCrInCommand, Protocol::Imap) => "RFC 3501 §2.2",
            (Self::BareCrInCommand, Protocol::Pop3) => "RFC 1939 §3",
            (Self::SpokeBeforeGreeting, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §4.3.1",
            (Self::SpokeBeforeGreeting, Protocol::Imap) => "RFC 3501 §3",
            (Self::SpokeBeforeGreeting, Protocol::Pop3) => "RFC 1939 §4",
            (Self::PipeliningNotOffered, Protocol::Smtp | Protocol::Lmtp) => "RFC 2920 §3.1",
            (Self::PipeliningNotOffered, Protocol::Imap) => "RFC 3501 §5.5",
            (Self::PipeliningNotOffered, Protocol::Pop3) => "RFC 2449 §6.6",
            (Self::CapabilityNotAnnounced, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §2.2.1",
            (Self::CapabilityNotAnnounced, Protocol::Imap) => "RFC 3501 §6.1.1",
            (Self::CapabilityNotAnnounced, Protocol::Pop3) => "RFC 2449 §5",
            (Self::LiteralNotAnnounced, _) => "RFC 7888 §4",
            (Self::WrongLiteralSize, _) => "RFC 3501 §4.3",
            (Self::TagReused, _) => "RFC 3501 §2.2.1",
            (Self::TalkedAfterEnd, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §3.8",
            (Self::TalkedAfterEnd, Protocol::Imap) => "RFC 3501 §7.1.5",
            (Self::TalkedAfterEnd, Protocol::Pop3) => "RFC 1939 §6",
            (Self::LineTooLong, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §4.5.3.1.4",
            (Self::LineTooLong, Protocol::Imap) => "RFC 2683 §3.2.1.5",
            (Self::LineTooLong, Protocol::Pop3) => "RFC 2449 §4",
            (Self::SentTooEarly, Protocol::Smtp | Protocol::Lmtp) => "RFC 2920 §3.1",
            (Self::SentTooEarly, Protocol::Imap) => "RFC 3501 §7.5",
            (Self::SentTooEarly, Protocol::Pop3) => "RFC 5034 §4",
            (Self::UnknownCommand | Self::InvalidCommand, Protocol::Smtp | Protocol::Lmtp) => "RFC 5321 §4.1.1",
            (Self::UnknownCommand | Self::InvalidCommand, Protocol::Imap) => "RFC 3501 §9",
            (Self::UnknownCommand | Self::InvalidCommand, Protocol::Pop3) => "RFC 1939 §3",
            (Self::DotNotStuffed, _) => "RFC 5321 §4.5.2",
            (Self::BareLineEnd, _) => "RFC 5321 §2.3.8",
            (Self::MessageLineTooLong, _) => "RFC 5322 §2.1.1",
            (Self::Undeclared8Bit, _) => "RFC 6152 §3",
            (Self::MissingDate | Self::MissingFrom | Self::RepeatedField, _) => "RFC 5322 §3.6",
            (Self::MissingMessageId, _) => "RFC 5322 §3.6.4",
            (Self::BccDisclosed, _) => "RFC 5322 §3.6.3",
            (Self::UnknownCharset, _) => "RFC 2046 §4.1.2, RFC 2047 §2",
            (Self::InvalidBase64, _) => "RFC 2045 §6.8",
            (Self::InvalidQuotedPrintable, _) => "RFC 2045 §6.7",
            (Self::BrokenMultipart, _) => "RFC 2046 §5.1.1",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for FindingKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_name() {
        for kind in FindingKind::ALL {
            assert_eq!(FindingKind::parse(kind.name()), Some(*kind));
        }
        assert_eq!(FindingKind::parse("untidy"), None);
    }
}
