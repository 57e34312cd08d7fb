//! Documents in TOML or JSON: values with their locations, reading them with errors at their locations, and printing
//! them. Independent of the content of documents.

mod key;
mod node;
mod problem;
mod read;
mod tree;

pub(crate) use key::{Form, Key, words};
pub(crate) use node::{Data, Node, TableEntry};
pub(crate) use problem::{LineIndex, Location, Problem, Shown};
pub(crate) use read::{Reader, ScriptText, Table};
pub(crate) use tree::{Tree, word};
