//! What a script expects of the client at its place, for failures.

use super::text::Difference;
use super::{ClientLine, Fold, Player, ScriptStep, Text};
use crate::base::{Pattern, common, excerpt};
use crate::protocol::Protocol;

/// The longest line of a script that is shown as it is written, in octets.
const LONGEST_SHOWN: usize = 240;
/// Commands that clients send at any time.
const HARMLESS: &[&str] = &["NOOP", "RSET", "HELP", "CAPABILITY", "CAPA"];
const IGNORE_CASE: &str = " (it fits if case is ignored: write `(?i)` before the expression)";

/// What a script expected instead of what the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) text: String,
    /// The position of the first difference in what the client sent, if that is known.
    pub(crate) place: Option<usize>,
}

impl From<String> for Expected {
    fn from(text: String) -> Self {
        Self { text, place: None }
    }
}

impl Player {
    /// What the script expects now, instead of this line if there is one: the lines that may come, and the one that must
    /// come.
    pub(crate) fn expected(&self, got: Option<&[u8]>) -> Expected {
        let script = &self.script;
        let (ahead, must_come) = script.expected_from(self.next);
        let mut place = None;
        let lines = self.tried.iter().copied().chain(ahead).filter_map(|at| {
            let line = script.lines.get(at)?;
            let difference = got.and_then(|got| self.difference(&line.step, got));
            place = place.max(difference.map(|its| its.got));
            let differs = difference.filter(|its| its.got > 0).map(|its| format!(" (octet {} differs)", its.got + 1));
            let differs = differs.unwrap_or_default();
            let text = shown(&line.step, difference.map_or(0, |its| its.wanted));
            let case = got.filter(|got| fits_folded(&line.step, got)).map_or("", |_| IGNORE_CASE);
            Some(format!("line {} expects {text}{}{differs}{case}", line.no, self.with_values(&line.step)))
        });
        let mut lines: Vec<String> = lines.collect();
        if lines.is_empty() {
            return format!("script `{}` is over", self.id).into();
        }
        if !must_come {
            lines.push("the end of the session".to_owned());
        }
        let hint = got.and_then(|got| self.allowing(got)).unwrap_or_default();
        Expected { text: format!("script `{}`: {}{hint}", self.id, lines.join(", or ")), place }
    }

    /// How a script allows a command that clients send at any time, if this line is one.
    fn allowing(&self, got: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(got);
        let (tag, command) = match self.protocol {
            Protocol::Imap => ("{tag} ", line.split_once(' ')?.1),
            Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3 => ("", &*line),
        };
        let command = HARMLESS.iter().find(|its| its.eq_ignore_ascii_case(command.trim()))?;
        Some(format!("; to allow it, write `C? {tag}{command}` above, or `on_divergence = \"pass\"`"))
    }

    /// The variables in a line of the client whose values must come again.
    fn with_values(&self, step: &ScriptStep) -> String {
        let is_fixed = |name: &&str| self.values.fixed(name).is_some();
        let names: Vec<_> = text_of(step).into_iter().flat_map(|(text, _)| text.names()).filter(is_fixed).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(" with the same {{{}}} as before", names.join("} and {")),
        }
    }

    /// Where a line of the client begins to differ from a line of the script.
    fn difference(&self, step: &ScriptStep, got: &[u8]) -> Option<Difference> {
        match text_of(step)? {
            (text, true) => {
                let place = common(got, &text.shown());
                Some(Difference { got: place, wanted: place })
            }
            (text, false) => text.difference(got, &self.values, Fold::Command(self.protocol)),
        }
    }

    /// Whether the client may end the session now: the script is over, or only optional lines are left.
    pub(crate) fn may_end(&self) -> bool {
        let mut at = self.next;
        while let Some(line) = self.script.lines.get(at) {
            match &line.step {
                ScriptStep::Optional(_) => at = self.script.group_end(at),
                ScriptStep::Comment(_) | ScriptStep::Label(_) | ScriptStep::Never(_) => at += 1,
                ScriptStep::Pass => return true,
                ScriptStep::Client(_)
                | ScriptStep::Say(_)
                | ScriptStep::SayOctets(_)
                | ScriptStep::Wait(_)
                | ScriptStep::Login(_)
                | ScriptStep::Close(_)
                | ScriptStep::Goto(_)
                | ScriptStep::Tls => return false,
            }
        }
        true
    }

    /// What this line must not be.
    pub(super) fn forbidden(&self, got: &[u8]) -> Vec<Expected> {
        let line = String::from_utf8_lossy(got);
        let forbidding = self.never.iter().filter(|(_, pattern)| pattern.matches(&line));
        let text = |no: &usize, pattern: &Pattern| {
            let expression = pattern.written().strip_prefix('~').unwrap_or_default();
            format!("script `{}`: line {no} forbids {}", self.id, excerpt(expression.as_bytes(), 0, "`"))
        };
        forbidding.map(|(no, pattern)| text(no, pattern).into()).collect()
    }
}

/// A line of a script for a failure, of which this position matters.
fn shown(step: &ScriptStep, place: usize) -> String {
    let written = step.to_string();
    let written = written.lines().next().unwrap_or_default();
    if written.len() <= LONGEST_SHOWN {
        return format!("`{written}`");
    }
    let (sign, rest) = written.split_at(2);
    match text_of(step) {
        Some((text, _)) => format!("{sign} {}", excerpt(&text.shown(), place, "`")),
        None => format!("{sign} {}", excerpt(rest.trim_start().as_bytes(), 0, "`")),
    }
}

/// Whether a line that does not fit this regular expression fits it if case is ignored.
fn fits_folded(step: &ScriptStep, got: &[u8]) -> bool {
    let ScriptStep::Client(ClientLine::Regex(pattern)) = step else { return false };
    let expression = pattern.written().strip_prefix('~').unwrap_or_default();
    Pattern::parse(&format!("~(?i){expression}")).is_ok_and(|folded| folded.matches(&String::from_utf8_lossy(got)))
}

/// The text of a line of the client, and whether it stands for octets and not for a line.
fn text_of(step: &ScriptStep) -> Option<(&Text, bool)> {
    if let ScriptStep::Optional(text) | ScriptStep::Client(ClientLine::Line(text)) = step {
        return Some((text, false));
    }
    if let ScriptStep::Client(ClientLine::Octets(text)) = step { Some((text, true)) } else { None }
}
