//! Changes of the capabilities, the mechanisms and the greeting of a session.

use std::borrow::Cow;

use super::{Reply, TlsState};
use crate::mail::Accounts;
use crate::sasl::{Authentication, Channel, Context, Mechanism, Secret};

/// A change of the capabilities that a session announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CapabilityOverride {
    /// The text of the greeting after its status.
    pub(crate) greeting: Option<Box<str>>,
    /// The complete list of capabilities. `None` for the machine's own.
    pub(crate) set: Option<Vec<Box<str>>>,
    pub(crate) add: Vec<Box<str>>,
    /// By the first word, such as `AUTH`, or by the whole name, such as `AUTH=PLAIN`.
    pub(crate) remove: Vec<Box<str>>,
    /// The SASL mechanisms that are announced and accepted. `None` for all of them.
    pub(crate) mechanisms: Option<Vec<&'static Mechanism>>,
}

impl CapabilityOverride {
    /// These capabilities, changed.
    fn apply<'a>(&'a self, own: Vec<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
        let mut all = match &self.set {
            Some(set) => set.iter().map(|its| Cow::Borrowed(&**its)).collect(),
            None => own,
        };
        all.retain(|its| !self.removes(its));
        for more in &self.add {
            if !all.iter().any(|its| its.eq_ignore_ascii_case(more)) {
                all.push(Cow::Borrowed(more));
            }
        }
        all
    }

    fn removes(&self, capability: &str) -> bool {
        let word = capability.split([' ', '=']).next().unwrap_or_default();
        self.remove.iter().any(|gone| [capability, word].iter().any(|its| its.eq_ignore_ascii_case(gone)))
    }

    /// The label that a transcript shows instead of the capabilities: `caps` and the changes. `None` if `set` replaces
    /// the whole list.
    ///
    /// # Rationale
    /// Tests use transcripts as snapshots, which must not change when the machine learns another capability. The
    /// changes are what a reader looks for.
    fn label(&self) -> Option<String> {
        if self.set.is_some() {
            return None;
        }
        let list = |word: &str, names: &[Box<str>]| match names {
            [] => String::new(),
            names => format!(" {word} {}", names.join(" ")),
        };
        let mechanisms = self.mechanisms.iter().map(|its| format!(" auth {}", names(its)));
        let mechanisms: String = mechanisms.collect();
        Some(format!("caps{}{}{}", mechanisms.trim_end(), list("without", &self.remove), list("with", &self.add)))
    }

    /// Merges another change into this one.
    pub(crate) fn merge(&mut self, other: &CapabilityOverride) {
        self.greeting = other.greeting.clone().or(self.greeting.take());
        self.set = other.set.clone().or(self.set.take());
        self.mechanisms = other.mechanisms.clone().or(self.mechanisms.take());
        self.add.retain(|its| other.add.contains(its) || !other.removes(its));
        extend(&mut self.add, &other.add);
        self.remove.retain(|its| !other.add.contains(its));
        extend(&mut self.remove, &other.remove);
    }
}

/// Whether the client has presented a certificate if this mechanism needs one.
fn has_certificate(mechanism: &Mechanism, tls: &TlsState) -> bool {
    !mechanism.needs_certificate() || tls.channel().is_some_and(|channel| channel.client.is_some())
}

/// The names of mechanisms in one line.
fn names(mechanisms: &[&Mechanism]) -> String {
    mechanisms.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(" ")
}

/// Adds the missing names: a step that is executed again changes nothing.
fn extend(names: &mut Vec<Box<str>>, more: &[Box<str>]) {
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
}

/// The changes of the capabilities in cleartext and under TLS. Most sessions have none.
#[derive(Debug, Default)]
pub(crate) struct CapabilityOverrides {
    changes: Option<Box<(CapabilityOverride, CapabilityOverride)>>,
    /// Whether the accounts have access tokens, so that mechanisms with tokens are announced without being named.
    has_tokens: bool,
    /// Whether all accounts are known with their passwords, so that mechanisms with proofs are announced without being
    /// named.
    has_passwords: bool,
}

