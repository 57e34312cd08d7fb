//! The verdict on a run, from what the server saw of the client. A pure function.

use std::collections::BTreeSet;
use std::fmt;

use super::profiles::INJECTION;
use super::seen::{Request, is_starttls};
use super::{AuditProfile, Control, Duty, SeenSession};
use crate::drive::{ACCEPTED_OLD, IN_CLEARTEXT, NO_OLD_SUITE};
use crate::protocol::{Event, Protocol};

/// The verdict on a client that met a bad server.
///
/// ```
/// assert_eq!(mailjig::audit::TlsVerdict::NotReached.to_string(), "not reached");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsVerdict {
    /// No session went on after what the server did.
    Refused,
    /// A session went on over TLS that it should not trust, or in cleartext.
    Accepted,
    /// The client did not end by itself in time.
    Hung,
    /// The client died of a signal.
    Crashed,
    /// The client did not come as far as the fault.
    NotReached,
    /// What the server would do does not concern this client.
    Skipped,
}

impl TlsVerdict {
    /// Its name in tables and JSON, such as `not reached`.
    ///
    /// ```
    /// assert_eq!(mailjig::audit::TlsVerdict::Refused.name(), "refused");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
            Self::NotReached => "not reached",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for TlsVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the client told a server that it should not trust.
///
/// ```
/// assert_eq!(mailjig::audit::Leak::Body.to_string(), "body");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Leak {
    /// A password, a token, or the answer to a challenge.
    Credentials,
    /// The sender or a recipient of a message.
    Envelope,
    /// A message.
    Body,
}

impl Leak {
    /// Its name in tables and JSON, such as `credentials`.
    ///
    /// ```
    /// assert_eq!(mailjig::audit::Leak::Envelope.name(), "envelope");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Envelope => "envelope",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How the client ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientEnd {
    Succeeded,
    /// It failed, and how, such as `status 7`.
    Failed(String),
    /// It died of a signal, and of which.
    Signal(String),
    /// It was ended at its time limit.
    TimedOut,
}

impl fmt::Display for ClientEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("success"),
            Self::Failed(how) => f.write_str(how),
            Self::Signal(signal) => f.write_str(signal),
            Self::TimedOut => f.write_str("ended at the time limit"),
        }
    }
}

/// A verdict with what explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) verdict: TlsVerdict,
    pub(crate) leaks: BTreeSet<Leak>,
    /// Why, as a statement about the client.
    pub(crate) why: String,
    /// What else is worth knowing.
    pub(crate) note: Option<&'static str>,
}

impl Judged {
    /// The profile does not concern the client.
    pub(crate) fn skipped(why: &str) -> Self {
        Self { verdict: TlsVerdict::Skipped, leaks: BTreeSet::new(), why: why.to_owned(), note: None }
    }

    /// Whether the client did not come as far as what it must refuse.
    pub(crate) fn is_inconclusive(&self, profile: AuditProfile) -> bool {
        self.verdict == TlsVerdict::NotReached && profile.duty() == Duty::Refuse
    }

    /// Whether the client did what it must not do.
    pub(crate) fn is_failure(&self, profile: AuditProfile) -> bool {
        let is_bad = matches!(self.verdict, TlsVerdict::Accepted | TlsVerdict::Hung | TlsVerdict::Crashed);
        is_bad && profile.duty() == Duty::Refuse
    }

    /// All but the verdict, in one line.
    pub(crate) fn words(&self, profile: AuditProfile) -> String {
        let leaks: Vec<&str> = self.leaks.iter().map(|leak| leak.name()).collect();
        let leaked = if leaks.is_empty() { String::new() } else { format!("; it leaked {}", leaks.join(", ")) };
        let note = self.note.map(|note| format!("; {note}")).unwrap_or_default();
        match (profile.duty(), self.verdict) {
            (Duty::Accept | Duty::Either, TlsVerdict::Accepted) => {
                format!("it may: {}", profile.about())
            }
            (Duty::Accept, TlsVerdict::Refused) => format!("but the certificate is valid: {}{note}", self.why),
            (Duty::Accept | Duty::Either | Duty::Refuse, _) => format!("{}{leaked}{note}", self.why),
        }
    }
}

