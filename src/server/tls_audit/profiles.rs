//! What the bad servers present, as data.

use std::sync::Arc;

use super::Control;
use crate::base::Certificate;
use crate::protocol::Protocol;
use crate::rule::{Profile, ProfileEntry};
use crate::scenario::Scenario;
use crate::server::Settings;

/// The fault whose forged reply a client must not use.
pub(super) const INJECTION: &str = "starttls-response-injection";

/// What a server presents to the audited client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AuditProfile {
    Certificate(Certificate),
    Fault(&'static Fault),
}

/// A handshake or a STARTTLS that no client may go along with.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    name: &'static str,
    about: &'static str,
    needs: Needs,
    /// A scenario without its first line.
    scenario: &'static str,
}

/// What a client must use so that a fault concerns it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Needs {
    AnyTls,
    ImplicitTls,
    StartTls,
    StartTlsOfImap,
}

/// What the client has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    Accept,
    /// It depends on the client.
    Either,
    Refuse,
}

/// What the control run presents.
pub(crate) const GOOD: AuditProfile = AuditProfile::Certificate(Certificate::Good);

const FAULTS: &[Fault] = &[
    Fault {
        name: "handshake-stall",
        about: "silence after the ClientHello; the client must end by itself",
        needs: Needs::AnyTls,
        scenario: "[[rule]]\non = 'tls.hello'\ndo = { stall = 'conn' }\n",
    },
    Fault {
        name: "plaintext-on-tls-port",
        about: "cleartext from the first octet on the TLS ports",
        needs: Needs::ImplicitTls,
        scenario: "[tls]\nimplicit = false\n",
    },
    Fault {
        name: "handshake-garbage",
        about: "octets that are not TLS in place of the ServerHello",
        needs: Needs::AnyTls,
        scenario: "[[rule]]\non = 'tls.hello'\ndo = { raw = 'these octets are not TLS\\r\\n' }\n",
    },
    Fault {
        name: "old-tls",
        about: "TLS 1.0 only",
        needs: Needs::AnyTls,
        scenario: "[tls]\nmax = '1.0'\ncert = 'rsa'\n",
    },
    Fault {
        name: "handshake-alert",
        about: "the alert handshake_failure after the ClientHello",
        needs: Needs::AnyTls,
        scenario: "[[rule]]\non = 'tls.hello'\ndo = { tls = { alert = 'handshake_failure' } }\n",
    },
    Fault {
        name: "handshake-close",
        about: "the connection is closed after the ClientHello",
        needs: Needs::AnyTls,
        scenario: "[[rule]]\non = 'tls.hello'\ndo = { close = 'fin' }\n",
    },
    Fault {
        name: "handshake-rst",
        about: "the connection is reset after the ClientHello",
        needs: Needs::AnyTls,
        scenario: "[[rule]]\non = 'tls.hello'\ndo = { close = 'rst' }\n",
    },
    Fault {
        name: "starttls-stripped",
        about: "STARTTLS is not announced, and refused",
        needs: Needs::StartTls,
        scenario: "[tls]\nstarttls = 'never'\n",
    },
    Fault {
        name: "starttls-refused",
        about: "STARTTLS is announced, and refused",
        needs: Needs::StartTls,
        scenario: "[tls]\nstarttls = 'offered'\n\
            [[rule]]\non = ['smtp.starttls', 'lmtp.starttls']\ndo = { reply = '454 4.7.0 TLS not available' }\n\
            [[rule]]\non = 'imap.starttls'\ndo = { reply = 'NO TLS not available' }\n\
            [[rule]]\non = 'pop3.stls'\ndo = { reply = '-ERR TLS not available' }\n",
    },
    // The first reply under TLS is late: a client that takes the forged one for it sends its next command too early.
    Fault {
        name: INJECTION,
        about: "a forged reply in cleartext behind the reply to STARTTLS, in the same segment",
        needs: Needs::StartTls,
        scenario: "[server.imap]\ncaps.remove = ['SASL-IR']\n\
            [[rule]]\non = ['smtp.starttls', 'lmtp.starttls']\n\
            do = [{ hold = true }, { pass = true }, { raw = '250-forged.invalid\\r\\n250 AUTH PLAIN LOGIN\\r\\n' }]\n\
            [[rule]]\non = 'imap.starttls'\n\
            do = [{ hold = true }, { pass = true }, { raw = '* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\\r\\n' }]\n\
            [[rule]]\non = 'pop3.stls'\ndo = [{ hold = true }, { pass = true }, { raw = '+OK\\r\\nUSER\\r\\nSASL PLAIN\\r\\n.\\r\\n' }]\n\
            [[rule]]\non = ['smtp.ehlo', 'smtp.helo', 'lmtp.lhlo', 'pop3.capa', 'pop3.user', 'pop3.apop', 'pop3.auth', \
             'pop3.auth.start']\n\
            when = { tls = true }\nnth = 1\nper = 'conn'\ndo = [{ wait = '900ms' }, { pass = true }]\n",
    },
    Fault {
        name: "imap-preauth",
        about: "the greeting PREAUTH, after which STARTTLS is not possible",
        needs: Needs::StartTlsOfImap,
        scenario: "[[rule]]\non = 'imap.greeting'\ndo = { reply = '* PREAUTH [CAPABILITY IMAP4rev1] ready' }\n",
    },
];

