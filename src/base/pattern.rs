//! The notation for patterns: exact text, `*` for any characters, `~` before a regular expression, `!` for negation.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use regex::Regex;

/// A test of a text, in one notation for Rust, scenario files and queries.
///
/// | written | matches |
/// |---|---|
/// | `bob@example.org` | exactly this text |
/// | `*@example.org`, `Welcome*` | `*` matches any characters, including none |
/// | `~^Re: ` | a text in which this regular expression (crate `regex`) matches |
/// | `!…` | what the rest of the pattern does not match |
///
/// Where a message has several values, such as recipients, one of them must match: `!bob@example.org` matches if one
/// recipient is not Bob.
///
/// Case matters, except in the domain of an address (RFC 5321 §2.4).
///
/// ```
/// use mailjig::Pattern;
///
/// let invoice = Pattern::parse("Invoice *").unwrap();
/// assert!(invoice.matches("Invoice 17"));
/// assert!(!invoice.matches("Re: Invoice 17"));
/// assert!(Pattern::parse("!*@example.org").unwrap().matches_address("eve@example.com"));
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    written: Box<str>,
    negated: bool,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// The pieces between the stars; one piece is an exact text.
    Glob(Box<[Box<str>]>),
    Regex(Regex),
}

/// Two patterns are equal if they are written the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// The error for a pattern whose regular expression does not compile.
///
/// ```
/// let error = mailjig::Pattern::parse("~(").unwrap_err();
/// assert!(error.to_string().starts_with("`~(` is not a pattern: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    written: Box<str>,
    reason: String,
}

/// A match of a pattern: its octets, and those of the named groups.
pub(crate) struct PatternMatch {
    pub(crate) range: Range<usize>,
    pub(crate) groups: Vec<(Box<str>, Range<usize>)>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`], if it is a regular expression that does not compile.
    ///
    /// ```
    /// use mailjig::Pattern;
    ///
    /// assert!(Pattern::parse("~^Re: ").is_ok());
    /// assert!(Pattern::parse("~(").is_err());
    /// ```
    pub fn parse(written: &str) -> Result<Self, PatternError> {
        let (negated, rest) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let form = match rest.strip_prefix('~') {
            Some(expression) => Form::Regex(
                Regex::new(expression)
                    .map_err(|error| PatternError { written: written.into(), reason: error.to_string() })?,
            ),
            None => Form::Glob(rest.split('*').map(Box::from).collect()),
        };
        Ok(Self { written: written.into(), negated, form })
    }

    /// Whether the text matches; case matters.
    ///
    /// ```
    /// use mailjig::Pattern;
    ///
    /// assert!(Pattern::from("Welcome*").matches("Welcome, Bob"));
    /// assert!(!Pattern::from("Welcome*").matches("welcome"));
    /// ```
    pub fn matches(&self, text: &str) -> bool {
        self.negated
            != match &self.form {
                Form::Glob(pieces) => glob(pieces, text, |piece, text| text.find(piece)),
                Form::Regex(regex) => regex.is_match(text),
            }
    }

    /// Whether the address matches: as [`matches`](Self::matches), except that the case of the domain does not matter.
    ///
    /// ```
    /// use mailjig::Pattern;
    ///
    /// assert!(Pattern::from("bob@example.org").matches_address("bob@EXAMPLE.org"));
    /// assert!(!Pattern::from("bob@example.org").matches_address("Bob@example.org"));
    /// ```
    pub fn matches_address(&self, address: &str) -> bool {
        let Form::Glob(pieces) = &self.form else { return self.matches(address) };
        if let [only] = &**pieces {
            return self.negated != same_address(only, address);
        }
        let folded = fold_domain(address);
        let pieces: Vec<Box<str>> = match pieces.iter().rposition(|piece| piece.contains('@')) {
            Some(at) => pieces
                .iter()
                .enumerate()
                .map(|(i, piece)| match i.cmp(&at) {
                    std::cmp::Ordering::Less => piece.clone(),
                    std::cmp::Ordering::Equal => fold_domain(piece).into(),
                    std::cmp::Ordering::Greater => piece.to_ascii_lowercase().into(),
                })
                .collect(),
            None => pieces.to_vec(),
        };
        self.negated != glob(&pieces, &folded, |piece, text| text.find(piece))
    }

