//! A recorded session as a script.

use std::collections::{HashMap, VecDeque};

use super::literals::Literals;
use super::said::{OPEN, Part, Said};
use crate::base::{Pattern, braced};
use crate::protocol::{Listener, Protocol};
use crate::rule::CloseMode;
use crate::rule::script::{ClientData, ClientLine, Head, Script, ScriptLine, ScriptStep, Text};

/// Writes what was said as a script.
pub(super) struct Writer {
    protocol: Protocol,
    shows_secrets: bool,
    lines: Vec<ScriptStep>,
    /// The values that names stand for.
    named: HashMap<String, Vec<u8>>,
    /// The names of the tags of commands that are not answered yet, and the tags.
    tags: Vec<(String, Vec<u8>)>,
    /// For each command of IMAP, whether another one came before its answer.
    overtaken: VecDeque<bool>,
    literals: Literals,
}

impl Writer {
    pub(super) fn new(protocol: Protocol, shows_secrets: bool) -> Self {
        Self {
            protocol,
            shows_secrets,
            lines: Vec::new(),
            named: HashMap::new(),
            tags: Vec::new(),
            overtaken: VecDeque::new(),
            literals: Literals::default(),
        }
    }

    /// The script of a session; `listener` if it began with TLS.
    pub(super) fn script(mut self, about: String, listener: Option<Listener>, said: &[Said]) -> Script {
        self.overtaken = overtaken(said);
        // A script has no lines behind its end.
        let end = said.iter().position(|its| *its == Said::Closed).map_or(said.len(), |end| end + 1);
        for said in &said[..end] {
            match said {
                Said::Line(parts) => self.line(parts),
                Said::SecretBody(_) | Said::SecretOctets(_) if !self.shows_secrets => self.data(None),
                Said::Body(octets) | Said::SecretBody(octets) => self.data(Some(octets.clone())),
                Said::Octets(octets) | Said::SecretOctets(octets) => {
                    self.client(ClientLine::Octets(Text::of_octets(octets)));
                }
                Said::Server(octets) => self.server(octets),
                Said::Tls => self.lines.push(ScriptStep::Tls),
                Said::Dropped(octets) => {
                    let text = format!("{octets} octets were sent in cleartext after STARTTLS and discarded");
                    self.lines.push(ScriptStep::Comment(text.into()));
                }
                Said::Closed => self.lines.push(ScriptStep::Close(CloseMode::Fin)),
            }
        }
        if end < said.len() {
            self.lines.push(ScriptStep::Comment("the client sent more after the end".into()));
        }
        let protocol = listener.is_none().then_some(self.protocol);
        let head = Head { about: vec![about.into()], protocol, listener, on_divergence: None };
        let lines = self.lines.into_iter().map(|step| ScriptLine { no: 0, at: 0, step }).collect();
        Script { head, lines }
    }

    fn client(&mut self, line: ClientLine) {
        self.lines.push(ScriptStep::Client(line));
    }

    fn data(&mut self, octets: Option<Vec<u8>>) {
        self.client(ClientLine::Data(ClientData { name: None, octets }));
    }

    fn line(&mut self, parts: &[Part]) {
        let octets: Vec<u8> = parts.iter().flat_map(|part| part.octets().to_vec()).collect();
        let shows_secrets = self.shows_secrets;
        let is_shown = |name: &str| shows_secrets && !OPEN.contains(&name);
        if !is_text(&octets) {
            // A secret of any octets has no name: any line fits.
            let is_masked = !self.shows_secrets && parts.iter().any(Part::is_secret);
            return self.client(match is_masked {
                true => ClientLine::Any(None),
                false => ClientLine::Octets(Text::of_octets(&[&octets[..], b"\r\n"].concat())),
            });
        }
        // A name stands for octets without a blank.
        let has_blank =
            |part: &Part| matches!(part, Part::Named(name, octets) if !is_shown(name) && octets.contains(&b' '));
        let is_regex = parts.iter().any(has_blank);
        let mut written = String::from(if is_regex { "~^" } else { "" });
        for part in parts {
            match part {
                Part::Named(name, octets) if !is_shown(name) => {
                    let name = self.name(name, octets);
                    written += &match is_regex {
                        true if octets.contains(&b' ') => ".+".to_owned(),
                        true => format!("(?<{name}>\\S+)"),
                        false => format!("{{{name}}}"),
                    };
                }
                Part::Text(octets) | Part::Named(_, octets) => {
                    let text = String::from_utf8_lossy(octets);
                    written += &if is_regex { regex::escape(&text) } else { braced(&text) };
                }
            }
        }
        let line = match is_regex {
            true => Pattern::parse(&(written + "$")).map(ClientLine::Regex).ok(),
            false => Text::parse(&written).map(ClientLine::Line).ok(),
        };
        // A regular expression can be too large.
        self.client(line.unwrap_or(ClientLine::Any(None)));
    }

