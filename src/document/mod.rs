//! A document as it was written: values with their places, the same from TOML and from JSON; how they are read, with
//! every error at its place, and how they are printed. Does not know what a document is about.

mod node;
mod problem;
mod read;
mod tree;

pub(crate) use node::{Data, Node, TableEntry};
pub(crate) use problem::{Location, Problem, Shown, line_and_column};
pub(crate) use read::{Reader, Table};
pub(crate) use tree::{Tree, word};
