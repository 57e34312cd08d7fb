//! The events at which rules can fire, and their kinds as types.

use std::marker::PhantomData;

use crate::harness::or_panic;
use crate::rule::On;
use crate::scenario::fragments;

/// An event at which a rule can fire, made by the functions of the modules, such as [`smtp::rcpt`]. Its type parameter
/// determines which conditions and steps a rule can have there.
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::imap;
///
/// let server = MailServer::start();
/// let point = imap::event("select");
/// let busy = server.mount(on(point).reply("NO [INUSE] Try later"));
/// assert_eq!(busy.hits(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Point<P> {
    pub(super) on: On,
    protocol: PhantomData<P>,
}

/// The kinds of events, as types: a step that only some events have does not compile at the others.
///
/// They are used in the types of functions that return rules:
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::{Rule, at, smtp};
///
/// fn full(domain: &str) -> Rule<at::Smtp> {
///     on(smtp::rcpt()).to(&format!("*@{domain}")).reply("452 4.2.2 Mailbox full")
/// }
///
/// let server = MailServer::start();
/// server.mount(full("full.example"));
/// ```
pub mod at {
    /// SMTP, and LMTP.
    #[derive(Debug, Clone, Copy)]
    pub enum Smtp {}
    /// IMAP.
    #[derive(Debug, Clone, Copy)]
    pub enum Imap {}
    /// IMAP's FETCH, whose response has items.
    #[derive(Debug, Clone, Copy)]
    pub enum Fetch {}
    /// POP3.
    #[derive(Debug, Clone, Copy)]
    pub enum Pop3 {}
    /// POP3's LIST and UIDL, whose reply is a listing.
    #[derive(Debug, Clone, Copy)]
    pub enum Listing {}
    /// Any protocol.
    #[derive(Debug, Clone, Copy)]
    pub enum AnyProtocol {}
    /// A connection, before any protocol.
    #[derive(Debug, Clone, Copy)]
    pub enum Connection {}
    /// A ClientHello, which the server answers with a certificate or an alert.
    #[derive(Debug, Clone, Copy)]
    pub enum ClientHello {}
    /// The server itself, without a client and without a reply.
    #[derive(Debug, Clone, Copy)]
    pub enum Server {}
    /// A point of server time.
    #[derive(Debug, Clone, Copy)]
    pub enum Timer {}

    /// The kinds of events that have a reply.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Point, Rule, at, imap};
    ///
    /// fn unavailable<P: at::Speaks>(point: Point<P>) -> Rule<P> {
    ///     on(point).reply("NO [UNAVAILABLE] Try later").once()
    /// }
    ///
    /// let server = MailServer::start();
    /// server.mount(unavailable(imap::select()));
    /// ```
    pub trait Speaks {}
    impl Speaks for Smtp {}
    impl Speaks for Imap {}
    impl Speaks for Fetch {}
    impl Speaks for Pop3 {}
    impl Speaks for Listing {}
    impl Speaks for AnyProtocol {}
}

macro_rules! events {
    (
        $(#[doc = $about:literal])+
        $module:ident = $prefix:literal $protocol:ident:
        $($(#[doc = $what:literal])+ $name:ident = $event:literal $of:ident, $example:literal;)*
    ) => {
        $(#[doc = $about])+
        pub mod $module {
            use super::{Point, at, point};
            $(
                #[doc = concat!(
                    "`", $event, "`:", $($what, "\n",)+
                    "\n```\nuse mailjig::prelude::*;\nuse mailjig::rules::", stringify!($module), ";\n\n",
                    "let server = MailServer::start();\n",
                    "let rule = server.mount(on(", stringify!($module), "::", stringify!($name), "()).", $example, ");\n",
                    "assert_eq!(rule.hits(), 0);\n```"
                )]
                pub fn $name() -> Point<at::$of> {
                    point($event)
                }
            )*

            #[doc = concat!(
                "The event of this name, without `", $prefix, ".`, as the manual's reference lists them.\n\n",
                "# Panics\nIf no event has this name. The message suggests the nearest one.\n\n",
                "```\nuse mailjig::prelude::*;\n\nlet server = MailServer::start();\n",
                "let point = rules::", stringify!($module), "::event(\"*\");\n",
                "let rule = server.mount(on(point).note(\"seen\"));\nassert_eq!(rule.hits(), 0);\n```"
            )]
            #[track_caller]
            pub fn event(name: &str) -> Point<at::$protocol> {
                point(&format!(concat!($prefix, ".{}"), name))
            }
        }
    };
}

