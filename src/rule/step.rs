//! What a rule does, step by step.

use std::time::Duration;

use super::profile::Profile;
use super::template::Template;
use crate::base::Pattern;
use crate::protocol::{CapabilityOverride, Protocol};

/// One thing that a rule does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Pass(Pass),
    /// Lines in the protocol's own form.
    Reply(Vec<Template>),
    /// Octets as they are.
    Raw(Template),
    Wait(Span),
    Stall(Stall),
    /// The client's next line, which must match.
    Await(Pattern),
    Shape(Shape),
    Data(Data),
    Close(CloseMode),
    Read(Reading),
    Tls(Hello),
    /// Every listener is closed for so long.
    Listen(Duration),
    Set(Vec<(Variable, Assign)>),
    Deliver(Deliver),
    Expunge {
        which: Which,
        tell: Tell,
    },
    Flag {
        which: Which,
        add: Vec<Box<str>>,
        remove: Vec<Box<str>>,
        tell: Tell,
    },
    Mailbox(MailboxChange),
    Caps(CapabilityOverride),
    Kick {
        user: Option<Pattern>,
        protocol: Option<Protocol>,
        reply: Option<Template>,
    },
    Note(Template),
    Fail(Template),
}

/// Runs what is inside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pass {
    Loud,
    /// And says nothing of it.
    Silent,
    /// And completes the reply with this line instead.
    Status(Template),
}

/// How long; a range is drawn from by the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    /// This request is never answered.
    Reply,
    /// Nothing is ever sent again.
    Conn,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseMode {
    /// In good order: close_notify where there is TLS, then FIN.
    Fin,
    /// RST, behind what was meant to arrive.
    Rst,
    /// FIN, and the client may go on sending.
    Half,
    /// FIN without TLS's close_notify.
    TlsNoNotify,
}

/// What is done to the octets that a rule lets out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Pace {
        chunk: usize,
        gap: Duration,
    },
    /// Segments end behind these octets of the output.
    Split(Vec<usize>),
    /// Everything goes into one write, at the rule's end.
    Hold,
    Cut {
        place: CutPoint,
        end: CloseMode,
    },
    Eol(Eol),
    Edit(Edit),
    /// A line is made so long.
    Pad {
        line: usize,
        to: usize,
    },
}

/// Where a cut is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CutPoint {
    /// Behind so many octets.
    At(u64),
    /// Before what this finds.
    Before(Pattern),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eol {
    Lf,
    Cr,
    None,
}

/// What is done to lines; the first is 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    Replace {
        find: Pattern,
        with: Template,
    },
    Drop(usize),
    /// Every line in which this is found.
    DropFound(Pattern),
    Duplicate(usize),
    Insert {
        below: usize,
        text: Template,
    },
}

/// What is done to the parts of a response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    /// An item of FETCH; None drops it.
    Item { name: Pattern, value: Option<Template> },
    /// The size that a literal announces.
    Literal(Literal),
    /// The n-th line of a POP3 listing.
    Listing { line: usize, change: Listing },
    /// A response code, as `UIDNEXT`; None drops it.
    Code { name: Box<str>, value: Option<Template> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literal {
    /// More or less than there is.
    Off(i64),
    Exactly(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Listing {
    Drop,
    Change { uid: Option<Template>, size: Option<Literal> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Stop,
    Slow,
}

/// What answers a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hello {
    /// The handshake, in which the listener presents this.
    Profile(Profile),
    /// An alert, by its name in RFC 8446 §6.
    Alert(Alert),
}

/// An alert of RFC 8446 §6: its name and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) name: &'static str,
    pub(crate) number: u8,
}

/// The fatal alerts that may answer a ClientHello.
pub(crate) const ALERTS: &[Alert] = &[
    Alert { name: "handshake_failure", number: 40 },
    Alert { name: "bad_certificate", number: 42 },
    Alert { name: "illegal_parameter", number: 47 },
    Alert { name: "access_denied", number: 49 },
    Alert { name: "decode_error", number: 50 },
    Alert { name: "protocol_version", number: 70 },
    Alert { name: "insufficient_security", number: 71 },
    Alert { name: "internal_error", number: 80 },
    Alert { name: "missing_extension", number: 109 },
    Alert { name: "unrecognized_name", number: 112 },
    Alert { name: "certificate_required", number: 116 },
    Alert { name: "no_application_protocol", number: 120 },
];

/// A name that rules share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Variable {
    pub(crate) name: Box<str>,
    /// It belongs to the session, and goes with it.
    pub(crate) is_session: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assign {
    Text(Template),
    Number(i64),
    Truth(bool),
    /// So much more than it was.
    Add(i64),
}

/// Mail that is put into a mailbox.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deliver {
    /// The message that is being accepted is captured, and put nowhere.
    Lost,
    Into {
        user: Option<Template>,
        mailbox: Box<str>,
        message: Option<Box<str>>,
    },
}

/// Which message of a mailbox.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Which {
    /// None: the session's account.
    pub(crate) user: Option<Template>,
    /// None: the selected mailbox.
    pub(crate) mailbox: Option<Box<str>>,
    pub(crate) one: One,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum One {
    Msn(u32),
    Uid(u32),
    All,
}

/// When the session hears of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tell {
    Now,
    /// When the protocol allows.
    #[default]
    Legal,
    Never,
}

