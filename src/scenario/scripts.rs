//! Reads scripts: `[[script]]`, and `.session` files, which are scenarios of one script.

use std::fs;
use std::sync::Arc;

use super::error::ScenarioError;
use super::file::Source;
use super::{Loaded, keys};
use crate::base::Times;
use crate::document::{Location, Node, Problem, Reader, ScriptText};
use crate::protocol::{Event, Protocol};
use crate::rule::script::Script;
use crate::rule::step::script::ScriptRef;
use crate::rule::{On, Rule};

/// How the first line of a session begins, apart from its head.
const SIGNS: &[&str] = &["S: ", "S| ", "C: ", "C| ", "C~ ", "C? ", "C* ", "C. ", "C! ", "LOGIN ", "---", "-- "];

/// Whether a text is that of a `.session` file and not of a scenario in TOML, which begins with a key.
pub(super) fn is_session(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty());
    let first = lines.into_iter().find(|line| *line == "---" || !line.starts_with('#'));
    first.is_some_and(|first| SIGNS.iter().any(|sign| first.starts_with(sign)))
}

/// A scenario of one script, which is played at every greeting of its protocol.
pub(super) fn session(name: &str, text: &str) -> Result<Loaded, ScenarioError> {
    let wrong = |problems| ScenarioError::new(name, text, problems);
    Script::parse_knowing(text, None).map_err(wrong)?;
    let script = ScriptRef::parse(text).map_err(wrong)?;
    let Some(protocol) = script.script.protocol() else {
        let problem = Problem::error(Location::Span(0..0), "the head does not name a protocol");
        return Err(wrong(vec![problem.help("begin with `# protocol = smtp` and a line `---`")]));
    };
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let id = file.strip_suffix(".session").unwrap_or(file);
    let about = script.script.head.about.join(" ");
    let on = vec![On::from(greeting(protocol))];
    let rule = Rule { expect: Some(Times::from(1..)), ..Rule::new(id, on, vec![Arc::new(script)], name) };
    Ok(Loaded { name: id.to_owned(), about, rules: vec![Arc::new(rule)], ..Loaded::default() })
}

fn greeting(protocol: Protocol) -> Event {
    match protocol {
        Protocol::Smtp => Event::SmtpGreeting,
        Protocol::Lmtp => Event::LmtpGreeting,
        Protocol::Imap => Event::ImapGreeting,
        Protocol::Pop3 => Event::Pop3Greeting,
    }
}

impl Reader {
    /// Reads a `[[script]]`, which rules then can name. Returns the rule that begins it, if it has `on`, and its node.
    /// `messages` are the ids that its lines can name.
    pub(super) fn named_script(
        &mut self,
        node: &Node,
        number: usize,
        messages: &[String],
        source: &Source<'_>,
    ) -> Option<(Rule, Node)> {
        let is_of_rule = |key: &str| keys::RULE.iter().any(|its| its.name == key);
        let help = |key: &str| is_of_rule(key).then_some("begin it with a rule and the step `script`");
        let table = self.table_helping(node, "a script", keys::SCRIPT, help);
        let id = match table.get("id") {
            Some(id) => self.text(id)?,
            None => format!("script-{number}"),
        };
        if self.scripts.iter().any(|its| its.id == id) {
            self.wrong(&table.place("id"), format!("there is already a script `{id}`"));
        }
        let divergence = table.get("on_divergence").and_then(|its| Some((self.divergence(its)?, self.text(its)?)));
        let text = match (table.get("text"), table.get("file")) {
            (Some(text), None) => self.script_within(text, messages, source),
            (None, Some(file)) => self.script_file(file, messages, source),
            (Some(_), Some(_)) | (None, None) => {
                self.wrong_help(&node.place, "a script needs either `text` or `file`", "write `text = '''…'''`");
                None
            }
        };
        let on = table.get("on").map(|on| self.events(on));
        let text = text.unwrap_or_default();
        let on_divergence = divergence.as_ref().map(|(_, written)| written.clone());
        self.scripts.push(ScriptText { id: id.clone(), text: text.clone(), on_divergence });
        let script = ScriptRef::parse(&text).ok()?;
        let script = divergence.map(|(its, _)| its).into_iter().fold(script, ScriptRef::on_divergence);
        let rule = Rule::new(&id, on?, vec![Arc::new(script)], &source.origin(&node.place));
        Some((rule, node.clone()))
    }

    /// The text of a script in the document. Reports each error at its line.
    fn script_within(&mut self, node: &Node, messages: &[String], source: &Source<'_>) -> Option<String> {
        let text = self.verbatim(node)?;
        let from = match &node.place {
            Location::Span(span) => source.literal_start(span.start),
            Location::Pointer(_) | Location::Nowhere => None,
        };
        let Some(from) = from else { return self.script_text(&text, &node.place).map(|_| text) };
        match Script::parse_knowing(&text, Some(messages)) {
            Ok(_) => Some(text),
            Err(problems) => {
                for problem in problems {
                    let place = match problem.place {
                        Location::Span(span) => Location::Span(from + span.start..from + span.end),
                        place @ (Location::Pointer(_) | Location::Nowhere) => place,
                    };
                    self.problems.push(Problem { place, ..problem });
                }
                None
            }
        }
    }

    /// The text of a script in a file beside the scenario.
    fn script_file(&mut self, node: &Node, messages: &[String], source: &Source<'_>) -> Option<String> {
        let name = self.text(node)?;
        let path = source.folder.as_ref().map_or_else(|| name.as_str().into(), |folder| folder.join(&name));
        let text = fs::read_to_string(&path).map_err(|error| format!("the file `{name}` cannot be read: {error}"));
        let text = self.parsed(&node.place, text)?;
        if let Err(problems) = Script::parse_knowing(&text, Some(messages)) {
            let error = ScenarioError::new(&path.display().to_string(), &text, problems);
            self.wrong(&node.place, format!("`{name}` is not a script:\n{error}"));
            return None;
        }
        Some(text)
    }
}
