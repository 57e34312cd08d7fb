//! `edit`: changes lines.

use std::sync::Arc;

use super::super::filter::{Filter, Line, Rank, each_line, find_all, found};
use super::super::stage;
use super::super::template::{Template, TemplatePart};
use super::{
    Action, Example, FROM_ONE, Objection, Role, Said, Step, StepContext, StepKind, Then, never_found, unless, wrong,
};
use crate::base::{Pattern, PatternMatch};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::{Event, Reply};

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("find", Form::Text, "A pattern: what it matches in a line is replaced, or the line is dropped."),
    Key::new("replace", Form::Text, "The text instead. Write a line end as `\\r\\n` in a text in double quotes."),
    Key::new("line", Form::Count, "The number of a line, from 1."),
    Key::new("drop", Form::Truth, "Drops the line."),
    Key::new("dup", Form::Truth, "Sends the line twice."),
    Key::new("below", Form::Count, "The number of a line, below which one is inserted; 0 for the top."),
    Key::new("insert", Form::Text, "The line to insert."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "edit",
    forms: "`{ find = '~…', replace = \"…\" }`, `{ find = '~…', drop = true }`, `{ line = 2, drop = true }`, \
            `{ line = 2, dup = true }`, `{ below = 1, insert = \"…\" }`",
    does: "Replaces every match in each line, drops lines, duplicates a line, or inserts a line. `{name}` in `replace` is what the \
           named group `(?<name>…)` of `find` matched. Several edits of a rule are applied one after the other. Lines in a literal count as lines; its size stays.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &Example::everywhere(
        "{ edit = { find = \"~O[Kk]\", replace = \"Maybe\" } }",
        ["250 2.0.0 Maybe\r\n", "A1 Maybe Done\r\n", "+Maybe now the password\r\n"],
        Then::Open,
    ),
    read,
};

/// A change of lines; the first is 1.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Replace {
        find: Pattern,
        with: Template,
    },
    Drop(usize),
    /// Every line with a match.
    DropFound(Pattern),
    Duplicate(usize),
    Insert {
        below: usize,
        text: Template,
    },
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`edit`", KEYS);
    let line = |reader: &mut Reader, its: &Node| reader.number(its, "the number of a line");
    let edit = match (table.get("find"), table.get("line"), table.get("below")) {
        (Some(find), None, None) => {
            let find = reader.pattern(find)?;
            match table.get("drop").is_some_and(|its| reader.truth(its) == Some(true)) {
                true => Edit::DropFound(find),
                false => Edit::Replace { find, with: reader.need(table, node, "replace", Reader::template)? },
            }
        }
        (None, Some(n), None) => {
            let n = line(reader, n)?;
            let is_set = |reader: &mut Reader, key| table.get(key).and_then(|its| reader.truth(its)) == Some(true);
            match (is_set(reader, "drop"), is_set(reader, "dup")) {
                (true, false) => Edit::Drop(n),
                (false, true) => Edit::Duplicate(n),
                (true, true) | (false, false) => {
                    reader.wrong(&node.place, "`edit` of a line needs either `drop = true` or `dup = true`");
                    return None;
                }
            }
        }
        (None, None, Some(below)) => {
            let below = line(reader, below)?;
            Edit::Insert { below, text: reader.need(table, node, "insert", Reader::template)? }
        }
        (None, None, None) | (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            reader.wrong(&node.place, "`edit` needs `find` and `replace`, or `line`, or `below` and `insert`");
            return None;
        }
    };
    Some(Arc::new(edit))
}

