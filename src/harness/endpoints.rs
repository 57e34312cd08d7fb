//! What a client needs to reach the server: endpoints, and the certificate to trust.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{MailServer, or_panic};
use crate::protocol::Listener;
use crate::server::Endpoint;

impl MailServer {
    /// The endpoint for relayed mail: STARTTLS is offered, no login is needed (RFC 5321, RFC 3207).
    ///
    /// # Panics
    /// If the listener was switched off with [`MailServerBuilder::without`](crate::MailServerBuilder::without), as for
    /// the other endpoints.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// println!("{}", server.smtp().url());   // smtp://127.0.0.1:40913
    /// # assert_eq!(server.smtp().listener(), mailjig::Listener::Smtp);
    /// ```
    #[track_caller]
    pub fn smtp(&self) -> &Endpoint {
        self.endpoint(Listener::Smtp)
    }

    /// The endpoint for mail clients that send: STARTTLS, then a login, then mail (RFC 6409).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.submission().requires_login());
    /// ```
    #[track_caller]
    pub fn submission(&self) -> &Endpoint {
        self.endpoint(Listener::Submission)
    }

    /// The endpoint for mail clients that send with implicit TLS (RFC 8314 §3.3).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.smtps().url().starts_with("smtps://"));
    /// ```
    #[track_caller]
    pub fn smtps(&self) -> &Endpoint {
        self.endpoint(Listener::Smtps)
    }

    /// The endpoint for LMTP: STARTTLS is offered, no login is required, and each recipient gets a reply (RFC 2033).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.lmtp().url().starts_with("lmtp://"));
    /// ```
    #[track_caller]
    pub fn lmtp(&self) -> &Endpoint {
        self.endpoint(Listener::Lmtp)
    }

    /// The endpoint for IMAP: STARTTLS is offered (RFC 3501).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.imap().url().starts_with("imap://"));
    /// ```
    #[track_caller]
    pub fn imap(&self) -> &Endpoint {
        self.endpoint(Listener::Imap)
    }

    /// The endpoint for IMAP with implicit TLS (RFC 8314 §3.2).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.imaps().url().starts_with("imaps://"));
    /// ```
    #[track_caller]
    pub fn imaps(&self) -> &Endpoint {
        self.endpoint(Listener::Imaps)
    }

    /// The endpoint for POP3: STLS is offered (RFC 1939, RFC 2595 §4).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.pop3().url().starts_with("pop3://"));
    /// ```
    #[track_caller]
    pub fn pop3(&self) -> &Endpoint {
        self.endpoint(Listener::Pop3)
    }

    /// The endpoint for POP3 with implicit TLS (RFC 8314 §3.1).
    ///
    /// # Panics
    /// If the listener was switched off.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.pop3s().url().starts_with("pop3s://"));
    /// ```
    #[track_caller]
    pub fn pop3s(&self) -> &Endpoint {
        self.endpoint(Listener::Pop3s)
    }

    /// The endpoint of a listener.
    ///
    /// # Panics
    /// If the listener is off.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.endpoint(Listener::Imaps).address(), server.imaps().address());
    /// ```
    #[track_caller]
    pub fn endpoint(&self, listener: Listener) -> &Endpoint {
        match self.server.endpoint(listener) {
            Some(endpoint) => endpoint,
            None => panic!("the {listener} listener of this server is off"),
        }
    }

    /// The certificate of this server's own CA, in PEM. A client that trusts it can verify the server.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.ca().starts_with("-----BEGIN CERTIFICATE-----"));
    /// ```
    pub fn ca(&self) -> &str {
        self.server.ca()
    }

    /// A new certificate with which a client can prove that it is this user, signed by this server's CA, and its key, both in
    /// PEM. The user is the common name, and an rfc822Name if it is an address. Listeners ask for a certificate if
    /// [`auth`](crate::MailServerBuilder::auth) names EXTERNAL, the mechanism that uses it.
    ///
    /// # Panics
    /// If the name is empty or has control characters.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().auth(["EXTERNAL", "PLAIN"]).start();
    /// let pem = server.client_certificate("bob@example.org");
    /// assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && pem.ends_with("-----END PRIVATE KEY-----\n"));
    /// ```
    #[track_caller]
    pub fn client_certificate(&self, user: &str) -> String {
        or_panic(self.server.client_certificate(user))
    }

    /// A temporary file with [`ca`](Self::ca), for clients that need a path. It is deleted with the server.
    ///
    /// # Panics
    /// If the folder for temporary files cannot be written to.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(std::fs::read_to_string(server.ca_file()).unwrap(), server.ca());
    /// ```
    #[track_caller]
    pub fn ca_file(&self) -> &Path {
        if let Some(file) = self.ca_file.get() {
            return file.path();
        }
        let written = self.write_ca();
        let file = or_panic(written.map_err(|error| format!("the CA cannot be written to a temporary file: {error}")));
        self.ca_file.get_or_init(|| file).path()
    }

    fn write_ca(&self) -> io::Result<NamedTempFile> {
        let mut file = tempfile::Builder::new().prefix("mailjig-ca-").suffix(".pem").tempfile()?;
        file.write_all(self.ca().as_bytes())?;
        Ok(file)
    }
}
