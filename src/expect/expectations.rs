//! The expectations of a test: how many matching messages there must be by the end.

use std::fmt;

use super::report::Question;

/// The number of an expectation within its server: `e1`, `e2` ….
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpectationNo(pub(crate) u32);

/// The expectations of a server, added in Rust or over HTTP.
#[derive(Default)]
pub(crate) struct Expectations {
    all: Vec<(ExpectationNo, Question)>,
    last: u32,
}

impl Expectations {
    pub(crate) fn add(&mut self, question: Question) -> ExpectationNo {
        self.last += 1;
        self.all.push((ExpectationNo(self.last), question));
        ExpectationNo(self.last)
    }

    /// Removes them all and returns them.
    pub(crate) fn take(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.all).into_iter().map(|(_, question)| question).collect()
    }
}

#[cfg(feature = "api")]
impl Expectations {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ExpectationNo, &Question)> {
        self.all.iter().map(|(no, question)| (*no, question))
    }

    /// All of them, without their numbers.
    pub(crate) fn questions(&self) -> Vec<Question> {
        self.all.iter().map(|(_, question)| question.clone()).collect()
    }

    /// Removes an expectation. Returns it, because dropping it may run code of the test.
    pub(crate) fn remove(&mut self, no: ExpectationNo) -> Option<Question> {
        let at = self.all.iter().position(|(its, _)| *its == no)?;
        Some(self.all.remove(at).1)
    }
}

impl ExpectationNo {
    /// Parses `e1` or `1`.
    #[cfg(feature = "api")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('e').unwrap_or(text).parse().ok().map(Self)
    }
}

impl fmt::Display for ExpectationNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

impl fmt::Debug for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all.iter().map(|(no, Question { matcher, times, .. })| format!("{no}: {times} × {matcher}"));
        f.debug_list().entries(all).finish()
    }
}
