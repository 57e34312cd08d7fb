//! Where rules stand: the events of each protocol, and what can be done at them, as types.

use std::marker::PhantomData;

use crate::harness::or_panic;
use crate::rule::On;
use crate::scenario::fragments;

/// Where a rule stands: an event of a protocol, or of a connection. The type says what a rule can do there.
#[derive(Debug, Clone)]
pub struct Point<P> {
    pub(super) on: On,
    protocol: PhantomData<P>,
}

/// The protocols, as types: a step of one protocol does not compile at an event of another.
pub mod at {
    /// SMTP.
    #[derive(Debug, Clone, Copy)]
    pub enum Smtp {}
    /// IMAP.
    #[derive(Debug, Clone, Copy)]
    pub enum Imap {}
    /// What FETCH answers.
    #[derive(Debug, Clone, Copy)]
    pub enum Fetch {}
    /// POP3.
    #[derive(Debug, Clone, Copy)]
    pub enum Pop3 {}
    /// A listing of POP3.
    #[derive(Debug, Clone, Copy)]
    pub enum Listing {}
    /// Any protocol.
    #[derive(Debug, Clone, Copy)]
    pub enum AnyProtocol {}
    /// A connection, before a protocol is spoken.
    #[derive(Debug, Clone, Copy)]
    pub enum Connection {}
    /// A ClientHello.
    #[derive(Debug, Clone, Copy)]
    pub enum ClientHello {}
    /// What is no client's.
    #[derive(Debug, Clone, Copy)]
    pub enum Server {}
    /// A moment.
    #[derive(Debug, Clone, Copy)]
    pub enum Timer {}

    /// Where replies are said.
    pub trait Speaks {}
    impl Speaks for Smtp {}
    impl Speaks for Imap {}
    impl Speaks for Fetch {}
    impl Speaks for Pop3 {}
    impl Speaks for Listing {}
    impl Speaks for AnyProtocol {}
}

macro_rules! points {
    ($(#[$doc:meta])* $module:ident = $prefix:literal $protocol:ident: $($name:ident = $event:literal $of:ident,)*) => {
        $(#[$doc])*
        pub mod $module {
            use super::{Point, at, point};
            $(
                #[doc = concat!("`", $event, "`")]
                pub fn $name() -> Point<at::$of> {
                    point($event)
                }
            )*
            /// The event of this name, as the reference lists them.
            ///
            /// # Panics
            /// If this protocol has none of this name.
            #[track_caller]
            pub fn event(name: &str) -> Point<at::$protocol> {
                point(&format!(concat!($prefix, ".{}"), name))
            }
        }
    };
}

points! {
    /// The events of SMTP.
    smtp = "smtp" Smtp:
    greeting = "smtp.greeting" Smtp, helo = "smtp.helo" Smtp, ehlo = "smtp.caps" Smtp, starttls = "smtp.starttls" Smtp,
    auth_start = "smtp.auth.start" Smtp, auth = "smtp.auth" Smtp, mail = "smtp.mail" Smtp, rcpt = "smtp.rcpt" Smtp,
    data = "smtp.data" Smtp, message = "smtp.message" Smtp, rset = "smtp.rset" Smtp, noop = "smtp.noop" Smtp,
    quit = "smtp.quit" Smtp, any = "smtp.*" Smtp,
}
points! {
    /// The events of IMAP.
    imap = "imap" Imap:
    greeting = "imap.greeting" Imap, capability = "imap.caps" Imap, starttls = "imap.starttls" Imap,
    auth_start = "imap.auth.start" Imap, auth = "imap.auth" Imap, login = "imap.login" Imap, select = "imap.select" Imap,
    list = "imap.list" Imap, status = "imap.status" Imap, append = "imap.append" Imap, literal = "imap.literal" Imap,
    search = "imap.search" Imap, fetch = "imap.fetch" Fetch, fetch_item = "imap.fetch.item" Fetch,
    store = "imap.store" Imap, copy = "imap.copy" Imap, move_ = "imap.move" Imap, expunge = "imap.expunge" Imap,
    idle = "imap.idle" Imap, idle_done = "imap.idle.done" Imap, push = "imap.push" Imap, noop = "imap.noop" Imap,
    logout = "imap.quit" Imap, any = "imap.*" Imap,
}
points! {
    /// The events of POP3.
    pop3 = "pop3" Pop3:
    greeting = "pop3.greeting" Pop3, capa = "pop3.caps" Pop3, stls = "pop3.stls" Pop3, user = "pop3.user" Pop3,
    pass = "pop3.pass" Pop3, apop = "pop3.apop" Pop3, auth = "pop3.auth" Pop3, stat = "pop3.stat" Pop3,
    list = "pop3.list" Listing, uidl = "pop3.uidl" Listing, retr = "pop3.retr" Pop3, top = "pop3.top" Pop3,
    dele = "pop3.dele" Pop3, noop = "pop3.noop" Pop3, rset = "pop3.rset" Pop3, quit = "pop3.quit" Pop3,
    any = "pop3.*" Pop3,
}
points! {
    /// What happens to a connection.
    tcp = "tcp" Connection:
    accept = "tcp.accept" Connection,
}
points! {
    /// What happens in a TLS handshake.
    tls = "tls" Connection:
    hello = "tls.hello" ClientHello, done = "tls.done" Connection,
}
points! {
    /// The same event of every protocol.
    any_protocol = "*" AnyProtocol:
    greeting = "*.greeting" AnyProtocol, capabilities = "*.caps" AnyProtocol, auth = "*.auth" AnyProtocol, quit = "*.quit" AnyProtocol,
    command = "*.*" AnyProtocol,
}

/// What happens to mail, whatever clients do.
pub mod mail {
    use super::{Point, at, point};

    /// `mail.delivered`: a message was put into a mailbox.
    pub fn delivered() -> Point<at::Server> {
        point("mail.delivered")
    }
}

/// What happens to the variables of a scenario.
pub mod state {
    use super::{Point, at, point};

    /// `state.changed`: a variable of the scenario changed.
    pub fn changed() -> Point<at::Server> {
        point("state.changed")
    }
}

/// `timer`: a moment came; which, [`at`](crate::rules::Rule::at) says.
pub fn timer() -> Point<at::Timer> {
    point("timer")
}

#[track_caller]
fn point<P>(fragments: &str) -> Point<P> {
    // `any::event("noop")` is the event of every protocol.
    let fragments = fragments.strip_prefix("any.").map_or_else(|| fragments.to_owned(), |name| format!("*.{name}"));
    Point { on: or_panic(fragments::event(&fragments)), protocol: PhantomData }
}
