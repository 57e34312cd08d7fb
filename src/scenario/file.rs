//! Loads a file as a whole: its tables and its parameters.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "api")]
use super::Checked;
use super::error::ScenarioError;
#[cfg(feature = "api")]
use super::error::in_order;
use super::keys::{self, CLOCKS, OBLIGATIONS, VERSION};
use super::shipped::{self, SHIPPED, Shipped};
use super::{InForce, Loaded, ServerSettings, User, check, scripts, tables};
use crate::base::{nearest, same_login};
use crate::document::{Data, LineIndex, Location, Node, Problem, Reader, Shown, Table, words};
#[cfg(feature = "api")]
use crate::document::{Form, Key};
use crate::mail::Namespace;
use crate::rule::Rule;

type Params<'p> = &'p [(String, String)];

/// The source that is being read, and the sources that use it.
pub(super) struct Source<'s> {
    pub(super) name: String,
    lines: LineIndex<'s>,
    pub(super) folder: Option<PathBuf>,
    /// The name that the file must have: the stem of its path.
    stem: Option<String>,
    pub(super) users: Vec<String>,
}

pub(super) fn named(name: &str, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    let Some(found) = shipped::find(name) else {
        let known = SHIPPED.iter().map(|its| its.name);
        let help = nearest(name, known)
            .unwrap_or_else(|| "`mailjig scenarios` lists the scenarios that come with mailjig".to_owned());
        return Err(ScenarioError::whole(name, "there is no scenario with this name", Some(help)));
    };
    read(Source::shipped(found, Vec::new()), set)
}

pub(super) fn path(path: &Path, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    path_used_by(path, set, Vec::new())
}

pub(super) fn path_used_by(path: &Path, set: Params<'_>, users: Vec<String>) -> Result<Loaded, ScenarioError> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| ScenarioError::whole(&shown, format!("the file cannot be read: {error}"), None))?;
    if path.extension().is_some_and(|extension| extension == "session") {
        return session(&shown, &text, set);
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let folder = path.parent().map(Path::to_owned);
    read(Source { name: shown, lines: LineIndex::of(&text), folder, stem, users }, set)
}

/// Reads the text of a `.session` file.
pub(super) fn session(name: &str, text: &str, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    match set.first() {
        Some((param, _)) => {
            let help = Some("a session has no parameters".to_owned());
            Err(ScenarioError::whole(name, format!("there is no parameter `{param}`"), help))
        }
        None => scripts::session(name, text),
    }
}

pub(super) fn text(name: &str, text: &str, folder: Option<PathBuf>, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    if scripts::is_session(text) {
        return session(name, text, set);
    }
    read(Source { name: name.to_owned(), lines: LineIndex::of(text), folder, stem: None, users: Vec::new() }, set)
}

#[cfg(feature = "api")]
pub(super) fn json(value: &serde_json::Value, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    let source =
        Source { name: "scenario".to_owned(), lines: LineIndex::of(""), folder: None, stem: None, users: Vec::new() };
    read_node(source, &Node::json(value, ""), set)
}

/// Reads one rule.
#[cfg(feature = "api")]
pub(super) fn rule(node: &Node, text: &str, origin: &str, in_force: &InForce) -> Result<Rule, ScenarioError> {
    let mut reader = Reader { namespace: Some(in_force.namespace.clone()), ..Reader::default() };
    let rule = reader.rule(node, 1, &|_| origin.into());
    if let Some((rule, node)) = &rule {
        check::rule(&mut reader, rule, node, &[]);
        check::messages(&mut reader, rule, node, &in_force.messages);
    }
    let errors = errors_of(reader);
    let rule = rule.filter(|_| errors.is_empty());
    rule.map(|(rule, _)| rule).ok_or_else(|| ScenarioError::new("rule", text, errors))
}

/// The only `[[rule]]` in a text.
#[cfg(feature = "api")]
pub(super) fn only_rule(text: &str) -> Result<Node, ScenarioError> {
    let document = Node::toml(text).map_err(|problems| ScenarioError::new("rule", text, problems))?;
    let version = Key::new("mailjig", Form::Exactly(VERSION), "");
    let rule = Key::new("rule", Form::Table(keys::RULE), "");
    let mut reader = Reader::default();
    let table = reader.table(&document, "the text of a rule", &[version, rule]);
    reader.version(table);
    let rules = each(table, "rule");
    match rules {
        [] => reader.wrong_help(&start(&document), "`[[rule]]` is missing", "begin the text with `[[rule]]`"),
        [_] => {}
        [_, second, ..] => reader.wrong_help(&second.place, "there is more than one rule", "add one rule at a time"),
    }
    match rules.first().filter(|_| reader.problems.is_empty()) {
        Some(rule) => Ok(rule.clone()),
        None => Err(ScenarioError::new("rule", text, reader.problems)),
    }
}

/// The errors of a rule that was not read from a file, as text.
pub(crate) struct RuleError(pub(crate) String);

/// Checks whether a rule is valid where this is in force.
pub(crate) fn check_rule(rule: &Rule, in_force: &InForce) -> Result<(), RuleError> {
    let mut reader = Reader { namespace: Some(in_force.namespace.clone()), ..Reader::default() };
    let nowhere = Node { place: Location::Nowhere, data: Data::Table(Vec::new()) };
    check::rule(&mut reader, rule, &nowhere, &[]);
    check::messages(&mut reader, rule, &nowhere, &in_force.messages);
    let errors = errors_of(reader);
    match errors.is_empty() {
        true => Ok(()),
        false => Err(RuleError(ScenarioError::new(&rule.origin, "", errors).to_string())),
    }
}

pub(super) fn read(source: Source<'_>, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    match Node::toml(source.lines.text) {
        Ok(node) => read_node(source, &node, set),
        Err(problems) => Err(ScenarioError::new(&source.name, source.lines.text, problems)),
    }
}