    /// Whether the word matches: like [`matches`](Self::matches), but ASCII case-insensitive.
    pub(crate) fn matches_word(&self, word: &str) -> bool {
        let lower = word.to_ascii_lowercase();
        match &self.form {
            Form::Glob(pieces) => {
                if let [only] = &**pieces {
                    return self.negated != only.eq_ignore_ascii_case(word);
                }
                let pieces: Vec<Box<str>> = pieces.iter().map(|piece| piece.to_ascii_lowercase().into()).collect();
                self.negated != glob(&pieces, &lower, |piece, text| text.find(piece))
            }
            Form::Regex(regex) => self.negated != (regex.is_match(word) || regex.is_match(&lower)),
        }
    }

    /// The pattern as it was written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The named groups of its regular expression, with the text that each matched.
    pub(crate) fn groups(&self, text: &str) -> Vec<(Box<str>, String)> {
        let Form::Regex(regex) = &self.form else { return Vec::new() };
        let Some(found) = regex.captures(text) else { return Vec::new() };
        let names = regex.capture_names().flatten();
        names.filter_map(|name| Some((name.into(), found.name(name)?.as_str().to_owned()))).collect()
    }

    /// The range of octets of the first match.
    pub(crate) fn find_in(&self, text: &str) -> Option<Range<usize>> {
        match &self.form {
            Form::Regex(regex) => regex.find(text).map(|found| found.range()),
            Form::Glob(pieces) => match &**pieces {
                [only] => text.find(&**only).map(|at| at..at + only.len()),
                _ => None,
            },
        }
    }

    /// All matches, without overlaps.
    pub(crate) fn find_all(&self, text: &str) -> Vec<PatternMatch> {
        let whole = |range| PatternMatch { range, groups: Vec::new() };
        match &self.form {
            Form::Regex(regex) if regex.captures_len() == 1 => {
                regex.find_iter(text).map(|found| whole(found.range())).collect()
            }
            Form::Regex(regex) => {
                let found = |found: regex::Captures<'_>| {
                    let named = |name: &str| Some((name.into(), found.name(name)?.range()));
                    let groups = regex.capture_names().flatten().filter_map(named).collect();
                    Some(PatternMatch { range: found.get(0)?.range(), groups })
                };
                regex.captures_iter(text).filter_map(found).collect()
            }
            Form::Glob(pieces) => match &**pieces {
                [only] => text.match_indices(&**only).map(|(at, found)| whole(at..at + found.len())).collect(),
                _ => Vec::new(),
            },
        }
    }

    /// Whether it can be searched for inside a text: it is an exact text or a regular expression, without `*` and `!`.
    pub(crate) fn is_findable(&self) -> bool {
        let is_text = match &self.form {
            Form::Regex(_) => true,
            Form::Glob(pieces) => pieces.len() == 1 && !pieces[0].is_empty(),
        };
        is_text && !self.negated
    }

    /// The names of the groups of its regular expression.
    pub(crate) fn group_names(&self) -> Vec<Box<str>> {
        match &self.form {
            Form::Regex(regex) => regex.capture_names().flatten().map(Box::from).collect(),
            Form::Glob(_) => Vec::new(),
        }
    }

    /// Whether the pattern is negated.
    pub(crate) fn is_negated(&self) -> bool {
        self.negated
    }

    /// The only text that this pattern matches, if it is exact; usable as a look-up key.
    pub(crate) fn exact(&self) -> Option<&str> {
        self.plain().filter(|_| !self.negated)
    }

    /// The text of a pattern without `*` and `~`, also if it is negated.
    pub(crate) fn plain(&self) -> Option<&str> {
        match &self.form {
            Form::Glob(pieces) => match &**pieces {
                [only] => Some(only),
                _ => None,
            },
            Form::Regex(_) => None,
        }
    }
}