impl Step for Edit {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let (yes, text) = (Some(Tree::Truth(true)), |its: &str| Some(Tree::text(its)));
        match self {
            Self::Replace { find, with } => {
                Tree::table([("find", text(find.written())), ("replace", text(with.written()))])
            }
            Self::DropFound(find) => Tree::table([("find", text(find.written())), ("drop", yes)]),
            Self::Drop(line) => Tree::table([("line", Some(Tree::number(*line))), ("drop", yes)]),
            Self::Duplicate(line) => Tree::table([("line", Some(Tree::number(*line))), ("dup", yes)]),
            Self::Insert { below, text: more } => {
                Tree::table([("below", Some(Tree::number(*below))), ("insert", text(more.written()))])
            }
        }
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        let text = self.templates().first().map_or_else(Vec::new, |text| text.parts(&self.groups(), cx.named));
        Action::Filter(Box::new(Editing { edit: self.clone(), text, line: 0 }))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn pointless(&self) -> Option<Objection> {
        match self {
            Self::Drop(0) | Self::Duplicate(0) | Self::Insert { below: 0, .. } => wrong("there is no line 0", FROM_ONE),
            Self::Replace { find, .. } | Self::DropFound(find) => never_found(find),
            Self::Drop(_) | Self::Duplicate(_) | Self::Insert { .. } => None,
        }
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Replace { with: text, .. } | Self::Insert { text, .. } => vec![text],
            Self::Drop(_) | Self::DropFound(_) | Self::Duplicate(_) => Vec::new(),
        }
    }

    fn groups(&self) -> Vec<Box<str>> {
        match self {
            Self::Replace { find, .. } => find.group_names(),
            Self::Drop(_) | Self::DropFound(_) | Self::Duplicate(_) | Self::Insert { .. } => Vec::new(),
        }
    }

    fn said(&self) -> Said<'_> {
        match self {
            Self::Insert { text, .. } => Said::Line(text),
            Self::Replace { .. } | Self::Drop(_) | Self::DropFound(_) | Self::Duplicate(_) => Said::Nothing,
        }
    }
}

/// An edit with its text filled in, and the number of lines so far.
#[derive(Debug)]
struct Editing {
    edit: Edit,
    text: Vec<TemplatePart>,
    line: usize,
}

impl Filter for Editing {
    fn rank(&self) -> Rank {
        Rank::Lines
    }

    fn change(&mut self, reply: Reply) -> (Reply, bool) {
        let Self { edit, text, line } = self;
        each_line(reply, line, &mut |line, out| edit.change(&line, text, out))
    }

    fn description(&self) -> String {
        match &self.edit {
            Edit::Replace { find, .. } => format!("edited where {}", find.written()),
            Edit::Drop(line) => format!("line {line} dropped"),
            Edit::DropFound(find) => format!("lines dropped where {}", find.written()),
            Edit::Duplicate(line) => format!("line {line} doubled"),
            Edit::Insert { below, .. } => format!("a line inserted below {below}"),
        }
    }
}

impl Edit {
    /// Writes the new form of a line. Returns whether it differs.
    fn change(&self, line: &Line<'_>, text: &[TemplatePart], out: &mut Vec<u8>) -> bool {
        let is_replaced = match self {
            Self::Replace { find, .. } => replace(find, text, line.body, out),
            Self::Drop(n) if *n == line.no => return true,
            Self::DropFound(find) if found(find, line.body).is_some() => return true,
            Self::Drop(_) | Self::DropFound(_) | Self::Duplicate(_) | Self::Insert { .. } => {
                out.extend_from_slice(line.body);
                false
            }
        };
        out.extend_from_slice(line.end);
        match self {
            Self::Duplicate(n) if *n == line.no => out.extend([line.body, line.end].concat()),
            Self::Insert { below, .. } if *below == line.no => {
                text.iter().for_each(|part| part.write(&|_| None, out));
                out.extend_from_slice(b"\r\n");
            }
            Self::Replace { .. } | Self::Drop(_) | Self::DropFound(_) | Self::Duplicate(_) | Self::Insert { .. } => {
                return is_replaced;
            }
        }
        true
    }
}

/// Replaces every match in the line; `$1` is not special. Returns whether there was one.
fn replace(find: &Pattern, with: &[TemplatePart], line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut from = 0;
    let places = find_all(find, line);
    let found = !places.is_empty();
    for PatternMatch { range, groups } in places {
        out.extend_from_slice(&line[from..range.start]);
        let group = |name: &str| groups.iter().find(|(its, _)| **its == *name).map(|(_, range)| &line[range.clone()]);
        with.iter().for_each(|part| part.write(&group, out));
        from = range.end;
    }
    out.extend_from_slice(&line[from..]);
    found
}