events! {
    /// The events of SMTP (RFC 5321).
    smtp = "smtp" Smtp:
    /// The server is about to greet a client (RFC 5321 §3.1).
    greeting = "smtp.greeting" Smtp, r#"reply("554 5.3.2 No service here")"#;
    /// HELO (RFC 5321 §4.1.1.1).
    helo = "smtp.helo" Smtp, r#"reply("550 5.7.1 Go away")"#;
    /// EHLO, whose reply lists the capabilities (RFC 5321 §4.1.1.1).
    ehlo = "smtp.caps" Smtp, r#"drop_lines("PIPELINING")"#;
    /// STARTTLS (RFC 3207).
    starttls = "smtp.starttls" Smtp, r#"reply("454 4.7.0 TLS not available")"#;
    /// XCLIENT (of Postfix).
    xclient = "smtp.xclient" Smtp, r#"reply("550 5.7.0 No")"#;
    /// XFORWARD (of Postfix).
    xforward = "smtp.xforward" Smtp, r#"reply("550 5.7.0 No")"#;
    /// The AUTH command (RFC 4954 §4), before any credentials.
    auth_start = "smtp.auth.start" Smtp, r#"reply("504 5.5.4 Unknown mechanism")"#;
    /// The credentials of AUTH are complete, before the reply (RFC 4954 §6).
    auth = "smtp.auth" Smtp, r#"reply("454 4.7.0 Try later").once()"#;
    /// MAIL: a transaction begins (RFC 5321 §4.1.1.2).
    mail = "smtp.mail" Smtp, r#"reply("451 4.3.0 Try later")"#;
    /// RCPT: the client names a recipient (RFC 5321 §4.1.1.3).
    rcpt = "smtp.rcpt" Smtp, r#"reply("452 4.2.2 Mailbox full")"#;
    /// DATA: the client requests to send the message (RFC 5321 §4.1.1.4).
    data = "smtp.data" Smtp, r#"reply("451 4.3.0 Try later")"#;
    /// BDAT and its chunk, unless it completes a message (RFC 3030 §2).
    bdat = "smtp.bdat" Smtp, r#"reply("452 4.3.1 Insufficient system storage")"#;
    /// The message is complete, before the reply (RFC 5321 §4.1.1.4).
    message = "smtp.message" Smtp, r#"reply("554 5.7.1 Spam")"#;
    /// RSET (RFC 5321 §4.1.1.5).
    rset = "smtp.rset" Smtp, r#"reply("421 4.3.2 Closing").close()"#;
    /// NOOP (RFC 5321 §4.1.1.9).
    noop = "smtp.noop" Smtp, r#"reply("450 4.3.2 Busy")"#;
    /// QUIT (RFC 5321 §4.1.1.10).
    quit = "smtp.quit" Smtp, r#"reset()"#;
    /// Every event of SMTP.
    any = "smtp.*" Smtp, r#"eol_lf()"#;
}
events! {
    /// The events of LMTP (RFC 2033): those of SMTP, and one for each recipient of a message.
    lmtp = "lmtp" Smtp:
    /// The server is about to greet a client (RFC 5321 §3.1).
    greeting = "lmtp.greeting" Smtp, r#"reply("421 4.3.2 Too busy").close()"#;
    /// LHLO, whose reply lists the capabilities (RFC 2033 §4.1).
    lhlo = "lmtp.caps" Smtp, r#"drop_lines("PIPELINING")"#;
    /// STARTTLS (RFC 3207).
    starttls = "lmtp.starttls" Smtp, r#"reply("454 4.7.0 TLS not available")"#;
    /// The credentials of AUTH are complete, before the reply (RFC 4954 §6).
    auth = "lmtp.auth" Smtp, r#"reply("454 4.7.0 Try later").once()"#;
    /// MAIL: a transaction begins (RFC 5321 §4.1.1.2).
    mail = "lmtp.mail" Smtp, r#"reply("451 4.3.0 Try later")"#;
    /// RCPT: the client names a recipient (RFC 5321 §4.1.1.3).
    rcpt = "lmtp.rcpt" Smtp, r#"reply("550 5.1.1 No such user")"#;
    /// DATA: the client requests to send the message (RFC 5321 §4.1.1.4).
    data = "lmtp.data" Smtp, r#"reply("451 4.3.0 Try later")"#;
    /// BDAT and its chunk, unless it completes a message (RFC 3030 §2).
    bdat = "lmtp.bdat" Smtp, r#"reply("452 4.3.1 Insufficient system storage")"#;
    /// The message is complete. A rule's reply is sent for every recipient (RFC 2033 §4.2).
    message = "lmtp.message" Smtp, r#"reply("451 4.3.0 Try later")"#;
    /// Before the reply for one recipient (RFC 2033 §4.2). A recipient with a rule's reply does not get the message.
    delivery = "lmtp.delivery" Smtp, r#"to("ann@*").reply("452 4.2.2 Mailbox full")"#;
    /// RSET (RFC 5321 §4.1.1.5).
    rset = "lmtp.rset" Smtp, r#"reply("421 4.3.2 Closing").close()"#;
    /// NOOP (RFC 5321 §4.1.1.9).
    noop = "lmtp.noop" Smtp, r#"reply("450 4.3.2 Busy")"#;
    /// QUIT (RFC 5321 §4.1.1.10).
    quit = "lmtp.quit" Smtp, r#"reset()"#;
    /// Every event of LMTP.
    any = "lmtp.*" Smtp, r#"eol_lf()"#;
}
events! {
    /// The events of IMAP (RFC 3501).
    imap = "imap" Imap:
    /// The server is about to greet a client (RFC 3501 §7.1).
    greeting = "imap.greeting" Imap, r#"reply("* BYE Too many connections").close()"#;
    /// CAPABILITY (RFC 3501 §6.1.1).
    capability = "imap.caps" Imap, r#"capabilities(&[], &["IDLE"]).pass()"#;
    /// STARTTLS (RFC 3501 §6.2.1).
    starttls = "imap.starttls" Imap, r#"reply("BAD No TLS here")"#;
    /// The AUTHENTICATE command (RFC 3501 §6.2.2), before any credentials.
    auth_start = "imap.auth.start" Imap, r#"reply("NO Unknown mechanism")"#;
    /// The credentials of LOGIN or AUTHENTICATE are complete, before the reply.
    auth = "imap.auth" Imap, r#"reply("NO [UNAVAILABLE] Try later").once()"#;
    /// LOGIN (RFC 3501 §6.2.3).
    login = "imap.login" Imap, r#"reply("NO [AUTHENTICATIONFAILED] No")"#;
    /// SELECT (RFC 3501 §6.3.1).
    select = "imap.select" Imap, r#"code("UIDVALIDITY", "7")"#;
    /// LIST (RFC 3501 §6.3.8).
    list = "imap.list" Imap, r#"drop_lines("INBOX")"#;
    /// STATUS (RFC 3501 §6.3.10).
    status = "imap.status" Imap, r#"reply("NO [NONEXISTENT] No such mailbox")"#;
    /// APPEND (RFC 3501 §6.3.11).
    append = "imap.append" Imap, r#"reply("NO [OVERQUOTA] Quota exceeded")"#;
    /// A client has announced a literal and waits for the continuation request (RFC 3501 §4.3).
    literal = "imap.literal" Imap, r#"stall()"#;
    /// SEARCH and UID SEARCH (RFC 3501 §6.4.4).
    search = "imap.search" Imap, r#"reply("NO [LIMIT] Too much")"#;
    /// FETCH and UID FETCH (RFC 3501 §6.4.5), as a whole.
    fetch = "imap.fetch" Fetch, r#"drop_item("FLAGS")"#;
    /// Before the response for one message of a FETCH.
    fetch_item = "imap.fetch.item" Fetch, r#"item("RFC822.SIZE", "1").nth("2")"#;
    /// STORE and UID STORE (RFC 3501 §6.4.6).
    store = "imap.store" Imap, r#"reply("NO [NOPERM] Read-only")"#;
    /// COPY and UID COPY (RFC 3501 §6.4.7).
    copy = "imap.copy" Imap, r#"reply("NO [TRYCREATE] No such mailbox")"#;
    /// MOVE and UID MOVE (RFC 6851).
    move_ = "imap.move" Imap, r#"reply("NO [OVERQUOTA] Quota exceeded")"#;
    /// EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).
    expunge = "imap.expunge" Imap, r#"drop_lines("EXPUNGE")"#;
    /// IDLE (RFC 2177).
    idle = "imap.idle" Imap, r#"pass().stall_connection()"#;
    /// The line DONE, which ends IDLE (RFC 2177).
    idle_done = "imap.idle.done" Imap, r#"stall()"#;
    /// The server has news for a client in IDLE.
    push = "imap.push" Imap, r#"cut(4).reset().once()"#;
    /// NOOP (RFC 3501 §6.1.2).
    noop = "imap.noop" Imap, r#"expunge(1).pass()"#;
    /// LOGOUT (RFC 3501 §6.1.3).
    logout = "imap.quit" Imap, r#"reset()"#;
    /// Every event of IMAP.
    any = "imap.*" Imap, r#"eol_lf()"#;
}
events! {
    /// The events of POP3 (RFC 1939).
    pop3 = "pop3" Pop3:
    /// The server is about to greet a client (RFC 1939 §4).
    greeting = "pop3.greeting" Pop3, r#"reply("-ERR Try later").close()"#;
    /// CAPA (RFC 2449).
    capa = "pop3.caps" Pop3, r#"drop_lines("UIDL")"#;
    /// STLS (RFC 2595 §4).
    stls = "pop3.stls" Pop3, r#"reply("-ERR No TLS here")"#;
    /// USER (RFC 1939 §7).
    user = "pop3.user" Pop3, r#"reply("-ERR No such user")"#;
    /// PASS (RFC 1939 §7).
    pass = "pop3.pass" Pop3, r#"reply("-ERR [IN-USE] Maildrop is locked").once()"#;
    /// APOP (RFC 1939 §7).
    apop = "pop3.apop" Pop3, r#"reply("-ERR [AUTH] No")"#;
    /// The credentials of PASS, APOP or AUTH are complete, before the reply.
    auth = "pop3.auth" Pop3, r#"reply("-ERR [SYS/TEMP] Try later")"#;
    /// UTF8 (RFC 6856 §2.1).
    utf8 = "pop3.utf8" Pop3, r#"reply("-ERR Not here")"#;
    /// LANG (RFC 6856 §3).
    lang = "pop3.lang" Pop3, r#"reply("-ERR Not here")"#;
    /// STAT (RFC 1939 §5).
    stat = "pop3.stat" Pop3, r#"reply("+OK 0 0")"#;
    /// LIST (RFC 1939 §5).
    list = "pop3.list" Listing, r#"drop_listing(1)"#;
    /// UIDL (RFC 1939 §7).
    uidl = "pop3.uidl" Listing, r#"listing_uid(1, "again")"#;
    /// RETR (RFC 1939 §5).
    retr = "pop3.retr" Pop3, r#"cut(200)"#;
    /// TOP (RFC 1939 §7).
    top = "pop3.top" Pop3, r#"reply("-ERR Not here")"#;
    /// DELE (RFC 1939 §5).
    dele = "pop3.dele" Pop3, r#"reply("-ERR Not yours")"#;
    /// NOOP (RFC 1939 §5).
    noop = "pop3.noop" Pop3, r#"stall()"#;
    /// RSET (RFC 1939 §5).
    rset = "pop3.rset" Pop3, r#"reply("-ERR Try later")"#;
    /// QUIT (RFC 1939 §6).
    quit = "pop3.quit" Pop3, r#"reset()"#;
    /// Every event of POP3.
    any = "pop3.*" Pop3, r#"eol_lf()"#;
}
events! {
    /// The events of a TCP connection.
    tcp = "tcp" Connection:
    /// A connection was accepted; nothing was sent yet, not even in TLS.
    accept = "tcp.accept" Connection, r#"reset().once()"#;
}
events! {
    /// The events of a TLS handshake (RFC 8446).
    tls = "tls" Connection:
    /// A ClientHello arrived (RFC 8446 §4.1.2).
    hello = "tls.hello" ClientHello, r#"alert("handshake_failure")"#;
    /// The handshake is complete.
    done = "tls.done" Connection, r#"close()"#;
}
events! {
    /// Events that every protocol has.
    any_protocol = "*" AnyProtocol:
    /// The server is about to greet a client.
    greeting = "*.greeting" AnyProtocol, r#"close()"#;
    /// A client requests the capabilities.
    capabilities = "*.caps" AnyProtocol, r#"eol_lf()"#;
    /// Credentials are complete, before the reply.
    auth = "*.auth" AnyProtocol, r#"stall()"#;
    /// A client sends QUIT or LOGOUT.
    quit = "*.quit" AnyProtocol, r#"reset()"#;
    /// Every event of every protocol.
    command = "*.*" AnyProtocol, r#"eol_lf()"#;
}

