//! What a client does, record by record.

use std::collections::HashSet;
use std::mem;
use std::time::Duration;

use super::announced::Announced;
use super::literals::{Literal, Literals};
use super::mail::counted;
use super::masked::LastLogin;
use super::turn::{
    has_bare_cr, is_bare, is_end, is_expected, is_quit, is_refused_as_invalid, is_ruled, secret, starttls,
};
use super::{Finding, FindingKind, FindingPlace, Observation};
use crate::base::{Seq, Timestamp, shown};
use crate::journal::{Description, Ended, Ending, Journal, Left, Record, RecordedTurn, SessionLog};
use crate::protocol::{Event, Protocol, Status};

/// How long a reply may take that a rule delays: a client that waits longer has a reason to close the connection.
const PATIENCE: Duration = Duration::from_millis(100);

/// The requests after which a client has to wait for the reply: those that end a group of pipelined commands (RFC 2920
/// §3.1), and those after which the server asks for more (RFC 3501 §7.5, RFC 4954 §4, RFC 5034 §4).
const AWAITED: &[Event] = &[
    Event::SmtpHelo,
    Event::SmtpCaps,
    Event::SmtpData,
    Event::SmtpVrfy,
    Event::SmtpExpn,
    Event::SmtpNoop,
    Event::SmtpAuthStart,
    Event::SmtpAuthStep,
    Event::ImapLiteral,
    Event::ImapAuthStart,
    Event::ImapAuthStep,
    Event::Pop3AuthStart,
    Event::Pop3AuthStep,
];

/// A record, and where it stands.
pub(super) struct Place<'j> {
    pub(super) journal: &'j Journal,
    pub(super) log: &'j SessionLog,
    pub(super) place: FindingPlace,
}

/// What is known of a client at a place of the journal.
pub(super) struct Client {
    is_secured: bool,
    /// The event of its last request; `None` if it sent none.
    last: Option<Event>,
    /// Whether its session began in a record that is kept.
    is_whole: bool,
    announced: Announced,
    /// Whether it has read that the server can pipeline, or its protocol always allows it.
    may_pipeline: bool,
    /// The literal that the server permitted it to send next.
    permitted: Option<Literal>,
    login: LastLogin,
    /// The tags of its commands.
    tags: HashSet<Box<[u8]>>,
    /// Whether the session is over for it: the server said so, or answered QUIT or LOGOUT.
    is_over: bool,
    /// Whether it may close the connection: it sent QUIT or LOGOUT, the server announced the end, or a reply was not sent
    /// completely.
    may_leave: bool,
    /// Whether a rule kept back the reply to its last request, for a time or for ever.
    is_kept_waiting: bool,
    /// The last exchange in which a rule fired, and when.
    ruled: Option<(Seq, Timestamp)>,
    /// Whether its last request was refused.
    was_refused: bool,
    /// Whether its last line was not a command. Lines after such a line often belong to it: a refused message, or
    /// another protocol.
    is_astray: bool,
}

impl Client {
    /// A client before its first record that is kept. If earlier records were discarded, TLS may have begun in them.
    pub(super) fn of(log: &SessionLog) -> Self {
        let facts = log.facts();
        let is_secured = facts.tls.is_some();
        Self {
            is_secured,
            last: None,
            is_whole: false,
            announced: Announced::default(),
            may_pipeline: true,
            permitted: None,
            login: LastLogin::default(),
            tags: HashSet::new(),
            is_over: false,
            may_leave: false,
            is_kept_waiting: false,
            ruled: None,
            was_refused: false,
            is_astray: false,
        }
    }