/// Why a control run proves nothing.
pub(crate) fn proves_nothing(control: &Control, end: &ClientEnd) -> Option<&'static str> {
    match end {
        ClientEnd::Succeeded if control.uses_tls() => None,
        ClientEnd::Succeeded => Some("the client sends no command under TLS, so the audit proves nothing"),
        ClientEnd::Failed(_) | ClientEnd::Signal(_) | ClientEnd::TimedOut => {
            Some("the client fails with a valid certificate too, so the audit proves nothing")
        }
    }
}

const SILENT: &str = "it reports success all the same: the failure is silent";

/// The verdict on a run against this profile.
pub(crate) fn judge(profile: AuditProfile, control: &Control, sessions: &[SeenSession], end: &ClientEnd) -> Judged {
    let judged = |verdict, why: String| Judged { verdict, leaks: BTreeSet::new(), why, note: None };
    let accepted: Vec<Acceptance> =
        sessions.iter().filter_map(|session| session.acceptance(profile, control)).collect();
    if let Some(first) = accepted.first() {
        let leaks = accepted.iter().flat_map(|its| &its.leaks).copied().collect();
        return Judged { leaks, ..judged(TlsVerdict::Accepted, first.why.clone()) };
    }
    match end {
        ClientEnd::TimedOut => {
            let last = sessions.last().map_or_else(|| "it made no connection".to_owned(), |last| last.refusal(profile));
            return judged(TlsVerdict::Hung, format!("ended at the time limit; {last}"));
        }
        ClientEnd::Signal(signal) => return judged(TlsVerdict::Crashed, signal.clone()),
        ClientEnd::Succeeded | ClientEnd::Failed(_) => {}
    }
    let is_answered = |reason: &String| !reason.starts_with(NO_OLD_SUITE);
    let reached = |session: &&SeenSession| {
        profile.has_good_handshake() || session.tls.is_some() || session.failed.as_ref().is_some_and(is_answered)
    };
    match sessions.iter().rfind(reached) {
        None if sessions.is_empty() => judged(TlsVerdict::NotReached, format!("no connection came ({end})")),
        None => {
            let why = sessions.iter().find_map(|its| its.failed.as_deref()).unwrap_or("no TLS handshake came");
            judged(TlsVerdict::NotReached, format!("{why} ({end})"))
        }
        Some(last) => {
            let is_trusted = profile.has_good_handshake() && sessions.iter().any(SeenSession::goes_on_under_tls);
            if is_trusted {
                return judged(TlsVerdict::Refused, "it went on only over TLS that it can trust".to_owned());
            }
            let note = (*end == ClientEnd::Succeeded).then_some(SILENT);
            Judged { note, ..judged(TlsVerdict::Refused, last.refusal(profile)) }
        }
    }
}

/// What a client did that it must not do.
struct Acceptance {
    why: String,
    leaks: BTreeSet<Leak>,
}

impl SeenSession {
    fn acceptance(&self, profile: AuditProfile, control: &Control) -> Option<Acceptance> {
        let bad_certificate = match profile {
            AuditProfile::Certificate(its) => self.tls.filter(|tls| *tls == its),
            AuditProfile::Fault(_) => None,
        };
        if bad_certificate.is_some() && self.goes_on_under_tls() {
            let why = format!("it went on over TLS on {}", self.listener);
            return Some(Acceptance { why, leaks: self.leaks(true) });
        }
        if profile.name() == INJECTION && self.asked_starttls && self.uses_forged() {
            let why = format!("it used the reply that was forged before TLS on {}", self.listener);
            return Some(Acceptance { why, leaks: self.leaks(true) });
        }
        if let Some(version) = self.failed.as_ref().filter(|reason| reason.starts_with(ACCEPTED_OLD)) {
            return Some(Acceptance { why: version.clone(), leaks: BTreeSet::new() });
        }
        if let Some((_, command)) = self.failed.as_ref().and_then(|reason| reason.split_once(IN_CLEARTEXT))
            && !matches!(&*command.to_ascii_uppercase(), "QUIT" | "LOGOUT")
        {
            let why = format!("after the handshake failed, it went on in cleartext on {}: {command}", self.listener);
            return Some(Acceptance { why, leaks: leak_by_name(command).into_iter().collect() });
        }
        if self.goes_on_in_cleartext() {
            let mut leaks = self.leaks(false);
            if let Some(usual) = control.cleartext.get(&self.listener) {
                leaks.retain(|leak| !usual.contains(leak));
                if leaks.is_empty() {
                    return None;
                }
            }
            return Some(Acceptance { why: format!("it went on in cleartext on {}", self.listener), leaks });
        }
        None
    }

