//! The variables of a session that a script plays.

/// Variables and their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<Value>);

#[derive(Debug, Clone)]
struct Value {
    name: Box<str>,
    octets: Vec<u8>,
    /// The index of the line of the script that gave it.
    line: usize,
    /// The next line of the client with this variable gives it another value.
    is_free: bool,
}

impl Values {
    /// The value that a line of the server sends.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.find(name).map(|value| &value.octets[..])
    }

    /// The value that must come in a line of the client. Without one, the line gives it.
    pub(super) fn fixed(&self, name: &str) -> Option<&[u8]> {
        self.find(name).filter(|value| !value.is_free).map(|value| &value.octets[..])
    }

    /// Gives a variable a value, instead of the value that it had.
    pub(crate) fn set(&mut self, name: impl Into<Box<str>>, value: impl Into<Vec<u8>>) {
        self.set_at(name, value, 0);
    }

    /// The line of the script at this index gives a variable a value.
    pub(super) fn set_at(&mut self, name: impl Into<Box<str>>, value: impl Into<Vec<u8>>, line: usize) {
        let value = Value { name: name.into(), octets: value.into(), line, is_free: false };
        match self.0.iter_mut().find(|its| its.name == value.name) {
            Some(its) => *its = value,
            None => self.0.push(value),
        }
    }

    /// The next line of the client with this variable gives it another value.
    pub(super) fn free(&mut self, name: &str) {
        self.0.iter_mut().filter(|value| *value.name == *name).for_each(|value| value.is_free = true);
    }

    /// The same for all variables that lines from this index on gave a value.
    pub(super) fn free_from(&mut self, line: usize) {
        self.0.iter_mut().filter(|value| value.line >= line).for_each(|value| value.is_free = true);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|value| (&*value.name, &value.octets[..]))
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|value| *value.name == *name)
    }
}
