//! Examples of steps, each with the octets that a client gets.

/// An example of a step: printed in the manual, and played by a test.
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) struct Example {
    pub(crate) on: &'static str,
    /// The rule's steps, as a file writes them.
    pub(crate) steps: &'static str,
    /// The client's lines.
    pub(crate) client: &'static str,
    /// The octets that the server sends; `|` marks the end of a write.
    pub(crate) server: &'static str,
    pub(crate) then: Then,
}

/// What happens after the octets of an example.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Then {
    /// The server answers the next command.
    Open,
    /// The server sends nothing more, and the connection stays open.
    Silence,
    /// The connection ends in an orderly way.
    Fin,
    /// The connection ends with RST.
    Rst,
    /// The TLS handshake fails.
    Refused,
}

impl Example {
    pub(super) const fn new(on: &'static str, steps: &'static str, client: &'static str, server: &'static str) -> Self {
        Self { on, steps, client, server, then: Then::Open }
    }

    /// The same steps at a command of each protocol.
    pub(super) const fn everywhere(
        steps: &'static str,
        [smtp, imap, pop3]: [&'static str; 3],
        then: Then,
    ) -> [Self; 3] {
        [
            Self { on: "smtp.noop", steps, client: "NOOP", server: smtp, then },
            Self { on: "imap.noop", steps, client: "A1 NOOP", server: imap, then },
            Self { on: "pop3.user", steps, client: "USER bob", server: pop3, then },
        ]
    }
}

/// The replies of the conforming server in the examples of `everywhere`.
pub(super) const CONFORMING: [&str; 3] = ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"];
