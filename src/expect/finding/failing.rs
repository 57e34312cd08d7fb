//! Which findings make a verification fail.

use super::FindingKind;
use crate::base::{Pattern, unknown};

/// Kinds of findings that make a verification fail: patterns for their names, and those of kinds that are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FailingKinds {
    /// Without one, all kinds.
    wanted: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

impl FailingKinds {
    /// These kinds.
    pub(crate) fn of(kinds: impl IntoIterator<Item = FindingKind>) -> Result<Self, String> {
        let names: Vec<&str> = kinds.into_iter().map(FindingKind::name).collect();
        if names.is_empty() {
            return Err("name at least one kind of finding".to_owned());
        }
        Self::parse(names)
    }

    /// Names of kinds, or patterns for them, such as `missing-*`; after `!`, kinds that are left out. Fails with the first
    /// that no kind has.
    pub(crate) fn parse<'t>(written: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut kinds = Self::default();
        for text in written {
            let (list, name) = match text.strip_prefix('!') {
                Some(name) => (&mut kinds.left_out, name),
                None => (&mut kinds.wanted, text),
            };
            let pattern = Pattern::parse(name).map_err(|error| error.to_string())?;
            if !FindingKind::ALL.iter().any(|kind| pattern.matches(kind.name())) {
                return Err(unknown("kind of finding", name, &FindingKind::names()));
            }
            list.push(pattern);
        }
        Ok(kinds)
    }

    /// Whether a finding of this kind makes the verification fail.
    pub(crate) fn include(&self, kind: FindingKind) -> bool {
        let is_one_of = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(kind.name()));
        (self.wanted.is_empty() || is_one_of(&self.wanted)) && !is_one_of(&self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_or_left_out() {
        for (written, included) in [
            (&[][..], [true, true, true]),
            (&["*"], [true, true, true]),
            (&["missing-date"], [true, false, false]),
            (&["missing-*"], [true, true, false]),
            (&["!missing-date"], [false, true, true]),
            (&["missing-*", "!missing-from"], [true, false, false]),
        ] {
            let kinds = FailingKinds::parse(written.iter().copied()).unwrap();
            let got = [FindingKind::MissingDate, FindingKind::MissingFrom, FindingKind::TagReused]
                .map(|kind| kinds.include(kind));
            assert_eq!(got, included, "{written:?}");
        }
        let error = FailingKinds::parse(["missing-dat"]).unwrap_err();
        assert_eq!(error, "unknown kind of finding `missing-dat`; did you mean `missing-date`?");
        assert!(FailingKinds::of([]).is_err());
        assert!(FailingKinds::of([FindingKind::TagReused]).unwrap().include(FindingKind::TagReused));
    }
}