    /// Reads the next record of the client's session.
    pub(super) fn observe(&mut self, at: &Place<'_>, record: &Record) -> Vec<Observation> {
        let finding = match at.journal.describe(at.place.seq, record) {
            Description::Opened(_) => {
                self.is_secured = false;
                self.is_whole = true;
                self.may_pipeline = at.protocol() == Protocol::Imap;
                None
            }
            Description::Secured(_) => {
                self.is_secured = true;
                self.announced.forget();
                None
            }
            Description::Cleartext { octets, is_executed } => {
                let how = if is_executed { ", which a vulnerable server executes under TLS" } else { "" };
                let text =
                    format!("the client sent {octets} octets in cleartext after {}{how}", starttls(at.protocol()));
                Some(at.finding(FindingKind::CleartextAfterStarttls, text))
            }
            Description::Closed { exchange, left } => {
                self.may_leave |= matches!(left, Left::Less(_));
                let ruled = self.ruled.filter(|(ruled, _)| *ruled == exchange);
                self.is_kept_waiting |= ruled.is_some_and(|(_, began)| began.plus(PATIENCE) < at.place.at);
                None
            }
            Description::Turn(turn) => return self.turn(at, &turn),
            Description::Ended { ended, .. } => self.ended(at, ended),
            Description::Proxied(_)
            | Description::Unsecured(_)
            | Description::Outside(_)
            | Description::OAuth(_)
            | Description::Noted(_) => None,
        };
        finding.into_iter().map(Observation::Finding).collect()
    }

    fn turn(&mut self, at: &Place<'_>, turn: &RecordedTurn<'_>) -> Vec<Observation> {
        let mut found = Vec::new();
        if let Some(event) = turn.event().filter(|event| turn.is_first && !event.is_unasked()) {
            found.extend(self.too_early(at, turn, event));
            found.extend(self.after_end(at, turn, event));
            let literals = self.literals(turn, event);
            found.extend(self.unannounced(at, turn, event, &literals));
            found.extend(self.reused_tag(at, turn, event));
            found.extend(self.request(at, turn, event, &literals));
            if event.is_login() {
                self.login.read(event, &at.readable(turn).0);
            }
            self.is_kept_waiting = false;
            let secret = secret(event, self.login.mechanism()).filter(|_| !self.is_secured && at.log.offers_starttls);
            if let Some(secret) = secret {
                let text = format!("the client sent {secret} in cleartext, but could use {}", starttls(at.protocol()));
                found.push(at.finding(FindingKind::PasswordInCleartext, text));
            }
            self.last = Some(event);
            self.may_leave |= is_quit(event);
        }
        let is_ending = is_end(at.protocol(), turn.said);
        if let Some(event) = turn.event() {
            self.announced.read(event, turn);
            self.is_over |= is_quit(event) && turn.status == Some(Status::Positive);
            self.is_over |= event != Event::ImapFetch && is_ending;
            if matches!(event.as_smtp(), Event::SmtpCaps | Event::SmtpHelo | Event::Pop3Caps) {
                self.may_pipeline = self.announced.has("PIPELINING") == Some(true);
            }
        }
        if let Some(trace) = turn.trace() {
            self.is_kept_waiting |= trace.stalled.is_some();
            self.ruled = (!trace.fired.is_empty()).then_some((turn.exchange, at.place.at));
        }
        self.may_leave |= turn.detail.is_some_and(|detail| detail.last) || is_ending;
        let mut found: Vec<_> = found.into_iter().map(Observation::Finding).collect();
        let captured = turn.captured().and_then(|no| at.journal.message(no));
        found.extend(captured.map(|captured| Observation::Message(at.place, captured.message.clone())));
        found
    }

    /// Whether the client sent a request before it could know the reply to the last one, for which it has to wait, or the
    /// greeting.
    fn too_early(&self, at: &Place<'_>, turn: &RecordedTurn<'_>, event: Event) -> Option<Finding> {
        if !turn.first?.is_early {
            return None;
        }
        let Some(last) = self.last else {
            let text = format!("the client sent {event} before the server had greeted it");
            return self.is_whole.then(|| at.finding(FindingKind::SpokeBeforeGreeting, text));
        };
        let text = format!("the client sent {event} before it had the reply to {last}");
        if AWAITED.contains(&last.as_smtp()) {
            return Some(at.finding(FindingKind::SentTooEarly, text));
        }
        let text = || format!("{text}, but had not read that the server can pipeline");
        (!self.may_pipeline).then(|| at.finding(FindingKind::PipeliningNotOffered, text()))
    }

