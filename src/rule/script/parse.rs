//! Reading the text of a script, with the place of each error.

use std::ops::Range;
use std::time::Duration;

use super::{ClientData, ClientLine, Divergence, Head, Script, ScriptLine, ScriptStep, Text, Values, flow};
use crate::base::{Pattern, is_name, nearest, span, unknown_word};
use crate::document::{Location, Problem};
use crate::protocol::{Listener, Protocol};
use crate::rule::step::close::CloseMode;

/// The keys of the head.
const KEYS: &[&str] = &["protocol", "listener", "on_divergence"];
/// The ways in which a line can begin.
const FORMS: &str = "a line begins with S: S| C: C| C~ C? C* C. C! W: X: => @ TLS LOGIN PASS or --";

impl Script {
    /// Reads a script; fails with all errors, each with its place in the text.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut reading = Reading { text, script: Self::default(), problems: Vec::new() };
        reading.read();
        let Reading { script, mut problems, .. } = reading;
        if problems.is_empty() {
            problems = flow::problems(&script, text);
        }
        if problems.is_empty() { Ok(script) } else { Err(problems) }
    }
}

struct Reading<'t> {
    text: &'t str,
    script: Script,
    problems: Vec<Problem>,
}

impl<'t> Reading<'t> {
    fn read(&mut self) {
        let text = self.text;
        let is_head = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('#'));
        let mut in_head = is_head;
        for (no, line) in (1..).zip(text.split_inclusive('\n')) {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
            if line.is_empty() {
                continue;
            }
            match line {
                "---" if in_head => in_head = false,
                line if in_head => self.head(line),
                line if line.starts_with('|') => self.data(line),
                line => {
                    if let Some(step) = self.step(line) {
                        let at = self.at(line);
                        self.script.lines.push(ScriptLine { no, at, step });
                    }
                }
            }
        }
        if in_head {
            let end = text.len();
            self.wrong(end..end, "the head of the script does not end", "end it with a line `---`");
        }
        let Head { protocol, listener, .. } = self.script.head;
        if let (Some(protocol), Some(listener)) = (protocol, listener)
            && listener.protocol() != protocol
        {
            let message = format!("the listener `{}` does not speak {}", listener.name(), protocol.name());
            self.wrong(0..text.lines().next().unwrap_or_default().len(), message, "leave out one of the two");
        }
    }

    fn head(&mut self, line: &str) {
        let Some(comment) = line.strip_prefix('#') else {
            self.line_wrong(line, "this line stands in the head of the script", "end the head with a line `---`");
            return;
        };
        let Some((key, value)) = comment.split_once(" = ") else {
            self.script.head.about.push(comment.strip_prefix(' ').unwrap_or(comment).into());
            return;
        };
        let (key, value) = (key.trim(), value.trim());
        let head = &mut self.script.head;
        let unknown = match key {
            "protocol" => {
                head.protocol = Protocol::parse(value);
                let known: Vec<_> = Protocol::ALL.iter().map(|its| its.name()).collect();
                head.protocol.is_none().then(|| unknown_word("protocol", value, &known))
            }
            "listener" => {
                head.listener = Listener::ALL.iter().copied().find(|its| its.name() == value);
                let known: Vec<_> = Listener::ALL.iter().map(|its| its.name()).collect();
                head.listener.is_none().then(|| unknown_word("listener", value, &known))
            }
            "on_divergence" => match Divergence::parse(value) {
                Ok(divergence) => {
                    head.on_divergence = Some(divergence);
                    None
                }
                Err(wrong) => Some(wrong),
            },
            _ => Some(unknown_word("key in the head of a script", key, KEYS)),
        };
        if let Some((message, help)) = unknown {
            self.line_wrong(line, message, help);
        }
    }

    fn step(&mut self, line: &'t str) -> Option<ScriptStep> {
        let no_text = |rest: &str| rest.trim().is_empty();
        match line {
            "TLS" => return Some(ScriptStep::Tls),
            "PASS" => return Some(ScriptStep::Pass),
            "-- TLS" => {
                self.line_wrong(line, "a line after `--` is only a comment", "write `TLS` for the handshake");
                return None;
            }
            _ => {}
        }
        if let Some(user) = line.strip_prefix("LOGIN").filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            return self.login(line, user.trim());
        }
        if let Some(comment) = line.strip_prefix("--") {
            return Some(ScriptStep::Comment(comment.strip_prefix(' ').unwrap_or(comment).into()));
        }
        if let Some(label) = line.strip_prefix("=>") {
            return self.label(label).map(ScriptStep::Goto);
        }
        if let Some(label) = line.strip_prefix('@') {
            return self.label(label).map(ScriptStep::Label);
        }
        let Some((sign, rest)) = line.split_at_checked(2) else { return self.unknown(line) };
        let value = rest.strip_prefix(' ').unwrap_or(rest);
        if !rest.is_empty() && rest.len() == value.len() {
            return self.unknown(line);
        }
        let step = match sign {
            "S:" => ScriptStep::Say(self.parsed(value, Text::parse(value))?),
            "S|" => ScriptStep::SayOctets(self.parsed(value, Text::parse_octets(value))?),
            "C:" => ScriptStep::Client(ClientLine::Line(self.own_text(value, Text::parse(value))?)),
            "C|" => ScriptStep::Client(ClientLine::Octets(self.octets(value)?)),
            "C~" => ScriptStep::Client(ClientLine::Regex(self.regex(value)?)),
            "C?" => ScriptStep::Optional(self.own_text(value, Text::parse(value))?),
            "C*" => ScriptStep::Client(ClientLine::Any(self.name(value)?)),
            "C." => ScriptStep::Client(ClientLine::Data(ClientData { name: self.name(value)?, octets: None })),
            "C!" => ScriptStep::Never(self.regex(value)?),
            "W:" => ScriptStep::Wait(self.wait(value)?),
            "X:" => {
                let found = CloseMode::ALL.iter().find(|(name, _)| *name == value.trim());
                let known: Vec<&str> = CloseMode::ALL.iter().map(|(name, _)| *name).collect();
                let (message, help) = unknown_word("ending", value, &known);
                if found.is_none() {
                    self.wrong(self.span(value), message, help);
                }
                ScriptStep::Close(found?.1)
            }
            _ if no_text(line) => return None,
            _ => return self.unknown(line),
        };
        Some(step)
    }

    /// `| text` below `C. name`: a line of the data; `|| octets` for octets without a line end.
    fn data(&mut self, line: &'t str) {
        let octets = match line.strip_prefix("||") {
            Some(octets) => {
                let octets = octets.strip_prefix(' ').unwrap_or(octets);
                self.parsed(octets, crate::rule::template::unescape(octets))
            }
            None => {
                let text = &line[1..];
                Some([text.strip_prefix(' ').unwrap_or(text).as_bytes(), b"\r\n"].concat())
            }
        };
        let Some(octets) = octets else { return };
        match self.script.lines.last_mut().map(|line| &mut line.step) {
            Some(ScriptStep::Client(ClientLine::Data(data))) => {
                data.octets.get_or_insert_default().extend(octets);
            }
            Some(_) | None => {
                self.line_wrong(line, "a line of data must stand below `C.`", "write `C. name` above the data");
            }
        }
    }

    fn login(&mut self, line: &'t str, user: &'t str) -> Option<ScriptStep> {
        if user.is_empty() {
            self.line_wrong(line, "`LOGIN` needs a user", "write `LOGIN ann`");
            return None;
        }
        self.own_text(user, Text::parse(user)).map(ScriptStep::Login)
    }

    fn label(&mut self, written: &'t str) -> Option<Box<str>> {
        let name = written.trim();
        if !is_name(name) {
            self.wrong(self.span(written), format!("`{name}` is not a label"), "use letters, digits and `_`");
            return None;
        }
        Some(name.into())
    }

    fn name(&mut self, value: &'t str) -> Option<Option<Box<str>>> {
        let name = value.trim();
        if name.is_empty() {
            return Some(None);
        }
        if !is_name(name) {
            let message = format!("`{name}` is not the name of a variable");
            self.wrong(self.span(value), message, "use letters, digits and `_`, or leave it out");
            return None;
        }
        Some(Some(name.into()))
    }

    fn octets(&mut self, value: &'t str) -> Option<Text> {
        let octets = self.own_text(value, Text::parse_octets(value))?;
        if octets.names().next().is_some() {
            let help = "write `C:` or `C~` for a line with variables";
            self.wrong(self.span(value), "`C|` stands for a fixed number of octets", help);
            return None;
        }
        if octets.fill_known(&Values::default()).is_empty() {
            self.wrong(self.span(value), "`C|` needs octets", "write `C:` for an empty line");
            return None;
        }
        Some(octets)
    }

    /// A text without messages, which only the server sends.
    fn own_text(&mut self, value: &'t str, parsed: Result<Text, String>) -> Option<Text> {
        let text = self.parsed(value, parsed)?;
        if text.messages().next().is_some() {
            let help = "write `C.` for data of the client, and `{{` for a brace";
            self.wrong(self.span(value), "only lines of the server contain messages", help);
            return None;
        }
        Some(text)
    }

    fn regex(&mut self, value: &'t str) -> Option<Pattern> {
        if value.is_empty() {
            self.wrong(self.span(value), "a regular expression is missing", "write `C*` for any line");
            return None;
        }
        self.parsed(value, Pattern::parse(&format!("~{value}")))
    }

    fn wait(&mut self, value: &'t str) -> Option<Duration> {
        let micros = span(value);
        if micros.is_none() {
            let message = format!("`{}` is not a length of time", value.trim());
            self.wrong(self.span(value), message, "write `200ms`, `2s` or `1m`");
        }
        micros.map(Duration::from_micros)
    }

    fn parsed<T>(&mut self, value: &'t str, parsed: Result<T, impl ToString>) -> Option<T> {
        parsed.map_err(|why| self.problems.push(Problem::error(Location::Span(self.span(value)), why.to_string()))).ok()
    }

    fn unknown(&mut self, line: &'t str) -> Option<ScriptStep> {
        let help = match line.split_whitespace().next() {
            Some(word) if line.starts_with('#') => format!("comments begin with `--`, not with `{word}`"),
            Some(word) => nearest(word, ["TLS", "LOGIN", "PASS"]).unwrap_or_else(|| FORMS.to_owned()),
            None => FORMS.to_owned(),
        };
        self.line_wrong(line, "this is not a line of a script", help);
        None
    }

    fn line_wrong(&mut self, line: &str, message: impl Into<String>, help: impl Into<String>) {
        self.wrong(self.span(line), message, help);
    }

    fn wrong(&mut self, place: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::error(Location::Span(place), message).help(help));
    }

    /// The position of a part of the text.
    fn at(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text.as_ptr() as usize
    }

    fn span(&self, part: &str) -> Range<usize> {
        self.at(part)..self.at(part) + part.len()
    }
}

impl Divergence {
    /// Reads `pass`, `close` or `reply <text>`; fails with the reason and what would be right.
    pub(crate) fn parse(written: &str) -> Result<Self, (String, String)> {
        match written.split_once(' ') {
            None if written == "pass" => Ok(Self::Pass),
            None if written == "close" => Ok(Self::Close),
            Some(("reply", text)) if !text.trim().is_empty() => Ok(Self::Reply(text.trim().into())),
            Some(_) | None => {
                let message = format!("`{written}` is not a way to continue after a divergence");
                Err((message, "write `pass`, `close` or `reply <text>`".to_owned()))
            }
        }
    }
}
