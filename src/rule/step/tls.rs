//! `tls`: answers a ClientHello.

use std::sync::Arc;

use super::super::profile::{
    ALPN, CERT, CLIENT_CA, CLIENT_CERT, GROUPS_KEY, MAX, MIN, Profile, RESUMPTION, SUITES_KEY, has_profile,
};
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::base::{ALERTS, Alert};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

const ALERT: Key = Key::new("alert", Form::Words(|| ALERTS.iter().map(|alert| alert.name).collect()), "The alert.");

/// The keys of its table.
const KEYS: &[Key] = &[CERT, MIN, MAX, SUITES_KEY, GROUPS_KEY, CLIENT_CERT, CLIENT_CA, ALPN, RESUMPTION, ALERT];

pub(super) const KIND: StepKind = StepKind {
    name: "tls",
    forms: "`{ cert = \"expired\" }`, `{ max = \"1.2\", client_cert = \"required\" }`, `{ alert = \"handshake_failure\" }`",
    does: "Answers a ClientHello with this profile, or with this alert. A profile has the keys of `[tls]`, from `cert` to `resumption`. If several rules choose a key, the outermost decides.",
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
    /// A handshake with this profile, as far as it goes.
    Profile(Box<Profile>),
    /// An alert, by its name in RFC 8446 §6.
    Alert(Alert),
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`tls`", KEYS);
    let hello = match (has_profile(table), table.get(ALERT.name)) {
        (true, None) => Hello::Profile(Box::new(reader.profile(table))),
        (false, Some(alert)) => Hello::Alert(reader.alert(alert)?),
        (true, Some(_)) | (false, None) => {
            reader.wrong(&node.place, "`tls` needs either `alert`, or keys of a profile such as `cert`");
            return None;
        }
    };
    Some(Arc::new(hello))
}

impl Reader {
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
            Self::Profile(profile) => profile.print(),
            Self::Alert(alert) => Tree::table([(ALERT.name, Some(Tree::text(alert.name)))]),
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