    /// Whether the client sent a request although it could know that the session was over. It may say goodbye.
    fn after_end(&self, at: &Place<'_>, turn: &RecordedTurn<'_>, event: Event) -> Option<Finding> {
        let could_know = self.is_over && !turn.first?.is_early && !is_quit(event);
        let text = format!("the client sent {event} after the end of the session");
        could_know.then(|| at.finding(FindingKind::TalkedAfterEnd, text))
    }

    /// The literals of a request. What the last one is remembered for is what follows it in the next request.
    fn literals(&mut self, turn: &RecordedTurn<'_>, event: Event) -> Literals {
        if event.protocol() != Some(Protocol::Imap) {
            return Literals::default();
        }
        let literals = Literals::of(turn, event, self.permitted.take());
        // What a rule said may be a refusal.
        let is_permitted = event == Event::ImapLiteral && turn.status != Some(Status::Negative) && !is_ruled(turn);
        self.permitted = literals.announced.last().copied().filter(|_| is_permitted);
        literals
    }

    /// What the client used although the server had not announced it.
    fn unannounced(
        &self,
        at: &Place<'_>,
        turn: &RecordedTurn<'_>,
        event: Event,
        literals: &Literals,
    ) -> Option<Finding> {
        if let Some(octets) = self.announced.unexpected_literal(&literals.announced) {
            let text =
                format!("the client sent a literal of {octets} octets without waiting, which the server did not offer");
            return Some(at.finding(FindingKind::LiteralNotAnnounced, text));
        }
        if event == Event::ImapLogin && self.announced.has("LOGINDISABLED") == Some(true) {
            let text = "the client sent LOGIN, but the server had announced LOGINDISABLED";
            return Some(at.finding(FindingKind::CapabilityNotAnnounced, text));
        }
        let binary = self.announced.lacks_binary(&literals.announced).then(|| "BINARY".to_owned());
        let name = binary.or_else(|| self.announced.lacks(event, turn.heard))?;
        let text = format!("the client used {name}, which the server had not announced");
        Some(at.finding(FindingKind::CapabilityNotAnnounced, text))
    }

    /// Whether an earlier command of the session had the same tag.
    fn reused_tag(&mut self, at: &Place<'_>, turn: &RecordedTurn<'_>, event: Event) -> Option<Finding> {
        // A line that continues a command, or that is not one, has no tag.
        let continues = self.last == Some(Event::ImapLiteral) && !self.was_refused
            || matches!(event, Event::ImapAuthStep | Event::ImapIdleDone)
            || event == Event::ImapAuth && matches!(self.last, Some(Event::ImapAuthStart | Event::ImapAuthStep));
        if event.protocol() != Some(Protocol::Imap) || continues || event.is_unknown() {
            return None;
        }
        let tag = turn.heard.split(|octet| *octet == b' ').next()?;
        let text = || format!("the client used the tag `{}` for a second command", shown(tag));
        (!self.tags.insert(tag.into())).then(|| at.finding(FindingKind::TagReused, text()))
    }

    /// What is wrong with a request.
    fn request(
        &mut self,
        at: &Place<'_>,
        turn: &RecordedTurn<'_>,
        event: Event,
        literals: &Literals,
    ) -> Option<Finding> {
        let was_astray = mem::replace(&mut self.is_astray, event.is_unknown() && !is_expected(turn));
        let was_refused = mem::replace(&mut self.was_refused, turn.status == Some(Status::Negative));
        let detail = turn.detail;
        if event.as_smtp() == Event::SmtpMessage {
            if detail?.ends_bare {
                let text = "the client ended the message with a CR or an LF that is not part of a CRLF";
                return Some(at.finding(FindingKind::BareLineEnd, text));
            }
            let lines = detail?.odd_dots.as_ref()?.len();
            let lines = counted(lines, "line that begins", "lines that begin");
            let text = format!("the message has {lines} with a single dot");
            return Some(at.finding(FindingKind::DotNotStuffed, text));
        }
        let line = detail.filter(|detail| detail.before.is_none());
        if let Some(octets) = line.and_then(|detail| detail.octets) {
            let text = format!("the client sent a line of {octets} octets, which is more than the server accepts");
            return Some(at.finding(FindingKind::LineTooLong, text));
        }
        if let Some(octets) = literals.wrong_size {
            // The lines after it may belong to the literal.
            self.is_astray = true;
            let text = format!("the client announced a literal of {octets} octets, but sent more or fewer");
            return Some(at.finding(FindingKind::WrongLiteralSize, text));
        }
        if is_bare(turn, event) {
            return Some(at.finding(FindingKind::BareLfInCommand, "the client ended a line with a bare LF"));
        }
        if has_bare_cr(turn.heard) && self.last != Some(Event::ImapLiteral) {
            let text = "the client sent a line with a CR that is not part of a CRLF";
            return Some(at.finding(FindingKind::BareCrInCommand, text));
        }
        // A rule may have made a command of it.
        if is_ruled(turn) || is_expected(turn) {
            return None;
        }
        if event.is_unknown() {
            return (!was_astray).then(|| self.unknown(at, turn, event));
        }
        // A client that pipelines does not know yet that what the command depends on was refused.
        let is_innocent = was_refused && turn.first.is_some_and(|first| first.is_early);
        (!is_innocent && is_refused_as_invalid(turn, at.protocol())).then(|| self.invalid(at, turn, event))
    }