fn read_node(source: Source<'_>, node: &Node, set: Params<'_>) -> Result<Loaded, ScenarioError> {
    let (mut loaded, problems) = read_all(&source, node, set);
    let (warnings, errors): (Vec<Problem>, Vec<Problem>) = problems.into_iter().partition(|problem| problem.is_warning);
    if !errors.is_empty() {
        return Err(ScenarioError::new(&source.name, source.lines.text, errors));
    }
    let fixed = tables::fixed(Table(node.entries().unwrap_or_default()));
    if !fixed.is_empty() {
        loaded.fixed = Some(ScenarioError::new(&source.name, source.lines.text, fixed));
    }
    let shown = warnings.iter().map(|problem| Shown { name: &source.name, lines: &source.lines, problem }.to_string());
    loaded.warnings.extend(shown);
    Ok(loaded)
}

/// Reads a scenario as far as possible. Returns it with its errors and warnings, in the order in which they were found.
fn read_all(source: &Source<'_>, node: &Node, set: Params<'_>) -> (Loaded, Vec<Problem>) {
    let mut reader = Reader::default();
    let table = reader.table(node, "a scenario", keys::FILE);
    let mut loaded = Loaded::default();
    reader.version(table);
    if table.get("mailjig").is_none() {
        reader.wrong_help(&start(node), "`mailjig` is missing", "begin the file with `mailjig = 1`");
    }
    reader.params(table.get("params"), set);
    loaded.params.clone_from(&reader.params);
    reader.heading(table, source, &mut loaded);
    let uses = table.get("use").map_or_else(Vec::new, |its| reader.texts(its));
    reader.settings(table, &mut loaded);
    reader.accounts(table, source.folder.as_deref(), &mut loaded);
    let rules = reader.rules(table, source, &mut loaded);
    let origin = |place: &Location| source.origin(place);
    let mut expects = Vec::new();
    for (i, its) in each(table, "expect").iter().enumerate() {
        expects.extend(reader.expect(its, i + 1, &origin).map(|expect| (Arc::new(expect), its)));
    }
    loaded.expects = expects.iter().map(|(expect, _)| Arc::clone(expect)).collect();
    for (name, place) in uses {
        if let Some(inner) = reader.used(&name, &place, source) {
            loaded.take_in(inner);
        }
    }
    check::state(&mut reader, &rules, &expects, &loaded.rules, &loaded.state);
    let given = each(table, "mailbox").iter().chain(each(table, "message"));
    check::logins(&mut reader, &rules, given, &loaded.users);
    (loaded, reader.problems)
}

