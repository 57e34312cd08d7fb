//! The course of a script: the ends of optional groups, the places of labels, and what is wrong with them.

use std::ops::Range;

use super::{ClientLine, Script, ScriptLine, ScriptStep};
use crate::base::nearest;
use crate::document::{Location, Problem};
use crate::protocol::Protocol;

/// What would be right for lines behind an ending.
const UNTIL_DONE: &str = "to end it only after `C?`, write `=> done` there, and `@done`, `PASS` at the end";
const LABELLED: &str = "remove it, or write `@label` above it and jump there with `=> label`";

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
        problems.push(Problem::error(Location::Span(span(line, text)), message).help(help));
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
    if problems.is_empty() {
        problems = unplayed(script, text);
    }
    problems
}

/// An error for each line that is never played.
fn unplayed(script: &Script, text: &str) -> Vec<Problem> {
    let (mut problems, mut last) = (Vec::new(), None::<&ScriptLine>);
    for (line, is_reached) in script.lines.iter().zip(reached(script, vec![0], follows)) {
        if matches!(line.step, ScriptStep::Comment(_)) {
            continue;
        }
        if is_reached {
            last = Some(line);
            continue;
        }
        let Some(ScriptLine { no, step, .. }) = last else { continue };
        let does = if matches!(step, ScriptStep::Goto(_)) { "jumps away" } else { "ends" };
        let help = if *step == ScriptStep::Pass { UNTIL_DONE } else { LABELLED };
        let message = format!("never played: the script {does} at its line {no}, `{step}`");
        problems.push(Problem::error(Location::Span(span(line, text)), message).help(help));
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

/// The octets of a line in the text of its script.
fn span(line: &ScriptLine, text: &str) -> Range<usize> {
    line.at..text[line.at..].find(['\r', '\n']).map_or(text.len(), |at| line.at + at)
}

/// Whether the script can come back to this line without a line of the client.
fn is_endless(script: &Script, start: usize) -> bool {
    reached(script, next(script, start), next)[start]
}

/// For each line, whether the script comes to it from one of these, if these follow a line.
fn reached(script: &Script, from: Vec<usize>, follow: fn(&Script, usize) -> Vec<usize>) -> Vec<bool> {
    let (mut reached, mut open) = (vec![false; script.lines.len()], from);
    while let Some(at) = open.pop() {
        if at < reached.len() && !std::mem::replace(&mut reached[at], true) {
            open.extend(follow(script, at));
        }
    }
    reached
}

/// The lines that can follow.
fn follows(script: &Script, at: usize) -> Vec<usize> {
    let is_client = matches!(script.lines[at].step, ScriptStep::Client(_) | ScriptStep::Optional(_));
    next(script, at).into_iter().chain(is_client.then_some(at + 1)).collect()
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
