//! The keys of tables. The reader refuses others; the reference and the JSON Schema of the language are made from them.

/// A key of a table.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code))] // Tests make the manual and the schema of it.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// What it is and its default, in Markdown.
    pub(crate) about: &'static str,
    /// How it is written.
    pub(crate) example: &'static str,
    pub(crate) is_required: bool,
}

/// What can be written as a value. Where no text is expected, a text with a parameter in it stands for the value.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Form {
    Text,
    Truth,
    /// A whole number, from 0.
    Count,
    Number,
    /// A text, a number or a truth value.
    Scalar,
    /// A length of time, as `200ms`.
    Time,
    /// A count of octets, as `1000` or `10MB`.
    Size,
    Words(fn() -> Vec<&'static str>),
    Table(&'static [Key]),
    /// A table with any names.
    Map(&'static Form),
    OneOrMore(&'static Form),
    Either(&'static [Form]),
    Exactly(i64),
    /// A form that is described once, under this name.
    Shared(&'static str),
}

impl Key {
    pub(crate) const fn new(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, about, example: "", is_required: false }
    }

    pub(crate) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(crate) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}

impl Form {
    /// One text, or several.
    pub(crate) const TEXTS: Self = Self::OneOrMore(&Self::Text);
}

/// The words of a table of words and their meanings.
pub(crate) fn words<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(word, _)| *word).collect()
}