/// What happens to a mailbox as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MailboxChange {
    pub(crate) user: Option<Template>,
    pub(crate) name: Box<str>,
    pub(crate) uid_validity: Option<Literal>,
    pub(crate) renumber: Option<Renumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renumber {
    /// UIDs from 1, in order.
    Forward,
    /// UIDs from 1, the last message first.
    Reverse,
}

impl Step {
    /// Whether it gives the message that is accepted its way.
    pub(crate) fn is_about_accepted(&self) -> bool {
        matches!(self, Self::Deliver(Deliver::Lost | Deliver::Into { message: None, .. }))
    }

    /// Whether it can be done later: what changes the server, says something or ends the connection.
    pub(crate) fn may_come_later(&self) -> bool {
        let is_lost = matches!(self, Self::Deliver(Deliver::Lost));
        let is_said = matches!(self, Self::Reply(_) | Self::Raw(_) | Self::Close(_) | Self::Note(_) | Self::Fail(_));
        is_said || self.is_world() && !is_lost
    }

    /// Whether it changes the world rather than what is said.
    pub(crate) fn is_world(&self) -> bool {
        matches!(
            self,
            Self::Set(_)
                | Self::Deliver(_)
                | Self::Expunge { .. }
                | Self::Flag { .. }
                | Self::Mailbox(_)
                | Self::Caps(_)
                | Self::Kick { .. }
                | Self::Listen(_)
        )
    }

    /// Whether it is an answer, so that nothing is passed unless a rule says so.
    pub(crate) fn answers(&self) -> bool {
        matches!(
            self,
            Self::Pass(_)
                | Self::Reply(_)
                | Self::Raw(_)
                | Self::Stall(_)
                | Self::Close(_)
                | Self::Tls(Hello::Alert(_))
        )
    }

    /// The mailbox that it names, and the login whose mailbox that is.
    pub(crate) fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        match self {
            Self::Deliver(Deliver::Into { mailbox, user, .. }) => (Some(mailbox), user.as_ref()),
            Self::Expunge { which, .. } | Self::Flag { which, .. } => (which.mailbox.as_deref(), which.user.as_ref()),
            Self::Mailbox(change) => (Some(&change.name), change.user.as_ref()),
            _ => (None, None),
        }
    }

    /// The texts in it that name something.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Pass(Pass::Status(line)) | Self::Raw(line) | Self::Note(line) | Self::Fail(line) => vec![line],
            Self::Reply(lines) => lines.iter().collect(),
            Self::Shape(Shape::Edit(Edit::Replace { with: text, .. } | Edit::Insert { text, .. })) => vec![text],
            Self::Data(Data::Item { value, .. } | Data::Code { value, .. }) => value.iter().collect(),
            Self::Data(Data::Listing { change: Listing::Change { uid, .. }, .. }) => uid.iter().collect(),
            Self::Set(assignments) => {
                let texts = assignments.iter().filter_map(|(_, assign)| match assign {
                    Assign::Text(text) => Some(text),
                    _ => None,
                });
                texts.collect()
            }
            Self::Deliver(Deliver::Into { user, .. }) => user.iter().collect(),
            Self::Expunge { which, .. } | Self::Flag { which, .. } => which.user.iter().collect(),
            Self::Mailbox(change) => change.user.iter().collect(),
            Self::Kick { reply, .. } => reply.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Its name in a file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Reply(_) => "reply",
            Self::Raw(_) => "raw",
            Self::Wait(_) => "wait",
            Self::Stall(_) => "stall",
            Self::Await(_) => "await",
            Self::Shape(shape) => shape.name(),
            Self::Data(_) => "data",
            Self::Close(_) => "close",
            Self::Read(_) => "read",
            Self::Tls(_) => "tls",
            Self::Listen(_) => "listen",
            Self::Set(_) => "set",
            Self::Deliver(_) => "deliver",
            Self::Expunge { .. } => "expunge",
            Self::Flag { .. } => "flag",
            Self::Mailbox(_) => "mailbox",
            Self::Caps(_) => "caps",
            Self::Kick { .. } => "kick",
            Self::Note(_) => "note",
            Self::Fail(_) => "fail",
        }
    }
}

impl Shape {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pace { .. } => "pace",
            Self::Split(_) => "split",
            Self::Hold => "hold",
            Self::Cut { .. } => "cut",
            Self::Eol(_) => "eol",
            Self::Edit(_) => "edit",
            Self::Pad { .. } => "pad",
        }
    }
}

impl CloseMode {
    pub(crate) const ALL: [(&'static str, CloseMode); 4] = [
        ("fin", CloseMode::Fin),
        ("rst", CloseMode::Rst),
        ("half", CloseMode::Half),
        ("tls-no-notify", CloseMode::TlsNoNotify),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, end)| *end == self).map_or("", |(name, _)| name)
    }
}
