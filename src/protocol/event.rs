//! The names of what happens: every exchange has one.

use std::fmt;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of exchange this is: every command is an event by its lower-case RFC name, as `smtp.rcpt`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $variant,)*
        }

        impl Event {
            /// All events.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// Its name, as `smtp.rcpt`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Event::$variant => $name,)*
                }
            }
        }
    };
}

events! {
    /// A connection was accepted and is to be greeted.
    SmtpGreeting = "smtp.greeting",
    /// HELO.
    SmtpHelo = "smtp.helo",
    /// EHLO, which asks for capabilities.
    SmtpCaps = "smtp.caps",
    /// STARTTLS.
    SmtpStarttls = "smtp.starttls",
    /// The AUTH command.
    SmtpAuthStart = "smtp.auth.start",
    /// A line of a SASL exchange that is not its last.
    SmtpAuthStep = "smtp.auth.step",
    /// Credentials are complete; the verdict is next.
    SmtpAuth = "smtp.auth",
    /// MAIL.
    SmtpMail = "smtp.mail",
    /// RCPT.
    SmtpRcpt = "smtp.rcpt",
    /// DATA.
    SmtpData = "smtp.data",
    /// The end of the data; the verdict on the message is next.
    SmtpMessage = "smtp.message",
    /// RSET.
    SmtpRset = "smtp.rset",
    /// NOOP.
    SmtpNoop = "smtp.noop",
    /// VRFY.
    SmtpVrfy = "smtp.vrfy",
    /// EXPN.
    SmtpExpn = "smtp.expn",
    /// HELP.
    SmtpHelp = "smtp.help",
    /// QUIT.
    SmtpQuit = "smtp.quit",
    /// A line that is no command of SMTP.
    SmtpUnknown = "smtp.unknown",
    /// The client was silent for too long.
    SmtpLapse = "smtp.lapse",
    /// The server stops.
    SmtpStop = "smtp.stop",
}

impl Event {
    /// The event of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.name() == name)
    }

    /// Whether this happens without the client saying anything.
    pub(crate) fn is_unasked(self) -> bool {
        matches!(self, Self::SmtpGreeting | Self::SmtpLapse | Self::SmtpStop)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