impl CapabilityOverrides {
    /// The change that applies now.
    fn at(&self, tls: &TlsState) -> Option<&CapabilityOverride> {
        let (clear, under_tls) = &**self.changes.as_ref()?;
        Some(if tls.is_active() { under_tls } else { clear })
    }

    /// The text of the greeting after its status. `None` for the machine's own.
    pub(super) fn greeting(&self, tls: &TlsState) -> Option<&str> {
        self.at(tls)?.greeting.as_deref()
    }

    /// Whether a SASL mechanism is accepted now.
    pub(super) fn accepts(&self, mechanism: &Mechanism, tls: &TlsState) -> bool {
        // RFC 5802 §4: mechanisms with channel binding need a connection to bind to.
        let is_possible = (tls.is_active() || !mechanism.needs_channel_binding()) && has_certificate(mechanism, tls);
        let is_on = self.named(tls).map_or(!mechanism.is_optional(), |named| named.contains(&mechanism));
        is_possible && is_on
    }

    /// Whether the commands with a password are accepted now: LOGIN of IMAP, USER and PASS of POP3. A list of mechanisms
    /// closes them unless it names PLAIN or LOGIN, which send the same.
    pub(super) fn accepts_password_commands(&self, tls: &TlsState) -> bool {
        self.accepts_command(tls, |its| its.secret() == Secret::Password)
    }

    /// Whether APOP is accepted now. A list of mechanisms closes it unless it names CRAM-MD5, which is its equivalent.
    pub(super) fn accepts_apop(&self, tls: &TlsState) -> bool {
        self.accepts_command(tls, |its| its.name() == "CRAM-MD5")
    }

    /// An empty list turns SASL off, so only the commands are left.
    fn accepts_command(&self, tls: &TlsState, is_equivalent: impl Fn(&Mechanism) -> bool) -> bool {
        self.named(tls).is_none_or(|named| named.is_empty() || named.iter().any(|its| is_equivalent(its)))
    }

    /// The SASL mechanisms that are announced now: of those that need a connection with TLS or a certificate of the client,
    /// only those that can be used.
    ///
    /// # Rationale
    /// A client that prefers XOAUTH2 to mechanisms with a password, and has only a password, would fail. So without
    /// tokens, it is announced only if a scenario names it. In the same way, a client that prefers SCRAM would fail if the
    /// server does not know its password.
    pub(super) fn announced<'a>(&'a self, tls: &'a TlsState) -> impl Iterator<Item = &'static Mechanism> + 'a {
        let named = self.named(tls);
        let all = Mechanism::all().filter(move |its| {
            named.is_none()
                && !its.is_optional()
                && match its.secret() {
                    Secret::Password => true,
                    Secret::Token => self.has_tokens,
                    Secret::Proof => self.has_passwords,
                    Secret::Nothing => true,
                }
        });
        let is_bound = tls.channel().is_some_and(Channel::has_default_binding);
        let all = named.into_iter().flatten().copied().chain(all);
        all.filter(move |its| (is_bound || !its.needs_channel_binding()) && has_certificate(its, tls))
    }

    /// Whether a mechanism that needs a certificate of the client is named for sessions with TLS.
    pub(crate) fn wants_certificate(&self) -> bool {
        let named = self.changes.as_ref().and_then(|changes| changes.1.mechanisms.as_deref());
        named.is_some_and(|named| named.iter().any(|its| its.needs_certificate()))
    }

    /// The SASL mechanisms that a change names.
    fn named(&self, tls: &TlsState) -> Option<&[&'static Mechanism]> {
        self.at(tls).and_then(|change| change.mechanisms.as_deref())
    }

    /// Announces the mechanisms that these accounts can use.
    pub(crate) fn set_accounts(&mut self, accounts: &Accounts) {
        (self.has_tokens, self.has_passwords) = (accounts.tokens().has_access(), accounts.has_passwords());
    }

    /// The context of a login over this connection.
    pub(super) fn sasl_context<'c>(&self, context: Context<'c>, tls: &'c TlsState) -> Context<'c> {
        let announces_channel_binding = self.announced(tls).any(|its| its.needs_channel_binding());
        Context { channel: tls.channel(), announces_channel_binding, ..context }
    }

    /// The capability of SMTP and POP3 that lists the mechanisms after this word; `None` if there are none.
    pub(super) fn mechanism_list(&self, word: &str, tls: &TlsState) -> Option<Cow<'static, str>> {
        let mechanisms: Vec<_> = self.announced(tls).collect();
        (!mechanisms.is_empty()).then(|| format!("{word} {}", names(&mechanisms)).into())
    }

    /// The capabilities that are announced now: the machine's own, changed.
    pub(super) fn apply<'a>(&'a self, tls: &TlsState, own: Vec<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
        match self.at(tls) {
            Some(change) => change.apply(own),
            None => own,
        }
    }

    /// The label that a transcript shows instead of the capabilities that are announced now. `None` if it shows the
    /// list.
    pub(super) fn label(&self, tls: &TlsState) -> Option<String> {
        self.at(tls).map_or_else(|| Some("caps".to_owned()), CapabilityOverride::label)
    }

    /// Applies a change from now on.
    pub(crate) fn change(&mut self, other: &CapabilityOverride) {
        let (clear, under_tls) = &mut **self.changes.get_or_insert_default();
        clear.merge(other);
        under_tls.merge(other);
    }

    /// Applies a change from the TLS handshake on.
    pub(crate) fn change_under_tls(&mut self, other: &CapabilityOverride) {
        self.changes.get_or_insert_default().1.merge(other);
    }
}

