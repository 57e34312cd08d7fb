//! The events: every exchange has one.

mod alias;
mod class;
mod lmtp;

use std::fmt;

#[cfg(test)]
pub(crate) use alias::ALIASES;
pub(crate) use alias::{canonical, unknown_event};

use super::Protocol;

macro_rules! events {
    ($($protocol:expr => { $(#[doc = $about:literal] $variant:ident = $name:literal,)* })*) => {
        /// The kind of an exchange. Every command is an event, named in lower case, such as `smtp.rcpt`.
        ///
        /// ```
        /// use mailjig::Event;
        ///
        /// assert_eq!(Event::SmtpRcpt.to_string(), "smtp.rcpt");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[doc = $about] $variant,)*)*
        }

        impl Event {
            /// All events.
            ///
            /// ```
            /// use mailjig::Event;
            ///
            /// assert!(Event::ALL.contains(&Event::ImapFetch));
            /// ```
            pub const ALL: &'static [Event] = &[$($(Event::$variant,)*)*];

            /// Its name in scenarios, reports and JSON, such as `smtp.rcpt`.
            ///
            /// ```
            /// assert_eq!(mailjig::Event::SmtpMessage.name(), "smtp.message");
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $($(Event::$variant => $name,)*)*
                }
            }

            /// The protocol of the event; `None` for events of a connection, of mail, of variables and of time.
            ///
            /// ```
            /// use mailjig::{Event, Protocol};
            ///
            /// assert_eq!(Event::SmtpRcpt.protocol(), Some(Protocol::Smtp));
            /// assert_eq!(Event::TlsHello.protocol(), None);
            /// ```
            pub fn protocol(self) -> Option<Protocol> {
                match self {
                    $($(Event::$variant)|* => $protocol,)*
                }
            }

            /// Its description, for the reference of scenarios.
            #[cfg(test)]
            pub(crate) fn about(self) -> &'static str {
                match self {
                    $($(Event::$variant => $about.trim_ascii(),)*)*
                }
            }
        }
    };
}