/// Events of mail, independent of clients.
pub mod mail {
    use super::{Point, at, point};

    /// `mail.delivered`: a message was put into a mailbox.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::mail;
    ///
    /// let server = MailServer::start();
    /// let delivered = server.mount(on(mail::delivered()).note("there is mail"));
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// delivered.wait(1).block();
    /// ```
    pub fn delivered() -> Point<at::Server> {
        point("mail.delivered")
    }
}

/// Events of the variables of a scenario.
pub mod state {
    use super::{Point, at, point};

    /// `state.changed`: a variable of the scenario changed.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::state;
    ///
    /// let server = MailServer::start();
    /// let changed = server.mount(on(state::changed()).kick("*"));
    /// assert_eq!(changed.hits(), 0);
    /// ```
    pub fn changed() -> Point<at::Server> {
        point("state.changed")
    }
}

/// `timer`: a point of server time was reached, set with [`Rule::at`](crate::rules::Rule::at).
///
/// ```
/// use std::time::Duration;
/// use mailjig::prelude::*;
/// use mailjig::rules::timer;
///
/// let server = MailServer::builder().manual_clock().start();
/// let noon = server.mount(on(timer()).at(Duration::from_secs(3600)).kick("*"));
/// server.clock().advance(Duration::from_secs(3600));
/// assert_eq!(noon.hits(), 1);
/// ```
pub fn timer() -> Point<at::Timer> {
    point("timer")
}

#[track_caller]
fn point<P>(name: &str) -> Point<P> {
    Point { on: or_panic(fragments::event(name)), protocol: PhantomData }
}
