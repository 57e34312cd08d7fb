//! Parameters in `application/x-www-form-urlencoded`, in a query or in a body.

use percent_encoding::percent_decode_str;

use super::OAuthError;

/// The parameters, decoded, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormParams(Vec<(String, String)>);

impl FormParams {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// A parameter. An empty one counts as missing; it must not occur twice (RFC 6749 §3.1, §3.2).
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(its, _)| its == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(OAuthError::request(format!("there are two parameters `{name}`"))),
            (value, None) => Ok(value.map(|(_, value)| &**value).filter(|value| !value.is_empty())),
        }
    }

    /// A parameter that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or_else(|| OAuthError::request(format!("the parameter `{name}` is missing")))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Decodes a name or a value: `+` is a blank.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_occur_once() {
        let form = FormParams::parse("scope=a+b%20c&&state=%C3%BC&empty=&flag&two=1&two=2");

        assert_eq!(form.get("scope"), Ok(Some("a b c")));
        assert_eq!(form.need("state"), Ok("ü"));
        assert_eq!((form.get("empty"), form.get("flag"), form.get("none")), (Ok(None), Ok(None), Ok(None)));
        let errors = [form.get("two").unwrap_err(), form.need("none").unwrap_err()].map(|error| error.description);
        assert_eq!(errors, ["there are two parameters `two`", "the parameter `none` is missing"]);
    }
}
