//! What a session announces instead of its own capabilities and greeting.

use std::borrow::Cow;

use super::Reply;

/// A change of what a session's machine announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CapabilityOverride {
    /// The greeting's text behind its code.
    pub(crate) greeting: Option<Box<str>>,
    /// The only capabilities; None: the machine's own.
    pub(crate) set: Option<Vec<Box<str>>>,
    pub(crate) add: Vec<Box<str>>,
    /// By their first word, as `AUTH`, or whole, as `AUTH=PLAIN`.
    pub(crate) remove: Vec<Box<str>>,
}

impl CapabilityOverride {
    /// What is announced instead of these capabilities.
    pub(crate) fn apply<'a>(&'a self, own: Vec<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
        let mut all = match &self.set {
            Some(set) => set.iter().map(|its| Cow::Borrowed(&**its)).collect(),
            None => own,
        };
        let same = |one: &str, other: &str| {
            one.eq_ignore_ascii_case(other)
                || one.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(other))
        };
        all.retain(|its| !self.remove.iter().any(|gone| same(its, gone)));
        for more in &self.add {
            if !all.iter().any(|its| its.eq_ignore_ascii_case(more)) {
                all.push(Cow::Borrowed(more));
            }
        }
        all
    }

    /// What a transcript shows instead of the capabilities: `caps`, and what was changed. None where they are not the
    /// machine's own at all.
    ///
    /// # Rationale
    /// A transcript is a snapshot in tests, and must not change when the machine learns another capability. What somebody
    /// changed is what a reader looks for.
    fn label(&self) -> Option<String> {
        if self.set.is_some() {
            return None;
        }
        let list = |word: &str, names: &[Box<str>]| match names {
            [] => String::new(),
            names => format!(" {word} {}", names.join(" ")),
        };
        Some(format!("caps{}{}", list("without", &self.remove), list("with", &self.add)))
    }

    /// Takes over what another change says.
    pub(crate) fn merge(&mut self, other: &CapabilityOverride) {
        self.greeting = other.greeting.clone().or(self.greeting.take());
        self.set = other.set.clone().or(self.set.take());
        self.add.retain(|its| !other.remove.contains(its));
        self.add.extend(other.add.iter().cloned());
        self.remove.retain(|its| !other.add.contains(its));
        self.remove.extend(other.remove.iter().cloned());
    }
}

/// What a session's machine announces instead of what it would: in the clear, and under TLS. Most have nothing here.
#[derive(Debug, Default)]
pub(crate) struct CapabilityOverrides(Option<Box<(CapabilityOverride, CapabilityOverride)>>);

impl CapabilityOverrides {
    /// What is changed at this moment.
    pub(super) fn at(&self, is_secured: bool) -> Option<&CapabilityOverride> {
        let (clear, under_tls) = &**self.0.as_ref()?;
        Some(if is_secured { under_tls } else { clear })
    }

    /// What a transcript shows instead of the capabilities that are announced at this moment; none: all of them.
    pub(super) fn label(&self, is_secured: bool) -> Option<String> {
        self.at(is_secured).map_or_else(|| Some("caps".to_owned()), CapabilityOverride::label)
    }

    /// From now on announces something else.
    pub(crate) fn change(&mut self, offer: &CapabilityOverride) {
        let (clear, under_tls) = &mut **self.0.get_or_insert_default();
        clear.merge(offer);
        under_tls.merge(offer);
    }

    /// The same from the TLS handshake on.
    pub(crate) fn change_under_tls(&mut self, offer: &CapabilityOverride) {
        self.0.get_or_insert_default().1.merge(offer);
    }
}

impl Reply {
    /// Adds capabilities, which a transcript shows by this label if there is one.
    pub(super) fn push_capabilities(&mut self, label: Option<String>, capabilities: String) {
        match label.filter(|_| !capabilities.is_empty()) {
            Some(label) => self.push_abbreviated(label, capabilities),
            None => self.push(&capabilities),
        }
    }
}
