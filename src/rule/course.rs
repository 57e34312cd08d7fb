//! The ways through the steps of a rule: an `await` with `else` has two.

use super::clause::{Rule, Timed};

/// The steps of one way through a rule, in order.
#[derive(Debug, Clone)]
pub(crate) struct Course<'r>(Vec<&'r Timed>);

impl Rule {
    /// Every way through its steps.
    pub(crate) fn courses(&self) -> Vec<Course<'_>> {
        let mut courses = Vec::new();
        follow(Course(Vec::new()), &self.steps, &mut courses);
        courses
    }

    /// Its steps, those of `else` included.
    pub(crate) fn all_steps(&self) -> Vec<&Timed> {
        let mut all = Vec::new();
        self.steps.iter().for_each(|timed| timed.each(&mut |timed| all.push(timed)));
        all
    }

    /// Whether it performs the request, or runs the rules inside of it, on one of its ways.
    pub(crate) fn passes(&self) -> bool {
        self.courses().iter().any(Course::passes)
    }
}

/// Adds the ways that begin with `before` and go on with these steps.
fn follow<'r>(mut before: Course<'r>, steps: &'r [Timed], courses: &mut Vec<Course<'r>>) {
    let mut others = Vec::new();
    for timed in steps {
        before.0.push(timed);
        if let Some(otherwise) = timed.step.awaited().and_then(|awaited| awaited.otherwise) {
            others.push((before.clone(), otherwise));
        }
    }
    courses.push(before);
    others.into_iter().for_each(|(before, otherwise)| follow(before, otherwise, courses));
}

impl<'r> Course<'r> {
    pub(crate) fn steps(&self) -> &[&'r Timed] {
        &self.0
    }

    /// The steps before and after this one, if it is on this way.
    pub(crate) fn around(&self, step: &Timed) -> Option<(&[&'r Timed], &[&'r Timed])> {
        let at = self.0.iter().position(|its| std::ptr::eq(*its, step))?;
        Some((&self.0[..at], &self.0[at + 1..]))
    }

    /// Whether it sends its own reply, so that the request is performed only if it passes.
    pub(crate) fn answers(&self) -> bool {
        self.0.iter().any(|timed| timed.after.is_none() && timed.step.answers())
    }

    /// Whether it performs the request, or runs the rules inside of the rule.
    pub(crate) fn passes(&self) -> bool {
        !self.answers() || self.0.iter().any(|timed| timed.step.passes() || timed.step.asks())
    }
}
