//! `tls`: answers a ClientHello.

use std::sync::Arc;

use super::super::profile::{Certificate, Profile};
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Key, Node, Reader, Tree, words};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("cert", Form::Words(|| words(&Certificate::ALL)), "The certificate."),
    Key::new("alert", Form::Words(|| ALERTS.iter().map(|alert| alert.name).collect()), "The alert."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "tls",
    forms: "`{ cert = \"expired\" }`, `{ alert = \"handshake_failure\" }`",
    does: "Answers a ClientHello with this certificate or with this alert. If several rules choose a certificate, the outermost decides.",
    value: Form::Table(KEYS),
    role: Role::Flow,
    examples: &[Example {
        on: "tls.hello",
        steps: "{ tls = { alert = \"handshake_failure\" } }",
        client: "",
        server: "",
        then: Then::Refused,
    }],
    read,
};

/// The answer to a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hello {
    /// A handshake in which the listener presents this profile.
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

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`tls`", KEYS);
    let hello = match (table.get("cert"), table.get("alert")) {
        (Some(certificate), None) => Hello::Profile(Profile::of(reader.certificate(certificate)?)),
        (None, Some(alert)) => Hello::Alert(reader.alert(alert)?),
        (Some(_), Some(_)) | (None, None) => {
            reader.wrong(&node.place, "`tls` needs either `cert` or `alert`");
            return None;
        }
    };
    Some(Arc::new(hello))
}

impl Reader {
    pub(crate) fn certificate(&mut self, node: &Node) -> Option<Certificate> {
        self.word(node, "certificate", &Certificate::ALL)
    }

    pub(crate) fn alert(&mut self, node: &Node) -> Option<Alert> {
        let names: Vec<(&str, Alert)> = ALERTS.iter().map(|alert| (alert.name, *alert)).collect();
        self.word(node, "alert", &names)
    }
}

impl Step for Hello {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        match self {
            Self::Profile(profile) => Tree::table([("cert", Some(Tree::text(profile.certificate.name())))]),
            Self::Alert(alert) => Tree::table([("alert", Some(Tree::text(alert.name)))]),
        }
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Hello(self.clone())
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(event == Event::TlsHello, "it answers a ClientHello: use it at `tls.hello`")
    }

    fn answers(&self) -> bool {
        matches!(self, Self::Alert(_))
    }

    fn may_miss(&self, _is_late: bool) -> bool {
        matches!(self, Self::Profile(_))
    }
}
