//! Steps that move a session on, whatever the client said.

use super::{Rule, text};
use crate::rule::step::login::Login;
use crate::rule::step::pass::{Output, Pass};

impl<P, Of> Rule<P, Of> {
    /// Like [`pass`](Self::pass), but the server performs this command instead of the client's request. In IMAP it has
    /// no tag: the client's is used. A command that is not complete in one line is not performed; that fails
    /// verification.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::event("unknown")).when("verb", "XFROM").pass_as("MAIL FROM:<{arg}>"));
    ///
    /// let mail = "HELO c\r\nXFROM a@example.org\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// read_to_string(client)?;
    /// assert_eq!(server.messages()[0].envelope().sender().address(), "a@example.org");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn pass_as(self, command: &str) -> Self {
        self.push(Pass { output: Output::Sent, command: Some(text(command)) })
    }

    /// Like [`pass_as`](Self::pass_as), but sends nothing of the reply.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(pop3::event("unknown")).pass_silently_as("USER bob").reply("+OK who?"));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"XUSER\r\nPASS secret\r\nQUIT\r\n")?;
    /// assert!(read_to_string(client)?.contains("+OK who?\r\n+OK 0 messages"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn pass_silently_as(self, command: &str) -> Self {
        self.push(Pass { output: Output::Discarded, command: Some(text(command)) })
    }

    /// Logs the session in as this user, whatever the client said. The other steps say the reply. At the greeting of
    /// IMAP the server then says `* PREAUTH`; in POP3 the maildrop is locked. A user who is not on the closed list fails
    /// verification.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::greeting()).log_in("ann@example.org"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a SELECT INBOX\r\nb LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.starts_with("* PREAUTH ") && said.contains("a OK "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn log_in(self, user: &str) -> Self {
        self.push(Login::As(text(user)))
    }

    /// Refuses the client's login as if the password or the token were wrong, in the form of each protocol and mechanism.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::any_protocol;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(any_protocol::auth()).refuse_login());
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN ann secret\r\nb LOGOUT\r\n")?;
    /// assert!(read_to_string(client)?.contains("a NO [AUTHENTICATIONFAILED] "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn refuse_login(self) -> Self {
        self.push(Login::Refused)
    }
}