impl Reply {
    /// Adds a challenge of a login after this prompt.
    pub(super) fn challenge(mut self, prompt: &str, login: &Authentication) -> Self {
        self.push(prompt);
        match login.is_random() {
            true => self.push_abbreviated("challenge", login.challenge()),
            false => self.push(&login.challenge()),
        }
        self.push("\r\n");
        self
    }

    /// Adds capabilities, which a transcript shows as this label if there is one.
    pub(super) fn push_capabilities(&mut self, label: Option<String>, capabilities: String) {
        match label.filter(|_| !capabilities.is_empty()) {
            Some(label) => self.push_abbreviated(label, capabilities),
            None => self.push(&capabilities),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::StartTls;

    #[test]
    fn repeating_a_change_has_no_effect() {
        let change = CapabilityOverride {
            add: vec!["X-Y".into()],
            remove: vec!["IDLE".into()],
            ..CapabilityOverride::default()
        };
        let mut merged = change.clone();

        merged.merge(&change);

        assert_eq!(merged, change);
    }

    #[test]
    fn a_later_change_removes_by_the_first_word_what_an_earlier_one_added() {
        let change = |add: &[&str], remove: &[&str]| {
            let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
            CapabilityOverride { add: boxed(add), remove: boxed(remove), ..CapabilityOverride::default() }
        };
        let mut overrides = CapabilityOverrides::default();
        overrides.change(&change(&["AUTH CRAM-MD5", "XYZZY"], &[]));
        overrides.change_under_tls(&change(&["AUTH PLAIN"], &["auth"]));
        let announced = |is_active| {
            let own = vec![Cow::Borrowed("AUTH LOGIN"), Cow::Borrowed("HELP")];
            overrides.apply(&TlsState::new(StartTls::Offered, is_active), own).join(", ")
        };

        assert_eq!(announced(false), "AUTH LOGIN, HELP, AUTH CRAM-MD5, XYZZY");
        assert_eq!(announced(true), "HELP, XYZZY, AUTH PLAIN");
    }

    #[test]
    fn channel_binding_is_announced_where_clients_use_a_type_that_the_server_supports() {
        let overrides = CapabilityOverrides { has_passwords: true, ..CapabilityOverrides::default() };
        let plus = Mechanism::parse(b"SCRAM-SHA-1-PLUS").unwrap();
        for (is_tls13, is_announced, is_accepted) in
            [(None, false, false), (Some(false), false, true), (Some(true), true, true)]
        {
            let mut tls = TlsState::new(StartTls::Offered, false);
            if let Some(is_tls13) = is_tls13 {
                tls.activate();
                tls.bind(Channel { exporter: is_tls13.then_some([0; 32]), ..Channel::default() });
            }

            assert_eq!(overrides.announced(&tls).any(|its| its == plus), is_announced, "{is_tls13:?}");
            assert_eq!(overrides.accepts(plus, &tls), is_accepted, "{is_tls13:?}");
        }
    }

    #[test]
    fn external_needs_the_certificate_of_the_client() {
        let external = Mechanism::parse(b"EXTERNAL").unwrap();
        let mut overrides = CapabilityOverrides::default();
        assert!(!overrides.wants_certificate());
        overrides.change(&CapabilityOverride { mechanisms: Some(vec![external]), ..CapabilityOverride::default() });
        assert!(overrides.wants_certificate());

        for client in [None, Some(Vec::new())] {
            let mut tls = TlsState::new(StartTls::Offered, true);
            let has_certificate = client.is_some();
            tls.bind(Channel { client, ..Channel::default() });

            assert_eq!(overrides.announced(&tls).count(), usize::from(has_certificate));
            assert_eq!(overrides.accepts(external, &tls), has_certificate);
        }
    }

    #[test]
    fn mechanisms_that_are_optional_are_on_only_if_they_are_named() {
        let tls = TlsState::new(StartTls::Never, false);
        let anonymous = Mechanism::parse(b"ANONYMOUS").unwrap();
        let mut overrides = CapabilityOverrides::default();
        assert!(!overrides.accepts(anonymous, &tls) && overrides.announced(&tls).all(|its| its != anonymous));

        overrides.change(&CapabilityOverride { mechanisms: Some(vec![anonymous]), ..CapabilityOverride::default() });

        assert!(overrides.accepts(anonymous, &tls) && overrides.announced(&tls).eq([anonymous]));
    }

    #[test]
    fn a_list_of_mechanisms_closes_the_commands_without_an_equivalent() {
        let tls = TlsState::new(StartTls::Never, false);
        for (names, has_password_commands, has_apop) in [
            (None, true, true),
            (Some(&[][..]), true, true),
            (Some(&["PLAIN"]), true, false),
            (Some(&["SCRAM-SHA-256", "LOGIN"]), true, false),
            (Some(&["CRAM-MD5"]), false, true),
            (Some(&["SCRAM-SHA-256", "XOAUTH2", "ANONYMOUS"]), false, false),
        ] {
            let mechanisms = names.map(|names| Mechanism::parse_all(names.iter().copied()).unwrap());
            let mut overrides = CapabilityOverrides::default();
            overrides.change(&CapabilityOverride { mechanisms, ..CapabilityOverride::default() });

            let accepted = (overrides.accepts_password_commands(&tls), overrides.accepts_apop(&tls));
            assert_eq!(accepted, (has_password_commands, has_apop), "{names:?}");
        }
    }

    #[test]
    fn a_transcript_shows_the_changes_instead_of_the_list() {
        let names = |names: &[&str]| names.iter().map(|name| Box::<str>::from(*name)).collect::<Vec<_>>();
        let removed = CapabilityOverride { remove: names(&["IDLE", "MOVE"]), ..CapabilityOverride::default() };
        let added = CapabilityOverride { add: names(&["X-NEW"]), ..CapabilityOverride::default() };
        let set = CapabilityOverride { set: Some(names(&["IDLE"])), ..CapabilityOverride::default() };
        let mut overrides = CapabilityOverrides::default();
        let label = |overrides: &CapabilityOverrides| {
            [false, true].map(|is_active| overrides.label(&TlsState::new(StartTls::Offered, is_active)))
        };
        let [caps, without, both] =
            ["caps", "caps without IDLE MOVE", "caps without IDLE MOVE with X-NEW"].map(|label| Some(label.to_owned()));

        assert_eq!(label(&overrides), [caps.clone(), caps]);
        overrides.change(&removed);
        assert_eq!(label(&overrides), [without.clone(), without.clone()]);
        overrides.change_under_tls(&added);
        assert_eq!(label(&overrides), [without, both.clone()]);
        overrides.change_under_tls(&set);
        assert_eq!(label(&overrides)[1], None);
    }
}
