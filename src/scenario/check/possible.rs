//! Which steps are possible at which event.

use crate::protocol::{Event, Protocol};
use crate::rule::*;

/// Where something happens: events of one kind allow the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A connection, before anything is said.
    Accept,
    Hello,
    /// TLS is there.
    Secured,
    /// Nothing can be changed any more.
    Over,
    /// Something changed in the world.
    World,
    /// A request of a protocol.
    Request,
    /// A protocol says something unasked.
    Unasked,
}

impl Stage {
    fn of(event: Event) -> Self {
        match event {
            Event::TcpAccept => Self::Accept,
            Event::TlsHello => Self::Hello,
            Event::TlsDone => Self::Secured,
            Event::TcpClose | Event::TlsFailed | Event::TcpSay => Self::Over,
            event if event.is_of_world() => Self::World,
            event if event.is_unasked() => Self::Unasked,
            _ => Self::Request,
        }
    }
}

/// Whether the conforming server says something at this event.
pub(super) fn is_spoken(event: Event) -> bool {
    matches!(Stage::of(event), Stage::Request | Stage::Unasked)
}

/// What has to be said where no session is.
const NOBODY: &str = "nobody is logged in at this event: name one with `user`";

/// Why a step is impossible at an event.
pub(super) fn objection(step: &Step, event: Event) -> Option<&'static str> {
    let stage = Stage::of(event);
    let speaks = !matches!(stage, Stage::Over | Stage::World);
    let is_protocol = matches!(stage, Stage::Request | Stage::Unasked);
    let said = |possible: bool, why| (!possible).then_some(why);
    match step {
        Step::Set(all) => said(
            stage != Stage::World || all.iter().all(|(variable, _)| !variable.is_session),
            "there is no session at this event, so a variable is the scenario's: `state.x`, or `x`",
        ),
        Step::Note(_) | Step::Fail(_) | Step::Kick { .. } | Step::Listen(_) => None,
        Step::Mailbox(MailboxChange { user, .. }) => said(user.is_some() || event != Event::Timer, NOBODY),
        Step::Pass(Pass::Loud) => None,
        Step::Pass(_) | Step::Reply(_) => said(is_protocol, "there is no reply at this event"),
        Step::Caps(_) => said(is_protocol, "nothing is announced at this event"),
        Step::Await(_) => said(is_protocol && event != Event::ImapPush, "the client is not heard at this event"),
        Step::Raw(_) | Step::Wait(_) | Step::Stall(_) | Step::Close(_) | Step::Read(_) | Step::Shape(_) => {
            said(speaks, "nothing is said at this event")
        }
        Step::Tls(_) => said(event == Event::TlsHello, "it answers a ClientHello, so it stands at `tls.hello`"),
        Step::Data(Data::Item { .. } | Data::Literal(_)) => said(
            matches!(event, Event::ImapFetch | Event::ImapFetchItem),
            "it changes what FETCH answers, so it stands at `imap.fetch.item` or `imap.fetch`",
        ),
        Step::Data(Data::Listing { .. }) => said(
            matches!(event, Event::Pop3List | Event::Pop3Uidl),
            "it changes a listing, so it stands at `pop3.list` or `pop3.uidl`",
        ),
        Step::Data(Data::Code { .. }) => said(
            event.protocol() == Some(Protocol::Imap),
            "response codes are IMAP's, so it stands at an event of `imap`",
        ),
        Step::Deliver(Deliver::Lost | Deliver::Into { message: None, .. }) => said(
            event == Event::SmtpMessage,
            "without a `message` it is about the one that is accepted, so it stands at `smtp.message`",
        ),
        Step::Deliver(Deliver::Into { user, .. }) => said(user.is_some() || event != Event::Timer, NOBODY),
        Step::Expunge { which, .. } | Step::Flag { which, .. } if which.user.is_none() && event == Event::Timer => {
            Some(NOBODY)
        }
        Step::Expunge { which, .. } | Step::Flag { which, .. } => said(
            which.mailbox.is_some() || event.protocol() == Some(Protocol::Imap) || event == Event::MailDelivered,
            "no mailbox is selected at this event: name one with `mailbox`",
        ),
    }
}
