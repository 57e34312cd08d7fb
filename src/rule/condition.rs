//! One entry of `when`: a field and the test of its value.

use std::fmt;

use super::field::{Field, FieldKind};
use crate::base::{Pattern, count, span};
use crate::protocol::Value;

/// Maximum octets of a value that a template inserts: they are copied, and counted by, under the lock.
const MOST_INSERTED: usize = 64 << 10;
/// Maximum number of regular expression groups for templates; each value of a field may add some.
const MOST_GROUPS: usize = 256;

/// A field and the test of its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) field: Field,
    pub(crate) test: Test,
}

/// A test of a value. If a field has several values, one must pass.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Text(Pattern),
    /// This exact text, without pattern syntax.
    Exactly(Box<str>),
    Number(Compare, Amount),
    Truth(bool),
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The forms of a value in `when`, when the condition holds, and an example, for the manual.
#[cfg(test)]
pub(crate) const VALUES: &[(&str, &str, &str)] = &[
    ("text", "equals the text", r#"rcpt = "bob@example.org""#),
    ("text with `*`", "equals the text; each `*` stands for any characters, or none", r#"rcpt = "*@full.example""#),
    (
        "`~` and a regular expression",
        "contains a match (syntax of the crate `regex`; anchored only by `^` and `$`)",
        r"rcpt = '~@example\.org$'",
    ),
    ("`!` and one of these", "does not match", r#"subject = "!generated 4""#),
    ("number, `true`, `false`", "equals the value", "sent = 3"),
    (
        "`>`, `>=`, `<`, `<=` and a number, a size or a length of time",
        "is greater, at least, less or at most",
        r#"size = ">10MB""#,
    ),
];

/// Why a text cannot be compared like a number.
const NO_ORDER: &str = "this field is a text, which is neither greater nor less than another; for a text that begins with `<` or `>`, write `{ eq = \"…\" }`";

/// A number and how it was written: a count, a size or a duration in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) written: Box<str>,
    pub(crate) number: i64,
}

impl Condition {
    /// Whether the value passes the test; `None` if the field is not known at this event.
    pub(crate) fn holds(&self, value: Option<&Value<'_>>) -> bool {
        self.test.holds(self.field.kind(), value)
    }

    /// The groups of regular expressions, shortened to what templates insert.
    pub(crate) fn groups(&self, value: &Value<'_>, found: &mut Vec<(Box<str>, String)>) {
        self.test.groups(value, found);
        found.truncate(MOST_GROUPS);
        found.iter_mut().for_each(|(_, text)| text.truncate(text.floor_char_boundary(MOST_INSERTED)));
    }
}

impl Test {
    /// Parses a pattern or, for numbers, a comparison such as `>=3`, `<2s`, `>10MB`.
    pub(crate) fn parse(kind: FieldKind, written: &str) -> Result<Self, String> {
        match kind {
            FieldKind::Number | FieldKind::Signed | FieldKind::Span => comparison(kind, written),
            FieldKind::Truth => match written {
                "true" => Ok(Self::Truth(true)),
                "false" => Ok(Self::Truth(false)),
                _ => Err("the value must be true or false".to_owned()),
            },
            FieldKind::Any | FieldKind::WordOrNumber if is_comparison(written) => comparison(kind, written),
            FieldKind::Text | FieldKind::Word | FieldKind::Address if is_comparison(written) => {
                Err(NO_ORDER.to_owned())
            }
            FieldKind::Any | FieldKind::WordOrNumber | FieldKind::Text | FieldKind::Word | FieldKind::Address => {
                Pattern::parse(written).map(Self::Text).map_err(|error| error.to_string())
            }
        }
    }

    /// A test for exactly this value, whatever it begins with.
    pub(crate) fn exactly(kind: FieldKind, written: &str) -> Result<Self, String> {
        match kind {
            FieldKind::Number | FieldKind::Signed | FieldKind::Span => {
                Ok(Self::Number(Compare::Equal, Amount::parse(kind, written)?))
            }
            FieldKind::Truth => Self::parse(kind, written),
            FieldKind::Any | FieldKind::WordOrNumber | FieldKind::Text | FieldKind::Word | FieldKind::Address => {
                Ok(Self::Exactly(written.into()))
            }
        }
    }

    fn holds(&self, kind: FieldKind, value: Option<&Value<'_>>) -> bool {
        match (self, value) {
            (Self::Not(test), value) => !test.holds(kind, value),
            (Self::Any(tests), value) => tests.iter().any(|test| test.holds(kind, value)),
            (Self::All(tests), value) => tests.iter().all(|test| test.holds(kind, value)),
            // An unset field equals no text.
            (Self::Text(pattern), None) => pattern.is_negated(),
            (_, None) => false,
            (test, Some(Value::Several(values))) => values.iter().any(|value| test.holds(kind, Some(value))),
            (Self::Text(pattern), Some(Value::Text(text))) => match kind {
                FieldKind::Address => pattern.matches_address(text),
                FieldKind::Word | FieldKind::WordOrNumber => pattern.matches_word(text),
                FieldKind::Text | FieldKind::Any => pattern.matches(text),
                FieldKind::Number | FieldKind::Signed | FieldKind::Span | FieldKind::Truth => pattern.matches(text),
            },
            (Self::Text(pattern), Some(other)) => pattern.matches(&shown(other)),
            (Self::Exactly(want), Some(value)) => **want == *shown(value),
            (Self::Number(compare, amount), Some(value)) => {
                number(value).is_some_and(|it| compare.is(it, amount.number))
            }
            (Self::Truth(want), Some(Value::Truth(it))) => want == it,
            (Self::Truth(want), Some(other)) => want.to_string() == shown(other),
        }
    }

    /// All the numbers that pass, if they can be listed; otherwise empty.
    pub(crate) fn equals(&self) -> Vec<u64> {
        match self {
            Self::Number(Compare::Equal, amount) => u64::try_from(amount.number).into_iter().collect(),
            Self::Any(tests) => {
                let each: Vec<Vec<u64>> = tests.iter().map(Self::equals).collect();
                if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
            }
            Self::Number(Compare::Less | Compare::AtMost | Compare::Greater | Compare::AtLeast, _) => Vec::new(),
            Self::Text(_) | Self::Exactly(_) | Self::Truth(_) | Self::All(_) | Self::Not(_) => Vec::new(),
        }
    }

    fn groups(&self, value: &Value<'_>, found: &mut Vec<(Box<str>, String)>) {
        match (self, value) {
            (Self::Text(pattern), Value::Several(values)) => {
                values.iter().for_each(|value| Self::Text(pattern.clone()).groups(value, found));
            }
            (Self::Text(pattern), value) => found.extend(pattern.groups(&shown(value))),
            (Self::Any(tests) | Self::All(tests), value) => tests.iter().for_each(|test| test.groups(value, found)),
            (Self::Exactly(_) | Self::Number(..) | Self::Truth(_) | Self::Not(_), _) => {}
        }
    }
}

/// A value as text.
pub(crate) fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::Several(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
    }
}

/// A value as templates insert it: the beginning of a long one.
pub(super) fn inserted(value: &Value<'_>) -> String {
    let mut out = String::new();
    insert(value, &mut out);
    out
}

fn insert(value: &Value<'_>, out: &mut String) {
    let room = MOST_INSERTED - out.len();
    match value {
        Value::Text(text) => out.push_str(&text[..text.floor_char_boundary(room)]),
        Value::Number(_) | Value::Truth(_) => insert(&Value::text(shown(value)), out),
        Value::Several(values) => {
            for (i, value) in values.iter().enumerate() {
                if i > 0 && out.len() < MOST_INSERTED {
                    out.push(',');
                }
                if out.len() == MOST_INSERTED {
                    return;
                }
                insert(value, out);
            }
        }
    }
}

fn number(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) => Some(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Truth(_) | Value::Several(_) => None,
    }
}

