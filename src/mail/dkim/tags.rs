//! `v=1; a=rsa-sha256; …`: the tags of a signature and of a key (RFC 6376 §3.2).

/// A list with more tags than this, or with more octets, is refused: each tag is compared with all others.
const MOST_TAGS: usize = 100;
const MOST_OCTETS: usize = 64 << 10;

/// The tags with their values, without the white space around them.
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    /// Fails with what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_OCTETS {
            return Err(format!("it has more than {MOST_OCTETS} octets"));
        }
        let mut tags: Vec<(String, String)> = Vec::new();
        let specs = text.split(';').map(str::trim).collect::<Vec<_>>();
        // A semicolon may end the list.
        let specs = specs.strip_suffix(&[""]).unwrap_or(&specs);
        if specs.len() > MOST_TAGS {
            return Err(format!("it has more than {MOST_TAGS} tags"));
        }
        for spec in specs {
            let Some((name, value)) = spec.split_once('=') else {
                return Err(format!("`{spec}` is not a tag; write `name=value`"));
            };
            let (name, value) = (name.trim_end(), value.trim_start());
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_word) {
                return Err(format!("`{name}` is not the name of a tag"));
            }
            if tags.iter().any(|(its, _)| its == name) {
                return Err(format!("the tag `{name}=` is repeated"));
            }
            tags.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(tags))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }

    /// The value without any white space, as of `b=`.
    pub(super) fn squeezed(&self, name: &str) -> Option<String> {
        Some(self.get(name)?.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    }

    /// The values between colons, such as those of `h=`.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.get(name)?.split(':').map(str::trim).collect())
    }

    /// The name of the first tag.
    pub(super) fn first(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| name.as_str())
    }
}