/// All that is found in a text: its errors and warnings, and the names of the rules that could be read.
#[cfg(feature = "api")]
pub(super) fn checked(text: &str) -> Checked {
    let source =
        Source { name: String::new(), lines: LineIndex::of(text), folder: None, stem: None, users: Vec::new() };
    if scripts::is_session(text) {
        let (problems, rules) = match session("", text, &[]) {
            Ok(loaded) => (Vec::new(), loaded.rules),
            Err(error) => (error.problems, Vec::new()),
        };
        return Checked { problems, rules: rules.iter().map(|rule| Arc::clone(&rule.id)).collect() };
    }
    let (loaded, mut problems) = match Node::toml(text) {
        Ok(node) => read_all(&source, &node, &[]),
        Err(problems) => (Loaded::default(), problems),
    };
    in_order(&mut problems);
    Checked { problems, rules: loaded.rules.iter().map(|rule| Arc::clone(&rule.id)).collect() }
}

/// The problems that are not only warnings.
fn errors_of(reader: Reader) -> Vec<Problem> {
    reader.problems.into_iter().filter(|problem| !problem.is_warning).collect()
}

/// The tables of a list in a file; empty if there is no such list.
fn each<'n>(table: Table<'n>, key: &str) -> &'n [Node] {
    table.get(key).map_or(&[][..], Node::items)
}

impl Source<'_> {
    pub(super) fn shipped(found: &Shipped, users: Vec<String>) -> Self {
        let stem = Some(found.name.to_owned());
        Self { name: found.file(), lines: LineIndex::of(found.text), folder: None, stem, users }
    }

    /// The position of the first character of a literal string of several lines that begins here.
    pub(super) fn literal_start(&self, at: usize) -> Option<usize> {
        let rest = self.lines.text.get(at..)?.strip_prefix("'''")?;
        let newline = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        Some(at + 3 + newline)
    }

    /// The location of a rule, as reports print it.
    pub(super) fn origin(&self, place: &Location) -> Arc<str> {
        let line = |span: &Range<usize>| self.lines.line_and_column(span.start).0;
        match place {
            Location::Span(span) if self.name.is_empty() => format!("line {}", line(span)).into(),
            Location::Span(span) => format!("{}:{}", self.name, line(span)).into(),
            Location::Pointer(pointer) => format!("{}:{pointer}", self.name).into(),
            Location::Nowhere => self.name.as_str().into(),
        }
    }
}

impl Reader {
    /// Reads name, description and other texts about the scenario.
    fn heading(&mut self, table: Table<'_>, source: &Source<'_>, loaded: &mut Loaded) {
        if let Some(name) = table.get("name") {
            loaded.name = self.text(name).unwrap_or_default();
            if let Some(stem) = source.stem.as_deref().filter(|stem| **stem != *loaded.name) {
                let message = format!("the name is `{}`, but the file is called `{stem}`", loaded.name);
                self.wrong(&name.place, message);
            }
        } else {
            loaded.name = source.stem.clone().unwrap_or_else(|| source.name.clone());
        }
        loaded.about = table.get("about").and_then(|its| self.text(its)).unwrap_or_default();
        let mut list = |key: &str| table.get(key).map_or_else(Vec::new, |its| self.texts(its));
        let (refs, must) = (list("refs"), list("client_must"));
        loaded.refs = refs.into_iter().map(|(text, _)| text).collect();
        for (word, place) in must {
            let known = words(&OBLIGATIONS);
            if !known.contains(&word.as_str()) {
                self.unknown(&place, "obligation", &word, &known);
            }
            loaded.client_must.push(word);
        }
    }

