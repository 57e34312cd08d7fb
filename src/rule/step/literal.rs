//! A number that replaces the right one: an offset or an absolute value.

use crate::document::{Node, Reader, Tree};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literal {
    /// An offset from the right number.
    Off(i64),
    Exactly(u64),
}

impl Literal {
    pub(crate) fn of(self, there_are: u64) -> u64 {
        match self {
            Self::Off(more) => there_are.saturating_add_signed(more),
            Self::Exactly(number) => number,
        }
    }

    pub(super) fn print(self) -> Tree {
        match self {
            Self::Off(more) => Tree::Text(format!("{more:+}")),
            Self::Exactly(number) => Tree::Text(format!("={number}")),
        }
    }
}

impl Reader {
    /// `+7`, `-1`, `=4294967295` or a bare number.
    pub(crate) fn literal(&mut self, node: &Node) -> Option<Literal> {
        let written = self.written(node)?;
        let parsed = match written.strip_prefix('=') {
            Some(number) => number.parse().ok().map(Literal::Exactly),
            None if written.starts_with(['+', '-']) => written.parse().ok().map(Literal::Off),
            None => written.parse().ok().map(Literal::Exactly),
        };
        if parsed.is_none() {
            self.wrong(&node.place, format!("`{written}` is not a number or an offset; write `=42`, `+7` or `-1`"));
        }
        parsed
    }
}