/// Whether two addresses are equal; the ASCII case of the domain does not matter (RFC 5321 §2.4).
fn same_address(one: &str, other: &str) -> bool {
    let at = one.rfind('@').unwrap_or(one.len());
    let halves = one.len() == other.len() && one.as_bytes()[..at] == other.as_bytes()[..at];
    halves && one.as_bytes()[at..].eq_ignore_ascii_case(&other.as_bytes()[at..])
}

/// An address with its domain in lower case, for comparisons.
pub(crate) fn fold_domain(address: &str) -> Cow<'_, str> {
    let at = memchr::memrchr(b'@', address.as_bytes()).unwrap_or(address.len());
    if !address.as_bytes()[at..].iter().any(u8::is_ascii_uppercase) {
        return Cow::Borrowed(address);
    }
    let mut folded = address.to_owned();
    folded[at..].make_ascii_lowercase();
    Cow::Owned(folded)
}

fn glob(pieces: &[Box<str>], text: &str, find: impl Fn(&str, &str) -> Option<usize>) -> bool {
    let [first, middle @ .., last] = pieces else { return pieces.first().is_some_and(|only| **only == *text) };
    let Some(mut rest) = text.strip_prefix(&**first) else { return false };
    for piece in middle {
        let Some(at) = find(piece, rest) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(&**last)
}

impl From<&str> for Pattern {
    /// # Panics
    /// If the text is a regular expression that does not compile. [`Pattern::parse`] returns the error.
    #[track_caller]
    fn from(written: &str) -> Self {
        match Self::parse(written) {
            Ok(pattern) => pattern,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<String> for Pattern {
    #[track_caller]
    fn from(written: String) -> Self {
        Self::from(written.as_str())
    }
}

impl From<&String> for Pattern {
    #[track_caller]
    fn from(written: &String) -> Self {
        Self::from(written.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a pattern: {}", self.written, self.reason)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, text, expected) in [
            ("bob", "bob", true),
            ("bob", "Bob", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "ac", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("aba*aba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
            ("~^Re: ", "Re: hello", true),
            ("~hello$", "Re: hello", true),
            ("!bob", "bob", false),
            ("!bob", "ann", true),
            ("!~b", "abc", false),
            // Each piece is searched after the previous one, so none of these backtracks.
            (&format!("{}b", "*a".repeat(10_000)), &"a".repeat(200_000), false),
            (&"*a".repeat(10_000), &"a".repeat(200_000), true),
        ] {
            assert_eq!(Pattern::from(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn every_match_is_found_in_the_whole_text() {
        for (pattern, text, expected) in [
            ("~^2", "220", vec![(0, 1)]),
            ("2", "220", vec![(0, 1), (1, 2)]),
            ("~$", "ab", vec![(2, 2)]),
            ("~b*", "abb", vec![(0, 0), (1, 3)]),
            ("a*", "ab", vec![]),
        ] {
            let found: Vec<_> =
                Pattern::from(pattern).find_all(text).into_iter().map(|it| (it.range.start, it.range.end)).collect();
            assert_eq!(found, expected, "{pattern} in {text}");
        }
        let findable = ["~^2", "2", "a*", "!2", ""].map(|pattern| Pattern::from(pattern).is_findable());
        assert_eq!(findable, [true, true, false, false, false]);
    }

    #[test]
    fn the_domain_of_an_address_is_case_insensitive() {
        for (pattern, address, expected) in [
            ("bob@EXAMPLE.org", "bob@example.ORG", true),
            ("Bob@example.org", "bob@example.org", false),
            ("*@Full.example", "x@full.EXAMPLE", true),
            ("bob@*.ORG", "bob@example.org", true),
            ("bob", "bob@example.org", false),
            ("!*@example.org", "bob@EXAMPLE.ORG", false),
        ] {
            assert_eq!(Pattern::from(pattern).matches_address(address), expected, "{pattern} on {address}");
        }
    }

    #[test]
    fn the_error_for_an_invalid_expression_has_the_reason() {
        let error = Pattern::parse("~(").unwrap_err().to_string();

        assert!(error.starts_with("`~(` is not a pattern: "), "{error}");
    }
}