impl AuditProfile {
    /// All that a client can be run against, besides the control run. Those that every client must accept come last.
    pub(crate) fn all() -> Vec<Self> {
        let is_tried = |its: &&Certificate| !matches!(its, Certificate::Good | Certificate::Own);
        let certificates = || Certificate::ALL.iter().filter(is_tried).map(|its| Self::Certificate(*its));
        let of = |duty| certificates().filter(move |its| its.duty() == duty);
        let faults = FAULTS.iter().map(Self::Fault);
        of(Duty::Refuse).chain(faults).chain(of(Duty::Either)).chain(of(Duty::Accept)).collect()
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|its| its.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Certificate(its) => its.name(),
            Self::Fault(its) => its.name,
        }
    }

    pub(crate) fn about(self) -> String {
        match self {
            Self::Certificate(its) => its.about().to_owned(),
            Self::Fault(its) => its.about.to_owned(),
        }
    }

    pub(crate) fn duty(self) -> Duty {
        match self {
            Self::Certificate(its) if its.must_be_refused() => Duty::Refuse,
            Self::Certificate(its) if its.must_be_accepted() => Duty::Accept,
            Self::Certificate(_) => Duty::Either,
            Self::Fault(_) => Duty::Refuse,
        }
    }

    /// Whether the server's side of the handshake is a correct one.
    pub(super) fn has_good_handshake(self) -> bool {
        match self {
            Self::Certificate(_) => false,
            Self::Fault(its) => !matches!(its.needs, Needs::AnyTls),
        }
    }

    /// Why it does not concern a client that behaved as in this control run.
    pub(crate) fn unused_by(self, control: &Control) -> Option<&'static str> {
        let Self::Fault(fault) = self else { return None };
        match fault.needs {
            Needs::AnyTls => None,
            Needs::ImplicitTls if control.uses_implicit_tls() => None,
            Needs::ImplicitTls => Some("the client uses no TLS port"),
            Needs::StartTls if control.uses_starttls(None) => None,
            Needs::StartTls => Some("the client uses no STARTTLS"),
            Needs::StartTlsOfImap if control.uses_starttls(Some(Protocol::Imap)) => None,
            Needs::StartTlsOfImap => Some("the client uses no STARTTLS in IMAP"),
        }
    }

    /// Makes a server with these settings present it. Fails if they have a scenario, because the faults are scenarios.
    pub(crate) fn apply(self, settings: &mut Settings) -> Result<(), String> {
        if settings.scenario.is_some() {
            return Err("the servers of an audit cannot have a scenario: the audit has its own".to_owned());
        }
        let profiles = Arc::make_mut(&mut settings.profiles);
        for entry in profiles.iter_mut() {
            entry.profile.certificate = None;
        }
        let certificate = match self {
            Self::Certificate(its) => its,
            Self::Fault(fault) => {
                let text = format!("mailjig = 1\nname = '{}'\n{}", fault.name, fault.scenario);
                let loaded = Scenario::text(fault.name, text).load().map_err(|error| error.to_string())?;
                settings.scenario = Some(Arc::new(loaded));
                Certificate::Good
            }
        };
        let profile = Profile { certificate: Some(certificate), ..Profile::default() };
        profiles.push(ProfileEntry { listener: None, sni: None, profile });
        Ok(())
    }
}