fn comparison(kind: FieldKind, written: &str) -> Result<Test, String> {
    let (negated, text) = match written.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let compares = [
        (">=", Compare::AtLeast),
        ("<=", Compare::AtMost),
        (">", Compare::Greater),
        ("<", Compare::Less),
        ("=", Compare::Equal),
    ];
    let found = compares.iter().find_map(|(sign, compare)| Some((*compare, text.strip_prefix(sign)?)));
    let (compare, rest) = found.unwrap_or((Compare::Equal, text));
    let test = Test::Number(compare, Amount::parse(kind, rest)?);
    Ok(if negated { Test::Not(Box::new(test)) } else { test })
}

/// Whether a value that may be a text is a comparison with a number. `<1@example.org>` is a text.
fn is_comparison(written: &str) -> bool {
    let text = written.strip_prefix('!').unwrap_or(written);
    let number = text
        .strip_prefix(['<', '>'])
        .filter(|rest| !rest.ends_with('>'))
        .map(|rest| rest.strip_prefix('=').unwrap_or(rest).trim_start());
    number.is_some_and(|number| number.strip_prefix('-').unwrap_or(number).starts_with(|c: char| c.is_ascii_digit()))
}

impl Amount {
    fn parse(kind: FieldKind, written: &str) -> Result<Self, String> {
        let written = written.trim();
        let number = match kind {
            FieldKind::Span => span(written).and_then(|span| i64::try_from(span).ok()),
            FieldKind::Signed | FieldKind::Any | FieldKind::WordOrNumber if written.starts_with('-') => {
                written.parse().ok()
            }
            FieldKind::Number
            | FieldKind::Signed
            | FieldKind::Any
            | FieldKind::WordOrNumber
            | FieldKind::Text
            | FieldKind::Word
            | FieldKind::Address
            | FieldKind::Truth => count(written).map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        };
        let number = number.ok_or_else(|| match kind {
            FieldKind::Span => format!("`{written}` is not a length of time; write `200ms`, `2s`, `5m` or `1h`"),
            FieldKind::Text
            | FieldKind::Word
            | FieldKind::Address
            | FieldKind::Number
            | FieldKind::Signed
            | FieldKind::Truth
            | FieldKind::Any
            | FieldKind::WordOrNumber => {
                format!("`{written}` is not a number; write `3`, `>=3`, `<10`, or a size such as `>10MB`")
            }
        })?;
        Ok(Self { written: written.into(), number })
    }
}

