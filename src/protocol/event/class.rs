//! Classes of events: of a login, without a request, unknown, items of a longer reply.

use super::Event;

impl Event {
    /// The event of the request whose reply contains this item; `None` for an event that is not an item.
    pub(crate) fn answer_of_item(self) -> Option<Self> {
        const ITEMS: [(Event, Event); 2] =
            [(Event::ImapFetchItem, Event::ImapFetch), (Event::LmtpDelivery, Event::LmtpMessage)];
        ITEMS.iter().find(|(item, _)| *item == self).map(|(_, answer)| *answer)
    }

    /// Whether it happens without input from the client.
    pub(crate) fn is_unasked(self) -> bool {
        let is_of_connection = matches!(
            self,
            Self::TcpAccept | Self::TcpClose | Self::TcpSay | Self::TlsHello | Self::TlsDone | Self::TlsFailed
        );
        let is_said_first = matches!(
            self.as_smtp(),
            Self::SmtpGreeting
                | Self::SmtpLapse
                | Self::SmtpStop
                | Self::LmtpDelivery
                | Self::ImapGreeting
                | Self::ImapFetchItem
                | Self::ImapPush
                | Self::ImapLapse
                | Self::ImapStop
                | Self::Pop3Greeting
                | Self::Pop3Lapse
                | Self::Pop3Stop
        );
        self.is_of_world() || is_of_connection || is_said_first
    }

    /// Whether a change or the clock causes it: it has no client and no reply.
    pub(crate) fn is_of_world(self) -> bool {
        matches!(self, Self::MailDelivered | Self::StateChanged | Self::Timer)
    }

    /// Whether it belongs to a login: a line that is not a command may then be a password.
    pub(crate) fn is_login(self) -> bool {
        matches!(
            self.as_smtp(),
            Self::SmtpAuthStart
                | Self::SmtpAuthStep
                | Self::SmtpAuth
                | Self::ImapAuthStart
                | Self::ImapAuthStep
                | Self::ImapAuth
                | Self::ImapLogin
                | Self::Pop3User
                | Self::Pop3Pass
                | Self::Pop3Apop
                | Self::Pop3AuthStart
                | Self::Pop3AuthStep
                | Self::Pop3Auth
        )
    }

    /// Whether the client has sent all credentials of a login, so that the server accepts or refuses it.
    pub(crate) fn ends_login(self) -> bool {
        matches!(
            self.as_smtp(),
            Self::SmtpAuth | Self::ImapAuth | Self::ImapLogin | Self::Pop3Auth | Self::Pop3Pass | Self::Pop3Apop
        )
    }

    /// Whether it belongs to a transaction of SMTP or LMTP, from MAIL to the message.
    pub(crate) fn is_of_transaction(self) -> bool {
        matches!(
            self.as_smtp(),
            Self::SmtpMail | Self::SmtpRcpt | Self::SmtpData | Self::SmtpBdat | Self::SmtpMessage | Self::LmtpDelivery
        )
    }

    /// Whether the line is not a command of its protocol.
    pub(crate) fn is_unknown(self) -> bool {
        matches!(self.as_smtp(), Self::SmtpUnknown | Self::ImapUnknown | Self::Pop3Unknown)
    }

    /// Whether the line may be anything: it is not a command, or only a part of one.
    pub(crate) fn may_be_any(self) -> bool {
        self.is_unknown() || self == Self::ImapLiteral
    }

    /// Whether it is the first output of a session.
    pub(crate) fn is_greeting(self) -> bool {
        matches!(self.as_smtp(), Self::SmtpGreeting | Self::ImapGreeting | Self::Pop3Greeting)
    }
}