    fn unknown(&self, at: &Place<'_>, turn: &RecordedTurn<'_>, event: Event) -> Finding {
        let (line, _) = at.readable(turn);
        let line = if line.is_empty() { "an empty line".to_owned() } else { self.login.name(event, &line) };
        let protocol = at.protocol().name().to_uppercase();
        at.finding(FindingKind::UnknownCommand, format!("the client sent {line}, which is not a command of {protocol}"))
    }

    fn invalid(&self, at: &Place<'_>, turn: &RecordedTurn<'_>, event: Event) -> Finding {
        let (line, reply) = at.readable(turn);
        let line = self.login.name(event, &line);
        at.finding(FindingKind::InvalidCommand, format!("the client sent {line}, and the server replied `{reply}`"))
    }

    fn ended(&self, at: &Place<'_>, ended: &Ended) -> Option<Finding> {
        if ended.ending == Ending::Clean && ended.unfinished > 0 && self.last.is_some_and(is_quit) {
            let quit = self.last.map(Event::name).unwrap_or_default();
            let text = format!("the client sent {} octets after {quit}", ended.unfinished);
            return Some(at.finding(FindingKind::TalkedAfterEnd, text));
        }
        let how = match ended.ending {
            Ending::ClientClosed => "the client closed the connection",
            Ending::Broken => "the client broke the connection off",
            Ending::Clean
            | Ending::Idle
            | Ending::NotReading
            | Ending::TlsFailed
            | Ending::ProxyFailed
            | Ending::ServerStopped
            | Ending::Kicked
            | Ending::Ruled
            | Ending::Bug => return None,
        };
        if self.may_leave || self.is_kept_waiting {
            return None;
        }
        if ended.unfinished > 0 {
            let text = match self.permitted {
                Some(literal) if ended.unfinished < literal.octets => {
                    format!("{how} after {} of the {} octets of a literal", ended.unfinished, literal.octets)
                }
                Some(_) | None => {
                    format!("{how} after {} octets of an incomplete command or message", ended.unfinished)
                }
            };
            return Some(at.finding(FindingKind::IncompleteRequest, text));
        }
        // A client that sends nothing looks whether the port is open.
        let quit = if at.protocol() == Protocol::Imap { "LOGOUT" } else { "QUIT" };
        self.last.is_some().then(|| at.finding(FindingKind::EndedWithoutQuit, format!("{how} without {quit}")))
    }
}

impl Place<'_> {
    fn protocol(&self) -> Protocol {
        self.place.listener.protocol()
    }

    fn finding(&self, kind: FindingKind, text: impl Into<String>) -> Finding {
        Finding::new(kind, self.place, text)
    }

    /// The line of the client and the reply, without passwords.
    fn readable(&self, turn: &RecordedTurn<'_>) -> (String, String) {
        let Some(first) = turn.first else { return Default::default() };
        let (line, reply) = self.journal.readable(self.log, (turn.exchange, first), turn.said);
        (shown(&line), shown(&reply))
    }
}
