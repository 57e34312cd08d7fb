//! Matchers for a session: the one that received a message, or one awaited with
//! [`MailServer::wait_for_session`](crate::MailServer::wait_for_session).
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use mailjig::matchers::session;
//! use mailjig::prelude::*;
//!
//! let server = MailServer::start();
//! let mut client = BufReader::new(std::net::TcpStream::connect(server.imap().address()).unwrap());
//! client.get_mut().write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n").unwrap();
//!
//! // From here on new messages are announced to the client at once.
//! server.wait_for_session(session::user("bob@example.org").and(session::idling())).block();
//! server.deliver("bob@example.org", "Subject: news\r\n\r\n");
//! assert!(client.lines().any(|line| line.unwrap() == "* 1 EXISTS"));
//! ```

use crate::base::{Certificate, Pattern};
use crate::expect::matcher::{Matcher, Node, Text};
use crate::journal::Session;

/// Whether TLS is established.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// server.wait_for_session(session::tls(false)).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn tls(secured: bool) -> Matcher {
    Matcher::of(Node::Fact { name: "tls", holds: |session| session.tls.is_some(), wanted: secured })
}

/// Whether TLS failed: in its handshake, or after it. [`Session::tls_failure`](crate::Session::tls_failure) says why.
///
/// ```
/// use lettre::transport::smtp::client::{Tls, TlsParameters};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // The client does not know the server's CA.
/// let tls = TlsParameters::new("localhost".to_owned()).unwrap();
/// let client = lettre::SmtpTransport::builder_dangerous("localhost");
/// let client = client.port(server.smtps().port()).tls(Tls::Wrapper(tls)).build();
/// assert!(client.test_connection().is_err());
/// server.wait_for_session(session::tls_failed()).block();
/// ```
pub fn tls_failed() -> Matcher {
    Matcher::of(Node::Fact { name: "tls failed", holds: |session| session.tls_failure.is_some(), wanted: true })
}

/// Whether the client ended TLS with this alert, in its handshake or after it, by the name in RFC 8446 §6; `""` matches a
/// session without an alert.
///
/// ```
/// use lettre::transport::smtp::client::{Tls, TlsParameters};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // The client does not know the server's CA.
/// let tls = TlsParameters::new("localhost".to_owned()).unwrap();
/// let client = lettre::SmtpTransport::builder_dangerous("localhost");
/// let client = client.port(server.smtps().port()).tls(Tls::Wrapper(tls)).build();
/// assert!(client.test_connection().is_err());
/// server.wait_for_session(session::alert("unknown_ca")).block();
/// ```
#[track_caller]
pub fn alert(name: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Alert, name)
}

/// Whether the client requested this server name (RFC 6066 §3), also if TLS failed; `""` matches a session without one.
///
/// ```
/// use lettre::transport::smtp::client::{Tls, TlsParameters};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // The client does not know the server's CA.
/// let tls = TlsParameters::new("localhost".to_owned()).unwrap();
/// let client = lettre::SmtpTransport::builder_dangerous("localhost");
/// let client = client.port(server.smtps().port()).tls(Tls::Wrapper(tls)).build();
/// assert!(client.test_connection().is_err());
/// server.wait_for_session(session::sni("localhost")).block();
/// ```
#[track_caller]
pub fn sni(name: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Sni, name)
}

/// Whether the server presented this certificate, also if TLS failed.
///
/// ```
/// use lettre::transport::smtp::client::{Tls, TlsParameters};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
/// use mailjig::{Certificate, TlsProfile};
///
/// let server = MailServer::builder().tls(TlsProfile::new().certificate(Certificate::SelfSigned)).start();
/// let tls = TlsParameters::new("localhost".to_owned()).unwrap();
/// let client = lettre::SmtpTransport::builder_dangerous("localhost");
/// let client = client.port(server.smtps().port()).tls(Tls::Wrapper(tls)).build();
/// assert!(client.test_connection().is_err());
/// server.wait_for_session(session::certificate(Certificate::SelfSigned)).block();
/// ```
pub fn certificate(certificate: Certificate) -> Matcher {
    Matcher::text(Text::Certificate, certificate.name())
}

/// Whether the client presented a certificate with this name: an rfc822Name of its subjectAltName, or a common name of its
/// subject; `""` matches a session without a certificate of the client.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// server.wait_for_session(session::client_certificate("bob@example.org").not()).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn client_certificate(name: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::ClientCertificate, name)
}

/// Whether the client resumed an earlier TLS session (RFC 8446 §2.2).
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// server.wait_for_session(session::resumed().not()).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn resumed() -> Matcher {
    let holds = |session: &Session| session.tls.as_ref().is_some_and(|tls| tls.resumed);
    Matcher::of(Node::Fact { name: "resumed", holds, wanted: true })
}

/// Whether it is in IMAP's IDLE (RFC 2177).
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.imap().address())?;
/// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n")?;
/// server.wait_for_session(session::idling()).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn idling() -> Matcher {
    Matcher::of(Node::Fact { name: "idling", holds: |session| session.idling, wanted: true })
}

/// Whether it has not ended.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// server.wait_for_session(session::open()).block();
/// drop(client);
/// server.wait_for_session(session::open().not()).block();
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open() -> Matcher {
    Matcher::of(Node::Fact { name: "open", holds: |session| session.ended.is_none(), wanted: true })
}

/// Whether it has selected this mailbox over IMAP.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.imap().address())?;
/// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\n")?;
/// server.wait_for_session(session::mailbox("INBOX")).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn mailbox(name: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Mailbox, name)
}

/// Whether it is logged in as this user; `""` matches a session that is not logged in.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.imap().address())?;
/// client.write_all(b"a LOGIN bob@example.org x\r\n")?;
/// server.wait_for_session(session::user("bob@example.org")).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn user(login: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::User, login)
}

/// Whether the client gave this name in EHLO or HELO (RFC 5321 §4.1.1.1).
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"EHLO client.example\r\n")?;
/// server.wait_for_session(session::helo("client.example")).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn helo(name: impl Into<Pattern>) -> Matcher {
    Matcher::text(Text::Helo, name)
}

/// Whether this listener accepted it, by name: `smtp`, `submission`, `imaps`.
///
/// # Panics
/// If no listener has this name; the message suggests the nearest one.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.pop3().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// server.wait_for_session(session::listener("pop3")).block();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn listener(name: impl Into<Pattern>) -> Matcher {
    match Matcher::listener(name.into()) {
        Ok(matcher) => matcher,
        Err(unknown) => panic!("{unknown}"),
    }
}
