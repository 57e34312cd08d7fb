//! What is said and done in a recorded session.

/// Something that was said or done in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A line of the client, without its CRLF.
    Line(Vec<Part>),
    /// A message or a literal.
    Body(Vec<u8>),
    /// A literal that is a password.
    SecretBody(Vec<u8>),
    /// Octets of the client that are none of these.
    Octets(Vec<u8>),
    /// Such octets that may be a part of a password, for example of one that was not sent completely.
    SecretOctets(Vec<u8>),
    /// Octets of the server.
    Server(Vec<u8>),
    /// Both sides began TLS.
    Tls,
    /// These many octets of the client were in cleartext behind STARTTLS.
    Dropped(usize),
    /// The server ended the session first.
    Closed,
}

/// A part of a client's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Part {
    Text(Vec<u8>),
    /// Varies with the client, or is secret: the name that stands for it, and its value.
    Named(String, Vec<u8>),
}

/// The names of values that vary without being secret.
pub(super) const OPEN: [&str; 2] = ["tag", "host"];

impl Part {
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Named(name, _) if !OPEN.contains(&&**name))
    }

    pub(super) fn octets(&self) -> &[u8] {
        let (Self::Text(octets) | Self::Named(_, octets)) = self;
        octets
    }
}
