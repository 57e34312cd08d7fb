//! Options for POP3: how long messages stay, how often a user may log in, and the form of unique ids.

use std::time::Duration;

use super::{MailServerBuilder, or_panic};
use crate::protocol::pop3::{Expire, UniqueIds};

impl MailServerBuilder {
    /// The days after which a login over POP3 deletes messages, by the server's clock; announced as EXPIRE (RFC 2449
    /// §6.7). With 0, QUIT deletes the messages that were retrieved. Default: `None`, never.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().pop3_expire(30).start();
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"CAPA\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\nEXPIRE 30\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pop3_expire(mut self, days: impl Into<Option<u32>>) -> Self {
        self.0.pop3.expire = expire(days.into());
        self
    }

    /// Like [`pop3_expire`](Self::pop3_expire), for one user. Before a login, the server then announces the shortest
    /// time of all users and that it depends on the user: `EXPIRE 0 USER`.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().pop3_expire(30).pop3_expire_for("bob@example.org", None).start();
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"CAPA\r\nUSER bob@example.org\r\nPASS x\r\nCAPA\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\nEXPIRE 30 USER\r\n") && said.contains("\r\nEXPIRE NEVER\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pop3_expire_for(mut self, login: &str, days: impl Into<Option<u32>>) -> Self {
        self.0.pop3.set_expire_for(login, expire(days.into()));
        self
    }

    /// The time between two logins of a user over POP3, by the server's clock; announced as LOGIN-DELAY. An earlier
    /// login gets `-ERR [LOGIN-DELAY]` (RFC 2449 §6.5, §8.1.1). Default: none.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream, time::Duration};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().manual_clock().pop3_login_delay(Duration::from_secs(60)).start();
    /// let log_in = || {
    ///     let mut client = TcpStream::connect(server.pop3().address())?;
    ///     client.write_all(b"USER bob@example.org\r\nPASS x\r\nQUIT\r\n")?;
    ///     read_to_string(client)
    /// };
    /// assert!(!log_in()?.contains("-ERR"));
    /// assert!(log_in()?.contains("-ERR [LOGIN-DELAY]"));
    ///
    /// server.clock().advance(Duration::from_secs(60));
    /// assert!(!log_in()?.contains("-ERR"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pop3_login_delay(mut self, time: Duration) -> Self {
        self.0.pop3.login_delay = time;
        self
    }

    /// The form of the ids that UIDL reports (RFC 1939 §7): `validity.uid`, `hex`, `hash` (MD5 of the octets: equal
    /// messages have equal ids), `long` (70 characters), or a template with `{validity}`, `{uid}`, `{validity:x}`, `{uid:x}`
    /// and `{hash}`. Default: `validity.uid`, such as `1.2`.
    ///
    /// # Panics
    /// If the form is not valid: all ids would be the same, too long, or not visible ASCII characters.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().pop3_unique_ids("<{uid:x}@mail.example>").start();
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"USER bob@example.org\r\nPASS x\r\nUIDL 1\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("+OK 1 <00000001@mail.example>\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn pop3_unique_ids(mut self, form: &str) -> Self {
        self.0.pop3.unique_ids = or_panic(UniqueIds::parse(form));
        self
    }
}

fn expire(days: Option<u32>) -> Expire {
    days.map_or(Expire::Never, Expire::Days)
}
