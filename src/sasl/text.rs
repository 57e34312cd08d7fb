//! Names and passwords in the forms that mechanisms have in common.

use std::borrow::Cow;

/// A name or a password in the form of SASLprep (RFC 4013). `None` if SASLprep prohibits it.
pub(crate) fn saslprep(text: &str) -> Option<Cow<'_, str>> {
    stringprep::saslprep(text).ok()
}

/// A password in the form of SASLprep. One that SASLprep prohibits is taken as it is, because a client that does not
/// check passwords sends the same.
pub(crate) fn prepared(password: &str) -> Cow<'_, str> {
    saslprep(password).unwrap_or(password.into())
}

/// The forms in which clients use a password: as it is, or in the form of SASLprep, which came after some mechanisms.
pub(super) fn forms(password: &str) -> impl Iterator<Item = Cow<'_, str>> {
    std::iter::once(password.into()).chain(std::iter::once_with(|| prepared(password)))
}

/// Decodes `=2C` and `=3D`, which stand for `,` and `=` in a `saslname` (RFC 5801 §4). `None` if the encoding is wrong.
pub(super) fn saslname(encoded: &str) -> Option<String> {
    let mut parts = encoded.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) =
            if let Some(rest) = part.strip_prefix("2C") { (',', rest) } else { ('=', part.strip_prefix("3D")?) };
        name.push(sign);
        name.push_str(rest);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_compared_in_the_form_of_saslprep() {
        // RFC 4013 §3, and a control character, which it prohibits.
        for (password, same) in [("I\u{ad}X", "IX"), ("\u{aa}", "a"), ("a\u{a0}b", "a b"), ("\u{7}", "\u{7}")] {
            assert_eq!(prepared(password), same);
        }
    }

    #[test]
    fn a_comma_and_an_equals_sign_in_a_name_are_encoded() {
        for (encoded, wanted) in [
            ("user", Some("user")),
            ("a=2Cb=3Dc", Some("a,b=c")),
            ("=3D2C", Some("=2C")),
            ("a=2cb", None),
            ("a=", None),
            ("a=b", None),
        ] {
            assert_eq!(saslname(encoded).as_deref(), wanted, "{encoded}");
        }
    }
}
