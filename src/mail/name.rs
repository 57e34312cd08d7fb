//! Names of mailboxes: their hierarchy, and where the personal namespace begins (RFC 3501 §5.1, RFC 2342).

/// The mailbox that every account has; its name is case-insensitive.
pub(crate) const INBOX: &str = "INBOX";

/// Maximum length of a name, in octets.
const MOST_OCTETS: usize = 1000;
/// Maximum number of levels.
const MOST_LEVELS: usize = 64;

/// The rules for mailbox names: delimiter and prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// The character between the levels of a name.
    pub(crate) delimiter: char,
    /// The prefix of every name but INBOX; empty, or ends with the delimiter.
    pub(crate) prefix: Box<str>,
}

impl Default for Namespace {
    fn default() -> Self {
        Self { delimiter: '/', prefix: "".into() }
    }
}

impl Namespace {
    /// A namespace with this delimiter, below the name `below` unless it is empty.
    pub(crate) fn new(below: &str, delimiter: char) -> Self {
        let below = below.strip_suffix(delimiter).unwrap_or(below);
        let prefix = if below.is_empty() { String::new() } else { format!("{below}{delimiter}") };
        Self { delimiter, prefix: prefix.into() }
    }

    /// The same with another delimiter, below another name, or both.
    pub(crate) fn with(&self, delimiter: Option<char>, below: Option<&str>) -> Self {
        let below = below.unwrap_or_else(|| self.prefix.trim_end_matches(self.delimiter));
        Self::new(below, delimiter.unwrap_or(self.delimiter))
    }

    /// The reason why the prefix is not valid, if it is not.
    pub(crate) fn objection_to_prefix(&self) -> Option<String> {
        let below = self.prefix.strip_suffix(self.delimiter)?;
        self.objection(&format!("{below}{}{INBOX}", self.delimiter))
    }

    /// Whether this is a valid delimiter: in a name, and as a quoted string of one character.
    pub(crate) fn is_delimiter(delimiter: char) -> bool {
        delimiter.is_ascii_punctuation() && !"*%\"\\&(){".contains(delimiter)
    }

    /// The canonical name: INBOX in capitals, as a name and as the first level of a name.
    pub(crate) fn canonical(&self, name: &str) -> Box<str> {
        let first = name.find(self.delimiter).unwrap_or(name.len());
        match name[..first].eq_ignore_ascii_case(INBOX) {
            true => format!("{INBOX}{}", &name[first..]).into(),
            false => name.into(),
        }
    }

    /// The reason why no mailbox can have this name, if there is one.
    pub(crate) fn objection(&self, name: &str) -> Option<String> {
        if name != INBOX && !name.starts_with(&*self.prefix) {
            return Some(format!("on this server, mailbox names begin with {}", self.prefix.escape_default()));
        }
        let levels = name.split(self.delimiter);
        if levels.clone().any(str::is_empty) {
            return Some("a level of the name is empty".to_owned());
        }
        if levels.count() > MOST_LEVELS {
            return Some(too_large());
        }
        Self::general_objection(name)
    }

    /// The reason why a mailbox below `from` cannot be moved below `to`, if there is one.
    pub(crate) fn objection_below(&self, name: &str, from: &str, to: &str) -> Option<String> {
        let behind = &name[from.len()..];
        let levels = |text: &str| memchr::memchr_iter(self.delimiter as u8, text.as_bytes()).count();
        let is_too_large = to.len() + behind.len() > MOST_OCTETS || 1 + levels(to) + levels(behind) > MOST_LEVELS;
        is_too_large.then(too_large)
    }

    /// The reason why no mailbox can have this name in any namespace, if there is one.
    pub(crate) fn general_objection(name: &str) -> Option<String> {
        if name.is_empty() {
            return Some("a level of the name is empty".to_owned());
        }
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return Some("the name is neither modified UTF-7 (RFC 3501 §5.1.3) nor UTF-8".to_owned());
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '*' | '%')) {
            return Some("a mailbox name must not contain control characters, * or %".to_owned());
        }
        (name.len() > MOST_OCTETS).then(too_large)
    }

    /// The parents of this name, the direct parent last.
    pub(crate) fn above<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        name.match_indices(self.delimiter).map(|(at, _)| &name[..at])
    }
}

fn too_large() -> String {
    format!("a mailbox name has at most {MOST_OCTETS} octets and {MOST_LEVELS} levels")
}
