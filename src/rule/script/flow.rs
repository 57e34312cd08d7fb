//! The course of a script: the ends of optional groups, the places of labels, and what is wrong with them.

use super::{ClientLine, Script, ScriptLine, ScriptStep};
use crate::base::nearest;
use crate::document::{Location, Problem};
use crate::protocol::Protocol;

impl Script {
    /// The index of the line after the group of the optional line at this index.
    pub(crate) fn group_end(&self, optional: usize) -> usize {
        let ends = |line: &ScriptLine| match &line.step {
            ScriptStep::Client(_) | ScriptStep::Optional(_) | ScriptStep::Label(_) | ScriptStep::Pass => true,
            ScriptStep::Say(_)
            | ScriptStep::SayOctets(_)
            | ScriptStep::Never(_)
            | ScriptStep::Wait(_)
            | ScriptStep::Login(_)
            | ScriptStep::Close(_)
            | ScriptStep::Goto(_)
            | ScriptStep::Tls
            | ScriptStep::Comment(_) => false,
        };
        let behind = self.lines[optional + 1..].iter().position(ends);
        behind.map_or(self.lines.len(), |at| optional + 1 + at)
    }

    /// The indexes of the client's lines that can come next, from this index on: those that may be left out, and the
    /// one that must come, if there is one. Loops without such a line are refused when a script is read.
    pub(super) fn expected_from(&self, start: usize) -> (Vec<usize>, bool) {
        let (mut found, mut at) = (Vec::new(), start);
        while let Some(line) = self.lines.get(at) {
            match &line.step {
                ScriptStep::Client(_) => {
                    found.push(at);
                    return (found, true);
                }
                ScriptStep::Optional(_) => {
                    found.push(at);
                    at = self.group_end(at);
                }
                ScriptStep::Goto(label) => at = self.place(label).unwrap_or(self.lines.len()),
                ScriptStep::Close(_) | ScriptStep::Pass => break,
                ScriptStep::Say(_)
                | ScriptStep::SayOctets(_)
                | ScriptStep::Never(_)
                | ScriptStep::Wait(_)
                | ScriptStep::Login(_)
                | ScriptStep::Label(_)
                | ScriptStep::Tls
                | ScriptStep::Comment(_) => at += 1,
            }
        }
        (found, false)
    }

    /// The index of the line with this label.
    pub(crate) fn place(&self, label: &str) -> Option<usize> {
        self.lines.iter().position(|line| label_of(line) == Some(label))
    }
}

/// What is wrong with a script whose lines are all valid.
pub(super) fn problems(script: &Script, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |line: &ScriptLine, message: String, help: String| {
        let end = text[line.at..].find(['\r', '\n']).map_or(text.len(), |at| line.at + at);
        problems.push(Problem::error(Location::Span(line.at..end), message).help(help));
    };
    if !script.lines.iter().any(|line| !matches!(line.step, ScriptStep::Comment(_))) {
        let place = Location::Span(text.len()..text.len());
        return vec![Problem::error(place, "the script has no lines").help("write `S:` and `C:` lines")];
    }
    let bound: Vec<&str> = script.lines.iter().flat_map(binds).collect();
    let groups: Vec<Box<str>> = script.lines.iter().flat_map(groups).collect();
    for (at, line) in script.lines.iter().enumerate() {
        if let ScriptStep::Label(label) = &line.step
            && script.place(label) != Some(at)
        {
            wrong(line, format!("the label `{label}` stands in two places"), "rename one of them".to_owned());
        }
        if let ScriptStep::Goto(label) = &line.step {
            if script.place(label).is_none() {
                let labels = script.lines.iter().filter_map(label_of);
                let help = nearest(label, labels).unwrap_or_else(|| format!("write `@{label}` where it goes"));
                wrong(line, format!("there is no label `{label}`"), help);
            } else if is_endless(script, at) {
                let help = "put a line of the client, such as `C:` or `C*`, into the loop".to_owned();
                wrong(line, format!("the loop to `{label}` waits for no line of the client"), help);
            }
        }
        if let ScriptStep::Say(text) | ScriptStep::SayOctets(text) | ScriptStep::Login(text) = &line.step {
            let is_tag = |name: &str| name == "tag" && script.protocol().is_none_or(|its| its == Protocol::Imap);
            let has_value =
                |name: &str| is_tag(name) || bound.contains(&name) || groups.iter().any(|its| **its == *name);
            for name in text.names().filter(|name| !has_value(name)) {
                let help = "bind it in a line of the client; write `{{` for a brace".to_owned();
                wrong(line, format!("nothing gives `{{{name}}}` a value"), help);
            }
        }
    }
    problems
}

/// The names that a line of the client gives a value, except those of regular expressions.
fn binds(line: &ScriptLine) -> Vec<&str> {
    match &line.step {
        ScriptStep::Client(ClientLine::Line(text)) | ScriptStep::Optional(text) => text.names().collect(),
        ScriptStep::Client(ClientLine::Any(Some(name))) => vec![name],
        ScriptStep::Client(ClientLine::Data(data)) => data.name.as_deref().into_iter().collect(),
        ScriptStep::Client(ClientLine::Any(None) | ClientLine::Octets(_) | ClientLine::Regex(_))
        | ScriptStep::Say(_)
        | ScriptStep::SayOctets(_)
        | ScriptStep::Never(_)
        | ScriptStep::Wait(_)
        | ScriptStep::Login(_)
        | ScriptStep::Close(_)
        | ScriptStep::Goto(_)
        | ScriptStep::Label(_)
        | ScriptStep::Tls
        | ScriptStep::Pass
        | ScriptStep::Comment(_) => Vec::new(),
    }
}

/// The named groups of a line's regular expression.
fn groups(line: &ScriptLine) -> Vec<Box<str>> {
    if let ScriptStep::Client(ClientLine::Regex(pattern)) = &line.step { pattern.group_names() } else { Vec::new() }
}

fn label_of(line: &ScriptLine) -> Option<&str> {
    if let ScriptStep::Label(label) = &line.step { Some(label) } else { None }
}

/// Whether the script can come back to this line without a line of the client.
fn is_endless(script: &Script, start: usize) -> bool {
    let mut seen = vec![false; script.lines.len()];
    let mut open = next(script, start);
    while let Some(at) = open.pop() {
        if at == start {
            return true;
        }
        if at < seen.len() && !std::mem::replace(&mut seen[at], true) {
            open.extend(next(script, at));
        }
    }
    false
}

/// The lines that can follow without a line of the client.
fn next(script: &Script, at: usize) -> Vec<usize> {
    match &script.lines[at].step {
        ScriptStep::Client(_) | ScriptStep::Close(_) | ScriptStep::Pass => Vec::new(),
        ScriptStep::Optional(_) => vec![script.group_end(at)],
        ScriptStep::Goto(label) => script.place(label).into_iter().collect(),
        ScriptStep::Say(_)
        | ScriptStep::SayOctets(_)
        | ScriptStep::Never(_)
        | ScriptStep::Wait(_)
        | ScriptStep::Login(_)
        | ScriptStep::Label(_)
        | ScriptStep::Tls
        | ScriptStep::Comment(_) => vec![at + 1],
    }
}