    /// What it tells the server under TLS, or in cleartext.
    pub(super) fn leaks(&self, under_tls: bool) -> BTreeSet<Leak> {
        self.requests.iter().filter(|its| its.is_under_tls == under_tls).filter_map(|its| its.leak).collect()
    }

    /// Whether the client used what was injected: its second command came before the reply to the first one under TLS, so it
    /// took the forged reply for that; or it sent an initial response in IMAP, which only the forged reply allows (RFC 4959).
    fn uses_forged(&self) -> bool {
        let under_tls: Vec<&Request> = self.requests.iter().filter(|its| its.is_under_tls).collect();
        let is_imap = |its: &Request| its.event.protocol() == Some(Protocol::Imap);
        let is_login =
            |its: &Request| matches!(its.event, Event::ImapAuthStart | Event::ImapAuthStep | Event::ImapAuth);
        match under_tls.iter().position(|its| is_login(its)) {
            Some(first) => under_tls[first].event == Event::ImapAuth,
            None => under_tls.get(1).is_some_and(|second| second.is_early && !is_imap(second)),
        }
    }

    pub(super) fn goes_on_in_cleartext(&self) -> bool {
        self.requests.iter().any(|its| !its.is_under_tls && (its.leak.is_some() || !is_harmless(its.event)))
    }

    pub(super) fn goes_on_under_tls(&self) -> bool {
        self.requests.iter().any(|its| its.is_under_tls && !is_leaving(its.event))
    }

    /// How the client refused, as a statement about it.
    fn refusal(&self, profile: AuditProfile) -> String {
        // Of a fault, the reason tells what the server did.
        let is_of_client =
            |reason: &&String| matches!(profile, AuditProfile::Certificate(_)) || reason.starts_with("the client");
        if let Some(reason) = self.failed.as_ref().filter(is_of_client) {
            return reason.clone();
        }
        let is_goodbye = self.requests.last().is_some_and(|last| is_leaving(last.event));
        match self.tls {
            Some(_) if is_goodbye => "it completed the handshake, then said only goodbye".to_owned(),
            Some(_) => "it completed the handshake, then closed the connection".to_owned(),
            None if self.failed.is_some() => "it did not go on".to_owned(),
            None => "it sent no credentials and no mail".to_owned(),
        }
    }
}

/// What a command without its arguments certainly tells the server. AUTH may come without a password.
fn leak_by_name(command: &str) -> Option<Leak> {
    match &*command.to_ascii_uppercase() {
        "LOGIN" | "PASS" | "APOP" => Some(Leak::Credentials),
        "MAIL" | "RCPT" => Some(Leak::Envelope),
        _ => None,
    }
}

/// Whether a request only ends the session.
fn is_leaving(event: Event) -> bool {
    matches!(event.as_smtp(), Event::SmtpQuit | Event::ImapQuit | Event::Pop3Quit)
}

/// Whether a client may send this request in cleartext before STARTTLS.
fn is_harmless(event: Event) -> bool {
    let is_question = matches!(
        event.as_smtp(),
        Event::SmtpHelo
            | Event::SmtpCaps
            | Event::SmtpNoop
            | Event::SmtpRset
            | Event::SmtpHelp
            | Event::ImapCaps
            | Event::ImapNoop
            | Event::ImapId
            | Event::Pop3Caps
            | Event::Pop3Noop
    );
    is_question || is_starttls(event) || is_leaving(event) || event.is_unknown()
}