    /// Reads the settings of the server: seed, clock, protocols, TLS, variables.
    fn settings(&mut self, table: Table<'_>, loaded: &mut Loaded) {
        loaded.seed = table.get("seed").and_then(|its| self.number(its, "a seed"));
        if let Some(clock) = table.get("clock") {
            loaded.is_manual = self.word(clock, "clock", &CLOCKS).unwrap_or_default();
        }
        loaded.failing = table.get("fail_on_findings").and_then(|its| self.failing_kinds(its));
        self.servers(table.get("server"), loaded);
        // Without a delimiter in the file, the namespace of the server applies, which is not known here.
        let ServerSettings { delimiter, namespace, .. } = &loaded.server;
        self.namespace = delimiter.map(|delimiter| Namespace::new(namespace.as_deref().unwrap_or_default(), delimiter));
        for tls in each(table, "tls") {
            self.tls(tls, loaded);
        }
        for entry in table.get("state").and_then(Node::entries).unwrap_or_default() {
            if let Some(value) = self.state(&entry.value) {
                loaded.state.push((entry.key.as_str().into(), value));
            }
        }
    }

    /// Reads the initial users, mailboxes and mail.
    fn accounts(&mut self, table: Table<'_>, folder: Option<&Path>, loaded: &mut Loaded) {
        for its in each(table, "user") {
            let Some(user) = self.user_given(its) else { continue };
            if loaded.users.iter().any(|other: &User| same_login(&other.name, &user.name)) {
                self.wrong(&its.place, format!("there is already a user `{}`", user.name));
            }
            loaded.users.push(user);
        }
        loaded.mailboxes = each(table, "mailbox").iter().filter_map(|its| self.mailbox_given(its)).collect();
        loaded.messages = each(table, "message").iter().filter_map(|its| self.message_given(its, folder)).collect();
    }

    /// Reads the rules, each with its document.
    fn rules(&mut self, table: Table<'_>, source: &Source<'_>, loaded: &mut Loaded) -> Vec<(Rule, Node)> {
        let origin = |place: &Location| source.origin(place);
        let mut rules = Vec::new();
        let ids: Vec<String> = loaded.messages.iter().filter_map(|message| message.id.clone()).collect();
        for (i, its) in each(table, "script").iter().enumerate() {
            rules.extend(self.named_script(its, i + 1, &ids, source));
        }
        for (i, its) in each(table, "rule").iter().enumerate() {
            rules.extend(self.rule(its, i + 1, &origin));
        }
        // Rules and scripts are in the order of the file.
        rules.sort_by_key(|(_, node)| match &node.place {
            Location::Span(span) => span.start,
            Location::Pointer(_) | Location::Nowhere => 0,
        });
        check::rules(self, &rules, &ids);
        let steps = rules.iter().flat_map(|(rule, _)| rule.all_steps());
        for id in steps.flat_map(|timed| timed.step.messages()) {
            let named = loaded.messages.iter_mut().filter(|message| message.id.as_deref() == Some(id));
            named.for_each(|message| message.is_delivered = true);
        }
        loaded.rules = rules.iter().map(|(rule, _)| Arc::new(rule.clone())).collect();
        rules
    }
}

/// The start of a document.
fn start(node: &Node) -> Location {
    match &node.place {
        Location::Span(_) => Location::Span(0..0),
        Location::Pointer(_) | Location::Nowhere => node.place.clone(),
    }
}

impl Reader {
    /// Checks the version of the language, if it is written.
    fn version(&mut self, table: Table<'_>) {
        if let Some(version) = table.get("mailjig").filter(|its| !matches!(its.data, Data::Integer(VERSION))) {
            self.wrong(&version.place, "unknown version of the language: write `mailjig = 1`");
        }
    }

    fn params(&mut self, node: Option<&Node>, set: Params<'_>) {
        for entry in node.and_then(Node::entries).unwrap_or_default() {
            if let Some(value) = self.written(&entry.value) {
                self.params.push((entry.key.clone(), value));
            }
        }
        for (name, value) in set {
            match self.params.iter_mut().find(|(its, _)| its == name) {
                Some((_, own)) => own.clone_from(value),
                None => {
                    let known: Vec<&str> = self.params.iter().map(|(name, _)| name.as_str()).collect();
                    let help = nearest(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
                        [] => "this scenario has no parameters".to_owned(),
                        known => format!("there are: {}", known.join(", ")),
                    });
                    let place = node.map_or(Location::Nowhere, |node| node.place.clone());
                    self.wrong_help(&place, format!("there is no parameter `{name}`"), help);
                }
            }
        }
    }
}
