//! Why a session ended.

use std::fmt;

/// Why a session ended.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::Ending;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"QUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "));
/// server.settled().block();
/// assert_eq!(server.sessions()[0].ended.unwrap().1, Ending::Clean);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Ending {
    /// Orderly: the client sent QUIT or LOGOUT, or the server announced the end.
    Clean,
    /// The client closed the connection without QUIT or LOGOUT.
    ClientClosed,
    /// The connection was reset, or broke.
    Broken,
    /// The client was silent for too long; the server announced the end.
    Idle,
    /// The client did not read pending output for too long.
    NotReading,
    /// TLS failed: its handshake, or what came after it.
    TlsFailed,
    /// The listener expects the PROXY protocol, and its header did not come or was not valid.
    ProxyFailed,
    /// The server stopped.
    ServerStopped,
    /// A test ended it, or a rule with `kick`.
    Kicked,
    /// A rule ended it.
    Ruled,
    /// A bug of mailjig.
    Bug,
}

impl Ending {
    /// Its name in JSON, such as `client-closed`.
    ///
    /// ```
    /// assert_eq!(mailjig::Ending::ClientClosed.name(), "client-closed");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::ClientClosed => "client-closed",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::NotReading => "not-reading",
            Self::TlsFailed => "tls-failed",
            Self::ProxyFailed => "proxy-failed",
            Self::ServerStopped => "server-stopped",
            Self::Kicked => "kicked",
            Self::Ruled => "ruled",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "ended normally",
            Self::ClientClosed => "the client closed the connection without QUIT or LOGOUT",
            Self::Broken => "the connection broke",
            Self::Idle => "the client was silent for too long",
            Self::NotReading => "the client did not read the server's output for too long",
            Self::TlsFailed => "TLS failed",
            Self::ProxyFailed => "the header of the PROXY protocol was missing or not valid",
            Self::ServerStopped => "the server stopped",
            Self::Kicked => "ended by a test, or by a rule's `kick`",
            Self::Ruled => "ended by a rule",
            Self::Bug => "ended by a bug in mailjig; please report it",
        })
    }
}