events! {
    None => {
        /// The server accepted a connection. Nothing has been sent yet, not even by TLS.
        TcpAccept = "tcp.accept",
        /// The client sent a TLS ClientHello.
        TlsHello = "tls.hello",
        /// The TLS handshake is complete.
        TlsDone = "tls.done",
        /// TLS failed: in its handshake, or after it, because the client sent an alert or a record that is not valid.
        TlsFailed = "tls.failed",
        /// A session has ended.
        TcpClose = "tcp.close",
        /// A step with `after` sends something outside an exchange. Rules cannot name this event.
        TcpSay = "tcp.say",
    }
    Some(Protocol::Smtp) => {
        /// The server is about to send its greeting.
        SmtpGreeting = "smtp.greeting",
        /// HELO.
        SmtpHelo = "smtp.helo",
        /// EHLO.
        SmtpCaps = "smtp.caps",
        /// STARTTLS.
        SmtpStarttls = "smtp.starttls",
        /// The AUTH command without the complete credentials. With them it is the event `smtp.auth`.
        SmtpAuthStart = "smtp.auth.start",
        /// A line of a SASL exchange, but not its last one.
        SmtpAuthStep = "smtp.auth.step",
        /// The credentials are complete; the reply comes next.
        SmtpAuth = "smtp.auth",
        /// MAIL.
        SmtpMail = "smtp.mail",
        /// RCPT.
        SmtpRcpt = "smtp.rcpt",
        /// DATA.
        SmtpData = "smtp.data",
        /// BDAT and its chunk, unless it completes a message. With the last chunk it is the event `smtp.message`.
        SmtpBdat = "smtp.bdat",
        /// The message is complete; the reply comes next.
        SmtpMessage = "smtp.message",
        /// RSET.
        SmtpRset = "smtp.rset",
        /// NOOP.
        SmtpNoop = "smtp.noop",
        /// VRFY.
        SmtpVrfy = "smtp.vrfy",
        /// EXPN.
        SmtpExpn = "smtp.expn",
        /// XCLIENT.
        SmtpXclient = "smtp.xclient",
        /// XFORWARD.
        SmtpXforward = "smtp.xforward",
        /// HELP.
        SmtpHelp = "smtp.help",
        /// QUIT.
        SmtpQuit = "smtp.quit",
        /// A line that is not a valid SMTP command.
        SmtpUnknown = "smtp.unknown",
        /// The client was silent for too long.
        SmtpLapse = "smtp.lapse",
        /// The server stops.
        SmtpStop = "smtp.stop",
    }
    Some(Protocol::Lmtp) => {
        /// The server is about to send its greeting.
        LmtpGreeting = "lmtp.greeting",
        /// LHLO.
        LmtpCaps = "lmtp.caps",
        /// STARTTLS.
        LmtpStarttls = "lmtp.starttls",
        /// The AUTH command without the complete credentials. With them it is the event `lmtp.auth`.
        LmtpAuthStart = "lmtp.auth.start",
        /// A line of a SASL exchange, but not its last one.
        LmtpAuthStep = "lmtp.auth.step",
        /// The credentials are complete; the reply comes next.
        LmtpAuth = "lmtp.auth",
        /// MAIL.
        LmtpMail = "lmtp.mail",
        /// RCPT.
        LmtpRcpt = "lmtp.rcpt",
        /// DATA.
        LmtpData = "lmtp.data",
        /// BDAT and its chunk, unless it completes a message. With the last chunk it is the event `lmtp.message`.
        LmtpBdat = "lmtp.bdat",
        /// The message is complete; the replies to its recipients come next.
        LmtpMessage = "lmtp.message",
        /// The message is delivered to one of its recipients; the reply to it comes next.
        LmtpDelivery = "lmtp.delivery",
        /// RSET.
        LmtpRset = "lmtp.rset",
        /// NOOP.
        LmtpNoop = "lmtp.noop",
        /// VRFY.
        LmtpVrfy = "lmtp.vrfy",
        /// EXPN.
        LmtpExpn = "lmtp.expn",
        /// HELP.
        LmtpHelp = "lmtp.help",
        /// QUIT.
        LmtpQuit = "lmtp.quit",
        /// A line that is not a valid LMTP command.
        LmtpUnknown = "lmtp.unknown",
        /// The client was silent for too long.
        LmtpLapse = "lmtp.lapse",
        /// The server stops.
        LmtpStop = "lmtp.stop",
    }
    Some(Protocol::Imap) => {
        /// The server is about to send its greeting.
        ImapGreeting = "imap.greeting",
        /// CAPABILITY.
        ImapCaps = "imap.caps",
        /// NOOP.
        ImapNoop = "imap.noop",
        /// LOGOUT.
        ImapQuit = "imap.quit",
        /// STARTTLS.
        ImapStarttls = "imap.starttls",
        /// The AUTHENTICATE command without the complete credentials. With them it is the event `imap.auth`.
        ImapAuthStart = "imap.auth.start",
        /// A line of a SASL exchange, but not its last one.
        ImapAuthStep = "imap.auth.step",
        /// The credentials of AUTHENTICATE are complete; the reply comes next.
        ImapAuth = "imap.auth",
        /// LOGIN.
        ImapLogin = "imap.login",
        /// A synchronizing literal is announced; the client waits for `+`.
        ImapLiteral = "imap.literal",
        /// SELECT.
        ImapSelect = "imap.select",
        /// EXAMINE.
        ImapExamine = "imap.examine",
        /// CREATE.
        ImapCreate = "imap.create",
        /// DELETE.
        ImapDelete = "imap.delete",
        /// RENAME.
        ImapRename = "imap.rename",
        /// SUBSCRIBE.
        ImapSubscribe = "imap.subscribe",
        /// UNSUBSCRIBE.
        ImapUnsubscribe = "imap.unsubscribe",
        /// LIST.
        ImapList = "imap.list",
        /// LSUB.
        ImapLsub = "imap.lsub",
        /// STATUS.
        ImapStatus = "imap.status",
        /// APPEND.
        ImapAppend = "imap.append",
        /// CHECK.
        ImapCheck = "imap.check",
        /// CLOSE.
        ImapClose = "imap.close",
        /// UNSELECT.
        ImapUnselect = "imap.unselect",
        /// EXPUNGE and UID EXPUNGE.
        ImapExpunge = "imap.expunge",
        /// SEARCH and UID SEARCH.
        ImapSearch = "imap.search",
        /// FETCH and UID FETCH.
        ImapFetch = "imap.fetch",
        /// The server is about to send the FETCH response of one message.
        ImapFetchItem = "imap.fetch.item",
        /// STORE and UID STORE.
        ImapStore = "imap.store",
        /// COPY and UID COPY.
        ImapCopy = "imap.copy",
        /// MOVE and UID MOVE.
        ImapMove = "imap.move",
        /// IDLE.
        ImapIdle = "imap.idle",
        /// The line that ends IDLE.
        ImapIdleDone = "imap.idle.done",
        /// The server is about to send news to a client in IDLE.
        ImapPush = "imap.push",
        /// NAMESPACE.
        ImapNamespace = "imap.namespace",
        /// ID.
        ImapId = "imap.id",
        /// ENABLE.
        ImapEnable = "imap.enable",
        /// A line that is not a valid IMAP command.
        ImapUnknown = "imap.unknown",
        /// The client was silent for too long.
        ImapLapse = "imap.lapse",
        /// The server stops.
        ImapStop = "imap.stop",
    }
    Some(Protocol::Pop3) => {
        /// The server is about to send its greeting.
        Pop3Greeting = "pop3.greeting",
        /// CAPA.
        Pop3Caps = "pop3.caps",
        /// STLS.
        Pop3Stls = "pop3.stls",
        /// USER.
        Pop3User = "pop3.user",
        /// PASS.
        Pop3Pass = "pop3.pass",
        /// APOP.
        Pop3Apop = "pop3.apop",
        /// The AUTH command without the complete credentials. With them it is the event `pop3.auth`.
        Pop3AuthStart = "pop3.auth.start",
        /// A line of a SASL exchange, but not its last one.
        Pop3AuthStep = "pop3.auth.step",
        /// The credentials of AUTH are complete; the reply comes next.
        Pop3Auth = "pop3.auth",
        /// UTF8.
        Pop3Utf8 = "pop3.utf8",
        /// LANG.
        Pop3Lang = "pop3.lang",
        /// STAT.
        Pop3Stat = "pop3.stat",
        /// LIST.
        Pop3List = "pop3.list",
        /// UIDL.
        Pop3Uidl = "pop3.uidl",
        /// RETR.
        Pop3Retr = "pop3.retr",
        /// TOP.
        Pop3Top = "pop3.top",
        /// DELE.
        Pop3Dele = "pop3.dele",
        /// NOOP.
        Pop3Noop = "pop3.noop",
        /// RSET.
        Pop3Rset = "pop3.rset",
        /// QUIT.
        Pop3Quit = "pop3.quit",
        /// A line that is not a valid POP3 command.
        Pop3Unknown = "pop3.unknown",
        /// The client was silent for too long.
        Pop3Lapse = "pop3.lapse",
        /// The server stops.
        Pop3Stop = "pop3.stop",
    }
    None => {
        /// A message was delivered to a mailbox.
        MailDelivered = "mail.delivered",
        /// A variable of the scenario changed.
        StateChanged = "state.changed",
        /// The time of the rule's condition `at` has come.
        Timer = "timer",
    }
}

impl Event {
    /// The event of this name, or of this other name: the command's name in its RFC, or `connect` for the greeting.
    /// `None` if there is none.
    ///
    /// ```
    /// use mailjig::Event;
    ///
    /// assert_eq!(Event::parse("smtp.rcpt"), Some(Event::SmtpRcpt));
    /// assert_eq!(Event::parse("imap.logout"), Some(Event::ImapQuit));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let name = canonical(name);
        Self::ALL.iter().copied().find(|event| event.name() == name)
    }

    /// Whether a pattern matches its name: a star matches one part of a name, and at the end all parts that follow.
    pub(crate) fn is_like(self, pattern: &str) -> bool {
        is_like(self.name(), pattern)
    }
}

fn is_like(name: &str, pattern: &str) -> bool {
    match (name.split_once('.'), pattern.split_once('.')) {
        (_, None) if pattern == "*" => true,
        (None, None) => name == pattern,
        (Some((part, rest)), Some((wanted, others))) => (wanted == "*" || wanted == part) && is_like(rest, others),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::base::parsed(deserializer, "the name of an event", Self::parse)
    }
}
