//! Leniencies with a name, with which a server plays a vulnerable one.

use std::fmt;

use super::{Listener, Protocol};

/// What a vulnerable server accepts and a strict one, as mailjig is by default, does not. A test chooses it to see
/// whether a client or a filter is safe in front of such a server.
///
/// ```
/// use mailjig::Leniency;
///
/// assert_eq!(Leniency::LfDotLf.name(), "lf-dot-lf");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Leniency {
    /// A bare LF ends an SMTP command (RFC 5321 §2.3.8 forbids it).
    BareLf,
    /// `<LF>.<LF>` ends a message. Like the four below, this makes SMTP smuggling possible (CVE-2023-51764, -51765,
    /// -51766): the sender's server takes the octets for content, this one takes what follows for commands.
    LfDotLf,
    /// `<LF>.<CR><LF>` ends a message.
    LfDotCrlf,
    /// `<CR><LF>.<LF>` ends a message.
    CrlfDotLf,
    /// `<CR>.<CR>` ends a message.
    CrDotCr,
    /// `<CR>.<CR><LF>` ends a message.
    CrDotCrlf,
    /// What a client sends in cleartext together with STARTTLS or STLS is executed after the handshake, as if it had come
    /// under TLS (CVE-2011-0411, STARTTLS command injection).
    StarttlsInjection,
}

impl Leniency {
    /// All of them.
    ///
    /// ```
    /// use mailjig::Leniency;
    ///
    /// assert!(Leniency::ALL.contains(&Leniency::StarttlsInjection));
    /// ```
    pub const ALL: &'static [Self] = &[
        Self::BareLf,
        Self::LfDotLf,
        Self::LfDotCrlf,
        Self::CrlfDotLf,
        Self::CrDotCr,
        Self::CrDotCrlf,
        Self::StarttlsInjection,
    ];

    /// Its name in options and scenarios, such as `starttls-injection`.
    ///
    /// ```
    /// assert_eq!(mailjig::Leniency::BareLf.name(), "bare-lf");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::BareLf => "bare-lf",
            Self::LfDotLf => "lf-dot-lf",
            Self::LfDotCrlf => "lf-dot-crlf",
            Self::CrlfDotLf => "crlf-dot-lf",
            Self::CrDotCr => "cr-dot-cr",
            Self::CrDotCrlf => "cr-dot-crlf",
            Self::StarttlsInjection => "starttls-injection",
        }
    }

    /// Those that a protocol can have.
    pub(crate) fn of(protocol: Protocol) -> &'static [Self] {
        match protocol {
            Protocol::Smtp | Protocol::Lmtp => Self::ALL,
            Protocol::Imap | Protocol::Pop3 => &[Self::StarttlsInjection],
        }
    }

    /// The leniency of this name. Fails if the protocol cannot have it.
    pub(crate) fn parse(protocol: Protocol, name: &str) -> Result<Self, String> {
        let all = Self::of(protocol);
        all.iter().copied().find(|its| its.name() == name).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|its| its.name()).collect();
            format!("`{name}` is not a leniency of {protocol}: write {}", names.join(", "))
        })
    }

    /// The octets that end a message with it, if it is about that.
    fn end_of_message(self) -> Option<&'static [u8]> {
        match self {
            Self::LfDotLf => Some(b"\n.\n"),
            Self::LfDotCrlf => Some(b"\n.\r\n"),
            Self::CrlfDotLf => Some(b"\r\n.\n"),
            Self::CrDotCr => Some(b"\r.\r"),
            Self::CrDotCrlf => Some(b"\r.\r\n"),
            Self::BareLf | Self::StarttlsInjection => None,
        }
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The leniencies of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leniencies(Vec<(Protocol, Leniency)>);

impl Leniencies {
    /// Adds one. Fails if the protocol cannot have it.
    pub(crate) fn add(&mut self, protocol: Protocol, leniency: Leniency) -> Result<(), String> {
        self.0.push((protocol, Leniency::parse(protocol, leniency.name())?));
        Ok(())
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// Those of a listener.
    pub(crate) fn of(&self, listener: Listener) -> Lenient {
        let own = self.0.iter().filter(|(protocol, _)| *protocol == listener.protocol()).map(|(_, its)| *its);
        let own: Vec<Leniency> = own.collect();
        Lenient {
            bare_lf: own.contains(&Leniency::BareLf),
            starttls_injection: own.contains(&Leniency::StarttlsInjection),
            ends: own.iter().filter_map(|its| its.end_of_message()).collect(),
        }
    }
}

/// The leniencies of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lenient {
    pub(crate) bare_lf: bool,
    pub(crate) starttls_injection: bool,
    /// What ends a message besides CRLF.CRLF.
    pub(crate) ends: Vec<&'static [u8]>,
}