    /// A name for a value: the same name has the same value, except that of a tag.
    fn name(&mut self, name: &str, octets: &[u8]) -> String {
        let numbered = |n: usize| if n == 1 { name.to_owned() } else { format!("{name}{n}") };
        if name == "tag" {
            // `{tag}` is the tag of the client's last command.
            let is_overtaken = self.overtaken.pop_front().unwrap_or(false);
            let is_free = |name: &String| self.tags.iter().all(|(its, _)| its != name);
            let name = (1 + usize::from(is_overtaken)..).map(numbered).find(is_free).unwrap_or_default();
            self.tags.push((name.clone(), octets.to_vec()));
            return name;
        }
        let fits = |name: &String| self.named.get(name).is_none_or(|its| its == octets);
        let name = (1..).map(numbered).find(fits).unwrap_or_default();
        self.named.insert(name.clone(), octets.to_vec());
        name
    }

    fn server(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
                self.lines.push(ScriptStep::SayOctets(Text::of_octets(rest)));
                self.literals.skip(rest.len());
                return;
            };
            let line = &rest[..end];
            rest = &rest[end + 2..];
            self.server_line(line);
        }
    }

    fn server_line(&mut self, line: &[u8]) {
        let is_inside = self.literals.is_inside(line);
        let answered = self.tags.iter().position(|(_, tag)| !is_inside && has_tag(line, tag));
        let text = match answered {
            Some(at) => {
                let (name, tag) = self.tags.remove(at);
                std::str::from_utf8(&line[tag.len()..]).map(|text| format!("{{{name}}}{}", braced(text)))
            }
            None => std::str::from_utf8(line).map(braced),
        };
        let text = text.ok().filter(|_| is_text(line)).and_then(|written| Text::parse(&written).ok());
        let octets = || ScriptStep::SayOctets(Text::of_octets(&[line, b"\r\n"].concat()));
        self.lines.push(text.map_or_else(octets, ScriptStep::Say));
    }
}

/// For each command of IMAP, whether another one came before its answer.
fn overtaken(said: &[Said]) -> VecDeque<bool> {
    let (mut overtaken, mut open, mut literals) = (VecDeque::new(), Vec::new(), Literals::default());
    for said in said {
        match said {
            Said::Line(parts) => {
                let Some(Part::Named(name, tag)) = parts.first() else { continue };
                if name == "tag" {
                    open.iter().for_each(|(command, _)| overtaken[*command] = true);
                    open.push((overtaken.len(), tag));
                    overtaken.push_back(false);
                }
            }
            Said::Server(octets) => {
                let mut rest = &octets[..];
                while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
                    let line = &rest[..end];
                    if !literals.is_inside(line) {
                        open.retain(|(_, tag)| !has_tag(line, tag));
                    }
                    rest = &rest[end + 2..];
                }
            }
            Said::Body(_)
            | Said::SecretBody(_)
            | Said::Octets(_)
            | Said::SecretOctets(_)
            | Said::Tls
            | Said::Dropped(_)
            | Said::Closed => {}
        }
    }
    overtaken
}

/// Whether a line of the server answers the command with this tag.
fn has_tag(line: &[u8], tag: &[u8]) -> bool {
    line.strip_prefix(tag).is_some_and(|rest| rest.first() == Some(&b' '))
}

/// Whether a line can be written without escapes.
fn is_text(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| !text.chars().any(char::is_control))
}
