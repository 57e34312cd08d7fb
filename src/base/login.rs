//! Logins, which may be addresses: when two are the same.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::domain::with_u_labels;

/// Whether two logins or addresses are the same, whatever the case. A domain is the same as A-label and as U-label
/// (RFC 5890 §2.3.2.4).
pub(crate) fn same_login(login: &str, other: &str) -> bool {
    is_login(login)(other)
}

/// Whether others are the same login or address as this one.
pub(crate) fn is_login(login: &str) -> impl Fn(&str) -> bool {
    let its_key = OnceCell::new();
    move |other| {
        // Two A-labels differ as any other ASCII text does.
        let is_ascii = login.is_ascii() && other.is_ascii();
        login.eq_ignore_ascii_case(other) || !is_ascii && *its_key.get_or_init(|| login_key(login)) == login_key(other)
    }
}

/// A login in lower case, with U-labels.
pub(crate) fn login_key(login: &str) -> Cow<'_, str> {
    if login.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return with_u_labels(login);
    }
    let folded = login.to_lowercase();
    let changed = match with_u_labels(&folded) {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    Cow::Owned(changed.unwrap_or(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_compared_whatever_the_case_and_the_form_of_the_domain() {
        for (login, other, is_same) in [
            ("bob", "BOB", true),
            ("bob", "ann", false),
            ("bob@example.org", "Bob@Example.ORG", true),
            ("JÜRGEN", "jürgen", true),
            ("bob@bücher.example", "bob@xn--bcher-kva.example", true),
            ("BOB@BÜCHER.example", "bob@XN--BCHER-KVA.example", true),
            ("bob@xn--bcher-kva.example", "bob@xn--mnchen-3ya.example", false),
            // The first decodes to a capital letter, so it is not an A-label (RFC 5890 §2.3.2.1).
            ("bob@xn--bcher-2pa.example", "bob@xn--bcher-kva.example", false),
            ("bücher", "xn--bcher-kva", false),
            ("", "", true),
        ] {
            assert_eq!(same_login(login, other), is_same, "{login} {other}");
            assert_eq!(is_login(other)(login), is_same, "{other} {login}");
            assert_eq!(login_key(login) == login_key(other), is_same, "the keys of {login} {other}");
        }
    }
}
