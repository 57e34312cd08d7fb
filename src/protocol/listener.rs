//! The protocols, and the listeners that a server can have.

use std::fmt;

/// A mail protocol of the server.
///
/// ```
/// use mailjig::{Listener, Protocol};
///
/// assert_eq!(Listener::Submission.protocol(), Protocol::Smtp);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// SMTP (RFC 5321), including submission (RFC 6409).
    Smtp,
    /// LMTP (RFC 2033): SMTP between a mail queue and a mailbox, with a reply for each recipient.
    Lmtp,
    /// IMAP4rev1 (RFC 3501).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
}

impl Protocol {
    /// All protocols.
    ///
    /// ```
    /// use mailjig::Protocol;
    ///
    /// assert!(Protocol::ALL.contains(&Protocol::Pop3));
    /// ```
    pub const ALL: &'static [Self] = &[Self::Smtp, Self::Lmtp, Self::Imap, Self::Pop3];

    /// Its name in scenarios and reports, with which the names of its events begin: `smtp`, `lmtp`, `imap`, `pop3`.
    ///
    /// ```
    /// use mailjig::{Event, Protocol};
    ///
    /// assert_eq!(Protocol::Imap.name(), "imap");
    /// assert_eq!(Event::ImapFetch.name(), "imap.fetch");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }

    /// The protocol of this name; `None` if there is none.
    ///
    /// ```
    /// use mailjig::Protocol;
    ///
    /// assert_eq!(Protocol::parse("pop3"), Some(Protocol::Pop3));
    /// assert_eq!(Protocol::parse("pop3s"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protocol| protocol.name() == name)
    }
}

macro_rules! listeners {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $protocol:ident, port $port:literal, implicit TLS $tls:literal;)*) => {
        /// The listeners that a server can have: each a protocol and a TLS mode.
        ///
        /// ```
        /// use mailjig::Listener;
        ///
        /// assert!(Listener::Imaps.implicit_tls());
        /// assert_eq!(Listener::Submission.default_port(), 1587);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Listener {
            $($(#[$doc])* $variant,)*
        }

        impl Listener {
            /// All listeners.
            ///
            /// ```
            /// use mailjig::Listener;
            ///
            /// assert!(Listener::ALL.contains(&Listener::Submission));
            /// ```
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in options, reports and transcripts: `smtp`, `submission`, `imaps`.
            ///
            /// ```
            /// assert_eq!(mailjig::Listener::Submission.name(), "submission");
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The protocol of this listener.
            ///
            /// ```
            /// use mailjig::{Listener, Protocol};
            ///
            /// assert_eq!(Listener::Submission.protocol(), Protocol::Smtp);
            /// assert_eq!(Listener::Imaps.protocol(), Protocol::Imap);
            /// ```
            pub fn protocol(self) -> Protocol {
                match self {
                    $(Self::$variant => Protocol::$protocol,)*
                }
            }

            /// Its port in `mailjig serve`, by default. A server in a test uses free ports.
            ///
            /// ```
            /// assert_eq!(mailjig::Listener::Smtp.default_port(), 1025);
            /// ```
            pub fn default_port(self) -> u16 {
                match self {
                    $(Self::$variant => $port,)*
                }
            }

            /// Whether it has implicit TLS: TLS begins with the first octet (RFC 8314 §3).
            ///
            /// ```
            /// assert!(mailjig::Listener::Smtps.implicit_tls());
            /// ```
            pub fn implicit_tls(self) -> bool {
                match self {
                    $(Self::$variant => $tls,)*
                }
            }
        }
    };
}

listeners! {
    /// SMTP between servers, with optional STARTTLS (RFC 5321, RFC 3207).
    Smtp: "smtp", Smtp, port 1025, implicit TLS false;
    /// SMTP for mail clients: STARTTLS, then a login, then mail (RFC 6409).
    Submission: "submission", Smtp, port 1587, implicit TLS false;
    /// Submission with TLS from the first octet (RFC 8314 §3.3).
    Smtps: "smtps", Smtp, port 1465, implicit TLS true;
    /// LMTP with optional STARTTLS (RFC 2033).
    Lmtp: "lmtp", Lmtp, port 1024, implicit TLS false;
    /// IMAP with optional STARTTLS (RFC 3501).
    Imap: "imap", Imap, port 1143, implicit TLS false;
    /// IMAP with TLS from the first octet (RFC 8314 §3.2).
    Imaps: "imaps", Imap, port 1993, implicit TLS true;
    /// POP3 with optional STLS (RFC 1939, RFC 2595 §4).
    Pop3: "pop3", Pop3, port 1110, implicit TLS false;
    /// POP3 with TLS from the first octet (RFC 8314 §3.1).
    Pop3s: "pop3s", Pop3, port 1995, implicit TLS true;
}

impl Listener {
    /// The listener of this name; `None` if there is none.
    ///
    /// ```
    /// use mailjig::Listener;
    ///
    /// assert_eq!(Listener::parse("imaps"), Some(Listener::Imaps));
    /// assert_eq!(Listener::parse("http"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|listener| listener.name() == name)
    }

    /// The scheme of its URL: `smtp`, `smtps`, `lmtp`, `imap`, `imaps`, `pop3` or `pop3s`.
    ///
    /// ```
    /// assert_eq!(mailjig::Listener::Submission.scheme(), "smtp");
    /// ```
    pub fn scheme(self) -> &'static str {
        // Submission has no scheme of its own.
        if self.implicit_tls() { self.name() } else { self.protocol().name() }
    }

    /// The names of all listeners.
    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|listener| listener.name()).collect()
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Protocol {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Listener {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Listener {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::base::parsed(deserializer, "a listener", Self::parse)
    }
}