impl Compare {
    fn is(self, it: i64, than: i64) -> bool {
        match self {
            Self::Equal => it == than,
            Self::Less => it < than,
            Self::AtMost => it <= than,
            Self::Greater => it > than,
            Self::AtLeast => it >= than,
        }
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// As written in a file.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, tests: &[Test]| {
            tests.iter().enumerate().try_for_each(|(i, test)| write!(f, "{}{test}", if i > 0 { ", " } else { "" }))
        };
        match self {
            Self::Text(pattern) if pattern.written().is_empty() => f.write_str("\"\""),
            Self::Text(pattern) => f.write_str(pattern.written()),
            Self::Exactly(text) => write!(f, "exactly \"{text}\""),
            Self::Number(compare, amount) => write!(f, "{}{}", compare.sign(), amount.written),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::Any(tests) => {
                f.write_str("any of ")?;
                list(f, tests)
            }
            Self::All(tests) => {
                f.write_str("all of ")?;
                list(f, tests)
            }
            Self::Not(test) => write!(f, "not {test}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ContentField;

    fn holds(field: &str, written: &str, value: Value<'_>) -> bool {
        let field = Field::parse(field).unwrap();
        let test = Test::parse(field.kind(), written).unwrap();
        Condition { field, test }.holds(Some(&value))
    }

    #[test]
    fn each_kind_of_field_has_its_comparison() {
        for (field, written, value, want) in [
            ("rcpt", "bob@EXAMPLE.org", Value::text("bob@example.ORG"), true),
            ("rcpt", "Bob@example.org", Value::text("bob@example.org"), false),
            ("rcpt", "*@full.example", Value::text("x@FULL.example"), true),
            ("verb", "fetch", Value::text("FETCH"), true),
            ("mailbox", "inbox", Value::text("INBOX"), false),
            ("sent", ">=3", Value::Number(3), true),
            ("sent", "3", Value::Number(4), false),
            ("size", ">10kB", Value::Number(10_001), true),
            ("age", "<2s", Value::Number(1_999_999), true),
            ("age", ">1m 30s", Value::Number(90_000_000), false),
            ("msn", "2", Value::Several(vec![Value::Number(1), Value::Number(2)]), true),
            ("subject", "!generated 4", Value::text("generated 4"), false),
            ("state.phase", "down", Value::text("down"), true),
            ("state.count", ">2", Value::Number(3), true),
            ("sent", "!3", Value::Number(3), false),
            ("sent", "<3", Value::Number(3), false),
            ("sent", "<=3", Value::Number(3), true),
            ("sent", "<=3", Value::Number(4), false),
            ("sent", ">3", Value::Number(3), false),
            ("priority", ">=5", Value::text("9"), true),
            ("priority", ">=5", Value::text("-9"), false),
            ("priority", "<0", Value::text("-1"), true),
            ("priority", "-3", Value::text("-3"), true),
            ("priority", "!-3", Value::text("-3"), false),
            ("param.SIZE", ">10kB", Value::text("10001"), true),
            ("param.SIZE", ">10kB", Value::text("9"), false),
            ("param.BODY", "8bitmime", Value::text("8BITMIME"), true),
            ("header.X-Priority", "<=2", Value::text("1"), true),
            ("header.X-Priority", "<=2", Value::text("1 (Highest)"), false),
            ("header.Message-ID", "<1@example.org>", Value::text("<1@example.org>"), true),
            ("header.Message-ID", "<m1@example.org>", Value::text("<m1@example.org>"), true),
            ("tls", "true", Value::text("true"), true),
            ("tls", "false", Value::text("true"), false),
        ] {
            assert_eq!(holds(field, written, value.clone()), want, "{field} {written} {value:?}");
        }
        let exactly = Condition { field: Field::Content(ContentField::Subject), test: Test::Exactly("*!".into()) };
        assert!(exactly.holds(Some(&Value::text("*!"))) && !exactly.holds(Some(&Value::text("hi!"))));
    }

    #[test]
    fn templates_insert_the_beginning_of_a_long_value() {
        let (long, many) = ("ä".repeat(100_000), vec![Value::text("ab"); 100_000]);
        let condition = Condition {
            field: Field::Content(ContentField::Body),
            test: Test::parse(FieldKind::Text, "~(?<all>.*)").unwrap(),
        };
        let groups = |value: &Value<'_>| {
            let mut found = Vec::new();
            condition.groups(value, &mut found);
            found.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        let text = Value::text(&*long);

        assert_eq!(inserted(&text), long[..MOST_INSERTED]);
        assert_eq!(
            inserted(&Value::Several(vec![Value::Number(7), text.clone()])),
            format!("7,{}", &long[..MOST_INSERTED - 2])
        );
        assert_eq!(inserted(&Value::Several(many.clone())).len(), MOST_INSERTED);
        assert_eq!(groups(&text), [&long[..MOST_INSERTED]]);
        assert_eq!(groups(&Value::Several(many)), vec!["ab"; MOST_GROUPS]);
    }

    #[test]
    fn groups_are_found_in_each_value_and_by_each_test() {
        let found = |test: &Test, value: Value<'_>| {
            let mut found = Vec::new();
            test.groups(&value, &mut found);
            found.into_iter().map(|(name, text)| format!("{name} {text}")).collect::<Vec<_>>()
        };
        let user = || Test::parse(FieldKind::Text, "~^(?<user>.*)@").unwrap();
        let host = || Test::parse(FieldKind::Text, "~@(?<host>.*)$").unwrap();

        let two = Value::Several(vec![Value::text("bob@a"), Value::text("ann@b")]);
        assert_eq!(found(&user(), two), ["user bob", "user ann"]);
        assert_eq!(found(&Test::All(vec![user(), host()]), Value::text("bob@a")), ["user bob", "host a"]);
    }

    #[test]
    fn an_unknown_field_passes_only_negated_tests() {
        let field = Field::parse("user").unwrap();
        let test = |written| Test::parse(FieldKind::Address, written).unwrap();
        assert!(!Condition { field: field.clone(), test: test("*") }.holds(None));
        assert!(Condition { field, test: test("!bob@example.org") }.holds(None));
    }
}
